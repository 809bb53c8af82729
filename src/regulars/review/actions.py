"""What to do this month, from verdicts and from movement, the most money first."""

from __future__ import annotations

from typing import Any

import pandas as pd

ADVICE = {
    "roll out": "Give {offer} to {whom}",
    "stop": "Do not give {offer} to {whom}",
    "guardrail": "Do not give {offer} to {whom} yet: a guardrail of its test was not shown to hold",
    "not valid": "Repeat the test of {offer} for {whom}: its assignment failed the checks",
}

MONEY = {
    "roll out": "profit over the test's horizon, from today's customers of the segment",
    "stop": "profit saved over the test's horizon, if today's customers of the segment were all getting it",
    "guardrail": "profit over the test's horizon, had the guardrail held",
    "not valid": "not known: the assignment failed its checks",
}

WORTH = ("worth", "worth_low", "worth_high")
COLUMNS = ("action", "money", "low", "high", "what the money is", "evidence")


def actions(offers: pd.DataFrame, slipped: pd.DataFrame) -> pd.DataFrame:
    """One row per thing to do.

    Args:
        offers: the primary metric's cells with `experiment`, `offer`, `whom`, `verdict`, `worth`, `worth_low`,
            `worth_high`, `is_simulated`.
        slipped: the customers who began to slip away this month, with `revenue_90d`: what they spent in the 90 days before the
            month (missing where that window was not observed).

    Returns:
        `action`, `money` with its interval `low` to `high`, `what the money is`, `evidence`. First what has a verdict, the
        most money first; then what has yet to be tested.
    """
    decided = offers[offers["verdict"].isin(list(ADVICE))].copy()
    # Nothing was learned from a test that failed its checks, not even an amount.
    decided[list(WORTH)] = decided[list(WORTH)].mask(decided["verdict"] == "not valid")
    ranked = decided.sort_values("worth", key=abs, ascending=False, kind="stable")
    rows = [_from_verdict(cell) for cell in ranked.to_dict("records")]
    if len(slipped):
        rows.append(_win_back(slipped))
    undecided = offers[~offers["verdict"].isin(list(ADVICE))]
    if len(undecided):
        rows.append(_undecided(undecided))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _from_verdict(cell: dict[Any, Any]) -> dict[str, object]:
    marked = ", simulated effects" if cell["is_simulated"] else ""
    worth, low, high = (cell[name] for name in WORTH)
    if cell["verdict"] == "stop":  # what the offer would cost is what is saved without it
        worth, low, high = -worth, -high, -low
    return {
        "money": worth,
        "low": low,
        "high": high,
        "action": ADVICE[str(cell["verdict"])].format(**cell),
        "what the money is": MONEY[cell["verdict"]],
        "evidence": f"test {cell['experiment']}{marked}",
    }


def _win_back(slipped: pd.DataFrame) -> dict[str, object]:
    return {
        "action": f"Try to win back the {len(slipped):,} customers who began to slip away, against a control group",
        "money": slipped["revenue_90d"].sum(min_count=1),
        "what the money is": "their revenue in the 90 days before the month: "
        "the most there is to win back; some come back by themselves",
        "evidence": "untested",
    }


def _undecided(cells: pd.DataFrame) -> dict[str, object]:
    return {
        "action": f"{len(cells)} pairs of offer and segment are undecided: change nothing, or register new, larger tests",
        "what the money is": "not known: no effect stands out among so many cells, or there were too few buyers",
        "evidence": ", ".join(f"test {name}" for name in cells["experiment"].unique()),
    }
