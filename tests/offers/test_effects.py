"""Welch and CUPED, held against scipy, against slow versions, and against published numbers."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regulars.offers.effects import ALONE, EVERYONE, KNOWN, NOBODY, SAME, aggregate, effects

ENGINES: dict[str, Callable[[pd.DataFrame], nw.LazyFrame[Any]]] = {
    "pandas": lambda frame: nw.from_native(frame).lazy(),
    "duckdb": lambda frame: nw.from_native(duckdb.from_df(frame)),
}


def in_pandas(
    frame: pd.DataFrame, metrics: list[str], control: str = "c", alpha: float = 0.05
) -> pd.DataFrame:
    table = effects(aggregate(ENGINES["pandas"](frame), metrics), control, alpha)
    return table.set_index(["metric", "segment", "arm"])


def two_arms(y: np.ndarray, x: np.ndarray, treated: np.ndarray) -> pd.DataFrame:
    arm = np.where(treated, "t", "c")
    return pd.DataFrame({"segment": "s", "arm": arm, "y": y, "pre_y": x, "conversion": (y > 0).astype(float)})


def heavy(seed: int, n: int, n_control: int) -> pd.DataFrame:
    """Zero-inflated log-normal spend, and a covariate that goes with it."""
    rng = np.random.default_rng(seed)
    taste = rng.lognormal(0, 1, n + n_control)
    y, x = (
        taste * rng.lognormal(3, 1.5, n + n_control) * (rng.random(n + n_control) < 0.4) for _ in range(2)
    )
    return two_arms(y, x, np.arange(n + n_control) < n)


@pytest.mark.parametrize(("seed", "n", "n_control"), [(0, 50, 50), (1, 400, 37), (2, 3, 2000), (3, 900, 900)])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_welch_is_scipys(seed: int, n: int, n_control: int, alpha: float) -> None:
    frame = heavy(seed, n, n_control)
    y, control = (frame.loc[frame["arm"] == arm, "y"] for arm in "tc")
    oracle = stats.ttest_ind(y, control, equal_var=False)
    interval = oracle.confidence_interval(1 - alpha)
    found = in_pandas(frame, ["y"], alpha=alpha).loc["y", "s", "t"]
    expected = [y.mean() - control.mean(), interval.low, interval.high, oracle.pvalue]
    assert found[["effect", "low", "high", "p"]].tolist() == pytest.approx(expected, rel=1e-9)
    assert found[["n", "n_control", "buyers"]].tolist() == [n, n_control, (y > 0).sum()]


@pytest.mark.parametrize(("seed", "n", "n_control"), [(0, 50, 50), (1, 400, 37), (3, 900, 900)])
def test_cuped_is_welch_on_what_the_covariate_leaves(seed: int, n: int, n_control: int) -> None:
    frame = heavy(seed, n, n_control)
    # A third arm must not touch θ.
    others = heavy(seed + 10, 80, 0).assign(arm="u", pre_y=lambda f: -5 * f["y"])
    parts = [frame[frame["arm"] == arm] for arm in "tc"]
    within = [part[["y", "pre_y"]] - part[["y", "pre_y"]].mean() for part in parts]
    theta = sum((w["y"] * w["pre_y"]).sum() for w in within) / sum((w["pre_y"] ** 2).sum() for w in within)
    oracle = stats.ttest_ind(*(part["y"] - theta * part["pre_y"] for part in parts), equal_var=False)
    interval = oracle.confidence_interval(0.95)
    found = in_pandas(pd.concat([frame, others]), ["y"]).loc["y", "s", "t"]
    expected = [(interval.low + interval.high) / 2, interval.low, interval.high, oracle.pvalue]
    columns = ["cuped_effect", "cuped_low", "cuped_high", "cuped_p"]
    assert found[columns].tolist() == pytest.approx(expected, rel=1e-8)


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(2, 40), st.sampled_from([0.01, 0.05, 0.3]))
def test_an_interval_excludes_zero_just_when_p_is_below_alpha(
    seed: int, n: int, n_control: int, alpha: float
) -> None:
    rng = np.random.default_rng(seed)
    y, treated = rng.normal(size=n + n_control), np.arange(n + n_control) < n
    found = in_pandas(two_arms(y + 0.7 * treated, y**2, treated), ["y"], alpha=alpha)
    for kind in ("", "cuped_"):
        decided = found[f"{kind}p"].notna()
        excludes = (found[f"{kind}low"] > 0) | (found[f"{kind}high"] < 0)
        assert (excludes == (found[f"{kind}p"] < alpha))[decided].all()


def test_everyone_is_the_segments_together() -> None:
    frame = heavy(5, 300, 300)
    frame["segment"] = np.where(np.arange(600) % 3 == 0, "a", "b")
    found, whole = in_pandas(frame, ["y"]), in_pandas(frame.assign(segment="s"), ["y"])
    pd.testing.assert_series_equal(found.loc["y", EVERYONE, "t"], whole.loc["y", "s", "t"], check_names=False)
    assert found.loc[("y", ["a", "b"], "t"), "n"].sum() == 300


FIVE = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 3.0, 5.0, 9.0, 2.0, 7.0])
HALF = np.arange(10) < 5
MANY = 1000 + 50 * np.random.default_rng(0).normal(
    size=200
)  # large enough for rounding to look like a covariance
EVEN = np.arange(200) % 2 == 0
KINDS = ["low", "high", "p", "se", "cuped_low", "cuped_high", "cuped_p", "cuped_se"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("frame", "missing"),
    [
        (two_arms(FIVE, FIVE[::-1].copy(), np.arange(10) < 1), KINDS),
        (two_arms(np.full(10, 0.1), FIVE, HALF), KINDS),
        (two_arms(np.where(HALF, 0.3, 0.1), FIVE, HALF), KINDS),
        (two_arms(np.where(EVEN, 0.3, 0.1), MANY, EVEN), KINDS),
        (two_arms(np.zeros(10), np.zeros(10), HALF), KINDS),
        (two_arms(FIVE, 3 * FIVE, HALF), KINDS[4:]),
        (two_arms(FIVE, np.full(10, 0.1), HALF), []),
        (two_arms(FIVE, np.where(HALF, 0.1, 0.3), HALF), []),
    ],
    ids=[
        "one customer",
        "constant",
        "constant in each arm",
        "constant up to rounding",
        "zeros",
        "perfect covariate",
        "constant covariate",
        "covariate constant in each arm",
    ],
)
def test_what_cannot_be_computed_is_missing_and_never_infinite(
    frame: pd.DataFrame, missing: list[str], engine: str
) -> None:
    found = effects(aggregate(ENGINES[engine](frame), ["y"]), "c").set_index("segment").loc["s"]
    assert found[KINDS].isna()[lambda gone: gone].index.tolist() == missing
    why = ALONE if found[["n", "n_control"]].min() == 1 else SAME if "p" in missing else KNOWN
    assert found["reason"] == why
    numbers = found.drop(["metric", "arm", "reason"]).astype(float)
    assert np.isfinite(numbers.dropna()).all()
    assert not (numbers[["p", "cuped_p"]] == 0).any()
    if not missing:  # a covariate that does not vary takes nothing away
        assert found["cuped_effect"] == pytest.approx(found["effect"])
        assert found["cuped_p"] == pytest.approx(found["p"])


def test_without_the_control_nothing_is_compared() -> None:
    found = in_pandas(two_arms(FIVE, FIVE, HALF), ["y"], control="absent")
    assert found[["effect", *KINDS, "n_control", "cuped_effect"]].isna().all(axis=None)
    assert (found["reason"] == "nobody in one arm").all()


# Hillstrom's e-mail test: effect, 95 % interval where published, p. Four libraries agree on these digits.
SPEND = {
    "Mens E-Mail": (0.769827, 0.485140, 1.054515, 1.16e-7),
    "Womens E-Mail": (0.424412, 0.168960, 0.679870, 0.00113),
}
CELLS = {  # visit, p · conversion, low, high, p · spend, low, high, p · n control, n Mens
    "1) $0 - $100": "7612 7724 .068552 1.7e-39 .004988 .002411 .007566 .000149 .538283 .112838 .963728 .01315",
    "2) $100 - $200": "4836 4691 .069110 2.3e-24 .004818 .001571 .008065 .00364 .704249 .197710 1.210787 .00644",
    "3) $200 - $350": "4044 4090 .084398 1.9e-24 .008480 .003920 .013039 .000269 .536581 -.168991 1.242154 .1361",
    "4) $350 - $500": "2124 2097 .089201 2.3e-13 .008729 .001231 .016227 .02252 1.568940 .386745 2.751135 .00931",
    "5) $500 - $750": "1652 1597 .098952 1.1e-14 .008328 .001594 .015062 .01538 1.103010 .118764 2.087256 .02808",
    "6) $750 - $1,000": "622 644 .061498 .00478 .020022 .006796 .033247 .00305 1.534146 .283955 2.784338 .01623",
    "7) $1,000 +": "416 464 .097066 .00042 .009284 -.008731 .027298 .312 1.322067 -2.470549 5.114684 .494",
}


@pytest.fixture(scope="module", params=list(ENGINES))
def hillstrom(request: pytest.FixtureRequest) -> pd.DataFrame:
    if "REGULARS_RAW" not in os.environ:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    (path,) = (Path(os.environ["REGULARS_RAW"]) / "hillstrom").glob("*.csv")
    raw = pd.read_csv(path).rename(columns={"segment": "arm", "history_segment": "segment"})
    covariates = {f"pre_{metric}": raw["history"] for metric in ("spend", "visit", "conversion")}
    frame = raw.assign(**covariates).astype({"visit": float, "conversion": float})
    table = effects(aggregate(ENGINES[request.param](frame), ["spend", "visit", "conversion"]), "No E-Mail")
    return table.set_index(["metric", "segment", "arm"])


@pytest.mark.parametrize("arm", SPEND)
def test_hillstroms_spend_is_the_published(hillstrom: pd.DataFrame, arm: str) -> None:
    found = hillstrom.loc["spend", EVERYONE, arm]
    assert found[["effect", "low", "high"]].tolist() == pytest.approx(SPEND[arm][:3], abs=1.2e-5)
    assert found["p"] == pytest.approx(SPEND[arm][3], rel=0.005)


def test_hillstroms_arms_are_the_published(hillstrom: pd.DataFrame) -> None:
    means = {
        m: hillstrom.loc[m, EVERYONE][["mean", "mean_control"]] for m in ("visit", "conversion", "spend")
    }
    mens, womens = ([means[m].loc[f"{arm} E-Mail", "mean"] for m in means] for arm in ("Mens", "Womens"))
    assert mens == pytest.approx([0.182757, 0.012531, 1.422617], abs=5.1e-7)
    assert womens == pytest.approx([0.151400, 0.008837, 1.077202], abs=5.1e-7)
    none = [means[m]["mean_control"].iloc[0] for m in means]
    assert none == pytest.approx([0.106167, 0.005726, 0.652789], abs=5.1e-7)


@pytest.mark.parametrize("cell", CELLS)
def test_hillstroms_cells_are_the_published(hillstrom: pd.DataFrame, cell: str) -> None:
    numbers = [float(number) for number in CELLS[cell].split()]
    visit, conversion, spend = (
        hillstrom.loc[m, cell, "Mens E-Mail"] for m in ("visit", "conversion", "spend")
    )
    assert spend[["n_control", "n"]].tolist() == numbers[:2]
    assert visit["effect"] == pytest.approx(numbers[2], abs=5.1e-7)
    assert conversion[["effect", "low", "high"]].tolist() == pytest.approx(numbers[4:7], abs=1.1e-6)
    assert spend[["effect", "low", "high"]].tolist() == pytest.approx(numbers[8:11], abs=1.1e-6)
    found = [visit["p"], conversion["p"], spend["p"]]
    assert found == pytest.approx([numbers[3], numbers[7], numbers[11]], rel=0.03)


def test_hillstroms_cuped_is_the_published(hillstrom: pd.DataFrame) -> None:
    found = hillstrom.loc["spend", EVERYONE, "Mens E-Mail"]
    # The published θ, .0012229, is of both arms thrown together; ours, within the arms, is .0012172.
    assert found["cuped_effect"] == pytest.approx(0.767438, abs=1.2e-5)
    assert found["cuped_p"] == pytest.approx(1.265e-7, rel=1e-3)
    assert 1 - (found["cuped_se"] / found["se"]) ** 2 == pytest.approx(0.0004, abs=5e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_duckdb_and_pandas_aggregate_to_the_same(seed: int) -> None:
    frame = heavy(seed, 500, 300)
    tables = [aggregate(engine(frame), ["y"]) for engine in ENGINES.values()]
    pd.testing.assert_frame_equal(*tables, check_dtype=False, rtol=1e-9)


def test_a_segment_whose_customers_all_fell_to_the_control_is_a_cell_that_says_so() -> None:
    frame = two_arms(FIVE, FIVE[::-1].copy(), HALF)
    alone = frame[frame["arm"] == "c"].assign(segment="alone")
    found = in_pandas(pd.concat([frame, alone]), ["y"]).loc["y"]
    assert set(found.index) == {("s", "t"), ("alone", "t"), (EVERYONE, "t")}
    cell = found.loc[("alone", "t")]
    assert (cell["reason"], cell["n_control"]) == (NOBODY, 5)
    assert np.isnan(cell[["n", "effect", *KINDS]].astype(float)).all()
    assert found.loc[("s", "t"), "n"] == 5
