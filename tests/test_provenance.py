"""The foot of a page says the same of the same input, and something else of any other."""

from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from regulars import Shop
from regulars.provenance import commit, content_hash, file_hash, provenance


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A project with a configuration, an experiment, a lock and one staged table."""
    for name in ("config/demo.yml", "config/experiments/demo/one.yml", "requirements/run.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a\n")
    monkeypatch.setattr("regulars.provenance.ROOT", tmp_path)
    shop = Shop(Shop.open("demo", {}).config, tmp_path, tmp_path)
    shop.save(pd.DataFrame({"order_id": ["1", "2"]}), "staged", "orders", "order_id")
    return shop


def changed(shop: Shop, before: dict[str, str]) -> list[str]:
    after = provenance(shop, {"month": "2017-12"})
    return [name for name in after if after[name] != before[name]]


def test_the_same_input_gives_the_same_words(project: Shop) -> None:
    parameters = {"shop": "demo", "month": "2017-12"}
    found = provenance(project, parameters)
    assert found == provenance(Shop(project.config, project.home, project.raw), parameters)
    assert list(found) == ["Data", "Configuration", "Lock", "Commit", "Versions", "Parameters"]
    assert found["Parameters"] == "shop = demo, month = 2017-12"
    assert f"duckdb {version('duckdb')}" in found["Versions"]


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("config/demo.yml", "Configuration"),
        ("config/experiments/demo/one.yml", "Configuration"),
        ("config/experiments/demo/two.yml", "Configuration"),
        ("requirements/run.lock", "Lock"),
    ],
)
def test_a_changed_file_changes_its_own_part_only(project: Shop, file: str, part: str) -> None:
    before = provenance(project, {"month": "2017-12"})
    (project.home / file).write_text("b\n")
    assert changed(project, before) == [part]


@pytest.mark.parametrize("orders", [["1", "3"], ["1"], ["1", "2", "2"]])
def test_a_changed_row_changes_the_data(project: Shop, orders: list[str]) -> None:
    before = provenance(project, {"month": "2017-12"})
    project.save(pd.DataFrame({"order_id": orders}), "staged", "orders", "order_id")
    assert changed(project, before) == ["Data"]


def test_the_data_are_the_rows_and_the_names_of_tables_not_the_files(project: Shop) -> None:
    before = content_hash(project)
    backwards = project.engine.sql("SELECT * FROM (VALUES ('2'), ('1')) t(order_id)")
    backwards.write_parquet(str(project.staged("orders")), compression="gzip")
    assert content_hash(project) == before
    project.staged("orders").rename(project.staged("sales"))
    assert content_hash(project) != before


def test_other_parameters_are_other_words(project: Shop) -> None:
    before = provenance(project, {"month": "2017-12"})
    after = provenance(project, {"month": "2017-11"})
    assert [name for name in after if after[name] != before[name]] == ["Parameters"]


def test_an_absent_file_is_passed_over_and_a_renamed_one_is_seen(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a")
    assert file_hash([one, other]) == file_hash([one])
    other.write_text("a")
    assert len({file_hash([one]), file_hash([other]), file_hash([one, other]), file_hash([])}) == 4


def test_without_git_the_page_says_so(project: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit() == "not under git"  # the folder is no repository
    monkeypatch.setenv("PATH", str(project.home))
    assert provenance(project, {})["Commit"] == "not under git"  # there is no git


def test_a_commit_is_named_and_marked_if_files_were_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"rev-parse": "0123456789ab", "status": ""}
    monkeypatch.setattr("regulars.provenance._git", lambda word, *_: answers[word])
    assert commit() == "0123456789ab"
    answers["status"] = " M README.md"
    assert commit() == "0123456789ab with changes"
