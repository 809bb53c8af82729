"""Tests that may be read on any day: verdicts by confidence sequence, on completed horizons alone."""

from datetime import timedelta

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from regulars.month import Month
from regulars.offers import decide, read_experiments
from regulars.offers.aggregates import aggregate
from regulars.offers.effects import effects
from regulars.offers.guardrails import guardrails
from regulars.offers.plan import Decision
from regulars.offers.registry import Experiment
from regulars.offers.watching import decide_by_sequence, watch, watched

DEMO = read_experiments("demo")[0]
DAYS, HORIZON = 28, 7


def plan(**changes: object) -> Experiment:
    """Two arms, assigned day by day over four weeks, one week's horizon, to be read daily."""
    arms = {arm: DEMO.arms[arm] for arm in ("nothing", "ten-percent-off")}
    staggered = {
        "arms": arms,
        "planted": {},
        "power": (),
        "horizon_days": HORIZON,
        "assigned_until": DEMO.assigned_on + timedelta(days=DAYS - 1),
        "looks": "daily",
        "planned_customers": 2000,
        "family": "segments",
    }
    return DEMO.model_copy(update=staggered | changes)


def customers(rng: np.random.Generator, n: int, gain: float) -> pd.DataFrame:
    arm = rng.choice(["nothing", "ten-percent-off"], n)
    bought = rng.random(n) < 0.4
    profit = bought * rng.gamma(2.0, 5.0, n) + gain * (arm != "nothing")
    return pd.DataFrame(
        {
            "segment": rng.choice(["new", "returning"], n),
            "arm": arm,
            "assigned_day": DEMO.assigned_day + rng.integers(0, DAYS, n),
            "profit": profit,
            "pre_profit": rng.gamma(2.0, 5.0, n),
            "conversion": bought.astype(float),
        }
    )


def test_only_completed_horizons_are_read() -> None:
    people = customers(np.random.default_rng(1), 4000, 0.0)
    day = DEMO.assigned_day + 20
    spoilt = people.assign(profit=people["profit"].where(people["assigned_day"] + HORIZON <= day, 1e9))
    pd.testing.assert_frame_equal(watch(people, plan(), day), watch(spoilt, plan(), day))
    assert watch(people, plan(), day)["day"].max() == day


def test_each_cell_gets_its_share_of_alpha_and_of_the_planned_customers() -> None:
    people = customers(np.random.default_rng(2), 4000, 0.0)
    one = watch(people.assign(segment="new"), plan(), DEMO.assigned_day + 40)
    two = watch(people, plan(), DEMO.assigned_day + 40)
    assert set(two["segment"]) == {"new", "returning"}
    assert set(watch(people, plan(family="both"), DEMO.assigned_day + 40)["segment"]) == {
        "everyone",
        "new",
        "returning",
    }
    width = (one["high"] - one["low"]).iloc[-1]
    assert ((two["high"] - two["low"]).groupby(two["segment"]).last() > width).all()


@pytest.mark.parametrize(("gain", "verdict"), [(4.0, "roll out"), (-4.0, "stop"), (0.0, "keep testing")])
def test_the_verdicts_are_those_of_the_sequence(gain: float, verdict: str) -> None:
    people, test = customers(np.random.default_rng(3), 6000, gain), plan()
    aggregates = aggregate(nw.from_native(people).lazy(), ["profit"])
    decided = decide(effects(aggregates, test.control), test)
    sequence = watch(people, test, test.ended_day)
    guarded = guardrails(aggregates, test)
    found = decide_by_sequence(decided, sequence, test, guarded).set_index("segment")
    assert found.loc[["new", "returning"], "verdict"].tolist() == [verdict] * 2
    assert found["p_adjusted"].isna().all()
    assert found.loc["everyone"].isna()["verdict"]
    high = plan(decision=Decision(minimum_effect=50.0))
    least = decide_by_sequence(decided, sequence, high, guarded).set_index("segment")
    assert (least.loc[["new", "returning"], "verdict"] == "roll out").sum() == 0


def test_tests_are_watched_from_the_first_completed_horizon() -> None:
    started = Month.of_day(DEMO.assigned_day)
    assert watched([DEMO, plan()], started) == [plan()]
    assert watched([plan(horizon_days=90)], started) == []


@pytest.mark.slow
def test_daily_readers_are_misled_as_seldom_as_alpha_says() -> None:
    rng, draws, test = np.random.default_rng(5), 200, plan()
    wrong = 0
    for _ in range(draws):
        sequence = watch(customers(rng, 3000, 0.0), test, test.ended_day)
        wrong += bool(sequence["decided"].any())
    assert wrong / draws <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)


def test_no_interval_before_the_minimum_of_buyers_is_there_in_both_arms() -> None:
    people, test = customers(np.random.default_rng(6), 4000, 0.0), plan(minimum_buyers=100)
    found = watch(people, test, test.ended_day)
    few = found[["buyers", "buyers_control"]].min(axis=1) < 100
    assert few.any()
    assert (found["low"].isna() | ~few).all()
    assert found.loc[~few & (found[["n", "n_control"]].min(axis=1) >= 100), "low"].notna().all()


def test_a_verdict_has_the_sign_of_the_interval_that_left_zero_out() -> None:
    cells = pd.DataFrame(
        {"segment": ["new"], "arm": ["ten-percent-off"], "verdict": ["keep testing"], "p_adjusted": [0.5]}
    )
    looks = {"segment": "new", "arm": "ten-percent-off", "effect": [2.0, -0.2]}
    rose = pd.DataFrame(looks | {"direction": [1, 1]})
    both = pd.DataFrame(looks | {"direction": [1, 0]})
    nobody = pd.DataFrame(columns=["arm", "verdict"])
    assert decide_by_sequence(cells, rose, plan(), nobody)["verdict"].tolist() == ["roll out"]
    assert decide_by_sequence(cells, both, plan(), nobody)["verdict"].tolist() == ["keep testing"]
