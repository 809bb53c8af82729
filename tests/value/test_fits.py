"""Fits change with nothing that says nothing, and what cannot be fitted is refused in words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from regulars.value import BetaGeo, GammaGamma, ModelError, ParetoNBD
from regulars.value.likelihood import MaximumLikelihood
from regulars.value.purchases import PurchaseModel
from tests.value.recovery import MODELS, SHOPS, TRUTH, history, observed, purchase_times

Model = type[MaximumLikelihood]

PURCHASES: list[type[PurchaseModel]] = [BetaGeo, ParetoNBD]
ALL: list[Model] = [*PURCHASES, GammaGamma]
NAMES = {kind: name for name, kind in MODELS.items()}
# What stands in a unit of the data, by model: the columns, the parameters, and the likelihood's density in that unit.
IN_UNIT: dict[Model, tuple[list[str], list[str], str]] = {
    BetaGeo: (["recency", "T"], ["alpha"], "frequency"),
    ParetoNBD: (["recency", "T"], ["alpha", "beta"], "frequency"),
    GammaGamma: (["monetary_value"], ["v"], "one"),
}


def shop(model: Model, customers: int = 1500, seed: int = 1) -> pd.DataFrame:
    """Customers like CDNOW's, to the day or cent, so that some are equal."""
    name = NAMES[model]
    found = SHOPS[name](np.random.default_rng(seed), customers, **TRUTH[name])
    return found.round(1)


def frame(rows: list[tuple[float, float, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frequency", "recency", "T"], dtype=float)


def loyal(
    customers: int, seed: int, leaving: float = 0.0, r: float = 2.0, alpha: float = 4.0
) -> pd.DataFrame:
    """Customers who buy at rates of their own and all leave with one probability."""
    rng = np.random.default_rng(seed)
    T, rate = observed(rng, customers), rng.gamma(r, 1 / alpha, customers)
    return history(purchase_times(rng, rate, T, lambda luck: luck < leaving), T)


def same(first: MaximumLikelihood, second: MaximumLikelihood, rel: float = 1e-5) -> None:
    assert first.params_ == pytest.approx(second.params_, rel=rel)
    assert first.standard_errors_ == pytest.approx(second.standard_errors_, rel=100 * rel)
    assert first.loglik_ == pytest.approx(second.loglik_, rel=1e-9)
    assert first.n_customers_ == second.n_customers_


@pytest.mark.parametrize("model", ALL)
@given(seed=st.integers(0, 1000))
@settings(max_examples=3)
def test_row_order_changes_nothing(model: Model, seed: int) -> None:
    table = shop(model)
    fitted, again = model().fit(table), model().fit(table.sample(frac=1, random_state=seed))
    assert fitted.params_ == again.params_
    assert fitted.standard_errors_ == again.standard_errors_


@pytest.mark.parametrize("model", ALL)
@given(factor=st.sampled_from([1e-6, 1 / 7, 1e9]))
@settings(max_examples=3)
def test_the_unit_of_time_or_money_changes_nothing_but_what_is_in_it(model: Model, factor: float) -> None:
    columns, in_unit, density = IN_UNIT[model]
    table = shop(model)
    fitted = model().fit(table)
    again = model().fit(table.assign(**{name: table[name] * factor for name in columns}))
    expected = {name: value * (factor if name in in_unit else 1) for name, value in fitted.params_.items()}
    assert again.params_ == pytest.approx(expected, rel=1e-5)
    densities = table.assign(one=1.0)[density].sum()
    assert again.loglik_ == pytest.approx(fitted.loglik_ - densities * np.log(factor), rel=1e-8)
    np.testing.assert_allclose(again.covariance_, fitted.covariance_, rtol=1e-3)


@pytest.mark.parametrize("model", ALL)
def test_a_weight_is_so_many_customers(model: Model) -> None:
    table = shop(model)
    weight = np.random.default_rng(2).integers(0, 4, len(table))
    replicated = table.loc[table.index.repeat(weight)]
    same(model().fit(table, sample_weight=weight), model().fit(replicated))


@pytest.mark.parametrize("model", ALL)
def test_twice_the_base_halves_the_variances(model: Model) -> None:
    table = shop(model)
    fitted, twice = model().fit(table), model().fit(pd.concat([table, table]))
    assert twice.params_ == pytest.approx(fitted.params_, rel=1e-5)
    assert twice.loglik_ == pytest.approx(2 * fitted.loglik_)
    np.testing.assert_allclose(twice.covariance_, fitted.covariance_ / 2, rtol=1e-3)


@pytest.mark.parametrize("model", ALL)
def test_a_frame_may_have_its_columns_anywhere_and_an_array_in_their_order(model: Model) -> None:
    table = shop(model)
    fitted = model().fit(table)
    same(fitted, model().fit(table.to_numpy()))
    same(fitted, model().fit(table[table.columns[::-1]].assign(customer_id="c")))


@pytest.mark.parametrize("model", ALL)
def test_a_fit_is_a_maximum_and_its_log_likelihood_the_sum_of_the_rows(model: Model) -> None:
    table = shop(model)
    fitted = model().fit(table)
    assert fitted.problem_ == ""
    assert fitted.loglik_ == pytest.approx(fitted.log_likelihood(table).sum())
    for name in fitted.names:
        for factor in (0.97, 1.03):
            moved = fitted.with_params(**{**fitted.params_, name: fitted.params_[name] * factor})
            assert moved.log_likelihood(table).sum() < fitted.loglik_


@pytest.mark.parametrize("model", ALL)
def test_standard_errors_are_those_of_second_differences(model: Model) -> None:
    """The Hessian of the log-likelihood itself by the parameters, not of the analytic gradient by their logarithms."""
    table = shop(model)
    fitted = model().fit(table)
    at = np.array(list(fitted.params_.values()))

    def loglik(params: Any) -> float:
        return float(
            fitted.with_params(**dict(zip(fitted.names, params, strict=True))).log_likelihood(table).sum()
        )

    steps = 1e-3 * np.diag(at)
    hessian = [
        [
            (loglik(at + i + j) - loglik(at + i - j) - loglik(at - i + j) + loglik(at - i - j))
            / (4 * i.sum() * j.sum())
            for j in steps
        ]
        for i in steps
    ]
    expected = np.sqrt(np.diag(np.linalg.inv(-np.array(hessian))))
    np.testing.assert_allclose(list(fitted.standard_errors_.values()), expected, rtol=0.01)


@pytest.mark.parametrize("model", ALL)
def test_a_model_can_be_cloned_and_says_if_it_was_not_fitted(model: Model) -> None:
    fitted = model().fit(shop(model))
    cloned = clone(fitted)
    assert isinstance(cloned, model)
    assert not hasattr(cloned, "params_")
    with pytest.raises(ValueError, match="not fitted"):
        cloned.summary()


@pytest.mark.parametrize("model", ALL)
def test_a_summary_has_an_estimate_and_its_interval_for_each_parameter(model: Model) -> None:
    fitted = model().fit(shop(model))
    table = fitted.summary()
    assert table.index.tolist() == list(model.names)
    assert table.index.name == "parameter"
    assert table.columns.tolist() == ["estimate", "standard_error", "low", "high"]
    # On the log scale: as far down as up.
    np.testing.assert_allclose(table["low"] * table["high"], table["estimate"] ** 2)
    reach = 1.959964 * np.sqrt(np.diag(fitted.covariance_))
    np.testing.assert_allclose(np.log(table["high"] / table["estimate"]), reach, rtol=1e-6)


@pytest.mark.parametrize("model", ALL)
def test_parameters_are_drawn_with_the_covariance(model: Model) -> None:
    fitted = model().fit(shop(model))
    rng = np.random.default_rng(3)
    draws = np.log([list(fitted.drawn(rng).params_.values()) for _ in range(3000)])
    whiten = np.linalg.inv(np.linalg.cholesky(fitted.covariance_))
    white = (draws - np.log(list(fitted.params_.values()))) @ whiten.T
    np.testing.assert_allclose(white.mean(axis=0), 0, atol=5 / np.sqrt(len(draws)))
    np.testing.assert_allclose(np.cov(white.T), np.eye(len(model.names)), atol=0.13)


@pytest.mark.parametrize("model", PURCHASES)
def test_drawn_purchases_have_the_expected_mean(model: type[PurchaseModel]) -> None:
    one = model().with_params(**TRUTH[NAMES[model]])
    rows = frame(
        [(0, 0, 30), (1, 3, 35), (2, 30.43, 38.86), (9, 36, 38), (60, 38, 39), (3, 0.5, 30), (0, 0, 0)]
    )
    times = 60_000
    drawn = one.draw_purchases(rows.loc[rows.index.repeat(times)], 39.0, np.random.default_rng(4))
    drawn = drawn.reshape(len(rows), times)
    assert (drawn == np.floor(drawn)).all()
    error = drawn.std(axis=1) / np.sqrt(times)
    distance = (drawn.mean(axis=1) - one.expected_purchases(rows, 39.0)) / error
    assert np.abs(distance).max() < 4.5


@pytest.mark.parametrize("model", PURCHASES)
def test_customers_simulated_from_first_principles_buy_as_often_as_expected(
    model: type[PurchaseModel],
) -> None:
    rng = np.random.default_rng(5)
    params, n, horizon = TRUTH[NAMES[model]], 100_000, 26.0
    T = observed(rng, n)
    rate = rng.gamma(params["r"], 1 / params["alpha"], n)
    if model is BetaGeo:
        leaving = rng.beta(params["a"], params["b"], n)
        times = np.array(purchase_times(rng, rate, T + horizon, lambda luck: luck < leaving))
    else:
        left = rng.exponential(size=n) / rng.gamma(params["s"], 1 / params["beta"], n)
        times = np.array(purchase_times(rng, rate, np.minimum(left, T + horizon), np.zeros_like))
    later = (times > T).sum(axis=0)
    past = history(list(np.where(times <= T, times, np.nan)), T)
    expected = model().with_params(**params).expected_purchases(past, horizon)
    # By what was seen of them: number of purchases, and how long they have been silent.
    groups = [past["frequency"].clip(upper=5), (past["T"] - past["recency"]) // 13]
    table = pd.DataFrame({"more": later - expected}).groupby(groups)["more"].agg(["mean", "std", "size"])
    table = table[table["size"] > 300]
    assert len(table) > 8
    assert (table["mean"].abs() / (table["std"] / np.sqrt(table["size"]))).max() < 4


def test_drawn_spend_has_the_expected_mean() -> None:
    model = GammaGamma().with_params(**TRUTH["Gamma-Gamma"])
    rows = pd.DataFrame({"frequency": [1.0, 2, 10, 300, 0], "monetary_value": [20.0, 90, 35, 50, 0]})
    times, bought = 60_000, np.array([1.0, 3, 5, 2, 4])
    repeated = rows.loc[rows.index.repeat(times)]
    drawn = model.draw_spend(repeated, np.repeat(bought, times), np.random.default_rng(6)).reshape(-1, times)
    error = drawn.std(axis=1) / np.sqrt(times)
    assert (np.abs(drawn.mean(axis=1) - bought * model.expected_value(rows)) / error).max() < 4.5
    assert (model.draw_spend(rows, np.zeros(5), np.random.default_rng(6)) == 0).all()


@pytest.mark.parametrize("model", PURCHASES)
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(3, 5, 9), (-1, 0, 9)], "No customer can have frequency -1, recency 0 and T 9"),
        ([(3, 5, 9), (2, 10, 9)], "No customer can have frequency 2, recency 10 and T 9"),
        ([(3, 5, 9), (0, 4, 9)], "No customer can have frequency 0, recency 4 and T 9"),
        ([(3, 5, 9), (1.5, 4, 9)], "No customer can have frequency 1.5"),
        ([(3, 5, 9), (1, -4, 9)], "No customer can have frequency 1, recency -4"),
        ([(3, 5, 9), (1, np.nan, 9)], "Row 1 has a value that is no number: [1.0, nan, 9.0]"),
        ([(3, 5, 9), (1, 4, np.inf)], "Row 1 has a value that is no number: [1.0, 4.0, inf]"),
        ([(3, 5, 9)], "One customer tells nothing"),
        ([(0, 0, 9), (0, 0, 5), (0, 0, 0)], "Nobody came back"),
        ([(0, 0, 0), (0, 0, 0)], "Nobody came back"),
        ([], "Nobody came back"),
    ],
)
def test_impossible_customers_are_refused_in_words(
    model: type[PurchaseModel], rows: list[tuple[float, float, float]], words: str
) -> None:
    with pytest.raises(ModelError, match=re.escape(words)):
        model().fit(frame(rows))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(1, 10.0), (0, 10.0)], "needs customers with a purchase"),
        ([(1, 10.0), (2, 0.0)], "amounts above zero"),
        ([(1, 10.0), (2, -3.0)], "amounts above zero"),
        ([(1, 10.0), (2, np.nan)], "Row 1 has a value that is no number"),
        ([(1, 10.0)], "One customer tells nothing"),
    ],
)
def test_impossible_amounts_are_refused_in_words(rows: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        GammaGamma().fit(pd.DataFrame(rows, columns=["frequency", "monetary_value"]))


@pytest.mark.parametrize("model", ALL)
def test_a_missing_column_is_named(model: Model) -> None:
    table = shop(model)
    last = table.columns[-1]
    with pytest.raises(ModelError, match=f"{model.__name__} needs the columns .*; {last} is not there"):
        model().fit(table.drop(columns=last))
    with pytest.raises(ModelError, match=f"needs the columns {', '.join(model.columns)}; given was"):
        model().fit(table.to_numpy()[:, 1:])


ONE_TIMERS_ON_THE_LAST_DAY = [(0.0, 0.0, 0.0)] * 50


def extremes() -> dict[str, pd.DataFrame]:
    base = shop(BetaGeo, 400)
    return {
        "some came on the last day": pd.concat([base, frame(ONE_TIMERS_ON_THE_LAST_DAY)]),
        "nobody was observed for any time, and yet they came back": frame([(1, 0, 0), (2, 0, 0)] * 20),
        "two customers": frame([(3, 2, 5), (1, 1, 9)]),
        "all alike": frame([(3, 20, 25)] * 100),
        "everybody bought at the last moment": base[base["frequency"] > 0].assign(recency=lambda d: d["T"]),
        "hundreds of purchases": loyal(300, 7, 0.004, 5.0, 0.4),
        "one with thousands": pd.concat([base, frame([(5000, 30, 35)])]),
        "seconds": base.assign(recency=base["recency"] * 604_800, T=base["T"] * 604_800),
        "one observed for ever": pd.concat([base, frame([(3, 10, 1e6)])]),
        "nobody leaves": loyal(1000, 8),
        "all leave with one probability, which is found": loyal(1000, 4, 0.1),
        "all leave at once": loyal(1000, 9, 1.0),
    }


@pytest.mark.parametrize("name", extremes())
@pytest.mark.parametrize("model", PURCHASES)
def test_extremes_are_finite_or_refused(model: type[PurchaseModel], name: str) -> None:
    table = extremes()[name]
    try:
        fitted = model().fit(table)
    except ModelError as refused:
        assert str(refused).endswith(".")
        return
    if not fitted.problem_:
        assert fitted.summary().gt(0).all(axis=None)
        assert np.isfinite(fitted.summary()).all(axis=None)
        rng = np.random.default_rng(0)
        forecasts = [
            fitted.expected_purchases(table, 26.0 * table["T"].mean() / 39),
            fitted.probability_alive(table),
            fitted.drawn(rng).draw_purchases(table, 26.0, rng),
        ]
        assert all((np.isfinite(one) & (one >= -1e-8)).all() for one in forecasts)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("model", PURCHASES)
def test_a_shop_whose_customers_never_leave_is_said_to_be_one(model: type[PurchaseModel], seed: int) -> None:
    fitted = model().fit(loyal(1000, seed))
    assert re.search("nobody ever leaves|flat in some direction|ran away", fitted.problem_)
    if model is BetaGeo:
        assert "nobody ever leaves" in fitted.problem_


@pytest.mark.parametrize("name", ["one amount", "one scale", "two customers", "no mean"])
def test_amounts_that_tell_too_little_are_a_problem(name: str) -> None:
    rng = np.random.default_rng(1)
    bought = rng.geometric(0.4, 500).astype(float)
    means = {
        "one amount": np.full(500, 10.0),
        "one scale": rng.gamma(6 * bought, 1 / bought),
        "two customers": np.array([3.0, 4.0]),
        "no mean": np.exp(rng.normal(0, 3, 500)),
    }[name]
    fitted = GammaGamma().fit(pd.DataFrame({"frequency": bought[: len(means)], "monetary_value": means}))
    assert re.search("no mean" if name == "no mean" else "flat in some direction|ran away", fitted.problem_)


@pytest.mark.parametrize("seed", range(8))
def test_what_runs_beyond_a_million_is_a_problem(seed: int) -> None:
    """There the likelihood is flat but for rounding, which may bend it like a maximum; in units of the mean T or amount."""
    rng = np.random.default_rng(seed)
    bought = rng.geometric(0.4, 500).astype(float)
    alike = pd.DataFrame({"frequency": bought, "monetary_value": rng.gamma(6 * bought, 1 / bought)})
    two = pd.DataFrame({"frequency": bought[:2], "monetary_value": [3.0, 4.0]})
    fits = [GammaGamma().fit(alike), GammaGamma().fit(two), BetaGeo().fit(loyal(1000, seed, 0.1))]
    for fitted in fits:
        assert fitted.problem_ or max(fitted.params_.values()) < 1e7


@pytest.mark.parametrize("seed", [2, 4])
def test_a_fit_without_a_problem_has_forecasts_for_everybody(seed: int) -> None:
    """One probability of leaving for all: a and b run far, and what is forecast hangs on their ratio alone."""
    rng = np.random.default_rng(seed)
    T = rng.uniform(27, 39, 1000)
    rate = rng.gamma(2.0, 1 / 4.0, 1000)
    table = history(purchase_times(rng, rate, T, lambda luck: luck < 0.1), T)
    fitted = BetaGeo().fit(table)
    assert fitted.params_["a"] > 100
    assert fitted.problem_ or np.isfinite(fitted.expected_purchases(table, 39.0)).all()
