"""The pages over all reports: the list of shops, and of each shop its history."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import jinja2

from regulars.month import Month
from regulars.report.about import Report, is_report, read_report
from regulars.report.files import write_whole
from regulars.report.history import address, history_page

_TEMPLATE: Final = Path(__file__).parent / "template"


def write_contents(reports: Path) -> None:
    """Write ``index.html`` over all reports in a folder, and ``<shop>/index.html`` over those of each shop.

    A report is a folder ``<shop>/<YYYY-MM>/`` with an ``index.html`` and a ``report.json`` as `about_report` makes it.
    Folders without both, and hidden ones, are passed over.

    Args:
        reports: The folder of all reports.

    Raises:
        ReportError: If a ``report.json`` is not of that form.

    Example:
        >>> import tempfile
        >>> reports = Path(tempfile.mkdtemp())
        >>> write_contents(reports)
        >>> "No reports yet" in (reports / "index.html").read_text()
        True
    """
    shops = {folder.name: _reports(folder) for folder in _folders(reports)}
    found = {name: months for name, months in shops.items() if months}
    for name, months in found.items():
        write_whole(reports / name / "index.html", _render("history.html.j2", history_page(months)))
    page = {"heading": "Reports", "title": "Reports", "subtitle": "Regulars", "home": None}
    listed = sorted((_listed(name, months) for name, months in found.items()), key=lambda shop: shop["order"])
    write_whole(
        reports / "index.html", _render("contents.html.j2", {"shops": listed, "resources": {"page": page}})
    )


def _folders(within: Path) -> list[Path]:
    if not within.is_dir():
        return []
    return sorted(
        folder for folder in within.iterdir() if folder.is_dir() and not folder.name.startswith(".")
    )


def _reports(folder: Path) -> list[Report]:
    """A shop's reports, newest first."""
    kept = [read_report(month) for month in _folders(folder) if is_report(month)]
    return sorted(kept, key=lambda report: report.month, reverse=True)


def _listed(name: str, months: list[Report]) -> dict[str, Any]:
    """One shop of the list; the newest report says what it is called."""
    newest = months[0]
    return {
        "order": (newest.title.lower(), name),
        "title": newest.title,
        "history": quote(f"{name}/index.html"),
        "newest": newest,
        "address": f"{quote(name)}/{address(newest)}",
        "month": Month.parse(newest.month).title,
        "count": len(months),
    }


def _render(template: str, values: dict[str, Any]) -> str:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATE), autoescape=True)
    return environment.get_template(template).render(**values)
