"""Rulebooks that are tables of score codes: R×F, three levels, and the classic eleven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import narwhals as nw

from regulars.engine import Frame, in_pandas
from regulars.segments.rfm import RFM
from regulars.segments.rulebooks.codes import (
    CLASSIC_11,
    CLASSIC_11_MEANINGS,
    RXF_GRID,
    RXF_GRID_MEANINGS,
    THREE_LEVEL,
    THREE_LEVEL_MEANINGS,
    Codes,
)
from regulars.segments.rulebooks.definition import Definition, named

RECENT_DAYS, YEAR_DAYS = 180, 365  # the limits of recency that the three-level map was published with


@dataclass(frozen=True)
class Grid:
    """A rulebook in which a segment is a set of score codes.

    Each code belongs to one segment, and all codes to some: so every buyer has exactly one.

    Attributes:
        rfm: the fitted scores.
    """

    rfm: RFM

    column: ClassVar[str]
    features: ClassVar[tuple[str, ...]] = ("recency_days", "frequency", "revenue")
    bins: ClassVar[int]
    codes: ClassVar[Codes]
    meanings: ClassVar[dict[str, str]]

    @classmethod
    def fit(cls, features: Frame) -> Grid:
        """Learn the scores' thresholds from one row per buyer."""
        return cls(RFM(cls.bins).fit(features))

    def scores(self) -> dict[str, nw.Expr]:
        """The scores that stand in a code, in the order of its digits."""
        return self.rfm.scores()

    def expression(self) -> nw.Expr:
        """The segment of each buyer."""
        return self._of(self._code())

    def label(self, frame: Frame, column: str) -> Frame:
        """The frame with the segment as a further column."""
        # An engine would work out the code anew for each segment that it is compared with.
        coded = frame.with_columns(self._code().alias(column))
        return coded.with_columns(self._of(nw.col(column)).alias(column))

    def _code(self) -> nw.Expr:
        """The scores as the digits of a number."""
        code, *others = self.scores().values()
        for score in others:
            code = 10 * code + score
        return code

    def _of(self, code: nw.Expr) -> nw.Expr:
        segment = nw.lit(None, dtype=nw.String)
        for name, codes in self.codes.items():
            segment = nw.when(code.is_in(list(codes))).then(nw.lit(name)).otherwise(segment)
        return segment

    def definitions(self) -> tuple[Definition, ...]:
        """Its segments."""
        return named(self.meanings, self.features, self.expression())

    def empty_scores(self, features: Frame) -> dict[str, list[int]]:
        """The scores that nobody has, because too many customers share a value: score's letter → scores."""
        held = in_pandas(features.select(**self.scores()).unique())
        every = set(range(1, self.bins + 1))
        empty = {score: sorted(every - set(held[score].dropna().astype(int))) for score in self.scores()}
        return {score: scores for score, scores in empty.items() if scores}


class RxFGrid(Grid):
    """The ten segments of the recency × frequency grid, from scores by mid-rank."""

    column = "rxf_grid"
    features = ("recency_days", "frequency")
    bins = 5
    codes: ClassVar[Codes] = {
        name: tuple(int(r + f) for rs, fs in cells for r in rs for f in fs)
        for name, cells in RXF_GRID.items()
    }
    meanings = RXF_GRID_MEANINGS

    def scores(self) -> dict[str, nw.Expr]:
        """Recency and frequency."""
        scores = self.rfm.scores()
        return {"r": scores["r"], "f": scores["f"]}


class Classic11(Grid):
    """The eleven segments of the 125 codes R F M, from scores by mid-rank."""

    column = "classic_11"
    bins = 5
    codes = CLASSIC_11
    meanings = CLASSIC_11_MEANINGS


class ThreeLevel(Grid):
    """The six segments of the 27 codes as published for Klaviyo: recency in days, frequency and money in thirds."""

    column = "three_level"
    bins = 3
    codes = THREE_LEVEL
    meanings = THREE_LEVEL_MEANINGS

    def scores(self) -> dict[str, nw.Expr]:
        """Recency by the published days, frequency and money by mid-rank."""
        days = nw.col("recency_days")
        recency = (
            nw.when(days <= RECENT_DAYS)
            .then(nw.lit(3))
            .when(days <= YEAR_DAYS)
            .then(nw.lit(2))
            .when(days > YEAR_DAYS)
            .then(nw.lit(1))
        )
        return self.rfm.scores() | {"r": recency}
