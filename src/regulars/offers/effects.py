"""Effects per assigned customer, from one small table of aggregates."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pandas as pd
from scipy import stats

from regulars.engine import Frame, in_pandas

EVERYONE = "everyone"
# What is this small beside the variances it was computed from is rounding, and counts as zero.
ROUNDING = 1e-12


def aggregate(frame: Frame, metrics: Sequence[str]) -> pd.DataFrame:
    """Counts, means and variances of each metric, in one pass over the customers for the segments and one for all.

    Args:
        frame: one row per assigned customer: `segment`, `arm`, `conversion`, each metric and its `pre_` covariate.
        metrics: which of them.

    Returns:
        One row per metric, segment (with "everyone") and arm: `n`, `buyers`, `mean`, `variance`, `pre_mean`,
        `pre_variance`, `covariance` (sample variances, n − 1).
    """
    parts = []
    sums = {f"{metric}|sum": nw.col(metric) + nw.col(f"pre_{metric}") for metric in metrics}
    frame = frame.with_columns(**sums)
    for segmented in (frame, frame.with_columns(segment=nw.lit(EVERYONE))):
        moments = in_pandas(segmented.group_by("segment", "arm").agg(*_moments(metrics)))
        parts += [_of_metric(moments, metric) for metric in metrics]
    return pd.concat(parts).sort_values(["metric", "segment", "arm"]).reset_index(drop=True)


def _moments(metrics: Sequence[str]) -> list[nw.Expr]:
    found = [nw.len().alias("n"), nw.col("conversion").sum().alias("buyers")]
    for metric in metrics:
        y, x = nw.col(metric), nw.col(f"pre_{metric}")
        found += [
            y.mean().alias(f"{metric}|mean"),
            y.var().alias(f"{metric}|variance"),
            x.mean().alias(f"{metric}|pre_mean"),
            x.var().alias(f"{metric}|pre_variance"),
            nw.col(f"{metric}|sum").var().alias(f"{metric}|sum_variance"),
        ]
    return found


def _of_metric(moments: pd.DataFrame, metric: str) -> pd.DataFrame:
    own = [name for name in moments if str(name).startswith(f"{metric}|")]
    table = moments[["segment", "arm", "n", "buyers", *own]].rename(columns=lambda name: name.split("|")[-1])
    # var(y + x) = var(y) + var(x) + 2 cov(y, x): variances are numerically stable in every engine.
    covariance = (table.pop("sum_variance") - table["variance"] - table["pre_variance"]) / 2
    rounding = covariance.abs() <= ROUNDING * (table["variance"] + table["pre_variance"])
    return table.assign(metric=metric, covariance=covariance.mask(rounding, 0.0))


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
        `effect`, `low`, `high`, `p`, `se` for Welch and, prefixed `cuped_`, for CUPED. What cannot be computed is missing.
    """
    keys = ["metric", "segment"]
    is_control = aggregates["arm"] == control
    pairs = aggregates[~is_control].merge(
        aggregates[is_control].drop(columns="arm"), on=keys, how="left", suffixes=("", "_control")
    )
    result = pairs[[*keys, "arm", "n", "n_control", "buyers", "buyers_control", "mean", "mean_control"]]
    difference = pairs["mean"] - pairs["mean_control"]
    welch = _welch(difference, pairs["variance"], pairs["variance_control"], pairs, alpha)
    theta = _slope(pairs)
    adjusted = difference - theta * (pairs["pre_mean"] - pairs["pre_mean_control"])
    own, controls = (_adjusted_variance(pairs, theta, arm) for arm in ("", "_control"))
    cuped = _welch(adjusted, own, controls, pairs, alpha)
    return pd.concat([result, welch, cuped.add_prefix("cuped_")], axis=1)


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
