"""Online Retail is nothing but a configuration of `files`: its published numbers come out of the ledger and the tables."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pytest

from regulars import Shop
from regulars.config import ShopConfig
from regulars.ingest import Ledger, net_of_returns, stage, staging
from regulars.month import Month

RAW = Path(os.environ.get("REGULARS_RAW") or "nowhere") / "online-retail" / "online_retail.csv.gz"
pytestmark = pytest.mark.skipif(
    not RAW.is_file(), reason="REGULARS_RAW does not lead to online-retail/online_retail.csv.gz"
)
ROWS = 2_000

# A cell of the workbook that UCI publishes has a number where its text is one.
CELLS: dict[str, Callable[[str], Any]] = {
    "InvoiceNo": lambda text: int(text) if text.isdigit() else text,
    "StockCode": lambda text: int(text) if text.isdigit() else text,
    "Quantity": int,
    "InvoiceDate": lambda text: datetime.fromisoformat(text),
    "UnitPrice": float,
    "CustomerID": lambda text: int(float(text)),
}


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Ledger]:
    """The whole shop, staged, and its ledger."""
    home = tmp_path_factory.mktemp("home")
    opened = Shop.open("online-retail", {"REGULARS_HOME": str(home), "REGULARS_RAW": str(RAW.parents[1])})
    return opened, stage(opened)


@pytest.fixture(scope="module")
def shop(staged: tuple[Shop, Ledger]) -> Shop:
    return staged[0]


@pytest.fixture(scope="module")
def ledger(staged: tuple[Shop, Ledger]) -> Ledger:
    return staged[1]


def first_rows() -> list[dict[str, str]]:
    with gzip.open(RAW, "rt", encoding="utf-8", newline="") as file:
        return [row for _, row in zip(range(ROWS), csv.DictReader(file), strict=False)]


def small(home: Path, change: Callable[[ShopConfig], ShopConfig] = lambda config: config) -> Shop:
    """A shop of the same configuration, or of one that was changed, with a raw folder under `home`."""
    opened = Shop.open("online-retail", {"REGULARS_HOME": str(home)})
    opened.raw.mkdir(parents=True, exist_ok=True)
    return Shop(change(opened.config), opened.home, opened.raw)


def as_csv(shop: Shop, rows: list[dict[str, str]]) -> Shop:
    pd.DataFrame(rows).to_csv(shop.raw / "online_retail.csv", index=False)
    return shop


def as_workbook(shop: Shop, rows: list[dict[str, str]]) -> Shop:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Online Retail")
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append([CELLS.get(name, str)(text) if text else None for name, text in row.items()])
    book.save(shop.raw / "Online Retail.xlsx")
    return shop


def asked(shop: Shop, query: str) -> tuple[Any, ...]:
    """One row of an answer; `{orders}` and the like are staged tables."""
    tables = {name: f"'{shop.staged(name)}'" for name in ("order_lines", "orders", "returns")}
    (row,) = duckdb.sql(query.format(**tables)).fetchall()
    return tuple(float(value) if not isinstance(value, int) else value for value in row)


def test_every_row_and_every_penny_that_was_read_is_accounted_for(ledger: Ledger) -> None:
    lines = ledger.tables.set_index("table").loc["order_lines"]
    assert lines["read"] == 541_909
    assert round(lines["money_read"], 2) == 9_747_747.93
    assert lines["read"] == lines["staged"] + lines["refused"]
    assert lines["money_read"] == pytest.approx(lines["money_staged"] + lines["money_refused"], abs=1e-4)


def test_the_rules_match_the_rows_that_are_published(ledger: Ledger) -> None:
    rules = ledger.rules.set_index(["table", "rule"]).loc["order_lines"]
    published = {"cancelled": 9_288, "guest": 135_080, "duplicate": 5_268, "price_not_positive": 2_517}
    assert rules.loc[list(published), "matched"].to_dict() == published
    assert round(rules.loc["guest", "matched_money"], 2) == 1_447_682.12


IDENTIFIED = """
    SELECT count(*), count(DISTINCT customer_id), count(DISTINCT order_id), round(sum(revenue), 2)
    FROM {order_lines} WHERE customer_id IS NOT NULL AND NOT is_return AND revenue > 0
"""


def test_the_identified_positive_lines_are_those_that_are_published(shop: Shop) -> None:
    assert asked(shop, IDENTIFIED) == (397_884, 4_338, 18_532, 8_911_407.90)


def test_without_exact_duplicates_there_are_as_many_as_published(shop: Shop) -> None:
    rows, _, _, money = asked(shop, IDENTIFIED + " AND NOT is_duplicate")
    assert (rows, money) == (392_692, 8_887_208.89)


def test_guests_money_and_the_whole_shops_are_orders_less_returns(shop: Shop) -> None:
    net = """
        SELECT round((SELECT sum(revenue) FROM {{orders}} WHERE {0}) - (SELECT sum(revenue) FROM {{returns}} WHERE {0}), 2)
    """
    assert asked(shop, net.format("customer_id IS NULL")) == (1_447_682.12,)
    assert asked(shop, net.format("true")) == (9_747_747.93,)
    moved = shop.engine.collect(net_of_returns(shop.table("orders"), shop.returns()).select("revenue"))
    assert round(float(moved["revenue"].sum()), 2) == 9_747_747.93


def test_only_cancelled_invoices_and_money_given_back_are_returns(shop: Shop) -> None:
    cancelled = "SELECT count(*) FROM {returns} WHERE return_id LIKE 'C%'"
    others = (
        "SELECT count(*), count(DISTINCT revenue), sum(revenue) FROM {returns} WHERE return_id NOT LIKE 'C%'"
    )
    assert asked(shop, cancelled) == (9_288,)
    assert asked(shop, others) == (2, 1, 2 * 11_062.06)  # the two corrections of bad debt


def test_a_return_undoes_an_earlier_purchase_of_the_same_customer(shop: Shop) -> None:
    joined = """
        SELECT count(*), count(*) FILTER (o.ordered_at > r.returned_at OR o.customer_id IS DISTINCT FROM r.customer_id)
        FROM {returns} AS r JOIN {orders} AS o USING (order_id)
    """
    matched, wrong = asked(shop, joined)
    assert matched > 5_000 and wrong == 0
    beyond = """
        WITH back AS (SELECT order_id, product_id, sum(quantity) AS q FROM {returns} WHERE order_id IS NOT NULL GROUP BY ALL),
        sold AS (SELECT order_id, product_id, sum(quantity) AS q FROM {order_lines} WHERE quantity > 0 GROUP BY ALL)
        SELECT count(*) FROM back JOIN sold USING (order_id, product_id) WHERE back.q > sold.q
    """
    assert asked(shop, beyond) == (0,)


def test_november_is_the_last_complete_month(shop: Shop) -> None:
    assert (shop.months()[0], shop.months()[-1]) == (Month(2010, 12), Month(2011, 11))


def test_the_workbook_and_the_csv_stage_alike(tmp_path: Path) -> None:
    rows = first_rows()
    shops = [as_csv(small(tmp_path / "csv"), rows), as_workbook(small(tmp_path / "excel"), rows)]
    for shop in shops:
        stage(shop)
    for table in ("order_lines", "orders", "returns", "products", "customers"):
        text, cells = (pd.read_parquet(shop.staged(table)) for shop in shops)
        assert len(text) > 0
        pd.testing.assert_frame_equal(text, cells)
    assert len(pd.read_parquet(shops[0].staged("order_lines"))) == ROWS


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the shops whose source was read, one a time."""
    read: list[str] = []
    land = staging.land

    def watched(shop: Shop, landing: Any) -> Any:
        read.append(shop.config.name)
        return land(shop, landing)

    monkeypatch.setattr(staging, "land", watched)
    return read


def times(shop: Shop) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in shop.staged("").parent.rglob("*.parquet")}


def test_what_is_staged_is_not_read_again(shop: Shop, ledger: Ledger, readings: list[str]) -> None:
    before = times(shop)
    again = stage(shop)
    assert readings == []
    assert times(shop) == before
    for kept, now in zip(ledger, again, strict=True):
        pd.testing.assert_frame_equal(kept, now, check_dtype=False, check_column_type=False)


def test_what_was_asked_for_or_has_changed_is_read_again(tmp_path: Path, readings: list[str]) -> None:
    rows = first_rows()
    shop = as_csv(small(tmp_path), rows)
    stage(shop)
    before = times(shop)
    stage(small(tmp_path))  # another object of the same shop
    assert len(readings) == 1
    stage(shop, fresh=True)
    assert len(readings) == 2 and times(shop).keys() == before.keys()
    assert [name for name, time in times(shop).items() if time == before[name]] == []

    other = small(tmp_path, lambda config: config.model_copy(update={"time_zone": "Europe/Paris"}))
    stage(other)
    assert len(readings) == 3
    stage(as_csv(other, rows[:-1]))
    assert len(readings) == 4
    assert len(pd.read_parquet(other.staged("order_lines"))) == ROWS - 1
    stage(other)
    assert len(readings) == 4


def test_a_fresh_reading_says_the_same(tmp_path: Path) -> None:
    shop = as_csv(small(tmp_path), first_rows())
    kept = [stage(shop), stage(shop)]
    fresh = stage(shop, fresh=True)
    for ledger in kept:
        for one, other in zip(ledger, fresh, strict=True):
            pd.testing.assert_frame_equal(one, other, check_dtype=False, check_column_type=False)
