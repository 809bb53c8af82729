"""How the segments stand: sizes and money by the right month's segment, nothing of the few, nothing from the future."""

import pandas as pd
import pytest

from regulars import Shop
from regulars.month import Month
from regulars.review import (
    first_instants,
    health,
    monthly_activity,
    revenue_by_segment,
    segments_of,
    standing,
)

NOVEMBER, DECEMBER = Month(2017, 11), Month(2017, 12)


def test_money_is_by_the_segment_at_the_first_instant_and_the_few_are_hidden() -> None:
    now = pd.Series(["loyal"] * 30 + ["new"] * 9)
    before = pd.Series(["loyal"] * 12 + ["lapsed"] * 15)
    activity = pd.DataFrame(
        {"customer": range(39), "is_guest": False, "month": "2017-12", "orders": 1, "revenue": 2.0}
    )
    brought = revenue_by_segment(activity, before, "2017-12")
    healthy = health(activity, {DECEMBER: before, NOVEMBER: before}, DECEMBER, first=Month(2017, 1))
    table = standing(now, before, brought, pd.Series(5.0, index=now.index), healthy)
    assert table.index.tolist() == ["loyal", "new", "lapsed"]
    assert table.loc["loyal", ["customers", "last_month", "revenue", "expected", "bought"]].tolist() == [
        30,
        12,
        24,
        150,
        1,
    ]
    assert table.loc["lapsed", ["customers", "last_month", "revenue"]].isna().tolist() == [True, False, False]
    assert table.loc["new"].drop(["last_month", "health"]).isna().all()


def test_without_an_earlier_month_or_a_forecast_there_are_sizes() -> None:
    now = pd.Series(["loyal"] * 30)
    table = standing(now, now[:0], pd.DataFrame(), pd.Series(dtype=float), pd.DataFrame())
    assert table.loc["loyal", "customers"] == 30
    assert table.drop(columns="customers").isna().all(axis=None)


def test_first_instants_are_the_snapshots_of_the_months_before(demo: Shop) -> None:
    found = first_instants(demo, DECEMBER, NOVEMBER, NOVEMBER, Month(2017, 1))
    assert list(found) == [DECEMBER, NOVEMBER]  # before January nothing is known
    for month, labels in found.items():
        pd.testing.assert_series_equal(labels, segments_of(demo, demo.snapshot(month.previous)))
        assert not labels.str.contains("_").any()


def test_the_demos_segments_add_up(demo: Shop) -> None:
    activity = monthly_activity(demo.engine, demo.table("orders"), demo.months())
    firsts = first_instants(demo, DECEMBER, NOVEMBER)
    now = segments_of(demo, demo.snapshot(DECEMBER))
    brought = revenue_by_segment(activity, firsts[DECEMBER], "2017-12")
    table = standing(
        now,
        firsts[DECEMBER],
        brought,
        pd.Series(dtype=float),
        health(activity, firsts, DECEMBER, first=Month(2017, 1)),
        min_cell=1,
    )
    assert table["customers"].sum() == len(now)
    everyone = activity[activity["month"] == "2017-12"]["revenue"].sum()
    joined = brought["revenue"].get("joined this month", 0.0)
    assert table["revenue"].sum() + joined == pytest.approx(everyone)
    bought = activity[(activity["month"] == "2017-12") & (activity["orders"] > 0)]["customer"]
    share = firsts[DECEMBER].index.isin(bought).mean()
    assert (table["bought"] * table["last_month"]).sum() / table["last_month"].sum() == pytest.approx(share)
