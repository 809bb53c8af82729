"""What came back: matched to what it undoes, never twice, and not seen before the day on which it came back."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars import Shop
from regulars.engine import Engine
from regulars.features.snapshot import snapshot_of
from regulars.ingest import net_of_returns, stage
from regulars.ingest.returns import returned_lines
from regulars.month import day_number
from tests.ingest.written import read, written

Returned = Callable[..., dict[str, Any]]
RETURNS = {"returns": {"order_id": "^C", "negative_quantity": True}}
HEADER = "order_id,customer_id,product_id,quantity,price,ordered_at"


@pytest.fixture
def undone(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return id → the order that each return among some lines undoes; where an order has several, a list."""

    def run(lines: str) -> dict[str, Any]:
        shop = written(tmp_path, {"order_lines": f"{HEADER}\n{lines.strip()}"}, cleaning=RETURNS)
        stage(shop)
        found: dict[str, Any] = {}
        for return_id, order_id in read(shop, "returns", "return_id", "order_id"):
            found[return_id] = [*found[return_id], order_id] if return_id in found else [order_id]
        return {key: value[0] if len(value) == 1 else value for key, value in found.items()}

    return run


def test_a_line_undoes_the_order_it_stands_in_before_any_other(undone: Returned) -> None:
    lines = """
        1, ann, tea, 3, 2.00, 2024-01-05
        2, ann, tea, 3, 2.00, 2024-01-06
        1, ann, tea,-1, 2.00, 2024-01-07
    """
    assert undone(lines) == {"1": "1"}


def test_a_cancellation_undoes_the_latest_earlier_purchase_at_the_same_price(undone: Returned) -> None:
    lines = """
        1,  ann, tea,  3, 2.00, 2024-01-05
        2,  ann, tea,  3, 2.00, 2024-01-06
        3,  ann, tea,  3, 2.50, 2024-01-07
        4,  bo,  tea,  3, 2.00, 2024-01-08
        5,  ann, pot,  3, 2.00, 2024-01-09
        C6, ann, tea, -1, 2.00, 2024-01-10
        7,  ann, tea,  3, 2.00, 2024-01-11
        C8, ann, tea, -1, 2.50, 2024-01-12
        C9, bo,  pot, -1, 2.00, 2024-01-13
    """
    assert undone(lines) == {"C6": "2", "C8": "3", "C9": None}


def test_a_purchase_at_the_moment_of_the_cancellation_is_earlier(undone: Returned) -> None:
    assert undone("1, ann, tea, 1, 2.00, 2024-01-05\nC2, ann, tea, -1, 2.00, 2024-01-05") == {"C2": "1"}


def test_of_purchases_at_one_moment_the_largest_is_undone_and_of_equals_the_last_by_its_id(
    undone: Returned,
) -> None:
    lines = [f"{name}, ann, tea, 1, 2.00, 2024-01-05" for name in ("4", "1", "3", "2")]
    for place in range(4):
        rows = [*lines[place:], *lines[:place], "C9, ann, tea, -1, 2.00, 2024-01-06"]
        assert undone("\n".join(rows)) == {"C9": "4"}
        assert undone("\n".join([*rows, "2, ann, tea, 1, 2.00, 2024-01-05"])) == {"C9": "2"}


def test_never_more_is_undone_than_was_bought(undone: Returned) -> None:
    lines = """
        1,  ann, tea,  2, 2.00, 2024-01-05
        C2, ann, tea, -1, 2.00, 2024-01-06
        C3, ann, tea, -1, 2.00, 2024-01-07
        C4, ann, tea, -1, 2.00, 2024-01-08
        2,  bo,  pot,  2, 9.00, 2024-01-05
        C5, bo,  pot, -3, 9.00, 2024-01-06
    """
    assert undone(lines) == {"C2": "1", "C3": "1", "C4": None, "C5": None}


def test_what_found_no_match_uses_nothing_up(undone: Returned) -> None:
    lines = """
        1,  ann, tea,  2, 2.00, 2024-01-05
        C2, ann, tea, -3, 2.00, 2024-01-06
        C3, ann, tea, -2, 2.00, 2024-01-07
    """
    assert undone(lines) == {"C2": None, "C3": "1"}


def test_what_came_back_on_the_order_itself_cannot_come_back_again(undone: Returned) -> None:
    lines = """
        1,  ann, tea,  2, 2.00, 2024-01-05
        1,  ann, tea, -2, 2.00, 2024-01-05
        C3, ann, tea, -1, 2.00, 2024-01-07
    """
    assert undone(lines) == {"1": "1", "C3": None}


def test_a_guests_cancellation_finds_nothing_but_its_own_order(undone: Returned) -> None:
    lines = """
        1,  , tea,  2, 2.00, 2024-01-05
        1,  , tea, -1, 2.00, 2024-01-05
        C3, , tea, -1, 2.00, 2024-01-07
        4, ann, tea, 1, 2.00, 2024-01-08
    """
    assert undone(lines) == {"1": "1", "C3": None}


LINES = f"""
    {HEADER}
    1,  ann, tea,  5, 2.00, 2024-01-30 10:00
    2,  bo,  pot,  1, 9.00, 2024-01-31 10:00
    C3, ann, tea, -2, 2.00, 2024-02-02 09:30
    4,  ann, pot,  1, 9.00, 2024-03-01 10:00
"""


def test_a_return_bears_its_own_day_and_its_money_is_above_zero(tmp_path: Path) -> None:
    shop = written(tmp_path, {"order_lines": LINES}, cleaning=RETURNS)
    stage(shop)
    assert read(shop, "returns") == [
        (
            "C3",
            "1",
            "ann",
            "tea",
            2.0,
            4.0,
            4.0,
            "2024-02-02 09:30:00",
            day_number(date(2024, 2, 2)),
            "2024-02",
        )
    ]
    orders = sorted(read(shop, "orders", "order_id", "revenue", "lines"))
    assert orders == [("1", 10.0, 1), ("2", 9.0, 1), ("4", 9.0, 1)]  # as they were placed


@pytest.mark.parametrize("sign", ["-2, 2.00", "2, -2.00", "-2, -2.00", "2, 2.00"])
def test_whichever_sign_a_source_gives_it_a_cancellation_takes_money_off(sign: str, tmp_path: Path) -> None:
    shop = written(tmp_path, {"order_lines": LINES.replace("-2, 2.00", sign)}, cleaning=RETURNS)
    stage(shop)
    assert read(shop, "returns", "order_id", "quantity", "revenue") == [("1", 2.0, 4.0)]
    assert [row for row in read(shop, "order_lines", "order_id", "revenue") if row[0] == "C3"] == [
        ("C3", -4.0)
    ]


def test_its_money_is_taken_off_in_the_month_in_which_it_came_back(tmp_path: Path) -> None:
    shop = written(tmp_path, {"order_lines": LINES}, cleaning=RETURNS)
    stage(shop)
    assert by_month(shop) == {"2024-01": 19.0, "2024-02": -4.0, "2024-03": 9.0}


def by_month(shop: Shop) -> dict[str, float]:
    moved = net_of_returns(shop.table("orders"), shop.returns())
    table = shop.engine.collect(moved.select("month", "revenue"))
    return {month: float(sum(group)) for month, group in table.groupby("month")["revenue"]}


def revenue_of_ann(shop: Shop, day: date) -> tuple[float, int]:
    """Ann's revenue and number of orders in the snapshot as of a day."""
    table = shop.engine.collect(snapshot_of(shop, day_number(day))).set_index("customer_id")
    return float(table.loc["ann", "revenue"]), int(table.loc["ann", "frequency"])


def test_a_snapshot_before_the_return_does_not_see_it(tmp_path: Path) -> None:
    shop = written(tmp_path, {"order_lines": LINES}, cleaning=RETURNS)
    stage(shop)
    assert revenue_of_ann(shop, date(2024, 2, 1)) == (10.0, 1)
    assert revenue_of_ann(shop, date(2024, 2, 2)) == (10.0, 1)  # as of its first instant
    assert revenue_of_ann(shop, date(2024, 2, 3)) == (6.0, 1)  # and the order stays an order
    assert revenue_of_ann(shop, date(2024, 3, 2)) == (15.0, 2)


def test_what_is_read_later_does_not_change_an_earlier_snapshot(tmp_path: Path) -> None:
    before = written(
        tmp_path / "before", {"order_lines": "\n".join(LINES.splitlines()[:4])}, cleaning=RETURNS
    )
    after = written(tmp_path / "after", {"order_lines": LINES}, cleaning=RETURNS)
    tables = []
    for shop in (before, after):
        stage(shop)
        tables.append(shop.engine.collect(snapshot_of(shop, day_number(date(2024, 2, 1))), "customer_id"))
    pd.testing.assert_frame_equal(*tables)


def test_returns_in_revenue_are_never_taken_off(tmp_path: Path) -> None:
    shop = written(tmp_path, {"order_lines": LINES}, cleaning=RETURNS, revenue={"returns": "in"})
    stage(shop)
    assert len(read(shop, "returns")) == 1  # kept for the rate of returns
    assert by_month(shop) == {"2024-01": 19.0, "2024-03": 9.0}
    assert revenue_of_ann(shop, date(2024, 2, 3)) == (10.0, 1)


def test_without_a_word_in_the_configuration_a_quantity_below_zero_is_refused(tmp_path: Path) -> None:
    shop = written(tmp_path, {"order_lines": LINES})
    stage(shop)
    assert read(shop, "returns") == []
    assert read(shop, "refused/order_lines", "order_id", "refused_because") == [("C3", "negative_quantity")]


def test_an_order_that_is_nothing_but_a_cancellation_is_no_order(tmp_path: Path) -> None:
    shop = written(tmp_path, {"order_lines": LINES}, cleaning=RETURNS)
    ledger = stage(shop)
    assert "C3" not in [name for (name,) in read(shop, "orders", "order_id")]
    counted = ledger.tables.set_index("table")
    assert counted.loc["order_lines", ["read", "staged", "refused"]].tolist() == [4, 4, 0]
    assert counted.loc["order_lines", "money_read"] == 10 + 9 - 4 + 9


# ------------------------------------------------------------------------------------------------ a word in the status

BY_STATUS = """
    order_id,customer_id,product_id,quantity,price,status,  ordered_at
    1,       ann,        tea,       5,       2.00, paid,    2024-01-30
    2,       bo,         pot,       1,       9.00, Refunded,2024-01-31
    2,       bo,         tea,       1,       2.00, Refunded,2024-01-31
"""


def test_lines_whose_status_says_so_take_all_of_their_money_back(tmp_path: Path) -> None:
    shop = written(tmp_path, {"order_lines": BY_STATUS})
    stage(shop)
    names = ("return_id", "order_id", "customer_id", "revenue", "returned_month")
    assert read(shop, "returns", *names) == [
        ("2", "2", "bo", 2.0, "2024-01"),
        ("2", "2", "bo", 9.0, "2024-01"),
    ]
    assert read(shop, "orders", "order_id", "revenue") == [("1", 10.0), ("2", 11.0)]


def test_the_words_are_the_configurations(tmp_path: Path) -> None:
    cleaning = {"returns": {"status": ["paid"]}}
    shop = written(tmp_path, {"order_lines": BY_STATUS}, cleaning=cleaning)
    stage(shop)
    assert read(shop, "returns", "order_id", "revenue") == [("1", 10.0)]


# ------------------------------------------------------------------------------------------------- orders that say it

ORDERS = """
    order_id,customer_id,revenue,discount,refunded,refunded_at,     status,  ordered_at
    1,       ann,        80.00,  20.00,   20.00,   2024-02-02 09:30,paid,    2024-01-30 10:00
    2,       bo,         50.00,   0.00,  -20.00,   ,                paid,    2024-01-30 11:00
    3,       cy,         50.00,   0.00,   99.00,   2024-02-05,      paid,    2024-01-30 12:00
    4,       dee,        50.00,   0.00,    0.00,   2024-02-06,      REFUNDED,2024-01-30 13:00
    5,       eve,        50.00,   0.00,   10.00,   2024-01-01,      paid,    2024-01-30 14:00
    6,       fay,        50.00,   0.00,        ,   ,                paid,    2024-01-30 15:00
"""


def test_what_was_refunded_of_an_order_is_given_back_when_the_source_says(tmp_path: Path) -> None:
    shop = written(tmp_path, {"orders": ORDERS})
    stage(shop)
    names = ("return_id", "order_id", "product_id", "revenue", "list_revenue", "returned_at")
    assert read(shop, "returns", *names) == [
        (
            "1",
            "1",
            None,
            20.0,
            25.0,
            "2024-02-02 09:30:00",
        ),  # a quarter of 80, and so of 100 before the discount
        (
            "2",
            "2",
            None,
            20.0,
            20.0,
            "2024-01-30 11:00:00",
        ),  # whichever its sign; undated: on the day of the order
        ("3", "3", None, 50.0, 50.0, "2024-02-05 00:00:00"),  # never more than was paid
        ("4", "4", None, 50.0, 50.0, "2024-02-06 00:00:00"),  # all of it
        ("5", "5", None, 10.0, 10.0, "2024-01-30 14:00:00"),  # never before the order
    ]
    assert [revenue for (revenue,) in read(shop, "orders", "revenue")] == [80.0, *[50.0] * 5]
    assert by_month(shop) == {"2024-01": 330.0 - 30.0, "2024-02": -120.0}


NOTES = """
    order_id,customer_id,revenue,ordered_at
    1,       ann,        80.00,  2024-01-30
    C2,      ann,        {0},    2024-02-02
    3,       bo,         50.00,  2024-02-03
"""


@pytest.mark.parametrize("amount", ["30.00", "-30.00"])
def test_a_credit_note_among_orders_takes_its_amount_off_and_is_no_order(amount: str, tmp_path: Path) -> None:
    shop = written(tmp_path, {"orders": NOTES.format(amount)}, cleaning=RETURNS)
    ledger = stage(shop)
    names = ("return_id", "order_id", "customer_id", "revenue", "returned_month")
    assert read(shop, "returns", *names) == [("C2", None, "ann", 30.0, "2024-02")]
    assert read(shop, "orders", "order_id") == [("1",), ("3",)]
    assert by_month(shop) == {"2024-01": 80.0, "2024-02": 20.0}
    counted = ledger.tables.set_index("table").loc["orders"]
    assert counted[["read", "staged", "refused"]].tolist() == [3, 3, 0]


def test_where_orders_say_what_came_back_their_lines_do_not_say_it_again(tmp_path: Path) -> None:
    orders = """
        order_id,customer_id,revenue,refunded,ordered_at
        1,       ann,        6.00,   4.00,    2024-01-30
    """
    lines = """
        order_id,product_id,quantity,price
        1,       tea,       5,       2.00
        1,       tea,      -2,       2.00
    """
    shop = written(tmp_path, {"orders": orders, "order_lines": lines}, cleaning=RETURNS)
    stage(shop)
    assert read(shop, "returns", "return_id", "revenue") == [("1", 4.0)]


# ---------------------------------------------------------------------------------------------------- any lines at all


class Line(NamedTuple):
    """A line as it is staged, so far as returns look at it."""

    order_id: str
    customer_id: str | None
    product_id: str
    quantity: int
    price: Decimal
    ordered_at: datetime

    @property
    def is_return(self) -> bool:
        return self.quantity < 0


ENGINE, START = Engine(), datetime(2024, 1, 1)
PLACED = st.tuples(
    st.sampled_from(["ann", "bo", None]), st.integers(0, 3).map(lambda days: START + timedelta(days))
)
SOLD = st.tuples(
    st.sampled_from(["tea", "pot"]),
    st.integers(-3, 3).filter(bool),
    st.sampled_from([Decimal("2.00"), Decimal("2.50")]),
)


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    """Lines of six orders, each of one customer and one moment, as they are after staging."""
    placed = {str(number): draw(PLACED) for number in range(6)}
    lines = draw(st.lists(st.tuples(st.sampled_from(sorted(placed)), SOLD), min_size=1, max_size=12))
    return [
        Line(order_id, placed[order_id][0], product, quantity, price, placed[order_id][1])
        for order_id, (product, quantity, price) in lines
    ]


def found_of(lines: list[Line], folder: Path) -> list[tuple[Any, ...]]:
    """The returns among staged lines."""
    rows = [
        {
            **line._asdict(),
            "revenue": line.quantity * line.price,
            "list_revenue": None,
            "is_return": line.is_return,
        }
        for line in lines
    ]
    frame = pd.DataFrame(rows)
    path = folder / "lines.parquet"
    money = ", ".join(
        f"{name}::DECIMAL(18, 4) AS {name}" for name in ("quantity", "price", "revenue", "list_revenue")
    )
    duckdb.from_df(frame).project(
        f"order_id, customer_id::VARCHAR AS customer_id, product_id, {money}, ordered_at, is_return"
    ).write_parquet(str(path))
    columns = ("return_id", "order_id", "customer_id", "product_id", "quantity", "revenue", "returned_at")
    table = ENGINE.collect(returned_lines(ENGINE, str(path)).select(*columns))
    return sorted((tuple(map(plain, row)) for row in table.itertuples(index=False)), key=str)


def plain(value: Any) -> Any:
    return None if pd.isna(value) else value


@settings(max_examples=25)
@given(lines=some_lines(), seed=st.integers(0, 99))
def test_for_any_lines_each_return_is_there_once_and_no_purchase_is_undone_twice(
    lines: list[Line], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    found = found_of(lines, folder)
    back = [line for line in lines if line.is_return]
    assert sorted((row[0], row[3], row[4]) for row in found) == sorted(
        (line.order_id, line.product_id, -line.quantity) for line in back
    )
    assert sum(row[5] for row in found) == -sum(line.quantity * line.price for line in back)
    sales = [line for line in lines if not line.is_return]
    for return_id, order_id, who, product, quantity, revenue, at in found:
        if any((line.order_id, line.product_id) == (return_id, product) for line in sales):
            assert order_id == return_id
        elif order_id is not None:
            bought = [
                line for line in sales
                if (line.order_id, line.product_id, line.price) == (order_id, product, revenue / quantity)
            ]  # fmt: skip
            assert {line.customer_id for line in bought} == {who} != {None}
            assert bought[0].ordered_at <= at
            same = [
                row[4]
                for row in found
                if (row[1], row[3], row[5] / row[4]) == (order_id, product, revenue / quantity)
            ]
            assert sum(same) <= sum(line.quantity for line in bought)
    assert found_of(random.Random(seed).sample(lines, len(lines)), folder) == found
