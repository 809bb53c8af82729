"""Where a change comes from: parts that add up, and stand with the driver that moved."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.month import Month
from regulars.review.drivers import DRIVERS, drivers, drivers_by_segment, parts
from regulars.segments import JOINED

THEN, NOW = Month(2017, 10), Month(2017, 11)
COLUMNS = ["customer", "is_guest", "month", "orders", "revenue"]


def rows(*content: tuple[str, bool, str, int, float]) -> pd.DataFrame:
    return pd.DataFrame(content, columns=COLUMNS)


above = st.floats(0.1, 1e6)


@given(st.lists(above, min_size=6, max_size=6))
def test_parts_add_up_and_turn_round(values: list[float]) -> None:
    sums = np.array(values).reshape(2, 3)
    found = parts(sums)
    assert found.sum() == pytest.approx(sums[1, 2] - sums[0, 2], rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(parts(sums[::-1]), -found, rtol=1e-6, atol=1e-6)


def test_the_published_example_of_two_factors() -> None:
    """Logarithmic mean of 20 and 30: 10 / ln 1.5 = 24.663; customers 10 → 12, amounts 2 → 2.5 of an order each."""
    found = parts(np.array([[10.0, 10, 20], [12.0, 12, 30]]))
    assert found == pytest.approx([24.6630 * np.log(1.2), 0, 24.6630 * np.log(1.25)], abs=1e-3)


def test_each_driver_is_named_when_it_alone_moves() -> None:
    base = [(f"c{i}", False, "2017-10", 2, 40.0) for i in range(20)]
    fewer = [(f"c{i}", False, "2017-11", 2, 40.0) for i in range(10)]
    rarer = [(f"c{i}", False, "2017-11", 1, 20.0) for i in range(20)]
    smaller = [(f"c{i}", False, "2017-11", 2, 20.0) for i in range(20)]
    for at, now in enumerate((fewer, rarer, smaller)):
        found = drivers(rows(*base, *now), NOW, THEN, draws=200)
        assert found.index.tolist() == list(DRIVERS)
        expected = [0.0] * 3
        expected[at] = -400.0
        assert found["money"].tolist() == pytest.approx(expected, abs=1e-9)
        assert found["share"].tolist() == pytest.approx([-m / 400 for m in expected], abs=1e-9)
        assert found["change"].iloc[at] == pytest.approx(-0.5)
    assert (
        found.loc["average order value", "money_low"] < -400 < found.loc["average order value", "money_high"]
    )


def test_a_guests_order_is_a_customers_of_its_own() -> None:
    found = drivers(
        rows(("guest 1", True, "2017-10", 1, 10.0), ("guest 2", True, "2017-11", 1, 30.0)), NOW, THEN, draws=9
    )
    assert found["money"].tolist() == pytest.approx([0, 0, 20])


@pytest.mark.parametrize(
    "content", [[("a", False, "2017-11", 1, 10.0)], [("a", False, "2017-10", 0, -5.0)], []]
)
def test_a_silent_month_has_no_parts(content: list[tuple[str, bool, str, int, float]]) -> None:
    assert drivers(rows(*content), NOW, THEN, draws=5)["money"].isna().all()


def test_segments_stand_at_each_months_own_first_instant_and_add_up() -> None:
    activity = rows(
        ("a", False, "2017-10", 1, 50.0),
        ("a", False, "2017-11", 1, 20.0),
        ("b", False, "2017-10", 2, 30.0),
        ("c", False, "2017-11", 1, 7.0),
        ("guest 1", True, "2017-11", 1, 9.0),
        ("b", False, "2017-11", 0, -4.0),
    )
    segments = {THEN: pd.Series({"a": "new", "b": "loyal"}), NOW: pd.Series({"a": "loyal", "b": "loyal"})}
    found = drivers_by_segment(activity, segments, NOW, THEN)
    assert found["difference"].sum() == pytest.approx(activity["revenue"].mul([-1, 1, -1, 1, 1, 1]).sum())
    assert found.loc["new", ["revenue_then", "revenue_now", "difference"]].tolist() == [50, 0, -50]
    assert found.loc["new", list(DRIVERS)].tolist() == [-50, 0, 0]
    assert found.loc[["guests", JOINED], "revenue_now"].tolist() == [9, 7]
    loyal = found.loc["loyal"]
    assert loyal[["customers_then", "customers_now", "revenue_now"]].tolist() == [1, 1, 16]
    assert loyal[list(DRIVERS)].sum() == pytest.approx(-14)
    assert found.index[0] == "new"
