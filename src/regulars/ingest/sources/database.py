"""A shop's database, through ADBC: Arrow batches stream from tables or queries into Parquet.

What to know of it: all is read in one transaction that cannot write, as of one moment, so that orders and their lines agree.
PostgreSQL's numbers of any precision land as text, exactly; what Parquet has no type for lands as the text to which
the database casts it; a date or time of infinity lands empty. SQLite's columns have no types, so all of it lands as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from regulars.config.sources import Database, QueryTable
from regulars.ingest.connection import POSTGRESQL, Connection, QueryError, opened
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, Landing, identifier, quoted
from regulars.ingest.mapping import Wanted, check_columns, closest, source_names, wanted_columns
from regulars.shop import Shop

READS = ("select", "with", "values", "table")  # how a statement begins that gives rows and changes nothing


class Plan(NamedTuple):
    """How a table will be read.

    Attributes:
        table: the canonical table.
        given: what the configuration says of it.
        origin: what is read, for sentences.
        wanted: our name → the source's.
        sql: the query that gives them, in that order.
    """

    table: str
    given: QueryTable
    origin: str
    wanted: Wanted
    sql: str


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """Bring the mapped columns of the shop's tables and queries into the landing folder.

    All mappings are looked at before the first row is read.

    Raises:
        IngestError: if the database cannot be opened, refuses a query, lacks a table or a column, gives no row, or breaks off.
    """
    source = shop.config.source
    assert isinstance(source, Database)
    wanted = {table: wanted_columns(table, given) for table, given in source.tables.items()}
    with opened(source.address) as connection:
        plans = [_plan(connection, table, source.tables[table], wanted[table]) for table in wanted]
        return {plan.table: _land(connection, landing, plan) for plan in plans}


def _plan(connection: Connection, table: str, given: QueryTable, wanted: Wanted) -> Plan:
    origin = given.table or f"{table} (query)"
    rows = _rows(table, given)
    schema = _described(connection, rows, given, origin)
    check_columns(origin, schema.names, wanted)
    fields = [
        schema.field(schema.get_field_index(_single(table, our, names))) for our, names in wanted.items()
    ]
    values = ", ".join(_value(connection.driver.name, field, given.decimal) for field in fields)
    return Plan(table, given, origin, wanted, f"SELECT {values} FROM {rows}")


def _land(connection: Connection, landing: Landing, plan: Plan) -> Landed:
    try:
        with connection.query(plan.sql, plan.origin) as (given, batches):
            schema = pa.schema(
                pa.field(our, kind) for our, kind in zip(plan.wanted, given.types, strict=True)
            )
            path = landing.write(plan.table, schema, _renamed(batches, schema, plan.origin))
    except BaseException:  # what is there ends like a whole file, and must not be taken for one
        (landing.folder / f"{plan.table}.parquet").unlink(missing_ok=True)
        raise
    return Landed(path, plan.given, plan.origin, source_names(plan.wanted))


def _renamed(batches: Iterator[pa.RecordBatch], schema: pa.Schema, origin: str) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
    if not rows:
        raise IngestError(
            f"{origin} has no rows: see whether the database shows them to this user and whether the query asks too little, "
            "or take it out of the configuration."
        )


def _rows(table: str, given: QueryTable) -> str:
    """What stands after FROM."""
    if given.table is not None:
        return ".".join(map(identifier, given.table.split(".")))
    query = (given.query or "").strip().rstrip(";")
    first = re.match(r"(\s|\(|--[^\n]*(\n|$)|/\*.*?\*/)*(\w*)", query, re.DOTALL)
    word = first[3] if first else ""
    if word.lower() not in READS:
        what = f"begins with {word.upper()}" if word else "says nothing"
        raise IngestError(
            f"The query of {table} {what}, but is to begin with SELECT or WITH: the database is only read. "
            "Correct 'query' in the configuration."
        )
    return f"(\n{query}\n) AS source"  # on lines of its own: it may end in a comment


def _described(connection: Connection, rows: str, given: QueryTable, origin: str) -> pa.Schema:
    """The columns that there are; no row is read."""
    try:
        with connection.query(f"SELECT * FROM {rows} WHERE 1 = 0", origin) as (schema, _):
            return schema
    except QueryError as error:
        if given.table is None or not error.missing:
            raise
        depth = given.table.count(".") + 1  # without a schema, a table of any schema is near
        there = {".".join(name.split(".")[-depth:]): name for name in connection.tables()}
        near = [there[name] for name in closest(given.table, there)] or list(there.values())[:12]
        hint = f"near are {', '.join(near)}" if near else "it shows none"
        raise IngestError(
            f"The database has no table '{given.table}', or does not show it to this user: {hint}. "
            "Correct 'table' in the configuration."
        ) from None


def _single(table: str, our: str, names: tuple[str, ...]) -> str:
    if len(names) > 1:
        raise IngestError(
            f"'{our}' of {table} is mapped to {len(names)} columns, which are joined only where they come from files: "
            "write a query that gives one column, and map that."
        )
    return names[0]


def _value(driver: str, field: pa.Field, decimal: str) -> str:
    """The SQL that gives a column in a type that lands without loss."""
    name = identifier(field.name)
    if driver == "postgresql":
        return _of_postgresql(name, field, decimal)
    if driver == "sqlite":
        # The driver takes a column for numbers if its first thousand values are null, and then stumbles over a text.
        number = _with(decimal, f"CAST({name} AS VARCHAR)")
        return (
            f"coalesce(CASE WHEN typeof({name}) = 'real' THEN {number} ELSE CAST({name} AS VARCHAR) END, '')"
        )
    return name if _is_plain(field.type) else f"CAST({name} AS VARCHAR)"


def _of_postgresql(name: str, field: pa.Field, decimal: str) -> str:
    kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    if not kind:  # money could not be told from whole numbers
        raise IngestError(f"The driver of PostgreSQL is too old: run pip install {POSTGRESQL.needs}.")
    if kind in ("date", "timestamp", "timestamptz"):
        return f"CASE WHEN isfinite({name}) THEN {name} END"  # Arrow's infinity would be a day like any other
    if kind in ("numeric", "money"):  # the driver gives money as a whole number of cents
        return _with(decimal, f"CAST(CAST({name} AS numeric) AS VARCHAR)")
    if kind == "bpchar" or not _is_plain(field.type):  # char(n) is padded, which is no part of the value
        return f"CAST({name} AS VARCHAR)"
    return name


def _with(decimal: str, number: str) -> str:
    """A number's text, written as all texts of the table are."""
    return number if decimal == "." else f"replace({number}, '.', {quoted(decimal)})"


def _is_plain(kind: pa.DataType) -> bool:
    """Whether it is a type of which the values land as they are."""
    tests = (
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_date,
        pa.types.is_timestamp,
    )
    return any(test(kind) for test in tests)
