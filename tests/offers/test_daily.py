"""Day by day: the days add up to the window, the curve ends at the effect, and the order of rows changes nothing."""

import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.offers import Analysis, curves, read_experiments
from regulars.offers.daily import Curves, daily_profit, grows, movements, next_orders, respond

PLAN = read_experiments("demo")[0]


@pytest.fixture(scope="module")
def found(demo: Shop, base: pd.DataFrame, result: Analysis) -> Curves:
    return curves(demo, PLAN, base, result.outcomes["arm"], random_state=1)


def test_the_days_add_up_to_what_was_planted_on_the_window(
    demo: Shop, base: pd.DataFrame, result: Analysis
) -> None:
    assigned = base.assign(arm=result.outcomes["arm"].to_numpy())
    moves = movements(demo.engine, demo.table("orders"), assigned, PLAN, demo.returns())
    daily = daily_profit(respond(moves, assigned, PLAN), assigned, PLAN, demo.config.margin_rate)
    assert daily.shape == (len(base), PLAN.horizon_days)
    # Growth and discounts are rounded to cents once a window there, and once a day here.
    np.testing.assert_allclose(daily.sum(axis=1), result.outcomes["profit"], atol=0.02)


def test_movements_are_the_window_of_each_customer_day_by_day(demo: Shop, base: pd.DataFrame) -> None:
    moves = movements(demo.engine, demo.table("orders"), base, PLAN, demo.returns())
    assert moves["since"].between(0, PLAN.horizon_days - 1).all()
    assert not moves.duplicated(["customer_id", "since"]).any()
    sums = moves.groupby("customer_id")[["orders", "revenue", "list_revenue", "first_list"]].sum()
    names = ["orders", "revenue", "list_revenue", "first_list"]
    whole = base.set_index("customer_id")[names].astype(float)
    found = sums.reindex(whole.index).fillna(0.0).astype(float)
    pd.testing.assert_frame_equal(found, whole, check_exact=False, rtol=1e-9)


def test_customers_assigned_on_different_days_have_windows_of_their_own(
    demo: Shop, base: pd.DataFrame
) -> None:
    plan = PLAN.model_copy(update={"planted": {}, "assigned_until": PLAN.assigned_on + pd.Timedelta(days=9)})
    late = base[["customer_id"]].assign(assigned_day=PLAN.assigned_day + 5)
    early = movements(demo.engine, demo.table("orders"), base[["customer_id"]], plan)
    shifted = movements(demo.engine, demo.table("orders"), late, plan)
    both = early.assign(since=early["since"] - 5).merge(shifted, on=["customer_id", "since"], how="outer")
    there = both[both["since"].between(0, PLAN.horizon_days - 6)]
    assert len(there) > 1000
    assert (there["revenue_x"] == there["revenue_y"]).all()
    firsts = shifted[shifted["first_list"] > 0]
    assert not firsts["customer_id"].duplicated().any()


def test_the_curve_ends_at_the_effect_over_the_window(found: Curves, result: Analysis) -> None:
    cells = result.effects.query("metric == 'profit' and segment == 'everyone'").set_index("arm")
    ends = found.ends.set_index("arm")
    for arm in PLAN.treated:
        assert ends.loc[arm, "effect"] == pytest.approx(cells.loc[arm, "cuped_effect"], abs=0.02)
    last = found.profit[found.profit["day"] == PLAN.horizon_days].set_index("arm")
    np.testing.assert_allclose(last["se"], cells.loc[last.index, "cuped_se"], rtol=0.02)
    cells = cells.loc[ends.index]
    assert (ends["high"] - ends["low"] > cells["cuped_high"] - cells["cuped_low"]).all()


def test_clear_from_is_the_day_after_the_last_on_which_the_band_has_zero(found: Curves) -> None:
    for end in found.ends.to_dict("records"):
        rows = found.profit[found.profit["arm"] == end["arm"]]
        has_zero = rows.loc[(rows["low"] <= 0) & (rows["high"] >= 0), "day"]
        if np.isnan(end["clear_from"]):
            assert has_zero.max() == PLAN.horizon_days
        else:
            assert end["clear_from"] == (has_zero.max() if len(has_zero) else 0) + 1


def test_who_ordered_again_is_who_ordered_in_the_window(found: Curves, result: Analysis) -> None:
    ordered = found.waiting[found.waiting["day"] == PLAN.horizon_days].set_index("arm")["ordered"]
    shares = result.outcomes.groupby("arm")["conversion"].mean()
    pd.testing.assert_series_equal(ordered, shares, check_names=False)


def test_the_order_of_customers_changes_nothing(demo: Shop, base: pd.DataFrame, result: Analysis) -> None:
    order = np.random.default_rng(3).permutation(len(base))
    arms = result.outcomes["arm"].iloc[order]
    again = curves(demo, PLAN, base.iloc[order].reset_index(drop=True), arms, random_state=1)
    once = curves(demo, PLAN, base, result.outcomes["arm"], random_state=1)
    pd.testing.assert_frame_equal(again.profit, once.profit, rtol=1e-9)
    pd.testing.assert_frame_equal(again.delays, once.delays, rtol=1e-9)


def test_contacts_are_paid_on_the_first_day_by_buyers_or_not() -> None:
    arms = PLAN.arms | {
        "ten-percent-off": PLAN.arms["ten-percent-off"].model_copy(update={"contact_cost": 0.5})
    }
    plan = PLAN.model_copy(update={"arms": arms})
    assigned = pd.DataFrame({"customer_id": ["1", "2"], "arm": ["ten-percent-off", "nothing"]})
    moves = pd.DataFrame(columns=["customer_id", "since", "orders", "revenue", "list_revenue", "first_list"])
    moves = moves.astype(dict.fromkeys(["since", "orders"], int) | dict.fromkeys(moves.columns[3:], float))
    daily = daily_profit(moves, assigned, plan, 0.25)
    assert daily[:, 0].tolist() == [-0.5, 0.0]
    assert not daily[:, 1:].any()


def test_an_arm_with_one_customer_has_no_curve() -> None:
    assigned = pd.DataFrame({"arm": ["nothing"] * 5 + ["ten-percent-off"]})
    daily = np.random.default_rng(1).normal(size=(6, PLAN.horizon_days))
    assert grows(daily, assigned, pd.Series(np.arange(6.0)), PLAN, random_state=1).empty


def test_who_orders_nothing_waits_to_the_end() -> None:
    moves = pd.DataFrame({"customer_id": ["1", "1"], "since": [9, 4], "orders": [1, 2]})
    assigned = pd.DataFrame({"customer_id": ["1", "2"], "segment": "a", "arm": "nothing"})
    found = next_orders(moves, assigned, PLAN)
    assert found["next_order_days"].tolist()[0] == 4
    assert np.isnan(found["next_order_days"].iloc[1])
    assert (found["followed_days"] == PLAN.horizon_days).all()
