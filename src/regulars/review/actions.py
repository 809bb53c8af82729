"""What to do this month, from verdicts and from movement, the most money first."""

from __future__ import annotations

import pandas as pd

ADVICE = {
    "roll out": "Give {offer} to {segment} customers",
    "stop": "Do not give {offer} to {segment} customers",
    "keep testing": "Undecided: {offer} for {segment} customers. Register a new, larger test or leave it",
    "too few buyers": "Too few buyers to tell: {offer} for {segment} customers",
    "not valid": "The assignment failed its checks: repeat the test of {offer} for {segment} customers",
}


def actions(offers: pd.DataFrame, slipped: pd.DataFrame) -> pd.DataFrame:
    """One row per thing to do.

    Args:
        offers: the primary metric's cells with `offer`, `segment`, `verdict`, `worth`, `worth_low`, `worth_high`,
            `is_simulated`, `experiment`.
        slipped: the customers who became at-risk this month: `customer_id` and `revenue_90d`, what they spent in the 90 days
            before that.

    Returns:
        `action`, `worth`, `worth_low`, `worth_high` (money per horizon; what a stopped offer would have cost is negative),
        `evidence`, `is_simulated`; verdicts with the most money first, then the undecided.
    """
    rows = [
        {
            "action": ADVICE[cell["verdict"]].format(offer=cell["offer"], segment=cell["segment"]),
            "worth": cell["worth"],
            "worth_low": cell["worth_low"],
            "worth_high": cell["worth_high"],
            "evidence": f"{cell['experiment']}: {cell['verdict']}",
            "is_simulated": cell["is_simulated"],
            "rank": list(ADVICE).index(cell["verdict"]),
        }
        for cell in offers.to_dict("records")
    ]
    if len(slipped):
        spent = slipped["revenue_90d"].sum()
        rows.append(
            {
                "action": f"Win back the {len(slipped):,} customers who became at-risk this month, "
                "as a test with a control group that gets nothing",
                "worth": spent,
                "evidence": "untested: what they spent in the 90 days before, not what an offer would bring back",
                "is_simulated": False,
                "rank": 1,
            }
        )
    columns = ["action", "worth", "worth_low", "worth_high", "evidence", "is_simulated", "rank"]
    table = pd.DataFrame(rows, columns=columns)
    order = table.assign(undecided=table["rank"] > 1, size=-table["worth"].abs().fillna(0))
    return (
        table.loc[order.sort_values(["undecided", "size", "action"]).index]
        .drop(columns="rank")
        .reset_index(drop=True)
    )
