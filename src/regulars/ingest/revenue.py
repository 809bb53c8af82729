"""One definition of revenue, from whatever amounts a source has."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from regulars.config import Format
from regulars.config.shop import Revenue
from regulars.ingest.contracts import IngestError

EXACT = "DECIMAL(18, 4)"
PARTS = {"tax": "tax", "shipping": "shipping", "discounts": "discount"}  # part → its column


def with_revenue(
    query: str,
    columns: Sequence[str],
    given: Format,
    wanted: Revenue,
    table: str,
    *,
    is_lenient: bool = False,
) -> str:
    """The query with `revenue`, `list_revenue`, `discount` and `coupon_discount` as the configuration defines them.

    revenue = the source's amount (its `revenue`, or price × quantity), plus what is to be in it and is not, less what is in
    it and is not to be: tax, shipping, discounts. list_revenue adds the discounts that were taken off.

    Args:
        query: a read table.
        columns: its columns.
        given: what the source's amounts include.
        wanted: the configuration's definition.
        table: for sentences.
        is_lenient: whether a part that the definition needs and the source lacks is passed over.

    Raises:
        IngestError: if the source has no amount, or lacks a part that the definition needs.

    >>> columns = ["order_id", "revenue", "tax"]
    >>> "- coalesce(tax, 0)" in with_revenue("FROM x", columns, Format(includes=("tax",)), Revenue(), "orders")
    True
    """
    amount = _amount(columns, table)
    if is_lenient:
        given = given.model_copy(
            update={"includes": tuple(p for p in PARTS if _is_settled(p, columns, given, wanted))}
        )
    if "list_revenue" in columns and wanted.discounts == "in":
        amount = f"list_revenue::{EXACT}"
    else:
        amount = _with_part(amount, "discount", "discounts", columns, wanted.discounts == "in", given, table)
    listed = f"list_revenue::{EXACT}" if "list_revenue" in columns else ""
    for part in ("tax", "shipping"):
        is_wanted = getattr(wanted, part) == "in"
        amount = _with_part(amount, part, part, columns, is_wanted, given, table)
        listed = listed and _with_part(listed, part, part, columns, is_wanted, given, table)
    discount = f"abs(discount)::{EXACT}" if "discount" in columns else f"NULL::{EXACT}"
    taken_off = "0" if wanted.discounts == "in" or "discount" not in columns else "coalesce(discount, 0)"
    listed = listed or f"(revenue + {taken_off})::{EXACT}"
    coupon = "coupon_discount"
    if coupon not in columns:
        coupon = (
            "CASE WHEN coupon_id IS NOT NULL THEN discount ELSE 0 END" if "coupon_id" in columns else "NULL"
        )
    made = [name for name in ("revenue", "discount") if name in columns]
    rest = [name for name in ("list_revenue", "coupon_discount") if name in columns]
    return f"""
        SELECT * {_exclude(rest)}, {listed} AS list_revenue, ({coupon})::{EXACT} AS coupon_discount
        FROM (SELECT * {_exclude(made)}, {amount} AS revenue, {discount} AS discount FROM ({query}))"""


def _is_settled(part: str, columns: Sequence[str], given: Format, wanted: Revenue) -> bool:
    """Whether the amount counts as including a part: it does, or it should and there is no column to add it from."""
    if PARTS[part] in columns:
        return part in given.includes
    return bool(getattr(wanted, part) == "in")


def _exclude(names: Sequence[str]) -> str:
    return f"EXCLUDE ({', '.join(names)})" if names else ""


def _amount(columns: Sequence[str], table: str) -> str:
    """What the source says the row is worth."""
    product = f"TRY((price * quantity)::{EXACT})"  # more than 92 billion is a barcode in the place of a quantity: no amount
    if "revenue" in columns:
        both = {"price", "quantity"} <= set(columns)
        return f"coalesce(revenue, {product})::{EXACT}" if both else f"(revenue)::{EXACT}"
    if {"price", "quantity"} <= set(columns):
        return product
    raise IngestError(
        f"{table} needs the column 'revenue' (what the shop received), or both 'price' and 'quantity': map them in the "
        f"configuration, as in columns: {{revenue: Total}}."
    )


def _with_part(
    amount: str, column: str, part: str, columns: Sequence[str], is_wanted: bool, given: Format, table: str
) -> str:
    """The amount with a part added or taken off. Discounts are money that the amount without them lacks."""
    is_there = part in given.includes
    if is_there == is_wanted:
        return amount
    if column not in columns:
        raise IngestError(
            f"Revenue is to be {'with' if is_wanted else 'without'} {part}, but the amounts of {table} are "
            f"{'with' if is_there else 'without'} and no column '{column}' is mapped. Map it, or write "
            f"revenue: {{{part}: {'in' if is_there else 'out'}}}."
        )
    value = f"coalesce(abs({column}), 0)" if column == "discount" else f"coalesce({column}, 0)"
    return f"({amount} {'+' if is_wanted else '-'} {value})::{EXACT}"


def in_words(revenue: Revenue) -> pd.DataFrame:
    """The definition as a table that pages show: each part, and whether it is in revenue.

    >>> in_words(Revenue())["in revenue"].tolist()
    ['no', 'no', 'taken off', 'taken off, in the month in which the money went back']
    """
    parts = [
        ("tax that the shop collects", "yes" if revenue.tax == "in" else "no"),
        ("what customers pay for delivery", "yes" if revenue.shipping == "in" else "no"),
        ("discounts that the shop gives", "not taken off" if revenue.discounts == "in" else "taken off"),
        ("cancellations and returns", "not taken off" if revenue.returns == "in" else
         "taken off, in the month in which the money went back"),
    ]  # fmt: skip
    return pd.DataFrame(parts, columns=["part", "in revenue"])
