"""What is bought, at which price, and what comes back."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regulars.simulation.archetypes import column
from regulars.simulation.catalogue import Catalogue, chosen, product_ids
from regulars.simulation.chance import spread, stream
from regulars.simulation.history import Calendar
from regulars.simulation.people import People

FIRST_ORDER = 500_001
GUEST_SHARE = 0.05  # of all orders
CANCELLED_SHARE = 0.008
STORE_SHARE = 0.35  # of the orders from Berlin, where the shop has a store
EVENNESS = 4.0  # shape of the gaps between orders: the larger, the more regular
MONEY = pa.decimal128(18, 4)


class Orders(NamedTuple):
    """One row per order.

    Attributes:
        person: whose it is; of a guest, whose taste it has.
        day: on which it is placed.
        second: of the day.
        is_guest: whether nobody knows whose it is.
        is_cancelled: whether it was never paid.
        has_coupon: whether the month's coupon was used.
        in_store: whether it was bought in the store.
    """

    person: np.ndarray
    day: np.ndarray
    second: np.ndarray
    is_guest: np.ndarray
    is_cancelled: np.ndarray
    has_coupon: np.ndarray
    in_store: np.ndarray

    @property
    def ids(self) -> np.ndarray:
        """Their ids."""
        return FIRST_ORDER + np.arange(len(self.person))


class Lines(NamedTuple):
    """One row per product of an order; money in cents.

    Attributes:
        order: the place of the order.
        product: the place of the product.
        quantity: items.
        price: list price of one item.
        markdown: what the line costs less because the product was marked down.
        coupon: what it costs less by the coupon.
    """

    order: np.ndarray
    product: np.ndarray
    quantity: np.ndarray
    price: np.ndarray
    markdown: np.ndarray
    coupon: np.ndarray


def orders(calendar: Calendar, persons: People, seed: int) -> Orders:
    """Every order of the history, by day."""
    known, known_day = _days(calendar, persons, stream(seed, "orders/days"))
    rng = stream(seed, "orders/guests")
    guests = round(len(known) * GUEST_SHARE / (1 - GUEST_SHARE))
    guest = rng.choice(np.flatnonzero(persons.kind == 0), guests)
    person = np.concatenate([known, guest])
    day = np.concatenate([known_day, calendar.day_of(rng.random(guests) * calendar.days)])
    order = np.lexsort([person, day])
    person, day = person[order], day[order]
    rng, count = stream(seed, "orders/kind"), len(person)
    hour = np.clip(persons.hour[person] + rng.normal(0, 1.5, count), 8, 22.5)
    coupon = spread(stream(seed, "orders/coupon"), persons.mean("coupon"))
    is_near = persons.region[person] == "Berlin"
    return Orders(
        person=person,
        day=day,
        second=(hour * 3600).astype(np.int64),
        is_guest=(order >= len(known)),
        is_cancelled=rng.random(count) < CANCELLED_SHARE,
        has_coupon=rng.random(count) < coupon[person],
        in_store=is_near & (rng.random(count) < STORE_SHARE),
    )


def _days(calendar: Calendar, persons: People, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Whose orders they are, and their days: gaps are even in business done, so that busy weeks have more orders."""
    yearly = column("orders")[persons.kind] * persons.pace
    whose, days = [], []
    for kind in np.unique(persons.kind[yearly > 0]):
        who = np.flatnonzero(persons.kind == kind)
        gap = 365 / yearly[who]
        most = 10 + int(2 * calendar.days / gap.min())
        gaps = rng.gamma(EVENNESS, gap[:, None] / EVENNESS, (len(who), most))
        # Who joins, joins to order; of the others the next order is as far off as chance has it.
        gaps[:, 0] *= np.where(persons.joined[who] < 0, rng.random(len(who)), 0.0)
        done = calendar.busy()[persons.since[who]][:, None] + np.cumsum(gaps, axis=1)
        is_there = (done < calendar.busy()[persons.until[who] + 1][:, None]) & (
            (np.arange(most) == 0) | ~persons.are("orders once")[who][:, None]
        )
        row, place = np.nonzero(is_there)
        whose.append(who[row])
        days.append(calendar.day_of(done[row, place]))
    person, day = np.concatenate(whose), np.concatenate(days)
    return person, _on_their_weekday(calendar, persons, person, day, rng)


def _on_their_weekday(
    calendar: Calendar, persons: People, person: np.ndarray, day: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Half of the orders after the first are moved to the usual weekday, at most three days."""
    off = (persons.weekday[person] - calendar.first.weekday() - day + 3) % 7 - 3
    moves = (rng.random(len(day)) < 0.5) & (day > persons.since[person])
    return np.clip(day + np.where(moves, off, 0), persons.since[person], persons.until[person])


def lines(calendar: Calendar, persons: People, offered: Catalogue, placed: Orders, seed: int) -> Lines:
    """What each order is made of: a product stands once in it."""
    rng, order = stream(seed, "lines"), np.arange(len(placed.person))
    order = np.repeat(order, 1 + rng.poisson(persons.mean("lines")[placed.person] - 1))
    person, day = placed.person[order], placed.day[order]
    new, sale = spread(rng, persons.mean("new")), spread(rng, persons.mean("sale"))
    product = chosen(
        rng,
        offered,
        persons,
        person,
        day,
        wants_new=rng.random(len(order)) < new[person],
        wants_sale=rng.random(len(order)) < sale[person],
    )
    _, first = np.unique(order * len(offered.cents) + product, return_index=True)
    order, product, person, day = order[first], product[first], person[first], day[first]
    usual = (persons.mean("items") - 1) * rng.lognormal(0, 0.2, len(persons.kind))
    quantity = 1 + rng.poisson(usual[person])
    price = offered.cents[product]
    markdown = np.round(price * quantity * offered.markdown[product, day // 7]).astype(np.int64)
    depth = offered.coupon[calendar.months[day]] * placed.has_coupon[order]
    coupon = np.round((price * quantity - markdown) * depth).astype(np.int64)
    return Lines(order, product, quantity, price, markdown, coupon)


def line_table(calendar: Calendar, persons: People, placed: Orders, bought: Lines, seed: int) -> pa.Table:
    """One row per line; what comes back stands again under its order, on its later day, with a quantity below zero."""
    line, later, seconds = came_back(calendar, persons, placed, bought, seed)
    sold = np.arange(len(bought.order))
    row = np.concatenate([sold, line])
    sign = np.repeat([1, -1], [len(sold), len(line)])
    order = bought.order[row]
    day = np.concatenate([placed.day[bought.order], later])
    second = np.concatenate([placed.second[bought.order], seconds])
    gross = bought.price[row] * bought.quantity[row]
    net = gross - bought.markdown[row] - bought.coupon[row]
    customer = persons.ids(placed.person[order], placed.day[order])
    return pa.table(
        {
            "order_id": placed.ids[order],
            "customer_id": pa.array(customer, mask=placed.is_guest[order]),
            "product_id": product_ids()[bought.product[row]],
            "store_id": np.where(placed.in_store, "store Berlin", "web").astype(object)[order],
            "status": np.where(placed.is_cancelled, "cancelled", "paid").astype(object)[order],
            "quantity": sign * bought.quantity[row],
            "price": money(bought.price[row]),
            "revenue": money(sign * net),
            "list_revenue": money(sign * gross),
            "discount": money(gross - net, sign < 0),
            "coupon_discount": money(bought.coupon[row], sign < 0),
            "ordered_at": calendar.times(day, second),
        }
    )


def came_back(
    calendar: Calendar, persons: People, placed: Orders, bought: Lines, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lines that came back, the days on which they did, and the second of the day; some will after the history."""
    rng, count = stream(seed, "returns"), len(bought.order)
    share = spread(rng, persons.mean("returns"))[placed.person[bought.order]]
    day = placed.day[bought.order] + rng.integers(3, 21, count)
    comes = (rng.random(count) < share) & ~placed.is_cancelled[bought.order] & (day < calendar.days)
    second = rng.integers(9 * 3600, 17 * 3600, count)
    return np.flatnonzero(comes), day[comes], second[comes]


def money(cents: np.ndarray, is_null: np.ndarray | None = None) -> pa.Array:
    """Cents as exact amounts.

    >>> money(np.array([1999])).to_pylist()
    [Decimal('19.9900')]
    """
    whole = (
        pa.array(cents.astype(np.int64), mask=is_null).cast(pa.decimal128(19, 0)).cast(pa.decimal128(24, 4))
    )
    return pc.multiply(whole, pa.scalar(Decimal("0.01"))).cast(MONEY)
