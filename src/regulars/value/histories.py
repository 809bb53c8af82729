"""What the models see of each customer: how often, how lately, since when, and how much."""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw
import pandas as pd

from regulars.engine import Frame, distinct, in_pandas
from regulars.ingest.returns import net_of_returns
from regulars.value.likelihood import ModelError

WEEK = 7  # days: the models' unit of time


class Window(NamedTuple):
    """Customers as of a day, and what they did in the days from then on.

    Attributes:
        customers: `histories` as of the first day.
        outcome: `purchases` and `revenue` of these customers during the window, in the same order.
        days: how many days the window has.
    """

    customers: pd.DataFrame
    outcome: pd.DataFrame
    days: int


def histories(orders: Frame, returns: Frame | None, day: int) -> pd.DataFrame:
    """One row per customer with an order before a day; orders of one day are one purchase.

    Args:
        orders: staged orders.
        returns: staged returns, if anything came back: their money is taken off if it came back before the day.
        day: the day number; of what happens on it or later nothing is seen.

    Returns:
        In the order of `customer_id`, which is the index: `frequency` (purchases after the first), `recency` (weeks from
        the first purchase to the last), `T` (weeks from the first purchase to the last observed day), `purchases`,
        `revenue` (net), and `monetary_value` (revenue per purchase).

    >>> import duckdb
    >>> rows = "('o1', '1', 7.5, 100), ('o2', '1', 5, 100), ('o3', '1', 9, 114), ('o4', '2', 4, 121)"
    >>> orders = nw.from_native(duckdb.sql(f"FROM (VALUES {rows}) t(order_id, customer_id, revenue, ordered_day)"))
    >>> histories(orders, None, 122)[["frequency", "recency", "T", "revenue"]].to_numpy().tolist()
    [[1.0, 2.0, 3.0, 21.5], [0.0, 0.0, 0.0, 4.0]]
    """
    moved = _of_each(orders, returns, nw.col("day") < day)
    found = moved[moved["purchases"] > 0]
    purchases, revenue = found["purchases"].astype(float), found["revenue"].astype(float)
    return pd.DataFrame(
        {
            "frequency": purchases - 1,
            "recency": (found["last"] - found["first"]) / WEEK,
            "T": (day - 1 - found["first"]) / WEEK,
            "purchases": purchases,
            "revenue": revenue,
            "monetary_value": revenue / purchases,
        }
    )


def window(orders: Frame, returns: Frame | None, day: int, days: int) -> Window:
    """Customers as of a day, and their next `days` days, which must all have been observed.

    Raises:
        ModelError: if no order lies before the day.
    """
    customers = histories(orders, returns, day)
    if customers.empty:
        raise ModelError("No customer had ordered before the hold-out begins.")
    during = _of_each(orders, returns, (nw.col("day") >= day) & (nw.col("day") < day + days))
    outcome = during[["purchases", "revenue"]].astype(float).reindex(customers.index, fill_value=0.0)
    return Window(customers, outcome, days)


def weekly(orders: Frame, customers: pd.Index, day: int, days: int) -> pd.Series:
    """The purchases of some customers in each whole week from a day on."""
    when = nw.col("ordered_day")
    during = orders.filter((when >= day) & (when < day + days // WEEK * WEEK))
    counted = in_pandas(distinct(during, "customer_id", "ordered_day"))
    week = (counted.loc[counted["customer_id"].isin(customers), "ordered_day"] - day) // WEEK + 1
    return week.value_counts().reindex(range(1, days // WEEK + 1), fill_value=0).rename("purchases")


def _of_each(orders: Frame, returns: Frame | None, condition: nw.Expr) -> pd.DataFrame:
    """Each customer's purchase days among some dated movements of money, the first and last of them, and the net revenue."""
    moved = net_of_returns(orders, returns).filter(condition & ~nw.col("customer_id").is_null())
    daily = moved.group_by("customer_id", "day").agg(
        bought=nw.col("is_order").max(), revenue=nw.col("revenue").sum()
    )
    bought = nw.col("bought") == 1
    each = daily.group_by("customer_id").agg(
        purchases=nw.col("bought").sum(),
        first=nw.when(bought).then(nw.col("day")).min(),
        last=nw.when(bought).then(nw.col("day")).max(),
        revenue=nw.col("revenue").sum().cast(nw.Float64),
    )
    return in_pandas(each).set_index("customer_id").sort_index()
