"""One experiment from its file to its verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import narwhals as nw
import pandas as pd

from regulars.engine import Frame
from regulars.features import snapshot_of
from regulars.offers.assignment import assign, eligible
from regulars.offers.decisions import decide
from regulars.offers.effects import aggregate, effects
from regulars.offers.outcomes import given_arms, given_outcomes, observed, outcomes
from regulars.offers.registry import Experiment
from regulars.offers.simulate import plant, true_effects
from regulars.offers.validity import Balance, balance, sample_ratio
from regulars.segments import RULEBOOKS, TENTHS, ClusterModel, baseline_deciles, column_of, segment_by_rules
from regulars.segments.inputs import RFM
from regulars.shop import Shop

CLUSTERS = 4  # of recency, frequency and revenue, tried beside the rules
NO_ORDER = "no order yet"  # the segment of those who were assigned before they ever ordered


class Analysis(NamedTuple):
    """What one experiment found.

    Attributes:
        experiment: the registered plan.
        outcomes: one row per assigned customer, given, observed or planted.
        checks: as `regulars.offers.validity.sample_ratio` returned it.
        balance: whether the arms were alike before.
        effects: one row per metric, segment and treated arm, with verdicts, and the truth where it was planted.
    """

    experiment: Experiment
    outcomes: pd.DataFrame
    checks: pd.DataFrame
    balance: Balance
    effects: pd.DataFrame


def frozen_features(shop: Shop, experiment: Experiment) -> Frame | None:
    """The features of who had ordered before the assignment, as of its day, computed once; None where outcomes are given."""
    return _frozen(shop, experiment) if experiment.given is None else None


def _frozen(shop: Shop, experiment: Experiment) -> Frame:
    features = snapshot_of(shop, experiment.assigned_day).filter(nw.col("frequency") > 0)
    return shop.compute.materialise(features, f"frozen_{experiment.assigned_day}")


def base_of(shop: Shop, experiment: Experiment, features: Frame | None = None) -> pd.DataFrame:
    """Who takes part, with their frozen segments and what they did; and the arm, unless effects are planted.

    Args:
        shop: where orders, or given outcomes, come from.
        experiment: the registered plan.
        features: what `frozen_features` returned, which is computed here unless it is given.
    """
    if experiment.given is not None:
        return given_outcomes(shop, experiment)
    features = _frozen(shop, experiment) if features is None else features
    frozen = shop.engine.collect(eligible(features, experiment), "customer_id")
    if not experiment.planted:
        assigned = given_arms(shop, experiment).reset_index()
        frozen = assigned.merge(frozen, on="customer_id", how="left")
        frozen["segment"] = frozen["segment"].fillna(NO_ORDER)
    return outcomes(shop.engine, shop.table("orders"), frozen, experiment, shop.returns())


def segmentations(
    shop: Shop, experiment: Experiment, base: pd.DataFrame, features: Frame | None
) -> pd.DataFrame:
    """Every segmentation at hand of those who take part, as of the assignment: to ask of each whether segmenting pays.

    Args:
        shop: whose engine has the features.
        experiment: its own segmentation comes first.
        base: what `base_of` returned.
        features: what `frozen_features` returned.

    Returns:
        Indexed by customer: the experiment's own; and where the shop has orders the rulebooks, tenths of past spending, and
        k-means clusters of recency, frequency and revenue. Missing for who had not ordered yet.
    """
    own = base.set_index("customer_id")["segment"].rename(experiment.segmentation)
    if features is None:
        return own.to_frame()
    read = segment_by_rules(features).join(baseline_deciles(features), on="customer_id")
    customers = shop.engine.collect(
        read.join(features.select("customer_id", *RFM), on="customer_id"), "customer_id"
    )
    named = customers.rename(columns={column_of(book): book for book in RULEBOOKS} | {"spend_decile": TENTHS})
    clusters = ClusterModel(CLUSTERS).fit(named).predict(named).astype("object")
    others = named.assign(**{f"{CLUSTERS} clusters": clusters}).set_index("customer_id")
    wanted = [
        name for name in (*RULEBOOKS, f"{CLUSTERS} clusters", TENTHS) if name != experiment.segmentation
    ]
    return own.to_frame().join(others[wanted])


def analyse(base: pd.DataFrame, experiment: Experiment, margin_rate: float, salt: str = "") -> Analysis:
    """Assign and plant, unless outcomes are given; check, estimate, decide.

    Args:
        base: what `base_of` returned.
        experiment: the registered plan.
        margin_rate: of the list price.
        salt: another text makes another random assignment.
    """
    measured = _measured(base, experiment, margin_rate, salt)
    checks, alike = sample_ratio(measured, experiment), balance(measured)
    aggregates = aggregate(nw.from_native(measured).lazy(), experiment.metrics)
    table = effects(aggregates, experiment.control, experiment.alpha)
    decided = decide(table, experiment, valid=bool(checks["passed"].all()) and alike.passed)
    keys = ["metric", "segment", "arm"]
    truth = (
        true_effects(measured, experiment)
        if experiment.planted
        else pd.DataFrame(columns=[*keys, "truth"], dtype=float)
    )
    return Analysis(
        experiment,
        measured,
        checks,
        alike,
        decided.merge(truth.astype({"truth": float}), on=keys, how="left"),
    )


def _measured(base: pd.DataFrame, experiment: Experiment, margin_rate: float, salt: str) -> pd.DataFrame:
    """The metrics of each assigned customer: given, observed, or planted on arms drawn here."""
    if experiment.given is not None:
        return base
    if not experiment.planted:
        return observed(base, experiment, margin_rate)
    drawn = base.assign(arm=assign(base["customer_id"], experiment, salt).to_numpy())
    return plant(drawn, experiment, margin_rate)


COLUMNS = (
    "experiment assigned_on horizon_days is_simulated segmentation "
    "metric segment arm offer n n_control buyers buyers_control mean mean_control "
    "effect low high p cuped_effect cuped_low cuped_high cuped_p p_holm detectable verdict truth"
).split()


def offers_table(results: Sequence[Analysis]) -> pd.DataFrame:
    """All experiments' effects in one table: one row per experiment, metric, segment and treated arm."""
    tables = [
        result.effects.assign(
            experiment=result.experiment.id,
            assigned_on=result.experiment.assigned_on.isoformat(),
            horizon_days=result.experiment.horizon_days,
            is_simulated=bool(result.experiment.planted),
            segmentation=result.experiment.segmentation.replace("-", "_"),
            offer=[result.experiment.arms[arm].offer for arm in result.effects["arm"]],
        )
        for result in results
    ]
    return pd.concat(tables)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)
