"""What the rules need to know of a row besides its own values: its order's other rows, and rows that are equal to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from regulars.config import ShopConfig
from regulars.engine import Engine
from regulars.ingest.contracts import CONTRACTS, Contract, IngestError
from regulars.ingest.landing import Landed, identifier, quoted
from regulars.ingest.reading import ROW, Read
from regulars.ingest.values import day_of, schema_of
from regulars.month import day_number

SQL_TYPES = {
    "id": "VARCHAR", "text": "VARCHAR", "personal": "VARCHAR", "count": "BIGINT", "quantity": "DECIMAL(18, 4)",
    "money": "DECIMAL(18, 4)", "flag": "BOOLEAN", "time": "TIMESTAMP", "day": "INTEGER",
}  # fmt: skip


def today(config: ShopConfig) -> int:
    """The day number of today, where the shop is."""
    return day_number(datetime.now(ZoneInfo(config.time_zone)).date())


def complete(query: str, there: Sequence[str], contract: Contract) -> str:
    """The query with every column of its contract that the source lacks, as nulls."""
    absent = [c for c in (*contract.columns, *contract.raw) if c.name not in there and not c.made]
    if not absent:
        return query
    nulls = ", ".join(f"NULL::{SQL_TYPES[c.kind]} AS {c.name}" for c in absent)
    return f"SELECT *, {nulls} FROM ({query})"


def check_required(reads: Mapping[str, Read], landed: Mapping[str, Landed]) -> None:
    """Every table has the columns without which nothing can be made of it.

    Raises:
        IngestError: naming the column, what it is, and where it could be mapped.
    """
    for table, read in reads.items():
        for column in CONTRACTS[table].columns:
            inherits = table == "order_lines" and "orders" in reads and column.name == "ordered_at"
            if (
                column.required
                and column.name not in read.columns
                and column.name != "revenue"
                and not inherits
            ):
                raise IngestError(
                    f"{landed[table].origin}: {table} needs the column '{column.name}' ({column.meaning}), and none is mapped "
                    f"to it. Write it under 'columns', as in {column.name}: the name of your column."
                )
    sold = next((table for table in ("orders", "order_lines") if table in reads), None)
    if sold and "customer_id" not in reads[sold].columns:
        raise IngestError(
            f"{landed[sold].origin}: no column of {sold} says whose an order is. Map 'customer_id', or 'email', which then "
            "tells customers apart by its hash."
        )


def with_facts(query: str, config: ShopConfig, facts: dict[str, str]) -> str:
    """The query of orders or lines with the day, what its id and status say, and further facts as SQL conditions."""
    cleaning = config.cleaning
    returned = (
        [f"regexp_matches(order_id, {quoted(cleaning.returns.order_id)})"]
        if cleaning.returns.order_id
        else []
    )
    if cleaning.returns.negative_quantity and "quantity" in facts:
        returned.append("quantity < 0")
    tests = [f"regexp_matches(order_id, {quoted(cleaning.test_orders)})"] if cleaning.test_orders else []
    made = {
        "is_test": " OR ".join(["coalesce(is_test, false)", *tests]),
        "is_unpaid": _among("status", cleaning.unpaid),
        "is_undone": _among("status", cleaning.returns.status),
        "is_return": " OR ".join(returned) or "false",
    } | {name: condition for name, condition in facts.items() if name != "quantity"}
    columns = ", ".join(f"coalesce({condition}, false) AS {name}" for name, condition in made.items())
    refunded = (
        "NULL::INTEGER" if "quantity" in facts else day_of("refunded_at")
    )  # lines have no refund of their own
    return f"""
        SELECT * EXCLUDE (is_test), {columns}, {currency_code(config)} AS code, {day_of("ordered_at")} AS ordered_day,
            strftime(ordered_at, '%Y-%m') AS ordered_month, {refunded} AS refunded_day, {today(config)} AS today,
            {quoted(config.currency)} AS shop_currency
        FROM ({query})"""


def currency_code(config: ShopConfig) -> str:
    """The currency as a code; the shop's own sign means its currency."""
    own = quoted(config.currency)
    return f"CASE WHEN currency = {quoted(config.sign.strip())} THEN {own} ELSE upper(currency) END"


def _among(column: str, words: Sequence[str]) -> str:
    listed = ", ".join(quoted(word.lower()) for word in words)
    return f"lower({column}) IN ({listed})" if words else "false"


def contradictions(
    engine: Engine, read: Read, key: Sequence[str], column: str, name: str, meant: str = ""
) -> str:
    """A condition: rows with this row's key have different values of a column. Kept as a small table of keys.

    Args:
        engine: where it is kept.
        read: the table.
        key: the columns that rows share.
        column: the column.
        name: of the table of keys.
        meant: SQL for what the column means, where it says one thing in several ways.
    """
    if not {column, *key} <= set(read.columns):
        return "false"
    value, keys = meant or column, ", ".join(key)
    engine.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {name} AS SELECT {_one(key)} AS k FROM ({read.query})
        GROUP BY {keys} HAVING min({value}) <> max({value})""")
    return f"{_one(key)} IN (SELECT k FROM {name})"


def _one(key: Sequence[str]) -> str:
    """A key's columns as one value."""
    return key[0] if len(key) == 1 else f"({', '.join(key)})"


def duplicates(engine: Engine, landed: Landed) -> str:
    """A condition: an equal row stands before this one in the file. Kept as a table of row numbers.

    Rows are first told apart by a hash, so that only the few that share one are compared column by column.
    """
    names = list(schema_of(engine, f"FROM read_parquet({quoted(landed.path)})"))
    columns = ", ".join(map(identifier, names))
    source = (
        f"(SELECT *, hash({columns}) AS h FROM read_parquet({quoted(landed.path)}, file_row_number = true))"
    )
    engine.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE shared AS SELECT h FROM {source} GROUP BY h HAVING count(*) > 1;
        CREATE OR REPLACE TEMP TABLE duplicates AS
        SELECT unnest(list_sort(list(file_row_number))[2:]) AS {ROW} FROM {source} WHERE h IN (FROM shared)
        GROUP BY {columns} HAVING count(*) > 1""")
    return f"{ROW} IN (FROM duplicates)"


def repeated(engine: Engine, read: Read, key: Sequence[str], name: str, prefer: Sequence[str] = ()) -> str:
    """A condition: another row with the same key is kept in this one's place, whatever the order of rows.

    Args:
        engine: where the repeated rows' numbers are kept.
        read: the table.
        key: the columns that no two rows may share.
        name: of the table of row numbers.
        prefer: SQL that sorts the row to be kept first; after it, content decides.
    """
    if not set(key) <= set(read.columns):
        return "false"
    keys, known = ", ".join(key), " AND ".join(f"{column} IS NOT NULL" for column in key)
    order = ", ".join([*prefer, *(identifier(column) for column in read.columns), ROW])
    engine.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE several AS SELECT {_one(key)} AS k FROM ({read.query})
        WHERE {known} GROUP BY {keys} HAVING count(*) > 1;
        CREATE OR REPLACE TEMP TABLE {name} AS
        SELECT {ROW} FROM (
            SELECT {ROW}, row_number() OVER (PARTITION BY {keys} ORDER BY {order}) AS place
            FROM ({read.query}) WHERE {_one(key)} IN (SELECT k FROM several)
        ) WHERE place > 1""")
    return f"{ROW} IN (FROM {name})"


def most_final(config: ShopConfig, columns: Sequence[str]) -> list[str]:
    """Of several copies of an order, as in exports that overlap: one that was paid, then the one with most given back."""
    order = []
    if "status" in columns:
        order += [
            _among("status", config.cleaning.unpaid),
            f"NOT ({_among('status', config.cleaning.returns.status)})",
        ]
    return [*order, *(["abs(refunded) DESC NULLS LAST"] if "refunded" in columns else [])]
