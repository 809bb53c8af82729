"""A CSV to Parquet: by DuckDB, in parallel, where it is well-formed; else record by record, so that nothing is lost.

Values land as they are, as text, NUL characters included; only an empty text lands as a missing value, with quotes or without.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from regulars.ingest.dialect import Dialect, decoder, encoding_of_all, not_in, opened_text
from regulars.ingest.landing import Landing, identifier, quoted
from regulars.ingest.mapping import Wanted
from regulars.ingest.rawfiles import RawFile, cut_off, literal
from regulars.ingest.records import Malformed, records
from regulars.ingest.zstd import is_whole

BATCH = 10_000  # records at a time
CHUNK = 2**20  # bytes at a time

# What DuckDB raises on a file that is not well-formed, and sometimes on a well-formed one with line ends within quotes.
_NOT_WELL_FORMED = (duckdb.InvalidInputException, duckdb.IOException, duckdb.NotImplementedException)


class MalformedLines:
    """The lines of a table's files that could not be split, in one Parquet file if there are any.

    Args:
        path: where they are written.
    """

    schema = pa.schema(
        [("file", pa.string()), ("line", pa.int64()), ("text", pa.string()), ("problem", pa.string())]
    )

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self.first: Malformed | None = None

    def add(self, file: str, lines: Sequence[Malformed]) -> None:
        """Write the lines of one file. Bytes that are no text are written as \\xNN."""
        if not lines:
            return
        self.first = self.first or lines[0]
        self._writer = self._writer or pq.ParquetWriter(self._path, self.schema)
        texts = [
            line.text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for line in lines
        ]
        columns = [
            [file] * len(lines),
            [line.line for line in lines],
            texts,
            [line.problem for line in lines],
        ]
        self._writer.write_batch(
            pa.record_batch(
                [pa.array(c, kind) for c, kind in zip(columns, self.schema.types, strict=True)],
                schema=self.schema,
            )
        )

    def close(self) -> Path | None:
        """The file, if there were any lines."""
        if self._writer is None:
            return None
        self._writer.close()
        return self._path


def land_csv(
    landing: Landing, name: str, file: RawFile, dialect: Dialect, wanted: Wanted, malformed: MalformedLines
) -> Path:
    """Land one CSV as `<name>.parquet`.

    Args:
        landing: where to.
        name: of the Parquet file.
        file: the CSV.
        dialect: what it is.
        wanted: our names → the header's.
        malformed: takes the lines that cannot be split.

    Raises:
        IngestError: if it cannot be read to its end, or is not in the encoding that was given.
    """
    places = {ours: [dialect.columns.index(column) for column in columns] for ours, columns in wanted.items()}
    if dialect.encoding != "utf-8":
        return _land_transcoded(landing, name, file, dialect, wanted, malformed)
    if file.compression == "zstd" and not is_whole(file.path):
        raise cut_off(file.path.name)
    # DuckDB takes empty lines for values in a file of one column, and other headers than plain ones for rows.
    if len(dialect.columns) > 1 and dialect.is_plain:
        with contextlib.suppress(*_NOT_WELL_FORMED):
            return landing.copy(name, _query(file, dialect, places))
    if not dialect.is_given and (actual := encoding_of_all(file)) != "utf-8":
        return land_csv(landing, name, file, dialect._replace(encoding=actual), wanted, malformed)
    schema = pa.schema([(ours, pa.string()) for ours in places])
    return landing.write(name, schema, _batches(file, dialect, places, schema, malformed))


def _query(file: RawFile, dialect: Dialect, places: Mapping[str, list[int]]) -> str:
    """DuckDB's reading of a file of a known dialect. Its columns are numbered, so that their names cannot matter."""
    columns = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(len(dialect.columns)))
    taken = ", ".join(f"{_joined(numbers)} AS {identifier(ours)}" for ours, numbers in places.items())
    return f"""
        SELECT {taken} FROM read_csv({literal(file.path)}, auto_detect = false, header = true, columns = {{{columns}}},
            delim = {quoted(dialect.delimiter)}, quote = '"', escape = '"', compression = '{file.compression}',
            hive_partitioning = false, strict_mode = true)
    """


def _joined(places: list[int]) -> str:
    if len(places) == 1:
        return f"c{places[0]}"
    return f"nullif(concat_ws(' ', {', '.join(f'c{place}' for place in places)}), '')"


def _land_transcoded(
    landing: Landing, name: str, file: RawFile, dialect: Dialect, wanted: Wanted, malformed: MalformedLines
) -> Path:
    """Land a file in another encoding through a copy in UTF-8."""
    copy = landing.folder / f"{name}.utf-8" / file.path.name  # the name is for sentences
    copy.parent.mkdir()
    _transcode(file, dialect.encoding, copy)
    again = dialect._replace(encoding="utf-8", is_given=True)
    try:
        return land_csv(landing, name, RawFile(copy, "csv"), again, wanted, malformed)
    finally:
        copy.unlink()
        copy.parent.rmdir()


def _transcode(file: RawFile, encoding: str, copy: Path) -> None:
    """Write a file in UTF-8, in bounded memory."""
    decode, lines = decoder(encoding).decode, 1
    with file.opened() as stream, copy.open("w", encoding="utf-8", newline="") as target:
        while True:
            chunk = stream.read(CHUNK)
            try:
                text = decode(chunk, not chunk)
            except UnicodeDecodeError as error:
                lines += error.object[: error.start].decode(encoding, "replace").count("\n")
                raise not_in(file.path.name, encoding, line=lines) from error
            target.write(text)
            lines += text.count("\n")
            if not chunk:
                return


def _batches(
    file: RawFile,
    dialect: Dialect,
    places: Mapping[str, list[int]],
    schema: pa.Schema,
    malformed: MalformedLines,
) -> Iterator[pa.RecordBatch]:
    """The records of a file, with the lines that cannot be split put aside."""
    with opened_text(file, "utf-8") as text:
        found = records(text, dialect.delimiter, len(dialect.columns))
        next(found)  # the header
        while batch := list(islice(found, BATCH)):
            bad = [record for record in batch if isinstance(record, Malformed)]
            _refuse_damage(file, dialect, bad)
            malformed.add(file.path.name, bad)
            rows = [record for record in batch if isinstance(record, list)]
            arrays = [pa.array(_values(rows, numbers), pa.string()) for numbers in places.values()]
            yield pa.record_batch(arrays, schema=schema)


def _values(rows: Sequence[list[str]], places: list[int]) -> list[str | None]:
    if len(places) == 1:
        (place,) = places
        return [row[place] or None for row in rows]
    return [" ".join(row[place] for place in places if row[place]) or None for row in rows]


def _refuse_damage(file: RawFile, dialect: Dialect, lines: Sequence[Malformed]) -> None:
    """An encoding that was given must fit; one that was found may have a damaged line."""
    for line in lines:
        if dialect.is_given and "UTF-8" in line.problem:
            raise not_in(file.path.name, "utf-8", line=line.line)
