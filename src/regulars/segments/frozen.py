"""A clustering that can be kept: one month's clusters, given to another month's customers, in pandas and in the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from regulars.engine import Frame
from regulars.segments.clusters import NOISE, Labels, Matrix, Scores, clusterings, sample_for
from regulars.segments.inputs import RFM, Inputs
from regulars.segments.rulebooks.definition import SegmentError

TIE = 1e-9  # scores no further apart than this are equal, on whatever machine the logarithms were taken


class ClusterModel(BaseEstimator):
    """One of the clusterings of `regulars.segments.clusters` on a base, which scores any other base.

    A customer belongs to the cluster of the least score: the nearest mean, or the likeliest component of a Gaussian mixture;
    among equal ones to the lower label. Label 0 has the largest mean of the last input, revenue. Who lacks recency,
    frequency or revenue has no label. HDBSCAN puts a customer where the nearest customer in a group is, and an engine
    cannot.

    Args:
        k: how many clusters there are; HDBSCAN finds its own number.
        algorithm: a key of `regulars.segments.clusters.ALGORITHMS`.
        columns: the features, as of `Inputs`.
        logs: whether to take logarithms, as of `Inputs`.
        random_state: the seed of the algorithm.

    Attributes:
        inputs_: the fitted `Inputs`.
        scores_: the fitted `Scores`, one per cluster; None of HDBSCAN.
        labels_: clusters of the fitted customers as the algorithm has them, indexed by customer; `NOISE` for who is in none.
            Of algorithms that are slow, those of a sample (`regulars.segments.clusters.AT_MOST`).

    >>> june = pd.DataFrame({"recency_days": [1, 2, 90, 99], "frequency": [9, 8, 1, 1], "revenue": [900, 800, 9, 10]})
    >>> july = pd.DataFrame({"recency_days": [31, 3, None], "frequency": [1, 8, 0], "revenue": [20.0, 700.0, 0.0]})
    >>> ClusterModel(k=2).fit(june).predict(july).tolist()
    [1, 0, <NA>]
    """

    def __init__(
        self,
        k: int,
        algorithm: str = "k-means",
        *,
        columns: Sequence[str] = RFM,
        logs: bool = True,
        random_state: int = 0,
    ) -> None:
        self.k = k
        self.algorithm = algorithm
        self.columns = columns
        self.logs = logs
        self.random_state = random_state

    def fit(self, features: pd.DataFrame, _target: None = None) -> Self:
        """Learn scales and clusters from one row per customer. Who lacks an input that must be there does not count.

        Raises:
            SegmentError: if fewer than `k` customers differ.
        """
        self.inputs_ = Inputs(self.columns, logs=self.logs).fit(features)
        customers = features.index[self.inputs_.known(features)]
        X = self.inputs_.transform(features.loc[self.inputs_.known(features)])
        self._check_differing(len(features), len(np.unique(X, axis=0)))
        rows = sample_for(self.algorithm, X)
        (found,) = clusterings(self.algorithm, X[rows], [self.k], self.random_state)
        new = by_last_input(found.labels, X[rows])
        self.clustering_, self.numbers_ = found, new
        self.labels_ = pd.Series(renumbered(found.labels, new), index=customers[rows], name="cluster")
        self.scores_ = None if found.scores is None else _reordered(found.scores, new)
        return self

    def rescaled(self, features: pd.DataFrame) -> ClusterModel:
        """The same clusters on new edges: with the means and scales of these customers, and nothing else learned.

        >>> june = pd.DataFrame({"recency_days": [1, 50, 99], "frequency": [9, 2, 1], "revenue": [99, 9, 5]})
        >>> model = ClusterModel(k=2).fit(june)
        >>> model.rescaled(june.assign(revenue=june["revenue"] * 1000)).predict(june * [1, 1, 1000]).tolist()
        [0, 1, 1]
        """
        check_is_fitted(self)
        other = clone(self)
        other.inputs_ = self.inputs_.rescaled(features)
        for name in ("scores_", "labels_", "clustering_", "numbers_"):
            setattr(other, name, getattr(self, name))
        return other

    def predict(self, features: pd.DataFrame) -> pd.Series:
        """The customers' clusters, 0 to k − 1 or missing, on the index of `features`: what `label` gives."""
        check_is_fitted(self)
        known = self.inputs_.known(features)
        X, found = self.inputs_.transform(features[known]), np.zeros(len(features), dtype=np.int64)
        if self.scores_ is None:
            found[known] = renumbered(self.clustering_.assign(X), self.numbers_)
        else:
            distances = self.scores_.of(X)
            found[known] = (distances <= distances.min(axis=1, keepdims=True) + TIE).argmax(axis=1)
        return pd.Series(
            pd.arrays.IntegerArray(found, ~known.to_numpy()), index=features.index, name="cluster"
        )

    def label(self, frame: Frame, column: str = "cluster") -> Frame:
        """The frame with the same clusters as a further column, worked out inside its engine.

        In steps, so that no logarithm and no score is worked out twice: engines have no names for what an expression repeats.
        """
        scores, mean, scale = self._scores(), self.inputs_.mean_.tolist(), self.inputs_.scale_.tolist()
        standardised = {
            f"_z{i}": (term.expression() - mean[i]) / scale[i] for i, term in enumerate(self.inputs_.terms_)
        }
        roots = {
            f"_root{c}_{j}": _affine(standardised, scores.factors[c, :, j], scores.shifts[c, j])
            for c in range(len(scores.offsets))
            for j in range(scores.shifts.shape[1])
        }
        each = {}
        for c, offset in enumerate(scores.offsets):
            squares = [nw.col(name) * nw.col(name) * 0.5 for name in roots if name.startswith(f"_root{c}_")]
            each[f"_score{c}"] = sum(squares, _affine(standardised, scores.weights[c], offset))
        nearest = _first_least([nw.col(name) for name in each], 0)
        label = nw.when(self.inputs_.is_known()).then(nearest).cast(nw.Int64).alias(column)
        for step in (standardised, roots, each):
            frame = frame.with_columns(**step) if step else frame
        return frame.with_columns(label).drop(*standardised, *roots, *each)

    def _scores(self) -> Scores:
        check_is_fitted(self)
        if self.scores_ is None:
            raise SegmentError(
                f"{self.algorithm} has no formula for where a customer belongs, so that no engine can place customers: take "
                "k-means, or a `Surrogate`."
            )
        return self.scores_

    def _check_differing(self, customers: int, different: int) -> None:
        if different < self.k:
            raise SegmentError(
                f"{self.k} clusters need {self.k} customers who differ in {', '.join(self.columns)}, but of {customers} "
                f"there are {different}: choose fewer clusters."
            )


def by_last_input(labels: Labels, X: Matrix) -> dict[int, int]:
    """New numbers for labels: by the mean of the last input, largest first, so that a seed does not decide their order.

    >>> by_last_input(np.array([0, 0, 1, NOISE]), np.array([[1.0], [2.0], [9.0], [99.0]]))
    {1: 0, 0: 1}
    """
    means = {int(label): X[labels == label, -1].mean() for label in np.unique(labels) if label != NOISE}
    return {label: i for i, label in enumerate(sorted(means, key=lambda label: -means[label]))}


def renumbered(labels: Labels, new: dict[int, int]) -> Labels:
    """The labels by their new numbers; `NOISE` stays."""
    return np.array([new.get(label, NOISE) for label in labels.tolist()], dtype=np.intp)


def _reordered(scores: Scores, new: dict[int, int]) -> Scores:
    order = sorted(new, key=lambda label: new[label])
    return Scores(*(part[order] for part in scores))


def _affine(columns: Iterable[str], weights: NDArray[np.float64], offset: float) -> nw.Expr:
    """Σ weights · columns + offset."""
    pairs = zip(columns, weights.tolist(), strict=True)
    return sum((nw.col(name) * weight for name, weight in pairs if weight), nw.lit(float(offset)))


def _first_least(distances: list[nw.Expr], first: int) -> nw.Expr:
    """The label of the least of some clusters' scores, which are numbered from `first`; the lower half wins a tie.

    Halving names each score log₂ k + 1 times, where comparing all with all would name it k times.
    """
    if len(distances) == 1:
        return nw.lit(first)
    middle = (len(distances) + 1) // 2
    lower, upper = distances[:middle], distances[middle:]
    is_lower = _least(lower) <= _least(upper) + TIE
    return nw.when(is_lower).then(_first_least(lower, first)).otherwise(_first_least(upper, first + middle))


def _least(distances: list[nw.Expr]) -> nw.Expr:
    """The least of some scores; Spark's own takes no single one."""
    return nw.min_horizontal(*distances) if len(distances) > 1 else distances[0]
