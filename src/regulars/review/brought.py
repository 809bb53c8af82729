"""What the customers of each segment brought in."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from regulars.month import Month
from regulars.review.kpis import compare
from regulars.review.register import KPIS
from regulars.review.wording import written
from regulars.segments import JOINED

SEGMENT_KPIS = tuple(kpi for kpi in KPIS if kpi.top != "new")  # all who are new are in one segment


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


def kpis_by_segment(
    activity: pd.DataFrame,
    segments: Mapping[Month, pd.Series],
    month: Month,
    *,
    draws: int = 1000,
    random_state: int = 0,
) -> pd.DataFrame:
    """The key figures of each segment, compared as `compare_months` compares the shop's.

    Each month's customers stand in the segment of that month's own first instant; a segment's bootstrap draws its
    customers with all the months in which they were in it. Guests are in none.

    Args:
        activity: what `monthly_activity` returned.
        segments: for the month, and for others to compare it with, each customer's segment at the month's first
            instant. Who is in none had not ordered before.
        month: the month.
        draws: bootstrap draws.
        random_state: their seed.

    Returns:
        Indexed by key figure, one row per segment and figure, most revenue first: `segment`, `customers` in it at the
        first instant (for those who joined, the active), `active` customers, and the columns of `compare_months`. What
        there is no month to compare with is missing.
    """
    labelled = pd.concat([_labelled(activity, one, labels) for one, labels in segments.items()])
    window = [month]
    while window[0].previous in segments and len(window) < 12:
        window.insert(0, window[0].previous)
    year_ago = Month(month.year - 1, month.number)
    sizes = segments[month].value_counts()
    found = []
    for name in {**sizes.to_dict(), **dict.fromkeys(labelled["segment"].sort_values())}:
        rows = labelled[labelled["segment"] == name]
        table = compare(rows, window, year_ago if year_ago in segments else None, draws, random_state)
        active = int(table["value"].loc["active customers"])
        table.insert(0, "segment", name)
        table.insert(1, "customers", sizes.get(name, active))
        table.insert(2, "active", active)
        found.append(table.loc[[kpi.name for kpi in SEGMENT_KPIS]])
    found.sort(key=lambda table: -float(table["value"].loc["revenue"]))
    return pd.concat(found)


def _labelled(activity: pd.DataFrame, month: Month, labels: pd.Series) -> pd.DataFrame:
    rows = activity[(activity["month"] == str(month)) & ~activity["is_guest"]]
    return rows.assign(segment=rows["customer"].map(labels).fillna(JOINED))


def written_by_segment(compared: pd.DataFrame, sign: str) -> pd.DataFrame:
    """As `written`, one row per segment and key figure, the segment first."""
    texts = written(compared, sign)
    texts.insert(0, "segment", compared["segment"].to_list())
    return texts
