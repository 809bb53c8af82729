"""Names of columns: the same whatever their case, blanks and prefixes; another where the words mean another thing."""

from __future__ import annotations

import pytest

from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.guessing.names import name_score

LINES, ORDERS = CONTRACTS["order_lines"].mappable, CONTRACTS["orders"].mappable


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("OrderID", "order_id"), ("order number", "order_id"), ("Invoice #", "order_id"), ("TRANSACTION_ID", "order_id"),
        ("Sales Order No.", "order_id"), ("customerId", "customer_id"), ("Client Nr", "customer_id"),
        ("StockCode", "product_id"), ("Lineitem sku", "product_id"), ("Product Code", "product_id"),
        ("Item Quantity", "quantity"), ("QTY", "quantity"), ("Quantity ordered", "quantity"), ("UnitPrice", "price"),
        ("price (EUR)", "price"), ("Line Total", "revenue"), ("Sales value", "revenue"), ("Order Amount", "revenue"),
        ("transaction_timestamp", "ordered_at"), ("Purchase Date", "ordered_at"), ("Order Date & Time", "ordered_at"),
        ("Item Name", "product"), ("Lineitem name", "product"), ("Customer E-Mail", "email"), ("e-mail", "email"),
        ("Billing Country", "country"), ("Order Status", "status"), ("Currency Code", "currency"), ("VAT", "tax"),
        ("coupon_disc", "coupon_discount"),
    ],
)  # fmt: skip
def test_names_that_fit(theirs: str, ours: str) -> None:
    scores = {name: name_score(theirs, column) for name, column in LINES.items()}
    assert scores[ours] >= 0.6
    assert max(scores, key=lambda name: scores[name]) == ours


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Order Line ID", "order_id"), ("Customer Group", "department"), ("Store Name", "product"), ("Tax ID", "order_id"),
        ("retail_disc", "discount"), ("Sub-Category", "category"), ("Ship Date", "ordered_at"), ("Birth date", "ordered_at"),
        ("Total weight", "revenue"), ("Postal Code", "product_id"), ("", "order_id"), ("🎁", "product"), ("#", "customer_id"),
    ],
)  # fmt: skip
def test_names_that_mean_another_thing(theirs: str, ours: str) -> None:
    assert name_score(theirs, LINES[ours]) < 0.6


def test_our_own_name_is_the_best_and_the_first_other_names_are_better_than_the_last() -> None:
    revenue = ORDERS["revenue"]
    scores = [
        name_score(name, revenue)
        for name in ("revenue", "Revenue", "amount", "total", "net_sales", "Item Total")
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0
