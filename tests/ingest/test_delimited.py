"""CSVs of any dialect land with every value as it was; spoiled lines are put aside, each once, and no row is lost."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis import given as for_all

from regulars.config import FileTable
from regulars.engine import Engine
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, Landing
from regulars.ingest.tabular import land_table

OURS = ("customer_id", "city", "region", "channel")
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Row = tuple[str | None, ...]


class Shop(NamedTuple):
    """A raw folder and an engine, for many files one after the other."""

    raw: Path
    engine: Engine

    def land(
        self, data: bytes, names: Sequence[str], file: str = "a.csv", **said: str
    ) -> tuple[list[Row], list[Row]]:
        """What lands of a file, and what is put aside."""
        (self.raw / file).write_bytes(data)
        with Landing(self.engine, self.raw / "landing") as landing:
            return read(land_table(landing, "customers", given(names, path=file, **said), self.raw))


class Careful(Landing):
    """A landing in which DuckDB reads no CSV."""

    def copy(self, name: str, query: str) -> Path:
        if "read_csv" in query:
            raise duckdb.InvalidInputException("no")
        return super().copy(name, query)


def given(names: Sequence[str], **said: str) -> FileTable:
    return FileTable.model_validate({"columns": dict(zip(OURS, names, strict=False)), **said})


def read(landed: Landed) -> tuple[list[Row], list[Row]]:
    def rows(path: Path) -> list[Row]:
        return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]

    return rows(landed.path), rows(landed.malformed) if landed.malformed else []


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    yield Shop(tmp_path_factory.mktemp("raw"), Engine())


def quoted(value: str, always: bool, delimiter: str) -> str:
    needed = (
        any(sign in value for sign in ('"', "\r", "\n", delimiter)) or value != value.strip(" ") or not value
    )
    return '"' + value.replace('"', '""') + '"' if always or needed else value


def compressed(data: bytes, end: str) -> bytes:
    if end == ".gz":
        return gzip.compress(data[:7]) + gzip.compress(data[7:])  # as log rotation and cat do
    return bytes(pa.compress(data, "zstd", asbytes=True)) if end == ".zst" else data


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "": lambda text: text.encode(),
    "utf-8": lambda text: text.encode(),
    "mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 mark": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "cp850": lambda text: text.encode("cp850"),
    "latin-1": lambda text: text.encode("latin-1"),
    "found": lambda text: text.encode("windows-1252"),
}
SAID = ("utf-8", "utf-16", "cp850", "latin-1")


class Written(NamedTuple):
    """A table written as a CSV."""

    names: list[str]
    rows: list[tuple[str, ...]]
    file: str
    data: bytes
    said: dict[str, str]


@strategies.composite
def written(draw: strategies.DrawFn) -> Written:
    """A table of texts, and any dialect to write it in."""
    encoding = draw(strategies.sampled_from(list(ENCODINGS)))
    letters = (
        "aZ1 äöüé"
        + ("" if encoding in ("cp850", "latin-1", "found") else "🧦漢\u00a0\u2028\ufeff")
        + "\"'\\,;\t|\r\n\0=<>&"
    )
    texts = strategies.text(alphabet=letters, max_size=6)
    width = draw(strategies.integers(1, 4))
    heads = strategies.text(alphabet="abc d\"',;\n-\u00e4", min_size=1, max_size=6).filter(str.strip)
    names = draw(strategies.lists(heads, min_size=width, max_size=width, unique=True))
    rows = draw(strategies.lists(strategies.tuples(*[texts] * width), min_size=1, max_size=8))
    delimiter, always = draw(strategies.sampled_from(",;\t|")), draw(strategies.booleans())
    end = draw(strategies.sampled_from(["\n", "\r\n", "\r", "mixed"]))
    text = draw(strategies.sampled_from(["", "", "", "\n", "\r\n"]))
    for number, row in enumerate([names, *rows]):
        ends = "\r\n" if end == "mixed" and number % 2 else "\n" if end == "mixed" else end
        text += delimiter.join(quoted(value, always, delimiter) for value in row) + ends
        text += ends * draw(strategies.integers(0, 5).map(lambda lines: max(lines - 3, 0)))
    if draw(strategies.booleans()):
        text = text.rstrip("\r\n")
    suffix = draw(strategies.sampled_from(["", ".gz", ".zst"]))
    said = {"encoding": encoding} if encoding in SAID else {}
    if draw(strategies.booleans()) or width == 1:
        said["delimiter"] = delimiter
    return Written(names, rows, f"a.csv{suffix}", compressed(ENCODINGS[encoding](text), suffix), said)


@quick
@for_all(written())
def test_what_was_written_lands_as_it_was(shop: Shop, table: Written) -> None:
    landed, malformed = shop.land(table.data, table.names, table.file, **table.said)
    assert landed == [tuple(value or None for value in row) for row in table.rows]
    assert not malformed


@quick
@for_all(written())
def test_record_by_record_the_same_lands(shop: Shop, table: Written) -> None:
    landed, malformed = Careful(shop.engine, shop.raw / "landing"), None
    (shop.raw / table.file).write_bytes(table.data)
    with landed as landing:
        found, malformed = read(
            land_table(landing, "customers", given(table.names, path=table.file, **table.said), shop.raw)
        )
    assert found == [tuple(value or None for value in row) for row in table.rows]
    assert not malformed


SPOILED: dict[str, Callable[[str], bytes]] = {
    "too few": lambda line: line.rpartition(",")[0].encode(),
    "too many": lambda line: (line + ",x").encode(),
    "not closed": lambda line: line.rpartition('"')[0].encode(),
    "text after a quote": lambda line: (line + "x").encode(),
    "no UTF-8": lambda line: line.encode().replace(b"t", b"t\xe4\xff", 1),
    "a word": lambda _: b"subtotal",
}
kinds = strategies.sampled_from(["clean", "clean", "clean", "two lines", *SPOILED])


@quick
@for_all(
    strategies.lists(kinds, min_size=1, max_size=40),
    strategies.sampled_from(["\n", "\r\n", "\r"]),
    strategies.booleans(),
)
def test_a_spoiled_line_is_put_aside_and_every_other_one_lands(
    shop: Shop, lines: list[str], end: str, closed: bool
) -> None:
    data, rows, bad = b"id,city,note" + end.encode(), [("é" * 100, "x", "t")], list[tuple[int, str]]()
    data += (
        f'{"é" * 100},x,"t"{end}'.encode()
    )  # else a few bytes that are no UTF-8 would make it Windows-1252
    line = 3
    for number, kind in enumerate(lines):
        text = f't{number}\ntwo, ""lines""' if kind == "two lines" else f't{number}, ""b""'
        record = f'{number},x,"{text}"'
        if kind in SPOILED:
            bad.append((line, SPOILED[kind](record).decode("utf-8", "backslashreplace")))
            data += SPOILED[kind](record)
        else:
            rows.append((str(number), "x", text.replace('""', '"')))
            data += record.encode()
        data += end.encode() if closed or number + 1 < len(lines) else b""
        line += 2 if kind == "two lines" else 1
    landed, malformed = shop.land(data, ["id", "city", "note"])
    assert landed == rows
    assert [(row[0], row[1], row[2]) for row in malformed] == [
        ("a.csv", number, text) for number, text in bad
    ]
    assert all(row[3] for row in malformed)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_batches_are_put_together_in_order(shop: Shop, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regulars.ingest.delimited.BATCH", size)
    data = b"id,city\n" + b"".join(b"%d,x%s\n" % (number, b",y" * (number % 3 == 1)) for number in range(20))
    landed, malformed = shop.land(data, ["id", "city"])
    assert [int(row[0] or 0) for row in landed] == [number for number in range(20) if number % 3 != 1]
    assert [row[1] for row in malformed] == [number + 2 for number in range(20) if number % 3 == 1]


def test_a_well_formed_file_is_read_by_duckdb_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Landing, "write", lambda *_: pytest.fail("read record by record"))
    assert shop.land(b'id,city\n1,"a\nb"\n', ["id", "city"]) == ([("1", "a\nb")], [])


def test_empty_lines_are_no_values_of_a_file_with_one_column(shop: Shop) -> None:
    assert shop.land(b'id\n1\n\n""\n\n2\n', ["id"]) == ([("1",), (None,), ("2",)], [])


def test_damage_further_down_does_not_change_the_encoding(shop: Shop) -> None:
    rows = "".join(f"{number},Bär\n" for number in range(30_000)).encode()
    landed, malformed = shop.land(b"id,city\n" + rows + b"x,M\xfcnchen\n" + rows, ["id", "city"])
    assert len(landed) == 60_000 and {row[1] for row in landed} == {"Bär"}
    assert malformed == [("a.csv", 30_002, "x,M\\xfcnchen", "bytes that are no UTF-8")]


def test_another_encoding_further_down_is_the_files(shop: Shop) -> None:
    rows = b"".join(b"%d,x\n" % number for number in range(60_000))
    data = b"id,city\n" + rows + "y,Köln\nz,5 €\n".encode("windows-1252")
    landed, malformed = shop.land(data, ["id", "city"])
    assert landed[-2:] == [("y", "Köln"), ("z", "5 €")] and len(landed) == 60_002 and not malformed


def test_an_encoding_that_was_given_must_fit_to_the_end(shop: Shop) -> None:
    rows = b"".join(b"%d,x\n" % number for number in range(60_000))
    with pytest.raises(IngestError, match=r"a\.csv is not in utf-8, its 'encoding' \(line 60002\)"):
        shop.land(b"id,city\n" + rows + b"y,K\xf6ln\n", ["id", "city"], encoding="utf-8")
    with pytest.raises(IngestError, match=r"a\.csv is not in shift_jis, its 'encoding' \(line 60002\)"):
        shop.land(b"id,city\n" + rows + b"y,\x81\n", ["id", "city"], encoding="shift_jis")
    with pytest.raises(IngestError, match=r"a\.csv is neither UTF-8 nor windows-1252 \(line 60003\)"):
        shop.land(b"id,city\n" + rows + b"y,K\xf6ln\nz,\x81\n", ["id", "city"])
    assert not list((shop.raw / "landing").glob("*"))


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("keep", [0.3, 0.9, -1])
def test_compressed_data_that_end_too_early_are_refused(shop: Shop, suffix: str, keep: float) -> None:
    data = compressed(b"id,city\n" + b"".join(b"%d,x%d\n" % (n, n * 7919) for n in range(100_000)), suffix)
    with pytest.raises(IngestError, match=rf"a\.csv\{suffix} is cut off: its compressed data end too early"):
        shop.land(data[: int(len(data) * keep) if keep > 0 else -1], ["id", "city"], f"a.csv{suffix}")


def test_zstd_data_that_end_after_a_whole_line_are_refused(shop: Shop) -> None:
    line = b"1,abcd\n" + b"2,efghi\n" * 16384  # a block has 131 072 bytes
    data = compressed(b"id,city\n" + line * 3, ".zst")
    for end in range(len(data) - 60, len(data)):
        with pytest.raises(IngestError, match="is cut off"):
            shop.land(data[:end], ["id", "city"], "a.csv.zst")


@pytest.mark.parametrize(("suffix", "place"), [(".gz", 0.5), (".zst", 0)])
def test_compressed_data_that_are_damaged_are_refused(shop: Shop, suffix: str, place: float) -> None:
    rows = b"".join(b"%d,x%d\n" % (n, n * 7919) for n in range(100_000))
    data = bytearray(compressed(b"id,city\n" + rows, suffix))
    start = max(int(len(data) * place), 4)  # the first four bytes say what it is
    data[start : start + 200] = b"\xff" * 200
    with pytest.raises(IngestError, match=rf"a\.csv\{suffix} is (damaged|cut off)"):
        shop.land(bytes(data), ["id", "city"], f"a.csv{suffix}")


def test_a_file_whose_name_has_signs_of_a_pattern_is_read_alone(shop: Shop) -> None:
    (shop.raw / "a 1.csv").write_bytes(b"id,city\n9,other\n")
    assert shop.land(b"id,city\n1,x\n", ["id", "city"], "a [1].csv") == ([("1", "x")], [])


def test_names_that_are_sql_are_names(shop: Shop) -> None:
    names = ['id"; DROP TABLE x; --', "it's", "{'a': 1}", "c0"]
    head = ",".join(quoted(name, True, ",") for name in names).encode()
    assert shop.land(head + b"\n1,2,3,4\n", names) == ([("1", "2", "3", "4")], [])
