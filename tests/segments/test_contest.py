"""The contest: the same measures for clusterings and rules, each what the plain computation gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import silhouette_score

from regulars import Shop
from regulars.segments import (
    RULEBOOKS,
    TENTHS,
    Inputs,
    Months,
    Rules,
    SegmentError,
    compare,
    contenders,
    contest,
    ranked,
    segment_by_rules,
)
from regulars.segments.comparison import Separation
from regulars.segments.stability import best_jaccard

QUICK = {"minimum_share": 0.03, "draws": 4, "bootstraps": 4, "random_state": 0, "rulebook": "rxf-grid"}


def shop_of(groups: int, n: int = 300, seed: int = 0) -> pd.DataFrame:
    """Customers in so many well separated groups, or in none."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.arange(n) % groups)
    logs = 1 + 2.5 * group[:, None] / max(groups - 1, 1) + 0.15 * rng.normal(size=(n, 3))
    logs[:, 0] = 7 - logs[:, 0]
    features = pd.DataFrame(np.expm1(logs), columns=["recency_days", "frequency", "revenue"])
    return features.assign(
        customer_id=[f"{i:03d}" for i in range(n)],
        frequency=np.ceil(features["frequency"]),
        recency_days=np.ceil(features["recency_days"]),
    )


@pytest.fixture(scope="module")
def contested() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    customers = shop_of(3)
    X = Inputs().fit_transform(customers)
    comparison, _ = compare(X, [2, 3, 4], bootstraps=4, random_state=0)
    models = contenders(comparison, 0.03, books=["rxf-grid", "three-level"])
    outcome = pd.DataFrame({"revenue": customers["revenue"], "has_ordered": customers["frequency"] > 5})
    months = Months(customers, (customers, outcome))
    return customers, comparison, contest(models, X, customers, comparison, months, **QUICK)


def test_one_row_each_the_best_of_every_algorithm_then_the_rules(
    contested: tuple[pd.DataFrame, ...],
) -> None:
    _, comparison, table = contested
    assert [name.split(",")[0] for name in table.index[:4]] == [
        "k-means",
        "Gaussian mixture",
        "Ward",
        "BIRCH",
    ]
    assert (table["segments"].iloc[:4] == 3).all()
    assert list(table.index[-3:]) == ["rxf-grid", "three-level", TENTHS]
    of_it = comparison[(comparison["algorithm"] == "k-means") & (comparison["k"] == 3)].iloc[0]
    for name in ("silhouette", "smallest_jaccard", "mean_jaccard", "smallest_share"):
        assert table.loc["k-means, 3 clusters", name] == of_it[name]


def test_planted_groups_beat_the_gaussian_null_and_rules_are_held_against_none(
    contested: tuple[pd.DataFrame, ...],
) -> None:
    _, _, table = contested
    assert table.loc["k-means, 3 clusters", "gaussian_p"] == pytest.approx(1 / 5)
    assert table.loc[["rxf-grid", TENTHS], ["copula_p", "gaussian_p"]].isna().all(axis=None)


def test_the_same_month_twice_moves_nobody(contested: tuple[pd.DataFrame, ...]) -> None:
    _, _, table = contested
    assert (table["moved_in_a_month"].dropna() == 0).all()
    assert table["moved_in_a_month"].notna().sum() >= len(table) - 1  # HDBSCAN leaves customers out
    assert (table["moved_by_seed"].dropna() == 0).all()
    assert table["moved_by_seed"].notna().sum() == 2  # k-means and the mixture, which depend on a seed


def test_the_excess_in_worth_is_a_difference_of_ginis(contested: tuple[pd.DataFrame, ...]) -> None:
    _, _, table = contested
    for baseline, name in ((TENTHS, "tenths"), ("rxf-grid", "rulebook")):
        over = table["gini"] - table.loc[baseline, "gini"]
        others = table.index.difference([TENTHS, "rxf-grid"])
        np.testing.assert_allclose(table.loc[others, f"over_{name}_gini"], over[others])


def test_a_rulebooks_row_is_the_plain_computation(contested: tuple[pd.DataFrame, ...]) -> None:
    customers, _, table = contested
    X = Inputs().fit_transform(customers)
    codes = pd.factorize(Rules("rxf-grid").fit(customers).predict(customers), sort=True)[0]
    assert table.loc["rxf-grid", "silhouette"] == pytest.approx(silhouette_score(X, codes))
    drawn = []
    for b in range(4):
        rows = np.sort(np.random.default_rng(b).integers(len(customers), size=len(customers)))
        again = Rules("rxf-grid").fit(customers.iloc[rows]).predict(customers.iloc[np.unique(rows)])
        drawn.append(best_jaccard(codes[np.unique(rows)], pd.factorize(again)[0], codes.max() + 1))
    weakest = pd.DataFrame(drawn).mean().min(skipna=False)
    np.testing.assert_allclose(table.loc["rxf-grid", "smallest_jaccard"], weakest)


@pytest.mark.parametrize("book", RULEBOOKS)
def test_rules_as_an_estimator_are_the_rulebook(demo: Shop, book: str) -> None:
    last, this = (demo.snapshot(month) for month in demo.months()[-2:])
    customers = demo.engine.collect(this, "customer_id")
    found = Rules(book).fit(demo.engine.collect(last, "customer_id")).predict(customers)
    expected = demo.engine.collect(segment_by_rules(this, last, [book]), "customer_id")
    assert found.tolist() == expected.iloc[:, 1].tolist()


def test_without_other_months_what_needs_them_is_missing() -> None:
    customers = shop_of(2, 60)
    X = Inputs().fit_transform(customers)
    comparison, _ = compare(X, [2], bootstraps=2, random_state=0, algorithms=["k-means"])
    models = contenders(comparison, 0.03, books=["rxf-grid"])
    table = contest(models, X, customers, comparison, Months(), **QUICK)
    assert table["moved_in_a_month"].isna().all()
    assert "gini" not in table
    assert table["fidelity"].notna().all()


def test_where_nothing_can_be_clustered_only_rules_contend() -> None:
    customers = shop_of(1, 40).assign(recency_days=5, frequency=2, revenue=9.0)
    X = Inputs().fit_transform(customers)
    comparison, _ = compare(X, range(2, 5), bootstraps=2, random_state=0)
    models = contenders(comparison, 0.03, books=["rxf-grid"])
    table = contest(models, X, customers, comparison, Months(), **QUICK)
    assert list(table.index) == ["rxf-grid", TENTHS]
    assert (table["segments"] == 1).all()


def test_the_number_of_processes_changes_nothing() -> None:
    customers = shop_of(2, 120)
    X = Inputs().fit_transform(customers)
    tables = []
    for processes in (1, 2):
        comparison, _ = compare(
            X, [2], bootstraps=3, random_state=0, algorithms=["k-means"], processes=processes
        )
        models = contenders(comparison, 0.03, books=["rxf-grid"])
        tables.append(contest(models, X, customers, comparison, Months(), **QUICK, processes=processes))
    pd.testing.assert_frame_equal(*tables)


def test_nobody_in_both_months_is_no_movement_and_odd_rows_are_refused() -> None:
    customers = shop_of(2, 60)
    X = Inputs().fit_transform(customers)
    comparison, _ = compare(X, [2], bootstraps=2, random_state=0, algorithms=["k-means"])
    models = contenders(comparison, 0.03, books=["rxf-grid"])
    others = customers.assign(customer_id="x" + customers["customer_id"])
    table = contest(models, X, customers, comparison, Months(others), **QUICK)
    assert table["moved_in_a_month"].isna().all()
    twice, lacking = customers.assign(customer_id="1"), customers.assign(revenue=np.nan)
    for odd, sentence in (
        (twice, "59 name a customer a second time"),
        (lacking, "60 lack recency_days, frequency"),
    ):
        with pytest.raises(SegmentError, match=sentence):
            contest(models, X, odd, comparison, Months(), **QUICK)


def test_separation_is_the_mean_silhouette_and_leaves_noise_out() -> None:
    X = np.random.default_rng(0).normal(size=(80, 2))
    labels = np.arange(80) % 3
    assert Separation(X).silhouette(labels) == pytest.approx(silhouette_score(X, labels))
    inside = labels > 0
    assert Separation(X).silhouette(labels - 1) == pytest.approx(silhouette_score(X[inside], labels[inside]))


@pytest.mark.slow
def test_the_trap_of_unlogged_inputs_is_what_a_silhouette_picks_and_the_rule_ranks_last(
    online_retail_rfm: pd.DataFrame,
) -> None:
    logged, raw = (Inputs(logs=logs).fit_transform(online_retail_rfm) for logs in (True, False))
    settings = {"bootstraps": 20, "random_state": 0}
    good, _ = compare(logged, range(2, 7), **settings)
    trap, kept = compare(raw, [2], algorithms=["k-means"], **settings)
    both = pd.concat([good.assign(inputs="logged"), trap.assign(inputs="raw")], ignore_index=True)
    # METHODS: silhouette .895 for 26 outliers of 4 338 customers, Jaccard .42.
    assert silhouette_score(raw, kept["k-means", 2]) == pytest.approx(0.895, abs=0.001)
    assert trap["silhouette"].item() == pytest.approx(0.895, abs=0.02)  # of two thousand of them
    assert np.bincount(kept["k-means", 2]).tolist() == [26, 4312]
    assert both.loc[both["silhouette"].idxmax(), "inputs"] == "raw"
    last = ranked(both[both["algorithm"] != "HDBSCAN"], 0.03).iloc[-1]
    assert last["inputs"] == "raw"
