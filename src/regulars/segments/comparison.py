"""Clusterings side by side, and the one that a stated rule chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import silhouette_score

from regulars.segments.clusters import ALGORITHMS, Labels, Matrix, cluster_labels
from regulars.segments.stability import bootstrap_jaccard

STABLE = 0.75  # Hennig 2007


def compare(
    X: Matrix, ks: Sequence[int], *, bootstraps: int, random_state: int, jobs: int = 2
) -> tuple[pd.DataFrame, dict[tuple[str, int], Labels]]:
    """Cluster with every algorithm into each number of clusters, and measure each result.

    Args:
        X: shape (customers, inputs).
        ks: the numbers of clusters; those above the number of different customers are left out.
        bootstraps: resamples behind the stability.
        random_state: seed of everything.
        jobs: processes.

    Returns:
        A row per algorithm and k (`silhouette`, `smallest_jaccard`, `mean_jaccard`, `smallest_share`), and the labels of
        each, with 0 for the cluster of the largest mean of the last input.
    """
    ks = [k for k in ks if k < len(np.unique(X, axis=0))]
    rows, kept = [], {}
    for algorithm in ALGORITHMS:
        labels = [_ordered(one, X) for one in cluster_labels(algorithm, X, ks, random_state)]
        stability = bootstrap_jaccard(
            algorithm, X, ks, labels, bootstraps=bootstraps, random_state=random_state, jobs=jobs
        )
        for k, one, jaccard in zip(ks, labels, stability, strict=True):
            kept[algorithm, k] = one
            rows.append(
                {
                    "algorithm": algorithm,
                    "k": k,
                    "silhouette": silhouette_score(X, one),
                    "smallest_jaccard": jaccard.min(),
                    "mean_jaccard": jaccard.mean(),
                    "smallest_share": np.bincount(one).min() / len(one),
                }
            )
    return pd.DataFrame(rows), kept


def _ordered(labels: Labels, X: Matrix) -> Labels:
    """Labels renumbered by the mean of the last input, largest first: a seed no longer decides their order."""
    found, inverse = np.unique(labels, return_inverse=True)
    means = np.array([X[inverse == i, -1].mean() for i in range(len(found))])
    return np.argsort(np.argsort(-means, kind="stable"))[inverse]


def choose(comparison: pd.DataFrame, minimum_share: float) -> pd.Series | None:
    """The finest clustering that can be trusted, or None.

    The rule: every cluster is stable (Jaccard similarity of at least .75) and holds at least `minimum_share` of the
    customers; among these the most clusters; among equals the higher smallest similarity, then the first named.

    >>> table = pd.DataFrame({"algorithm": ["a", "a"], "k": [2, 3], "smallest_jaccard": [0.9, 0.8]})
    >>> int(choose(table.assign(smallest_share=0.2), 0.03)["k"])
    3
    >>> choose(table.assign(smallest_share=0.01), 0.03) is None
    True
    """
    passed = comparison[
        (comparison["smallest_jaccard"] >= STABLE) & (comparison["smallest_share"] >= minimum_share)
    ]
    if passed.empty:
        return None
    return passed.sort_values(["k", "smallest_jaccard"], ascending=False, kind="stable").iloc[0]
