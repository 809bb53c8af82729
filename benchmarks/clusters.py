"""How long Hennig's cluster-wise stability of k-means takes: by Regulars, as a loop of scikit-learn, and by R's `fpc`.

python benchmarks/clusters.py [--bootstraps 40] [--runs 3]: the customers of Online Retail (from REGULARS_RAW). R's ways need
`Rscript` and `fpc`, as Debian's r-base-core and r-cran-fpc bring them. Each way runs in a process of its own on one thread,
without its imports and its reading of the file; the ways take turns, and the best of each counts. Where ours is stable,
those of as many starts must find the same to a tenth, so that nobody is quick by doing less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from regulars.segments import STABLE
from regulars.segments.clusters import STARTS, Labels, Matrix, cluster_labels
from regulars.segments.stability import bootstrap_jaccard

KS = (2, 3, 4, 5, 6, 8)
SEED = 0
APART = 0.1  # of two smallest mean similarities: every way draws its own resamples and starts

# Where `multipleboot` is FALSE, as it is by default, R clusters the customers drawn, but each once: 63 % of the rows.
ITS_OWN = "fpc, its 1 start"  # which can stop at worse clusters
R_WAYS = {
    ITS_OWN: "multipleboot=FALSE, runs=1",
    f"fpc, {STARTS} starts": f"multipleboot=FALSE, runs={STARTS}",
    f"fpc, {STARTS} starts, all rows": f"multipleboot=TRUE, runs={STARTS}",
}
R_SCRIPT = """
suppressMessages(library(fpc))
X <- as.matrix(read.csv("{file}", header = FALSE))
smallest <- function(k) min(clusterboot(X, B={bootstraps}, bootmethod="boot", clustermethod=kmeansCBI,
                                        krange=k, count=FALSE, {options})$bootmean)
set.seed({seed})
seconds <- system.time(figures <- suppressWarnings(sapply(c({ks}), smallest)))[["elapsed"]]
cat(sprintf('{{"seconds": %f, "figures": [%s]}}', seconds, toString(figures)))
"""


def online_retail(path: Path) -> pd.DataFrame:
    """Recency, frequency and revenue of the identified customers as of 2011-12-10."""
    lines = pd.read_csv(path, dtype={"InvoiceNo": str}, parse_dates=["InvoiceDate"])
    lines = lines[lines["CustomerID"].notna() & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    grouped = lines.assign(revenue=lines["Quantity"] * lines["UnitPrice"]).groupby("CustomerID")
    days = (pd.Timestamp("2011-12-10") - grouped["InvoiceDate"].max().dt.normalize()).dt.days
    columns = {"frequency": grouped["InvoiceNo"].nunique(), "revenue": grouped["revenue"].sum()}
    return pd.DataFrame({"recency_days": days} | columns)


def by_regulars(X: Matrix, bootstraps: int) -> list[float]:
    """Ours."""
    labels = cluster_labels("k-means", X, KS, SEED)
    found = bootstrap_jaccard("k-means", X, KS, labels, bootstraps=bootstraps, random_state=SEED)
    return [float(np.nanmean(one, axis=0).min()) for one in found]


def by_scikit_learn(X: Matrix, bootstraps: int) -> list[float]:
    """As one writes it: fit on each resample, predict the customers it drew, compare cluster by cluster."""
    rng, smallest = np.random.default_rng(SEED), []
    for k in KS:
        original = KMeans(k, n_init=STARTS, random_state=SEED).fit_predict(X)
        similarities = []
        for bootstrap in range(bootstraps):
            drawn = rng.integers(len(X), size=len(X))
            model = KMeans(k, n_init=STARTS, random_state=bootstrap).fit(X[drawn])
            customers = np.unique(drawn)
            similarities.append(jaccards(original[customers], model.predict(X[customers]), k))
        smallest.append(float(np.mean(similarities, axis=0).min()))
    return smallest


def jaccards(original: Labels, again: Labels, k: int) -> list[float]:
    """For each original cluster, its largest Jaccard similarity to one of the resample's."""
    best = []
    for old in range(k):
        mine = original == old
        others = [again == new for new in range(k)]
        best.append(max((mine & other).sum() / (mine | other).sum() for other in others))
    return best


WAYS = {"Regulars": by_regulars, "scikit-learn": by_scikit_learn}


def run(way: str, file: Path, bootstraps: int) -> None:
    """One of Python's ways, in this process: its seconds and its figures, as JSON."""
    X = np.loadtxt(file, delimiter=",")
    WAYS[way](X, 2)  # what is loaded once
    begun = time.perf_counter()
    figures = WAYS[way](X, bootstraps)
    print(json.dumps({"seconds": time.perf_counter() - begun, "figures": figures}))


def commands(file: Path, bootstraps: int) -> dict[str, list[str]]:
    """What starts each way."""
    found = {way: [sys.executable, __file__, "--run", way, str(file), str(bootstraps)] for way in WAYS}
    try:
        subprocess.run(["Rscript", "-e", "library(fpc)"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        print("R's ways are left out: there is no Rscript, or it has no package fpc.")
        return found
    given = {"file": file, "bootstraps": bootstraps, "seed": SEED, "ks": str(KS).strip("()")}
    scripts = {way: R_SCRIPT.format(**given, options=options) for way, options in R_WAYS.items()}
    return found | {way: ["Rscript", "-e", script] for way, script in scripts.items()}


def results(ways: Mapping[str, list[str]], runs: int) -> dict[str, pd.DataFrame]:
    """Seconds and figures of every way's runs; the ways take turns, so that a busy machine is busy for all."""
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    found: dict[str, list[dict[str, object]]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, command in ways.items():
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=alone, check=True)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    return {way: pd.DataFrame(one) for way, one in found.items()}


def differences(ours: Sequence[float], others: Sequence[float]) -> dict[int, float]:
    """For each k at which ours is stable, by how much the other way's figure is another, where that is above a tenth."""
    apart = {k: abs(a - b) for k, a, b in zip(KS, ours, others, strict=True) if a >= STABLE}
    return {k: value for k, value in apart.items() if value > APART}


def compare(customers: pd.DataFrame, bootstraps: int, runs: int, home: Path) -> None:
    """All ways on the same customers, as a table."""
    file = home / "inputs.csv"
    np.savetxt(file, StandardScaler().fit_transform(np.log1p(customers)), delimiter=",")
    found = results(commands(file, bootstraps), runs)
    print(f"Online Retail: {len(customers):,} customers, {bootstraps} resamples, smallest mean Jaccard by k")
    print(f"  {'':<24}{'seconds':>9}{'slowest':>9}{'× Regulars':>12}" + "".join(f"{k:>8}" for k in KS))
    ours = found["Regulars"]
    for way, one in found.items():
        best, figures = one["seconds"].min(), one["figures"][0]
        times = f"{best:>9.2f}{one['seconds'].max():>9.2f}{best / ours['seconds'].min():>12.2f}"
        print(f"  {way:<24}{times}" + "".join(f"{figure:>8.3f}" for figure in figures))
    for way, one in found.items():
        wrong = differences(ours["figures"][0], one["figures"][0])
        assert way == ITS_OWN or not wrong, f"{way} and Regulars differ: {wrong}"


def main() -> None:
    """Read Online Retail, if it is there, and compare the ways."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bootstraps", type=int, default=40)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run:
        way, file, bootstraps = given.run
        return run(way, Path(file), int(bootstraps))
    source = Path(os.environ.get("REGULARS_RAW") or "nowhere") / "online-retail" / "online_retail.csv.gz"
    if not source.is_file():
        return print("Stability: not measured, because REGULARS_RAW does not lead to online_retail.csv.gz.")
    with tempfile.TemporaryDirectory() as home:
        compare(online_retail(source), given.bootstraps, given.runs, Path(home))
    return None


if __name__ == "__main__":
    main()
