"""The columns `value_*` of a shop's snapshot."""

from __future__ import annotations

import pandas as pd
import pytest

from regulars import Month, Shop
from regulars.features import REGISTER, build_snapshots
from regulars.value import Valuation, add_values, totals

MONTH = Month(2025, 12)
NAMES = [feature.name for feature in REGISTER if feature.family == "value"]


@pytest.fixture(scope="module")
def valued(simulated: Shop) -> Valuation:
    """The simulated shop's last month, whose snapshot has its values afterwards."""
    build_snapshots(simulated, [MONTH.previous, MONTH])
    return add_values(simulated, [MONTH.previous, MONTH])[MONTH]


def test_the_snapshot_has_the_values_beside_what_it_had(simulated: Shop, valued: Valuation) -> None:
    written = simulated.engine.collect(simulated.snapshot(MONTH), "customer_id").set_index("customer_id")
    pd.testing.assert_frame_equal(written[NAMES], valued.customers, check_like=True, rtol=1e-9, atol=1e-9)
    assert written["recency_days"].notna().all()


def test_prospects_have_no_value(simulated: Shop, valued: Valuation) -> None:  # noqa: ARG001
    everybody = simulated.engine.collect(simulated.snapshot(MONTH, prospects=True))
    assert everybody.loc[everybody["frequency"] == 0, NAMES].isna().all(axis=None)


def test_writing_them_again_changes_nothing(simulated: Shop, valued: Valuation) -> None:  # noqa: ARG001
    path = simulated.monthly("features", MONTH)
    before = path.read_bytes()
    add_values(simulated, [MONTH])
    assert path.read_bytes() == before


def test_the_totals_of_both_months_are_kept(simulated: Shop, valued: Valuation) -> None:
    kept = totals(simulated, [MONTH.previous.previous, MONTH.previous, MONTH])
    assert kept.index.tolist() == [str(MONTH.previous), str(MONTH)]
    last = kept.loc[str(MONTH)]
    assert last["expected"] == pytest.approx(valued.customers["value_revenue"].sum())
    assert last["low"] < last["expected"] < last["high"]
    assert last["forecast"] == valued.chosen.name


def test_a_month_with_too_short_a_history_has_none(simulated: Shop) -> None:
    early = simulated.months()[2]
    build_snapshots(simulated, [early])
    assert add_values(simulated, [early]) == {}
    assert simulated.engine.collect(simulated.snapshot(early))[NAMES].isna().all(axis=None)


def test_those_who_were_planted_as_gone_are_told(simulated: Shop, valued: Valuation) -> None:
    made = simulated.engine.collect(simulated.table("customers")).set_index("customer_id")["planted_segment"]
    alive = valued.customers["value_probability_alive"].groupby(made).mean()
    assert alive["idle"] < 0.2 < 0.8 < alive.drop(["idle", "one_timer"]).min()
