"""A tree in place of a clustering: its rules hold everybody once, and mean the same in pandas, in SQL and in the engine."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.engine import Engine
from regulars.segments import Inputs, SegmentError, cluster_labels
from regulars.segments.surrogate import Surrogate, fidelity, rule_stability


def shop(size: int, seed: int = 0) -> pd.DataFrame:
    """Customers with the skew of a shop's."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": [f"{place:05d}" for place in range(size)],
            "recency_days": rng.integers(1, 366, size),
            "frequency": rng.geometric(0.3, size),
            "revenue": np.round(rng.lognormal(4, 1.2, size), 2),
        }
    )


@pytest.fixture(scope="module")
def clustered() -> tuple[pd.DataFrame, np.ndarray]:
    features = shop(3_000)
    return features, cluster_labels("k-means", Inputs().fit_transform(features), [4], 1)[0]


def test_the_rules_hold_everybody_and_nobody_twice(clustered: tuple[pd.DataFrame, np.ndarray]) -> None:
    features, labels = clustered
    tree = Surrogate().fit(features, labels)
    base = Engine().connection.from_df(features)
    held = [base.filter(rule.sql()).count("*").fetchall()[0][0] for rule in tree.rules_]
    assert sum(held) == len(features)
    assert (tree.predict(features) >= 0).all()


def test_pandas_sql_and_the_engine_say_the_same(clustered: tuple[pd.DataFrame, np.ndarray]) -> None:
    features, labels = clustered
    tree, engine = Surrogate().fit(features, labels), Engine()
    expected = tree.predict(features).tolist()
    base = engine.connection.from_df(features)
    frame = nw.from_native(base).select("customer_id", cluster=tree.expression())
    assert engine.collect(frame, "customer_id")["cluster"].tolist() == expected
    by_sql = base.project(f"customer_id, {tree.sql()} AS cluster").order("customer_id").fetchall()
    assert [cluster for _, cluster in by_sql] == expected


def test_the_rules_are_the_trees(clustered: tuple[pd.DataFrame, np.ndarray]) -> None:
    """Limits that were rounded to read well move next to nobody."""
    from sklearn.tree import DecisionTreeClassifier

    features, labels = clustered
    X = features[["recency_days", "frequency", "revenue"]]
    plain = DecisionTreeClassifier(max_depth=3, min_samples_leaf=20, random_state=0).fit(X, labels)
    assert (plain.predict(X) == Surrogate().fit(features, labels).predict(features)).mean() > 0.999


def test_clusters_that_are_rules_are_found_wholly() -> None:
    features = shop(2_000)
    labels = ((features["recency_days"] > 90).astype(int) + 2 * (features["frequency"] > 3)).to_numpy()
    tree = Surrogate().fit(features, labels)
    assert fidelity(Surrogate(), features, labels) == 1.0
    assert rule_stability(Surrogate(), features, labels, bootstraps=5, random_state=0) > 0.99
    assert tree.sentence(0) == "last order at most 90 days ago, at most 3 orders"
    assert tree.sentence(3) == "last order more than 90 days ago, more than 3 orders"
    assert len(tree.rules_) == 4


def test_fidelity_is_measured_on_customers_that_the_tree_did_not_see() -> None:
    features = shop(400)
    lot = np.random.default_rng(1).integers(2, size=400)
    seen = (Surrogate(max_depth=8, minimum=1).fit(features, lot).predict(features) == lot).mean()
    assert fidelity(Surrogate(max_depth=8, minimum=1), features, lot) < 0.58 < 0.7 < seen


@given(seed=st.integers(0, 10_000), k=st.integers(2, 5))
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_is_nothing(seed: int, k: int) -> None:
    features = shop(300, seed)
    labels = cluster_labels("k-means", Inputs().fit_transform(features), [k], 1)[0]
    shuffled = np.random.default_rng(seed).permutation(300)
    one = Surrogate().fit(features, labels)
    other = Surrogate().fit(features.iloc[shuffled], labels[shuffled])
    assert one.sql() == other.sql()


def test_one_cluster_and_one_customer_are_everybody() -> None:
    features = shop(10)
    assert Surrogate().fit(features, np.zeros(10, dtype=int)).sentence(0) == "everybody"
    alone = Surrogate().fit(features.head(1), np.zeros(1, dtype=int))
    assert alone.predict(features).tolist() == [0] * 10


def test_who_lacks_a_feature_is_said_to_stop_a_fit_and_is_given_no_cluster() -> None:
    features = shop(50).astype({"recency_days": float})
    labels = (features["recency_days"] > 100).to_numpy().astype(int)
    tree = Surrogate(minimum=5).fit(features, labels)
    features.loc[3, "recency_days"] = None
    assert tree.predict(features)[3] == -1
    engine = Engine()
    frame = nw.from_native(engine.connection.from_df(features)).select(
        "customer_id", cluster=tree.expression()
    )
    assert engine.collect(frame, "customer_id")["cluster"].isna().tolist() == [
        place == 3 for place in range(50)
    ]
    with pytest.raises(SegmentError, match="recency_days: 1 customers have none"):
        Surrogate().fit(features, labels)
