"""Bases that cannot be clustered: each is answered in words, or measured without a warning, and never with a wrong number."""

import warnings

import numpy as np
import pandas as pd
import pytest

from regulars.segments import (
    ClusterModel,
    Inputs,
    Months,
    SegmentError,
    choose,
    compare,
    contenders,
    contest,
    prediction_strength,
)
from regulars.segments.clusters import ALGORITHMS, clusterings


def customers(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "customer_id": [f"{i:03d}" for i in range(n)],
            "recency_days": rng.integers(1, 400, n).astype(float),
            "frequency": rng.geometric(0.3, n).astype(float),
            "revenue": rng.lognormal(4, 1, n),
        }
    )


BASES = {
    "all equal": customers(30).assign(recency_days=5.0, frequency=2.0, revenue=9.0),
    "one customer": customers(1),
    "two customers": customers(2),
    "duplicates only": pd.concat([customers(2)] * 15, ignore_index=True).assign(
        customer_id=np.arange(30).astype(str)
    ),
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("base", BASES)
def test_fewer_different_customers_than_clusters_are_counted_in_a_sentence(base: str, algorithm: str) -> None:
    different = len(BASES[base][["recency_days", "frequency", "revenue"]].drop_duplicates())
    with pytest.raises(
        SegmentError, match=f"3 clusters need 3 customers who differ .* there are {different}"
    ):
        ClusterModel(3, algorithm).fit(BASES[base])


@pytest.mark.parametrize("base", BASES)
def test_then_no_clustering_contends_and_the_rules_are_measured_without_a_warning(base: str) -> None:
    features = BASES[base]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = Inputs().fit_transform(features)
        comparison, _ = compare(X, range(2, 11), bootstraps=3, random_state=0)
        assert choose(comparison, 0.03) is None
        models = contenders(comparison, 0.03, books=["rxf-grid"])
        table = contest(
            models, X, features, comparison, Months(), rulebook="rxf-grid", minimum_share=0.03, bootstraps=3
        )
    assert list(table.index) == ["rxf-grid", "tenths of spending"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_constant_column_parts_nobody_and_makes_no_noise(algorithm: str) -> None:
    features = customers(60).assign(frequency=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ClusterModel(3, algorithm).fit(features)
    assert set(np.unique(model.predict(features))) <= {0, 1, 2}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_missing_value_in_a_matrix_is_counted(algorithm: str, bad: float) -> None:
    X = Inputs().fit_transform(customers(20))
    X[[3, 5], 1] = bad
    with pytest.raises(SegmentError, match="2 of 20 customers have an input that is missing or infinite"):
        clusterings(algorithm, X, [2], 0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("ks", [[2, 21], [0, 2]])
def test_more_clusters_than_customers_or_none_are_refused(algorithm: str, ks: list[int]) -> None:
    with pytest.raises(SegmentError, match=r"20 customers cannot be put into \d+ clusters: ask for 1 to 20"):
        clusterings(algorithm, Inputs().fit_transform(customers(20)), ks, 0)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_who_lacks_recency_is_left_out_and_has_no_cluster(algorithm: str) -> None:
    features = customers(60)
    features.loc[:4, "recency_days"] = np.nan
    model = ClusterModel(2, algorithm).fit(features)
    assert model.predict(features).isna().tolist() == [True] * 5 + [False] * 55
    assert len(model.labels_) == 55


def test_halves_that_are_too_small_have_no_prediction_strength() -> None:
    (found,) = prediction_strength(
        "k-means", Inputs().fit_transform(customers(5)), [3], splits=3, random_state=0
    )
    assert np.isnan(found).all()
