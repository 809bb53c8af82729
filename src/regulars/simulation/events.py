"""The events: visits step by step, newsletters opened and clicked, support, and withdrawals of consent."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from regulars.simulation.catalogue import product_ids
from regulars.simulation.chance import stream
from regulars.simulation.history import Calendar
from regulars.simulation.letters import Letters
from regulars.simulation.orders import Lines, Orders, came_back
from regulars.simulation.people import NEVER, People
from regulars.simulation.visits import Steps, Visits

FIRST_VISIT = 3_000_001
SUPPORT_SHARE = 0.02  # of the orders
RETURN_SUPPORT_SHARE = 0.2  # of what came back


def event_table(
    calendar: Calendar,
    persons: People,
    placed: Orders,
    bought: Lines,
    sent: Letters,
    visited: Visits,
    done: Steps,
    seed: int,
) -> pa.Table:
    """One row per event."""
    parts = [
        _of_visits(calendar, persons, visited, done),
        *_of_letters(calendar, persons, sent),
        _of_support(calendar, persons, placed, bought, seed),
        _of_withdrawals(calendar, persons, seed),
    ]
    return pa.concat_tables(parts, promote_options="default")


def _of_visits(calendar: Calendar, persons: People, visited: Visits, done: Steps) -> pa.Table:
    person, day = visited.person[done.visit], visited.day[done.visit]
    products = np.array([*product_ids(), None], dtype=object)  # the last stands for none
    return pa.table(
        {
            "customer_id": pa.array(persons.ids(person, day), mask=~visited.is_known[done.visit]),
            "session_id": FIRST_VISIT + done.visit,
            "kind": done.kind,
            "product_id": products[done.product],
            "device": visited.device[done.visit],
            "channel": visited.channel[done.visit],
            "occurred_at": calendar.times(day, done.second),
        }
    )


def _of_letters(calendar: Calendar, persons: People, sent: Letters) -> list[pa.Table]:
    opened, clicked = np.flatnonzero(sent.is_opened), np.flatnonzero(sent.is_clicked)
    return [
        _single(
            calendar, persons, "e-mail opened", sent.person[opened], sent.day[opened], sent.second[opened]
        ),
        _single(
            calendar,
            persons,
            "e-mail clicked",
            sent.person[clicked],
            sent.day[clicked],
            sent.second[clicked] + 10,
        ),
    ]


def _of_support(calendar: Calendar, persons: People, placed: Orders, bought: Lines, seed: int) -> pa.Table:
    """Questions about orders a few days after them, and about returns on the day before they arrive."""
    rng = stream(seed, "support")
    asks = np.flatnonzero((rng.random(len(placed.person)) < SUPPORT_SHARE) & ~placed.is_guest)
    asked_on = placed.day[asks] + rng.integers(1, 6, len(asks))
    line, returned_on, _ = came_back(calendar, persons, placed, bought, seed)
    order = bought.order[line]
    about = (rng.random(len(line)) < RETURN_SUPPORT_SHARE) & ~placed.is_guest[order]
    person = np.concatenate([placed.person[asks], placed.person[order[about]]])
    day = np.concatenate([asked_on, returned_on[about] - 1])
    kept = day < calendar.days
    second = rng.integers(9 * 3600, 17 * 3600, len(day))
    return _single(calendar, persons, "support", person[kept], day[kept], second[kept])


def _of_withdrawals(calendar: Calendar, persons: People, seed: int) -> pa.Table:
    """Those that the profile does not tell of."""
    who = np.flatnonzero((persons.opted_out < NEVER) & ~persons.is_told)
    second = stream(seed, "withdrawals").integers(8 * 3600, 22 * 3600, len(who))
    return _single(calendar, persons, "opt-out", who, persons.opted_out[who], second)


def _single(
    calendar: Calendar, persons: People, kind: str, person: np.ndarray, day: np.ndarray, second: np.ndarray
) -> pa.Table:
    """Events that belong to no visit."""
    return pa.table(
        {
            "customer_id": pa.array(persons.ids(person, day), pa.int64()),
            "kind": pa.array(np.full(len(person), kind, dtype=object), pa.string()),
            "occurred_at": calendar.times(day, second),
        }
    )
