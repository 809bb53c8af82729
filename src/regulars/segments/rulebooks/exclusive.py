"""The rulebooks that give every buyer exactly one segment, by the names that configurations use."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw

from regulars.engine import Frame
from regulars.segments.rulebooks.codes import (
    CLASSIC_11_MEANINGS,
    RXF_GRID_MEANINGS,
    THREE_LEVEL_MEANINGS,
)
from regulars.segments.rulebooks.four_core import FOUR_CORE_MEANINGS, FourCore
from regulars.segments.rulebooks.grids import Classic11, Grid, RxFGrid, ThreeLevel

RULEBOOKS: dict[str, type[FourCore] | type[Grid]] = {
    "four-core": FourCore,
    "rxf-grid": RxFGrid,
    "three-level": ThreeLevel,
    "classic-11": Classic11,
}

# Rulebook → segment → meaning.
MEANINGS: dict[str, dict[str, str]] = {
    "four-core": FOUR_CORE_MEANINGS,
    "rxf-grid": RXF_GRID_MEANINGS,
    "three-level": THREE_LEVEL_MEANINGS,
    "classic-11": CLASSIC_11_MEANINGS,
}

# The segments whose customers are slipping away, by segmentation, in the words of the pages.
LAPSING = {
    "four_core": ["at-risk"],
    "rxf_grid": ["cant lose", "hibernating"],
    "three_level": ["at risk", "inactive"],
    "classic_11": ["at risk", "cannot lose", "hibernating", "lost"],
}


def segment_by_rules(
    features: Frame, base: Frame | None = None, books: Iterable[str] = tuple(RULEBOOKS)
) -> Frame:
    """Every exclusive rulebook's segment for every customer; missing for one who has never ordered.

    Args:
        features: one row per customer, to be segmented.
        base: the customers that the cut-offs are learned from; `features` itself unless given. Who has never ordered does
            not count.
        books: the rulebooks wanted, keys of `RULEBOOKS`.

    Returns:
        `customer_id` and one column per rulebook, such as `four_core`.

    Raises:
        SegmentError: if four-core is wanted and no customer has ordered on two days.
    """
    buyers = (features if base is None else base).filter(~nw.col("recency_days").is_null())
    fitted = [RULEBOOKS[book].fit(buyers) for book in books]
    for book in fitted:
        features = book.label(features, book.column)
    return features.select("customer_id", *(book.column for book in fitted))
