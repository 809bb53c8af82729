"""Clusterings side by side, and the one that a stated rule chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_score

from regulars.segments.clusters import (
    ALGORITHMS,
    NOISE,
    Clustering,
    Labels,
    Matrix,
    canonical_order,
    clusterings,
    sample_for,
)
from regulars.segments.frozen import by_last_input, renumbered
from regulars.segments.stability import bootstrap_jaccard

STABLE = 0.75  # Hennig 2007
APART = 0.5  # above which a mean silhouette says that there are groups: Kaufman and Rousseeuw 1990
FIRST = 8  # resamples after which a clearly unstable clustering is resampled no more
SEPARATED_ON = 2000  # customers behind a silhouette at most: its distances grow with their square

COLUMNS = (
    "algorithm",
    "k",
    "silhouette",
    "smallest_jaccard",
    "jaccard_low",
    "mean_jaccard",
    "smallest_share",
    "noise_share",
)


def compare(
    X: Matrix,
    ks: Sequence[int],
    *,
    bootstraps: int,
    random_state: int,
    algorithms: Sequence[str] = tuple(ALGORITHMS),
    processes: int = 1,
) -> tuple[pd.DataFrame, dict[tuple[str, int], Labels]]:
    """Cluster with every algorithm into each number of clusters, and measure each result.

    Args:
        X: shape (customers, inputs).
        ks: the numbers of clusters; those not below the number of different customers are left out.
        bootstraps: resamples behind the stability, at least two. A clustering of which eight put the weakest cluster below
            stable by two standard errors gets no more of them.
        random_state: seed of everything.
        algorithms: keys of `regulars.segments.clusters.ALGORITHMS`. Slow ones see a sample (`clusters.AT_MOST`); the others
            are assigned.
        processes: how many to share the work; the result does not depend on it.

    Returns:
        A row per algorithm and k (`silhouette`, `smallest_jaccard`, `jaccard_low` (two standard errors of the resampling
        below it), `mean_jaccard`, `smallest_share`, `noise_share`), and the labels of each, with 0 for the cluster of the
        largest mean of the last input. Where an algorithm finds another number of groups than k there is no row.
    """
    ks = [k for k in ks if k < len(np.unique(X, axis=0))]
    rows: list[dict[str, object]] = []
    kept: dict[tuple[str, int], Labels] = {}
    separation = Separation(X)
    settings = {"bootstraps": bootstraps, "random_state": random_state, "processes": processes}
    for algorithm in algorithms if ks else ():
        drawn = sample_for(algorithm, X)
        found = _found(algorithm, X[drawn], ks, random_state)
        jaccards = _raced(algorithm, X[drawn], {k: labels for k, (labels, _) in found.items()}, **settings)
        for k, (labels, assign) in found.items():
            kept[algorithm, k] = assign(X)
            kept[algorithm, k][drawn] = labels
            row = {"algorithm": algorithm, "k": k, "silhouette": separation.silhouette(kept[algorithm, k])}
            rows.append(row | weakest_and_mean(jaccards[k]) | shares(labels))
    return pd.DataFrame(rows, columns=list(COLUMNS)), kept


def _found(
    algorithm: str, X: Matrix, ks: Sequence[int], random_state: int
) -> dict[int, tuple[Labels, Callable[[Matrix], Labels]]]:
    """For each k of which so many groups are found: labels, and those of others, in the order of the last input."""
    found: dict[int, tuple[Labels, Callable[[Matrix], Labels]]] = {}
    for k, one in zip(ks, clusterings(algorithm, X, ks, random_state), strict=True):
        if len(np.unique(one.labels[one.labels != NOISE])) == k:
            new = by_last_input(one.labels, X)
            found[k] = (renumbered(one.labels, new), partial(_assigned, one, new))
    return found


def _assigned(one: Clustering, new: dict[int, int], others: Matrix) -> Labels:
    return renumbered(one.assign(others), new)


def _raced(
    algorithm: str,
    X: Matrix,
    labels: dict[int, Labels],
    *,
    bootstraps: int,
    random_state: int,
    processes: int,
) -> dict[int, Matrix]:
    """For each k the similarities of `bootstrap_jaccard`; where the first eight resamples settle it, there are no more."""
    jaccards: dict[int, Matrix] = {k: np.empty((0, one.max() + 1)) for k, one in labels.items()}
    for start, stop in ((0, min(FIRST, bootstraps)), (FIRST, bootstraps)):
        still = [k for k in labels if not start or weakest_and_mean(jaccards[k])["jaccard_high"] >= STABLE]
        settings = {"bootstraps": stop - start, "random_state": random_state + start, "processes": processes}
        if still and start < stop:
            more = bootstrap_jaccard(algorithm, X, still, [labels[k] for k in still], **settings)
            jaccards |= {k: np.vstack([jaccards[k], one]) for k, one in zip(still, more, strict=True)}
    return jaccards


class Separation:
    """Mean silhouettes (Rousseeuw 1987) of several clusterings of the same customers, whose distances are taken once.

    >>> separation = Separation(np.array([[0.0], [0.1], [9.0], [9.1]]))
    >>> round(separation.silhouette(np.array([0, 0, 1, 1])), 2), separation.silhouette(np.zeros(4, dtype=int))
    (0.99, nan)
    """

    def __init__(self, X: Matrix) -> None:
        self.rows = canonical_order(X)[:SEPARATED_ON]
        self.distances = squareform(pdist(X[self.rows]))

    def silhouette(self, labels: Labels) -> float:
        """Between -1 and 1, of those in a cluster; missing unless there are two clusters at least."""
        inside = np.flatnonzero(labels[self.rows] != NOISE)
        of = labels[self.rows][inside]
        if not 2 <= len(np.unique(of)) < len(of):
            return float("nan")
        distances = (
            self.distances if len(inside) == len(self.rows) else self.distances[np.ix_(inside, inside)]
        )
        return float(silhouette_score(distances, of, metric="precomputed"))


def weakest_and_mean(jaccards: Matrix) -> dict[str, float]:
    """The weakest cluster's mean similarity, two standard errors below and above it, and the mean over clusters."""
    drawn = pd.DataFrame(jaccards)  # a cluster that no resample drew stays missing, and so does the weakest
    means, errors = drawn.mean(), drawn.sem()
    return {
        "smallest_jaccard": means.min(skipna=False),
        "jaccard_low": (means - 2 * errors).min(skipna=False),
        "jaccard_high": (means + 2 * errors).min(skipna=False),
        "mean_jaccard": means.mean(skipna=False),
    }


def shares(labels: Labels) -> dict[str, float]:
    """The smallest cluster's share of all customers, and that of the customers in none."""
    counts = np.bincount(labels + 1)
    return {"smallest_share": counts[1:].min() / len(labels), "noise_share": counts[0] / len(labels)}


def passes(comparison: pd.DataFrame, minimum_share: float) -> pd.Series:
    """Whether every cluster is stable beyond the resampling's own error, and holds at least `minimum_share`."""
    return _met(comparison, minimum_share).all(axis=1)


def ranked(comparison: pd.DataFrame, minimum_share: float) -> pd.DataFrame:
    """The comparison in the order of the rule, the best first.

    First those that meet all that is required (stability, size, nobody without a cluster): of these, where groups stand apart,
    the better separated before the less; where none do, the finer before the coarser, as slices of a continuum can be as fine
    as they are stable. Then those that meet less of it, the more stable first. Among equals the first named.

    >>> table = pd.DataFrame({"algorithm": ["a", "b", "c"], "k": [2, 3, 2], "jaccard_low": [0.9, 0.8, 0.4], "noise_share": 0})
    >>> ranked(table.assign(silhouette=0.3, smallest_share=[0.2, 0.2, 0.01]), 0.03)["algorithm"].tolist()
    ['b', 'a', 'c']
    >>> ranked(table.assign(silhouette=[0.7, 0.6, 0.9], smallest_share=[0.2, 0.2, 0.01]), 0.03)["algorithm"].tolist()
    ['a', 'b', 'c']
    """
    passed = passes(comparison, minimum_share)
    apart = comparison["silhouette"].where(passed & (comparison["silhouette"] > APART), 0)
    keys = {
        "met": _met(comparison, minimum_share).sum(axis=1),
        "apart": apart,
        "k": comparison["k"].where(passed, 0),
        "stability": comparison["jaccard_low"],
    }
    order = (
        pd.DataFrame(keys).sort_values(list(keys), ascending=False, kind="stable", na_position="last").index
    )
    return comparison.loc[order]


def choose(comparison: pd.DataFrame, minimum_share: float) -> pd.Series | None:
    """The clustering to use, or None if none can be trusted: the first of `ranked`, if it `passes`.

    >>> table = pd.DataFrame({"algorithm": ["a", "a"], "k": [2, 3], "jaccard_low": [0.9, 0.8], "noise_share": 0})
    >>> table["silhouette"] = 0.3
    >>> int(choose(table.assign(smallest_share=0.2), 0.03)["k"])
    3
    >>> choose(table.assign(smallest_share=0.01), 0.03) is None
    True
    """
    passed = comparison[passes(comparison, minimum_share)]
    return None if passed.empty else ranked(passed, minimum_share).iloc[0]


def _met(comparison: pd.DataFrame, minimum_share: float) -> pd.DataFrame:
    """What each clustering meets of the three requirements."""
    return pd.DataFrame(
        {
            "stable": comparison["jaccard_low"] >= STABLE,
            "large": comparison["smallest_share"] >= minimum_share,
            "everybody": (comparison["noise_share"] == 0) & (comparison["algorithm"] != "HDBSCAN"),
        }
    )
