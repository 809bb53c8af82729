"""Staging 100 times the Complete Journey, 147 million lines: seconds, and the peak of the process's memory.

python benchmarks/ingest_large.py [times] [memory]: takes some 20 GB of disk in the temporary folder, and minutes.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from multiprocessing import Process
from pathlib import Path

import duckdb

from regulars import Shop
from regulars.ingest import stage
from regulars.ingest.landing import quoted
from regulars.ingest.sources.completejourney import FILES, folder

APART = 10_000  # households have smaller numbers


def replicate(source: Path, target: Path, times: int) -> None:
    """The panel's files with each household and its baskets `times` times over, under numbers of their own."""
    target.mkdir(parents=True)
    for name in FILES:
        path = source / f"{name}.parquet"
        if name != "transactions":
            (target / path.name).symlink_to(path)
            continue
        copies = f"""
            SELECT * REPLACE (household_id + {APART} * copy AS household_id, basket_id * {times} + copy AS basket_id)
            FROM read_parquet({quoted(path)}), range({times}) AS copies(copy)"""
        with duckdb.connect(
            config={"memory_limit": "2GB", "temp_directory": str(target / "spill")}
        ) as connection:
            connection.execute(
                f"COPY (SELECT * EXCLUDE (copy) FROM ({copies})) TO {quoted(target / path.name)}"
            )


def peak_gb() -> float:
    """The most memory that this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main(times: int = 100, memory: str = "2.5GB") -> None:
    """Make the lines, stage them, and say what it took."""
    os.environ["REGULARS_MEMORY"] = memory
    with tempfile.TemporaryDirectory() as home:
        shop = Shop.open("demo", {"REGULARS_HOME": home})
        maker = Process(target=replicate, args=(folder(shop.raw), shop.raw, times))  # its memory is not ours
        maker.start()
        maker.join()
        print(f"Made {times} × the panel.", flush=True)
        begun = time.perf_counter()
        ledger = stage(shop, fresh=True).tables.set_index("table")
        taken = time.perf_counter() - begun
        lines = ledger.loc["order_lines", "read"]
        print(
            f"Staged {lines:,} lines in {taken:.0f} s, {lines / taken:,.0f} a second; peak {peak_gb():.2f} GB"
        )
        print(ledger.to_string())


if __name__ == "__main__":
    main(*(kind(word) for kind, word in zip((int, str), sys.argv[1:], strict=False)))
