"""What a file's values mean besides what they are, and that every assumption is said."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from regulars.config.shop import Returns
from regulars.ingest.guessing import guess
from regulars.ingest.guessing.settings import Settings, settings_of
from tests.ingest.guessing.rows import american, exported, german, order_lines, orders, plain

LINES = {
    "order": "Order",
    "when": "Date",
    "customer": "Customer",
    "sku": "SKU",
    "quantity": "Quantity",
    "price": "Price",
}
ORDERS = {"order": "Order", "when": "Date", "customer": "Customer", "total": "Total"}


def of(rows: pd.DataFrame) -> Settings:
    return settings_of(guess(rows))


def doubt(settings: Settings, key: str) -> str:
    """The one sentence on a key."""
    [sentence] = [sentence for sentence in settings.doubts if sentence.startswith(f"{key}:")]
    return sentence


@pytest.mark.parametrize(
    ("money", "date", "written"),
    [
        (german, "%d.%m.%Y", (",", ("%d.%m.%Y",), False, "EUR")),
        (american, "%m/%d/%Y", (".", ("%m/%d/%Y",), False, "USD")),
        (plain, "%Y-%m-%d %H:%M", (".", (), False, None)),
        (plain, "%d-%b-%y", (".", ("%d-%b-%y",), False, None)),
    ],
)
def test_how_values_are_written(money: Any, date: str, written: tuple[Any, ...]) -> None:
    for table, names in ((order_lines(), LINES), (orders(), ORDERS)):
        found = of(exported(table, names, money, date))
        assert (found.decimal, found.dates, found.is_ambiguous, found.currency) == written
        assert not any(said.startswith(("dates:", "decimal:")) for said in found.doubts)


def test_day_and_month_that_could_be_exchanged_are_said_with_examples() -> None:
    rows = exported(orders().head(9), {"order": "Order", "customer": "Customer", "total": "Total"})
    rows["Date"] = ["03/04/2025", "02/03/2025", "04/04/2025"] * 3
    found = of(rows)
    assert (found.dates, found.is_ambiguous) == (("%d/%m/%Y",), True)
    said = doubt(found, "dates")
    assert "03/04/2025 was read as 3 April 2025; 02/03/2025 was read as 2 March 2025" in said
    assert "exchange %d and %m" in said


def test_the_order_of_the_rows_is_named_as_the_reason() -> None:
    rows = exported(orders().head(3), {"order": "Order", "customer": "Customer", "total": "Total"})
    rows["Date"] = ["01/12/2025", "02/01/2025", "02/02/2025"]
    found = of(rows)
    assert (found.dates, found.is_ambiguous) == (("%m/%d/%Y",), False)
    assert "only then the rows are in the order of time" in doubt(found, "dates")


def test_all_dates_of_a_table_share_the_patterns() -> None:
    rows = exported(orders(), ORDERS, date="%d/%m/%Y")
    rows["Refund Date"] = "2025-02-01"
    assert set(of(rows).dates) == {"%d/%m/%Y", "%Y-%m-%d"}


def test_values_that_are_no_dates_and_times_with_offsets_are_said() -> None:
    rows = exported(orders(), ORDERS, date="%d.%m.%Y")
    rows.loc[3, "Date"] = "unknown"
    assert "'unknown'" in doubt(of(rows), "dates")
    assert "distance from UTC" in doubt(
        of(exported(orders(), ORDERS, date="%Y-%m-%d %H:%M:%S +0100")), "time_zone"
    )


def test_points_and_commas_are_said() -> None:
    rows = exported(orders(), ORDERS, german)
    rows.loc[:2, "Total"] = "12.50"
    found = of(rows)
    assert found.decimal == ","
    assert "'Total'" in doubt(found, "decimal")


def test_a_sign_that_could_be_of_thousands_or_of_decimals_is_said() -> None:
    rows = exported(orders(), ORDERS)
    rows["Total"] = "1,299"
    assert "'1,299'" in doubt(of(rows), "decimal")


def test_the_currency_is_the_files_and_several_are_said() -> None:
    rows = exported(orders(), ORDERS)
    assert "USD was assumed" in doubt(of(rows), "currency")
    rows["Currency"] = ["GBP"] * (len(rows) - 2) + ["EUR"] * 2
    found = of(rows)
    assert found.currency == "GBP"
    assert f"GBP in {len(rows) - 2} rows, EUR in 2 rows" in doubt(found, "currency")


def test_what_the_money_contains_is_told_by_arithmetic() -> None:
    parts = {**ORDERS, "net": "Subtotal", "tax": "Tax", "shipping": "Shipping"}
    found = of(exported(orders(), parts))
    assert found.includes == ("tax", "shipping")
    assert not any(said.startswith("includes:") for said in found.doubts)
    lines = {**LINES, "gross": "Line Total", "tax": "Tax", "discount": "Discount"}
    assert of(exported(order_lines(), lines)).includes == ("tax",)


def test_what_arithmetic_cannot_tell_is_assumed_and_said() -> None:
    found = of(exported(orders(), {**ORDERS, "tax": "Tax", "shipping": "Shipping"}))
    assert found.includes == ("tax", "shipping")
    assert "'Total', taken as with tax and shipping" in doubt(found, "includes")
    found = of(exported(order_lines(), {**LINES, "discount": "Discount"}))
    assert found.includes == ("discounts",)
    assert "price × quantity, taken as with discounts" in doubt(found, "includes")
    assert "without tax, shipping and discounts" in doubt(of(exported(order_lines(), LINES)), "includes")


@pytest.mark.parametrize(
    ("mark", "pattern"), [("C{}", "^C"), ("R-{}", r"^R\-"), ("{}-R", r"\-R$"), ("{}CR", "CR$")]
)
def test_ids_of_returns_are_told_by_their_letters(mark: str, pattern: str) -> None:
    lines = order_lines()
    is_back = lines["order"].isin(lines["order"].unique()[::9])
    lines.loc[is_back, "order"] = [mark.format(order) for order in lines.loc[is_back, "order"]]
    lines.loc[is_back, "quantity"] *= -1
    found = of(exported(lines, LINES))
    assert (found.returns, found.has_negatives) == (Returns(order_id=pattern), False)


def test_negative_quantities_without_a_mark_are_asked_about() -> None:
    lines = order_lines()
    lines.loc[[3, 9], "quantity"] = -1
    found = of(exported(lines, LINES))
    assert (found.returns, found.has_negatives) == (Returns(), True)
    assert f"2 of {len(lines):,} rows have a quantity below zero" in doubt(found, "cleaning")


def test_letters_that_other_orders_have_too_mark_nothing() -> None:
    lines = order_lines()
    is_web = lines["order"].isin(lines["order"].unique()[::2])
    lines.loc[is_web, "order"] = "W" + lines.loc[is_web, "order"]
    lines.loc[lines["order"] == lines.loc[is_web, "order"].iloc[0], "quantity"] = -1
    found = of(exported(lines, LINES))
    assert (found.returns, found.has_negatives) == (Returns(), True)


def test_letters_that_all_orders_have_mark_nothing() -> None:
    lines = order_lines()
    lines["order"], lines["quantity"] = "A" + lines["order"], -lines["quantity"]
    assert of(exported(lines, LINES)).returns == Returns()


def test_states_are_proposed_and_asked_about() -> None:
    rows = exported(orders(), ORDERS)
    rows["Status"] = ["Paid", "Refunded", "Pending"] * (len(rows) // 3)
    found = of(rows)
    assert (found.given_back, found.never_paid) == (("refunded",), ("pending",))
    assert "'refunded', 'pending'" in doubt(found, "cleaning")


def test_money_of_the_whole_order_is_said_to_be_left_out() -> None:
    lines = order_lines()
    lines["total"] = lines.groupby("order")["goods"].transform("sum")
    assert "'Order Total'" in doubt(of(exported(lines, {**LINES, "total": "Order Total"})), "columns")


def test_what_only_values_told_is_asked_about() -> None:
    rows = exported(orders(), {**ORDERS, "customer": "who"})
    assert "customer_id is 'who'" in doubt(of(rows), "columns")


def test_customers_by_address_consent_and_repeated_orders_are_said() -> None:
    rows = exported(orders(), {"order": "Order", "when": "Date", "email": "Email", "total": "Total"})
    found = of(pd.concat([rows, rows.head(2)], ignore_index=True))
    assert "told apart by their e-mail address" in doubt(found, "columns")
    assert "agreed to be written to" in doubt(found, "privacy")
    assert "'Order' repeats" in doubt(found, "tables")
    assert not any(said.startswith("privacy:") for said in of(rows.assign(opt_in_at="2025-01-01")).doubts)
