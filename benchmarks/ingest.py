"""Staging, beside a bare DuckDB COPY of the same CSV: seconds in one process, after imports, as a ratio.

make bench (needs REGULARS_RAW, or data that `make data SHOP=online-retail` brought)
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from regulars import Shop
from regulars.ingest import stage
from regulars.ingest.landing import quoted

REPEATS = 7


def best(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """The shortest of several runs of each way, in seconds. The ways take turns, so that a busy machine is busy for all."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, work in ways.items():
            begun = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - begun)
    return {name: min(taken) for name, taken in times.items()}


def copy(source: Path, target: Path) -> None:
    """What DuckDB does with the file when it is asked for nothing but Parquet."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM {quoted(source)}) TO {quoted(target)} (FORMAT parquet)")


def main() -> None:
    """Time both, and say the ratio."""
    with tempfile.TemporaryDirectory() as home:
        shop = Shop.open("online-retail", {**os.environ, "REGULARS_HOME": home})
        source = shop.raw / "online_retail.csv.gz"
        if not source.exists():
            print(
                "Staging: not measured, because online_retail.csv.gz is not in the raw folder (set REGULARS_RAW)."
            )
            return
        stage(shop, fresh=True)  # imports and first use are not counted
        ways: dict[str, Callable[[], object]] = {
            "Regulars": lambda: stage(shop, fresh=True),
            "Regulars, unchanged": lambda: stage(shop),
            "DuckDB COPY": lambda: copy(source, Path(home) / "bare.parquet"),
        }
        seconds = best(ways)
    print(f"Staging Online Retail, best of {REPEATS}")
    for name, taken in seconds.items():
        print(f"  {name:<20} {taken:6.2f} s  {taken / seconds['DuckDB COPY']:5.2f} × the bare COPY")


if __name__ == "__main__":
    main()
