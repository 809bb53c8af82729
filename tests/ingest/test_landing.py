"""Raw tables land in a folder of the owner's own, whole or not at all, and are gone afterwards."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars.engine import Engine
from regulars.ingest import IngestError, stage, staging
from regulars.ingest.landing import Landed, Landing, identifier, quoted
from regulars.shop import Shop
from tests.ingest.written import read, written

SCHEMA = pa.schema([("n", pa.int64())])
ORDERS = {"orders": "order_id,customer_id,revenue,ordered_at\n1,ann,5.00,2024-01-05\n2,bo,6.00,2024-01-06"}


@pytest.fixture
def landing(tmp_path: Path) -> Iterator[Landing]:
    with Landing(Engine(), tmp_path / "home" / "landing") as opened:
        yield opened


def batches(*values: int, then: Exception | None = None) -> Iterator[pa.RecordBatch]:
    for value in values:
        yield pa.record_batch([[value]], schema=SCHEMA)
    if then:
        raise then


def test_only_its_owner_may_look_into_the_folder(landing: Landing) -> None:
    assert stat.S_IMODE(landing.folder.stat().st_mode) == 0o700


def test_what_lay_there_before_is_gone_and_so_is_the_folder_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "landing"
    folder.mkdir()
    (folder / "orders.parquet").write_text("of a run that was killed")
    with pytest.raises(RuntimeError, match="half-way"), Landing(Engine(), folder) as landing:
        assert list(folder.iterdir()) == []
        landing.copy("orders", "SELECT 1 AS n")
        raise RuntimeError("half-way")
    assert not folder.exists()


def test_rows_land_in_their_order(landing: Landing) -> None:
    path = landing.copy("numbers", "SELECT 200000 - range AS n FROM range(200000)")
    assert path == landing.folder / "numbers.parquet"
    assert pq.read_table(path)["n"].to_pylist() == list(range(200_000, 0, -1))
    path = landing.write("others", SCHEMA, batches(3, 1, 2))
    assert pq.read_table(path)["n"].to_pylist() == [3, 1, 2]


def test_half_a_file_is_taken_away_where_a_source_breaks_off(landing: Landing) -> None:
    with pytest.raises(ConnectionError):
        landing.write("orders", SCHEMA, batches(1, 2, then=ConnectionError("gone")))
    assert list(landing.folder.iterdir()) == []


def test_half_a_file_is_taken_away_where_a_query_breaks_off(landing: Landing) -> None:
    late = "SELECT CASE WHEN range = 1999999 THEN error('late') ELSE range END AS n FROM range(2000000)"
    with pytest.raises(duckdb.Error, match="late"):
        landing.copy("orders", late)
    assert list(landing.folder.iterdir()) == []


def test_any_name_and_any_text_is_quoted() -> None:
    name, text = 'x" FROM t; --', "it's; DROP TABLE t"
    query = f"SELECT {quoted(text)} AS {identifier(name)}"
    found = duckdb.sql(query)
    assert (found.columns, found.fetchall()) == ([name], [(text,)])


def left(shop: Shop) -> list[str]:
    """What lies beside the staged tables, but for the key and locks."""
    return sorted(path.name for path in shop.data.iterdir() if path.is_dir() and path.name != "staged")


def test_nothing_raw_is_left_after_staging(tmp_path: Path) -> None:
    shop = written(tmp_path, ORDERS)
    stage(shop)
    assert left(shop) == []
    assert len(read(shop, "orders")) == 2


def test_nothing_is_left_of_a_staging_that_failed_and_the_old_tables_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = written(tmp_path, ORDERS)
    stage(shop)
    before = {path.name: path.read_bytes() for path in shop.staged("").parent.glob("*") if path.is_file()}
    land = staging.land

    def failing(shop: Shop, landing: Landing) -> dict[str, Landed]:
        land(shop, landing)
        assert [path.name for path in landing.folder.iterdir()] == ["orders.parquet"]
        raise IngestError("The connection broke.")

    monkeypatch.setattr(staging, "land", failing)
    with pytest.raises(IngestError, match="The connection broke"):
        stage(shop, fresh=True)
    assert left(shop) == []
    assert {
        path.name: path.read_bytes() for path in shop.staged("").parent.glob("*") if path.is_file()
    } == before
