"""How a column writes its dates is found from its values, and asked where they do not tell."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.config import Format
from regulars.engine import Engine
from regulars.ingest import IngestError
from regulars.ingest.contracts import Column
from regulars.ingest.dates import DAY_FIRST, MONTH_FIRST, PLAIN, TIMES, found_patterns
from regulars.ingest.landing import quoted
from regulars.ingest.values import Raw, read

ENGINE = Engine()
RAW = Raw("c", "VARCHAR")
PATTERNS = (*DAY_FIRST, *MONTH_FIRST, *PLAIN)
MOMENTS = [
    datetime(2024, 2, 29, 23, 59, 58),
    datetime(2023, 12, 31, 0, 5, 1),
    datetime(2025, 5, 13, 12, 0, 0),
]


def rows(texts: list[str | None]) -> str:
    cells = ", ".join(f"({'NULL' if text is None else quoted(text)}::VARCHAR)" for text in texts)
    return f"SELECT c FROM (VALUES {cells}) AS t(c)"


def found(*texts: str | None) -> list[str] | None:
    """The patterns of a column with these texts."""
    return found_patterns(ENGINE, rows(list(texts)), RAW, "orders.csv, column 'Date'")


def read_back(*texts: str | None) -> list[datetime | None]:
    """The texts, read as they are when the patterns are found from them."""
    reading = read(RAW, Column("c", "time", ""), Format(dates=found(*texts)), "UTC")
    numbered = " UNION ALL ".join(
        f"SELECT {place} AS place, c FROM ({rows([text])})" for place, text in enumerate(texts)
    )
    query = f"SELECT {reading} FROM ({numbered}) ORDER BY place"
    return [moment for (moment,) in ENGINE.connection.execute(query).fetchall()]


def refused(*texts: str) -> str:
    with pytest.raises(IngestError) as error:
        found(*texts)
    return str(error.value)


def seen_by(pattern: str, moment: datetime) -> datetime:
    """What a pattern says of a moment."""
    return datetime.strptime(moment.strftime(pattern), pattern)


@pytest.mark.parametrize("days", PATTERNS)
def test_every_pattern_is_found_and_reads_what_was_written(days: str) -> None:
    for time in TIMES:
        pattern = days + time
        texts = [moment.strftime(pattern) for moment in MOMENTS]
        assert read_back(*texts) == [seen_by(pattern, moment) for moment in MOMENTS], pattern


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-05", "2024-12-31"],
        ["2024-01-05 10:30", "2024-01-05T10:30:59", "2024-01-05 10:30:59.5"],
        ["2024-01-05T10:30:00Z", "2024-01-05 10:30:00 +0100", "2024-01-05 10:30:00-05:00"],
        ["2024-01-05", None],
        [None],
    ],
)
def test_iso_needs_no_pattern(texts: list[str | None]) -> None:
    assert found(*texts) is None


def test_one_day_above_twelve_settles_it() -> None:
    assert found("01/02/2024", "13/02/2024") == ["%d/%m/%Y"]
    assert found("01/02/2024", "02/13/2024") == ["%m/%d/%Y"]
    assert read_back("01/02/2024", "13/02/2024")[0] == datetime(2024, 2, 1)
    assert read_back("01/02/2024", "02/13/2024")[0] == datetime(2024, 1, 2)


@pytest.mark.parametrize("sign", ["/", "-", "."])
@pytest.mark.parametrize("year", ["%Y", "%y"])
@pytest.mark.parametrize("time", ["", " %H:%M", " %I:%M %p"])
def test_day_and_month_that_could_be_exchanged_are_asked_for(sign: str, year: str, time: str) -> None:
    day, month = (sign.join([*first, year]) + time for first in (("%d", "%m"), ("%m", "%d")))
    texts = [datetime(2024, number, 13 - number, 15, 30).strftime(day) for number in range(1, 13)]
    said = refused(*texts)
    assert said.startswith("orders.csv, column 'Date': ")
    assert sum(text in said for text in texts) == 3
    assert f'dates: "{day}" or dates: "{month}".' in said


def test_dates_that_contradict_each_other_are_shown_from_both_sides() -> None:
    said = refused("13/01/2024", "14/01/2024", "01/15/2024", "02/03/2024")
    assert "13/01/2024, 14/01/2024 have the day first, 01/15/2024 the month" in said
    assert "Export them in one form, such as 2025-03-31." in said


def test_iso_dates_between_others_are_read_too() -> None:
    texts = ["31.12.2024", "2024-12-30", "2024-12-29 10:30", "01.12.2024", "2024-12-28 10:30:59", None]
    assert read_back(*texts) == [
        datetime(2024, 12, 31),
        datetime(2024, 12, 30),
        datetime(2024, 12, 29, 10, 30),
        datetime(2024, 12, 1),
        datetime(2024, 12, 28, 10, 30, 59),
        None,
    ]


def test_a_few_words_among_the_dates_change_nothing() -> None:
    assert read_back("31/12/2024", "see note", "13/01/2024") == [
        datetime(2024, 12, 31),
        None,
        datetime(2024, 1, 13),
    ]


def test_in_a_column_without_any_date_none_is_read() -> None:
    assert read_back("tea", "pot") == [None, None]


def test_what_is_ambiguous_among_words_is_asked_for_or_refused_but_never_guessed() -> None:
    with pytest.raises(IngestError, match="day or with the month first"):
        found("01/02/2024", "see note")


@settings(max_examples=40)
@given(
    days=st.lists(st.integers(0, 5_000), min_size=1, max_size=30),
    sign=st.sampled_from(["/", "-", "."]),
    is_day_first=st.booleans(),
)
def test_a_date_is_never_read_the_wrong_way_round(days: list[int], sign: str, is_day_first: bool) -> None:
    moments = [datetime(2015, 1, 1) + timedelta(day) for day in days]
    pattern = sign.join(["%d", "%m", "%Y"] if is_day_first else ["%m", "%d", "%Y"])
    texts = [moment.strftime(pattern) for moment in moments]
    if any(moment.day > 12 for moment in moments):
        assert read_back(*texts) == moments
    else:
        assert "can be read with the day or with the month first" in refused(*texts)


@pytest.mark.parametrize("text", ["2024-01-05 09:15 PST", "2024-01-05 09:15 soon", "2024-01-05 (BC)"])
def test_what_says_more_than_a_date_is_not_read_as_one(text: str) -> None:
    assert read_back(text, "2024-01-06 10:30") == [None, datetime(2024, 1, 6, 10, 30)]


def test_iso_dates_may_have_twelve_hours() -> None:
    assert read_back("2024-01-05 09:15 PM", "2024-01-05 09:15 AM") == [
        datetime(2024, 1, 5, 21, 15),
        datetime(2024, 1, 5, 9, 15),
    ]


def test_a_date_whose_midnight_was_dropped_is_read_among_times() -> None:
    assert read_back("31/12/2024 10:30", "31/12/2024", "01/12/2024 10:30:59") == [
        datetime(2024, 12, 31, 10, 30),
        datetime(2024, 12, 31),
        datetime(2024, 12, 1, 10, 30, 59),
    ]
    said = refused("01/12/2024 10:30", "01/12/2024")
    assert 'dates: ["%d/%m/%Y", "%d/%m/%Y %H:%M"] or dates: ["%m/%d/%Y", "%m/%d/%Y %H:%M"].' in said


def test_a_time_that_says_its_offset_is_read_among_others() -> None:
    texts = ["31.12.2024 10:30", "2024-12-31 10:30:00 +0100", "2024-12-31T10:30:00Z", "soon"]
    assert read_back(*texts) == [
        datetime(2024, 12, 31, 10, 30),
        datetime(2024, 12, 31, 9, 30),
        datetime(2024, 12, 31, 10, 30),
        None,
    ]
