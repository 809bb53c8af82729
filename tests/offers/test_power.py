"""Sample sizes held against statsmodels, tea-tasting's printed numbers and simulated tests."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import NormalIndPower, TTestIndPower

from regulars.offers import decide, read_experiments
from regulars.offers.effects import EVERYONE, KNOWN, aggregate, effects
from regulars.offers.pooling import pooled
from regulars.offers.power import (
    ENOUGH,
    NEVER,
    NO_EFFECT,
    NO_ORDERS,
    NO_PLAN,
    NO_SPREAD,
    NO_VARIANCE,
    NONE_COME,
    detectable,
    needed,
    next_test,
    per_customer,
    promised,
    waiting,
)
from regulars.offers.registry import OfferError

DEMO = read_experiments("demo")[0]
PLAN = DEMO.model_copy(update={"arms": {arm: DEMO.arms[arm] for arm in ("nothing", "ten-percent-off")}})


@pytest.mark.parametrize("share", [0.5, 0.2, 0.9])
@pytest.mark.parametrize(("level", "power"), [(0.05, 0.8), (0.05 / 8, 0.8), (0.01, 0.95)])
@pytest.mark.parametrize("size", [0.05, 0.3])
def test_equal_variances_need_what_statsmodels_says(
    share: float, level: float, power: float, size: float
) -> None:
    spread = per_customer(4.0, 4.0, share)
    options = {"alpha": level, "power": power, "ratio": (1 - share) / share}
    normal, exact = (
        theirs.solve_power(effect_size=size, **options) / share
        for theirs in (NormalIndPower(), TTestIndPower())
    )
    ours = needed(2 * size, spread, level=level, power=power)
    assert -0.01 <= ours - normal <= 1
    # The t test's correction is z² / 4 an arm, over the harmonic mean of the arms.
    assert 0 < exact - normal < 1.2 * stats.norm.isf(level / 2) ** 2 / 2 / (4 * share * (1 - share)) + 0.5
    found = NormalIndPower().solve_power(nobs1=4000 * share, **options)
    assert detectable(spread, 4000, level=level, power=power) == pytest.approx(2 * found, rel=1e-4)


def test_a_common_level_asks_for_two_customers_an_arm_fewer_than_the_t_test() -> None:
    for level, fewer in ((0.05, 1.0), (0.05 / 8, 1.9)):
        exact = TTestIndPower().solve_power(effect_size=0.25, alpha=level, power=0.8)
        normal = NormalIndPower().solve_power(effect_size=0.25, alpha=level, power=0.8)
        assert exact - normal == pytest.approx(fewer, abs=0.1)
        assert needed(0.25, per_customer(1, 1), level=level) / 2 == pytest.approx(normal, abs=0.5)


# tea-tasting 1.14.0: Mean(alpha=.05 / 8, power=.8, use_t=False, ratio=…).solve_power over data of mean 10 and variance 400:
# n_obs for a relative effect of .1, and effect_size for n_obs = 5000. `ratio` is treated customers for each in the control.
@pytest.mark.parametrize(
    ("ratio", "n", "effect"),
    [(1, 20461, 2.0228854338566973), (4, 31970, 2.5286067923208724), (2, 23018, 2.145594011765343)],
)
def test_tea_tasting_needs_the_same(ratio: float, n: int, effect: float) -> None:
    spread = per_customer(400, 400, ratio / (1 + ratio))
    assert needed(1.0, spread, level=0.05 / 8) == n
    assert detectable(spread, 5000, level=0.05 / 8) == pytest.approx(effect, rel=2e-5)


@given(
    st.floats(0.01, 100),
    st.floats(0.01, 1e4),
    st.floats(0.01, 1e4),
    st.floats(0.05, 0.95),
    st.floats(0.001, 0.2),
)
def test_what_is_needed_can_be_detected(
    effect: float, variance: float, other: float, share: float, level: float
) -> None:
    spread = per_customer(variance, other, share)
    customers = needed(-effect, spread, level=level)
    assert detectable(spread, customers, level=level) <= effect * (1 + 1e-9)
    if customers > 1:
        assert detectable(spread, customers - 1, level=level) >= effect * (1 - 1e-9)


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_tests_of_that_size_find_it_four_times_in_five(share: float) -> None:
    rng, draws = np.random.default_rng(11), 4000
    variance, other, effect, level = 9.0, 1.0, 0.5, 0.05 / 8
    customers = float(needed(effect, per_customer(variance, other, share), level=level))
    treated, control = round(customers * share), round(customers * (1 - share))
    a = effect + 3 * rng.normal(size=(draws, treated))
    b = rng.normal(size=(draws, control))
    found = (stats.ttest_ind(a, b, axis=1, equal_var=False).pvalue < level).mean()
    assert found == pytest.approx(0.8, abs=3 * 0.4 / np.sqrt(draws) + 0.005)


def cells(arm: str = "ten-percent-off") -> pd.DataFrame:
    """An undecided cell, a decided one, one with too few buyers, another undecided, and everyone."""
    effect, se = np.array([1.0, 9.0, 2.0, -0.5, 2.0]), np.array([1.0, 1.0, 1.0, 2.0, 0.5])
    return pd.DataFrame(
        {
            "metric": "profit",
            "segment": ["a", "b", "c", "d", EVERYONE],
            "arm": arm,
            "n": [100, 100, 100, 300, 600],
            "n_control": [300, 300, 300, 100, 1000],
            "buyers": [90, 90, 19, 90, 290],
            "buyers_control": 90,
            "reason": KNOWN,
            "cuped_effect": effect,
            "cuped_se": se,
            "cuped_p": 2 * stats.norm.sf(np.abs(effect / se)),
        }
    )


TODAY = {"a": 500, "b": 500, "c": 500, "d": 100_000, EVERYONE: 2000}
WEEKLY = {"a": 10, "b": 10, "c": 10, "d": 0, EVERYONE: 40}


def planned(table: pd.DataFrame | None = None, **changes: object) -> pd.DataFrame:
    options = {"worth_having": 2.0, "customers": TODAY, "weekly": WEEKLY} | changes
    table = decide(cells(), PLAN) if table is None else table
    return next_test(table, PLAN, **options).set_index("segment")


def test_a_new_test_of_each_undecided_cell_and_of_everyone() -> None:
    found = planned()
    assert found.index.tolist() == ["a", "c", "d", EVERYONE]
    assert found["level"].tolist() == pytest.approx([0.05 / 3] * 3 + [0.05])
    by = stats.norm.isf(0.05 / 6) + stats.norm.ppf(0.8)
    need = (by * 1.0 / 2.0) ** 2 * 400
    row = found.loc["a"]
    assert row["n_for_worth_having"] == pytest.approx(need / 4, abs=1.5)
    assert row["n_control_for_worth_having"] == pytest.approx(need * 3 / 4, abs=1.5)
    assert row["customers_for_worth_having"] == row["n_for_worth_having"] + row["n_control_for_worth_having"]
    shrunk = pooled(decide(cells(), PLAN), kind="cuped_").set_index("segment")["pooled"]
    assert row["effect"] == shrunk["a"] and found.loc[EVERYONE, "effect"] == 2.0
    assert row["customers_for_effect"] == pytest.approx((by / shrunk["a"]) ** 2 * 400, abs=2)
    assert row["detectable_today"] == pytest.approx(by * np.sqrt(400 / 500))


def test_what_this_test_could_have_found_is_what_decide_says() -> None:
    decided = decide(cells(), PLAN)
    found = planned(decided)
    assert found["detectable"].iloc[:3].tolist() == pytest.approx(
        decided["detectable"].iloc[[0, 2, 3]].tolist(), nan_ok=True
    )
    whole = (stats.norm.isf(0.025) + stats.norm.ppf(0.8)) * 0.5
    assert found.loc[EVERYONE, "detectable"] == pytest.approx(whole)
    plan = PLAN.model_copy(update={"family": "both"})
    decided = decide(cells(), plan)
    both = next_test(decided, plan, worth_having=1.0, customers=TODAY, weekly=WEEKLY)
    assert both["detectable"].iloc[-1] == pytest.approx(decided["detectable"].iloc[-1])


def test_the_answers_in_words() -> None:
    found = planned()
    assert found.loc["c", "answer_for_effect"] == NO_SPREAD
    assert found.loc["c", ["n_for_effect", "weeks_for_worth_having", "detectable", "effect"]].isna().all()
    assert found.loc["d", "answer_for_worth_having"] == ENOUGH
    assert found.loc["d", "weeks_for_worth_having"] == 4
    small = planned(worth_having=2.4)
    assert small.loc["a", "answer_for_worth_having"].endswith("enough in 27 weeks")
    assert 500 + 10 * 22 < small.loc["a", "customers_for_worth_having"] <= 500 + 10 * 23
    assert planned(worth_having=0.01)["answer_for_worth_having"].tolist() == [
        NEVER,
        NO_SPREAD,
        NONE_COME,
        NEVER,
    ]
    invalid = planned(decide(cells(), PLAN, valid=False))
    assert set(invalid["answer_for_effect"]) == {NO_PLAN}
    assert invalid[["n_for_effect", "detectable_today", "weeks_for_worth_having"]].isna().all(axis=None)
    nothing = cells().iloc[[0, 4]].assign(cuped_effect=0.0, cuped_p=1.0)
    assert set(planned(decide(nothing, PLAN))["answer_for_effect"]) == {NO_EFFECT}
    assert planned(decide(nothing.iloc[:0], PLAN)).empty
    with pytest.raises(OfferError, match="above zero"):
        planned(worth_having=0.0)


def test_waiting_counts_whole_weeks_and_the_horizon() -> None:
    found = waiting([100, 101, 110, 2650, 2670, np.inf], 100, 10, 14)
    assert found["weeks"].tolist() == pytest.approx([2, 3, 3, 257, 259, np.nan], nan_ok=True)
    found = waiting([2680, 2690, 101, 100], 100, [10, 10, 0, 0], 14)
    assert found["answer"].tolist()[1:] == [NEVER, NONE_COME, ENOUGH]
    assert found["weeks"].tolist() == pytest.approx([260, np.nan, np.nan, 2], nan_ok=True)


def people(rng: np.random.Generator, n: int, effect: float, tests: int = 1) -> pd.DataFrame:
    """Tests of one segment of n customers each, with a covariate that explains half."""
    before = rng.gamma(2, 5, n * tests)
    arm = np.where(rng.random(n * tests) < 1 / 3, "ten-percent-off", "nothing")
    spend = before + rng.normal(0, 8, n * tests) + effect * (arm == "ten-percent-off")
    return pd.DataFrame(
        {
            "segment": np.repeat(np.arange(tests), n).astype(str),
            "arm": arm,
            "profit": spend,
            "pre_profit": before,
        }
    ).assign(conversion=1.0)


def test_the_new_test_that_is_planned_finds_what_is_worth_having() -> None:
    rng, draws = np.random.default_rng(4), 600
    first = people(rng, 4000, 0.0).assign(segment="s")
    decided = decide(effects(aggregate(nw.from_native(first).lazy(), ["profit"]), "nothing"), PLAN)
    plan = next_test(decided, PLAN, worth_having=1.5, customers={}, weekly={}).iloc[0]
    assert plan["answer_for_worth_having"] == NONE_COME
    again = people(rng, int(plan["customers_for_worth_having"]), 1.5, draws)
    table = effects(aggregate(nw.from_native(again).lazy(), ["profit"]), "nothing")
    found = (table.loc[table["segment"] != EVERYONE, "cuped_p"] < plan["level"]).mean()
    assert found == pytest.approx(0.8, abs=3 * 0.4 / np.sqrt(draws) + 0.02)


def test_promises_need_what_statsmodels_says() -> None:
    rng = np.random.default_rng(2)
    orders = rng.poisson(0.7, 3000)
    found = promised(pd.DataFrame({"orders": orders})).set_index("measure")
    buys = (orders > 0).mean()
    shares = {"churn": (1 - buys, 0.7 * (1 - buys)), "conversion": (buys, 1.25 * buys)}
    for measure, (now, then) in shares.items():
        size = (then - now) / np.sqrt((now * (1 - now) + then * (1 - then)) / 2)
        theirs = NormalIndPower().solve_power(effect_size=size, alpha=0.05, power=0.8)
        assert found.loc[measure, "n"] == np.ceil(theirs)
        assert found.loc[measure, ["now", "then"]].tolist() == pytest.approx([now, then])
    size = 0.2 * orders.mean() / orders.std(ddof=1)
    theirs = NormalIndPower().solve_power(effect_size=size, alpha=0.05, power=0.8)
    assert found.loc["engagement", "n"] == np.ceil(theirs)
    smallest = NormalIndPower().solve_power(nobs1=1500, alpha=0.05, power=0.8)
    assert found.loc["engagement", "smallest"] == pytest.approx(
        smallest * orders.std(ddof=1) / orders.mean(), rel=1e-4
    )
    assert found["times"].tolist() == pytest.approx((2 * found["n"] / 3000).tolist())


def test_promised_shares_are_found_four_times_in_five() -> None:
    rng, draws = np.random.default_rng(3), 20_000
    base = pd.DataFrame({"orders": np.repeat([0, 1, 3], [700, 200, 100])})
    for measure, row in promised(base).set_index("measure").drop(index="engagement").iterrows():
        n = int(row["n"])
        a, b = (rng.binomial(n, row[name], draws) / n for name in ("then", "now"))
        z = (a - b) / np.sqrt((a * (1 - a) + b * (1 - b)) / n)
        found = (np.abs(z) > 1.959964).mean()
        assert found == pytest.approx(0.8, abs=3 * 0.4 / np.sqrt(draws) + 0.01), measure


@given(st.integers(1, 99), st.integers(10, 10_000))
def test_the_smallest_lift_is_the_one_that_needs_all_customers(percent: int, customers: int) -> None:
    base = pd.DataFrame({"orders": [2] * percent + [0] * (100 - percent)})
    found = promised(base, customers=customers).set_index("measure")["smallest"].dropna()
    again = promised(base, customers=customers, promises=found.to_dict()).set_index("measure")
    assert again["n"].tolist() == pytest.approx([customers / 2] * len(found), abs=1)
    assert (np.sign(found) == [(-1 if name == "churn" else 1) for name in found.index]).all()


def test_promises_in_words() -> None:
    often = promised(pd.DataFrame({"orders": [2] * 90 + [0] * 10})).set_index("measure")["answer"]
    assert often["conversion"] == "cannot be: it would make 112% of the customers"
    assert often["churn"].startswith("needs ") and often["churn"].endswith(
        "times the customers that the shop has"
    )
    given_shares = promised(pd.DataFrame({"conversion": [1.0, 0.0] * 500})).set_index("measure")
    assert given_shares["answer"].tolist() == [ENOUGH, ENOUGH, NO_ORDERS]
    assert set(promised(pd.DataFrame({"orders": [0] * 50}))["answer"]) == {NO_VARIANCE}
    assert promised(pd.DataFrame({"orders": [0, 1] * 9}), promises={"churn": 0.0})["answer"].tolist() == [
        NO_EFFECT
    ]
