"""The four core segments: complete, exclusive, and each branch by hand."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars import Shop
from regulars.segments import (
    LAPSING,
    MEANINGS,
    RULEBOOKS,
    FourCore,
    SegmentError,
    base_facts,
    gates,
    nearness,
    segment_by_rules,
)
from regulars.segments.rulebooks import Facts, near_another

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
    known = {book.replace("-", "_"): set(meanings) for book, meanings in MEANINGS.items()}
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
        "three-level": "ThreeLevel",
        "classic-11": "Classic11",
    }


def test_every_segment_has_a_meaning_and_the_lapsing_are_segments() -> None:
    for book, kind in RULEBOOKS.items():
        base = customers([(5, 400, 3, 90, 7), (9, 300, 2, 50, 9)])
        fitted = kind.fit(nw.from_native(base).lazy())
        assert [one.name for one in fitted.definitions()] == list(MEANINGS[book])
        assert {one.needs for one in fitted.definitions()} == {("orders",)}
        assert set(LAPSING[fitted.column]) <= {name.replace("_", " ") for name in MEANINGS[book]}


customer = st.tuples(
    st.integers(1, 500), st.integers(0, 500), st.integers(1, 6), st.integers(0, 30), st.integers(1, 40)
)
bases = st.lists(customer, min_size=1, max_size=40)


def customers(rows: list[tuple[int, int, int, int, int]]) -> pd.DataFrame:
    """Customers of (recency, further days of tenure, frequency, revenue, mean gap)."""
    table = pd.DataFrame(
        rows, columns=["recency_days", "tenure_days", "frequency", "revenue", "gap_mean_days"]
    )
    table["tenure_days"] += table["recency_days"]
    table["observed_before_first_days"] = 1100 - table["tenure_days"]
    return table.assign(customer_id=[f"{place:03}" for place in range(len(table))])


def segments(base: pd.DataFrame, scored: pd.DataFrame | None = None) -> pd.DataFrame:
    frames = [nw.from_native(base if one is None else one).lazy() for one in (scored, base)]
    found = segment_by_rules(*frames).collect("pandas").to_native()
    return found.sort_values("customer_id", kind="stable").reset_index(drop=True)


@given(bases, st.randoms(use_true_random=False), st.integers(2, 3), st.sampled_from([0.01, 0.5, 3, 1000]))
@settings(max_examples=12)
def test_shuffling_rescaling_and_replicating_change_no_segment_of_any_rulebook(
    rows: list[tuple[int, int, int, int, int]], random: np.random.Generator, times: int, scale: float
) -> None:
    base = customers(rows)
    expected = segments(base)
    assert segments(base.iloc[random.sample(range(len(base)), len(base))]).equals(expected)
    assert segments(base.assign(revenue=base["revenue"] * scale)).equals(expected)
    assert segments(pd.concat([base] * times), base).equals(expected)


@given(bases)
@settings(max_examples=12)
def test_customers_with_equal_values_are_in_the_same_segments(
    rows: list[tuple[int, int, int, int, int]],
) -> None:
    base = customers(rows + rows[:5])
    found = segments(base).drop(columns="customer_id")
    assert found.notna().all(axis=None)
    values = [base[name] for name in base.columns.drop(["customer_id", "gap_mean_days"])]
    assert found.groupby(values).nunique().eq(1).all(axis=None)


def test_who_never_ordered_has_no_segment_and_moves_no_limit() -> None:
    buyers = customers([(day, 300, 1 + day % 4, day, day) for day in range(1, 21)])
    looked = pd.DataFrame({"customer_id": ["900"], "frequency": 0, "revenue": 0})
    found = segments(pd.concat([buyers, looked]))
    assert found.iloc[-1].drop("customer_id").isna().all()
    assert found.iloc[:-1].equals(segments(buyers))


def test_a_rulebook_alone_can_be_asked_for() -> None:
    once = customers([(3, 0, 1, 5, 1)]).assign(gap_mean_days=np.nan)
    lazy = nw.from_native(once).lazy()
    assert segment_by_rules(lazy, books=["rxf-grid"]).collect_schema().names() == ["customer_id", "rxf_grid"]
    with pytest.raises(SegmentError, match="two different days"):
        segment_by_rules(lazy)


ONE_STEP = [
    ({"recency_days": 30}, {"recency_days"}),  # tomorrow late
    ({"recency_days": 31}, {"recency_days"}),
    ({"recency_days": 29}, set()),
    ({"revenue": 96.0}, {"revenue"}),  # 5 % more: the top fifth
    ({"revenue": 95.0}, set()),
    ({"revenue": 105.0}, {"revenue"}),
    ({"revenue": 106.0}, set()),
    ({"frequency": 2}, {"frequency"}),  # with one order fewer: too early to tell
    ({"frequency": 1, "recency_days": 1}, {"frequency"}),
    ({"tenure_days": 31, "recency_days": 1}, {"tenure_days"}),
    ({"tenure_days": 20, "observed_before_first_days": 89, "frequency": 3}, {"observed_before_first_days"}),
]


@pytest.mark.parametrize(("changes", "expected"), ONE_STEP)
def test_near_is_one_day_one_order_or_a_twentieth_of_the_money_away(
    changes: dict[str, float], expected: set[str]
) -> None:
    one = nw.from_native(pd.DataFrame([{"customer_id": "1"} | KIND | changes])).lazy()
    row = near_another(one, BOOK).collect("pandas").to_native().iloc[0]
    assert {name for name in BOOK.features if row[f"near_{name}"]} == expected
    assert row["near"] == bool(expected)


@given(bases)
@settings(max_examples=6)
def test_near_is_what_segmenting_the_moved_customers_gives(
    rows: list[tuple[int, int, int, int, int]],
) -> None:
    base = customers(rows)
    lazy = nw.from_native(base).lazy()
    for kind in RULEBOOKS.values():
        book = kind.fit(lazy)
        segment = nw.from_native(base).select(s=book.expression()).to_native()["s"]
        near = near_another(lazy, book).collect("pandas").to_native()
        for step in (-1, 1):
            moved = base.assign(frequency=(base["frequency"] + step).clip(lower=1))
            changed = nw.from_native(moved).select(s=book.expression()).to_native()["s"] != segment
            assert near.loc[changed.to_numpy(), "near_frequency"].all()
        table = nearness(lazy, book)
        assert table["customers"].sum() == len(base)
        assert table["near"].sum() == near["near"].sum()


def test_nearness_is_counted_in_the_engine_as_outside(demo: Shop) -> None:
    features = demo.snapshot("2017-12")
    outside = nw.from_native(demo.engine.collect(features, "customer_id")).lazy()
    for kind in RULEBOOKS.values():
        book = kind.fit(features)
        pd.testing.assert_frame_equal(nearness(features, book), nearness(outside, book), check_dtype=False)


WELL = Facts(buyers=2000, returned=900, most_orders=20, last_order_days=2, history_days=700)


@pytest.mark.parametrize("book", RULEBOOKS)
def test_a_large_old_lively_shop_passes_every_gate(book: str) -> None:
    assert gates(book, WELL) == []


@pytest.mark.parametrize(
    ("book", "changes", "said"),
    [
        ("four-core", {"returned": 0}, "a customer who ordered on two different days"),
        ("four-core", {"returned": 19}, "at least 20; there are 19"),
        ("four-core", {"history_days": 89}, "after 90 days of history without an order; there are 89 days"),
        ("rxf-grid", {"buyers": 249}, "at least 250 buyers, 10 for each of its 25 codes; there are 249"),
        ("rxf-grid", {"most_orders": 1}, "nobody has ordered twice"),
        (
            "classic-11",
            {"buyers": 1249},
            "at least 1,250 buyers, 10 for each of its 125 codes; there are 1,249",
        ),
        ("three-level", {"buyers": 499}, "at least 500 buyers; there are 499"),
        ("three-level", {"history_days": 179}, "at least 180 days of history; there are 179"),
        ("three-level", {"last_order_days": 31}, "an order in the last 30 days; the last was 31 days ago"),
        ("three-level", {"most_orders": 2}, "at least 3 orders; the most are 2"),
    ],
)
def test_each_gate_that_fails_is_said(book: str, changes: dict[str, int], said: str) -> None:
    (sentence,) = gates(book, WELL._replace(**changes))
    assert said in sentence


def test_the_facts_are_those_of_the_buyers() -> None:
    base = customers([(5, 95, 2, 9, 8), (40, 0, 1, 5, 1)]).assign(gap_mean_days=[95.0, None])
    looked = pd.DataFrame({"customer_id": ["900"], "frequency": 0, "revenue": 0})
    facts = base_facts(nw.from_native(pd.concat([base, looked])).lazy())
    assert facts == Facts(buyers=2, returned=1, most_orders=2, last_order_days=5, history_days=1100)
