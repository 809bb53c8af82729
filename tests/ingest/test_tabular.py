"""Files of one table, landed as one; the sentences for files that do not fit; and the first rows for guesses."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars.config import FileTable, Format
from regulars.engine import Engine
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, Landing
from regulars.ingest.tabular import head, land_table

ODD = [
    "🧦 socks",
    'a "quoted" name',
    "two\nlines",
    "nul\0here",
    "<script>alert(1)</script>",
    '=HYPERLINK("x")',
    "it's; DROP",
]
IDS: dict[str, Any] = {"columns": {"order_id": "id"}}


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(Engine(), tmp_path / "landing")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


def land(landing: Landing, raw: Path, table: str = "orders", **given: Any) -> Landed:
    return land_table(landing, table, FileTable.model_validate({"path": "*.csv", **IDS, **given}), raw)


def rows(landed: Landed) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = pq.read_table(landed.path).to_pydict()
    return found


def refused(landing: Landing, raw: Path, **given: Any) -> str:
    with pytest.raises(IngestError) as caught:
        land(landing, raw, **given)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith((".", "?")), sentence
    return sentence


def put(raw: Path, files: Mapping[str, str | bytes]) -> None:
    for name, data in files.items():
        (raw / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def test_only_what_is_mapped_lands_under_our_names(landing: Landing, raw: Path) -> None:
    put(raw, {"a.csv": 'Total €,Order ID,secret,day,at\n2,01,x,2017-01-05,08:26\n," 1",y,,09:00\n'})
    columns = {"order_id": "Order ID", "revenue": "Total €", "ordered_at": ["day", "at"]}
    landed = land(landing, raw, columns=columns, decimal=",", dates="%Y-%m-%d %H:%M", includes=["tax"])
    assert rows(landed) == {
        "order_id": ["01", " 1"],
        "revenue": ["2", None],
        "ordered_at": ["2017-01-05 08:26", "09:00"],
    }
    assert landed.path == landing.folder / "orders.parquet"
    assert landed.format == Format(decimal=",", dates=["%Y-%m-%d %H:%M"], includes=("tax",))
    assert type(landed.format) is Format
    assert landed.origin == "a.csv" and landed.malformed is None
    assert landed.columns == {"order_id": "Order ID", "revenue": "Total €", "ordered_at": "day + at"}


def test_attributes_land_under_the_shops_names(landing: Landing, raw: Path) -> None:
    put(raw, {"a.csv": "id,plan\n1,gold\n"})
    landed = land(
        landing,
        raw,
        "customers",
        columns={"customer_id": "id", "email": "id"},
        attributes={"plan_level": "plan"},
    )
    assert rows(landed) == {"customer_id": ["1"], "email": ["1"], "plan_level": ["gold"]}


def test_product_names_arrive_untouched(landing: Landing, raw: Path) -> None:
    lines = "".join(f'{n},"{name.replace(chr(34), chr(34) * 2)}"\n' for n, name in enumerate(ODD))
    put(raw, {"a.csv": f"id,name\n{lines}"})
    assert (
        rows(land(landing, raw, "products", columns={"product_id": "id", "product": "name"}))["product"]
        == ODD
    )


def test_several_files_are_one_table_in_the_order_of_their_names(landing: Landing, raw: Path) -> None:
    put(
        raw,
        {
            "o-2.csv": "id;total\n3;30\n",
            "o-1.csv": "total,id\n10,1\n20,2\n",
            "o-3.csv.gz": gzip.compress(b"id,total\nx\n4,\n"),
        },
    )
    put(raw, {"o-4.csv": "id,total\n", "o-5.csv": "id,total\n5,Ä\n6\n".encode("latin-1")})
    landed = land(landing, raw, path=["o-*.csv", "*.gz"], columns={"order_id": "id", "revenue": "total"})
    assert rows(landed) == {"order_id": ["1", "2", "3", "5", "4"], "revenue": ["10", "20", "30", "Ä", None]}
    assert landed.origin == "o-*.csv, *.gz"
    assert landed.malformed is not None
    assert [
        (row["file"], row["line"], row["text"]) for row in pq.read_table(landed.malformed).to_pylist()
    ] == [
        ("o-5.csv", 3, "6"),
        ("o-3.csv.gz", 2, "x"),
    ]
    assert sorted(path.name for path in landing.folder.iterdir()) == [
        "orders.malformed.parquet",
        "orders.parquet",
    ]


def test_files_of_one_table_must_have_the_same_columns(landing: Landing, raw: Path) -> None:
    put(raw, {"a.csv": "id,total\n1,2\n", "b.csv": "id,total,tax\n1,2,3\n"})
    assert refused(landing, raw).startswith(
        "b.csv has the column 'tax', which a.csv lacks: files of one table must"
    )
    assert "b.csv lacks the column 'totals'" in refused(
        landing, raw, path=["b.csv", "a.csv"], columns={"revenue": "totals"}
    )


def test_files_of_one_table_must_be_of_one_kind(landing: Landing, raw: Path) -> None:
    put(raw, {"a.csv": "id\n1\n"})
    pq.write_table(pa.table({"id": [1]}), raw / "a.parquet")
    assert "a CSV (a.csv) and a Parquet file (a.parquet)" in refused(landing, raw, path="a.*")


@pytest.mark.parametrize(
    ("files", "given", "sentence"),
    [
        ({}, {}, "No file matches '*.csv': the folder {folder}/raw is empty. Put the shop's exports there."),
        (
            {"oders.csv": "id\n1\n"},
            {"path": "orders.csv"},
            "There is no file 'orders.csv': the folder {folder}/raw has oders.csv; did you mean 'oders.csv'?",
        ),
        ({"a.csv": b""}, {}, "a.csv is empty: it has no bytes. Export it again."),
        ({"a.csv": "\n\n"}, {}, "a.csv is empty: it has no header and no rows. Export it again."),
        (
            {"a.csv": "id,total\n\n"},
            {},
            "a.csv has a header and no rows: export it again, over a time in which something was sold.",
        ),
        (
            {"a.csv": "Order ID,Total\n1,2\n"},
            {},
            "a.csv lacks the column 'id', mapped to 'order_id': it has 'Order ID', 'Total'.",
        ),
        (
            {"a.csv": "Order ID,Total\n1,2\n"},
            {"columns": {"order_id": "Orders ID"}},
            "a.csv lacks the column 'Orders ID', mapped to 'order_id': the nearest is 'Order ID'.",
        ),
        (
            {"a.csv": "id;total\n1;2\n"},
            {"delimiter": ","},
            "a.csv lacks the column 'id', mapped to 'order_id': it has 'id;total'. Its columns seem to be split by a "
            "semicolon: write delimiter: ';', or leave it out.",
        ),
        (
            {"a.csv": "id^total\n1^2\n"},
            {},
            "a.csv lacks the column 'id', mapped to 'order_id': it has 'id^total'. It has one column only: say its "
            "'delimiter' in the configuration, if it is another than , ; | or a tab.",
        ),
        (
            {"a.csv": "id,total\n1,2,3\n1,2,4\n"},
            {},
            "No line of a.csv can be split like its header: line 2 has 3 fields instead of 2. Correct 'delimiter', or "
            "export it again.",
        ),
        (
            {"a.csv": "id,id,x\n1,2,3\n"},
            {},
            "a.csv has the column 'id', mapped to 'order_id', more than once (columns 1 and 2): rename all but one.",
        ),
        (
            {"a.csv": "id,total\n1,Bär\n".encode("latin-1")},
            {"encoding": "utf-8"},
            "a.csv is not in utf-8, its 'encoding' (line 2). Correct 'encoding', or leave it out.",
        ),
        (
            {"a.csv": gzip.compress(b"id\n1\n")},
            {},
            "a.csv is a gzip file by its first bytes: export it again, or rename it, such as to a.csv.gz.",
        ),
        (
            {"a.csv.gz": gzip.compress(b"id,n\n" + random.Random(1).randbytes(999).hex().encode())[:-9]},
            {"path": "*.gz"},
            "a.csv.gz is cut off: its compressed data end too early. Copy or export it again.",
        ),
        (
            {"a.parquet": "id\n1\n"},
            {"path": "a.parquet"},
            "a.parquet is a text by its first bytes, but its name says that it is a Parquet file: "
            "export it again, or rename it.",
        ),
        (
            {"a.csv": "id\n1\n"},
            {"columns": {"order_id": "id", "revenue": "id"}},
            "orders: 'order_id' and 'revenue' are both mapped to the source's column 'id': keep one of them.",
        ),
        (
            {"a.csv": "id\n1\n"},
            {"columns": {"order_idd": "id"}},
            "orders: the column 'order_idd' is not known: did you mean 'order_id'?",
        ),
        (
            {"a.csv": "id\n1\n"},
            {"attributes": {"plan": "id"}},
            "orders takes no 'attributes': only customers may have columns of the shop's own.",
        ),
    ],
)
def test_bad_input_is_answered_with_a_sentence(
    landing: Landing, raw: Path, files: dict[str, str | bytes], given: dict[str, Any], sentence: str
) -> None:
    put(raw, files)
    assert refused(landing, raw, **given) == sentence.format(folder=raw.parent.name)


def test_a_folder_in_the_place_of_a_file_is_refused(landing: Landing, raw: Path) -> None:
    (raw / "a.csv").mkdir()
    assert "'a.csv' is a folder" in refused(landing, raw, path="a.csv")


PARQUET = pa.table(
    {
        "id": pa.array([3, 1, None], pa.int32()),
        'the "total"': pa.array([Decimal("1.50"), None, Decimal("-2.00")], pa.decimal128(9, 2)),
        "day": pa.array([datetime(2017, 1, 5), datetime(2017, 1, 6, 9), None], pa.timestamp("ns")),
        "at": pa.array([time(8, 26), time(9, 0), time(10, 0)], pa.time64("us")),
        "ID": pa.array(["x\0", "🧦", ""], pa.string()),
        "on": pa.array([date(2017, 1, 5), None, date(2017, 1, 7)]),
    }
)


def test_parquet_keeps_its_types_and_the_order_of_its_rows(landing: Landing, raw: Path) -> None:
    pq.write_table(PARQUET, raw / "a [1].parquet")
    columns = {
        "order_id": "id",
        "revenue": 'the "total"',
        "customer_id": "ID",
        "refunded_at": "on",
        "ordered_at": ["day", "at"],
    }
    landed = land(landing, raw, path="a [1].parquet", columns=columns)
    found = pq.read_table(landed.path)
    assert found["order_id"].to_pylist() == [3, 1, None] and found["order_id"].type == pa.int32()
    assert found["revenue"].to_pylist() == PARQUET['the "total"'].to_pylist()
    assert found["revenue"].type == pa.decimal128(9, 2)
    assert found["customer_id"].to_pylist() == ["x\0", "🧦", ""]
    assert found["refunded_at"].to_pylist() == PARQUET["on"].to_pylist()
    assert found["ordered_at"].to_pylist() == [
        "2017-01-05 08:26:00",
        "2017-01-06 09:00:00 09:00:00",
        "10:00:00",
    ]


def test_several_parquet_files_are_one_table_whatever_the_order_of_their_columns(
    landing: Landing, raw: Path
) -> None:
    pq.write_table(pa.table({"id": [1, 2], "total": [1, 2]}), raw / "a.parquet")
    pq.write_table(pa.table({"total": [2.5], "id": [3]}), raw / "b.parquet")
    landed = land(landing, raw, path="*.parquet", columns={"order_id": "id", "revenue": "total"})
    assert rows(landed) == {"order_id": [1, 2, 3], "revenue": [1.0, 2.0, 2.5]}


@pytest.mark.parametrize(
    ("cut", "part"),
    [(slice(0, -30), "is cut off or damaged: its end is missing"), (slice(0, 6), "is cut off or damaged")],
)
def test_a_parquet_file_that_is_cut_off_is_refused(
    landing: Landing, raw: Path, cut: slice, part: str
) -> None:
    pq.write_table(PARQUET, raw / "a.parquet")
    put(raw, {"a.parquet": (raw / "a.parquet").read_bytes()[cut]})
    assert part in refused(landing, raw, path="a.parquet")


def test_a_parquet_file_with_damaged_data_is_refused(landing: Landing, raw: Path) -> None:
    noise = random.Random(1)
    pq.write_table(
        pa.table({"id": [noise.random() for _ in range(10_000)]}), raw / "a.parquet", compression="zstd"
    )
    data = bytearray((raw / "a.parquet").read_bytes())
    data[4:3000] = bytes(2996)
    put(raw, {"a.parquet": bytes(data)})
    assert "a.parquet is damaged" in refused(landing, raw, path="a.parquet")


def test_the_head_of_a_csv(raw: Path) -> None:
    put(raw, {"a.csv": 'id;name;id\n1;Bär;\n\n2;x\n3;;"y\nz"\n'.encode("latin-1")})
    found = head(raw / "a.csv")
    assert (found.kind, found.delimiter, found.encoding, found.sheet) == ("csv", ";", "windows-1252", None)
    assert found.columns == list(found.rows.columns) == ["id", "name", "id"]
    assert found.rows.to_numpy().tolist() == [["1", "Bär", None], ["3", None, "y\nz"]]
    assert len(head(raw / "a.csv", rows=1).rows) == 1
    given = FileTable.model_validate({"path": "a.csv", **IDS, "delimiter": ",", "encoding": "cp850"})
    assert head(raw / "a.csv", given).columns == ["id;name;id"]


def test_the_head_of_a_parquet_file(raw: Path) -> None:
    pq.write_table(PARQUET, raw / "a.parquet")
    found = head(raw / "a.parquet", rows=2)
    assert (found.kind, found.delimiter, found.encoding, found.sheet) == ("parquet", None, None, None)
    assert found.columns == PARQUET.column_names
    assert found.rows.to_numpy().tolist() == [
        ["3", "1.50", "2017-01-05 00:00:00", "08:26:00", "x\0", "2017-01-05"],
        ["1", None, "2017-01-06 09:00:00", "09:00:00", "🧦", None],
    ]


def test_the_head_of_a_workbook(raw: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "March"
    for row in [
        ["id", "on", "total", "note"],
        [536365, datetime(2010, 12, 1, 8, 26), 2.5],
        ["C1", None, 3.0, "x"],
    ]:
        book.active.append(row)
    book.save(raw / "a.xlsx")
    found = head(raw / "a.xlsx")
    assert (found.kind, found.delimiter, found.encoding, found.sheet) == ("excel", None, None, "March")
    assert found.rows.to_numpy().tolist() == [
        ["536365", "2010-12-01 08:26:00", "2.5", None],
        ["C1", None, "3", "x"],
    ]


def test_the_head_of_what_is_not_there_is_refused(raw: Path) -> None:
    put(raw, {"oders.csv": "id\n"})
    with pytest.raises(IngestError, match=r"There is no file 'orders\.csv'.* did you mean 'oders\.csv'"):
        head(raw / "orders.csv")
    with pytest.raises(IngestError, match=r"oders\.csv has a header and no rows"):
        head(raw / "oders.csv")
    with pytest.raises(IngestError, match="'raw' is a folder"):
        head(raw)


def online_retail() -> Path:
    if "REGULARS_RAW" not in os.environ:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    return Path(os.environ["REGULARS_RAW"]) / "online-retail" / "online_retail.csv.gz"


def test_online_retail_lands_whole(landing: Landing) -> None:
    path = online_retail()
    columns = {
        "order_id": "InvoiceNo",
        "customer_id": "CustomerID",
        "quantity": "Quantity",
        "price": "UnitPrice",
    }
    landed = land(landing, path.parent, "order_lines", path=path.name, columns=columns)
    assert landed.malformed is None
    money = "sum(quantity::INT * price::DECIMAL(18, 4))"
    query = f"SELECT count(*), count(customer_id), count(DISTINCT order_id), {money} FROM '{landed.path}'"
    assert landing.engine.sql(query).fetchall() == [
        (541_909, 541_909 - 135_080, 25_900, Decimal("9747747.9340"))
    ]


def test_a_spoiled_line_of_online_retail_costs_only_itself(landing: Landing, raw: Path) -> None:
    with gzip.open(online_retail(), "rb") as file:
        lines = list(islice(file, 20_000))
    lines[7_000] = b"536365,spoiled\n"
    put(raw, {"a.csv.gz": gzip.compress(b"".join(lines), 1)})
    columns = {"order_id": "InvoiceNo", "product": "Description"}
    landed = land(landing, raw, "order_lines", path="a.csv.gz", columns=columns)
    assert len(rows(landed)["product"]) == 19_998
    assert landed.malformed is not None
    assert pq.read_table(landed.malformed).to_pylist() == [
        {"file": "a.csv.gz", "line": 7_001, "text": "536365,spoiled", "problem": "2 fields instead of 8"}
    ]
