"""The effects of an offer on ten million customers: by Regulars, by hand-written SQL, by tea-tasting, by statsmodels.

python benchmarks/offers.py [--customers 10000000] [--peer-customers 1000000] [--runs 3] [--peers PYTHON …]: simulated
customers in 8 segments and 3 arms, 8 metrics with their covariates, in one Parquet file that every way reads. The SQL
computes the moments alone, and no effects of them. tea-tasting and statsmodels hold the customers in pandas, and get a
smaller file, which the others are measured on too; tea-tasting may be in an environment of its own: give its python.
Each way runs in a process of its own, without its imports; the ways take turns, and the best of each counts. Values that
differ by more than 1e-6 end the run. tea-tasting's CUPED is not compared: its θ is of both arms thrown together.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SEED, SEGMENTS, METRICS = 0, 8, [f"metric_{number}" for number in range(8)]
ARMS, CONTROL = ("control", "mail", "text"), "control"
KEYS = ["metric", "segment", "arm"]
MOMENTS = ["n", "mean", "variance", "pre_mean", "pre_variance", "covariance"]
WELCH = ["effect", "low", "high", "p"]
CUPED = [f"cuped_{name}" for name in WELCH]
CLOSE = 1e-6
Tables = dict[str, pd.DataFrame]


def simulated(customers: int) -> str:
    """SQL of customers of whom some buy, more in larger segments, for log-normal money; seeded, whatever the threads."""
    uniform = "(hash({}, number) % 1000003 + 0.5) / 1000003".format
    normal = "sqrt(-2 * ln({})) * cos(2 * pi() * {})".format
    columns = []
    for place, metric in enumerate(METRICS):
        seeds = [uniform(SEED + 10 * place + of) for of in range(8)]
        taste = normal(seeds[0], seeds[1])
        for name, (buys, a, b), lift in ((f"pre_{metric}", seeds[2:5], "0"), (metric, seeds[5:8], "arm")):
            money = f"round(exp(2 + {place} / 4 + 0.7 * {taste} + 0.7 * {normal(a, b)}), 2)"
            columns.append(
                f"CASE WHEN {buys} < 0.1 + 0.05 * segment + 0.01 * {lift} THEN {money} ELSE 0 END AS {name}"
            )
    arms = f"[{', '.join(map(repr, ARMS))}]"
    return f"""
        WITH drawn AS (
            SELECT number, hash({SEED + 91}, number) % {SEGMENTS} AS segment, hash({SEED + 92}, number) % {len(ARMS)} AS arm
            FROM range({customers}) AS numbers(number)
        )
        SELECT
            'segment ' || segment AS segment, {arms}[arm::INTEGER + 1] AS arm,
            (hash({SEED + 93}, number) % 10 < 3)::DOUBLE AS conversion, {", ".join(columns)}
        FROM drawn"""


def by_regulars(file: Path) -> Tables:
    """Ours."""
    from regulars.engine import Engine
    from regulars.offers.aggregates import aggregate
    from regulars.offers.effects import effects

    aggregates = aggregate(Engine().scan(file), METRICS)
    return {"moments": aggregates, "effects": effects(aggregates, CONTROL)}


def by_sql(file: Path) -> Tables:
    """The moments of every segment and of everyone, as one writes them in DuckDB's SQL."""
    return _by_sql(file, "GROUPING SETS ((segment, arm), (arm))")


def by_sql_of_segments(file: Path) -> Tables:
    """The moments of the segments alone, which is less than the others do: the least that a pass can take."""
    return _by_sql(file, "segment, arm")


def _by_sql(file: Path, groups: str) -> Tables:
    from regulars.engine import Engine
    from regulars.ingest.landing import quoted

    moments = ", ".join(
        f"avg({y}) AS {y}_mean, var_samp({y}) AS {y}_variance, avg({x}) AS {y}_pre_mean, "
        f"var_samp({x}) AS {y}_pre_variance, covar_samp({y}, {x}) AS {y}_covariance"
        for y, x in ((metric, f"pre_{metric}") for metric in METRICS)
    )
    wide = Engine().sql(f"""
        SELECT coalesce(segment, 'everyone') AS segment, arm, count(*) AS n, sum(conversion) AS buyers, {moments}
        FROM read_parquet({quoted(file)})
        GROUP BY {groups}""")
    found = wide.df()
    parts = [
        found[["segment", "arm", "n"]].assign(
            metric=metric, **{name: found[f"{metric}_{name}"] for name in MOMENTS[1:]}
        )
        for metric in METRICS
    ]
    return {"moments": pd.concat(parts)}


def by_tea_tasting(file: Path) -> Tables:
    """tea-tasting, segment by segment: every arm against the control, each metric with and without its covariate."""
    import tea_tasting as tt

    customers = pd.read_parquet(file)
    welch = {metric: tt.Mean(metric, use_t=True, equal_var=False) for metric in METRICS}
    cuped = {
        f"cuped_{metric}": tt.Mean(metric, f"pre_{metric}", use_t=True, equal_var=False) for metric in METRICS
    }
    experiment = tt.Experiment(welch | cuped, variant="arm")
    rows = []
    for segment in (*sorted(customers["segment"].unique()), "everyone"):
        cell = customers if segment == "everyone" else customers[customers["segment"] == segment]
        for (_, arm), found in experiment.analyze(cell, CONTROL, all_variants=True).items():
            for metric in METRICS:
                one = found[metric]
                values = [one.effect_size, one.effect_size_ci_lower, one.effect_size_ci_upper, one.pvalue]
                rows.append([metric, segment, arm, *values])
    return {"effects": pd.DataFrame(rows, columns=[*KEYS, *WELCH])}


def by_statsmodels(file: Path) -> Tables:
    """A loop over cells: Welch by `CompareMeans`, on y and on y − θx, θ by least squares on x and the arm."""
    from statsmodels.api import OLS
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    customers, rows = pd.read_parquet(file), []
    for segment in (*sorted(customers["segment"].unique()), "everyone"):
        cell = customers if segment == "everyone" else customers[customers["segment"] == segment]
        arms = {arm: cell.loc[cell["arm"] == arm] for arm in ARMS}
        for arm in ARMS[1:]:
            both = pd.concat([arms[arm], arms[CONTROL]])
            treated = np.arange(len(both)) < len(arms[arm])
            for metric in METRICS:
                y, x = both[metric].to_numpy(), both[f"pre_{metric}"].to_numpy()
                theta = OLS(y, np.column_stack([np.ones(len(y)), treated, x])).fit().params[2]
                values: list[float] = []
                for left in (y, y - theta * x):
                    ours, control = DescrStatsW(left[treated]), DescrStatsW(left[~treated])
                    compared = CompareMeans(ours, control)
                    ends = compared.tconfint_diff(usevar="unequal")
                    values += [ours.mean - control.mean, *ends, compared.ttest_ind(usevar="unequal")[1]]
                rows.append([metric, segment, arm, *values])
    return {"effects": pd.DataFrame(rows, columns=[*KEYS, *WELCH, *CUPED])}


WAYS = {
    "SQL": by_sql,
    "SQL, no total": by_sql_of_segments,
    "Regulars": by_regulars,
    "statsmodels": by_statsmodels,
    "tea-tasting": by_tea_tasting,
}
ENGINE_WAYS = ["SQL", "SQL, no total", "Regulars"]


def run(way: str, file: Path, warm: Path, target: Path) -> None:
    """One way, in this process: its seconds and its peak in GB, as JSON; its tables, as files."""
    WAYS[way](warm)  # imports, and what is loaded once
    begun = time.perf_counter()
    tables = WAYS[way](file)
    taken = time.perf_counter() - begun
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    for name, table in tables.items():
        table.to_pickle(target.with_name(f"{target.name}.{name}"))
    print(json.dumps({"seconds": taken, "peak": int(status["VmHWM"].split()[0]) / 1e6}))


def apart(one: Path, other: Path) -> float:
    """The largest difference between two ways' values of the same names, relative to ours or to 1e-3 of the largest."""
    a, b = (pd.read_pickle(path).set_index(KEYS).sort_index() for path in (one, other))
    names = [name for name in (*MOMENTS, *WELCH, *CUPED) if name in a and name in b]
    if "everyone" not in b.index.get_level_values("segment"):
        a = a.drop(index="everyone", level="segment")
    assert a.index.equals(b.index) and names
    a, b = (table[names].astype(float) for table in (a, b))
    sizes = a.abs().clip(lower=1e-3 * a.abs().max(), axis=1)  # an effect may be near zero
    differences = (a - b).abs() / sizes
    assert differences.notna().all(axis=None)
    return float(differences.max(axis=None))


def compare(customers: int, pythons: dict[str, str], runs: int, home: Path) -> None:
    """Some ways on the same customers, as a table; the ways take turns, so that a busy machine is busy for all."""
    from regulars.engine import Engine

    files = home / f"{customers}.parquet", home / "warm.parquet"
    for file, number in zip(files, (customers, 2_000), strict=True):
        Engine().sql(simulated(number)).write_parquet(str(file), compression="zstd")
    targets = {way: home / f"{way}-{customers}" for way in pythons}
    found: dict[str, list[dict[str, float]]] = {way: [] for way in pythons}
    for _ in range(runs):
        for way, python in pythons.items():
            command = [python, __file__, "--run", way, *map(str, files), str(targets[way])]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    print(
        f"\n{customers:,} customers, {SEGMENTS} segments, {len(ARMS)} arms, {len(METRICS)} metrics with covariates"
    )
    print(f"  {'':<14}{'seconds':>9}{'slowest':>9}{'peak GB':>9}{'× the SQL':>11}{'apart by':>10}")
    results = {way: pd.DataFrame(one).agg(["min", "max"]) for way, one in found.items()}
    sql, differences = results["SQL"].loc["min", "seconds"], {}
    for way, ((best, _), (slowest, peak)) in ((way, one.to_numpy()) for way, one in results.items()):
        kind = "moments" if way in ENGINE_WAYS else "effects"
        names = [targets[one].with_name(f"{targets[one].name}.{kind}") for one in ("Regulars", way)]
        differences[way] = apart(names[0], names[1])
        print(
            f"  {way:<14}{best:>9.2f}{slowest:>9.2f}{peak:>9.2f}{best / sql:>11.2f}{differences[way]:>10.0e}"
        )
    wrong = {way: value for way, value in differences.items() if value > CLOSE}
    assert not wrong, f"Values differ from Regulars': {wrong}"


def has(python: str, module: str) -> bool:
    """Whether an environment has a module."""
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0


def main() -> None:
    """Make the customers in a temporary folder; compare ours with the SQL on all, with the peers on fewer."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--customers", type=int, default=10_000_000)
    arguments.add_argument(
        "--peer-customers", type=int, default=1_000_000, help="how many the peers get; 0: none"
    )
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--peers", nargs="*", default=[], help="pythons that may have tea-tasting")
    arguments.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.run:
        return run(given.run[0], *map(Path, given.run[1:]))
    engines = dict.fromkeys(ENGINE_WAYS, sys.executable)
    peers = engines | {"statsmodels": sys.executable}
    if tea := [python for python in (sys.executable, *given.peers) if has(python, "tea_tasting")]:
        peers["tea-tasting"] = tea[0]
    else:
        print("tea-tasting is left out: no environment given has it.")
    with tempfile.TemporaryDirectory() as home:
        compare(given.customers, engines, given.runs, Path(home))
        if given.peer_customers:
            compare(given.peer_customers, peers, given.runs, Path(home))
    return None


if __name__ == "__main__":
    main()
