"""The health of each segment: whether more or fewer of its customers bought than of last month's did in their month."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from regulars.month import Month, months_between

WRONG = 0.05  # of the months in which nothing changes have any segment called better or worse
FEWEST = 10  # customers of a segment
WIDEST = 0.25  # an interval of the difference beyond which nothing was found, and nothing excluded
FEWEST_MONTHS = 6  # before the month: as long as the record is short, segments' make-up changes as it grows
TOO_FEW, NOT_KNOWN = "too few to tell", "not known yet"


def health(
    activity: pd.DataFrame, segments: Mapping[Month, pd.Series], month: Month, *, first: Month
) -> pd.DataFrame:
    """Hold the share of each segment's customers who bought against last month's share, customer by customer.

    Each month's customers stand in the segment of its own first instant, so that who bought is no part of it. Many
    are in the segment in both months: the two shares' covariance is the customers'. The interval of the difference is
    made of the shares' Wilson intervals and their correlation (Newcombe 1998, "Improved confidence intervals for the
    difference between binomial proportions based on paired data", method 10; Zou and Donner 2008), at a level that all
    segments share (Bonferroni). For the difference last month's share is taken to the month's length: d P(N ≥ 1) / d ln t is
    P(N = 1), of the segment's own customers.

    Args:
        activity: what `monthly_activity` returned.
        segments: of the month and, if there is one, of the month before, each customer's segment at the first instant.
        month: the month.
        first: the first month with data.

    Returns:
        One row per segment: `customers` at the first instant; `bought` and `bought_last_month` as shares, with `buyers` and
        `buyers_last_month`; their difference `change` with `low` and `high`; `health`: better, worse, no clear change, too few
        to tell, not known yet.

    >>> rows = [(f"c{i}", False, str(m), 1, 5.0) for m in (Month(2017, 7), Month(2017, 8)) for i in range(20 * m.number - 130)]
    >>> activity = pd.DataFrame(rows, columns=["customer", "is_guest", "month", "orders", "revenue"])
    >>> labels = pd.Series("all", index=[f"c{i}" for i in range(60)])
    >>> found = health(activity, {Month(2017, 7): labels, Month(2017, 8): labels}, Month(2017, 8), first=Month(2017, 1))
    >>> round(float(found.loc["all", "change"]), 2), found.loc["all", "health"]
    (0.33, 'better')
    """
    now, last = segments[month], segments.get(month.previous, pd.Series(dtype="str"))
    customers = now.index.union(last.index)
    orders = [_orders(activity, one, customers) for one in (month, month.previous)]
    names = sorted(set(now))
    longer, level = month.days / month.previous.days, stats.norm.isf(WRONG / 2 / max(1, len(names)))
    within = [one.reindex(customers) for one in (now, last)]
    rows = [_row([(one == name).to_numpy() for one in within], orders, longer, level) for name in names]
    table = pd.DataFrame(rows, index=pd.Index(names, name="segment"))
    if len(months_between(first, month)) <= FEWEST_MONTHS:
        table["health"] = NOT_KNOWN
    return table


def _orders(activity: pd.DataFrame, month: Month, customers: pd.Index) -> np.ndarray:
    """How many orders each customer placed in the month."""
    rows = activity[(activity["month"] == str(month)) & ~activity["is_guest"]]
    return rows.set_index("customer")["orders"].reindex(customers, fill_value=0).to_numpy()


def _row(within: list[np.ndarray], orders: list[np.ndarray], longer: float, z: float) -> dict[str, object]:
    """A segment's row, from who is in it and who ordered how often, this month and last."""
    (here, was_here), (bought, had_bought) = within, [one > 0 for one in orders]
    n, m = int(here.sum()), int(was_here.sum())
    buyers, buyers_last = int((bought & here).sum()), int((had_bought & was_here).sum())
    p = buyers / n
    row: dict[str, object] = {"customers": n, "bought": p, "buyers": buyers, "buyers_last_month": buyers_last}
    if m == 0:
        return (
            row | dict.fromkeys(["bought_last_month", "change", "low", "high"], np.nan) | {"health": TOO_FEW}
        )
    q = buyers_last / m
    once = (was_here & (orders[1] == 1)).sum() / max(1, buyers_last)
    then = min(1.0, q * longer**once)
    of_both = ((bought - p) * here * (had_bought - q) * was_here).sum() / (n * m)
    spread = np.sqrt(p * (1 - p) / n * q * (1 - q) / m)
    low, high = _difference((p, n), (then, m), of_both / spread if spread > 0 else 0.0, z)
    row |= {"bought_last_month": q, "change": p - then, "low": low, "high": high}
    return row | {"health": _verdict(low, high, min(n, m))}


def _verdict(low: float, high: float, fewest: int) -> str:
    if fewest >= FEWEST and (low > 0 or high < 0):
        return "better" if low > 0 else "worse"
    return TOO_FEW if fewest < FEWEST or high - low > WIDEST else "no clear change"


def _difference(
    one: tuple[float, int], other: tuple[float, int], correlation: float, z: float
) -> tuple[float, float]:
    """The interval of the difference of two shares, from each with its number of customers."""
    alpha = 2 * stats.norm.sf(z)
    p, q = one[0], other[0]
    (p_low, p_high), (q_low, q_high) = (
        proportion_confint(s * n, n, alpha, "wilson") for s, n in (one, other)
    )
    down, up = p - p_low, q_high - q
    below = np.sqrt(max(0.0, down**2 - 2 * correlation * down * up + up**2))
    up, down = p_high - p, q - q_low
    above = np.sqrt(max(0.0, up**2 - 2 * correlation * up * down + down**2))
    return p - q - below, p - q + above
