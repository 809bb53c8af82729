"""The guess as text: aligned, short, and without personal values."""

from __future__ import annotations

import pandas as pd
import pytest

from regulars.ingest.guessing import guess
from regulars.ingest.guessing.shown import NOT_SHOWN, missing_of, on_one_line, table_of
from tests.ingest.guessing.rows import exported, order_lines, orders

ORDERS = {"order": "Order", "when": "Date", "customer": "Customer", "total": "Total"}


def test_each_line_says_ours_theirs_three_values_and_why() -> None:
    names = {"order": "Order", "when": "Date", "customer": "Customer", "sku": "SKU", "goods": "Total"}
    rows = exported(order_lines(), names)
    lines = table_of(guess(rows.assign(Note="gift")))
    assert lines[0].split("  ")[0] == "ours"
    order = next(line for line in lines if line.startswith("order_id"))
    assert "Order  " in order and "10000, 10001, 10002" in order and order.endswith("by name")
    assert lines[-1] == "Not used: Note"
    starts = {line.index("by name") for line in lines if line.endswith("by name")}
    assert len(starts) == 1


def test_personal_values_are_never_shown() -> None:
    rows = exported(orders(), {"order": "Order", "when": "Date", "email": "Customer", "total": "Total"})
    rows["E-mail"], rows["Phone"] = rows["Customer"], "+44 20 7946 0000"
    rows["Billing Name"], rows["Street"] = "Ada Lovelace", "12 St James's Square"
    rows["Comment"] = "call ada@example.org"
    text = "\n".join(table_of(guess(rows)))
    assert text.count(NOT_SHOWN) == 5
    for secret in ("example.org", "7946", "Lovelace", "James"):
        assert secret not in text


def test_an_address_in_any_column_hides_its_values() -> None:
    rows = exported(orders(), ORDERS)
    rows["Channel"] = ["shop"] * (len(rows) - 1) + ["ada@example.org"]
    [line] = [line for line in table_of(guess(rows)) if "Channel" in line]
    assert line.split() == ["channel", "Channel", "(not", "shown)", "by", "name"]


def test_long_values_and_strange_signs_are_cut() -> None:
    assert on_one_line("x" * 100, 10) == "x" * 9 + "…"
    assert on_one_line("\x1b[31mred\x00\r\n") == " [31mred   "
    rows = exported(
        order_lines(), {"order": "Order", "when": "Date", "customer": "Customer", "goods": "Total"}
    )
    rows["SKU"], rows["Product"] = order_lines()["sku"], "\x1b[2J" + order_lines()["product"] * 20
    assert all(line.isprintable() and len(line) < 160 for line in table_of(guess(rows)))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ({"Order": ["1"], "Order Date": ["soon"]}, "'Order Date' is called so, but its values, such as 'soon', are no dates."),
        ({"Invoice": ["Ada Lovelace"]}, "order_id, the order's id: 'Invoice' is called so, but its values are no ids."),
        ({"Customer": ["Ada Lovelace"]}, "'Customer' is called so, but its values are no ids."),
        ({"Total": ["", None]}, "'Total' is called so, but nothing is written in it."),
        ({"ordr_id": ["x"]}, "order_id, the order's id: no column is called so; the nearest is 'ordr_id'."),
        ({"Q": ["x"]}, "revenue, the money, in one column or as price and quantity: no column is called so; there is 'Q'."),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_with_the_nearest_columns(
    rows: dict[str, list[str | None]], sentence: str
) -> None:
    said = missing_of(guess(pd.DataFrame(rows, dtype=object)))
    assert "Lovelace" not in str(said)
    assert any(sentence in line for line in said), said


def test_money_of_the_order_on_every_line_is_named() -> None:
    lines = order_lines()
    lines["total"] = lines.groupby("order")["goods"].transform("sum")
    names = {
        "order": "Order",
        "when": "Date",
        "customer": "Customer",
        "sku": "SKU",
        "quantity": "Quantity",
        "total": "Total",
    }
    [said] = missing_of(guess(exported(lines, names)))
    assert said.endswith(
        "'Total' is called so, but it says the whole order's and stands on each of its lines."
    )
