"""The text of a new configuration: valid whatever the columns are called, commented, and with every choice in its place."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regulars.config import FileTable, ShopConfig, read_config
from regulars.config.sources import Files, WooCommerce
from regulars.ingest.guessing import guess
from regulars.ingest.guessing.configuration import Place, config_of_columns, config_of_export, scalar
from regulars.ingest.guessing.settings import settings_of
from tests.ingest.guessing.rows import exported, german, order_lines, orders

PLACE = Place("orders.csv", True, "orders.csv")
LINES = {
    "order": "Order", "when": "Date", "customer": "Customer", "sku": "SKU", "quantity": "Quantity", "price": "Price",
}  # fmt: skip


def text_of(rows: pd.DataFrame, place: Place = PLACE) -> str:
    found = guess(rows)
    return config_of_columns("acme", place, found, settings_of(found))


def read(folder: Path, text: str) -> ShopConfig:
    path = folder / "acme.yml"
    path.write_text(text, encoding="utf-8")
    return read_config(path, ShopConfig)


def table_of(config: ShopConfig, table: str = "order_lines") -> FileTable:
    assert isinstance(config.source, Files)
    return config.source.tables[table]


def test_what_was_guessed_is_what_is_read_back(tmp_path: Path) -> None:
    config = read(tmp_path, text_of(exported(order_lines(), LINES, german, "%d.%m.%Y")))
    table = table_of(config)
    assert table.columns == {
        "order_id": "Order", "ordered_at": "Date", "customer_id": "Customer", "product_id": "SKU",
        "quantity": "Quantity", "price": "Price",
    }  # fmt: skip
    assert (table.path, table.decimal, table.dates, table.includes) == ("orders.csv", ",", ["%d.%m.%Y"], ())
    assert (config.name, config.title, config.currency, config.time_zone) == ("acme", "acme", "EUR", "UTC")
    assert (config.margin_rate, config.complete_until) == (0.3, None)


def test_every_line_that_says_something_has_a_note() -> None:
    text = text_of(exported(orders(), {"order": "Order", "when": "Date", "email": "Email", "total": "Total"}))
    said = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    bare = [line.split(":")[0].strip() for line in said if "  # " not in line]
    assert bare == ["name", "kind", "tables"]


@pytest.mark.parametrize(
    "name",
    ["Order: net", 'a "b"', "it's", "x # y", "# x", "- a", "[a, b]", "{a}", "no", "null", "1.0", "2024-01-01", " a ",
     "a\nb: c", "a\tb", "&a", "*a", "!tag", "%x", "@x", "`x`", "🎁 Größe", "x'; DROP TABLE y; --", "\x7f", "\u2028", "\x85"],
)  # fmt: skip
def test_columns_may_be_called_anything(name: str, tmp_path: Path) -> None:
    rows = exported(order_lines(), {**LINES, "sku": name})
    found = guess(rows)
    table = table_of(read(tmp_path, config_of_columns("acme", PLACE, found, settings_of(found))))
    assert table.columns["product_id"] == name


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_a_scalar_is_read_back_as_it_was(text: str) -> None:
    assert yaml.safe_load(f"key: {scalar(text)}  # note") == {"key": text}
    assert yaml.safe_load(f"[{scalar(text)}, b]") == [text, "b"]


def test_a_file_called_anything_breaks_no_note(tmp_path: Path) -> None:
    place = Place("a\nname: b: #.csv", True, "a\nname: b: #.csv")
    assert table_of(read(tmp_path, text_of(exported(order_lines(), LINES), place))).path == place.path


def test_a_date_and_a_time_are_a_list(tmp_path: Path) -> None:
    rows = exported(orders(), {"order": "Order", "customer": "Customer", "total": "Total"})
    rows["Date"], rows["Time: local"] = "2025-01-31", "12:30"
    config = read(tmp_path, text_of(rows))
    assert table_of(config, "orders").columns["ordered_at"] == ["Date", "Time: local"]


def test_returns_that_ids_tell_are_on_and_the_rest_is_a_choice(tmp_path: Path) -> None:
    lines = order_lines().assign(status="pending")
    lines.loc[lines["order"] == "10007", ["order", "quantity"]] = ["C10007", -1]
    lines.loc[3, "quantity"] = -1
    text = text_of(exported(lines, {**LINES, "status": "Status"}))
    assert read(tmp_path, text).cleaning.returns.order_id == "^C"
    assert not read(tmp_path, text).cleaning.returns.negative_quantity
    chosen = read(
        tmp_path, text.replace("# negative_quantity", "negative_quantity").replace("# unpaid", "unpaid")
    )
    assert chosen.cleaning.returns.negative_quantity
    assert chosen.cleaning.unpaid == ("pending",)


def test_choices_alone_are_a_note_that_can_be_switched_on(tmp_path: Path) -> None:
    lines = order_lines()
    lines.loc[3, "quantity"] = -1
    text = text_of(exported(lines, LINES))
    assert "\ncleaning" not in text
    assert read(tmp_path, text)
    for line in ("cleaning", "  returns", "    negative_quantity"):
        text = text.replace(f"# {line}", line)
    assert read(tmp_path, text).cleaning.returns.negative_quantity


def test_states_alone_are_a_note_that_can_be_switched_on(tmp_path: Path) -> None:
    rows = exported(orders(), {"order": "Order", "when": "Date", "customer": "Customer", "total": "Total"})
    text = text_of(rows.assign(Status=["paid", "refunded", "on-hold"] * (len(rows) // 3)))
    for line in ("cleaning", "  returns", "    status", "  unpaid"):
        text = text.replace(f"# {line}", line)
    cleaning = read(tmp_path, text).cleaning
    assert (cleaning.returns.status, cleaning.unpaid) == (("refunded",), ("on-hold",))


def test_further_choices_can_be_switched_on(tmp_path: Path) -> None:
    text = text_of(exported(order_lines(), LINES))
    for key in ("complete_until", "revenue", "privacy", "includes"):
        text = text.replace(f"# {key}", key)
    config = read(tmp_path, text)
    assert config.complete_until and config.revenue.tax == "in" and not config.privacy.consent_required
    assert table_of(config).includes == ("tax",)


def test_what_is_missing_stands_open() -> None:
    text = text_of(
        exported(order_lines(), {"order": "Order", "sku": "SKU", "quantity": "Quantity", "price": "Price"})
    )
    assert "        ordered_at: ???" in text and "        customer_id: ???" in text


def test_an_export_that_is_known_needs_no_columns(tmp_path: Path) -> None:
    text = config_of_export("acme", PLACE, "woocommerce", ["%d/%m/%Y %H:%M"], "GBP")
    config = read(tmp_path, text)
    assert config.source == WooCommerce(kind="woocommerce", path="orders.csv", dates=["%d/%m/%Y %H:%M"])
    assert config.currency == "GBP"
