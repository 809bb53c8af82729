"""`make shop`: from a shop's file to a configuration that staging reads, or to sentences and no file."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regulars import new_shop, shop
from regulars.config import ConfigError, ShopConfig, read_config
from regulars.config.sources import Files, Shopify, WooCommerce
from regulars.ingest import stage
from regulars.ingest.landing import Landing
from regulars.ingest.sources import files
from regulars.shop import Shop
from tests.ingest.exports import write_shopify, write_woocommerce
from tests.ingest.guessing.rows import american, exported, german, order_lines, orders

RAW = os.environ.get("REGULARS_RAW")  # as the tests were started with it
LINES = {
    "order": "Order No.", "when": "Order Date", "customer": "Customer No.", "sku": "SKU", "product": "Item Description",
    "quantity": "Qty", "price": "Unit Price", "goods": "Line Total",
}  # fmt: skip
COLUMNS = {
    "order_id": "Order No.", "ordered_at": "Order Date", "customer_id": "Customer No.", "product_id": "SKU",
    "product": "Item Description", "quantity": "Qty", "price": "Unit Price", "revenue": "Line Total",
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, with an empty config/ and a raw folder of the shop acme."""
    (tmp_path / "config").mkdir()
    (tmp_path / "data" / "acme" / "raw").mkdir(parents=True)
    for module in (shop, new_shop):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    for name in ("REGULARS_HOME", "REGULARS_RAW"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def raw(root: Path) -> Path:
    return root / "data" / "acme" / "raw"


def run(orders: Path | str, name: str = "acme") -> int:
    return new_shop.main(["--name", name, "--orders", str(orders)])


def config_of(root: Path, name: str = "acme") -> ShopConfig:
    return read_config(root / "config" / f"{name}.yml", ShopConfig)


def table_of(config: ShopConfig) -> Any:
    assert isinstance(config.source, Files)
    [(name, table)] = config.source.tables.items()
    return name, table


def test_a_file_becomes_a_configuration(root: Path, raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported(order_lines(), LINES).to_csv(raw / "orders.csv", index=False)
    assert run(raw / "orders.csv") == 0
    name, table = table_of(config_of(root))
    assert (name, table.path, table.columns) == ("order_lines", "orders.csv", COLUMNS)
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.splitlines()[-1] == "make report SHOP=acme"
    places = [
        told.out.index(part)
        for part in ("ours ", "Not used: none", "Still missing: nothing", "Still to be settled:")
    ]
    assert places == sorted(places)
    assert [path.name for path in (root / "config").iterdir()] == ["acme.yml"]


@pytest.mark.parametrize(
    ("money", "date", "delimiter", "encoding", "currency"),
    [(german, "%d.%m.%Y", ";", "cp1252", "EUR"), (american, "%m/%d/%Y", ",", "utf-8-sig", "USD")],
)
def test_what_was_written_is_what_staging_reads(
    money: Any, date: str, delimiter: str, encoding: str, currency: str, root: Path, raw: Path
) -> None:
    lines = order_lines()
    exported(lines, LINES, money, date).to_csv(
        raw / "orders.csv", index=False, sep=delimiter, encoding=encoding
    )
    assert run(raw / "orders.csv") == 0
    assert config_of(root).currency == currency
    acme = Shop.open("acme", {})
    ledger = stage(acme)
    read = ledger.tables.set_index("table").loc["order_lines"]
    assert (read["read"], read["staged"]) == (len(lines), len(lines))
    staged = acme.engine.collect(acme.table("order_lines"))
    assert float(staged["revenue"].sum()) == pytest.approx(lines["goods"].sum())
    assert set(staged["ordered_day"]) == {(when - pd.Timestamp("1970-01-01")).days for when in lines["when"]}


def test_the_same_columns_land_from_parquet_and_excel(root: Path, raw: Path) -> None:
    rows = order_lines()[list(LINES)].rename(columns=LINES)
    rows.to_parquet(raw / "orders.parquet")
    rows.to_excel(raw / "orders.xlsx", index=False)
    for file in ("orders.parquet", "orders.xlsx"):
        assert run(raw / file) == 0
        name, table = table_of(config_of(root))
        assert (name, table.path, table.columns) == ("order_lines", file, COLUMNS)
        acme = Shop.open("acme", {})
        with Landing(acme.engine, root / "landed") as landing:
            assert set(files.land(acme, landing)) == {"order_lines"}
        (root / "config" / "acme.yml").unlink()


def test_a_file_elsewhere_is_named_by_its_whole_path(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.csv"
    exported(order_lines(), LINES).to_csv(path, index=False)
    assert run(path) == 0
    assert table_of(config_of(root))[1].path == str(path.resolve())


def test_a_file_in_the_raw_folder_needs_no_path(root: Path, raw: Path) -> None:
    exported(order_lines(), LINES).to_csv(raw / "orders.csv", index=False)
    assert run("orders.csv") == 0
    assert table_of(config_of(root))[1].path == "orders.csv"


def test_the_raw_folder_may_be_elsewhere(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "disk" / "acme" / "2025" / "orders.csv"
    path.parent.mkdir(parents=True)
    exported(order_lines(), LINES).to_csv(path, index=False)
    monkeypatch.setenv("REGULARS_RAW", str(tmp_path / "disk"))
    assert run(path) == 0
    assert table_of(config_of(root))[1].path == "2025/orders.csv"


def test_several_files_of_one_form_are_a_pattern(root: Path, raw: Path) -> None:
    for part in ("a", "b"):
        exported(order_lines(), LINES).to_csv(raw / f"orders-{part}.csv", index=False)
    assert run("orders-*.csv") == 0
    assert table_of(config_of(root))[1].path == "orders-*.csv"


def test_more_rows_are_looked_at_where_the_first_do_not_tell_day_from_month(
    root: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = exported(orders(), {"order": "Order", "customer": "Customer", "total": "Total"})
    rows["Date"] = ["03/04/2025", "02/03/2025"] * 25 + ["04/28/2025"] * (len(rows) - 50)
    rows.to_csv(raw / "orders.csv", index=False)
    monkeypatch.setattr(new_shop, "FIRST_ROWS", 50)
    assert run(raw / "orders.csv") == 0
    assert table_of(config_of(root))[1].dates == ["%m/%d/%Y"]


def test_what_could_be_read_two_ways_is_told_with_examples(
    root: Path, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = exported(orders(), {"order": "Order", "customer": "Customer", "total": "Total"})
    rows["Date"] = ["03/04/2025", "02/03/2025"] * (len(rows) // 2)
    rows.to_csv(raw / "orders.csv", index=False)
    assert run(raw / "orders.csv") == 0
    assert table_of(config_of(root))[1].dates == ["%d/%m/%Y"]
    assert "03/04/2025 was read as 3 April 2025" in capsys.readouterr().out


def test_personal_values_are_neither_told_nor_written(
    root: Path, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = exported(orders(), {"order": "Order", "when": "Date", "email": "E-Mail", "total": "Total"})
    rows["Name"], rows["Phone"], rows["Address"] = "Ada Lovelace", "+44 20 7946 0000", "12 St James's Square"
    rows.to_csv(raw / "orders.csv", index=False)
    assert run(raw / "orders.csv") == 0
    text = capsys.readouterr().out + (root / "config" / "acme.yml").read_text()
    for secret in ("example.org", "Lovelace", "7946", "James"):
        assert secret not in text


def of_a_shop_system() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders and lines as `tests.ingest.exports` writes them."""
    amounts = {
        name: Decimal(value)
        for name, value in {"revenue": "20.00", "tax": "4.00", "shipping": "5.00"}.items()
    }
    nothing = {"discount": Decimal(0), "refunded": Decimal(0), "coupon": ""}
    about = {"email": "ada@example.org", "currency": "GBP", "status": "paid"}
    times = [datetime(2025, 1, day, 9, 30) for day in (4, 17)]
    table = [
        {"order_id": f"100{place}", "ordered_at": when, **about, **amounts, **nothing}
        for place, when in enumerate(times)
    ]
    line = {"sku": "A1", "product": "Cup", "quantity": 2, "price": Decimal("10.00"), "discount": Decimal(0)}
    return pd.DataFrame(table), pd.DataFrame([{"order_id": order["order_id"], **line} for order in table])


def test_shopify_is_recognised(root: Path, raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shopify(raw / "shop.csv", *of_a_shop_system())
    assert run(raw / "shop.csv") == 0
    assert config_of(root).source == Shopify(kind="shopify", path="shop.csv")
    assert config_of(root).currency == "GBP"
    told = capsys.readouterr().out
    assert "orders export of Shopify" in told and "example.org" not in told


@pytest.mark.parametrize("form", ["by item", "packed", "advanced"])
def test_woocommerce_is_recognised(form: Any, root: Path, raw: Path) -> None:
    write_woocommerce(raw / "shop.csv", *of_a_shop_system(), form=form)
    assert run(raw / "shop.csv") == 0
    assert config_of(root).source == WooCommerce(kind="woocommerce", path="shop.csv")
    assert config_of(root).currency == "GBP"


@pytest.mark.parametrize(("date", "is_sure"), [("%d/%m/%Y %H:%M", False), ("%m.%d.%Y %H:%M", True)])
def test_woocommerces_dates_are_looked_at(
    date: str, is_sure: bool, root: Path, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, lines = of_a_shop_system()
    write_woocommerce(raw / "shop.csv", table if is_sure else table.head(1), lines, form="advanced")
    rows = pd.read_csv(raw / "shop.csv", dtype=str)
    rows["Order Date"] = pd.to_datetime(rows["Order Date"]).dt.strftime(date)
    rows.to_csv(raw / "shop.csv", index=False)
    assert run(raw / "shop.csv") == 0
    assert config_of(root).source == WooCommerce(kind="woocommerce", path="shop.csv", dates=[date])
    assert ("was read as 4 January 2025" in capsys.readouterr().out) is not is_sure


def test_woocommerces_commas_are_looked_at(root: Path, raw: Path) -> None:
    write_woocommerce(raw / "shop.csv", *of_a_shop_system(), form="advanced")
    rows = pd.read_csv(raw / "shop.csv", dtype=str)
    rows["Order Total Amount"] = rows["Order Total Amount"].str.replace(".", ",")
    rows.to_csv(raw / "shop.csv", index=False)
    assert run(raw / "shop.csv") == 0
    assert config_of(root).source == WooCommerce(kind="woocommerce", path="shop.csv", decimal=",")


def test_nothing_is_written_where_something_is_missing(
    root: Path, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"order": "Order", "sku": "SKU", "quantity": "Quantity", "price": "Price"}
    exported(order_lines(), names).to_csv(raw / "orders.csv", index=False)
    assert run(raw / "orders.csv") == 1
    assert list((root / "config").iterdir()) == []
    told = capsys.readouterr().out
    assert "Still missing:" in told and "ordered_at, the date of the order" in told
    assert "        customer_id: ???" in told  # what to write by hand
    assert "make report SHOP=acme" in told


@pytest.mark.parametrize(
    ("name", "orders", "sentence"),
    [
        (
            "Acme",
            "x.csv",
            "'Acme' cannot be a shop's name: write small letters, digits and hyphens, such as NAME=acme.",
        ),
        ("my shop", "x.csv", "such as NAME=my-shop."),
        ("", "x.csv", "'' cannot be a shop's name"),
        ("../x", "x.csv", "such as NAME=x."),
        ("acme\n", "x.csv", "such as NAME=acme."),
        ("demo", "x.csv", "config/demo.yml is there already: choose another NAME"),
        ("acme", "", "Say which file has the orders: make shop NAME=acme ORDERS=path/to/orders.csv"),
        ("acme", "absent.csv", "There is no file 'absent.csv'"),
        ("acme", ".", "is a folder"),
    ],
)
def test_wrong_usage_is_one_sentence(
    name: str,
    orders: str,
    sentence: str,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (root / "config" / "demo.yml").write_text("name: demo\n")
    monkeypatch.chdir(root)
    assert run(orders, name) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("regulars: ") and sentence in told.err and "Traceback" not in told.err
    assert [path.name for path in (root / "config").iterdir()] == ["demo.yml"]
    assert (root / "config" / "demo.yml").read_text() == "name: demo\n"


@pytest.mark.parametrize("content", [b"", b"Order,Date,Total\n", b"\x00\x01\x02\x03" * 50])
def test_a_file_that_cannot_be_read_is_a_sentence(
    content: bytes, root: Path, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (raw / "orders.csv").write_bytes(content)
    assert run(raw / "orders.csv") == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("regulars: ") and "orders.csv" in told.err
    assert list((root / "config").iterdir()) == []


def test_a_folder_that_is_not_there_is_a_sentence(
    root: Path, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(order_lines(), LINES).to_csv(raw / "orders.csv", index=False)
    shutil.rmtree(root / "config")
    assert run(raw / "orders.csv") == 1
    assert "config/acme.yml cannot be written" in capsys.readouterr().err


def test_nothing_is_left_of_a_configuration_that_could_not_be_read_back(
    root: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ConfigError("no")

    exported(order_lines(), LINES).to_csv(raw / "orders.csv", index=False)
    monkeypatch.setattr(new_shop, "read_config", refuse)
    assert run(raw / "orders.csv") == 1
    assert list((root / "config").iterdir()) == []


def test_online_retail(root: Path) -> None:
    path = Path(RAW or ".") / "online-retail" / "online_retail.csv.gz"
    if not RAW or not path.exists():
        pytest.skip("REGULARS_RAW does not lead to online-retail/online_retail.csv.gz")
    assert run(path) == 0
    config = config_of(root)
    name, table = table_of(config)
    assert name == "order_lines"
    assert table.columns == {
        "order_id": "InvoiceNo", "customer_id": "CustomerID", "product_id": "StockCode", "product": "Description",
        "quantity": "Quantity", "price": "UnitPrice", "ordered_at": "InvoiceDate", "country": "Country",
    }  # fmt: skip
    assert (config.cleaning.returns.order_id, table.dates, table.decimal) == ("^C", None, ".")
    assert "# negative_quantity: true" in (root / "config" / "acme.yml").read_text()
