"""Corners of the features, on shops small enough to read."""

from typing import Any

import narwhals as nw
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.engine import Engine, Frame
from regulars.features import FeatureError, snapshot

ENGINE = Engine()
TEXT = ["order_id", "customer_id", "product_id"]

# order, customer, day, product, quantity, revenue, discount, coupon discount
Line = tuple[str, str | None, int, str | None, int, float, float, float]
PRODUCTS = {"apple": "fruit", "pear": "fruit", "milk": "dairy", "bag": None}


def line(
    order: str,
    customer: str | None,
    day: int,
    product: str | None = "apple",
    quantity: int = 1,
    revenue: float = 1.0,
    discount: float = 0.0,
    coupon: float = 0.0,
) -> Line:
    return order, customer, day, product, quantity, revenue, discount, coupon


def lazy(frame: pd.DataFrame) -> Frame:
    texts = {name: "string" for name in TEXT if name in frame}
    return nw.from_native(ENGINE.connection.from_df(frame.astype(texts)))


def taken(lines: list[Line], day: int) -> pd.DataFrame:
    """The snapshot of these lines on a day, one row per customer."""
    columns = [
        "order_id",
        "customer_id",
        "ordered_day",
        "product_id",
        "quantity",
        "revenue",
        "discount",
        "coupon",
    ]
    frame = pd.DataFrame(lines, columns=columns)
    frame["list_revenue"] = frame["revenue"] + frame["discount"]
    frame["lines"] = (frame["quantity"] > 0).astype(int)
    sums = ["lines", "revenue", "list_revenue", "discount", "coupon"]
    orders = frame.groupby(["order_id", "customer_id", "ordered_day"], dropna=False)[sums].sum().reset_index()
    orders["has_coupon"] = orders["coupon"] > 0
    products = pd.DataFrame(
        {"product_id": list(PRODUCTS), "category": pd.Series(PRODUCTS.values(), dtype="string")}
    )
    made = snapshot(lazy(orders), lazy(frame), lazy(products), day)
    return ENGINE.collect(made, "customer_id").set_index("customer_id")


def of_one(lines: list[Line], day: int = 100) -> pd.Series:
    return taken(lines, day).loc["a"]


def test_an_order_on_the_snapshots_day_is_not_seen_and_one_the_day_before_is() -> None:
    found = taken([line("1", "a", 9), line("2", "a", 10), line("3", "b", 10)], 10)
    assert found.index.tolist() == ["a"]
    assert found.loc["a", ["recency_days", "frequency", "tenure_days"]].tolist() == [1, 1, 1]


@pytest.mark.parametrize("lines", [[line("1", "a", 10)], []])
def test_with_no_order_before_the_day_there_is_no_snapshot(lines: list[Line]) -> None:
    with pytest.raises(FeatureError, match="No order was placed before 1970-01-11"):
        taken(lines, 10)


def test_equal_categories_are_told_apart_by_name_whatever_the_order_of_rows() -> None:
    lines = [
        line("1", "a", 5, "milk"),
        line("1", "a", 5, "apple", revenue=0.5),
        line("2", "a", 6, "pear", revenue=0.5),
    ]
    for rows in (lines, lines[::-1]):
        found = of_one(rows)
        assert found[["top_category", "top_category_share", "categories_bought"]].tolist() == [
            "dairy",
            0.5,
            2,
        ]


def test_the_top_category_has_the_most_revenue_not_the_first_name_or_the_most_lines() -> None:
    lines = [line("1", "a", 5, "milk"), line("2", "a", 6, "milk"), line("3", "a", 7, "apple", revenue=6.0)]
    assert of_one(lines)[["top_category", "top_category_share"]].tolist() == ["fruit", 0.75]


def test_a_category_that_earned_nothing_has_a_name_and_no_share() -> None:
    found = of_one([line("1", "a", 5, "milk", revenue=0.0)])
    assert found["top_category"] == "dairy"
    assert pd.isna(found["top_category_share"])


@pytest.mark.parametrize("product", ["bag", "unheard-of", None])
def test_a_line_without_a_category_counts_as_a_line_and_in_no_category(product: str | None) -> None:
    found = of_one([line("1", "a", 5, product)])
    assert found[["lines_per_order", "categories_bought"]].tolist() == [1, 0]
    assert found[["top_category", "top_category_share"]].isna().all()


def test_a_line_on_which_nothing_was_sold_is_money_and_no_line() -> None:
    found = of_one([line("1", "a", 5, "apple"), line("1", "a", 5, "milk", quantity=0, revenue=9.0)])
    assert found[["revenue", "lines_per_order", "categories_bought", "top_category"]].tolist() == [
        10,
        1,
        1,
        "fruit",
    ]


def test_a_single_day_with_orders_has_no_gap() -> None:
    found = taken([line("1", "a", 5), line("2", "a", 5), line("3", "b", 5), line("4", "b", 8)], 10)
    gaps = found[["gap_mean_days", "gap_median_days"]]
    assert gaps.loc["a"].isna().all()
    assert gaps.loc["b"].tolist() == [3, 3]


def test_gaps_are_between_days_not_orders() -> None:
    days = [3, 3, 4, 4, 14]
    found = of_one([line(str(n), "a", day) for n, day in enumerate(days)], 20)
    assert found[["gap_mean_days", "gap_median_days", "frequency"]].tolist() == [5.5, 5.5, 5]


def test_guests_make_no_row_but_are_history() -> None:
    found = taken([line("1", None, 1), line("2", "a", 60), line("3", None, 95)], 100)
    assert found.index.tolist() == ["a"]
    assert found.loc["a", "observed_before_first_days"] == 59
    assert found.loc["a", "orders_90d"] == 1  # 99 days of history, thanks to the guest


def test_guests_alone_make_an_empty_snapshot() -> None:
    assert taken([line("1", None, 1)], 100).empty


@pytest.mark.parametrize(("first_day", "has_window"), [(10, True), (11, False)])
def test_a_window_is_there_once_the_history_covers_it(first_day: int, has_window: bool) -> None:
    found = of_one([line("1", "a", first_day), line("2", "a", 50)], 100)
    windows = found[["orders_90d", "revenue_90d"]]
    assert windows.tolist() == [2, 2.0] if has_window else windows.isna().all()
    assert found["orders_30d"] == 0


def test_a_window_begins_with_its_first_day() -> None:
    found = of_one([line("1", "a", 1), line("2", "a", 69, revenue=2.0), line("3", "a", 70, revenue=4.0)], 100)
    assert found[["orders_30d", "revenue_30d", "orders_90d", "revenue_90d"]].tolist() == [1, 4.0, 2, 6.0]


def test_discounts_are_a_share_of_the_list_price_and_coupons_of_orders() -> None:
    lines = [line("1", "a", 5, revenue=6.0, discount=2.0), line("2", "a", 6, revenue=2.0, coupon=1.0)]
    assert of_one(lines)[["discount_share", "coupon_order_share"]].tolist() == [0.2, 0.5]


def test_a_customer_who_paid_nothing_has_no_discount_share() -> None:
    found = of_one([line("1", "a", 5, revenue=0.0)])
    assert pd.isna(found["discount_share"])
    assert found["monetary_value"] == 0


lines_of = st.lists(
    st.builds(
        lambda customer, day, product, cents: line(f"{customer}{day}", customer, day, product, 1, cents / 4),
        st.sampled_from(["a", "b", None]),
        st.integers(1, 120),
        st.sampled_from(list(PRODUCTS)),
        st.integers(0, 40),
    ),
    min_size=1,
    max_size=15,
)


@settings(deadline=None, max_examples=15)
@given(lines_of, st.integers(2, 121), st.randoms(use_true_random=False))
def test_neither_later_rows_nor_the_order_of_rows_change_anything(
    lines: list[Line], day: int, random: Any
) -> None:
    past = [row for row in lines if row[2] < day]
    if not past:
        return
    shuffled = random.sample(lines, len(lines))
    pd.testing.assert_frame_equal(taken(past, day), taken(shuffled, day), check_exact=True)
