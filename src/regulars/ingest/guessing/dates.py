"""How the first values of a column write their dates, and which of two readings is meant.

Staging finds the pattern from all values and asks a person where two readings fit; `make shop` asks before that, with
examples, and this is where its question comes from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

import pandas as pd

Order = Literal["day", "month"]
Reading = dict[str, tuple[str, datetime]]  # text → its pattern and its date
ORDERS: tuple[Order, Order] = ("day", "month")
ENOUGH = 0.9  # of the values: a column of dates may hold a few that are none

_CLOCK = r"((?P<gap>T|,? )\d{1,2}:\d{2}(?P<second>:\d{2})?(?P<fraction>\.\d{1,6})?(?P<half> ?[AaPp][Mm])?)?"
# How days look, and their patterns, in which `first` and `second` are day and month, or month and day.
_DAYS = {
    re.compile(r"\d{4}(?P<s>[/.-])\d{1,2}(?P=s)\d{1,2}" + _CLOCK): "%Y{s}%m{s}%d",
    re.compile(r"\d{1,2}(?P<s>[/.-])\d{1,2}(?P=s)(?P<year>\d{4}|\d{2})" + _CLOCK): "{first}{s}{second}{s}{year}",
    re.compile(r"\d{1,2}(?P<s>[ ./-])(?P<word>[A-Za-z]{3,9})(?P=s)(?P<year>\d{4}|\d{2})" + _CLOCK): "%d{s}{word}{s}{year}",
    re.compile(r"(?P<word>[A-Za-z]{3,9}) \d{1,2}, \d{4}" + _CLOCK): "{word} %d, %Y",
    re.compile(r"(19|20)\d{6}" + _CLOCK): "%Y%m%d",
}  # fmt: skip
_ISO = re.compile(
    r"(\d{4})(?P<s>[/-])(\d{1,2})(?P=s)(\d{1,2})([ T](?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})(\.\d+)?)?"
    r"(\s*(?P<offset>Z|UTC|GMT|[+-]\d{2}(:?\d{2})?))?)?"
)


class Dates(NamedTuple):
    """How a column writes its dates.

    Attributes:
        patterns: strptime patterns; none where all dates are ISO 8601.
        order: day or month first, where a value could be read either way.
        is_sure: whether values, or the order of the rows, tell which is first.
        by_rows: whether it was the order of the rows.
        has_offset: whether times say their distance from UTC.
        read: text → date, for every text that can be read.
        unread: texts that cannot, the first three.
    """

    patterns: tuple[str, ...]
    order: Order | None
    is_sure: bool
    by_rows: bool
    has_offset: bool
    read: Mapping[str, datetime]
    unread: tuple[str, ...]

    @property
    def explicit(self) -> tuple[str, ...]:
        """The patterns, spelled out for ISO dates too: a column beside this one may need patterns."""
        written = (pattern_of(text, self.order or "day") for text in self.read)
        return self.patterns or tuple(sorted({pattern for pattern in written if pattern}))

    def examples(self) -> list[str]:
        """Up to three values and how they are read, those first that the other order would read as another day.

        >>> read_dates(pd.Series(["03/04/2025", "05/05/2025"])).examples()
        ['03/04/2025 was read as 3 April 2025', '05/05/2025 was read as 5 May 2025']
        """
        telling = sorted(self.read.items(), key=lambda pair: pair[1].day == pair[1].month)
        return [f"{text} was read as {when.day} {when:%B %Y}" for text, when in telling[:3]]


def read_dates(texts: pd.Series, order: Order | None = None) -> Dates | None:
    """How the texts write dates, or None if they are no dates.

    Args:
        texts: the values in the order of their rows, trimmed; missing where nothing is written.
        order: what another column told of the order of day and month, if it did.

    >>> read_dates(pd.Series(["03/04/2025 9:05", "13/04/2025 9:05"])).patterns
    ('%d/%m/%Y %H:%M',)
    >>> read_dates(pd.Series(["2025-04-03", "2025-04-13T09:05:00Z"])).patterns
    ()
    """
    distinct = list(dict.fromkeys(texts.dropna()))
    if not any(shape.fullmatch(text) for text in distinct[:20] for shape in (_ISO, *_DAYS)):
        return None
    iso = {text: when for text in distinct if (when := _iso(text))}
    if iso and not any(pattern_of(text, first) for text in distinct if text not in iso for first in ORDERS):
        offset = any((found := _ISO.fullmatch(text)) and found["offset"] for text in iso)
        return _dates(distinct, (), (None, True, False), offset, iso)
    readings = {first: _read_all(distinct, first) for first in ORDERS}
    first, is_sure, by_rows = _first(texts, readings, order)
    is_either = readings["day"] == readings["month"]
    read = {text: when for text, (_, when) in readings[first].items()}
    patterns = _fewest({text: pattern for text, (pattern, _) in readings[first].items()})
    return _dates(distinct, patterns, (None if is_either else first, is_sure, by_rows), False, read)


def _dates(
    distinct: list[str],
    patterns: tuple[str, ...],
    told: tuple[Order | None, bool, bool],
    has_offset: bool,
    read: Mapping[str, datetime],
) -> Dates | None:
    if len(read) < ENOUGH * len(distinct):
        return None
    return Dates(patterns, *told, has_offset, read, tuple(text for text in distinct if text not in read)[:3])


def pattern_of(text: str, order: Order) -> str | None:
    """The strptime pattern that reads one text with the day, or the month, first; None if there is none.

    >>> pattern_of("3/4/25 5:06 pm", "month"), pattern_of("13.04.2025", "month"), pattern_of("5-Mar-25", "day")
    ('%m/%d/%y %I:%M %p', None, '%d-%b-%y')
    """
    return next(iter(pattern for pattern, _ in _read_all([text], order).values()), None)


def _read_all(distinct: list[str], order: Order) -> Reading:
    """Text → its pattern and its date, for all texts that can be read with the day, or the month, first."""
    patterns = ((text, _written(text, order)) for text in distinct)
    return {
        text: (pattern, when) for text, pattern in patterns if pattern and (when := _parsed(text, pattern))
    }


def _written(text: str, order: Order) -> str | None:
    """The pattern in which a text is written, by its shape alone: its day may be none of the calendar."""
    for shape, days in _DAYS.items():
        if found := shape.fullmatch(text):
            parts = found.groupdict()
            first, second = ("%d", "%m") if order == "day" else ("%m", "%d")
            word = "%b" if len(parts.get("word") or "") == 3 else "%B"
            year = "%y" if len(parts.get("year") or "") == 2 else "%Y"
            pattern = days.format(s=parts.get("s"), first=first, second=second, word=word, year=year)
            return pattern + _clock(parts)
    return None


def _clock(parts: Mapping[str, str | None]) -> str:
    if not parts["gap"]:
        return ""
    half = parts["half"] or ""
    rest = (":%S" if parts["second"] else "") + (".%f" if parts["fraction"] else "")
    return f"{parts['gap']}{'%I' if half else '%H'}:%M{rest}{half[:-2]}{'%p' if half else ''}"


def _parsed(text: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(text, pattern)
    except ValueError:
        return None


def _iso(text: str) -> datetime | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    parts = found.group(1, 3, 4, "hour", "minute", "second")
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _first(
    texts: pd.Series, readings: Mapping[Order, Reading], order: Order | None
) -> tuple[Order, bool, bool]:
    """What stands first, whether that is sure, and whether it was told by the rows."""
    day, month = readings["day"], readings["month"]
    if len(day) != len(month):
        return ("day" if len(day) > len(month) else "month"), True, False
    if day == month:  # no value is in doubt
        return "day", True, False
    if order:
        return order, True, False
    orderly = [first for first in ORDERS if _is_orderly(texts, readings[first])]
    if len(orderly) == 1:
        return orderly[0], True, True
    return "day", False, False


def _is_orderly(texts: pd.Series, reading: Reading) -> bool:
    """Whether the rows never go back in time, or never forward."""
    times = texts.map({text: when for text, (_, when) in reading.items()}).dropna()
    return bool(times.nunique() > 1 and (times.is_monotonic_increasing or times.is_monotonic_decreasing))


def _fewest(patterns: Mapping[str, str]) -> tuple[str, ...]:
    """The fewest patterns that read all texts, years of two digits first: `%Y` takes 25 for the year 25."""
    counted = Counter(patterns.values())
    kept = [pattern for pattern, _ in counted.most_common()]
    for pattern in kept[::-1]:
        others = [other for other in kept if other != pattern]
        own = [text for text, its in patterns.items() if its == pattern]
        if all(any(_parsed(text, other) for other in others) for text in own):
            kept.remove(pattern)
    return tuple(sorted(kept, key=lambda pattern: ("%y" not in pattern, pattern)))
