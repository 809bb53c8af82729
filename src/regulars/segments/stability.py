"""Would the same clusters appear in another sample of the same customers, from another start, in another month?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from regulars.segments.alignment import aligned
from regulars.segments.clusters import (
    NOISE,
    Labels,
    Matrix,
    canonical_order,
    cluster_labels,
)


def best_jaccard(original: Labels, again: Labels, clusters: int | None = None) -> NDArray[np.float64]:
    """For each cluster of `original`, its largest Jaccard similarity to any cluster of `again`.

    Both label the same customers; `NOISE` is no cluster. A cluster that is absent from them has no similarity: NaN.
    `clusters` is the number of original clusters, where the last of them can be absent.

    >>> best_jaccard(np.array([0, 0, 1, 1]), np.array([1, 1, 1, 0])).round(3).tolist()
    [0.667, 0.5]
    """
    # Noise, -1, is the last row and the last column.
    table = np.zeros(((clusters or original.max() + 1) + 1, again.max() + 2))
    np.add.at(table, (original, again), 1)
    sizes, others = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    similar = (table / np.maximum(sizes + others - table, 1))[:NOISE, :NOISE]
    return np.where(sizes[:NOISE, 0] > 0, similar.max(axis=1, initial=0), np.nan)


def bootstrap_jaccard(
    algorithm: str,
    X: Matrix,
    ks: Sequence[int],
    labels: Sequence[Labels],
    *,
    bootstraps: int,
    random_state: int,
    processes: int = 1,
) -> list[NDArray[np.float64]]:
    """Cluster-wise stability (Hennig 2007): resample, cluster again, compare with the original clusters.

    The mean over resamples of a cluster's similarity is its stability. At most .5: the cluster dissolves; below .6: not to
    be trusted; from .75: stable; from .85: highly stable. The order of rows does not matter.

    Args:
        algorithm: a key of `regulars.segments.clusters.ALGORITHMS`.
        X: shape (customers, inputs).
        ks: the numbers of clusters.
        labels: the original labels for each k, shape (customers,).
        bootstraps: how many resamples.
        random_state: seed; resample b uses `random_state + b`.
        processes: how many to share the work; the result does not depend on it.

    Returns:
        For each k, every cluster's best Jaccard similarity in every resample, shape (bootstraps, k).
    """
    order = canonical_order(X)
    X, labels = X[order], [one[order] for one in labels]
    draws = in_processes(
        processes, _resample, ((algorithm, X, ks, labels, random_state + b) for b in range(bootstraps))
    )
    return [np.stack(similarities) for similarities in zip(*draws, strict=True)]


def _resample(
    algorithm: str, X: Matrix, ks: Sequence[int], labels: Sequence[Labels], seed: int
) -> list[NDArray[np.float64]]:
    """One resample: for each k, every original cluster's best similarity to a cluster of the resample."""
    rows, times = drawn_again(len(X), seed)
    again = cluster_labels(algorithm, X[rows], ks, seed, times)
    # Each customer counts once, however often the resample drew it.
    return [best_jaccard(old[rows], new, old.max() + 1) for old, new in zip(labels, again, strict=True)]


def drawn_again(customers: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which of the customers a resample draws, and how often."""
    return np.unique(np.random.default_rng(seed).integers(customers, size=customers), return_counts=True)


def in_processes(processes: int, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> list[Any]:
    """The function's results for each tuple of arguments, in order.

    Every call runs on one thread: two processes would otherwise fight for the cores, and sums over threads would depend on
    how many there are.
    """
    return list(Parallel(n_jobs=processes)(delayed(_on_one_thread)(function, *call) for call in calls))


def _on_one_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    with _threads().limit(limits=1):
        return function(*arguments)


@cache
def _threads() -> ThreadpoolController:
    """Found once in a process: looking for the libraries that have threads takes longer than a clustering."""
    return ThreadpoolController()


def share_moved(reference: pd.Series, other: pd.Series) -> float:
    """Share of customers whom another clustering puts elsewhere, once its labels are aligned.

    Args:
        reference: whole-number labels, indexed by customer.
        other: those of the other clustering; only customers in both count.

    >>> share_moved(pd.Series([0, 0, 1, 1]), pd.Series([1, 1, 0, 1]))
    0.25
    """
    both = reference.index.intersection(other.index)
    ours, theirs = reference[both], other[both].map(aligned(reference[both], other[both]))
    return float((ours != theirs).mean())


def seed_sensitivity(
    algorithm: str, X: Matrix, k: int, labels: Labels, *, seeds: int, random_state: int
) -> float:
    """Mean share of customers whom another seed of the algorithm puts into another cluster.

    >>> X = np.repeat([[0.0], [9.0]], 10, axis=0)
    >>> seed_sensitivity("k-means", X, 2, np.repeat([0, 1], 10), seeds=3, random_state=0)
    0.0
    """
    others = [cluster_labels(algorithm, X, [k], random_state + 1 + seed)[0] for seed in range(seeds)]
    return float(np.mean([share_moved(pd.Series(labels), pd.Series(one)) for one in others]))
