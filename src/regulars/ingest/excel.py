"""An Excel workbook to Parquet, in bounded memory.

Excel types cells, not columns. A column whose cells are all numbers, all dates or all truth values keeps that type; any other
lands as text, in which whole numbers have no decimals ('536365' beside 'C536379'), and other numbers and dates are written as
the configuration says that the file's texts are.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import openpyxl
import pyarrow as pa

from regulars.config import Format
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landing, identifier, quoted
from regulars.ingest.mapping import Wanted, closest
from regulars.ingest.rawfiles import literal, reading

BATCH = 50_000  # rows at a time
TYPES = {
    frozenset("d"): "TIMESTAMP",
    frozenset("i"): "BIGINT",
    frozenset("n"): "DOUBLE",
    frozenset("ni"): "DOUBLE",
    frozenset("b"): "BOOLEAN",
}
Rows = Iterator[tuple[Any, ...]]
EXACT = 2**53  # up to here a number in Excel is a whole one for sure


@contextmanager
def opened(path: Path, sheet: str | None = None) -> Iterator[tuple[str, list[str], Rows]]:
    """The name of a sheet, its header, and its rows: the values of cells, and of formulas.

    Args:
        path: the workbook.
        sheet: the sheet's name; None: the first.

    Raises:
        IngestError: if the workbook is damaged or has no such sheet, or the sheet is empty.
    """
    with _readable(path), path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that openpyxl does not know
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        try:
            found = _sheet(path, book, sheet)
            rows = (
                row for row in found.iter_rows(values_only=True) if any(value is not None for value in row)
            )
            header = next(rows, None)
            if header is None:
                raise IngestError(
                    f"{path.name} is empty: its sheet has no header and no rows. Export it again."
                )
            yield found.title, _names(header), rows
        finally:
            book.close()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        with reading(path):
            yield
    except (BadZipFile, zlib.error, ParseError, KeyError, ValueError, TypeError) as error:
        raise IngestError(
            f"{path.name} is damaged: its sheets cannot be read. Save it again as .xlsx."
        ) from error


def _sheet(path: Path, book: openpyxl.Workbook, name: str | None) -> Any:
    names = [found.title for found in book.worksheets]
    if name is not None and name not in names:
        near = closest(name, names, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(map(repr, names))}."
        raise IngestError(f"{path.name} has no sheet '{name}': {hint}")
    chosen = book[name] if name is not None else book.worksheets[0]
    chosen.reset_dimensions()  # which some programs write wrongly
    return chosen


def _names(header: Sequence[Any]) -> list[str]:
    names = ["" if value is None else text(value) for value in header]
    while names and not names[-1]:
        names.pop()
    return names


def land_sheet(
    landing: Landing, name: str, header: Sequence[str], rows: Rows, wanted: Wanted, written: Format
) -> Path:
    """Land the rows of a sheet as `<name>.parquet`.

    Args:
        landing: where to.
        name: of the Parquet file.
        header: the sheet's, with all wanted columns.
        rows: the values of its cells.
        wanted: our names → the header's.
        written: how texts in the sheet are written.
    """
    places = {ours: [header.index(column) for column in columns] for ours, columns in wanted.items()}
    seen: dict[str, set[str]] = {ours: set() for ours in wanted}
    schema = pa.schema([(f"{ours}{end}", pa.string()) for ours in wanted for end in ("", "|kind")])
    texts = landing.write(f"{name}.cells", schema, _batches(rows, places, schema, seen))
    columns = ", ".join(
        f"{_typed(ours, kinds, written)} AS {identifier(ours)}" for ours, kinds in seen.items()
    )
    try:
        return landing.copy(name, f"SELECT {columns} FROM read_parquet({literal(texts)})")
    finally:
        texts.unlink()


def _batches(
    rows: Rows, places: Mapping[str, list[int]], schema: pa.Schema, seen: Mapping[str, set[str]]
) -> Iterator[pa.RecordBatch]:
    """The cells of the wanted columns as texts, each beside its kind; `seen` learns which kinds a column has."""
    while batch := list(islice(rows, BATCH)):
        arrays = []
        for ours, numbers in places.items():
            values = [_value(row, numbers) for row in batch]
            kinds = [_kind(value) for value in values]
            seen[ours].update(kind for kind in set(kinds) if kind)
            arrays += [pa.array([None if value is None else text(value) for value in values], pa.string())]
            arrays += [pa.array(kinds, pa.string())]
        yield pa.record_batch(arrays, schema=schema)


def _value(row: Sequence[Any], places: list[int]) -> Any:
    """A cell, or several: a date and a time as one time, anything else as texts joined by a blank."""
    values = [row[place] for place in places if place < len(row) and row[place] not in (None, "")]
    if len(values) < 2:
        return values[0] if values else None
    if len(values) == 2 and isinstance(values[0], datetime) and isinstance(values[1], time):
        return datetime.combine(values[0], values[1])
    return " ".join(text(value).removesuffix(" 00:00:00") for value in values)


def _kind(value: Any) -> str | None:
    """d for a time or a day, i for a whole number, n for another, b for a truth value, t for text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "b"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "i" if abs(value) <= EXACT else "n"
    if isinstance(value, float):
        return "n"
    return "d" if isinstance(value, date) else "t"


def text(value: Any) -> str:
    """A cell's value as text: ISO times, whole numbers without decimals, other numbers to all their digits.

    >>> text(536365.0), text(2.55), text(datetime(2010, 12, 1, 8, 26)), text(True)
    ('536365', '2.55', '2010-12-01 08:26:00', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _typed(ours: str, kinds: set[str], written: Format) -> str:
    """The SQL of a column: its one type, or else text."""
    column, kind = identifier(ours), identifier(f"{ours}|kind")
    if frozenset(kinds) in TYPES:
        return f"{column}::{TYPES[frozenset(kinds)]}"
    numbers = f"replace({column}, '.', {quoted(written.decimal)})"
    days = f"strftime({column}::TIMESTAMP, {quoted(written.dates[0])})" if written.dates else column
    return f"CASE {kind} WHEN 'n' THEN {numbers} WHEN 'd' THEN {days} ELSE {column} END"
