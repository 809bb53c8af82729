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
ORDERS: tuple[Order, Order] = ("day", "month")
ENOUGH = 0.9  # of the values: a column of dates may hold a few that are none

_TIME = (
    r"(?P<time>(?P<gap>T|,? )(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2})?(?P<fraction>\.\d{1,6})?"
    r"(?P<half> ?[AaPp][Mm])?)?"
)
_NUMBERS = re.compile(r"(?P<a>\d{4}|\d{1,2})(?P<s>[/.-])\d{1,2}(?P=s)(?P<c>\d{4}|\d{2}|\d)" + _TIME)
_DAY_WORD = re.compile(r"\d{1,2}(?P<s>[ ./-])(?P<word>[A-Za-z]{3,9})(?P=s)(?P<c>\d{4}|\d{2})" + _TIME)
_WORD_DAY = re.compile(r"(?P<word>[A-Za-z]{3,9}) \d{1,2}, \d{4}" + _TIME)
_COMPACT = re.compile(r"(19|20)\d{6}")
_ISO = re.compile(
    r"\d{4}([/-])\d{1,2}\1\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s*(?P<offset>Z|UTC|GMT|[+-]\d{2}(:?\d{2})?))?)?"
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
    if not any(_is_shaped(text) for text in distinct[:20]):
        return None
    iso = {text for text in distinct if _ISO.fullmatch(text) and _iso_date(text)}
    if iso and not any(pattern_of(text, "day") or pattern_of(text, "month") for text in set(distinct) - iso):
        return _iso_dates(distinct, iso)
    readings: dict[Order, Reading] = {first: _read_all(distinct, first) for first in ORDERS}
    fits = {first: len(reading) for first, reading in readings.items()}
    if max(fits.values()) < ENOUGH * len(distinct):
        return None
    first, is_sure, by_rows = _first(texts, readings, order)
    reading = readings[first]
    told = {text: when for text, (_, when) in reading.items()}
    is_either = fits["day"] == fits["month"] and readings["day"] == readings["month"]
    unread = tuple(text for text in distinct if text not in reading)[:3]
    patterns = _fewest({text: pattern for text, (pattern, _) in reading.items()})
    return Dates(patterns, None if is_either else first, is_sure, by_rows, False, told, unread)


def pattern_of(text: str, order: Order) -> str | None:
    """The strptime pattern that reads one text with the day, or the month, first; None if there is none.

    >>> pattern_of("3/4/25 5:06 pm", "month"), pattern_of("13.04.2025", "month"), pattern_of("5-Mar-25", "day")
    ('%m/%d/%y %I:%M %p', None, '%d-%b-%y')
    """
    found = next((m for shape in _SHAPES if (m := shape.fullmatch(text))), None)
    if not found:
        return None
    pattern = _day_pattern(found, order) + _time_pattern(found)
    return pattern if _parsed(text, pattern) else None


_SHAPES = (_NUMBERS, _DAY_WORD, _WORD_DAY, _COMPACT)


def _is_shaped(text: str) -> bool:
    return bool(_ISO.fullmatch(text)) or any(shape.fullmatch(text) for shape in _SHAPES)


def _day_pattern(found: re.Match[str], order: Order) -> str:
    parts = found.groupdict()
    if "word" in parts:
        month = "%b" if len(parts["word"]) == 3 else "%B"
        if "s" not in parts:
            return f"{month} %d, %Y"
        return parts["s"].join(("%d", month, "%Y" if len(parts["c"]) == 4 else "%y"))
    if "s" not in parts:
        return "%Y%m%d"
    if len(parts["a"]) == 4:
        return parts["s"].join(("%Y", "%m", "%d"))
    first = ("%d", "%m") if order == "day" else ("%m", "%d")
    return parts["s"].join((*first, "%Y" if len(parts["c"]) == 4 else "%y"))


def _time_pattern(found: re.Match[str]) -> str:
    parts = found.groupdict()
    if not parts.get("time"):
        return ""
    hour = "%I" if parts["half"] else "%H"
    rest = "".join(code for name, code in (("second", ":%S"), ("fraction", ".%f")) if parts[name])
    half = parts["half"] or ""
    return f"{parts['gap']}{hour}:%M{rest}{half[: len(half) - 2]}{'%p' if half else ''}"


def _parsed(text: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(text, pattern)
    except ValueError:
        return None


def _iso_date(text: str) -> datetime | None:
    year, month, day = map(int, re.findall(r"\d+", text)[:3])
    clock = re.search(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", text)
    hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None


def _iso_dates(distinct: list[str], iso: set[str]) -> Dates | None:
    if len(iso) < ENOUGH * len(distinct):
        return None
    read = {text: when for text in distinct if text in iso and (when := _iso_date(text))}
    has_offset = any((found := _ISO.fullmatch(text)) and found["offset"] for text in read)
    unread = tuple(text for text in distinct if text not in iso)[:3]
    return Dates((), None, True, False, has_offset, read, unread)


Reading = dict[str, tuple[str, datetime]]


def _read_all(distinct: list[str], order: Order) -> Reading:
    """Text → its pattern and its date, for all texts that can be read with the day, or the month, first."""
    patterns = ((text, pattern_of(text, order)) for text in distinct)
    return {
        text: (pattern, when) for text, pattern in patterns if pattern and (when := _parsed(text, pattern))
    }


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
    orderly: list[Order] = [first for first, reading in readings.items() if _is_orderly(texts, reading)]
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
    for pattern in [*reversed(kept)]:
        others = [other for other in kept if other != pattern]
        own = [text for text, its in patterns.items() if its == pattern]
        if all(any(_parsed(text, other) for other in others) for text in own):
            kept.remove(pattern)
    return tuple(sorted(kept, key=lambda pattern: ("%y" not in pattern, -counted[pattern], pattern)))
