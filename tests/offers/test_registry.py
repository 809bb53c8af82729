"""Experiments as files: a sentence for each thing that can be wrong with one."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from regulars.config import ConfigError
from regulars.month import Month
from regulars.offers import OfferError, finished, read_experiments
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
