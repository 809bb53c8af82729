"""Who contends: the best clustering of each algorithm, the rulebooks, and tenths of past spending, all as estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import narwhals as nw
import pandas as pd
from sklearn.base import BaseEstimator

from regulars.engine import Frame, in_pandas
from regulars.segments.comparison import ranked
from regulars.segments.frozen import ClusterModel
from regulars.segments.inputs import RFM
from regulars.segments.rfm import mid_rank_thresholds, rank_expression
from regulars.segments.rulebooks.exclusive import RULEBOOKS

TENTHS = "tenths of spending"


class Tenths(NamedTuple):
    """Tenths by past spending, in the way of a fitted rulebook."""

    thresholds: list[tuple[float, int]]

    @classmethod
    def fit(cls, base: Frame) -> Tenths:
        """Cut-offs by mid-rank, so that equal values share a tenth."""
        return cls(mid_rank_thresholds(base, "revenue", 10))

    @property
    def features(self) -> tuple[str, ...]:
        """What they are made of."""
        return ("revenue",)

    def label(self, frame: Frame, column: str) -> Frame:
        """The frame with each customer's tenth, 1 to 10."""
        return frame.with_columns(rank_expression("revenue", self.thresholds).alias(column))


class Rules(BaseEstimator):
    """A rulebook, or tenths by past spending, as an estimator: its cut-offs are learned by `fit`.

    Args:
        book: a key of `RULEBOOKS`, or `TENTHS`.

    >>> base = pd.DataFrame({"recency_days": 1, "revenue": [1.0, 5.0, 9.0]})
    >>> Rules(TENTHS).fit(base).predict(base).tolist()
    [2, 6, 9]
    """

    def __init__(self, book: str) -> None:
        self.book = book

    def fit(self, features: pd.DataFrame, _target: None = None) -> Self:
        """Learn the cut-offs from one row per customer."""
        base = nw.from_native(features).lazy().filter(~nw.col("recency_days").is_null())
        self.fitted_ = Tenths.fit(base) if self.book == TENTHS else RULEBOOKS[self.book].fit(base)
        return self

    def predict(self, features: pd.DataFrame) -> pd.Series:
        """The customers' segments, on the index of `features`."""
        frame = nw.from_native(features[list(self.fitted_.features)]).lazy()
        return in_pandas(self.fitted_.label(frame, "segment"))["segment"].set_axis(features.index)


def contenders(
    comparison: pd.DataFrame,
    minimum_share: float,
    *,
    columns: Sequence[str] = RFM,
    books: Sequence[str] = tuple(RULEBOOKS),
    random_state: int = 0,
) -> dict[str, ClusterModel | Rules]:
    """The best of each algorithm by the rule of `ranked`, the rulebooks, and tenths by past spending: not yet fitted.

    >>> table = pd.DataFrame({"algorithm": ["Ward", "Ward"], "k": [2, 3], "jaccard_low": [0.9, 0.8]})
    >>> list(contenders(table.assign(silhouette=0.3, smallest_share=0.2, noise_share=0), 0.03, books=["four-core"]))
    ['Ward, 3 clusters', 'four-core', 'tenths of spending']
    """
    best = ranked(comparison, minimum_share).drop_duplicates("algorithm")
    clustered: dict[str, ClusterModel | Rules] = {
        f"{algorithm}, {k} clusters": ClusterModel(
            int(k), str(algorithm), columns=columns, random_state=random_state
        )
        for algorithm, k in zip(best["algorithm"], best["k"], strict=True)
    }
    return clustered | {book: Rules(book) for book in (*books, TENTHS)}
