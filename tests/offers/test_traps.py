"""The traps, one by one: what the naive way says, which is wrong, and what ours says, which holds."""

import math
from collections.abc import Callable
from itertools import pairwise, product

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from regulars.offers.decisions import decide
from regulars.offers.differs import heterogeneity, precision_weighted, size_weighted
from regulars.offers.effects import aggregate, effects
from regulars.offers.outcomes import profit
from regulars.offers.pooling import pool
from regulars.offers.relative import lifts, ratio_aggregates, ratio_lifts
from regulars.offers.repeat import kaplan_meier
from regulars.offers.sequences import confidence_sequence
from regulars.offers.validity import sample_ratio
from tests.offers.held import difference, lift, shares
from tests.offers.procedure import EQUAL, plan
from tests.offers.simulations import (
    A_DAY,
    DAYS,
    HAZARD,
    HORIZON,
    counted,
    followed,
    hillstrom_raw,
    looks_of,
    welch_excludes,
    z_of,
)

CONTROL, MENS, WOMENS = "No E-Mail", "Mens E-Mail", "Womens E-Mail"
PLAN = plan(EQUAL, "segments", 20)
TWO_ARMS = PLAN.model_copy(update={"arms": {arm: PLAN.arms[arm] for arm in (CONTROL, MENS)}})


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    found = hillstrom_raw()
    if found is None:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    return found


def near(share: float, runs: int) -> object:
    """The share, give or take three standard errors of so many runs."""
    return pytest.approx(share, abs=3 * math.sqrt(share * (1 - share) / runs))


# Segment read after assignment


def orders_of(seed: int, n: int = 40_000) -> pd.DataFrame:
    """Half of the customers order often, half seldom; an offer adds an order for one in ten, of either half."""
    rng = np.random.default_rng(seed)
    is_active, is_treated = rng.random(n) < 0.5, rng.random(n) < 0.5
    own = rng.poisson(np.where(is_active, 2.5, 0.2))
    orders = own + (is_treated & (rng.random(n) < 0.1))
    after = np.where(orders > 0, "active", "inactive")
    frozen = np.where(is_active, "active", "inactive")
    arm = np.where(is_treated, MENS, CONTROL)
    return pd.DataFrame(
        {"arm": arm, "orders": orders, "frozen": frozen, "after": after, "conversion": orders > 0}
    )


def read_by(segmentation: str, customers: pd.DataFrame) -> tuple[pd.Series, bool]:
    """The effect on the orders of the active, and whether their sample ratio passes."""
    named = customers.rename(columns={segmentation: "segment"})
    found = effects(aggregate(nw.from_native(named).lazy(), ["orders"]), CONTROL).set_index("segment")
    return found.loc["active"], bool(sample_ratio(named, TWO_ARMS).loc["active", "passed"])


def test_a_segment_read_after_the_assignment_hides_the_effect_and_its_sample_ratio_says_so() -> None:
    customers = orders_of(1)
    naive, passed = read_by("after", customers)
    assert naive["effect"] < 0 and naive["high"] < 0.1 and not passed
    ours, passed = read_by("frozen", customers)
    assert ours["p"] < 0.001 and ours["low"] < 0.1 < ours["high"] and passed


# AOV


def test_order_value_falls_where_spend_per_customer_rises(raw: pd.DataFrame) -> None:
    frame = nw.from_native(raw).lazy()
    naive = ratio_lifts(ratio_aggregates(frame, {"aov": ("spend", "conversion")}), CONTROL)
    ours = lifts(aggregate(frame, ["spend"]), CONTROL)
    cell = ("3) $200 - $350", MENS)
    found = [table.set_index(["segment", "arm"]).loc[cell, "lift"] for table in (naive, ours)]
    assert found == pytest.approx([-0.292, 0.575], abs=5e-4)


# Repeat rate under different follow-up


def test_different_follow_up_makes_a_difference_of_shares_and_none_at_a_fixed_day() -> None:
    rng, n = np.random.default_rng(0), 20_000
    arms = followed(rng, (n,), 20, 90), followed(rng, (n,), 50, 75)
    naive = [is_event.mean() for _, is_event in arms]
    ours = [1 - kaplan_meier(*counted(*arm, HORIZON)).waiting[-1] for arm in arms]
    error = math.sqrt(0.25 * 2.5 / n)
    assert naive == [near(0.444, n), near(0.497, n)]
    assert ours == pytest.approx([1 - (1 - HAZARD) ** HORIZON] * 2, abs=3 * error)
    assert ours[0] == pytest.approx(ours[1], abs=3 * error)


def test_false_positives_under_different_follow_up_are_as_promised() -> None:
    rng, draws, n = np.random.default_rng(1), 1500, 300
    treated, control = followed(rng, (draws, n), 20, 90), followed(rng, (draws, n), 55, 75)
    ever = [is_event.mean(axis=-1) for _, is_event in (treated, control)]
    naive = np.abs(ever[0] - ever[1]) / np.sqrt(sum(s * (1 - s) for s in ever) / n)
    assert (naive > 1.96).mean() > 0.15
    assert (np.abs(z_of(treated, control)) > 1.96).mean() == near(0.05, draws)


# Peeking

RUNS = 2000


@pytest.fixture(scope="module")
def nothing() -> pd.DataFrame:
    return looks_of(RUNS, 0)


def share_of_eights(wrong: np.ndarray) -> float:
    return float(wrong.reshape(-1, 8).any(axis=1).mean())


def test_peeking_daily_is_wrong_far_more_often_than_a_look_at_the_end(nothing: pd.DataFrame) -> None:
    excludes = welch_excludes(nothing)
    once, ever = excludes[:, -1], excludes.any(axis=1)
    assert once.mean() == near(0.047, RUNS)
    assert ever.mean() == near(0.278, RUNS)
    assert share_of_eights(once) == near(0.345, RUNS // 8)
    assert share_of_eights(ever) == near(0.925, RUNS // 8)


@pytest.mark.parametrize("sequences", [1, 8])
def test_the_sequence_is_seldom_wrong_on_any_day(nothing: pd.DataFrame, sequences: int) -> None:
    found = confidence_sequence(nothing, "c", planned=2 * A_DAY * DAYS, sequences=sequences)
    wrong = found.groupby("segment")["decided"].last().to_numpy()
    runs = RUNS // sequences
    share = wrong.reshape(-1, sequences).any(axis=1).mean()
    assert share <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    if sequences == 1:
        assert share > 0  # an interval that never errs would be no interval


# The winner's curse


def test_the_best_segment_of_one_half_is_not_the_best_of_the_other(raw: pd.DataFrame) -> None:
    mens = raw[raw["arm"].isin([CONTROL, MENS])]
    promised, kept, pooled = [], [], []
    for seed in range(20):
        first = np.random.default_rng(seed).random(len(mens)) < 0.5
        tables = [effects(aggregate(nw.from_native(half).lazy(), ["spend"]), CONTROL)
                  for half in (mens[first], mens[~first])]  # fmt: skip
        one, other = (table[table["segment"] != "everyone"].reset_index(drop=True) for table in tables)
        best = one["effect"].idxmax()
        shrunk = pool(one["effect"], one["se"] ** 2, one["n"] + one["n_control"]).effect
        promised.append(one["effect"][best])
        kept.append(other["effect"][best])
        pooled.append(shrunk[best])
    error = np.std(np.subtract(promised, kept), ddof=1) / math.sqrt(20)
    assert np.mean(promised) - np.mean(kept) > 3 * error
    assert abs(np.mean(pooled) - np.mean(kept)) < 0.5 * abs(np.mean(promised) - np.mean(kept))


# Relative lift


@pytest.mark.parametrize("n", [800, 1000])
def test_the_delta_method_does_not_cover_the_lift_of_rare_money_and_fieller_does(
    n: int,
) -> None:
    draws = 4000
    slack = 3 * math.sqrt(0.93 * 0.07 / draws)
    fieller, delta = (
        lift(method, "mail order", n, n, draws, n)[0] / draws for method in ("Fieller", "delta")
    )
    assert delta < 0.93 - slack
    assert fieller >= 0.93 - slack


# Pooled variance of proportions


def test_a_pooled_variance_does_not_cover_under_unequal_arms_and_welch_does() -> None:
    draws = 4000
    pooled, welch = (shares(way, 200, 1800, draws, 1)[0] / draws for way in ("pooled", "Welch"))
    assert pooled < 0.93 - 3 * math.sqrt(0.93 * 0.07 / draws)
    assert welch == near(0.95, draws)


# Hochberg with Šidák, and missing p-values


def hochberg_sidak(p: np.ndarray) -> bool:
    """Whether stepping up from the largest p with Šidák's levels rejects anything."""
    levels = 1 - (1 - 0.05) ** (1 / np.arange(1, len(p) + 1))
    return bool((np.sort(p)[::-1] <= levels).any())


def holm_decides(p: np.ndarray) -> bool:
    """Whether our procedure decides anything."""
    return bool(decided(p.tolist())["verdict"].isin(["roll out", "stop"]).any())


def decided(p: list[float], adjust: str = "holm") -> pd.DataFrame:
    """What is decided on cells of one arm that gain."""
    kind = {"metric": "spend", "arm": MENS, "cuped_effect": 1.0, "cuped_se": 1.0, "reason": "known"}
    segments = [f"s{i}" for i in range(len(p))]
    cells = pd.DataFrame({"segment": segments, "cuped_p": p, "buyers": 99, "buyers_control": 99} | kind)
    return decide(cells, TWO_ARMS.model_copy(update={"adjust": adjust}))


def chance_of(rejects: Callable[[np.ndarray], bool]) -> float:
    """How likely a rule rejects one of two true hypotheses, exactly: its answer changes at these levels alone."""
    steps = list(pairwise([0, 0.025, 1 - math.sqrt(0.95), 0.05, 1]))
    middle = {step: sum(step) / 2 for step in steps}
    return sum(
        (a[1] - a[0]) * (b[1] - b[0])
        for a, b in product(steps, steps)
        if rejects(np.array([middle[a], middle[b]]))
    )


def test_hochberg_with_sidak_does_not_control_the_family_wise_error_and_holm_does() -> None:
    assert chance_of(hochberg_sidak) == pytest.approx(0.05061, abs=5e-6)
    assert chance_of(holm_decides) == pytest.approx(1 - 0.975**2, abs=1e-12)


def test_a_missing_p_spoils_all_others_and_ours_takes_it_out_and_counts_it() -> None:
    p = [1e-4, math.nan, 0.02]
    assert np.isnan(multipletests(p, method="fdr_bh")[1]).all()
    expected = {"holm": [3e-4, math.nan, 0.04], "bh": [3e-4, math.nan, 0.03]}
    for adjust, adjusted in expected.items():
        assert decided(p, adjust)["p_adjusted"].tolist() == pytest.approx(adjusted, nan_ok=True)
    # Left out and not counted, the two others would both be significant.
    assert decided([1e-4, math.nan, 0.03])["verdict"].tolist() == [
        "roll out",
        "too few buyers",
        "keep testing",
    ]


# A significant segment beside an insignificant one


def test_one_significant_segment_beside_another_is_no_difference() -> None:
    rng, draws = np.random.default_rng(3), 4000
    estimate, variance = 2 + rng.normal(size=(draws, 2)), np.ones((draws, 2))  # both segments gain the same
    significant = np.abs(estimate) > 1.96
    assert (significant.sum(axis=1) == 1).mean() > 0.45
    assert (heterogeneity(estimate, variance).p < 0.05).mean() == near(0.05, draws)


# The discount charged twice


def test_a_discount_is_charged_once() -> None:
    listed, paid, margin = pd.Series([100.0]), pd.Series([90.0]), 0.25
    twice, never = margin * paid - (listed - paid), margin * paid
    assert [twice.item(), never.item()] == [12.5, 22.5]
    assert profit(listed, paid, 0.0, margin).item() == 15.0


# Nine checks of the sample ratio


def test_nine_checks_at_five_per_cent_doubt_a_third_of_sound_tests_and_ours_hardly_any() -> None:
    rng, draws, segment = np.random.default_rng(5), 200, np.repeat(list("abcdefgh"), 150)
    naive, ours = [], []
    for _ in range(draws):
        arm = rng.choice([CONTROL, MENS, WOMENS], size=len(segment))
        found = sample_ratio(pd.DataFrame({"segment": segment, "arm": arm}), PLAN)
        naive.append((found["p"] < 0.05).any())
        ours.append(not found["passed"].all())
    assert pytest.approx(0.37, abs=0.001) == 1 - 0.95**9
    assert np.mean(naive) == near(1 - 0.95**9, draws)
    assert sum(ours) <= stats.binom.ppf(0.999, draws, 0.001)


# Precision weights


def test_precision_weights_bias_the_mean_of_rare_money_and_size_weights_do_not(raw: pd.DataFrame) -> None:
    rng, draws, n = np.random.default_rng(11), 300, 500
    moments, true = [], []
    for _, cell in raw.groupby("segment"):
        arms = [cell.loc[cell["arm"] == arm, "spend"].to_numpy() for arm in (MENS, CONTROL)]
        again = [rng.choice(arm, size=(draws, n)) for arm in arms]
        variance = sum(x.var(axis=1, ddof=1) / n for x in again)
        moments.append((again[0].mean(axis=1) - again[1].mean(axis=1), variance))
        true.append(arms[0].mean() - arms[1].mean())
    effect, variance = (np.stack(columns, axis=1) for columns in zip(*moments, strict=True))
    by_size = size_weighted(effect, variance, np.full(effect.shape, 2 * n)).mean
    by_precision = precision_weighted(effect, variance).mean
    error = by_size.std() / math.sqrt(draws)
    assert by_size.mean() == pytest.approx(np.mean(true), abs=3 * error)
    honest = np.average(true, weights=1 / variance.mean(axis=0))  # of the same weights, were they known
    assert by_precision.mean() < 0.8 * honest


# Too few buyers


def test_welch_does_not_cover_with_too_few_buyers_and_does_with_enough() -> None:
    draws = 2000
    few, enough = (difference("", "mail order", n, n, draws, 1)[0] / draws for n in (200, 4000))
    assert few < 0.9  # a buyer or two in the control: no verdict
    assert enough >= 0.93 - 3 * math.sqrt(0.93 * 0.07 / draws)
