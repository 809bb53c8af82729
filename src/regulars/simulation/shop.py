"""The whole shop, table by table."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from regulars.simulation.catalogue import CATEGORIES, catalogue, product_table
from regulars.simulation.events import event_table
from regulars.simulation.history import Calendar
from regulars.simulation.letters import contact_table, letters
from regulars.simulation.orders import line_table, lines, orders
from regulars.simulation.people import customer_table, people
from regulars.simulation.survey import answer_table
from regulars.simulation.visits import steps, visits


def simulate(customers: int, seed: int, first_day: date, last_day: date) -> dict[str, pa.Table]:
    """The tables of a simulated shop, as a source would have them: e-mail addresses in the clear, at example.com.

    The same arguments give the same tables.

    Args:
        customers: how many; a few of them have two profiles.
        seed: of everything that is drawn.
        first_day: of the history.
        last_day: of the history; at least 500 days later.

    Returns:
        Table → rows, with the names of the contracts and `planted_segment` in customers.

    >>> tables = simulate(200, 1, date(2023, 1, 1), date(2024, 6, 30))
    >>> sorted(tables)
    ['answers', 'contacts', 'customers', 'events', 'order_lines', 'products']
    """
    calendar = Calendar(first_day, (last_day - first_day).days + 1)
    persons = people(calendar, customers, len(CATEGORIES), seed)
    offered = catalogue(calendar, seed)
    placed = orders(calendar, persons, seed)
    bought = lines(calendar, persons, offered, placed, seed)
    sent = letters(calendar, persons, seed)
    visited = visits(calendar, persons, placed, sent, seed)
    done = steps(persons, offered, visited, bought, seed)
    return {
        "products": product_table(offered),
        "customers": customer_table(calendar, persons, seed),
        "contacts": contact_table(calendar, persons, sent, placed),
        "events": event_table(calendar, persons, placed, bought, sent, visited, done, seed),
        "answers": answer_table(calendar, persons, seed),
        "order_lines": line_table(calendar, persons, placed, bought, seed),
    }
