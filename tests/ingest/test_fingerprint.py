"""The mark of what staged tables are made from: it changes with content, configuration, key and code, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from regulars import Shop
from regulars.config import ShopConfig
from regulars.ingest import IngestError, fingerprint, stage, staging
from regulars.ingest.landing import Landed, Landing
from tests.ingest.written import ABOUT, read, written

ORDERS = "order_id,customer_id,revenue,ordered_at\n1,ann,5.00,2024-01-05\n2,bo,6.00,2024-01-06"


def mark(home: Path, orders: str = ORDERS, **more: Any) -> str:
    return fingerprint.of(written(home, {"orders": orders}, **more))


def test_the_same_has_the_same_mark_whenever_it_was_written(tmp_path: Path) -> None:
    first = mark(tmp_path)
    assert len(first) == 32
    os.utime(tmp_path / "raw" / "orders.csv", (1, 1))
    assert mark(tmp_path) == first
    assert mark(tmp_path / "elsewhere") != first  # it has a key of its own


def test_content_configuration_and_key_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = [
        mark(tmp_path),
        mark(tmp_path, ORDERS.replace("6.00", "6.01")),
        mark(tmp_path, given={"decimal": ","}),
        mark(tmp_path, revenue={"tax": "in"}),
        mark(tmp_path, time_zone="Europe/London"),
    ]
    monkeypatch.setenv("REGULARS_KEY", "k" * 40)
    marks.append(mark(tmp_path))
    assert len(set(marks)) == len(marks)


def test_code_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code" / "ingest" / "sources").mkdir(parents=True)
    (tmp_path / "code" / "config").mkdir()
    module = tmp_path / "code" / "ingest" / "sources" / "files.py"
    module.write_text("as it was")
    (tmp_path / "code" / "engine.py").write_text("")
    monkeypatch.setattr(fingerprint, "CODE", tmp_path / "code")
    before = mark(tmp_path)
    module.write_text("as it is")
    assert mark(tmp_path) != before


def test_files_that_change_names_or_places_change_it(tmp_path: Path) -> None:
    texts = {"a.csv": "order_id\n1", "b.csv": "order_id\n2"}
    source = {"kind": "files", "tables": {"orders": {"path": "*.csv", "columns": {"order_id": "order_id"}}}}
    shop = Shop(ShopConfig.model_validate({**ABOUT, "source": source}), tmp_path, tmp_path / "raw")
    shop.raw.mkdir()
    for name, text in texts.items():
        (shop.raw / name).write_text(text)
    before = fingerprint.of(shop)
    (shop.raw / "a.csv").rename(shop.raw / "aa.csv")
    assert fingerprint.of(shop) != before
    (shop.raw / "aa.csv").rename(shop.raw / "a.csv")
    assert fingerprint.of(shop) == before
    (shop.raw / "a.csv").write_text(texts["b.csv"])
    (shop.raw / "b.csv").write_text(texts["a.csv"])
    assert fingerprint.of(shop) != before


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    shop = written(tmp_path, {"orders": ORDERS})
    (shop.raw / "orders.csv").unlink()
    with pytest.raises(IngestError, match=r"orders\.csv"):
        fingerprint.of(shop)


def test_a_database_has_none_and_is_read_at_every_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = written(tmp_path, {"orders": ORDERS})
    tables = {"orders": {"table": "orders", "columns": {"order_id": "id"}}}
    source = {"kind": "database", "address": "ACME_DATABASE", "tables": tables}
    database = Shop(ShopConfig.model_validate({**ABOUT, "source": source}), tmp_path, shop.raw)
    assert fingerprint.of(database) == ""
    readings: list[str] = []
    land = staging.land

    def as_files(_: Shop, landing: Landing) -> dict[str, Landed]:
        readings.append("read")
        return land(shop, landing)

    monkeypatch.setattr(staging, "land", as_files)
    stage(database)
    stage(database)
    assert len(readings) == 2
    assert read(database, "orders", "revenue") == [(5.0,), (6.0,)]


def test_an_order_of_the_future_is_looked_at_again_on_another_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = written(tmp_path, {"orders": ORDERS + "\n3,cy,7.00,2999-01-01"})
    readings: list[str] = []
    land = staging.land

    def watched(shop: Shop, landing: Landing) -> dict[str, Landed]:
        readings.append("read")
        return land(shop, landing)

    monkeypatch.setattr(staging, "land", watched)
    stage(shop)
    stage(shop)
    assert len(readings) == 1
    monkeypatch.setattr(staging, "today", lambda _: 40_000)
    stage(shop)
    assert len(readings) == 2
