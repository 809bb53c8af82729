"""What must not change a snapshot: the order of rows, later rows, the names of customers, and how many others there are."""

from __future__ import annotations

from typing import Any, TypeAlias

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.features.small import PRODUCTS, Row, answer, back, event, line, profile, taken

Rows: TypeAlias = dict[str, list[Row]]
DAY = 130
WHEN = {
    "lines": "ordered_day",
    "returns": "returned_day",
    "events": "occurred_day",
    "answers": "answered_day",
}

somebody, days = st.sampled_from(["a", "b", None]), st.integers(1, 160)
lines = st.builds(
    lambda customer, day, product, cents, discount, hour: line(
        f"{customer}{day}", customer, day, product, 1, cents / 4, discount, hour=hour
    ),
    somebody,
    days,
    st.sampled_from([*PRODUCTS, "unheard-of", None]),
    st.integers(0, 40),
    st.sampled_from([0.0, 0.5, None]),
    st.sampled_from([0, 9, 20]),
)
events = st.builds(
    event,
    st.sampled_from(["a", "b", "p", None]),
    days,
    st.sampled_from(["view", "cart", "e-mail opened", "support", "opt-out"]),
    st.sampled_from(["s", "t", None]),
    st.sampled_from(["phone", "tablet", None]),
)
answers = st.builds(answer, st.sampled_from("ab"), days, st.sampled_from(["S", "M", None]))
returns = st.builds(back, st.sampled_from("ab"), days, st.sampled_from([0.25, 5.0]))
shops = st.fixed_dictionaries(
    {
        "lines": st.lists(lines, min_size=3, max_size=12),
        "returns": st.lists(returns, max_size=3),
        "events": st.lists(events, max_size=12),
        "answers": st.lists(answers, max_size=4),
    }
).filter(lambda shop: any(row["ordered_day"] < DAY for row in shop["lines"]))
CUSTOMERS = [profile("a", country="Germany"), profile("b", gender="woman"), profile("p")]


def snapshot_of(shop: Rows, customers: list[Row] = CUSTOMERS) -> pd.DataFrame:
    others = {table: rows for table, rows in shop.items() if table != "lines"}
    return taken(shop["lines"], DAY, customers=customers, **others)


def renamed(row: Row, names: dict[str, str]) -> Row:
    """The same row of another customer: their orders have other ids, too."""
    if row["customer_id"] not in names:
        return row
    other = row | {"customer_id": names[row["customer_id"]]}
    return other | {"order_id": f"{row['order_id']} too"} if "order_id" in row else other


@settings(max_examples=6)
@given(shops, st.randoms(use_true_random=False))
def test_neither_later_rows_nor_the_order_of_rows_change_anything(shop: Rows, random: Any) -> None:
    past = {name: [row for row in rows if row[WHEN[name]] < DAY] for name, rows in shop.items()}
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in shop.items()}
    pd.testing.assert_frame_equal(snapshot_of(shuffled), snapshot_of(past), check_exact=True)


@settings(max_examples=6)
@given(shops)
def test_neither_other_names_nor_a_second_base_of_equal_customers_change_anything(shop: Rows) -> None:
    names = {"a": "z", "b": "y", "p": "x"}  # in the opposite order
    again = {name: [*rows, *(renamed(row, names) for row in rows)] for name, rows in shop.items()}
    again["lines"] = [*shop["lines"], *(renamed(row, names) for row in shop["lines"] if row["customer_id"])]
    found = snapshot_of(again, [*CUSTOMERS, *(renamed(row, names) for row in CUSTOMERS)])
    once = snapshot_of(shop)
    pd.testing.assert_frame_equal(found.loc[once.index], once, check_exact=True)
    copies = found.loc[[names[customer] for customer in once.index]].set_axis(once.index)
    pd.testing.assert_frame_equal(copies, once, check_exact=True)
    assert len(found) == 2 * len(once)
