"""Capped money: by numpy, alike on every engine, and what its interval covers."""

from collections.abc import Callable
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regulars.offers import OfferError
from regulars.offers.aggregates import EVERYONE, aggregate
from regulars.offers.capped import capped, caps
from regulars.offers.effects import effects

ENGINES: dict[str, Callable[[pd.DataFrame], nw.LazyFrame[Any]]] = {
    "pandas": lambda frame: nw.from_native(frame).lazy(),
    "duckdb": lambda frame: nw.from_native(duckdb.from_df(frame)),
}
Q = 0.99
# 40 % of customers buy, for log-normal money whose mean is four medians and whose standard deviation is 17. The offer
# makes every purchase a tenth larger.
BUY, SIGMA, LARGER = 0.4, 1.7, 1.1


def shop(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Two arms of n customers."""
    arm = np.repeat(["mail", "control"], n)
    spend = rng.lognormal(0, SIGMA, 2 * n) * np.where(arm == "mail", LARGER, 1.0) * (rng.random(2 * n) < BUY)
    before = rng.lognormal(0, SIGMA, 2 * n) * (rng.random(2 * n) < BUY)
    return pd.DataFrame(
        {"segment": "all", "arm": arm, "conversion": spend > 0, "spend": spend, "pre_spend": before}
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("q", [0.5, 0.9, Q])
def test_caps_are_numpys_quantiles_of_what_is_above_zero(engine: str, q: float) -> None:
    frame = shop(np.random.default_rng(0), 700)
    found = capped(ENGINES[engine](frame), ["spend"], q).collect("pandas").to_native()
    for name in ("spend", "pre_spend"):
        cap = np.quantile(frame[name][frame[name] > 0], q)
        assert sorted(found[f"{name}_capped"]) == pytest.approx(
            sorted(np.minimum(frame[name], cap)), rel=1e-12
        )
    assert sorted(found["spend"]) == sorted(frame["spend"])
    assert caps(ENGINES[engine](frame), ["spend"], q)["spend"] == pytest.approx(found["spend_capped"].max())


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.01, 0.99), st.sampled_from([1e-3, 7.0, 1e6]))
def test_capping_twice_or_in_another_currency_changes_nothing(seed: int, q: float, rate: float) -> None:
    frame = shop(np.random.default_rng(seed), 60)

    def caps_of(money: pd.DataFrame) -> list[float]:
        return caps(ENGINES["pandas"](money), ["spend"], q).tolist()

    assert caps_of(frame.assign(spend=rate * frame["spend"], pre_spend=rate * frame["pre_spend"])) == (
        pytest.approx([rate * cap for cap in caps_of(frame)], rel=1e-9)
    )
    once = capped(ENGINES["pandas"](frame), ["spend"], q).collect("pandas").to_native()
    assert (once["spend_capped"] <= once["spend"]).all()
    assert ((once["spend_capped"] == 0) == (once["spend"] == 0)).all()


def test_the_arms_have_one_cap_together() -> None:
    frame = shop(np.random.default_rng(1), 500)
    frame.loc[frame["arm"] == "mail", "spend"] *= 100
    found = capped(ENGINES["pandas"](frame), ["spend"], 0.9).collect("pandas").to_native()
    of_arms = found.groupby("arm")["spend_capped"].max()
    assert of_arms["control"] < of_arms["mail"]
    assert of_arms["control"] == frame.loc[frame["arm"] == "control", "spend"].max()  # nobody there is capped


@pytest.mark.parametrize("engine", ENGINES)
def test_losses_stay_and_where_nobody_pays_nobody_is_capped(engine: str) -> None:
    frame = pd.DataFrame({"profit": [-5.0, -1.0, 0.0], "spend": [1.0, 2.0, 400.0]})
    found = capped(ENGINES[engine](frame), ["profit", "spend"], 0.5).collect("pandas").to_native()
    assert found["profit_capped"].tolist() == [-5.0, -1.0, 0.0]
    assert found["spend_capped"].tolist() == [1.0, 2.0, 2.0]
    assert "pre_spend_capped" not in found


@pytest.mark.parametrize("q", [0.0, 1.0, 99.0, float("nan")])
def test_a_quantile_that_is_no_share_is_refused(q: float) -> None:
    with pytest.raises(OfferError, match="a share between 0 and 1"):
        capped(ENGINES["pandas"](shop(np.random.default_rng(0), 9)), ["spend"], q)


def both(frame: pd.DataFrame) -> pd.DataFrame:
    """Effects on money and on capped money, by metric."""
    table = aggregate(capped(ENGINES["duckdb"](frame), ["spend"], Q), ["spend", "spend_capped"])
    return effects(table[table["segment"] == EVERYONE], "control").set_index("metric")


def limited_mean(cap: float, larger: float) -> float:
    """The mean of min(larger × money, cap), by the log-normal's partial expectation."""
    edge = np.log(cap / larger)
    below = larger * np.exp(SIGMA**2 / 2) * stats.norm.cdf(edge / SIGMA - SIGMA)
    return float(BUY * (below + cap * stats.norm.sf(edge / SIGMA)))


@pytest.mark.slow
def test_the_interval_covers_the_effect_on_capped_money_and_is_short_of_the_whole_one() -> None:
    draws, rng = 300, np.random.default_rng(2)
    # The cap of both arms together: the q-quantile of the mixture.
    wide = rng.lognormal(0, SIGMA, 4_000_000)
    cap = np.quantile(np.concatenate([wide[::2], LARGER * wide[1::2]]), Q)
    truth, whole = limited_mean(cap, LARGER) - limited_mean(cap, 1), BUY * (LARGER - 1) * np.exp(SIGMA**2 / 2)
    assert truth < 0.9 * whole  # another estimand
    found = pd.concat([both(shop(rng, 2_000)) for _ in range(draws)])
    one, other = (found.loc[metric].reset_index() for metric in ("spend_capped", "spend"))
    tolerance = 3 * np.sqrt(0.05 * 0.95 / draws)
    assert ((one["low"] < truth) & (truth < one["high"])).mean() == pytest.approx(0.95, abs=tolerance)
    assert one["effect"].mean() == pytest.approx(truth, abs=3 * one["effect"].std() / np.sqrt(draws))
    assert (one["se"] < other["se"]).all() and one["se"].mean() < 0.8 * other["se"].mean()
