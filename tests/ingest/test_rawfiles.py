"""Which files a pattern means, and the sentences for those that are not what they are said to be."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars.ingest.contracts import IngestError
from regulars.ingest.rawfiles import Kind, find_files, identify

TEXT = b"id,tea\n1,Assam\n"


def workbook() -> bytes:
    out = io.BytesIO()
    openpyxl.Workbook().save(out)
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("orders.csv", TEXT)
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": [1]}), out)
    return out.getvalue()


CONTENT = {
    "text": TEXT,
    "gzip": gzip.compress(TEXT),
    "zstd": pa.compress(TEXT, "zstd", asbytes=True),
    "parquet": parquet(),
    "workbook": workbook(),
    "zip": archive(),
    "old": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "empty": b"",
}


def refused(path: Path, content: str, said: Kind | None = None) -> str:
    path.write_bytes(CONTENT[content])
    with pytest.raises(IngestError) as caught:
        identify(path, said)
    sentence = str(caught.value)
    assert path.name in sentence and "\n" not in sentence and sentence.endswith(".")
    return sentence


@pytest.mark.parametrize(
    ("name", "content", "said", "kind", "compression"),
    [
        ("a.csv", "text", None, "csv", "none"),
        ("a.TSV", "text", None, "csv", "none"),
        ("a.csv.gz", "gzip", None, "csv", "gzip"),
        ("a.csv.zst", "zstd", None, "csv", "zstd"),
        ("a.parquet", "parquet", None, "parquet", "none"),
        ("a.xlsx", "workbook", None, "excel", "none"),
        ("export", "text", None, "csv", "none"),
        ("export", "gzip", None, "csv", "gzip"),
        ("export.2011-12", "parquet", None, "parquet", "none"),
        ("export.data", "workbook", None, "excel", "none"),
        ("export.data", "text", "csv", "csv", "none"),
        ("a.txt", "parquet", "parquet", "parquet", "none"),
    ],
)
def test_a_file_is_what_its_name_and_its_bytes_say(
    tmp_path: Path, name: str, content: str, said: Kind | None, kind: str, compression: str
) -> None:
    (tmp_path / name).write_bytes(CONTENT[content])
    assert identify(tmp_path / name, said) == (tmp_path / name, kind, compression)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.csv", "empty", ["is empty"]),
        ("a.csv", "gzip", ["a gzip file by its first bytes", "a.csv.gz"]),
        ("a.csv", "zstd", ["a zstd file by its first bytes", "a.csv.zst"]),
        ("a.csv.gz", "text", ["no gzip file by its first bytes", "to a.csv."]),
        ("a.csv.gz", "zstd", ["a zstd file", "to a.csv.zst."]),
        ("a.csv", "parquet", ["a Parquet file by its first bytes", "its name says that it is a CSV"]),
        ("a.csv", "workbook", ["an Excel workbook (.xlsx) by its first bytes", "a CSV"]),
        ("a.csv", "zip", ["a zip archive", "a CSV"]),
        ("a.zip", "zip", ["a zip archive", "unpack it"]),
        ("a.parquet", "text", ["a text by its first bytes", "a Parquet file"]),
        ("a.xlsx", "text", ["a text by its first bytes", "an Excel workbook"]),
        ("a.xlsx", "old", ["an old Excel workbook (.xls), or one with a password"]),
        ("a.xls", "old", ["save it as .xlsx or as CSV"]),
        ("a.ods", "zip", ["save it as .xlsx or as CSV"]),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    tmp_path: Path, name: str, content: str, parts: list[str]
) -> None:
    sentence = refused(tmp_path / name, content)
    assert all(part in sentence for part in parts), sentence


def test_a_file_that_is_not_what_the_configuration_says_is_refused(tmp_path: Path) -> None:
    assert "the configuration says that it is a CSV: correct 'format'" in refused(
        tmp_path / "a.data", "parquet", "csv"
    )


def test_a_workbook_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(CONTENT["workbook"][:-40])
    with pytest.raises(IngestError, match=r"a\.xlsx is cut off or damaged"):
        identify(path)


def no_files(raw: Path, *patterns: str) -> str:
    with pytest.raises(IngestError) as caught:
        find_files(patterns, raw)
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", "?"))
    return str(caught.value)


def put(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(TEXT)


def test_patterns_mean_files_each_once_in_their_order(tmp_path: Path) -> None:
    put(tmp_path, "b-2.csv", "b-1.csv", "a.csv", "b-3.txt", "~$b-9.csv")
    (tmp_path / "b-0.csv").mkdir()
    assert [path.name for path in find_files(["b-*.csv", "*.csv"], tmp_path)] == [
        "b-1.csv",
        "b-2.csv",
        "a.csv",
    ]
    assert find_files([str(tmp_path / "a.csv")], tmp_path / "elsewhere") == [tmp_path / "a.csv"]
    assert find_files([str(tmp_path / "a*")], tmp_path / "elsewhere") == [tmp_path / "a.csv"]
    assert [path.name for path in find_files(["**/a.csv"], tmp_path)] == ["a.csv"]


def test_a_name_with_signs_of_a_pattern_in_it_is_a_name_if_there_is_such_a_file(tmp_path: Path) -> None:
    raw = tmp_path / "shop [new]"
    put(raw, "orders [1].csv", "orders 1.csv")
    assert [path.name for path in find_files(["orders [1].csv"], raw)] == ["orders [1].csv"]


def test_a_missing_file_is_answered_with_what_is_there(tmp_path: Path) -> None:
    raw = tmp_path / "acme" / "raw"
    raw.parent.mkdir()
    put(raw, "oders.csv", "customers.csv", ".hidden")
    sentence = no_files(raw, "orders.csv")
    assert sentence == (
        "There is no file 'orders.csv': the folder acme/raw has customers.csv, oders.csv; did you mean 'oders.csv'?"
    )
    sentence = no_files(raw, "*.parquet")
    assert sentence.startswith(
        "No file matches '*.parquet': the folder acme/raw has customers.csv, oders.csv;"
    )
    assert no_files(raw, "2017/*.csv").startswith(
        "No file matches '2017/*.csv': the folder raw/2017 is not there."
    )


def test_a_folder_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    raw = tmp_path / "acme" / "raw"
    assert "the folder acme/raw is not there" in no_files(raw, "orders.csv")
    assert "the folder acme/raw is not there" in no_files(raw, "*.csv")
    raw.mkdir(parents=True)
    assert "the folder acme/raw is empty" in no_files(raw, "*.csv")
    assert "the folder raw/old is not there" in no_files(raw, "old/orders.csv")


def test_many_files_are_not_all_listed(tmp_path: Path) -> None:
    put(tmp_path, *(f"{number:02}.csv" for number in range(30)))
    assert "07.csv and 22 more" in no_files(tmp_path, "orders.csv")


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "orders").mkdir()
    assert "'orders' is a folder" in no_files(tmp_path, "orders")
    assert "orders/*.csv" in no_files(tmp_path, "orders")


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(TEXT)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(IngestError, match=r"orders\.csv may not be read by this user"):
        identify(path)
