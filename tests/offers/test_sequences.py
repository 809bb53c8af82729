"""Confidence sequences: the mixture by quadrature, running moments by hand, and what daily peeking does to either."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from regulars.offers.sequences import confidence_sequence, margin, running, tuned

DAYS = 28
A_DAY = 20  # customers an arm


def looks_of(runs: int, seed: int, effect: float = 0.0, days: int = DAYS, buys: float = 0.4) -> pd.DataFrame:
    """Running moments of runs in which a share of customers buy; the run is the segment."""
    rng, tables = np.random.default_rng(seed), []
    for arm, more in (("c", 0.0), ("t", effect)):
        y = rng.exponential(size=(runs, days, A_DAY)) * (rng.random((runs, days, A_DAY)) < buys) + more
        n = A_DAY * np.arange(1, days + 1)
        first, second = (np.cumsum((y**power).sum(axis=2), axis=1) for power in (1, 2))
        columns = {"mean": first / n, "variance": (second - first**2 / n) / (n - 1)}
        index = pd.MultiIndex.from_product([range(runs), range(1, days + 1)], names=["segment", "day"])
        table = pd.DataFrame({name: of.ravel() for name, of in columns.items()}, index=index)
        tables.append(table.assign(arm=arm, n=np.tile(n, runs)).reset_index())
    return pd.concat(tables, ignore_index=True)


def welch_excludes(looks: pd.DataFrame) -> np.ndarray:
    """Whether each day's interval for one look leaves out zero, shape (runs, days)."""
    c, t = (looks[looks["arm"] == arm] for arm in "ct")
    p = stats.ttest_ind_from_stats(
        *(
            of[name].to_numpy() ** power
            for of in (t, c)
            for name, power in (("mean", 1), ("variance", 0.5), ("n", 1))
        ),
        equal_var=False,
    ).pvalue
    return (p < 0.05).reshape(-1, c["day"].nunique())


def share_of_eights(wrong: np.ndarray) -> float:
    return float(wrong.reshape(-1, 8).any(axis=1).mean())


def near(share: float, runs: int) -> object:
    return pytest.approx(share, abs=3 * math.sqrt(share * (1 - share) / runs))


RUNS = 2000


@pytest.fixture(scope="module")
def nothing() -> pd.DataFrame:
    return looks_of(RUNS, 0)


def test_peeking_daily_is_wrong_far_more_often_than_a_look_at_the_end(nothing: pd.DataFrame) -> None:
    excludes = welch_excludes(nothing)
    once, ever = excludes[:, -1], excludes.any(axis=1)
    assert once.mean() == near(0.047, RUNS)
    assert ever.mean() == near(0.278, RUNS)
    assert share_of_eights(once) == near(0.345, RUNS // 8)
    assert share_of_eights(ever) == near(0.925, RUNS // 8)


@pytest.mark.parametrize("sequences", [1, 8])
def test_the_sequence_is_seldom_wrong_on_any_day(nothing: pd.DataFrame, sequences: int) -> None:
    found = confidence_sequence(nothing, "c", planned=2 * A_DAY * DAYS, sequences=sequences)
    wrong = found.groupby("segment")["decided"].last().to_numpy()
    runs = RUNS // sequences
    share = wrong.reshape(-1, sequences).any(axis=1).mean()
    assert share <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    if sequences == 1:
        assert share > 0  # an interval that never errs would be no interval


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
