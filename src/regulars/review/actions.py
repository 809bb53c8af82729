"""What to do this month, from verdicts and from movement, the most money first."""

from __future__ import annotations

from typing import Any

import pandas as pd

ADVICE = {
    "roll out": "Give {offer} to {segment} customers",
    "stop": "Do not give {offer} to {segment} customers",
    "not valid": "Repeat the test of {offer} for {segment} customers: its assignment failed the checks",
}

WORTH = ("worth", "worth_low", "worth_high")
COLUMNS = ("action", "money", "low", "high", "what the money is", "evidence")


def actions(offers: pd.DataFrame, slipped: pd.DataFrame) -> pd.DataFrame:
    """One row per thing to do.

    Args:
        offers: the primary metric's cells with `experiment`, `offer`, `segment`, `verdict`, `worth`, `worth_low`,
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
    return {
        "action": ADVICE[str(cell["verdict"])].format(**cell),
        "money": cell["worth"],
        "low": cell["worth_low"],
        "high": cell["worth_high"],
        "what the money is": "not known: the assignment failed its checks"
        if cell["verdict"] == "not valid"
        else "profit over the test's horizon, for today's customers of the segment",
        "evidence": f"test {cell['experiment']}{marked}",
    }


def _win_back(slipped: pd.DataFrame) -> dict[str, object]:
    return {
        "action": f"Try to win back the {len(slipped):,} customers who began to slip away, against a control group",
        "money": slipped["revenue_90d"].sum(min_count=1),
        "what the money is": "their revenue in the 90 days before the month: what is at stake, not what an offer brings",
        "evidence": "untested",
    }


def _undecided(cells: pd.DataFrame) -> dict[str, object]:
    return {
        "action": f"Leave the other {len(cells)} offers to segments alone, or register new, larger tests of them",
        "what the money is": "not known: no effect stands out among so many cells, or there were too few buyers",
        "evidence": ", ".join(f"test {name}" for name in cells["experiment"].unique()),
    }
