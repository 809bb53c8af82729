"""Guardrails: a fall beyond the margin must be ruled out, and no evidence of a fall is not enough."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import ttest_ind

from regulars.offers import read_experiments
from regulars.offers.aggregates import aggregate
from regulars.offers.guardrails import guardrails
from regulars.offers.plan import Guardrail

DEMO = read_experiments("demo")[0]


def plan(margin: float) -> object:
    """The demo's experiment with one offer, and revenue guarded."""
    arms = {arm: DEMO.arms[arm] for arm in ("nothing", "ten-percent-off")}
    guarded = (Guardrail(metric="revenue", margin=margin),)
    return DEMO.model_copy(update={"arms": arms, "guardrails": guarded})


def aggregates(treated: np.ndarray, control: np.ndarray) -> pd.DataFrame:
    revenue = np.concatenate([treated, control])
    arm = ["ten-percent-off"] * len(treated) + ["nothing"] * len(control)
    frame = pd.DataFrame(
        {"segment": "a", "arm": arm, "revenue": revenue, "pre_revenue": 0.0, "conversion": 1.0}
    )
    return aggregate(nw.from_native(frame).lazy(), ["revenue"])


def drawn(rng: np.random.Generator, n: int | tuple[int, int], mean: float) -> np.ndarray:
    """Money of customers of whom a third buy."""
    return (rng.random(n) < 1 / 3) * rng.gamma(2.0, mean * 1.5, n)


@pytest.mark.parametrize("margin", [0.01, 0.05, 0.2])
def test_the_p_value_is_welch_s_against_the_control_less_the_margin(margin: float) -> None:
    rng = np.random.default_rng(1)
    one, other = drawn(rng, 400, 9.0), drawn(rng, 700, 10.0)
    found = guardrails(aggregates(one, other), plan(margin)).iloc[0]
    peer = ttest_ind(one, (1 - margin) * other, alternative="larger", usevar="unequal")
    assert found["p"] == pytest.approx(peer[1])
    assert found["change"] == pytest.approx(one.mean() / other.mean() - 1)


def test_no_significant_fall_is_not_enough() -> None:
    rng = np.random.default_rng(2)
    one, other = drawn(rng, 60, 10.0), drawn(rng, 60, 10.0)
    assert ttest_ind(one, other, usevar="unequal")[1] > 0.05
    assert guardrails(aggregates(one, other), plan(0.05))["verdict"].tolist() == ["not shown to hold"]


@pytest.mark.parametrize(("mean", "verdict"), [(10.0, "holds"), (5.0, "broken")])
def test_with_many_customers_it_is_clear(mean: float, verdict: str) -> None:
    rng = np.random.default_rng(3)
    one, other = drawn(rng, 20_000, mean), drawn(rng, 20_000, 10.0)
    assert guardrails(aggregates(one, other), plan(0.1))["verdict"].tolist() == [verdict]


def test_nothing_can_be_tested_where_nobody_bought() -> None:
    found = guardrails(aggregates(np.zeros(50), np.zeros(50)), plan(0.1))
    assert found["verdict"].tolist() == ["cannot be tested"]
    assert found[["change", "p"]].isna().all(axis=None)


@pytest.mark.slow
def test_an_offer_at_the_margin_passes_as_seldom_as_alpha_says() -> None:
    rng, draws, n = np.random.default_rng(4), 2000, 400
    arms = [drawn(rng, (draws, n), mean) for mean in (9.0, 10.0)]
    rows = aggregates(*(arm[0] for arm in arms)).query("segment == 'everyone'").set_index("arm")
    holds = 0
    for treated, control in zip(*arms, strict=True):
        rows.loc["ten-percent-off", ["mean", "variance"]] = treated.mean(), treated.var(ddof=1)
        rows.loc["nothing", ["mean", "variance"]] = control.mean(), control.var(ddof=1)
        holds += guardrails(rows.reset_index(), plan(0.1))["verdict"].iloc[0] == "holds"
    assert abs(holds / draws - 0.025) <= 3 * np.sqrt(0.025 * 0.975 / draws)


def test_an_experiment_without_guardrails_has_none() -> None:
    bare = DEMO.model_copy(update={"guardrails": ()})
    assert guardrails(aggregates(np.ones(3), np.ones(3)), bare).empty
