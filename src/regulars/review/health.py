"""The health of each segment: whether more or fewer of its customers bought than of last month's did in their month."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from regulars.month import Month

WRONG = 0.05  # of the months in which nothing changes have any segment called better or worse
FEWEST = 10  # customers of a segment
HEALTH = {1: "better", 0: "steady", -1: "worse"}
TOO_FEW, NOT_KNOWN = "too few to tell", "not known yet"


def health(activity: pd.DataFrame, segments: Mapping[Month, pd.Series], month: Month) -> pd.DataFrame:
    """Hold the share of each segment's customers who bought against last month's share, customer by customer.

    Each month's customers stand in the segment of its own first instant, so that who bought is no part of it. Many
    are in the segment in both months: the two shares' covariance is the customers'. The interval of the difference is
    made of the shares' Wilson intervals and their correlation (Newcombe 1998, "Improved confidence intervals for the
    difference between binomial proportions based on paired data", method 10; Zou and Donner 2008), at a level that all
    segments share (Bonferroni). Last month's share is taken to the month's length: d P(N ≥ 1) / d ln t is P(N = 1).

    Args:
        activity: what `monthly_activity` returned.
        segments: of the month and, if there is one, of the month before, each customer's segment at the first instant.
        month: the month.

    Returns:
        One row per segment: `customers` at the first instant, `bought` and `bought_last_month` as shares, their
        difference `change` with `low` and `high`, and `health`: better, worse, steady, too few to tell, not known yet.

    >>> rows = [(f"c{i}", False, str(m), 1, 5.0) for m in (Month(2017, 7), Month(2017, 8)) for i in range(20 * m.number - 130)]
    >>> activity = pd.DataFrame(rows, columns=["customer", "is_guest", "month", "orders", "revenue"])
    >>> labels = pd.Series("all", index=[f"c{i}" for i in range(60)])
    >>> found = health(activity, {Month(2017, 7): labels, Month(2017, 8): labels}, Month(2017, 8))
    >>> round(float(found.loc["all", "change"]), 2), found.loc["all", "health"]
    (0.33, 'better')
    """
    now, last = segments[month], segments.get(month.previous, pd.Series(dtype="str"))
    customers = now.index.union(last.index)
    orders = [_orders(activity, one, customers) for one in (month, month.previous)]
    bought = [one > 0 for one in orders]
    once = orders[1][orders[1] > 0] == 1
    longer = (month.days / month.previous.days) ** (once.mean() if len(once) else 0.0)
    names = sorted(set(now))
    level = stats.norm.isf(WRONG / 2 / max(1, len(names)))
    within = [one.reindex(customers) for one in (now, last)]
    rows = [_row([(one == name).to_numpy() for one in within], bought, longer, level) for name in names]
    return pd.DataFrame(rows, index=pd.Index(names, name="segment"))


def _orders(activity: pd.DataFrame, month: Month, customers: pd.Index) -> np.ndarray:
    """How many orders each customer placed in the month."""
    rows = activity[(activity["month"] == str(month)) & ~activity["is_guest"]]
    return rows.set_index("customer")["orders"].reindex(customers, fill_value=0).to_numpy()


def _row(within: list[np.ndarray], did: list[np.ndarray], longer: float, z: float) -> dict[str, object]:
    """A segment's row, from who is in it and who bought, this month and last."""
    (here, was_here), (bought, had_bought) = within, did
    n, m = int(here.sum()), int(was_here.sum())
    p = (bought & here).sum() / n
    row: dict[str, object] = {"customers": n, "bought": p}
    if m == 0:
        return (
            row
            | dict.fromkeys(["bought_last_month", "change", "low", "high"], np.nan)
            | {"health": NOT_KNOWN}
        )
    q = (had_bought & was_here).sum() / m
    then = min(1.0, q * longer)
    of_both = ((bought - p) * here * (had_bought - q) * was_here).sum() / (n * m)
    spread = np.sqrt(p * (1 - p) / n * q * (1 - q) / m)
    low, high = _difference((p, n), (then, m), of_both / spread if spread > 0 else 0.0, z)
    row |= {"bought_last_month": then, "change": p - then, "low": low, "high": high}
    if min(n, m) < FEWEST:
        return row | {"health": TOO_FEW}
    return row | {"health": HEALTH[int(low > 0) - int(high < 0)]}


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
