"""Kaplan–Meier and the restricted mean held against published numbers, statsmodels, integration and simulations."""

from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight

from regulars.offers.effects import EVERYONE
from regulars.offers.registry import OfferError
from regulars.offers.repeat import delays, kaplan_meier, restricted_mean, waits
from tests.offers.simulations import HAZARD, HORIZON, counted, followed, z_of

# Weeks in remission (Freireich and others 1963), a plus where still in remission when last seen.
SIX_MP = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"
ENGINES: dict[str, Any] = {
    "pandas": lambda frame: nw.from_native(frame).lazy(),
    "duckdb": lambda frame: nw.from_native(duckdb.from_df(frame)),
}


def remission(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Times, and whether each ends in an event."""
    words = text.split()
    return np.array([int(word.strip("+")) for word in words]), np.array(["+" not in word for word in words])


def customers(
    time: np.ndarray, is_event: np.ndarray, horizon: int, arm: str, segment: str = "s"
) -> pd.DataFrame:
    """Rows such as `waits` takes."""
    seen = np.where(is_event, time, np.nan)
    return pd.DataFrame(
        {
            "segment": segment,
            "arm": arm,
            "next_order_days": seen,
            "followed_days": np.where(is_event, horizon, time),
        }
    )


def told(*frames: pd.DataFrame, horizon: int, alpha: float = 0.05) -> pd.DataFrame:
    daily = waits(ENGINES["pandas"](pd.concat(frames)), horizon)
    return delays(daily, "c", alpha).set_index("segment")


def test_remissions_are_the_published() -> None:
    # Klein and Moeschberger (2003), tables 4.1A and 4.2 and section 4.5: mean of 6-MP restricted to 35 weeks 23.29, se 2.83.
    events, at_risk = counted(*remission(SIX_MP), horizon=35)
    curve, mean = kaplan_meier(events, at_risk), restricted_mean(events, at_risk)
    weeks = [6, 7, 10, 13, 16, 22, 23]
    assert curve.waiting[weeks].tolist() == pytest.approx(
        [0.857, 0.807, 0.753, 0.690, 0.628, 0.538, 0.448], abs=6e-4
    )
    assert curve.error[weeks].tolist() == pytest.approx(
        [0.076, 0.087, 0.096, 0.107, 0.114, 0.128, 0.135], abs=6e-4
    )
    assert [mean.mean_days, np.sqrt(mean.variance)] == pytest.approx([23.29, 2.83], abs=0.005)
    # Nobody is censored: the mean and its error are the sample's.
    time, is_event = remission(PLACEBO)
    mean = restricted_mean(*counted(time, is_event, horizon=35))
    assert [mean.mean_days, mean.variance] == pytest.approx([time.mean(), time.var() / len(time)], rel=1e-12)


def simulated(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Times with many ties, a third of them cut off."""
    rng = np.random.default_rng(seed)
    order, end = rng.geometric(0.05, n) - 1, rng.integers(5, 60, n)
    return np.minimum(order, end), order <= end


@pytest.mark.parametrize(("seed", "n"), [(0, 12), (1, 60), (2, 500)])
def test_the_curve_is_statsmodels(seed: int, n: int) -> None:
    time, is_event = simulated(seed, n)
    oracle = SurvfuncRight(time, is_event)
    curve = kaplan_meier(*counted(time, is_event, int(time.max())))
    days = oracle.surv_times.astype(int)
    left = curve.waiting[days] > 0  # of nothing left the error is 0 here and missing there
    assert curve.waiting[days].tolist() == pytest.approx(oracle.surv_prob.tolist(), rel=1e-9, abs=1e-12)
    assert curve.error[days][left].tolist() == pytest.approx(oracle.surv_prob_se[left].tolist(), rel=1e-9)


@pytest.mark.parametrize(("seed", "n"), [(0, 12), (1, 60), (2, 500)])
@pytest.mark.parametrize("horizon", [1, 20, 45])
def test_the_mean_is_the_area_and_its_variance_the_slow_sum(seed: int, n: int, horizon: int) -> None:
    time, is_event = simulated(seed, n)
    oracle = SurvfuncRight(time, is_event)
    at = np.linspace(0, horizon, 100 * horizon, endpoint=False)  # of a step function this sum is exact
    before = np.searchsorted(oracle.surv_times, at, side="right")
    area = np.r_[1.0, oracle.surv_prob][before]
    variance = sum(
        (area[at >= day].sum() / 100) ** 2 * d / (r * (r - d))
        for day, d, r in zip(oracle.surv_times, oracle.n_events, oracle.n_risk, strict=True)
        if day < horizon and r > d
    )
    found = restricted_mean(*counted(time, is_event, horizon))
    assert found.mean_days == pytest.approx(area.sum() / 100, rel=1e-9)
    assert found.variance == pytest.approx(variance, rel=1e-9)


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 30))
def test_without_censoring_it_is_the_mean_of_what_is_cut_at_the_horizon(
    seed: int, n: int, horizon: int
) -> None:
    time = np.random.default_rng(seed).integers(0, 40, n)
    events, at_risk = counted(time, np.ones(n, dtype=bool), horizon)
    found, curve = restricted_mean(events, at_risk), kaplan_meier(events, at_risk)
    cut = np.minimum(time, horizon)
    assert found.mean_days == pytest.approx(cut.mean(), rel=1e-9, abs=1e-12)
    assert found.variance == pytest.approx(cut.var() / n, rel=1e-6, abs=1e-9)
    later = (time > horizon).mean()
    assert [curve.waiting[-1], curve.error[-1] ** 2] == pytest.approx(
        [later, later * (1 - later) / n], abs=1e-9
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_counts_are_each_customers(engine: str) -> None:
    frames = []
    for seed, (segment, arm) in enumerate((s, a) for s in "st" for a in "ct"):
        time, is_event = simulated(seed, 50)
        frames.append(customers(time, is_event, 80, arm, segment))
    frame = pd.concat(frames).sample(frac=1, random_state=0).reset_index(drop=True)
    daily = waits(ENGINES[engine](frame), 30)
    assert len(daily) == 6 * 31 and (daily["day"].min(), daily["day"].max()) == (0, 30)
    table = daily.set_index(["segment", "arm", "day"])
    for (segment, arm), rows in frame.groupby(["segment", "arm"]):
        is_event = rows["next_order_days"].notna().to_numpy()
        time = rows["next_order_days"].fillna(rows["followed_days"]).astype(int).to_numpy()
        assert table.loc[(segment, arm)].to_numpy().T.tolist() == [
            x.tolist() for x in counted(time, is_event, 30)
        ]
    parts = [
        daily[daily["segment"] == segment].groupby(["arm", "day"])[["events", "at_risk"]].sum()
        for segment in "st"
    ]
    pd.testing.assert_frame_equal(table.loc[EVERYONE], parts[0] + parts[1])


def test_an_order_after_the_horizon_or_the_end_of_the_data_is_none() -> None:
    frame = pd.DataFrame(
        {"segment": "s", "arm": "c", "next_order_days": [3.0, 5.0, 6.0, 9.0], "followed_days": [9, 9, 9, 4]}
    )
    daily = waits(ENGINES["pandas"](frame), 5).set_index(["segment", "day"]).loc["s"]
    assert daily["events"].tolist() == [0, 0, 0, 1, 0, 1]
    assert daily["at_risk"].tolist() == [4, 4, 4, 4, 3, 2]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("column", "value"), [("next_order_days", -1), ("followed_days", -2), ("followed_days", np.nan)]
)
def test_days_that_cannot_be_are_refused(column: str, value: float, engine: str) -> None:
    days = pd.DataFrame({"next_order_days": [1.0, np.nan], "followed_days": [9.0, 9.0]})
    days.loc[0, column] = value
    frame = days.assign(segment="s", arm="c")
    with pytest.raises(OfferError, match="1 of 2 assigned customers"):
        waits(ENGINES[engine](frame), 5)
    with pytest.raises(OfferError, match="0 days"):
        waits(ENGINES[engine](frame), 0)


NEVER, ALWAYS = np.zeros(40, dtype=bool), np.ones(40, dtype=bool)
SPREAD, FULL = np.arange(40), np.full(40, 60)


@pytest.mark.parametrize(
    ("time", "is_event", "mean_days", "reason"),
    [
        (SPREAD, ALWAYS, 18.375, "known"),
        (FULL, NEVER, 30, "no variance"),
        (np.ones(40, dtype=int), ALWAYS, 1, "no variance"),
        (np.zeros(40, dtype=int), ALWAYS, 0, "no variance"),
        (np.full(40, 20), NEVER, np.nan, "followed too briefly"),
        (np.full(40, 29), SPREAD % 2 == 0, np.nan, "followed too briefly"),
        (np.where(SPREAD < 20, 10, 30), SPREAD < 20, 20, "known"),
        (np.where(SPREAD < 20, 10, 20), ALWAYS, 15, "known"),
    ],
    ids=[
        "spread",
        "nobody",
        "day one",
        "same day",
        "brief",
        "brief with orders",
        "just to the horizon",
        "all early",
    ],
)
def test_what_cannot_be_told_says_why(
    time: np.ndarray, is_event: np.ndarray, mean_days: float, reason: str
) -> None:
    found = told(customers(time, is_event, 60, "t"), customers(SPREAD, ALWAYS, 60, "c"), horizon=30).loc["s"]
    expected = mean_days - np.minimum(SPREAD, 30).mean()
    assert found["mean_days"] == pytest.approx(mean_days, nan_ok=True)
    assert found["delay_days"] == pytest.approx(expected, nan_ok=True)
    assert found["reason"] == reason
    missing = found[["delay_days_low", "delay_days_high", "delay_days_p"]].isna()
    assert missing.all() if reason != "known" else not missing.any()


def test_without_a_control_nothing_is_compared() -> None:
    found = told(customers(SPREAD, ALWAYS, 60, "t"), horizon=30).loc["s"]
    assert (found["reason"], found["n"]) == ("nobody", 40) and np.isnan(found["n_control"])
    assert found[["delay_days", "delay_days_p", "gain", "gain_low"]].isna().all()
    assert told(customers(SPREAD[:0], ALWAYS[:0], 60, "t"), horizon=30).empty


def test_the_difference_is_that_of_two_independent_means() -> None:
    one, other = simulated(5, 300), simulated(6, 200)
    found = told(customers(*one, 60, "t"), customers(*other, 60, "c"), horizon=40, alpha=0.1).loc["s"]
    a, b = (restricted_mean(*counted(*arm, 40)) for arm in (one, other))
    error = np.sqrt(a.variance + b.variance)
    interval = stats.norm.interval(0.9, a.mean_days - b.mean_days, error)
    columns = ["delay_days_low", "delay_days_high", "delay_days_p"]
    p = 2 * stats.norm.sf(abs(a.mean_days - b.mean_days) / error)
    assert found[columns].tolist() == pytest.approx([*interval, p], rel=1e-9)
    curves = [kaplan_meier(*counted(*arm, 40)) for arm in (one, other)]
    gain = curves[1].waiting[-1] - curves[0].waiting[-1]
    reach = 1.6448536 * np.hypot(curves[0].error[-1], curves[1].error[-1])
    assert found[["gain", "gain_low", "gain_high"]].tolist() == pytest.approx(
        [gain, gain - reach, gain + reach]
    )
    assert found[["n", "n_control", "repeats", "horizon_days"]].tolist() == [
        300,
        200,
        (one[1] & (one[0] <= 40)).sum(),
        40,
    ]
    turned = told(customers(*other, 60, "t"), customers(*one, 60, "c"), horizon=40, alpha=0.1).loc["s"]
    assert turned["delay_days"] == pytest.approx(-found["delay_days"]) and turned["gain"] == pytest.approx(
        -gain
    )


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 400, 1000])
def test_a_true_delay_is_covered(n: int) -> None:
    rng, draws = np.random.default_rng(n), 2000
    arms, means = [], []
    for low, high, hazard in ((20, 90, 1.4 * HAZARD), (55, 75, HAZARD)):
        parts = [followed(rng, (draws // 10, n), low, high, hazard) for _ in range(10)]
        arms.append(parts)
        means.append((1 - (1 - hazard) ** HORIZON) / hazard)
    z = np.concatenate([z_of(t, c, means[0] - means[1]) for t, c in zip(*arms, strict=True)])
    assert (np.abs(z) < 1.96).mean() == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / draws))
