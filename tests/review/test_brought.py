"""What segments brought in: the money is where the customers were."""

import pandas as pd
import pytest

from regulars import Shop
from regulars.month import Month
from regulars.review import monthly_activity, revenue_by_segment
from regulars.segments import JOINED, segment_by_rules


def segments(demo: Shop, month: str) -> pd.Series:
    frame = segment_by_rules(demo.snapshot(month))
    return demo.engine.collect(frame, "customer_id").set_index("customer_id")["four_core"]


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
