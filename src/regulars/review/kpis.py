"""Key figures of a shop, month by month, with intervals that respect that customers buy repeatedly."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd

from regulars.engine import Engine, Frame
from regulars.ingest.returns import net_of_returns
from regulars.month import Month, months_between
from regulars.review.bootstrap import change_interval, draw_sums, interval
from regulars.review.register import KPIS, Floats, Kpi, Sums, ratio
from regulars.review.wording import written
from regulars.segments.rulebooks import NEW_NEEDS_DAYS

__all__ = ["KPIS", "compare_months", "kpis_by_month", "matrices", "monthly_activity", "written"]


def monthly_activity(
    engine: Engine, orders: Frame, months: list[Month], returns: Frame | None = None
) -> pd.DataFrame:
    """Orders and revenue per customer and month, net of what came back in the month.

    Args:
        engine: where `orders` lives.
        orders: staged orders. An order without a customer counts as a customer's of its own.
        months: which months; all since the data began, if it is to be known who is new.
        returns: staged returns, if anything came back; those of guests likewise.

    Returns:
        Columns `customer`, `is_guest`, `month`, `orders`, `revenue`; one row per customer and month with an order or a return.
    """
    moved = net_of_returns(orders, returns)
    kept = moved.filter(nw.col("month").is_in([str(month) for month in months]))
    guest, number = nw.col("customer_id").is_null(), nw.col("order_id").fill_null("without an order")
    customer = nw.when(guest).then(nw.concat_str(nw.lit("guest "), number)).otherwise(nw.col("customer_id"))
    grouped = kept.with_columns(customer=customer, is_guest=guest).group_by("customer", "is_guest", "month")
    sums = grouped.agg(nw.col("is_order").sum().cast(nw.Int64).alias("orders"), nw.col("revenue").sum())
    return engine.collect(sums, "customer", "month")


def is_new(activity: pd.DataFrame) -> pd.Series:
    """Of each row of `monthly_activity`, whether an identified customer orders there for the first time in the data."""
    ordered = ~activity["is_guest"] & (activity["orders"] > 0)
    first = activity[ordered].groupby("customer")["month"].min()
    return ordered & (activity["month"] == activity["customer"].map(first))


def knows_new(activity: pd.DataFrame, months: list[str]) -> list[bool]:
    """Of each month, whether it begins at least 90 days after the data do.

    In an earlier one, who seems new may have ordered before the data begin.
    """
    begin = Month.parse(activity["month"].min()).first_day if len(activity) else np.inf
    return [Month.parse(month).first_day - begin >= NEW_NEEDS_DAYS for month in months]


def matrices(activity: pd.DataFrame, months: list[str]) -> Sums:
    """What each customer adds to each month; shape (customers, months) each."""
    values = ["is_new", "orders", "revenue"]
    told = activity.assign(is_new=is_new(activity).astype(float))
    wide = told.pivot_table(index="customer", columns="month", values=values, aggfunc="sum", fill_value=0)
    every = pd.MultiIndex.from_product([values, months])
    new, orders, revenue = np.hsplit(wide.reindex(columns=every, fill_value=0.0).to_numpy(float), 3)
    guests = set(activity.loc[activity["is_guest"], "customer"])
    known = ~wide.index.isin(guests)[:, None]
    active, repeated = (((orders >= least) & known).astype(np.float64) for least in (1, 2))
    return Sums(active, repeated, np.where(knows_new(activity, months), new, np.nan), orders, revenue)


def kpis_by_month(activity: pd.DataFrame, months: list[Month]) -> pd.DataFrame:
    """Every key figure of every month; rows are months.

    >>> rows = [("a", False, "2017-11", 2, 30.0), ("b", False, "2017-11", 1, 10.0)]
    >>> activity = pd.DataFrame(rows, columns=["customer", "is_guest", "month", "orders", "revenue"])
    >>> kpis_by_month(activity, [Month(2017, 11)]).loc["2017-11", ["revenue", "repeat rate"]].tolist()
    [40.0, 0.5]
    """
    names = [str(month) for month in months]
    sums = Sums(*(matrix.sum(axis=0) for matrix in matrices(activity, names)))
    return pd.DataFrame({kpi.name: kpi.formula(sums) for kpi in KPIS}, index=pd.Index(names, name="month"))


def compare_months(
    activity: pd.DataFrame, month: Month, first: Month, *, draws: int = 1000, random_state: int = 0
) -> pd.DataFrame:
    """The month against the one before, the same month last year, and the months of the year before it.

    Intervals are 95 % ones from a Poisson bootstrap over customers: each customer is drawn a Poisson(1) number of
    times, so that the number of customers varies too. A customer's orders stay together, and so do all months of a
    customer: a change is compared customer by customer.

    Args:
        activity: what `monthly_activity` returned.
        month: the month.
        first: the first month with data.
        draws: bootstrap draws.
        random_state: their seed.

    Returns:
        One row per key figure: `value`, `low`, `high`; `last_month`, `change`, `change_low`, `change_high` (relative);
        `last_year`, `year_change`, `year_change_low`, `year_change_high`; `range_low`, `range_high` over the `range_months`
        before (at most eleven). Missing where there is no such month.
    """
    year_ago = Month(month.year - 1, month.number)
    window = months_between(max(first, year_ago.next), month)
    return compare(activity, window, year_ago if year_ago >= first else None, draws, random_state)


def compare(
    activity: pd.DataFrame, window: list[Month], year_ago: Month | None, draws: int, random_state: int
) -> pd.DataFrame:
    """As `compare_months`: the last month of the window against the others of it, and against a month a year ago if given."""
    before = [*window[-2:-1], *([year_ago] if year_ago else [])]
    names = [str(m) for m in [*before, *window]]
    each = matrices(activity, names)
    ends = [*range(len(before)), len(names) - 1]
    columns = np.hstack([*(matrix[:, ends] for matrix in each), _products(each)])
    *parts, squares = np.hsplit(
        draw_sums(columns, draws, random_state), len(ends) * np.arange(1, len(each) + 1)
    )
    drawn, seen = Sums(*parts), Sums(*(matrix.sum(axis=0) for matrix in each))
    found = []
    for kpi in KPIS:
        values, draw = kpi.formula(seen), kpi.formula(drawn)
        errors = None
        if kpi.unit == "money":
            own = _errors(kpi, seen, _products(each).sum(axis=0))
            errors = float(own), _errors(kpi, drawn, squares)
        low, high = interval(values[-1], draw[:, -1], kpi.unit, errors)
        now: dict[str, object] = {"kpi": kpi.name, "value": values[-1], "low": low, "high": high}
        for name, at in (
            ("last_month", 0 if len(window) > 1 else None),
            ("last_year", len(before) - 1 if year_ago else None),
        ):
            then = (np.nan, np.full(draws, np.nan)) if at is None else (values[at], draw[:, at])
            now |= _against(kpi, name, values[-1], draw[:, -1], *then)
        past = pd.Series(values[len(before) : -1], dtype=float)
        spans = {"range_low": past.min(), "range_high": past.max(), "range_months": len(window) - 1}
        found.append(now | spans)
    return pd.DataFrame(found).set_index("kpi")


def _products(each: Sums) -> Floats:
    """Each customer's orders², orders × revenue and revenue² of the last month, for the standard errors of money."""
    orders, revenue = each.orders[:, -1], each.revenue[:, -1]
    return np.column_stack([orders**2, orders * revenue, revenue**2])


def _errors(kpi: Kpi, sums: Sums, squares: Floats) -> Floats:
    """The standard error of the logarithm of the last month's figure, by the delta method; shape (…)."""
    orders, revenue = sums.orders[..., -1], sums.revenue[..., -1]
    oo, both, rr = np.moveaxis(squares, -1, 0)
    variance = ratio(rr, revenue**2)
    if kpi.bottom:
        variance = variance + ratio(oo, orders**2) - 2 * ratio(both, orders * revenue)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def _against(
    kpi: Kpi, name: str, now: float, drawn_now: np.ndarray, then: float, drawn_then: np.ndarray
) -> dict[str, object]:
    """The other month's value, and the change on it with its interval."""
    ends = change_interval(kpi, now, then, drawn_now, drawn_then)
    change = "change" if name == "last_month" else "year_change"
    return dict(zip([name, change, f"{change}_low", f"{change}_high"], [then, *ends], strict=True))
