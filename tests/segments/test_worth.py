"""What a segmentation is worth: against a plain implementation, at both ends, and its intervals against simulation."""

import math

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regulars.engine import Engine
from regulars.segments import SegmentError
from regulars.segments.worth import baseline_deciles, next_quarter, worth

FOLDS = 5


def planted(n: int, seed: int) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Customers of whom `good` knows much, `spend_decile` something and `luck` nothing."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=n)
    ids = [f"{i:05d}" for i in rng.permutation(n)]
    decile = np.floor(stats.norm.cdf(taste + rng.normal(size=n), scale=math.sqrt(2)) * 10).astype(int)
    good = np.where(taste > 0, np.where(taste > 1, "best", "better"), "rest")
    segments = pd.DataFrame({"good": good, "luck": rng.integers(0, 6, n), "spend_decile": decile}, index=ids)
    repeat = rng.random(n) < 1 / (1 + np.exp(0.5 - taste))
    revenue = np.where(repeat, rng.lognormal(3 + 0.4 * taste, 0.8), 0.0).round(2)
    return segments, pd.Series(revenue, index=ids), pd.Series(repeat, index=ids)


def area(predicted: list[float], y: list[float]) -> float:
    """Twice the area between the diagonal and the curve, by trapezoids over groups of equal prediction, times Σy."""
    total, x, height, below = sum(y), 0.0, 0.0, 0.0
    for value in sorted(set(predicted)):
        mine = [b for a, b in zip(predicted, y, strict=True) if a == value]
        below += len(mine) / len(y) * (2 * height + sum(mine))
        height += sum(mine)
        x += len(mine)
    return (total - below) / 2


def plainly(segment: pd.Series, revenue: pd.Series, repeat: pd.Series, seed: int) -> tuple[float, float]:
    """Gini and skill, customer by customer."""
    ids = sorted(segment.index)
    fold = dict(zip(ids, np.random.default_rng(seed).permutation(np.arange(len(ids)) % FOLDS), strict=True))

    def predict(i: str, outcome: pd.Series, of_segment: bool) -> float:
        others = [j for j in ids if fold[j] != fold[i]]
        mates = [j for j in others if segment[j] == segment[i]] if of_segment else []
        return round(float(np.mean([outcome[j] for j in mates or others])), 9)

    own = best = 0.0
    for f in range(FOLDS):
        inside = [i for i in ids if fold[i] == f]
        y = [float(revenue[i]) for i in inside]
        own += area([predict(i, revenue, True) for i in inside], y)
        best += area(y, y)
    brier, base = (
        sum((predict(i, repeat, of_segment) - repeat[i]) ** 2 for i in ids) for of_segment in (True, False)
    )
    return own / best, 1 - brier / base


def test_it_is_what_a_plain_implementation_says() -> None:
    segments, revenue, repeat = planted(60, 1)
    # A segment of one customer is empty in the folds that predict it.
    segments.loc[segments.index[0], "good"] = "alone"
    found = worth(segments, revenue, repeat, baselines=["luck"], bootstraps=2, random_state=7).each
    for name in segments:
        expected = plainly(segments[name], revenue, repeat, 7)
        assert found.loc[name, ["gini", "skill"]].tolist() == pytest.approx(expected, abs=1e-9)


def test_segments_by_lot_are_worth_about_nothing() -> None:
    runs = [
        worth(*planted(500, seed), bootstraps=0, baselines=[], random_state=seed).each for seed in range(60)
    ]
    gini, skill = (np.array([run.loc["luck", name] for run in runs]) for name in ("gini", "skill"))
    assert abs(gini.mean()) < 3 * gini.std(ddof=1) / math.sqrt(len(runs))
    # Each of the five means that are learned more than the base rate's costs about 1 / 400.
    assert abs(skill.mean() + 5 / 400) < 3 * skill.std(ddof=1) / math.sqrt(len(runs)) + 0.001


def test_one_segment_for_all_is_worth_exactly_nothing() -> None:
    segments, revenue, repeat = planted(200, 2)
    found = worth(
        segments.assign(one="all"), revenue, repeat, bootstraps=5, random_state=0, baselines=[]
    ).each
    assert found.loc["one", ["gini", "gini_low", "gini_high", "skill", "skill_low", "skill_high"]].eq(0).all()


def test_segments_that_settle_the_outcome_are_worth_all() -> None:
    level = pd.DataFrame({"level": np.arange(90) % 3}, index=[f"{i:02d}" for i in range(90)])
    found = worth(
        level, level["level"] * 7.3, level["level"] > 0, baselines=[], bootstraps=20, random_state=3
    )
    assert found.each.loc["level", ["gini", "gini_low", "skill", "skill_low"]].tolist() == pytest.approx(
        [1] * 4
    )


def test_better_segments_beat_the_baseline_beyond_their_interval_and_luck_falls_behind() -> None:
    found = worth(*planted(2000, 3), baselines=["spend_decile"], random_state=1)
    gap = found.differences.set_index("segmentation")
    assert gap.index.tolist() == ["good", "luck"]
    assert (gap.loc["good", ["gini_low", "skill_low"]] > 0).all()
    assert (gap.loc["luck", ["gini_high", "skill_high"]] < 0).all()
    assert (gap["baseline"] == "spend_decile").all()
    each = found.each
    assert gap["gini"].to_dict() == pytest.approx(
        {name: each.loc[name, "gini"] - each.loc["spend_decile", "gini"] for name in ("good", "luck")}
    )
    assert each["customers"].eq(2000).all()
    assert each["segments"].to_dict() == {"good": 3, "luck": 6, "spend_decile": 10}


def test_every_draw_is_the_same_for_all_so_that_a_twin_never_differs() -> None:
    segments, revenue, repeat = planted(300, 4)
    twin = segments[["spend_decile"]].assign(revenue="t" + segments["spend_decile"].astype(str))
    found = worth(
        twin, revenue, repeat, baselines=["spend_decile"], bootstraps=20, random_state=1
    ).differences
    assert found.drop(columns=["segmentation", "baseline"]).eq(0).all(axis=None)
    assert found["segmentation"].tolist() == ["revenue"]


@given(st.integers(0, 50), st.sampled_from([0.01, 3, 1000]))
@settings(max_examples=10)
def test_order_labels_and_money_change_nothing(seed: int, scale: float) -> None:
    segments, revenue, repeat = planted(80, 5)
    expected = worth(segments, revenue, repeat, baselines=["luck"], bootstraps=10, random_state=2)
    order = np.random.default_rng(seed).permutation(segments.index)
    renamed = segments.assign(good=segments["good"].str[::-1], luck=9 - segments["luck"]).loc[order]
    found = worth(
        renamed, revenue * scale, repeat.loc[order[::-1]], baselines=["luck"], bootstraps=10, random_state=2
    )
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_missing_segment_is_one_of_its_own() -> None:
    segments, revenue, repeat = planted(100, 6)
    missing = segments.assign(good=segments["good"].where(segments["good"] != "rest"))
    options = {"baselines": ["luck"], "bootstraps": 5, "random_state": 0}
    pd.testing.assert_frame_equal(
        worth(missing, revenue, repeat, **options).each, worth(segments, revenue, repeat, **options).each
    )


def test_where_nobody_bought_or_everybody_did_the_figure_is_missing() -> None:
    segments, revenue, repeat = planted(50, 7)
    found = worth(segments, revenue * 0, repeat | True, bootstraps=3, random_state=0, baselines=["luck"])
    assert found.each[["gini", "gini_low", "skill", "skill_high"]].isna().all(axis=None)
    assert found.differences[["gini", "gini_low", "skill", "skill_high"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s, y, r: (s.iloc[1:], y, r), "different customers"),
        (lambda s, y, r: (pd.concat([s, s]), y, r), "name one twice"),
        (lambda s, y, r: (s, y, r.iloc[1:]), "outcome of 1 customer"),
        (lambda s, y, r: (s, y.mask(y == y.max()), r), "outcome of 1 customer"),
        (lambda s, y, r: (s.iloc[:9], y.iloc[:9], r), "9 customers are too few for 5 folds"),
        (lambda s, y, r: (s[["good"]], y, r), "baseline 'spend_decile' is no column .* have good"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_sentence(change, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SegmentError, match=sentence):
        worth(*change(*planted(40, 8)), baselines=["spend_decile"], bootstraps=1, random_state=0)


@pytest.mark.slow
def test_the_paired_interval_holds_the_expected_difference() -> None:
    runs = [
        worth(*planted(1000, seed), baselines=["spend_decile"], random_state=seed).differences.set_index(
            "segmentation"
        )
        for seed in range(300)
    ]
    for name in ("good", "luck"):
        for measure in ("gini", "skill"):
            found = pd.DataFrame([run.loc[name] for run in runs]).astype(
                dict.fromkeys([measure, f"{measure}_low", f"{measure}_high"], float)
            )
            truth = found[measure].mean()
            held = ((found[f"{measure}_low"] <= truth) & (truth <= found[f"{measure}_high"])).sum()
            # Learning anew in each draw makes the intervals too wide rather than too narrow.
            assert stats.binom.cdf(held, 300, 0.93) > 0.001


def staged(engine: Engine, rows: str, of: str) -> nw.LazyFrame:
    columns = f"order_id, customer_id, revenue, {of}_day"
    return nw.from_native(
        engine.sql(f"SELECT * REPLACE (revenue::DECIMAL(18, 4) AS revenue) FROM (VALUES {rows}) t({columns})")
    )


def test_the_next_quarter_begins_with_its_first_day_and_ends_before_its_last() -> None:
    engine = Engine()
    orders = staged(
        engine,
        "('1', 'a', 10, 99), ('2', 'a', 20, 100), ('3', 'a', 5, 190), ('4', 'b', 7, 191), ('5', NULL, 9, 120)",
        "ordered",
    )
    returns = staged(engine, "('1', 'c', 4, 150), ('2', 'a', 2.5, 190), ('3', 'a', 1, 191)", "returned")
    found = engine.collect(next_quarter(orders, returns, 100), "customer_id")
    assert found.to_numpy().tolist() == [["a", 22.5, True], ["c", -4.0, False]]
    without = engine.collect(next_quarter(orders, None, 100, days=92), "customer_id")
    assert without.to_numpy().tolist() == [["a", 25.0, True], ["b", 7.0, True]]


def test_deciles_are_of_values_and_who_never_ordered_has_none_of_recency() -> None:
    base = pd.DataFrame(
        {"customer_id": [f"{i:02d}" for i in range(20)], "revenue": 0.0, "recency_days": range(20)}
    )
    base.loc[[0, 1], "recency_days"] = np.nan
    base.loc[19, "revenue"] = 5.0
    found = baseline_deciles(nw.from_native(base).lazy()).collect("pandas").to_native()
    assert found["spend_decile"].tolist() == [5] * 19 + [10]
    assert found["recency_decile"].isna().tolist() == [True, True] + [False] * 18
    assert found["recency_decile"].dropna().is_monotonic_increasing
