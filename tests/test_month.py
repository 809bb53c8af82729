"""Months agree with the calendar of the standard library and of pandas."""

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.month import Month, MonthError, day_date, day_number, months_between

days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
months = st.builds(Month, st.integers(1900, 2100), st.integers(1, 12))


@given(days)
def test_a_day_number_is_the_days_since_1970_and_comes_back_as_its_date(day: date) -> None:
    assert day_number(day) == (day - date(1970, 1, 1)) / timedelta(days=1)
    assert day_date(day_number(day)) == day


@given(months)
def test_a_month_has_the_days_that_pandas_gives_it(month: Month) -> None:
    period = pd.Period(str(month), "M")
    assert day_date(month.first_day) == period.start_time.date()
    assert day_date(month.snapshot_day) == (period + 1).start_time.date()
    assert month.days == period.days_in_month
    assert (str(month.next), str(month.previous)) == (str(period + 1), str(period - 1))
    assert month.title == period.strftime("%B %Y")


@given(months)
def test_a_month_is_read_as_it_is_written_and_holds_its_own_days_only(month: Month) -> None:
    assert Month.parse(str(month)) == month
    inside = [month.first_day, month.snapshot_day - 1]
    assert [Month.of_day(day) for day in inside] == [month, month]
    assert Month.of_day(month.snapshot_day) == month.next
    assert Month.of_day(month.first_day - 1) == month.previous


@given(months, months)
def test_months_sort_as_time_does(one: Month, other: Month) -> None:
    assert (one < other) == (one.first_day < other.first_day)


@given(months, st.integers(-3, 30))
def test_months_between_has_every_month_once_and_none_backwards(first: Month, steps: int) -> None:
    last = pd.Period(str(first), "M") + steps
    expected = [str(month) for month in pd.period_range(str(first), last, freq="M")]
    assert [str(month) for month in months_between(first, Month(last.year, last.month))] == expected


@pytest.mark.parametrize(
    "text", ["2017-13", "2017-00", "2017-1", "17-01", "2017-12-01", "december", "", " 2017-12"]
)
def test_what_is_no_month_is_named_with_what_to_write(text: str) -> None:
    with pytest.raises(MonthError) as error:
        Month.parse(text)
    assert str(error.value) == (
        f"'{text}' is not a month: write YYYY-MM, such as 2017-12, or 'latest' for the last complete one."
    )
