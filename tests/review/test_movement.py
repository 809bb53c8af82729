"""Movement between segments: the parts add up, and money is where the customers were."""

import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.month import Month
from regulars.review import monthly_activity, movement, revenue_by_segment
from regulars.review.movement import JOINED
from regulars.segments import segment_by_rules


def segments(demo: Shop, month: str, base: str | None = None) -> pd.Series:
    frame = segment_by_rules(demo.snapshot(month), demo.snapshot(base) if base else None)
    return demo.engine.collect(frame, "customer_id").set_index("customer_id")["four_core"]


@pytest.mark.parametrize(("last", "this"), [("2017-11", "2017-12"), ("2017-02", "2017-03")])
def test_behaviour_and_threshold_add_up_to_the_share_that_changed(demo: Shop, last: str, this: str) -> None:
    before, frozen, now = segments(demo, last), segments(demo, this, last), segments(demo, this)
    found = movement(before, frozen, now)
    changed = np.mean([now[customer] != segment for customer, segment in before.items()])
    by_them = np.mean([frozen[customer] != segment for customer, segment in before.items()])
    assert found.behaviour == pytest.approx(by_them)
    assert found.behaviour + found.threshold == pytest.approx(changed)
    assert changed > 0
    assert found.flows.to_numpy().sum() == len(now)
    assert found.flows.loc[JOINED].sum() == len(now) - len(before)


def test_identical_data_do_not_move() -> None:
    same = pd.Series({"1": "a", "2": "b", "3": "b"})
    found = movement(same, same, same)
    assert (found.behaviour, found.threshold) == (0.0, 0.0)
    assert found.flows.to_dict() == {"a": {"a": 1, "b": 0}, "b": {"a": 0, "b": 2}}


def test_new_and_returning_customers_have_their_rows() -> None:
    before = pd.Series({"1": "at-risk", "2": "returning"})
    now = pd.Series({"3": "new", "1": "returning", "2": "returning"})
    flows = movement(before, now, now).flows
    assert flows.loc[JOINED].to_dict() == {"new": 1, "returning": 0}
    assert flows.loc["at-risk", "returning"] == 1
    assert flows.loc["returning", "returning"] == 1


def test_a_limit_that_moves_is_no_behaviour_and_one_that_moves_back_counts_against() -> None:
    before = pd.Series({"1": "a", "2": "a"})
    changed = pd.Series({"1": "b", "2": "a"})
    assert movement(before, before, changed)[1:] == (0.0, 0.5)
    assert movement(before, changed, before)[1:] == (0.5, -0.5)


def test_without_a_month_before_everybody_joined() -> None:
    now = pd.Series({"1": "a", "2": "b"})
    found = movement(pd.Series(dtype="str"), pd.Series(dtype="str"), now)
    assert found.flows.loc[JOINED].sum() == 2
    assert np.isnan([found.behaviour, found.threshold]).all()


def test_segments_revenue_sums_to_the_months(demo: Shop) -> None:
    activity = monthly_activity(demo.engine, demo.table("orders"), [Month(2017, 12)])
    before = segments(demo, "2017-11")
    found = revenue_by_segment(activity, before, "2017-12")
    path = demo.staged("orders")
    plain = demo.engine.sql(
        f"SELECT sum(revenue)::DOUBLE, count(*), count(DISTINCT customer_id) FROM read_parquet('{path}') "
        "WHERE ordered_month = '2017-12' AND customer_id IS NOT NULL"
    ).fetchall()[0]
    assert found[["revenue", "orders", "active"]].sum().tolist() == pytest.approx(plain, abs=1e-4)
    sizes = before.value_counts()
    assert found["customers"].drop(JOINED).to_dict() == sizes.to_dict()
    assert (found["revenue_per_customer"] * found["customers"]).tolist() == pytest.approx(
        found["revenue"].tolist()
    )


def test_guests_are_in_no_segment_and_the_silent_count_in_theirs() -> None:
    activity = pd.DataFrame(
        [
            ("1", False, "m", 2, 30.0),
            ("9", False, "m", 1, 5.0),
            ("guest 1", True, "m", 1, 99.0),
            ("2", False, "l", 1, 7.0),
        ],
        columns=["customer", "is_guest", "month", "orders", "revenue"],
    )
    found = revenue_by_segment(activity, pd.Series({"1": "a", "2": "a"}), "m")
    assert found.loc["a"].tolist() == [2, 1, 2, 30.0, 15.0]
    assert found.loc[JOINED].tolist() == [1, 1, 1, 5.0, 5.0]
