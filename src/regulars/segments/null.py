"""Clusters, or a cut through a continuum? The same figures on customers drawn without clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import rankdata

from regulars.segments.clusters import NOISE, Labels, Matrix, canonical_order, cluster_labels, sample_for
from regulars.segments.prediction_strength import prediction_strength
from regulars.segments.stability import bootstrap_jaccard, in_processes

BEATEN = 0.05  # the largest p at which a null is beaten; with nineteen draws none of them may reach the data
FIGURES = ("smallest_jaccard", "prediction_strength")


def gaussian_draw(X: Matrix, rng: np.random.Generator) -> Matrix:
    """As many customers from the multivariate normal with the mean and covariance of `X`.

    It has neither clusters nor the data's skew and ties, so that skew and ties alone can look like clusters beside it.

    >>> gaussian_draw(np.array([[1.0, 7.0], [3.0, 7.0]]), np.random.default_rng(0))[:, 1].tolist()
    [7.0, 7.0]
    """
    covariance = np.atleast_2d(np.cov(X, rowvar=False, bias=True))
    return X.mean(axis=0) + rng.normal(size=X.shape) @ _root(covariance).T


def copula_draw(X: Matrix, rng: np.random.Generator) -> Matrix:
    """As many customers with the marginals and rank correlations of `X` and no further structure: a Gaussian copula.

    Correlated normals are mapped to the data's own values through the inverse of their empirical distribution, so ties
    stay ties. The correlation of the normals is 2 sin(πρ/6) of Spearman's ρ (Pearson 1907), made positive semidefinite by
    taking negative eigenvalues as 0. Mid-ranks of tied values understate ρ, and mapping to tied values would understate it
    again; ρ is therefore corrected for ties as for grouped data.

    >>> X = np.array([[1.0, 7.0], [1.0, 7.0], [5.0, 7.0]])
    >>> sorted(set(copula_draw(X, np.random.default_rng(0)).ravel().tolist()))
    [1.0, 5.0, 7.0]
    """
    root = _root(_latent_correlation(X))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    uniform = ndtr(rng.normal(size=X.shape) @ root.T)
    positions = np.minimum((uniform * len(X)).astype(np.intp), len(X) - 1)
    return np.take_along_axis(np.sort(X, axis=0), positions, axis=0)


def _latent_correlation(X: Matrix) -> Matrix:
    """The correlation of the normals under the copula; an input with one value is correlated with none."""
    ranks = rankdata(X, axis=0)
    deviations = ranks - ranks.mean(axis=0)
    variances = np.maximum((deviations**2).mean(axis=0), 1e-9)
    # What mid-ranks keep of the variance of ranks without ties, (n² − 1) / 12, they keep of the covariance, once per input.
    untied = max((len(X) ** 2 - 1) / 12, 1e-9)
    spearman = untied * (deviations.T @ deviations) / len(X) / np.outer(variances, variances)
    latent = 2 * np.sin(np.pi * spearman.clip(-1, 1) / 6)
    np.fill_diagonal(latent, 1)
    return latent


def _root(matrix: Matrix) -> Matrix:
    """R with R Rᵀ = the matrix, or the nearest positive semidefinite one."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(values.clip(min=0))


KINDS: dict[str, Callable[[Matrix, np.random.Generator], Matrix]] = {
    "copula": copula_draw,
    "gaussian": gaussian_draw,
}


def null_test(
    algorithm: str,
    X: Matrix,
    ks: Sequence[int],
    *,
    draws: int,
    bootstraps: int,
    splits: int,
    random_state: int,
    kind: str = "copula",
    sample: int | None = 1000,
    enough: int | None = None,
    processes: int = 1,
) -> pd.DataFrame:
    """Whether clusters are more stable, or better foretold, than those of customers drawn without clusters.

    p = (1 + draws that reach the data's figure) / (1 + draws), a Monte Carlo test (Barnard 1963; Davison, Hinkley 1997,
    ch. 4). Each p is one test: over several k and figures some p is at most .05 more often than one time in twenty, so
    call a clustering one of clusters where both of its figures beat the draws.

    Groups so far apart that each marginal alone shows them leave gaps in the marginals of the copula's draws, which then
    fall into as stable groups of their own: such groups can fail to beat it. They beat the Gaussian draws. Neither null knows
    that of the indicators of a category a customer has one: with categories among the inputs p is only a guide.

    Args:
        algorithm: a key of `regulars.segments.clusters.ALGORITHMS`.
        X: shape (customers, inputs).
        ks: the numbers of clusters.
        draws: how many times to draw customers without clusters; 19 make .05 the smallest p.
        bootstraps: resamples behind the stability.
        splits: halvings behind the prediction strength.
        random_state: seed of everything.
        kind: a key of `KINDS`.
        sample: at most so many customers, drawn once, stand for all, in the data's figures too; None takes all. Fewer
            customers make every figure noisier: p stays valid, but weak clusters that all customers would show can be
            missed, and a cluster of few customers can be absent.
        enough: after so many draws that reached one of a clustering's figures its answer is known, and it is drawn no more
            (Besag, Clifford 1991); None draws all.
        processes: how many to share the work; the result does not depend on it.

    Returns:
        One row per k: `k`, and for `smallest_jaccard` and `prediction_strength` the data's figure, the mean of the draws
        (`_null`) and the p-value (`_p`). A figure is missing, and so is its p, where the algorithm finds fewer than k
        groups; a draw without k groups counts as one that reached the data's figure. Of HDBSCAN, which finds its own
        number, a draw's figures are those of what it finds there, and 0 where it finds no two groups.

    >>> X = 6 * np.eye(3)[np.arange(60) % 3] + np.random.default_rng(0).normal(size=(60, 3))
    >>> settings = {"draws": 19, "bootstraps": 5, "splits": 5, "random_state": 0, "kind": "gaussian"}
    >>> null_test("Ward", X, [3], **settings)[["prediction_strength", "prediction_strength_p"]].round(2).values.tolist()
    [[1.0, 0.05]]
    """
    X = X[canonical_order(X)]
    if sample is not None and len(X) > sample:
        X = X[np.sort(np.random.default_rng(random_state).choice(len(X), sample, replace=False))]
    settings = (ks, bootstraps, splits, random_state)
    data = _figures(algorithm, X, *settings)
    null = np.empty((0, *data.shape))
    while len(null) < draws and not _known(null, data, enough):
        batch = range(len(null), min(len(null) + processes, draws))
        # A pair of seeds: the draws share no random numbers with resamples and splits, which count up from the first.
        drawn = (
            (algorithm, KINDS[kind](X, np.random.default_rng([random_state, d])), *settings) for d in batch
        )
        for one in in_processes(processes, _figures, drawn):
            null = null if _known(null, data, enough) else np.append(null, [one], axis=0)
    p = np.where(np.isnan(data), np.nan, (1 + _reached(null, data)) / (1 + len(null)))
    table = pd.DataFrame({"k": ks})
    for i, name in enumerate(FIGURES):
        null_mean = pd.DataFrame(null[:, i]).mean()
        table = table.assign(**{name: data[i], f"{name}_null": null_mean, f"{name}_p": p[i]})
    return table


def _reached(null: Matrix, data: Matrix) -> NDArray[np.int64]:
    return (np.isnan(null) | (null >= data)).sum(axis=0)


def _known(null: Matrix, data: Matrix, enough: int | None) -> bool:
    """Whether nothing more can be learnt of any k: it was not found, or enough draws reached one of its figures."""
    reached = (_reached(null, data) >= enough).any(axis=0) if enough else np.zeros(data.shape[1], dtype=bool)
    return bool((np.isnan(data).any(axis=0) | reached).all())


def _figures(
    algorithm: str, X: Matrix, ks: Sequence[int], bootstraps: int, splits: int, random_state: int
) -> Matrix:
    """For each k, the smallest Jaccard and the prediction strength, shape (2, ks); missing where k groups are not found."""
    possible = [k for k in ks if k <= len(X)]
    labels = cluster_labels(algorithm, X, possible, random_state) if possible else []
    finds_own = algorithm == "HDBSCAN"
    figures = np.full((len(FIGURES), len(ks)), np.nan)
    for k, one in zip(possible, labels, strict=True):
        groups = len(np.unique(one[one != NOISE]))
        if finds_own and groups < 2:
            figures[:, list(ks).index(k)] = 0
        if groups == k or (finds_own and groups > 1):
            figures[:, list(ks).index(k)] = _figures_of(
                algorithm, X, groups, one, bootstraps, splits, random_state
            )
    return figures


def _figures_of(
    algorithm: str, X: Matrix, k: int, labels: Labels, bootstraps: int, splits: int, random_state: int
) -> tuple[float, float]:
    (again,) = bootstrap_jaccard(
        algorithm, X, [k], [labels], bootstraps=bootstraps, random_state=random_state
    )
    (strength,) = prediction_strength(algorithm, X, [k], splits=splits, random_state=random_state)
    # A cluster that no resample drew has no stability, and then neither has the weakest.
    return pd.DataFrame(again).mean().min(skipna=False), strength.mean()


def held_against_nulls(
    algorithm: str, X: Matrix, k: int, *, draws: int = 19, random_state: int, processes: int = 1
) -> dict[str, float]:
    """`copula_p` and `gaussian_p`: the larger of both figures' p in `null_test`, with eight resamples and four halvings.

    After three draws that reached the data's figure the answer is known. Slow algorithms see a sample.

    >>> X = 6 * np.eye(3)[np.arange(60) % 3] + np.random.default_rng(0).normal(size=(60, 3))
    >>> held_against_nulls("k-means", X, 3, random_state=0)["gaussian_p"]
    0.05
    """
    found = {}
    for kind in KINDS:
        test = null_test(
            algorithm,
            X[sample_for(algorithm, X)],
            [k],
            draws=draws,
            bootstraps=8,
            splits=4,
            random_state=random_state,
            kind=kind,
            sample=None,
            enough=3,
            processes=processes,
        )
        found[f"{kind}_p"] = float(test[["smallest_jaccard_p", "prediction_strength_p"]].to_numpy().max())
    return found


def more_than_a_cut(copula_p: float, gaussian_p: float) -> bool:
    """Whether clusters beat both nulls, and so are not a cut through a continuum.

    The Gaussian alone would certify skew and ties, the copula alone whatever its own draws happen to lack.

    >>> more_than_a_cut(0.05, 0.05), more_than_a_cut(0.3, 0.05)
    (True, False)
    """
    return max(copula_p, gaussian_p) <= BEATEN
