"""Heterogeneity held against published numbers, statsmodels, direct algebra and seeded simulations."""

import os
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from regulars.offers.differs import (
    differs,
    dispersion,
    heterogeneity,
    interaction,
    precision_weighted,
    size_weighted,
    usable,
    wald,
)
from regulars.offers.effects import aggregate, effects

# Hillstrom's Mens − none by history_segment, as printed:
# visit, p · conversion, low, high · spend, low, high · n control, n Mens
CELLS = [
    ".068552 1.7e-39 .004988 .002411 .007566 .538283 .112838 .963728 7612 7724",
    ".069110 2.3e-24 .004818 .001571 .008065 .704249 .197710 1.210787 4836 4691",
    ".084398 1.9e-24 .008480 .003920 .013039 .536581 -.168991 1.242154 4044 4090",
    ".089201 2.3e-13 .008729 .001231 .016227 1.568940 .386745 2.751135 2124 2097",
    ".098952 1.1e-14 .008328 .001594 .015062 1.103010 .118764 2.087256 1652 1597",
    ".061498 .00478 .020022 .006796 .033247 1.534146 .283955 2.784338 622 644",
    ".097066 .00042 .009284 -.008731 .027298 1.322067 -2.470549 5.114684 416 464",
]
PRINTED = np.array([[float(number) for number in cell.split()] for cell in CELLS]).T
PUBLISHED = {"visit": (9.53, 0.146), "conversion": (7.64, 0.266), "spend": (5.26, 0.512)}
# 13 trials of BCG vaccine (Colditz and others 1994): ill and well among vaccinated, ill and well among controls
BCG = (
    "4 119 11 128 6 300 29 274 3 228 11 209 62 13536 248 12619 33 5036 47 5761 180 1361 372 1079 8 2537 10 619 "
    "505 87886 499 87892 29 7470 45 7232 17 1699 65 1600 186 50448 141 27197 5 2493 3 2338 27 16886 29 17825"
)


def printed(metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The table's effects and their variances, from intervals or p-values."""
    freedom = PRINTED[8:].sum(axis=0) - 2
    if metric == "visit":
        return PRINTED[0], (PRINTED[0] / stats.t.isf(PRINTED[1] / 2, freedom)) ** 2
    effect, low, high = PRINTED[2:5] if metric == "conversion" else PRINTED[5:8]
    return effect, ((high - low) / 2 / stats.t.isf(0.025, freedom)) ** 2


def bcg() -> tuple[np.ndarray, np.ndarray]:
    """Log risk ratios and their variances."""
    a, b, c, d = np.array([float(number) for number in BCG.split()]).reshape(-1, 4).T
    return np.log(a / (a + b) / (c / (c + d))), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def drawn(seed: int, cells: int, tau: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.05, 2, cells)
    return rng.normal(3, np.sqrt(variance + tau**2)), variance


@pytest.mark.parametrize("metric", PUBLISHED)
def test_q_of_hillstroms_printed_cells_is_the_published(metric: str) -> None:
    found = heterogeneity(*printed(metric))
    q, p = PUBLISHED[metric]
    assert found.q == pytest.approx(
        q, abs=0.06 if metric == "visit" else 0.02
    )  # p-values of two digits say less
    assert found.p == pytest.approx(p, abs=0.003)
    assert (found.freedom, found.cells, found.left_out) == (6, 7, 0)


def test_means_and_tau_of_hillstroms_printed_spend_are_the_published() -> None:
    effect, variance = printed("spend")
    assert precision_weighted(effect, variance).mean == pytest.approx(0.7296, abs=2e-4)
    assert size_weighted(effect, variance, PRINTED[8:].sum(axis=0)).mean == pytest.approx(0.7660, abs=5e-5)
    found = heterogeneity(effect, variance)
    assert np.sqrt(found.tau2_high) == pytest.approx(0.84, abs=0.005)
    assert (found.tau2, found.tau2_low, found.i2) == (0, 0, 0)


def test_bcg_is_as_published_for_metafor() -> None:
    found = heterogeneity(*bcg())
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    assert found.i2 == pytest.approx(0.9212, abs=5e-5)
    assert found.tau2 == pytest.approx(0.3181, abs=5e-5)
    assert [found.tau2_low, found.tau2_high] == pytest.approx([0.1197, 1.1115], abs=5e-5)
    assert list(precision_weighted(*bcg())) == pytest.approx([-0.4303, -0.5097, -0.3509], abs=5e-5)


@pytest.mark.parametrize("seed", range(6))
def test_q_tau_and_mean_are_statsmodels(seed: int) -> None:
    effect, variance = drawn(seed, cells=2 + 2 * seed)
    oracle = combine_effects(effect, variance, method_re="iterated", atol=1e-12, maxiter=500)
    found, mean = heterogeneity(effect, variance), precision_weighted(effect, variance)
    assert found.q == pytest.approx(oracle.q, rel=1e-9)
    assert found.tau2 == pytest.approx(oracle.tau2, rel=1e-8, abs=1e-12)
    assert list(mean) == pytest.approx([oracle.mean_effect_fe, *oracle.conf_int(use_t=False)[0]], rel=1e-9)


def test_the_profiles_ends_solve_its_equations() -> None:
    effect, variance = bcg()
    found = heterogeneity(effect, variance, alpha=0.1)
    for tau2, point in ((found.tau2_low, 0.95), (found.tau2_high, 0.05)):
        assert dispersion(*usable(effect, variance), tau2) == pytest.approx(
            stats.chi2.ppf(point, 12), rel=1e-9
        )


def test_effects_that_scatter_less_than_any_tau_explains_have_none() -> None:
    found = heterogeneity([1.0, 1.0, 1.001], [1.0, 1.0, 1.0])
    assert (found.tau2, found.tau2_low, found.tau2_high, found.i2) == (0, 0, 0, 0)
    assert found.p > 0.999


@given(st.integers(0, 10_000), st.integers(2, 9), st.floats(1e-4, 1e4))
def test_units_order_and_a_common_shift_change_nothing(seed: int, cells: int, money: float) -> None:
    effect, variance = drawn(seed, cells)
    order = np.random.default_rng(seed).permutation(cells)
    whole = heterogeneity(effect, variance)
    other = heterogeneity(money * (effect[order] + 2), money**2 * variance[order])
    for name in ("q", "p", "i2"):
        assert getattr(other, name) == pytest.approx(getattr(whole, name), rel=1e-6, abs=1e-9)
    for name in ("tau2", "tau2_low", "tau2_high"):
        assert getattr(other, name) / money**2 == pytest.approx(getattr(whole, name), rel=1e-5, abs=1e-9)


def test_rows_are_told_one_by_one_and_unusable_cells_left_out_and_counted() -> None:
    effect, variance = drawn(1, 4)
    gaps = np.array([np.nan, 1.0, 2.0, np.inf]), np.array([1.0, 0.0, np.nan, 1.0])
    rows = (
        [np.r_[effect, gaps[0]], np.r_[gaps[0], effect]],
        [np.r_[variance, gaps[1]], np.r_[gaps[1], variance]],
    )
    found, whole = heterogeneity(*rows), heterogeneity(effect, variance)
    assert found.cells.tolist() == found.left_out.tolist() == [4, 4]
    for both, one in zip(found, whole, strict=True):
        if both is not found.left_out:
            assert both.tolist() == pytest.approx([float(one)] * 2, rel=1e-9)
    sizes = np.r_[1:5, [1e6] * 4], np.r_[[1e6] * 4, 1:5]
    means = size_weighted(*rows, sizes).mean
    assert means.tolist() == pytest.approx([np.average(effect, weights=[1, 2, 3, 4])] * 2)


@pytest.mark.parametrize(("usable_cells", "mean"), [(1, 0.5), (0, np.nan)])
def test_a_single_cell_has_a_mean_but_no_q(usable_cells: int, mean: float) -> None:
    effect, variance = [0.5, 0.7, np.nan], [0.04 if usable_cells else 0.0, 0.0, 0.04]
    found = heterogeneity(effect, variance)
    assert (found.cells, found.left_out, found.freedom) == (usable_cells, 3 - usable_cells, 0)
    assert np.isnan([found.q, found.p, found.i2, found.tau2, found.tau2_low, found.tau2_high]).all()
    for found_mean in (precision_weighted(effect, variance), size_weighted(effect, variance, [9, 9, 9])):
        assert found_mean.mean == pytest.approx(mean, nan_ok=True)
        assert np.isnan(found_mean.low) == np.isnan(mean)


def test_a_variance_of_rounding_is_none() -> None:
    assert np.isinf(usable([0.1, 0.5, 0.7], [1e-34, 0.04, 0.04])[1]).tolist() == [True, False, False]


@pytest.mark.parametrize("seed", range(3))
def test_wald_of_one_arm_is_q(seed: int) -> None:
    effect, variance = drawn(seed, 5)
    found, q = wald(effect[:, None], variance[:, None, None]), heterogeneity(effect, variance)
    assert found == pytest.approx((float(q.q), 4, float(q.p)), rel=1e-9)


def test_wald_of_two_arms_is_that_of_its_contrasts() -> None:
    rng = np.random.default_rng(0)
    effects_ = rng.normal(size=(4, 2))
    roots = rng.normal(size=(4, 2, 2))
    covariances = roots @ roots.swapaxes(1, 2) + np.eye(2)
    whole = np.zeros((8, 8))
    for s in range(4):
        whole[2 * s : 2 * s + 2, 2 * s : 2 * s + 2] = covariances[s]
    contrasts = np.kron(np.c_[np.eye(3), -np.ones(3)], np.eye(2))
    apart = contrasts @ effects_.ravel()
    statistic = apart @ np.linalg.solve(contrasts @ whole @ contrasts.T, apart)
    assert wald(effects_, covariances)[:2] == pytest.approx((statistic, 6), rel=1e-9)
    gone = [np.r_[effects_, [[np.nan, 1.0], [1.0, 1.0]]], np.r_[covariances, [np.eye(2), np.ones((2, 2))]]]
    assert wald(*gone) == pytest.approx(wald(effects_, covariances), rel=1e-12)


@pytest.mark.parametrize("segments", [0, 1])
def test_wald_of_fewer_than_two_segments_is_missing(segments: int) -> None:
    found = wald(np.zeros((segments, 2)), np.ones((segments, 1, 1)) * np.eye(2))
    assert np.isnan(found.statistic) and np.isnan(found.p) and found.freedom == 0


def test_q_rejects_as_often_as_it_should_and_tau_is_covered() -> None:
    rng, cells, draws = np.random.default_rng(5), 7, 4000
    variance = rng.uniform(0.2, 2, cells)
    noise = np.sqrt(variance) * rng.normal(size=(draws, cells))
    same = heterogeneity(noise, np.broadcast_to(variance, noise.shape))
    apart = heterogeneity(noise + 0.8 * rng.normal(size=noise.shape), np.broadcast_to(variance, noise.shape))
    tolerance = 3 * np.sqrt(0.05 * 0.95 / draws)
    assert (same.p < 0.05).mean() == pytest.approx(0.05, abs=tolerance)
    assert (same.tau2_low == 0).mean() == pytest.approx(0.975, abs=tolerance)
    assert ((apart.tau2_low < 0.64) & (apart.tau2_high > 0.64)).mean() == pytest.approx(0.95, abs=tolerance)


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    if "REGULARS_RAW" not in os.environ:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    (path,) = (Path(os.environ["REGULARS_RAW"]) / "hillstrom").glob("*.csv")
    frame = pd.read_csv(path).rename(columns={"segment": "arm", "history_segment": "segment"})
    return frame.assign(**{f"pre_{metric}": frame["history"] for metric in PUBLISHED})


@pytest.fixture(scope="module")
def aggregates(raw: pd.DataFrame) -> pd.DataFrame:
    return aggregate(nw.from_native(raw).lazy(), list(PUBLISHED))


def test_hillstroms_segments_are_not_shown_to_differ(aggregates: pd.DataFrame) -> None:
    found = differs(effects(aggregates, "No E-Mail")).set_index(["arm", "metric"]).loc["Mens E-Mail"]
    for metric, (q, p) in PUBLISHED.items():
        assert found.loc[metric, ["q", "p", "freedom"]].tolist() == pytest.approx([q, p, 6], abs=0.005)
    spend = found.loc["spend"]
    assert spend["precision_weighted"] == pytest.approx(0.7296, abs=1e-4)
    assert spend["size_weighted"] == pytest.approx(0.7660, abs=5e-5)
    assert [spend["tau"], spend["tau_high"]] == pytest.approx([0, 0.84], abs=0.005)
    assert found["left_out"].tolist() == [0, 0, 0]


def test_hillstroms_interaction_is_q_with_one_arm_and_joint_with_two(aggregates: pd.DataFrame) -> None:
    mens = interaction(aggregates[aggregates["arm"] != "Womens E-Mail"], "No E-Mail").set_index("metric")
    assert {m: tuple(round(x, d) for x, d in zip(mens.loc[m, ["statistic", "p"]], (2, 3), strict=True))
            for m in PUBLISHED} == PUBLISHED  # fmt: skip
    both = interaction(aggregates, "No E-Mail").set_index("metric")
    assert both["freedom"].tolist() == [12, 12, 12]
    # The control is shared: the statistic is the same whichever arm the others are compared with.
    turned = interaction(aggregates, "Mens E-Mail").set_index("metric")
    pd.testing.assert_frame_equal(both, turned, rtol=1e-9)


def test_kinds_choose_their_columns(aggregates: pd.DataFrame) -> None:
    table = effects(aggregates, "No E-Mail")
    plain, cuped = differs(table), differs(table, kind="cuped_")
    swapped = table.assign(effect=table["cuped_effect"], se=table["cuped_se"])
    pd.testing.assert_frame_equal(cuped, differs(swapped))
    assert not np.allclose(plain["q"], cuped["q"], rtol=1e-6)


def test_without_a_control_or_rows_nothing_is_told(aggregates: pd.DataFrame) -> None:
    nobody = differs(effects(aggregates, "absent"))
    assert nobody["cells"].eq(0).all() and nobody[["q", "size_weighted", "tau_high"]].isna().all(axis=None)
    assert interaction(aggregates, "absent")["p"].isna().all()
    assert differs(effects(aggregates.iloc[:0], "No E-Mail")).empty
