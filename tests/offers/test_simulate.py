"""Planted effects: the truth is the mean difference of potential outcomes, and nothing leaks into what is real."""

import pandas as pd
import pytest

from regulars import Shop
from regulars.offers import METRICS, analyse, base_of, offers_table, read_experiments
from regulars.offers.assignment import assign
from regulars.offers.outcomes import profit
from regulars.offers.simulate import plant, true_effects

PLAN = read_experiments("demo")[0]
MARGIN = 0.25


@pytest.fixture(scope="module")
def base(demo: Shop) -> pd.DataFrame:
    base = base_of(demo, PLAN)
    return base.assign(arm=assign(base["customer_id"], PLAN).to_numpy())


@pytest.fixture(scope="module")
def planted(base: pd.DataFrame) -> pd.DataFrame:
    return plant(base, PLAN, MARGIN)


def by_hand(row: pd.Series, arm: str) -> dict[str, float]:
    """One household's metrics under one arm, step by step."""
    offer, effect = PLAN.arms[arm], PLAN.planted.get(arm)
    orders, revenue, listed, first = row["orders"], row["revenue"], row["list_revenue"], row["first_list"]
    if effect:
        extra = round(revenue * effect.lift.get(row["segment"], 0), 2)
        revenue, listed = revenue + extra, listed + extra
        if orders == 0 and effect.returns_from is not None and row["mean_order"] >= effect.returns_from:
            orders = 1
            revenue = listed = first = round(row["mean_order"], 2)
    discount, delivery = offer.discount_rate * first, offer.delivery_cost if orders else 0
    return {
        "profit": MARGIN * listed - (listed - revenue) - discount - delivery,
        "revenue": revenue - discount,
        "orders": orders,
        "conversion": float(orders > 0),
    }


def test_the_truth_is_the_mean_difference_of_potential_outcomes(
    base: pd.DataFrame, planted: pd.DataFrame
) -> None:
    truth = true_effects(planted, PLAN).set_index(["metric", "segment", "arm"])["truth"]
    worlds = {arm: pd.DataFrame([by_hand(row, arm) for _, row in base.iterrows()]) for arm in PLAN.arms}
    for arm in PLAN.treated:
        difference = (worlds[arm] - worlds["nothing"]).groupby(base["segment"]).mean()
        difference.loc["everyone"] = (worlds[arm] - worlds["nothing"]).mean()
        for segment in difference.index:
            for metric in METRICS:
                # A cent of rounding a household at most.
                expected = pytest.approx(difference.loc[segment, metric], abs=0.01)
                assert truth[metric, segment, arm] == expected
    assert len(truth) == len(METRICS) * len(PLAN.treated) * (base["segment"].nunique() + 1)


def test_the_control_world_is_what_happened(base: pd.DataFrame, planted: pd.DataFrame) -> None:
    real = profit(base["list_revenue"], base["revenue"], 0, MARGIN)
    assert planted["profit|nothing"].tolist() == pytest.approx(real.tolist(), abs=5e-5)
    assert planted["revenue|nothing"].tolist() == pytest.approx(base["revenue"].tolist())
    assert planted["conversion|nothing"].tolist() == (base["orders"] > 0).astype(float).tolist()


@pytest.mark.parametrize("metric", METRICS)
def test_a_household_shows_only_the_world_of_its_arm(planted: pd.DataFrame, metric: str) -> None:
    for arm, rows in planted.groupby("arm"):
        assert rows[metric].equals(rows[f"{metric}|{arm}"].rename(metric))


def household(**changes: object) -> pd.DataFrame:
    kind = {"customer_id": "x", "segment": "at-risk", "arm": "nothing", "mean_order": 30.0}
    zeros = (
        "orders",
        "revenue",
        "list_revenue",
        "first_list",
        "pre_orders",
        "pre_revenue",
        "pre_list_revenue",
    )
    return pd.DataFrame([kind | dict.fromkeys(zeros, 0.0) | changes])


@pytest.mark.parametrize(
    ("changes", "returns"),
    [({}, 1.0), ({"mean_order": 29.99}, 0.0), ({"mean_order": 100.0}, 1.0), ({"segment": "new"}, 1.0)],
)
def test_a_silent_household_with_a_mean_order_of_30_returns(
    changes: dict[str, object], returns: float
) -> None:
    row = plant(household(**changes), PLAN, MARGIN).iloc[0]
    assert row["conversion|nothing"] == 0
    assert row["conversion|ten-percent-off"] == returns
    assert row["conversion|free-delivery"] == 0
    order = changes.get("mean_order", 30.0)
    assert row["profit|ten-percent-off"] == pytest.approx(returns * order * (MARGIN - 0.10))


def test_an_offer_is_redeemed_once_on_the_first_order() -> None:
    sums = {"orders": 3.0, "revenue": 90.0, "list_revenue": 100.0, "first_list": 40.0}
    row = plant(household(segment="somebody", **sums), PLAN, MARGIN).iloc[0]
    assert row["profit|nothing"] == pytest.approx(25 - 10)
    assert row["profit|ten-percent-off"] == pytest.approx(25 - 10 - 4)
    assert row["profit|free-delivery"] == pytest.approx(25 - 10 - 6)


def test_reaching_a_customer_costs_whether_or_not_they_buy_and_a_plan_may_have_its_own_margin() -> None:
    letter = PLAN.arms["free-delivery"].model_copy(update={"contact_cost": 0.80})
    plan = PLAN.model_copy(update={"arms": PLAN.arms | {"free-delivery": letter}, "margin_rate": 0.5})
    silent = plant(household(segment="somebody", mean_order=1.0), plan, MARGIN).iloc[0]
    assert silent["profit|free-delivery"] == pytest.approx(-0.80)
    assert silent["profit|nothing"] == 0
    sums = {"orders": 3.0, "revenue": 90.0, "list_revenue": 100.0, "first_list": 40.0}
    buyer = plant(household(segment="somebody", **sums), plan, MARGIN).iloc[0]
    assert buyer["profit|free-delivery"] == pytest.approx(50 - 10 - 6 - 0.80)


def test_simulated_is_said_in_every_row(base: pd.DataFrame, planted: pd.DataFrame) -> None:
    assert planted["is_simulated"].eq(True).all()
    table = offers_table([analyse(base, PLAN, MARGIN)])
    assert len(table) > 0
    assert table["is_simulated"].eq(True).all()


def test_orders_are_untouched(demo: Shop) -> None:
    before = demo.engine.fingerprint(demo.staged("orders"))
    analyse(base_of(demo, PLAN), PLAN, MARGIN)
    assert demo.engine.fingerprint(demo.staged("orders")) == before
