"""Raw files of one table, landed as one Parquet file; and the first rows of a file, for guesses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from regulars.config import FileTable, Format
from regulars.ingest.contracts import IngestError
from regulars.ingest.delimited import MalformedLines, land_csv
from regulars.ingest.dialect import find_dialect, opened_text, other_delimiter
from regulars.ingest.excel import land_sheet
from regulars.ingest.excel import opened as opened_sheet
from regulars.ingest.excel import text as cell_text
from regulars.ingest.landing import Landed, Landing, identifier
from regulars.ingest.mapping import Wanted, check_columns, source_names, wanted_columns
from regulars.ingest.rawfiles import NAMES, Kind, RawFile, find_files, identify, literal, reading
from regulars.ingest.records import records


class Head(NamedTuple):
    """The first rows of a raw file.

    Attributes:
        columns: the header's names.
        rows: the values as text, missing ones as None; a column whose name stands twice is there twice.
        kind: what the file is.
        delimiter: of a CSV.
        encoding: of a CSV, as the name of a Python codec.
        sheet: of a workbook.
    """

    columns: list[str]
    rows: pd.DataFrame
    kind: Kind
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None


def land_table(landing: Landing, table: str, given: FileTable, raw: Path) -> Landed:
    """Land the files of one table as `<table>.parquet`.

    Args:
        landing: where to.
        table: the canonical table.
        given: where its files are, and which of their columns is which.
        raw: the shop's raw folder, from which paths start.

    Raises:
        IngestError: if the mapping, a file or a column is not as it must be, or there are no rows.
    """
    wanted = wanted_columns(table, given)
    files = [identify(path, given.format) for path in find_files(given.paths, raw)]
    origin = files[0].path.name if len(files) == 1 else ", ".join(given.paths)
    kinds = {file.kind: file.path.name for file in files}
    if len(kinds) > 1:
        both = " and ".join(f"{NAMES[kind]} ({name})" for kind, name in kinds.items())
        raise IngestError(f"{origin} means {both}: name files of one kind in 'path'.")
    malformed = MalformedLines(landing.folder / f"{table}.malformed.parquet")
    try:
        path = _LAND[files[0].kind](landing, table, files, given, wanted, malformed)
    finally:
        put_aside = malformed.close()
    if not pq.read_metadata(path).num_rows:
        raise IngestError(_no_rows(origin, malformed))
    written = Format(**{name: getattr(given, name) for name in Format.model_fields})
    return Landed(path, written, origin, source_names(wanted), put_aside)


def _no_rows(origin: str, malformed: MalformedLines) -> str:
    if first := malformed.first:
        return (
            f"No line of {origin} can be split like its header: line {first.line} has {first.problem}. "
            "Correct 'delimiter', or export it again."
        )
    return f"{origin} has a header and no rows: export it again, over a time in which something was sold."


def _land_csvs(
    landing: Landing,
    table: str,
    files: list[RawFile],
    given: FileTable,
    wanted: Wanted,
    malformed: MalformedLines,
) -> Path:
    names = {name for columns in wanted.values() for name in columns}
    dialects = [find_dialect(file, given, names) for file in files]
    for file, dialect in zip(files, dialects, strict=True):
        hint = "" if names <= set(dialect.columns) else other_delimiter(file, dialect, names)
        check_columns(file.path.name, dialect.columns, wanted, hint)
    _check_same(files, [dialect.columns for dialect in dialects])
    parts = [
        land_csv(landing, _part(table, number, files), file, dialect, wanted, malformed)
        for number, (file, dialect) in enumerate(zip(files, dialects, strict=True))
    ]
    return _together(landing, table, parts)


def _land_workbooks(
    landing: Landing,
    table: str,
    files: list[RawFile],
    given: FileTable,
    wanted: Wanted,
    _malformed: MalformedLines,
) -> Path:
    headers: list[list[str]] = []
    parts = []
    for number, file in enumerate(files):
        with opened_sheet(file.path, given.sheet) as (_, header, rows):
            check_columns(file.path.name, header, wanted)
            headers.append(header)
            _check_same(files, headers)
            parts.append(land_sheet(landing, _part(table, number, files), header, rows, wanted, given))
    return _together(landing, table, parts)


def _land_parquets(
    landing: Landing, table: str, files: list[RawFile], given: FileTable, wanted: Wanted, _: MalformedLines
) -> Path:
    headers = [_parquet_columns(file.path) for file in files]
    for file, header in zip(files, headers, strict=True):
        check_columns(file.path.name, header, wanted)
    _check_same(files, headers)
    taken = ", ".join(
        f"{_of_types(headers[0], names)} AS {identifier(ours)}" for ours, names in wanted.items()
    )
    try:
        return landing.copy(table, f"SELECT {taken} FROM {_scan(files, headers[0])}")
    except duckdb.Error as error:
        if type(error) not in (duckdb.Error, duckdb.InvalidInputException):  # a full disk, too little memory
            raise
        what = files[0].path.name if len(files) == 1 else " or ".join(given.paths)
        raise IngestError(
            f"{what} is damaged: its data cannot be unpacked. Copy or export it again."
        ) from error


_LAND = {"csv": _land_csvs, "excel": _land_workbooks, "parquet": _land_parquets}


def _scan(files: Sequence[RawFile], header: Sequence[str]) -> str:
    """Parquet files in SQL, with their columns numbered, so that their names cannot matter."""
    paths = ", ".join(literal(file.path) for file in files)
    columns = ", ".join(f"c{place}" for place in range(len(header)))
    by_name = "true" if len(files) > 1 else "false"
    return (
        f"read_parquet([{paths}], union_by_name = {by_name}, hive_partitioning = false) AS found({columns})"
    )


def _of_types(header: Sequence[str], names: Sequence[str]) -> str:
    """A column in its own type, or several as texts joined by a blank; a day without a time of day loses its midnight."""
    places = [f"c{header.index(name)}" for name in names]
    if len(places) == 1:
        return places[0]
    texts = ", ".join(f"regexp_replace({place}::VARCHAR, ' 00:00:00$', '')" for place in places)
    return f"nullif(concat_ws(' ', {texts}), '')"


def _parquet_columns(path: Path) -> list[str]:
    try:
        with reading(path):
            return list(pq.read_schema(path).names)
    except pa.ArrowInvalid as error:
        raise IngestError(
            f"{path.name} is cut off or damaged: its end is missing. Copy or export it again."
        ) from error


def _check_same(files: Sequence[RawFile], headers: Sequence[Sequence[str]]) -> None:
    """All files, as far as their headers are known, have the columns of the first, in any order."""
    for file, header in zip(files, headers, strict=False):
        if differing := sorted(set(header) ^ set(headers[0])):
            name = differing[0]
            with_it, without = (file, files[0]) if name in header else (files[0], file)
            raise IngestError(
                f"{with_it.path.name} has the column '{name}', which {without.path.name} lacks: files of one table "
                "must have the same columns. Export them alike, or name them apart in 'path'."
            )


def _part(table: str, number: int, files: Sequence[RawFile]) -> str:
    return table if len(files) == 1 else f"{table}.{number}"


def _together(landing: Landing, table: str, parts: Sequence[Path]) -> Path:
    """The parts of a table as one file, in their order."""
    if len(parts) == 1:
        return parts[0]
    path = landing.copy(table, f"FROM read_parquet([{', '.join(map(literal, parts))}], union_by_name = true)")
    for part in parts:
        part.unlink()
    return path


def head(path: Path, given: FileTable | None = None, rows: int = 1000) -> Head:
    """The first rows of a raw file, as texts.

    Args:
        path: the file.
        given: may say its format, delimiter, encoding or sheet; else they are found.
        rows: how many at most.

    Raises:
        IngestError: if there is no such file, or it cannot be read.
    """
    if not path.is_file():
        (path,) = find_files([path.name], path.parent)
    file = identify(path, given.format if given else None)
    found = _HEADS[file.kind](file, given, rows)
    if found.rows.empty:
        raise IngestError(
            f"{path.name} has a header and no rows: export it again, over a time in which there are any."
        )
    return found


def _head_csv(file: RawFile, given: FileTable | None, rows: int) -> Head:
    dialect = find_dialect(file, given)
    with opened_text(file, dialect.encoding) as text:
        found = records(text, dialect.delimiter, len(dialect.columns))
        next(found)  # the header
        values = list(islice((record for record in found if isinstance(record, list)), rows))
    table = _as_texts(dialect.columns, values)
    return Head(dialect.columns, table, "csv", dialect.delimiter, dialect.encoding)


def _head_workbook(file: RawFile, given: FileTable | None, rows: int) -> Head:
    sheet = given.sheet if given else None
    with opened_sheet(file.path, sheet) as (name, header, found):
        values = [
            [
                None if value is None else cell_text(value)
                for value in (*row, *[None] * len(header))[: len(header)]
            ]
            for row in islice(found, rows)
        ]
    return Head(header, _as_texts(header, values), "excel", sheet=name)


def _head_parquet(file: RawFile, _: FileTable | None, rows: int) -> Head:
    header = _parquet_columns(file.path)
    texts = ", ".join(f"c{place}::VARCHAR" for place in range(len(header)))
    with duckdb.connect() as connection:
        values = connection.sql(f"SELECT {texts} FROM {_scan([file], header)} LIMIT {rows}").fetchall()
    return Head(header, _as_texts(header, values), "parquet")


def _as_texts(columns: Sequence[str], values: Sequence[Sequence[str | None]]) -> pd.DataFrame:
    return pd.DataFrame(
        [[value or None for value in row] for row in values], columns=list(columns), dtype=object
    )


_HEADS = {"csv": _head_csv, "excel": _head_workbook, "parquet": _head_parquet}
