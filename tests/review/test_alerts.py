"""Alerts: none without a reason, one for a dip, and words where there is too little to go by."""

import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.month import Month, months_between
from regulars.review import monthly_activity
from regulars.review.alerts import FEWEST_CUSTOMERS, FEWEST_MONTHS, chart_title, quiet, watch
from regulars.review.kpis import KPIS, kpis_by_month
from tests.review.alerts_study import Case, outcomes
from tests.review.quiet import Quiet, activity, months_of

MONTHS = months_of(12, Month(2017, 12))
STEADY = Quiet(customers=2000, amplitude=0.05, growth=0.0, noise=0.01)
NAMES = [kpi.name for kpi in KPIS]


def shop(dip: float = 0.0, by: str = "orders", over: int = 1, seed: int = 0) -> pd.DataFrame:
    return activity(np.random.default_rng(seed), STEADY, MONTHS, dip=dip, by=by, over=over)


def test_a_quiet_shop_has_no_alert_and_lies_in_its_usual_range() -> None:
    found = watch(shop(), MONTHS)
    assert (found.alert, found.why_not) == (None, None)
    figures = found.figures
    assert figures.index.tolist() == NAMES
    states = figures["state"].to_dict()
    assert states.pop("repeat rate") == "not watched" and set(states.values()) == {"as usual"}
    assert ((figures["low"] < figures["value"]) & (figures["value"] < figures["high"])).all()
    assert (figures["drift_low"] < figures["low"]).all()  # three months ahead less is known
    assert figures["past_months"].tolist() == [11, 11, 11, 11, 11, 8]
    seen = kpis_by_month(shop(), MONTHS).iloc[-1]
    assert figures["value"].tolist() == pytest.approx(seen[NAMES].tolist())


def test_lost_orders_are_one_alert_led_by_revenue() -> None:
    found = watch(shop(0.35), MONTHS)
    assert found.alert is not None
    assert (found.alert.kind, found.alert.lead, found.alert.against) == ("dip", "revenue", Month(2017, 11))
    assert {"revenue", "orders", "active customers"} <= set(found.alert.figures)
    assert "average order value" not in found.alert.figures
    row = found.figures.loc["revenue"]
    assert (found.alert.value, found.alert.expected, found.alert.low) == tuple(
        row[["value", "expected", "low"]]
    )
    assert found.alert.value < found.alert.low < found.alert.expected
    assert found.alert.probability == row["p_dip"] < 0.008


def test_cut_amounts_leave_customers_and_orders_as_usual() -> None:
    found = watch(shop(0.35, "amounts"), MONTHS)
    assert found.alert is not None
    assert set(found.alert.figures) == {"revenue", "average order value"}


def test_a_slow_fall_is_a_drift_where_no_month_was_a_dip() -> None:
    kinds = []
    for seed in range(10):
        found = watch(shop(0.5, over=3, seed=seed), MONTHS)
        kinds.append(found.alert.kind if found.alert else None)
        if found.alert and found.alert.kind == "drift":
            assert found.alert.against == Month(2017, 9)
            assert (found.figures.loc[list(found.alert.figures), "state"] == "drift").all()
    assert kinds.count(None) <= 2
    assert "drift" in kinds or "dip" in kinds


def test_a_chart_is_titled_by_what_it_shows() -> None:
    names = ["revenue", "average order value"]
    rows = {"quiet": shop(), "dip": shop(0.35), "peak": shop()}
    rows["quiet"].loc[rows["quiet"]["month"] == "2017-06", "revenue"] *= 1.5
    rows["peak"].loc[rows["peak"]["month"] == "2017-12", "revenue"] *= 1.5
    titles = {
        kind: chart_title(watch(each, MONTHS), kpis_by_month(each, MONTHS), names)
        for kind, each in rows.items()
    }
    assert titles == {
        "quiet": "None of these is at its highest this month",
        "dip": "Lower than usual this month: revenue",
        "peak": "At its highest this month: revenue, average order value",
    }
    first = rows["peak"][rows["peak"]["month"] == "2017-12"]
    assert (
        chart_title(watch(first, MONTHS[-1:]), kpis_by_month(first, MONTHS[-1:]), names) == "One month so far"
    )


def test_a_quiet_month_names_what_was_watched_and_a_repeat_rate_below_its_range() -> None:
    rows = shop()
    watched = "Watched, and none lower than usual: active customers, orders, revenue, average order value, new customers."
    assert quiet(watch(rows, MONTHS)) == watched
    fewer = rows.copy()
    last = (fewer["month"] == "2017-12") & (fewer["orders"] > 1)
    fewer.loc[last, "orders"] = np.where(np.arange(last.sum()) % 4, 1, fewer.loc[last, "orders"] * 3)
    found = watch(fewer, MONTHS)
    assert found.figures.loc["repeat rate", "value"] < found.figures.loc["repeat rate", "low"]
    assert quiet(found).endswith("The repeat rate is below its usual range, which raises no alert by itself.")


def test_a_rise_is_no_alert() -> None:
    rows = shop()
    rows.loc[rows["month"] == "2017-12", ["revenue"]] *= 1.8
    found = watch(rows, MONTHS)
    assert found.alert is None
    assert found.figures.loc["revenue", "state"] == "above"


def test_a_month_without_orders_is_an_alert() -> None:
    rows = shop()
    found = watch(rows[rows["month"] < "2017-12"], MONTHS)
    assert found.alert is not None
    assert found.alert.value == 0
    assert found.alert.probability == 0
    assert found.figures.loc["average order value", "state"] == "no orders this month"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "There is no whole month before this one to know what is usual from: "),
        (2, "One earlier month is too few to know what is usual: "),
        (5, "Four earlier months are too few to know what is usual: "),
    ],
)
def test_too_few_months_are_said(count: int, words: str) -> None:
    rows = shop()
    months = MONTHS[-count:]
    found = watch(rows[rows["month"] >= str(months[0])], months)
    assert found.alert is None
    assert found.why_not == words + "alerts begin with six earlier months."
    assert (found.figures["state"] == "too few months").all()


def test_alerts_begin_with_the_seventh_month_and_drifts_with_the_ninth() -> None:
    rows = shop()
    for count in (FEWEST_MONTHS + 1, FEWEST_MONTHS + 3):
        months = MONTHS[-count:]
        found = watch(rows[rows["month"] >= str(months[0])], months)
        assert found.why_not is None
        assert found.figures.loc["revenue", "p_dip"] > 0
        assert pd.isna(found.figures.loc["revenue", "p_drift"]) == (count == FEWEST_MONTHS + 1)


def test_a_first_month_that_is_not_whole_is_left_out() -> None:
    begin = MONTHS[0].first_day
    assert watch(shop(), MONTHS, first_day=begin + 2).figures.loc["orders", "past_months"] == 11
    assert watch(shop(), MONTHS, first_day=begin + 3).figures.loc["orders", "past_months"] == 10


def test_few_customers_are_not_watched() -> None:
    few = activity(np.random.default_rng(1), Quiet(FEWEST_CUSTOMERS / 2, 0, 0, 0), MONTHS)
    found = watch(few, MONTHS)
    assert found.alert is None
    assert (found.figures["state"] == "too few customers").sum() >= 5
    assert found.why_not == "Too few customers are behind each figure to know what is usual."


def test_guests_alone_are_watched_without_customers() -> None:
    found = watch(shop(0.35).assign(is_guest=True), MONTHS)
    assert found.figures.loc["active customers", "state"] == "too few customers"
    assert found.alert is not None
    assert "orders" in found.alert.figures


def test_neither_currency_nor_the_order_of_rows_nor_names_matter() -> None:
    rows = shop(0.3)
    other = rows.sample(frac=1, random_state=1)
    other["revenue"] *= 117.3
    other["customer"] = "c" + other["customer"].astype(str)
    found, changed = watch(rows, MONTHS), watch(other, MONTHS)
    assert found.figures["state"].tolist() == changed.figures["state"].tolist()
    for name in ("p_dip", "p_drift"):
        np.testing.assert_allclose(found.figures[name], changed.figures[name], rtol=1e-6)


def test_a_months_length_is_no_dip() -> None:
    """February has 28 of 31 days: a tenth fewer orders are to be expected, and no alert."""
    months = months_of(12, Month(2017, 2))
    rows = activity(np.random.default_rng(3), STEADY._replace(amplitude=0), months)
    found = watch(rows, months)
    january = kpis_by_month(rows, months)["orders"].iloc[-2]
    assert found.figures.loc["orders", "expected"] == pytest.approx(28 / 31 * january, rel=0.04)
    assert found.alert is None


@pytest.mark.slow
def test_the_repeat_rate_seldom_leaves_its_usual_range_and_knows_short_months() -> None:
    """Four fifths of 5 % over five figures are 0.8 % on either side; a fourth of the shops end in February."""
    shops, outside, expected = 200, 0, []
    for seed in range(shops):
        rng = np.random.default_rng([4, seed])
        months = months_of(12, Month(2017, (2, 5, 8, 11)[seed % 4]))
        rows = activity(rng, STEADY._replace(amplitude=0, customers=1000), months)
        row = watch(rows, months).figures.loc["repeat rate"]
        outside += not row["low"] < row["value"] < row["high"]
        if months[-1].number == 2:
            expected.append(row["expected"] / row["value"] - 1)
    assert outside / shops <= 0.016 + 3 * np.sqrt(0.016 * 0.984 / shops)
    assert abs(np.mean(expected)) < 3 * np.std(expected) / np.sqrt(len(expected))


def test_the_demo_has_no_alert_in_any_month(demo: Shop) -> None:
    """Nothing but Christmas happens to its panel in 2017, and rises raise none."""
    rows = monthly_activity(demo.engine, demo.table("orders"), demo.months())
    for last in months_between(Month(2017, 7), Month(2017, 12)):
        months = months_between(Month(2017, 1), last)
        assert watch(rows[rows["month"] <= str(last)], months, first_day=demo.history[0]).alert is None


@pytest.mark.slow
def test_quiet_shops_seldom_see_an_alert() -> None:
    shops = 150
    most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / shops)
    for months in (12, 24):
        assert outcomes(Case("quiet", months), shops, processes=1)[:, 0].mean() <= most


@pytest.mark.slow
@pytest.mark.parametrize("by", ["orders", "amounts"])
def test_a_dip_of_a_quarter_is_seen(by: str) -> None:
    shops = 150
    seen = outcomes(Case("dip", dip=0.25, by=by), shops, processes=1)[:, 0]
    assert set(seen) <= {0, 1}  # one alert, never several
    assert seen.mean() >= 0.90 - 3 * np.sqrt(0.9 * 0.1 / shops)
