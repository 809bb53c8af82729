"""Effects per assigned customer, from one small table of aggregates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from regulars.offers.aggregates import EVERYONE, ROUNDING, aggregate

__all__ = ["EVERYONE", "ROUNDING", "aggregate", "effects"]

KNOWN = "known"
NOBODY = "nobody in one arm"
ALONE = "one customer in an arm"
SAME = "all the same"  # in both arms, so that nothing says how far chance reaches


def effects(aggregates: pd.DataFrame, control: str, alpha: float = 0.05) -> pd.DataFrame:
    """Each arm against the control: Welch, and CUPED on the covariate from before.

    Welch's interval uses the unequal-variances t with Satterthwaite's degrees of freedom. CUPED (Deng, Xu, Kohavi, Walker
    2013) subtracts θ times the difference of the covariate's means; θ is the pooled within-arm slope of the two arms.

    Args:
        aggregates: what `aggregate` returned.
        control: the arm that the others are compared with.
        alpha: one minus the intervals' level; they are not adjusted for looking at several cells.

    Returns:
        One row per metric, segment and treated arm: `n`, `n_control`, `buyers`, `buyers_control`, `mean`, `mean_control`, and
        `effect`, `low`, `high`, `p`, `se` for Welch and, prefixed `cuped_`, for CUPED. What cannot be computed is missing, and
        `reason` says why: "known", "nobody in one arm", "one customer in an arm" or "all the same".
    """
    keys = ["metric", "segment"]
    is_control = aggregates["arm"] == control
    treated = aggregates[~is_control]
    # A segment of whom nobody fell to an arm is a cell of the family, too.
    cells = aggregates[keys].drop_duplicates().merge(treated[["arm"]].drop_duplicates(), how="cross")
    pairs = cells.merge(treated, on=[*keys, "arm"], how="left").merge(
        aggregates[is_control].drop(columns="arm"), on=keys, how="left", suffixes=("", "_control")
    )
    result = pairs[[*keys, "arm", "n", "n_control", "buyers", "buyers_control", "mean", "mean_control"]]
    difference = pairs["mean"] - pairs["mean_control"]
    welch = _welch(difference, pairs["variance"], pairs["variance_control"], pairs, alpha)
    theta = _slope(pairs)
    adjusted = difference - theta * (pairs["pre_mean"] - pairs["pre_mean_control"])
    own, controls = (_adjusted_variance(pairs, theta, arm) for arm in ("", "_control"))
    cuped = _welch(adjusted, own, controls, pairs, alpha)
    fewest = pairs[["n", "n_control"]].fillna(0).min(axis=1)
    reason = np.select([fewest < 1, fewest < 2, welch["se"].isna()], [NOBODY, ALONE, SAME], KNOWN)
    return pd.concat([result, welch, cuped.add_prefix("cuped_")], axis=1).assign(reason=reason)


def _slope(pairs: pd.DataFrame) -> pd.Series:
    """θ: pooled within-arm covariance over pooled within-arm variance; 0 where the covariate does not vary."""
    weights = pairs["n"] - 1, pairs["n_control"] - 1
    covariance = weights[0] * pairs["covariance"] + weights[1] * pairs["covariance_control"]
    variance = weights[0] * pairs["pre_variance"] + weights[1] * pairs["pre_variance_control"]
    return (covariance / variance.where(variance > 0)).fillna(0.0)


def _adjusted_variance(pairs: pd.DataFrame, theta: pd.Series, arm: str) -> pd.Series:
    """The variance of y − θx within one arm."""
    y, x = pairs[f"variance{arm}"], theta**2 * pairs[f"pre_variance{arm}"]
    left = y + x - 2 * theta * pairs[f"covariance{arm}"]
    return left.mask(left <= ROUNDING * (y + x), 0.0)


def _welch(
    difference: pd.Series, variance: pd.Series, variance_control: pd.Series, pairs: pd.DataFrame, alpha: float
) -> pd.DataFrame:
    """The unequal-variances t interval and p-value; missing where there is no variance to judge by."""
    a, b = variance / pairs["n"], variance_control / pairs["n_control"]
    total = (a + b).where(a + b > 0)
    freedom = total**2 / (a**2 / (pairs["n"] - 1) + b**2 / (pairs["n_control"] - 1))
    error = np.sqrt(total)
    reach = stats.t.ppf(1 - alpha / 2, freedom) * error
    p = 2 * stats.t.sf(np.abs(difference / error), freedom)
    return pd.DataFrame(
        {"effect": difference, "low": difference - reach, "high": difference + reach, "p": p, "se": error}
    )
