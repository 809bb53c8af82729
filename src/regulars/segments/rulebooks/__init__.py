"""Segments by rule. A rulebook learns its cut-offs from a base and then is a table of expressions on features.

Four rulebooks give every buyer exactly one segment; the behavioural ones and a shop's own hybrids may overlap.
"""

from regulars.segments.rulebooks.behavioural import BEHAVIOURAL, Behavioural
from regulars.segments.rulebooks.codes import CLASSIC_11, RXF_GRID, THREE_LEVEL
from regulars.segments.rulebooks.definition import (
    Definition,
    Rulebook,
    SegmentError,
    column_of,
    definition_table,
)
from regulars.segments.rulebooks.exclusive import LAPSING, MEANINGS, RULEBOOKS, segment_by_rules
from regulars.segments.rulebooks.four_core import FOUR_CORE_MEANINGS, NEW_NEEDS_DAYS, FourCore
from regulars.segments.rulebooks.gates import Facts, base_facts, gates
from regulars.segments.rulebooks.grids import Classic11, RxFGrid, ThreeLevel
from regulars.segments.rulebooks.nearness import MONEY_STEP, near_another, nearness
from regulars.segments.rulebooks.overlapping import (
    SEGMENT_NAMES,
    Overlapping,
    check_segments,
    overlapping_segments,
)

__all__ = [
    "BEHAVIOURAL",
    "CLASSIC_11",
    "FOUR_CORE_MEANINGS",
    "LAPSING",
    "MEANINGS",
    "MONEY_STEP",
    "NEW_NEEDS_DAYS",
    "RULEBOOKS",
    "RXF_GRID",
    "SEGMENT_NAMES",
    "THREE_LEVEL",
    "Behavioural",
    "Classic11",
    "Definition",
    "Facts",
    "FourCore",
    "Overlapping",
    "Rulebook",
    "RxFGrid",
    "SegmentError",
    "ThreeLevel",
    "base_facts",
    "check_segments",
    "column_of",
    "definition_table",
    "gates",
    "near_another",
    "nearness",
    "overlapping_segments",
    "segment_by_rules",
]
