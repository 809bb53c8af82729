"""A small shop in files that can be spoiled, and what must hold of whatever becomes of it: for tests of bad input."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from regulars import Shop
from regulars.config import ShopConfig, read_config
from regulars.errors import RegularsError
from regulars.ingest import CONTRACTS, Ledger, stage

CONFIG: dict[str, Any] = {
    "name": "corner",
    "title": "Corner shop",
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "margin_rate": 0.3,
}
LINES: dict[str, Any] = {
    "path": "lines.csv",
    "columns": {
        "order_id": "Order",
        "customer_id": "Customer",
        "product_id": "SKU",
        "product": "Product",
        "quantity": "Qty",
        "price": "Price",
        "currency": "Currency",
        "ordered_at": "Date",
    },
}
HEADER = ["Order", "Customer", "SKU", "Product", "Qty", "Price", "Currency", "Date"]
GOOD: list[list[str]] = [
    ["1", "7", "A", "Assam", "2", "4.50", "EUR", "2025-01-03 09:15:00"],
    ["1", "7", "B", "Bowl", "1", "12.00", "EUR", "2025-01-03 09:15:00"],
    ["2", "8", "A", "Assam", "1", "4.50", "EUR", "2025-01-14 10:00:00"],
    ["3", "9", "C", "Ceylon", "3", "3.25", "EUR", "2025-02-20 18:30:00"],
    ["4", "7", "C", "Ceylon", "1", "3.25", "EUR", "2025-02-28 12:00:00"],
    ["5", "8", "B", "Bowl", "1", "12.00", "EUR", "2025-03-31 23:59:59"],
]
Rows = Sequence[Sequence[str]]
LASTING = {"key", "staged", ".staging.lock"}  # what a run may leave in the shop's folder


def rows_with(*changes: tuple[int, str, str], more: Rows = ()) -> list[list[str]]:
    """The good rows, some cells changed: (row, column, value); and further rows."""
    rows = [list(row) for row in (*GOOD, *more)]
    for place, column, value in changes:
        rows[place][HEADER.index(column)] = value
    return rows


def csv_text(rows: Rows = GOOD, header: Sequence[str] = HEADER, **dialect: Any) -> str:
    """A header and rows as a CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, **{"lineterminator": "\n", **dialect}).writerows([header, *rows])
    return text.getvalue()


def corner(folder: Path, config: Mapping[str, Any] | None = None, **tables: Mapping[str, Any]) -> Shop:
    """The shop, its configuration written as YAML and read again; without `tables` it has order lines."""
    source = {"kind": "files", "tables": {name: dict(given) for name, given in tables.items()}}
    written = {**CONFIG, "source": source if tables else {"kind": "files", "tables": {"order_lines": LINES}}}
    path = folder / "corner.yml"
    text = yaml.safe_dump({**written, **(config or {})}, allow_unicode=True, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    raw = folder / "raw"
    raw.mkdir(exist_ok=True)
    return Shop(read_config(path, ShopConfig), folder, raw)


def with_lines(shop: Shop, rows: Rows = GOOD, **dialect: Any) -> Shop:
    """The shop, with these order lines in its file."""
    (shop.raw / "lines.csv").write_bytes(csv_text(rows, **dialect).encode())
    return shop


def read(shop: Shop, table: str) -> pd.DataFrame:
    """A staged table, in the order of its key rather than by customer."""
    frame = pd.read_parquet(shop.staged(table))
    key = [name for name in CONTRACTS[table].key if name in frame] if table in CONTRACTS else []
    return frame.sort_values(key, ignore_index=True, kind="stable") if key else frame


def refusal(shop: Shop) -> str:
    """The sentence with which staging ends; nothing half-written is left, and what was staged before is untouched."""
    folder = shop.staged("").parent
    before = contents(folder)
    with pytest.raises(RegularsError) as error:
        stage(shop, fresh=True)
    assert contents(folder) == before
    left = {path.name for path in shop.data.iterdir()} if shop.data.is_dir() else set()
    assert left <= LASTING, left
    said = str(error.value)
    assert "\n" not in said and "Error" not in said and said[-1] in ".:?'}1", said
    return said


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and what is in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def accounted(shop: Shop) -> Ledger:
    """Stage, and hold the account against the files: rows read = staged + refused, and the money likewise."""
    ledger = stage(shop, fresh=True)
    for table in ledger.tables.to_dict("records"):
        assert table["read"] == table["staged"] + table["refused"], table
        if not pd.isna(table["money_read"]):
            assert table["money_read"] == pytest.approx(table["money_staged"] + table["money_refused"])
        refused = [shop.staged(f"refused/{table['table']}{end}") for end in ("", ".malformed")]
        assert table["refused"] == sum(len(pd.read_parquet(path)) for path in refused if path.exists())
    assert {path.name for path in shop.data.iterdir()} <= LASTING
    return ledger


def reasons(shop: Shop, column: str = "order_id", table: str = "order_lines") -> dict[str, str]:
    """What was refused, by one of its columns as it came: value → reason."""
    refused = read(shop, f"refused/{table}")
    return dict(zip(refused[column], refused["refused_because"], strict=True))


@contextmanager
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose config/ folder has the shop `corner`, whose data lie in `folder`."""
    with monkeypatch.context() as patch:
        patch.setattr("regulars.shop.ROOT", folder)
        patch.setenv("REGULARS_HOME", str(folder))
        patch.delenv("REGULARS_RAW", raising=False)
        (folder / "config").mkdir(exist_ok=True)
        yield folder / "config" / "corner.yml"
