"""Two segmentations side by side: the counts, and Cramér's V against scipy and against chance."""

import math

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats.contingency import association

from regulars.engine import Engine
from regulars.segments.agreement import agreement, cramers_v, cross_table

labelled = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=4, max_size=60)


def test_counts_are_the_same_in_the_engine_and_in_pandas_and_the_unlabelled_have_their_own_line() -> None:
    base = pd.DataFrame({"rule": ["a", "b", "b", None, "b"], "cluster": ["x", "x", "y", "y", None]})
    engine = Engine()
    inside = cross_table(nw.from_native(engine.connection.from_df(base)), "rule", "cluster")
    assert inside.to_dict("index") == {
        "(none)": {"(none)": 0, "x": 0, "y": 1},
        "a": {"(none)": 0, "x": 1, "y": 0},
        "b": {"(none)": 1, "x": 1, "y": 1},
    }
    pd.testing.assert_frame_equal(inside, cross_table(base, "rule", "cluster"), check_index_type=False)


def test_with_many_customers_it_is_the_v_of_scipy() -> None:
    counts = np.array([[30, 5, 2], [4, 40, 9]]) * 100_000
    assert cramers_v(pd.DataFrame(counts)) == pytest.approx(association(counts, "cramer"), abs=1e-6)


def test_it_is_the_published_correction() -> None:
    # By hand: φ² = 0.36, less 1/99; two segments, less 1/99 each.
    counts = pd.DataFrame([[40, 10], [10, 40]])
    assert cramers_v(counts) == pytest.approx(math.sqrt((0.36 - 1 / 99) / (2 - 1 / 99 - 1)), abs=1e-12)


def test_unrelated_segmentations_agree_about_nothing_where_plain_v_sees_something() -> None:
    rng = np.random.default_rng(1)
    draws = [
        pd.crosstab(pd.Series(rng.integers(0, 8, 300)), pd.Series(rng.integers(0, 8, 300))) for _ in range(40)
    ]
    plain = np.mean([association(draw.to_numpy(), "cramer") for draw in draws])
    assert plain > 0.12
    assert np.mean([cramers_v(draw) for draw in draws]) < plain / 3


@given(labelled, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_names_order_and_sides_change_nothing(
    rows: list[tuple[str, str]], random: np.random.Generator
) -> None:
    base = pd.DataFrame(rows, columns=["one", "other"])
    expected = cramers_v(cross_table(base, "one", "other"))
    shuffled = base.iloc[random.sample(range(len(base)), len(base))]
    renamed = shuffled.assign(one=shuffled["one"].map({"a": "q", "b": "p", "c": "r"}))
    for found in (cross_table(renamed, "one", "other"), cross_table(base, "other", "one")):
        assert cramers_v(found) == pytest.approx(expected, abs=0, nan_ok=True)
    assert math.isnan(expected) or 0 <= expected <= 1


def test_a_single_segment_agrees_with_nothing() -> None:
    assert math.isnan(cramers_v(pd.DataFrame([[3, 4]])))
    assert math.isnan(cramers_v(pd.DataFrame([[3, 4], [0, 0]])))


def test_every_pair_is_compared_once() -> None:
    base = pd.DataFrame({"a": list("uuvv") * 9, "b": list("xxyy") * 9, "c": "all"})
    found = agreement(base, ["a", "b", "c"])
    assert found[["one", "other"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert found["cramers_v"].tolist() == pytest.approx([1.0, math.nan, math.nan], nan_ok=True)
    assert found["customers"].eq(36).all()
