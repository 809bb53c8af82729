"""What customers are clustered by: which features, and on which scale. Skew is handled here, where it can be seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Self

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import skew
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from regulars.features.register import REGISTER
from regulars.segments.rulebooks.definition import SegmentError

Matrix = NDArray[np.float64]

# Revenue comes last: clusters are numbered by it.
RFM = ("recency_days", "frequency", "revenue")
_BASKET = (
    "lines_per_order",
    "categories_bought",
    "top_category_share",
    "discount_share",
    "coupon_order_share",
)
_BEHAVIOUR = ("recency_days", "frequency", "gap_median_days", *_BASKET, "revenue")
INPUT_SETS: dict[str, tuple[str, ...]] = {
    "rfm": RFM,
    "behaviour": _BEHAVIOUR,
    "mixed": ("top_category", "channel", "country", "age_band", *_BEHAVIOUR),
}
AT_MOST_LACKING = 0.2  # of the customers; an input that more of them lack is left out
VALUES = 8  # of a category that count by themselves; all others are one more

# What pandas calls a column of numbers, whatever it is stored as; all others are categories.
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
_AS_THEY_ARE = {
    feature.name for feature in REGISTER if feature.unit in ("share", "flag") or "±" in feature.unit
}


class Term(NamedTuple):
    """One column of the matrix, before it is centred and scaled.

    Attributes:
        column: the feature.
        scale: "ln(1 + x)", "as it is", or "is": one value of a category against the others.
        fill: what counts for a customer who lacks the number: the median.
        value: the value of the category; None stands for all that are not named.
        others: the values that are named.
    """

    column: str
    scale: str
    fill: float = 0.0
    value: str | None = None
    others: tuple[str, ...] = ()

    def values(self, features: pd.DataFrame) -> NDArray[np.float64]:
        """The column, shape (customers,)."""
        if self.scale == "is":
            names = features[self.column].astype("str")
            held = ~names.isin(self.others) if self.value is None else names == self.value
            return held.to_numpy().astype(np.float64)
        numbers = features[self.column].to_numpy(float, na_value=np.nan)
        numbers = np.where(np.isfinite(numbers), numbers, self.fill)
        logs: NDArray[np.float64] = np.log1p(numbers.clip(min=0))
        return logs if self.scale == "ln(1 + x)" else numbers

    def expression(self) -> nw.Expr:
        """The same in the engine."""
        column = nw.col(self.column)
        if self.scale == "is":
            text = column.cast(nw.String)
            known = text.is_in(list(self.others)) if self.value is None else text == self.value
            yes, no = (0.0, 1.0) if self.value is None else (1.0, 0.0)
            return nw.when(known).then(nw.lit(yes)).otherwise(nw.lit(no))
        number = column.cast(nw.Float64)
        if self.column not in RFM:  # who lacks one of these has no cluster, and nothing need be filled in
            number = nw.when(number.is_finite()).then(number).otherwise(nw.lit(self.fill))
        return (number.clip(lower_bound=0) + 1).log() if self.scale == "ln(1 + x)" else number


class Inputs(TransformerMixin, BaseEstimator):
    """Features as a matrix to cluster: amounts, counts and days as ln(1 + x), standardised; shares as they are, standardised.

    Unlogged, a handful of very large customers becomes a cluster of its own. What is below zero, as the revenue of somebody
    who was paid back more than was paid, counts as zero. Each value of a category is an indicator, divided by the root of its
    share (as in multiple correspondence analysis: Greenacre 1984; for mixed data Pagès 2004), so that a category weighs as
    much as a number: all its columns together have variance 1.

    Who lacks recency, frequency or revenue cannot be clustered. Who lacks another number counts as the median customer; an
    input that more than a fifth of the customers lack, or that the shop has not, is left out.

    Args:
        columns: the features; `INPUT_SETS` has three sets.
        logs: whether to take logarithms. Without them the skew stays, as in many tutorials.

    Attributes:
        terms_: the columns of the matrix.
        mean_: what is taken off each of them, shape (terms,).
        scale_: what each is divided by then; 1 where all values are equal.
        table_: one row per feature: its scale, the skewness before and after, and the share of customers who lack it.

    >>> two = pd.DataFrame({"recency_days": [1, 10], "frequency": [1, 5], "revenue": [10.0, 90.0]})
    >>> Inputs().fit_transform(two).round(6).tolist()
    [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]
    """

    def __init__(self, columns: Sequence[str] = RFM, *, logs: bool = True) -> None:
        self.columns = columns
        self.logs = logs

    def fit(self, features: pd.DataFrame, _target: None = None) -> Self:
        """Learn scales, medians and the values of categories from one row per customer.

        Raises:
            SegmentError: if none of the features is there, or nobody has those that must be.
        """
        known = features[self.known(features)]
        if known.empty:
            raise SegmentError(
                f"Nobody has {', '.join(name for name in self.columns if name in RFM)}, so there is nobody to cluster."
            )
        self.table_ = self._described(known)
        kept = self.table_.index[self.table_["scale"] != "left out"]
        if kept.empty:
            raise SegmentError(
                f"Of {', '.join(self.columns)} none is known of {1 - AT_MOST_LACKING:.0%} of the customers."
            )
        self.terms_ = [term for name in kept for term in self._terms(known, name)]
        return self._scaled(known)

    def transform(self, features: pd.DataFrame) -> Matrix:
        """Shape (customers, terms); only customers who are `known` have a meaningful row."""
        check_is_fitted(self)
        return (self._raw(features) - self.mean_) / self.scale_

    def frame(self, features: pd.DataFrame) -> pd.DataFrame:
        """The matrix with names, such as `revenue` or `channel: web`, on the index of `features`."""
        names = [
            f"{term.column}: {term.value or 'other'}" if term.scale == "is" else term.column
            for term in self.terms_
        ]
        return pd.DataFrame(self.transform(features), columns=names, index=features.index)

    def rescaled(self, features: pd.DataFrame) -> Inputs:
        """The same terms on the means and scales of these customers."""
        check_is_fitted(self)
        other = Inputs(self.columns, logs=self.logs)
        other.terms_, other.table_ = self.terms_, self.table_
        return other._scaled(features[self.known(features)])

    def known(self, features: pd.DataFrame) -> pd.Series:
        """Who can be clustered: those with recency, frequency and revenue, as far as these are asked for."""
        needed = features[[name for name in self.columns if name in RFM]]
        finite = np.isfinite(needed.to_numpy(float, na_value=np.nan)).all(axis=1)
        return pd.Series(finite, index=features.index)

    def is_known(self) -> nw.Expr:
        """The same in the engine."""
        needed = [nw.col(name).cast(nw.Float64).is_finite() for name in self.columns if name in RFM]
        return nw.all_horizontal(*needed, ignore_nulls=False) if needed else nw.lit(True)

    def _raw(self, features: pd.DataFrame) -> Matrix:
        # Column by column in memory, so that sums round alike whatever is asked of the matrix.
        return np.asfortranarray(np.column_stack([term.values(features) for term in self.terms_]))

    def _scaled(self, known: pd.DataFrame) -> Self:
        raw = self._raw(known)
        self.mean_ = raw.mean(axis=0)
        # Indicators of a category with m values, each over the root of its share, have variance m - 1 together.
        size = Counter(term.column for term in self.terms_)
        together = np.array([size[term.column] - 1 if term.scale == "is" else 0 for term in self.terms_])
        spread = np.where(together > 0, np.sqrt(together * self.mean_.clip(min=0)), raw.std(axis=0))
        self.scale_ = np.where((np.ptp(raw, axis=0) > 0) & (spread > 0), spread, 1.0)
        return self

    def _described(self, known: pd.DataFrame) -> pd.DataFrame:
        rows = [self._described_one(known, name) for name in self.columns]
        table = pd.DataFrame(rows, columns=["input", "scale", "skew_before", "skew_after", "lacking"])
        return table.set_index("input")

    def _described_one(self, known: pd.DataFrame, name: str) -> tuple[str, str, float, float, float]:
        lacking = float(known[name].isna().mean()) if name in known else 1.0
        if lacking > AT_MOST_LACKING:
            return name, "left out", np.nan, np.nan, lacking
        (first, *_) = terms = self._terms(known, name)
        if first.scale == "is":
            return name, f"a category of {len(terms)}", np.nan, np.nan, lacking
        before, after = (one.values(known) for one in (first._replace(scale="as it is"), first))
        return name, first.scale, _skewness(before), _skewness(after), lacking

    def _terms(self, known: pd.DataFrame, name: str) -> list[Term]:
        kind = pd.api.types.infer_dtype(known[name], skipna=True)
        if kind not in NUMBERS and name not in RFM:
            counts = known[name].dropna().astype("str").value_counts().rename_axis("value").reset_index()
            ordered = counts.sort_values(["count", "value"], ascending=[False, True])["value"].tolist()
            named, has_others = (
                tuple(ordered[:VALUES]),
                len(ordered) > VALUES or bool(known[name].isna().any()),
            )
            return [Term(name, "is", value=one, others=named) for one in (*named, *[None] * has_others)]
        is_logged = self.logs and name not in _AS_THEY_ARE and kind != "boolean"
        numbers = known[name].to_numpy(float, na_value=np.nan)
        return [Term(name, "ln(1 + x)" if is_logged else "as it is", float(np.nanmedian(numbers)))]


def _skewness(values: NDArray[np.float64]) -> float:
    return float(skew(values)) if np.ptp(values) > 0 else 0.0
