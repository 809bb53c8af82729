"""Value boxes: figures in large, each with what it is to be compared with, and its line over the months."""

import html
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from regulars.month import Month
from regulars.report.findings import Shown
from regulars.report.sparkline import ACCENT, sparkline
from regulars.report.tables import unbroken


class Box(NamedTuple):
    """One figure.

    Attributes:
        name: what it is.
        value: what it is this month, in words.
        facts: what it is to be compared with, by label, in words.
        line: its sparkline, as `line_of` draws it; empty if there is none.
    """

    name: str
    value: str
    facts: Mapping[str, str] = {}
    line: str = ""


def boxes(shown: Sequence[Box], *, wide: bool = False) -> Shown:
    """Set figures side by side, as many in a row as there is room for.

    Args:
        shown: In the order in which they are read.
        wide: Whether their facts are sentences, which need more room.

    Example:
        >>> made = boxes([Box("revenue", "$421,720", {"last month": "$386,027"})])
        >>> print(made)
        revenue: $421,720; last month $386,027
        >>> made.markup.count("<dt>")
        1
    """
    items = "\n".join(f"<li>{_item(box)}</li>" for box in shown)
    kind = "boxes wide" if wide else "boxes"
    return Shown(f'<ul class="{kind}">\n{items}\n</ul>', "\n".join(_spoken(box) for box in shown))


def _item(box: Box) -> str:
    name, value = _escaped(box.name), _escaped(box.value)
    facts = "".join(
        f"<div><dt>{_escaped(label)}</dt><dd>{_escaped(text)}</dd></div>" for label, text in box.facts.items()
    )
    told = f"<dl>{facts}</dl>" if facts else ""
    return f'<span class="name">{name}</span><span class="value">{value}</span>{box.line}{told}'


def _escaped(text: str) -> str:
    return html.escape(unbroken(text), quote=False)


def _spoken(box: Box) -> str:
    return "; ".join([f"{box.name}: {box.value}", *(f"{label} {text}" for label, text in box.facts.items())])


def line_of(
    name: str,
    values: Mapping[str, float] | pd.Series,
    words: Mapping[str, str] | pd.Series,
    colour: str = ACCENT,
) -> str:
    """A figure's line, with a place for each month between the first and the last; nothing if it has fewer than two.

    Args:
        name: what it is.
        values: by month, as ``YYYY-MM``; missing where there is none.
        words: the same as a reader sees them, who may see no line and is told the lowest and the highest.
        colour: as CSS has it.
    """
    months = {str(month): float(value) for month, value in values.items()}
    known = {month: value for month, value in months.items() if not pd.isna(value)}
    if len(known) < 2:  # one month makes no line
        return ""
    at = {_place(month): value for month, value in known.items()}
    places = range(min(map(_place, months)), max(map(_place, months)) + 1)
    ends = [
        f"{kind} {words[month]} in {Month.parse(month).title}"
        for kind, month in (
            ("lowest", min(known, key=known.__getitem__)),
            ("highest", max(known, key=known.__getitem__)),
        )
    ]
    alt = f"{name[:1].upper()}{name[1:]}: {len(known)} months, {', '.join(ends)}."
    return sparkline([at.get(place) for place in places], alt=alt, colour=colour)


def _place(month: str) -> int:
    year, number = month.split("-")
    return 12 * int(year) + int(number)
