"""Ten million customers scored with a kept k-means: in DuckDB, and by scikit-learn over chunks in pandas.

python benchmarks/scoring.py [--customers 10000000] [--runs 3]: simulated customers, from one Parquet file to another, each
way in a process of its own on as many threads as it takes; the ways take turns, and the best of each counts. The centres
are fitted to the first customers, and every customer's label must be the same. It takes 1 GB of the temporary folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from features import peak_gb
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from regulars.engine import Engine
from regulars.ingest.landing import quoted
from regulars.segments import ClusterModel

INPUTS = ("recency_days", "frequency", "revenue")
K, SEED = 6, 0
SAMPLE = 20_000  # customers to whom the models are fitted
CHUNK = 1_000_000  # customers that pandas holds at once


def simulated(customers: int) -> str:
    """SQL of customers as a shop has them, skewed and tied; seeded, whatever the number of threads.

    Each uniform number is a hash of the customer and of a seed; some customers owe the shop more than they paid.
    """
    uniform = "(hash({}, number) % 1000003 + 0.5) / 1000003".format
    normal = f"sqrt(-2 * ln({uniform(SEED + 3)})) * cos(2 * pi() * {uniform(SEED + 4)})"
    return f"""
        WITH drawn AS (
            SELECT
                number,
                1 + floor(400 * {uniform(SEED + 1)} ** 2)::INTEGER AS recency_days,
                1 + floor(ln({uniform(SEED + 2)}) / ln(0.6))::INTEGER AS frequency,
                exp(3 + {normal}) AS basket
            FROM range({customers}) AS numbers(number)
        )
        SELECT
            'C' || lpad(number::VARCHAR, 9, '0') AS customer_id, recency_days, frequency,
            round(frequency * basket, 2) - 5 AS revenue
        FROM drawn
        ORDER BY customer_id"""


def fitted(sample: pd.DataFrame) -> ClusterModel:
    """The model that both ways keep."""
    return ClusterModel(K, random_state=SEED).fit(sample)


def by_regulars(sample: pd.DataFrame, home: Path) -> Callable[[Path, Path], None]:
    """Ours, as the project writes every file: in the engine, in the order of customers."""
    model, engine = fitted(sample), Engine(home / "spill")

    def score(base: Path, scored: Path) -> None:
        labels = model.label(engine.scan(base)).select("customer_id", "cluster")
        engine.write(labels, scored, "customer_id")

    return score


def by_scikit_learn(sample: pd.DataFrame, _home: Path) -> Callable[[Path, Path], None]:
    """The same centres in a pipeline of scikit-learn's, given one chunk after the other."""
    centres = -fitted(sample).scores_.weights
    logarithms = FunctionTransformer(lambda values: np.log1p(values.clip(min=0)))
    scaled = make_pipeline(logarithms, StandardScaler()).fit(sample[list(INPUTS)].to_numpy(float))
    kmeans = KMeans(K, init=centres, n_init=1).fit(centres)  # each centre is the mean of itself
    return partial(_score_chunks, make_pipeline(scaled, kmeans))


def _score_chunks(pipeline: Pipeline, base: Path, scored: Path) -> None:
    schema = pa.schema({"customer_id": pa.string(), "cluster": pa.int64()})
    with pq.ParquetWriter(scored, schema, compression="zstd") as writer:
        for batch in pq.ParquetFile(base).iter_batches(CHUNK):
            chunk = batch.to_pandas()
            labels = pipeline.predict(chunk[list(INPUTS)].to_numpy(float))
            labelled = pd.DataFrame({"customer_id": chunk["customer_id"], "cluster": labels})
            writer.write_table(pa.Table.from_pandas(labelled, schema, preserve_index=False))


WAYS = {"Regulars": by_regulars, "scikit-learn": by_scikit_learn}


def run(way: str, base: Path, scored: Path) -> None:
    """One way, in this process: its seconds and its peak, as JSON."""
    sample = Engine().sql(f"FROM read_parquet({quoted(base)}) ORDER BY customer_id LIMIT {SAMPLE}").df()
    score = WAYS[way](sample, base.parent)
    begun = time.perf_counter()
    score(base, scored)
    print(json.dumps({"seconds": time.perf_counter() - begun, "peak": peak_gb()}))


def differences(one: Path, other: Path) -> int:
    """How many customers have another label, or are missing in one of two."""
    rows = (
        f"read_parquet({quoted(one)}) AS a FULL JOIN read_parquet({quoted(other)}) AS b USING (customer_id)"
    )
    differ = f"SELECT count(*) FROM {rows} WHERE a.cluster IS DISTINCT FROM b.cluster"
    return int(Engine().sql(differ).fetchall()[0][0])


def compare(customers: int, runs: int, home: Path) -> None:
    """All ways on the same customers, as a table; the ways take turns, so that a busy machine is busy for all."""
    base, scored = home / "base.parquet", {way: home / f"{way}.parquet" for way in WAYS}
    Engine().sql(simulated(customers)).write_parquet(str(base), compression="zstd")
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(runs):
        for way, path in scored.items():
            command = [sys.executable, __file__, "--run", way, str(base), str(path)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[way].append(json.loads(done.stdout))
    print(f"{customers:,} customers, {K} clusters")
    print(
        f"  {'':<14}{'seconds':>9}{'slowest':>9}{'rows a second':>15}{'peak GB':>9}{'× Regulars':>12}{'differ':>8}"
    )
    wrong = {way: differences(scored["Regulars"], path) for way, path in scored.items()}
    results = {way: pd.DataFrame(one).agg(["min", "max"]) for way, one in found.items()}
    ours = results["Regulars"].loc["min", "seconds"]
    for way, ((best, _), (slowest, peak)) in ((way, one.to_numpy()) for way, one in results.items()):
        times = f"{best:>9.2f}{slowest:>9.2f}{customers / best:>15,.0f}{peak:>9.2f}{best / ours:>12.2f}"
        print(f"  {way:<14}{times}{wrong[way]:>8,}")
    assert not any(wrong.values()), f"Labels differ: {wrong}"


def main() -> None:
    """Make the customers in a temporary folder and score them."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--customers", type=int, default=10_000_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run:
        way, base, scored = given.run
        return run(way, Path(base), Path(scored))
    with tempfile.TemporaryDirectory() as home:
        compare(given.customers, given.runs, Path(home))
    return None


if __name__ == "__main__":
    main()
