"""A landed table is read as its contract wants it: what cannot be read is named, and what is personal is hashed everywhere."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from regulars.config import Format
from regulars.engine import Engine
from regulars.ingest import CONTRACTS, IngestError, stage
from regulars.ingest.landing import Landed, quoted
from regulars.ingest.personal import forget, register
from regulars.ingest.reading import Read, read_table
from tests.ingest.written import read, written

KEY = b"a key of the tests, no shop's: 32+ signs"
ReadRows = Callable[..., tuple[Read, pd.DataFrame, pd.DataFrame]]


def mac(text: str) -> str:
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = Engine()
    register(opened.connection, KEY)
    yield opened
    forget(opened.connection)


@pytest.fixture
def rows(engine: Engine, tmp_path: Path) -> ReadRows:
    """A table from SQL rows as they land: how it was read, its rows, and the rows as they came."""

    def run(query: str, table: str = "orders", **written: Any) -> tuple[Read, pd.DataFrame, pd.DataFrame]:
        path = tmp_path / f"{table}.parquet"
        duckdb.sql(query).write_parquet(str(path))
        names = duckdb.sql(f"FROM {quoted(path)}").columns
        landed = Landed(path, Format(**written), f"{table}.csv", {name: name.title() for name in names})
        found = read_table(engine, landed, CONTRACTS[table], "Europe/Berlin")
        frames = (
            engine.sql(f"SELECT * FROM ({sql}) ORDER BY row_number").df()
            for sql in (found.query, found.as_it_came)
        )
        return (found, *frames)  # type: ignore[return-value]

    return run


def test_the_first_column_that_says_no_number_is_named_and_blanks_are_none(rows: ReadRows) -> None:
    _, frame, _ = rows("""
        FROM (VALUES ('1', '2024-01-05', '5.00', '1'), ('2', '2024-01-05', 'five', 'two'), ('3', '2024-01-05', '', 'two'),
            ('4', '2024-01-05', ' N/A ', NULL), ('5', 'soon', '5.00', '0')) AS t(order_id, ordered_at, revenue, tax)""")
    assert frame["unreadable"].fillna("").tolist() == [
        "",
        "revenue",
        "tax",
        "",
        "",
    ]  # a date has a rule of its own
    assert frame["ordered_at"].isna().tolist() == [False, False, False, False, True]
    assert frame["row_number"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("table", "columns", "name"),
    [("orders", "order_id, refunded_at", "refunded_at"), ("orders", "order_id, is_test", "is_test"),
     ("orders", "order_id, lines", "lines"),
     ("customers", "customer_id, opted_out_at", "opted_out_at"), ("contacts", "customer_id, contacted_day", "contacted_day"),
     ("outcomes", "experiment_id, value", "value")],
)  # fmt: skip
def test_every_kind_of_value_that_cannot_be_read_is_named(
    table: str, columns: str, name: str, rows: ReadRows
) -> None:
    _, frame, _ = rows(f"FROM (VALUES ('1', 'rubbish'), ('2', NULL), ('3', '')) AS t({columns})", table)
    assert frame["unreadable"].fillna("").tolist() == [name, "", ""]


def test_numbers_that_are_none_are_nothing_and_such_that_are_too_large_unreadable(rows: ReadRows) -> None:
    _, frame, _ = rows("SELECT '1' AS order_id, unnest([1.5, 'nan', 'inf', 1e30, NULL]::DOUBLE[]) AS revenue")
    assert frame["unreadable"].fillna("").tolist() == ["", "", "", "revenue", ""]


def test_columns_bear_the_contracts_names_and_a_shops_own_theirs(rows: ReadRows) -> None:
    found, frame, came = rows(
        "SELECT '7' AS customer_id, 'ann@x.com' AS email, 'Ann' AS name, 'GB' AS country, 3 AS \"Own points\"",
        "customers",
    )
    assert found.columns == ["customer_id", "email_hash", "name_hash", "country", "Own points"]
    assert list(came) == ["row_number", "customer_id", "email", "name", "country", "Own points"]
    assert frame.loc[0, "Own points"] == "3"


def test_personal_data_are_hashed_in_what_is_read_and_in_what_came(rows: ReadRows) -> None:
    _, frame, came = rows(
        """SELECT ' Ann@X.com ' AS customer_id, 'ann@x.com' AS email, '+44 20-79' AS phone, 'Ann  LEE' AS name,
            'High St' AS address, 'write to ann@x.com' AS "a note", 'London' AS city""",
        "customers",
    )
    wanted = {
        "email": mac("ann@x.com"),
        "phone": mac("+442079"),
        "name": mac("ann lee"),
        "address": mac("high st"),
    }
    for name, hashed in wanted.items():
        assert frame.loc[0, f"{name}_hash"] == came.loc[0, name] == hashed
    assert (
        frame.loc[0, "customer_id"] == came.loc[0, "customer_id"] == wanted["email"]
    )  # one person, however mapped
    for table in (frame, came):
        text = table.to_csv().lower()
        assert [part for part in ("@", "lee", "2079", "high") if part in text] == []
        assert table.loc[0, "city"] == "London"


def test_an_address_in_the_place_of_a_number_is_hashed_where_refused_rows_are_kept(rows: ReadRows) -> None:
    _, _, came = rows(
        "SELECT '1' AS order_id, 'ann@x.com' AS revenue, 'bo@x.com' AS ordered_at, '5.00' AS tax"
    )
    assert came.loc[0, ["revenue", "ordered_at", "tax"]].tolist() == [
        mac("ann@x.com"),
        mac("bo@x.com"),
        "5.00",
    ]


def test_values_as_they_came_are_untouched(rows: ReadRows) -> None:
    _, _, came = rows(
        "SELECT ' 1.0' AS order_id, ' five ' AS revenue, '31.12.2024' AS ordered_at, 'NULL' AS customer_id"
    )
    assert came.loc[0, ["order_id", "revenue", "ordered_at"]].tolist() == [" 1.0", " five ", "31.12.2024"]


def test_without_an_id_the_address_tells_customers_apart(rows: ReadRows) -> None:
    found, frame, _ = rows(
        "SELECT '1' AS order_id, unnest(['ann@x.com', 'ANN@x.com ', '', 'bo@x.com']) AS email"
    )
    assert "customer_id" in found.columns
    assert frame["customer_id"].fillna("").tolist() == [
        mac("ann@x.com"),
        mac("ann@x.com"),
        "",
        mac("bo@x.com"),
    ]


def test_an_id_that_is_mapped_stays_whatever_the_address(rows: ReadRows) -> None:
    _, frame, _ = rows("SELECT '1' AS order_id, '7.0' AS customer_id, 'ann@x.com' AS email")
    assert frame.loc[0, "customer_id"] == "7"


def test_a_question_about_dates_names_the_file_and_the_sources_column(rows: ReadRows) -> None:
    with pytest.raises(IngestError, match=r"^orders\.csv, column 'Ordered_At': 01/02/2024 can be read"):
        rows("SELECT '1' AS order_id, '01/02/2024' AS ordered_at")
    _, frame, _ = rows("SELECT '1' AS order_id, '01/02/2024' AS ordered_at", dates=["%m/%d/%Y"])
    assert str(frame.loc[0, "ordered_at"]) == "2024-01-02 00:00:00"


def test_of_an_address_only_its_hash_is_anywhere_in_what_is_staged(tmp_path: Path) -> None:
    orders = """
        order_id,email,            phone,  name,    revenue,ordered_at
        1,       ann@example.com,  02079,  Ann Lee, 5.00,   2024-01-05
        2,       bo@example.com,   02079,  Bo Lee,  6.00,   2024-01-05
        3,       cy@example.com,   ,       Cy Lee,  six,    2024-01-06
    """
    shop = written(tmp_path, {"orders": orders})
    stage(shop)
    assert len({who for (who,) in read(shop, "orders", "customer_id")}) == 2
    for path in [path for path in shop.data.rglob("*") if path.is_file()]:
        text = pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_text()
        assert [part for part in ("example.com", "Lee", "lee", "02079") if part in text] == [], path.name
    assert (shop.staged("refused/orders")).exists()
