"""Descriptions of segments: shares that add up, and names that tell clusters apart."""

import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.segments import (
    Inputs,
    cluster_labels,
    describe,
    name_clusters,
    profile,
    segment_by_rules,
)
from regulars.segments.inputs import RFM


@pytest.fixture(scope="module")
def customers(demo: Shop) -> pd.DataFrame:
    return demo.engine.collect(demo.snapshot("2017-12"), "customer_id")


@pytest.mark.parametrize("column", ["four_core", "rxf_grid"])
def test_shares_sum_to_one_and_counts_to_everybody(demo: Shop, customers: pd.DataFrame, column: str) -> None:
    rules = demo.engine.collect(segment_by_rules(demo.snapshot("2017-12")), "customer_id")
    found = describe(customers, rules[column])
    assert found["customers"].sum() == len(customers)
    assert found.filter(like="_share").sum().tolist() == pytest.approx([1, 1, 1], abs=1e-12)
    assert found["revenue"].is_monotonic_decreasing
    assert found["revenue"].sum() == pytest.approx(customers["revenue"].sum())


def test_medians_are_those_of_the_segment() -> None:
    base = pd.DataFrame({"recency_days": [1, 3, 9], "frequency": [4, 2, 1], "revenue": [50.0, 30.0, 20.0]})
    found = describe(base, pd.Series(["a", "a", "b"]))
    assert found.loc["a"].tolist() == pytest.approx([2, 2 / 3, 6 / 7, 80, 0.8, 2, 3, 40])


@pytest.mark.parametrize("k", range(2, 9))
def test_names_differ_between_clusters(customers: pd.DataFrame, k: int) -> None:
    standardised = Inputs().fit(customers).frame(customers)
    (labels,) = cluster_labels("k-means", standardised.to_numpy(), [k], 0)
    names = name_clusters(standardised, labels)
    assert set(names) == set(range(k))
    assert len(set(names.values())) == k


def test_names_say_what_the_means_are() -> None:
    X = np.array([[-2.0, 2.0, 0.5], [0.0, 0.0, 0.0], [0.1, 0.1, -0.1], [0.1, 0.0, 0.2]])
    names = name_clusters(pd.DataFrame(X, columns=RFM), np.array([0, 1, 2, 3]))
    assert list(names.values()) == [
        "very recent, very frequent, high-spend",
        "middle of the base",
        "middle of the base (2)",
        "middle of the base (3)",
    ]


def test_a_name_has_the_three_inputs_that_differ_most() -> None:
    means = pd.DataFrame(
        [[1.5, -0.9, 0.5, 0.8], [0.1, 0.0, -0.6, 0.0]],
        columns=["discount_share", "channel: web", "lines_per_order", "revenue"],
    )
    names = name_clusters(means, np.array([0, 1]))
    assert names == {0: "high discount share, seldom channel: web, high-spend", 1: "low lines per order"}


def test_a_name_with_a_bracket_of_its_own_is_not_given_twice() -> None:
    means = pd.DataFrame({"country: UK (GB)": [1.0, 1.0, -1.0]})
    assert name_clusters(means, np.array([0, 1, 2])) == {
        0: "country: UK (GB)",
        1: "country: UK (GB) (2)",
        2: "seldom country: UK (GB)",
    }


def test_a_profile_is_in_interquartile_ranges_and_leaves_out_what_does_not_vary() -> None:
    base = pd.DataFrame(
        {"recency_days": [0, 1, 2, 3, 4], "frequency": [1, 1, 1, 1, 9], "revenue": [0.0, 10, 20, 30, 40]}
    )
    found = profile(base, pd.Series(["a", "a", "b", "b", "b"]))
    assert list(found) == ["recency_days", "revenue"]
    assert found.loc["a"].tolist() == [-0.75, -0.75]
    assert found.loc["b"].tolist() == [0.5, 0.5]
