"""The A/A held against the procedure itself, draw by draw, and against what is known of chance."""

from importlib import import_module

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from regulars import Shop
from regulars.offers import Experiment, analyse, base_of, decide, read_experiments, without_offer
from regulars.offers.effects import EVERYONE, aggregate, effects
from regulars.offers.placebo import Placebo, placebo
from regulars.offers.plan import Decision
from regulars.offers.registry import OfferError
from regulars.offers.validity import balance, sample_ratio

module = import_module("regulars.offers.placebo")  # of the same name as its function
DEMO = read_experiments("demo")[0]
SEGMENTS = ["at-risk", "high-value repeat", "new", "returning"]


def people(
    seed: int, n: int, conversion: float = 0.3, parts: tuple[float, ...] = (0.3, 0.2, 0.05, 0.45)
) -> pd.DataFrame:
    """Zero-inflated, heavy-tailed spend that nothing changes, and what it was before."""
    rng = np.random.default_rng(seed)
    taste = rng.lognormal(0, 0.7, n)
    spend, before = (taste * rng.lognormal(3, 1, n) * (rng.random(n) < conversion) for _ in range(2))
    return pd.DataFrame(
        {
            "customer_id": [f"{i:06d}" for i in range(n)],
            "segment": rng.choice(SEGMENTS, n, p=parts),
            "profit": spend.round(2),
            "pre_profit": before.round(2),
            "pre_revenue": (4 * before).round(2),
            "pre_conversion": (before > 0) * 1.0,
            "conversion": (spend > 0) * 1.0,
        }
    )


def plan(family: str = "segments", shares: tuple[float, ...] = (1, 1, 1), **changes: object) -> Experiment:
    arms = {
        name: arm.model_copy(update={"share": share})
        for (name, arm), share in zip(DEMO.arms.items(), shares, strict=True)
    }
    return DEMO.model_copy(update={"family": family, "arms": arms, **changes})


def by_hand(base: pd.DataFrame, arms: np.ndarray, experiment: Experiment) -> tuple[bool, bool, bool, bool]:
    """One draw, judged by the functions that judge a test."""
    drawn = base.assign(arm=np.array(list(experiment.arms), dtype=object)[arms])
    checks, alike = sample_ratio(drawn, experiment), balance(drawn)
    table = effects(aggregate(nw.from_native(drawn).lazy(), ["profit"]), experiment.control, experiment.alpha)
    decided = decide(table, experiment, valid=bool(checks["passed"].all()) and alike.passed)
    family = decided["verdict"].notna()
    return (
        bool(decided["verdict"].isin(["roll out", "stop"]).any()),
        not checks["passed"].all(),
        not alike.passed,
        bool((decided.loc[family, "cuped_p"] < experiment.alpha).any()),
    )


@pytest.mark.parametrize(
    ("family", "shares", "changes"),
    [
        ("segments", (1, 1, 1), {}),
        ("both", (8, 1, 1), {"minimum_buyers": 15, "adjust": "bh"}),
        ("everyone", (2, 1, 1), {"decision": Decision(minimum_effect=8.0)}),
    ],
)
def test_each_draw_is_judged_as_a_test_would_be(
    family: str, shares: tuple[float, ...], changes: dict[str, object]
) -> None:
    rng = np.random.default_rng(8)
    experiment, base = plan(family, shares, **changes), people(1, 900)
    drawn = next(module._assigned(rng, 20, len(base), experiment))
    base.loc[base["segment"] == "new", ["profit", "conversion"]] = 0.0
    # Draws that are more and more wrong: too many in one arm, who spent more before, or later.
    for number, (column, chance) in enumerate(
        [("conversion", 0.1), ("conversion", 0.2), ("pre_profit", 0.15), ("pre_profit", 0.3)] * 3
    ):
        moved = (base[column] > 0).to_numpy() & (rng.random(len(base)) < chance)
        drawn[number, moved] = 1 + number % 2
    drawn[12, rng.random(len(base)) < 0.15] = 0
    drawn[13] = 0
    drawn[14] = np.where(drawn[14] == 1, 0, drawn[14])
    # Draws of the right sizes, in which who spends more tends to be in the same arm.
    for number in range(15, 20):
        order = np.argsort(base["profit"] + rng.normal(0, 60 * (number - 14), len(base)))
        drawn[number, order] = np.sort(drawn[number])
    found = module._judge(module._as_arrays(base, experiment), drawn, experiment)
    expected = [by_hand(base, arms, experiment) for arms in drawn]
    assert found.to_numpy().tolist() == [list(row) for row in expected]
    assert found.any().all() and not found.all().any()


def test_a_draw_whose_checks_fail_has_no_verdict() -> None:
    # Who spent more before is in one arm, and spends more again: an effect, were it not for the balance before.
    base = people(12, 3000)
    before = base["pre_profit"].rank(method="first").to_numpy()
    rng = np.random.default_rng(0)
    drawn = np.zeros((1, 3000), dtype=np.int8)
    drawn[0, np.argsort(before + rng.normal(0, 3000, 3000))] = np.repeat([0, 1, 2], 1000)
    base["profit"] += 40.0 * (drawn[0] == 2)
    found = module._judge(module._as_arrays(base, DEMO), drawn, DEMO).iloc[0]
    assert found.to_dict() == {
        "any_verdict": False,
        "ratio_doubted": False,
        "balance_doubted": True,
        "any_raw": True,
    }
    sound = base.assign(pre_profit=0.0, pre_revenue=0.0, pre_conversion=0.0)
    assert module._judge(module._as_arrays(sound, DEMO), drawn, DEMO)["any_verdict"].all()


@pytest.mark.parametrize(("effect", "claimed"), [(-3.0, True), (3.0, False), (8.0, True)])
def test_a_gain_below_the_registered_minimum_is_no_claim(effect: float, claimed: bool) -> None:
    experiment = plan("everyone", decision=Decision(minimum_effect=8.0))
    table = pd.DataFrame(
        {
            "segment": 1,
            "arm": experiment.treated,
            "n": 100,
            "buyers": 50,
            "buyers_control": 50,
            "cuped_p": [1e-9, 0.9],
            "cuped_effect": effect,
        }
    )
    verdict, raw = module._claims(table, 1, 1, experiment)
    assert (verdict.tolist(), raw.tolist()) == ([claimed], [True])


def test_equal_outcomes_have_no_variance_whatever_rounding_leaves() -> None:
    base = people(13, 2000)
    base.loc[base["segment"] == "returning", "profit"] = 0.1
    drawn = next(module._assigned(np.random.default_rng(0), 50, len(base), DEMO))
    table = module._aggregates(module._sums(module._as_arrays(base, DEMO), drawn, 3), DEMO)
    same = table["segment"] % 5 == SEGMENTS.index("returning")
    assert (table.loc[same, "variance"] == 0).all() and same.sum() == 150
    assert (table.loc[~same, "variance"] > 0).all()


def test_rows_blocks_and_a_second_time_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    base = people(2, 700)
    options = {"draws": 50, "random_state": 3}
    first = placebo(base, DEMO, **options)
    shuffled = placebo(base.sample(frac=1, random_state=1), DEMO, **options)
    monkeypatch.setattr(module, "BLOCK", 7 * 700)
    for other in (shuffled, placebo(base.assign(arm="x"), DEMO, **options)):
        pd.testing.assert_frame_equal(first.draws, other.draws)
        pd.testing.assert_frame_equal(first.rates, other.rates)
    assert not placebo(base, DEMO, draws=50, random_state=4).draws.equals(first.draws)


def test_rates_are_those_of_the_draws() -> None:
    found = placebo(people(3, 600), DEMO, draws=80, random_state=1)
    assert found.rates["share"].tolist() == found.draws.mean().tolist()
    for row, (_, draws) in zip(found.rates.itertuples(), found.draws.items(), strict=True):
        assert (row.low, row.high) == proportion_confint(draws.sum(), 80, method="wilson")
    assert found.rates["at_most"].tolist() == pytest.approx([0.05, 0.001, 0.001, np.nan], nan_ok=True)


def within(found: Placebo, question: str, at_most: float) -> bool:
    draws = len(found.draws)
    return found.draws[question].mean() <= at_most + 3 * np.sqrt(at_most * (1 - at_most) / draws)


@pytest.mark.parametrize(
    ("family", "shares", "minimum"), [("segments", (1, 1, 1), 20), ("both", (4, 1, 1), 100)]
)
def test_the_procedure_claims_what_it_may_and_naive_reading_far_more(
    family: str, shares: tuple[float, ...], minimum: int
) -> None:
    base = people(6, 6000, parts=(0.25, 0.25, 0.2, 0.3))
    experiment = plan(family, shares, minimum_buyers=minimum)
    found = placebo(base, experiment, draws=600, random_state=7)
    assert within(found, "any_verdict", 0.05)
    assert within(found, "ratio_doubted", 0.001) and within(found, "balance_doubted", 0.001)
    assert found.draws["any_raw"].mean() > 0.2


def test_an_effect_is_no_longer_one_when_arms_are_drawn_anew() -> None:
    base = people(9, 3000)
    arm = np.random.default_rng(1).integers(0, 2, len(base))
    base["profit"] += 30.0 * arm
    assert within(placebo(base.assign(arm=arm), DEMO, draws=400, random_state=2), "any_verdict", 0.05)


def test_customers_without_segments_to_speak_of_get_no_verdict() -> None:
    found = placebo(people(10, 30), DEMO, draws=30, random_state=0)
    assert not found.draws["any_verdict"].any()
    nobody_before = people(10, 30).assign(pre_profit=0.0, pre_revenue=0.0, pre_conversion=0.0)
    assert not placebo(nobody_before, DEMO, draws=30, random_state=0).draws["balance_doubted"].any()
    nothing = people(10, 300).assign(profit=2.5, pre_profit=1.1)
    assert (
        not placebo(nothing, DEMO, draws=30, random_state=0).draws[["any_verdict", "any_raw"]].any(axis=None)
    )


def test_customers_named_twice_or_none_are_refused() -> None:
    base = people(11, 40)
    with pytest.raises(OfferError, match="1 of 41 rows"):
        placebo(pd.concat([base, base.iloc[:1]]), DEMO, random_state=0)
    with pytest.raises(OfferError, match="0 of 0 rows"):
        placebo(base.iloc[:0], DEMO, random_state=0)


@pytest.mark.slow
def test_on_the_demos_own_customers(demo: Shop) -> None:
    base = base_of(demo, DEMO)
    real = without_offer(analyse(base, DEMO, demo.config.margin_rate))
    bought = demo.config.margin_rate * base["list_revenue"] - (base["list_revenue"] - base["revenue"])
    assert real["profit"].tolist() == pytest.approx(bought.tolist())
    found = placebo(real, DEMO, draws=2000, random_state=20170101)
    assert within(found, "any_verdict", 0.05)
    assert within(found, "ratio_doubted", 0.001) and within(found, "balance_doubted", 0.001)
    assert found.draws["any_raw"].mean() > 0.2
    assert EVERYONE not in set(real["segment"])
