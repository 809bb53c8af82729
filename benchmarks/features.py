"""The features of a shop's orders and lines by hand-written SQL, by Regulars on DuckDB and on Spark, by Polars and pandas.

python benchmarks/features.py [--times 1 10 100] [--ways sql duckdb polars pandas spark]: the Complete Journey so many times
over, each way in a process of its own; one whose package is not installed is left out. REGULARS_MEMORY limits DuckDB and
Spark. Every way's values are compared with those of the first that ends. 100 times is 147 million lines, too many for
pandas.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import duckdb

from regulars import Month, Shop
from regulars.engine import Compute, Engine
from regulars.features import REGISTER, Tables, snapshot
from regulars.ingest import stage
from regulars.ingest.landing import quoted

DAY = Month(2017, 12).snapshot_day
COLUMNS = [one.name for one in REGISTER if one.family in ("purchase", "basket", "promotion", "cadence")]
IDS = ("customer_id", "order_id", "line_id")
MOST_PANDAS = 10  # times: its memory does not reach further
PACKAGES = {"polars": "polars", "spark": "pyspark"}
ENOUGH = 20.0  # seconds after which a way is not run again; the best of its runs counts


def replicate(source: Path, target: Path, times: int) -> None:
    """Staged orders, lines and products, with each customer and all that is theirs `times` times over.

    One copy after the other, each in the order in which staging writes: all rows of a customer together.
    """
    target.mkdir(parents=True)
    with duckdb.connect(
        config={"memory_limit": "2GB", "temp_directory": str(target / "spill")}
    ) as connection:
        for table in ("orders", "order_lines"):
            rows = f"read_parquet({quoted(source / f'{table}.parquet')})"
            ids = [name for name in IDS if name in connection.sql(f"FROM {rows} LIMIT 0").columns]
            copied = ", ".join(f"{name} || '-{{0}}' AS {name}" for name in ids)
            copy = f"SELECT * REPLACE ({copied}) FROM {rows}"
            copies = " UNION ALL ".join(copy.format(number) for number in range(times))
            connection.execute(f"COPY ({copies}) TO {quoted(target / f'{table}.parquet')} (COMPRESSION zstd)")
    (target / "products.parquet").symlink_to(source / "products.parquet")


def by_regulars(engine: Compute, staged: Path, path: Path) -> None:
    """As `build_snapshots` does it, from the same three tables as the other ways."""
    names = ("orders", "order_lines", "products")
    frames = {name: engine.scan((staged / f"{name}.parquet").resolve()) for name in names}
    taken = snapshot(Tables(**frames), DAY, engine.materialise)
    engine.write(taken.select("customer_id", *COLUMNS), path, "customer_id")


def way(name: str, staged: Path, path: Path) -> Callable[[], object]:
    """What one way does from the staged files to a written file."""
    memory, spill = os.environ.get("REGULARS_MEMORY"), path.parent / f"{name}-spill"
    if name == "polars":
        import snapshot_polars

        return lambda: snapshot_polars.snapshot(staged, DAY, COLUMNS).sink_parquet(path)
    if name == "pandas":
        import snapshot_pandas

        return lambda: snapshot_pandas.snapshot(staged, DAY)[["customer_id", *COLUMNS]].to_parquet(path)
    if name == "spark":
        from regulars.spark import SparkEngine

        spark = SparkEngine(Engine(spill, memory), "local[*]", spill, memory)
        return lambda: by_regulars(spark, staged, path)
    engine = Engine(spill, memory)
    if name == "duckdb":
        return lambda: by_regulars(engine, staged, path)
    query = (Path(__file__).parent / "snapshot.sql").read_text().format(staged=staged, day=DAY)
    return lambda: engine.sql(query).write_parquet(str(path), compression="zstd")


def peak_gb() -> float:
    """The most memory that this process and its children, such as Java, have held, in GB."""
    children = [
        child for path in Path("/proc/self/task").glob("*/children") for child in path.read_text().split()
    ]
    held = 0
    for process in ("self", *children):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        held += int(status["VmHWM"].split()[0])
    return held / 1e6


def run(name: str, staged: Path, path: Path) -> None:
    """One way, in this process: its seconds, those of its first run, and its peak, as JSON."""
    work, seconds = way(name, staged, path), []
    while not seconds or (sum(seconds) < ENOUGH and len(seconds) < 5):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    print(json.dumps({"seconds": min(seconds), "first": seconds[0], "peak": peak_gb()}))


def differences(one: Path, other: Path) -> dict[str, float]:
    """For each column, its largest difference (relative above 1), where it is above 1e-6; 1 where one of two is missing."""
    rows = (
        f"read_parquet({quoted(one)}) AS a FULL JOIN read_parquet({quoted(other)}) AS b USING (customer_id)"
    )
    found = {}
    for name in COLUMNS:
        missing = f"a.{name} IS DISTINCT FROM b.{name}"
        numeric = f"abs(a.{name}::DOUBLE - b.{name}::DOUBLE) / greatest(1, abs(a.{name}::DOUBLE))"
        differs = missing if name in ("top_category", "last_category") else numeric
        largest = f"max(CASE WHEN {missing} THEN coalesce(({differs})::DOUBLE, 1) ELSE 0 END)"
        found[name] = duckdb.sql(f"SELECT {largest} FROM {rows}").fetchall()[0][0]
    return {name: value for name, value in found.items() if value > 1e-6}


def compare(times: int, ways: list[str], home: Path) -> None:
    """All ways on one size, as a table."""
    staged = home / f"staged-{times}"
    replicate(Shop.open("demo", {"REGULARS_HOME": str(home)}).staged("").parent, staged, times)
    lines = duckdb.read_parquet(str(staged / "order_lines.parquet")).count("*").fetchall()[0][0]
    print(f"\n{times} × the Complete Journey: {lines:,} lines", flush=True)
    print(f"  {'way':<8}{'seconds':>9}{'first run':>11}{'peak GB':>9}{'× the SQL':>11}", flush=True)
    results: dict[str, dict[str, float]] = {}
    for name in ways:
        is_there = name not in PACKAGES or find_spec(PACKAGES[name])
        if not is_there or (name == "pandas" and times > MOST_PANDAS):
            continue
        command = [sys.executable, __file__, "--run", name, str(staged), str(home / f"{name}.parquet")]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"  {name:<8}stopped: {done.stderr.split('Error: ')[-1].splitlines()[0]}", flush=True)
            continue
        results[name] = json.loads(done.stdout)
        if (first := next(iter(results))) != name:
            wrong = differences(home / f"{first}.parquet", home / f"{name}.parquet")
            assert not wrong, f"{name} and {first} differ: {wrong}"
        one, sql = results[name], results.get("sql", {}).get("seconds")
        ratio = f"{one['seconds'] / sql:>11.2f}" if sql else f"{'':>11}"
        print(f"  {name:<8}{one['seconds']:>9.2f}{one['first']:>11.2f}{one['peak']:>9.2f}{ratio}", flush=True)
    (staged / "order_lines.parquet").unlink()


def main() -> None:
    """Stage the demo in a temporary folder and compare the ways on each size."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--times", type=int, nargs="+", default=[1, 10])
    arguments.add_argument("--ways", nargs="+", default=["sql", "duckdb", "polars", "pandas", "spark"])
    arguments.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run:
        return run(given.run[0], Path(given.run[1]), Path(given.run[2]))
    with tempfile.TemporaryDirectory() as home:
        stage(Shop.open("demo", {"REGULARS_HOME": home}))
        for times in given.times:
            compare(times, given.ways, Path(home))
    return None


if __name__ == "__main__":
    main()
