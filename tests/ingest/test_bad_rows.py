"""Rows that cannot be counted, and values that only look bad: staged or refused as configured, and all accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from regulars.report.tables import table as shown_table
from tests.ingest.corner import (
    GOOD,
    HEADER,
    LINES,
    Rows,
    accounted,
    corner,
    csv_text,
    read,
    reasons,
    rows_with,
    with_lines,
)


class Case(NamedTuple):
    """Order lines of which some are refused.

    Attributes:
        rows: the lines.
        refused: the refused lines, by order and product as they came → the rule.
        examples: what the ledger shows of the rule that refused most.
        config: what the configuration says besides.
        money: the revenue that is staged.
    """

    rows: Rows
    refused: Mapping[str, str]
    examples: str = ""
    config: Mapping[str, Any] = {}
    money: float = 50.5


NEGATIVE = rows_with(more=[["6", "7", "B", "Bowl", "-1", "12.00", "EUR", "2025-02-01"]])
CASES = {
    "text in a number column": Case(
        rows_with((0, "Price", "free"), (2, "Qty", "two")),
        {"1 A": "unreadable_number", "2 A": "unreadable_number"},
        "‘free’ in 'Price'",
        money=37.0,
    ),
    "text in a number column, a fifth may be": Case(
        rows_with((0, "Price", "free")),
        {"1 A": "unreadable_number"},
        "‘free’ in 'Price'",
        {"cleaning": {"stop_above": 0.2}},
        41.5,
    ),
    "half a pair of brackets": Case(
        rows_with((0, "Price", "(4.50"), (1, "Price", "12)")),
        {"1 A": "unreadable_number", "1 B": "unreadable_number"},
        "‘(4.50’, ‘12)’ in 'Price'",
        money=29.5,
    ),
    "a barcode as a quantity": Case(
        rows_with((0, "Qty", "5012345678900")), {"1 A": "no_amount"}, "‘1’", money=41.5
    ),
    "no amount": Case(
        rows_with((0, "Price", ""), (5, "Price", "NaN")),
        {"1 A": "no_amount", "5 B": "no_amount"},
        "‘1’, ‘5’",
        money=29.5,
    ),
    "dates that are none": Case(
        rows_with((0, "Date", "tomorrow"), (3, "Date", "2025-02-30"), (5, "Date", "0000-00-00")),
        {"1 A": "unreadable_date", "3 C": "unreadable_date", "5 B": "unreadable_date"},
        "‘0000-00-00’, ‘2025-02-30’, ‘tomorrow’",
        money=19.75,
    ),
    "dates before all time": Case(
        rows_with((0, "Date", "0025-01-03"), (3, "Date", "-infinity"), (5, "Date", "0001-01-01")),
        {"1 A": "unreadable_date", "3 C": "unreadable_date", "5 B": "unreadable_date"},
        "‘-infinity’, ‘0001-01-01’, ‘0025-01-03’",
        money=19.75,
    ),
    "dates in the future": Case(
        rows_with((0, "Date", "2999-01-01"), (3, "Date", "infinity")),
        {"1 A": "future_date", "3 C": "future_date"},
        "‘2999-01-01’, ‘infinity’",
        money=31.75,
    ),
    "dates in the future, kept": Case(
        rows_with((5, "Date", "2999-01-01")), {}, config={"cleaning": {"rules": {"future_date": "flag"}}}
    ),
    "duplicate order ids with different customers": Case(
        rows_with((1, "Customer", "8")),
        {"1 A": "several_customers", "1 B": "several_customers"},
        "‘1’",
        money=29.5,
    ),
    "duplicate order ids with different customers, kept": Case(
        rows_with((1, "Customer", "8")), {}, config={"cleaning": {"rules": {"several_customers": "flag"}}}
    ),
    "one order in two currencies": Case(
        rows_with((1, "Currency", "USD")),
        {"1 A": "several_currencies", "1 B": "foreign_currency"},
        "‘1’",
        money=29.5,
    ),
    "one order in one currency, written in three ways": Case(
        rows_with(
            (0, "Currency", "€"),
            (1, "Currency", "eur"),
            more=[["1", "7", "D", "Dish", "1", "1", "EUR", "2025-01-03"]],
        ),
        {},
        money=51.5,
    ),
    "negative quantity that is no return": Case(NEGATIVE, {"6 B": "negative_quantity"}, "‘-1’"),
    "negative quantity that is a return": Case(
        NEGATIVE, {}, config={"cleaning": {"returns": {"negative_quantity": True}}}, money=38.5
    ),
    "NaN, NULL and nothing as customers: guests": Case(
        rows_with(*[(i, "Customer", word) for i, word in enumerate(["NaN", "NaN", "NULL", "", "null"])]), {}
    ),
    "guests, refused as configured": Case(
        rows_with((2, "Customer", "NULL")),
        {"2 A": "guest"},
        config={"cleaning": {"rules": {"guest": "refuse"}}},
        money=46.0,
    ),
    "NaN, NULL and nothing as orders": Case(
        rows_with((0, "Order", "NaN"), (1, "Order", "NULL"), (2, "Order", "")),
        {"NaN A": "no_order", "NULL B": "no_order", " A": "no_order"},
        money=25.0,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_rows_are_refused_as_configured_and_kept_as_they_came(tmp_path: Path, case: Case) -> None:
    shop = with_lines(corner(tmp_path, case.config), case.rows)
    ledger = accounted(shop)
    lines = ledger.tables.set_index("table").loc["order_lines"]
    assert (lines["read"], lines["money_staged"]) == (len(case.rows), case.money)
    refused = read(shop, "refused/order_lines")
    came = [case.rows[place] for place in refused["row_number"]]
    names = [f"{row[0]} {row[2]}" for row in came]
    assert dict(zip(names, refused["refused_because"], strict=True)) == case.refused
    for ours, theirs in LINES["columns"].items():
        if ours != "customer_id":  # which may be a hash
            kept = refused[ours].astype(object).fillna("").tolist()
            assert kept == [row[HEADER.index(theirs)] for row in came]
    decided = ledger.rules[ledger.rules["decided"] > 0]
    assert set(decided["rule"]) == set(case.refused.values())
    assert case.examples == "" or case.examples in decided["examples"].tolist()


def test_orders_with_one_id_and_different_customers_or_currencies_are_refused(tmp_path: Path) -> None:
    columns = {
        "order_id": "Order",
        "customer_id": "Customer",
        "revenue": "Total",
        "currency": "Cur",
        "ordered_at": "Date",
    }
    shop = corner(tmp_path, orders={"path": "orders.csv", "columns": columns})
    rows = [["1", "7", "10", "EUR"], ["1", "8", "20", "EUR"], ["2", "7", "5", "EUR"], ["2", "7", "5", "USD"]]
    rows += [["3", "7", "1", "EUR"], ["3", "7", "1", "€"], ["4", "7", "2", "eur"], ["5", "9", "4", "€"]]
    text = csv_text([[*row, "2025-01-03"] for row in rows], ["Order", "Customer", "Total", "Cur", "Date"])
    (shop.raw / "orders.csv").write_text(text)
    shop.config.__dict__["cleaning"] = shop.config.cleaning.model_copy(update={"stop_above": 0.9})
    accounted(shop)
    refused = read(shop, "refused/orders")
    assert refused[["order_id", "currency", "refused_because"]].values.tolist() == [
        ["1", "EUR", "several_customers"],
        ["1", "EUR", "several_customers"],
        ["2", "EUR", "several_currencies"],
        ["2", "USD", "foreign_currency"],
        ["3", "€", "repeated_order"],
    ]
    assert read(shop, "orders")["order_id"].tolist() == ["3", "4", "5"]


def test_customer_ids_are_one_however_they_are_written_but_a_leading_zero_is_meant(tmp_path: Path) -> None:
    ids = ["1.0", " 1", "1", "01", "1.0 ", "1.50"]
    rows = [[str(place), name, *GOOD[place][2:]] for place, name in enumerate(ids)]
    shop = with_lines(corner(tmp_path), rows)
    accounted(shop)
    assert read(shop, "orders")["customer_id"].tolist() == ["1", "1", "1", "01", "1", "1.50"]
    assert read(shop, "customers")["customer_id"].tolist() == ["01", "1", "1.50"]


def test_guests_are_no_customers_and_their_money_counts(tmp_path: Path) -> None:
    words = ["NaN", "NaN", "NULL", "", "null", "8"]
    shop = with_lines(corner(tmp_path), rows_with(*[(i, "Customer", word) for i, word in enumerate(words)]))
    ledger = accounted(shop)
    assert read(shop, "customers")["customer_id"].tolist() == ["8"]
    guests = ledger.rules.set_index(["table", "rule"]).loc[("order_lines", "guest")]
    assert (guests["matched"], guests["decided"], guests["matched_money"]) == (5, 0, 38.5)


def test_iso_dates_and_one_other_form_are_all_read(tmp_path: Path) -> None:
    texts = ["03.01.2025 09:15"] * 2 + [
        "2025-01-14",
        "2025-02-20 18:30:00",
        "2025-02-28 12:00",
        "31.03.2025 23:59",
    ]
    shop = with_lines(corner(tmp_path), rows_with(*[(i, "Date", text) for i, text in enumerate(texts)]))
    accounted(shop)
    assert read(shop, "orders")["ordered_at"].astype(str).tolist() == [
        "2025-01-03 09:15:00", "2025-01-14 00:00:00", "2025-02-20 18:30:00", "2025-02-28 12:00:00", "2025-03-31 23:59:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "naive"),
    [
        (None, "2025-01-31 23:30:00"),
        ("UTC", "2025-02-01 00:30:00"),
        ("America/New_York", "2025-02-01 05:30:00"),
    ],
)
def test_times_with_an_offset_are_converted_and_naive_ones_taken_in_the_tables_zone(
    tmp_path: Path, zone: str | None, naive: str
) -> None:
    texts = [
        "2025-01-31T23:30:00Z",
        "2025-01-31 23:30:00 -0500",
        "2025-01-31 23:30:00",
        "2025-07-31T23:30:00+02:00",
    ]
    rows = [[str(place), "7", *GOOD[place][2:7], text] for place, text in enumerate(texts)]
    shop = with_lines(corner(tmp_path, order_lines={**LINES, "time_zone": zone}), rows)
    accounted(shop)
    orders = read(shop, "orders")
    told = ["2025-02-01 00:30:00", "2025-02-01 05:30:00", naive, "2025-07-31 23:30:00"]
    assert orders["ordered_at"].astype(str).tolist() == told
    assert orders["ordered_month"].tolist() == [time[:7] for time in told]


NAMES = {
    "emoji": "Tea 🍵👩\u200d🌾 for two",
    "quotes": "'Earl' \"Grey\"; DROP TABLE orders; --",
    "newlines": "two\nlines\r\nand three",
    "NUL": "a\x00b",
    "HTML": "<script>alert('tea')</script><b>bold & \"free\"</b>",
    "formula": '=HYPERLINK("http://x.y","tea")',
    "formula, another": "@SUM(1+1)*cmd|' /C calc'!A0",
    "minus": "-2+3",
    "right to left": "שָׁלוֹם \u202egnp.exe",
    "a word for nothing": "NULL",
    "long": "x" * 70_000,
}


@pytest.mark.parametrize("quoting", [0, 1], ids=["quoted where needed", "all quoted"])
def test_products_names_are_staged_untouched(tmp_path: Path, quoting: int) -> None:
    rows = [[str(place), "7", kind, name, *GOOD[0][4:]] for place, (kind, name) in enumerate(NAMES.items())]
    shop = with_lines(corner(tmp_path), rows, quoting=quoting)
    accounted(shop)
    assert read(shop, "products").set_index("product_id")["product"].to_dict() == NAMES


def test_a_products_name_is_shown_and_never_run(tmp_path: Path) -> None:
    page, formula = NAMES["HTML"], NAMES["formula"]
    rows = rows_with(
        (0, "Product", formula), (1, "Product", page), (2, "Product", formula), (5, "Product", page)
    )
    shop = with_lines(corner(tmp_path), rows)
    accounted(shop)
    page = shown_table(
        read(shop, "products")[["product"]], caption="Products.", identifier="products"
    ).as_raw_html()
    assert "<script" not in page and "<b>" not in page
    assert "&lt;script&gt;alert(" in page and "&amp;" in page
    assert "=HYPERLINK(" in page and "<a " not in page


def test_what_was_refused_is_shown_and_never_run(tmp_path: Path) -> None:
    shop = with_lines(corner(tmp_path), rows_with((0, "Price", "<script>4</script>")))
    rules = accounted(shop).rules
    page = shown_table(rules[["rule", "examples"]], caption="Rules.", identifier="rules").as_raw_html()
    assert "<script" not in page and "&lt;script&gt;4&lt;/script&gt;" in page


@pytest.mark.parametrize(
    "end", [" (new)", "'; DROP TABLE x; --", '" FROM x; --', "\n2", "é 🍵", "%s {0} $1 \\", "select"],
    ids=["blanks", "SQL", "a quote", "a line end", "no ASCII", "templates", "a keyword"],
)  # fmt: skip
def test_names_of_columns_are_only_names(tmp_path: Path, end: str) -> None:
    columns = {ours: theirs + end for ours, theirs in LINES["columns"].items()}
    shop = corner(tmp_path, order_lines={**LINES, "columns": columns})
    rows = rows_with((0, "Price", "free"))
    (shop.raw / "lines.csv").write_bytes(csv_text(rows, [name + end for name in HEADER]).encode())
    ledger = accounted(shop)
    assert reasons(shop) == {"1": "unreadable_number"}
    assert ledger.rules.set_index("rule")["examples"]["unreadable_number"] == f"‘free’ in 'Price{end}'"
    assert pd.to_numeric(read(shop, "orders")["revenue"]).sum() == 41.5


def test_addresses_in_the_place_of_numbers_are_in_no_file_and_no_sentence(tmp_path: Path) -> None:
    shop = with_lines(
        corner(tmp_path), rows_with((0, "Price", "kim@example.com"), (1, "Date", "zoe@example.com"))
    )
    ledger = accounted(shop)
    assert reasons(shop, "product_id") == {"A": "unreadable_number", "B": "unreadable_date"}
    kept = read(shop, "refused/order_lines").astype(str).to_csv() + ledger.rules.to_csv()
    assert "kim" not in kept and "zoe" not in kept and "@" not in kept
