"""Customers planted in groups, or in none, and how often the page's procedure says so.

`python -m tests.segments.recovery --seeds 100` prints the table of `docs/methods.md`. Its last row needs Online Retail, in the
folder named by REGULARS_RAW.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regulars.segments import Inputs, choose, compare, held_against_nulls, more_than_a_cut
from regulars.segments.null import copula_draw

CUSTOMERS = 500
MINIMUM_SHARE = 0.03
CONTINUUM = "a cut through a continuum, or no clusters"
COVARIANCE = [[1, 0.6, -0.4], [0.6, 1, -0.3], [-0.4, -0.3, 1]]


def planted(groups: int, seed: int) -> np.ndarray:
    """Normal groups in three inputs, of a tenth of the customers at least, their centres ten deviations apart at least."""
    rng = np.random.default_rng([groups, seed])
    centres = rng.uniform(0, 40, (1, 3))
    while len(centres) < groups:
        one = rng.uniform(0, 40, 3)
        if np.linalg.norm(centres - one, axis=1).min() >= 10:
            centres = np.vstack([centres, one])
    shares = 0.1 + rng.dirichlet(np.ones(groups)) * (1 - 0.1 * groups)
    group = rng.choice(groups, CUSTOMERS, p=shares)
    X = centres[group] + rng.normal(size=(CUSTOMERS, 3))
    return (X - X.mean(axis=0)) / X.std(axis=0)


def gaussian(seed: int) -> np.ndarray:
    """One normal group with correlated inputs."""
    X = np.random.default_rng(seed).multivariate_normal([0, 0, 0], COVARIANCE, CUSTOMERS)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def through_marginals(rfm: pd.DataFrame, seed: int) -> np.ndarray:
    """One normal group pushed through the marginals of a shop's recency, frequency and revenue: skewed and tied."""
    drawn = copula_draw(rfm.to_numpy(float), np.random.default_rng([1, seed]))[:CUSTOMERS]
    return Inputs().fit_transform(pd.DataFrame(drawn, columns=rfm.columns))


def found(X: np.ndarray, seed: int) -> tuple[int, bool]:
    """How many clusters the page would choose, 0 for none, and whether it would call them a cut through a continuum."""
    comparison, _ = compare(X, range(2, 11), bootstraps=20, random_state=seed)
    chosen = choose(comparison, MINIMUM_SHARE)
    if chosen is None:
        return 0, True
    return int(chosen["k"]), not more_than_a_cut(
        **held_against_nulls(chosen["algorithm"], X, int(chosen["k"]), random_state=seed)
    )


def number_found(groups: int, seed: int) -> bool:
    """Whether the planted number of groups is found."""
    comparison, _ = compare(planted(groups, seed), range(2, 11), bootstraps=20, random_state=seed)
    chosen = choose(comparison, MINIMUM_SHARE)
    return chosen is not None and chosen["k"] == groups


def told_from_a_cut(groups: int, seed: int) -> bool:
    """Whether planted groups are called more than a cut through a continuum."""
    return not found(planted(groups, seed), seed)[1]


def online_retail_rfm() -> pd.DataFrame | None:
    """Recency, frequency and revenue of the identified customers as of 2011-12-10, straight from the file; None without it."""
    path = Path(os.environ.get("REGULARS_RAW") or "nowhere") / "online-retail" / "online_retail.csv.gz"
    if not path.is_file():
        return None
    lines = pd.read_csv(path, dtype={"InvoiceNo": str}, parse_dates=["InvoiceDate"])
    lines = lines[lines["CustomerID"].notna() & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    grouped = lines.assign(revenue=lines["Quantity"] * lines["UnitPrice"]).groupby("CustomerID")
    days = (pd.Timestamp("2011-12-10") - grouped["InvoiceDate"].max().dt.normalize()).dt.days
    orders, revenue = grouped["InvoiceNo"].nunique(), grouped["revenue"].sum()
    return pd.DataFrame({"recency_days": days, "frequency": orders, "revenue": revenue})


def share(function: Callable[[int], bool], seeds: range, processes: int = 2) -> float:
    """Of so many seeds, the share for which something holds."""
    return float(np.mean(Parallel(n_jobs=processes)(delayed(function)(seed) for seed in seeds)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    seeds = range(parser.parse_args().seeds)
    rows = [
        (f"{groups} groups, n = {CUSTOMERS}", outcome, partial(function, groups))
        for outcome, function in (("as many clusters", number_found), ("more than a cut", told_from_a_cut))
        for groups in range(2, 7)
    ]
    rows.append((f"one Gaussian, n = {CUSTOMERS}", CONTINUUM, lambda seed: found(gaussian(seed), seed)[1]))
    if (rfm := online_retail_rfm()) is not None:
        through = "one Gaussian through Online Retail's marginals"
        rows.append((through, CONTINUUM, lambda seed: found(through_marginals(rfm, seed), seed)[1]))
    for what, outcome, function in rows:
        print(f"| {what} | {outcome} | {share(function, seeds):.0%} |", flush=True)


if __name__ == "__main__":
    main()
