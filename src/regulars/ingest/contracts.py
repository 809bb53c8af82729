"""The staged tables: what one row is, and the name, type, unit and meaning of every column.

Validation, its messages and `docs/tables.md` (by `make docs`) are all made from here.
"""

from __future__ import annotations

import difflib
from typing import Any, Literal, NamedTuple

import narwhals as nw

from regulars.engine import Frame
from regulars.errors import RegularsError

Kind = Literal["id", "text", "count", "money", "flag", "time", "day"]

TYPES: dict[Kind, Any] = {
    "id": nw.String(),
    "text": nw.String(),
    "count": nw.Int64(),
    "money": nw.Decimal(18, 4),
    "flag": nw.Boolean(),
    "time": nw.Datetime("us"),
    "day": nw.Int32(),
}

KINDS: dict[Kind, str] = {
    "id": "an identifier, as text",
    "text": "text",
    "count": "a whole number",
    "money": "an amount in the shop's currency, exact to four decimals",
    "flag": "true or false",
    "time": "a local time of the shop, without a zone",
    "day": "a day: whole days since 1970-01-01, local",
}


class IngestError(RegularsError):
    """Raw data that are missing, cannot be read, or lack what a staged table needs."""


class Column(NamedTuple):
    """One column of a staged table. Where an optional column is not in the source it is staged empty."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False


class Contract(NamedTuple):
    """One staged table.

    Attributes:
        table: its name.
        grain: what one row is, in a sentence.
        key: the columns that identify a row, or, where rows may repeat, order them.
        columns: its columns, in order.
    """

    table: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def conform(self, frame: Frame) -> Frame:
        """The frame with exactly this table's columns and types.

        Raises:
            IngestError: if a required column is absent, or one is there that the table does not have.

        >>> import duckdb
        >>> products = nw.from_native(duckdb.sql("SELECT 7 AS product_id"))
        >>> CONTRACTS["products"].conform(products).collect("pandas").to_native().loc[0, "product_id"]
        '7'
        """
        given = frame.collect_schema().names()
        for column in self.columns:
            if column.required and column.name not in given:
                raise IngestError(self._absent(column, given))
        unknown = sorted(set(given) - {column.name for column in self.columns})
        if unknown:
            raise IngestError(
                f"The source gives {self.table} the column '{unknown[0]}', which no staged table has."
            )
        return frame.select(
            (nw.col(c.name) if c.name in given else nw.lit(None)).cast(TYPES[c.kind]).alias(c.name)
            for c in self.columns
        )

    def _absent(self, column: Column, given: list[str]) -> str:
        near = difflib.get_close_matches(column.name, given, n=3)
        hint = f"the nearest are {', '.join(near)}" if near else f"there are {', '.join(given)}"
        return f"{self.table} needs the column '{column.name}' ({column.meaning}), which the source lacks: {hint}."


_MONEY = (
    Column("revenue", "money", "what the shop received", required=True),
    Column("list_revenue", "money", "revenue plus the discounts that the shop gave"),
    Column("discount", "money", "what the customer saved, makers' coupons included"),
    Column("coupon_discount", "money", "the part of it that came by coupon"),
)
_WHEN = (
    Column("ordered_at", "time", "when the order was placed", required=True),
    Column("ordered_day", "day", "the day of the order", required=True),
    Column("ordered_month", "text", "its month, YYYY-MM", required=True),
)
_WHOSE = (
    Column("order_id", "id", "the order", required=True),
    Column("customer_id", "id", "the customer; empty for a guest", required=True),
)

CONTRACTS: dict[str, Contract] = {
    contract.table: contract
    for contract in (
        Contract(
            "products",
            "One row per product.",
            ("product_id",),
            (
                Column("product_id", "id", "the product", required=True),
                Column("product", "text", "what it is"),
                Column("category", "text", "the category it is counted in"),
                Column("department", "text", "the department above the category"),
                Column("is_private_brand", "flag", "whether it is the shop's own brand"),
                Column("package_size", "text", "size of a package, as printed"),
            ),
        ),
        Contract(
            "customers",
            "One row per customer.",
            ("customer_id",),
            (
                Column("customer_id", "id", "the customer", required=True),
                Column("has_profile", "flag", "whether the customer ever filled in a form"),
                Column("age_band", "text", "age band"),
                Column("income_band", "text", "income band"),
                Column("household_size", "text", "persons in the household"),
                Column("household", "text", "who lives in the household"),
                Column("children", "text", "number of children"),
                Column("home_ownership", "text", "owner or renter"),
                Column("marital_status", "text", "marital status"),
            ),
        ),
        Contract(
            "contacts",
            "One row per campaign that a customer was sent, and per coupon that a customer redeemed.",
            ("customer_id", "contacted_day", "kind", "campaign_id", "coupon_id"),
            (
                Column("customer_id", "id", "the customer", required=True),
                Column("kind", "text", "'campaign sent' or 'coupon redeemed'", required=True),
                Column("campaign_id", "id", "the campaign"),
                Column("coupon_id", "id", "the coupon, where one was redeemed"),
                Column("contacted_day", "day", "the day on which it was sent or redeemed", required=True),
            ),
        ),
        Contract(
            "order_lines",
            "One row per product of an order.",
            ("order_id", "product_id", "quantity", "revenue", "discount"),
            (
                *_WHOSE,
                Column("product_id", "id", "the product", required=True),
                Column("store_id", "id", "the store, or the sales channel"),
                Column("quantity", "count", "items, or a volume; zero where nothing was sold", required=True),
                *_MONEY,
                *_WHEN,
            ),
        ),
        Contract(
            "orders",
            "One row per order, summed from its lines.",
            ("order_id",),
            (
                *_WHOSE,
                Column("store_id", "id", "the store, or the sales channel"),
                Column("lines", "count", "lines on which something was sold", required=True),
                *_MONEY,
                Column("has_coupon", "flag", "whether a coupon was used"),
                *_WHEN,
            ),
        ),
    )
}


def document() -> str:
    """The contracts as a Markdown page."""
    parts = [
        "# The staged tables\n",
        "Made from `src/regulars/ingest/contracts.py`; a test holds the two together.\n",
    ]
    for contract in CONTRACTS.values():
        rows = [
            f"| `{c.name}` | {KINDS[c.kind]} | {'required' if c.required else 'may be empty'} | {c.meaning} |"
            for c in contract.columns
        ]
        parts.append(
            f"## {contract.table}\n\n{contract.grain} Sorted by {', '.join(f'`{name}`' for name in contract.key)}.\n\n"
            "| column | type | | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"
        )
    return "\n".join(parts)
