"""The list of all reports: shops, and their months with the newest first."""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import jinja2

from regulars.report.errors import ReportError
from regulars.report.files import write_whole

_TEMPLATE: Final = Path(__file__).parent / "template"
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


class Month(NamedTuple):
    """One month's review of one shop."""

    address: str
    month: str
    name: str
    headline: str
    simulated: bool


class Shop(NamedTuple):
    """One shop and its reviews, newest first."""

    title: str
    months: list[Month]


def write_contents(reports: Path) -> None:
    """Write ``index.html`` over all reports in a folder.

    A report is a folder ``<shop>/<YYYY-MM>/`` with an ``index.html`` and a ``report.json`` of the form
    ``{"title": shop, "month": "2017-12", "headlines": [...], "simulated": false}``. Folders without both,
    and hidden ones, are passed over.

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
    shops = [_shop(folder) for folder in _folders(reports)]
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATE), autoescape=True)
    page: dict[str, Any] = {"heading": "Reports", "title": "Reports", "subtitle": "Regulars", "home": None}
    template = environment.get_template("contents.html.j2")
    found = sorted((shop for shop in shops if shop.months), key=lambda shop: shop.title.lower())
    write_whole(reports / "index.html", template.render(shops=found, resources={"page": page}))


def _folders(within: Path) -> list[Path]:
    if not within.is_dir():
        return []
    return sorted(
        folder for folder in within.iterdir() if folder.is_dir() and not folder.name.startswith(".")
    )


def _shop(folder: Path) -> Shop:
    """Read a shop's months; the newest one says what the shop is called."""
    kept = [month for month in _folders(folder) if _is_report(month)]
    read = sorted(((_read(month), month) for month in kept), key=lambda pair: pair[0]["month"], reverse=True)
    title = read[0][0]["title"] if read else folder.name
    return Shop(title, [_month(about, f"{folder.name}/{month.name}") for about, month in read])


def _is_report(folder: Path) -> bool:
    return (folder / "index.html").is_file() and (folder / "report.json").is_file()


def _read(folder: Path) -> dict[str, Any]:
    """Read what a report says of itself, or say what is wrong with it."""
    path = folder / "report.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        _name(about["month"])
        return {"title": str(about["title"]), "headlines": list(about.get("headlines", [])), **about}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ReportError(
            f"{folder.parent.name}/{folder.name}/report.json cannot be read ({error}): "
            "make that report again, or remove its folder."
        ) from error


def _month(about: dict[str, Any], folder: str) -> Month:
    headline = about["headlines"][0] if about["headlines"] else ""
    return Month(
        quote(f"{folder}/index.html"),
        about["month"],
        _name(about["month"]),
        headline,
        bool(about.get("simulated")),
    )


def _name(month: str) -> str:
    """Write a month as people do.

    Example:
        >>> _name("2017-12")
        'December 2017'
    """
    year, number = month.split("-")
    if not 1 <= int(number) <= 12:
        raise ValueError(f"{month} is no month")
    return f"{_MONTHS[int(number) - 1]} {int(year):04}"
