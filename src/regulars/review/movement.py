"""Who moved between segments, and what each segment brought in."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

JOINED = "joined this month"


class Movement(NamedTuple):
    """Movement between two months.

    Attributes:
        flows: customers by segment last month (rows, with "joined this month") and this month (columns).
        behaviour: share of last month's customers whose segment changed by last month's cut-offs: what they did.
        threshold: what this month's new cut-offs add to that share; negative if they undo some of it.
    """

    flows: pd.DataFrame
    behaviour: float
    threshold: float


def movement(before: pd.Series, frozen: pd.Series, now: pd.Series) -> Movement:
    """Split the movement into behaviour and threshold.

    Args:
        before: last month's segments, indexed by customer.
        frozen: this month's features under last month's cut-offs, indexed by customer.
        now: this month's segments, indexed by customer.

    >>> before, now = pd.Series({"1": "a", "2": "b"}), pd.Series({"1": "a", "2": "a", "3": "b"})
    >>> movement(before, now, now).behaviour
    0.5
    """
    flows = pd.crosstab(
        before.reindex(now.index).fillna(JOINED).rename("last month"), now.rename("this month")
    )
    if before.empty:
        return Movement(flows, float("nan"), float("nan"))
    behaviour = float((frozen.reindex(before.index) != before).mean())
    return Movement(flows, behaviour, float((now.reindex(before.index) != before).mean()) - behaviour)


def revenue_by_segment(activity: pd.DataFrame, before: pd.Series, month: str) -> pd.DataFrame:
    """What the customers of each segment did in the month; the segment is the one at the month's first instant.

    A segment read at the month's end would be made of what happened in it.

    Returns:
        One row per segment: `customers`, `active`, `orders`, `revenue`, `revenue_per_customer`.
    """
    during = activity[(activity["month"] == month) & ~activity["is_guest"]].set_index("customer")
    everyone = before.index.union(during.index)
    table = during[["orders", "revenue"]].reindex(everyone).fillna(0.0)
    segment = before.reindex(everyone).fillna(JOINED).rename("segment")
    active = table["orders"] > 0
    sums = table.assign(active=active, customers=1).groupby(segment).sum()
    result = sums[["customers", "active", "orders", "revenue"]].astype({"active": int, "orders": int})
    result["revenue_per_customer"] = result["revenue"] / result["customers"]
    return result.sort_values("revenue", ascending=False)
