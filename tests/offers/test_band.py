"""The band over days: against published critical values, Šidák, scipy, and a simulation of whole curves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regulars.offers.band import DRAWS, Moments, band, critical_value, moments
from regulars.offers.registry import OfferError
from tests.offers.simulations import daily_spend


def sums_of(days: int) -> np.ndarray:
    """The correlation of the sums of the first days, if days are independent and alike."""
    day = np.arange(1, days + 1)
    return np.sqrt(np.minimum.outer(day, day) / np.maximum.outer(day, day))


# Pocock's constants, two-sided α = .05: Jennison & Turnbull (2000), table 2.1.
POCOCK = {2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413, 10: 2.555, 20: 2.672}


@pytest.mark.parametrize("days", POCOCK)
def test_with_independent_days_it_is_pococks_constant(days: int) -> None:
    assert critical_value(sums_of(days), 0.05, DRAWS, days) == pytest.approx(POCOCK[days], abs=0.015)


@pytest.mark.parametrize(("days", "alpha"), [(2, 0.05), (10, 0.05), (28, 0.1)])
def test_of_uncorrelated_curves_it_is_sidaks(days: int, alpha: float) -> None:
    sidak = stats.norm.ppf((1 + (1 - alpha) ** (1 / days)) / 2)
    assert critical_value(np.eye(days), alpha, DRAWS, 0) == pytest.approx(sidak, abs=0.015)


def test_scipy_gives_the_box_the_level() -> None:
    rng = np.random.default_rng(3)
    spread = np.cov(rng.normal(size=(12, 6)).cumsum(axis=1), rowvar=False)
    correlation = spread / np.sqrt(np.outer(np.diag(spread), np.diag(spread)))
    c = np.full(6, critical_value(correlation, 0.05, DRAWS, 1))
    normal = stats.multivariate_normal(np.zeros(6), correlation, seed=1)
    assert normal.cdf(c, lower_limit=-c) == pytest.approx(0.95, abs=0.002)


def test_days_that_add_nothing_cost_nothing() -> None:
    assert critical_value(np.ones((5, 5)), 0.05, DRAWS, 0) == pytest.approx(1.96, abs=0.015)
    repeated = sums_of(3)[np.ix_([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2])]
    assert critical_value(repeated, 0.05, DRAWS, 0) == pytest.approx(POCOCK[3], abs=0.015)


def test_with_one_day_it_is_the_normal_interval() -> None:
    rng = np.random.default_rng(0)
    t, c = rng.exponential(size=(300, 1)), rng.exponential(size=(200, 1))
    found = band(moments(t), moments(c), alpha=0.1, random_state=0)
    error = stats.ttest_ind(t[:, 0], c[:, 0], equal_var=False)._standard_error
    effect = t.mean() - c.mean()
    expected = [effect, error, *stats.norm.interval(0.9, effect, error)]
    assert found.days.loc[1].tolist() == pytest.approx(expected)


def test_moments_are_those_of_cumulative_outcomes() -> None:
    daily = daily_spend(np.random.default_rng(1), 50, 4)
    found = moments(daily)
    for i in range(4):
        for j in range(4):
            a, b = (daily[:, : k + 1].sum(axis=1) for k in (i, j))
            assert found.covariance[i, j] == pytest.approx(np.cov(a, b)[0, 1])
        assert found.mean[i] == pytest.approx(daily[:, : i + 1].sum() / 50)


def coverage(runs: int, days: int, n: int, effect: float) -> tuple[float, float]:
    """How often the band, and how often all the days' own intervals, hold the whole curve."""
    rng, truth = np.random.default_rng(7), 0.15 * effect * np.arange(days)
    whole = pointwise = 0
    for run in range(runs):
        arms = moments(daily_spend(rng, n, days, effect)), moments(daily_spend(rng, 2 * n, days))
        found = band(*arms, draws=2000, random_state=run)
        z = (np.abs(found.days["effect"] - truth) / found.days["se"]).max()
        whole += z <= found.critical
        pointwise += z <= stats.norm.ppf(0.975)
    return whole / runs, pointwise / runs


@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_the_band_holds_the_whole_curve_and_daily_intervals_do_not(effect: float) -> None:
    runs = 400
    whole, pointwise = coverage(runs, 14, 300, effect)
    error = math.sqrt(0.95 * 0.05 / runs)
    assert 0.93 - 3 * error <= whole <= 0.95 + 3 * error
    assert pointwise < 0.93 - 3 * error


@pytest.mark.slow
def test_the_band_holds_the_whole_curve_in_many_runs() -> None:
    runs = 1500
    whole, _ = coverage(runs, 28, 600, 0.5)
    assert whole == pytest.approx(0.95, abs=0.01 + 3 * math.sqrt(0.95 * 0.05 / runs))


def test_days_on_which_nobody_differs_have_no_band_and_cost_nothing() -> None:
    rng = np.random.default_rng(2)
    t, c = daily_spend(rng, 300, 5), daily_spend(rng, 300, 5)
    t[:, 0], c[:, 0] = 0.3, 0.1
    found = band(moments(t), moments(c), random_state=4)
    assert found.days.loc[1, "effect"] == pytest.approx(0.2)
    assert found.days.loc[1, ["se", "low", "high"]].isna().all()
    later = band(moments(t[:, 1:]), moments(c[:, 1:]), random_state=4)
    assert found.critical == pytest.approx(later.critical, rel=1e-9)
    assert found.days["se"].tolist()[1:] == pytest.approx(later.days["se"].tolist())


@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_where_nobody_ever_differs_there_is_no_band(level: float) -> None:
    arm = moments(np.full((7, 3), level))
    found = band(arm, arm, random_state=0)
    assert math.isnan(found.critical)
    assert found.days[["se", "low", "high"]].isna().all(axis=None)
    assert found.days["effect"].tolist() == [0, 0, 0]


def test_one_arm_without_variance_is_answered() -> None:
    found = band(Moments(50, np.zeros(3), np.zeros((3, 3))), moments(np.eye(3)), random_state=0)
    assert np.isfinite(found.days.iloc[:2]).all(axis=None)
    assert math.isnan(found.days.loc[3, "se"])  # by then each of the three has bought once


@given(st.integers(0, 100), st.sampled_from([0.01, 3.0, 1000.0]))
@settings(max_examples=10, deadline=None)
def test_money_scales_and_arms_swap(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    t, c = daily_spend(rng, 60, 6), daily_spend(rng, 40, 6)
    expected = band(moments(t), moments(c), draws=2000, random_state=1).days
    swapped = band(moments(c * scale), moments(t * scale), draws=2000, random_state=1).days
    assert (-swapped["low"] / scale).tolist() == pytest.approx(expected["high"].tolist(), nan_ok=True)
    assert (-swapped["effect"] / scale).tolist() == pytest.approx(expected["effect"].tolist())


@pytest.mark.parametrize("daily", [[[1.0, 2.0]], [[1.0], [math.nan]]])
def test_what_has_no_variance_is_refused(daily: list[list[float]]) -> None:
    with pytest.raises(OfferError, match="no variance"):
        moments(daily)


def test_arms_of_different_days_are_refused() -> None:
    with pytest.raises(OfferError, match="3 and 2 days"):
        band(moments(np.eye(3)), moments(np.eye(2)), random_state=0)
