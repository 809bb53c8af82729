"""What is known of a shop and of some customers before a day, read from the staged files without the package's code."""

from __future__ import annotations

import re
from collections import defaultdict, namedtuple
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import duckdb

Row: TypeAlias = Any

# The columns that are looked at, and the one that says when.
COLUMNS = {
    "orders": "ordered_day ordered_at lines revenue list_revenue discount has_coupon",
    "order_lines": "ordered_day product_id quantity revenue list_revenue discount is_product",
    "returns": "returned_day revenue",
    "events": "occurred_day occurred_at session_id kind device",
    "answers": "answered_day question answer",
}
AGREED = {"opt-in", "optin", "subscribe", "subscribed"}
WITHDREW = {"opt-out", "optout", "unsubscribe", "unsubscribed"}
SOLD = "coalesce(quantity, 1) > 0 AND revenue >= 0 AND coalesce(is_product, true)"


class Books(NamedTuple):
    """What is known of a shop before a day; `own` has every sampled customer's rows, by table and customer."""

    day: int
    first_day: int
    first_event_day: int | None
    own: dict[str, dict[str, list[Row]]]
    customers: dict[str, Row] | None
    products: dict[str, Row] | None
    launched: dict[str, int]
    has_categories: bool
    has_hours: bool
    has_returns: bool
    records_consent: bool
    questions: list[str]

    def rows(self, table: str, customer: str) -> list[Row]:
        return self.own.get(table, {}).get(customer, [])


def rows(query: str, *values: Any) -> list[Row]:
    """A query's rows, with names."""
    found = duckdb.execute(query, list(values))
    row = namedtuple("Row", [column[0] for column in found.description], rename=True)  # type: ignore[misc]
    return [row(*values) for values in found.fetchall()]


def opened(folder: Path, day: int, customers: Sequence[str]) -> Books:
    """The books of some customers, from a folder of staged tables."""
    table = {path.stem: f"'{path}'" for path in folder.glob("*.parquet")}
    whole = {name: rows(f"FROM {table[name]}") for name in ("customers", "products") if name in table}
    orders = f"{table['orders']} WHERE ordered_day < {day}"
    first_day, last_hour = rows(f"SELECT min(ordered_day), max(hour(ordered_at)) FROM {orders}")[0]
    first_event_day, kinds = _events(table.get("events"), day)
    stated = any(row.opted_in_at or row.opted_out_at for row in whole.get("customers", []))
    return Books(
        day=day,
        first_day=first_day,
        first_event_day=first_event_day,
        own={name: _of(name, table[name], day, customers) for name in COLUMNS if name in table},
        customers={row.customer_id: row for row in whole["customers"]} if "customers" in whole else None,
        products={row.product_id: row for row in whole["products"]} if "products" in whole else None,
        launched=_launches(table["order_lines"], day) if "order_lines" in table else {},
        has_categories=any(row.category is not None for row in whole.get("products", [])),
        has_hours=bool(last_hour),
        has_returns=bool(rows(f"FROM {table['returns']} WHERE returned_day < {day} LIMIT 1")),
        records_consent=stated or bool(kinds & (AGREED | WITHDREW)),
        questions=_questions(table["answers"], day) if "answers" in table else [],
    )


def _of(table: str, path: str, day: int, customers: Sequence[str]) -> dict[str, list[Row]]:
    """These customers' rows before a day; of events also those without a date, for a withdrawal counts without one."""
    columns = COLUMNS[table].split()
    when = columns[0]
    past = f"({when} < ? OR {when} IS NULL)" if table == "events" else f"{when} < ?"
    chosen = f"SELECT customer_id, {', '.join(columns)} FROM {path} WHERE {past} AND customer_id IN (SELECT unnest(?))"
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows(chosen, day, list(customers)):
        found[row.customer_id].append(row)
    return found


def _events(events: str | None, day: int) -> tuple[int | None, set[str]]:
    """The first day that events were observed, and the kinds that there were."""
    if events is None:
        return None, set()
    seen = rows(
        f"SELECT kind, min(occurred_day) FROM {events} WHERE coalesce(occurred_day, 0) < {day} GROUP BY kind"
    )
    first = min((when for _, when in seen if when is not None), default=None)
    return first, {spelled(kind) for kind, _ in seen}


def _launches(lines: str, day: int) -> dict[str, int]:
    """The day on which each product was first sold to anybody."""
    sold = f"{SOLD} AND ordered_day < {day} AND product_id IS NOT NULL"
    first = f"SELECT product_id, min(ordered_day) FROM {lines} WHERE {sold} GROUP BY product_id"
    return dict(tuple(row) for row in rows(first))


def _questions(answers: str, day: int) -> list[str]:
    asked = f"SELECT DISTINCT question FROM {answers} WHERE answered_day < {day} AND answer IS NOT NULL ORDER BY 1"
    return [question for (question,) in rows(asked)]


def spelled(kind: str) -> str:
    return re.sub("[_ ]", "-", kind.lower())
