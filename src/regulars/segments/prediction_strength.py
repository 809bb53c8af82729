"""Do the clusters of one half of the customers foretell those of the other half?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from regulars.segments.clusters import NOISE, Labels, Matrix, canonical_order, clusterings
from regulars.segments.stability import in_processes

PREDICTED = 0.8  # Tibshirani and Walther 2005: from .8 to .9 for well separated clusters


def kept_together(test: Labels, assigned: Labels, clusters: int) -> NDArray[np.float64]:
    """For each cluster of `test`, the share of its pairs of customers that `assigned` keeps together.

    The share is Σ n_ij (n_ij − 1) / n_i (n_i − 1) over the contingency table, so pairs are counted and never listed. A
    single customer has no pair, and Tibshirani and Walther's formula no value: it counts as kept together, as in R's fpc
    (Hennig). A cluster that nobody is in counts as not found: 0.

    >>> kept_together(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0]), 3).round(3).tolist()
    [0.333, 1.0, 0.0]
    """
    inside = (test != NOISE) & (assigned != NOISE)
    table = np.zeros((max(clusters, test.max() + 1), assigned.max() + 1))
    np.add.at(table, (test[inside], assigned[inside]), 1)
    sizes = table.sum(axis=1)
    kept = (table * (table - 1)).sum(axis=1)
    return np.where(sizes > 1, kept / np.maximum(sizes * (sizes - 1), 1), sizes)


def prediction_strength(
    algorithm: str, X: Matrix, ks: Sequence[int], *, splits: int, random_state: int, processes: int = 1
) -> list[NDArray[np.float64]]:
    """Prediction strength (Tibshirani, Walther 2005, J. Comput. Graph. Stat. 14, 511–528).

    Split the customers in halves and cluster each. Assign one half to the clusters of the other: the strength is the share
    of pairs that stay together in the test half's worst cluster. As in R's fpc (`prediction.strength`) each half is tested
    once, and the split's strength is the mean of both; the paper describes one direction. The number of clusters is the
    largest k whose mean strength is above .8.

    The order of rows does not matter.

    Args:
        algorithm: a key of `regulars.segments.clusters.ALGORITHMS`.
        X: shape (customers, inputs).
        ks: the numbers of clusters.
        splits: how many times to halve the customers.
        random_state: seed; split s uses `random_state + s`.
        processes: how many to share the work; the result does not depend on it.

    Returns:
        For each k, every split's strength, shape (splits,): its mean is the prediction strength. Missing where half of the
        customers are fewer than k, or than two. A half in which fewer than k groups are found has strength 0.

    >>> X = np.repeat([[0.0], [9.0]], 10, axis=0)
    >>> [each.mean().round(2).item() for each in prediction_strength("Ward", X, [1, 2], splits=3, random_state=0)]
    [1.0, 1.0]
    """
    possible = [k for k in ks if max(k, 2) <= len(X) // 2]
    X = X[canonical_order(X)]
    calls = ((algorithm, X, possible, random_state + s) for s in range(splits if possible else 0))
    drawn = in_processes(processes, _split, calls)
    strengths = dict(zip(possible, np.reshape(drawn, (len(drawn), len(possible))).T, strict=True))
    return [strengths.get(k, np.full(splits, np.nan)) for k in ks]


def _split(algorithm: str, X: Matrix, ks: Sequence[int], seed: int) -> list[float]:
    """The strength of each k in one split: the mean over both halves as the test half."""
    order = np.random.default_rng(seed).permutation(len(X))
    halves = X[order[: len(X) // 2]], X[order[len(X) // 2 :]]
    found = [clusterings(algorithm, half, ks, seed) for half in halves]
    strengths = []
    for k, first, second in zip(ks, *found, strict=True):
        one = kept_together(first.labels, second.assign(halves[0]), k).min()
        other = kept_together(second.labels, first.assign(halves[1]), k).min()
        strengths.append((one + other) / 2)
    return strengths
