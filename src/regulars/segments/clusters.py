"""Clusterings on recency, frequency and revenue, behind one function."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, ward
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

Labels = NDArray[np.intp]
Matrix = NDArray[np.float64]

INPUTS = ("recency_days", "frequency", "revenue")
STARTS = 5  # of k-means, of which the best counts


class Clustering(NamedTuple):
    """The groups of some customers, and where others belong.

    Attributes:
        labels: integer labels of shape (customers,).
        assign: labels of other customers, from their inputs of shape (others, inputs).
    """

    labels: Labels
    assign: Callable[[Matrix], Labels]


def cluster_inputs(features: pd.DataFrame) -> Matrix:
    """Standardised logarithms of recency, frequency and revenue, shape (customers, 3).

    Unlogged, a handful of very large customers becomes a cluster of its own. Revenue is shifted by one unit of
    currency so that a customer whose orders were free has a logarithm; a negative revenue counts as none.

    >>> two = pd.DataFrame({"recency_days": [1, 10], "frequency": [1, 5], "revenue": [10.0, 90.0]})
    >>> cluster_inputs(two).round(6).tolist()
    [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]
    """
    return StandardScaler().fit_transform(logarithms(features[list(INPUTS)].to_numpy(float)))


def logarithms(values: Matrix) -> Matrix:
    """ln(1 + value); what is below zero counts as zero."""
    return np.log1p(values.clip(min=0))


def _k_means(X: Matrix, ks: Sequence[int], seed: int) -> list[Clustering]:
    models = [KMeans(k, n_init=STARTS, random_state=seed) for k in ks]
    return [Clustering(model.fit_predict(X), model.predict) for model in models]


def _gaussian_mixture(X: Matrix, ks: Sequence[int], seed: int) -> list[Clustering]:
    # A floor under the variances keeps a component from collapsing onto tied values.
    models = [GaussianMixture(k, reg_covar=1e-3, max_iter=300, random_state=seed) for k in ks]
    return [Clustering(model.fit_predict(X), model.predict) for model in models]


def _ward(X: Matrix, ks: Sequence[int], _seed: int) -> list[Clustering]:
    tree = ward(X)
    each = [fcluster(tree, k, criterion="maxclust").astype(np.intp) - 1 for k in ks]
    return [Clustering(labels, partial(_nearest_mean, X, labels)) for labels in each]


def _nearest_mean(X: Matrix, labels: Labels, others: Matrix) -> Labels:
    """For each of `others`, the label of the nearest mean of a group of `X`."""
    means = pd.DataFrame(X).groupby(labels).mean()
    return means.index.to_numpy()[cdist(others, means).argmin(axis=1)]


ALGORITHMS: dict[str, Callable[[Matrix, Sequence[int], int], list[Clustering]]] = {
    "k-means": _k_means,
    "Gaussian mixture": _gaussian_mixture,
    "Ward": _ward,
}


def clusterings(algorithm: str, X: Matrix, ks: Sequence[int], random_state: int) -> list[Clustering]:
    """Cluster the rows of `X` into each of `ks` groups that other customers can be assigned to.

    k-means and Ward assign to the nearest mean, a Gaussian mixture to the likeliest component.

    Args:
        algorithm: a key of `ALGORITHMS`.
        X: shape (customers, inputs).
        ks: the numbers of clusters.
        random_state: the seed of the algorithm's own draws.

    Returns:
        For each k, a `Clustering`; the order of labels means nothing.

    >>> (two,) = clusterings("Ward", np.array([[0.0], [0.1], [9.0]]), [2], 0)
    >>> two.labels.tolist(), two.assign(np.array([[8.0], [1.0]])).tolist()
    ([0, 0, 1], [1, 0])
    """
    with warnings.catch_warnings():
        # A resample can hold fewer different rows than k; the groups not found then count against the stability.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return ALGORITHMS[algorithm](X, ks, random_state)


def cluster_labels(algorithm: str, X: Matrix, ks: Sequence[int], random_state: int) -> list[Labels]:
    """The labels of `clusterings`, of the same arguments.

    >>> [labels.tolist() for labels in cluster_labels("Ward", np.array([[0.0], [0.1], [9.0]]), [2], 0)]
    [[0, 0, 1]]
    """
    return [one.labels for one in clusterings(algorithm, X, ks, random_state)]
