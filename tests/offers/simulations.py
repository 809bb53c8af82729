"""Tests of offers drawn many times over from customers whose truth is known: what several tests and `coverage` stand on.

Arrays have one simulation a row, frames one simulation a segment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from regulars.offers.policy import Policies, policies
from regulars.offers.pooling import pool
from regulars.offers.relative import Arm
from regulars.offers.repeat import kaplan_meier, restricted_mean

Floats = NDArray[np.float64]
Rng = np.random.Generator

BLOCK = 4_000_000  # numbers at a time
MONEY = ("Mens E-Mail", "No E-Mail")


def blocks(simulations: int, customers: int, seed: int) -> Iterator[tuple[Rng, int]]:
    """So many simulations in parts that fit into memory, each with luck of its own."""
    size = max(1, BLOCK // customers)
    starts = range(0, simulations, size)
    for start, rng in zip(starts, np.random.default_rng(seed).spawn(len(starts)), strict=True):
        yield rng, min(size, simulations - start)


def arm_of(x: Floats) -> Arm:
    """Mean, variance and number of customers, who are on the last axis."""
    return Arm(x.mean(axis=-1), x.var(axis=-1, ddof=1), x.shape[-1])


# Money


class World(NamedTuple):
    """The customers there are under either arm: spend and its covariate from before, shape (customers, 2)."""

    treated: Floats
    control: Floats

    @property
    def effect(self) -> float:
        """What the treated spend more, on average."""
        return float(self.treated[:, 0].mean() - self.control[:, 0].mean())

    @property
    def lift(self) -> float:
        """The same as a share."""
        return float(self.treated[:, 0].mean() / self.control[:, 0].mean() - 1)


def hillstrom_raw() -> pd.DataFrame | None:
    """Hillstrom's customers, `segment` and `arm` named as here, from the folder named by REGULARS_RAW; None without it."""
    folder = Path(os.environ.get("REGULARS_RAW") or "nowhere") / "hillstrom"
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        return None
    raw = pd.read_csv(paths[0]).rename(columns={"segment": "arm", "history_segment": "segment"})
    return raw.astype({"conversion": float, "visit": float}).assign(pre_spend=raw["history"])


def mail_order() -> World:
    """One in a hundred buys, for up to 499: Hillstrom's customers, or if they aren't there synthetic ones like them."""
    raw = hillstrom_raw()
    if raw is not None:
        return World(*(raw.loc[raw["arm"] == arm, ["spend", "pre_spend"]].to_numpy(float) for arm in MONEY))
    rng, n = np.random.default_rng(0), 21_307
    arms = []
    for conversion in (0.0125, 0.0057):
        history = rng.lognormal(5, 1, n)
        arms.append(np.minimum(rng.lognormal(4.35, 0.83, n), 499) * (rng.random(n) < conversion))
        arms[-1] = np.column_stack([arms[-1], history])
    return World(*arms)


def shop(lift: float = 0.0) -> World:
    """Three in ten buy, for log-normal money; who spent more before spends more again. The treated spend a share more."""
    rng, n = np.random.default_rng(1), 200_000
    taste = rng.lognormal(0, 0.7, n)
    spend, before = (taste * rng.lognormal(3, 1, n) * (rng.random(n) < 0.3) for _ in range(2))
    return World(np.column_stack([(1 + lift) * spend, before]), np.column_stack([spend, before]))


def tested(world: World, n: int, n_control: int, simulations: int, seed: int) -> pd.DataFrame:
    """Aggregates such as `effects` takes, of customers drawn from the world with replacement: arms "t" and "c"."""
    parts, done = [], 0
    for rng, size in blocks(simulations, max(n, n_control), seed):
        for arm, customers, of in (("t", n, world.treated), ("c", n_control, world.control)):
            drawn = of[rng.integers(len(of), size=(size, customers))]
            parts.append(pd.DataFrame(moments(drawn[..., 0], drawn[..., 1])).assign(arm=arm))
            parts[-1]["segment"] = np.arange(done, done + size)
        done += size
    return pd.concat(parts).sort_values(["arm", "segment"], ignore_index=True).assign(metric="spend")


def moments(y: Floats, x: Floats) -> dict[str, Floats | int]:
    """Counts, means, variances and the covariance of spend and its covariate, customers on the last axis."""
    apart = (y - y.mean(axis=-1, keepdims=True)) * (x - x.mean(axis=-1, keepdims=True))
    n = y.shape[-1]
    return {
        "n": n, "buyers": (y > 0).sum(axis=-1), "mean": y.mean(axis=-1), "variance": y.var(axis=-1, ddof=1),
        "pre_mean": x.mean(axis=-1), "pre_variance": x.var(axis=-1, ddof=1), "covariance": apart.sum(axis=-1) / (n - 1),
    }  # fmt: skip


def outside_by(rho: float, treated: Arm, control: Arm, alpha: float) -> float:
    """How far beyond t the difference treated − ρ control is: below 0 for ρ in Fieller's set."""
    va, vb = treated.variance / treated.n, control.variance / control.n
    freedom = (va + vb) ** 2 / (va**2 / (treated.n - 1) + vb**2 / (control.n - 1))
    pivot = abs(treated.mean - rho * control.mean) / np.sqrt(va + rho**2 * vb)
    return pivot - stats.t.isf(alpha / 2, freedom)


# Time to the next order

HAZARD, HORIZON = 1 - 0.5133 ** (1 / 60), 60  # 48.67 % order within 60 days


def counted(time: np.ndarray, is_event: np.ndarray, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Events and customers at risk on the days 0 to the horizon, customers on the last axis."""
    days = np.arange(horizon + 1)[:, None]
    time, is_event = time[..., None, :], is_event[..., None, :]
    return ((time == days) & is_event).sum(axis=-1), (time >= days).sum(axis=-1)


def followed(
    rng: Rng, shape: tuple[int, ...], low: int, high: int, hazard: float = HAZARD
) -> tuple[np.ndarray, np.ndarray]:
    """Customers with the same chance to order on each day, followed for `low` to `high` days."""
    order, end = rng.geometric(hazard, shape), rng.integers(low, high + 1, shape)
    return np.minimum(order, end), order <= end


def z_of(treated: tuple, control: tuple, truth: float = 0.0) -> Floats:
    """By how many standard errors the difference of restricted means is off."""
    a, b = (restricted_mean(*counted(*arm, HORIZON)) for arm in (treated, control))
    return (a.mean_days - b.mean_days - truth) / np.sqrt(a.variance + b.variance)


def z_of_share(treated: tuple, control: tuple, truth: float = 0.0) -> Floats:
    """By how many standard errors the difference of the shares that still wait at the horizon is off."""
    a, b = (kaplan_meier(*counted(*arm, HORIZON)) for arm in (treated, control))
    error = np.hypot(a.error[..., -1], b.error[..., -1])
    return (a.waiting[..., -1] - b.waiting[..., -1] - truth) / error


# Segments' effects

# Standard errors and customers as in Hillstrom's Mens − none spend by history_segment
ERRORS = np.array([0.2170, 0.2584, 0.3599, 0.6029, 0.5019, 0.6369, 1.9324])
SIZES = np.array([15336, 9527, 8134, 4221, 3249, 1266, 880])
TYPICAL = 1 / np.sqrt((1 / ERRORS**2).mean())


def true_and_estimated(tau: float, draws: int, seed: int) -> tuple[Floats, Floats]:
    """True effects and estimates, shape (draws, cells)."""
    rng = np.random.default_rng(seed)
    truth = 0.77 + tau * rng.normal(size=(draws, len(ERRORS)))
    return truth, truth + ERRORS * rng.normal(size=truth.shape)


def covered(truth: Floats, low: Floats, high: Floats) -> Floats:
    """The share of draws in which each cell's interval holds its truth."""
    return np.asarray(((low < truth) & (truth < high)).mean(axis=0))


def pooled_ends(estimate: Floats) -> tuple[Floats, Floats]:
    """The ends of the partially pooled intervals."""
    found = pool(estimate, np.broadcast_to(ERRORS**2, estimate.shape), np.broadcast_to(SIZES, estimate.shape))
    return found.low, found.high


# Days

DAYS = 28
A_DAY = 20  # customers an arm


def looks_of(runs: int, seed: int, effect: float = 0.0, days: int = DAYS, buys: float = 0.4) -> pd.DataFrame:
    """Running moments of runs in which a share of customers buy; the run is the segment."""
    rng, tables = np.random.default_rng(seed), []
    for arm, more in (("c", 0.0), ("t", effect)):
        y = rng.exponential(size=(runs, days, A_DAY)) * (rng.random((runs, days, A_DAY)) < buys) + more
        n = A_DAY * np.arange(1, days + 1)
        first, second = (np.cumsum((y**power).sum(axis=2), axis=1) for power in (1, 2))
        columns = {"mean": first / n, "variance": (second - first**2 / n) / (n - 1)}
        index = pd.MultiIndex.from_product([range(runs), range(1, days + 1)], names=["segment", "day"])
        table = pd.DataFrame({name: of.ravel() for name, of in columns.items()}, index=index)
        tables.append(table.assign(arm=arm, n=np.tile(n, runs)).reset_index())
    return pd.concat(tables, ignore_index=True)


def welch_excludes(looks: pd.DataFrame) -> np.ndarray:
    """Whether each day's interval for one look leaves out zero, shape (runs, days)."""
    c, t = (looks[looks["arm"] == arm] for arm in "ct")
    p = stats.ttest_ind_from_stats(
        *(
            of[name].to_numpy() ** power
            for of in (t, c)
            for name, power in (("mean", 1), ("variance", 0.5), ("n", 1))
        ),
        equal_var=False,
    ).pvalue
    return (p < 0.05).reshape(-1, c["day"].nunique())


def daily_spend(rng: Rng, n: int, days: int, effect: float = 0.0) -> Floats:
    """Some buy on a day, some customers more than others; nobody on the first."""
    taste = rng.gamma(2, 0.5, size=(n, 1))
    bought = rng.random((n, days)) < 0.15 * taste
    daily = bought * rng.exponential(1 + effect, (n, days))
    daily[:, 0] = 0.0
    return np.asarray(daily)


# Policies

# Mean outcome of each segment (rows) under control, mail and call.
EFFECTS = {
    "no arm does anything": np.zeros((5, 3)),
    "mail is best for all": np.tile([0, 0.4, 0.1], (5, 1)),
    "two arms nearly tie": np.array([0, 0.3, 0.3]) + 0.1 * np.cos(np.arange(15)).reshape(5, 3),
    "segments differ": np.array([[0, 1, -0.5], [0, -0.5, 1], [0, 0, 0.5], [0, 1, 0], [0, -0.5, -0.5]]),
}
WORLDS = {name: 1 + effect for name, effect in EFFECTS.items()}


def three_arms(means: Floats, n: int, seed: int) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Customers of whom three in ten buy; `s` is the segment, `one` is everybody."""
    rng = np.random.default_rng(seed)
    segment, arm = rng.integers(len(means), size=n), rng.integers(3, size=n)
    y = np.where(rng.random(n) < 0.3, rng.exponential(means[segment, arm] / 0.3), 0.0)
    ids = pd.Index([f"{i:05d}" for i in rng.permutation(n)])
    named = pd.Series(np.array(["control", "mail", "call"])[arm], index=ids)
    return pd.DataFrame({"s": segment, "one": "all"}, index=ids), named, pd.Series(y, index=ids)


def policies_of(means: Floats, n: int, seed: int, repeats: int) -> Policies:
    """What the policies learned from such customers are said to be worth."""
    return policies(*three_arms(means, n, seed), "control", repeats=repeats, random_state=seed)


def worth_of(result: Policies, means: Floats) -> dict[str, float]:
    """What the policies that were learned are worth."""
    own, single = (
        result.choices.query("segmentation == @name")["chosen"].to_numpy().reshape(-1, 3)
        for name in ("s", "one")
    )
    # Arms by name after the control: call, mail.
    means = means[:, [0, 2, 1]]
    value = float((own * means).sum(axis=1).mean())
    over_single = value - float((single * means).sum(axis=1).mean())
    return {"value": value, "over_single": over_single, "over_control": value - float(means[:, 0].mean())}


def policy_held(world: str, n: int, runs: int, repeats: int, first: int = 0) -> pd.DataFrame:
    """Whether each interval held what the learned policies are worth, run by run."""
    rows = []
    for seed in range(first, first + runs):
        result = policies_of(WORLDS[world], n, seed, repeats)
        row = result.values.loc["s"]
        true = worth_of(result, WORLDS[world])
        rows.append({k: row[f"{k}_low"] - 1e-9 <= true[k] <= row[f"{k}_high"] + 1e-9 for k in true})
    return pd.DataFrame(rows)
