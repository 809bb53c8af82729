"""The models on CDNOW's customers, held against what their authors published and what was computed independently."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from regulars.engine import Engine
from regulars.value import BetaGeo, GammaGamma, ParetoNBD, judge
from regulars.value.contenders import Hiatus, OwnRate
from regulars.value.histories import WEEK, window
from regulars.value.purchases import PurchaseModel

CALIBRATED = pd.Timestamp("1997-09-30")
HOLD_OUT = 39  # weeks


class CDNow(NamedTuple):
    """CDNOW's sample.

    Attributes:
        days: one row per customer and day with a purchase: `customer`, `day`, `spent`.
        customers: `frequency`, `recency` and `T` at the end of the calibration, by customer.
        later: each customer's purchases in the hold-out.
    """

    days: pd.DataFrame
    customers: pd.DataFrame
    later: pd.Series


@pytest.fixture(scope="module")
def cdnow() -> CDNow:
    if "REGULARS_RAW" not in os.environ:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    path = Path(os.environ["REGULARS_RAW"]) / "cdnow" / "CDNOW_sample.txt"
    if not path.is_file():
        pytest.skip("REGULARS_RAW does not lead to cdnow/CDNOW_sample.txt")
    bought = pd.read_csv(path, sep=r"\s+", names=["master", "customer", "day", "cds", "spent"])
    bought["day"] = pd.to_datetime(bought["day"].astype(str), format="%Y%m%d")
    days = bought.groupby(["customer", "day"])["spent"].sum().reset_index()
    seen = days[days["day"] <= CALIBRATED].groupby("customer")["day"].agg(["size", "min", "max"])
    customers = pd.DataFrame(
        {
            "frequency": (seen["size"] - 1).astype(float),
            "recency": (seen["max"] - seen["min"]).dt.days / WEEK,
            "T": (CALIBRATED - seen["min"]).dt.days / WEEK,
        }
    )
    later = days[days["day"] > CALIBRATED].groupby("customer").size()
    return CDNow(days, customers, later.reindex(seen.index, fill_value=0).astype(float))


@pytest.fixture(scope="module")
def beta_geo(cdnow: CDNow) -> BetaGeo:
    return BetaGeo().fit(cdnow.customers)


@pytest.fixture(scope="module")
def pareto(cdnow: CDNow) -> ParetoNBD:
    return ParetoNBD().fit(cdnow.customers)


def test_the_sample_is_the_published_one(cdnow: CDNow) -> None:
    assert len(cdnow.customers) == 2357
    assert cdnow.later.sum() == 1882


def test_histories_makes_the_same_of_its_orders(cdnow: CDNow) -> None:
    since_1970 = (cdnow.days["day"] - pd.Timestamp(0)).dt.days
    orders = pd.DataFrame(
        {
            "order_id": cdnow.days.index.astype(str),
            "customer_id": cdnow.days["customer"],
            "revenue": cdnow.days["spent"],
            "ordered_day": since_1970,
        }
    )
    first = (CALIBRATED - pd.Timestamp(0)).days + 1
    staged = nw.from_native(Engine().connection.from_df(orders))
    found = window(staged, None, first, HOLD_OUT * WEEK)
    np.testing.assert_allclose(found.customers[["frequency", "recency", "T"]], cdnow.customers)
    assert (found.outcome["purchases"].to_numpy() == cdnow.later.to_numpy()).all()


def test_beta_geo_finds_the_published_maximum(beta_geo: BetaGeo) -> None:
    assert beta_geo.problem_ == ""
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    assert beta_geo.params_ == pytest.approx(published, abs=0.0005)
    assert beta_geo.loglik_ == pytest.approx(-9582.4, abs=0.05)


def test_pareto_finds_the_published_maximum(pareto: ParetoNBD) -> None:
    assert pareto.problem_ == ""
    published = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}
    assert pareto.params_ == pytest.approx(published, abs=0.0005)
    assert pareto.loglik_ == pytest.approx(-9595.0, abs=0.05)


def test_gamma_gamma_finds_the_published_maximum(cdnow: CDNow) -> None:
    seen = cdnow.days[cdnow.days["day"] <= CALIBRATED]
    repeated = seen[seen["day"] > seen.groupby("customer")["day"].transform("min")]
    back = repeated.groupby("customer")["spent"].agg(frequency="size", monetary_value="mean")
    back = back[back["monetary_value"] > 0]
    assert len(back) == 946
    model = GammaGamma().fit(back)
    assert model.problem_ == ""
    assert model.params_["p"] == pytest.approx(6.25, abs=0.005)
    assert model.params_["q"] == pytest.approx(3.74, abs=0.005)
    assert model.params_["v"] == pytest.approx(15.44, abs=0.02)
    assert model.loglik_ == pytest.approx(-4055.92, abs=0.005)


def test_a_customer_of_the_paper_is_expected_to_buy_as_published(beta_geo: BetaGeo) -> None:
    customer = pd.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    assert beta_geo.expected_purchases(customer, HOLD_OUT)[0] == pytest.approx(1.226, abs=0.0005)


@pytest.mark.parametrize(
    ("model", "bias", "correlation", "absolute", "squared"),
    [("beta_geo", -0.121, 0.626, 0.785, 1.608), ("pareto", -0.115, 0.630, 0.755, 1.603)],
)
def test_models_forecast_the_hold_out_this_well(
    model: str, bias: float, correlation: float, absolute: float, squared: float,
    cdnow: CDNow, request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    fitted: PurchaseModel = request.getfixturevalue(model)
    found = judge(fitted.expected_purchases(cdnow.customers, HOLD_OUT), cdnow.later.to_numpy())
    assert found[:4] == pytest.approx((bias, absolute, squared, correlation), abs=0.0005)


def test_own_rate_forecasts_the_hold_out_this_well(cdnow: CDNow) -> None:
    customers = cdnow.customers.assign(monetary_value=1.0)
    forecast = OwnRate().forecast(customers, HOLD_OUT * WEEK)["purchases"].to_numpy()
    found = judge(forecast, cdnow.later.to_numpy())
    assert found[:4] == pytest.approx((0.557, 1.024, 2.212, 0.584), abs=0.0005)


def test_nothing_for_everybody_is_hard_to_beat_by_absolute_error(cdnow: CDNow) -> None:
    found = judge(np.zeros(len(cdnow.later)), cdnow.later.to_numpy())
    assert found.mean_absolute_error == pytest.approx(0.798, abs=0.0005)
    assert found.bias == -1
    assert np.isnan(found.correlation)


def test_who_buys_later_is_told_this_often(cdnow: CDNow, pareto: ParetoNBD) -> None:
    buys = cdnow.later.to_numpy() > 0
    here = Hiatus(26 * WEEK).is_here(cdnow.customers) == 1
    alive = pareto.probability_alive(cdnow.customers) > 0.5
    assert (here == buys).mean() == pytest.approx(0.771, abs=0.0005)
    assert (alive == buys).mean() == pytest.approx(0.774, abs=0.0005)
    assert 1 - buys.mean() == pytest.approx(0.710, abs=0.0005)
