"""A wrong configuration is answered with a sentence that names the file, the key and what would work."""

from pathlib import Path

import pytest

from regulars.config import ConfigError, ShopConfig, read_config

GOOD = """\
name: corner
title: Corner shop
currency: EUR
time_zone: Europe/Berlin
source:
  kind: completejourney
margin_rate: 0.25
privacy:
  min_cell: 10
  consent_required: false
segments:
  minimum_share: 0.03
"""


def read(folder: Path, text: str | bytes) -> ShopConfig:
    path = folder / "corner.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path, ShopConfig)


def complaint(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as error:
        read(folder, text)
    return str(error.value)


def test_what_is_left_out_is_strict_about_privacy(tmp_path: Path) -> None:
    short = GOOD[: GOOD.index("privacy")]
    config = read(tmp_path, short)
    assert config.privacy.consent_required
    assert (config.privacy.min_cell, config.segments.chosen, config.engine) == (10, "four-core", "duckdb")


def test_everybody_may_be_sent_offers_unless_a_holdout_is_stated(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).offers.holdout == 0
    assert read(tmp_path, GOOD + "offers: {holdout: 0.05}\n").offers.holdout == 0.05


@pytest.mark.parametrize(("currency", "sign"), [("EUR", "€"), ("USD", "$"), ("CHF", "CHF ")])
def test_an_amount_has_its_sign_or_its_code(tmp_path: Path, currency: str, sign: str) -> None:
    assert read(tmp_path, GOOD.replace("EUR", currency)).sign == sign


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("title:", "titel:", "the key 'titel' is not known: did you mean 'title'?"),
        ("min_cell:", "min_cel:", "the key 'privacy.min_cel' is not known: did you mean 'min_cell'?"),
        ("minimum_share:", "share_minimum:", "the key 'segments.share_minimum' is not known"),
        (
            "minimum_share:",
            "qqq:",
            "the key 'segments.qqq' is not known: known here are behavioural, chosen, hybrids, minimum_share",
        ),
        ("title: Corner shop\n", "", "the key 'title' is missing"),
        ("kind: completejourney", "{}", "the key 'source.kind' is missing"),
        ("kind: completejourney", "kind: csv", "'source.kind' is 'csv', but it should be 'completejourney'"),
        ("0.25", "much", "'margin_rate' is 'much', but it should be a valid number"),
        ("0.25", "yes", "'margin_rate' is True, but it should be a valid number"),
        ("0.25", "25", "'margin_rate' is 25, but it should be less than or equal to 1"),
        ("0.25", ".nan", "'margin_rate' is nan, but it should be"),
        ("min_cell: 10", "min_cell: true", "'privacy.min_cell' is True, but it should be a valid integer"),
        (
            "min_cell: 10",
            "min_cell: 0",
            "'privacy.min_cell' is 0, but it should be greater than or equal to 1",
        ),
        ("false", "perhaps", "'privacy.consent_required' is 'perhaps', but it should be a valid boolean"),
        (
            "segments:\n  minimum_share:",
            "offers:\n  holdout: 5\nsegments:\n  minimum_share:",
            "'offers.holdout' is 5, but it should be less than or equal to 0.5",
        ),
        (
            "segments:\n  minimum_share:",
            "offers:\n  hold_out: 0.05\nsegments:\n  minimum_share:",
            "the key 'offers.hold_out' is not known: did you mean 'holdout'?",
        ),
        ("name: corner", "name: The Corner", "'name' is 'The Corner', but"),
        ("EUR", "euro", "'currency' is 'euro', but"),
        (
            "Europe/Berlin",
            "Europe/Berlni",
            "'time_zone' is 'Europe/Berlni', but 'Europe/Berlni' is not a time zone",
        ),
        ("Europe/Berlin", "Europe/Berlni", "write one such as Europe/Berlin"),
        ("Europe/Berlin", "12", "'time_zone' is 12, but it should be a valid string"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, right: str, wrong: str, sentence: str) -> None:
    assert right in GOOD
    said = complaint(tmp_path, GOOD.replace(right, wrong))
    assert said.startswith("corner.yml: ")
    assert sentence in said


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    said = complaint(tmp_path, GOOD.replace("title:", "titel:").replace("0.25", "2"))
    assert [word in said for word in ("'title' is missing", "'titel'", "'margin_rate'")] == [True] * 3


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "- name: corner\n", "corner\n"])
def test_a_file_without_keys_is_told_what_it_needs(tmp_path: Path, text: str) -> None:
    said = complaint(tmp_path, text)
    needed = "name, title, currency, time_zone, source, margin_rate"
    assert said == f"corner.yml holds no 'key: value' lines; it needs at least {needed}."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "\tabout: x\n", ["line 13:", "cannot start any token", "not tabs"]),
        (GOOD + "about: [x\n", ["line 14:", "Write 'key: value'"]),
        (GOOD.encode() + b"about: caf\xe9\n", ["UTF-8"]),
        (GOOD + "complete_until: 2017-02-30\n", ["day", "month"]),
        (GOOD + "title: Another\n", ["line 13:", "the key 'title' stands twice"]),
    ],
    ids=["tab", "open bracket", "not UTF-8", "no such day", "twice"],
)
def test_what_is_not_yaml_is_named_with_its_line(tmp_path: Path, text: str | bytes, words: list[str]) -> None:
    said = complaint(tmp_path, text)
    assert said.startswith("corner.yml:")
    assert [word for word in words if word not in said] == []


def test_a_python_object_is_refused_and_not_made(tmp_path: Path) -> None:
    made = tmp_path / "made"
    said = complaint(tmp_path, GOOD + f"about: !!python/object/apply:os.mkdir ['{made}']\n")
    assert "line 13: could not determine a constructor" in said
    assert not made.exists()


def test_a_missing_file_is_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^absent\.yml is missing from config/\.$"):
        read_config(tmp_path / "config" / "absent.yml", ShopConfig)
