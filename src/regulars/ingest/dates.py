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


class Found(NamedTuple):
    """Which pattern fits, of those with the day first, the month first, or neither in doubt."""

    pattern: str
    fits: int


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
    values = f"SELECT DISTINCT {text} AS v FROM ({rows}) WHERE {_not_iso(text)} LIMIT {LOOKED_AT}"
    engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE date_values AS {values}")
    (total,) = engine.connection.execute("SELECT count(*) FROM date_values").fetchall()[0]
    if not total:
        return None
    day, month, plain = (_best(engine, kind) for kind in (DAY_FIRST, MONTH_FIRST, PLAIN))
    best = max((day, month, plain), key=lambda found: found.fits)
    if best.fits == 0:
        return None  # no date at all: every row will be refused, and the ledger says so
    if best is not plain and min(day.fits, month.fits) > 0:
        _check_order(engine, day, month, total, where)
    is_iso = f"{text} IS NOT NULL AND NOT ({_not_iso(text)})"
    (iso,) = engine.connection.execute(f"SELECT count(*) FROM ({rows}) WHERE {is_iso}").fetchall()[0]
    # The longer pattern first: a pattern of days alone never reads a time.
    return [best.pattern, *(["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"] if iso else [])]


def _not_iso(text: str) -> str:
    return f"({text}) IS NOT NULL AND TRY_CAST({text} AS TIMESTAMP) IS NULL AND NOT ({has_offset(text)})"


def _best(engine: Engine, days: tuple[str, ...]) -> Found:
    patterns = ["".join(pair) for pair in product(days, TIMES)]
    fits = ", ".join(f"count(try_strptime(v, {quoted(pattern)}))" for pattern in patterns)
    counted = engine.connection.execute(f"SELECT {fits} FROM date_values").fetchall()[0]
    return Found(*max(zip(patterns, counted, strict=True), key=lambda pair: pair[1]))


def _check_order(engine: Engine, day: Found, month: Found, total: int, where: str) -> None:
    """Day first or month first must be told by the values: by one above twelve, and none that says the opposite."""
    if day.fits == month.fits == total:
        examples = _examples(engine, "true")
        raise IngestError(
            f"{where}: {examples} can be read with the day or with the month first. Say which in the configuration: "
            f'dates: "{day.pattern}" or dates: "{month.pattern}".'
        )
    if max(day.fits, month.fits) < total and day.fits > 0 and month.fits > 0:
        only_day = _examples(
            engine,
            f"try_strptime(v, {quoted(month.pattern)}) IS NULL "
            f"AND try_strptime(v, {quoted(day.pattern)}) IS NOT NULL",
        )
        only_month = _examples(
            engine,
            f"try_strptime(v, {quoted(day.pattern)}) IS NULL "
            f"AND try_strptime(v, {quoted(month.pattern)}) IS NOT NULL",
        )
        if only_day and only_month:
            raise IngestError(
                f"{where}: dates are written in two ways that contradict each other: {only_day} have the day first, "
                f"{only_month} the month. Export them in one form, such as 2025-03-31."
            )


def _examples(engine: Engine, condition: str) -> str:
    rows = engine.connection.execute(
        f"SELECT v FROM date_values WHERE {condition} ORDER BY v LIMIT 3"
    ).fetchall()
    return ", ".join(value for (value,) in rows)
