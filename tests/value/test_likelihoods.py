"""Likelihoods, gradients and forecasts, held against slow versions made of the papers' formulas for one customer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.value import BetaGeo, GammaGamma, ModelError, ParetoNBD
from regulars.value.likelihood import MaximumLikelihood
from regulars.value.purchases import PurchaseModel
from tests.value.slow import (
    beta_geo_expected,
    beta_geo_parts,
    gamma_gamma_loglik,
    pareto_expected,
    pareto_parts,
    pareto_published,
)

Row = tuple[float, float, float]

HISTORIES: list[Row] = [  # x, t_x, T
    (0, 0.0, 38.86),
    (2, 30.43, 38.86),
    (5, 38.86, 38.86),
    (0, 0.0, 0.0),
    (0, 0.0, 1e5),
    (3, 12.0, 1e5),
    (7, 99_999.0, 1e5),
    (300, 50.0, 52.0),
    (400, 10.0, 300.0),
    (900, 1e4, 1e5),
]
PURCHASES = {
    BetaGeo: [
        [0.243, 4.414, 0.793, 2.426],
        [0.5, 10.0, 1.0, 3.0],
        [0.5, 10.0, 1 + 1e-7, 3.0],
        [0.5, 10.0, 1 - 1e-5, 3.0],
        [3.0, 0.2, 0.05, 0.4],
        [2.1, 80.0, 12.3, 40.7],
        [0.7, 3.0, 0.3, 0.7],  # a + b = 1
    ],
    ParetoNBD: [
        [0.553, 10.578, 0.606, 11.669],
        [0.553, 40.0, 0.606, 3.0],
        [2.0, 7.0, 1.0, 7.0],
        [0.8, 3.0, 1 + 1e-8, 30.0],
        [0.8, 3.0, 1 - 1e-6, 30.0],
        [8.0, 100.0, 9.0, 0.5],
        [0.05, 0.3, 4.0, 900.0],
    ],
}
CASES = [(model, params) for model, several in PURCHASES.items() for params in several]
PARTS = {BetaGeo: beta_geo_parts, ParetoNBD: pareto_parts}
EXPECTED = {BetaGeo: beta_geo_expected, ParetoNBD: pareto_expected}

AMOUNTS = [(1.0, 12.5), (3.0, 40.0), (1.0, 0.01), (2.0, 1e6), (250.0, 33.0), (900.0, 5e3)]
WORTHS = [[6.25, 3.74, 15.44], [0.4, 1.2, 90.0], [80.0, 30.0, 11.0], [2.0, 1 + 1e-6, 20.0]]

positive = st.floats(-2, 3).map(np.exp)


@st.composite
def histories(draw: st.DrawFn) -> Row:
    T = draw(st.floats(0.1, 500))
    x = draw(st.integers(0, 60))
    return (x, draw(st.floats(0.01, 1)) * T if x else 0.0, T)


def frame(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frequency", "recency", "T"], dtype=float)


def amounts(rows: list[tuple[float, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frequency", "monetary_value"], dtype=float)


def given_params(model: type[MaximumLikelihood], params: list[float]) -> MaximumLikelihood:
    return model().with_params(**dict(zip(model.names, params, strict=True)))


def purchasing(model: type[PurchaseModel], params: list[float]) -> PurchaseModel:
    found = given_params(model, params)
    assert isinstance(found, PurchaseModel)
    return found


@pytest.mark.parametrize(("model", "params"), CASES)
def test_the_likelihood_is_that_of_one_customer_integrated_over_customers(
    model: type[PurchaseModel], params: list[float]
) -> None:
    slow = [np.logaddexp(*PARTS[model](params, *row)) for row in HISTORIES]
    found = purchasing(model, params).log_likelihood(frame(HISTORIES))
    np.testing.assert_allclose(found, slow, rtol=1e-10, atol=1e-7)


@pytest.mark.parametrize("params", PURCHASES[ParetoNBD])
def test_the_pareto_likelihood_is_the_published_one(params: list[float]) -> None:
    rows = [
        row for row in HISTORIES if 0 < row[2] < 100 and row[0] < 100
    ]  # where its hypergeometric functions are good
    found = purchasing(ParetoNBD, params).log_likelihood(frame(rows))
    np.testing.assert_allclose(found, [pareto_published(params, *row) for row in rows], rtol=1e-7)


@pytest.mark.parametrize(("model", "params"), CASES)
def test_who_is_alive_is_the_share_of_the_likelihood_of_being_there(
    model: type[PurchaseModel], params: list[float]
) -> None:
    parts = np.array([PARTS[model](params, *row) for row in HISTORIES])
    found = purchasing(model, params).probability_alive(frame(HISTORIES))
    np.testing.assert_allclose(found, np.exp(parts[:, 0] - np.logaddexp(*parts.T)), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("horizon", [0.5, 39.0, 5_000.0])
@pytest.mark.parametrize(("model", "params"), CASES)
def test_expected_purchases_are_those_of_one_customer_integrated_over_customers(
    model: type[PurchaseModel], params: list[float], horizon: float
) -> None:
    slow = [EXPECTED[model](params, *row, horizon) for row in HISTORIES]
    found = purchasing(model, params).expected_purchases(frame(HISTORIES), horizon)
    np.testing.assert_allclose(found, slow, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("model", "params"), CASES)
def test_in_no_time_nobody_buys(model: type[PurchaseModel], params: list[float]) -> None:
    found = purchasing(model, params).expected_purchases(frame(HISTORIES), 0.0)
    np.testing.assert_allclose(found, 0, atol=1e-8)


@pytest.mark.parametrize("params", [[0.5, 10.0, 300.0, 900.0], [0.5, 10.0, 1e5, 3e5]])
def test_customers_who_are_alike_in_leaving_have_a_forecast(params: list[float]) -> None:
    """With one probability of leaving for all, a and b run to infinity: their ratio alone matters."""
    rows: list[Row] = [(0, 0.0, 30.0), (2, 20.0, 30.0), (9, 50.0, 52.0), (300, 50.0, 52.0)]
    found = purchasing(BetaGeo, params).expected_purchases(frame(rows), 13.0)
    slow = [beta_geo_expected(params, *row, 13.0) for row in rows]
    np.testing.assert_allclose(found, slow, rtol=1e-5, atol=1e-12)


@given(st.sampled_from([BetaGeo, ParetoNBD]), st.tuples(*[positive] * 4), histories())
@settings(max_examples=60)
def test_any_history_has_the_slow_likelihood(
    model: type[PurchaseModel], params: tuple[float, ...], row: Row
) -> None:
    parts = PARTS[model](list(params), *row)
    found = purchasing(model, list(params))
    np.testing.assert_allclose(found.log_likelihood(frame([row])), np.logaddexp(*parts), rtol=1e-9, atol=1e-8)
    alive = found.probability_alive(frame([row]))
    np.testing.assert_allclose(alive, np.exp(parts[0] - np.logaddexp(*parts)), rtol=1e-7)
    expected = found.expected_purchases(frame([row]), 26.0)
    np.testing.assert_allclose(expected, EXPECTED[model](list(params), *row, 26.0), rtol=1e-5)


@pytest.mark.parametrize("params", WORTHS)
def test_the_density_of_mean_amounts_is_that_of_one_customer_integrated_over_customers(
    params: list[float],
) -> None:
    found = given_params(GammaGamma, params).log_likelihood(amounts(AMOUNTS))
    np.testing.assert_allclose(found, [gamma_gamma_loglik(params, *row) for row in AMOUNTS], rtol=1e-9)


@pytest.mark.parametrize("params", WORTHS)
def test_the_expected_amount_is_integrated_over_customers(params: list[float]) -> None:
    model = GammaGamma().with_params(**dict(zip(GammaGamma.names, params, strict=True)))
    slow = [gamma_gamma_loglik(params, *row, 1.0) - gamma_gamma_loglik(params, *row) for row in AMOUNTS]
    np.testing.assert_allclose(model.expected_value(amounts(AMOUNTS)), np.exp(slow), rtol=1e-8)


def test_a_customer_of_whom_nothing_is_known_is_worth_the_mean_and_without_a_mean_it_is_refused() -> None:
    unknown = amounts([(0, 0)])
    assert GammaGamma().with_params(p=6.25, q=3.74, v=15.44).expected_value(unknown) == pytest.approx(
        6.25 * 15.44 / 2.74
    )
    with pytest.raises(ModelError, match=r"no mean by the model: q is 0\.90"):
        GammaGamma().with_params(p=6.25, q=0.9, v=15.44).expected_value(unknown)


@pytest.mark.parametrize(("model", "params"), [*CASES, *((GammaGamma, params) for params in WORTHS)], ids=str)
def test_gradients_are_what_differences_say(model: type[MaximumLikelihood], params: list[float]) -> None:
    table = (amounts(AMOUNTS) if model is GammaGamma else frame(HISTORIES)).to_numpy()
    rows, at = model()._prepared(tuple(table.T)), np.array(params)
    found = model()._rows(at, rows)[1]
    assert found.shape == (len(params), len(table))
    for place, value in enumerate(params):
        step = 1e-5 * value * np.eye(len(params))[place]
        ahead, behind = (model()._rows(at + sign * step, rows)[0] for sign in (1, -1))
        slope = (ahead - behind) / (2e-5 * value)
        scale = 1e-9 * np.abs(ahead) / (2e-5 * value)  # what rounding leaves of a difference
        np.testing.assert_array_less(np.abs(found[place] - slope), 1e-6 * np.abs(slope) + scale + 1e-6)


@pytest.mark.parametrize(("model", "params"), CASES)
def test_after_a_thousand_purchases_in_a_thousand_years_everything_is_finite(
    model: type[PurchaseModel], params: list[float]
) -> None:
    rows = frame([(1000, 5e4, 5.2e4), (1000, 1.0, 5.2e4), (1000, 5.2e4, 5.2e4), (1, 1e-6, 5.2e4)])
    one = purchasing(model, params)
    assert np.isfinite(one.log_likelihood(rows)).all()
    alive = one.probability_alive(rows)
    assert ((alive >= 0) & (alive <= 1)).all()
    expected = one.expected_purchases(rows, 52.0)
    assert (np.isfinite(expected) & (expected >= 0)).all()
    assert alive[2] > alive[0] > alive[1]
