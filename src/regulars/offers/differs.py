"""Do the segments differ at all, by how much, and what is each one's effect once the others are heard too.

A significant segment beside an insignificant one is no difference: what tells is whether the effects scatter by more than
their standard errors explain. Arrays have the cells, here segments, on their last axis. A cell without an effect, or without
a variance to judge it by, is left out and counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from regulars.offers.effects import EVERYONE, ROUNDING

Floats = NDArray[np.float64]

HALVINGS = 60
KEYS = ["metric", "arm"]


class Heterogeneity(NamedTuple):
    """How much effects scatter beyond chance; each of shape (…), missing with fewer than two usable cells.

    Attributes:
        cells: how many could be used.
        left_out: how many could not.
        q: Cochran's Q, which is χ² with `freedom` degrees of freedom if all true effects are the same.
        freedom: cells − 1; none where no cell is.
        p: of Q.
        i2: the share of the scatter that is not chance, 0 to 1.
        tau2: variance of the true effects between cells, in squared units of the effect.
        tau2_low, tau2_high: its interval. Both are 0 where the effects scatter less than any τ would let them.
    """

    cells: NDArray[np.int64]
    left_out: NDArray[np.int64]
    q: Floats
    freedom: NDArray[np.int64]
    p: Floats
    i2: Floats
    tau2: Floats
    tau2_low: Floats
    tau2_high: Floats


class Mean(NamedTuple):
    """A mean over cells and its normal interval, each of shape (…); missing without a usable cell."""

    mean: Floats
    low: Floats
    high: Floats


class Wald(NamedTuple):
    """A joint test: the statistic is χ² with `freedom` degrees of freedom if segments and arms do not interact."""

    statistic: float
    freedom: int
    p: float


def usable(effect: ArrayLike, variance: ArrayLike) -> tuple[Floats, Floats]:
    """Effects and their variances, the cells that cannot be used with effect 0 and variance ∞: of weight 0.

    Args:
        effect: shape (…, cells).
        variance: of the effects, that is squared standard errors; shape (…, cells).

    >>> usable([0.5, np.nan, 1.0], [0.04, 0.04, 0.0])
    (array([0.5, 0. , 0. ]), array([0.04,  inf,  inf]))
    """
    d, v = (np.asarray(given, dtype=float) for given in (effect, variance))
    known = np.isfinite(d) & np.isfinite(v)
    d, v = np.where(known, d, 0.0), np.where(known, v, 0.0)
    # What remains beside the effects in the same row is rounding.
    scale = np.maximum(d**2, v).max(axis=-1, keepdims=True, initial=0.0)
    good = v > ROUNDING**2 * scale
    return np.where(good, d, 0.0), np.where(good, v, np.inf)


def heterogeneity(effect: ArrayLike, variance: ArrayLike, alpha: float = 0.05) -> Heterogeneity:
    """Cochran's Q (1954), I² (Higgins and Thompson 2002) and τ² by Paule and Mandel (1982) with its Q-profile.

    τ² solves Q(τ²) = cells − 1, where Q(τ²) weighs the cells by 1 / (variance + τ²); its interval's ends solve Q(τ²) = the
    upper and lower α/2 points of χ² (Viechtbauer 2007, equation 9). No equation has a solution where even Q(0) is too small:
    then it is 0.

    Args:
        effect: shape (…, cells).
        variance: of the effects, taken as known; shape (…, cells).
        alpha: one minus the level of τ²'s interval.

    >>> found = heterogeneity([0.0, 1.0, 2.0], [0.25, 0.25, 0.25])
    >>> float(found.q), int(found.freedom), round(float(found.p), 3), float(found.i2), round(float(found.tau2), 3)
    (8.0, 2, 0.018, 0.75, 0.75)
    >>> round(float(found.tau2_low), 3), round(float(found.tau2_high), 3)
    (0.021, 39.248)
    """
    d, v = usable(effect, variance)
    cells = np.isfinite(v).sum(axis=-1)
    freedom = np.maximum(cells - 1, 0)
    df = np.where(cells > 1, freedom, np.nan)
    q = np.where(cells > 1, dispersion(d, v, np.zeros(cells.shape)), np.nan)
    i2 = np.where(q > df, 1 - df / np.where(q > df, q, 1.0), 0 * q)
    points = df, stats.chi2.isf(alpha / 2, df), stats.chi2.ppf(alpha / 2, df)
    tau2 = [_tau2_at(d, v, point) for point in points]
    return Heterogeneity(cells, d.shape[-1] - cells, q, freedom, stats.chi2.sf(q, df), i2, *tau2)


def dispersion(d: Floats, v: Floats, tau2: Floats) -> Floats:
    """Q(τ²): the squared distances from the mean, both weighed by 1 / (variance + τ²).

    Args:
        d, v: what `usable` returned, shape (…, cells).
        tau2: shape (…).
    """
    weight = 1 / (v + tau2[..., None])
    return (weight * (d - weighted(d, weight)[..., None]) ** 2).sum(axis=-1)


def weighted(d: Floats, weight: Floats) -> Floats:
    """The mean over the last axis; 0 where nothing has a weight."""
    total = weight.sum(axis=-1)
    return (weight * d).sum(axis=-1) / np.where(total > 0, total, 1.0)


def _tau2_at(d: Floats, v: Floats, point: Floats) -> Floats:
    """The τ² at which Q(τ²), which falls as τ² grows, comes down to a point; 0 where it is below from the start."""
    apart = d - weighted(d, np.isfinite(v).astype(float))[..., None]
    # Q(τ²) ≤ Σ (d − mean)² / τ², so that Q is at or below the point here.
    high = np.where(np.isfinite(v), apart**2, 0.0).sum(axis=-1) / point
    low = 0 * high
    starts_above = dispersion(d, v, 0 * high) > point
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = dispersion(d, v, middle) > point
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(np.isnan(point) | starts_above, (low + high) / 2, 0.0)


def precision_weighted(effect: ArrayLike, variance: ArrayLike, alpha: float = 0.05) -> Mean:
    """The mean that weighs cells by 1 / variance: the most precise one, if all true effects are the same.

    With zero-inflated money a cell that happens to have few large orders has a small mean and a small variance, so that this
    mean is too small; `size_weighted` is not.

    >>> [round(float(number), 3) for number in precision_weighted([0.5, 1.0], [0.04, 0.16])]
    [0.6, 0.249, 0.951]
    """
    d, v = usable(effect, variance)
    return _interval(d, v, 1 / v, alpha)


def size_weighted(effect: ArrayLike, variance: ArrayLike, size: ArrayLike, alpha: float = 0.05) -> Mean:
    """The post-stratified mean, which weighs cells by their customers: the effect on those in all usable cells together.

    Args:
        effect: shape (…, cells).
        variance: of the effects; shape (…, cells).
        size: customers; shape (…, cells).
        alpha: one minus the interval's level.

    >>> [round(float(number), 3) for number in size_weighted([0.5, 1.0], [0.04, 0.16], [100, 300])]
    [0.875, 0.279, 1.471]
    """
    d, v = usable(effect, variance)
    return _interval(d, v, shares(v, size), alpha)


def shares(v: Floats, size: ArrayLike) -> Floats:
    """Each cell's share of the customers in usable cells."""
    customers = np.where(np.isfinite(v), np.asarray(size, dtype=float), 0.0)
    total = customers.sum(axis=-1, keepdims=True)
    return customers / np.where(total > 0, total, 1.0)


def _interval(d: Floats, v: Floats, weight: Floats, alpha: float) -> Mean:
    total = weight.sum(axis=-1)
    share = weight / np.where(total > 0, total, 1.0)[..., None]
    mean = np.where(total > 0, (share * d).sum(axis=-1), np.nan)
    variance = (share**2 * np.where(np.isfinite(v), v, 0.0)).sum(axis=-1)
    reach = stats.norm.isf(alpha / 2) * np.sqrt(variance)
    return Mean(mean, mean - reach, mean + reach)


def wald(effects: ArrayLike, covariances: ArrayLike) -> Wald:
    """Do the effects of several arms, taken together, differ between segments.

    The statistic is Σ (d_s − m)′ V_s⁻¹ (d_s − m), with m = (Σ V_s⁻¹)⁻¹ Σ V_s⁻¹ d_s (Wald 1943, for the contrasts between
    segments, which are independent samples). With one arm it *is* Cochran's Q; with several, whose effects share a control,
    it is not the sum of their Qs.

    Args:
        effects: one per segment and arm, shape (segments, arms). A segment in which one is missing, or whose covariance has
            no inverse, is left out.
        covariances: of one segment's effects, shape (segments, arms, arms).

    >>> wald([[0.0], [1.0], [2.0]], [[[0.25]], [[0.25]], [[0.25]]])
    Wald(statistic=8.0, freedom=2, p=0.018...)
    """
    d, V = np.asarray(effects, dtype=float), np.asarray(covariances, dtype=float)
    known = np.isfinite(d).all(axis=1) & np.isfinite(V).all(axis=(1, 2))
    d, V = d[known], V[known]
    full = np.linalg.matrix_rank(V, hermitian=True) == d.shape[1] if len(d) else np.zeros(0, dtype=bool)
    d, inverse = d[full], np.linalg.inv(V[full])
    if len(d) < 2:
        return Wald(float("nan"), 0, float("nan"))
    mean = np.linalg.solve(inverse.sum(axis=0), np.einsum("sab,sb->a", inverse, d))
    statistic = float(np.einsum("sa,sab,sb->", d - mean, inverse, d - mean))
    freedom = (len(d) - 1) * d.shape[1]
    return Wald(statistic, freedom, float(stats.chi2.sf(statistic, freedom)))


def interaction(aggregates: pd.DataFrame, control: str) -> pd.DataFrame:
    """`wald` for each metric, on the differences of means of all treated arms from the control they share.

    Args:
        aggregates: what `regulars.offers.effects.aggregate` returned.
        control: the arm that the others are compared with.

    Returns:
        One row per metric: `statistic`, `freedom`, `p`.
    """
    found = {}
    for metric, rows in aggregates[aggregates["segment"] != EVERYONE].groupby("metric"):
        mean = rows.pivot(index="segment", columns="arm", values="mean")
        square = rows.assign(square=rows["variance"] / rows["n"]).pivot(
            index="segment", columns="arm", values="square"
        )
        if control not in mean:
            found[metric] = Wald(float("nan"), 0, float("nan"))
            continue
        own = square.drop(columns=control).to_numpy()
        shared = square[control].to_numpy()[:, None, None]
        apart = mean.drop(columns=control).sub(mean[control], axis=0)
        found[metric] = wald(apart, np.eye(own.shape[1]) * own[:, None, :] + shared)
    return (
        pd.DataFrame.from_dict(found, orient="index", columns=Wald._fields)
        .rename_axis("metric")
        .reset_index()
    )


def differs(table: pd.DataFrame, alpha: float = 0.05, *, kind: str = "") -> pd.DataFrame:
    """Whether the segments' effects differ, for each metric and treated arm.

    Args:
        table: what `regulars.offers.effects.effects` returned; the row of everyone is not a cell.
        alpha: one minus the intervals' level.
        kind: "" for Welch's effects, "cuped_" for CUPED's.

    Returns:
        One row per metric and arm: the attributes of `Heterogeneity`, with `tau`, `tau_low`, `tau_high` in place of τ², and
        `size_weighted` and `precision_weighted`, each with `_low` and `_high`; by size means by both arms' customers.
    """
    names, (d, v, size) = matrices(table, kind)
    found = heterogeneity(d, v, alpha)._asdict()
    taus = {name.replace("2", ""): np.sqrt(found.pop(name)) for name in ("tau2", "tau2_low", "tau2_high")}
    means = {
        "size_weighted": size_weighted(d, v, size, alpha),
        "precision_weighted": precision_weighted(d, v, alpha),
    }
    columns = {
        f"{name}{end}": column
        for name, mean in means.items()
        for end, column in zip(("", "_low", "_high"), mean, strict=True)
    }
    return pd.DataFrame({**found, **taus, **columns}, index=names.index).reset_index()


def matrices(table: pd.DataFrame, kind: str = "") -> tuple[pd.DataFrame, tuple[Floats, Floats, Floats]]:
    """Effects, their variances and sizes with one row per metric and arm, one column per segment.

    Returns:
        A frame of the effects, whose index and columns name the rows and cells of the arrays, and the three arrays.
    """
    cells = table[table["segment"] != EVERYONE]
    cells = cells.assign(
        d=cells[f"{kind}effect"], v=cells[f"{kind}se"] ** 2, size=cells["n"] + cells["n_control"]
    )
    d, v, size = (cells.pivot(index=KEYS, columns="segment", values=name) for name in ("d", "v", "size"))
    return d, (d.to_numpy(dtype=float), v.to_numpy(dtype=float), size.to_numpy(dtype=float))
