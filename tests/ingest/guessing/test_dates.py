"""How dates are written: the pattern that reads all of them, and day or month where that is open."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.ingest.guessing.dates import pattern_of, read_dates

FORMS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y %H:%M", "%d-%m-%y", "%m/%d/%y %I:%M %p", "%d.%m.%Y, %H:%M:%S", "%d/%m/%Y %H:%M:%S.%f",
    "%d %b %Y", "%d-%b-%y", "%B %d, %Y", "%d %B %Y %H:%M", "%Y%m%d", "%m/%d/%Y %I:%M:%S%p", "%Y.%m.%d",
)  # fmt: skip
TIMES = [
    datetime(2025, 1, 31, 23, 59, 7, 120000),
    datetime(2024, 12, 13, 0, 5),
    datetime(2025, 3, 24, 12, 0, 30),
]


@pytest.mark.parametrize("form", FORMS)
def test_the_pattern_is_found_and_staging_reads_by_it(form: str) -> None:
    texts = pd.Series([f"{when:{form}}" for when in TIMES])
    dates = read_dates(texts)
    assert dates and dates.is_sure and not dates.unread
    assert dates.patterns == (form,)
    with duckdb.connect() as connection:
        for text, when in dates.read.items():
            (read,) = connection.execute(
                "SELECT try_strptime(?, ?)", [text, list(dates.patterns)]
            ).fetchall()[0]
            assert read == when == datetime.strptime(text, form)


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-05",
        "2025-1-5",
        "2025/01/05",
        "2025-01-05 7:08",
        "2025-01-05T10:11:12",
        "2025-01-05 10:11:12.5",
    ],
)
def test_iso_dates_need_no_pattern_and_staging_reads_them(text: str) -> None:
    dates = read_dates(pd.Series([text]))
    assert dates and dates.patterns == () and not dates.has_offset
    with duckdb.connect() as connection:
        (read,) = connection.execute("SELECT TRY_CAST(? AS TIMESTAMP)", [text]).fetchall()[0]
    assert dates.read[text] == read.replace(microsecond=0)


@pytest.mark.parametrize(
    "text", ["2025-01-05T10:11:12Z", "2025-01-05 10:11:12 -0500", "2025-01-05 10:11:12+01:00"]
)
def test_a_distance_from_utc_is_seen(text: str) -> None:
    dates = read_dates(pd.Series([text]))
    assert dates and dates.has_offset and dates.patterns == ()


@pytest.mark.parametrize(
    "texts", [["7", "8"], ["soon"], ["12.50", "3.25"], ["40/40/2025"], ["2025-02-30"], [None, None]]
)
def test_what_is_no_date(texts: list[str]) -> None:
    assert read_dates(pd.Series(texts, dtype="str")) is None


def test_a_value_above_twelve_tells() -> None:
    dates = read_dates(pd.Series(["03/04/2025", "04/13/2025", "05/04/2025"]))
    assert dates and (dates.order, dates.is_sure, dates.by_rows) == ("month", True, False)


def test_the_order_of_the_rows_tells_where_no_value_does() -> None:
    texts = ["12/01/2025", "01/02/2025", "02/02/2025"]  # 12 January, 1 and 2 February
    dates = read_dates(pd.Series(texts))
    assert dates and (dates.order, dates.is_sure, dates.by_rows) == ("day", True, True)
    newest_first = read_dates(pd.Series(["02/01/2025", "01/12/2025", "01/02/2025"]))
    assert newest_first and (newest_first.order, newest_first.by_rows) == ("month", True)


@pytest.mark.parametrize(
    "texts",
    [
        ["03/04/2025", "05/06/2025"],
        ["03/04/2025", "04/03/2025", "03/04/2025"],
        ["01/01/2025"],
        ["04/03/2025"],
    ],
)
def test_where_nothing_tells_the_day_is_first_and_that_is_said(texts: list[str]) -> None:
    dates = read_dates(pd.Series(texts))
    assert dates and (dates.order, dates.is_sure) == ("day", False)
    assert dates.patterns == ("%d/%m/%Y",)


def test_what_another_column_told_is_taken() -> None:
    dates = read_dates(pd.Series(["03/04/2025"]), "month")
    assert dates and dates.is_sure and dates.read["03/04/2025"] == datetime(2025, 3, 4)


def test_two_forms_in_one_column_need_two_patterns() -> None:
    dates = read_dates(pd.Series(["03.04.2025", "13.04.2025 12:30", "2025-05-01"]))
    assert dates and set(dates.patterns) == {"%d.%m.%Y", "%d.%m.%Y %H:%M", "%Y-%m-%d"}
    short = read_dates(pd.Series(["13.04.2025", "14.04.2025", "15.04.25"]))
    assert short and short.patterns == ("%d.%m.%y", "%d.%m.%Y")  # %Y would take 25 for the year 25


def test_short_and_long_names_of_months_are_one_form() -> None:
    dates = read_dates(pd.Series(["5 May 2025", "6 June 2025"]))
    assert dates and dates.patterns == ("%d %B %Y",)


def test_a_few_values_that_are_no_dates_are_said() -> None:
    dates = read_dates(pd.Series([f"{day:02}.01.2025" for day in range(1, 29)] + ["unknown"]))
    assert dates and (dates.patterns, dates.unread) == (("%d.%m.%Y",), ("unknown",))


def test_examples_are_those_that_could_be_read_otherwise() -> None:
    dates = read_dates(pd.Series(["01/01/2025", "03/04/2025"]))
    assert dates and dates.examples()[0] == "03/04/2025 was read as 3 April 2025"


@given(st.text(max_size=20))
def test_no_text_is_too_strange(text: str) -> None:
    assert pattern_of(text, "day") is None or datetime.strptime(text, pattern_of(text, "day") or "")
    read_dates(pd.Series([text], dtype="str"))
