"""How a column of texts writes its dates, found from all of its values; where two readings fit, a person is asked."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from regulars.engine import Engine
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import quoted
from regulars.ingest.values import Raw, has_offset

DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y")
MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%m.%d.%y", "%m-%d-%y")
PLAIN = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
)
TIMES = (
    "",
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S.%f",
    " %I:%M %p",
    " %I:%M:%S %p",
    ", %H:%M",
    ", %H:%M:%S",
    "T%H:%M:%S",
)
LOOKED_AT = 200_000  # different values; a column of dates has fewer, one of times is told by these


# What DuckDB takes for a time may say more: it leaves out the PM of '2025-03-31 09:15 PM', and 12/01/24 is in the year 12.
ISO = r"\d{4}-\d\d?-\d\d?([ T]\d\d?:\d\d(:\d\d(\.\d+)?)?)?"
ISO_PATTERNS = [
    f"%Y-%m-%d{time}"
    for time in ("", *(f"{sign}%H:%M{rest}" for sign in " T" for rest in ("", ":%S", ":%S.%f")))
]
FIRST_YEAR = "TIMESTAMP '0100-01-01'"  # %Y reads 24, too


class Found(NamedTuple):
    """Which patterns fit, of those with the day first, the month first, or neither in doubt; and how many values."""

    patterns: list[str]
    fits: int

    @property
    def said(self) -> str:
        """The patterns as the configuration has them."""
        shown = [f'"{pattern}"' for pattern in self.patterns]
        return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def found_patterns(engine: Engine, rows: str, raw: Raw, where: str) -> list[str] | None:
    """The strptime patterns of a text column, or None if ISO 8601 reads all of it.

    Args:
        engine: where the rows are read.
        rows: SQL giving them, their texts trimmed.
        raw: the column.
        where: file and column, for sentences.

    Raises:
        IngestError: if day and month can be read either way round, or both ways stand in one column.
    """
    text = raw.sql
    # Not words: every pattern reads 'infinity'.
    judged = rf"{_not_iso('v')} AND regexp_matches(v, '\d')"
    # Each value once, and only then the slow patterns: orders share their times.
    engine.connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE date_texts AS SELECT DISTINCT {text} AS v FROM ({rows});
        CREATE OR REPLACE TEMP TABLE date_values AS FROM date_texts WHERE {judged} LIMIT {LOOKED_AT}""")
    (total,) = engine.connection.execute("SELECT count(*) FROM date_values").fetchall()[0]
    if not total:
        return None
    day, month, plain = (_best(engine, kind) for kind in (DAY_FIRST, MONTH_FIRST, PLAIN))
    best = max((day, month, plain), key=lambda found: found.fits)
    if best is not plain and min(day.fits, month.fits) > 0:
        _check_order(engine, day, month, where)
    # Where no date is found every row will be refused, and the ledger says so.
    is_iso = f"SELECT count(*) FROM ({rows}) WHERE regexp_full_match({text}, {quoted(ISO)})"
    (iso,) = engine.connection.execute(is_iso).fetchall()[0]
    if best.patterns and best.patterns[0].startswith((DAY_FIRST[-1], MONTH_FIRST[-1])):
        _check_year(engine, best, where, is_beside_iso=iso > 0)
    return [*best.patterns, *(ISO_PATTERNS if iso or not best.fits else [])]


def _not_iso(text: str) -> str:
    return (
        f"({text}) IS NOT NULL AND NOT regexp_full_match({text}, {quoted(ISO)}) AND NOT ({has_offset(text)})"
    )


def _best(engine: Engine, forms: tuple[str, ...]) -> Found:
    """The form of days that fits most values, with each form of times that fits any."""
    patterns = ["".join(pair) for pair in product(forms, TIMES)]
    fits = ", ".join(f"count(*) FILTER ({_reads([pattern])})" for pattern in patterns)
    counted = engine.connection.execute(f"SELECT {fits} FROM date_values").fetchall()[0]
    found = []
    for place in range(0, len(patterns), len(TIMES)):
        of_form = zip(patterns[place : place + len(TIMES)], counted[place : place + len(TIMES)], strict=True)
        fitting = sorted((pair for pair in of_form if pair[1]), key=lambda pair: -pair[1])
        found.append(Found([pattern for pattern, _ in fitting], sum(fit for _, fit in fitting)))
    return max(found, key=lambda one: one.fits)


def _reads(patterns: list[str]) -> str:
    """Whether any of the patterns reads the value, as an SQL condition that is never null."""
    return f"coalesce(try_strptime(v, [{', '.join(map(quoted, patterns))}]) >= {FIRST_YEAR}, false)"


def _check_order(engine: Engine, day: Found, month: Found, where: str) -> None:
    """Day first or month first must be told by the values: by one above twelve, and none that says the opposite."""
    by_day, by_month = _reads(day.patterns), _reads(month.patterns)
    only_day = _examples(engine, f"{by_day} AND NOT {by_month}")
    only_month = _examples(engine, f"{by_month} AND NOT {by_day}")
    if not only_day and not only_month:
        raise IngestError(
            f"{where}: {_examples(engine, by_day)} can be read with the day or with the month first. Say which in the "
            f"configuration: dates: {day.said} or dates: {month.said}."
        )
    if only_day and only_month:
        raise IngestError(
            f"{where}: dates are written in two ways that contradict each other: {only_day} have the day first, "
            f"{only_month} the month. Export them in one form, such as 2025-03-31."
        )


def _check_year(engine: Engine, found: Found, where: str, *, is_beside_iso: bool) -> None:
    """25-01-03 may begin with its year, and does if what it ends with is more various, or if it stands beside 2025-01-14."""
    first = Found(
        [f"%y-%m-%d{pattern.removeprefix(found.patterns[0][:8])}" for pattern in found.patterns], found.fits
    )
    only_last = _examples(engine, f"{_reads(found.patterns)} AND NOT {_reads(first.patterns)}")
    various = "SELECT count(DISTINCT v[1:2]) < count(DISTINCT v[7:8]) FROM date_values"
    (is_first,) = engine.connection.execute(f"{various} WHERE {_reads(found.patterns)}").fetchall()[0]
    if not only_last and (is_first or is_beside_iso):
        raise IngestError(
            f"{where}: {_examples(engine, _reads(first.patterns))} can be read with the year at their beginning or at their "
            f"end. Say which in the configuration: dates: {first.said} or dates: {found.said}."
        )


def _examples(engine: Engine, condition: str) -> str:
    rows = engine.connection.execute(
        f"SELECT v FROM date_values WHERE {condition} ORDER BY v LIMIT 3"
    ).fetchall()
    return ", ".join(value for (value,) in rows)
