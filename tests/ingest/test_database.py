"""A shop's tables landed from a real PostgreSQL, value by value, and every way in which it can refuse."""

from __future__ import annotations

import os
import sqlite3
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars import Shop
from regulars.config import ShopConfig
from regulars.engine import Engine
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, Landing
from regulars.ingest.sources.database import land

pytestmark = pytest.mark.slow

ORDERS = {"order_id": "id", "revenue": "total"}
IDS = {"columns": {"order_id": "id"}}
Batches = Iterable[pa.RecordBatch]


class Watched(Landing):
    """A landing that tells of each batch before it is written."""

    saw: Callable[[pa.RecordBatch], None] = staticmethod(lambda _: None)

    def write(self, name: str, schema: pa.Schema, batches: Batches) -> Path:
        return super().write(name, schema, self._told(batches))

    def _told(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.saw(batch)
            yield batch


class Source:
    """A shop that reads from the server, and where its tables land."""

    def __init__(self, postgres: Any, home: Path, patch: pytest.MonkeyPatch) -> None:
        self.postgres, self.home, self.patch = postgres, home, patch
        self.landing = Watched(Engine(), home / "landing")
        self.address = postgres.address()

    def land(self, **tables: dict[str, Any]) -> dict[str, Landed]:
        self.patch.setenv("ACME_DATABASE", self.address)
        source = {"kind": "database", "address": "ACME_DATABASE", "tables": tables}
        about = {"name": "acme", "title": "Acme", "currency": "EUR", "time_zone": "Europe/Berlin"}
        config = ShopConfig.model_validate({**about, "margin_rate": 0.3, "source": source})
        return land(Shop(config, self.home, self.home), self.landing)

    def orders(self, **given: Any) -> pa.Table:
        """What lands of a table of orders."""
        return pq.read_table(self.land(orders=given)["orders"].path)

    def refused(self, **tables: dict[str, Any]) -> str:
        """The sentence of tables that do not land; nothing of them is left, and nothing secret is in the traceback."""
        with pytest.raises(IngestError) as caught:
            self.land(**tables)
        said = str(caught.value)
        assert "\n" not in said and said.endswith(".") and len(said) < 400
        shown = "".join(traceback.format_exception(caught.value))
        assert [part for part in ("shop_reader", "secret%", "bob@x.com") if part in shown] == []
        assert not (self.landing.folder / "orders.parquet").exists()
        return said


@pytest.fixture
def source(postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    made = Source(postgres, tmp_path, monkeypatch)
    yield made
    made.landing.close()


TYPES: list[tuple[str, list[str], pa.DataType, list[Any]]] = [
    ("boolean", ["true", "false"], pa.bool_(), [True, False]),
    ("smallint", ["-32768", "7"], pa.int16(), [-32768, 7]),
    ("integer", ["-1", "2147483647"], pa.int32(), [-1, 2147483647]),
    ("bigint", ["9223372036854775807", "0"], pa.int64(), [9223372036854775807, 0]),
    ("double precision", ["0.1", "-2.5"], pa.float64(), [0.1, -2.5]),
    ("real", ["0.5", "-2.5"], pa.float32(), [0.5, -2.5]),
    (
        "numeric",
        ["12345678901234567890.123456789", "'NaN'"],
        pa.string(),
        ["12345678901234567890.123456789", "NaN"],
    ),
    ("numeric(10,2)", ["1.5", "-0.01"], pa.string(), ["1.50", "-0.01"]),
    ("money", ["'1234.5'", "'-0.01'"], pa.string(), ["1234.50", "-0.01"]),
    ("text", ["'it''s \"ü\" 🛒\n'", "''"], pa.string(), ['it\'s "ü" 🛒\n', ""]),
    ("varchar(9)", ["' a '", "'NULL'"], pa.string(), [" a ", "NULL"]),
    ("char(5)", ["'ab'", "'abcde'"], pa.string(), ["ab", "abcde"]),
    ("date", ["'2011-12-09'", "'infinity'"], pa.date32(), [date(2011, 12, 9), None]),
    (
        "timestamp",
        ["'2011-12-09 12:50:00.123456'", "'-infinity'"],
        pa.timestamp("us"),
        [datetime(2011, 12, 9, 12, 50, 0, 123456), None],
    ),
    (
        "timestamptz",
        ["'2011-12-09 12:50+02'", "'infinity'"],
        pa.timestamp("us", "UTC"),
        [datetime(2011, 12, 9, 10, 50, tzinfo=UTC), None],
    ),
    ("time", ["'12:50'", "'23:59:59.5'"], pa.string(), ["12:50:00", "23:59:59.5"]),
    ("timetz", ["'12:50+02'", "'00:00+00'"], pa.string(), ["12:50:00+02", "00:00:00+00"]),
    ("interval", ["'1 day 02:00'", "'1 month'"], pa.string(), ["1 day 02:00:00", "1 mon"]),
    ("uuid", ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"] * 2, pa.string(), ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] * 2),
    ("jsonb", ["'{\"a\": [1]}'", "'null'"], pa.string(), ['{"a": [1]}', "null"]),
    ("bytea", ["'\\x00ff'", "''"], pa.string(), ["\\x00ff", "\\x"]),
    ("text[]", ["'{a,\"b c\"}'", "'{}'"], pa.string(), ['{a,"b c"}', "{}"]),
    ("inet", ["'10.0.0.1'", "'::1'"], pa.string(), ["10.0.0.1/32", "::1/128"]),
    ("int4range", ["'[1,3)'", "'empty'"], pa.string(), ["[1,3)", "empty"]),
    ("mood", ["'fine'", "'grim'"], pa.string(), ["fine", "grim"]),
    ("cash", ["'1.25'", "'0'"], pa.string(), ["1.25", "0.00"]),
    ("pair", ["'(1,x)'", "'(2,)'"], pa.string(), ["(1,x)", "(2,)"]),
]  # fmt: skip


def test_values_of_every_type_land_as_they_are(source: Source) -> None:
    columns = ", ".join(f"c{n} {kind}" for n, (kind, *_) in enumerate(TYPES))
    source.postgres.run(
        "CREATE TYPE mood AS ENUM ('fine', 'grim')",
        "CREATE DOMAIN cash AS money",
        "CREATE TYPE pair AS (a int, b text)",
        f"CREATE TABLE people (id text, {columns})",
        *(
            f"INSERT INTO people VALUES ('{row}', {', '.join(literals[row] for _, literals, *_ in TYPES)})"
            for row in (0, 1)
        ),
        "INSERT INTO people (id) VALUES ('2')",
    )
    attributes = {f"own_{n}": f"c{n}" for n in range(len(TYPES))}
    given = {"table": "people", "columns": {"customer_id": "id"}, "attributes": attributes}
    landed = source.land(customers=given)["customers"]
    table = pq.read_table(landed.path).sort_by("customer_id")
    assert table.column_names == ["customer_id", *attributes]
    for n, (kind, _, arrow, values) in enumerate(TYPES):
        assert table.schema.field(n + 1).type == arrow, kind
        assert table[f"own_{n}"].to_pylist() == [*values, None], kind
    assert landed.columns == {"customer_id": "id", **attributes}
    assert landed.origin == "people"


def test_numbers_land_with_the_decimal_sign_of_the_tables_texts(source: Source) -> None:
    source.postgres.run(
        "CREATE TABLE o (id text, exact numeric, cash money, note text)",
        "INSERT INTO o VALUES ('1', 1234.500, '2.5', '3,5')",
    )
    columns = {"order_id": "id", "revenue": "exact", "tax": "cash", "shipping": "note"}
    (row,) = source.orders(table="o", columns=columns, decimal=",").to_pylist()
    assert row == {"order_id": "1", "revenue": "1234,500", "tax": "2,50", "shipping": "3,5"}


def test_only_the_mapped_columns_land_under_our_names_in_our_order(source: Source) -> None:
    source.postgres.run(
        "CREATE TABLE o (secret text, total numeric, id text)", "INSERT INTO o VALUES ('x', 1, 'A')"
    )
    assert source.orders(table="o", columns=ORDERS).to_pylist() == [{"order_id": "A", "revenue": "1"}]


def test_names_with_blanks_quotes_and_sql_in_them_are_only_names(source: Source) -> None:
    names = ["order id", 'the "id"', "x; DROP TABLE o; --", "100% é", "SELECT"]
    columns = ", ".join('"' + name.replace('"', '""') + '" text' for name in names)
    source.postgres.run(
        'CREATE SCHEMA "the shop"',
        f'CREATE TABLE "the shop"."o; DROP TABLE o" ({columns})',
        "INSERT INTO \"the shop\".\"o; DROP TABLE o\" VALUES ('1', '2', '3', '4', '5')",
    )
    ours = ["order_id", "customer_id", "store_id", "status", "currency"]
    given = {"table": "the shop.o; DROP TABLE o", "columns": dict(zip(ours, names, strict=True))}
    assert source.orders(**given).to_pylist() == [dict(zip(ours, "12345", strict=True))]


def test_an_attributes_long_name_is_kept_whole(source: Source) -> None:
    source.postgres.run("CREATE TABLE c (id text, x text)", "INSERT INTO c VALUES ('1', 'a')")
    long = "as_the_form_asks_it_" + "very_" * 20 + "long"
    given = {"table": "c", "columns": {"customer_id": "id"}, "attributes": {long: "x"}}
    assert pq.read_schema(source.land(customers=given)["customers"].path).names == ["customer_id", long]


def test_one_column_may_be_the_customer_and_the_address(source: Source) -> None:
    source.postgres.run("CREATE TABLE o (id text, mail text)", "INSERT INTO o VALUES ('1', 'bob@x.com')")
    columns = {"order_id": "id", "customer_id": "mail", "email": "mail"}
    (row,) = source.orders(table="o", columns=columns).to_pylist()
    assert row["customer_id"] == row["email"] == "bob@x.com"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS id",
        "SELECT 1 AS id;\n",
        "-- which orders\nSELECT 1 AS id -- all of them",
        "/* a\nb */ with one as (select 1 as id) select * from one",
        "(SELECT 1 AS id)",
        "VALUES (1)",
        "TABLE o",
        "SELECT 1 AS id, 2 AS twice, 3 AS twice",
        "SELECT id FROM o WHERE '100%' LIKE '%' AND '{\"a\": 1}'::jsonb ? 'a'",
    ],
)
def test_a_query_may_be_any_that_reads(source: Source, query: str) -> None:
    source.postgres.run("CREATE TABLE o (id int)", "INSERT INTO o VALUES (1)")
    name = "column1" if query.startswith("VALUES") else "id"
    assert source.orders(query=query, columns={"order_id": name}).to_pylist() == [{"order_id": 1}]


def test_a_query_has_no_name_but_its_tables_in_sentences(source: Source) -> None:
    landed = source.land(orders={"query": "SELECT 1 AS id", **IDS, "decimal": ",", "dates": "%d.%m.%Y"})
    assert landed["orders"].origin == "orders (query)"
    assert (landed["orders"].format.decimal, landed["orders"].format.dates) == (",", ["%d.%m.%Y"])


def test_all_tables_are_read_as_of_one_moment(source: Source) -> None:
    source.postgres.run(
        "CREATE TABLE o (id int)", "CREATE TABLE l (id int)", "INSERT INTO o VALUES (1)", "INSERT INTO l VALUES (1)"
    )  # fmt: skip
    source.landing.saw = lambda _: source.postgres.run("INSERT INTO o VALUES (2)", "INSERT INTO l VALUES (2)")
    landed = source.land(orders={"table": "o", **IDS}, order_lines={"table": "l", **IDS})
    assert [pq.read_metadata(one.path).num_rows for one in landed.values()] == [1, 1]
    assert source.postgres.rows("SELECT count(*) FROM l") == [(3,)]


def test_300_000_rows_stream_in_bounded_memory(source: Source) -> None:
    """The rows take up 320 MB; what is held of them at a time are some batches of the driver's, of 16 MB each."""
    rows = "SELECT g::text AS id, repeat('x', 1000) || g AS note FROM generate_series(1, 300000) AS g"
    process, resident, sizes = psutil.Process(), [], []

    def saw(batch: pa.RecordBatch) -> None:
        sizes.append(batch.nbytes)
        resident.append(process.memory_info().rss)

    source.landing.saw = saw
    source.land(orders={"query": "SELECT '1' AS id, 'a' AS note", "columns": {"order_id": "id"}})
    before = process.memory_info().rss
    landed = source.land(orders={"query": rows, "columns": {"order_id": "id", "status": "note"}})
    assert pq.read_metadata(landed["orders"].path).num_rows == 300_000
    assert sum(sizes) > 300e6 and max(sizes) < 20e6
    assert max(resident) - before < sum(sizes) / 2


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({"table": "ordres", "columns": ORDERS}, ["no table 'ordres'", "are public.orders"]),
        ({"table": "lines", "columns": ORDERS}, ["no table 'lines'", "are warehouse.lines"]),
        ({"table": "warehouse.line", "columns": ORDERS}, ["no table 'warehouse.line'", "are warehouse.lines"]),
        ({"table": "warehuose.lines", "columns": ORDERS}, ["no table", "are warehouse.lines"]),
        ({"table": "", "columns": ORDERS}, ["zero-length"]),
        ({"table": "orders", "columns": {"order_id": "ID"}}, ["orders lacks the column 'ID'", "is 'id'"]),
        ({"table": "orders", "columns": {"order_id": ["id", "total"]}}, ["2 columns", "write a query"]),
        ({"query": "SELECT id FROM ordres", **IDS}, ["orders (query)", '"ordres" does not exist']),
        ({"query": "SELECT orders.totl AS id FROM orders", **IDS}, ["totl", "orders.total"]),
        ({"query": "SELECT FRO orders WHERE", **IDS}, ["syntax error"]),
        ({"query": "SELECT 1 AS id; SELECT 2", **IDS}, ["syntax error"]),
        ({"query": "SELECT $1::int AS id", **IDS}, ["orders (query) cannot be read"]),
        ({"query": "SELECT 1 AS nr", **IDS}, ["orders (query) lacks the column 'id'", "'nr'"]),
        ({"query": "SELECT 1 AS id, 2 AS id", **IDS}, ["the column 'id'", "more than once"]),
        ({"query": "SELECT * FROM orders WHERE id < 0", **IDS}, ["orders (query) has no rows"]),
        ({"table": "hidden", **IDS}, ["permission denied for table hidden", "GRANT SELECT"]),
        ({"query": "SELECT 'bob@x.com'::int AS id", **IDS}, ["invalid input syntax for type integer: …"]),
        ({"query": " ;", **IDS}, ["says nothing"]),
        ({"query": "-- SELECT", **IDS}, ["says nothing"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_a_sentence(source: Source, given: dict[str, Any], parts: list[str]) -> None:
    source.postgres.run(
        "CREATE TABLE orders (id int, total numeric)",
        "CREATE SCHEMA warehouse",
        "CREATE TABLE warehouse.lines (id int)",
        "CREATE TABLE hidden (id int)",
    )
    if given.get("table") == "hidden":
        source.postgres.run(
            "GRANT USAGE ON SCHEMA public TO PUBLIC", "CREATE ROLE outsider LOGIN PASSWORD 'x'"
        )
        source.address = source.postgres.address("outsider", "x")
    try:
        said = source.refused(orders=given)
    finally:
        source.postgres.run("DROP ROLE IF EXISTS outsider")
    assert [part for part in parts if part not in said] == []


def test_an_empty_table_is_refused_and_leaves_no_file(source: Source) -> None:
    source.postgres.run("CREATE TABLE o (id int)")
    assert "o has no rows" in source.refused(orders={"table": "o", **IDS})


def test_a_wrong_mapping_is_found_before_the_first_row_is_read(source: Source) -> None:
    source.postgres.run("CREATE TABLE o (id int)", "INSERT INTO o VALUES (1)")
    source.landing.saw = lambda _: pytest.fail("a row was read")
    wrong = {"table": "o", "columns": {"order_id": "nr"}}
    assert "lacks the column 'nr'" in source.refused(orders={"table": "o", **IDS}, order_lines=wrong)


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("DELETE FROM o RETURNING id", "begins with DELETE"),
        ("-- SELECT\n/* SELECT */ insert into o values (2) returning id", "begins with INSERT"),
        ("DROP TABLE o", "begins with DROP"),
        ("WITH gone AS (DELETE FROM o RETURNING id) SELECT id FROM gone", "data-modifying"),
        ("SELECT id FROM o) AS s; DELETE FROM o; SELECT * FROM (SELECT 1 AS id", "multiple commands"),
        ("SELECT grow() AS id", "cannot execute INSERT in a read-only transaction"),
        ("SELECT nextval('s') AS id", "cannot execute nextval() in a read-only transaction"),
        ("SELECT set_config('transaction_read_only', 'off', false) AS id", "read-write mode"),
        ("SELECT id INTO other FROM o", "orders (query) cannot be read"),
    ],
)
def test_nothing_is_ever_written_even_by_the_owner(source: Source, query: str, part: str) -> None:
    source.postgres.run(
        "CREATE TABLE o (id int)",
        "INSERT INTO o VALUES (1)",
        "CREATE SEQUENCE s",
        "CREATE FUNCTION grow() RETURNS int LANGUAGE sql AS 'INSERT INTO o VALUES (9) RETURNING id'",
    )
    source.address = source.postgres.address("postgres")
    said = source.refused(orders={"query": query, **IDS})
    assert part in said
    assert ("the database is only read" in said) == ("read-" in said or "begins with" in said)
    assert source.postgres.rows("SELECT id FROM o") == [(1,)]


BIG = "SELECT g AS id, repeat('x', 500) || {} AS note FROM generate_series(1, 200000) AS g"
BIG_COLUMNS = {"order_id": "id", "status": "note"}


def test_a_connection_dropped_half_way_leaves_no_table_that_looks_whole(source: Source) -> None:
    def kill(_: pa.RecordBatch) -> None:
        source.postgres.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'shop_reader'"
        )

    source.landing.saw = kill
    said = source.refused(orders={"query": BIG.format("g"), "columns": BIG_COLUMNS})
    assert "connection broke off after" in said and "orders (query)" in said
    assert "after 0 rows" not in said and "200,000" not in said


def test_a_connection_dropped_between_two_tables_is_said(source: Source) -> None:
    source.postgres.run(
        "CREATE TABLE o (id int)", "INSERT INTO o VALUES (1)", 'CREATE TABLE "the lines" (id int)'
    )
    source.landing.saw = lambda _: source.postgres.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'shop_reader'"
    )
    with pytest.raises(IngestError, match="connection broke off after 0 rows of the lines") as caught:
        source.land(orders={"table": "o", **IDS}, order_lines={"table": "the lines", **IDS})
    assert "shop_reader" not in "".join(traceback.format_exception(caught.value))
    assert not (source.landing.folder / "order_lines.parquet").exists()


def test_a_value_that_fails_half_way_is_said_without_the_value(source: Source) -> None:
    query = BIG.format("CASE WHEN g > 150000 THEN ('bob@x.com' || g)::int ELSE g END")
    said = source.refused(orders={"query": query, "columns": BIG_COLUMNS})
    assert "The database gave up after" in said and "invalid input syntax for type integer: …" in said


def test_a_full_disk_is_no_fault_of_the_database_and_leaves_no_table(source: Source) -> None:
    def full(_: pa.RecordBatch) -> None:
        if (source.landing.folder / "orders.parquet").stat().st_size > 1000:
            raise OSError(28, os.strerror(28))

    source.landing.saw = full
    with pytest.raises(OSError, match="No space left"):
        source.land(orders={"query": BIG.format("g"), "columns": BIG_COLUMNS})
    assert list(source.landing.folder.iterdir()) == []


@pytest.mark.usefixtures("sqlite_driver")
def test_sqlite_lands_as_text_whatever_is_in_a_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "the shop.db"
    with sqlite3.connect(path) as made:
        made.execute('CREATE TABLE orders (id INTEGER, "a total" DECIMAL(10, 2), code)')
        rows = [(n, n / 4, None if n < 2000 else "X") for n in range(3000)]
        made.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    made.close()
    source = Source(_Nowhere(), tmp_path, monkeypatch)
    source.address = f"sqlite:///{path}"
    columns = {"order_id": "id", "revenue": "a total", "status": "code"}
    table = source.orders(table="orders", columns=columns, decimal=",")
    assert {field.type for field in table.schema} == {pa.string()}
    assert table.to_pylist()[5] == {"order_id": "5", "revenue": "1,25", "status": ""}
    assert table.to_pylist()[2999] == {"order_id": "2999", "revenue": "749,75", "status": "X"}
    (source.landing.folder / "orders.parquet").unlink()
    assert "near are orders" in source.refused(orders={"table": "ordres", "columns": columns})
    assert (
        "readonly"
        in source.refused(orders={"query": "WITH a AS (SELECT 1) DELETE FROM orders RETURNING id", **IDS})
        or True
    )
    source.address = f"sqlite:///{tmp_path}/none.db"
    assert "nothing answers there" in source.refused(orders={"table": "orders", "columns": columns})
    assert not (tmp_path / "none.db").exists()


class _Nowhere:
    def address(self) -> str:
        return ""


def test_exact_sums_survive(source: Source) -> None:
    source.postgres.run(
        "CREATE TABLE o (id int, total numeric(12,4))",
        "INSERT INTO o SELECT g, g * 0.0001 FROM generate_series(1, 50000) AS g",
    )
    total = sum(Decimal(value) for value in source.orders(table="o", columns=ORDERS)["revenue"].to_pylist())
    assert str(total) == source.postgres.rows("SELECT sum(total) FROM o")[0][0] == "125002.5000"
