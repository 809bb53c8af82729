"""RFM scores: functions of the value, held against published counts and against the definition."""

import os
from pathlib import Path

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.segments import RFM, RXF_GRID
from regulars.segments.rulebooks import RxFGrid

# Mid-rank counts on Online Retail as of 2011-12-01, computed independently.
PUBLISHED = {
    "about_to_sleep": 308,
    "at_risk": 696,
    "cant_lose": 65,
    "champions": 634,
    "hibernating": 957,
    "loyal": 929,
    "need_attention": 176,
    "new": 105,
    "potential_loyalist": 259,
    "promising": 168,
}

customer = st.tuples(st.integers(1, 40), st.integers(1, 6), st.integers(0, 30))
bases = st.lists(customer, min_size=1, max_size=60)


def frame(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["recency_days", "frequency", "revenue"])


def scores(base: pd.DataFrame, scored: pd.DataFrame | None = None) -> pd.DataFrame:
    return RFM().fit(base).transform(base if scored is None else scored)[["r", "f", "m"]]


@pytest.fixture(scope="module")
def online_retail() -> pd.DataFrame:
    if "REGULARS_RAW" not in os.environ:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    path = Path(os.environ["REGULARS_RAW"]) / "online-retail" / "online_retail.csv.gz"
    lines = pd.read_csv(path, dtype={"InvoiceNo": str}, parse_dates=["InvoiceDate"])
    sold = (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0) & ~lines["InvoiceNo"].str.startswith("C")
    lines = lines[sold & lines["CustomerID"].notna() & (lines["InvoiceDate"] < "2011-12-01")]
    lines = lines.assign(revenue=lines["Quantity"] * lines["UnitPrice"])
    customers = lines.groupby("CustomerID").agg(
        last=("InvoiceDate", "max"), frequency=("InvoiceNo", "nunique"), revenue=("revenue", "sum")
    )
    return customers.assign(
        recency_days=(pd.Timestamp("2011-12-01") - customers.pop("last").dt.normalize()).dt.days
    )


def grid_counts(customers: pd.DataFrame) -> dict[str, int]:
    lazy = nw.from_native(customers).lazy()
    segments = lazy.select(segment=RxFGrid.fit(lazy).expression()).collect("pandas").to_native()["segment"]
    return segments.value_counts().to_dict()


def test_the_grid_on_online_retail_has_the_published_counts(online_retail: pd.DataFrame) -> None:
    assert len(online_retail) == 4297
    assert grid_counts(online_retail) == PUBLISHED


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffling_online_retail_changes_nobody(online_retail: pd.DataFrame, seed: int) -> None:
    shuffled = scores(online_retail.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(shuffled.sort_index(), scores(online_retail).sort_index())


@given(bases)
def test_a_score_is_its_definition(rows: list[tuple[int, int, int]]) -> None:
    base = frame(rows)
    found = scores(base)
    for column, name, downwards in (
        ("recency_days", "r", True),
        ("frequency", "f", False),
        ("revenue", "m", False),
    ):
        values = base[column].tolist()
        for value, score in zip(values, found[name], strict=True):
            # u(v) in whole numbers, so that the definition itself does not round.
            doubled = 2 * sum(v < value for v in values) + values.count(value)
            rank = min(1 + 5 * doubled // (2 * len(values)), 5)
            assert score == (6 - rank if downwards else rank)


@given(bases, st.randoms(use_true_random=False), st.integers(2, 4), st.sampled_from([0.01, 0.5, 3, 1000]))
@settings(max_examples=40)
def test_shuffling_rescaling_and_replicating_change_no_score(
    rows: list[tuple[int, int, int]], random: np.random.Generator, times: int, scale: float
) -> None:
    base = frame(rows)
    expected = scores(base)
    order = random.sample(range(len(base)), len(base))
    assert scores(base.iloc[order]).sort_index().equals(expected)
    assert scores(base.assign(revenue=base["revenue"] * scale)).equals(expected)
    assert scores(pd.concat([base] * times), base).equals(expected)


@given(bases)
def test_equal_values_get_equal_scores(rows: list[tuple[int, int, int]]) -> None:
    base = frame(rows)
    both = base.join(scores(base))
    for column, name in (("recency_days", "r"), ("frequency", "f"), ("revenue", "m")):
        assert both.groupby(column)[name].nunique().eq(1).all()


def test_frozen_thresholds_score_another_month_beyond_the_fitted_range() -> None:
    base = frame([(day, day, day) for day in range(1, 11)])
    month = frame([(0, 0, 0), (5, 5, 5), (999, 999, 999)])
    assert scores(base, month).to_numpy().tolist() == [[5, 1, 1], [3, 3, 3], [1, 5, 5]]


def test_missing_stays_missing() -> None:
    base = pd.DataFrame({"recency_days": [1, 2, 3], "frequency": [1, 2, 3], "revenue": [1.0, np.nan, 9.0]})
    found = scores(base)
    assert found["m"].isna().tolist() == [False, True, False]
    assert found["m"].dropna().tolist() == [2, 4]  # of two: the missing one is not counted
    assert found[["r", "f"]].notna().all(axis=None)


def test_the_grid_covers_all_25_codes_once() -> None:
    codes = [
        r + f
        for cells in RXF_GRID.values()
        for recencies, frequencies in cells
        for r in recencies
        for f in frequencies
    ]
    assert sorted(codes) == sorted(f"{r}{f}" for r in range(1, 6) for f in range(1, 6))
