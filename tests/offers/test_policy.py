"""Whether segmenting pays: against a plain implementation, the published e-mail test, Welch, and simulated truths."""

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regulars.offers.policy import Policies, policies
from regulars.offers.registry import OfferError
from tests.offers.simulations import WORLDS, policies_of, policy_held, three_arms

FIGURES = ["value", "over_single", "over_control"]
BOUNDS = [f"{name}_{end}" for name in FIGURES for end in ("low", "high")]


def best_plainly(training: pd.DataFrame, segment: int | None) -> str:
    """The best arm of a segment, or of everybody."""
    mine = training if segment is None else training[training["s"] == segment]
    if set(mine["arm"]) < set(training["arm"]):
        mine = training
    return str(mine.groupby("arm")["y"].mean().idxmax())


def plainly(base: pd.DataFrame, folds: int) -> dict[str, tuple[float, float]]:
    """Estimate and standard error in one lot of folds, customer by customer."""
    share = base["arm"].value_counts(normalize=True)

    def rule(training: pd.DataFrame, which: str) -> dict[int, str]:
        own = {s: best_plainly(training, s if which == "own" else None) for s in range(5)}
        return own if which != "nothing" else dict.fromkeys(own, "control")

    def hajek(rows: pd.DataFrame, gets: pd.Series) -> float:
        weight = (rows["arm"] == gets) / rows["arm"].map(share)
        return float((weight * rows["y"]).sum() / weight.sum())

    def gets(rows: pd.DataFrame, fixed: bool, which: str, without: int | None = None) -> pd.Series:
        parts = []
        for f, part in rows.groupby("fold"):
            training = base if fixed else base[(base["fold"] != f) & (base["fold"] != without)]
            parts.append(part["s"].map(rule(training, which)))
        return pd.concat(parts).loc[rows.index]

    def errors(which: str, other: str | None, fixed: bool) -> tuple[float, float, float]:
        contrast = {which: 1, other: -1} if other else {which: 1}
        given = {w: gets(base, fixed, w) for w in contrast}
        estimate = sum(sign * hajek(base, given[w]) for w, sign in contrast.items())
        e = sum(
            sign * (base["arm"] == given[w]) * (base["y"] - hajek(base, given[w]))
            for w, sign in contrast.items()
        )
        of_mean = lambda e, arm: (e.groupby(arm).var() / e.groupby(arm).size()).sum()  # noqa: E731
        nested = []
        for k in range(folds):
            inside, others = base[base["fold"] == k], base[base["fold"] != k]
            out = sum(sign * hajek(inside, given[w][inside.index]) for w, sign in contrast.items())
            inner = sum(sign * hajek(others, gets(others, fixed, w, k)) for w, sign in contrast.items())
            nested.append((inner - out) ** 2 - of_mean(e[inside.index], inside["arm"]))
        return float(estimate), float(of_mean(e, base["arm"])), float(np.mean(nested)) * (folds - 1) / folds

    results = {}
    for name, other in zip(FIGURES, (None, "single", "nothing"), strict=True):
        learned, fixed = (errors("own", other, fixed) for fixed in (False, True))
        variance = np.clip(learned[2] - fixed[2] + fixed[1], learned[1], folds * learned[1])
        results[name] = learned[0], math.sqrt(variance)
    return results


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_what_a_plain_implementation_says(seed: int) -> None:
    segments, arm, y = three_arms(WORLDS["two arms nearly tie"], 240, seed)
    # A segment of five customers lacks arms in some training folds, a lonely one in its own.
    segments.loc[segments.index[:6], "s"] = [9, 9, 9, 9, 9, 8]
    base = pd.DataFrame(
        {"s": segments["s"].map({9: 0, 8: 1, 0: 2, 1: 2, 2: 3, 3: 3, 4: 4}), "arm": arm, "y": y}
    )
    base = base.sort_index()
    base["fold"] = np.random.default_rng(seed).permutation(np.arange(240) % 4)
    result = policies(base[["s"]], arm, y, "control", folds=4, repeats=1, random_state=seed).values.loc["s"]
    for name, (estimate, error) in plainly(base, 4).items():
        interval = [estimate, estimate - 1.959964 * error, estimate + 1.959964 * error]
        assert result[[name, f"{name}_low", f"{name}_high"]].tolist() == pytest.approx(interval, abs=1e-6), (
            name
        )


@pytest.fixture(scope="module")
def hillstrom() -> Policies:
    if "REGULARS_RAW" not in os.environ:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    (path,) = (Path(os.environ["REGULARS_RAW"]) / "hillstrom").glob("*.csv")
    raw = pd.read_csv(path)
    segments = raw[["history_segment"]].assign(one="all")
    return policies(segments, raw["segment"], raw["spend"], "No E-Mail", random_state=1)


def test_on_hillstroms_e_mails_segmenting_does_not_pay(hillstrom: Policies) -> None:
    cells = hillstrom.values.loc["history_segment"]
    assert cells["in_sample"] == pytest.approx(1.492, abs=5e-4)
    assert cells["value"] == pytest.approx(1.34, abs=0.015)
    assert cells["value_sd"] == pytest.approx(0.06, abs=0.01)
    assert cells[["single", "control"]].tolist() == pytest.approx([1.422617, 0.652789], abs=1e-6)
    assert cells["over_single_low"] < 0 < cells["over_single_high"]
    assert cells["over_control_low"] > 0  # an e-mail pays, whichever
    assert cells[["segments", "customers"]].tolist() == [7, 64000]


def test_on_hillstroms_e_mails_one_segment_is_mens_for_everyone(hillstrom: Policies) -> None:
    one = hillstrom.values.loc["one"]
    assert one[["value", "in_sample", "over_control"]].tolist() == pytest.approx(
        [1.422617, 1.422617, 0.769827], abs=1e-5
    )
    assert one[["over_single", "over_single_low", "over_single_high"]].eq(0).all()
    chosen = hillstrom.choices.query("segmentation == 'one'").set_index("arm")["chosen"]
    assert chosen.to_dict() == pytest.approx({"No E-Mail": 0, "Mens E-Mail": 1, "Womens E-Mail": 0})


def test_where_every_fold_chooses_alike_it_is_welch() -> None:
    segments, arm, y = three_arms(WORLDS["no arm does anything"], 900, 3)
    y += 10.0 * (arm == "mail")
    row = policies(segments, arm, y, "control", repeats=3, random_state=0).values.loc["s"]
    mail, control = y[arm == "mail"], y[arm == "control"]
    error = stats.ttest_ind(mail, control, equal_var=False)._standard_error
    difference = mail.mean() - control.mean()
    reach = stats.norm.ppf(0.975) * error
    assert row[["over_control", "over_control_low", "over_control_high"]].tolist() == pytest.approx(
        [difference, difference - reach, difference + reach], rel=1e-9
    )
    assert row["value"] == pytest.approx(mail.mean())


@pytest.mark.parametrize("world", WORLDS)
def test_intervals_hold_what_the_learned_policies_are_worth(world: str) -> None:
    runs = 120
    assert policy_held(world, 1500, runs, 6).mean().min() >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_intervals_hold_it_in_many_runs(world: str) -> None:
    runs = 400
    assert policy_held(world, 3000, runs, 20).mean().min() >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)


def test_on_noise_the_best_of_each_segment_promises_too_much_and_its_value_elsewhere_does_not() -> None:
    rows = pd.concat([policies_of(np.ones((5, 3)), 1000, seed, 5).values.loc[["s"]] for seed in range(100)])
    for name, true in (("value", 1.0), ("over_control", 0.0), ("over_single", 0.0)):
        error = rows[name].std(ddof=1) / math.sqrt(len(rows))
        assert abs(rows[name].mean() - true) < 3 * error, name
    promised = rows["in_sample"] - 1.0
    assert promised.mean() > 10 * promised.std(ddof=1) / math.sqrt(len(rows))
    assert (rows["over_single_low"] > 0).mean() <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / len(rows))


def test_segments_that_need_different_arms_pay() -> None:
    result = policies_of(WORLDS["segments differ"], 6000, 1, 10)
    row = result.values.loc["s"]
    assert row["over_single_low"] > 0
    assert row["over_single"] == pytest.approx(0.4, abs=0.25)
    best = result.choices.query("segmentation == 's' and is_best").set_index("segment")["arm"]
    assert best.to_dict() == {0: "mail", 1: "call", 2: "call", 3: "mail", 4: "control"}
    assert result.choices.groupby(["segmentation", "segment"])["chosen"].sum().to_numpy() == pytest.approx(1)


def small(**columns: list[object]) -> Policies:
    table = pd.DataFrame(columns)
    return policies(
        table.drop(columns=["arm", "y"]), table["arm"], table["y"], "c", repeats=4, random_state=0
    )


ARMS = list("cmcm") * 6
LOUD = [1.0, 3.0, 2.0, 5.0] * 6


def test_a_segment_without_an_arm_takes_the_best_for_all() -> None:
    lonely = ["a"] * 23 + ["b"]
    result = small(s=lonely, arm=ARMS, y=LOUD).choices.set_index(["segment", "arm"])
    assert result["chosen"].to_dict() == {("a", "c"): 0, ("a", "m"): 1, ("b", "c"): 0, ("b", "m"): 1}
    assert result["is_best"].tolist() == [False, True, False, True]
    assert math.isnan(result.loc[("b", "c"), "mean"])
    assert result.loc[("b", "m"), ["n", "mean"]].tolist() == [1, 5.0]


def test_one_segment_never_differs_from_the_best_for_all() -> None:
    row = small(s=["a"] * 24, arm=ARMS, y=LOUD).values.loc["s"]
    assert row[["over_single", "over_single_low", "over_single_high"]].eq(0).all()
    assert row["value_sd"] == pytest.approx(0, abs=1e-12)
    assert row["over_control_low"] < row["over_control"] == pytest.approx(2.5)


@pytest.mark.parametrize("level", [0.0, 0.1, -7.3])
def test_where_all_outcomes_are_equal_nothing_is_gained(level: float) -> None:
    result = small(s=list("aabbcc") * 4, arm=ARMS, y=[level] * 24)
    row = result.values.loc["s"]
    assert row[["value", "in_sample", "single", "control"]].tolist() == pytest.approx([level] * 4, abs=1e-12)
    assert row[["value_low", "value_high"]].isna().all()
    assert row[[*BOUNDS[2:], "over_single", "over_control"]].eq(0).all()
    assert result.choices.loc[result.choices["arm"] == "c", "chosen"].tolist() == pytest.approx([1.0] * 3)


def test_an_arm_that_nobody_has_is_no_choice() -> None:
    categories = pd.Categorical(ARMS, categories=["c", "m", "nobody"])
    result = small(s=list("ab") * 12, arm=categories, y=LOUD)  # type: ignore[arg-type]
    assert set(result.choices["arm"]) == {"c", "m"}
    assert np.isfinite(result.values.loc["s", BOUNDS].astype(float)).all()


def test_without_the_control_nothing_is_compared_with_it() -> None:
    result = small(s=list("ab") * 12, arm=["x" if arm == "c" else arm for arm in ARMS], y=LOUD)
    row = result.values.loc["s"]
    assert row[["control", "over_control", "over_control_low"]].isna().all()
    assert row["value"] == row["single"] == pytest.approx(4.0)
    assert result.choices.query("arm == 'c'")["chosen"].eq(0).all()


def test_an_arm_of_one_customer_is_answered() -> None:
    row = small(s=list("ab") * 12, arm=["rare", *ARMS[1:]], y=LOUD).values.loc["s"]
    assert np.isfinite(row[["in_sample", "control"]].astype(float)).all()
    assert not np.isinf(row.astype(float)).any()


def test_who_has_no_segment_is_a_segment() -> None:
    result = small(s=["a", "a", None, None] * 6, arm=ARMS, y=LOUD)
    assert result.values.loc["s", "segments"] == 2
    assert result.choices["n"].tolist() == [6, 6, 6, 6]


def test_no_segmentation_has_no_rows() -> None:
    result = small(arm=ARMS, y=LOUD)
    assert len(result.values) == len(result.choices) == 0


@given(st.integers(0, 50), st.sampled_from([0.01, 3, 1000]), st.sampled_from([0.0, 50.0]))
@settings(max_examples=10, deadline=None)
def test_order_labels_and_money_change_nothing(seed: int, scale: float, more: float) -> None:
    segments, arm, y = three_arms(WORLDS["two arms nearly tie"], 200, 4)
    expected = policies(segments, arm, y, "control", repeats=3, random_state=2).values
    order = np.random.default_rng(seed).permutation(segments.index)
    renamed = segments.assign(s=9 - segments["s"]).loc[order]
    result = policies(
        renamed, arm, (y * scale + more)[order[::-1]], "control", repeats=3, random_state=2
    ).values
    money = [name for name in expected if name not in ("segments", "customers")]
    expected[money] *= scale
    expected[["value", "value_low", "value_high", "in_sample", "single", "control"]] += more
    pd.testing.assert_frame_equal(result, expected, rtol=1e-7, atol=1e-9 * scale)


def test_all_segmentations_see_the_same_lots() -> None:
    segments, arm, y = three_arms(WORLDS["segments differ"], 300, 5)
    twins = segments[["s"]].assign(t="x" + segments["s"].astype(str))
    both = policies(twins, arm, y, "control", repeats=5, random_state=1).values
    pd.testing.assert_series_equal(both.loc["s"], both.loc["t"], check_names=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"arm": lambda of: of.iloc[1:]}, "different customers"),
        ({"arm": lambda of: of.mask(of.index == of.index[0])}, "The arm of 1 of 30 customers is missing"),
        ({"y": lambda of: of.mask(of.index == of.index[0])}, "The outcome of 1 of 30 customers is missing"),
        ({"folds": lambda _: 2}, "do not make 2 folds"),
        ({"folds": lambda _: 31}, "30 customers do not make 31 folds"),
    ],
)
def test_what_cannot_be_valued_is_refused(change: dict, sentence: str) -> None:
    segments, arm, y = three_arms(WORLDS["segments differ"], 30, 6)
    given = {"segments": segments, "arm": arm, "y": y, "folds": 5}
    given |= {name: of(given[name]) for name, of in change.items()}
    with pytest.raises(OfferError, match=sentence):
        policies(given["segments"], given["arm"], given["y"], "control", folds=given["folds"], random_state=0)
