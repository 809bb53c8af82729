"""Chances and expected losses held against scipy, integrals and simulation; worth against arithmetic."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from regulars.offers import decide, read_experiments
from regulars.offers.effects import EVERYONE, KNOWN, aggregate, effects
from regulars.offers.money import (
    STAKES,
    chance_above_zero,
    expected_gain,
    freedom_of,
    stakes,
    worth_in_time,
)
from regulars.offers.pooling import pool, posterior

DEMO = read_experiments("demo")[0]
EFFECT, VARIANCE = np.array([0.1, 0.9, 0.4, 2.5, -0.8]), np.array([0.2, 0.1, 0.3, 1.0, 0.15])
SIZE = np.array([5.0, 3.0, 1.0, 1.0, 2.0])


@pytest.mark.parametrize("freedom", [1.2, 2, 5, 38.4, 4000, np.inf])
@pytest.mark.parametrize("effect", [-7.0, -0.4, 0.0, 1.3, 9.0])
def test_chances_and_gains_are_the_integrals(effect: float, freedom: float) -> None:
    law = stats.norm(effect, 2.0) if np.isinf(freedom) else stats.t(freedom, effect, 2.0)
    gain = integrate.quad(lambda x: x * law.pdf(x), 0, np.inf, limit=500, epsabs=1e-12)[0]
    assert chance_above_zero(effect, 2.0, freedom) == pytest.approx(law.sf(0), rel=1e-9)
    assert expected_gain(effect, 2.0, freedom) == pytest.approx(gain, rel=1e-5)


def test_gains_are_what_draws_bring() -> None:
    rng, draws = np.random.default_rng(0), 1_000_000
    for effect, freedom in ((0.6, 4.0), (-1.1, 30.0)):
        drawn = effect + 1.5 * rng.standard_t(freedom, draws)
        for sign in (1, -1):
            lost = np.maximum(sign * drawn, 0)
            assert expected_gain(sign * effect, 1.5, freedom) == pytest.approx(
                lost.mean(), abs=3 * lost.std() / np.sqrt(draws)
            )


def test_the_expected_loss_is_what_deciding_by_it_costs() -> None:
    # True effects anywhere between −20 and 20 with equal chance: the flat prior, for all that is seen within ±10.
    rng, draws = np.random.default_rng(1), 400_000
    truth = rng.uniform(-20, 20, draws)
    seen = truth + 1.5 * rng.normal(size=draws)
    near = np.abs(seen) < 10
    for low in np.arange(-4, 4):
        these = near & (low <= seen) & (seen < low + 1)
        error = 3 / np.sqrt(these.sum())
        lost = np.maximum(-truth[these], 0)
        assert expected_gain(-seen[these], 1.5).mean() == pytest.approx(lost.mean(), abs=error * lost.std())
        assert chance_above_zero(seen[these], 1.5).mean() == pytest.approx(
            (truth[these] > 0).mean(), abs=error / 2
        )


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e3), st.floats(1.01, 1e6), st.floats(1e-3, 1e3))
def test_gain_less_loss_is_the_effect_and_money_scales(
    effect: float, se: float, freedom: float, money: float
) -> None:
    gain, loss = expected_gain(effect, se, freedom), expected_gain(-effect, se, freedom)
    assert gain >= 0 and loss >= 0
    assert gain - loss == pytest.approx(effect, rel=1e-9, abs=1e-7 * se)
    assert expected_gain(money * effect, money * se, freedom) == pytest.approx(
        money * gain, rel=1e-9, abs=1e-12 * money * se
    )


def test_what_cannot_be_judged_is_missing() -> None:
    assert np.isnan(chance_above_zero([1.0, 1.0, np.nan], [0.0, np.nan, 1.0])).all()
    assert np.isnan(expected_gain([1.0, 1.0, 1.0], [0.0, np.nan, 1.0], [9, 9, 1.0])).all()
    assert np.isnan(freedom_of(1.0, 1.0, 0.0))


@pytest.mark.parametrize("freedom", [1.0, 2.5, 17.0, 400.0])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_the_width_tells_the_degrees_of_freedom(freedom: float, alpha: float) -> None:
    low, high = stats.t(freedom, 3.0, 0.7).interval(1 - alpha)
    assert freedom_of(low, high, 0.7, alpha) == pytest.approx(freedom, rel=1e-6)


def test_the_posterior_is_the_one_that_pool_reads() -> None:
    found = pool(EFFECT, VARIANCE, SIZE, alpha=0.1)
    centre, spread, _, weight = posterior(EFFECT, VARIANCE, SIZE)
    assert (weight * centre).sum(axis=0).tolist() == pytest.approx(found.effect.tolist())
    for ends, level in ((found.low, 0.95), (found.high, 0.05)):
        above = (weight * chance_above_zero(centre - ends, spread)).sum(axis=0)
        assert above.tolist() == pytest.approx([level] * 5, abs=1e-6)
    two = posterior([1.0, 2.0, np.nan], [0.25, 1.0, 1.0], np.ones(3))
    assert (two.chance * two.centre).sum(axis=0).tolist() == pytest.approx([1, 2, np.nan], nan_ok=True)
    assert np.unique(two.spread[:, :2]).tolist() == [0.5, 1.0]


def cells(
    effect: np.ndarray, se: np.ndarray, buyers: int = 100, arm: str = "ten-percent-off"
) -> pd.DataFrame:
    """What `decide` makes of cells with normal intervals, and of everyone."""
    table = pd.DataFrame(
        {
            "metric": "profit",
            "segment": [*(f"s{i}" for i in range(len(effect) - 1)), EVERYONE],
            "arm": arm,
            "n": 500,
            "n_control": 500,
            "buyers": buyers,
            "buyers_control": 100,
            "reason": KNOWN,
            "cuped_effect": effect,
            "cuped_se": se,
            "cuped_low": effect - 1.959963984540054 * se,
            "cuped_high": effect + 1.959963984540054 * se,
            "cuped_p": 2 * stats.norm.sf(np.abs(effect / se)),
        }
    )
    return decide(table, DEMO)


def test_pooled_losses_are_those_of_the_pooled_posterior() -> None:
    found = stakes(cells(np.append(EFFECT, 0.4), np.sqrt(np.append(VARIANCE, 0.05))), DEMO)
    own = found["segment"] != EVERYONE
    # E[max(δ, 0)] = ∫ P(δ > u) du over u > 0, and pooling moves with what it pools.
    steps = np.linspace(0, 30, 1501)
    for sign, name in ((1, "loss_if_stopped"), (-1, "loss_if_rolled_out")):
        centre, spread, _, weight = posterior(
            sign * EFFECT - steps[:, None], np.tile(VARIANCE, (1501, 1)), np.ones(5)
        )
        above = (weight * stats.norm.sf(0, centre, spread)).sum(axis=-2)
        expected = integrate.simpson(above, steps, axis=0)
        assert found.loc[own, f"pooled_{name}"].tolist() == pytest.approx(expected.tolist(), rel=1e-3)
    assert found.loc[own, "pooled_chance_of_profit"].between(0, 1).all()
    assert found.loc[~own, [f"pooled_{name}" for name in STAKES]].isna().all(axis=None)
    assert found[list(STAKES)].notna().all(axis=None)


def real_test(rng: np.random.Generator, n: int) -> pd.DataFrame:
    size = 3 * n
    spend = rng.lognormal(2, 0.7, size) * (rng.random(size) < 0.7)
    return pd.DataFrame(
        {
            "segment": rng.choice(["new", "returning", "at-risk"], size),
            "arm": rng.choice(list(DEMO.arms), size),
            "profit": spend,
            "pre_profit": 0.0,
            "conversion": (spend > 0) * 1.0,
        }
    )


def test_by_itself_a_cell_is_judged_as_scipy_tests_it() -> None:
    people = real_test(np.random.default_rng(5), 200)
    table = effects(aggregate(nw.from_native(people).lazy(), ["profit"]), DEMO.control)
    found = stakes(decide(table, DEMO), DEMO).set_index(["segment", "arm"])
    assert len(found) == 8
    for (segment, arm), row in found.iterrows():
        mine = people[people["segment"].eq(segment) | (segment == EVERYONE)]
        a, b = (mine.loc[mine["arm"] == name, "profit"] for name in (arm, DEMO.control))
        test = stats.ttest_ind(a, b, equal_var=False)
        above = stats.ttest_ind(a, b, equal_var=False, alternative="greater").pvalue
        assert row["chance_of_profit"] == pytest.approx(1 - above, rel=1e-6)
        law = stats.t(test.df, a.mean() - b.mean(), np.sqrt(a.var() / len(a) + b.var() / len(b)))
        lost = integrate.quad(lambda x, law=law: -x * law.pdf(x), -np.inf, 0)[0]
        assert row["loss_if_rolled_out"] == pytest.approx(lost, rel=1e-5)


def test_nothing_is_said_of_few_buyers_or_of_a_test_that_is_not_valid() -> None:
    table = cells(np.array([1.0, 2.0, 3.0, 1.5]), np.ones(4))
    table.loc[1, "buyers"] = 19
    found = stakes(table, DEMO)
    asked = [*STAKES, *(f"pooled_{name}" for name in STAKES)]
    assert found[asked].isna().all(axis=1).tolist() == [False, True, False, False]
    money = worth_in_time(found, pd.DataFrame({"four_core": ["s0", "s1", "s2"]}))
    assert money["worth"].isna().tolist() == [False, True, False, False]
    assert money["pooled_worth"].isna().tolist() == [False, True, False, True]
    invalid = decide(table.drop(columns=["p_adjusted", "detectable", "verdict"]), DEMO, valid=False)
    assert stakes(invalid, DEMO)[asked].isna().all(axis=None)


def test_worth_is_one_round_and_a_month_is_as_many_as_fit() -> None:
    found = stakes(cells(np.array([2.0, -1.0, 0.5, 1.0]), np.ones(4)), DEMO)
    today = pd.DataFrame({"four_core": ["s0"] * 30 + ["s1"] * 10 + ["s2"] * 5})
    money = worth_in_time(found, today).set_index("segment")
    assert money["worth"].tolist() == pytest.approx([60, -10, 2.5, 45])
    assert money.loc["s0", "worth_low"] == pytest.approx(30 * (2 - 1.95996), rel=1e-4)
    ratio = money["per_month_if_repeated"] / money["worth"]
    assert ratio.tolist() == pytest.approx([30.4375 / 28] * 4)
    high = money["per_month_if_repeated_high"] / money["worth_high"]
    assert high.tolist() == pytest.approx([30.4375 / 28] * 4)
    assert money.loc["s1", "pooled_worth"] == pytest.approx(10 * money.loc["s1", "pooled"])
    assert money["whom"].tolist() == ["s0 customers", "s1 customers", "s2 customers", EVERYONE]
    other = worth_in_time(found, pd.DataFrame({"classic_11": ["s0"]})).set_index("segment")
    unknown = worth_in_time(found, pd.DataFrame())
    assert unknown.filter(like="worth").isna().all(axis=None)
    assert other.loc[["s0", "s1"], ["worth", "pooled_worth_high"]].isna().all(axis=None)
