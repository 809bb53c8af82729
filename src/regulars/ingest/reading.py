"""A landed table as its contract wants it: every value read, and what could not be read named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from regulars.config import Format
from regulars.engine import Engine
from regulars.ingest.contracts import Column, Contract
from regulars.ingest.dates import found_patterns
from regulars.ingest.landing import Landed, identifier, quoted
from regulars.ingest.personal import hash_addresses, hashed_column
from regulars.ingest.values import Raw, filled, read, schema_of, trimmed, written

OWN = "a column of the shop's own"
SMALL = 3_000_000  # rows; what is larger is read into a file
ROW = "row_number"  # of the landed file: what joins a judged row to the row as it came


class Read(NamedTuple):
    """A landed table, read once, and kept beside it.

    Attributes:
        query: SQL giving `row_number`, the mapped columns under their staged names, and `unreadable`: the first column in
            which something is written that is not what it should be, or null.
        columns: the staged names of the mapped columns.
        as_it_came: SQL giving `row_number` and the columns with their values untouched; personal data are hashed.
    """

    query: str
    columns: list[str]
    as_it_came: str


def read_table(engine: Engine, landed: Landed, contract: Contract, zone: str) -> Read:
    """Read a landed table.

    Args:
        engine: where it is read.
        landed: the file, and how its texts are written.
        contract: what its columns are; others are attributes, kept as text or as the numbers that they are.
        zone: the shop's time zone.

    Raises:
        IngestError: if dates can be read in more than one way.
    """
    schema = schema_of(engine, f"FROM read_parquet({quoted(landed.path)})")
    columns = {name: contract.mappable.get(name, Column(name, "text", OWN)) for name in schema}
    raws = {name: Raw(identifier(name), kind) for name, kind in schema.items()}
    source = f"read_parquet({quoted(landed.path)}, file_row_number = true)"
    values = {name: _value(engine, source, landed, raws[name], columns[name], zone) for name in schema}
    kept = _keep(engine, _layers(_filled(source, columns, raws), values, columns, raws), landed.path)
    query, names = f"FROM {kept}", [column.name for column in columns.values()]
    if "customer_id" in contract.mappable and "customer_id" not in names and "email_hash" in names:
        query, names = f"SELECT *, email_hash AS customer_id FROM {kept}", [*names, "customer_id"]
    return Read(query, names, _as_it_came(landed, kept, columns, raws))


def _keep(engine: Engine, query: str, landed: Path) -> str:
    """The rows, read once: a small table in memory, a large one as a file, which is compressed. Returns what FROM takes."""
    rows = f"SELECT sum(num_rows) FROM parquet_file_metadata({quoted(landed)})"
    if int(engine.connection.execute(rows).fetchall()[0][0]) <= SMALL:
        name = identifier(f"read {landed.stem}")
        engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
        return name
    path = landed.with_suffix(".read.parquet")
    engine.connection.execute(f"COPY ({query}) TO {quoted(path)} (FORMAT parquet)")
    return f"read_parquet({quoted(path)})"


def _filled(source: str, columns: Mapping[str, Column], raws: Mapping[str, Raw]) -> str:
    """The rows with texts trimmed, and null where nothing is written. In two steps: an expression is computed once."""
    texts = {name: raw.sql for name, raw in raws.items() if raw.is_text}
    if not texts:
        return f"SELECT *, file_row_number AS {ROW} FROM {source}"
    first = ", ".join(f"{trimmed(sql)} AS {sql}" for sql in texts.values())
    second = ", ".join(f"{filled(sql, columns[name].kind)} AS {sql}" for name, sql in texts.items())
    return f"SELECT * REPLACE ({second}) FROM (SELECT * REPLACE ({first}), file_row_number AS {ROW} FROM {source})"


def _layers(
    rows: str, values: Mapping[str, str], columns: Mapping[str, Column], raws: Mapping[str, Raw]
) -> str:
    """Values are read in one layer and hashed, or found unreadable, in the next."""
    kept = ", ".join(f"{raw.sql} AS {identifier('raw ' + name)}" for name, raw in raws.items())
    read = ", ".join(f"{value} AS {identifier(columns[name].name)}" for name, value in values.items())
    hidden = [
        f"{_hidden(column)} AS {identifier(column.name)}"
        for name, column in columns.items()
        if _is_private(column) and (column.meaning != OWN or raws[name].is_text)
    ]
    replaced = f"REPLACE ({', '.join(hidden)})" if hidden else ""
    dropped = ", ".join(identifier("raw " + name) for name in raws)
    return (
        f"SELECT * EXCLUDE ({dropped}) {replaced}, {_unreadable(columns, raws)} AS unreadable "
        f"FROM (SELECT {ROW}, {read}, {kept} FROM ({rows}))"
    )


def _as_it_came(landed: Landed, kept: str, columns: Mapping[str, Column], raws: Mapping[str, Raw]) -> str:
    shown = [f"{_shown(name, column, raws[name])} AS {identifier(name)}" for name, column in columns.items()]
    return (
        f"SELECT l.file_row_number AS {ROW}, {', '.join(shown)} "
        f"FROM read_parquet({quoted(landed.path)}, file_row_number = true) AS l "
        f"JOIN {kept} AS r ON l.file_row_number = r.{ROW}"
    )


def _shown(name: str, column: Column, raw: Raw) -> str:
    """The value untouched; personal data as a hash, and so an e-mail address in the place of a number or a date."""
    if _is_private(column):
        return f"r.{identifier(column.name)}"
    value = f"l.{identifier(name)}"
    return hash_addresses(value) if raw.is_text and column.kind not in ("id", "text") else value


def _is_private(column: Column) -> bool:
    """Whether it is personal, or a text in which an e-mail address may stand: an id, a column of the shop's own."""
    return column.kind == "personal" or column.name == "customer_id" or column.meaning == OWN


def _hidden(column: Column) -> str:
    """Personal data as a hash; an id only where it is an e-mail address."""
    if column.kind == "personal":
        return hashed_column(column.source_name, column.name)
    return hash_addresses(identifier(column.name))


def _value(engine: Engine, source: str, landed: Landed, raw: Raw, column: Column, zone: str) -> str:
    """One column's value as SQL."""
    given = landed.format
    if column.kind in ("time", "day") and raw.is_text and given.dates is None:
        name = column.source_name
        where = f"{landed.origin}, column '{landed.columns.get(name, name)}'"
        rows = _filled(source, {name: column}, {name: raw})
        given = _with_dates(given, found_patterns(engine, rows, raw, where))
    return read(raw, column, given, zone)


def _with_dates(given: Format, patterns: list[str] | None) -> Format:
    return Format(**{**given.model_dump(include=set(Format.model_fields)), "dates": patterns})


def _unreadable(columns: Mapping[str, Column], raws: Mapping[str, Raw]) -> str:
    """The first column that says something which is no number, no flag or no time; `ordered_at` has a rule of its own."""
    looked_at = [
        name
        for name, column in columns.items()
        if column.kind in ("money", "quantity", "count", "flag", "time", "day") and name != "ordered_at"
    ]
    cases = [
        f"CASE WHEN {identifier(columns[name].name)} IS NULL AND {written(Raw(identifier('raw ' + name), raws[name].type))} "
        f"THEN {quoted(name)} END"
        for name in looked_at
    ]
    return f"coalesce({', '.join(cases)})" if len(cases) > 1 else (cases or ["NULL::VARCHAR"])[0]
