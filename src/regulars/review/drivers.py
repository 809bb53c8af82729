"""Where a change of revenue comes from: how many bought, how often, for how much; in which segment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from regulars.month import Month
from regulars.review.bootstrap import draw_sums
from regulars.review.register import Floats
from regulars.segments import JOINED

DRIVERS = ("customers", "orders per customer", "average order value")
GUESTS = "guests"


def drivers(
    activity: pd.DataFrame, month: Month, against: Month, *, draws: int = 1000, random_state: int = 0
) -> pd.DataFrame:
    """What each driver adds to the change of revenue since another month, in money.

    Revenue = customers × orders per customer × average order value, where a guest's order is a customer's of its own. A
    driver's part is the logarithmic mean of both revenues times the logarithm of its own ratio; the parts add up to the
    change (Ang 2005, "The LMDI approach to decomposition analysis", equations 3 to 6). It is arithmetic and names no
    cause.

    Args:
        activity: what `monthly_activity` returned.
        month: the month.
        against: the month that it is compared with.
        draws: bootstrap draws over customers.
        random_state: their seed.

    Returns:
        One row per driver: `then`, `now`, `change` (relative); `money`, its part of the difference, with `money_low` and
        `money_high`, 95 % by percentile; `share` of the difference. Missing where either month has no orders or no revenue.

    >>> rows = [("a", False, "2017-10", 1, 10.0), ("a", False, "2017-11", 2, 40.0)]
    >>> activity = pd.DataFrame(rows, columns=["customer", "is_guest", "month", "orders", "revenue"])
    >>> drivers(activity, Month(2017, 11), Month(2017, 10), draws=2)["money"].round(2).tolist()
    [0.0, 15.0, 15.0]
    """
    each = _each(activity, [str(against), str(month)])
    seen = each.sum(axis=0)
    drawn = draw_sums(each.reshape(len(each), 6), draws, random_state).reshape(draws, 2, 3)
    ratios = _ratios(seen)
    table = pd.DataFrame({"driver": DRIVERS, "then": ratios[0], "now": ratios[1]})
    table["change"] = table["now"] / table["then"] - 1
    table["money"] = parts(seen)
    limits = pd.DataFrame(parts(drawn)).quantile([0.025, 0.975])
    table["money_low"], table["money_high"] = limits.to_numpy()
    total = seen[1, 2] - seen[0, 2]
    return table.assign(share=table["money"] / total if total else np.nan).set_index("driver")


def parts(sums: Floats) -> Floats:
    """Each driver's part of the difference of revenue.

    Args:
        sums: shape (…, 2, 3): then and now; customers, orders, revenue.

    Returns:
        Shape (…, 3); missing where one of the sums is not above zero.
    """
    valid = np.asarray((sums > 0).all(axis=(-2, -1)))[..., None]
    kept = np.where(valid[..., None], sums, 1.0)
    logs = np.log(_ratios(kept))
    then, now = kept[..., 0, 2], kept[..., 1, 2]
    distance = np.log(now / then)
    mean = np.where(distance == 0, now, (now - then) / np.where(distance == 0, 1.0, distance))
    return np.where(valid, mean[..., None] * (logs[..., 1, :] - logs[..., 0, :]), np.nan)


def _ratios(sums: Floats) -> Floats:
    """Customers, orders per customer, average order value; missing where divided by nothing."""
    above = np.concatenate([np.ones_like(sums[..., :1]), sums[..., :-1]], axis=-1)
    return np.divide(sums, above, out=np.full_like(sums, np.nan), where=above > 0)


def _each(activity: pd.DataFrame, months: list[str]) -> Floats:
    """Customers, orders and revenue that each customer adds to each month: shape (customers, months, 3)."""
    wide = activity[activity["month"].isin(months)].pivot_table(
        index="customer", columns="month", values=["orders", "revenue"], aggfunc="sum", fill_value=0
    )
    both = pd.MultiIndex.from_product([["orders", "revenue"], months])
    orders, revenue = np.hsplit(wide.reindex(columns=both, fill_value=0).to_numpy(float), 2)
    return np.stack([(orders > 0).astype(float), orders, revenue], axis=-1)


def drivers_by_segment(
    activity: pd.DataFrame, segments: Mapping[Month, pd.Series], month: Month, against: Month
) -> pd.DataFrame:
    """What each segment adds to the change of revenue since another month, and through which driver.

    Each month's customers stand in the segment that they were in at that month's own first instant: the customers of today's
    segments, followed back, would be those who bought then.

    Args:
        activity: what `monthly_activity` returned.
        segments: for both months, each customer's segment at its first instant. Who was in none had not ordered yet.
        month: the month.
        against: the month that it is compared with.

    Returns:
        One row per segment, guests apart, the largest fall first: `customers_then`, `customers_now` (who bought),
        `revenue_then`, `revenue_now`, `difference`, and the part of each driver in it. Where nobody bought in one of
        the months, all of it is the customers'; where revenue is not above zero, the parts are missing.
    """
    both = [_sums(activity, segments[one], str(one)) for one in (against, month)]
    names = both[0].index.union(both[1].index)
    sums = np.stack([one.reindex(names, fill_value=0.0).to_numpy(float) for one in both], axis=1)
    difference = sums[:, 1, 2] - sums[:, 0, 2]
    split = parts(sums)
    nobody = (sums[:, :, 0] == 0).any(axis=1)
    split[nobody] = np.column_stack([difference[nobody], np.zeros((nobody.sum(), 2))])
    table = pd.DataFrame(
        {"customers_then": sums[:, 0, 0].astype(int), "customers_now": sums[:, 1, 0].astype(int)}
        | {"revenue_then": sums[:, 0, 2], "revenue_now": sums[:, 1, 2], "difference": difference}
        | dict(zip(DRIVERS, split.T, strict=True)),
        index=names.rename("segment"),
    )
    return table.sort_values(["difference", "revenue_then"], kind="stable")


def _sums(activity: pd.DataFrame, segment: pd.Series, month: str) -> pd.DataFrame:
    rows = activity[activity["month"] == month]
    labels = rows["customer"].map(segment).fillna(JOINED).mask(rows["is_guest"], GUESTS)
    table = rows[["orders", "revenue"]].astype(float)
    table.insert(0, "customers", (rows["orders"] > 0).astype(float))
    return table.groupby(labels.rename("segment")).sum()
