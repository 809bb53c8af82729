"""Each rule says what it does, and a row is refused by the first rule that it matches."""

from typing import Any

import narwhals as nw
import pandas as pd
import pytest

from regulars.engine import Engine
from regulars.ingest import Rule, apply_rules
from regulars.ingest.cleaning import RULES
from regulars.ingest.contracts import CONTRACTS

LINE = {
    "order_id": "1",
    "customer_id": "7",
    "ordered_day": 17_000,
    "quantity": 1,
    "revenue": 2.5,
    "is_known_product": True,
}


def judge(table: str, row: dict[str, Any]) -> pd.Series:
    """One row, judged by its table's rules in DuckDB."""
    engine = Engine()
    kinds = {"order_id": "string", "customer_id": "string", "product_id": "string"}
    frame = pd.DataFrame([row]).convert_dtypes().astype({k: v for k, v in kinds.items() if k in row})
    rules = [rule for rule in RULES if rule.table == table]
    return engine.collect(apply_rules(nw.from_native(engine.connection.from_df(frame)), rules)).iloc[0]


def outcome(table: str, row: dict[str, Any]) -> tuple[str | None, list[str]]:
    marked = judge(table, row)
    matched = [name.removeprefix("matches_") for name in marked.index if name.startswith("matches_")]
    reason = marked["refused_because"]
    return None if pd.isna(reason) else reason, [name for name in matched if marked[f"matches_{name}"]]


@pytest.mark.parametrize(
    ("change", "refused", "matched"),
    [
        ({}, None, []),
        ({"order_id": None}, "no_order", ["no_order"]),
        ({"ordered_day": None}, "unreadable_date", ["unreadable_date"]),
        ({"revenue": -0.01}, "negative_revenue", ["negative_revenue"]),
        ({"revenue": 0.0}, None, []),
        ({"quantity": 0}, None, ["quantity_zero"]),
        ({"quantity": -1}, None, ["quantity_zero"]),
        ({"is_known_product": False}, None, ["unknown_product"]),
        ({"customer_id": None}, None, ["guest"]),
        ({"quantity": None}, None, []),
        ({"order_id": None, "revenue": -1.0}, "no_order", ["no_order", "negative_revenue"]),
        ({"customer_id": None, "revenue": -1.0}, "negative_revenue", ["negative_revenue", "guest"]),
    ],
)
def test_a_line_is_refused_by_its_first_rule_and_flagged_by_all(
    change: dict[str, Any], refused: str | None, matched: list[str]
) -> None:
    assert outcome("order_lines", LINE | change) == (refused, matched)


@pytest.mark.parametrize(
    ("lines", "revenue", "refused"),
    [(0, 0.0, "nothing_sold"), (0, 1.0, None), (1, 0.0, None), (2, 5.0, None)],
)
def test_a_basket_is_no_order_only_if_it_holds_nothing_and_took_nothing(
    lines: int, revenue: float, refused: str | None
) -> None:
    assert outcome("orders", {"lines": lines, "revenue": revenue})[0] == refused


@pytest.mark.parametrize(
    ("table", "key", "rule"),
    [
        ("customers", "customer_id", "no_customer_id"),
        ("contacts", "customer_id", "no_customer_id"),
        ("products", "product_id", "no_product_id"),
    ],
)
def test_a_row_without_its_key_is_refused(table: str, key: str, rule: str) -> None:
    assert outcome(table, {key: None})[0] == rule
    assert outcome(table, {key: "1"})[0] is None


def test_a_comparison_with_a_null_refuses_nothing() -> None:
    rules = [
        Rule("low", "t", nw.col("x") < 0, "refuse", ""),
        Rule("high", "t", ~(nw.col("x") < 5), "refuse", ""),
    ]
    frame = nw.from_native(Engine().sql("SELECT NULL::INTEGER AS x"))
    row = Engine().collect(apply_rules(frame, rules)).iloc[0]
    assert pd.isna(row["refused_because"])
    assert not row["matches_low"] and not row["matches_high"]


def test_rules_have_one_name_a_table_and_a_sentence_each() -> None:
    names = [(rule.table, rule.name) for rule in RULES]
    assert len(set(names)) == len(names)
    assert {rule.table for rule in RULES} == set(CONTRACTS)
    assert [rule.name for rule in RULES if not rule.meaning.endswith(".")] == []
