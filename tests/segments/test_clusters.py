"""The clusterings: each finds what is plainly there, whatever its seed."""

import numpy as np
import pandas as pd
import pytest

from regulars.segments import Inputs, cluster_labels
from regulars.segments.clusters import ALGORITHMS


def blobs(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three groups twenty standard deviations apart, and which is which."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.arange(n) % 3)
    return 20.0 * groups[:, None] + rng.normal(size=(n, 3)), groups


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label)) for label in np.unique(labels)}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_well_separated_groups_are_found_whatever_the_seed(algorithm: str, seed: int) -> None:
    X, groups = blobs()
    (found,) = cluster_labels(algorithm, X, [3], seed)
    assert partition(found) == partition(groups)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_seed_gives_the_same_labels(algorithm: str) -> None:
    X = np.random.default_rng(3).normal(size=(120, 3))
    first, second = (cluster_labels(algorithm, X, [2, 5], 7) for _ in range(2))
    assert all((one == two).all() for one, two in zip(first, second, strict=True))


def test_inputs_are_standardised_logarithms() -> None:
    features = pd.DataFrame(
        {"recency_days": [1, 10, 100], "frequency": [1, 2, 40], "revenue": [0.0, 99.0, 12345.6]}, dtype=float
    )
    logs = np.log1p(features.to_numpy())
    expected = (logs - logs.mean(axis=0)) / logs.std(axis=0)
    np.testing.assert_allclose(Inputs().fit_transform(features), expected, atol=1e-12)


def test_a_negative_revenue_counts_as_none_and_a_constant_input_as_zero() -> None:
    X = Inputs().fit_transform(
        pd.DataFrame({"recency_days": [5] * 3, "frequency": [1, 2, 3], "revenue": [-7.0, 0.0, 9.0]})
    )
    assert np.allclose(X[:, 0], 0, atol=1e-12)
    assert X[0, 2] == X[1, 2] < X[2, 2]
