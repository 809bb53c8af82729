"""The segments that may overlap: the behavioural ones and the shop's own hybrids, as flags of every customer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

import narwhals as nw
import pandas as pd

from regulars.config.rules import Hybrid
from regulars.config.shop import Segments
from regulars.engine import Frame, in_pandas
from regulars.segments.rulebooks.behavioural import BEHAVIOURAL, Behavioural
from regulars.segments.rulebooks.definition import (
    Definition,
    Rulebook,
    SegmentError,
    definition_table,
)
from regulars.segments.rulebooks.exclusive import MEANINGS, RULEBOOKS
from regulars.segments.rulebooks.hybrids import check_hybrids, compile_hybrid, used_by

# Rulebook → its segments: all that a hybrid may name.
SEGMENT_NAMES: dict[str, tuple[str, ...]] = {
    **{book: tuple(meanings) for book, meanings in MEANINGS.items()},
    "behavioural": BEHAVIOURAL,
}


class Overlapping(NamedTuple):
    """Segments that may overlap.

    Attributes:
        frame: `customer_id`, and a flag (never missing) for each segment that is given.
        table: one row per segment, given or not: `rulebook`, `segment`, `meaning`, `features`, `needs`, `customers` (missing
            if it cannot be had) and `status`: empty if the segment is given, else why it is not.
    """

    frame: Frame
    table: pd.DataFrame


def check_segments(config: Segments) -> None:
    """Say what is wrong with the hybrids of a configuration, before any data are read.

    Raises:
        SegmentError: naming the hybrid, and the nearest feature, rulebook or segment that exists.
    """
    check_hybrids(config.hybrids, SEGMENT_NAMES)


def overlapping_segments(
    features: Frame,
    base: Frame | None = None,
    config: Segments | None = None,
    tables: Collection[str] | None = None,
) -> Overlapping:
    """The behavioural segments and the hybrids of every customer, those who have never ordered included.

    A segment is not given if a staged table that it needs is not there, if a feature that it needs is known of no
    customer, or if it is a hybrid with too few customers; the table says so.

    Args:
        features: one row per customer, buyers and those who only looked.
        base: the customers from whom the limits are learned; `features` itself unless given.
        config: the shop's `segments`; the defaults unless given.
        tables: the staged tables that there are; all, unless given.

    Raises:
        SegmentError: if a hybrid names what does not exist.
    """
    config = config or Segments()
    check_segments(config)
    base = features if base is None else base
    behavioural = Behavioural.fit(base, config.behavioural).definitions()
    books, failed = _needed_books(config.hybrids, base)
    hybrids = [compile_hybrid(one, behavioural, failed) for one in config.hybrids]
    everything = (*behavioural, *hybrids)
    minima = dict.fromkeys((one.name for one in behavioural), 0)
    minima |= {one.name: one.minimum_customers for one in config.hybrids}
    lacking = _lacking(features, everything, tables)

    frame = features
    for book in books:
        frame = book.label(frame, book.column)
    for group in (behavioural, hybrids):  # hybrids read the flags of the behavioural segments
        flags = {one.column: one.rule for one in group if not lacking[one.name]}
        frame = frame.with_columns(**flags) if flags else frame
    had = [one for one in everything if not lacking[one.name]]
    sizes = _sizes(frame, had)
    small = {
        name: f"too small: {size:,} customers, fewer than {minima[name]:,}"
        for name, size in sizes.items()
        if size < minima[name]
    }
    table = definition_table(everything)
    table.insert(0, "rulebook", ["behavioural"] * len(behavioural) + ["hybrid"] * len(hybrids))
    table["customers"] = pd.array([sizes.get(name) for name in table["segment"]], dtype="Int64")
    table["status"] = [small.get(name, lacking[name]) for name in table["segment"]]
    return Overlapping(
        frame.select("customer_id", *(one.column for one in had if one.name not in small)), table
    )


def _needed_books(hybrids: Iterable[Hybrid], base: Frame) -> tuple[list[Rulebook], dict[str, str]]:
    """The exclusive rulebooks that hybrids ask for, fitted; and for those that cannot be had, why."""
    named = {book for hybrid in hybrids for book, _ in used_by(hybrid.rule).segments} - {"behavioural"}
    buyers = base.filter(~nw.col("recency_days").is_null())
    books: list[Rulebook] = []
    failed: dict[str, str] = {}
    for book in sorted(named):
        try:
            books.append(RULEBOOKS[book].fit(buyers))
        except SegmentError as error:
            failed[book] = str(error)
    return books, failed


def _lacking(
    features: Frame, definitions: Collection[Definition], tables: Collection[str] | None
) -> dict[str, str]:
    """For each segment, why it cannot be had; empty if it can."""
    names = sorted({name for one in definitions for name in one.features})
    known = in_pandas(features.select(nw.col(name).count() for name in names)).iloc[0]
    return {one.name: _reason(one, known, tables) for one in definitions}


def _reason(definition: Definition, known: pd.Series, tables: Collection[str] | None) -> str:
    absent = [table for table in definition.needs if tables is not None and table not in tables]
    unknown = [name for name in definition.features if not known[name]]
    if absent or definition.lacks:
        return f"not available: needs {', '.join(absent)}" if absent else f"not available: {definition.lacks}"
    return f"not available: {', '.join(unknown)} known of no customer" if unknown else ""


def _sizes(frame: Frame, definitions: Collection[Definition]) -> dict[str, int]:
    """How many customers each segment has."""
    if not definitions:
        return {}
    sums = [nw.col(one.column).cast(nw.Int64).sum() for one in definitions]
    row = in_pandas(frame.select(*sums)).fillna(0).iloc[0]
    return {one.name: int(row[one.column]) for one in definitions}
