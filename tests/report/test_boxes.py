"""Value boxes: what is compared stands below its figure, lines have words, names are text."""

from bs4 import BeautifulSoup

from regulars.report.boxes import Box, boxes, line_of


def test_each_figure_has_its_facts_in_their_order() -> None:
    shown = [Box("orders", "12", {"last month": "10, +20.0%", "usual": "8 to 14"}), Box("value", "–")]
    soup = BeautifulSoup(boxes(shown).markup, "html.parser")
    orders, value = soup.select("ul.boxes > li")
    assert [dt.get_text() for dt in orders.select("dt")] == ["last month", "usual"]
    assert [dd.get_text() for dd in orders.select("dd")] == ["10, +20.0%", "8 to 14"]
    assert value.select_one(".value").get_text() == "–" and not value.select("dl")
    assert str(boxes(shown)) == "orders: 12; last month 10, +20.0%; usual 8 to 14\nvalue: –"


def test_names_and_facts_are_text_whatever_they_hold() -> None:
    hostile = "<script>alert(1)</script>=cmd()"
    markup = boxes([Box(hostile, hostile, {hostile: hostile})]).markup
    assert "<script" not in markup
    assert BeautifulSoup(markup, "html.parser").get_text().count(hostile) == 4


def test_no_line_ends_between_a_minus_and_its_currency() -> None:
    assert "−\u2060$4.20" in boxes([Box("gain", "−$4.20")]).markup


def test_a_line_breaks_where_a_month_has_no_figure_and_tells_its_ends() -> None:
    drawn = line_of(
        "orders", {"2017-10": 4.0, "2017-11": float("nan"), "2017-12": 8.0}, {"2017-10": "4", "2017-12": "8"}
    )
    soup = BeautifulSoup(drawn, "html.parser")
    assert soup.svg["aria-label"] == "Orders: 2 months, lowest 4 in October 2017, highest 8 in December 2017."
    assert len(soup.select("polyline")) == 1  # the ground; two months apart make no line
    assert line_of("orders", {"2017-10": 4.0}, {"2017-10": "4"}) == ""
