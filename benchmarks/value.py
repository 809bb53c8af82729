"""How long BG/NBD takes to fit: by Regulars, by `lifetimes`, and by maximum a posteriori in `pymc-marketing`.

python benchmarks/value.py [--peers PYTHON …] [--simulated 1000000]: CDNOW's 23 570 customers (from REGULARS_RAW) and
simulated ones. The peers need environments of their own, such as `pip install lifetimes "numpy<2" "pandas<2.2"` and `pip
install pymc-marketing` make: give the python of each. Each way runs in a process of its own; the likelihoods of all are
computed by the same code, so that nobody is quick by stopping early.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

NAMES = ("r", "alpha", "a", "b")
TRUTH = dict(zip(NAMES, (0.243, 4.414, 0.793, 2.426), strict=True))  # CDNOW's sample, in weeks
PEERS = {"lifetimes": "lifetimes", "pymc-marketing": "pymc_marketing"}
CALIBRATION_END = pd.Timestamp("1997-09-30")


def cdnow(raw: Path) -> pd.DataFrame:
    """The customers of CDNOW's master file at the end of the calibration."""
    names = ["customer_id", "date", "number", "dollars"]
    file = raw / "cdnow" / "CDNOW_master.txt"
    bought = pd.read_csv(file, sep=r"\s+", header=0, names=names, dtype={"date": "str"})
    bought["date"] = pd.to_datetime(bought["date"], format="%Y%m%d")
    days = bought[bought["date"] <= CALIBRATION_END].drop_duplicates(["customer_id", "date"])
    each = days.groupby("customer_id")["date"].agg(["min", "max", "size"])
    return pd.DataFrame(
        {
            "frequency": each["size"] - 1.0,
            "recency": (each["max"] - each["min"]).dt.days / 7,
            "T": (CALIBRATION_END - each["min"]).dt.days / 7,
        }
    ).reset_index(drop=True)


def simulated(n: int) -> pd.DataFrame:
    """Customers of the model itself, in whole days over 39 weeks, seeded."""
    rng = np.random.default_rng(0)
    T = rng.integers(0, 7 * 39, n) / 7
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], n)
    leaving = rng.beta(TRUTH["a"], TRUTH["b"], n)
    x, t_x, now = np.zeros(n), np.zeros(n), np.zeros(n)
    here = np.arange(n)
    while len(here):
        now[here] += rng.exponential(1 / np.maximum(rate[here], 1e-300))
        here = here[now[here] <= T[here]]
        x[here] += 1
        t_x[here] = now[here]
        here = here[rng.random(len(here)) >= leaving[here]]
    days = np.ceil(t_x * 7) / 7
    return pd.DataFrame({"frequency": x, "recency": np.minimum(days, T), "T": T})


def fit_regulars(customers: pd.DataFrame) -> dict[str, float]:
    """Ours."""
    from regulars.value import BetaGeo

    return BetaGeo().fit(customers).params_


def fit_lifetimes(customers: pd.DataFrame) -> dict[str, float]:
    """`lifetimes`, on unique rows with weights, as it can be."""
    from lifetimes import BetaGeoFitter

    rows = customers.value_counts().reset_index(name="weight")
    fitter = BetaGeoFitter().fit(rows["frequency"], rows["recency"], rows["T"], weights=rows["weight"])
    return {name: float(fitter.params_[name]) for name in NAMES}


def fit_pymc_marketing(customers: pd.DataFrame) -> dict[str, float]:
    """`pymc-marketing`, by maximum a posteriori, with its own priors."""
    from pymc_marketing.clv import BetaGeoModel

    model = BetaGeoModel(customers.reset_index(names="customer_id"))
    model.fit(method="map")
    return {name: float(model.fit_result[name].mean()) for name in NAMES}


def run(way: str, file: Path) -> None:
    """One way, in this process: seconds without imports, peak of memory in GB, and parameters, as JSON."""
    customers = pd.read_csv(file)
    fit = {"Regulars": fit_regulars, "lifetimes": fit_lifetimes, "pymc-marketing": fit_pymc_marketing}[way]
    fit(customers.head(500))  # imports, and what is compiled once
    begun = time.perf_counter()
    params = fit(customers)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    taken = time.perf_counter() - begun
    print(json.dumps({"seconds": taken, "peak": int(status["VmHWM"].split()[0]) / 1e6, "params": params}))


def compare(title: str, customers: pd.DataFrame, peers: dict[str, str], home: Path) -> None:
    """All ways on the same customers, as a table."""
    from regulars.value import BetaGeo

    file = home / "customers.csv"
    customers.to_csv(file, index=False)
    print(f"\n{title}: {len(customers):,} customers")
    print(f"  {'':<16}{'seconds':>9}{'peak GB':>9}{'log-likelihood':>18}{'× Regulars':>12}")
    ours = None
    for way, python in {"Regulars": sys.executable, **peers}.items():
        done = subprocess.run([python, __file__, "--run", way, str(file)], capture_output=True, text=True)
        if done.returncode:
            print(f"  {way:<16}stopped: {done.stderr.strip().splitlines()[-1]}")
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        ours = ours or found["seconds"]
        loglik = BetaGeo().with_params(**found["params"]).log_likelihood(customers).sum()
        row = f"{found['seconds']:>9.2f}{found['peak']:>9.2f}{loglik:>18.3f}{found['seconds'] / ours:>12.1f}"
        print(f"  {way:<16}{row}", flush=True)


def main() -> None:
    """CDNOW, if it is there, and simulated customers."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument(
        "--peers", nargs="*", default=[], help="pythons that have lifetimes or pymc-marketing"
    )
    arguments.add_argument("--simulated", type=int, default=1_000_000)
    arguments.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run:
        return run(given.run[0], Path(given.run[1]))
    peers = {
        name: python
        for python in given.peers
        for name, module in PEERS.items()
        if not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode
    }
    with tempfile.TemporaryDirectory() as home:
        raw = os.environ.get("REGULARS_RAW")
        if raw and (Path(raw) / "cdnow").is_dir():
            compare("CDNOW", cdnow(Path(raw)), peers, Path(home))
        compare("Simulated", simulated(given.simulated), peers, Path(home))
    return None


if __name__ == "__main__":
    main()
