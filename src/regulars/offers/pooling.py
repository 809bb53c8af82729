"""Each segment's effect, pulled towards the mean of all as far as the segments do not differ.

Of many segments the best is partly the luckiest: its own effect promises too much. How far to pull depends on τ, the standard
deviation of the true effects, which a handful of segments hardly tell; so every τ is heard, by how well it explains them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from regulars.offers.differs import (
    HALVINGS,
    Floats,
    dispersion,
    heterogeneity,
    matrices,
    shares,
    usable,
    weighted,
)
from regulars.offers.effects import EVERYONE

TAUS = 120
FEWEST_CELLS = 3


class Pooled(NamedTuple):
    """Effects after partial pooling, each of shape (…, cells); missing where the cell cannot be used.

    Attributes:
        effect: the pooled effect.
        low, high: its interval.
        kept: the share of the cell's own effect in it; the rest is the mean of all.
    """

    effect: Floats
    low: Floats
    high: Floats
    kept: Floats


class Posterior(NamedTuple):
    """What is known of each cell's true effect: a mixture of normals over τ.

    Attributes:
        centre, spread: the normals' means and standard deviations, shape (…, τs, cells). With fewer than three usable cells
            every normal is the cell's own; of a cell that cannot be used they are missing.
        kept: the share of the cell's own effect in each.
        chance: of each τ, shape (…, τs, 1).
    """

    centre: Floats
    spread: Floats
    kept: Floats
    chance: Floats


def pool(
    effect: ArrayLike, variance: ArrayLike, size: ArrayLike | None = None, alpha: float = 0.05
) -> Pooled:
    """Shrink the cells' effects towards their size-weighted mean, with intervals that carry what is not known about τ.

    True effects are normal around one mean, with standard deviation τ. For a given τ, a cell keeps λ = τ² / (τ² + variance)
    of its own effect d and takes the rest from the mean m = Σ w d of all cells, of variance Σ w² (τ² + variance); the pooled
    effect λ d + (1 − λ) m then has the variance λ · variance + (1 − λ)² var(m), whatever the weights w, since m's covariance
    with λ d + (1 − λ) · (common mean) − (true effect) is nil (Morris 1983 has it for w = the precisions). τ is averaged over
    its restricted likelihood under a flat prior (Gelman 2006; Gelman and others 2013, section 5.4), so that effects are the
    mixture's means, and intervals its α/2 and 1 − α/2 quantiles. That posterior is improper with fewer than three cells, where
    it tends to τ = ∞: then each keeps its own effect and interval.

    Coverage is meant, and simulated, over cells whose effects are drawn anew; of one odd cell among equal ones the
    interval covers less often, as any shrunken one does.

    Args:
        effect: shape (…, cells).
        variance: of the effects, taken as known; shape (…, cells).
        size: customers, shape (…, cells). Without it m is the precision-weighted mean for each τ, and the result exactly that
            of Bayes' theorem with a flat prior on the common mean.
        alpha: one minus the intervals' level.

    >>> found = pool([0.2, 0.5, 0.4, 1.5], [0.04, 0.04, 0.09, 0.25], [900, 800, 400, 100])
    >>> found.effect.round(2), found.kept.round(2)
    (array([0.26, 0.47, 0.4 , 0.91]), array([0.71, 0.71, 0.61, 0.46]))
    """
    centre, spread, kept, chance = posterior(effect, variance, size)
    low, high = (_quantile(level, centre, spread, chance) for level in (alpha / 2, 1 - alpha / 2))
    return Pooled((chance * centre).sum(axis=-2), low, high, (chance * kept).sum(axis=-2))


def posterior(effect: ArrayLike, variance: ArrayLike, size: ArrayLike | None = None) -> Posterior:
    """What `pool` knows of each cell's true effect: a normal for each τ, and how probable that τ is.

    Args:
        effect, variance, size: as in `pool`.

    >>> found = posterior([0.2, 0.5, 0.4, 1.5], [0.04, 0.04, 0.09, 0.25], [900, 800, 400, 100])
    >>> (found.chance * found.centre).sum(axis=0).round(2)
    array([0.26, 0.47, 0.4 , 0.91])
    """
    d, v = usable(effect, variance)
    tau, chance = _taus(d, v)
    total = v[..., None, :] + tau[..., None] ** 2
    weight = 1 / total if size is None else np.broadcast_to(shares(v, size)[..., None, :], total.shape)
    found = _given_tau(d[..., None, :], tau[..., None], total, weight)
    own = d[..., None, :], np.sqrt(v)[..., None, :], np.ones_like(d)[..., None, :]
    alone = (np.isfinite(v).sum(axis=-1) < FEWEST_CELLS)[..., None, None]
    parts = [np.where(alone, o, f) for o, f in zip(own, found, strict=True)]
    centre, spread, kept = (np.where(np.isfinite(v)[..., None, :], part, np.nan) for part in parts)
    return Posterior(centre, spread, kept, chance[..., None])


def _taus(d: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Values of τ, and how probable each is by the restricted likelihood; both of shape (…, τs)."""
    precision = (1 / v).sum(axis=-1)
    typical = np.where(precision > 0, np.isfinite(v).sum(axis=-1), 1.0) / np.where(
        precision > 0, precision, 1.0
    )
    scale = np.sqrt(typical + np.nan_to_num(heterogeneity(d, v).tau2))
    # From 0 to ∞, half of them below the scale.
    part = (np.arange(TAUS) + 0.5) / TAUS
    tau = scale[..., None] * part / (1 - part)
    weight = 1 / (v[..., None, :] + tau[..., None] ** 2)
    logs = np.log(weight, where=weight > 0, out=np.zeros_like(weight)).sum(axis=-1)
    total = weight.sum(axis=-1)
    total = np.where(total > 0, total, 1.0)
    fit = (logs - np.log(total) - dispersion(d[..., None, :], v[..., None, :], tau**2)) / 2
    density = np.exp(fit - fit.max(axis=-1, keepdims=True)) / (1 - part) ** 2
    return tau, density / density.sum(axis=-1, keepdims=True)


def _given_tau(d: Floats, tau: Floats, total: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """The pooled effects, their standard errors and the shares kept, of shape (…, τs, cells), were τ known.

    Args:
        d: shape (…, 1, cells).
        tau: shape (…, τs, 1).
        total: variance + τ², shape (…, τs, cells).
        weight: of the cells in the mean, the same shape.
    """
    kept = tau**2 / total
    share = weight / np.maximum(weight.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
    mean = weighted(d, share)[..., None]
    of_mean = (share**2 * np.where(np.isfinite(total), total, 0.0)).sum(axis=-1, keepdims=True)
    # λ · variance = (1 − λ) τ².
    variance = (1 - kept) * tau**2 + (1 - kept) ** 2 * of_mean
    return kept * d + (1 - kept) * mean, np.sqrt(variance), kept


def _quantile(level: float, centre: Floats, spread: Floats, chance: Floats) -> Floats:
    """The quantile of a mixture of normals over the last axis but one."""
    ends = centre + special.ndtri(level) * spread
    low, high = ends.min(axis=-2), ends.max(axis=-2)
    spread = np.where(spread > 0, spread, 1.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = (chance * special.ndtr((middle[..., None, :] - centre) / spread)).sum(axis=-2) < level
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def pooled(table: pd.DataFrame, alpha: float = 0.05, *, kind: str = "") -> pd.DataFrame:
    """The partially pooled effect of each segment, by metric and treated arm.

    Args:
        table: what `regulars.offers.effects.effects` returned; the row of everyone is not a cell.
        alpha: one minus the intervals' level.
        kind: "" for Welch's effects, "cuped_" for CUPED's.

    Returns:
        One row per metric, segment and arm: `pooled`, `pooled_low`, `pooled_high` and `kept`.
    """
    names, (d, v, size) = matrices(table, kind)
    columns = {
        column: pd.DataFrame(values, names.index, names.columns).stack()
        for column, values in zip(
            ("pooled", "pooled_low", "pooled_high", "kept"), pool(d, v, size, alpha), strict=True
        )
    }
    cells = table.loc[table["segment"] != EVERYONE, ["metric", "segment", "arm"]]
    return cells.merge(pd.DataFrame(columns).reset_index(), on=["metric", "segment", "arm"], how="left")
