"""A test that may be read on any day: each customer counts from the day on which their own horizon ended."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from regulars.month import Month
from regulars.offers.decisions import VERDICTS, rule
from regulars.offers.effects import EVERYONE
from regulars.offers.registry import Experiment
from regulars.offers.sequences import confidence_sequence, running


def watched(experiments: Sequence[Experiment], month: Month) -> list[Experiment]:
    """Those that may be read on any day, and of whose customers some had completed their horizon by the month's end."""
    return [
        plan
        for plan in experiments
        if plan.looks == "daily" and plan.assigned_day + plan.horizon_days <= month.snapshot_day
    ]


def watch(measured: pd.DataFrame, experiment: Experiment, day: int) -> pd.DataFrame:
    """The effect on the primary metric after each day, with intervals that hold on all days and in all cells together.

    Args:
        measured: one row per assigned customer: `segment`, `arm`, `assigned_day` and the primary metric; those whose
            horizon has not ended are left out.
        experiment: its primary metric, family, alpha and planned customers, of whom each segment is taken to have its share.
        day: the last look, as a day number.

    Returns:
        What `regulars.offers.sequences.confidence_sequence` returns, for the cells of the registered family, with `buyers`,
        `buyers_control`, without an interval before the minimum of buyers is there, and `direction`: 1 or −1 once an
        interval lay above or below zero; 0 before, and if there was one of each.
    """
    columns = {"y": measured[experiment.primary_metric], "buys": measured["conversion"]}
    customers = measured[["segment", "arm", "assigned_day"]].assign(**columns)
    whole = customers.assign(segment=EVERYONE)
    parts = {"segments": [customers], "everyone": [whole], "both": [customers, whole]}[experiment.family]
    cells = pd.concat(parts)
    sizes = cells["segment"].value_counts() / len(customers)
    shares = pd.Series({name: arm.share for name, arm in experiment.arms.items()})
    # Of two arms together, for the smallest of the comparisons: it must not depend on the outcomes.
    pair = (shares[experiment.treated].min() + shares[experiment.control]) / shares.sum()
    planned = sizes * pair * float(experiment.planned_customers or len(customers))
    sequence = confidence_sequence(
        running(cells, experiment.horizon_days, day),
        experiment.control,
        planned={str(segment): float(size) for segment, size in planned.items()},
        sequences=len(sizes) * len(experiment.treated),
        alpha=experiment.alpha,
    )
    bought = running(cells.assign(y=cells["buys"]), experiment.horizon_days, day)
    return _where_enough_bought(sequence, bought.assign(buyers=bought["n"] * bought["mean"]), experiment)


def _where_enough_bought(
    sequence: pd.DataFrame, bought: pd.DataFrame, experiment: Experiment
) -> pd.DataFrame:
    """No interval before the registered minimum of buyers is there in both arms, as for one look: money is too skewed."""
    keys = ["segment", "day"]
    control = bought.loc[bought["arm"] == experiment.control, [*keys, "buyers"]]
    found = sequence.merge(bought[[*keys, "arm", "buyers"]], on=[*keys, "arm"], how="left").merge(
        control, on=keys, how="left", suffixes=("", "_control")
    )
    few = ~(found[["buyers", "buyers_control"]].min(axis=1) >= experiment.minimum_buyers)
    found[["low", "high"]] = found[["low", "high"]].mask(few)
    cell = [found["segment"], found["arm"]]
    above, below = (one.groupby(cell).cummax() for one in (found["low"] > 0, found["high"] < 0))
    return found.assign(decided=above | below, direction=above.astype(int) - below.astype(int))


def decide_by_sequence(
    decided: pd.DataFrame, sequence: pd.DataFrame, experiment: Experiment, guarded: pd.DataFrame
) -> pd.DataFrame:
    """The verdicts of a test that was registered to be read on any day, in the place of those of one look.

    Args:
        decided: what `regulars.offers.decisions.decide` returned of the same test.
        sequence: what `watch` returned.
        experiment: its primary metric and rule.
        guarded: what `regulars.offers.guardrails.guardrails` returned.

    Returns:
        `decided` with other verdicts in cells that had "roll out", "stop", "guardrail" or "keep testing", and without p.
    """
    last = sequence.groupby(["segment", "arm"], sort=False).tail(1)
    cells = (
        decided[["segment", "arm"]].merge(last, on=["segment", "arm"], how="left").set_index(decided.index)
    )
    direction = cells["direction"].fillna(0)
    verdict = rule(direction != 0, direction * cells["effect"].abs(), cells["arm"], experiment, guarded)
    judged = decided["verdict"].isin(VERDICTS)
    return decided.assign(
        verdict=decided["verdict"].mask(judged, verdict), p_adjusted=decided["p_adjusted"].mask(judged)
    )
