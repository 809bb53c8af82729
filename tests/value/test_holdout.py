"""Histories, judgement and forecast, recomputed by hand and by plain pandas; and nothing of what comes later is seen."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regulars.config import Value
from regulars.engine import Engine, Frame
from regulars.shop import NotAvailableError
from regulars.value import BetaGeo, ModelError, ParetoNBD, Valuation, histories, judge, value
from regulars.value.contenders import AlwaysMean, Hiatus, OwnRate, PastSpend, contenders
from regulars.value.histories import Window, weekly, window
from regulars.value.holdout import best, calibration, cumulative, judged
from tests.features.small import Row, staged

Table: TypeAlias = list[tuple[str | None, int, float]]  # customer, day, cents
DAY = 60
ENGINE = Engine()

customers = st.sampled_from(["a", "b", "c", None])
order_tables = st.lists(
    st.tuples(customers, st.integers(40, 80), st.integers(0, 9_999)), min_size=1, max_size=30
)
return_tables = st.lists(st.tuples(customers, st.integers(40, 80), st.integers(1, 9_999)), max_size=8)
amounts = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40)


def orders_of(rows: Table) -> Frame:
    return staged(ENGINE, "orders", [
        {"order_id": f"o{place}", "customer_id": customer, "ordered_day": day, "revenue": cents / 100}
        for place, (customer, day, cents) in enumerate(rows)
    ])  # fmt: skip


def returns_of(rows: Table) -> Frame:
    back: list[Row] = [
        {"return_id": f"r{place}", "customer_id": customer, "returned_day": day, "revenue": cents / 100}
        for place, (customer, day, cents) in enumerate(rows)
    ]
    return staged(ENGINE, "returns", back)


def plain(orders: Table, returns: Table, low: float, high: float) -> pd.DataFrame:
    """Purchase days, the first and the last, and net revenue of each customer from one day to before another."""
    bought = pd.DataFrame(orders, columns=["customer_id", "day", "cents"], dtype=object)
    back = pd.DataFrame(returns, columns=["customer_id", "day", "cents"], dtype=object)
    found: dict[str, dict[str, float]] = {}
    for name in sorted({one for one in bought["customer_id"] if one is not None}):
        mine, mine_back = (
            one[(one["customer_id"] == name) & (one["day"] >= low) & (one["day"] < high)]
            for one in (bought, back)
        )
        days = sorted(set(mine["day"]))
        found[name] = {
            "purchases": len(days),
            "first": days[0] if days else np.nan,
            "last": days[-1] if days else np.nan,
            "revenue": (mine["cents"].sum() - mine_back["cents"].sum()) / 100,
        }
    return pd.DataFrame.from_dict(found, orient="index", columns=["purchases", "first", "last", "revenue"])


@given(order_tables, return_tables)
@settings(max_examples=25)
def test_histories_are_a_plain_recomputation(orders: Table, returns: Table) -> None:
    found = histories(orders_of(orders), returns_of(returns), DAY)
    each = plain(orders, returns, 0, DAY)
    each = each[each["purchases"] > 0].astype(float)
    assert found.index.tolist() == each.index.tolist()
    np.testing.assert_allclose(found["frequency"], each["purchases"] - 1)
    np.testing.assert_allclose(found["recency"], (each["last"] - each["first"]) / 7)
    np.testing.assert_allclose(found["T"], (DAY - 1 - each["first"]) / 7)
    np.testing.assert_allclose(found["revenue"], each["revenue"], atol=1e-9)
    np.testing.assert_allclose(found["monetary_value"], each["revenue"] / each["purchases"], atol=1e-9)


@given(order_tables, return_tables, st.integers(1, 25))
@settings(max_examples=25)
def test_a_window_is_a_plain_recomputation(orders: Table, returns: Table, days: int) -> None:
    frames = orders_of(orders), returns_of(returns)
    known = histories(*frames, DAY)
    if known.empty:
        with pytest.raises(ModelError, match="No customer had ordered"):
            window(*frames, DAY, days)
        return
    found = window(*frames, DAY, days)
    expected = (
        plain(orders, returns, DAY, DAY + days).loc[known.index, ["purchases", "revenue"]].astype(float)
    )
    pd.testing.assert_frame_equal(found.customers, known)
    np.testing.assert_allclose(found.outcome, expected, atol=1e-9)
    assert found.outcome.index.equals(known.index)
    by_week = weekly(frames[0], known.index, DAY, days)
    whole = plain(orders, returns, DAY, DAY + days // 7 * 7).loc[known.index, "purchases"]
    assert by_week.index.tolist() == list(range(1, days // 7 + 1))
    assert by_week.sum() == whole.sum()


@given(order_tables, return_tables, order_tables, return_tables)
@settings(max_examples=15)
def test_what_happens_on_the_day_or_later_changes_no_history(
    orders: Table, returns: Table, more: Table, more_returns: Table
) -> None:
    before = histories(orders_of(orders), returns_of(returns), DAY)
    later = [(customer, max(day, DAY), cents) for customer, day, cents in more]
    later_returns = [(customer, max(day, DAY), cents) for customer, day, cents in more_returns]
    after = histories(orders_of(orders + later), returns_of(returns + later_returns), DAY)
    pd.testing.assert_frame_equal(before, after)


def test_guests_have_no_history_and_orders_of_one_day_are_one_purchase() -> None:
    orders: Table = [("a", 45, 1000), ("a", 45, 500), ("a", 59, 700), (None, 50, 9999), ("b", 60, 100)]
    found = histories(orders_of(orders), returns_of([("a", 58, 200), ("a", 60, 300)]), DAY)
    assert found.index.tolist() == ["a"]
    assert found.loc["a"].to_dict() == pytest.approx(
        {"frequency": 1, "recency": 2, "T": 2, "purchases": 2, "revenue": 20.0, "monetary_value": 10.0}
    )


# Judgement.


def test_a_judgement_is_what_a_hand_computes() -> None:
    forecast, actual = np.array([1.0, 2.0, 3.0, 6.0]), np.array([0.0, 4.0, 2.0, 4.0])
    found = judge(forecast, actual)
    assert found.bias == pytest.approx(12 / 10 - 1)
    assert found.mean_absolute_error == pytest.approx((1 + 2 + 1 + 2) / 4)
    assert found.root_mean_squared_error == pytest.approx(np.sqrt((1 + 4 + 1 + 4) / 4))
    # Deviations −2 −1 0 3 and −2.5 1.5 −.5 1.5: their products sum to 8, their squares to 14 and 11.
    assert found.correlation == pytest.approx(8 / np.sqrt(14 * 11))
    # Ranks 1 2 3 4 and 1 3.5 2 3.5.
    assert found.rank_correlation == pytest.approx(np.corrcoef([1, 2, 3, 4], [1, 3.5, 2, 3.5])[0, 1])
    # A tenth of four customers is four tenths of the one with the highest forecast.
    assert found.top_decile_capture == pytest.approx(0.4 * 4 / 10)


@given(amounts)
def test_a_judgement_is_the_formulas(pairs: list[tuple[int, int]]) -> None:
    forecast, actual = (np.array(one, dtype=float) for one in zip(*pairs, strict=True))
    found = judge(forecast, actual)
    assert found.mean_absolute_error == pytest.approx(sum(abs(f - a) for f, a in pairs) / len(pairs))
    assert found.root_mean_squared_error**2 == pytest.approx(sum((f - a) ** 2 for f, a in pairs) / len(pairs))
    if actual.sum() == 0:
        assert np.isnan(found.bias) and np.isnan(found.top_decile_capture)
        return
    assert found.bias == pytest.approx(forecast.sum() / actual.sum() - 1)
    # Ten copies of everybody: the best tenth is a whole number, and of equals each order is as good, so on average.
    copies = sorted(((f, a) for f, a in pairs for _ in range(10)), reverse=True)
    limit = copies[len(pairs) - 1][0]
    sure = [a for f, a in copies if f > limit]
    equal = [a for f, a in copies if f == limit]
    top = sum(sure) + (len(pairs) - len(sure)) * float(np.mean(equal))
    assert found.top_decile_capture == pytest.approx(top / (10 * actual.sum()))
    if len(set(forecast)) > 1 and len(set(actual)) > 1:
        assert found.rank_correlation == pytest.approx(
            np.corrcoef(stats.rankdata(forecast), stats.rankdata(actual))[0, 1]
        )
    else:
        assert np.isnan(found.correlation) and np.isnan(found.rank_correlation)


def test_equal_forecasts_share_the_best_tenth_whatever_the_order() -> None:
    forecast = np.array([5.0] + [2.0] * 4 + [0.0] * 15)
    actual = np.arange(20.0)[::-1]
    # Two of twenty: the first, and a quarter of the four that are equal.
    expected = (19 + (18 + 17 + 16 + 15) / 4) / actual.sum()
    order = np.random.default_rng(1).permutation(20)
    assert judge(forecast, actual).top_decile_capture == pytest.approx(expected)
    assert judge(forecast[order], actual[order]).top_decile_capture == pytest.approx(expected)
    # Without any difference a tenth of customers brings a tenth.
    assert judge(np.ones(70), np.arange(70.0)).top_decile_capture == pytest.approx(0.1)


@pytest.fixture(scope="module")
def held_out() -> Window:
    rng = np.random.default_rng(2)
    n = 300
    bought = rng.geometric(0.3, n).astype(float)
    T = rng.uniform(8, 40, n)
    revenue = bought * rng.gamma(5, 4, n)
    known = pd.DataFrame(
        {
            "frequency": bought - 1,
            "recency": np.where(bought > 1, T * rng.uniform(0.2, 1, n), 0.0),
            "T": T,
            "purchases": bought,
            "revenue": revenue,
            "monetary_value": revenue / bought,
        },
        index=pd.Index([f"c{place:03}" for place in range(n)], name="customer_id"),
    )
    more = rng.poisson(0.4 * bought).astype(float)
    outcome = pd.DataFrame({"purchases": more, "revenue": more * rng.gamma(5, 4, n)}, index=known.index)
    return Window(known, outcome, 70)


def test_rules_forecast_what_they_say(held_out: Window) -> None:
    known, outcome = held_out.customers, held_out.outcome
    rules = [AlwaysMean(), PastSpend(), Hiatus(70), OwnRate()]
    mean, past, hiatus, own = (one.fit(known, held_out).forecast(known, 35) for one in rules)
    for what in ("purchases", "revenue"):
        np.testing.assert_allclose(mean[what], outcome[what].mean() / 2)
        np.testing.assert_allclose(past[what], known[what] * outcome[what].sum() / known[what].sum() / 2)
        here = known["T"] - known["recency"] <= 10
        np.testing.assert_allclose(hiatus[what], np.where(here, outcome.loc[here, what].mean() / 2, 0))
    np.testing.assert_allclose(own["purchases"], known["frequency"] / known["T"] * 5)
    np.testing.assert_allclose(own["revenue"], own["purchases"] * known["monetary_value"])


@pytest.mark.parametrize("days", [70, 35])
def test_drawn_futures_have_the_mean_that_is_expected(held_out: Window, days: int) -> None:
    for one in contenders(70):
        one.fit(held_out.customers, held_out)
        if one.problem:
            continue
        drawn = one.futures(held_out.customers, days, 200, np.random.default_rng(3)).astype(float)
        assert drawn.shape == (200, len(held_out.customers))
        assert (drawn >= 0).all()
        totals, expected = drawn.sum(axis=1), one.forecast(held_out.customers, days)["revenue"].sum()
        # Drawn parameters are as often higher as lower by their logarithms, so a model's mean may be a little higher.
        assert totals.mean() == pytest.approx(expected, rel=0.04), one.name
        assert totals.std() > 0.02 * expected


def test_a_rules_futures_scale_with_the_days(held_out: Window) -> None:
    """Which customers are alike does not depend on how far ahead one looks."""
    for rule in (AlwaysMean(), PastSpend(), Hiatus(70), OwnRate()):
        rule.fit(held_out.customers, held_out)
        whole, half = (
            rule.futures(held_out.customers, days, 20, np.random.default_rng(4)) for days in (70, 35)
        )
        np.testing.assert_allclose(half, whole / 2, rtol=1e-5, err_msg=rule.name)


def test_nobody_is_expected_to_bring_less_than_nothing(held_out: Window) -> None:
    """Not even who has sent back more than was ever sold to them before the day: some return what is in no file."""
    known = held_out.customers.copy()
    known.loc["c007", ["frequency", "recency", "purchases", "revenue"]] = [2.0, 5.0, 3.0, -60.0]
    known.loc["c007", "monetary_value"] = -20.0
    for one in contenders(70):
        one.fit(known, held_out)
        if not one.problem:
            assert (one.forecast(known, 70) >= 0).all(axis=None), one.name


def test_the_table_of_judgements_has_both_quantities_for_whoever_can_be_used(held_out: Window) -> None:
    tried = [one.fit(held_out.customers, held_out) for one in contenders(70)]
    tried[-1].problem = "a reason"
    table = judged(tried, held_out)
    assert table.index.tolist() == [one.name for one in tried]
    assert table.loc["Pareto/NBD", "problem"] == "a reason"
    for one in tried:  # a refused one too: what refusing costs is to be seen
        forecast = one.forecast(held_out.customers, 70)
        if one.problem and not np.isfinite(forecast).all(axis=None):
            assert table.loc[one.name].drop("problem").isna().all()
            continue
        for what in ("purchases", "revenue"):
            expected = judge(forecast[what].to_numpy(), held_out.outcome[what].to_numpy())._asdict()
            found = {name: table.loc[one.name, f"{what}_{name}"] for name in expected}
            assert found == pytest.approx(expected, nan_ok=True)


def test_the_best_has_the_smallest_squared_error_of_those_without_a_problem() -> None:
    table = pd.DataFrame(
        {"problem": ["", "", "", "a reason"], "revenue_root_mean_squared_error": [3.0, 2.0, 2.0, np.nan]},
        index=["plain", "first", "second", "refused"],
    )
    assert best(table) == "first"
    table.loc["refused", "revenue_root_mean_squared_error"] = 1.0
    assert best(table) == "first"
    table.loc["refused", "problem"] = ""
    assert best(table) == "refused"


def test_a_calibration_sums_to_all_customers_and_purchases(held_out: Window) -> None:
    one = PastSpend().fit(held_out.customers, held_out)
    table = calibration(one, held_out)
    assert table["past_purchases"].tolist() == ["1", "2", "3", "4–7", "8–15"]
    assert table["customers"].sum() == len(held_out.customers)
    forecast = one.forecast(held_out.customers, 70)["purchases"].sum()
    assert (table["customers"] * table["forecast"]).sum() == pytest.approx(forecast)
    assert (table["customers"] * table["actual"]).sum() == pytest.approx(held_out.outcome["purchases"].sum())
    many = held_out.outcome["purchases"][held_out.customers["purchases"] >= 8]
    assert table["actual"].iloc[-1] == pytest.approx(many.mean())
    reach = 1.96 * many.std() / np.sqrt(len(many))
    assert table["high"].iloc[-1] == pytest.approx(many.mean() + reach)
    assert table["low"].iloc[-1] == pytest.approx(max(many.mean() - reach, 0))


def test_cumulative_purchases_end_in_the_forecast_of_all_weeks(held_out: Window) -> None:
    tried = [one.fit(held_out.customers, held_out) for one in contenders(70)]
    tried[-1].problem = "a reason"
    by_week = pd.Series(range(10), index=range(1, 11))
    table = cumulative(tried, held_out, by_week)
    usable = [one for one in tried if not one.problem]
    assert table.columns.tolist() == ["actual", *(one.name for one in usable)]
    assert table["actual"].tolist() == np.cumsum(range(10)).tolist()
    for one in usable:
        forecast = one.forecast(held_out.customers, 70)["purchases"].sum()
        assert table[one.name].iloc[-1] == pytest.approx(forecast)
        assert table[one.name].is_monotonic_increasing


# The whole of it.

SETTINGS = Value(horizon_days=60, discount_rate=0.1, hiatus_days=60)
END = 400


def random_orders(seed: int, people: int = 300) -> tuple[Table, Table]:
    """Orders until day 460 of customers who come, buy at their own rate, and leave."""
    rng = np.random.default_rng(seed)
    orders: Table = []
    for place in range(people):
        day, gap = float(rng.uniform(0, 300)), float(rng.gamma(2, 25))
        left, scale = day + rng.exponential(250), float(rng.gamma(4, 500))
        while day < min(left, END + 60):
            orders.append((f"c{place:03}", int(day), float(1 + rng.gamma(6, scale / 6) // 1)))
            day += 1 + rng.exponential(gap)
    returns: Table = [(one, day + 5, cents // 2) for one, day, cents in orders[::17]]
    return [("first", 0, 100.0), *orders, (None, 30, 500.0)], returns


@pytest.fixture(scope="module")
def base() -> tuple[Table, Table]:
    return random_orders(5)


def valued(orders: Table, returns: Table, **given: Any) -> Valuation:
    return value(orders_of(orders), returns_of(returns), END, SETTINGS.model_copy(update=given), 0.4)


def same(first: Valuation, second: Valuation) -> None:
    pd.testing.assert_frame_equal(first.customers, second.customers)
    np.testing.assert_array_equal(first.futures, second.futures)
    pd.testing.assert_frame_equal(first.judged, second.judged)
    pd.testing.assert_frame_equal(first.calibration, second.calibration)
    pd.testing.assert_frame_equal(first.cumulative, second.cumulative)
    assert first.chosen.name == second.chosen.name


@pytest.fixture(scope="module")
def valuation(base: tuple[Table, Table]) -> Valuation:
    return valued(*base)


def test_the_order_of_rows_changes_no_value(base: tuple[Table, Table], valuation: Valuation) -> None:
    rng = np.random.default_rng(6)
    orders, returns = ([rows[place] for place in rng.permutation(len(rows))] for rows in base)
    same(valuation, valued(orders, returns))


def test_what_happens_on_the_day_or_later_changes_no_value(
    base: tuple[Table, Table], valuation: Valuation
) -> None:
    known = [[row for row in rows if row[1] < END] for rows in base]
    assert len(known[0]) < len(base[0])
    same(valuation, valued(known[0], known[1]))


def test_a_valuation_is_of_all_customers_and_adds_up(base: tuple[Table, Table], valuation: Valuation) -> None:
    orders, returns = base
    known = histories(orders_of(orders), returns_of(returns), END)
    found = valuation.customers
    assert found.index.equals(known.index)
    assert found.drop(columns="value_probability_alive").notna().all(axis=None)
    assert (found["value_revenue_low"] <= found["value_revenue_high"]).all()
    np.testing.assert_allclose(found["value_profit"], found["value_revenue"] * 0.4 * 1.1 ** (-30 / 365))
    total = valuation.total
    assert total["customers"] == len(found)
    assert total["expected"] == pytest.approx(found["value_revenue"].sum())
    assert total["low"] < total["expected"] < total["high"]
    assert valuation.chosen.name == best(valuation.judged)
    held = window(orders_of(orders), returns_of(returns), END - 60, 60)
    pd.testing.assert_frame_equal(valuation.held_out.outcome, held.outcome)
    assert valuation.cumulative["actual"].iloc[-1] <= held.outcome["purchases"].sum()
    assert valuation.calibration["customers"].sum() == len(held.customers)


def test_everybody_is_judged_by_a_window_that_they_were_not_fitted_to(
    base: tuple[Table, Table], valuation: Valuation
) -> None:
    """Purchases of the hold-out, moved from one customer to another, change what is judged and no forecast of it."""
    orders, returns = base
    swapped = [("first" if END - 60 <= day < END else one, day, cents) for one, day, cents in orders]
    other = valued(swapped, returns)
    pd.testing.assert_frame_equal(other.held_out.customers, valuation.held_out.customers)
    names = [name for name in valuation.cumulative if name != "actual"]
    pd.testing.assert_frame_equal(other.cumulative[names], valuation.cumulative[names])


def test_groups_are_parts_of_the_total_and_who_is_in_none_is_left_out(valuation: Valuation) -> None:
    index = valuation.customers.index
    groups = pd.Series(np.where(np.arange(len(index)) % 3 > 0, "b", "a"), index=index, name="segment")
    found = valuation.by(groups.sample(frac=1, random_state=1))
    assert found.index.tolist() == ["a", "b"]
    assert found.index.name == "segment"
    assert found["customers"].sum() == len(index)
    assert found["expected"].sum() == pytest.approx(valuation.total["expected"])
    sums = valuation.futures[:, np.arange(len(index)) % 3 == 0].astype(float).sum(axis=1)
    assert found.loc["a", ["low", "high"]].tolist() == pytest.approx(
        np.quantile(sums, [0.025, 0.975]).tolist()
    )
    pd.testing.assert_frame_equal(valuation.by(groups[groups == "a"]), found.loc[["a"]])


def test_who_has_left_is_told_by_the_model_that_told_best_in_the_hold_out(valuation: Valuation) -> None:
    leaving = valuation.leaving
    assert leaving is not None
    np.testing.assert_array_equal(leaving.alive, valuation.customers["value_probability_alive"])
    came = (valuation.held_out.outcome["purchases"] > 0).mean()
    assert leaving.base_rate == pytest.approx(max(came, 1 - came))
    assert leaving.right > 0.5
    models = {"BG/NBD": BetaGeo(), "Pareto/NBD": ParetoNBD()}
    alive = (
        models[leaving.model]
        .fit(valuation.held_out.customers)
        .probability_alive(valuation.held_out.customers)
    )
    assert leaving.right == pytest.approx(
        ((alive > 0.5) == (valuation.held_out.outcome["purchases"] > 0)).mean()
    )


def test_too_short_a_history_is_refused_in_words(base: tuple[Table, Table]) -> None:
    orders, returns = base
    with pytest.raises(
        NotAvailableError, match=r"needs 603 days of history.* 201 days of the forecast; 400 were"
    ):
        valued(orders, returns, horizon_days=201)
    later: Table = [("a", END, 100.0)]
    with pytest.raises(NotAvailableError, match="0 were observed"):
        valued(later, [])
