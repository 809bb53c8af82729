"""A kept k-means: the engine scores as pandas does, the model is that of the comparison, and nobody depends on chance."""

import warnings

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from regulars import Shop
from regulars.segments import INPUT_SETS, ClusterModel, Inputs, SegmentError, compare
from regulars.segments.clusters import canonical_order

BAD = [None, np.nan, np.inf, -np.inf]


def customers(n: int, seed: int = 0) -> pd.DataFrame:
    """Skewed and tied, as a shop's are; some owe the shop more than they paid."""
    rng = np.random.default_rng(seed)
    frequency = rng.geometric(0.4, n)
    revenue = (frequency * rng.lognormal(3, 1, n)).round(2) - 5
    return pd.DataFrame({"recency_days": rng.integers(1, 400, n), "frequency": frequency, "revenue": revenue})


def in_duckdb(model: ClusterModel, features: pd.DataFrame) -> pd.Series:
    """The expression's labels from DuckDB, in the order of `features`."""
    table = features.reset_index(drop=True).rename_axis("row").reset_index()
    relation = duckdb.connect().from_df(table)
    scored = model.label(nw.from_native(relation).lazy()).collect("pandas").to_native()
    return scored.sort_values("row")["cluster"].astype("Int64").set_axis(features.index)


@pytest.fixture(scope="module")
def base() -> pd.DataFrame:
    return customers(20_000)


@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_duckdb_scores_every_customer_as_pandas_does(base: pd.DataFrame, k: int) -> None:
    model = ClusterModel(k, random_state=1).fit(base)
    for month in (base, customers(20_000, seed=1)):
        labels = model.predict(month)
        assert set(labels) == set(range(k))
        pd.testing.assert_series_equal(in_duckdb(model, month), labels)


def test_the_expression_means_the_same_in_pandas(base: pd.DataFrame) -> None:
    model = ClusterModel(4, random_state=1).fit(base)
    scored = model.label(nw.from_native(base).lazy()).collect("pandas").to_native()["cluster"]
    assert scored.tolist() == model.predict(base).tolist()


def test_the_demo_is_scored_in_the_engine_with_last_months_model(demo: Shop) -> None:
    last, this = (demo.snapshot(month, prospects=True) for month in demo.months()[-2:])
    model = ClusterModel(4, random_state=0).fit(demo.engine.collect(last, "customer_id"))
    scored = demo.engine.collect(
        model.label(this.select("customer_id", "recency_days", "frequency", "revenue")),
        "customer_id",
    )
    assert scored["cluster"].nunique() == 4
    assert scored["cluster"].astype("Int64").tolist() == model.predict(scored).tolist()


def test_logarithms_in_the_engine_are_those_of_numpy_to_a_billionth(base: pd.DataFrame) -> None:
    logs = nw.from_native(duckdb.from_df(base)).select(
        "revenue", log=(nw.col("revenue").cast(nw.Float64).clip(lower_bound=0) + 1).log()
    )
    found = logs.collect("pandas").to_native()
    np.testing.assert_allclose(found["log"], np.log1p(found["revenue"].clip(lower=0)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_model_is_the_one_of_the_comparison(seed: int) -> None:
    features = customers(600, seed=2)
    X = Inputs().fit_transform(features)
    # With eight clusters a single start would stop at a worse optimum.
    _, kept = compare(X, [8], bootstraps=2, random_state=seed)
    model = ClusterModel(8, random_state=seed).fit(features)
    logs = np.log1p(features[["recency_days", "frequency", "revenue"]].to_numpy(float).clip(min=0))
    np.testing.assert_array_equal((logs - model.inputs_.mean_) / model.inputs_.scale_, X)
    assert model.predict(features).tolist() == kept["k-means", 8].tolist()
    distances = ((X[:, None, :] + model.scores_.weights) ** 2).sum(
        axis=2
    )  # the weights of means: their negatives
    assert model.predict(features).tolist() == distances.argmin(axis=1).tolist()


def test_label_0_has_the_largest_mean_log_revenue(base: pd.DataFrame) -> None:
    labels = ClusterModel(5, random_state=3).fit(base).predict(base)
    means = np.log1p(base["revenue"].clip(lower=0)).groupby(labels).mean()
    assert means.is_monotonic_decreasing


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ["recency_days", "frequency", "revenue"])
def test_who_lacks_an_input_has_no_label_and_teaches_nothing(name: str, bad: float | None) -> None:
    whole = customers(50)
    holes = pd.concat([whole, whole.iloc[:2].astype(float)], ignore_index=True)
    holes.loc[50:, name] = bad
    model, same = ClusterModel(3, random_state=0).fit(whole), ClusterModel(3, random_state=0).fit(holes)
    np.testing.assert_array_equal(same.scores_.weights, model.scores_.weights)
    labels = model.predict(holes)
    assert labels.isna().tolist() == [False] * 50 + [True] * 2
    pd.testing.assert_series_equal(in_duckdb(model, holes), labels)


def test_nullable_columns_are_read_too() -> None:
    whole = customers(50)
    model = ClusterModel(3, random_state=0).fit(whole)
    nullable = whole.astype({"recency_days": "Int64", "frequency": "Int64", "revenue": "Float64"})
    nullable.loc[0, "recency_days"] = pd.NA
    expected = model.predict(whole)
    expected[0] = pd.NA
    pd.testing.assert_series_equal(model.predict(nullable), expected)


def around(model: ClusterModel, means: np.ndarray) -> ClusterModel:
    """The model with other means."""
    model.scores_ = model.scores_._replace(weights=-means, offsets=(means**2).sum(axis=1) / 2)
    return model


def halfway(flip: bool) -> tuple[ClusterModel, pd.DataFrame]:
    """Two centres as far above a customer as below, and that customer."""
    model = ClusterModel(2).fit(customers(50))
    customer = pd.DataFrame({"recency_days": [30.0], "frequency": [3], "revenue": [123.45]})
    z = model.inputs_.transform(customer)
    apart = np.array([[0.31, -0.17, 0.73], [-0.31, 0.17, -0.73]])
    return around(model, z + (apart[::-1] if flip else apart)), customer


@pytest.mark.parametrize("flip", [False, True])
def test_equal_distances_go_to_the_lower_label_whatever_the_last_digit_says(flip: bool) -> None:
    model, customer = halfway(flip)
    assert model.predict(customer).tolist() == in_duckdb(model, customer).tolist() == [0]
    nearer = customer.assign(revenue=123.45 * (0.999 if flip else 1.001))
    further = customer.assign(revenue=123.45 * (1.001 if flip else 0.999))
    assert [model.predict(one)[0] for one in (nearer, further)] == [0, 1]
    assert [in_duckdb(model, one)[0] for one in (nearer, further)] == [0, 1]


def test_equal_centres_are_the_lower_label() -> None:
    model, customer = halfway(False)
    model = around(model, -model.scores_.weights[[0, 0]])
    assert model.predict(customer).tolist() == in_duckdb(model, customer).tolist() == [0]


@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-3, 0.1, 1.0, 1e3, 1e6]))
@settings(max_examples=25)
def test_any_month_is_scored_alike_whatever_its_scale(seed: int, scale: float) -> None:
    model = ClusterModel(4, random_state=0).fit(customers(300))
    month = customers(300, seed)
    month["revenue"] *= scale
    labels = model.predict(month)
    pd.testing.assert_series_equal(in_duckdb(model, month), labels)
    shuffled = month.sample(frac=1, random_state=seed)
    pd.testing.assert_series_equal(model.predict(shuffled).sort_index(), labels)


def test_rescaling_by_the_fitted_base_changes_nothing_and_leaves_the_model_alone(base: pd.DataFrame) -> None:
    model = ClusterModel(4, random_state=0).fit(base)
    means = model.inputs_.mean_.copy()
    pd.testing.assert_series_equal(model.rescaled(base).predict(base), model.predict(base))
    # Every logarithm 0.5 larger is another month to the kept edges, and the same one to new edges.
    later = np.expm1(np.log1p(base.clip(lower=0)) + 0.5)
    assert (model.predict(later) != model.predict(base)).mean() > 0.1
    pd.testing.assert_series_equal(model.rescaled(later).predict(later), model.predict(base))
    np.testing.assert_array_equal(model.inputs_.mean_, means)


def test_an_input_without_variance_parts_nobody() -> None:
    features = customers(200).assign(frequency=1)
    model = ClusterModel(3, random_state=0).fit(features)
    assert model.inputs_.scale_[1] == 1
    pd.testing.assert_series_equal(in_duckdb(model, features), model.predict(features))


def test_nobody_to_score_is_no_label() -> None:
    model = ClusterModel(3, random_state=0).fit(customers(50))
    assert model.predict(customers(50).iloc[:0]).tolist() == []


@pytest.mark.parametrize("different", [1, 2])
def test_a_base_with_too_few_different_customers_is_named(different: int) -> None:
    features = pd.concat([customers(10).iloc[:different]] * 5)
    with (
        warnings.catch_warnings(),
        pytest.raises(SegmentError, match=f"3 clusters need 3 .* there are {different}"),
    ):
        warnings.simplefilter("error")
        ClusterModel(3).fit(features)


def test_nobody_at_all_is_said_so() -> None:
    with pytest.raises(SegmentError, match="Nobody has recency_days, frequency, revenue"):
        ClusterModel(3).fit(customers(10).iloc[:0])


@pytest.mark.parametrize("algorithm", ["Gaussian mixture", "Ward", "BIRCH"])
def test_every_algorithm_with_means_or_densities_is_scored_in_the_engine(
    base: pd.DataFrame, algorithm: str
) -> None:
    model = ClusterModel(4, algorithm).fit(base)
    labels = model.predict(base)
    assert set(labels) == set(range(4))
    pd.testing.assert_series_equal(in_duckdb(model, base), labels)


def test_a_gaussian_mixture_is_scikit_learns(base: pd.DataFrame) -> None:
    model = ClusterModel(4, "Gaussian mixture").fit(base)
    X = Inputs().fit_transform(base)
    order = canonical_order(X)
    mixture = GaussianMixture(4, reg_covar=1e-3, max_iter=300, random_state=0).fit(X[order])
    assert adjusted_rand_score(model.predict(base), mixture.predict(X)) == 1


def test_hdbscan_has_no_expression_and_says_so() -> None:
    model = ClusterModel(2, "HDBSCAN").fit(customers(300))
    assert model.predict(customers(300)).notna().all()
    with pytest.raises(SegmentError, match="HDBSCAN has no formula"):
        model.label(nw.from_native(customers(5)).lazy())


def test_shares_and_categories_are_scored_in_the_engine_too() -> None:
    rng = np.random.default_rng(3)
    features = customers(2000).assign(
        discount_share=rng.beta(1, 4, 2000),
        channel=rng.choice([*"abcdefghijk", None], 2000),
        gap_median_days=7.0,
    )
    features.loc[::10, "gap_median_days"] = np.nan
    model = ClusterModel(4, columns=INPUT_SETS["mixed"]).fit(features)
    assert {term.column for term in model.inputs_.terms_} >= {"channel", "discount_share", "gap_median_days"}
    pd.testing.assert_series_equal(in_duckdb(model, features), model.predict(features))


def test_it_is_an_estimator() -> None:
    params = clone(ClusterModel(3, random_state=7)).get_params()
    assert (params["k"], params["algorithm"], params["random_state"]) == (3, "k-means", 7)
    for use in (
        lambda: ClusterModel(3).label(nw.from_native(customers(5)).lazy()),
        lambda: ClusterModel(3).predict(customers(5)),
    ):
        with pytest.raises(NotFittedError):
            use()
