"""What was written down before a test: once, and with every later change shown."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from regulars import Shop
from regulars.offers import Experiment, OfferError, read_experiments
from regulars.offers.registration import Registration, _sha256, register, registration
from regulars.shop import ROOT

BEFORE, ON = date(2017, 9, 20), date(2017, 10, 1)
FILE = ROOT / "config" / "experiments" / "demo" / "2017-10-first-offers.yml"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.open("demo", {"REGULARS_HOME": str(tmp_path)})


def plan(**changes: Any) -> Experiment:
    content = yaml.safe_load(FILE.read_text()) | {"planted": {}, "power": []} | changes
    return Experiment.model_validate(content)


def rows(found: Registration) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in found.changes.itertuples(index=False)]


def test_a_plan_is_written_once_and_never_again(shop: Shop) -> None:
    first = register(shop, plan(), BEFORE)
    path = shop.data / "registered" / f"{plan().id}.json"
    written = path.read_bytes()
    assert register(shop, plan(alpha=0.01), date(2017, 9, 25)).registered_on == BEFORE
    assert path.read_bytes() == written
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert json.loads(written)["sha256"] == first.sha256
    assert first.sentence == (
        "The plan was registered on 2017-09-20, before the first assignment on 2017-10-01 "
        f"(SHA-256 {first.sha256[:12]}), and has not been changed since."
    )


def test_what_was_never_registered_says_so(shop: Shop) -> None:
    found = registration(shop, plan())
    assert (found.registered_on, found.is_before, rows(found)) == (None, False, [])
    assert found.sentence.startswith("The plan was not registered")


def test_each_key_that_was_changed_is_shown_then_and_now(shop: Shop) -> None:
    rule = {"feature": "frequency", "at_least": 2}
    first = register(
        shop, plan(eligible={"not": rule}, guardrails=[{"metric": "orders", "margin": 0.1}]), BEFORE
    )
    arms = plan().model_dump()["arms"]
    arms["free-delivery"]["delivery_cost"] = 4.5
    found = registration(
        shop, plan(alpha=0.01, arms=arms, eligible={"not": rule | {"at_least": 3}}, layer="autumn")
    )
    assert found.sha256 == first.sha256
    assert rows(found) == [
        ("alpha", "0.05", "0.01"),
        ("arms.free-delivery.delivery_cost", "6.0", "4.5"),
        ("eligible.not.at_least", "2", "3"),
        ("guardrails", '[{"metric": "orders", "margin": 0.1}]', "not set"),
        ("layer", "not set", "autumn"),
    ]
    assert "CHANGED since: alpha was 0.05, is now 0.01; arms" in found.sentence
    assert found.sentence.endswith("eligible.not.at_least was 2, is now 3; and 2 more.")


def test_comments_the_order_of_keys_and_written_defaults_are_no_change(shop: Shop, tmp_path: Path) -> None:
    first = register(shop, read_experiments("demo")[0], BEFORE)
    content = yaml.safe_load(FILE.read_text()) | {
        "stratify": False,
        "guardrails": [],
        "decision": {"minimum_effect": 0},
    }
    (tmp_path / "demo").mkdir()
    turned = dict(reversed(content.items())) | {"arms": dict(reversed(content["arms"].items()))}
    (tmp_path / "demo" / FILE.name).write_text(
        "# another comment\n" + yaml.safe_dump(turned, sort_keys=False)
    )
    again = registration(shop, read_experiments("demo", tmp_path)[0])
    assert (again.sha256, rows(again)) == (first.sha256, [])
    assert (
        registration(Shop.open("demo", {"REGULARS_HOME": str(tmp_path / "new")}), plan()).sha256
        != first.sha256
    )


@pytest.mark.parametrize(("day", "is_before"), [(BEFORE, True), (ON, False), (date(2018, 1, 1), False)])
def test_a_plan_registered_on_the_day_or_later_says_so(shop: Shop, day: date, is_before: bool) -> None:
    found = register(shop, plan(), day)
    assert found.is_before is is_before
    assert ("not before the first assignment, which was on 2017-10-01" in found.sentence) is not is_before


def test_moving_the_assignment_makes_no_late_registration_early(shop: Shop) -> None:
    register(shop, plan(), ON)
    moved = registration(shop, plan(assigned_on=date(2017, 11, 1)))
    assert not moved.is_before
    assert rows(moved) == [("assigned_on", "2017-10-01", "2017-11-01")]


def test_a_key_that_the_plan_did_not_know_of_has_its_default(shop: Shop) -> None:
    """As if a later version had brought `capped_at`, `stratify` and `contact_cost`."""
    register(shop, plan(), BEFORE)
    path = shop.data / "registered" / f"{plan().id}.json"
    content = json.loads(path.read_text())
    del content["plan"]["stratify"], content["plan"]["arms"]["nothing"]["contact_cost"]
    content["sha256"] = _sha256(content["plan"])
    path.write_text(json.dumps(content))
    assert rows(registration(shop, plan())) == []
    assert rows(registration(shop, plan(stratify=True))) == [("stratify", "false", "true")]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda text: text.replace('"alpha": 0.05', '"alpha": 0.1'),
            "was changed by hand: its plan does not have the SHA-256",
        ),
        (lambda text: text[:200], "holds no registered plan"),
        (lambda _: "{}", "holds no registered plan"),
    ],
)
def test_a_record_that_is_not_what_was_written_is_refused(shop: Shop, damage: Any, sentence: str) -> None:
    register(shop, plan(), BEFORE)
    path = shop.data / "registered" / f"{plan().id}.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(OfferError, match=sentence):
        registration(shop, plan())
