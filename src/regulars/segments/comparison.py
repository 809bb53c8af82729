"""Clusterings side by side, and the one that a stated rule chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import silhouette_score

from regulars.segments.clusters import ALGORITHMS, Labels, Matrix, cluster_labels
from regulars.segments.stability import bootstrap_jaccard

STABLE = 0.75  # Hennig 2007

COLUMNS = (
    "algorithm",
    "k",
    "silhouette",
    "smallest_jaccard",
    "jaccard_low",
    "mean_jaccard",
    "smallest_share",
)


def compare(
    X: Matrix, ks: Sequence[int], *, bootstraps: int, random_state: int
) -> tuple[pd.DataFrame, dict[tuple[str, int], Labels]]:
    """Cluster with every algorithm into each number of clusters, and measure each result.

    Args:
        X: shape (customers, inputs).
        ks: the numbers of clusters; those not below the number of different customers are left out.
        bootstraps: resamples behind the stability, at least two.
        random_state: seed of everything.

    Returns:
        A row per algorithm and k (`silhouette`, `smallest_jaccard`, `jaccard_low` (two standard errors of the resampling
        below it), `mean_jaccard`, `smallest_share`), and the labels of each, with 0 for the cluster of the largest mean of
        the last input. Where an algorithm finds fewer than k groups there is no row.
    """
    ks = [k for k in ks if k < len(np.unique(X, axis=0))]
    rows, kept = [], {}
    for algorithm in ALGORITHMS:
        labels = [_ordered(one, X) for one in cluster_labels(algorithm, X, ks, random_state)]
        resampled = bootstrap_jaccard(
            algorithm, X, ks, labels, bootstraps=bootstraps, random_state=random_state
        )
        for k, one, jaccards in zip(ks, labels, resampled, strict=True):
            if one.max() + 1 < k:
                continue
            kept[algorithm, k] = one
            row = {"algorithm": algorithm, "k": k, "silhouette": silhouette_score(X, one)}
            rows.append(row | _stability(jaccards) | {"smallest_share": np.bincount(one).min() / len(one)})
    return pd.DataFrame(rows, columns=list(COLUMNS)), kept


def _stability(jaccards: Matrix) -> dict[str, float]:
    """The weakest cluster's mean similarity, two standard errors below it, and the mean over clusters."""
    drawn = pd.DataFrame(jaccards)  # a cluster that no resample drew stays missing, and so does the weakest
    means, errors = drawn.mean(), drawn.sem()
    return {
        "smallest_jaccard": means.min(skipna=False),
        "jaccard_low": (means - 2 * errors).min(skipna=False),
        "mean_jaccard": means.mean(skipna=False),
    }


def _ordered(labels: Labels, X: Matrix) -> Labels:
    """Labels renumbered by the mean of the last input, largest first: a seed no longer decides their order."""
    found, inverse = np.unique(labels, return_inverse=True)
    means = np.array([X[inverse == i, -1].mean() for i in range(len(found))])
    return np.argsort(np.argsort(-means, kind="stable"))[inverse]


def passes(comparison: pd.DataFrame, minimum_share: float) -> pd.Series:
    """Whether every cluster is stable beyond the resampling's own error, and holds at least `minimum_share`."""
    return (comparison["jaccard_low"] >= STABLE) & (comparison["smallest_share"] >= minimum_share)


def choose(comparison: pd.DataFrame, minimum_share: float) -> pd.Series | None:
    """The finest clustering that can be trusted, or None.

    The rule: among the clusterings that `passes`, the one with most clusters; among equals the more stable, then the
    first named.

    >>> table = pd.DataFrame({"algorithm": ["a", "a"], "k": [2, 3], "jaccard_low": [0.9, 0.8]})
    >>> int(choose(table.assign(smallest_share=0.2), 0.03)["k"])
    3
    >>> choose(table.assign(smallest_share=0.01), 0.03) is None
    True
    """
    passed = comparison[passes(comparison, minimum_share)]
    if passed.empty:
        return None
    return passed.sort_values(["k", "jaccard_low"], ascending=False, kind="stable").iloc[0]
