"""Configurations that are wrong, folders that cannot be written, disks that are full: a sentence, and nothing half-written."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import yaml

from regulars.config import ConfigError, ShopConfig, read_config
from regulars.ingest import stage
from regulars.pipeline import main
from tests.ingest.corner import CONFIG, HEADER, LASTING, LINES, contents, corner, project, refusal, with_lines

WRITTEN = yaml.safe_dump(
    {**CONFIG, "source": {"kind": "files", "tables": {"order_lines": LINES}}}, sort_keys=False
)
YAMLS = {
    "a tab": (
        WRITTEN + "\tabout: x\n",
        "corner.yml: line {last}: found character '\\t' that cannot start any token. Write 'key: value', indented with "
        "blanks, not tabs.",
    ),
    "an unknown key": (
        WRITTEN.replace("title:", "titel:"),
        "corner.yml: the key 'title' is missing; corner.yml: the key 'titel' is not known: did you mean 'title'?",
    ),
    "an unknown key of a table": (
        WRITTEN.replace("      path:", "      delimeter: ','\n      path:"),
        "corner.yml: the key 'source.tables.order_lines.delimeter' is not known: did you mean 'delimiter'?",
    ),
    "a Python object tag": (
        WRITTEN + "about: !!python/object/apply:os.mkdir ['{made}']\n",
        "corner.yml: line {last}: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.mkdir'. Write 'key: value', indented with blanks, not tabs.",
    ),
    "time zone missing": (
        WRITTEN.replace("time_zone: Europe/Berlin\n", ""),
        "corner.yml: the key 'time_zone' is missing",
    ),
}


@pytest.mark.parametrize(("text", "said"), YAMLS.values(), ids=YAMLS)
def test_a_configuration_that_is_wrong_is_a_sentence_and_the_pipelines_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    text = text.replace("{made}", str(tmp_path / "made"))
    said = said.replace("{last}", str(text.count("\n")))
    with project(tmp_path, monkeypatch) as path:
        path.write_text(text)
        with pytest.raises(ConfigError) as error:
            read_config(path, ShopConfig)
        assert main(["--shop", "corner"]) == 1
    assert str(error.value) == said
    assert capsys.readouterr().err == f"regulars: {said}\n"
    assert {entry.name for entry in tmp_path.iterdir()} == {"config"}


@pytest.mark.parametrize("place", ["a file", "/proc/regulars", "/sys/regulars"])
@pytest.mark.parametrize("is_keyed", [False, True], ids=["own key", "given key"])
def test_no_right_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, is_keyed: bool
) -> None:
    if place.startswith("/") and not Path(place).parent.is_dir():
        pytest.skip(f"this system has no {Path(place).parent}")
    monkeypatch.setenv("REGULARS_KEY", "k" * 40)
    if not is_keyed:
        monkeypatch.delenv("REGULARS_KEY")
    shop = with_lines(corner(tmp_path))
    if place == "a file":
        (tmp_path / "data").write_text("not a folder")
    shop.home = tmp_path if place == "a file" else Path(place)
    said = refusal(shop)
    assert said.startswith("corner cannot be staged: ")
    assert said.endswith(
        f"Its data are written to {shop.data}: see that the folder may be written, or set REGULARS_HOME to one that may."
    )


@contextmanager
def disk_with(room: int) -> Iterator[None]:
    """No file may grow beyond `room` bytes: a write that would fails as on a full disk, wherever it comes from."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


MANY = [
    [
        str(1000 + place // 2),
        str(place // 2 % 97),
        f"P{place}",
        f"Product {place}",
        "1",
        "4.50",
        "EUR",
        "2025-01-03 09:15:00",
    ]
    for place in range(4000)
]


@pytest.mark.parametrize("is_staged", [False, True], ids=["nothing staged before", "staged before"])
@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("lines.csv", 0),
        ("lines.csv", 100),
        ("lines.csv", 20_000),
        ("lines.parquet", 1_000),
        ("lines.parquet", 20_000),
    ],
)
def test_a_full_disk_changes_nothing_wherever_it_is_met(
    tmp_path: Path, name: str, room: int, is_staged: bool
) -> None:
    shop = with_lines(corner(tmp_path))
    if is_staged:
        stage(shop)
    shop = with_lines(corner(tmp_path, order_lines={**LINES, "path": name}), MANY)
    pd.DataFrame(MANY, columns=HEADER).to_parquet(shop.raw / "lines.parquet")
    with disk_with(room):
        said = refusal(shop)
    assert said == (
        f"The disk of {shop.data} is full: nothing was changed. Make room, or set REGULARS_HOME to a folder on another disk."
    )
    stage(shop)
    assert len(pd.read_parquet(shop.staged("order_lines"))) == len(MANY)


def test_a_failure_that_nobody_foresaw_leaves_nothing_half_written_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = with_lines(corner(tmp_path))
    stage(shop)
    before = contents(shop.staged("").parent)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("regulars.ingest.ledger.Ledger.save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage(shop, fresh=True)
    assert contents(shop.staged("").parent) == before
    assert {path.name for path in shop.data.iterdir()} <= LASTING
