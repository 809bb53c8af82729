"""The published test landed, against the file read by Python's own csv module, and against published figures."""

import csv
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars import Shop
from regulars.config import ShopConfig, read_config
from regulars.ingest import IngestError
from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.download import HILLSTROM, PUBLIC
from regulars.ingest.landing import Landed, Landing
from regulars.ingest.sources.hillstrom import EXPERIMENT, METRICS, land
from regulars.shop import ROOT

RAW = Path(os.environ["REGULARS_RAW"]) if os.environ.get("REGULARS_RAW") else None
HEADER = "recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend"
LINES = (
    '10,"6) $750 - $1,000",810.5,1,0,Surburban,0,Phone,Womens E-Mail,1,1,12.95',
    "6,2) $100 - $200,100,0,1,Rural,1,Web,No E-Mail,0,0,0",
    "6,2) $100 - $200,100,0,1,Rural,1,Web,No E-Mail,0,0,0",
)


def shop_at(home: Path, raw: Path) -> Shop:
    return Shop(read_config(ROOT / "config" / "hillstrom.yml", ShopConfig), home, raw)


def rows_of(landed: Landed) -> list[dict[str, Any]]:
    return pq.read_table(landed.path).to_pylist()


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop with a file of three rows, two of them equal, and the checksum of that file."""
    raw = tmp_path / "raw"
    raw.mkdir()
    content = "".join(f"{line}\r\n" for line in (HEADER, *LINES)).encode()
    (raw / HILLSTROM).write_bytes(content)
    public = PUBLIC["hillstrom"]._replace(forms={HILLSTROM: hashlib.sha256(content).hexdigest()})
    monkeypatch.setitem(PUBLIC, "hillstrom", public)
    return shop_at(tmp_path, raw)


@pytest.fixture
def landing(small: Shop, tmp_path: Path) -> Iterator[Landing]:
    with Landing(small.engine, tmp_path / "landing") as opened:
        yield opened


def test_every_row_is_a_customer_under_its_number_equal_or_not(small: Shop, landing: Landing) -> None:
    first, second, third = rows_of(land(small, landing)["customers"])
    assert first == {
        "customer_id": "1",
        "channel": "Phone",
        "region": "Surburban",
        "history": Decimal("810.5"),
        "history_segment": "6) $750 - $1,000",
        "recency_months": 10,
        "bought_mens": True,
        "bought_womens": False,
        "is_newbie": False,
    }
    assert third == second | {"customer_id": "3"}


def test_every_customer_is_assigned_and_has_three_outcomes(small: Shop, landing: Landing) -> None:
    landed = land(small, landing)
    assert rows_of(landed["assignments"])[0] == {
        "experiment_id": EXPERIMENT,
        "customer_id": "1",
        "arm": "Womens E-Mail",
    }
    outcomes = [(row["customer_id"], row["metric"], row["value"]) for row in rows_of(landed["outcomes"])]
    assert outcomes[:4] == [
        ("1", "visit", "1"),
        ("1", "conversion", "1"),
        ("1", "spend", "12.95"),
        ("2", "visit", "0"),
    ]
    assert len(outcomes) == 9


def test_what_lands_is_what_the_contracts_take_and_the_source_names_are_kept(
    small: Shop, landing: Landing
) -> None:
    landed = land(small, landing)
    assert set(landed) == {"customers", "assignments", "outcomes"}
    attributes = {
        "history",
        "history_segment",
        "recency_months",
        "bought_mens",
        "bought_womens",
        "is_newbie",
    }
    for name, table in landed.items():
        columns = set(rows_of(table)[0])
        known = set(CONTRACTS[name].mappable)
        assert columns - known == (attributes if name == "customers" else set())
        assert {column.source_name for column in CONTRACTS[name].columns if column.required} <= columns
        assert table.origin == HILLSTROM
        assert table.malformed is None
    assert landed["customers"].columns["region"] == "zip_code"
    assert landed["assignments"].columns["arm"] == "segment"


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    shop = shop_at(tmp_path, tmp_path / "raw")
    with (
        Landing(shop.engine, tmp_path / "landing") as landing,
        pytest.raises(IngestError, match="make data SHOP=hillstrom"),
    ):
        land(shop, landing)


def test_another_file_is_not_read(small: Shop, landing: Landing) -> None:
    with (small.raw / HILLSTROM).open("ab") as file:
        file.write(b"6,2) $100 - $200,100,0,1,Rural,1,Web,No E-Mail,0,0,0\r\n")
    with pytest.raises(IngestError, match="is not the file that was published: its sha256 is"):
        land(small, landing)
    assert list(landing.folder.iterdir()) == []


# The published file itself.


@pytest.fixture(scope="module")
def raw_file() -> Path:
    if RAW is None or not (RAW / "hillstrom" / HILLSTROM).exists():
        pytest.skip(
            "REGULARS_RAW names no folder with hillstrom's file: make data SHOP=hillstrom downloads it"
        )
    return RAW / "hillstrom" / HILLSTROM


def landed_with(raw_file: Path, home: Path, threads: int) -> dict[str, pa.Table]:
    shop = shop_at(home, raw_file.parent)
    shop.engine.connection.execute(f"SET threads = {threads}")
    with Landing(shop.engine, home / "landing") as landing:
        return {table: pq.read_table(landed.path) for table, landed in land(shop, landing).items()}


@pytest.fixture(scope="module")
def tables(raw_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    return landed_with(raw_file, tmp_path_factory.mktemp("hillstrom"), threads=4)


@pytest.fixture(scope="module")
def published(tables: dict[str, pa.Table]) -> dict[str, list[dict[str, Any]]]:
    return {name: table.to_pylist() for name, table in tables.items()}


@pytest.fixture(scope="module")
def lines(raw_file: Path) -> list[dict[str, str]]:
    with raw_file.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_published_file_lands_row_by_row(
    published: dict[str, list[dict[str, Any]]], lines: list[dict[str, str]]
) -> None:
    assert [len(published[table]) for table in ("customers", "assignments", "outcomes")] == [
        64_000,
        64_000,
        192_000,
    ]
    for number, (line, customer, assigned) in enumerate(
        zip(lines, published["customers"], published["assignments"], strict=True), start=1
    ):
        assert tuple(customer.values()) == (
            str(number),
            line["channel"],
            line["zip_code"],
            Decimal(line["history"]),
            line["history_segment"],
            int(line["recency"]),
            *(line[name] == "1" for name in ("mens", "womens", "newbie")),
        )
        assert tuple(assigned.values()) == (EXPERIMENT, str(number), line["segment"])
    expected = [
        (EXPERIMENT, str(number), metric, line[metric])
        for number, line in enumerate(lines, start=1)
        for metric in METRICS
    ]
    assert [tuple(row.values()) for row in published["outcomes"]] == expected


def test_the_published_means_of_each_arm(published: dict[str, list[dict[str, Any]]]) -> None:
    arms = {row["customer_id"]: row["arm"] for row in published["assignments"]}
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    counts: dict[str, int] = defaultdict(int)
    for arm in arms.values():
        counts[arm] += 1
    for row in published["outcomes"]:
        sums[arms[row["customer_id"]], row["metric"]] += Decimal(row["value"])
    means = {
        arm: (size, *(round(float(sums[arm, metric]) / size, 6) for metric in METRICS))
        for arm, size in counts.items()
    }
    assert means == {
        "Mens E-Mail": (21_307, 0.182757, 0.012531, 1.422617),
        "Womens E-Mail": (21_387, 0.151400, 0.008837, 1.077202),
        "No E-Mail": (21_306, 0.106167, 0.005726, 0.652789),
    }
    assert sum(total for (_, metric), total in sums.items() if metric == "conversion") == 578


def test_the_oddities_of_the_published_file_are_kept(
    published: dict[str, list[dict[str, Any]]], lines: list[dict[str, str]]
) -> None:
    customers = published["customers"]
    assert sum(customer["history"] == Decimal("29.99") for customer in customers) == 7_947
    assert {customer["region"] for customer in customers} == {"Urban", "Rural", "Surburban"}
    assert len(lines) - len({tuple(line.values()) for line in lines}) == 6_562
    assert len({customer["customer_id"] for customer in customers}) == 64_000


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_a_customer_has_the_same_number_with_any_number_of_threads(
    raw_file: Path, tmp_path: Path, tables: dict[str, pa.Table], threads: int
) -> None:
    assert landed_with(raw_file, tmp_path, threads) == tables
