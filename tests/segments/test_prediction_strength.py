"""Prediction strength, held against pairs listed one by one."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from regulars.segments import cluster_labels
from regulars.segments.clusters import ALGORITHMS, canonical_order, clusterings
from regulars.segments.prediction_strength import PREDICTED, kept_together, prediction_strength

labelled = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


def slow_kept_together(test: list[int], assigned: list[int], clusters: int) -> list[float]:
    shares = []
    for cluster in range(clusters):
        members = [i for i, label in enumerate(test) if label == cluster]
        pairs = [assigned[i] == assigned[j] for i, j in combinations(members, 2)]
        shares.append(sum(pairs) / len(pairs) if pairs else float(len(members)))
    return shares


def slow_assignment(algorithm: str, X: np.ndarray, k: int, seed: int, others: np.ndarray) -> list[int]:
    """Where others belong: a mixture says so itself, else the nearest mean."""
    if algorithm == "Gaussian mixture":
        model = GaussianMixture(k, reg_covar=1e-3, max_iter=300, random_state=seed).fit(X[canonical_order(X)])
        return model.predict_proba(others).argmax(axis=1).tolist()
    (found,) = clusterings(algorithm, X, [k], seed)
    means = (
        -found.scores.weights
    )  # of Ward's and BIRCH's trees, whose groups are then everybody at the nearest of them
    return [min(range(k), key=lambda label: sum((row - means[label]) ** 2)) for row in others]


def slow_strength(algorithm: str, X: np.ndarray, k: int, seed: int) -> float:
    X = X[canonical_order(X)]
    order = np.random.default_rng(seed).permutation(len(X))
    halves = X[order[: len(X) // 2]], X[order[len(X) // 2 :]]
    smallest = []
    for test, train in (halves, halves[::-1]):
        (labels,) = cluster_labels(algorithm, test, [k], seed)
        assigned = slow_assignment(algorithm, train, k, seed, test)
        smallest.append(min(slow_kept_together(labels.tolist(), assigned, k)))
    return sum(smallest) / 2


def blobs(n: int = 150) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 20.0 * rng.permutation(np.arange(n) % 3)[:, None] + rng.normal(size=(n, 2))


@given(labelled)
def test_pairs_of_the_table_are_the_pairs_listed(rows: list[tuple[int, int]]) -> None:
    test, assigned = map(np.array, zip(*rows, strict=True))
    expected = slow_kept_together(test.tolist(), assigned.tolist(), 5)
    np.testing.assert_allclose(kept_together(test, assigned, 5), expected)


@given(labelled, st.permutations(range(5)), st.permutations(range(5)))
def test_relabelling_changes_nothing(
    rows: list[tuple[int, int]], names: list[int], others: list[int]
) -> None:
    test, assigned = map(np.array, zip(*rows, strict=True))
    again = kept_together(np.array(names)[test], np.array(others)[assigned], 5)
    np.testing.assert_array_equal(again[names], kept_together(test, assigned, 5))


OF_K = [algorithm for algorithm in ALGORITHMS if algorithm != "HDBSCAN"]  # it finds its own number


@pytest.mark.parametrize("algorithm", OF_K)
@pytest.mark.parametrize("n", [40, 41])
def test_prediction_strength_is_the_plain_procedure(algorithm: str, n: int) -> None:
    X = np.random.default_rng(4).normal(size=(n, 3))
    found = prediction_strength(algorithm, X, [2, 3], splits=4, random_state=11)
    expected = [[slow_strength(algorithm, X, k, 11 + s) for s in range(4)] for k in (2, 3)]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("algorithm", OF_K)
@given(st.permutations(range(30)))
@settings(max_examples=5)
def test_the_order_of_rows_changes_nothing(algorithm: str, order: list[int]) -> None:
    X = np.random.default_rng(6).normal(size=(30, 2)).round(1)
    first, second = (
        prediction_strength(algorithm, data, [2, 3], splits=3, random_state=1) for data in (X, X[order])
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_others_are_assigned_as_the_customers_themselves_were(algorithm: str) -> None:
    (found,) = clusterings(algorithm, blobs(), [3], 0)
    np.testing.assert_array_equal(found.assign(blobs()), found.labels)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_three_groups_foretell_three_and_no_more(algorithm: str) -> None:
    three, *more = prediction_strength(algorithm, blobs(), [3, 4, 5, 6], splits=10, random_state=0)
    assert (three == 1).all()
    assert all(each.mean() < PREDICTED for each in more)


@pytest.mark.parametrize("algorithm", ["k-means", "Ward"])
def test_another_unit_changes_nothing(algorithm: str) -> None:
    X = np.random.default_rng(7).normal(size=(80, 2))
    first, second = (
        prediction_strength(algorithm, data, [2, 4], splits=3, random_state=5) for data in (X, 1024 * X)
    )
    np.testing.assert_allclose(first, second)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_seed_gives_the_same_strength_and_ks_do_not_meddle(algorithm: str) -> None:
    X = np.random.default_rng(8).normal(size=(60, 2))
    both = prediction_strength(algorithm, X, [2, 3], splits=3, random_state=5)
    (alone,) = prediction_strength(algorithm, X, [3], splits=3, random_state=5)
    np.testing.assert_array_equal(both[1], alone)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("n", [0, 1, 3, 4, 7])
def test_a_small_base_has_a_strength_only_where_its_halves_hold_k(algorithm: str, n: int) -> None:
    X = np.arange(2.0 * n).reshape(n, 2)
    found = prediction_strength(algorithm, X, [1, 2, 3], splits=2, random_state=0)
    assert [each.shape for each in found] == [(2,)] * 3
    assert [bool(np.isnan(each).all()) for each in found] == [max(k, 2) > n // 2 for k in (1, 2, 3)]


@pytest.mark.parametrize("algorithm", OF_K)
def test_groups_that_are_not_there_have_no_strength(algorithm: str) -> None:
    X = np.column_stack([np.arange(40) % 2, np.zeros(40)]).astype(float)
    two, three = prediction_strength(algorithm, X, [2, 3], splits=4, random_state=0)
    assert (two == 1).all()
    assert (three == 0).all()
