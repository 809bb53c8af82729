"""Experiments as files: what was planned is written down before anybody is assigned."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from regulars.config import Section, read_config
from regulars.errors import RegularsError
from regulars.month import Month, day_number
from regulars.segments.rulebooks import MEANINGS
from regulars.shop import ROOT

# With arms of unequal size the interval of zero-inflated money is skewed, and needs more buyers in the smaller arm: at
# shares of 80/10/10 in simulations 15 % of tests without any effect got a verdict with 30 buyers there, 4.8 % with 90.
UNEQUAL_MINIMUM_BUYERS = 100

SEGMENTS: dict[str, list[str]] = {book: list(meanings) for book, meanings in MEANINGS.items()}

METRICS = ("profit", "revenue", "conversion")


class OfferError(RegularsError):
    """An experiment that is not registered as it should be, or that cannot be analysed."""


class Arm(Section):
    """What the customers of one arm are offered, and what that costs when they take it.

    Attributes:
        offer: in plain words.
        share: of the assigned customers, relative to the other arms.
        discount_rate: off the list price of one order.
        delivery_cost: what the shop pays for the delivery of one order, in its currency.
    """

    offer: str
    share: float = Field(default=1, gt=0)
    discount_rate: float = Field(default=0, ge=0, lt=1)
    delivery_cost: float = Field(default=0, ge=0)


class Planted(Section):
    """A simulated effect: what an arm is made to do to a customer's own spending.

    Attributes:
        lift: by segment, the share by which a customer's spending in the window grows.
        returns_from: a customer without an order in the window makes one, worth the mean of the orders before, if that mean
            is at least this much money. None: nobody does.
    """

    lift: dict[str, float]
    returns_from: float | None = None


class Given(Section):
    """Outcomes that were counted elsewhere and came with the data: the arms in `assignments`, the numbers in `outcomes`.

    Attributes:
        metrics: of `outcomes`, those to be read.
        conversion: the one of them that says who bought: 0 or 1.
        covariate: a column of `customers` from before the assignment, for CUPED of the primary metric; none if missing.
    """

    metrics: tuple[str, ...] = Field(min_length=1)
    conversion: str
    covariate: str | None = None

    @model_validator(mode="after")
    def _conversion_is_read(self) -> Given:
        if self.conversion not in self.metrics:
            raise ValueError(
                f"'conversion' is '{self.conversion}', which is none of {', '.join(self.metrics)}"
            )
        return self


class Power(Section):
    """How often, over random assignments, a cell gets a verdict under the planted effects."""

    segment: str
    arm: str
    verdict: Literal["roll out", "stop", "keep testing"]
    probability: float = Field(ge=0, le=1)


class Experiment(Section):
    """`config/experiments/<shop>/<id>.yml`.

    Who was in which arm comes from the shop's table `assignments`, and what they did from its orders; unless outcomes are
    `given`, or effects are `planted`, in which case the arms are drawn here.
    """

    id: str
    title: str
    hypothesis: str
    segmentation: (
        str  # a rulebook; where outcomes are given, a column of `customers` from before the assignment
    )
    assigned_on: date
    horizon_days: int = Field(gt=0)
    covariate_days: int = Field(gt=0)
    control: str
    arms: dict[str, Arm]
    primary_metric: str = "profit"  # what pages and actions state in money
    family: Literal["segments", "everyone", "both"] = (
        "segments"  # the cells that get verdicts, and that Holm covers
    )
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    minimum_buyers: int = Field(default=20, ge=2)
    given: Given | None = None
    planted: dict[str, Planted] = Field(default_factory=dict)
    power: tuple[Power, ...] = ()

    @model_validator(mode="after")
    def _arms_fit(self) -> Experiment:
        if self.control not in self.arms or len(self.arms) < 2:
            raise ValueError(
                f"the control '{self.control}' must be one of at least two arms ({', '.join(self.arms)})"
            )
        nothing = self.arms[self.control]
        if nothing.discount_rate or nothing.delivery_cost:
            raise ValueError(
                f"the control '{self.control}' must be offered nothing: no discount_rate, no delivery_cost"
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
        """The day number of the assignment."""
        return day_number(self.assigned_on)

    @property
    def ended_day(self) -> int:
        """The first day after the horizon."""
        return self.assigned_day + self.horizon_days


def read_experiments(shop_name: str, folder: Path = ROOT / "config" / "experiments") -> list[Experiment]:
    """The shop's registered experiments, in the order of their assignment.

    Raises:
        ConfigError: naming the file and the key that cannot be used.
        OfferError: if a file's name and its `id` differ.

    >>> [experiment.assigned_on.isoformat() for experiment in read_experiments("demo")]
    ['2017-10-01']
    """
    found = []
    for path in sorted((folder / shop_name).glob("*.yml")):
        experiment = read_config(path, Experiment)
        if experiment.id != path.stem:
            raise OfferError(f"{path.name}: 'id' is '{experiment.id}', but the file says '{path.stem}'.")
        found.append(experiment)
    return sorted(found, key=lambda experiment: (experiment.assigned_on, experiment.id))


def finished(experiments: list[Experiment], month: Month) -> list[Experiment]:
    """Those whose horizon had passed by the month's snapshot."""
    return [experiment for experiment in experiments if experiment.ended_day <= month.snapshot_day]
