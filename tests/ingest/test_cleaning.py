"""Each rule says what it does, and a row is refused by the first rule that it matches."""

from typing import Any

import narwhals as nw
import pandas as pd
import pytest

from regulars.config import ConfigError
from regulars.engine import Engine
from regulars.ingest import Rule, apply_rules
from regulars.ingest.cleaning import RULES, rules_of
from regulars.ingest.contracts import CONTRACTS

ROW = {
    "order_id": "1",
    "customer_id": "7",
    "product_id": "9",
    "ordered_day": 17_000,
    "today": 17_100,
    "refunded_day": 17_050,
    "quantity": 1.0,
    "price": 2.5,
    "revenue": 2.5,
    "lines": 1,
    "code": "EUR",
    "shop_currency": "EUR",
    "unreadable": None,
    "is_product": True,
    "is_known_product": True,
} | dict.fromkeys(
    ("is_return", "is_test", "is_unpaid", "is_duplicate", "is_repeated", "is_of_refused_order",
     "has_several_customers", "has_several_currencies"),
    False,
)  # fmt: skip
KEYED = {"unreadable": None, "is_repeated": False, "has_several_arms": False,
         "kind": "view", "contacted_day": 1, "occurred_at": 1, "question": "q", "arm": "a",
         "metric": "m", "value": 1.0, "customer_id": "7", "product_id": "9", "experiment_id": "e"}  # fmt: skip
TEXTS = (
    "order_id",
    "customer_id",
    "product_id",
    "unreadable",
    "code",
    "experiment_id",
    "kind",
    "question",
    "arm",
    "metric",
)


def judge(table: str, row: dict[str, Any]) -> pd.Series:
    """One row, judged by its table's rules in DuckDB."""
    engine = Engine()
    floats = ("quantity", "price", "revenue", "ordered_day", "contacted_day", "value")
    numbers = {name: "Float64" for name in floats if name in row}
    texts = {name: "string" for name in TEXTS if name in row}
    frame = pd.DataFrame([row]).convert_dtypes().astype(texts | numbers)
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
        ({"revenue": None}, "no_amount", ["no_amount"]),
        ({"ordered_day": 17_101}, "future_date", ["future_date"]),
        ({"ordered_day": 17_100}, None, []),
        ({"unreadable": "quantity"}, "unreadable_number", ["unreadable_number"]),
        ({"code": "USD"}, "foreign_currency", ["foreign_currency"]),
        ({"code": None}, None, []),
        ({"is_test": True}, "test_order", ["test_order"]),
        ({"is_unpaid": True}, "unpaid", ["unpaid"]),
        ({"has_several_customers": True}, "several_customers", ["several_customers"]),
        ({"has_several_currencies": True}, "several_currencies", ["several_currencies"]),
        ({"is_of_refused_order": True}, "order_refused", ["order_refused"]),
        ({"is_repeated": True}, "repeated_line", ["repeated_line"]),
        ({"quantity": 0}, None, ["quantity_zero"]),
        ({"quantity": -1, "revenue": -2.5}, "negative_quantity", ["negative_quantity"]),
        ({"quantity": -1, "revenue": -2.5, "is_return": True}, None, ["cancelled"]),
        ({"price": 0, "revenue": 0}, None, ["price_not_positive"]),
        ({"price": None}, None, []),
        ({"is_product": False}, None, ["not_a_product"]),
        ({"is_duplicate": True}, None, ["duplicate"]),
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
    assert outcome("order_lines", ROW | change) == (refused, matched)


@pytest.mark.parametrize(
    ("lines", "revenue", "refused"),
    [(0, 0.0, "nothing_sold"), (0, 1.0, None), (1, 0.0, None), (2, 5.0, None)],
)
def test_a_basket_is_no_order_only_if_it_holds_nothing_and_took_nothing(
    lines: int, revenue: float, refused: str | None
) -> None:
    assert outcome("orders", ROW | {"lines": lines, "revenue": revenue})[0] == refused


@pytest.mark.parametrize(
    ("table", "key", "rule"),
    [
        ("customers", "customer_id", "no_customer_id"),
        ("contacts", "customer_id", "no_customer_id"),
        ("contacts", "contacted_day", "no_contacted_day"),
        ("events", "occurred_at", "no_occurred_at"),
        ("answers", "question", "no_question"),
        ("assignments", "arm", "no_arm"),
        ("outcomes", "value", "no_value"),
        ("products", "product_id", "no_product_id"),
    ],
)
def test_a_row_without_its_key_is_refused(table: str, key: str, rule: str) -> None:
    assert outcome(table, KEYED | {key: None})[0] == rule
    assert outcome(table, KEYED)[0] is None
    assert outcome(table, KEYED | {"unreadable": "value"})[0] == "unreadable_value"


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
    assert {rule.table for rule in RULES} | {"returns"} == set(CONTRACTS)
    assert [rule.name for rule in RULES if not rule.meaning.endswith(".")] == []


def test_the_configuration_says_what_is_done() -> None:
    actions = {
        rule.name: rule.action for rule in rules_of("order_lines", {"guest": "refuse", "future_date": "flag"})
    }
    assert (actions["guest"], actions["future_date"]) == ("refuse", "flag")
    assert "duplicate" not in {rule.name for rule in rules_of("order_lines", {"duplicate": "off"})}


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        ({"future_dates": "flag"}, "there is no rule 'future_dates': did you mean 'future_date'?"),
        ({"no_order": "flag"}, "the rule 'no_order' cannot be 'flag': nothing can be made of such a row."),
        ({"unreadable_date": "off"}, "the rule 'unreadable_date' cannot be 'off'"),
    ],
)
def test_a_rule_that_is_not_there_or_cannot_be_softened_is_said(
    actions: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as error:
        rules_of("orders", actions)
    assert sentence in str(error.value)
