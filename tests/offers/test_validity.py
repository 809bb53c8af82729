"""The check of the assignment: finds a wrong split, seldom doubts a right one, and leaves tiny segments alone."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regulars.offers import Experiment, read_experiments
from regulars.offers.validity import ALPHA, balance, sample_ratio

PLAN = read_experiments("demo")[0]


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


def drawn(rng: np.random.Generator, n: int = 300) -> pd.DataFrame:
    """Three arms by lot, with heavy-tailed money before that says the same twice, and whether there was any."""
    money = rng.lognormal(3, 2, n) * (rng.random(n) < 0.6)
    arms = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame(
        {"arm": arms, "pre_revenue": money, "pre_profit": 0.3 * money, "pre_conversion": money > 0}
    )


def test_one_covariate_is_kruskal_and_walliss_test() -> None:
    table = drawn(np.random.default_rng(1))[["arm", "pre_revenue"]]
    expected = stats.kruskal(*(one["pre_revenue"] for _, one in table.groupby("arm")))
    found = balance(table)
    assert (found.statistic, found.p) == pytest.approx(tuple(expected))
    assert found.freedom == 2


def test_a_sound_draw_is_doubted_as_often_as_stated() -> None:
    rng = np.random.default_rng(2)
    p = np.array([balance(drawn(rng)).p for _ in range(1000)])
    for level in (0.05, 0.01):
        error = np.sqrt(level * (1 - level) / len(p))
        assert abs((p < level).mean() - level) < 3 * error


def test_covariates_that_say_the_same_count_once_and_a_constant_not_at_all() -> None:
    found = balance(drawn(np.random.default_rng(3)).assign(pre_visits=0.0))
    assert found.covariates == ("pre_revenue", "pre_profit", "pre_conversion")
    assert found.freedom == 4
    assert balance(pd.DataFrame({"arm": ["a", "b"], "pre_visits": 0.0})).passed


def test_an_arm_that_got_the_better_customers_is_found() -> None:
    table = drawn(np.random.default_rng(4), 2000)
    table.loc[table["pre_revenue"] > 100, "arm"] = "a"
    assert not balance(table).passed


@pytest.mark.skipif(
    not os.environ.get("REGULARS_RAW"), reason="REGULARS_RAW does not name the folder of the public data"
)
def test_hillstroms_arms_were_alike_before() -> None:
    (path,) = (Path(os.environ["REGULARS_RAW"]) / "hillstrom").glob("*.csv")
    before = pd.read_csv(path)[["segment", "recency", "history", "mens", "womens", "newbie"]]
    found = balance(before.add_prefix("pre_").rename(columns={"pre_segment": "arm"}))
    assert len(found.covariates) == 5
    assert found.p > 0.05
