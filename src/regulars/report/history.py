"""A shop's months as a history: key figures and segments over time, and the way to each month's review."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import pandas as pd
from bs4 import BeautifulSoup, Tag

from regulars.month import Month
from regulars.report.about import Figure, Report
from regulars.report.boxes import Box, boxes, line_of
from regulars.report.charts import segment_colours
from regulars.report.markup import tables_set
from regulars.report.tables import table

_SHORT: Final = 1000  # an amount of money below it is written with its cents


class Section(NamedTuple):
    """Boxes as a page has them, and the table behind them."""

    boxes: str
    table: str


def figures_section(reports: Sequence[Report]) -> Section | None:
    """The key figures over the months; nothing if no report kept any.

    Args:
        reports: Those of one shop, newest first.
    """
    caption = "Key figures by month, the newest first."
    return _section(reports, lambda report: report.figures, caption, "key-figures")


def segments_section(reports: Sequence[Report]) -> Section | None:
    """The sizes of the segments over the months, each in its colour; nothing if no report kept any."""
    caption = "Customers by segment at each month's end, the newest first."
    return _section(reports, lambda report: report.segments, caption, "sizes", coloured=True)


def _section(
    reports: Sequence[Report],
    pick: Callable[[Report], list[Figure]],
    caption: str,
    identifier: str,
    *,
    coloured: bool = False,
) -> Section | None:
    """Boxes and table of what `pick` takes from each report; the newest one says in which order and units."""
    units = {figure.name: figure.unit for report in reversed(reports) for figure in pick(report)}
    names = list(dict.fromkeys(figure.name for report in reports for figure in pick(report)))
    if not names:
        return None
    values = [{figure.name: figure.value for figure in pick(report)} for report in reports]
    rows = pd.DataFrame([[one.get(name) for name in names] for one in values], columns=names, dtype=float)
    currency = next((report.currency for report in reports if report.currency), None)
    months = [report.month for report in reports]
    shown = _table(months, rows, units, currency, caption, identifier)
    words = [[cell.get_text() for cell in row.find_all("td")[1:]] for row in shown.select("tbody tr")]
    colours = segment_colours(names) if coloured else dict.fromkeys(names, "var(--accent)")
    made = []
    for at, name in enumerate(names):
        heading = _heading(name, units[name])
        line = dict(zip(months, rows.iloc[:, at].astype(float), strict=True))
        spoken = {month: row[at] for month, row in zip(months, words, strict=True)}
        made.append(Box(heading, words[0][at], line=line_of(heading, line, spoken, colours[name])))
    _link(shown, reports)
    return Section(boxes(made).markup, str(shown).strip())


def _table(
    months: Sequence[str],
    rows: pd.DataFrame,
    units: dict[str, str],
    currency: str | None,
    caption: str,
    identifier: str,
) -> BeautifulSoup:
    """The table as a page has it. Columns are numbered: two figures' names may differ in case or blanks only."""
    numbered = {f"c{at}": str(name) for at, name in enumerate(rows.columns)}
    formats = {
        column: _format(rows.iloc[:, at], units[name], currency)
        for at, (column, name) in enumerate(numbered.items())
    }
    labels = {column: _heading(name, units[name]) for column, name in numbered.items()}
    frame = rows.set_axis(list(numbered), axis=1)
    frame.insert(0, "month", [Month.parse(month).title for month in months])
    made = table(frame, caption=caption, identifier=identifier, formats=formats, labels=labels)
    soup = BeautifulSoup(made.as_raw_html(), "html.parser")
    for machinery in soup.find_all("style"):
        machinery.decompose()
    return BeautifulSoup(tables_set(str(soup)), "html.parser")


def _heading(name: str, unit: str) -> str:
    return f"{name}, in days" if unit == "days" else name


def _format(column: pd.Series, unit: str, currency: str | None) -> str:
    if unit == "money" and currency:
        return f"money:{currency}" + ("" if column.abs().max() < _SHORT else ":0")
    if unit == "share":
        return "percent:1"
    return "integer" if (column.dropna() % 1 == 0).all() else "decimal:1"


def _link(shown: BeautifulSoup, reports: Sequence[Report]) -> None:
    """Make each row's month lead to its review; the time behind it is what a sort goes by."""
    for row, report in zip(shown.select("tbody tr"), reports, strict=True):
        cell = row.find("td")
        assert isinstance(cell, Tag)
        link = shown.new_tag("a", href=address(report))
        time = shown.new_tag("time", datetime=report.month)
        time.string = cell.get_text()
        link.append(time)
        cell.clear()
        cell.append(link)


def address(report: Report) -> str:
    """Where the review lies, as seen from its shop's folder."""
    return quote(f"{report.folder}/index.html")


def history_page(reports: Sequence[Report]) -> dict[str, Any]:
    """What the template of a shop's history needs.

    Args:
        reports: Those of one shop, newest first; at least one.
    """
    newest, oldest = reports[0], reports[-1]
    span = Month.parse(newest.month).title
    if len(reports) > 1:
        span = f"{len(reports)} months, {Month.parse(oldest.month).title} to {span}"
    return {
        "resources": {
            "page": {
                "heading": "Month by month",
                "title": "Month by month",
                "subtitle": newest.title,
                "home": "../index.html",
                "navigation": [("Month by month", "index.html", True), ("All shops", "../index.html", False)],
            }
        },
        "span": span,
        "newest": newest,
        "reports": [(address(report), Month.parse(report.month).title, report) for report in reports],
        "figures": figures_section(reports),
        "segments": segments_section(reports),
    }
