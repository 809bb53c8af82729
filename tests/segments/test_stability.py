"""Cluster-wise bootstrap stability, held against a slow version made of sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from regulars.segments import bootstrap_jaccard, cluster_labels
from regulars.segments.clusters import ALGORITHMS, NOISE, STARTS, canonical_order
from regulars.segments.stability import best_jaccard

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)
with_noise = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), min_size=1, max_size=40)


def slow_best_jaccard(original: list[int], again: list[int], clusters: int) -> list[float]:
    def members(labels: list[int], label: int) -> set[int]:
        return {i for i, one in enumerate(labels) if one == label}

    again_labels = sorted(set(again) - {NOISE})

    best = []
    for label in range(clusters):
        mine = members(original, label)
        others = [members(again, other) for other in again_labels]
        best.append(max((len(mine & o) / len(mine | o) for o in others), default=0.0) if mine else np.nan)
    return best


@given(with_noise)
def test_who_is_in_no_cluster_makes_none_like_another(rows: list[tuple[int, int]]) -> None:
    original, again = map(np.array, zip(*rows, strict=True))
    expected = slow_best_jaccard(original.tolist(), again.tolist(), 5)
    np.testing.assert_allclose(best_jaccard(original, again, 5), expected)


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


def weighted_k_means(X: np.ndarray, drawn: np.ndarray, k: int, seed: int) -> list[int]:
    """scikit-learn's own, of the different customers drawn, who weigh as often as they were drawn."""
    rows = list(dict.fromkeys(drawn.tolist()))
    order = [rows[i] for i in canonical_order(X[rows])]
    weights = [drawn.tolist().count(row) for row in order]
    labels = KMeans(k, n_init=STARTS, random_state=seed).fit_predict(X[order], sample_weight=weights)
    return [dict(zip(order, labels.tolist(), strict=True))[row] for row in drawn.tolist()]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bootstrap_jaccard_is_the_plain_procedure(algorithm: str) -> None:
    X = np.random.default_rng(4).normal(size=(40, 3)) + 4 * (np.arange(40) % 2)[:, None]
    ks, seed = [2, 3], 11
    labels = cluster_labels(algorithm, X, ks, seed)
    found = bootstrap_jaccard(algorithm, X, ks, labels, bootstraps=4, random_state=seed)
    for b in range(4):
        drawn = canonical_order(X)[sorted(np.random.default_rng(seed + b).integers(40, size=40))]
        for k, old, similarities in zip(ks, labels, found, strict=True):
            if algorithm == "k-means":
                new = weighted_k_means(X, drawn, k, seed + b)
            else:
                (new,) = cluster_labels(algorithm, X[drawn], [k], seed + b)
            of_customer = dict(zip(drawn, new, strict=True))
            rows = list(of_customer)
            expected = slow_best_jaccard(
                [old[i] for i in rows], [of_customer[i] for i in rows], old.max() + 1
            )
            np.testing.assert_allclose(similarities[b], expected)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_neither_the_order_of_rows_nor_the_number_of_processes_matters(algorithm: str) -> None:
    X = np.random.default_rng(4).normal(size=(60, 3)).round(1)
    order = np.random.default_rng(5).permutation(60)
    first, second = (
        bootstrap_jaccard(
            algorithm,
            data,
            [2, 3],
            cluster_labels(algorithm, data, [2, 3], 0),
            bootstraps=4,
            random_state=1,
            processes=processes,
        )
        for data, processes in ((X, 1), (X[order], 2))
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(np.sort(one, axis=1), np.sort(other, axis=1))


@pytest.mark.parametrize("algorithm", ["k-means", "Ward"])
def test_another_unit_changes_nothing(algorithm: str) -> None:
    X = np.random.default_rng(7).normal(size=(80, 2))
    first, second = (
        bootstrap_jaccard(
            algorithm,
            data,
            [2, 4],
            cluster_labels(algorithm, data, [2, 4], 0),
            bootstraps=4,
            random_state=5,
        )
        for data in (X, 1024 * X)
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other)


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
