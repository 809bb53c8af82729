"""The four core segments: complete, exclusive, and each branch by hand."""

import narwhals as nw
import pandas as pd
import pytest

from regulars import Shop
from regulars.segments import (
    FOUR_CORE_MEANINGS,
    RULEBOOKS,
    RXF_GRID,
    FourCore,
    SegmentError,
    segment_by_rules,
)

BOOK = FourCore(late_days=30.0, value_thresholds=[(50.0, 3), (100.0, 5)])
KIND = {
    "recency_days": 10,
    "tenure_days": 200,
    "observed_before_first_days": 200,
    "frequency": 5,
    "revenue": 80.0,
}


def segment(**changes: float) -> str:
    one = nw.from_native(pd.DataFrame([KIND | changes]))
    return one.select(segment=BOOK.expression()).to_native().loc[0, "segment"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "returning"),
        ({"revenue": 100.0}, "high-value repeat"),
        ({"revenue": 99.99}, "returning"),
        ({"recency_days": 31}, "at-risk"),
        ({"recency_days": 30}, "returning"),
        ({"recency_days": 31, "revenue": 500.0}, "at-risk"),
        ({"recency_days": 40, "tenure_days": 40, "frequency": 1}, "at-risk"),
        ({"tenure_days": 30, "frequency": 1}, "new"),
        ({"tenure_days": 30, "frequency": 3, "revenue": 500.0}, "new"),
        ({"tenure_days": 30, "frequency": 1, "observed_before_first_days": 90}, "new"),
        ({"tenure_days": 30, "frequency": 1, "observed_before_first_days": 89}, "too early to tell"),
        ({"tenure_days": 30, "frequency": 2, "observed_before_first_days": 0}, "returning"),
        ({"tenure_days": 31}, "returning"),
    ],
)
def test_each_branch_of_the_four_core_segments(changes: dict[str, float], expected: str) -> None:
    assert segment(**changes) == expected


def test_a_long_late_limit_asks_for_as_much_history_before_a_customer_is_new() -> None:
    slow = nw.from_native(
        pd.DataFrame([KIND | {"tenure_days": 100, "frequency": 1, "observed_before_first_days": 119}])
    )
    book = FourCore(late_days=120.0, value_thresholds=[])
    assert slow.select(s=book.expression()).to_native().loc[0, "s"] == "too early to tell"


def test_the_late_limit_is_the_95th_percentile_of_mean_gaps() -> None:
    base = pd.DataFrame({"gap_mean_days": [None, *map(float, range(1, 22))], "revenue": 1.0})
    assert FourCore.fit(nw.from_native(base).lazy()).late_days == 20.0


def test_nobody_who_came_back_is_said_in_a_sentence() -> None:
    base = pd.DataFrame({"gap_mean_days": [float("nan")] * 2, "revenue": [1.0, 2.0]})
    with pytest.raises(SegmentError, match=r"No customer has ordered on two different days yet"):
        FourCore.fit(nw.from_native(base).lazy())


def test_every_customer_of_every_month_has_one_known_segment(demo: Shop) -> None:
    known = {"four_core": set(FOUR_CORE_MEANINGS), "rxf_grid": set(RXF_GRID)}
    for month in demo.months():
        features = demo.snapshot(month)
        rules = demo.engine.collect(segment_by_rules(features), "customer_id")
        assert rules["customer_id"].is_unique
        assert len(rules) == len(demo.engine.collect(features.select("customer_id")))
        for column, names in known.items():
            assert set(rules[column].dropna()) <= names
            assert rules[column].notna().all()


def test_the_high_value_are_at_most_a_fifth_and_spent_more_than_the_returning(demo: Shop) -> None:
    customers = demo.engine.collect(demo.snapshot("2017-12"), "customer_id")
    rules = demo.engine.collect(segment_by_rules(demo.snapshot("2017-12")), "customer_id")["four_core"]
    revenue = customers["revenue"].groupby(rules)
    assert (rules == "high-value repeat").mean() <= 0.2
    assert revenue.min()["high-value repeat"] > revenue.max()["returning"]


def test_duckdb_and_pandas_give_the_same_segments(demo: Shop) -> None:
    for month in ("2017-02", "2017-12"):
        inside = demo.engine.collect(segment_by_rules(demo.snapshot(month)), "customer_id")
        customers = nw.from_native(demo.engine.collect(demo.snapshot(month), "customer_id")).lazy()
        outside = segment_by_rules(customers).collect("pandas").to_native()
        pd.testing.assert_frame_equal(inside, outside, check_dtype=False)


def test_a_given_base_freezes_the_cut_offs(demo: Shop) -> None:
    before, now = demo.snapshot("2017-03"), demo.snapshot("2017-12")
    frozen = demo.engine.collect(segment_by_rules(now, before), "customer_id")["four_core"]
    book = FourCore.fit(before)
    recency = demo.engine.collect(now, "customer_id")["recency_days"]
    assert ((frozen == "at-risk") == (recency > book.late_days)).all()
    assert book.late_days < FourCore.fit(now).late_days


def test_rulebooks_are_known_by_the_names_that_configurations_use() -> None:
    assert {name: kind.__name__ for name, kind in RULEBOOKS.items()} == {
        "four-core": "FourCore",
        "rxf-grid": "RxFGrid",
    }
