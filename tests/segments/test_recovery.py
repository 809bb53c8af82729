"""The right number of clusters where there are groups, and none where there are none: ten seeds of `recovery`."""

import pandas as pd
import pytest

from tests.segments.recovery import found, gaussian, number_found, share, through_marginals

SEEDS = range(10)
# Of ten seeds, a procedure that is right for nineteen of twenty is right for seven at least with probability .999.
ENOUGH = 0.7


@pytest.mark.slow
@pytest.mark.parametrize("groups", [2, 3, 4, 5, 6])
def test_planted_groups_are_found_in_their_number(groups: int) -> None:
    assert share(lambda seed: number_found(groups, seed), SEEDS) >= ENOUGH


@pytest.mark.slow
def test_one_gaussian_is_called_a_continuum() -> None:
    assert share(lambda seed: found(gaussian(seed), seed)[1], SEEDS) >= ENOUGH


@pytest.mark.slow
def test_one_gaussian_through_a_shops_marginals_is_called_a_continuum(
    online_retail_rfm: pd.DataFrame,
) -> None:
    assert share(lambda seed: found(through_marginals(online_retail_rfm, seed), seed)[1], SEEDS) >= ENOUGH


def test_a_planted_number_is_found_and_another_is_not() -> None:
    assert number_found(3, 0)
    assert found(gaussian(0), 0)[1]
