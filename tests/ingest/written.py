"""A shop whose raw tables stand in the test as text: for tests of what is staged of them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd

from regulars import Shop
from regulars.config import ShopConfig

ABOUT = {"name": "acme", "title": "Acme", "currency": "EUR", "time_zone": "Europe/Berlin", "margin_rate": 0.3}


def written(home: Path, texts: dict[str, str], given: dict[str, Any] | None = None, **config: Any) -> Shop:
    """A shop with a CSV for each table, whose headings are our names for its columns.

    Args:
        home: where the shop lies.
        texts: table → its CSV; blanks around values are taken off, so that they may stand in columns.
        given: how amounts and dates are written, for all tables.
        config: what the configuration says besides.
    """
    raw = home / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    tables = {}
    for table, text in texts.items():
        rows = [[cell.strip() for cell in line.split(",")] for line in dedent(text).strip().splitlines()]
        pd.DataFrame(rows[1:], columns=rows[0]).to_csv(raw / f"{table}.csv", index=False)
        tables[table] = {"path": f"{table}.csv", "columns": {name: name for name in rows[0]}, **(given or {})}
    source = {"kind": "files", "tables": tables}
    return Shop(ShopConfig.model_validate({**ABOUT, "source": source, **config}), home, raw)


def read(shop: Shop, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a staged table: amounts as floats, times as text, None where nothing is."""
    frame = pd.read_parquet(shop.staged(table), columns=list(columns) or None)
    return [tuple(map(_plain, row)) for row in frame.itertuples(index=False)]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return str(value)
    return value if isinstance(value, str | bool | int) else float(value)
