"""Alignment: the best matching there is, and one that no numbering and no order of rows can move."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.segments import aligned

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30)
# Few customers in few clusters, so that ties are the rule.
tied = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=9)
orders = st.randoms(use_true_random=False)


def both(rows: list[tuple[int, int]]) -> tuple[pd.Series, pd.Series]:
    table = np.array(rows)
    return pd.Series(table[:, 0]), pd.Series(table[:, 1])


def kept(reference: pd.Series, other: pd.Series) -> int:
    return int((reference == other).sum())


def test_a_matching_by_hand() -> None:
    # Overlaps: 1 with a: 3, 1 with b: 2, 2 with a: 2. The best pair, 1-a, would keep 3; crosswise 4 keep theirs.
    reference = pd.Series([7] * 3 + [8] * 2 + [7] * 2)
    other = pd.Series([1] * 5 + [2] * 2)
    assert aligned(reference, other) == {1: 8, 2: 7}


@given(pairs)
def test_no_one_to_one_matching_keeps_more_customers(rows: list[tuple[int, int]]) -> None:
    reference, other = both(rows)
    labels = sorted(set(other))
    names = sorted(set(reference)) + [100 + one for one in range(len(labels))]
    best = max(
        kept(reference, other.map(dict(zip(labels, chosen, strict=True))))
        for chosen in permutations(names[: max(len(labels), len(set(reference)))], len(labels))
    )
    mapping = aligned(reference, other)
    assert kept(reference, other.map(mapping)) == best
    assert sorted(mapping) == labels
    assert len(set(mapping.values())) == len(mapping)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), orders)
def test_identical_data_give_the_identity_however_renumbered(
    rows: list[int], random: np.random.Generator
) -> None:
    labels = pd.Series(rows)
    assert aligned(labels, labels) == {label: label for label in set(rows)}
    new = dict(enumerate(random.sample(range(6), 6)))
    pd.testing.assert_series_equal(labels.map(new).map(aligned(labels, labels.map(new))), labels)


@given(tied, orders)
def test_neither_numbering_nor_order_breaks_a_tie(
    rows: list[tuple[int, int]], random: np.random.Generator
) -> None:
    reference, other = both(rows)
    expected = other.map(aligned(reference, other))
    for _ in range(3):
        new = dict(enumerate(random.sample(range(3), 3)))
        order, order_too = (random.sample(range(len(rows)), len(rows)) for _ in range(2))
        renumbered = other.map(new).iloc[order]
        found = renumbered.map(aligned(reference.iloc[order_too], renumbered))
        pd.testing.assert_series_equal(found.sort_index(), expected)


@given(tied, orders)
def test_renaming_the_reference_renames_the_result(
    rows: list[tuple[int, int]], random: np.random.Generator
) -> None:
    reference, other = both(rows)
    mapping = aligned(reference, other)
    new = dict(
        zip(sorted(set(reference)), random.sample(sorted(set(reference)), reference.nunique()), strict=True)
    )
    assert aligned(reference.map(new), other) == {
        label: new.get(name, name) for label, name in mapping.items()
    }


def test_more_clusters_get_new_labels_and_fewer_leave_some_out() -> None:
    three, two = pd.Series([0, 0, 0, 1, 1, 2]), pd.Series([1, 1, 1, 0, 0, 0])
    assert aligned(two, three) == {0: 1, 1: 0, 2: 2}
    assert aligned(three, two) == {1: 0, 0: 1}


def test_only_customers_of_both_months_count_and_a_cluster_of_newcomers_is_new() -> None:
    june = pd.Series({"a": 0, "b": 1, "gone": 2})
    july = pd.Series({"b": 4, "a": 5, "new": 6, "newer": 7, "newest": 4})
    mapping = aligned(june, july)
    assert (mapping[5], mapping[4]) == (0, 1)
    assert sorted(mapping.values()) == [0, 1, 2, 3]  # what is left is matched with what is left


def test_missing_labels_say_nothing() -> None:
    reference = pd.Series([0, 1, pd.NA, 1], dtype="Int64")
    other = pd.Series([1, 0, 0, pd.NA], dtype="Int64")
    assert aligned(reference, other) == {1: 0, 0: 1}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_finds_a_planted_renumbering_through_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = pd.Series(rng.integers(0, 5, 1000))
    planted = dict(enumerate(rng.permutation(5).tolist()))
    noisy = truth.where(rng.random(1000) > 0.3, rng.integers(0, 5, 1000)).map(planted)
    assert aligned(truth, noisy) == {name: label for label, name in planted.items()}
