"""Would the same clusters appear in another sample of the same customers?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from regulars.segments.clusters import Labels, Matrix, cluster_labels


def best_jaccard(original: Labels, again: Labels, clusters: int | None = None) -> NDArray[np.float64]:
    """For each cluster of `original`, its largest Jaccard similarity to any cluster of `again`.

    Both label the same customers. A cluster that is absent from them has no similarity: NaN. `clusters` is the number of
    original clusters, where the last of them can be absent.

    >>> best_jaccard(np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0])).round(3).tolist()
    [0.667, 0.5]
    """
    table = np.zeros((clusters or original.max() + 1, again.max() + 1))
    np.add.at(table, (original, again), 1)
    sizes, others = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    best = (table / np.maximum(sizes + others - table, 1)).max(axis=1)
    return np.where(sizes[:, 0] > 0, best, np.nan)


def bootstrap_jaccard(
    algorithm: str,
    X: Matrix,
    ks: Sequence[int],
    labels: Sequence[Labels],
    *,
    bootstraps: int,
    random_state: int,
) -> list[NDArray[np.float64]]:
    """Cluster-wise stability (Hennig 2007): resample, cluster again, compare with the original clusters.

    The mean over resamples of a cluster's similarity is its stability. At most .5: the cluster dissolves; below .6: not to
    be trusted; from .75: stable; from .85: highly stable.

    Args:
        algorithm: a key of `regulars.segments.clusters.ALGORITHMS`.
        X: shape (customers, inputs).
        ks: the numbers of clusters.
        labels: the original labels for each k, shape (customers,).
        bootstraps: how many resamples.
        random_state: seed; resample b uses `random_state + b`.

    Returns:
        For each k, every cluster's best Jaccard similarity in every resample, shape (bootstraps, k).
    """
    draws = [_resample(algorithm, X, ks, labels, random_state + b) for b in range(bootstraps)]
    return [np.stack(similarities) for similarities in zip(*draws, strict=True)]


def _resample(
    algorithm: str, X: Matrix, ks: Sequence[int], labels: Sequence[Labels], seed: int
) -> list[NDArray[np.float64]]:
    """One resample: for each k, every original cluster's best similarity to a cluster of the resample."""
    drawn = np.random.default_rng(seed).integers(len(X), size=len(X))
    rows, times = np.unique(drawn, return_counts=True)
    with threadpool_limits(1):  # sums over threads would depend on how many there are
        again = cluster_labels(algorithm, X[np.repeat(rows, times)], ks, seed)
    # Each customer counts once, however often the resample drew it.
    firsts = np.cumsum(times) - times
    return [
        best_jaccard(old[rows], new[firsts], old.max() + 1) for old, new in zip(labels, again, strict=True)
    ]
