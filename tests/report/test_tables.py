"""Tables: formats, headings, missing values, and nothing from the data that runs."""

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from regulars.report import ReportError, table

FRAME = pd.DataFrame(
    {
        "segment": ["new", "<script>alert(1)</script>", None],
        "customers": pd.array([1033, None, 7], dtype="Int64"),
        "revenue": [1840233.5, -12.25, np.nan],
        "revenue_share": [0.4482, 0.05, np.nan],
        "last_seen_on": pd.to_datetime(["2017-12-31", None, "2017-01-02"]),
        "is_stable": [True, False, True],
    }
)


def cells(frame: pd.DataFrame, **options: object) -> list[list[str]]:
    made = table(frame, caption="What it shows.", identifier="t", **options)
    rows = BeautifulSoup(made.as_raw_html(), "html.parser").select("tbody tr")
    return [[cell.get_text() for cell in row.select("td")] for row in rows]


def html_of(**options: object) -> str:
    return table(FRAME, **{"caption": "What it shows.", "identifier": "sizes", **options}).as_raw_html()


def test_columns_are_written_by_their_type() -> None:
    assert cells(FRAME) == [
        ["new", "1,033", "1,840,233.50", "0.45", "2017-12-31", "yes"],
        ["<script>alert(1)</script>", "–", "−12.25", "0.05", "–", "no"],
        ["–", "7", "–", "–", "2017-01-02", "yes"],
    ]


def test_numbers_in_a_column_of_objects_are_numbers() -> None:
    frame = pd.DataFrame(
        {"a": pd.Series([1469307, None], dtype=object), "b": pd.Series([0.5, 2.0], dtype=object)}
    )
    assert cells(frame) == [["1,469,307", "0.50"], ["–", "2.00"]]


@pytest.mark.parametrize(
    ("wanted", "written"),
    [
        ("integer", "−1,235"),
        ("decimal:1", "−1,234.6"),
        ("decimal:3", "−1,234.568"),
        ("money:USD", "−$1,234.57"),
        ("money:USD:0", "−$1,235"),
        ("money:EUR", "−€1,234.57"),
        ("percent", "−123,457%"),
        ("percent:1", "−123,456.8%"),
    ],
)
def test_formats(wanted: str, written: str) -> None:
    assert cells(pd.DataFrame({"x": [-1234.568]}), formats={"x": wanted}) == [[written]]


def test_a_plus_shows_the_sign() -> None:
    frame = pd.DataFrame({"a": [0.0125], "b": [2.5], "c": [3], "d": [1.5]})
    formats = {"a": "+percent:1", "b": "+money:USD", "c": "+integer", "d": "+decimal:1"}
    assert cells(frame, formats=formats) == [["+1.2%", "+$2.50", "+3", "+1.5"]]


def test_missing_values_are_a_word_of_choice() -> None:
    said = cells(FRAME, missing="not available")
    assert said[2][2] == said[1][1] == "not available"
    assert not {"nan", "None", "NaT", "<NA>"} & {cell for row in said for cell in row}


def test_text_from_the_data_never_becomes_markup() -> None:
    for hostile in ("<script>x</script>", "a & b", "<img src=x onerror=y>", "{{m}}<img src=x onerror=y>"):
        frame = pd.DataFrame({"name": [hostile], hostile: [1]})
        assert cells(frame) == [[hostile, "1"]]
        made = table(frame, caption=hostile, identifier="t", note=hostile, labels={"name": hostile})
        assert "<script" not in made.as_raw_html() and "<img" not in made.as_raw_html()
        headings = BeautifulSoup(made.as_raw_html(), "html.parser").select("thead th")
        assert [heading.get_text() for heading in headings] == [hostile, hostile]


def test_headings_are_words_and_numbers_stand_to_the_right() -> None:
    page = BeautifulSoup(html_of(labels={"is_stable": "Stable?"}), "html.parser")
    headings = page.select("thead th")
    assert [heading.get_text() for heading in headings][3:] == ["revenue share", "last seen on", "Stable?"]
    assert ["gt_right" in heading["class"] for heading in headings] == [False, True, True, True, True, False]


def test_an_empty_heading_is_heard_by_its_name() -> None:
    heading = BeautifulSoup(html_of(labels={"is_stable": ""}), "html.parser").select("thead th")[-1]
    assert heading.select_one(".unseen").get_text() == heading.get_text() == "is stable"


def test_caption_identifier_note_and_mark() -> None:
    page = BeautifulSoup(html_of(note="Dollars.", simulated=True), "html.parser")
    assert page.select_one("#sizes table .gt_title").get_text() == "What it shows."
    assert page.select_one(".gt_subtitle").get_text() == "Simulated effects"
    assert page.select_one(".gt_sourcenote").get_text() == "Dollars."
    assert "Simulated" not in html_of()


def test_the_same_frame_is_the_same_html_whatever_its_index() -> None:
    moved = FRAME.set_index(pd.Index([9, 4, 4]))
    assert table(moved, caption="What it shows.", identifier="sizes").as_raw_html() == html_of() == html_of()


def test_a_table_without_rows_says_so() -> None:
    made = table(FRAME.iloc[:0], caption="Nothing.", identifier="none").as_raw_html()
    assert "No rows." in made and "revenue share" in made


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"caption": " "}, "has no caption"),
        ({"identifier": "two words"}, "is no id"),
        ({"formats": {"absent": "text"}}, "'absent', which the frame has not"),
        ({"labels": {"absent": "x"}}, "'absent', which the frame has not"),
        ({"formats": {"revenue": "roman"}}, "'roman' is not known"),
        ({"formats": {"revenue": "money"}}, "needs a currency"),
        ({"formats": {"revenue": "money:ZZZ"}}, "ZZZ"),
    ],
)
def test_what_cannot_be_set_is_refused_with_a_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ReportError, match=sentence):
        html_of(**options)
