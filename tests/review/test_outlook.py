"""What is to be expected: against brute force with another library, and by simulation from the model itself."""

import numpy as np
import pytest
from scipy import stats

from regulars.review.outlook import _covariances, outlook


def by_brute_force(y: np.ndarray, sampling: np.ndarray, ahead: int) -> tuple[np.ndarray, ...]:
    """Weights, means and deviations with scipy's normal density and plain inverses."""
    covariances, prior = _covariances(sampling)
    n, middle, rows = len(y) - ahead, y[: len(y) - ahead].mean(), []
    for covariance, p in zip(covariances, prior, strict=True):
        past, across = covariance[:n, :n], covariance[:n, -1]
        density = stats.multivariate_normal(np.full(n, middle), past).logpdf(y[:n])
        solved = np.linalg.inv(past) @ across
        variance = covariance[-1, -1] - across @ solved
        rows.append((np.log(p) + density, middle + solved @ (y[:n] - middle), np.sqrt(variance)))
    weights, means, deviations = np.array(rows).T
    weights = np.exp(weights - weights.max())
    return weights / weights.sum(), means, deviations


@pytest.mark.parametrize(("months", "ahead"), [(7, 1), (12, 3), (15, 1)])
def test_it_equals_brute_force(months: int, ahead: int) -> None:
    rng = np.random.default_rng(months)
    root = rng.normal(0, 0.02, (months, months))
    sampling, y = root @ root.T + 1e-4 * np.eye(months), 7 + rng.normal(0, 0.1, months)
    found = outlook(y, sampling, ahead)
    for ours, theirs in zip(found, by_brute_force(y, sampling, ahead), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)


def test_quantiles_undo_probabilities() -> None:
    found = outlook(np.log(np.linspace(100, 130, 9)), np.eye(9) * 1e-3)
    for share in (0.001, 0.3, 0.5, 0.99):
        assert found.below(found.quantile(share)) == pytest.approx(share, rel=1e-6)


def test_the_level_and_the_last_months_do_not_matter_beyond_what_they_should() -> None:
    y, sampling = np.log(np.linspace(100, 130, 12)), np.eye(12) * 1e-3
    found, later = outlook(y, sampling, 3), np.r_[y[:9], 0.0, 9.0, 1.0]
    assert outlook(later, sampling, 3).quantile(0.1) == pytest.approx(found.quantile(0.1))
    assert outlook(y + 5, sampling, 3).quantile(0.1) == pytest.approx(found.quantile(0.1) + 5, abs=1e-6)


def test_noise_and_distance_widen_it() -> None:
    rng = np.random.default_rng(0)
    noise, sampling = rng.normal(0, 1, 12), np.eye(12) * 1e-4

    def width(scale: float, ahead: int = 1, more: float = 1.0) -> float:
        found = outlook(7 + scale * noise, more * sampling, ahead)
        return found.quantile(0.975) - found.quantile(0.025)

    assert width(0.01) < width(0.05) < width(0.2)
    assert width(0.05) < width(0.05, ahead=3)
    assert width(0.05) < width(0.05, more=50)


def test_a_season_seen_last_year_is_expected_again() -> None:
    """Every December lies a half higher: in the first year a surprise, in the third none."""
    y = 7 + 0.4 * (np.arange(36) % 12 == 11) + np.random.default_rng(1).normal(0, 0.02, 36)
    sampling = np.eye(12) * 2e-4
    first = outlook(y[:12], sampling)
    third = outlook(y, np.eye(36) * 2e-4)
    assert first.below(y[11]) > 0.99
    assert 0.02 < third.below(y[35]) < 0.98
    assert third.below(y[34]) < 0.01  # a December like a November


def test_ranges_hold_what_is_drawn_from_the_model() -> None:
    """Sizes are drawn from the prior, months from their covariance: then each probability is uniform."""
    rng, sampling = np.random.default_rng(5), np.eye(12) * 4e-4
    covariances, prior = _covariances(sampling)
    picked = rng.choice(len(prior), 1000, p=prior)
    below = [_below(covariances[i], sampling, rng) for i in picked]
    for share in (0.01, 0.05, 0.5, 0.95):
        error = 3 * np.sqrt(share * (1 - share) / len(below))
        assert np.mean(np.array(below) < share) == pytest.approx(share, abs=error)


def _below(covariance: np.ndarray, sampling: np.ndarray, rng: np.random.Generator) -> float:
    y = np.linalg.cholesky(covariance) @ rng.normal(size=len(sampling))
    return outlook(y, sampling).below(float(y[-1]))
