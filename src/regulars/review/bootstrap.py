"""How far a key figure could differ had other customers come by chance: a bootstrap over customers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from regulars.review.register import Kpi

Floats = NDArray[np.float64]

BLOCK = 50  # draws at a time
LEVEL = 0.95
SELDOM = 0.01  # of the draws may lack the figure before its interval is read off them instead


def draw_sums(each: Floats, draws: int, random_state: int) -> Floats:
    """The sums over customers in each draw, in which every customer stands a Poisson(1) number of times.

    Args:
        each: what a customer adds, shape (customers, columns).
        draws: how many.
        random_state: their seed.

    Returns:
        Shape (draws, columns); worked in blocks that keep the weights of a large base small.
    """
    rng = np.random.default_rng(random_state)
    blocks = [
        rng.poisson(1.0, (min(BLOCK, draws - first), len(each))).astype(np.float64) @ each
        for first in range(0, draws, BLOCK)
    ]
    return np.concatenate(blocks)


def interval(
    value: float, draws: Floats, unit: str, errors: tuple[float, Floats] | None = None
) -> tuple[float, float]:
    """The 95 % interval: the bootstrap's standard error on the logarithmic scale, for shares on that of their odds.

    Where few customers spend most of the money that still ends too soon at the top, and a percentile interval sooner: with the
    figure's own standard errors the upper end is that of the bootstrap-t (Efron 1981), if it is farther. Percentiles stand in
    for whole days, and where the figure, or one draw in a hundred, has no place on the scale, as a share of zero.

    Args:
        value: the figure.
        draws: what it is in each draw.
        unit: a `Kpi`'s unit.
        errors: the standard error of its logarithm, and that in each draw.

    Returns:
        Both ends; missing if no draw has the figure.

    >>> low, high = interval(100.0, np.array([90.0, 100.0, 110.0]), "money")
    >>> round(low), round(high)
    (82, 122)
    """
    there = draws[np.isfinite(draws)]
    if not np.isfinite(value) or not len(there):
        return np.nan, np.nan
    scale, back = _scales(unit)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, scaled = scale(np.array([value]))[0], scale(draws)
    placed = scaled[np.isfinite(scaled)]
    if unit == "days" or not np.isfinite(middle) or len(placed) < max(2, (1 - SELDOM) * len(there)):
        low, high = np.quantile(there, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)
    reach = stats.norm.isf((1 - LEVEL) / 2) * placed.std(ddof=1)
    ends = [middle - reach, middle + reach]
    if errors is not None:
        ends[1] = max(ends[1], _studentised_top(middle, scaled, *errors))
    low, high = back(np.array(ends))
    return float(low), float(high)


def _studentised_top(middle: float, scaled: Floats, error: float, drawn_errors: Floats) -> float:
    usable = np.isfinite(scaled) & (drawn_errors > 0)
    if not usable.any():
        return -np.inf
    t = (scaled[usable] - middle) / drawn_errors[usable]
    return float(middle - np.quantile(t, (1 - LEVEL) / 2) * error)


def _scales(unit: str) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    """To a scale on which the figure is about normal, and back."""
    if unit == "share":
        return lambda p: np.log(p / (1 - p)), lambda x: 1 / (1 + np.exp(-x))
    return np.log, np.exp


def change_interval(kpi: Kpi, now: float, then: float, drawn_now: Floats, drawn_then: Floats) -> list[float]:
    """The relative change and its 95 % interval, from draws that hold both months of each customer."""
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.where(drawn_then > 0, drawn_now / drawn_then, np.nan)
    times = now / then if then > 0 else np.nan
    low, high = interval(times, drawn, "days" if kpi.unit == "days" else "times")
    return [times - 1, low - 1, high - 1]
