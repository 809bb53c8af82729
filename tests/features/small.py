"""Shops small enough to read: rows written by hand, staged as a source's are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeAlias

import narwhals as nw
import pandas as pd
import pyarrow as pa

from regulars.engine import Engine, Frame
from regulars.features import Tables, snapshot
from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.tables import orders_of

Row: TypeAlias = dict[str, Any]
PRODUCTS = {"apple": "fruit", "pear": "fruit", "milk": "dairy", "bag": None}
BRANDS = {"apple": True, "pear": False, "milk": False, "bag": None}


def at(day: int, hour: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(days=day, hours=hour)


def line(
    order: str,
    customer: str | None,
    day: int,
    product: str | None = "apple",
    quantity: float | None = 1,
    revenue: float = 1.0,
    discount: float | None = 0.0,
    *,
    coupon: float | None = 0.0,
    hour: int = 12,
    is_product: bool = True,
) -> Row:
    """A line of an order; an order is what its lines are."""
    return {
        "order_id": order,
        "customer_id": customer,
        "ordered_day": day,
        "ordered_at": at(day, hour),
        "product_id": product,
        "quantity": quantity,
        "revenue": revenue,
        "list_revenue": revenue + (discount or 0),
        "discount": discount,
        "coupon_discount": coupon,
        "is_product": is_product,
        "is_return": quantity is not None and quantity < 0,
    }


def back(customer: str, day: int, revenue: float) -> Row:
    """Money that came back."""
    return {"return_id": f"r{day}", "customer_id": customer, "returned_day": day, "revenue": revenue}


def event(
    customer: str | None,
    day: int | None,
    kind: str = "view",
    session: str | None = None,
    device: str | None = None,
) -> Row:
    """Something that a customer did at nine o'clock."""
    return {
        "customer_id": customer,
        "occurred_day": day,
        "occurred_at": None if day is None else at(day, 9),
        "kind": kind,
        "session_id": session,
        "device": device,
    }


def answer(customer: str, day: int | None, said: str | None, question: str = "size") -> Row:
    return {"customer_id": customer, "answered_day": day, "question": question, "answer": said}


def profile(customer: str, **said: Any) -> Row:
    return {"customer_id": customer, "has_profile": True, **said}


def staged(engine: Engine, table: str, rows: list[Row]) -> Frame:
    """Rows with all columns of a staged table, in its types."""
    contract = CONTRACTS[table]
    columns = {one.name: pa.array([row.get(one.name) for row in rows]) for one in contract.columns}
    return contract.conform(nw.from_native(engine.connection.from_arrow(pa.table(columns))))


def tables(
    engine: Engine,
    lines: list[Row],
    products: dict[str, str | None] | None = PRODUCTS,
    **others: list[Row],
) -> Tables:
    """A shop of these lines, and of those other tables that it has."""
    staged_lines = staged(engine, "order_lines", lines)
    found = {name: staged(engine, name, rows) for name, rows in others.items()}
    if products is not None:
        told = [
            {"product_id": name, "category": category, "is_private_brand": BRANDS.get(name)}
            for name, category in products.items()
        ]
        found["products"] = staged(engine, "products", told)
    return Tables(orders_of(staged_lines), staged_lines, **found)


def taken(lines: list[Row], day: int = 100, **others: Any) -> pd.DataFrame:
    """The snapshot of a small shop on a day, one row per customer."""
    engine = Engine()
    found = engine.collect(snapshot(tables(engine, lines, **others), day), "customer_id")
    return found.set_index("customer_id")


def of_one(lines: list[Row], day: int = 100, **others: Any) -> pd.Series:
    """The snapshot's row of the customer `a`."""
    return taken(lines, day, **others).loc["a"]
