"""Whether each interval holds the truth, and each test is silent where nothing happens: in how many of so many simulations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
import pandas as pd
from scipy import stats

from regulars.offers.band import band
from regulars.offers.band import moments as curve_moments
from regulars.offers.differs import heterogeneity
from regulars.offers.effects import effects
from regulars.offers.relative import Arm, ratio, relative
from regulars.offers.sequences import confidence_sequence
from tests.offers import simulations as sim
from tests.offers.procedure import procedure
from tests.offers.simulations import Floats, World

Count = tuple[int, int]  # in how many, of how many

ALPHA = 0.05
WORLDS: dict[str, Callable[[], World]] = {
    "mail order": cache(sim.mail_order),
    "shop": cache(partial(sim.shop, 0.2)),
    "shop, no effect": cache(sim.shop),
}


def count(hits: np.ndarray | pd.Series) -> Count:
    return int(np.sum(hits)), len(hits)


# One comparison of money


@cache
def tested(world: str, n: int, n_control: int, simulations: int, seed: int) -> pd.DataFrame:
    return sim.tested(WORLDS[world](), n, n_control, simulations, seed)


def difference(kind: str, world: str, n: int, n_control: int, simulations: int, seed: int) -> Count:
    """Welch's or CUPED's interval holds the difference; one that cannot be had does not."""
    found, truth = effects(tested(world, n, n_control, simulations, seed), "c"), WORLDS[world]().effect
    return count((found[f"{kind}low"] < truth) & (truth < found[f"{kind}high"]))


def lift(method: str, world: str, n: int, n_control: int, simulations: int, seed: int) -> Count:
    """Fieller's set, or the delta method's interval, holds the relative lift; without a control buyer there is neither."""
    table, rho = tested(world, n, n_control, simulations, seed), 1 + WORLDS[world]().lift
    arms = (table[table["arm"] == arm] for arm in "tc")
    treated, control = (Arm(*(of[name].to_numpy(float) for name in Arm._fields)) for of in arms)
    if method == "Fieller":
        with np.errstate(invalid="ignore"):  # nobody buys in either arm
            inside = sim.outside_by(rho, treated, control, ALPHA) < 0
        return count(inside & (relative(treated, control).reason != "no base"))
    base = np.where(control.mean > 0, control.mean, np.nan)
    share = treated.mean / base
    reach = 1.96 * np.sqrt(treated.variance / n + share**2 * control.variance / n_control) / base
    return count(np.abs(share - rho) < reach)


def order_value(n: int, n_control: int, simulations: int, seed: int) -> Count:
    """Fieller's interval holds the lift of revenue per order, where both orders and their values grow by a fifth."""
    parts = []
    for rng, size in sim.blocks(simulations, max(n, n_control), seed):
        arms = []
        for factor, customers in ((1.2, n), (1.0, n_control)):
            orders = rng.poisson(0.4 * factor, (size, customers)).astype(float)
            revenue = rng.gamma(np.where(orders > 0, 2 * orders, 1), 10 * factor) * (orders > 0)
            apart = (revenue - revenue.mean(axis=1, keepdims=True)) * orders
            arms.append(ratio(sim.arm_of(revenue), sim.arm_of(orders), apart.sum(axis=1) / (customers - 1)))
        found = relative(*arms)
        parts.append((found.low < 0.2) & (found.high > 0.2))
    return count(np.concatenate(parts))


def shares(method: str, n: int, n_control: int, simulations: int, seed: int) -> Count:
    """An interval holds the difference between 20 % and 10 % who buy."""
    rng, sizes, tables = np.random.default_rng(seed), (n, n_control), []
    p = [rng.binomial(of, share, simulations) / of for of, share in zip(sizes, (0.2, 0.1), strict=True)]
    if method == "pooled":
        both = (n * p[0] + n_control * p[1]) / (n + n_control)
        reach = 1.96 * np.sqrt(both * (1 - both) * (1 / n + 1 / n_control))
        return count(np.abs(p[0] - p[1] - 0.1) < reach)
    for arm, of, share in zip("tc", sizes, p, strict=True):
        columns = {
            "n": of,
            "buyers": of * share,
            "mean": share,
            "variance": share * (1 - share) * of / (of - 1),
        }
        unused = dict.fromkeys(("pre_mean", "pre_variance", "covariance"), 0.0)
        keys = {"metric": "conversion", "segment": range(simulations), "arm": arm}
        tables.append(pd.DataFrame(keys | columns | unused))
    found = effects(pd.concat(tables), "c")
    return count((found["low"] < 0.1) & (found["high"] > 0.1))


def waiting(of: str, n: int, n_control: int, simulations: int, seed: int) -> Count:
    """The interval of a true delay, or of the share that waits, when the arms are followed for different times."""
    parts, hazards = [], (1.4 * sim.HAZARD, sim.HAZARD)
    left = [(1 - hazard) ** sim.HORIZON for hazard in hazards]
    days = [(1 - rest) / hazard for rest, hazard in zip(left, hazards, strict=True)]
    for rng, size in sim.blocks(simulations, sim.HORIZON * max(n, n_control), seed):
        arms = (
            sim.followed(rng, (size, n), 20, 90, hazards[0]),
            sim.followed(rng, (size, n_control), 55, 75, hazards[1]),
        )
        if of == "days":
            parts.append(sim.z_of(*arms, days[0] - days[1]))
        else:
            parts.append(sim.z_of_share(*arms, left[0] - left[1]))
    return count(np.abs(np.concatenate(parts)) < 1.96)


# Several segments


def shrunken(ratio_to_error: float, simulations: int, seed: int) -> Count:
    """The partially pooled interval holds the true effect, in the cell where it does so least often."""
    truth, estimate = sim.true_and_estimated(ratio_to_error * sim.TYPICAL, simulations, seed)
    return round(sim.covered(truth, *sim.pooled_ends(estimate)).min() * simulations), simulations


def spread(simulations: int, seed: int) -> Count:
    """The Q-profile holds τ², the size of a typical standard error."""
    estimate = sim.true_and_estimated(sim.TYPICAL, simulations, seed)[1]
    found, truth = heterogeneity(estimate, np.broadcast_to(sim.ERRORS**2, estimate.shape)), sim.TYPICAL**2
    return count((found.tau2_low < truth) & (truth < found.tau2_high))


def q_rejects(segments: int, n: int, n_control: int, simulations: int, seed: int) -> Count:
    """Cochran's Q finds that segments differ which do not, with variances that are estimated from money."""
    found = effects(tested("shop, no effect", n, n_control, segments * simulations, seed), "c")
    effect, error_ = (found[name].to_numpy(float).reshape(-1, segments) for name in ("effect", "se"))
    return count(heterogeneity(effect, error_**2).p < ALPHA)


def policy(world: str, figure: str, simulations: int, seed: int) -> Count:
    return count(_policy(world, simulations, seed)[figure])


@cache
def _policy(world: str, simulations: int, seed: int) -> pd.DataFrame:
    return sim.policy_held(world, 3000, simulations, 20, first=1000 * seed)


# Days


@cache
def _curves(n: int, n_control: int, simulations: int, seed: int) -> tuple[Floats, Floats]:
    """By how many standard errors the curve is off at most, and how many the band allows."""
    effect = 0.5
    truth, rows = 0.15 * effect * np.arange(sim.DAYS), []
    for run, rng in enumerate(np.random.default_rng(seed).spawn(simulations)):
        drawn = sim.daily_spend(rng, n, sim.DAYS, effect), sim.daily_spend(rng, n_control, sim.DAYS)
        found = band(*map(curve_moments, drawn), draws=2000, random_state=run)
        rows.append([(np.abs(found.days["effect"] - truth) / found.days["se"]).max(), found.critical])
    worst, allowed = np.array(rows).T
    return worst, allowed


def curve(whole: bool, n: int, n_control: int, simulations: int, seed: int) -> Count:
    """The band, or each day's own interval, holds the effect on every one of 28 days."""
    worst, allowed = _curves(n, n_control, simulations, seed)
    return count(worst <= (allowed if whole else stats.norm.ppf(0.975)))


def peeked(method: str, segments: int, simulations: int, seed: int) -> Count:
    """Zero is left out on any of 28 days in any segment, where nothing happens."""
    parts = []
    for start in range(0, simulations, 200):
        runs = segments * min(200, simulations - start)
        looks = sim.looks_of(runs, 1_000_000 * seed + start)
        if method == "naive":
            wrong = sim.welch_excludes(looks).any(axis=1)
        else:
            planned = 2 * sim.A_DAY * sim.DAYS
            found = confidence_sequence(looks, "c", planned=planned, sequences=segments)
            wrong = found.groupby("segment")["decided"].last().to_numpy(bool)
        parts.append(wrong.reshape(-1, segments).any(axis=1))
    return count(np.concatenate(parts))


def said(
    what: str, shares: Sequence[float], family: str, minimum: int, customers: int, simulations: int, seed: int
) -> Count:
    """The whole procedure says so where no arm does anything."""
    return count(procedure(tuple(shares), family, minimum, customers, simulations, seed)[what])
