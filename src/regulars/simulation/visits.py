"""Who looked in, at what, and what was put in the cart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regulars.simulation.catalogue import Catalogue, chosen
from regulars.simulation.chance import places, spread, stream
from regulars.simulation.history import Calendar
from regulars.simulation.letters import Letters
from regulars.simulation.orders import Lines, Orders
from regulars.simulation.people import DEVICES, People

UNKNOWN_SHARE = 0.25  # visits by nobody known, for each known visit without an order
USUAL_DEVICE_SHARE = 0.85
PACE = 40  # seconds from one thing to the next
WAYS = {"search": 0.4, "direct": 0.3, "social": 0.15, "advertisement": 0.15}


class Visits(NamedTuple):
    """One row per visit.

    Attributes:
        person: who; of an unknown visitor, whose taste it is.
        day: when.
        second: of the day, when it begins.
        order: the place of the order that it ends in, or -1.
        is_known: whether the visitor was known.
        has_cart: whether something was put in the cart and left.
        views: products looked at, besides those that were ordered.
        device: the device.
        channel: how it came about.
    """

    person: np.ndarray
    day: np.ndarray
    second: np.ndarray
    order: np.ndarray
    is_known: np.ndarray
    has_cart: np.ndarray
    views: np.ndarray
    device: np.ndarray
    channel: np.ndarray


class Steps(NamedTuple):
    """One row per thing that was done in a visit.

    Attributes:
        visit: the place of the visit.
        kind: what was done.
        product: the place of the product, or -1.
        second: of the day.
    """

    visit: np.ndarray
    kind: np.ndarray
    product: np.ndarray
    second: np.ndarray


def visits(calendar: Calendar, persons: People, placed: Orders, sent: Letters, seed: int) -> Visits:
    """Visits without an order, those that end in one, those that follow a click in a newsletter, and strangers'."""
    rng = stream(seed, "visits")
    looks, looks_on = _looking(calendar, persons, rng)
    strangers = round(len(looks) * UNKNOWN_SHARE)
    clicked, online = np.flatnonzero(sent.is_clicked), np.flatnonzero(~placed.in_store)
    sizes = [len(looks), len(clicked), len(online), strangers]
    stranger = rng.choice(np.flatnonzero(persons.kind == 0), strangers)
    strange_day = calendar.day_of(rng.random(strangers) * calendar.days)
    person = np.concatenate([looks, sent.person[clicked], placed.person[online], stranger])
    day = np.concatenate([looks_on, sent.day[clicked], placed.day[online], strange_day])
    part = np.repeat(np.arange(4), sizes)
    order = np.full(len(person), -1)
    order[part == 2] = online
    count = len(person)
    second = (np.clip(persons.hour[person] + rng.normal(0, 2.5, count), 7, 22) * 3600).astype(np.int64)
    second[part == 1] = sent.second[clicked] + 15
    second[part == 2] = placed.second[online]  # the end; `steps` goes back from it
    cart = spread(rng, persons.mean("cart"))
    often = persons.mean("views") * rng.lognormal(0, 0.2, len(persons.kind))
    is_known = (part != 3) & ~((order >= 0) & placed.is_guest[order])
    return Visits(
        person=person,
        day=day,
        second=second,
        order=order,
        is_known=is_known,
        has_cart=(order < 0) & (rng.random(count) < cart[person]),
        views=1 + rng.poisson(np.maximum(often[person] - 1, 0)),
        device=_devices(persons, person, rng),
        channel=np.where(part == 1, "newsletter", _ways(rng, count)),
    )


def _looking(calendar: Calendar, persons: People, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Whose visits without an order they are, and their days."""
    busy = calendar.busy()
    begin, end = busy[persons.since], busy[persons.until + 1]
    yearly = persons.mean("visits") * persons.pace
    person = np.repeat(np.arange(len(begin)), rng.poisson(yearly * (end - begin) / 365))
    done = begin[person] + rng.random(len(person)) * (end - begin)[person]
    return person, np.clip(calendar.day_of(done), persons.since[person], persons.until[person])


def _devices(persons: People, person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    other = rng.choice(np.array(list(DEVICES), dtype=object), len(person))
    return np.where(rng.random(len(person)) < USUAL_DEVICE_SHARE, persons.device[person], other)


def _ways(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.choice(np.array(list(WAYS), dtype=object), count, p=list(WAYS.values()))


def steps(persons: People, offered: Catalogue, visited: Visits, bought: Lines, seed: int) -> Steps:
    """What was done in each visit: products looked at, put in the cart, and a checkout where there is an order."""
    rng = stream(seed, "visits/steps")
    looked = np.repeat(np.arange(len(visited.person)), visited.views)
    person, day = visited.person[looked], visited.day[looked]
    none = np.zeros(len(looked), dtype=bool)
    wants_new = rng.random(len(looked)) < persons.mean("new")[person]
    product = chosen(rng, offered, persons, person, day, wants_new=wants_new, wants_sale=none)
    at = np.flatnonzero(visited.order >= 0)
    of_order = np.full(
        bought.order.max(initial=-1) + 1, -1
    )  # the visit of each order; none of those in the store
    of_order[visited.order[at]] = at
    line = np.flatnonzero(of_order[bought.order] >= 0)
    ordered = of_order[bought.order[line]]
    is_last = places(visited.views) == visited.views[looked] - 1
    left = visited.has_cart[looked] & (is_last | (rng.random(len(looked)) < 0.2))
    parts = [
        ("view", looked, product),
        ("cart", looked[left], product[left]),
        ("view", ordered, bought.product[line]),
        ("cart", ordered, bought.product[line]),
        ("checkout", at, np.full(len(at), -1)),
    ]
    visit = np.concatenate([rows for _, rows, _ in parts])
    kind = np.repeat(
        np.array([name for name, *_ in parts], dtype=object), [len(rows) for _, rows, _ in parts]
    )
    return _timed(visited, visit, kind, np.concatenate([which for *_, which in parts]))


def _timed(visited: Visits, visit: np.ndarray, kind: np.ndarray, product: np.ndarray) -> Steps:
    """The steps of each visit one after another: views, carts, checkout; a visit with an order ends when it was placed."""
    rank = np.select([kind == "view", kind == "cart"], [0, 1], 2)
    order = np.lexsort([product, rank, visit])
    visit, kind, product = visit[order], kind[order], product[order]
    counts = np.bincount(visit, minlength=len(visited.person))
    back = np.where(visited.order >= 0, (counts - 1) * PACE, 0)
    return Steps(visit, kind, product, (visited.second - back)[visit] + places(counts) * PACE)
