"""Files and configurations that cannot be staged: each ends in a sentence, exits non-zero, and leaves nothing half-written.

Rows of which some can be staged stand in `test_bad_rows.py`; configurations, rights and full disks in `test_bad_places.py`. A
database that refuses, that drops the connection half-way, or whose query returns nothing stands in `test_database.py`:
`test_what_cannot_be_read_is_a_sentence`, `test_a_connection_dropped_half_way_leaves_no_table_that_looks_whole`,
`test_a_connection_dropped_between_two_tables_is_said`, `test_an_empty_table_is_refused_and_leaves_no_file`.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from regulars import Shop
from regulars.ingest import stage
from regulars.ingest.cleaning import RULES
from regulars.pipeline import main
from tests.ingest.corner import GOOD, HEADER, LINES, corner, csv_text, project, refusal, rows_with, with_lines

ZIPPED = gzip.compress(csv_text(rows_with(more=GOOD * 300)).encode())
CAFE = csv_text(rows_with((0, "Product", "Café")))
AGAIN = "Copy or export it again."


def refused_by(name: str, where: str, rows: str, examples: str, *, is_all: bool = False) -> str:
    """The sentence for too many refused lines: the rule's own words, and where, how many and which."""
    (rule,) = (rule for rule in RULES if (rule.table, rule.name) == ("order_lines", name))
    anyway = "" if is_all else " To stage what is left anyway: cleaning: {stop_above: 1}."
    return (
        f"lines.csv{where}: {rows} of 6 rows of order_lines are refused, {rows} of them by {name}: {rule.meaning} Such as "
        f"{examples}. {rule.remedy}{anyway}"
    )


class Case(NamedTuple):
    """A raw file that cannot be staged.

    Attributes:
        said: the sentence; `{raw}` stands for the folder's name.
        file: its content; None: there is no such file.
        name: its name.
        lines: what the table's configuration says besides.
        other: another file in the folder.
    """

    said: str
    file: bytes | None
    name: str = "lines.csv"
    lines: Mapping[str, Any] = {}
    other: str = ""


def column(name: str, values: list[str]) -> bytes:
    """The good rows, with these values at the top of a column."""
    return csv_text(rows_with(*[(place, name, value) for place, value in enumerate(values)])).encode()


CASES = {
    "missing file": Case(
        "There is no file 'lines.csv': the folder {raw} has line.csv; did you mean 'line.csv'?",
        None,
        other="line.csv",
    ),
    "missing file, empty folder": Case(
        "There is no file 'lines.csv': the folder {raw} is empty. Put the shop's exports there.", None
    ),
    "empty file": Case("lines.csv is empty: it has no bytes. Export it again.", b""),
    "blank file": Case("lines.csv is empty: it has no header and no rows. Export it again.", b" \n\n"),
    "header only": Case(
        "lines.csv has a header and no rows: export it again, over a time in which something was sold.",
        csv_text([]).encode(),
    ),
    "wrong delimiter": Case(
        "lines.csv lacks the column 'Order', mapped to 'order_id': it has "
        "'Order;Customer;SKU;Product;Qty;Price;Currency;Date'. Its columns seem to be split by a semicolon: write "
        "delimiter: ';', or leave it out.",
        csv_text(delimiter=";").encode(),
        lines={"delimiter": ","},
    ),
    "wrong delimiter, an odd one": Case(
        "lines.csv lacks the column 'Order', mapped to 'order_id': it has "
        "'Order^Customer^SKU^Product^Qty^Price^Currency^Date'. It has one column only: say its 'delimiter' in the "
        "configuration, if it is another than , ; | or a tab.",
        csv_text(delimiter="^").encode(),
    ),
    "wrong encoding, not UTF-8": Case(
        "lines.csv is not in utf-8, its 'encoding' (line 2). Correct 'encoding', or leave it out.",
        CAFE.encode("latin-1"),
        lines={"encoding": "utf-8"},
    ),
    "wrong encoding, UTF-8 after all": Case(
        "lines.csv is not in latin-1, its 'encoding': it seems to be utf-8. Correct 'encoding', or leave it out.",
        CAFE.encode(),
        lines={"encoding": "latin-1"},
    ),
    "wrong encoding, no such one": Case(
        "lines.csv: 'utf-9' is no encoding: write one such as utf-8.",
        CAFE.encode(),
        lines={"encoding": "utf-9"},
    ),
    "truncated gzip": Case(
        f"lines.csv.gz is cut off: its compressed data end too early. {AGAIN}", ZIPPED[:-300], "lines.csv.gz"
    ),
    "truncated gzip, a few bytes": Case(
        f"lines.csv.gz is cut off: its compressed data end too early. {AGAIN}", ZIPPED[:15], "lines.csv.gz"
    ),
    "not the format its name says: gzip": Case(
        "lines.csv is a gzip file by its first bytes: export it again, or rename it, such as to lines.csv.gz.",
        ZIPPED,
    ),
    "not the format its name says: no gzip": Case(
        "lines.csv.gz is no gzip file by its first bytes: export it again, or rename it, such as to lines.csv.",
        csv_text().encode(),
        "lines.csv.gz",
    ),
    "not the format its name says: Parquet": Case(
        "lines.parquet is a text by its first bytes, but its name says that it is a Parquet file: export it again, or "
        "rename it.",
        csv_text().encode(),
        "lines.parquet",
    ),
    "not the format its name says: Excel": Case(
        "lines.xlsx is a text by its first bytes, but its name says that it is an Excel workbook (.xlsx): export it "
        "again, or rename it.",
        csv_text().encode(),
        "lines.xlsx",
    ),
    "a mapped column absent": Case(
        "lines.csv lacks the column 'Customer', mapped to 'customer_id': the nearest are 'Customer No', 'Costumer'.",
        csv_text([[*row, ""] for row in GOOD], ["Order", "Customer No", *HEADER[2:], "Costumer"]).encode(),
    ),
    "two columns mapped to one": Case(
        "order_lines: 'product_id' and 'product' are both mapped to the source's column 'SKU': keep one of them.",
        csv_text().encode(),
        lines={"columns": {**LINES["columns"], "product": "SKU"}},
    ),
    "no column mapped to what is needed": Case(
        "lines.csv: order_lines needs the column 'ordered_at' (when the order was placed), and none is mapped to it. Write it "
        "under 'columns', as in ordered_at: the name of your column.",
        csv_text().encode(),
        lines={
            "columns": {name: theirs for name, theirs in LINES["columns"].items() if name != "ordered_at"}
        },
    ),
    "text in a number column": Case(
        refused_by("unreadable_number", "", "4", "‘free’, ‘gratis’, ‘n.n.’ in 'Price'"),
        column("Price", ["free", "n.n.", "see note", "gratis"]),
    ),
    "text with line ends and control characters in a number column": Case(
        refused_by("unreadable_number", "", "4", "‘ [31mred’, ‘a b’, ‘fr ee’ in 'Price'"),
        column("Price", ["fr\nee", "\x1b[31mred", "a\u2028b", "x"]),
    ),
    "day-first and month-first dates": Case(
        "lines.csv, column 'Date': dates are written in two ways that contradict each other: 14/01/2025, 20/02/2025 have the "
        "day first, 02/28/2025, 03/31/2025 the month. Export them in one form, such as 2025-03-31.",
        column("Date", ["03/01/2025", "03/01/2025", "14/01/2025", "20/02/2025", "02/28/2025", "03/31/2025"]),
    ),
    "day/month ambiguity": Case(
        "lines.csv, column 'Date': 03/01/2025, 04/01/2025, 05/02/2025 can be read with the day or with the month first. Say "
        'which in the configuration: dates: "%d/%m/%Y" or dates: "%m/%d/%Y".',
        column("Date", ["03/01/2025", "03/01/2025", "04/01/2025", "05/02/2025", "06/02/2025", "07/03/2025"]),
    ),
    "dates in the future": Case(
        refused_by("future_date", ", column 'Date'", "4", "‘2999-01-01’, ‘2999-01-02’, ‘2999-01-03’"),
        column("Date", ["2999-01-01", "2999-01-02", "2999-01-03", "2999-01-04"]),
    ),
    "dates with the year at their beginning or at their end": Case(
        "lines.csv, column 'Date': 25-01-03, 25-01-14, 25-02-20 can be read with the year at their beginning or at their "
        'end. Say which in the configuration: dates: "%y-%m-%d" or dates: "%d-%m-%y".',
        column("Date", ["25-01-03", "25-01-03", "25-01-14", "25-02-20", "25-02-28", "25-03-31"]),
    ),
    "such a date beside others": Case(
        "lines.csv, column 'Date': 25-01-03 can be read with the year at their beginning or at their end. Say which in the "
        'configuration: dates: "%y-%m-%d" or dates: "%d-%m-%y".',
        column("Date", ["25-01-03"]),
    ),
    "negative quantities that are no returns": Case(
        refused_by("negative_quantity", ", column 'Qty'", "5", "‘-1’, ‘-2’"),
        column("Qty", ["-1", "-2", "-1", "-2", "-1"]),
    ),
    "duplicate order ids with different customers": Case(
        refused_by("several_customers", ", column 'Order'", "6", "‘1’", is_all=True),
        column("Order", ["1"] * 6),
    ),
    "no line that can be split": Case(
        "No line of lines.csv can be split like its header: line 2 has 3 fields instead of 8. Correct 'delimiter', or export "
        "it again.",
        csv_text([["1", "2", "3"], ["4", "5", "6"]]).encode(),
    ),
}


@pytest.fixture(scope="module")
def staged_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a shop that was staged, and whose raw file has gone."""
    folder = tmp_path_factory.mktemp("before")
    shop = with_lines(corner(folder))
    stage(shop)
    (shop.raw / "lines.csv").unlink()
    return folder


@pytest.fixture(params=[False, True], ids=["nothing staged before", "staged before"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, staged_before: Path) -> Path:
    """Where the shop is; it may have been staged before its files were spoiled."""
    if request.param:
        shutil.copytree(staged_before, tmp_path, dirs_exist_ok=True)
    return tmp_path


def spoiled(folder: Path, case: Case) -> Shop:
    """The shop with the case's file."""
    shop = corner(folder, order_lines={**LINES, "path": case.name, **case.lines})
    if case.file is not None:
        (shop.raw / case.name).write_bytes(case.file)
    if case.other:
        (shop.raw / case.other).write_text("something")
    return shop


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_cannot_be_staged_is_a_sentence_and_leaves_nothing_half_written(
    folder: Path, case: Case
) -> None:
    shop = spoiled(folder, case)
    assert refusal(shop) == case.said.replace("{raw}", f"{folder.name}/raw")


@pytest.mark.parametrize(
    "name",
    ["missing file", "truncated gzip", "text with line ends and control characters in a number column"],
)
def test_the_pipeline_exits_1_with_the_sentence_as_its_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    case = CASES[name]
    shop = spoiled(tmp_path, case)
    with project(tmp_path, monkeypatch) as path:
        path.write_text((tmp_path / "corner.yml").read_text())
        (tmp_path / "data" / "corner").mkdir(parents=True)
        shop.raw.rename(tmp_path / "data" / "corner" / "raw")
        code = main(["--shop", "corner"])
    assert code == 1
    assert capsys.readouterr().err == f"regulars: {case.said.replace('{raw}', 'corner/raw')}\n"
    assert not (tmp_path / "data" / "corner" / "staged").exists()
    assert not (tmp_path / "reports").exists()
