"""What the families are computed from: the shop's tables before a day, and expressions that several of them use.

Money is summed as exact decimals and only then made a float, so that no sum depends on the order of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import narwhals as nw

from regulars.engine import Frame

Keep = Callable[[Frame, str], Frame]  # computes a frame once and keeps it under a name
EXACT = nw.Decimal(18, 4)
WIDE = nw.Decimal(
    19, 4
)  # the product of two of these has 38 digits; of two narrower ones, on DuckDB, only 18
DATES = {
    "orders": "ordered_day",
    "order_lines": "ordered_day",
    "returns": "returned_day",
    "events": "occurred_day",
    "answers": "answered_day",
}


class Tables(NamedTuple):
    """A shop's staged tables; whatever it lacks is None.

    >>> Tables._fields[:2]
    ('orders', 'order_lines')
    """

    orders: Frame
    order_lines: Frame | None = None
    products: Frame | None = None
    returns: Frame | None = None
    events: Frame | None = None
    customers: Frame | None = None
    answers: Frame | None = None

    def before(self, day: int) -> Tables:
        """The rows dated before a day; products and customers have no date."""
        seen: dict[str, Any] = {
            table: None if (frame := getattr(self, table)) is None else frame.filter(nw.col(date) < day)
            for table, date in DATES.items()
        }
        return self._replace(**seen)

    def identified(self) -> Tables:
        """The rows whose customer is known."""
        known: dict[str, Any] = {
            table: None if frame is None else frame.filter(~nw.col("customer_id").is_null())
            for table, frame in self._asdict().items()
            if table in DATES
        }
        return self._replace(**known)


def not_kept(frame: Frame, _name: str) -> Frame:
    """A frame that stays a query, for whoever wants nothing kept."""
    return frame


def total(name: str, where: nw.Expr | None = None) -> nw.Expr:
    """The exact sum of a column over the rows where a condition holds: an aggregate."""
    return nw.col(name).sum() if where is None else nw.when(where).then(nw.col(name)).sum()


def count(where: nw.Expr) -> nw.Expr:
    """The number of rows where a condition holds: an aggregate."""
    return nw.when(where).then(1).otherwise(0).sum()


def squared(name: str) -> nw.Expr:
    """The exact square of an amount of money."""
    return nw.col(name).cast(WIDE) * nw.col(name).cast(WIDE)


def number(name: str) -> nw.Expr:
    """A sum as a float; nothing summed is zero."""
    return nw.col(name).cast(nw.Float64).fill_null(0.0)


def ratio(part: nw.Expr, whole: nw.Expr) -> nw.Expr:
    """A part of a whole that is above zero; else missing."""
    return nw.when(whole > 0).then(part / whole)


def share(part: nw.Expr, whole: nw.Expr) -> nw.Expr:
    """A ratio of at most one: makers' coupons can be worth more than the price, and rounded squares than a square."""
    return nw.min_horizontal(ratio(part, whole), nw.when(whole > 0).then(nw.lit(1.0)))


def deviation(n: nw.Expr, sum_: nw.Expr, squares: nw.Expr) -> nw.Expr:
    """The standard deviation of n values from their sum and the sum of their squares, which are exact.

    What is less than a millionth of the mean is what is left of rounding: zero. Missing below two values.
    """
    variance = (squares - sum_ * sum_ / n) / (n - 1)
    is_none = variance <= (sum_ / n) * (sum_ / n) * 1e-12
    return nw.when(n > 1).then(nw.when(is_none).then(nw.lit(0.0)).otherwise(variance).sqrt())


def first_by(frame: Frame, by: str, *order: str) -> Frame:
    """Of each `by` the row that is first in an order: never that of the rows."""
    place = nw.col(by).cum_count().over(by, order_by=list(order))
    return frame.with_columns(place=place).filter(nw.col("place") == 1).drop("place")


def joined(first: Frame, others: Sequence[Frame]) -> Frame:
    """Frames of one row per customer beside each other; the first says which customers there are."""
    for other in others:
        first = first.join(other, on="customer_id", how="left")
    return first
