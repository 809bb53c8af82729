"""What every rulebook is: a small table of segments, each with a name, a plain meaning, what it needs, and a rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import narwhals as nw
import pandas as pd

from regulars.engine import Frame
from regulars.errors import RegularsError
from regulars.features.register import REGISTER

_TABLES = {feature.name: feature.needs for feature in REGISTER}


class SegmentError(RegularsError):
    """A base that cannot be segmented, or a segment that cannot be understood."""


class Definition(NamedTuple):
    """One segment of a fitted rulebook.

    Attributes:
        name: the segment.
        meaning: who is in it, in plain words.
        features: the columns of the snapshot that it is made of.
        rule: whether a customer is in it.
        lacks: why it cannot be had, whatever tables there are; empty if nothing but a table can be missing.
    """

    name: str
    meaning: str
    features: tuple[str, ...]
    rule: nw.Expr
    lacks: str = ""

    @property
    def column(self) -> str:
        """The name as a column."""
        return column_of(self.name)

    @property
    def needs(self) -> tuple[str, ...]:
        """The staged tables without which it cannot be had."""
        return tables_of(self.features)


class Rulebook(Protocol):
    """A fitted rulebook that gives every buyer exactly one segment."""

    @property
    def column(self) -> str:
        """Its name as a column."""

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of the snapshot that the segments are made of."""

    def expression(self) -> nw.Expr:
        """The segment of each customer; missing for one who has never ordered."""

    def label(self, frame: Frame, column: str) -> Frame:
        """The frame with the segment as a further column: what `expression` gives, each score worked out once."""

    def definitions(self) -> tuple[Definition, ...]:
        """Its segments."""


def column_of(name: str) -> str:
    """A segment's or a rulebook's name as a column.

    >>> column_of("rxf-grid")
    'rxf_grid'
    """
    return name.replace(" ", "_").replace("-", "_")


def tables_of(features: Iterable[str]) -> tuple[str, ...]:
    """The staged tables that features come from, by name.

    >>> tables_of(["frequency", "views_90d", "sessions_90d"])
    ('events', 'orders')
    """
    return tuple(sorted({_TABLES[name] for name in features}))


def named(meanings: dict[str, str], features: tuple[str, ...], segment: nw.Expr) -> tuple[Definition, ...]:
    """The segments of a rulebook that is one expression."""
    return tuple(Definition(name, meaning, features, segment == name) for name, meaning in meanings.items())


def definition_table(definitions: Iterable[Definition]) -> pd.DataFrame:
    """Definitions as a frame: one row per segment, with `segment`, `meaning`, `features` and `needs`."""
    rows = [(one.name, one.meaning, ", ".join(one.features), ", ".join(one.needs)) for one in definitions]
    return pd.DataFrame(rows, columns=["segment", "meaning", "features", "needs"])
