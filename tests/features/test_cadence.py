"""Corners of when a customer comes back, on shops small enough to read."""

import pandas as pd
import pytest

from tests.features.small import line, of_one, taken

THURSDAY, FRIDAY, MONDAY = 7, 8, 11  # 1970-01-01 was a Thursday


def test_a_single_day_with_orders_has_no_gap() -> None:
    found = taken([line("1", "a", 5), line("2", "a", 5), line("3", "b", 5), line("4", "b", 8)], 10)
    gaps = found[["gap_mean_days", "gap_median_days", "gap_sd_days", "overdue_days"]]
    assert gaps.loc["a"].isna().all()
    assert gaps.loc["b"].drop("gap_sd_days").tolist() == [3, 3, -1]
    assert pd.isna(gaps.loc["b", "gap_sd_days"])


def test_gaps_are_between_days_not_orders() -> None:
    days = [3, 3, 4, 4, 14]
    found = of_one([line(str(n), "a", day) for n, day in enumerate(days)], 20)
    assert found[["gap_mean_days", "gap_median_days", "frequency"]].tolist() == [5.5, 5.5, 5]
    assert found["gap_sd_days"] == pytest.approx(40.5**0.5, rel=1e-14)


def test_equal_gaps_have_a_deviation_of_exactly_zero() -> None:
    found = of_one([line(str(day), "a", day) for day in range(1, 99, 7)])
    assert found[["gap_mean_days", "gap_sd_days", "overdue_days"]].tolist() == [7.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("days", "usual"),
    [
        ([THURSDAY], 4),
        ([MONDAY + 6], 7),
        ([FRIDAY, MONDAY], 1),
        ([FRIDAY, FRIDAY + 7, MONDAY], 5),
        ([FRIDAY, MONDAY, FRIDAY, THURSDAY, MONDAY + 7], 1),
    ],
)
def test_the_usual_weekday_has_most_orders_and_of_equals_is_the_first(days: list[int], usual: int) -> None:
    lines = [line(str(n), "a", day) for n, day in enumerate(days)]
    for rows in (lines, lines[::-1]):
        assert of_one(rows)["usual_weekday"] == usual


@pytest.mark.parametrize(
    ("hours", "usual"), [([23], 23), ([20, 9], 9), ([20, 9, 20], 20), ([0, 23], 0), ([0, 23, 23], 23)]
)
def test_the_usual_hour_has_most_orders_and_of_equals_is_the_first(hours: list[int], usual: int) -> None:
    lines = [line(str(n), "a", 5, hour=hour) for n, hour in enumerate(hours)]
    for rows in (lines, lines[::-1]):
        assert of_one([*rows, line("noon", "b", 5)])["usual_hour"] == usual


def test_where_no_order_has_a_time_of_day_there_is_no_usual_hour_but_a_weekday() -> None:
    found = of_one([line("1", "a", FRIDAY, hour=0), line("2", "b", FRIDAY, hour=0)])
    assert pd.isna(found["usual_hour"])
    assert found["usual_weekday"] == 5


def test_midnight_is_an_hour_where_others_order_at_other_hours() -> None:
    assert of_one([line("1", "a", 5, hour=0), line("2", "b", 5, hour=7)])["usual_hour"] == 0
