"""Fieller's interval and the delta method held against published numbers, slow versions, scipy and simulations."""

import os
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from regulars.offers.effects import aggregate, effects
from regulars.offers.relative import Arm, lifts, ratio, ratio_aggregates, ratio_lifts, relative
from tests.offers.held import lift, order_value
from tests.offers.simulations import arm_of, outside_by


@pytest.mark.parametrize(("seed", "n", "m"), [(0, 30, 50), (1, 400, 37), (2, 9, 1000)])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_ends_are_where_the_test_of_each_ratio_turns(seed: int, n: int, m: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    treated, control = arm_of(rng.lognormal(0.3, 1, n)), arm_of(rng.lognormal(0, 1, m))
    found = relative(treated, control, alpha)
    middle = treated.mean / control.mean
    ends = [
        optimize.brentq(outside_by, *bracket, args=(treated, control, alpha))
        for bracket in ((-50 * middle, middle), (middle, 50 * middle))
    ]
    assert found.reason == "bounded"
    assert [found.lift, found.low, found.high] == pytest.approx(
        [middle - 1, ends[0] - 1, ends[1] - 1], rel=1e-8
    )


def test_p_is_welchs() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(3, 1, 40), rng.normal(2.5, 2, 25)
    oracle = stats.ttest_ind(x, y, equal_var=False).pvalue
    assert relative(arm_of(x), arm_of(y)).p == pytest.approx(oracle, rel=1e-10)


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 60), st.sampled_from([0.01, 0.05, 0.3]))
def test_an_interval_leaves_out_zero_just_when_p_is_below_alpha(
    seed: int, n: int, m: int, alpha: float
) -> None:
    rng = np.random.default_rng(seed)
    found = relative(arm_of(rng.normal(2.5, 1, n)), arm_of(rng.normal(2, 1, m)), alpha)
    if found.reason == "bounded":
        assert (found.low > 0 or found.high < 0) == (found.p < alpha)
        assert found.low <= found.lift <= found.high
    else:
        assert np.isnan([found.low, found.high]).all()


@given(st.integers(0, 10_000), st.floats(1e-3, 1e3))
def test_units_of_money_change_nothing(seed: int, money: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.exponential(2, (5, 20)), rng.exponential(2, (5, 30))
    plain, scaled = relative(arm_of(x), arm_of(y)), relative(arm_of(money * x), arm_of(money * y))
    assert plain.reason.tolist() == scaled.reason.tolist()
    for ours, theirs in zip(plain[:4], scaled[:4], strict=True):
        assert theirs.tolist() == pytest.approx(ours.tolist(), rel=1e-7, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("treated", "control", "reason"),
    [
        (Arm(12, 100, 400), Arm(10, 100, 400), "bounded"),
        (Arm(12, 100, 400), Arm(0.9, 100, 400), "outside"),
        (Arm(0.3, 100, 400), Arm(0.3, 100, 400), "everything"),
        (Arm(12, 100, 400), Arm(0, 100, 400), "no base"),
        (Arm(12, 100, 400), Arm(-10, 1, 400), "no base"),
        (Arm(12, 0, 400), Arm(10, 0, 400), "unknown"),
        (Arm(12, 1e-28, 400), Arm(10, 1e-28, 400), "unknown"),
        (Arm(12, np.nan, 1), Arm(10, 9, 400), "unknown"),
        (Arm(12, 4, 400), Arm(np.nan, np.nan, 0), "unknown"),
        (Arm(12, 4, 1), Arm(10, 4, 400), "unknown"),
        (Arm(12, 0, 400), Arm(10, 4, 400), "bounded"),
        (Arm(12, 4, 400), Arm(10, 0, 400), "bounded"),
        (Arm(0, 0, 400), Arm(10, 4, 400), "bounded"),
    ],
)
def test_what_has_no_ends_says_why(treated: Arm, control: Arm, reason: str) -> None:
    found = relative(treated, control)
    assert found.reason == reason
    assert np.isfinite([found.low, found.high]).all() == (reason == "bounded")
    assert np.isfinite(found.lift) == (control.mean > 0)
    if reason in ("outside", "everything"):  # as the tests of single ratios say
        inside = [
            outside_by(rho, treated, control, 0.05) < 0 for rho in np.tan(np.linspace(-1.5707, 1.5707, 2001))
        ]
        assert inside[0] and inside[-1] and all(inside) == (reason == "everything")


def test_a_mean_known_exactly_leaves_the_others_interval() -> None:
    found, effect = relative(Arm(12, 4, 400), Arm(10, 0, 300)), stats.t.interval(0.95, 399, 12, 0.1)
    assert [found.low, found.high] == pytest.approx([end / 10 - 1 for end in effect], rel=1e-9)


def test_a_ratio_is_the_mean_of_what_it_leaves() -> None:
    rng = np.random.default_rng(4)
    orders = rng.poisson(1.5, 500).astype(float)
    revenue = orders * rng.lognormal(3, 1, 500)
    found = ratio(arm_of(revenue), arm_of(orders), np.cov(revenue, orders)[0, 1])
    R = revenue.sum() / orders.sum()
    linear = R + (revenue - R * orders) / orders.mean()
    assert list(found) == pytest.approx([R, linear.var(ddof=1), 500], rel=1e-9)
    # Leaving out one customer at a time gives nearly the same: Efron's jackknife.
    without = (revenue.sum() - revenue) / (orders.sum() - orders)
    jackknife = 499 * ((without - without.mean()) ** 2).sum() / 500
    assert found.variance / 500 == pytest.approx(jackknife, rel=0.03)


def test_a_ratio_over_one_each_is_the_mean_and_one_of_multiples_is_known() -> None:
    assert ratio(Arm(7.0, 4.0, 50), Arm(1.0, 0.0, 50), 0.0) == (7.0, 4.0, 50)
    for seed, price in enumerate((0.1, 0.3, 0.7, 1.1, 19.99, 7.3)):
        orders = np.random.default_rng(seed).poisson(3, 200).astype(float)
        known = ratio(arm_of(price * orders), arm_of(orders), np.cov(price * orders, orders)[0, 1])
        assert (known.mean, known.variance) == (pytest.approx(price), 0)
    assert np.isnan(ratio(Arm(0.0, 0.0, 50), Arm(0.0, 0.0, 50), 0.0).mean)


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    if "REGULARS_RAW" not in os.environ:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    (path,) = (Path(os.environ["REGULARS_RAW"]) / "hillstrom").glob("*.csv")
    frame = pd.read_csv(path).rename(columns={"segment": "arm", "history_segment": "segment"})
    return frame.astype({"conversion": float, "visit": float}).assign(pre_spend=frame["history"])


ENGINES: dict[str, Any] = {
    "pandas": lambda frame: nw.from_native(frame).lazy(),
    "duckdb": lambda frame: nw.from_native(duckdb.from_df(frame)),
}


def test_a_table_of_lifts_agrees_with_its_effects(raw: pd.DataFrame) -> None:
    aggregates = aggregate(ENGINES["pandas"](raw), ["spend"])
    found, welch = lifts(aggregates, "No E-Mail"), effects(aggregates, "No E-Mail")
    assert found["lift_p"].tolist() == pytest.approx(welch["p"].tolist(), rel=1e-9)
    assert ((found["lift"] + 1) * welch["mean_control"]).tolist() == pytest.approx(welch["mean"].tolist())
    bounded = found["reason"] == "bounded"
    assert ((found["lift_low"] > 0) == (welch["low"] > 0))[bounded].all() and bounded.sum() == 12
    none = lifts(aggregates, "absent")
    assert none["reason"].eq("unknown").all() and none["lift"].isna().all()


# The money of a mail-order shop is resampled, n in each arm; `test_traps` has the delta method beside it.
@pytest.mark.slow
@pytest.mark.parametrize("n", [1000, 2000, 4000, 8000])
def test_fieller_covers_the_lift_of_rare_money(n: int) -> None:
    held, draws = lift("Fieller", "mail order", n, n, 4000, n)
    assert held / draws >= 0.93 - 3 * np.sqrt(0.93 * 0.07 / draws)


def test_a_ratios_lift_is_covered() -> None:
    held, draws = order_value(800, 800, 2000, 9)
    assert held / draws == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / draws))


def test_hillstroms_order_value_is_its_buyers_mean(raw: pd.DataFrame) -> None:
    table = ratio_lifts(
        ratio_aggregates(ENGINES["duckdb"](raw), {"aov": ("spend", "conversion")}), "No E-Mail"
    )
    aov = table.set_index(["segment", "arm"]).loc[("3) $200 - $350", "Mens E-Mail")]
    buyers = raw[(raw["segment"] == "3) $200 - $350") & (raw["conversion"] == 1)].groupby("arm")["spend"]
    means = buyers.mean()
    assert aov["effect"] == pytest.approx(means["Mens E-Mail"] - means["No E-Mail"], rel=1e-9)
    # Among buyers alone, their number taken for given, the two means' variances say nearly the same.
    alone = np.sqrt((buyers.var() / buyers.size())[["Mens E-Mail", "No E-Mail"]].sum())
    assert (aov["high"] - aov["low"]) / 2 / 1.96 == pytest.approx(alone, rel=0.05)
