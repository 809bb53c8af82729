"""Experiments as files: a sentence for each thing that can be wrong with one."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from regulars.config import ConfigError
from regulars.month import Month
from regulars.offers import Experiment, OfferError, finished, read_experiments
from regulars.offers.plan import Arm, Decision, Guardrail
from regulars.shop import ROOT

DEMO = ROOT / "config" / "experiments" / "demo" / "2017-10-first-offers.yml"


def written(folder: Path, name: str = "test", **changes: Any) -> Path:
    """The demo's experiment with some keys changed, or left out where the change is None."""
    content = yaml.safe_load(DEMO.read_text()) | {"id": "test"} | changes
    (folder / "demo").mkdir(exist_ok=True)
    path = folder / "demo" / f"{name}.yml"
    path.write_text(
        yaml.safe_dump({key: value for key, value in content.items() if value is not None}, sort_keys=False)
    )
    return folder


def arms(control: dict[str, float]) -> dict[str, dict[str, Any]]:
    """The demo's arms, with something said of the control."""
    found = yaml.safe_load(DEMO.read_text())["arms"]
    return found | {"nothing": found["nothing"] | control}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"contrl": "nothing"}, r"test.yml: the key 'contrl' is not known: did you mean 'control'\?"),
        ({"hypothesis": None}, r"test.yml: the key 'hypothesis' is missing"),
        (
            {"control": "nobody"},
            r"the control 'nobody' must be one of at least two arms \(nothing, ten-percent-off, free-delivery\)",
        ),
        (
            {"planted": {"ten-percent-off": {"lift": {}}}},
            r"'planted' must say what each treated arm does: ten-percent-off, free-delivery",
        ),
        ({"alpha": 0.5}, r"test.yml: 'alpha' is 0.5, but it should be less than 0.5"),
        (
            {"minimum_buyers": 1},
            r"test.yml: 'minimum_buyers' is 1, but it should be greater than or equal to 2",
        ),
        (
            {"primary_metric": "conversion"},
            r"test.yml: 'primary_metric' is 'conversion', but it should be 'profit'",
        ),
        (
            {"planted": {arm: {"lift": {"at_risk": 0.1}} for arm in ("ten-percent-off", "free-delivery")}},
            r"test.yml: four-core has no segment 'at_risk'; it has new, returning, high-value repeat, at-risk",
        ),
        ({"arms": arms(control={"discount_rate": 0.1})}, r"the control 'nothing' must be offered nothing"),
        (
            {"arms": arms(control={"share": 8})},
            r"arms of so unequal shares need minimum_buyers of at least 100",
        ),
        (
            {"family": "all"},
            r"test.yml: 'family' is 'all', but it should be 'segments', 'everyone' or 'both'",
        ),
        (
            {"given": {"metrics": ["spend"], "conversion": "bought"}},
            r"'conversion' is 'bought', which is none of spend",
        ),
        (
            {"given": {"metrics": ["spend"], "conversion": "spend"}},
            r"outcomes are either 'given' or 'planted', not both",
        ),
        (
            {
                "given": {"metrics": ["spend", "bought"], "conversion": "bought"},
                "planted": None,
                "power": None,
            },
            r"'primary_metric' is 'profit', but it should be 'spend' or 'bought'",
        ),
        ({"horizon_days": 0}, r"test.yml: 'horizon_days' is 0"),
        ({"arms": arms(control={"contact_cost": 0.1})}, r"must be offered nothing: no contact_cost"),
        ({"unit": "order"}, r"test.yml: 'unit' is 'order', but it should be 'customer'"),
        ({"margin_rate": 25}, r"test.yml: 'margin_rate' is 25, but it should be less than or equal to 1"),
        (
            {"planted": None, "power": None, "assigned_until": date(2017, 9, 30)},
            r"'assigned_until' is 2017-09-30, which is before 'assigned_on', 2017-10-01",
        ),
        (
            {"assigned_until": date(2017, 10, 9)},
            r"planted effects are for a test that assigns everybody on one day",
        ),
        ({"looks": "daily"}, r"'looks: daily' needs 'planned_customers'"),
        (
            {"layer": "autumn", "layer_share": [0.5, 0.5]},
            r"'layer_share' is \[0.5, 0.5\], but it should be two numbers",
        ),
        (
            {"layer": "autumn", "layer_share": [0, 1.5]},
            r"'layer_share' is \[0.0, 1.5\], but it should be two numbers",
        ),
        ({"layer_share": [0, 0.5]}, r"'layer_share' is a part of a layer: say which"),
        (
            {"guardrails": [{"metric": "visits", "margin": 0.02}]},
            r"a guardrail is on 'visits', but it should be on one of profit, revenue, orders, conversion",
        ),
        (
            {"guardrails": [{"metric": "orders", "margin": 0.02}, {"metric": "orders", "margin": 0.1}]},
            r"two guardrails are on 'orders'",
        ),
        (
            {"guardrails": [{"metric": "orders", "margin": 2}]},
            r"test.yml: 'guardrails.0.margin' is 2, but it should be less than 1",
        ),
        (
            {"decision": {"minimum_efect": 1}},
            r"the key 'decision.minimum_efect' is not known: did you mean 'minimum_effect'",
        ),
        ({"adjust": "sidak"}, r"test.yml: 'adjust' is 'sidak', but it should be 'holm' or 'bh'"),
        ({"capped_at": 99}, r"test.yml: 'capped_at' is 99, but it should be less than 1"),
        (
            {"eligible": {"feature": "freqency", "at_least": 2}},
            r"test.yml: 'eligible': there is no feature 'freqency': did you mean 'frequency'\?",
        ),
        (
            {"eligible": {"segment": {"four-core": ["lost"]}}},
            r"test.yml: 'eligible': four-core has no segment 'lost'",
        ),
        ({"eligible": {"feature": "frequency"}}, r"a feature, and only a feature, is compared"),
        (
            {"segmentation": "rfm"},
            r"test.yml: 'segmentation' is 'rfm', but it should be one of four-core, rxf-grid, three-level, classic-11",
        ),
    ],
)
def test_a_bad_file_is_named_in_a_sentence(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        read_experiments("demo", written(tmp_path, **changes))


def test_one_arm_is_no_experiment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"at least two arms \(nothing\)"):
        read_experiments("demo", written(tmp_path, arms={"nothing": {"offer": "no offer"}}, planted={}))


def test_a_file_is_named_after_its_id(tmp_path: Path) -> None:
    with pytest.raises(OfferError, match=r"other.yml: 'id' is 'test', but the file says 'other'"):
        read_experiments("demo", written(tmp_path, "other"))


def test_a_shop_without_files_has_no_experiments(tmp_path: Path) -> None:
    assert read_experiments("demo", tmp_path) == []


def test_experiments_come_in_the_order_of_their_assignment(tmp_path: Path) -> None:
    written(tmp_path, "a", id="a", assigned_on=date(2017, 11, 1))
    written(tmp_path, "b", id="b", assigned_on=date(2017, 9, 1))
    assert [one.id for one in read_experiments("demo", tmp_path)] == ["b", "a"]


@pytest.mark.parametrize(
    ("assigned_on", "horizon_days", "is_finished"),
    [
        (date(2017, 10, 1), 30, True),  # its last day is 30 October
        (date(2017, 10, 1), 31, True),  # its last day is 31 October
        (date(2017, 10, 1), 32, False),  # its last day is 1 November
        (date(2017, 11, 1), 1, False),
    ],
)
def test_an_experiment_is_finished_once_its_last_day_is_over(
    tmp_path: Path, assigned_on: date, horizon_days: int, is_finished: bool
) -> None:
    plans = read_experiments("demo", written(tmp_path, assigned_on=assigned_on, horizon_days=horizon_days))
    assert (finished(plans, Month(2017, 10)) == plans) is is_finished


def test_a_file_that_says_none_of_the_new_keys_means_what_it_meant(tmp_path: Path) -> None:
    few = "id title hypothesis segmentation assigned_on horizon_days covariate_days control arms".split()
    left_out = {key: None for key in yaml.safe_load(DEMO.read_text()) if key not in few}
    (plan,) = read_experiments("demo", written(tmp_path, **left_out))
    assert (plan.eligible, plan.assigned_until, plan.layer, plan.margin_rate) == (None, None, None, None)
    assert (plan.stratify, plan.guardrails, plan.adjust, plan.looks) == (False, (), "holm", "once")
    assert (plan.decision.minimum_effect, plan.capped_at, plan.family, plan.alpha) == (
        0,
        None,
        "segments",
        0.05,
    )
    assert plan.ended_day == plan.assigned_day + plan.horizon_days
    assert all(arm.contact_cost == 0 for arm in plan.arms.values())
    assert plan.margin(0.25) == 0.25


def test_a_staggered_test_ends_when_the_last_horizon_does(tmp_path: Path) -> None:
    days = {"assigned_on": date(2017, 10, 1), "assigned_until": date(2017, 10, 4), "horizon_days": 28}
    plans = read_experiments("demo", written(tmp_path, planted=None, power=None, **days))
    assert plans[0].last_assigned_day - plans[0].assigned_day == 3
    assert plans[0].ended_day == plans[0].assigned_day + 31
    assert finished(plans, Month(2017, 10)) == plans  # the last day of the last is 31 October
    longer = read_experiments(
        "demo", written(tmp_path, planted=None, power=None, **days | {"horizon_days": 29})
    )
    assert finished(longer, Month(2017, 10)) == []


@pytest.mark.parametrize(
    ("other", "is_refused"),
    [
        ({"layer_share": [0.5, 1]}, False),  # the next half of the layer
        ({"layer_share": [0.4, 0.9]}, True),
        ({"layer_share": [0, 1]}, True),
        ({"layer_share": [0.4, 0.9], "assigned_on": date(2017, 10, 29)}, False),  # the day after the last
        ({"layer_share": [0.4, 0.9], "assigned_on": date(2017, 10, 28)}, True),
        ({"layer_share": [0.4, 0.9], "layer": "winter"}, False),
        ({"layer": None}, False),
    ],
)
def test_two_experiments_share_no_customers_of_a_layer(
    tmp_path: Path, other: dict[str, Any], is_refused: bool
) -> None:
    real = {"planted": None, "power": None}  # 28 days from 1 October
    written(tmp_path, "a", id="a", layer="autumn", layer_share=[0, 0.5], **real)
    written(tmp_path, "b", **{"id": "b", "layer": "autumn"} | other | real)
    if is_refused:
        with pytest.raises(
            OfferError, match=r"a and b are in the layer 'autumn' at the same time, .* from 0.*to 0.5\."
        ):
            read_experiments("demo", tmp_path)
    else:
        assert len(read_experiments("demo", tmp_path)) == 2


def test_the_document_shows_every_key_and_can_be_copied(tmp_path: Path) -> None:
    """docs/experiments.md: the first block is a file, and the others are keys that may be added to one."""
    text = (ROOT / "docs" / "experiments.md").read_text()
    first, *others = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "2026-03-spring-letter.yml").write_text(first)
    (plan,) = read_experiments("acme", tmp_path)
    keys = set(yaml.safe_load(first)).union(*(yaml.safe_load(other) for other in others)) - {"offers"}
    assert keys == set(Experiment.model_fields)
    said = yaml.safe_load(first)
    assert set(said["arms"]["letter"]) == set(Arm.model_fields)
    assert set(said["guardrails"][0]) == set(Guardrail.model_fields)
    assert set(said["decision"]) == set(Decision.model_fields)
    assert plan.looks == "once"
