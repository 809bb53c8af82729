"""Models find again what shops were simulated from, and their 95 % intervals contain it as often as they say."""

import numpy as np
import pytest

from tests.value.recovery import MODELS, SHOPS, TRUTH, coverage, fits

SHOPS_SIMULATED = 200
# 95 % of 200 draws, give or take what happens by chance once in thousands of times.
LEAST, MOST = 0.904, 0.995


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_95_percent_interval_contains_the_truth_as_often(model: str) -> None:
    found = coverage(model, SHOPS_SIMULATED, seed=20)
    assert found.index.tolist() == list(TRUTH[model])
    assert found.between(LEAST, MOST).all(), found.to_dict()


@pytest.mark.parametrize("model", MODELS)
def test_a_large_shop_gives_back_what_it_was_simulated_from(model: str) -> None:
    shop = SHOPS[model](np.random.default_rng(3), 15_000, **TRUTH[model])
    fitted = MODELS[model]().fit(shop)
    table = fitted.summary()
    assert fitted.problem_ == ""
    distance = (table["estimate"] - list(TRUTH[model].values())).abs() / table["standard_error"]
    assert distance.max() < 4


def test_the_same_seed_simulates_the_same_shops() -> None:
    first, again = (fits("Gamma-Gamma", 2, seed=5, customers=300) for _ in range(2))
    assert first.equals(again)
    assert first["estimate"].nunique() == len(first)
