"""What is at stake in rolling an offer out or stopping it: how likely it pays, what a wrong decision costs, what it is worth.

A verdict says whether chance alone explains an effect. These say what follows in money, also where there is no verdict.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from regulars.offers.decisions import worth
from regulars.offers.differs import matrices
from regulars.offers.pooling import pooled, posterior
from regulars.offers.registry import Experiment
from regulars.segments import column_of

Floats = NDArray[np.float64]

DAYS_A_MONTH = 30.4375  # 365.25 / 12
KEYS = ["metric", "segment", "arm"]
STAKES = ("chance_of_profit", "loss_if_rolled_out", "loss_if_stopped")


def chance_above_zero(effect: ArrayLike, se: ArrayLike, freedom: ArrayLike = np.inf) -> Floats:
    """The probability that the true effect is above zero, under a flat prior.

    It is then effect + se × T, T being Student's t: of a difference of two means with unequal variances an approximation, the
    one that Welch's interval makes. So it is 1 − p / 2 for an effect above zero, p two-sided, and p / 2 below.

    Args:
        effect: in any unit.
        se: its standard error, in the same unit; missing or 0 where there is nothing to judge by.
        freedom: degrees of freedom; ∞ makes T normal.

    >>> chance_above_zero([0.0, 2.0, -2.0], 1.0).round(4).tolist()
    [0.5, 0.9772, 0.0228]
    """
    d, s, v = _known(effect, se, freedom)
    return np.asarray(special.stdtr(v, d / s), dtype=float)


def expected_gain(effect: ArrayLike, se: ArrayLike, freedom: ArrayLike = np.inf) -> Floats:
    """E[max(δ, 0)] of a true effect δ = effect + se × T: what is lost on average by stopping, if nothing else is lost.

    With z = effect / se, F and f Student's distribution and density, ν its degrees of freedom: effect F(z) + se f(z)
    (ν + z²) / (ν − 1); of a normal one effect Φ(z) + se φ(z). What is lost on average by rolling out is the same of −effect.
    Deciding by this loss is due to Stucchio (2015), there for conversions; the integral is elementary.

    Args:
        effect, se, freedom: as in `chance_above_zero`; with one degree of freedom or less there is no mean.

    >>> expected_gain([0.0, 2.0, -2.0], 1.0).round(4).tolist()
    [0.3989, 2.0085, 0.0085]
    """
    d, s, v = _known(effect, se, freedom)
    z, v = d / s, np.where(v > 1, v, np.nan)
    finite = np.where(np.isinf(v), 2.0, v)
    tail = np.where(np.isinf(v), stats.norm.pdf(z), stats.t.pdf(z, finite) * (finite + z**2) / (finite - 1))
    # What rounding leaves below zero far out in the tail is none.
    return np.maximum(d * special.stdtr(v, z) + s * tail, 0.0)


def _known(effect: ArrayLike, se: ArrayLike, freedom: ArrayLike) -> tuple[Floats, Floats, Floats]:
    d, s, v = np.broadcast_arrays(*(np.asarray(given, dtype=float) for given in (effect, se, freedom)))
    return d, np.where(s > 0, s, np.nan), v


def freedom_of(low: ArrayLike, high: ArrayLike, se: ArrayLike, alpha: float = 0.05) -> Floats:
    """The degrees of freedom of a t interval, which its width in standard errors tells.

    Args:
        low, high: the interval.
        se: of the effect.
        alpha: one minus the interval's level.

    >>> freedom_of(-2.2281388519, 2.2281388519, 1.0).round(3).item()
    10.0
    """
    d, s, e = (np.asarray(given, dtype=float) for given in (low, high, se))
    reach = (s - d) / 2 / np.where(e > 0, e, np.nan)
    return np.asarray(special.stdtridf(1 - alpha / 2, reach), dtype=float)


def stakes(decided: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """How likely each cell of the primary metric pays, and what a wrong decision on it costs on average.

    By itself a cell is judged on its CUPED effect under a flat prior, with Satterthwaite's degrees of freedom. Pooled, on the
    posterior that `regulars.offers.pooling.pool` averages over τ, exactly: a mixture of normals, whose chances and expected
    losses are averages of theirs. Of several cells the best looks better by itself than it is, so that the pooled numbers are
    those to act on; everyone, one cell by itself, has none.

    Args:
        decided: what `regulars.offers.decisions.decide` returned.
        experiment: its primary metric, which is money, alpha and minimum of buyers.

    Returns:
        One row per cell of the primary metric, everyone included: `metric`, `segment`, `arm`, `segmentation`, `horizon_days`,
        `n`, `n_control`, `verdict`; `cuped_effect`, `cuped_low`, `cuped_high`; `chance_of_profit`; `loss_if_rolled_out` and
        `loss_if_stopped`, money per customer and horizon that is lost on average because the decision may be wrong; `pooled`,
        `pooled_low`, `pooled_high`, and the three, prefixed `pooled_`. The three are missing in cells with fewer than
        `minimum_buyers` in either arm, and everywhere if the assignment was not valid.
    """
    cells = decided[decided["metric"] == experiment.primary_metric].reset_index(drop=True)
    d, se = (cells[f"cuped_{name}"].to_numpy(dtype=float) for name in ("effect", "se"))
    freedom = freedom_of(cells["cuped_low"], cells["cuped_high"], se, experiment.alpha)
    own = chance_above_zero(d, se, freedom), expected_gain(-d, se, freedom), expected_gain(d, se, freedom)
    kept = "n n_control verdict cuped_effect cuped_low cuped_high".split()
    found = cells[[*KEYS, *kept]].assign(
        segmentation=column_of(experiment.segmentation), horizon_days=experiment.horizon_days
    )
    found = found.assign(**dict(zip(STAKES, own, strict=True)))
    shrunk = pooled(cells, experiment.alpha, kind="cuped_").drop(columns="kept")
    found = found.merge(shrunk, on=KEYS, how="left").merge(_pooled_stakes(cells), on=KEYS, how="left")
    few = cells[["buyers", "buyers_control"]].min(axis=1) < experiment.minimum_buyers
    silent = few | bool((cells["verdict"] == "not valid").any())
    names = [*STAKES, *(f"pooled_{name}" for name in STAKES)]
    return found.assign(**{name: found[name].mask(silent) for name in names})


def _pooled_stakes(cells: pd.DataFrame) -> pd.DataFrame:
    """The chances and expected losses of the pooled effects; one row per metric, segment and arm."""
    names, (d, v, size) = matrices(cells, "cuped_")
    centre, spread, _, weight = posterior(d, v, size)
    parts = chance_above_zero(centre, spread), expected_gain(-centre, spread), expected_gain(centre, spread)
    # Of a cell that cannot be used every part is missing.
    columns = {
        f"pooled_{name}": pd.DataFrame((weight * part).sum(axis=-2), names.index, names.columns).stack()
        for name, part in zip(STAKES, parts, strict=True)
    }
    return pd.DataFrame(columns).reset_index()


def worth_in_time(found: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """What each cell comes to for today's size of its segment: one round of the offer, and a month of rounds, if they repeat.

    One round is what was tested: each customer is given the offer once, and followed for one horizon. That a second round does
    as much as the first is an assumption which no test of one round bears out; `per_month_if_repeated` says so in its name,
    and is one round times 30.4375 / `horizon_days`, the rounds in a month. Intervals carry the effect's uncertainty, and hold
    for each cell by itself.

    Args:
        found: what `stakes` returned.
        segments: today's customers: one row each, one column per segmentation.

    Returns:
        `found` with `whom`, in words; `worth`, `worth_low`, `worth_high`, of one round; `per_month_if_repeated` with `_low`
        and `_high`; and, where effects are pooled, the same prefixed `pooled_`. Missing where the chance of profit is, and
        where today's customers are not known or not segmented so.
    """
    months = DAYS_A_MONTH / found["horizon_days"]
    silent = found["chance_of_profit"].isna() | segments.empty
    result = found
    own, shrunk = ["cuped_effect", "cuped_low", "cuped_high"], ["pooled", "pooled_low", "pooled_high"]
    for kind, columns in (("", own), ("pooled_", shrunk)):
        asked = found[["segmentation", "segment"]].copy()
        asked[own] = found[columns].mask(silent)
        once = worth(asked, segments)
        result = result.assign(whom=once["whom"])
        for end in ("", "_low", "_high"):
            result[f"{kind}worth{end}"] = once[f"worth{end}"]
            result[f"{kind}per_month_if_repeated{end}"] = once[f"worth{end}"] * months
    return result
