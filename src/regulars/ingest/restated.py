"""What the past is said to be now, against what it was said to be when this month was last reported."""

from __future__ import annotations

import json
import os
from typing import Any

import narwhals as nw
import pandas as pd

from regulars.ingest.returns import net_of_returns
from regulars.month import Month
from regulars.shop import Shop

COLUMNS = ["month", "orders before", "orders now", "revenue before", "revenue now"]


def restated(shop: Shop, month: Month) -> pd.DataFrame:
    """The months whose orders or revenue differ from what the last run of this month's report had; and remember these.

    A run on unchanged data is compared with what the last different data said, so that running twice says the same twice.

    Returns:
        One row per month, up to `month`, that was restated: `COLUMNS`. Empty where nothing was, or nothing was run before.
    """
    path = shop.data / "restated" / f"{month}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    now = _by_month(shop, month)
    before = kept.get("before") if kept.get("now") == now else kept.get("now")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(json.dumps({"now": now, "before": before}, indent=1), encoding="utf-8")
    aside.replace(path)
    return _differences(before or now, now)


def _by_month(shop: Shop, month: Month) -> dict[str, list[Any]]:
    """Month → orders, and revenue net of returns as text: exact, and the same in the file."""
    moved = net_of_returns(shop.table("orders"), shop.returns()).filter(nw.col("month") <= str(month))
    sums = moved.group_by("month").agg(nw.col("is_order").sum().alias("orders"), nw.col("revenue").sum())
    table = shop.engine.collect(sums, "month")
    counted = zip(table["month"], table["orders"], table["revenue"], strict=True)
    return {str(month): [int(orders), f"{revenue:.4f}"] for month, orders, revenue in counted}


def _differences(before: dict[str, list[Any]], now: dict[str, list[Any]]) -> pd.DataFrame:
    nothing = [0, "0"]
    rows = [
        (month, before.get(month, nothing)[0], now.get(month, nothing)[0],
         float(before.get(month, nothing)[1]), float(now.get(month, nothing)[1]))
        for month in sorted({*before, *now})
        if before.get(month, nothing) != now.get(month, nothing)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)
