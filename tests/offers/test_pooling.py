"""Partial pooling held against published numbers, brute force and seeded simulations."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regulars.offers.differs import heterogeneity, size_weighted
from regulars.offers.effects import EVERYONE
from regulars.offers.pooling import pool, pooled
from tests.offers.simulations import ERRORS, SIZES, TYPICAL, covered, pooled_ends, true_and_estimated

FLOOR = 0.93


def test_eight_schools_are_the_published() -> None:
    # Gelman and others (2013), tables 5.2 and 5.3: 2.5, 25 and 75 % points of 200 simulated draws, printed without decimals.
    # Their 97.5 % points are too noisy to hold anything against.
    effect, error = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]
    whole, half = (pool(effect, np.square(error), alpha=alpha) for alpha in (0.05, 0.5))
    for found, printed, within in (
        (whole.low, [-2, -5, -11, -7, -9, -7, -1, -6], 2.5),
        (half.low, [7, 3, 2, 4, 1, 2, 7, 3], 1.5),
        (half.high, [16, 12, 11, 11, 10, 10, 15, 13], 1.5),
    ):
        assert found.tolist() == pytest.approx(printed, abs=within)


@pytest.mark.parametrize("sized", [False, True])
def test_a_mixture_drawn_by_brute_force_is_the_same(sized: bool) -> None:
    rng, draws = np.random.default_rng(0), 400_000
    effect, variance = np.array([0.1, 0.9, 0.4, 2.5]), np.array([0.2, 0.1, 0.3, 1.0])
    size = np.array([5.0, 3.0, 1.0, 1.0]) if sized else None
    grid = np.linspace(0, 60, 60_001)
    # The restricted likelihood, as the density of the three differences from the first cell.
    contrasts = np.c_[-np.ones(3), np.eye(3)]
    likelihood = stats.multivariate_normal.logpdf
    coarse = grid[:: 60_000 // 2000]
    logs = [
        likelihood(contrasts @ effect, None, contrasts @ np.diag(variance + t**2) @ contrasts.T)
        for t in coarse
    ]
    density = np.exp(np.interp(grid, coarse, logs))
    tau = rng.choice(grid, size=draws, p=density / density.sum())[:, None]
    total = variance + tau**2
    weight = 1 / total if size is None else np.broadcast_to(size, total.shape)
    weight = weight / weight.sum(axis=1, keepdims=True)
    # A true effect around d and the mean, and the mean around its estimate.
    mean = (weight * effect).sum(axis=1, keepdims=True)
    mean = mean + np.sqrt((weight**2 * total).sum(axis=1, keepdims=True)) * rng.normal(size=(draws, 1))
    kept = tau**2 / total
    truth = kept * effect + (1 - kept) * mean + np.sqrt(kept * variance) * rng.normal(size=total.shape)
    found = pool(effect, variance, size)
    assert found.effect.tolist() == pytest.approx(truth.mean(axis=0).tolist(), abs=0.02)
    assert found.kept.tolist() == pytest.approx(kept.mean(axis=0).tolist(), abs=0.01)
    for ends, level in ((found.low, 0.025), (found.high, 0.975)):
        assert ends.tolist() == pytest.approx(np.quantile(truth, level, axis=0).tolist(), abs=0.04)


@pytest.mark.parametrize("ratio", [0, 1])
def test_intervals_cover_the_true_effects(ratio: float) -> None:
    draws = 500
    truth, estimate = true_and_estimated(ratio * TYPICAL, draws, seed=3)
    each = covered(truth, *pooled_ends(estimate))
    assert (each >= FLOOR - 3 * np.sqrt(FLOOR * (1 - FLOOR) / draws)).all()
    assert each.mean() >= FLOOR


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0, 0.5, 1, 2, 4])
def test_intervals_cover_the_true_effects_of_every_cell(ratio: float) -> None:
    draws = 3000
    truth, estimate = true_and_estimated(ratio * TYPICAL, draws, seed=4)
    each = covered(truth, *pooled_ends(estimate))
    assert (each >= FLOOR - 2 * np.sqrt(FLOOR * (1 - FLOOR) / draws)).all()


def test_an_interval_that_takes_tau_for_known_does_not() -> None:
    truth, estimate = true_and_estimated(TYPICAL, 2000, seed=3)
    variance = np.broadcast_to(ERRORS**2, estimate.shape)
    tau2 = heterogeneity(estimate, variance).tau2[:, None]
    kept = tau2 / (tau2 + variance)
    mean = size_weighted(estimate, variance, np.broadcast_to(SIZES, estimate.shape)).mean[:, None]
    centre, reach = kept * estimate + (1 - kept) * mean, 1.96 * np.sqrt(kept * variance)
    assert covered(truth, centre - reach, centre + reach).mean() < 0.8


def test_pooled_effects_are_nearer_the_truth_and_the_best_promises_less() -> None:
    truth, estimate = true_and_estimated(TYPICAL, 500, seed=8)
    found = pool(
        estimate, np.broadcast_to(ERRORS**2, estimate.shape), np.broadcast_to(SIZES, estimate.shape)
    ).effect
    assert ((found - truth) ** 2).mean() < 0.6 * ((estimate - truth) ** 2).mean()
    rows = np.arange(500)
    own, mine = estimate.argmax(axis=1), found.argmax(axis=1)
    promised = (estimate[rows, own] - truth[rows, own]).mean()
    assert promised > 0.5
    assert abs((found[rows, mine] - truth[rows, mine]).mean()) < 0.25


@given(st.integers(0, 1000), st.integers(3, 6), st.floats(1e-3, 1e3))
def test_units_and_order_change_nothing_and_pooling_stays_between(
    seed: int, cells: int, money: float
) -> None:
    rng = np.random.default_rng(seed)
    variance, size = rng.uniform(0.1, 2, cells), rng.integers(1, 99, cells)
    effect, order = rng.normal(0, 1.5, cells), rng.permutation(cells)
    found = pool(effect, variance, size)
    other = pool(money * effect[order], money**2 * variance[order], size[order])
    for ours, theirs in zip(found[:3], other[:3], strict=True):
        assert (theirs / money).tolist() == pytest.approx(ours[order].tolist(), rel=1e-5, abs=1e-6)
    mean = float(size_weighted(effect, variance, size).mean)
    assert ((found.effect - mean) * (effect - found.effect) >= -1e-9).all()
    assert ((found.low < found.effect) & (found.effect < found.high)).all()


def test_effects_far_apart_are_left_alone_and_equal_ones_are_not() -> None:
    far = pool([0.0, 1000.0, -1000.0, 400.0], np.ones(4), np.ones(4))
    assert far.effect.tolist() == pytest.approx([0, 1000, -1000, 400], abs=0.01)
    assert (far.high - far.low).tolist() == pytest.approx([2 * 1.959964] * 4, rel=1e-4)
    near = pool(np.full(40, 3.0), np.ones(40), np.ones(40))
    assert (near.kept < 0.1).all() and (near.high - near.low < 2).all()


def test_two_cells_keep_their_own_and_unusable_ones_are_missing() -> None:
    found = pool(
        [[1.0, 2.0, np.nan, 5.0], [1.0, 2.0, 3.0, np.nan]],
        [[0.25, 1.0, 1.0, 0.0], [1.0] * 4],
        np.ones((2, 4)),
    )
    assert found.effect[0].tolist() == pytest.approx([1, 2, np.nan, np.nan], nan_ok=True)
    assert found.high[0].tolist() == pytest.approx([1 + 0.979982, 2 + 1.959964, np.nan, np.nan], nan_ok=True)
    alone = pool([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], np.ones(3))
    for both, one in zip(found, alone, strict=True):
        assert both[1].tolist() == pytest.approx([*one.tolist(), np.nan], nan_ok=True)
    assert np.isnan(pool([np.nan], [1.0], [1])).all()


def test_a_table_is_pooled_by_metric_and_arm() -> None:
    rows = [
        (metric, segment, arm, effect, effect, 0.5, 0.4, 100, 50)
        for metric, arm, shift in (("spend", "a", 0), ("spend", "b", 3), ("visit", "a", 5))
        for segment, effect in (
            ("s", 1.0 + shift),
            ("t", 2.0 + shift),
            ("u", np.nan if shift == 5 else 2.5),
            (EVERYONE, 9.0),
        )
    ]
    table = pd.DataFrame(
        rows, columns="metric segment arm effect cuped_effect se cuped_se n n_control".split()
    )
    found = pooled(table, kind="cuped_").set_index(["metric", "arm", "segment"])
    assert len(found) == 9 and EVERYONE not in found.index.get_level_values("segment")
    expected = pool([1.0, 2.0, 2.5], [0.16] * 3, [150] * 3)
    np.testing.assert_allclose(found.loc[("spend", "a")].to_numpy().T, np.array(expected))
    assert found.loc[("visit", "a"), "pooled"].tolist() == pytest.approx([6, 7, np.nan], nan_ok=True)
    assert pooled(table.iloc[:0]).empty
