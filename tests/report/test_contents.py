"""The list of shops."""

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from regulars.report import ReportError
from regulars.report.contents import write_contents


def report(reports: Path, shop: str, month: str, **about: object) -> Path:
    folder = reports / shop / month
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("a review")
    said = {"title": shop.title(), "month": month, "headlines": [f"It was {month}."], "simulated": False}
    (folder / "report.json").write_text(json.dumps(said | about))
    return folder


def listed(reports: Path) -> BeautifulSoup:
    write_contents(reports)
    return BeautifulSoup((reports / "index.html").read_text(), "html.parser")


def test_shops_with_their_newest_month_and_the_way_to_the_others(tmp_path: Path) -> None:
    for month in ("2017-09", "2017-12", "2018-01", "2017-10"):
        report(tmp_path, "zoo", month)
    report(tmp_path, "bakery", "2016-02")
    page = listed(tmp_path)
    assert [heading.get_text() for heading in page.select("h2")] == ["Bakery", "Zoo"]
    links = [(link.get_text(), link["href"]) for link in page.select("main a")]
    assert links == [
        ("February 2016", "bakery/2016-02/index.html"),
        ("Bakery, month by month", "bakery/index.html"),
        ("January 2018", "zoo/2018-01/index.html"),
        ("Zoo, month by month", "zoo/index.html"),
    ]
    assert all((tmp_path / address).is_file() for _, address in links)
    assert [count.get_text() for count in page.select(".count")] == ["1 month", "4 months"]
    assert "It was 2018-01." in page.get_text() and "It was 2017-12." not in page.get_text()


def test_unfinished_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    (report(tmp_path, "zoo", "2017-11") / "report.json").unlink()
    (report(tmp_path, "zoo", "2017-12") / "index.html").unlink()
    report(tmp_path, "zoo", ".2018-01")
    report(tmp_path, ".trash", "2018-01")
    (tmp_path / "README.md").write_text("About this folder.")
    assert not listed(tmp_path).select(".months li")
    assert "No reports yet" in listed(tmp_path).get_text()
    assert not (tmp_path / "zoo" / "index.html").exists()


def test_what_shops_call_themselves_is_text(tmp_path: Path) -> None:
    report(tmp_path, "a shop", "2017-12", title="<b>A & B</b>", headlines=["<script>x</script>"])
    page = listed(tmp_path)
    assert page.select_one("h2").get_text() == "<b>A & B</b>"
    assert page.select_one(".months a")["href"] == "a%20shop/2017-12/index.html"
    assert page.select_one("a.all")["href"] == "a%20shop/index.html"
    assert "<script>x" not in (tmp_path / "index.html").read_text()


def test_simulated_months_are_marked_and_silent_ones_say_so(tmp_path: Path) -> None:
    report(tmp_path, "zoo", "2017-12", simulated=True, headlines=[])
    assert (
        listed(tmp_path).select_one(".months span").get_text()
        == "No findings includes simulated effects of offers"
    )
    report(tmp_path, "ant", "2017-12")
    assert len(listed(tmp_path).select(".mark")) == 1


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        "[]",
        '{"title": "Zoo"}',
        '{"title": "Zoo", "month": "2017-13"}',
        '{"title": "Zoo", "month": "2017-12", "history": []}',
        '{"title": "Zoo", "month": "2017-12", "history": {"figures": [{"name": "orders"}]}}',
        '{"title": "Zoo", "month": "2017-12", "history": {"segments": [{"name": "new", "value": "many"}]}}',
    ],
)
def test_a_broken_report_is_named(tmp_path: Path, broken: str) -> None:
    (report(tmp_path, "zoo", "2017-12") / "report.json").write_text(broken)
    with pytest.raises(ReportError, match=r"zoo/2017-12/report\.json"):
        write_contents(tmp_path)


def test_the_list_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    report(tmp_path, "zoo", "2017-12")
    assert str(listed(tmp_path)) == str(listed(tmp_path))
