"""One experiment the whole way, and how often it finds what was planted when the same households are drawn anew."""

import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.offers import (
    METRICS,
    Analysis,
    analyse,
    frozen_features,
    offers_table,
    read_experiments,
    segmentations,
)
from regulars.offers.analysis import COLUMNS

PLAN = read_experiments("demo")[0]
DRAWS = 400


def test_every_metric_segment_and_treated_arm_has_one_row(result: Analysis) -> None:
    keys = result.effects.set_index(["metric", "segment", "arm"]).index
    assert keys.is_unique
    segments = [*result.outcomes["segment"].unique(), "everyone"]
    metrics = [*METRICS, "profit_capped"]
    assert set(keys) == {(m, s, a) for m in metrics for s in segments for a in PLAN.treated}
    is_capped = result.effects["metric"] == "profit_capped"
    assert (result.effects["truth"].notna() == ~is_capped).all()


def test_verdicts_are_of_profit_in_segments_alone(result: Analysis) -> None:
    cells = result.effects
    family = (cells["metric"] == "profit") & (cells["segment"] != "everyone")
    assert (cells["verdict"].notna() == family).all()
    too_few = cells[["buyers", "buyers_control"]].min(axis=1) < PLAN.minimum_buyers
    assert ((cells["verdict"] == "too few buyers") == (too_few & family)).all()


def test_everyone_is_assigned_once_and_counted_once(base: pd.DataFrame, result: Analysis) -> None:
    assert result.outcomes["customer_id"].tolist() == base["customer_id"].tolist()
    assert result.outcomes["customer_id"].is_unique
    everyone = result.checks.loc["everyone", list(PLAN.arms)]
    assert everyone.sum() == len(base)
    assert result.checks.drop(index="everyone")[list(PLAN.arms)].sum().tolist() == everyone.tolist()


def test_the_order_of_households_does_not_matter(demo: Shop, base: pd.DataFrame, result: Analysis) -> None:
    shuffled = analyse(base.sample(frac=1, random_state=3), PLAN, demo.config.margin_rate)
    pd.testing.assert_frame_equal(shuffled.effects, result.effects, rtol=1e-9)


def test_a_broken_assignment_decides_nothing(
    demo: Shop, base: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = pd.Series(
        np.where(np.arange(len(base)) % 5 < 3, "nothing", "free-delivery"), index=base["customer_id"]
    )
    monkeypatch.setattr("regulars.offers.analysis.assign", lambda *_, **__: broken)
    found = analyse(base, PLAN, demo.config.margin_rate)
    assert set(found.effects["verdict"].dropna()) == {"not valid"}


def test_the_table_of_all_experiments(result: Analysis) -> None:
    table = offers_table([result])
    assert list(table) == list(COLUMNS)
    assert set(table["offer"]) == {"10% off one order", "free delivery of one order"}
    assert list(offers_table([])) == list(COLUMNS)
    assert offers_table([]).empty


def test_every_segmentation_at_hand_is_read_as_of_the_assignment(demo: Shop, base: pd.DataFrame) -> None:
    found = segmentations(demo, PLAN, base, frozen_features(demo, PLAN))
    assert list(found) == [
        "four-core",
        "rxf-grid",
        "three-level",
        "classic-11",
        "4 clusters",
        "tenths of spending",
    ]
    assert found.index.tolist() == base["customer_id"].tolist()
    assert found.notna().all(axis=None)
    assert found["four-core"].tolist() == base["segment"].tolist()
    assert found["tenths of spending"].nunique() == 10
    assert found["4 clusters"].nunique() == 4


@pytest.mark.slow
def test_what_is_planted_is_found_as_often_as_stated(demo: Shop, base: pd.DataFrame) -> None:
    draws = [analyse(base, PLAN, demo.config.margin_rate, str(salt)).effects for salt in range(DRAWS)]
    found = pd.concat(draws)
    for cell in PLAN.power:
        own = (found["segment"] == cell.segment) & (found["arm"] == cell.arm) & found["verdict"].notna()
        rate = (found.loc[own, "verdict"] == cell.verdict).sum() / DRAWS
        error = np.sqrt(cell.probability * (1 - cell.probability) / DRAWS)
        assert abs(rate - cell.probability) <= 3 * error, (cell, rate)
        assert rate >= 0.80, (cell, rate)
    judged = found[(found["metric"] == "profit") & (found[["buyers", "buyers_control"]].min(axis=1) >= 20)]
    covers = (judged["cuped_low"] <= judged["truth"]) & (judged["truth"] <= judged["cuped_high"])
    for cell, inside in covers.groupby([judged["segment"], judged["arm"]]):
        assert inside.mean() >= 0.93 - 3 * np.sqrt(0.93 * 0.07 / len(inside)), (cell, inside.mean())
