"""A shop's history: its figures by month, as each month's report had them."""

import json
from pathlib import Path

from bs4 import BeautifulSoup

from regulars.report import Findings
from regulars.report.about import about_report
from regulars.report.contents import write_contents
from regulars.report.sparkline import sparkline

HOSTILE = "{{x}}<img src=x onerror=y>"


def report(
    reports: Path, month: str, figures: dict[str, tuple[str, float | None]] | None, **about: object
) -> None:
    """One month's report; its figures as name → (unit, value), and a segment beside them."""
    findings = Findings("05-review", reports / "findings" / f"{month}.json")
    findings.headline("It was {month}.", month=month)
    if figures is not None:
        kept = [{"name": name, "unit": unit, "value": value} for name, (unit, value) in figures.items()]
        findings.keep("history", currency="USD", figures=kept, segments=[{"name": "new", "value": 12}])
    findings.publish()
    said = json.loads(findings.path.read_text())["findings"]
    folder = reports / "zoo" / month
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("a review")
    given = {"title": "Zoo", "month": month, "findings": said, "simulated": False, **about}
    (folder / "report.json").write_text(json.dumps(about_report(**given)))


def history(reports: Path) -> BeautifulSoup:
    write_contents(reports)
    return BeautifulSoup((reports / "zoo" / "index.html").read_text(), "html.parser")


def rows(page: BeautifulSoup, table: str) -> list[list[str]]:
    return [[cell.get_text() for cell in row.select("td")] for row in page.select(f"#{table} tbody tr")]


def test_a_row_a_month_the_newest_first_each_leading_to_its_review(tmp_path: Path) -> None:
    report(tmp_path, "2017-11", {"revenue": ("money", 1840.5), "repeat rate": ("share", 0.5)})
    report(
        tmp_path,
        "2018-01",
        {"revenue": ("money", 990.25), "repeat rate": ("share", None), "wait": ("days", 3)},
    )
    page = history(tmp_path)
    headings = [heading.get_text() for heading in page.select("#key-figures th")]
    assert headings == ["month", "revenue", "repeat rate", "wait, in days"]
    assert rows(page, "key-figures") == [
        ["January 2018", "$990", "–", "3"],
        ["November 2017", "$1,840", "50.0%", "–"],
    ]
    assert rows(page, "sizes") == [["January 2018", "12"], ["November 2017", "12"]]
    links = [link["href"] for link in page.select("#key-figures td a")]
    assert links == ["2018-01/index.html", "2017-11/index.html"]
    assert [time["datetime"] for time in page.select("#key-figures time")] == ["2018-01", "2017-11"]
    assert [link["href"] for link in page.select(".months a")] == links
    assert page.select_one("a.brand")["href"] == "../index.html"


def test_a_line_has_a_place_for_the_month_that_was_not_reported(tmp_path: Path) -> None:
    for month, value in (("2017-10", 4.0), ("2017-11", 8.0), ("2018-01", 6.0)):
        report(tmp_path, month, {"orders": ("orders", value), "new": ("customers", None)})
    page = history(tmp_path)
    boxes = page.select("#main > .boxes:first-of-type li")
    assert [box.select_one(".name").get_text() for box in boxes] == ["orders", "new"]
    assert [box.select_one(".value").get_text() for box in boxes] == ["6", "–"]
    (drawn,) = boxes[0].select("svg")
    assert drawn["aria-label"] == "Orders: 3 months, lowest 4 in October 2017, highest 8 in November 2017."
    lines = [line["points"] for line in drawn.select("polyline")]
    assert lines[1:] == ["4.0,20.0 54.7,4.0"]  # half and full height, at the first two places of four
    assert [(dot["cx"], dot["cy"]) for dot in drawn.select("circle")] == [("156.0", "12.0")]
    assert not boxes[1].select("svg")


def test_one_month_makes_no_line_and_older_reports_no_figures(tmp_path: Path) -> None:
    report(tmp_path, "2017-12", {"orders": ("orders", 7)})
    assert not history(tmp_path).select(".boxes svg")
    report(tmp_path, "2017-11", None)
    assert rows(history(tmp_path), "key-figures") == [["December 2017", "7"], ["November 2017", "–"]]


def test_without_any_figures_there_are_the_reviews(tmp_path: Path) -> None:
    report(tmp_path, "2017-12", None)
    page = history(tmp_path)
    assert [heading.get_text() for heading in page.select("h2")] == ["Reviews"]
    assert "It was 2017-12." in page.get_text() and not page.select("table")


def test_names_are_text_whatever_they_hold(tmp_path: Path) -> None:
    figures = {HOSTILE: ("money", -2.5), "=cmd()": ("share", 0.25)}
    report(tmp_path, "2017-11", figures, title=HOSTILE)
    report(tmp_path, "2017-12", figures, title=HOSTILE)
    page = history(tmp_path)
    assert page.select_one(".eyebrow").get_text() == HOSTILE
    assert [heading.get_text() for heading in page.select("#key-figures th")] == ["month", HOSTILE, "=cmd()"]
    assert rows(page, "key-figures")[0] == ["December 2017", "−$2.50", "25.0%"]
    assert len(page.select("script")) == 1 and not page.select("img")


def test_a_made_up_shop_says_so(tmp_path: Path) -> None:
    report(tmp_path, "2017-12", None, made_up=True, simulated=True)
    page = history(tmp_path)
    assert "Simulated shop" in page.select_one(".banner").get_text()
    assert page.select_one(".months .mark")


def test_a_line_below_zero_hangs_from_its_ground() -> None:
    drawn = BeautifulSoup(sparkline([-2.0, 2.0], alt="Profit."), "html.parser")
    assert [line["points"] for line in drawn.select("polyline")] == [
        "0.0,20.0 160.0,20.0",
        "4.0,36.0 156.0,4.0",
    ]
