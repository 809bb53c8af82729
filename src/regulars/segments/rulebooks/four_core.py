"""The four segments that every shop talks about, by limits of the shop's own rhythm."""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw

from regulars.engine import Frame
from regulars.segments.rfm import mid_rank_thresholds, percentile, rank_expression
from regulars.segments.rulebooks.definition import Definition, SegmentError, named

FOUR_CORE_MEANINGS = {
    "new": "first order within the late limit, after enough observed history without one",
    "returning": "at least two orders, the last one within the late limit",
    "high-value repeat": "returning, and among the top fifth by revenue so far",
    "at-risk": "no order for longer than the late limit",
    "too early to tell": "one order so far, and too little history before it to call the customer new",
}

NEW_NEEDS_DAYS = 90  # with less history before a first order, an earlier one may just not have been recorded


class FourCore(NamedTuple):
    """New, returning, high-value repeat, at-risk.

    The cut-offs are relative to the base's own rhythm. The late limit is the 95th percentile, over customers, of the mean
    gap between days with an order: 95 % of customers usually do not wait longer. A customer is new only if at least
    a late limit, and at least `NEW_NEEDS_DAYS`, of history was observed before the first order.

    Attributes:
        late_days: the late limit, in days.
        value_thresholds: from `mid_rank_thresholds` of revenue, in fifths.
        column: the rulebook as a column.
        features: what the segments are made of.
    """

    late_days: float
    value_thresholds: list[tuple[float, int]]
    column: str = "four_core"
    features: tuple[str, ...] = (
        "recency_days",
        "tenure_days",
        "observed_before_first_days",
        "frequency",
        "revenue",
    )

    @classmethod
    def fit(cls, features: Frame) -> FourCore:
        """Learn the cut-offs from one row per buyer with `gap_mean_days` and `revenue`.

        Raises:
            SegmentError: if no customer has ordered on two days, so that there is no gap to learn from.
        """
        late = percentile(features, "gap_mean_days", 95)
        if late is None:
            raise SegmentError(
                "No customer has ordered on two different days yet, so nobody can be called late."
            )
        return cls(round(late, 1), mid_rank_thresholds(features, "revenue", 5))

    def expression(self) -> nw.Expr:
        """The segment of each buyer: exactly one of `FOUR_CORE_MEANINGS`."""
        late, tenure = nw.col("recency_days") > self.late_days, nw.col("tenure_days")
        first_is_recent = tenure <= self.late_days
        observed = nw.col("observed_before_first_days") >= max(self.late_days, NEW_NEEDS_DAYS)
        top_fifth = rank_expression("revenue", self.value_thresholds) == 5
        segment = (
            nw.when(late)
            .then(nw.lit("at-risk"))
            .when(first_is_recent & observed)
            .then(nw.lit("new"))
            .when(nw.col("frequency") < 2)
            .then(nw.lit("too early to tell"))
            .when(top_fifth)
            .then(nw.lit("high-value repeat"))
            .otherwise(nw.lit("returning"))
        )
        return nw.when(~nw.col("recency_days").is_null()).then(segment)

    def label(self, frame: Frame, column: str) -> Frame:
        """The frame with the segment as a further column."""
        return frame.with_columns(self.expression().alias(column))

    def definitions(self) -> tuple[Definition, ...]:
        """Its segments."""
        return named(FOUR_CORE_MEANINGS, self.features, self.expression())
