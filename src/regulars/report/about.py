"""What a report says of itself: `report.json`, from which the pages over several reports are made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from regulars.month import Month, MonthError
from regulars.report.errors import ReportError

HISTORY: Final = "history"
"""The key under which a notebook's findings keep the figures that are followed from month to month."""


class Figure(NamedTuple):
    """One number of a month; its unit is "money", "share", "days", or what is counted."""

    name: str
    unit: str
    value: float | None


class Report(NamedTuple):
    """One month's report of one shop."""

    folder: str
    month: str
    title: str
    headlines: list[str]
    simulated: bool
    made_up: bool
    currency: str | None
    figures: list[Figure]
    segments: list[Figure]


def about_report(
    *, title: str, month: str, findings: Sequence[Mapping[str, Any]], simulated: bool, made_up: bool = False
) -> dict[str, Any]:
    """What goes into ``report.json``: names, headlines, and the figures that the review kept.

    Args:
        title: What the shop is called.
        month: ``YYYY-MM``.
        findings: Those of the review, as its findings file has them. One that was kept under the key ``history`` has
            the values ``currency``, ``figures`` (each with ``name``, ``unit`` and ``value``) and ``segments`` (each
            with ``name`` and ``value``, which is missing where it must not be shown).
        simulated: Whether effects were planted.
        made_up: Whether the shop itself was.

    Example:
        >>> kept = {"currency": "USD", "figures": [{"name": "orders", "unit": "orders", "value": 7}], "segments": []}
        >>> findings = [{"key": "history", "sentence": "", "headline": False, "values": kept}]
        >>> about = about_report(title="Zoo", month="2017-12", findings=findings, simulated=False)
        >>> about["history"] == kept, about["headlines"]
        (True, [])
    """
    kept = [finding["values"] for finding in findings if finding["key"] == HISTORY]
    headlines = [finding["sentence"] for finding in findings if finding["headline"]]
    said = {
        "title": title,
        "month": month,
        "headlines": headlines,
        "simulated": simulated,
        "made_up": made_up,
    }
    return said | ({HISTORY: kept[-1]} if kept else {})


def is_report(folder: Path) -> bool:
    """Whether a folder holds a review and what it says of itself."""
    return (folder / "index.html").is_file() and (folder / "report.json").is_file()


def read_report(folder: Path) -> Report:
    """Read what a report says of itself; reports made before figures were kept have none.

    Raises:
        ReportError: If its ``report.json`` is not what `about_report` makes.
    """
    try:
        about = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        Month.parse(about["month"])
        kept = about.get(HISTORY, {})
        return Report(
            folder=folder.name,
            month=about["month"],
            title=str(about["title"]),
            headlines=[str(said) for said in about.get("headlines", [])],
            simulated=bool(about.get("simulated")),
            made_up=bool(about.get("made_up")),
            currency=kept.get("currency"),
            figures=[_figure(one) for one in kept.get("figures", [])],
            segments=[_figure(one | {"unit": "customers"}) for one in kept.get("segments", [])],
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, MonthError) as error:
        raise ReportError(
            f"{folder.parent.name}/{folder.name}/report.json cannot be read ({error}): "
            "make that report again, or remove its folder."
        ) from error


def _figure(kept: Mapping[str, Any]) -> Figure:
    value = kept["value"]
    return Figure(str(kept["name"]), str(kept["unit"]), None if value is None else float(value))
