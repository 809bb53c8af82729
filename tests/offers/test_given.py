"""Experiments whose outcomes came with the data: read as they are, refused in words where they do not fit their file."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.engine import Engine
from regulars.offers import Experiment, OfferError, analyse, base_of, offers_table, read_experiments
from regulars.offers.effects import EVERYONE
from regulars.offers.outcomes import pseudonyms

PLAN: dict[str, Any] = {
    "id": "letter",
    "title": "A letter",
    "hypothesis": "A letter brings money.",
    "segmentation": "region",
    "assigned_on": "2024-03-01",
    "horizon_days": 14,
    "covariate_days": 365,
    "control": "none",
    "arms": {"none": {"offer": "no letter"}, "letter": {"offer": "a letter"}},
    "given": {"metrics": ["spend", "bought"], "conversion": "bought", "covariate": "history"},
    "primary_metric": "spend",
    "family": "both",
}


def plan(**changes: Any) -> Experiment:
    return Experiment.model_validate(PLAN | changes)


def shop(
    n: int = 400,
    assignments: pd.DataFrame | None = None,
    home: Path = Path("nowhere"),
    counted_day: list[int | None] | None = None,
) -> Shop:
    """A stand-in with the three tables; a letter is worth ten in the north and nothing in the south."""
    rng = np.random.default_rng(0)
    ids = [f"{i:03d}" for i in range(n)]
    region, history = np.where(np.arange(n) % 2, "north", "south"), rng.lognormal(3, 1, n).round(2)
    arm = np.where(rng.random(n) < 0.5, "letter", "none")
    spend = 0.5 * history + 10 * ((arm == "letter") & (region == "north")) + rng.normal(size=n)
    counted = pd.DataFrame({"customer_id": ids, "spend": spend, "bought": (spend > 12) * 1.0})
    tables = {
        "customers": pd.DataFrame({"customer_id": ids, "region": region, "history": history}),
        "assignments": pd.DataFrame(
            {"experiment_id": "letter", "customer_id": ids, "arm": arm, "assigned_day": 19783}
        )
        if assignments is None
        else assignments,
        "outcomes": counted.melt("customer_id", var_name="metric").assign(experiment_id="letter").iloc[1:],
    }
    if counted_day is not None:
        days = np.resize(np.array(counted_day, dtype=object), len(tables["outcomes"]))
        tables["outcomes"]["counted_day"] = pd.array(days, dtype="Int64")
    connection = duckdb.connect()
    stand_in = SimpleNamespace(
        engine=Engine(),
        table=lambda name: nw.from_native(connection.from_df(tables[name])).lazy(),
        home=home,
        data=home / "data",
    )
    return cast("Shop", stand_in)


def test_every_assigned_customer_has_a_row_and_who_has_no_outcome_has_zeros() -> None:
    base = base_of(shop(), plan())
    assert len(base) == 400
    assert base.loc[0, ["customer_id", "spend"]].tolist() == ["000", 0.0]  # its row of outcomes was left out
    assert (base["conversion"] == base["bought"]).all()
    assert not base["is_simulated"].any()


def test_the_covariate_adjusts_the_primary_metric_alone() -> None:
    found = analyse(base_of(shop(), plan()), plan(), 0.3).effects.set_index(["metric", "segment"])
    spend, bought = found.loc["spend"], found.loc["bought"]
    assert (spend["cuped_se"] < 0.7 * spend["se"]).all()
    np.testing.assert_allclose(bought["cuped_effect"], bought["effect"])
    without = plan(given=PLAN["given"] | {"covariate": None})
    plain = analyse(base_of(shop(), without), without, 0.3).effects.set_index(["metric", "segment"])
    np.testing.assert_allclose(plain["cuped_effect"], found["effect"])


def test_verdicts_follow_the_registered_family() -> None:
    verdicts = {}
    for family in ("segments", "everyone", "both"):
        cells = analyse(base_of(shop(), plan()), plan(family=family, minimum_buyers=10), 0.3).effects
        verdicts[family] = cells.dropna(subset="verdict").set_index("segment")["verdict"].to_dict()
    assert verdicts["segments"] == {"north": "roll out", "south": "keep testing"}
    assert verdicts["everyone"] == {EVERYONE: "roll out"}
    assert verdicts["both"] == verdicts["segments"] | verdicts["everyone"]


def test_the_table_of_offers_says_that_nothing_is_simulated_and_has_no_truth() -> None:
    table = offers_table([analyse(base_of(shop(), plan()), plan(), 0.3)])
    assert not table["is_simulated"].any()
    assert table["truth"].isna().all()


twice = pd.DataFrame(
    {"experiment_id": "letter", "customer_id": ["1", "1"], "arm": ["letter", "none"], "assigned_day": 19783}
)

several = pd.DataFrame(
    {
        "experiment_id": "letter",
        "customer_id": [f"{i:03d}" for i in range(8)],
        "arm": ["letter", "none"] * 4,
        "assigned_day": 19783,
    }
)


@pytest.mark.parametrize(
    ("changes", "assignments", "sentence"),
    [
        ({"given": {"metrics": ["visits"], "conversion": "visits"}, "primary_metric": "visits"}, None,
         "letter: the metric 'visits' is not in the data, which has bought, spend"),
        ({"segmentation": "city"}, None, "the column of customers 'city' is not in the data"),
        ({"arms": PLAN["arms"] | {"call": {"offer": "a call"}}}, None, "the arm 'call' is not in the data"),
        ({}, twice.replace("letter", "leter").assign(experiment_id="letter"), "the arm 'letter' is not in the data"),
        ({}, pd.concat([twice, twice.assign(arm="call")]),
         r"1 customer was given 'call', which is no arm of its file \(pseudonyms: [0-9a-f]{12}\)"),
        ({}, twice.assign(assigned_day=[19783, 19784]),
         r"1 customer was assigned on another day than 2024-03-01, .* \(pseudonyms: [0-9a-f]{12}\)"),
        ({}, twice, "1 customer was given several arms"),
        ({}, pd.concat([several, several.iloc[:4]]),
         r"4 customers were assigned a second time \(pseudonyms: (\w{12}, ){2}\w{12}\)"),
        ({"assigned_until": "2024-03-10"}, several.assign(assigned_day=19783 + np.arange(8) * 2),
         r"3 customers were assigned on no day from 2024-03-01 to 2024-03-10"),
        ({"assigned_until": "2024-03-10"}, several.assign(assigned_day=[19783.0, None] * 4),
         r"4 customers were assigned on no day from 2024-03-01"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_file_is_refused(
    tmp_path: Path, changes: dict[str, Any], assignments: pd.DataFrame | None, sentence: str
) -> None:
    with pytest.raises(OfferError, match=sentence):
        base_of(shop(20, assignments, tmp_path), plan(**changes))


def test_each_customer_of_a_staggered_test_keeps_the_own_day() -> None:
    staggered = several.assign(assigned_day=19783 + np.arange(8))
    base = base_of(shop(20, staggered), plan(assigned_until="2024-03-10"))
    assert base["assigned_day"].tolist() == [*range(19783, 19791)]
    assert base_of(shop(), plan())["assigned_day"].eq(19783).all()


def test_a_day_that_is_not_said_is_the_files() -> None:
    base = base_of(shop(20, several.assign(assigned_day=pd.array([None] * 8, dtype="Int64"))), plan())
    assert base["assigned_day"].tolist() == [19783] * 8


def test_outcomes_counted_before_the_assignment_are_refused(tmp_path: Path) -> None:
    base_of(shop(20, None, tmp_path, counted_day=[19783, 19790]), plan())
    early = shop(20, None, tmp_path, counted_day=[19782] + [19783] * 38)
    with pytest.raises(OfferError, match=r"1 customer was measured before the assignment \(pseudonyms: "):
        base_of(early, plan())


def test_outcomes_after_the_horizon_are_none_and_those_without_a_day_count(tmp_path: Path) -> None:
    days = plan().horizon_days
    first, last, unsaid = (
        base_of(shop(20, None, tmp_path, counted_day=[day]), plan())["spend"].sum()
        for day in (19783, 19783 + days - 1, None)
    )
    assert first == last == unsaid != 0
    half = base_of(shop(20, None, tmp_path, counted_day=[19783] * 20 + [19783 + days] * 19), plan())
    assert (half["bought"] == 0).sum() > (base_of(shop(20), plan())["bought"] == 0).sum()


def test_pseudonyms_are_the_shops_own_and_show_no_id(tmp_path: Path) -> None:
    first, other = (pseudonyms(shop(home=tmp_path / name), ["001", "002", "001"]) for name in "ab")
    assert first.tolist()[0] == first.tolist()[2] != first.tolist()[1]
    assert not set(first) & set(other)
    again = pseudonyms(shop(home=tmp_path / "a"), ["002"])
    assert again.tolist() == [first.tolist()[1]]


def test_a_test_that_was_run_is_read_from_assignments_and_orders(demo: Shop) -> None:
    planted = read_experiments("demo")[0]
    run = planted.model_copy(update={"planted": {}, "power": ()})
    drawn = analyse(base_of(demo, planted), planted, 0.25).outcomes
    assigned = drawn[["customer_id", "arm"]].assign(experiment_id=run.id, assigned_day=run.assigned_day)
    assigned.loc[len(assigned)] = ["never ordered", "nothing", run.id, run.assigned_day]
    connection = duckdb.connect()

    class WithAssignments:
        def __getattr__(self, name: str) -> Any:
            return getattr(demo, name)

        def table(self, name: str) -> Any:
            return (
                nw.from_native(connection.from_df(assigned)).lazy()
                if name == "assignments"
                else demo.table(name)
            )

    result = analyse(base_of(cast("Shop", WithAssignments()), run), run, 0.25)
    found = result.outcomes.set_index("customer_id")
    assert found.loc["never ordered", ["segment", "profit", "conversion"]].tolist() == [
        "no order yet",
        0.0,
        0.0,
    ]
    # Of the household's own orders, nothing of the planted effects: what it would have brought without an offer.
    own = drawn.set_index("customer_id")
    delivery = 6 * own["conversion|nothing"] * (own["arm"] == "free-delivery")
    np.testing.assert_allclose(found.loc[own.index, "profit"], own["profit|nothing"] - delivery, atol=1e-4)
    np.testing.assert_allclose(found.loc[own.index, "pre_profit"], own["pre_profit"])
    assert result.effects["truth"].isna().all()
    assert not found["is_simulated"].any()
