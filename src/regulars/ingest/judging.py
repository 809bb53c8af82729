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
            if column.required and column.name not in read.columns and column.name != "revenue" and not inherits:
                raise IngestError(
                    f"{landed[table].origin}: {table} needs the column '{column.name}' ({column.meaning}), and none is mapped "
                    f"to it. Write it under 'columns', as in {column.name}: the name of your column."
                )
    sold = [table for table in ("orders", "order_lines") if table in reads]
    if sold and not any("customer_id" in reads[table].columns for table in sold):
        raise IngestError(
            f"{landed[sold[0]].origin}: no column says whose an order is. Map 'customer_id', or 'email', which then tells "
            "customers apart by its hash."
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
    return f"""
        SELECT * EXCLUDE (is_test), {columns}, {_code(config)} AS code, {day_of("ordered_at")} AS ordered_day,
            strftime(ordered_at, '%Y-%m') AS ordered_month, {quoted(config.currency)} AS shop_currency,
            {today(config)} AS today
        FROM ({query})"""


def _code(config: ShopConfig) -> str:
    """The currency as a code; the shop's own sign means its currency."""
    own = quoted(config.currency)
    return f"CASE WHEN currency = {quoted(config.sign.strip())} THEN {own} ELSE upper(currency) END"


def _among(column: str, words: Sequence[str]) -> str:
    listed = ", ".join(quoted(word.lower()) for word in words)
    return f"lower({column}) IN ({listed})" if words else "false"


def contradictions(engine: Engine, read: Read, column: str, name: str) -> str:
    """A condition: the row's order has rows with different values of a column. Kept as a small table of order ids."""
    if column not in read.columns or "order_id" not in read.columns:
        return "false"
    engine.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE {name} AS SELECT order_id FROM ({read.query})
        GROUP BY order_id HAVING min({column}) <> max({column})""")
    return f"order_id IN (FROM {name})"


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


def repeated(engine: Engine, read: Read, key: str) -> str:
    """A condition: another row has the same key and comes before this one by its content, whatever the order of rows."""
    if key not in read.columns:
        return "false"
    content = ", ".join(identifier(name) for name in read.columns)
    engine.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE several AS SELECT {key} FROM ({read.query})
        WHERE {key} IS NOT NULL GROUP BY {key} HAVING count(*) > 1;
        CREATE OR REPLACE TEMP TABLE repeated AS
        SELECT {ROW} FROM (
            SELECT {ROW}, row_number() OVER (PARTITION BY {key} ORDER BY {content}, {ROW}) AS place
            FROM ({read.query}) WHERE {key} IN (FROM several)
        ) WHERE place > 1""")
    return f"{ROW} IN (FROM repeated)"
