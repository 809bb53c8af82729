"""What the key figures mean: one register for tables, glossary, alerts and segments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Sums(NamedTuple):
    """What the key figures are made of: sums over customers, each of shape (…, months).

    Attributes:
        active: identified customers with an order in the month.
        repeated: those with two orders or more.
        new: those whose first order it was; missing where too little history lies before the month to tell.
        orders: their orders, and those of guests.
        revenue: what the shop received, less what came back.
    """

    active: Floats
    repeated: Floats
    new: Floats
    orders: Floats
    revenue: Floats


class Kpi(NamedTuple):
    """One key figure: a sum over customers, or one over another.

    Attributes:
        name: as pages have it.
        unit: "customers", "orders", "money", "share" or "days".
        meaning: in plain words.
        top: the field of `Sums`; empty if it is made of something else.
        bottom: the field that it is divided by, if any.
    """

    name: str
    unit: str
    meaning: str
    top: str = ""
    bottom: str = ""

    def formula(self, sums: Sums) -> Floats:
        """The figure, of the shape of the sums; missing where it would be divided by nothing."""
        top = getattr(sums, self.top)
        return ratio(top, getattr(sums, self.bottom)) if self.bottom else top


KPIS: tuple[Kpi, ...] = (
    Kpi("active customers", "customers", "customers with at least one order in the month", "active"),
    Kpi("orders", "orders", "orders in the month", "orders"),
    Kpi("revenue", "money", "what the shop received for them", "revenue"),
    Kpi("average order value", "money", "revenue per order", "revenue", "orders"),
    Kpi(
        "repeat rate",
        "share",
        "share of the month's active customers who ordered at least twice in it",
        "repeated",
        "active",
    ),
    Kpi(
        "new customers",
        "customers",
        "customers whose first order was in the month; not known until the data go back far enough before it",
        "new",
    ),
)

TIME_TO_REPEAT = Kpi(
    "time to repeat",
    "days",
    "days after an order until half of such orders were followed by the customer's next one; of the orders of the year up to "
    "the month's end, orders that are still waiting for the next one included; orders of one day are one",
)

VALUE = Kpi(
    "value of the base",
    "money",
    "what today's customers should bring in the time after the month, by the forecast that would have done best so far",
)

REGISTER: tuple[Kpi, ...] = (*KPIS, TIME_TO_REPEAT, VALUE)


WORDS: tuple[tuple[str, str], ...] = (
    (
        "95% interval",
        "a range made in such a way that nineteen of twenty of its kind hold what they are about",
    ),
    (
        "usual",
        "the range in which the months before let expect the figure, season and a month's length included",
    ),
    (
        "health",
        "whether clearly more, or fewer, of a segment's customers bought than of last month's did last month",
    ),
    (
        "should bring",
        "revenue to expect from a segment's customers of today, by the forecast of the value of the base",
    ),
    (
        "late limit",
        "so many days that nineteen of twenty customers wait less, on average, from order to order",
    ),
    (
        "roll out",
        "a test has shown that the offer gains, by what it was judged by, nothing else speaking against it",
    ),
    ("stop", "a test has shown that the offer loses, by what it was judged by"),
    ("keep testing", "a test has shown neither: it takes a new one, and more customers"),
)
"""What else the review's page says, in plain words."""


def ratio(top: Floats, bottom: Floats) -> Floats:
    """One over the other; missing where the other is not above zero."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
