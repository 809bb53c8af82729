"""Confidence sequences: the mixture by quadrature, running moments by hand, and what daily peeking does to either."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from regulars.offers.sequences import confidence_sequence, margin, running, tuned
from tests.offers.simulations import A_DAY, DAYS, looks_of


@pytest.mark.slow
@pytest.mark.parametrize("buys", [0.05, 0.4, 1.0])
def test_the_sequence_is_seldom_wrong_in_a_year(buys: float) -> None:
    runs = 2000
    wrong = np.concatenate(
        [
            confidence_sequence(looks_of(200, seed, days=365, buys=buys), "c", planned=2000, sequences=1)
            .groupby("segment")["decided"]
            .last()
            for seed in range(runs // 200)
        ]
    )
    assert wrong.mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_real_effect_is_found_and_its_size_is_held_on_all_days() -> None:
    runs, effect = 400, 0.3
    found = confidence_sequence(looks_of(runs, 1, effect), "c", planned=2 * A_DAY * DAYS, sequences=1)
    assert found.groupby("segment")["decided"].last().mean() > 0.95
    with_interval = found.dropna(subset=["low"])
    holds = (with_interval["low"] <= effect) & (effect <= with_interval["high"])
    every_day = holds.groupby(with_interval["segment"]).all()
    assert every_day.mean() >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)
    assert (found.groupby(["segment"])["decided"].is_monotonic_increasing).all()


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 8, 0.3])
@pytest.mark.parametrize("n", [10, 100, 5000])
def test_the_margin_is_where_the_mixture_reaches_one_in_alpha(n: int, alpha: float) -> None:
    rho2 = float(tuned(200, alpha))
    total = n * float(margin(np.array([float(n)]), rho2, alpha)[0])
    # Ville's inequality: ∫ exp(λS − λ²n/2) dN(λ; 0, ρ²) is a martingale, which seldom ever reaches 1 / α.
    width = 40 / math.sqrt(n + 1 / rho2)
    centre = total / (n + 1 / rho2)
    mixture, _ = integrate.quad(
        lambda x: math.exp(x * total - x**2 * n / 2) * stats.norm.pdf(x, scale=math.sqrt(rho2)),
        centre - width,
        centre + width,
        points=[centre],
    )
    assert mixture == pytest.approx(1 / alpha, rel=1e-6)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("planned", [50, 4000])
def test_it_is_narrowest_at_the_planned_size(planned: int, alpha: float) -> None:
    n = np.array([float(planned)])
    best = optimize.minimize_scalar(
        lambda log: float(margin(n, math.exp(log), alpha)[0]), bounds=(-20, 5), method="bounded"
    )
    assert math.exp(best.x) == pytest.approx(float(tuned(planned, alpha)), rel=1e-3)


def test_it_is_wider_than_one_look_by_the_stated_factor() -> None:
    n = np.array([500.0, 1000.0, 2000.0])
    ratio = margin(n, tuned(1000, 0.05), 0.05) * np.sqrt(n) / stats.norm.ppf(0.975)
    assert ratio[1] == pytest.approx(1.55, abs=0.005)
    assert (ratio[[0, 2]] > ratio[1]).all()


def staggered(seed: int, n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {"segment": rng.choice(["a", "b"], n), "arm": rng.choice(["c", "t", "u"], n)}
    return pd.DataFrame({**columns, "assigned_day": rng.integers(0, 40, n), "y": rng.exponential(size=n)})


@given(st.integers(0, 1000), st.integers(5, 60), st.sampled_from([0.0, 1e6]))
@settings(max_examples=15, deadline=None)
def test_running_moments_are_those_of_who_had_completed(seed: int, day: int, more: float) -> None:
    customers = staggered(seed).assign(y=lambda of: of["y"] + more)
    found = running(customers.sample(frac=1, random_state=seed), 7, day)
    assert (found["day"] <= day).all()
    for row in found.sample(min(20, len(found)), random_state=seed).itertuples():
        done = (customers["assigned_day"] + 7 <= row.day) & (customers["segment"] == row.segment)
        y = customers.loc[done & (customers["arm"] == row.arm), "y"]
        assert row.n == len(y)
        expected = [y.mean(), y.var()] if len(y) else [math.nan, math.nan]
        assert [row.mean, row.variance] == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_each_arm_of_each_segment_is_compared_with_its_own_control() -> None:
    looks = running(staggered(1, 3000), 7, 60)
    found = confidence_sequence(looks, "c", planned={"a": 800, "b": 1200}, sequences=4, fewest=2)
    assert found[["segment", "arm"]].drop_duplicates().to_numpy().tolist() == [
        ["a", "t"], ["a", "u"], ["b", "t"], ["b", "u"],
    ]  # fmt: skip
    last = found[found["day"] == found["day"].max()].set_index(["segment", "arm"]).loc[("b", "u")]
    of = looks[looks["day"] == looks["day"].max()].set_index(["segment", "arm"]).loc["b"]
    n, alpha = of.loc["u", "n"] + of.loc["c", "n"], 0.05 / 4
    x = 1200 * float(tuned(1200, alpha)) / 1200 * n
    z = math.sqrt((x + 1) / x * math.log((x + 1) / alpha**2))
    reach = z * math.sqrt(sum(of.loc[arm, "variance"] / of.loc[arm, "n"] for arm in "cu"))
    effect = of.loc["u", "mean"] - of.loc["c", "mean"]
    assert last[["effect", "low", "high"]].tolist() == pytest.approx([effect, effect - reach, effect + reach])


def test_before_there_are_customers_or_variance_there_is_no_interval() -> None:
    days = pd.DataFrame({"segment": "a", "day": [1, 2, 3, 4], "n": [1, 99, 100, 200]})
    control = days.assign(arm="c", mean=0.0, variance=[math.nan, 1.0, 1.0, 1.0])
    treated = days.assign(arm="t", mean=5.0, variance=[math.nan, 1.0, 0.0, 1.0])
    found = confidence_sequence(pd.concat([treated, control]), "c", planned=400, sequences=1)
    assert found["low"].notna().tolist() == found["decided"].tolist() == [False, False, False, True]
    assert found["effect"].tolist() == [5.0] * 4


def test_equal_outcomes_have_no_variance_and_no_control_no_effect() -> None:
    same = running(staggered(2).assign(y=0.1), 7, 60)
    assert same.loc[same["n"] > 1, "variance"].eq(0).all()
    alone = confidence_sequence(running(staggered(2), 7, 60), "absent", planned=100, sequences=1)
    assert alone[["effect", "low", "high"]].isna().all(axis=None)
    assert not alone["decided"].any()
    assert len(running(staggered(2), 7, 3)) == 0
