"""RFM scores that do not depend on the order of rows.

Half of a shop's customers can share one frequency. Quantile bins fail on such ties, and breaking them by row order
gives equal customers different scores. Here a score is a function of the value: its mid-rank on the fitted base.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from regulars.engine import in_pandas

SCORED = {"r": "recency_days", "f": "frequency", "m": "revenue"}


class RFM(BaseEstimator):
    """Recency, frequency and monetary scores from 1 (worst) to `bins` (best).

    With n fitted customers, a value v has the mid-rank u(v) = (#{values < v} + ½ #{values = v}) / n and the score
    1 + ⌊bins · u(v)⌋; recency counts downwards. Customers with equal values get equal scores. The thresholds that
    `fit` learns can score another month's customers. Some score may stay empty when many customers share a value.

    Args:
        bins: how many scores there are.

    Attributes:
        thresholds_: for each of r, f, m: the fitted values from which the next higher rank begins, ascending.

    >>> import pandas as pd
    >>> base = pd.DataFrame({"recency_days": [1, 30, 60, 90], "frequency": [9, 1, 1, 1], "revenue": [90, 10, 20, 30]})
    >>> RFM(bins=2).fit(base).transform(base)[["r", "f", "m"]].to_numpy().tolist()
    [[2, 2, 2], [2, 1, 1], [1, 1, 1], [1, 1, 2]]
    """

    def __init__(self, bins: int = 5) -> None:
        self.bins = bins

    def fit(self, frame: Any, _target: None = None) -> RFM:
        """Learn the thresholds from customers with `recency_days`, `frequency` and `revenue` (any Narwhals frame).

        Who has never ordered has no recency, and does not count.
        """
        lazy = nw.from_native(frame, pass_through=False).lazy().filter(~nw.col("recency_days").is_null())
        self.thresholds_ = {
            score: mid_rank_thresholds(lazy, name, self.bins) for score, name in SCORED.items()
        }
        return self

    def transform(self, frame: Any) -> Any:
        """The same frame, of the same kind, with the columns `r`, `f` and `m`."""
        check_is_fitted(self)
        return nw.from_native(frame, pass_through=False).with_columns(**self.scores()).to_native()

    def scores(self) -> dict[str, nw.Expr]:
        """The scores as expressions, for scoring inside an engine."""
        ranks = {score: rank_expression(name, self.thresholds_[score]) for score, name in SCORED.items()}
        return ranks | {"r": self.bins + 1 - ranks["r"]}


def mid_rank_thresholds(frame: nw.LazyFrame[Any], name: str, bins: int) -> list[tuple[float, int]]:
    """The smallest fitted value of each rank above the first, as (value, rank), ascending.

    Ranks are computed in whole numbers: ⌊bins · (2 · below + same) / (2 · n)⌋.
    """
    table = _counts(frame, name)
    same = table["same"]
    below = same.cumsum() - same
    rank = (bins * (2 * below + same) // (2 * same.sum())).clip(upper=bins - 1) + 1
    firsts = table.assign(rank=rank).groupby("rank")[name].min()
    return [
        (float(value), step) for step, value in zip(firsts.index.tolist(), firsts, strict=True) if step > 1
    ]


def percentile(frame: nw.LazyFrame[Any], name: str, percent: int) -> float | None:
    """The smallest fitted value that at least `percent` of a hundred rows do not exceed; None if there is no value.

    It is one of the values, never between two, so that replicating all rows does not move it (the inverse of the
    empirical distribution function: definition 1 of Hyndman and Fan 1996).

    >>> import pandas as pd
    >>> gaps = nw.from_native(pd.DataFrame({"gap": [1.0, 2.0, 3.0, 9.0, None]})).lazy()
    >>> percentile(gaps, "gap", 75)
    3.0
    """
    table = _counts(frame, name)
    if table.empty:
        return None
    at_most = table["same"].cumsum()
    return float(table[name][100 * at_most >= percent * table["same"].sum()].iloc[0])


def _counts(frame: nw.LazyFrame[Any], name: str) -> pd.DataFrame:
    """The values of a column that are there, ascending, and how many rows have each (`same`)."""
    counts = frame.filter(~nw.col(name).is_null()).group_by(name).agg(same=nw.len())
    return in_pandas(counts).sort_values(name).astype({"same": "int64"})


def rank_expression(name: str, thresholds: list[tuple[float, int]]) -> nw.Expr:
    """The rank of a value among fitted thresholds; missing stays missing."""
    rank: nw.Expr = nw.when(~nw.col(name).is_null()).then(nw.lit(1))
    for value, step in thresholds:
        rank = nw.when(nw.col(name) >= value).then(nw.lit(step)).otherwise(rank)
    return rank
