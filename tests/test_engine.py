"""Files appear whole, sorted and rounded, and a file's fingerprint is of its rows, not of their order."""

import math
from pathlib import Path

import duckdb
import narwhals as nw
import pandas as pd
import pytest

from regulars.engine import Engine, EngineError, Frame


@pytest.fixture
def engine() -> Engine:
    return Engine()


def rows_of(engine: Engine, values: str, columns: str = "n, word") -> Frame:
    return nw.from_native(engine.sql(f"FROM (VALUES {values}) t({columns})"))


def test_rows_are_written_in_order_with_nulls_last_and_ties_by_the_next_column(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "folder" / "t.parquet"
    engine.write(rows_of(engine, "(2, 'b'), (NULL, 'c'), (1, 'z'), (2, 'a')"), path, "n", "word")
    assert duckdb.read_parquet(str(path)).fetchall() == [(1, "z"), (2, "a"), (2, "b"), (None, "c")]


def test_floats_are_rounded_to_ten_digits_and_decimals_are_left_alone(engine: Engine, tmp_path: Path) -> None:
    frame = rows_of(engine, f"({math.pi}::DOUBLE, 1.2345::DECIMAL(18, 4))", "x, money")
    engine.write(frame, tmp_path / "t.parquet", "x")
    written = duckdb.read_parquet(str(tmp_path / "t.parquet"))
    assert written.fetchall()[0][0] == 3.1415926536
    assert [str(kind) for kind in written.types] == ["DOUBLE", "DECIMAL(18,4)"]


def test_the_same_rows_in_another_order_make_the_same_bytes(engine: Engine, tmp_path: Path) -> None:
    numbers = pd.DataFrame({"n": range(300_000)})
    for name, table in {"one": numbers, "other": numbers.sample(frac=1, random_state=1)}.items():
        frame = nw.from_native(engine.connection.from_df(table)).with_columns(x=nw.col("n") / 7)
        engine.write(frame, tmp_path / name, "n")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_failing_write_leaves_the_old_file_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    engine.write(rows_of(engine, "(1, 'old')"), path, "n")
    before = path.read_bytes()
    bad = engine.sql("SELECT CASE WHEN n = 299999 THEN error('boom') ELSE n END AS n FROM range(300000) t(n)")
    with pytest.raises(duckdb.InvalidInputException, match="boom"):
        engine.write(nw.from_native(bad), path, "n")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        def write_parquet(self, path: str, **_: str) -> None:
            Path(path).write_bytes(b"half")
            raise KeyboardInterrupt

    path = tmp_path / "t.parquet"
    frame = rows_of(engine, "(1, 'old')")
    engine.write(frame, path, "n")
    before = path.read_bytes()
    monkeypatch.setattr(nw.LazyFrame, "to_native", lambda _: Interrupted())
    with pytest.raises(KeyboardInterrupt):
        engine.write(frame, path, "n")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_the_old_file_reads_it_to_its_end(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    engine.write(rows_of(engine, "(1, 'old')"), path, "n")
    old = path.read_bytes()
    with path.open("rb") as reading:
        engine.write(rows_of(engine, "(2, 'new')"), path, "n")
        assert reading.read() == old
    assert path.read_bytes() != old


def fingerprint(engine: Engine, folder: Path, values: str, columns: str = "n, word") -> str:
    """Of a file written as it stands, unsorted."""
    path = folder / "t.parquet"
    engine.sql(f"FROM (VALUES {values}) t({columns})").write_parquet(str(path))
    return engine.fingerprint(path)


def test_a_fingerprint_does_not_depend_on_the_order_of_rows(engine: Engine, tmp_path: Path) -> None:
    one = fingerprint(engine, tmp_path, "(1, 'a'), (2, 'b'), (3, NULL)")
    assert one == fingerprint(engine, tmp_path, "(3, NULL), (1, 'a'), (2, 'b')")
    assert one.endswith("-3")


@pytest.mark.parametrize(
    "values",
    [
        "(1, 'a'), (2, 'b'), (3, 'NULL')",
        "(1, 'b'), (2, 'a'), (3, NULL)",
        "(1, 'a'), (2, 'b'), (3, '')",
        "(1, 'a'), (2, 'b')",
        "(1, 'a'), (2, 'b'), (3, NULL), (3, NULL)",
        "(1, 'a'), (2, 'b'), (3, NULL), (1, 'a'), (1, 'a')",
        "(1, 'a'), (2, 'b'), (3, NULL), (4, 'c'), (4, 'c')",
    ],
)
def test_a_fingerprint_sees_a_changed_a_swapped_a_lost_and_a_doubled_row(
    engine: Engine, tmp_path: Path, values: str
) -> None:
    assert fingerprint(engine, tmp_path, values) != fingerprint(
        engine, tmp_path, "(1, 'a'), (2, 'b'), (3, NULL)"
    )


def test_doubled_rows_do_not_cancel_each_other(engine: Engine, tmp_path: Path) -> None:
    one = fingerprint(engine, tmp_path, "(1, 'a'), (1, 'a')")
    assert one != fingerprint(engine, tmp_path, "(2, 'b'), (2, 'b')")


def test_a_fingerprint_sees_a_renamed_column_and_an_empty_file_has_one(
    engine: Engine, tmp_path: Path
) -> None:
    assert fingerprint(engine, tmp_path, "(1, 'a')") != fingerprint(engine, tmp_path, "(1, 'a')", "n, name")
    engine.write(rows_of(engine, "(1, 'a')").filter(nw.col("n") > 1), tmp_path / "empty", "n")
    assert engine.fingerprint(tmp_path / "empty") == "0000000000000000-0"


def test_what_is_materialised_is_computed_once(engine: Engine) -> None:
    frame = nw.from_native(engine.sql("SELECT random() AS x FROM range(5)"))
    kept = engine.materialise(frame, "kept")
    assert engine.collect(kept, "x").equals(engine.collect(kept, "x"))
    again = engine.materialise(frame, "kept")
    assert len(engine.collect(again)) == 5


@pytest.mark.parametrize("folder", ["a[b]", "star*", "why?", "o'hara", "two words", "für"])
def test_odd_folder_names_are_no_patterns(engine: Engine, tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "t.parquet"
    engine.write(rows_of(engine, "(1, 'a')"), path, "n")
    assert len(engine.collect(engine.scan(path))) == 1
    assert engine.fingerprint(path).endswith("-1")


def test_an_error_cannot_leave_duckdb_waiting() -> None:
    assert Engine().connection.execute("SELECT current_setting('async_threads')").fetchall() == [(0,)]


def test_an_amount_of_memory_that_is_none_is_said() -> None:
    with pytest.raises(
        EngineError, match="REGULARS_MEMORY is 'much', which is no amount of memory: write it as 4GB"
    ):
        Engine(memory="much")
