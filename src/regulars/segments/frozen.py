"""k-means on recency, frequency and revenue that can be kept: one month's clusters, given to another month's customers."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from regulars.segments.clusters import INPUTS, STARTS, Matrix, logarithms
from regulars.segments.rulebooks import SegmentError

TIE = 1e-9  # half squared distances no further apart than this are equal, on whatever machine the logarithms were taken


class RFMKMeans(BaseEstimator):
    """k-means (Lloyd 1982) on the logarithms of recency, frequency and revenue, for a frozen model month over month.

    The inputs are those of `cluster_inputs`. A customer belongs to the nearest centre, and among equally near ones to the
    lower label; label 0 has the largest mean log revenue. Who lacks an input has no label.

    Args:
        k: how many clusters there are.
        random_state: the seed of the starting centres.

    Attributes:
        mean_: means of the logarithms on the fitted base, shape (3,), in the order of `INPUTS`.
        scale_: their standard deviations, shape (3,); 1 where all values are equal.
        cluster_centers_: the centres in standardised logarithms, shape (k, 3).

    >>> june = pd.DataFrame({"recency_days": [1, 2, 90, 99], "frequency": [9, 8, 1, 1], "revenue": [900, 800, 9, 10]})
    >>> july = pd.DataFrame({"recency_days": [31, 3, None], "frequency": [1, 8, 0], "revenue": [20.0, 700.0, 0.0]})
    >>> RFMKMeans(k=2, random_state=0).fit(june).predict(july).tolist()
    [1, 0, <NA>]
    """

    def __init__(self, k: int, random_state: int | None = None) -> None:
        self.k = k
        self.random_state = random_state

    def fit(self, features: pd.DataFrame, _target: None = None) -> RFMKMeans:
        """Learn means, scales and centres from customers with `recency_days`, `frequency` and `revenue`.

        Who lacks one of them, as those who have never ordered lack a recency, does not count.

        Raises:
            SegmentError: if fewer than `k` customers differ.
        """
        X = self._standardised(_complete_logs(features, self.k))
        found = KMeans(self.k, n_init=STARTS, random_state=self.random_state).fit(X)
        revenue = [X[found.labels_ == label, -1].mean() for label in range(self.k)]
        self.cluster_centers_ = found.cluster_centers_[np.argsort(np.negative(revenue), kind="stable")]
        return self

    def rescaled(self, features: pd.DataFrame) -> RFMKMeans:
        """The same centres on new edges: with the means and scales of these customers, and nothing else learned.

        >>> june = pd.DataFrame({"recency_days": [1, 50, 99], "frequency": [9, 2, 1], "revenue": [99, 9, 5]})
        >>> model = RFMKMeans(k=2, random_state=0).fit(june)
        >>> model.rescaled(june.assign(revenue=june["revenue"] * 1000)).predict(june * [1, 1, 1000]).tolist()
        [0, 1, 1]
        """
        check_is_fitted(self)
        other = clone(self)
        other._standardised(_complete_logs(features, 1))
        other.cluster_centers_ = self.cluster_centers_
        return other

    def predict(self, features: pd.DataFrame) -> pd.Series:
        """The customers' clusters, 0 to k − 1 or missing, on the index of `features`: what `expression` gives."""
        weights, offsets = self._affine()
        values = _values(features)
        known = _known(values)
        distances = logarithms(np.where(known[:, None], values, 0.0)) @ weights.T + offsets
        nearest = (distances <= distances.min(axis=1, keepdims=True) + TIE).argmax(axis=1)
        return pd.Series(pd.arrays.IntegerArray(nearest, ~known), index=features.index, name="cluster")

    def expression(self) -> nw.Expr:
        """The same clusters as an expression on the raw columns, for scoring inside an engine."""
        weights, offsets = self._affine()
        columns = [nw.col(name).cast(nw.Float64) for name in INPUTS]
        logs = [(column.clip(lower_bound=0) + 1).log() for column in columns]
        distances = [
            logs[0] * r + logs[1] * f + logs[2] * m + offset
            for (r, f, m), offset in zip(weights.tolist(), offsets.tolist(), strict=True)
        ]
        known = nw.all_horizontal(*(column.is_finite() for column in columns), ignore_nulls=False)
        return nw.when(known).then(_first_least(distances, 0)).cast(nw.Int64)

    def _standardised(self, logs: Matrix) -> Matrix:
        scaler = StandardScaler().fit(logs)
        self.mean_, self.scale_ = scaler.mean_, scaler.scale_
        return scaler.transform(logs)

    def _affine(self) -> tuple[Matrix, NDArray[np.float64]]:
        """Weights of the logarithms and offsets: half the squared distance to each centre, less a part all centres share.

        ½|z − c|² = ½|z|² + ½|c|² − c·z, where z = (log − mean) / scale, so that no squares are left.
        """
        check_is_fitted(self)
        weights = -self.cluster_centers_ / self.scale_
        return weights, (self.cluster_centers_**2).sum(axis=1) / 2 - weights @ self.mean_


def _first_least(distances: list[nw.Expr], first: int) -> nw.Expr:
    """The label of the least of some clusters' distances, which are numbered from `first`; the lower half wins a tie.

    Halving names each distance log₂ k + 1 times, where comparing all with all would name it k times: engines have no names
    for what an expression uses twice, and Spark takes long to plan a long one.
    """
    if len(distances) == 1:
        return nw.lit(first)
    middle = (len(distances) + 1) // 2
    lower, upper = distances[:middle], distances[middle:]
    is_lower = _least(lower) <= _least(upper) + TIE
    return nw.when(is_lower).then(_first_least(lower, first)).otherwise(_first_least(upper, first + middle))


def _least(distances: list[nw.Expr]) -> nw.Expr:
    """The least of some distances; Spark's own takes no single one."""
    return nw.min_horizontal(*distances) if len(distances) > 1 else distances[0]


def _values(features: pd.DataFrame) -> Matrix:
    return features[list(INPUTS)].to_numpy(float, na_value=np.nan)


def _known(values: Matrix) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values).all(axis=1))


def _complete_logs(features: pd.DataFrame, k: int) -> Matrix:
    """Logarithms of the customers who have all inputs, of whom at least k must differ."""
    values = _values(features)
    # Column by column in memory, as pandas has them: then sums round as they do in `cluster_inputs`.
    logs = np.asfortranarray(logarithms(values[_known(values)]))
    if (different := len(np.unique(logs, axis=0))) < k:
        raise SegmentError(
            f"{k} clusters need {k} customers who differ in {', '.join(INPUTS)}, but of {len(values)} there are "
            f"{different}: choose fewer clusters."
        )
    return logs
