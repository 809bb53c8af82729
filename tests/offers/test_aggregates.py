"""Aggregates, held against computing them directly, in 80-bit numbers, on every engine."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.engine import Engine
from regulars.offers import OfferError, aggregates
from regulars.offers.aggregates import EVERYONE, KEYS, MOMENTS, aggregate
from regulars.spark import SparkEngine

Wrap = Callable[[pd.DataFrame], nw.LazyFrame[Any]]

ENGINES: dict[str, Wrap] = {
    "pandas": lambda frame: nw.from_native(frame).lazy(),
    "duckdb": lambda frame: nw.from_native(duckdb.from_df(frame)),
}


def people(n: int, seed: int = 0, mean: float = 0.0, spread: float = 1.0) -> pd.DataFrame:
    """Customers of five segments unlike each other and three arms, with money and what they paid before."""
    rng = np.random.default_rng(seed)
    number = rng.integers(0, 5, n)
    before = number + rng.normal(size=n)
    return pd.DataFrame(
        {
            "segment": np.array(list("abcde"))[number],
            "arm": rng.choice(["control", "mail", "text"], n),
            "conversion": (rng.random(n) < 0.3).astype(float),
            "money": mean + spread * (before + rng.normal(size=n)),
            "pre_money": mean / 2 + spread * before,
        }
    )


def directly(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Cell by cell and arm by arm from the customers, in extended precision."""
    rows = []
    for segmented in (frame, frame.assign(segment=EVERYONE)):
        for (segment, arm), cell in segmented.groupby(["segment", "arm"]):
            y, x = (cell[name].to_numpy().astype(np.longdouble) for name in (metric, f"pre_{metric}"))
            dy, dx = y - y.mean(), x - x.mean()
            left = len(y) - 1 if len(y) > 1 else np.nan
            squares = [(dy**2).sum() / left, x.mean(), (dx**2).sum() / left, (dy * dx).sum() / left]
            moments = [float(one) for one in (y.mean(), *squares)]
            rows.append([metric, segment, arm, len(y), cell["conversion"].sum(), *moments])
    return pd.DataFrame(rows, columns=[*KEYS, "n", "buyers", *MOMENTS]).sort_values(KEYS, ignore_index=True)


def assert_alike(found: pd.DataFrame, expected: pd.DataFrame, rtol: float = 1e-12) -> None:
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=rtol, atol=0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("mean", "spread"), [(0.0, 1.0), (50.0, 100.0), (0.0, 1e-9), (1e9, 1.0), (-1e9, 30.0), (1e9, 1e7)]
)
def test_segments_and_everyone_are_what_computing_them_directly_finds(
    engine: str, mean: float, spread: float
) -> None:
    frame = people(20_000, mean=mean, spread=spread)
    assert_alike(aggregate(ENGINES[engine](frame), ["money"]), directly(frame, "money"))


def test_only_what_is_far_from_zero_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = people(3_000).assign(far=people(3_000, mean=1e9)["money"], pre_far=0.1)
    read: list[list[str]] = []
    real = aggregates._aggregated

    def counted(customers: Any, wanted: Any, *centres: Any) -> pd.DataFrame:
        read.append([one.metric for one in wanted])
        return real(customers, wanted, *centres)

    monkeypatch.setattr(aggregates, "_aggregated", counted)
    found = aggregate(ENGINES["duckdb"](frame), ["money", "far"])
    assert read == [["money", "far"], ["far"]]
    both = pd.concat([directly(frame, metric) for metric in ("far", "money")], ignore_index=True)
    constant = both["metric"] == "far"
    both.loc[constant, ["pre_variance", "covariance"]] = 0.0
    assert_alike(found, both)
    # The ordinary is read once, and so is what does not vary, though sums of 300 000 tenths differ in their last digits.
    for ordinary in (frame, people(300_000).assign(money=0.1, pre_money=0.3)):
        read.clear()
        aggregate(ENGINES["duckdb"](ordinary), ["money"])
        assert read == [["money"]]


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([0.0, 1.0, 1e6, 1e9]))
def test_few_customers_single_ones_and_absent_arms(seed: int, n: int, mean: float) -> None:
    frame = people(n, seed, mean)
    found, expected = aggregate(ENGINES["duckdb"](frame), ["money"]), directly(frame, "money")
    known = ["n", "buyers", "mean", "pre_mean"]
    assert_alike(found[[*KEYS, *known]], expected[[*KEYS, *known]])
    # Of two customers who happen to be alike, the difference has fewer digits than either.
    squares = ["variance", "pre_variance", "covariance"]
    pd.testing.assert_frame_equal(found[squares], expected[squares], rtol=1e-9, atol=1e-9)
    assert (found["variance"].isna() == (found["n"] < 2)).all()


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.randoms())
def test_neither_the_order_of_customers_nor_the_names_of_segments_matter(seed: int, random: Any) -> None:
    frame = people(200, seed)
    names = list("abcde")
    random.shuffle(names)
    other = frame.sample(frac=1, random_state=seed).assign(
        segment=lambda f: f["segment"].map(dict(zip("abcde", names, strict=True)))
    )
    one, two = (aggregate(ENGINES["duckdb"](table), ["money"]) for table in (frame, other))
    whole = [table[table["segment"] == EVERYONE].reset_index(drop=True) for table in (one, two)]
    assert_alike(whole[0], whole[1])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9 / 3])
def test_what_does_not_vary_has_no_variance_at_all(engine: str, constant: float) -> None:
    frame = people(300_000).assign(pre_money=constant)
    found = aggregate(ENGINES[engine](frame), ["money"])
    assert (found[["pre_variance", "covariance"]] == 0).all(axis=None)
    assert found["pre_mean"].to_numpy() == pytest.approx(constant, rel=1e-10)
    same = aggregate(ENGINES[engine](frame.assign(money=constant)), ["money"])
    assert (same[["variance", "covariance"]] == 0).all(axis=None)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_metric_without_a_covariate_has_one_of_zeros(engine: str) -> None:
    frame = people(500)
    found = aggregate(ENGINES[engine](frame.drop(columns="pre_money")), ["money"])
    assert_alike(found, directly(frame.assign(pre_money=0.0), "money"))
    # The others keep theirs.
    both = aggregate(ENGINES[engine](frame.assign(visits=frame["money"])), ["money", "visits"])
    pairs = both.set_index(["metric", "segment", "arm"])
    assert pairs.loc["money", "variance"].equals(pairs.loc["visits", "variance"])
    assert (pairs.loc["money", "covariance"] > 0).all() and (pairs.loc["visits", "covariance"] == 0).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_conversions_that_are_metrics_too_are_counted_as_buyers(engine: str) -> None:
    rare = np.arange(3_000_002) > 0  # so usual that its mean is far from zero, and is read about a centre
    frame = pd.DataFrame({"segment": "a", "arm": "mail", "conversion": rare})
    found = aggregate(ENGINES[engine](frame), ["conversion"])
    assert found["buyers"].tolist() == [3_000_001, 3_000_001]
    assert found["variance"].to_numpy() == pytest.approx(1 / 3_000_002, rel=1e-12)


def test_money_staged_as_decimals_is_read_as_numbers() -> None:
    frame = people(2_000).round(4)
    decimals = duckdb.from_df(frame).project(
        "segment, arm, conversion::BOOLEAN AS conversion, money::DECIMAL(18, 4) AS money, "
        "pre_money::DECIMAL(18, 4) AS pre_money"
    )
    assert isinstance(decimals.limit(1).fetchall()[0][3], Decimal)
    assert_alike(aggregate(nw.from_native(decimals), ["money"]), directly(frame, "money"))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("column", "value"), [("money", np.nan), ("pre_money", None)])
def test_a_customer_without_a_number_is_refused(engine: str, column: str, value: object) -> None:
    frame = people(500).sort_values(["segment", "arm"], ignore_index=True)
    frame.loc[499, column] = value
    size = int(((frame["segment"] == "e") & (frame["arm"] == "text")).sum())
    with pytest.raises(
        OfferError, match=f"^'{column}' has no number .* {size} .* 'e' in arm 'text', one of 1 "
    ):
        aggregate(ENGINES[engine](frame), ["money"])


def test_a_segment_called_everyone_is_refused() -> None:
    with pytest.raises(OfferError, match="called 'everyone'"):
        aggregate(ENGINES["pandas"](people(50).assign(segment=EVERYONE)), ["money"])


def test_customers_without_a_segment_are_among_everyone() -> None:
    frame = people(400)
    gone = frame.assign(segment=frame["segment"].where(frame["segment"] != "c", None))
    found = aggregate(ENGINES["duckdb"](gone), ["money"])
    expected = directly(frame, "money")
    assert_alike(*(table[table["segment"] == EVERYONE].reset_index(drop=True) for table in (found, expected)))
    assert found["segment"].isna().sum() == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_has_no_rows(engine: str) -> None:
    found = aggregate(ENGINES[engine](people(3).head(0)), ["money"])
    assert found.empty and list(found) == [*KEYS, "n", "buyers", *MOMENTS]


@pytest.mark.slow
@pytest.mark.parametrize("mean", [0.0, 1e9])
def test_spark_finds_the_same(spark: SparkEngine, tmp_path: Path, mean: float) -> None:
    frame = people(5_000, mean=mean).assign(visits=lambda f: f["conversion"])
    path = tmp_path / "customers.parquet"
    frame.to_parquet(path)
    found, ours = (aggregate(engine.scan(path), ["money", "visits"]) for engine in (spark, Engine()))
    assert_alike(found, ours)
    money = found[found["metric"] == "money"].reset_index(drop=True)
    assert_alike(money, directly(frame, "money"))
