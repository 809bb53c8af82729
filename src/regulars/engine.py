"""Where big tables live: DuckDB behind Narwhals. Files appear by rename, so no reader ever sees half of one.

`regulars.spark` has another engine with the same methods.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Protocol

import duckdb
import narwhals as nw
import pandas as pd

from regulars.errors import RegularsError

Frame = nw.LazyFrame[Any]


class EngineError(RegularsError):
    """An engine that cannot be set up as wished."""


DIGITS = 10  # derived floats are rounded to this before they are written


class Compute(Protocol):
    """What features and whole-base scoring run on: DuckDB or Spark, with the same methods."""

    def scan(self, path: Path) -> Frame: ...

    def materialise(self, frame: Frame, name: str) -> Frame: ...

    def release(self, name: str) -> None: ...

    def write(self, frame: Frame, path: Path, *sort_by: str) -> None: ...

    def collect(self, frame: Frame, *sort_by: str) -> pd.DataFrame: ...


class Engine:
    """One DuckDB connection in memory; what does not fit goes to a folder on disk.

    Args:
        spill: the folder for what does not fit; DuckDB's own choice unless given.
        memory: how much it may use, such as "4GB"; most of the machine's unless given.

    >>> import tempfile
    >>> engine, path = Engine(), Path(tempfile.mkdtemp()) / "letters.parquet"
    >>> letters = nw.from_native(engine.sql("SELECT unnest(['b', 'a']) AS letter"))
    >>> engine.write(letters, path, "letter")
    >>> engine.collect(engine.scan(path), "letter")["letter"].tolist()
    ['a', 'b']
    """

    def __init__(self, spill: Path | None = None, memory: str | None = None) -> None:
        settings = {"temp_directory": str(spill) if spill else None, "memory_limit": memory}
        try:
            self.connection = duckdb.connect(
                config={name: value for name, value in settings.items() if value}
            )
        except duckdb.ParserException as error:
            raise EngineError(
                f"REGULARS_MEMORY is '{memory}', which is no amount of memory: write it as 4GB."
            ) from error
        # Further threads would write Parquet; in DuckDB 2.0 they may wait for ever if a query fails meanwhile.
        self.connection.execute("SET async_threads = 0")
        with contextlib.suppress(
            duckdb.InvalidInputException
        ):  # in a notebook without widgets there is no bar
            self.connection.execute("SET enable_progress_bar = false")

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        """A relation from DuckDB SQL: for sources, which read a raw form into canonical columns."""
        return self.connection.sql(query)

    def scan(self, path: Path) -> Frame:
        """A Parquet file as a lazy frame."""
        return nw.from_native(self.connection.read_parquet(str(path)))

    def materialise(self, frame: Frame, name: str) -> Frame:
        """`frame` computed once and kept as a temporary table: a DuckDB relation runs again at every use."""
        self.connection.register("to_materialise", frame.to_native())
        self.connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS FROM to_materialise')
        self.connection.unregister("to_materialise")
        return nw.from_native(self.connection.table(name))

    def release(self, name: str) -> None:
        """Forget what `materialise` kept under a name."""
        self.connection.execute(f'DROP TABLE IF EXISTS "{name}"')

    def write(self, frame: Frame, path: Path, *sort_by: str) -> None:
        """Write `frame` to a Parquet file in the order of `sort_by`, rounded, by rename."""
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        floats = [name for name, kind in frame.collect_schema().items() if kind == nw.Float64]
        rounded = frame.with_columns(nw.col(name).round(DIGITS) for name in floats) if floats else frame
        self._copy(rounded.sort(*sort_by, nulls_last=True), aside)
        aside.replace(path)

    def _copy(self, frame: Frame, path: Path) -> None:
        try:
            frame.to_native().write_parquet(str(path), compression="zstd")
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def collect(self, frame: Frame, *sort_by: str) -> pd.DataFrame:
        """`frame` in pandas, in the order of `sort_by`: for aggregates and samples only."""
        return in_pandas(frame.sort(*sort_by, nulls_last=True) if sort_by else frame)

    def fingerprint(self, path: Path) -> str:
        """A hash of a Parquet file's rows that does not depend on their order.

        It is the sum of the rows' MD5 numbers, so that equal rows do not cancel each other.
        """
        found = self.connection.execute(
            "SELECT sum(md5_number_lower(rows::VARCHAR)), count(*) FROM read_parquet(?) AS rows", [str(path)]
        ).fetchall()
        total, rows = found[0]
        return f"{int(total or 0) % 2**64:016x}-{rows}"


def distinct(frame: Frame, *columns: str) -> Frame:
    """The different rows of some columns: what Narwhals' `unique` finds on DuckDB by numbering all rows, in twice the time."""
    return frame.group_by(*columns).agg(rows=nw.len()).select(*columns)


def in_pandas(frame: Frame) -> pd.DataFrame:
    """A frame in pandas, with the same types whichever engine it is of: for aggregates and samples only."""
    if frame.implementation.is_pyspark():  # its own way warns of pandas 3, and makes objects of decimals
        return duckdb.from_arrow(frame.collect("pyarrow").to_native()).df()
    return frame.collect("pandas").to_native().reset_index(drop=True)
