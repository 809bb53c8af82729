"""Experiments as files: what was planned is written down before anybody is assigned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from regulars.config import Section, read_config
from regulars.config.rules import Hybrid, Rule
from regulars.errors import RegularsError
from regulars.month import Month, day_number
from regulars.offers.plan import Arm, Decision, Given, Guardrail, Planted, Power
from regulars.segments.rulebooks import MEANINGS, SEGMENT_NAMES, SegmentError
from regulars.segments.rulebooks.hybrids import check_hybrids
from regulars.shop import ROOT

# With arms of unequal size the interval of zero-inflated money is skewed, and needs more buyers in the smaller arm: at
# shares of 80/10/10 in simulations 15 % of tests without any effect got a verdict with 30 buyers there, 4.8 % with 90.
UNEQUAL_MINIMUM_BUYERS = 100

SEGMENTS: dict[str, list[str]] = {book: list(meanings) for book, meanings in MEANINGS.items()}

METRICS = ("profit", "revenue", "orders", "conversion")
EXPERIMENTS = ROOT / "config" / "experiments"
ELIGIBLE = "eligible"  # what a plan's rule of who is asked is called where it is a segment


class OfferError(RegularsError):
    """An experiment that is not registered as it should be, or that cannot be analysed."""


class Experiment(Section):
    """`config/experiments/<shop>/<id>.yml`; `docs/experiments.md` explains every key.

    Who was in which arm comes from the shop's table `assignments`, or from the draw that `regulars.offers.assigning` wrote,
    and what they did from the shop's orders; unless outcomes are `given`, or effects are `planted`, in which case the arms
    are drawn here.
    """

    id: str
    title: str
    hypothesis: str
    unit: Literal["customer"] = "customer"
    segmentation: (
        str  # a rulebook; where outcomes are given, a column of `customers` from before the assignment
    )
    eligible: Rule | None = None  # who is asked, as of the assignment; everybody who has ordered unless given
    assigned_on: date
    assigned_until: date | None = None  # customers are assigned from `assigned_on` to this day
    horizon_days: int = Field(gt=0)
    covariate_days: int = Field(gt=0)
    control: str
    arms: dict[str, Arm]
    stratify: bool = False
    layer: str | None = None
    layer_share: tuple[float, float] = (0.0, 1.0)
    primary_metric: str = "profit"  # what pages and actions state in money
    margin_rate: float | None = Field(default=None, gt=0, le=1, strict=True)  # the shop's unless given
    guardrails: tuple[Guardrail, ...] = ()
    family: Literal["segments", "everyone", "both"] = (
        "segments"  # the cells that get verdicts, and that the adjustment covers
    )
    adjust: Literal["holm", "bh"] = "holm"
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    minimum_buyers: int = Field(default=20, ge=2)
    decision: Decision = Decision()
    looks: Literal["once", "daily"] = "once"
    planned_customers: int | None = Field(default=None, gt=0)
    capped_at: float | None = Field(
        default=None, gt=0.5, lt=1
    )  # show effects capped at this quantile of buyers, too
    given: Given | None = None
    planted: dict[str, Planted] = Field(default_factory=dict)
    power: tuple[Power, ...] = ()

    @model_validator(mode="after")
    def _arms_fit(self) -> Experiment:
        if self.control not in self.arms or len(self.arms) < 2:
            raise ValueError(
                f"the control '{self.control}' must be one of at least two arms ({', '.join(self.arms)})"
            )
        if not self.arms[self.control].is_free:
            raise ValueError(
                f"the control '{self.control}' must be offered nothing: no contact_cost, no discount_rate, no delivery_cost"
            )
        shares = [arm.share for arm in self.arms.values()]
        if max(shares) > 2 * min(shares) and self.minimum_buyers < UNEQUAL_MINIMUM_BUYERS:
            raise ValueError(
                f"arms of so unequal shares need minimum_buyers of at least {UNEQUAL_MINIMUM_BUYERS}"
            )
        if self.planted and set(self.planted) != set(self.treated):
            raise ValueError(f"'planted' must say what each treated arm does: {', '.join(self.treated)}")
        return self

    @model_validator(mode="after")
    def _measures_are_known(self) -> Experiment:
        if self.given is not None and (self.planted or self.power):
            raise ValueError("outcomes are either 'given' or 'planted', not both")
        money = METRICS[:1] if self.given is None else self.metrics
        if self.primary_metric not in money:
            wanted = " or ".join(f"'{metric}'" for metric in money)
            raise ValueError(f"'primary_metric' is '{self.primary_metric}', but it should be {wanted}")
        guarded = [guardrail.metric for guardrail in self.guardrails]
        for place, metric in enumerate(guarded):
            if metric not in self.metrics:
                raise ValueError(
                    f"a guardrail is on '{metric}', but it should be on one of {', '.join(self.metrics)}"
                )
            if metric in guarded[:place]:
                raise ValueError(f"two guardrails are on '{metric}': write the stricter one alone")
        return self

    @model_validator(mode="after")
    def _days_fit(self) -> Experiment:
        if self.assigned_until is not None:
            if self.assigned_until < self.assigned_on:
                raise ValueError(
                    f"'assigned_until' is {self.assigned_until}, which is before 'assigned_on', {self.assigned_on}"
                )
            if self.planted:
                raise ValueError("planted effects are for a test that assigns everybody on one day")
        if self.looks == "daily" and self.planned_customers is None:
            raise ValueError(
                "'looks: daily' needs 'planned_customers': the number at which the intervals are to be narrowest"
            )
        return self

    @model_validator(mode="after")
    def _layer_fits(self) -> Experiment:
        low, high = self.layer_share
        if not 0 <= low < high <= 1:
            raise ValueError(
                f"'layer_share' is [{low}, {high}], but it should be two numbers from 0 to 1, the lower first"
            )
        if self.layer is None and (low, high) != (0, 1):
            raise ValueError("'layer_share' is a part of a layer: say which, as in layer: autumn")
        return self

    @model_validator(mode="after")
    def _segments_exist(self) -> Experiment:
        if self.given is not None:
            return self
        if self.segmentation not in SEGMENTS:
            raise ValueError(
                f"'segmentation' is '{self.segmentation}', but it should be one of {', '.join(SEGMENTS)}"
            )
        known = SEGMENTS[self.segmentation]
        named = {segment for planted in self.planted.values() for segment in planted.lift}
        unknown = sorted((named | {cell.segment for cell in self.power}) - set(known))
        if unknown:
            raise ValueError(f"{self.segmentation} has no segment '{unknown[0]}'; it has {', '.join(known)}")
        return self

    @model_validator(mode="after")
    def _rule_can_be_followed(self) -> Experiment:
        if self.asked is not None:
            try:
                check_hybrids([self.asked], SEGMENT_NAMES)
            except SegmentError as error:
                raise ValueError(f"'eligible': {str(error).partition(': ')[2]}") from error
        return self

    @property
    def asked(self) -> Hybrid | None:
        """Who is asked, as a segment of its own; None where it is everybody who has ordered."""
        if self.eligible is None:
            return None
        return Hybrid(name=ELIGIBLE, meaning="who is asked", minimum_customers=1, rule=self.eligible)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured of each assigned customer."""
        return METRICS if self.given is None else self.given.metrics

    @property
    def treated(self) -> list[str]:
        """The arms that are compared with the control."""
        return [arm for arm in self.arms if arm != self.control]

    @property
    def assigned_day(self) -> int:
        """The day number of the assignment, or of the first one."""
        return day_number(self.assigned_on)

    @property
    def last_assigned_day(self) -> int:
        """The day number of the last assignment."""
        return day_number(self.assigned_until or self.assigned_on)

    @property
    def ended_day(self) -> int:
        """The first day after everybody's horizon."""
        return self.last_assigned_day + self.horizon_days

    def margin(self, of_shop: float) -> float:
        """The experiment's own margin rate, or else the shop's."""
        return of_shop if self.margin_rate is None else self.margin_rate


def read_experiments(shop_name: str, folder: Path = EXPERIMENTS) -> list[Experiment]:
    """The shop's registered experiments, in the order of their assignment.

    Raises:
        ConfigError: naming the file and the key that cannot be used.
        OfferError: if a file's name and its `id` differ, or two experiments would share customers of a layer.

    >>> [experiment.assigned_on.isoformat() for experiment in read_experiments("demo")]
    ['2017-10-01']
    """
    found = []
    for path in sorted((folder / shop_name).glob("*.yml")):
        experiment = read_config(path, Experiment)
        if experiment.id != path.stem:
            raise OfferError(f"{path.name}: 'id' is '{experiment.id}', but the file says '{path.stem}'.")
        found.append(experiment)
    _refuse_shared_layers(found)
    return sorted(found, key=lambda experiment: (experiment.assigned_on, experiment.id))


def _refuse_shared_layers(experiments: Sequence[Experiment]) -> None:
    """Two experiments of a layer may share days or customers, not both."""
    for one, other in combinations(experiments, 2):
        together = one.assigned_day < other.ended_day and other.assigned_day < one.ended_day
        (low, high), (from_, to) = one.layer_share, other.layer_share
        if one.layer is not None and one.layer == other.layer and together and low < to and from_ < high:
            raise OfferError(
                f"{one.id} and {other.id} are in the layer '{one.layer}' at the same time, and would share its customers from "
                f"{max(low, from_):g} to {min(high, to):g}. Let their days or their 'layer_share' not overlap."
            )


def finished(experiments: list[Experiment], month: Month) -> list[Experiment]:
    """Those whose horizon had passed by the month's snapshot."""
    return [experiment for experiment in experiments if experiment.ended_day <= month.snapshot_day]
