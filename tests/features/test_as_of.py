"""A snapshot is blind to its own day and to everything later, in every month of three shops."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from regulars import Shop
from regulars.features import snapshot_of
from regulars.month import Month

DATES = {
    "orders": "ordered_day",
    "order_lines": "ordered_day",
    "returns": "returned_day",
    "events": "occurred_day",
    "answers": "answered_day",
    "contacts": "contacted_day",
}
SHOPS = ["demo", "online_retail", "simulated"]


def forgetful(shop: Shop, day: int, home: Path) -> Shop:
    """The same shop without any row that is dated on or after a day."""
    other = Shop(shop.config, home, shop.raw)
    other.staged("").parent.mkdir(parents=True)
    for path in shop.staged("").parent.glob("*.parquet"):
        copy = other.staged(path.stem)
        if path.stem in DATES:
            past = f"coalesce({DATES[path.stem]} < {day}, true)"
            duckdb.sql(f"COPY (FROM '{path}' WHERE {past}) TO '{copy}' (COMPRESSION uncompressed)")
        else:
            copy.symlink_to(path)
    return other


def taken(shop: Shop, day: int) -> pd.DataFrame:
    return shop.engine.collect(snapshot_of(shop, day), "customer_id")


def deleted(shop: Shop, other: Shop) -> int:
    """How many rows of orders the other shop lacks."""
    counts = [len(one.engine.collect(one.table("orders").select("order_id"))) for one in (shop, other)]
    return counts[0] - counts[1]


def check(shop: Shop, month: Month, home: Path) -> int:
    """How many orders were deleted, if that changed no value."""
    other = forgetful(shop, month.snapshot_day, home / str(month))
    pd.testing.assert_frame_equal(
        taken(other, month.snapshot_day), taken(shop, month.snapshot_day), check_exact=True
    )
    return deleted(shop, other)


@pytest.mark.parametrize("name", SHOPS)
def test_deleting_everything_later_changes_no_value(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    shop: Shop = request.getfixturevalue(name)
    months = shop.months()
    for month in (months[0], months[len(months) // 2], months[-2]):
        assert check(shop, month, tmp_path) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOPS)
def test_deleting_everything_later_changes_no_value_in_any_month(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    shop: Shop = request.getfixturevalue(name)
    numbers = [check(shop, month, tmp_path) for month in shop.months()]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > numbers[-1] >= 0
