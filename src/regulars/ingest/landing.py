"""Where raw tables land: one Parquet file each, in a folder that is gone when staging ends.

A source brings every raw table here as it came: its rows in their order, its values untouched, only the mapped columns,
under our names. Everything after is the same for all sources, reads only these files, and may read them twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from regulars.config import Format
from regulars.engine import Engine


class Landed(NamedTuple):
    """A raw table that has landed.

    Attributes:
        path: one Parquet file; its columns bear the names of `Contract.mappable` (or of attributes), its values are as
            they came: text from a CSV, types from elsewhere.
        format: how its texts are to be read.
        origin: what it came from, for sentences: a file's name, a pattern, a table.
        columns: our name → the source's name, for sentences.
        malformed: a Parquet file of the lines that could not be split into columns (`file`, `line`, `text`, `problem`), if
            there were any.
    """

    path: Path
    format: Format
    origin: str
    columns: Mapping[str, str]
    malformed: Path | None = None


class Landing:
    """The folder, and the engine that fills it.

    Args:
        engine: whose connection reads files.
        folder: made empty now, and removed by `close`.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)

    def close(self) -> None:
        """Remove what landed."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Landing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def copy(self, name: str, query: str) -> Path:
        """Stream the rows of a DuckDB query into `<name>.parquet`, in bounded memory, in their order."""
        path = self.folder / f"{name}.parquet"
        with _watching(self.engine.connection, name):
            self.engine.connection.execute(f"COPY ({query}) TO {quoted(path)} (FORMAT parquet)")
        return path

    def write(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Path:
        """Stream Arrow batches into `<name>.parquet`, in bounded memory."""
        path = self.folder / f"{name}.parquet"
        try:
            with pq.ParquetWriter(path, schema) as writer, tqdm(desc=name, unit=" rows", disable=None) as bar:
                for batch in batches:
                    writer.write_batch(batch)
                    bar.update(batch.num_rows)
        except BaseException:
            path.unlink(missing_ok=True)  # the writer has closed it as if it were whole
            raise
        return path


def quoted(path: Path | str) -> str:
    """A path, or any text, as an SQL literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + str(path).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A column's name in SQL, whatever is in it.

    >>> print(identifier('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _watching(connection: duckdb.DuckDBPyConnection, name: str) -> Iterator[None]:
    """A progress bar on a terminal while a query runs; nothing elsewhere."""
    with tqdm(
        total=100, desc=name, disable=None, bar_format="{desc}: {percentage:3.0f}% {bar} {elapsed}"
    ) as bar:
        if bar.disable:
            yield
            return
        watcher = Thread(target=_follow, args=(connection, bar), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            bar.total = bar.n or 1
            bar.close()


def _follow(connection: duckdb.DuckDBPyConnection, bar: tqdm) -> None:
    while not bar.disable and bar.n < bar.total:
        bar.n = max(bar.n, int(connection.query_progress()))
        bar.refresh()
