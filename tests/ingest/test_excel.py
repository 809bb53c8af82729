"""Workbooks land with the types that their columns have, or as text where cells differ."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis import given as for_all

from regulars.config import FileTable
from regulars.engine import Engine
from regulars.ingest.contracts import IngestError
from regulars.ingest.excel import text
from regulars.ingest.landing import Landing
from regulars.ingest.tabular import land_table

DAY = datetime(2010, 12, 1)
NOW = datetime(2010, 12, 1, 8, 26)


def workbook(path: Path, *rows: Sequence[Any], **sheets: Sequence[Sequence[Any]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    for name, others in sheets.items():
        sheet = book.create_sheet(name)
        for row in others:
            sheet.append(list(row))
    book.save(path)


def landed(folder: Path, columns: dict[str, str | list[str]] | None = None, **said: Any) -> pa.Table:
    given = FileTable.model_validate({"path": "a.xlsx", "columns": columns or {"order_id": "id"}, **said})
    with Landing(Engine(), folder / "landing") as landing:
        found = land_table(landing, "orders", given, folder)
        assert found.malformed is None
        assert [path.name for path in landing.folder.iterdir()] == ["orders.parquet"]
        return pq.read_table(found.path)


def refused(folder: Path, **said: Any) -> str:
    with pytest.raises(IngestError) as caught:
        landed(folder, **said)
    assert "a.xlsx" in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ([1, 2, None], pa.int64(), [1, 2, None]),
        ([17850.0, 12], pa.int64(), [17850, 12]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([0.1, 2.55, -1e-7, 1e300], pa.float64(), [0.1, 2.55, -1e-7, 1e300]),
        ([DAY, NOW], pa.timestamp("us"), [DAY, NOW]),
        ([True, False], pa.bool_(), [True, False]),
        ([536365, "C536379"], pa.string(), ["536365", "C536379"]),
        ([1.5, "x", True, NOW, 2], pa.string(), ["1.5", "x", "true", "2010-12-01 08:26:00", "2"]),
        (["01", " 1", "1.0", "NULL"], pa.string(), ["01", " 1", "1.0", "NULL"]),
        (
            ["🧦", 'a "b"', "<b>x</b>", "two\nlines", "#N/A"],
            pa.string(),
            ["🧦", 'a "b"', "<b>x</b>", "two\nlines", "#N/A"],
        ),
        ([time(8, 26), time(9, 0)], pa.string(), ["08:26:00", "09:00:00"]),
    ],
)
def test_a_column_keeps_the_type_that_all_its_cells_have(
    tmp_path: Path, cells: list[Any], kind: pa.DataType, values: list[Any]
) -> None:
    workbook(tmp_path / "a.xlsx", ["id", "other"], *([cell, "x"] for cell in cells))
    column = landed(tmp_path)["order_id"]
    assert (column.type, column.to_pylist()) == (kind, values)


def test_texts_are_written_as_the_configuration_says(tmp_path: Path) -> None:
    workbook(
        tmp_path / "a.xlsx", ["id", "on", "total"], [1, NOW, 2.5], [2, "01.12.2010 09:00", "3,5"], [3, DAY, 4]
    )
    columns: dict[str, str | list[str]] = {"order_id": "id", "ordered_at": "on", "revenue": "total"}
    found = landed(tmp_path, columns, decimal=",", dates="%d.%m.%Y %H:%M")
    assert found["ordered_at"].to_pylist() == ["01.12.2010 08:26", "01.12.2010 09:00", "01.12.2010 00:00"]
    assert found["revenue"].to_pylist() == ["2,5", "3,5", "4"]
    assert found["order_id"].to_pylist() == [1, 2, 3]


def test_a_day_and_a_time_are_one_time(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", ["id", "day", "time"], [1, DAY, time(8, 26)], [2, DAY, time(9, 0)])
    found = landed(tmp_path, {"order_id": ["id", "id"], "ordered_at": ["day", "time"]})
    assert found["ordered_at"].to_pylist() == [NOW, NOW.replace(hour=9, minute=0)]
    assert found["order_id"].to_pylist() == ["1 1", "2 2"]
    workbook(
        tmp_path / "a.xlsx",
        ["id", "day", "time"],
        [1, DAY, "08:26"],
        [2, "2010-12-02", "09:00"],
        [3, None, "x"],
    )
    found = landed(tmp_path, {"order_id": "id", "ordered_at": ["day", "time"]})
    assert found["ordered_at"].to_pylist() == ["2010-12-01 08:26", "2010-12-02 09:00", "x"]


def test_rows_without_a_cell_are_left_out_and_short_rows_are_filled(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", [], ["note", "id", None], [], ["x", 1, "beyond"], [], ["y"], [])
    assert landed(tmp_path)["order_id"].to_pylist() == [1, None]


def test_a_sheet_is_found_by_its_name(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", ["id"], [1], March=[["id"], [3]])
    assert landed(tmp_path)["order_id"].to_pylist() == [1]
    assert landed(tmp_path, sheet="March")["order_id"].to_pylist() == [3]
    assert refused(tmp_path, sheet="march") == "a.xlsx has no sheet 'march': did you mean 'March'?"
    assert refused(tmp_path, sheet="x") == "a.xlsx has no sheet 'x': it has 'Sheet', 'March'."


def rewritten(path: Path, part: str, *changes: tuple[bytes, bytes]) -> None:
    """Change one part of a workbook, as another program would have written it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for old, new in changes:
        parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


SHEET = "xl/worksheets/sheet1.xml"


def test_a_formula_gives_its_value(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", ["id"], ["=1+1"])
    rewritten(tmp_path / "a.xlsx", SHEET, (b"<v></v>", b"<v>2</v>"), (b"<v />", b"<v>2</v>"))
    assert landed(tmp_path)["order_id"].to_pylist() == [2]


def test_a_sheet_is_read_beyond_the_size_that_it_says_it_has(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", ["x", "id"], ["y", 1], ["z", 2])
    rewritten(tmp_path / "a.xlsx", SHEET, (b'ref="A1:B3"', b'ref="A1:A2"'))
    assert landed(tmp_path)["order_id"].to_pylist() == [1, 2]


def test_several_workbooks_may_differ_in_types(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", ["id", "total"], [1, 2.5])
    workbook(tmp_path / "b.xlsx", ["total", "id"], ["x", 2])
    found = landed(tmp_path, {"order_id": "id", "revenue": "total"}, path="*.xlsx")
    assert found.to_pydict() == {"order_id": [1, 2], "revenue": ["2.5", "x"]}


def test_batches_are_put_together_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regulars.ingest.excel.BATCH", 3)
    workbook(tmp_path / "a.xlsx", ["id"], *([number] for number in range(10)))
    assert landed(tmp_path)["order_id"].to_pylist() == list(range(10))


def test_sheets_without_rows_are_refused(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx")
    assert "a.xlsx is empty: its sheet has no header" in refused(tmp_path)
    workbook(tmp_path / "a.xlsx", ["id"])
    assert "a.xlsx has a header and no rows" in refused(tmp_path)


def test_columns_that_are_absent_or_there_twice_are_refused(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", ["ID ", "x"], [1, 2])
    assert "a.xlsx lacks the column 'id', mapped to 'order_id': the nearest is 'ID '." in refused(tmp_path)
    workbook(tmp_path / "a.xlsx", ["id", "id"], [1, 2])
    assert "more than once (columns 1 and 2)" in refused(tmp_path)


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "[Content_Types].xml"])
def test_a_damaged_workbook_is_refused(tmp_path: Path, part: str) -> None:
    workbook(tmp_path / "a.xlsx", ["id"], *([f"text {number}"] for number in range(100)))
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        content = archive.read(part)
    rewritten(tmp_path / "a.xlsx", part, (content, content[: len(content) // 2]))
    assert "a.xlsx is damaged: its sheets cannot be read" in refused(tmp_path)


cells = strategies.one_of(
    strategies.none(),
    strategies.booleans(),
    strategies.integers(-(2**53), 2**53),
    strategies.floats(-1e300, 1e300).map(lambda x: float(f"{x:.15g}")),  # as Excel saves them
    strategies.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1)).map(
        lambda when: when.replace(microsecond=0)
    ),
    strategies.text(alphabet="ab1 ,;é🧦\"'<&\n", max_size=5).map(lambda value: value or None),
)


def written(value: Any) -> str | None:
    """What a cell is as text."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if (
        isinstance(value, float) and value.is_integer() and abs(value) < 1e16
    ):  # above, it is written with an exponent
        return str(int(value))
    return str(value)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@for_all(strategies.lists(cells, min_size=1, max_size=6))
def test_every_cell_comes_back_as_it_was_or_as_its_text(tmp_path_factory: Any, values: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("book")
    workbook(folder / "a.xlsx", ["id", "row"], *([value, "x"] for value in values))
    column = landed(folder)["order_id"]
    assert [written(value) for value in column.to_pylist()] == [written(value) for value in values]


def test_lengths_of_time_and_days_are_text() -> None:
    assert text(timedelta(hours=25)) == "1 day, 1:00:00" and text(date(2010, 12, 1)) == "2010-12-01"
