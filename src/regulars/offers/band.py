"""How an effect grows day by day, with a band that holds the whole curve: for a batch that is assigned at once.

An interval for each day is right for that day. The curve as a whole leaves such intervals far more often, and the day on
which it first seems sure is chosen by looking. The band holds all days together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from regulars.offers.effects import ROUNDING
from regulars.offers.registry import OfferError

Floats = NDArray[np.float64]

DRAWS = 200_000  # the critical value is then sure to about .005
BLOCK = 20_000


class Moments(NamedTuple):
    """One arm's outcomes per customer, cumulative by day.

    Attributes:
        n: customers.
        mean: shape (days,).
        covariance: of a customer's cumulative outcomes on two days (n − 1): shape (days, days).
    """

    n: int
    mean: Floats
    covariance: Floats


class Band(NamedTuple):
    """What `band` found.

    Attributes:
        critical: by how many standard errors the band reaches to either side; missing if no day has an interval.
        days: one row per day, from 1: `effect` until then, `se`, and the band's `low` and `high`. A day until which nobody's
            outcome differs from another's has none.
    """

    critical: float
    days: pd.DataFrame


def moments(daily: ArrayLike) -> Moments:
    """One arm's moments from what each customer brought on each day.

    Args:
        daily: shape (customers, days), the first column the day of the assignment; zero for who did nothing.

    Raises:
        OfferError: if there are not two customers, or a number is missing.

    >>> moments([[0, 1], [0, 3], [2, 0]]).mean.round(3).tolist()
    [0.667, 2.0]
    """
    grown = np.cumsum(np.asarray(daily, dtype=np.float64), axis=1)
    if len(grown) < 2 or not np.isfinite(grown).all():
        raise OfferError(
            f"{len(grown)} customers, or a missing outcome, have no variance; who did nothing has zero."
        )
    return Moments(len(grown), grown.mean(axis=0), np.atleast_2d(np.cov(grown, rowvar=False)))


def band(
    treated: Moments, control: Moments, *, alpha: float = 0.05, draws: int = DRAWS, random_state: int
) -> Band:
    """The cumulative effect after each day, with a simultaneous max-|z| band.

    The differences of the arms' means are jointly normal with covariance Σ₁ / n₁ + Σ₀ / n₀; the band is effect ± c × se, c the
    1 − alpha quantile of max |Z| over the days, Z normal with their correlation (Hothorn, Bretz & Westfall 2008, section 3.2),
    by simulation. It is for large samples: with few buyers in an arm no interval for money holds its level.

    Args:
        treated: what `moments` returned.
        control: likewise, of the same days.
        alpha: the chance that the band leaves out the true effect on any day.
        draws: how many for the critical value; of one day it is exact.
        random_state: seed of the draws.

    Raises:
        OfferError: if the arms have different days.

    >>> one, other = Moments(100, np.array([0.0, 2.0]), np.diag([0.0, 9.0])), Moments(50, np.zeros(2), np.diag([0.0, 8.0]))
    >>> band(one, other, random_state=0).days.round(2)
         effect   se    low   high
    day
    1       0.0  NaN    NaN    NaN
    2       2.0  0.5   1.02   2.98
    """
    if treated.mean.shape != control.mean.shape:
        raise OfferError(
            f"The arms have {len(treated.mean)} and {len(control.mean)} days: count both on the same."
        )
    covariance = treated.covariance / treated.n + control.covariance / control.n
    scale = sum((of.mean**2 + np.diag(of.covariance)) / of.n for of in (treated, control))
    variance = np.diag(covariance)
    varies = variance > ROUNDING * scale
    se = np.sqrt(np.where(varies, variance, np.nan))
    correlation = (covariance / np.outer(se, se))[np.ix_(varies, varies)]
    critical = critical_value(correlation, alpha, draws, random_state)
    effect = treated.mean - control.mean
    days = pd.DataFrame(
        {"effect": effect, "se": se, "low": effect - critical * se, "high": effect + critical * se}
    )
    days.index = pd.RangeIndex(1, len(days) + 1, name="day")
    return Band(critical, days)


def critical_value(correlation: Floats, alpha: float, draws: int, random_state: int) -> float:
    """The 1 − alpha quantile of max |Z|, Z normal with this correlation, by simulation; exact for one day, missing for none.

    Args:
        correlation: shape (days, days); may be singular, as where nothing was added on a day.
        alpha: one minus the level.
        draws: how many.
        random_state: seed.

    >>> round(critical_value(np.eye(1), 0.05, 10, 0), 4)
    1.96
    """
    if len(correlation) < 2:
        return float(stats.norm.ppf(1 - alpha / 2)) if len(correlation) else float("nan")
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    rng = np.random.default_rng(random_state)
    sizes = [min(BLOCK, draws - start) for start in range(0, draws, BLOCK)]
    largest = [np.abs(rng.standard_normal((size, len(root))) @ root.T).max(axis=1) for size in sizes]
    return float(np.quantile(np.concatenate(largest), 1 - alpha))
