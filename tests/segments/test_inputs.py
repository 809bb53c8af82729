"""What customers are clustered by: scales, categories, and who cannot be clustered."""

from decimal import Decimal

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew

from regulars.segments import INPUT_SETS, Inputs, SegmentError
from regulars.segments.inputs import VALUES


def customers(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "recency_days": rng.integers(1, 400, n),
            "frequency": rng.geometric(0.3, n),
            "revenue": rng.lognormal(4, 1, n),
            "discount_share": rng.beta(1, 5, n),
            "channel": rng.choice([*"abcdefghijkl"], n, p=[0.3, *[0.7 / 11] * 11]),
            "gender": rng.choice(["f", "m"], n),
        }
    )


def test_numbers_have_mean_0_and_variance_1_and_the_skew_is_told() -> None:
    features = customers()
    inputs = Inputs(["frequency", "discount_share", "revenue"]).fit(features)
    X = inputs.transform(features)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(X.std(axis=0), 1)
    table = inputs.table_
    assert table["scale"].tolist() == ["ln(1 + x)", "as it is", "ln(1 + x)"]
    assert table.loc["revenue", "skew_before"] == pytest.approx(skew(features["revenue"]))
    assert table.loc["revenue", "skew_after"] == pytest.approx(skew(np.log1p(features["revenue"])))
    assert Inputs(["revenue"], logs=False).fit(features).table_["scale"].tolist() == ["as it is"]


@pytest.mark.parametrize("name", ["channel", "gender"])
def test_a_category_weighs_as_much_as_a_number(name: str) -> None:
    features = customers()
    inputs = Inputs([name, "revenue"]).fit(features)
    X = inputs.transform(features)
    assert X.shape[1] - 1 == min(features[name].nunique(), VALUES + 1)
    assert X[:, :-1].var(axis=0).sum() == pytest.approx(1) == pytest.approx(X[:, -1].var())
    # Each value's indicator over the root of its share: the rarer the value, the further are those who have it.
    share = (features[name] == inputs.terms_[0].value).mean()
    apart = (
        X[features[name] == inputs.terms_[0].value, 0][0] - X[features[name] != inputs.terms_[0].value, 0][0]
    )
    assert apart == pytest.approx(1 / np.sqrt(share * (X.shape[1] - 2)))


def test_an_input_that_many_lack_is_left_out_and_said_so() -> None:
    features = customers().assign(gap_median_days=np.where(np.arange(400) < 100, np.nan, 7.0))
    inputs = Inputs(INPUT_SETS["behaviour"]).fit(features)
    left_out = inputs.table_[inputs.table_["scale"] == "left out"]
    assert left_out.loc["gap_median_days", "lacking"] == 0.25
    assert left_out.loc["categories_bought", "lacking"] == 1  # the shop has no such column
    assert {term.column for term in inputs.terms_} == {
        "recency_days",
        "frequency",
        "discount_share",
        "revenue",
    }


def test_who_lacks_another_number_counts_as_the_median() -> None:
    features = customers().assign(gap_median_days=np.arange(400.0))
    features.loc[:39, "gap_median_days"] = np.nan
    inputs = Inputs(["gap_median_days", "revenue"]).fit(features)
    assert inputs.terms_[0].fill == features["gap_median_days"].median()
    median = features.assign(gap_median_days=features["gap_median_days"].median())
    np.testing.assert_array_equal(inputs.transform(features)[:40, 0], inputs.transform(median)[:40, 0])


@pytest.mark.parametrize("logs", [True, False])
def test_the_engine_has_the_same_terms(logs: bool) -> None:
    features = customers()
    features.loc[:9, ["channel", "discount_share"]] = None
    inputs = Inputs(["channel", "discount_share", "revenue"], logs=logs).fit(features)
    columns = {f"t{i}": term.expression() for i, term in enumerate(inputs.terms_)}
    relation = duckdb.connect().from_df(features.rename_axis("row").reset_index())
    found = nw.from_native(relation).select("row", **columns).collect("pandas").to_native().sort_values("row")
    expected = np.column_stack([term.values(features) for term in inputs.terms_])
    np.testing.assert_allclose(found.drop(columns="row"), expected, atol=1e-9)


@given(st.floats(0.01, 100))
def test_another_currency_changes_unlogged_inputs_in_nothing(rate: float) -> None:
    features = customers(50)
    dearer = features.assign(revenue=features["revenue"] * rate)
    one, other = (Inputs(["revenue"], logs=False).fit_transform(data) for data in (features, dearer))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_numbers_in_other_guises_are_numbers_and_flags_are_taken_as_they_are() -> None:
    features = customers()
    guises = features.assign(
        revenue=[Decimal(str(round(value, 2))) for value in features["revenue"]],
        frequency=features["frequency"].astype(object),
        has_app=pd.Series([True, False, None, True] * 100, dtype=object),
    )
    inputs = Inputs(["frequency", "has_app", "revenue"]).fit(guises)
    assert inputs.table_["scale"].tolist() == [
        "ln(1 + x)",
        "left out",
        "ln(1 + x)",
    ]  # a quarter have no app known
    plain = Inputs(["frequency", "revenue"]).fit_transform(features)
    np.testing.assert_allclose(inputs.transform(guises), plain, atol=1e-3)
    app = Inputs(["has_app", "revenue"]).fit(guises.iloc[:360].fillna({"has_app": False}))
    assert app.table_.loc["has_app", "scale"] == "as it is"


def test_names_of_the_matrix() -> None:
    frame = Inputs(["channel", "revenue"]).fit(customers()).frame(customers())
    assert next(iter(frame)) == "channel: a"
    assert list(frame)[-2:] == ["channel: other", "revenue"]


@pytest.mark.parametrize(
    ("features", "columns", "sentence"),
    [
        (customers().iloc[:0], INPUT_SETS["rfm"], "Nobody has recency_days, frequency, revenue"),
        (customers().assign(revenue=np.nan), INPUT_SETS["rfm"], "there is nobody to cluster"),
        (customers(), ["views_90d"], "Of views_90d none is known of 80% of the customers"),
    ],
)
def test_a_base_that_cannot_be_clustered_is_answered_in_words(
    features: pd.DataFrame, columns: list[str], sentence: str
) -> None:
    with pytest.raises(SegmentError, match=sentence):
        Inputs(columns).fit(features)
