"""How well each contender would have forecast what has happened since: the judgement before any forecast is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from regulars.value.contenders import Contender
from regulars.value.histories import WEEK, Window
from regulars.value.likelihood import Floats

STEPS = {
    1: "1",
    2: "2",
    3: "3",
    4: "4–7",
    8: "8–15",
    16: "16–31",
    32: "32+",
}  # past purchases counted together


class Judgement(NamedTuple):
    """How good a forecast of a quantity was.

    Attributes:
        bias: the forecast total over the actual one, less 1.
        mean_absolute_error: per customer.
        root_mean_squared_error: per customer.
        correlation: Pearson's.
        rank_correlation: Spearman's.
        top_decile_capture: the share of the actual total brought by the tenth of customers with the highest forecasts;
            equal forecasts share.
    """

    bias: float
    mean_absolute_error: float
    root_mean_squared_error: float
    correlation: float
    rank_correlation: float
    top_decile_capture: float


def judge(forecast: Floats, actual: Floats) -> Judgement:
    """Compare a forecast of each customer with what happened.

    >>> judge(np.array([1.0, 3.0]), np.array([0.0, 4.0])).root_mean_squared_error
    1.0
    """
    total = actual.sum()
    error = forecast - actual
    varies = np.ptp(forecast) > 0 and np.ptp(actual) > 0
    return Judgement(
        float(forecast.sum() / total - 1) if total else np.nan,
        float(np.abs(error).mean()),
        float(np.sqrt((error**2).mean())),
        float(np.corrcoef(forecast, actual)[0, 1]) if varies else np.nan,
        float(stats.spearmanr(forecast, actual).statistic) if varies else np.nan,
        _top_share(forecast, actual) if total > 0 else np.nan,
    )


def _top_share(forecast: Floats, actual: Floats, share: float = 0.1) -> float:
    """What the highest forecasts brought; at the limit equal forecasts take an equal part, so that row order is nothing."""
    wanted = share * len(forecast)
    limit = np.sort(forecast)[::-1][int(np.ceil(wanted)) - 1]
    above, at = forecast > limit, forecast == limit
    part = (wanted - above.sum()) / at.sum()
    return float((actual[above].sum() + part * actual[at].sum()) / actual.sum())


def judged(contenders: Sequence[Contender], held_out: Window) -> pd.DataFrame:
    """One row per contender: both quantities judged, and why it is not to be used, if it is not.

    What a refused fit would have forecast is judged, too, where it says anything: so that one sees what refusing it costs.

    Args:
        contenders: fitted to what was before the window.
        held_out: the customers then, and what they did since.
    """
    rows = []
    for contender in contenders:
        row: dict[str, object] = {"forecast": contender.name, "problem": contender.problem}
        given = contender.forecast(held_out.customers, held_out.days)
        if np.isfinite(given.to_numpy()).all():
            for what in ("purchases", "revenue"):
                one = judge(given[what].to_numpy(), held_out.outcome[what].to_numpy())
                row |= {f"{what}_{name}": value for name, value in one._asdict().items()}
        rows.append(row)
    return pd.DataFrame(rows).set_index("forecast")


def best(table: pd.DataFrame) -> str:
    """The rule of choice: among those without a problem, the smallest squared error of revenue; of equals the simplest."""
    return str(table.loc[table["problem"] == "", "revenue_root_mean_squared_error"].astype(float).idxmin())


def calibration(contender: Contender, held_out: Window) -> pd.DataFrame:
    """By the number of past purchases: `customers`, `forecast`, and `actual` purchases with their 95 % interval."""
    given = contender.forecast(held_out.customers, held_out.days)["purchases"]
    step = np.searchsorted(list(STEPS), held_out.customers["purchases"], side="right") - 1
    labels = pd.Categorical(np.array(list(STEPS.values()))[step], list(STEPS.values()), ordered=True)
    past = pd.Series(labels, index=given.index, name="past_purchases")
    actual = held_out.outcome["purchases"].groupby(past, observed=True).agg(["size", "mean", "std"])
    reach = 1.96 * actual["std"] / np.sqrt(actual["size"])
    return pd.DataFrame(
        {
            "customers": actual["size"],
            "forecast": given.groupby(past, observed=True).mean(),
            "actual": actual["mean"],
            "low": (actual["mean"] - reach).clip(lower=0),
            "high": actual["mean"] + reach,
        }
    ).reset_index()


def cumulative(contenders: Sequence[Contender], held_out: Window, weekly: pd.Series) -> pd.DataFrame:
    """Purchases since the hold-out began, by week: `actual`, and a column for each contender without a problem."""
    table = pd.DataFrame({"actual": weekly.cumsum()})
    for one in contenders:
        if not one.problem:
            weeks = [one.forecast(held_out.customers, WEEK * week)["purchases"].sum() for week in table.index]
            table[one.name] = weeks
    return table.rename_axis("week")
