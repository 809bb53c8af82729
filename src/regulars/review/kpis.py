"""Key figures of a shop, month by month, with intervals that respect that customers buy repeatedly."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regulars.engine import Engine, Frame
from regulars.ingest.returns import net_of_returns
from regulars.month import Month, months_between

BLOCK = 50  # bootstrap draws at a time


class Sums(NamedTuple):
    """What every key figure is made of: sums over customers, each of shape (…, months)."""

    active: NDArray[np.float64]
    repeated: NDArray[np.float64]
    orders: NDArray[np.float64]
    revenue: NDArray[np.float64]


class Kpi(NamedTuple):
    """One key figure: its unit, its meaning in plain words, and its formula."""

    name: str
    unit: str
    meaning: str
    formula: Callable[[Sums], NDArray[np.float64]]


KPIS: tuple[Kpi, ...] = (
    Kpi(
        "active customers", "customers", "customers with at least one order in the month", lambda s: s.active
    ),
    Kpi("orders", "orders", "orders in the month", lambda s: s.orders),
    Kpi("revenue", "money", "what the shop received for them", lambda s: s.revenue),
    Kpi("average order value", "money", "revenue per order", lambda s: _ratio(s.revenue, s.orders)),
    Kpi(
        "repeat rate",
        "share",
        "share of the month's active customers who ordered at least twice in it",
        lambda s: _ratio(s.repeated, s.active),
    ),
)


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def monthly_activity(
    engine: Engine, orders: Frame, months: list[Month], returns: Frame | None = None
) -> pd.DataFrame:
    """Orders and revenue per customer and month, net of what came back in the month.

    Args:
        engine: where `orders` lives.
        orders: staged orders. An order without a customer counts as a customer's of its own.
        months: which months.
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


def _matrices(activity: pd.DataFrame, months: list[str]) -> Sums:
    """Shape (customers, months) each."""
    wide = activity.pivot_table(
        index="customer", columns="month", values=["orders", "revenue"], aggfunc="sum", fill_value=0
    )
    both = pd.MultiIndex.from_product([["orders", "revenue"], months])
    orders, revenue = np.hsplit(wide.reindex(columns=both, fill_value=0.0).to_numpy(float), 2)
    guests = set(activity.loc[activity["is_guest"], "customer"])
    known = ~wide.index.isin(guests)[:, None]
    active, repeated = (((orders >= least) & known).astype(np.float64) for least in (1, 2))
    return Sums(active, repeated, orders, revenue)


def kpis_by_month(activity: pd.DataFrame, months: list[Month]) -> pd.DataFrame:
    """Every key figure of every month; rows are months.

    >>> rows = [("a", False, "2017-11", 2, 30.0), ("b", False, "2017-11", 1, 10.0)]
    >>> activity = pd.DataFrame(rows, columns=["customer", "is_guest", "month", "orders", "revenue"])
    >>> kpis_by_month(activity, [Month(2017, 11)]).loc["2017-11", ["revenue", "repeat rate"]].tolist()
    [40.0, 0.5]
    """
    names = [str(month) for month in months]
    sums = Sums(*(matrix.sum(axis=0) for matrix in _matrices(activity, names)))
    return pd.DataFrame({kpi.name: kpi.formula(sums) for kpi in KPIS}, index=pd.Index(names, name="month"))


def compare_months(
    activity: pd.DataFrame, month: Month, first: Month, *, draws: int = 1000, random_state: int = 0
) -> pd.DataFrame:
    """The month against the one before and against the months of the year before it.

    Intervals are the 95 % percentile intervals of a Poisson bootstrap over customers: each customer is drawn a Poisson(1)
    number of times, so that the number of customers varies too. A customer's orders stay together, and so do both months
    of a customer: the change is compared customer by customer.

    Args:
        activity: what `monthly_activity` returned.
        month: the month.
        first: the first month with data.
        draws: bootstrap draws.
        random_state: their seed.

    Returns:
        One row per key figure: `value`, `low`, `high`, `last_month`, `change`, `change_low`, `change_high` (relative),
        `range_low`, `range_high` over the `range_months` before (at most eleven). Missing where there is no month before.
    """
    months = months_between(max(first, Month(month.year - 1, month.number).next), month)
    names = [str(m) for m in months]
    matrices = _matrices(activity, names)
    drawn = _bootstrap(Sums(*(matrix[:, -2:] for matrix in matrices)), draws, random_state)
    seen = Sums(*(matrix.sum(axis=0) for matrix in matrices))
    return pd.DataFrame([_row(kpi, seen, drawn, len(months)) for kpi in KPIS]).set_index("kpi")


def _bootstrap(matrices: Sums, draws: int, random_state: int) -> Sums:
    """Sums of each draw, shape (draws, months), in blocks that keep the weights of a large base small."""
    rng, customers = np.random.default_rng(random_state), len(matrices.orders)
    blocks = []
    for first in range(0, draws, BLOCK):
        weights = rng.poisson(1.0, (min(BLOCK, draws - first), customers)).astype(np.float64)
        blocks.append([weights @ matrix for matrix in matrices])
    return Sums(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _row(kpi: Kpi, seen: Sums, drawn: Sums, months: int) -> dict[str, object]:
    values, draws = kpi.formula(seen), kpi.formula(drawn)
    low, high = _interval(draws[:, -1])
    row = {"kpi": kpi.name, "value": values[-1], "low": low, "high": high, "range_months": months - 1}
    past = ("last_month", "change", "change_low", "change_high", "range_low", "range_high")
    if months < 2:
        return row | dict.fromkeys(past, np.nan)
    change = _ratio(values[-1:], values[-2:-1])[0] - 1
    change_low, change_high = _interval(_ratio(draws[:, -1], draws[:, -2]) - 1)
    before = pd.Series(values[:-1])
    spans = (values[-2], change, change_low, change_high, before.min(), before.max())
    return row | dict(zip(past, spans, strict=True))


def _interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % percentile interval; missing if no draw has the figure, as for a ratio to a month without orders."""
    low, high = pd.Series(draws).quantile([0.025, 0.975])
    return low, high


def written(compared: pd.DataFrame, sign: str) -> pd.DataFrame:
    """The comparison in words and units, one row per key figure, for a table that people read.

    Args:
        compared: what `compare_months` returned.
        sign: what stands before an amount of money.
    """
    rows = []
    for kpi, row in zip(KPIS, compared.loc[[kpi.name for kpi in KPIS]].to_dict("records"), strict=True):
        past = row["range_months"] > 0
        rows.append(
            {
                "key figure": kpi.name,
                "this month": _amount(row["value"], kpi.unit, sign),
                "95% interval": _span(row["low"], row["high"], kpi.unit, sign),
                "last month": _amount(row["last_month"], kpi.unit, sign) if past else None,
                "change": _amount(row["change"], "change", sign) if past else None,
                "its 95% interval": _span(row["change_low"], row["change_high"], "change", sign)
                if past
                else None,
                "range, months before": _span(row["range_low"], row["range_high"], kpi.unit, sign)
                if past
                else None,
            }
        )
    return pd.DataFrame(rows)


def _amount(value: float, unit: str, sign: str) -> str | None:
    """A value in its unit, None if it is missing; money shows cents only where they matter."""
    if np.isnan(value):
        return None
    if unit == "change":
        return f"{value:+.1%}".replace("-", "−")
    if unit == "share":
        return f"{value:.1%}"
    places = 2 if unit == "money" and abs(value) < 1000 else 0
    return (sign if unit == "money" else "") + f"{value:,.{places}f}"


def _span(low: float, high: float, unit: str, sign: str) -> str | None:
    if np.isnan(low):
        return None
    return f"{_amount(low, unit, sign)} to {_amount(high, unit, sign)}"
