"""Every estimator that statsmodels, scipy or tea-tasting have too, held against theirs on random data.

Confidence sequences, the Q-profile, partial pooling, policy values and the band over days are in none of them: they are held
against published numbers, plain implementations and simulations where they are tested. τ², Cochran's Q, and Kaplan and Meier's
curve are held against statsmodels in `test_differs` and `test_repeat`; Kruskal and Wallis's test against scipy in
`test_validity`; sample sizes against statsmodels in `test_power`.
"""

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from regulars.offers.decisions import decide
from regulars.offers.differs import interaction
from regulars.offers.effects import EVERYONE, aggregate, effects
from regulars.offers.relative import lifts, ratio_aggregates, ratio_lifts
from regulars.offers.repeat import delays, restricted_mean, waits
from regulars.offers.validity import sample_ratio
from tests.offers.procedure import EQUAL, UNEQUAL, plan
from tests.offers.simulations import counted

WELCH = ["effect", "low", "high", "p"]
CUPED = [f"cuped_{name}" for name in WELCH]


def customers(seed: int, n: int = 300, n_control: int = 90, segments: int = 1) -> pd.DataFrame:
    """Orders, heavy-tailed revenue of about half of the customers, and what goes with it from before."""
    rng, size = np.random.default_rng(seed), n + n_control
    taste = rng.lognormal(0, 0.5, size)
    orders = rng.poisson(0.8 * taste).astype(float)
    revenue = np.where(orders > 0, orders * rng.lognormal(3, 0.8, size), 0.0)
    before = taste * rng.lognormal(3, 0.5, size)
    arm = rng.permutation(np.repeat(["t", "c"], [n, n_control]))
    frame = pd.DataFrame({"arm": arm, "orders": orders, "revenue": revenue, "pre_revenue": before})
    return frame.assign(segment=rng.integers(segments, size=size).astype(str), conversion=orders > 0)


def ours(frame: pd.DataFrame, *metrics: str, alpha: float = 0.05) -> pd.DataFrame:
    table = effects(aggregate(nw.from_native(frame).lazy(), list(metrics)), "c", alpha)
    return table[table["segment"] == EVERYONE].set_index("metric")


def arms(frame: pd.DataFrame, name: str) -> list[pd.Series]:
    return [frame.loc[frame["arm"] == arm, name] for arm in "tc"]


def robust(frame: pd.DataFrame, *columns: pd.Series | pd.DataFrame) -> Any:
    """Least squares of revenue with a variance of its own for each customer; HC2 is Welch's where groups are all there is."""
    return sm.OLS(frame["revenue"], pd.concat(columns, axis=1).astype(float)).fit(cov_type="HC2")


# statsmodels and scipy


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("metric", ["revenue", "orders", "conversion"])
def test_welch_is_statsmodels_and_scipys(seed: int, metric: str) -> None:
    frame = customers(seed)
    treated, control = arms(frame.astype({"conversion": float}), metric)
    found = ours(frame, metric).loc[metric]
    compared = CompareMeans(DescrStatsW(treated), DescrStatsW(control))
    low, high = compared.tconfint_diff(usevar="unequal")
    p = stats.ttest_ind(treated, control, equal_var=False).pvalue
    assert compared.ttest_ind(usevar="unequal")[1] == pytest.approx(p)
    assert found[WELCH].tolist() == pytest.approx([treated.mean() - control.mean(), low, high, p], rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_cuped_is_the_analysis_of_covariance(seed: int) -> None:
    frame = customers(seed)
    is_treated = (frame["arm"] == "t").rename("t")
    columns = pd.concat([is_treated, frame["pre_revenue"]], axis=1).astype(float)
    fitted = sm.OLS(frame["revenue"], sm.add_constant(columns)).fit()
    assert ours(frame, "revenue").loc["revenue", "cuped_effect"] == pytest.approx(
        fitted.params["t"], rel=1e-9
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_joint_interaction_is_statsmodels_wald_test(seed: int) -> None:
    frame = pd.concat([customers(seed, 400, 200, segments=3), customers(seed + 50, 300, 0, segments=3).assign(arm="u")],
                      ignore_index=True)  # fmt: skip
    cell = pd.get_dummies(frame["segment"] + frame["arm"])
    fitted = robust(frame, cell)
    apart = [f"({s}{arm} - {s}c) - (0{arm} - 0c)" for s in "12" for arm in "tu"]
    columns = list(cell)
    contrasts = np.array([[_weight(column, term) for column in columns] for term in apart])
    oracle = fitted.wald_test(contrasts, use_f=False, scalar=True)
    found = interaction(aggregate(nw.from_native(frame).lazy(), ["revenue"]), "c").iloc[0]
    assert found[["statistic", "freedom", "p"]].tolist() == pytest.approx(
        [oracle.statistic, 4, oracle.pvalue], rel=1e-7
    )


def _weight(cell: str, contrast: str) -> float:
    """+1 or −1 where the contrast of four cells names this one."""
    own, _, base = contrast.partition(" - (0")
    segment, arm = own[1], own[2]
    assert base
    return {f"{segment}{arm}": 1.0, f"{segment}c": -1.0, f"0{arm}": -1.0, "0c": 1.0}.get(cell, 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_the_restricted_mean_is_the_area_under_statsmodels_curve(seed: int) -> None:
    rng, horizon = np.random.default_rng(seed), 40
    order, end = rng.geometric(0.03, 400), rng.integers(20, 70, 400)
    time, is_event = np.minimum(order, end), order <= end
    curve = SurvfuncRight(time, is_event)
    days = np.r_[0, curve.surv_times[curve.surv_times < horizon], horizon]
    area = (np.diff(days) * np.r_[1, curve.surv_prob[curve.surv_times < horizon]]).sum()
    assert restricted_mean(*counted(time, is_event, horizon)).mean_days == pytest.approx(area, rel=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.sampled_from(["holm", "bh"]))
@settings(max_examples=25, deadline=None)
def test_adjustment_is_statsmodels(p: list[float], adjust: str) -> None:
    one = plan(EQUAL, "segments", 20)
    one = one.model_copy(
        update={"arms": {arm: one.arms[arm] for arm in list(one.arms)[:2]}, "adjust": adjust}
    )
    kind = {"metric": "spend", "arm": one.treated[0], "cuped_effect": 1.0, "cuped_se": 1.0, "reason": "known"}
    cells = pd.DataFrame(
        {"segment": [str(i) for i in range(len(p))], "cuped_p": p, "buyers": 99, "buyers_control": 99} | kind
    )
    oracle = multipletests(p, method={"holm": "holm", "bh": "fdr_bh"}[adjust])[1]
    assert decide(cells, one)["p_adjusted"].tolist() == pytest.approx(oracle.tolist())


@given(st.lists(st.integers(20, 3000), min_size=3, max_size=3))
@settings(max_examples=25, deadline=None)
def test_the_sample_ratio_is_scipys(counts: list[int]) -> None:
    registered = plan(UNEQUAL, "segments", 100)
    assigned = pd.DataFrame({"segment": "s", "arm": np.repeat(list(registered.arms), counts)})
    expected = sum(counts) * np.array([0.6, 0.2, 0.2])
    assert sample_ratio(assigned, registered)["p"].tolist() == pytest.approx(
        [stats.chisquare(counts, expected).pvalue] * 2
    )


def test_a_quotient_of_normals_is_within_fiellers_ends_as_often_as_stated() -> None:
    """No library has Fieller's interval; its ends are where scipy's normal quotient of the two means has its level."""
    a, b, va, vb = 6.0, 5.0, 0.04, 0.09
    table = pd.DataFrame({"metric": "m", "segment": "s", "arm": ["t", "c"], "n": 1e6, "buyers": 1, "mean": [a, b],
                          "variance": [1e6 * va, 1e6 * vb]})  # fmt: skip
    found = lifts(table, "c").iloc[0]
    for end, level in ((found["lift_low"], 0.025), (found["lift_high"], 0.975)):
        # P(the quotient's numerator less ρ times its denominator is below zero), with ρ as the truth.
        rho = 1 + end
        density = lambda y, rho=rho: stats.norm.cdf(a, rho * y, va**0.5) * stats.norm.pdf(y, b, vb**0.5)  # noqa: E731
        chance = integrate.quad(density, b - 9 * vb**0.5, b + 9 * vb**0.5)[0]
        assert chance == pytest.approx(1 - level, abs=2e-5)


# tea-tasting, where it is installed


def tea_means(frame: pd.DataFrame, alpha: float = 0.05, **options: str) -> Any:
    tea = pytest.importorskip("tea_tasting", reason="tea-tasting is not installed")
    experiment = tea.Experiment({"m": tea.RatioOfMeans(confidence_level=1 - alpha, use_t=True, equal_var=False, **options)},
                                variant="arm")  # fmt: skip
    return experiment.analyze(frame[["arm", "orders", "revenue", "pre_revenue"]], control="c")["m"]


def interval_of(result: Any) -> list[float]:
    return [result.effect_size, result.effect_size_ci_lower, result.effect_size_ci_upper, result.pvalue]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_welch_is_tea_tastings(seed: int, alpha: float) -> None:
    frame = customers(seed)
    oracle = tea_means(frame, alpha, numer="revenue")
    assert ours(frame, "revenue", alpha=alpha).loc["revenue", WELCH].tolist() == pytest.approx(
        interval_of(oracle), rel=1e-9
    )


@pytest.mark.parametrize("seed", range(4))
def test_cuped_is_tea_tastings(seed: int) -> None:
    """Theirs takes θ from both arms thrown together, which is the same where the covariate's means are."""
    frame = customers(seed)
    nearly = interval_of(tea_means(frame, numer="revenue", numer_covariate="pre_revenue"))
    assert ours(frame, "revenue").loc["revenue", CUPED].tolist() == pytest.approx(nearly, rel=0.05, abs=0.2)
    frame["pre_revenue"] -= (
        frame.groupby("arm")["pre_revenue"].transform("mean") - frame["pre_revenue"].mean()
    )
    exactly = interval_of(tea_means(frame, numer="revenue", numer_covariate="pre_revenue"))
    assert ours(frame, "revenue").loc["revenue", CUPED].tolist() == pytest.approx(exactly, rel=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_a_ratio_is_tea_tastings(seed: int) -> None:
    frame = customers(seed)
    oracle = tea_means(frame, numer="revenue", denom="orders")
    table = ratio_lifts(ratio_aggregates(nw.from_native(frame).lazy(), {"aov": ("revenue", "orders")}), "c")
    found = table.set_index("segment").loc[EVERYONE]
    assert found[["effect", "low", "high", "lift_p"]].tolist() == pytest.approx(interval_of(oracle), rel=1e-8)
    assert found["lift"] == pytest.approx(oracle.rel_effect_size, rel=1e-9)


# tea-tasting 1.14.0 on `customers(0)`: effect, interval, p, for who has not installed it.
TEA = {
    "revenue": [7.104537826546327, -1.2197496675517385, 15.428825320644393, 0.0940511888793009],
    "aov": [8.669913897457093, 1.9217401610992981, 15.418087633814888, 0.011987746718756112],
}


def test_printed_numbers_of_tea_tasting_are_ours() -> None:
    frame = customers(0)
    table = ratio_lifts(ratio_aggregates(nw.from_native(frame).lazy(), {"aov": ("revenue", "orders")}), "c")
    aov = table.set_index("segment").loc[EVERYONE, ["effect", "low", "high", "lift_p"]]
    assert ours(frame, "revenue").loc["revenue", WELCH].tolist() == pytest.approx(TEA["revenue"], rel=1e-6)
    assert aov.tolist() == pytest.approx(TEA["aov"], rel=1e-6)


# An interval leaves out zero just when p is below alpha


def random_aggregates(seed: int) -> pd.DataFrame:
    """Cells of all sizes, some without variance, some with one customer, some all but sure."""
    rng, cells = np.random.default_rng(seed), 40
    rows = 2 * cells
    n = rng.choice([1, 2, 3, 10, 1000], rows)
    variance, pre_variance = (rng.choice([0.0, 1e-6, 1.0, 50.0], rows) for _ in range(2))
    return pd.DataFrame(
        {
            "metric": "m", "segment": np.repeat(np.arange(cells).astype(str), 2), "arm": ["t", "c"] * cells,
            "n": n, "buyers": n, "mean": rng.normal(1, 1, rows), "variance": variance,
            "pre_mean": rng.normal(2, 0.1, rows), "pre_variance": pre_variance,
            "covariance": rng.uniform(-1, 1, rows) * np.sqrt(variance * pre_variance),
        }
    )  # fmt: skip


def agree(table: pd.DataFrame, names: str, alpha: float) -> int:
    """Asserts that ends and p agree, and that they are missing together; returns how many intervals there were."""
    low, high, p = (table[name] for name in names.split())
    known = p.notna() & low.notna()
    assert (((low > 0) | (high < 0)) == (p < alpha))[known].all()
    return int(known.sum())


@given(st.integers(0, 10_000), st.sampled_from([0.01, 0.05, 0.3]))
@settings(max_examples=25, deadline=None)
def test_unadjusted_intervals_leave_out_zero_just_when_p_is_below_alpha(seed: int, alpha: float) -> None:
    table = random_aggregates(seed)
    compared, ratios = effects(table, "c", alpha), ratio_lifts(table, "c", alpha)
    assert agree(compared, "low high p", alpha) > 5
    assert agree(compared, "cuped_low cuped_high cuped_p", alpha) > 5
    assert compared["p"].isna().equals(compared["low"].isna())
    assert agree(ratios, "low high lift_p", alpha) > 5
    assert agree(lifts(table, "c", alpha), "lift_low lift_high lift_p", alpha) > 0
    agree(ratios, "lift_low lift_high lift_p", alpha)


@given(st.integers(0, 10_000), st.integers(5, 60), st.sampled_from([0.01, 0.05, 0.3]))
@settings(max_examples=25, deadline=None)
def test_delays_leave_out_zero_just_when_p_is_below_alpha(seed: int, n: int, alpha: float) -> None:
    rng, arm = np.random.default_rng(seed), np.repeat(["t", "c"], n)
    order = rng.geometric(np.where(arm == "t", 0.1, 0.03)).astype(float)
    followed = rng.integers(10, 60, 2 * n)
    frame = pd.DataFrame({"segment": "s", "arm": arm, "next_order_days": order, "followed_days": followed})
    found = delays(waits(nw.from_native(frame).lazy(), 20), "c", alpha)
    assume(found["delay_days_p"].notna().all())
    for name in ("delay_days", "gain"):
        agree(found, f"{name}_low {name}_high {name}_p", alpha)
