"""Verdicts: Holm over the family, no verdict where there is too little, and the error rate of the whole."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from regulars.offers import decide, read_experiments, worth
from regulars.offers.effects import aggregate, effects
from regulars.offers.plan import Decision

DEMO = read_experiments("demo")[0]
# The same with one offer only, so that a family has as many cells as segments.
PLAN = DEMO.model_copy(update={"arms": {arm: DEMO.arms[arm] for arm in ("nothing", "ten-percent-off")}})


def cells(p: list[float], effect: float = 1.0, buyers: list[int] | int = 100) -> pd.DataFrame:
    """Cells of the primary metric."""
    kind = {
        "metric": "profit",
        "arm": "ten-percent-off",
        "cuped_effect": effect,
        "cuped_se": 1.0,
        "buyers_control": 100,
        "reason": "known",
    }
    segments = [f"s{i}" for i in range(len(p))]
    return pd.DataFrame({"segment": segments, "cuped_p": p, "buyers": buyers} | kind)


def slow_holm(p: list[float]) -> list[float]:
    """Holm 1979: the i-th smallest times the hypotheses left, never below the one before."""
    adjusted, reached = [0.0] * len(p), 0.0
    for place, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        reached = max(reached, min(1.0, (len(p) - place) * p[i]))
        adjusted[i] = reached
    return adjusted


@given(st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=1, max_size=12))
def test_untestable_cells_count_in_holm_as_p_of_one(p: list[float]) -> None:
    found = decide(cells(p), PLAN)["p_adjusted"]
    entered = [1.0 if np.isnan(one) else one for one in p]
    testable = ~np.isnan(p)
    assert found.isna().tolist() == (~testable).tolist()
    np.testing.assert_allclose(found[testable], np.array(slow_holm(entered))[testable])
    np.testing.assert_allclose(found[testable], multipletests(entered, method="holm")[1][testable])


@pytest.mark.parametrize(
    ("p", "effect", "verdict"),
    [
        (0.049, 1, "roll out"),
        (0.049, -1, "stop"),
        (0.051, 1, "keep testing"),
        (float("nan"), 1, "too few buyers"),
    ],
)
def test_the_verdict_of_one_cell(p: float, effect: float, verdict: str) -> None:
    assert decide(cells([p], effect), PLAN)["verdict"].tolist() == [verdict]


@pytest.mark.parametrize(
    ("buyers", "control", "has_one"), [(20, 20, True), (19, 100, False), (100, 19, False)]
)
def test_no_verdict_below_the_minimum_of_buyers_in_either_arm(
    buyers: int, control: int, has_one: bool
) -> None:
    found = decide(cells([1e-9], buyers=buyers).assign(buyers_control=control), PLAN).iloc[0]
    assert (found["verdict"] == "roll out") == has_one
    assert (found["verdict"] == "too few buyers") != has_one
    assert found[["p_adjusted", "detectable"]].notna().tolist() == [has_one] * 2


def test_a_cell_with_too_few_buyers_still_counts() -> None:
    found = decide(cells([0.03, 1e-9], buyers=[100, 5]), PLAN)
    assert found["p_adjusted"].iloc[0] == pytest.approx(0.06)
    assert found["verdict"].tolist() == ["keep testing", "too few buyers"]


def test_a_cell_that_drew_nobody_still_counts() -> None:
    found = decide(cells([0.03]), DEMO)
    assert found["p_adjusted"].iloc[0] == pytest.approx(0.06)
    assert found["verdict"].tolist() == ["keep testing"]


def test_nothing_is_decided_on_an_assignment_that_is_not_valid() -> None:
    found = decide(cells([1e-9, 0.5, float("nan")]), PLAN, valid=False)
    assert found["verdict"].tolist() == ["not valid"] * 3


def test_everyone_and_the_other_metrics_have_no_verdict_and_no_share_in_the_family() -> None:
    family = cells([0.04])
    others = [
        family.assign(segment="everyone"),
        family.assign(metric="revenue"),
        family.assign(metric="conversion"),
    ]
    found = decide(pd.concat([family, *others], ignore_index=True), PLAN)
    assert found["verdict"].tolist()[0] == "roll out"
    assert found.loc[1:, ["verdict", "p_adjusted", "detectable"]].isna().all(axis=None)


def test_a_cell_says_why_it_cannot_be_tested() -> None:
    table = cells([float("nan")] * 2, buyers=[100, 5]).assign(
        reason=["all the same", "one customer in an arm"]
    )
    assert decide(table, PLAN)["verdict"].tolist() == ["all the same", "one customer in an arm"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_false_discoveries_are_adjusted_by_benjamini_and_hochberg_on_request(p: list[float]) -> None:
    found = decide(cells(p), PLAN.model_copy(update={"adjust": "bh"}))["p_adjusted"]
    np.testing.assert_allclose(found, multipletests(p, method="fdr_bh")[1])


def test_an_effect_below_the_registered_minimum_is_not_rolled_out_and_a_harm_is_stopped() -> None:
    plan = PLAN.model_copy(update={"decision": Decision(minimum_effect=1.5)})
    assert decide(cells([1e-9], 1.0), plan)["verdict"].tolist() == ["keep testing"]
    assert decide(cells([1e-9], 2.0), plan)["verdict"].tolist() == ["roll out"]
    assert decide(cells([1e-9], -1.0), plan)["verdict"].tolist() == ["stop"]


@pytest.mark.parametrize("state", ["broken", "not shown to hold", "cannot be tested", "holds"])
def test_no_offer_is_rolled_out_past_a_guardrail_that_is_not_shown_to_hold(state: str) -> None:
    guarded = pd.DataFrame({"arm": ["ten-percent-off", "free-delivery"], "verdict": [state, "broken"]})
    wins, harms = (decide(cells([1e-9], effect), PLAN, guarded=guarded) for effect in (1.0, -1.0))
    assert wins["verdict"].tolist() == ["roll out" if state == "holds" else "guardrail"]
    assert harms["verdict"].tolist() == ["stop"]


def test_worth_is_the_effect_times_the_customers_of_today() -> None:
    table = cells([0.01, 0.01]).assign(cuped_low=0.5, cuped_high=1.5)
    found = worth(table.assign(segmentation="four_core"), pd.DataFrame({"four_core": ["s0"] * 10}))
    assert found.loc[0, ["worth", "worth_low", "worth_high"]].tolist() == [10, 5, 15]
    assert found.loc[1, ["worth", "worth_low", "worth_high"]].tolist() == [0, 0, 0]


def null_test(rng: np.random.Generator, shares: tuple[float, ...], n: int, conversion: float) -> pd.DataFrame:
    """The verdicts on four segments of zero-inflated, heavy-tailed spend that no arm changes."""
    size = 4 * n
    taste = rng.lognormal(0, 0.7, size)
    spend, before = (taste * rng.lognormal(3, 1, size) * (rng.random(size) < conversion) for _ in range(2))
    frame = pd.DataFrame(
        {
            "segment": np.repeat(list("abcd"), n),
            "arm": rng.choice(list(DEMO.arms), size=size, p=shares),
            "profit": spend,
            "pre_profit": before,
            "conversion": (spend > 0).astype(float),
        }
    )
    return decide(effects(aggregate(nw.from_native(frame).lazy(), ["profit"]), DEMO.control), DEMO)


@pytest.mark.slow
@pytest.mark.parametrize(("shares", "n"), [((1 / 3, 1 / 3, 1 / 3), 600), ((0.6, 0.2, 0.2), 1500)])
def test_the_family_wise_error_of_the_whole_procedure(shares: tuple[float, ...], n: int) -> None:
    rng, draws = np.random.default_rng(17), 300
    found = [null_test(rng, shares, n, 0.3)["verdict"] for _ in range(draws)]
    assert np.mean([(one == "keep testing").sum() for one in found]) > 7  # nearly all eight cells are judged
    wrong = np.mean([one.isin(["roll out", "stop"]).any() for one in found])
    assert wrong <= DEMO.alpha + 3 * np.sqrt(DEMO.alpha * (1 - DEMO.alpha) / draws)
