"""Draws without clusters: what they keep of the data, and that a continuum is called one."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, spearmanr
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.preprocessing import StandardScaler

from regulars.segments import Inputs, bootstrap_jaccard, cluster_labels
from regulars.segments.clusters import ALGORITHMS, canonical_order
from regulars.segments.null import KINDS, _latent_correlation, copula_draw, gaussian_draw, null_test
from regulars.segments.prediction_strength import prediction_strength

FEW = {"draws": 4, "bootstraps": 3, "splits": 3, "random_state": 0}
P_VALUES = ["smallest_jaccard_p", "prediction_strength_p"]

# METHODS §2: k-means on standardised log R F M, two computations of each (scikit-learn; R 4.2 with fpc).
KS = [2, 3, 4, 5, 6]
SILHOUETTE = [0.435, 0.337, 0.335, 0.313, 0.311]
JACCARD = [(0.99, 0.988), (0.94, 0.954), (0.89, 0.903), (0.81, 0.856), (0.82, 0.821)]
STRENGTH = [(0.957, 0.966), (0.878, 0.827), (0.750, 0.715), (0.594, 0.667), (0.649, 0.546)]

bases = arrays(float, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=st.integers(-3, 3))


def skewed(n: int = 4000, seed: int = 0) -> np.ndarray:
    """A Gaussian copula with a skewed, a heavily tied and a binary marginal."""
    latent = np.random.default_rng(seed).multivariate_normal(
        [0, 0, 0], [[1, 0.7, -0.5], [0.7, 1, -0.3], [-0.5, -0.3, 1]], n
    )
    return np.column_stack([np.exp(latent[:, 0]), np.floor(np.exp(latent[:, 1])), latent[:, 2] > 0.3])


def blobs(n: int = 150, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 20.0 * rng.permutation(np.arange(n) % 3)[:, None] + rng.normal(size=(n, 2))


@given(bases)
def test_a_copula_draw_holds_only_values_of_its_own_column(X: np.ndarray) -> None:
    drawn = copula_draw(X, np.random.default_rng(0))
    assert drawn.shape == X.shape
    assert all(set(drawn[:, j]) <= set(X[:, j]) for j in range(X.shape[1]))


@given(bases)
def test_a_gaussian_draw_has_the_shape_and_leaves_a_constant_alone(X: np.ndarray) -> None:
    X = np.column_stack([X, np.full(len(X), 5.0)])
    drawn = gaussian_draw(X, np.random.default_rng(0))
    assert drawn.shape == X.shape
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn[:, -1], 5, atol=1e-6)


def test_a_copula_draw_keeps_marginals_ties_and_rank_correlations() -> None:
    X = skewed()
    drawn = [copula_draw(X, np.random.default_rng([1, d])) for d in range(20)]
    for j in range(3):
        counts = [np.mean([(one[:, j] == value).mean() for one in drawn]) for value in np.unique(X[:, j])[:5]]
        shares = [(X[:, j] == value).mean() for value in np.unique(X[:, j])[:5]]
        errors = np.sqrt(np.array(shares) / len(X) / len(drawn))
        assert (np.abs(np.array(counts) - shares) < 4 * errors).all()
    correlations = np.mean([spearmanr(one).statistic for one in drawn], axis=0)
    # The mean of twenty draws errs by .0035; the correction for ties is an approximation, and worst beside a binary input.
    np.testing.assert_allclose(correlations, spearmanr(X).statistic, atol=0.025)
    assert abs(correlations[0, 1] - spearmanr(X).statistic[0, 1]) < 0.014


def test_without_ties_the_correlation_of_the_normals_is_found_again() -> None:
    latent = np.random.default_rng(2).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 20_000)
    drawn = copula_draw(np.exp(latent), np.random.default_rng(3))
    assert np.corrcoef(np.log(drawn), rowvar=False)[0, 1] == pytest.approx(0.6, abs=0.02)


def test_a_gaussian_draw_has_the_means_and_covariances() -> None:
    X = skewed(20_000)
    drawn = gaussian_draw(X, np.random.default_rng(4))
    errors = X.std(axis=0) / np.sqrt(len(X))
    assert (np.abs(drawn.mean(axis=0) - X.mean(axis=0)) < 4 * errors).all()
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(X.T), atol=0.03)
    np.testing.assert_allclose(drawn.std(axis=0), X.std(axis=0), rtol=0.03)


def test_rank_correlations_that_no_normals_have_are_mended() -> None:
    X = np.tile(np.eye(3), (20_000, 1))
    assert np.linalg.eigvalsh(_latent_correlation(X)).min() < -0.1
    drawn = copula_draw(X, np.random.default_rng(5))
    assert (np.corrcoef(drawn.T)[np.triu_indices(3, 1)] < -0.15).all()
    # Mending alone would make the normals too wide, and the marginals with them: .346.
    np.testing.assert_allclose(drawn.mean(axis=0), 1 / 3, atol=4 * np.sqrt(2 / 9 / len(X)))


def test_a_copula_draw_has_no_clusters_where_the_data_have() -> None:
    X = blobs(600)
    drawn = copula_draw(X, np.random.default_rng(6))
    three, four = (
        prediction_strength("k-means", one, [3], splits=5, random_state=0)[0] for one in (X, drawn)
    )
    assert three.mean() == 1
    assert four.mean() < 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", [one for one in ALGORITHMS if one != "HDBSCAN"])
def test_p_is_the_share_of_draws_that_reach_the_data(algorithm: str, kind: str) -> None:
    X = np.random.default_rng(7).normal(size=(60, 2))
    X = X[canonical_order(X)]
    found = null_test(algorithm, X, [2, 3], **FEW, kind=kind)
    reached, strengths = np.zeros(2), []
    (data,) = prediction_strength(algorithm, X, [3], splits=3, random_state=0)
    for d in range(4):
        drawn = KINDS[kind](X, np.random.default_rng([0, d]))
        labels = cluster_labels(algorithm, drawn, [3], 0)
        (again,) = bootstrap_jaccard(algorithm, drawn, [3], labels, bootstraps=3, random_state=0)
        reached[0] += again.mean(axis=0).min() >= found["smallest_jaccard"][1]
        strengths.append(prediction_strength(algorithm, drawn, [3], splits=3, random_state=0)[0].mean())
        reached[1] += strengths[-1] >= data.mean()
    np.testing.assert_allclose(found[P_VALUES].to_numpy()[1], (1 + reached) / 5)
    assert found["prediction_strength"][1] == pytest.approx(data.mean())
    assert found["prediction_strength_null"][1] == pytest.approx(np.mean(strengths))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_p_is_never_below_what_the_draws_allow(algorithm: str) -> None:
    found = null_test(algorithm, blobs(), [2, 3, 4], **FEW)
    assert found["k"].tolist() == [2, 3, 4]
    assert found[P_VALUES].min().min() == pytest.approx(1 / 5)
    assert found[P_VALUES].max().max() <= 1


def test_where_every_draw_ties_with_the_data_p_is_one() -> None:
    found = null_test("k-means", blobs(), [1], **FEW)
    assert found[P_VALUES].to_numpy().tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "X",
    [
        np.zeros((0, 2)),
        np.zeros((1, 2)),
        np.zeros((30, 2)),
        np.array([[0.0, 1], [2, 3]]),
        np.array([[0.0, 1], [2, 3], [7, 7]]),
        np.random.default_rng(1).normal(size=(6, 2)),
        np.column_stack([blobs(60), np.zeros(60)]),
        np.random.default_rng(2).integers(0, 2, size=(40, 2)).astype(float),
    ],
    ids=[
        "nobody",
        "one customer",
        "all rows equal",
        "two",
        "three",
        "six",
        "a constant input",
        "four different",
    ],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_poor_base_is_tested_without_a_warning(algorithm: str, X: np.ndarray, kind: str) -> None:
    found = null_test(algorithm, X, [2, 3, 8], **FEW, kind=kind)
    assert found["k"].tolist() == [2, 3, 8]
    for figure in ("smallest_jaccard", "prediction_strength"):
        assert (found[figure].isna() == found[f"{figure}_p"].isna()).all()
        assert found[f"{figure}_p"].dropna().between(1 / 5, 1).all()


def test_a_sample_stands_for_all_and_the_seed_chooses_it() -> None:
    X = np.random.default_rng(9).normal(size=(80, 2))
    X = X[canonical_order(X)]
    chosen = np.sort(np.random.default_rng(0).choice(80, 50, replace=False))
    expected = null_test("k-means", X[chosen], [3], **FEW, sample=None)
    pd.testing.assert_frame_equal(null_test("k-means", X, [3], **FEW, sample=50), expected)
    everyone = null_test("k-means", X, [3], **FEW, sample=None)
    pd.testing.assert_frame_equal(null_test("k-means", X, [3], **FEW, sample=80), everyone)
    assert not everyone.equals(expected)


def test_where_enough_draws_reached_the_data_the_rest_is_not_drawn() -> None:
    X = np.random.default_rng(7).normal(size=(80, 2))
    settings = FEW | {"draws": 60}
    every, early = (null_test("k-means", X, [3], **settings, enough=enough) for enough in (None, 3))
    assert every[P_VALUES].to_numpy().min() > 0.05
    # Three reached one of the figures at draw number n, and (1 + 3) / (1 + n) is its p.
    draws = 4 / early[P_VALUES].to_numpy().max() - 1
    assert draws == pytest.approx(round(draws))
    assert draws < 30
    again = null_test("k-means", X, [3], **settings, enough=3, processes=2)
    pd.testing.assert_frame_equal(early, again)


def test_hdbscan_is_held_against_what_it_finds_in_the_draws() -> None:
    found = null_test("HDBSCAN", blobs(300), [3], **FEW | {"draws": 9}, kind="gaussian")
    assert (found[P_VALUES].to_numpy() == 0.1).all()


def gaussian(seed: int) -> np.ndarray:
    covariance = [[1, 0.6, -0.4], [0.6, 1, -0.3], [-0.4, -0.3, 1]]
    return np.random.default_rng(seed).multivariate_normal([0, 0, 0], covariance, 500)


def gaussian_through_skewed_marginals(seed: int) -> np.ndarray:
    latent = gaussian(seed)
    return np.column_stack(
        [np.exp(latent[:, 0]), np.floor(np.exp(latent[:, 1])), norm.cdf(latent[:, 2]) ** 2]
    )


def beaten(found: pd.DataFrame) -> pd.Series:
    """The null is beaten where both figures say so; of eight separate p-values one is often .05 by chance."""
    return (found[P_VALUES] <= 0.05 + 1e-9).all(axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("continuum", [gaussian, gaussian_through_skewed_marginals])
def test_a_continuum_is_called_one(continuum: Callable[[int], np.ndarray]) -> None:
    calls = []
    for seed in range(10):
        X = StandardScaler().fit_transform(continuum(seed))
        found = null_test("k-means", X, [2, 3, 4, 5], draws=19, bootstraps=8, splits=4, random_state=seed)
        calls.append(beaten(found).any())
    assert sum(calls) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_three_groups_beat_the_null(kind: str) -> None:
    for seed in range(10):
        noise = np.random.default_rng(seed).normal(size=(150, 3))
        X = 6 * np.eye(3)[np.arange(150) % 3] + noise
        found = null_test("k-means", X, [3], draws=19, bootstraps=8, splits=4, random_state=seed, kind=kind)
        assert beaten(found).all(), seed


def near_either(found: list[float], references: list[tuple[float, float]]) -> bool:
    return all(
        min(abs(one - reference) for reference in pair) <= 0.06
        for one, pair in zip(found, references, strict=True)
    )


@pytest.mark.slow
def test_online_retail_has_the_figures_that_are_known(online_retail_rfm: pd.DataFrame) -> None:
    X = Inputs().fit_transform(online_retail_rfm)
    assert X.shape == (4338, 3)
    labels = cluster_labels("k-means", X, KS, 0)
    np.testing.assert_allclose([silhouette_score(X, one) for one in labels], SILHOUETTE, atol=0.03)
    # At k = 6 the smallest of forty resamples lies between .74 and .80, by their seed: the mean of four seeds is compared.
    smallest = []
    for seed in (0, 1000, 2000, 3000):
        labels = cluster_labels("k-means", X, KS, seed)
        again = bootstrap_jaccard("k-means", X, KS, labels, bootstraps=40, random_state=seed)
        smallest.append([one.mean(axis=0).min() for one in again])
    assert near_either(np.mean(smallest, axis=0).tolist(), JACCARD)
    strengths = prediction_strength("k-means", X, KS, splits=20, random_state=0)
    assert near_either([one.mean() for one in strengths], STRENGTH)


@pytest.mark.slow
def test_unlogged_the_best_silhouette_is_a_handful_of_customers(online_retail_rfm: pd.DataFrame) -> None:
    X = StandardScaler().fit_transform(online_retail_rfm)
    labels = KMeans(2, n_init=20, random_state=0).fit_predict(X)
    assert np.bincount(labels).min() == 26
    assert silhouette_score(X, labels) == pytest.approx(0.895, abs=0.002)


@pytest.mark.slow
def test_online_retail_beats_the_copula_null_nowhere(online_retail_rfm: pd.DataFrame) -> None:
    X = Inputs().fit_transform(online_retail_rfm)
    found = null_test(
        "k-means", X, [3, 4, 5, 6], draws=19, bootstraps=20, splits=10, random_state=0, sample=None
    )
    assert (found[P_VALUES] > 0.05 + 1e-9).all(axis=None)
    # METHODS §2, k = 4 and 5: the means of the draws, computed elsewhere.
    np.testing.assert_allclose(found["smallest_jaccard_null"][1:3], [0.881, 0.872], atol=0.03)
    np.testing.assert_allclose(found["prediction_strength_null"][1:3], [0.747, 0.698], atol=0.03)
