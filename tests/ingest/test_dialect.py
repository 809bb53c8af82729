"""What a CSV is, found from its first rows or given: encoding, delimiter, header."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies

from regulars.config import FileTable
from regulars.ingest.contracts import IngestError
from regulars.ingest.dialect import (
    SAMPLE,
    Dialect,
    encoding_of_all,
    find_dialect,
    find_encoding,
    other_delimiter,
)
from regulars.ingest.rawfiles import identify

UMLAUTS = "id;straße\n1;Bär\n2;Café\n"


def given(**said: str) -> FileTable:
    return FileTable.model_validate({"path": "a.csv", "columns": {"order_id": "id"}, **said})


def dialect(folder: Path, data: bytes | str, wanted: tuple[str, ...] = (), **said: str) -> Dialect:
    path = folder / "a.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return find_dialect(identify(path), given(**said), wanted)


def refused(folder: Path, data: bytes | str, **said: str) -> str:
    with pytest.raises(IngestError) as caught:
        dialect(folder, data, **said)
    sentence = str(caught.value)
    assert sentence.startswith("a.csv") and "\n" not in sentence and sentence.endswith(".")
    return sentence


@pytest.mark.parametrize(
    ("text", "delimiter", "columns"),
    [
        ("id,total\n1,2.5\n", ",", ["id", "total"]),
        ("id;total\n1;2,5\n2;3,5\n", ";", ["id", "total"]),
        ("id\ttotal\n1\t2,5\n", "\t", ["id", "total"]),
        ("id|total\n1|2,5\n", "|", ["id", "total"]),
        ('"id";"total, all"\n1;2,5\n', ";", ["id", "total, all"]),
        ('id,note\n1,"a;b;c"\n2,"x\ny;z"\n', ",", ["id", "note"]),
        ("id;first, last;note\n1;a, b;x, y\n2;c;z\n", ";", ["id", "first, last", "note"]),
        ("id\n1\n2\n", ",", ["id"]),
        ("\n\nid,total\r\n1,2\r\n", ",", ["id", "total"]),
        ("id,total\r1,2\r", ",", ["id", "total"]),
        ('"the\nid",total\n1,2\n', ",", ["the\nid", "total"]),
        ("id,total,,\n1,2,,\n", ",", ["id", "total"]),
        ("id,total,\n1,2,x\n", ",", ["id", "total", ""]),
        (
            'a b;"c ""d""";\'; DROP TABLE orders --\n1;2;3\n',
            ";",
            ["a b", 'c "d"', "'", " DROP TABLE orders --"],
        ),
        ("id,id\n1,2\n", ",", ["id", "id"]),
    ],
)
def test_the_delimiter_and_the_header_are_found(
    tmp_path: Path, text: str, delimiter: str, columns: list[str]
) -> None:
    is_plain = text[0] != "\n" and "\n" not in columns[0]
    assert dialect(tmp_path, text) == Dialect(columns, delimiter, "utf-8", is_plain=is_plain)


def test_the_names_that_are_wanted_decide_between_delimiters(tmp_path: Path) -> None:
    text = "id;a,b;c,d;total\n1;2,3;4,5;6\n"
    assert dialect(tmp_path, text, ("a,b",)).delimiter == ";"
    assert dialect(tmp_path, text, ("b;c",)).delimiter == ","


def test_a_delimiter_that_is_given_goes_before_all(tmp_path: Path) -> None:
    assert dialect(tmp_path, "id,a;b\n1,2;3\n", delimiter=";") == Dialect(["id,a", "b"], ";", "utf-8")
    assert dialect(tmp_path, "id^total\n1^2\n", delimiter="^").columns == ["id", "total"]
    assert "cannot be '\"'" in refused(tmp_path, "id\n1\n", delimiter='"')


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (UMLAUTS.encode(), "utf-8"),
        (codecs.BOM_UTF8 + UMLAUTS.encode(), "utf-8"),
        (UMLAUTS.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + UMLAUTS.encode("utf-16-be"), "utf-16"),
        (UMLAUTS.encode("latin-1"), "windows-1252"),
        ("id;straße\n1;5 €\n".encode("windows-1252"), "windows-1252"),
        (UMLAUTS.encode() * 3 + b"3;dam\xe4ged\n", "utf-8"),
        ("id;straße\n1;voilà".encode("latin-1"), "windows-1252"),
    ],
)
def test_the_encoding_is_found(tmp_path: Path, data: bytes, encoding: str) -> None:
    assert dialect(tmp_path, data) == Dialect(["id", "straße"], ";", encoding)


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf8", "UTF-8-SIG", "utf-16", "utf-16-le", "latin-1", "windows-1252", "cp850", "shift_jis"],
)
def test_any_encoding_can_be_given(tmp_path: Path, encoding: str) -> None:
    text = "id;price\n1;ｱ\n" if encoding == "shift_jis" else UMLAUTS
    found = dialect(tmp_path, text.encode(encoding), encoding=encoding)
    assert found.columns == text.splitlines()[0].split(";") and found.is_given


@pytest.mark.parametrize(
    ("data", "said", "part"),
    [
        (UMLAUTS.encode("latin-1"), "utf-8", "a.csv is not in utf-8, its 'encoding' (line 1). Correct"),
        (UMLAUTS.encode(), "latin-1", "it seems to be utf-8"),
        (UMLAUTS.encode(), "windows-1252", "it seems to be utf-8"),
        (codecs.BOM_UTF8 + b"id;total\n1;2\n", "latin-1", "it seems to be utf-8"),
        (UMLAUTS.encode(), "utf-16", "it seems to be utf-8"),
        (UMLAUTS.encode("utf-16"), "utf-8", "it seems to be utf-16"),
        (b"id;total\n1;\x81\n", "shift_jis", "not in shift_jis"),
        (UMLAUTS.encode(), "windows-1522", "no encoding: write one such as windows-1252."),
        (UMLAUTS.encode(), "base64", "'base64' is no encoding"),
    ],
)
def test_an_encoding_that_is_wrongly_given_is_refused(
    tmp_path: Path, data: bytes, said: str, part: str
) -> None:
    assert part in refused(tmp_path, data, encoding=said)


def test_bytes_that_are_neither_utf8_nor_windows_1252_are_refused(tmp_path: Path) -> None:
    assert "neither UTF-8 nor windows-1252 (line 3)" in refused(tmp_path, b"id;tea\n1;\xe4\n2;\x81\n")


@pytest.mark.parametrize("data", [b"\n", b"\r\n  \r\n", codecs.BOM_UTF8])
def test_a_file_without_a_header_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "a.csv is empty" in refused(tmp_path, data)


def test_a_header_that_cannot_be_split_is_refused(tmp_path: Path) -> None:
    assert "its header cannot be split into columns: a quote that is not closed" in refused(
        tmp_path, 'id,"tea\n1,2\n'
    )


def test_a_compressed_file_that_holds_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"PAR1" + bytes(50)))
    with pytest.raises(IngestError, match=r"a\.csv\.gz holds a Parquet file, and no text"):
        find_dialect(identify(path))


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        (
            "id;total\n1;2\n",
            ",",
            " Its columns seem to be split by a semicolon: write delimiter: ';', or leave it out.",
        ),
        (
            "id\ttotal\n1\t2\n",
            ";",
            " Its columns seem to be split by a tab: write delimiter: '\\t', or leave it out.",
        ),
        ("id:total\n1:2\n", ",", " It has one column only: say its 'delimiter'"),
        ("a,b\n1,2\n", ",", ""),
    ],
)
def test_where_columns_are_absent_another_delimiter_may_be_right(
    tmp_path: Path, text: str, said: str, hint: str
) -> None:
    found = dialect(tmp_path, text, delimiter=said)
    sentence = other_delimiter(identify(tmp_path / "a.csv"), found, {"id", "total"})
    assert sentence.startswith(hint) if hint else not sentence


def test_the_end_of_the_sample_cuts_neither_a_character_nor_a_row(tmp_path: Path) -> None:
    for shift in range(4):
        row = "1;🧦\n".encode()
        data = b"id;" + b"x" * shift + b"\n" + row * (SAMPLE // len(row) + 10)
        found = dialect(tmp_path, data)
        assert (found.delimiter, found.encoding) == (";", "utf-8")


def test_the_whole_file_says_what_its_beginning_does_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id;tea\n" + b"1;x\n" * SAMPLE + "2;Bär\n".encode("latin-1"))
    assert find_dialect(identify(path)).encoding == "utf-8"
    assert encoding_of_all(identify(path)) == "windows-1252"
    path.write_bytes(b"x" * (2**20 - 2) + "🧦".encode() + b"y" * 2**20 + "é".encode())
    assert encoding_of_all(identify(path)) == "utf-8"


def test_a_character_may_be_cut_only_where_the_sample_is_not_all() -> None:
    assert find_encoding(b"voil\xe0") == "windows-1252"
    assert find_encoding(b"voil\xe0", is_all=False) == "utf-8"


@for_all(strategies.text(min_size=1))
def test_no_text_in_utf8_is_taken_for_another(text: str) -> None:
    data = ("x" + text).encode()
    assert find_encoding(data) == "utf-8"
    assert find_encoding(data[:-1], is_all=False) == "utf-8"
