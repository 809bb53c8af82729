"""When a rulebook says little: said on the page, beside the segments, which are given all the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import narwhals as nw

from regulars.engine import Frame, in_pandas
from regulars.segments.rulebooks.four_core import NEW_NEEDS_DAYS

GAPS = 20  # of fewer, the 95th percentile is the largest
PER_CODE = 10  # customers, on average, that each code of scores should hold
BUYERS, HISTORY_DAYS, ACTIVE_DAYS, ORDERS = 500, 180, 30, 3  # as published with the three-level map


class Facts(NamedTuple):
    """What the gates look at.

    Attributes:
        buyers: customers with an order.
        returned: those with orders on two days or more.
        most_orders: of one customer.
        last_order_days: days since the shop's last order of a known customer.
        history_days: days since the first observed order.
    """

    buyers: int
    returned: int
    most_orders: int
    last_order_days: int
    history_days: int


def base_facts(features: Frame) -> Facts:
    """The facts of a base, from one row per customer; who has never ordered does not count."""
    buyers = features.filter(nw.col("frequency") > 0)
    row = in_pandas(
        buyers.select(
            buyers=nw.len(),
            returned=nw.col("gap_mean_days").count(),
            most_orders=nw.col("frequency").max(),
            last_order_days=nw.col("recency_days").min(),
            history_days=(nw.col("tenure_days") + nw.col("observed_before_first_days")).max(),
        )
    ).fillna(0)
    return Facts(*(int(row[name].iloc[0]) for name in Facts._fields))


def gates(book: str, facts: Facts) -> list[str]:
    """What speaks against a rulebook in this shop, in sentences; none if nothing does.

    Segments are given all the same. The one exception is four-core without a single customer who came back: its late limit
    cannot be had, and fitting it raises a `SegmentError` that says so.

    Args:
        book: a key of `RULEBOOKS`.
        facts: from `base_facts`.

    >>> gates("three-level", Facts(buyers=400, returned=90, most_orders=9, last_order_days=2, history_days=700))
    ['three-level needs at least 500 buyers; there are 400.']
    """
    return [sentence for failed, sentence in _GATES[book](facts) if failed]


def _four_core(facts: Facts) -> list[tuple[bool, str]]:
    return [
        (
            facts.returned == 0,
            "four-core needs a customer who ordered on two different days: nobody can be called late.",
        ),
        (
            0 < facts.returned < GAPS,
            f"four-core learns its late limit from customers who came back, and should have at least {GAPS}; there are "
            f"{facts.returned}.",
        ),
        (
            facts.history_days < NEW_NEEDS_DAYS,
            f"four-core calls a customer new only after {NEW_NEEDS_DAYS} days of history without an order; there are "
            f"{facts.history_days} days.",
        ),
    ]


def _by_codes(book: str, codes: int, facts: Facts) -> list[tuple[bool, str]]:
    enough = PER_CODE * codes
    return [
        (
            facts.buyers < enough,
            f"{book} should have at least {enough:,} buyers, {PER_CODE} for each of its {codes} codes; there are "
            f"{facts.buyers:,}.",
        ),
        (
            facts.most_orders < 2,
            f"{book} scores frequency, but nobody has ordered twice: all customers share one score.",
        ),
    ]


def _three_level(facts: Facts) -> list[tuple[bool, str]]:
    return [
        (
            facts.buyers < BUYERS,
            f"three-level needs at least {BUYERS} buyers; there are {facts.buyers:,}.",
        ),
        (
            facts.history_days < HISTORY_DAYS,
            f"three-level needs at least {HISTORY_DAYS} days of history; there are {facts.history_days}.",
        ),
        (
            facts.last_order_days > ACTIVE_DAYS,
            f"three-level needs an order in the last {ACTIVE_DAYS} days; the last was {facts.last_order_days} days ago.",
        ),
        (
            facts.most_orders < ORDERS,
            f"three-level needs a customer with at least {ORDERS} orders; the most are {facts.most_orders}.",
        ),
    ]


_GATES: dict[str, Callable[[Facts], list[tuple[bool, str]]]] = {
    "four-core": _four_core,
    "rxf-grid": partial(_by_codes, "rxf-grid", 25),
    "three-level": _three_level,
    "classic-11": partial(_by_codes, "classic-11", 125),
}
