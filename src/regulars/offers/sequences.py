"""Intervals that may be looked at every day: confidence sequences for customers who are assigned day after day.

An interval for a fixed number of customers holds its level at one look. Looked at daily, and believed when it first excludes
zero, it is wrong several times as often. A confidence sequence holds the truth at all looks together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import lambertw

from regulars.offers.effects import ROUNDING

Floats = NDArray[np.float64]

FEWEST = 100  # customers in an arm before the first interval: the guarantee is for large numbers


def running(customers: pd.DataFrame, horizon_days: int, day: int) -> pd.DataFrame:
    """Counts, means and variances after each day, of the customers whose horizon had ended by then.

    Args:
        customers: `segment`, `arm`, `assigned_day` and the outcome `y` over the horizon: one row per assigned customer.
        horizon_days: from assignment until the outcome is complete.
        day: the last look, as a day number; whose horizon ends later is left out.

    Returns:
        One row per segment, arm and day on which anybody's horizon ended, in this order: `n`, `mean`, `variance` (n − 1) of
        all who had completed it; missing where there are too few.

    >>> rows = {"segment": "a", "arm": "mail", "assigned_day": [1, 1, 2, 9], "y": [1.0, 3.0, 8.0, 7.0]}
    >>> running(pd.DataFrame(rows), 7, 10)
      segment   arm  day  n  mean  variance
    0       a  mail    8  2   2.0       2.0
    1       a  mail    9  3   4.0      13.0
    """
    ended = customers.assign(day=customers["assigned_day"] + horizon_days)
    ended = ended[ended["day"] <= day]
    # Sums of squares about a number near the mean do not lose digits.
    centre = ended["y"].mean()
    parts = ended[["segment", "arm", "day"]].assign(n=1, first=ended["y"] - centre)
    parts["second"] = parts["first"] ** 2
    keys = ["segment", "arm"]
    grid = parts[keys].drop_duplicates().merge(parts[["day"]].drop_duplicates(), how="cross")
    every = pd.MultiIndex.from_frame(grid).sort_values()
    daily = parts.groupby([*keys, "day"], observed=True).sum().reindex(every, fill_value=0)
    sums = daily.groupby(level=keys, observed=True).cumsum()
    n, first = sums["n"], sums["first"]
    left = sums["second"] - first**2 / n
    left = left.mask(left <= ROUNDING * sums["second"] + n * (ROUNDING * centre) ** 2, 0.0)
    mean = (first / n.where(n > 0) + centre).rename("mean")
    moments = pd.DataFrame({"n": n.astype(int), "mean": mean, "variance": (left / (n - 1)).where(n > 1)})
    return moments.reset_index()


def tuned(planned: float | Floats, alpha: float) -> Floats:
    """The ρ² with which the sequence is narrowest after `planned` customers.

    (−W₋₁(−α² / e) − 1) / planned, W₋₁ Lambert's function (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, section 2).

    >>> round(float(tuned(100, 0.05)), 4)
    0.0821
    """
    least = -lambertw(-(alpha**2) / np.e, k=-1).real - 1
    return np.asarray(least / np.asarray(planned, dtype=np.float64))


def margin(n: Floats, rho2: float | Floats, alpha: float) -> Floats:
    """Half the width after n observations of variance one, for all n together.

    √((nρ² + 1) / (n²ρ²) · log((nρ² + 1) / α²)), Robbins' normal mixture (Waudby-Smith et al. 2024, Theorem 2.2).

    Args:
        n: how many observations.
        rho2: what `tuned` returned; it must not depend on the outcomes.
        alpha: one minus the level.

    >>> margin(np.array([100.0, 400.0]), tuned(100, 0.05), 0.05).round(3).tolist()
    [0.304, 0.157]
    """
    grown = n * rho2 + 1
    return np.sqrt(grown / (n**2 * rho2) * np.log(grown / alpha**2))


def confidence_sequence(
    looks: pd.DataFrame,
    control: str,
    *,
    planned: float | Mapping[str, float],
    sequences: int,
    alpha: float = 0.05,
    fewest: int = FEWEST,
) -> pd.DataFrame:
    """Each arm against the control after each day, with intervals that hold the difference on all days together.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024, Annals of Statistics 52) for a
    difference of two means: `margin` after n = n₁ + n₀ customers, times √(n (s₁² / n₁ + s₀² / n₀)), the running standard
    deviation of the difference's influence function when customers are assigned with constant shares. At `planned`
    customers it is 1.55 times as wide as an interval for one look at level .95, and wider at all others.

    Args:
        looks: what `running` returned.
        control: the arm that the others are compared with.
        planned: customers of both arms together at which the sequence should be narrowest, stated before any outcome is seen;
            one number, or one for each segment.
        sequences: how many segments and arms are looked at; each sequence gets alpha / sequences (Bonferroni).
        alpha: the chance that any of them ever leaves out the truth, if there are customers enough at its first look.
        fewest: customers in each arm before which there is no interval.

    Returns:
        One row per segment, treated arm and day: `n`, `n_control`, `effect`, `low`, `high`, in units of the outcome, and
        `decided`, whether zero was left out on this day or before. Without variance in either arm there is no interval.

    >>> days = pd.DataFrame({"segment": "a", "day": [1, 2], "n": [400, 800], "variance": 1.0})
    >>> looks = pd.concat([days.assign(arm="c", mean=0.0), days.assign(arm="mail", mean=0.2)])
    >>> confidence_sequence(looks, "c", planned=800, sequences=1).round(3)[["day", "effect", "low", "high", "decided"]]
       day  effect    low   high  decided
    0    1     0.2 -0.015  0.415    False
    1    2     0.2  0.047  0.353     True
    """
    keys, is_control = ["segment", "day"], looks["arm"] == control
    pairs = looks[~is_control].merge(
        looks[is_control].drop(columns="arm"), on=keys, how="left", suffixes=("", "_control")
    )
    pairs = pairs.sort_values(["segment", "arm", "day"], ignore_index=True)
    large = (pairs[["n", "n_control"]] >= fewest).all(axis=1)
    varies = (pairs[["variance", "variance_control"]] > 0).all(axis=1)
    n = (pairs["n"] + pairs["n_control"]).where(large & varies).to_numpy(np.float64)
    error = np.sqrt(pairs["variance"] / pairs["n"] + pairs["variance_control"] / pairs["n_control"])
    each = alpha / sequences
    size = pairs["segment"].map(dict(planned)) if isinstance(planned, Mapping) else planned
    reach = margin(n, tuned(np.asarray(size, dtype=np.float64), each), each) * np.sqrt(n) * error
    effect = pairs["mean"] - pairs["mean_control"]
    result = pairs[["segment", "arm", "day", "n", "n_control"]].assign(
        effect=effect, low=effect - reach, high=effect + reach
    )
    excludes = (result["low"] > 0) | (result["high"] < 0)
    return result.assign(decided=excludes.groupby([result["segment"], result["arm"]]).cummax())
