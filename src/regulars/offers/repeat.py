"""How soon customers order again: from assignment to the next order, everyone assigned, whether they have ordered yet or not.

Who is followed for longer has had more time to order, so that shares of customers who ordered compare arms, months or segments
only if all were followed alike. Kaplan and Meier's curve, and the area under it up to one horizon, do not mind.
"""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from regulars.engine import Frame, in_pandas
from regulars.offers.effects import EVERYONE
from regulars.offers.registry import OfferError

Floats = NDArray[np.float64]

KNOWN = "known"
TOO_BRIEF = "followed too briefly"
NO_VARIANCE = "no variance"
NOBODY = "nobody"


class Curve(NamedTuple):
    """The share that has not ordered again by the end of each day, and its standard error; shape (…, days).

    Missing from the day on which nobody was followed any more, unless all had ordered by then.
    """

    waiting: Floats
    error: Floats


class Restricted(NamedTuple):
    """The mean time to the next order, none counted for longer than the horizon; each of shape (…).

    Attributes:
        mean_days: in days; missing if nobody was followed to the horizon, unless all had ordered by then.
        variance: of the mean, in squared days.
    """

    mean_days: Floats
    variance: Floats


def kaplan_meier(events: ArrayLike, at_risk: ArrayLike) -> Curve:
    """Kaplan and Meier's curve (1958) with Greenwood's standard error (1926), from counts per day.

    Args:
        events: customers whose next order is on day 0, 1, 2, …: shape (…, days).
        at_risk: customers who had not ordered before that day, and are followed to that day or longer: the same shape.

    >>> curve = kaplan_meier([0, 1, 1, 0], [4, 4, 2, 0])
    >>> curve.waiting.round(3), curve.error.round(3)
    (array([1.   , 0.75 , 0.375,   nan]), array([0.   , 0.217, 0.286,   nan]))
    """
    e, r = (np.asarray(given, dtype=float) for given in (events, at_risk))
    waiting = np.cumprod(np.where(r > 0, 1 - e / np.where(r > 0, r, 1.0), 1.0), axis=-1)
    error = waiting * np.sqrt(np.cumsum(_greenwood(e, r), axis=-1))
    unknown = (r <= 0) & (waiting > 0)
    return Curve(np.where(unknown, np.nan, waiting), np.where(unknown, np.nan, error))


def _greenwood(e: Floats, r: Floats) -> Floats:
    """Each day's part of Greenwood's sum; none on a day when all who are left order, since nothing is left of the curve."""
    return e / np.where(r > e, r * (r - e), np.inf)


def restricted_mean(events: ArrayLike, at_risk: ArrayLike) -> Restricted:
    """The area under Kaplan and Meier's curve from day 0 to the last day given, the horizon.

    Its variance is Σ A_d² e_d / (r_d (r_d − e_d)) over days d before the horizon, A_d the area from d to the horizon, e events
    and r at risk (Meier 1975; Klein and Moeschberger 2003, equation 4.5.2).

    Args:
        events, at_risk: as in `kaplan_meier`, for the days 0 to the horizon: shape (…, horizon + 1).

    >>> found = restricted_mean([0, 1, 1, 0], [4, 4, 2, 1])
    >>> round(float(found.mean_days), 3), round(float(found.variance), 4)
    (2.125, 0.1758)
    """
    e, r = (np.asarray(given, dtype=float)[..., :-1] for given in (events, at_risk))
    waiting = kaplan_meier(events, at_risk).waiting
    followed = ~np.isnan(waiting[..., -1])
    # The curve is a step: what it is at the end of one day, it is until the next.
    areas = np.cumsum(np.nan_to_num(waiting[..., -2::-1]), axis=-1)[..., ::-1]
    variance = (areas**2 * _greenwood(e, r)).sum(axis=-1)
    return Restricted(np.where(followed, areas[..., 0], np.nan), np.where(followed, variance, np.nan))


def waits(frame: Frame, horizon_days: int) -> pd.DataFrame:
    """Count, for each day since assignment, who orders again and who might have, in each segment and in all.

    Args:
        frame: one row per assigned customer: `segment`, `arm`, `next_order_days`, whole days from assignment to the next
            order, missing where there is none yet, and `followed_days`, whole days from assignment to the end of the data.
        horizon_days: at least 1; what happens later is not looked at.

    Returns:
        One row per segment (with "everyone"), arm and day from 0 to the horizon: `day`, `events`, `at_risk`.

    Raises:
        OfferError: someone's days are negative, or the days they were followed are missing.
    """
    if horizon_days < 1:
        raise OfferError(
            f"A horizon of {horizon_days} days leaves no time to order in. Take one day or more."
        )
    later, followed = nw.col("next_order_days"), nw.col("followed_days")
    limit = nw.when(followed < horizon_days).then(followed).otherwise(nw.lit(horizon_days))
    is_event = (later <= limit).fill_null(False)
    timed = frame.select(
        "segment",
        "arm",
        event=is_event.cast(nw.Int64),
        day=nw.when(is_event).then(later).otherwise(limit),
        wrong=((later < 0).fill_null(False) | ~(followed >= 0).fill_null(False)).cast(nw.Int64),
    )
    leaving = in_pandas(
        timed.group_by("segment", "arm", "day").agg(
            nw.len().alias("leaving"), nw.col("event").sum().alias("events"), nw.col("wrong").sum()
        )
    )
    if wrong := int(leaving["wrong"].sum()):
        raise OfferError(
            f"{wrong} of {int(leaving['leaving'].sum())} assigned customers were followed, or ordered, for a negative or "
            "missing number of days. Leave out orders before assignment, and say for everyone how long the data go on."
        )
    both = pd.concat([leaving, leaving.assign(segment=EVERYONE)])
    daily = both.astype({"day": int}).groupby(["segment", "arm", "day"])[["leaving", "events"]].sum()
    return _every_day(daily.astype(int), horizon_days)


def _every_day(daily: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    days = pd.RangeIndex(horizon_days + 1, name="day")
    leaving, events = (
        daily[name].unstack("day", fill_value=0).reindex(columns=days, fill_value=0)
        for name in ("leaving", "events")
    )
    at_risk = leaving.iloc[:, ::-1].cumsum(axis=1).iloc[:, ::-1]
    return pd.DataFrame({"events": events.stack(), "at_risk": at_risk.stack()}).reset_index()


def delays(daily: pd.DataFrame, control: str, alpha: float = 0.05) -> pd.DataFrame:
    """How much sooner or later customers of each treated arm order again than those of the control.

    Args:
        daily: what `waits` returned.
        control: the arm that the others are compared with.
        alpha: one minus the intervals' level; normal ones, not adjusted for looking at several cells.

    Returns:
        One row per segment and treated arm: `horizon_days`; customers `n` and `n_control`, how many were seen to order,
        `repeats` and `repeats_control`; `mean_days` and `mean_days_control` up to the horizon, and their difference
        `delay_days` with `_low`, `_high` and `_p`, negative where the treated order sooner; `repeated` and
        `repeated_control`, the shares that order by the horizon, and their difference `gain` with `_low`, `_high` and `_p`.
        `reason` is "known"; "followed too briefly", where in one of the arms nobody was followed to the horizon; "no
        variance", where in one of the arms nobody orders, or all on one day, so that nothing tells how far to trust its
        mean; or "nobody", where one has no customers. What cannot be computed is missing.
    """
    cells = _cells(daily)
    is_control = cells["arm"] == control
    controls = cells[is_control].drop(columns=["arm", "horizon_days"])
    pairs = cells[~is_control].merge(controls, on="segment", how="left", suffixes=("", "_control"))
    found = pairs[["segment", "arm", "horizon_days"]].copy()
    for name in ("n", "repeats", "mean_days", "repeated"):
        found[[name, f"{name}_control"]] = pairs[[name, f"{name}_control"]]
    for name, mean, variance in (
        ("delay_days", "mean_days", "variance"),
        ("gain", "repeated", "repeated_variance"),
    ):
        own, other = pairs[variance], pairs[f"{variance}_control"]
        error = np.sqrt((own + other).where((own > 0) & (other > 0)))
        difference = pairs[mean] - pairs[f"{mean}_control"]
        reach = stats.norm.isf(alpha / 2) * error
        p = 2 * stats.norm.sf(np.abs(difference / error))
        ends = {"": difference, "_low": difference - reach, "_high": difference + reach, "_p": p}
        found[[f"{name}{end}" for end in ends]] = pd.DataFrame(ends)
    nobody = ~(pairs[["n", "n_control"]] > 0).all(axis=1)
    reasons = [nobody, found["delay_days"].isna(), found["delay_days_p"].isna()]
    return found.assign(reason=np.select(reasons, [NOBODY, TOO_BRIEF, NO_VARIANCE], KNOWN))


def _cells(daily: pd.DataFrame) -> pd.DataFrame:
    """One row per segment and arm: sizes, restricted means, shares that ordered again, and their variances."""
    keys = ["segment", "arm"]
    events, at_risk = (daily.pivot(index=keys, columns="day", values=name) for name in ("events", "at_risk"))
    if events.empty:
        names = "n repeats mean_days variance repeated repeated_variance horizon_days".split()
        return pd.DataFrame(columns=[*keys, *names], dtype=float).astype(dict.fromkeys(keys, "str"))
    e, r = (table.to_numpy(dtype=float) for table in (events, at_risk))
    curve, restricted = kaplan_meier(e, r), restricted_mean(e, r)
    columns = {
        "n": r[:, 0],
        "repeats": e.sum(axis=1),
        "mean_days": restricted.mean_days,
        "variance": restricted.variance,
        "repeated": 1 - curve.waiting[:, -1],
        "repeated_variance": curve.error[:, -1] ** 2,
    }
    return pd.DataFrame(columns, index=events.index).reset_index().assign(horizon_days=e.shape[1] - 1)
