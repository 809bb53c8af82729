"""Segments by rule. A rulebook learns its cut-offs from a base and then is an expression on features."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import narwhals as nw

from regulars.engine import Frame
from regulars.errors import RegularsError
from regulars.segments.rfm import RFM, mid_rank_thresholds, rank_expression

# The R×F grid that most RFM notebooks use: for each segment, its (recency, frequency) scores. 25 codes, no overlap.
RXF_GRID: dict[str, list[tuple[str, str]]] = {
    "champions": [("5", "45")],
    "loyal": [("34", "45")],
    "potential_loyalist": [("45", "23")],
    "new": [("5", "1")],
    "promising": [("4", "1")],
    "need_attention": [("3", "3")],
    "about_to_sleep": [("3", "12")],
    "cant_lose": [("12", "5")],
    "at_risk": [("12", "34")],
    "hibernating": [("12", "12")],
}

FOUR_CORE_MEANINGS = {
    "new": "first order within the late limit, after enough observed history without one",
    "returning": "at least two orders, the last one within the late limit",
    "high-value repeat": "returning, and among the top fifth by revenue so far",
    "at-risk": "no order for longer than the late limit",
    "too early to tell": "one order so far, and too little history before it to call the customer new",
}


NEW_NEEDS_DAYS = 90  # with less history before a first order, an earlier one may just not have been recorded


# The segments whose customers are slipping away, by segmentation, in the words of the pages.
LAPSING = {"four_core": ["at-risk"], "rxf_grid": ["cant lose", "hibernating"]}


class SegmentError(RegularsError):
    """A base that cannot be segmented."""


class Rulebook(Protocol):
    """What a fitted rulebook offers: its name as a column, and the segment as an expression on features."""

    column: str

    def expression(self) -> nw.Expr: ...


class FourCore(NamedTuple):
    """The four segments that every shop talks about: new, returning, high-value repeat, at-risk.

    The cut-offs are relative to the base's own rhythm. The late limit is the 95th percentile, over customers, of the mean
    gap between days with an order: longer than 95 % of customers usually wait. A customer is new only if at least
    a late limit, and at least `NEW_NEEDS_DAYS`, of history was observed before the first order.

    Attributes:
        late_days: the late limit, in days.
        value_thresholds: from `mid_rank_thresholds` of revenue, in fifths.
    """

    late_days: float
    value_thresholds: list[tuple[float, int]]
    column: str = "four_core"

    @classmethod
    def fit(cls, features: Frame) -> FourCore:
        """Learn the cut-offs from one row per customer with `gap_mean_days` and `revenue`.

        Raises:
            SegmentError: if no customer has ordered on two days, so that there is no gap to learn from.
        """
        gaps = features.select(nw.col("gap_mean_days").quantile(0.95, interpolation="linear"))
        late = gaps.collect("pandas").to_native().iloc[0, 0]
        if late != late or late is None:
            raise SegmentError(
                "No customer has ordered on two different days yet, so nobody can be called late."
            )
        return cls(round(float(late), 1), mid_rank_thresholds(features, "revenue", 5))

    def expression(self) -> nw.Expr:
        """The segment of each customer: exactly one of `FOUR_CORE_MEANINGS`."""
        late, tenure = nw.col("recency_days") > self.late_days, nw.col("tenure_days")
        first_is_recent = tenure <= self.late_days
        observed = nw.col("observed_before_first_days") >= max(self.late_days, NEW_NEEDS_DAYS)
        top_fifth = rank_expression("revenue", self.value_thresholds) == 5
        return (
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


class RxFGrid(NamedTuple):
    """The ten segments of the recency × frequency grid, from scores by mid-rank."""

    rfm: RFM
    column: str = "rxf_grid"

    @classmethod
    def fit(cls, features: Frame) -> RxFGrid:
        """Learn the scores' thresholds from one row per customer."""
        return cls(RFM().fit(features))

    def expression(self) -> nw.Expr:
        """The segment of each customer."""
        scores = self.rfm.scores()
        segment = nw.lit(None, dtype=nw.String)
        for name, codes in RXF_GRID.items():
            for recencies, frequencies in codes:
                inside = scores["r"].is_in([int(r) for r in recencies]) & scores["f"].is_in(
                    [int(f) for f in frequencies]
                )
                segment = nw.when(inside).then(nw.lit(name)).otherwise(segment)
        return segment


RULEBOOKS: dict[str, type[FourCore] | type[RxFGrid]] = {"four-core": FourCore, "rxf-grid": RxFGrid}


def segment_by_rules(features: Frame, base: Frame | None = None) -> Frame:
    """Every rulebook's segment for every customer.

    Args:
        features: one row per customer, to be segmented.
        base: the customers that the cut-offs are learned from; `features` itself unless given.

    Returns:
        `customer_id` and one column per rulebook.
    """
    fitted = [rulebook.fit(features if base is None else base) for rulebook in RULEBOOKS.values()]
    return features.select("customer_id", **{book.column: book.expression() for book in fitted})
