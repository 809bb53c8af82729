"""The check of the assignment: finds a wrong split, seldom doubts a right one, and leaves tiny segments alone."""

import gc
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regulars.offers import Experiment, read_experiments
from regulars.offers.validity import ALPHA, sample_ratio

PLAN = read_experiments("demo")[0]


@pytest.fixture(scope="module", autouse=True)
def without_garbage_collection() -> Iterator[None]:
    """statsmodels' multipletests collects garbage at every call, a third of a second in a long session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda *_: 0)
        yield


def plan(*shares: float) -> Experiment:
    arms = {
        name: arm.model_copy(update={"share": share})
        for (name, arm), share in zip(PLAN.arms.items(), shares, strict=True)
    }
    return PLAN.model_copy(update={"arms": arms})


def counted(*counts: int, segment: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"segment": segment, "arm": np.repeat(list(PLAN.arms), counts)})


def test_hillstroms_split_has_the_published_p() -> None:
    assert sample_ratio(counted(21306, 21307, 21387), plan(1, 1, 1)).loc["everyone", "p"] == pytest.approx(
        0.9037, abs=5e-5
    )


def test_p_is_scipys_under_the_planned_shares() -> None:
    found = sample_ratio(counted(590, 310, 100), plan(6, 3, 1))
    assert found["p"].tolist() == [stats.chisquare([590, 310, 100], [600, 300, 100]).pvalue] * 2
    assert found["p_adjusted"].tolist() == [min(1, 2 * found["p"].iloc[0])] * 2
    assert found[list(PLAN.arms)].to_numpy().tolist() == [[590, 310, 100]] * 2


@pytest.mark.parametrize(
    ("counts", "passed"), [((1000, 1000, 1000), True), ((1000, 1000, 800), False), ((0, 900, 900), False)]
)
def test_a_wrong_split_does_not_pass(counts: tuple[int, int, int], passed: bool) -> None:
    found = sample_ratio(counted(*counts), plan(1, 1, 1))
    assert found["passed"].tolist() == [passed] * 2


def test_one_broken_segment_is_named() -> None:
    both = pd.concat([counted(500, 500, 500), counted(100, 100, 20, segment="b")])
    assert sample_ratio(both, plan(1, 1, 1))["passed"].to_dict() == {"a": True, "b": False, "everyone": True}


def test_a_segment_too_small_for_chi_square_is_not_tested() -> None:
    """One of five customers in an arm with two per cent happens by luck in one case of ten."""
    both = pd.concat([counted(960, 20, 20), counted(4, 1, 0, segment="b")])
    found = sample_ratio(both, plan(96, 2, 2))
    assert np.isnan(found.loc["b", "p"])
    assert found["passed"].all()


@pytest.mark.parametrize("shares", [(1, 1, 1), (8, 1, 1), (96, 2, 2)])
def test_a_sound_assignment_is_hardly_ever_doubted(shares: tuple[float, ...]) -> None:
    rng, draws, doubted = np.random.default_rng(1), 150, 0
    segment = np.repeat(["large", "middle", "small", "tiny"], [1500, 500, 21, 5])
    for _ in range(draws):
        arm = rng.choice(list(PLAN.arms), size=len(segment), p=np.array(shares) / sum(shares))
        doubted += not sample_ratio(pd.DataFrame({"segment": segment, "arm": arm}), plan(*shares))[
            "passed"
        ].all()
    assert doubted <= stats.binom.ppf(0.999, draws, ALPHA)
