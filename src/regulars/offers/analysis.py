"""One experiment from its file to its verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import narwhals as nw
import pandas as pd

from regulars.engine import Frame
from regulars.features import snapshot_of
from regulars.offers.aggregates import aggregate
from regulars.offers.assignment import assign, eligible, participants
from regulars.offers.capped import CAPPED, capped
from regulars.offers.decisions import decide
from regulars.offers.effects import effects
from regulars.offers.guardrails import guardrails
from regulars.offers.outcomes import drawn_path, given_arms, given_outcomes, is_staged, observed, outcomes
from regulars.offers.registry import Experiment
from regulars.offers.relative import ratio_aggregates, ratio_lifts
from regulars.offers.simulate import plant, true_effects
from regulars.offers.validity import Balance, balance, sample_ratio
from regulars.offers.watching import decide_by_sequence, watch
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
        aggregates: as `regulars.offers.aggregates.aggregate` returned them.
        checks: as `regulars.offers.validity.sample_ratio` returned it.
        balance: whether the arms were alike before.
        guardrails: as `regulars.offers.guardrails.guardrails` returned them.
        effects: one row per metric, segment and treated arm, with verdicts, and the truth where it was planted.
        valid: whether the assignment passed its checks, so that anything may be concluded.
    """

    experiment: Experiment
    outcomes: pd.DataFrame
    aggregates: pd.DataFrame
    checks: pd.DataFrame
    balance: Balance
    guardrails: pd.DataFrame
    effects: pd.DataFrame
    valid: bool


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
    if experiment.planted:
        frozen = participants(shop, experiment, features)
    else:
        frozen = shop.engine.collect(eligible(features, experiment), "customer_id")
        assigned = given_arms(shop, experiment).reset_index()
        frozen = assigned.merge(frozen, on="customer_id", how="left")
        drawn = frozen.pop("frozen_segment") if "frozen_segment" in frozen else frozen["segment"]
        frozen["segment"] = drawn.fillna(NO_ORDER)
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
        margin_rate: of the list price, unless the experiment states its own.
        salt: another text makes another random assignment.
    """
    measured = _measured(base, experiment, margin_rate, salt)
    checks, alike = sample_ratio(measured, experiment), balance(measured)
    valid = bool(checks["passed"].all()) and alike.passed
    frame, metrics = nw.from_native(measured).lazy(), list(experiment.metrics)
    if experiment.capped_at is not None:
        frame = capped(frame, [experiment.primary_metric], experiment.capped_at)
        metrics.append(f"{experiment.primary_metric}{CAPPED}")
    aggregates = aggregate(frame, metrics)
    guarded = guardrails(aggregates, experiment)
    table = effects(aggregates, experiment.control, experiment.alpha)
    decided = decide(table, experiment, guarded=guarded, valid=valid)
    if experiment.looks == "daily":
        sequence = watch(measured, experiment, experiment.ended_day)
        decided = decide_by_sequence(decided, sequence, experiment, guarded)
    keys = ["metric", "segment", "arm"]
    truth = (
        true_effects(measured, experiment)
        if experiment.planted
        else pd.DataFrame(columns=[*keys, "truth"], dtype=float)
    )
    decided = decided.merge(truth.astype({"truth": float}), on=keys, how="left")
    return Analysis(experiment, measured, aggregates, checks, alike, guarded, decided, valid)


def is_assigned(shop: Shop, experiment: Experiment) -> bool:
    """Whether anybody was ever assigned: a plan alone has nothing to read."""
    computed = bool(experiment.planted) or experiment.given is not None
    return computed or drawn_path(shop, experiment).exists() or is_staged(shop, experiment)


def measured(shop: Shop, experiment: Experiment) -> pd.DataFrame:
    """The metrics of each customer whom a running test has assigned, as far as the orders tell them."""
    return _measured(base_of(shop, experiment), experiment, shop.config.margin_rate, salt="")


def without_offer(result: Analysis) -> pd.DataFrame:
    """What customers did whom nobody had offered anything: all of them where effects are planted, else the control's.

    Returns:
        Rows of `result.outcomes`, with the metrics as they were without an offer: real ones, even where effects are planted.
    """
    table, plan = result.outcomes, result.experiment
    if not plan.planted:
        return table[table["arm"] == plan.control].reset_index(drop=True)
    return table.assign(
        arm=plan.control, **{metric: table[f"{metric}|{plan.control}"] for metric in plan.metrics}
    )


def order_values(result: Analysis) -> pd.DataFrame:
    """Money per order, beside money per assigned customer: a description, from which no verdict is read.

    Returns:
        As `regulars.offers.relative.ratio_lifts` has it, for everyone and each segment (per buyer, where orders were not
        counted), with `buyers`, `buyers_control` and `per_customer`: the relative change of the money per assigned customer.
    """
    plan = result.experiment
    money = "revenue" if plan.given is None else plan.primary_metric
    per = "orders" if "orders" in result.outcomes else "conversion"
    frame = nw.from_native(result.outcomes).lazy()
    found = ratio_lifts(ratio_aggregates(frame, {"order_value": (money, per)}), plan.control, plan.alpha)
    cells = result.effects[result.effects["metric"] == money]
    change = cells["mean"] / cells["mean_control"].where(cells["mean_control"] > 0) - 1
    counts = cells[["segment", "arm", "buyers", "buyers_control"]].assign(per_customer=change)
    return found.merge(counts, on=["segment", "arm"], how="left")


def _measured(base: pd.DataFrame, experiment: Experiment, margin_rate: float, salt: str) -> pd.DataFrame:
    """The metrics of each assigned customer: given, observed, or planted on arms drawn here."""
    if experiment.given is not None:
        return base
    if not experiment.planted:
        return observed(base, experiment, margin_rate)
    arms = assign(base["customer_id"], experiment, salt, segments=base["segment"])
    drawn = base.assign(arm=arms.to_numpy())
    return plant(drawn, experiment, margin_rate)


COLUMNS = (
    "experiment assigned_on horizon_days is_simulated segmentation "
    "metric segment arm offer n n_control buyers buyers_control mean mean_control "
    "effect low high p cuped_effect cuped_low cuped_high cuped_p p_adjusted detectable verdict truth"
).split()


def offers_table(results: Sequence[Analysis]) -> pd.DataFrame:
    """All experiments' effects in one table: one row per experiment, metric, segment and treated arm."""
    tables = [
        result.effects.assign(
            experiment=result.experiment.id,
            assigned_on=result.experiment.assigned_on.isoformat(),
            horizon_days=result.experiment.horizon_days,
            is_simulated=bool(result.experiment.planted),
            segmentation=column_of(result.experiment.segmentation),
            offer=[result.experiment.arms[arm].offer for arm in result.effects["arm"]],
        )
        for result in results
    ]
    return pd.concat(tables)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)
