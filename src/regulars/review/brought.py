"""What the customers of each segment brought in."""

from __future__ import annotations

import pandas as pd

from regulars.segments import JOINED


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
