"""The cohort grid: by hand, against a plain count, and nothing about what is not over yet."""

from datetime import date, timedelta

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from regulars.engine import Engine, Frame
from regulars.month import day_number
from regulars.segments import SegmentError
from regulars.segments.retention import retention

ENGINE = Engine()
APRIL = day_number(date(2017, 4, 1))


def staged(orders: list[tuple[str | None, date]]) -> Frame:
    table = pd.DataFrame(orders, columns=["customer_id", "on"])
    table["ordered_day"] = table["on"].map(day_number).astype("int32")
    table["ordered_month"] = table.pop("on").map(lambda day: day.strftime("%Y-%m"))
    return nw.from_native(ENGINE.connection.from_df(table))


BY_HAND = [
    (None, date(2016, 11, 1)),
    ("a", date(2017, 1, 5)),
    ("a", date(2017, 1, 20)),
    ("a", date(2017, 2, 28)),
    ("b", date(2017, 1, 31)),
    ("b", date(2017, 3, 1)),
    ("b", date(2017, 3, 31)),
    ("c", date(2017, 2, 1)),
    ("d", date(2017, 3, 15)),
    ("c", date(2017, 4, 1)),
    ("e", date(2017, 4, 2)),
]


def test_by_hand() -> None:
    found = retention(staged(BY_HAND), APRIL)
    assert found.cohorts["customers"].to_dict() == {"2017-01": 2, "2017-02": 1, "2017-03": 1}
    expected = pd.DataFrame({1: [0.5, 0.0, np.nan], 2: [0.5, np.nan, np.nan]}, index=found.grid.index)
    pd.testing.assert_frame_equal(found.grid, expected, check_names=False, check_column_type=False)
    cells = found.cells[["cohort", "step", "customers", "ordered"]].to_numpy().tolist()
    assert cells == [["2017-01", 1, 2, 1], ["2017-01", 2, 2, 1], ["2017-02", 1, 1, 0]]


@pytest.mark.parametrize("day", [date(2017, 4, 1), date(2017, 4, 2), date(2017, 4, 30)])
def test_the_month_of_the_day_is_not_over_and_counts_nowhere(day: date) -> None:
    for one, other in zip(
        retention(staged(BY_HAND), day_number(day)), retention(staged(BY_HAND), APRIL), strict=True
    ):
        pd.testing.assert_frame_equal(one, other)


def test_what_happens_later_changes_no_cell() -> None:
    before = retention(staged(BY_HAND), APRIL)
    later = retention(staged([*BY_HAND, ("z", date(2017, 4, 1)), ("d", date(2017, 5, 1))]), APRIL)
    for one, other in zip(before, later, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_cohort_with_little_history_before_it_is_truncated() -> None:
    # The guest's order of 1 November counts as observed history: 61, 92 and 120 days before the cohorts begin.
    assert retention(staged(BY_HAND), APRIL).cohorts["is_truncated"].tolist() == [True, False, False]
    assert retention(staged(BY_HAND), APRIL, needs_days=93).cohorts["is_truncated"].tolist() == [
        True,
        True,
        False,
    ]
    assert retention(staged(BY_HAND[1:]), APRIL).cohorts["is_truncated"].all()


def random_orders(seed: int) -> list[tuple[str | None, date]]:
    rng = np.random.default_rng(seed)
    who, when = rng.integers(0, 60, 300), rng.integers(0, 700, 300)
    return [(f"{i:02d}", date(2016, 2, 15) + timedelta(days=int(d))) for i, d in zip(who, when, strict=True)]


@pytest.mark.parametrize(("by", "length"), [("month", 1), ("quarter", 3)])
def test_it_is_what_a_plain_count_says(by: str, length: int) -> None:
    orders, end = random_orders(3), date(2017, 11, 1)
    last = (2017 * 12 + 10) // length - 1
    active: dict[str | None, set[int]] = {}
    for customer, on in orders:
        if on < end:
            active.setdefault(customer, set()).add((on.year * 12 + on.month - 1) // length)
    found = retention(staged(orders), day_number(end), by=by)  # type: ignore[arg-type]
    for name, row in found.grid.iterrows():
        year, number = int(name[:4]), int(name[-2:].strip("Q"))
        cohort = year * (12 // length) + number - 1
        members = [periods for periods in active.values() if min(periods) == cohort]
        assert found.cohorts.loc[name, "customers"] == len(members)
        for step, share in row.items():
            if cohort + step <= last:
                assert share == sum(cohort + step in periods for periods in members) / len(members)
            else:
                assert np.isnan(share)
    assert found.cohorts["customers"].sum() == sum(min(periods) <= last for periods in active.values())


def test_shuffled_rows_change_nothing() -> None:
    orders = random_orders(4)
    shuffled = [orders[i] for i in np.random.default_rng(0).permutation(len(orders))]
    for one, other in zip(retention(staged(orders), APRIL), retention(staged(shuffled), APRIL), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_each_share_has_the_interval_of_wilson() -> None:
    cells = retention(staged(random_orders(5)), APRIL).cells
    assert (cells["low"] <= cells["share"] + 1e-12).all()
    for row in cells.itertuples():
        expected = proportion_confint(row.ordered, row.customers, method="wilson")
        assert (row.low, row.high) == pytest.approx(expected)
    never = cells[cells["ordered"] == 0]
    assert len(never)
    assert (never["high"] > 0).all()


@pytest.mark.parametrize("orders", [[], [("a", date(2017, 4, 3))], [(None, date(2017, 1, 3))]])
def test_without_a_complete_cohort_there_are_no_cells(orders: list[tuple[str | None, date]]) -> None:
    found = retention(staged([*orders, (None, date(2017, 4, 5))]), APRIL)
    assert found.cohorts.empty
    assert found.cells.empty
    assert found.grid.empty
    assert list(found.cells) == ["cohort", "step", "customers", "ordered", "share", "low", "high"]


def test_one_cohort_of_the_last_month_has_no_later_step() -> None:
    found = retention(staged([("a", date(2017, 3, 3))]), APRIL)
    assert found.cohorts["customers"].tolist() == [1]
    assert found.cells.empty


def test_another_length_is_refused_in_a_sentence() -> None:
    with pytest.raises(SegmentError, match="'week' are not known: say month or quarter"):
        retention(staged(BY_HAND), APRIL, by="week")  # type: ignore[arg-type]
