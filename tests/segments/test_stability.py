"""Cluster-wise bootstrap stability, held against a slow version made of sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.segments import bootstrap_jaccard, cluster_labels
from regulars.segments.clusters import ALGORITHMS
from regulars.segments.stability import best_jaccard

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


def slow_best_jaccard(original: list[int], again: list[int], clusters: int) -> list[float]:
    def members(labels: list[int], label: int) -> set[int]:
        return {i for i, one in enumerate(labels) if one == label}

    best = []
    for label in range(clusters):
        mine = members(original, label)
        others = [members(again, other) for other in set(again)]
        best.append(max(len(mine & o) / len(mine | o) for o in others) if mine else np.nan)
    return best


@given(pairs)
def test_best_jaccard_is_the_best_jaccard_of_sets(rows: list[tuple[int, int]]) -> None:
    original, again = map(np.array, zip(*rows, strict=True))
    expected = slow_best_jaccard(original.tolist(), again.tolist(), 5)
    np.testing.assert_allclose(best_jaccard(original, again, 5), expected)
    np.testing.assert_allclose(best_jaccard(original, again), expected[: original.max() + 1])


@given(pairs, st.permutations(range(5)))
def test_relabelling_changes_nothing(rows: list[tuple[int, int]], names: list[int]) -> None:
    original, again = map(np.array, zip(*rows, strict=True))
    names = np.array(names)
    np.testing.assert_array_equal(best_jaccard(original, names[again], 5), best_jaccard(original, again, 5))
    np.testing.assert_array_equal(
        best_jaccard(names[original], again, 5)[names], best_jaccard(original, again, 5)
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bootstrap_jaccard_is_the_plain_procedure(algorithm: str) -> None:
    X = np.random.default_rng(4).normal(size=(40, 3))
    ks, seed = [2, 3], 11
    labels = cluster_labels(algorithm, X, ks, seed)
    found = bootstrap_jaccard(algorithm, X, ks, labels, bootstraps=4, random_state=seed)
    for b in range(4):
        drawn = sorted(np.random.default_rng(seed + b).integers(40, size=40))
        for k, old, similarities in zip(ks, labels, found, strict=True):
            (new,) = cluster_labels(algorithm, X[drawn], [k], seed + b)
            of_customer = dict(zip(drawn, new, strict=True))
            rows = sorted(of_customer)
            expected = slow_best_jaccard([old[i] for i in rows], [of_customer[i] for i in rows], k)
            np.testing.assert_allclose(similarities[b], expected)


def test_a_cluster_that_a_resample_missed_is_missing_wherever_it_stands() -> None:
    X = np.array([[0.0], [0.1], [0.2], [9.0]])
    labels = [np.array([0, 0, 0, 1])]
    (found,) = bootstrap_jaccard("Ward", X, [2], labels, bootstraps=20, random_state=0)
    assert found.shape == (20, 2)
    assert np.isnan(found[:, 1]).any()
    assert not np.isnan(found[:, 1]).all()


def test_separate_groups_are_stable_and_a_cut_through_one_group_is_not() -> None:
    rng = np.random.default_rng(5)
    apart = np.concatenate([rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 30])
    one = rng.normal(size=(120, 2))
    means = []
    for X, k in ((apart, 2), (one, 6)):
        labels = cluster_labels("k-means", X, [k], 0)
        (found,) = bootstrap_jaccard("k-means", X, [k], labels, bootstraps=10, random_state=0)
        means.append(np.nanmean(found, axis=0).min())
    assert means[0] > 0.99
    assert means[1] < 0.75
