"""Corners of what is told by orders and returns, on shops small enough to read."""

import narwhals as nw
import pandas as pd
import pytest

from regulars.engine import Engine
from regulars.features import FeatureError, snapshot
from tests.features.small import Row, back, line, of_one, tables, taken


def test_an_order_on_the_snapshots_day_is_not_seen_and_one_the_day_before_is() -> None:
    found = taken([line("1", "a", 9), line("2", "a", 10), line("3", "b", 10)], 10)
    assert found.index.tolist() == ["a"]
    assert found.loc["a", ["recency_days", "frequency", "tenure_days"]].tolist() == [1, 1, 1]


@pytest.mark.parametrize("lines", [[line("1", "a", 10)], []])
def test_with_no_order_before_the_day_there_is_no_snapshot(lines: list[Row]) -> None:
    with pytest.raises(FeatureError, match="No order was placed before 1970-01-11"):
        taken(lines, 10)


def test_guests_make_no_row_but_are_history() -> None:
    found = taken([line("1", None, 1), line("2", "a", 60), line("3", None, 95)])
    assert found.index.tolist() == ["a"]
    assert found.loc["a", "observed_before_first_days"] == 59
    assert found.loc["a", "orders_90d"] == 1  # 99 days of history, thanks to the guest


def test_guests_alone_make_an_empty_snapshot() -> None:
    assert taken([line("1", None, 1)]).empty


@pytest.mark.parametrize(("first_day", "has_window"), [(10, True), (11, False)])
def test_a_window_is_there_once_the_history_covers_it(first_day: int, has_window: bool) -> None:
    found = of_one([line("1", "a", first_day), line("2", "a", 50)])
    windows = found[["orders_90d", "revenue_90d"]]
    assert windows.tolist() == [2, 2.0] if has_window else windows.isna().all()
    assert found["orders_30d"] == 0


@pytest.mark.parametrize(("first_day", "has_change"), [(40, True), (41, False)])
def test_a_change_is_there_once_the_history_covers_both_windows(first_day: int, has_change: bool) -> None:
    found = of_one([line("1", "a", first_day, revenue=3.0), line("2", "a", 80)])
    changes = found[["orders_30d_change", "revenue_30d_change"]]
    assert changes.tolist() == [0, -2.0] if has_change else changes.isna().all()


def test_a_window_begins_with_its_first_day() -> None:
    found = of_one([line("1", "a", 1), line("2", "a", 69, revenue=2.0), line("3", "a", 70, revenue=4.0)])
    assert found[["orders_30d", "revenue_30d", "orders_90d", "revenue_90d"]].tolist() == [1, 4.0, 2, 6.0]
    assert found[["orders_30d_change", "revenue_30d_change"]].tolist() == [0, 2.0]


def test_money_is_taken_off_on_the_day_on_which_it_came_back() -> None:
    lines = [line("1", "a", 1, revenue=10.0), line("2", "a", 60, revenue=10.0)]
    found = of_one(lines, returns=[back("a", 75, 4.0), back("a", 100, 5.0)])
    assert found[["revenue", "monetary_value", "frequency"]].tolist() == [16.0, 8.0, 2]
    assert found[["revenue_30d", "revenue_90d", "revenue_30d_change"]].tolist() == [-4.0, 6.0, -14.0]
    assert found["return_share"] == 0.2


def test_what_came_back_may_be_more_than_was_bought_and_its_share_is_all_of_it() -> None:
    found = of_one([line("1", "a", 1)], returns=[back("a", 5, 4.0)])
    assert found[["revenue", "return_share"]].tolist() == [-3.0, 1.0]


@pytest.mark.parametrize("others", [{}, {"returns": []}, {"returns": [back("a", 100, 1.0)]}])
def test_until_something_came_back_the_share_of_returns_is_not_known(others: dict[str, list[Row]]) -> None:
    assert pd.isna(of_one([line("1", "a", 1)], **others)["return_share"])


def test_who_returned_nothing_in_a_shop_with_returns_has_a_share_of_zero() -> None:
    found = taken([line("1", "a", 1), line("2", "b", 1)], returns=[back("b", 5, 1.0)])
    assert found["return_share"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("revenue", [0.1, 19.99, 150000.00, 99999999999.99])
def test_equal_orders_have_a_deviation_of_exactly_zero(revenue: float) -> None:
    found = of_one([line(str(n), "a", n, revenue=revenue) for n in range(1, 8)])
    assert found["order_value_sd"] == 0.0
    assert found["revenue"] == pytest.approx(7 * revenue, rel=1e-15)


def test_the_squares_of_huge_orders_do_not_overflow() -> None:
    values = [150000.00, 50000.00, 99999999999.99]
    found = of_one([line(str(n), "a", 5, revenue=value) for n, value in enumerate(values)])
    assert found["order_value_sd"] == pytest.approx(pd.Series(values).std(), rel=1e-12)
    assert found["category_concentration"] == 1.0


def test_a_single_order_has_no_deviation() -> None:
    assert pd.isna(of_one([line("1", "a", 1)])["order_value_sd"])


def test_discounts_are_a_share_of_the_list_price_and_coupons_of_orders() -> None:
    lines = [line("1", "a", 5, revenue=6.0, discount=2.0), line("2", "a", 6, revenue=2.0, coupon=1.0)]
    assert of_one(lines)[["discount_share", "coupon_order_share"]].tolist() == [0.2, 0.5]


def test_a_customer_who_paid_nothing_has_no_discount_share() -> None:
    found = of_one([line("1", "a", 5, revenue=0.0)])
    assert pd.isna(found["discount_share"])
    assert found["monetary_value"] == 0


def test_orders_of_which_nobody_says_whether_they_were_cheaper_are_in_no_share() -> None:
    untold = line("1", "a", 5, revenue=9.0, discount=None, coupon=None)
    told = [line("2", "b", 6, discount=1.0, coupon=1.0), line("3", "b", 7, discount=None, coupon=None)]
    found = taken([untold, *told])
    shares = found[["discount_share", "coupon_order_share", "full_price_share", "discount_depth"]]
    assert shares.loc["a"].isna().all()
    assert shares.loc["b"].tolist() == [0.5, 1.0, 0.0, 0.5]


def test_orders_whose_lines_nobody_counted_have_no_number_of_lines() -> None:
    engine = Engine()
    shop = tables(engine, [line("1", "a", 5)])
    uncounted = shop.orders.with_columns(lines=nw.lit(None, dtype=nw.Int64()))
    found = engine.collect(snapshot(shop._replace(orders=uncounted), 100))
    assert pd.isna(found.loc[0, "lines_per_order"])
