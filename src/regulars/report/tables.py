"""Tables: labelled, formatted, with a caption that says what they show."""

import html
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd
from great_tables import GT
from great_tables import html as as_html

from regulars.report.errors import ReportError

_FORMATS: Final = (
    "text, number, integer, decimal:2, percent:1, money:USD (or money:USD:0), date, p; "
    "a + in front shows the sign of positive numbers"
)
_FORMAT = re.compile(r"(?P<sign>\+?)(?P<kind>[a-z]+)(?::(?P<first>\w+))?(?::(?P<second>\d))?")


def table(
    frame: pd.DataFrame,
    *,
    caption: str,
    identifier: str,
    formats: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    note: str | None = None,
    simulated: bool = False,
    missing: str = "–",
) -> GT:
    """Set a frame as a table; its index is not shown.

    Args:
        frame: The rows in the order in which they are read.
        caption: A sentence that says what the table shows.
        identifier: The table's id on the page: letters, digits and hyphens.
        formats: How a column is written: ``text``, ``number`` (of words: set to the right), ``integer``, ``decimal:2``,
            ``percent`` (of a share), ``percent:1``, ``money:USD``, ``money:USD:0``, ``date``, ``p``; ``+percent:1``
            shows the sign. Other columns are written by their type.
        labels: The heading of a column, where its name with spaces will not do; an empty one is heard, not seen.
        note: What stands below the table.
        simulated: Whether anything in it was planted; it is then marked so.
        missing: What stands for a missing value.

    Returns:
        A great-tables table; the same frame gives the same HTML.

    Raises:
        ReportError: If the caption is empty, the identifier no id, a column absent or a format not known.

    Example:
        >>> sizes = pd.DataFrame({"segment": ["new"], "revenue_share": [0.125]})
        >>> formats = {"revenue_share": "percent:1"}
        >>> shown = table(sizes, caption="One segment.", identifier="sizes", formats=formats)
        >>> "12.5%" in shown.as_raw_html()
        True
    """
    formats, labels = dict(formats or {}), dict(labels or {})
    _check(frame, caption, identifier, formats, labels)
    rows = frame.reset_index(drop=True)
    made = GT(rows, id=identifier).tab_header(caption, subtitle="Simulated effects" if simulated else None)
    for column in rows.columns:
        made = _write(made, column, formats.get(column) or _by_type(rows[column]))
    names: dict[str, Any] = {name: _heading(name, labels.get(name)) for name in rows.columns}
    made = made.cols_label(names).sub_missing(missing_text=missing)
    for line in (note, None if len(rows) else "No rows."):
        made = made.tab_source_note(line) if line else made
    return made


def span(low: float, high: float, pattern: str) -> str:
    """One interval as text that no line breaks, with a true minus."""
    return with_minus(f"{pattern.format(low)}\u00a0to\u00a0{pattern.format(high)}")


def with_minus(text: str) -> str:
    """Hyphens before numbers as minus signs; those within words and dates stay.

    Example:
        >>> with_minus("at-risk in 2017-12: -4.20 and -$3")
        'at-risk in 2017-12: −4.20 and −$3'
    """
    return re.sub(r"(?<!\w)-(?=[\d.$€£¥])", "−", text)


def unbroken(text: str) -> str:
    """The text with a word joiner between minus signs and currencies, where browsers would end a line."""
    return re.sub(r"−(?=[^\w\s])", "−\u2060", text)


def signed(amount: float, sign: str) -> str:
    """An amount of money with its sign and two decimals.

    Example:
        >>> signed(3.45, "$")
        '+$3.45'
    """
    return ("−" if amount < 0 else "+") + f"{sign}{abs(amount):,.2f}"


def spans(low: pd.Series, high: pd.Series, pattern: str) -> pd.Series:
    """Intervals as text, "low to high"; missing where either end is.

    Example:
        >>> spans(pd.Series([-1.0, None]), pd.Series([2.5, 1.0]), "{:+.1f}").tolist()
        ['−1.0\xa0to\xa0+2.5', None]
    """
    ends = zip(low, high, strict=True)
    words = [None if pd.isna(a) or pd.isna(b) else span(a, b, pattern) for a, b in ends]
    return pd.Series(words, index=low.index, dtype=object)


def estimates(values: pd.Series, low: pd.Series, high: pd.Series, pattern: str) -> pd.Series:
    """Estimates with their intervals as text; missing where any of the three is.

    Example:
        >>> estimates(pd.Series([2.0, None]), pd.Series([1.0, 0.5]), pd.Series([3.5, 1.0]), "${:.1f}").tolist()
        ['$2.0 ($1.0\xa0to\xa0$3.5)', None]
    """
    reach = spans(low, high, pattern)
    pairs = zip(values, reach, strict=True)
    words = [
        None if pd.isna(value) or not said else f"{with_minus(pattern.format(value))} ({said})"
        for value, said in pairs
    ]
    return pd.Series(words, index=values.index, dtype=object)


def _check(
    frame: pd.DataFrame, caption: str, identifier: str, formats: dict[str, str], labels: dict[str, str]
) -> None:
    if not caption.strip():
        raise ReportError(f"Table {identifier!r} has no caption: say in a sentence what it shows.")
    if not re.fullmatch(r"[A-Za-z][\w-]*", identifier):
        raise ReportError(f"{identifier!r} is no id for a table: use letters, digits and hyphens.")
    for kind, given in (("formats", formats), ("labels", labels)):
        absent = [column for column in given if column not in frame.columns]
        if absent:
            raise ReportError(
                f"Table {identifier!r}: {kind} name {', '.join(map(repr, absent))}, which the frame has not. "
                f"It has {', '.join(map(repr, frame.columns))}."
            )


def _heading(name: Any, label: str | None) -> Any:
    """A heading as text: left to itself, great-tables would read {{…}} in a name as a unit, and the rest as HTML."""
    said = html.escape(label or str(name).replace("_", " "), quote=False).replace("{", "&#123;")
    return as_html(f'<span class="unseen">{said}</span>' if label == "" else said)


def _by_type(column: pd.Series) -> str:
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) in ("integer", "floating"):
        column = column.convert_dtypes()  # rows that were put together by hand lose their types
    if pd.api.types.is_bool_dtype(column.dtype):
        return "text"
    if pd.api.types.is_integer_dtype(column.dtype):
        return "integer"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "decimal:2"
    return "date" if pd.api.types.is_datetime64_any_dtype(column.dtype) else "text"


def _write(made: GT, column: str, wanted: str) -> GT:
    """Format one column and align it: numbers and dates to the right, where digits line up."""
    parts = _FORMAT.fullmatch(wanted)
    write = _WRITERS.get(parts["kind"]) if parts else None
    if parts is None or write is None:
        raise ReportError(f"Column {column!r}: the format {wanted!r} is not known. Known are: {_FORMATS}.")
    try:
        written = write(made, column, parts["first"], parts["second"], bool(parts["sign"]))
    except ValueError as error:
        raise ReportError(f"Column {column!r} cannot be written as {wanted!r}: {error}") from error
    return written.cols_align("left" if parts["kind"] == "text" else "right", columns=[column])


def _text(made: GT, column: str, *_: object) -> GT:
    return made.fmt(_words, columns=[column])


def _words(value: Any) -> str:
    if type(value).__name__ in {"bool", "bool_"}:  # numpy's own is no bool, and differs by version in name
        return "yes" if value else "no"
    return html.escape(unbroken(str(value)), quote=False)


def _date(made: GT, column: str, *_: object) -> GT:
    return made.fmt(lambda value: "" if pd.isna(value) else f"{value:%Y-%m-%d}", columns=[column])


def _integer(made: GT, column: str, _first: str | None, _second: str | None, sign: bool) -> GT:
    return made.fmt_integer(columns=[column], force_sign=sign)


def _decimal(made: GT, column: str, places: str | None, _second: str | None, sign: bool) -> GT:
    return made.fmt_number(columns=[column], decimals=int(places or 2), force_sign=sign)


def _percent(made: GT, column: str, places: str | None, _second: str | None, sign: bool) -> GT:
    return made.fmt_percent(columns=[column], decimals=int(places or 0), force_sign=sign)


def _money(made: GT, column: str, currency: str | None, places: str | None, sign: bool) -> GT:
    if currency is None:
        raise ValueError("money needs a currency, as in money:USD.")
    decimals = None if places is None else int(places)
    return made.fmt_currency(columns=[column], currency=currency, decimals=decimals, force_sign=sign)


def _p(made: GT, column: str, *_: object) -> GT:
    """A p-value is never written as zero."""
    return made.fmt(
        lambda value: "" if pd.isna(value) else "<0.0001" if value < 0.0001 else f"{value:.4f}",
        columns=[column],
    )


_Writer = Callable[[GT, str, str | None, str | None, bool], GT]
_WRITERS: Final[dict[str, _Writer]] = {
    "text": _text,
    "number": _text,
    "date": _date,
    "integer": _integer,
    "decimal": _decimal,
    "percent": _percent,
    "money": _money,
    "p": _p,
}
