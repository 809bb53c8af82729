"""Raw values into canonical types: texts as people and exports write them, and types as databases have them.

Everything is an SQL expression on one landed column. What is empty becomes null; what is written but cannot be read becomes
null too, and `unreadable` then says so, so that a rule can refuse the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from regulars.config import Format
from regulars.engine import Engine
from regulars.ingest.contracts import Column, Kind
from regulars.ingest.landing import quoted

BLANKS = " \t\r\n\u00a0\u2007\u202f\ufeff\x00"
NOTHING = (
    "",
    "null",
    "nan",
    "none",
    "nat",
    "n/a",
    "na",
    "#n/a",
    "\\n",
    "<na>",
)  # what exports write for no value
SIGNS = "$€£¥₹₽₺₩"
# Not any three capitals: SKU-003 is no amount.
CODES = (
    "USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|TRY|UAH|RUB|BRL|MXN|ARS|CLP|COP|"
    "ZAR|NGN|KES|EGP|MAD|ILS|AED|SAR|SGD|HKD|TWD|KRW|THB|MYR|IDR|PHP|VND|PKR"
)
TRUE, FALSE = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")
OFFSET = r":\d\d(\.\d+)?\s*(Z|UTC|GMT|[+-]\d\d(:?\d\d)?)$"  # a time of day that says its distance from UTC


class Raw(NamedTuple):
    """A landed column: its SQL, and its DuckDB type. Texts have been through `trimmed` and `filled`."""

    sql: str
    type: str

    @property
    def is_text(self) -> bool:
        return self.type == "VARCHAR"

    @property
    def is_float(self) -> bool:
        return self.type in ("DOUBLE", "FLOAT")


def trimmed(sql: str) -> str:
    """A text without blanks around it."""
    return f"trim({sql}, {quoted(BLANKS)})"


def filled(sql: str, kind: Kind) -> str:
    """A trimmed text, or null where nothing is written. In free text, only nothing at all is nothing."""
    if kind in ("text", "personal"):
        return f"nullif({sql}, '')"
    words = ", ".join(map(quoted, NOTHING))
    return f"CASE WHEN strlen({sql}) > 4 OR lower({sql}) NOT IN ({words}) THEN {sql} END"


def identifiers(raw: Raw, _given: Format, _zone: str) -> str:
    """`1`, ` 1`, `1.0` and 1.0 are one id; `01` is another: a leading zero may be meant."""
    if raw.is_text:
        return rf"CASE WHEN {raw.sql} LIKE '%.0%' THEN regexp_replace({raw.sql}, '^(-?\d+)\.0+$', '\1') ELSE {raw.sql} END"
    if raw.is_float:
        whole = f"CASE WHEN {raw.sql} = trunc({raw.sql}) THEN TRY_CAST({raw.sql} AS BIGINT)::VARCHAR"
        return f"CASE WHEN isfinite({raw.sql}) THEN {whole} ELSE {raw.sql}::VARCHAR END END"
    return f"{raw.sql}::VARCHAR"


def texts(raw: Raw, _given: Format, _zone: str) -> str:
    """Text as it came."""
    return raw.sql if raw.is_text else f"{raw.sql}::VARCHAR"


def amounts(raw: Raw, given: Format, _zone: str) -> str:
    """Money and quantities: `1,234.50`, `1.234,50 €`, `-£5`, `(12.00)`, `7-`; exact to four decimals."""
    if not raw.is_text:
        return f"TRY_CAST({raw.sql} AS DECIMAL(18, 4))"
    plain = f"TRY_CAST({raw.sql} AS DECIMAL(18, 4))"
    written = _written_amount(raw.sql, given.decimal)
    if given.decimal == ",":  # 1.234 is a thousand and more
        return f"CASE WHEN {raw.sql} LIKE '%.%' THEN {written} ELSE coalesce({plain}, {written}) END"
    return f"coalesce({plain}, {written})"


def _written_amount(text: str, decimal: str) -> str:
    point, group = (r"\.", ",") if decimal == "." else (",", r"\.")
    number = rf"\d{{1,3}}(?:{group}\d{{3}})+(?:{point}\d+)?|\d+(?:{point}\d+)?|{point}\d+"
    unit = rf"(?:{CODES}|[A-Z]{{0,2}}[{SIGNS}]|kr|zł)?"
    pattern = rf"^(\(?)([-+−]?){unit}([-+−]?)({number})(?:,-|\.-)?{unit}(\)?)([-−]?)$"
    closed = rf"regexp_replace({text}, '[\s\x{{00A0}}\x{{202F}}''’]', '', 'g')"
    parts = (
        f"regexp_extract({closed}, {quoted(pattern)}, ['open', 'sign', 'inner', 'number', 'shut', 'last'])"
    )
    bare = f"replace(replace(p.number, '{',' if decimal == '.' else '.'}', ''), ',', '.')"
    minus = "(p.open = '(' AND p.shut = ')') OR p.sign IN ('-', '−') OR p.inner IN ('-', '−') OR p.last <> ''"
    value = f"TRY_CAST({bare} AS DECIMAL(18, 4))"
    # ( without ), or two signs: nobody knows what was meant
    half = "(p.open = '') <> (p.shut = '') OR length(concat(p.sign, p.inner, p.last)) > 1"
    return f"list_transform([{parts}], lambda p: CASE WHEN {half} THEN NULL WHEN {minus} THEN -{value} ELSE {value} END)[1]"


def counts(raw: Raw, given: Format, zone: str) -> str:
    """Whole numbers."""
    number = amounts(raw, given, zone)
    return f"CASE WHEN {number} = trunc({number}) THEN TRY_CAST({number} AS BIGINT) END"


def flags(raw: Raw, _given: Format, _zone: str) -> str:
    """True and false, as words or as numbers."""
    if raw.type == "BOOLEAN":
        return raw.sql
    word = f"lower({raw.sql}::VARCHAR)"
    true, false = (", ".join(map(quoted, words)) for words in (TRUE, FALSE))
    return f"CASE WHEN {word} IN ({true}) THEN true WHEN {word} IN ({false}) THEN false END"


def times(raw: Raw, given: Format, zone: str) -> str:
    """A local time of the shop. Times with an offset are converted; the others are taken in the source's zone.

    Args:
        raw: the column.
        given: its `dates` patterns, and its `time_zone`, if that is not the shop's own.
        zone: the shop's time zone.
    """
    if raw.type == "TIMESTAMP WITH TIME ZONE":
        return f"timezone({quoted(zone)}, {raw.sql})"
    if not raw.is_text:
        return _local(f"TRY_CAST({raw.sql} AS TIMESTAMP)", given, zone)
    text = raw.sql
    naive = _local(f"TRY_CAST({text} AS TIMESTAMP)", given, zone)
    if given.dates:
        patterns = ", ".join(quoted(_iso_pattern(pattern)) for pattern in given.dates)
        naive = _local(f"try_strptime({text}, [{patterns}])", given, zone)
    stamped = has_offset(text)
    plus = rf"regexp_replace({text}, '\s*([+-]\d\d):?(\d\d)$', '\1:\2')"  # ' -0500' as DuckDB wants it
    offset = f"timezone({quoted(zone)}, TRY_CAST(replace(replace({plus}, ' UTC', 'Z'), ' GMT', 'Z') AS TIMESTAMPTZ))"
    known = f"coalesce({offset}, {naive})" if given.dates else offset
    return f"CASE WHEN {stamped} THEN {known} ELSE {naive} END"


def has_offset(text: str) -> str:
    """Whether a time says its distance from UTC; the pattern is slow, so that it is asked of few."""
    maybe = " OR ".join(f"{text} LIKE '%:%{mark}'" for mark in ("-%", "+%", "Z", "UTC", "GMT"))
    return f"({maybe}) AND regexp_matches({text}, {quoted(OFFSET)})"


def _iso_pattern(pattern: str) -> str:
    return "%Y-%m-%d %H:%M:%S" if pattern.lower() == "iso" else pattern


def _local(time: str, given: Format, zone: str) -> str:
    if given.time_zone in (None, zone):
        return time
    return f"timezone({quoted(zone)}, timezone({quoted(str(given.time_zone))}, {time}))"


def days(raw: Raw, given: Format, zone: str) -> str:
    """Whole days since 1970-01-01, local."""
    if raw.type in ("INTEGER", "BIGINT"):
        return f"{raw.sql}::INTEGER"
    return day_of(times(raw, given, zone))


def day_of(time: str) -> str:
    """The day number of an SQL time."""
    return f"(({time})::DATE - DATE '1970-01-01')::INTEGER"


READERS: dict[Kind, Callable[[Raw, Format, str], str]] = {
    "id": identifiers,
    "text": texts,
    "personal": texts,
    "count": counts,
    "quantity": amounts,
    "money": amounts,
    "flag": flags,
    "time": times,
    "day": days,
}


def written(raw: Raw) -> str:
    """Whether anything is written in the column, as an SQL condition."""
    return f"coalesce(isfinite({raw.sql}), false)" if raw.is_float else f"{raw.sql} IS NOT NULL"


def read(raw: Raw, column: Column, given: Format, zone: str) -> str:
    """The column as its contract wants it."""
    return READERS[column.kind](raw, given, zone)


def schema_of(engine: Engine, query: str) -> dict[str, str]:
    """Name → DuckDB type of each column that a query gives."""
    described = engine.connection.execute(f"DESCRIBE {query}").fetchall()
    return {
        name: re.sub(r"\(.*", "", kind) if kind.startswith("DECIMAL") else kind
        for name, kind, *_ in described
    }
