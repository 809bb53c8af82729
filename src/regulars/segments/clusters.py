"""Clusterings behind one function: five algorithms, any number of clusters, and where other customers belong."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, ward
from scipy.spatial import KDTree
from sklearn.cluster import HDBSCAN, Birch, KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from regulars.segments.rulebooks.definition import SegmentError

Labels = NDArray[np.intp]
Matrix = NDArray[np.float64]
Counts = NDArray[np.intp]

STARTS = 5  # of k-means, of which the best counts
RADIUS = 0.15  # of BIRCH's first groups, in standard deviations of an input
LEAST_SHARE = 0.03  # of the customers, in a cluster that HDBSCAN is to find
NEIGHBOURS = 10  # by which HDBSCAN measures how dense it is around a customer
NOISE = -1  # the label of a customer whom HDBSCAN leaves without a cluster
AT_MOST = {"Ward": 2000, "HDBSCAN": 2000}  # customers; a sample stands for more: time grows with their square


class Scores(NamedTuple):
    """How far customers are from each cluster, as something an engine can compute; the least decides.

    ½ Σⱼ (z · factors[c, :, j] + shifts[c, j])² + z · weights[c] + offsets[c]: half the squared distance to a mean needs no
    squares, as |z|² is the same for all clusters; minus the log density of a Gaussian component needs them.

    Attributes:
        weights: shape (clusters, inputs).
        offsets: shape (clusters,).
        factors: shape (clusters, inputs, inputs), of no inputs where nothing is squared.
        shifts: shape (clusters, inputs), likewise.
    """

    weights: Matrix
    offsets: Matrix
    factors: Matrix
    shifts: Matrix

    def of(self, X: Matrix) -> Matrix:
        """Shape (customers, clusters)."""
        squared = (np.einsum("nd,kdj->nkj", X, self.factors) + self.shifts) ** 2
        return squared.sum(axis=2) / 2 + X @ self.weights.T + self.offsets

    def assign(self, X: Matrix) -> Labels:
        """The cluster of the least score."""
        return self.of(X).argmin(axis=1)


class Clustering(NamedTuple):
    """The groups of some customers, and where others belong.

    Attributes:
        labels: integer labels of shape (customers,); `NOISE` for who is in no group.
        assign: labels of other customers, from their inputs of shape (others, inputs).
        scores: what `assign` goes by, unless it needs the customers themselves.
    """

    labels: Labels
    assign: Callable[[Matrix], Labels]
    scores: Scores | None


def _k_means(X: Matrix, ks: Sequence[int], seed: int, times: Counts | None = None) -> list[Clustering]:
    each = [KMeans(min(k, len(X)), n_init=STARTS, random_state=seed) for k in ks]
    models = [one.fit(X, sample_weight=times) for one in each]
    return [_by_means(model.labels_, model.cluster_centers_) for model in models]


def _gaussian_mixture(X: Matrix, ks: Sequence[int], seed: int) -> list[Clustering]:
    # A floor under the variances keeps a component from collapsing onto tied values.
    models = [GaussianMixture(k, reg_covar=1e-3, max_iter=300, random_state=seed) for k in ks]
    labels = [model.fit_predict(X) for model in models]
    scores = [_densities(model) for model in models]
    return [Clustering(one, other.assign, other) for one, other in zip(labels, scores, strict=True)]


def _ward(X: Matrix, ks: Sequence[int], _seed: int) -> list[Clustering]:
    tree = ward(X)
    each = [fcluster(tree, k, criterion="maxclust") for k in ks]
    return [_nearest(X, labels) for labels in each]


def _birch(X: Matrix, ks: Sequence[int], _seed: int) -> list[Clustering]:
    model = Birch(threshold=RADIUS * np.sqrt(X.shape[1]), n_clusters=None).fit(X)
    found = []
    for k in ks:
        model.set_params(n_clusters=k).partial_fit()  # the tree stays, its leaves are grouped anew
        found.append(_nearest(X, model.predict(X)))
    return found


def _hdbscan(X: Matrix, ks: Sequence[int], _seed: int) -> list[Clustering]:
    """It finds its own number of clusters, whatever is asked for."""
    least = max(5, round(LEAST_SHARE * len(X)))
    if len(X) <= least:
        return [Clustering(np.full(len(X), NOISE), lambda others: np.full(len(others), NOISE), None)] * len(
            ks
        )
    model = HDBSCAN(min_cluster_size=least, min_samples=min(NEIGHBOURS, len(X)), copy=True).fit(X)
    return [Clustering(model.labels_.astype(np.intp), _by_nearest(X, model.labels_), None)] * len(ks)


def _nearest(X: Matrix, labels: Labels) -> Clustering:
    """Everybody at the nearest mean of the groups of a tree: so that what is measured is what others will be given."""
    means = pd.DataFrame(X).groupby(labels).mean().to_numpy()
    found = _by_means(labels, means)
    return found._replace(labels=found.assign(X))


def _by_means(labels: Labels, means: Matrix) -> Clustering:
    nothing = np.zeros((*means.shape, 0))
    scores = Scores(-means, (means**2).sum(axis=1) / 2, nothing, nothing[:, 0])
    return Clustering(labels.astype(np.intp), scores.assign, scores)


def _densities(model: GaussianMixture) -> Scores:
    factors = model.precisions_cholesky_
    shifts = -np.einsum("kd,kdj->kj", model.means_, factors)
    volumes = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    return Scores(np.zeros_like(model.means_), -np.log(model.weights_) - volumes, factors, shifts)


def _by_nearest(X: Matrix, labels: Labels) -> Callable[[Matrix], Labels]:
    """Other customers belong where their nearest neighbour among those in a group does."""
    inside = labels != NOISE
    if not inside.any():
        return lambda others: np.full(len(others), NOISE)
    tree, groups = KDTree(X[inside]), labels[inside]
    return lambda others: groups[tree.query(others)[1]]


ALGORITHMS: dict[str, Callable[..., list[Clustering]]] = {
    "k-means": _k_means,
    "Gaussian mixture": _gaussian_mixture,
    "Ward": _ward,
    "BIRCH": _birch,
    "HDBSCAN": _hdbscan,
}


def clusterings(
    algorithm: str, X: Matrix, ks: Sequence[int], random_state: int, times: Counts | None = None
) -> list[Clustering]:
    """Cluster the rows of `X` into each of `ks` groups that other customers can be assigned to.

    k-means, Ward (1963) and BIRCH (Zhang, Ramakrishnan, Livny 1996) assign everybody to the nearest mean, those whom the last
    two's trees grouped included; a Gaussian mixture to the likeliest component, HDBSCAN (Campello, Moulavi, Sander 2013) as
    the nearest customer in a group. HDBSCAN finds its own number of groups and gives that for every k. The result does not
    depend on the order of the rows.

    Args:
        algorithm: a key of `ALGORITHMS`.
        X: shape (customers, inputs), all of them numbers.
        ks: the numbers of clusters.
        random_state: the seed of the algorithm's own draws.
        times: how often each row counts, shape (customers,); once unless given.

    Returns:
        For each k, a `Clustering`; the order of labels means nothing.

    Raises:
        SegmentError: if a value is missing or infinite, or there are fewer customers than clusters.

    >>> (two,) = clusterings("Ward", np.array([[0.0], [0.1], [9.0]]), [2], 0)
    >>> two.labels.tolist(), two.assign(np.array([[8.0], [1.0]])).tolist()
    ([0, 0, 1], [1, 0])
    """
    _check(X, ks, len(X) if times is None else int(times.sum()))
    if times is not None and algorithm != "k-means":  # which alone takes weights
        repeated = clusterings(algorithm, np.repeat(X, times, axis=0), ks, random_state)
        return [one._replace(labels=one.labels[np.cumsum(times) - times]) for one in repeated]
    order = canonical_order(X)
    weights = {} if times is None else {"times": times[order]}
    with warnings.catch_warnings():
        # A resample can hold fewer different rows than k; the groups not found then count against the stability.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = ALGORITHMS[algorithm](X[order], ks, random_state, **weights)
    back = np.argsort(order)
    return [one._replace(labels=one.labels[back]) for one in found]


def _check(X: Matrix, ks: Sequence[int], customers: int) -> None:
    if not np.isfinite(X).all():
        lacking = int((~np.isfinite(X).all(axis=1)).sum())
        raise SegmentError(
            f"{lacking} of {len(X)} customers have an input that is missing or infinite: leave them out, or fill it in."
        )
    if len(ks) and not 1 <= min(ks) <= max(ks) <= customers:
        raise SegmentError(
            f"{customers} customers cannot be put into {max(ks)} clusters: ask for 1 to {customers}, such as range(2, 11)."
        )


def canonical_order(X: Matrix) -> NDArray[np.intp]:
    """An order of the rows that depends on their values alone: sorted, then shuffled by a fixed seed.

    >>> X = np.array([[3.0], [1.0], [2.0]])
    >>> bool((X[canonical_order(X)] == X[::-1][canonical_order(X[::-1])]).all())
    True
    """
    return np.lexsort(X.T)[np.random.default_rng(0).permutation(len(X))]


def sample_for(algorithm: str, X: Matrix) -> NDArray[np.intp]:
    """Which rows stand for all, sorted: all of them, but for algorithms that are too slow for so many.

    >>> len(sample_for("Ward", np.zeros((5000, 3)))), len(sample_for("k-means", np.zeros((5000, 3))))
    (2000, 5000)
    """
    return np.sort(canonical_order(X)[: AT_MOST.get(algorithm, len(X))])


def cluster_labels(
    algorithm: str, X: Matrix, ks: Sequence[int], random_state: int, times: Counts | None = None
) -> list[Labels]:
    """The labels of `clusterings`, of the same arguments.

    >>> [labels.tolist() for labels in cluster_labels("Ward", np.array([[0.0], [0.1], [9.0]]), [2], 0)]
    [[0, 0, 1]]
    """
    return [one.labels for one in clusterings(algorithm, X, ks, random_state, times)]
