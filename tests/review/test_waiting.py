"""The median time to repeat: against statsmodels, and by hand."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from regulars import Shop
from regulars.engine import Engine
from regulars.month import Month
from regulars.review.register import TIME_TO_REPEAT
from regulars.review.waiting import GROUPS, median, order_gaps, time_to_repeat
from tests.review.coverage import median_held

NOVEMBER = Month(2017, 11)
END = NOVEMBER.snapshot_day


def gaps_of(orders: list[tuple[str | None, int]], *months: Month) -> pd.DataFrame:
    engine = Engine()
    frame = pd.DataFrame(orders, columns=["customer_id", "ordered_day"])
    return order_gaps(engine, nw.from_native(engine.connection.from_df(frame)), list(months))


def test_gaps_by_hand() -> None:
    orders = [("a", END - 30), ("a", END - 30), ("a", END - 20), ("a", END), ("b", END - 366), ("b", END - 3)]
    found = gaps_of([*orders, (None, END - 5)], NOVEMBER)
    assert list(found[["days", "is_event", "n"]].itertuples(index=False, name=None)) == [
        (10, 1, 1),  # two orders on one day are one
        (19, 0, 1),  # the next one came after the month
        (2, 0, 1),  # the order before it is older than a year
    ]
    assert found["group"].tolist() == [0, 0, 1]


def test_an_earlier_months_end_sees_less() -> None:
    orders = [("a", NOVEMBER.first_day - 10), ("a", NOVEMBER.first_day + 5)]
    found = gaps_of(orders, NOVEMBER.previous, NOVEMBER).set_index("month")
    assert found.loc["2017-10", ["days", "is_event"]].tolist() == [9, 0]
    assert found.loc["2017-11", ["days", "is_event"]].to_numpy().tolist() == [[15, 1], [24, 0]]


def test_the_demos_median_is_statsmodels(demo: Shop) -> None:
    month = Month(2017, 12)
    gaps = order_gaps(demo.engine, demo.table("orders"), [month])
    each = gaps.loc[gaps.index.repeat(gaps["n"])]
    theirs = SurvfuncRight(each["days"].to_numpy(), each["is_event"].to_numpy()).quantile(0.5)
    row = time_to_repeat(demo.engine, demo.table("orders"), month, Month(2017, 1), draws=50)
    assert row.loc[TIME_TO_REPEAT.name, "value"] == theirs
    plain = demo.engine.sql(
        f"SELECT count(*) FROM (SELECT DISTINCT customer_id, ordered_day FROM read_parquet('{demo.staged('orders')}') "
        f"WHERE customer_id IS NOT NULL AND ordered_day < {month.snapshot_day} AND ordered_day >= {month.snapshot_day - 365})"
    ).fetchall()[0][0]
    assert gaps["n"].sum() == plain
    assert gaps["group"].nunique() == GROUPS
    past = row[["last_month", "change", "range_low", "range_months"]].iloc[0]
    assert past.notna().all()
    assert past["range_months"] == 11


@pytest.mark.parametrize("seed", range(5))
def test_medians_are_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days, event = rng.geometric(0.05, 200), rng.random(200) < 0.7
    events, leaving = (np.bincount(days[kept], minlength=days.max() + 1) for kept in (event, days >= 0))
    ours = median((events.astype(float), leaving[::-1].cumsum()[::-1].astype(float)))
    assert ours == SurvfuncRight(days, event.astype(int)).quantile(0.5)


def test_a_curve_that_stays_above_one_half_has_no_median() -> None:
    engine = Engine()
    frame = pd.DataFrame(
        {"customer_id": list("abcd"), "ordered_day": [END - 40, END - 30, END - 20, END - 9]}
    )
    lazy = nw.from_native(engine.connection.from_df(frame))
    row = time_to_repeat(engine, lazy, NOVEMBER, NOVEMBER.previous, draws=20).iloc[0]
    assert row[["value", "low", "high", "last_month", "change"]].isna().all()


@pytest.mark.slow
def test_the_interval_of_the_median_holds_the_truth() -> None:
    repeats = 200
    least = 0.93 - 3 * np.sqrt(0.93 * 0.07 / repeats)
    assert np.mean([median_held(300, seed) for seed in range(repeats)]) >= least
