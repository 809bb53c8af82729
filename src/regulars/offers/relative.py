"""By how many per cent: the relative lift of a mean, and of a ratio such as revenue per order, with intervals that hold.

A quotient's interval by the delta method, on its own scale or on the logarithm's, is too short for rare and heavy-tailed
money, whose control mean is hardly known. Fieller's is not; but where the control mean might be zero, it has no ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from regulars.engine import Frame
from regulars.offers.effects import ROUNDING, aggregate

Floats = NDArray[np.float64]

BOUNDED = "bounded"
OUTSIDE = "outside"
EVERYTHING = "everything"
NO_BASE = "no base"
UNKNOWN = "unknown"


class Relative(NamedTuple):
    """A relative lift, each of shape (…).

    Attributes:
        lift: treated mean / control mean − 1, as a share; missing unless the control mean is above zero.
        low, high: its interval; missing unless `reason` is "bounded".
        p: of no lift, the same as Welch's of no difference.
        reason: "bounded"; "outside", where the control mean is not significantly above zero, so that every lift is
            compatible but those within a gap; "everything", where every lift is; "no base", where the control mean is not
            above zero, so that nothing can be a share of it; or "unknown", where means, variances or customers are lacking.
    """

    lift: Floats
    low: Floats
    high: Floats
    p: Floats
    reason: NDArray[np.str_]


class Arm(NamedTuple):
    """Means, sample variances (n − 1) and numbers of customers of one arm, each of shape (…)."""

    mean: ArrayLike
    variance: ArrayLike
    n: ArrayLike


def relative(treated: Arm, control: Arm, alpha: float = 0.05) -> Relative:
    """The relative lift between independent arms, with Fieller's interval (1954).

    It holds the ρ for which (a − ρb)² ≤ t² (V_a + ρ² V_b): those with Aρ² − 2abρ + (a² − t² V_a) ≤ 0, A = b² − t² V_b, where a
    and b are the treated and the control mean, V their variances. It has two ends if A > 0, that is if b is
    significantly above zero. t is Student's with Satterthwaite's degrees of freedom at ρ = 1, as in
    `regulars.offers.effects.effects`, so that the interval leaves out 0 just when Welch's p is below alpha. It covers as often
    as the two means are normal: on resampled spend with arms alike .94 to .95, with a dozen buyers in a control a quarter of
    the treated arm's size .89.

    Args:
        treated, control: their fields of shapes that go together.
        alpha: one minus the interval's level.

    >>> found = relative(Arm(12.0, 100.0, 400), Arm([10.0, 0.5, -1.0], 100.0, 400))
    >>> found.lift.round(2), found.low.round(3), found.high.round(3)
    (array([ 0.2, 23. ,  nan]), array([0.057,   nan,   nan]), array([0.366,   nan,   nan]))
    >>> found.reason.tolist()
    ['bounded', 'outside', 'no base']
    """
    (a, va, na), (b, vb, nb) = _known(treated), _known(control)
    total, freedom = _satterthwaite(va, na, vb, nb)
    t2 = stats.t.isf(alpha / 2, freedom) ** 2
    A, based = b**2 - t2 * vb, b > 0
    # A quarter of the equation's discriminant, over t².
    inside = a**2 * vb + b**2 * va - t2 * va * vb
    reason = np.select(
        [np.isnan(t2 + a + b), ~based, A > 0, inside > 0], [UNKNOWN, NO_BASE, BOUNDED, OUTSIDE], EVERYTHING
    )
    bounded = reason == BOUNDED
    reach, A = np.sqrt(t2 * np.where(bounded, inside, np.nan)), np.where(bounded, A, np.nan)
    p = 2 * stats.t.sf(np.abs(a - b) / np.sqrt(total), freedom)
    lift = a / np.where(based, b, np.nan) - 1
    return Relative(lift, (a * b - reach) / A - 1, (a * b + reach) / A - 1, p, reason)


def _known(arm: Arm) -> tuple[Floats, Floats, Floats]:
    """The mean, its variance and the number of customers; missing where there are fewer than two, 0 for rounding."""
    mean, variance, n = (np.asarray(field, dtype=float) for field in arm)
    n = np.where(n > 1, n, np.nan)
    variance = np.where(variance <= ROUNDING**2 * mean**2, 0.0, variance)
    return mean, variance / n, n


def _satterthwaite(va: Floats, na: Floats, vb: Floats, nb: Floats) -> tuple[Floats, Floats]:
    """The variance of a difference of means and its degrees of freedom; missing where there is none."""
    total = np.where(va + vb > 0, va + vb, np.nan)
    return total, total**2 / (va**2 / (na - 1) + vb**2 / (nb - 1))


def ratio(numerator: Arm, denominator: Arm, covariance: ArrayLike) -> Arm:
    """A ratio of two means over the same customers, such as revenue per order, in the form of a mean.

    By the delta method (Deng, Knoblich and Lu 2018, section 3.1), R = ȳ / x̄ varies like the mean of (y − R x) / x̄ does:
    var(R) = (s²_y − 2 R s_xy + R² s²_x) / (n x̄²). So that it goes where a mean does, into `relative` too.

    Args:
        numerator, denominator: of one arm's customers; every customer counts, those without an order too.
        covariance: between them, n − 1.

    Returns:
        R, n · var(R) and n; missing where the denominator's mean is not above zero.

    >>> revenue, orders = Arm(30.0, 2500.0, 100), Arm(0.5, 0.4, 100)
    >>> [float(number) for number in ratio(revenue, orders, 26.0)]
    [60.0, 3280.0, 100.0]
    """
    (y, vy, n), (x, vx, _) = (
        [np.asarray(field, dtype=float) for field in part] for part in (numerator, denominator)
    )
    x = np.where(x > 0, x, np.nan)
    R = y / x
    whole = vy + R**2 * vx
    left = whole - 2 * R * np.asarray(covariance, dtype=float)
    return Arm(R, np.where(left <= ROUNDING * whole, 0.0, left) / x**2, n)


def lifts(aggregates: pd.DataFrame, control: str, alpha: float = 0.05) -> pd.DataFrame:
    """The relative lift of each metric's mean, in each segment and treated arm.

    Args:
        aggregates: what `regulars.offers.effects.aggregate` returned.
        control: the arm that the others are compared with.
        alpha: one minus the intervals' level; they are not adjusted for looking at several cells.

    Returns:
        One row per metric, segment and treated arm: `mean`, `mean_control`, `lift`, `lift_low`, `lift_high`, `lift_p` and
        `reason`, as in `Relative`.
    """
    pairs = _pairs(aggregates, control)
    arms = [_arm(pairs, end) for end in ("", "_control")]
    return _table(pairs, arms, relative(arms[0], arms[1], alpha))


def ratio_aggregates(frame: Frame, ratios: dict[str, Sequence[str]]) -> pd.DataFrame:
    """What `ratio_lifts` needs, in one pass over the customers: `aggregate` with the denominator in the covariate's place.

    Args:
        frame: one row per assigned customer: `segment`, `arm`, `conversion` and the columns named.
        ratios: names of ratios, each with its numerator and its denominator, as `{"aov": ("revenue", "orders")}`.
    """
    columns: dict[str, nw.Expr] = {}
    for name, (numerator, denominator) in ratios.items():
        columns |= {name: nw.col(numerator), f"pre_{name}": nw.col(denominator)}
    return aggregate(frame.select("segment", "arm", "conversion", **columns), list(ratios))


def ratio_lifts(aggregates: pd.DataFrame, control: str, alpha: float = 0.05) -> pd.DataFrame:
    """The lift, absolute and relative, of each ratio in each segment and treated arm.

    A ratio can fall where both its parts rise, when an offer wins small orders: it is to be read beside them.

    Args:
        aggregates: what `ratio_aggregates` returned.
        control: the arm that the others are compared with.
        alpha: one minus the intervals' level.

    Returns:
        As `lifts`, with the ratios as `mean` and `mean_control`, and `effect`, `low`, `high`: their difference, with the
        unequal-variances t interval that belongs to `lift_p`.
    """
    pairs = _pairs(aggregates, control)
    arms = []
    for end in ("", "_control"):
        denominator = Arm(pairs[f"pre_mean{end}"], pairs[f"pre_variance{end}"], pairs[f"n{end}"])
        arms.append(ratio(_arm(pairs, end), denominator, pairs[f"covariance{end}"]))
    found = _table(pairs, arms, relative(arms[0], arms[1], alpha))
    (a, va, na), (b, vb, nb) = (_known(arm) for arm in arms)
    total, freedom = _satterthwaite(va, na, vb, nb)
    reach = stats.t.isf(alpha / 2, freedom) * np.sqrt(total)
    return found.assign(effect=a - b, low=a - b - reach, high=a - b + reach)


def _pairs(aggregates: pd.DataFrame, control: str) -> pd.DataFrame:
    is_control = aggregates["arm"] == control
    controls = aggregates[is_control].drop(columns="arm")
    return aggregates[~is_control].merge(
        controls, on=["metric", "segment"], how="left", suffixes=("", "_control")
    )


def _arm(pairs: pd.DataFrame, end: str) -> Arm:
    return Arm(pairs[f"mean{end}"], pairs[f"variance{end}"], pairs[f"n{end}"])


def _table(pairs: pd.DataFrame, arms: Sequence[Arm], found: Relative) -> pd.DataFrame:
    return pairs[["metric", "segment", "arm", "n", "n_control"]].assign(
        mean=np.asarray(arms[0].mean),
        mean_control=np.asarray(arms[1].mean),
        lift=found.lift,
        lift_low=found.low,
        lift_high=found.high,
        lift_p=found.p,
        reason=found.reason,
    )
