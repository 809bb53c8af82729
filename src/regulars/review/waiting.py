"""How long until a customer orders again: the median, orders still waiting for the next one included."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd

from regulars.engine import Engine, Frame, distinct
from regulars.month import Month, months_between
from regulars.offers.repeat import kaplan_meier
from regulars.review.bootstrap import change_interval, interval
from regulars.review.register import TIME_TO_REPEAT, Floats

WINDOW_DAYS = 365
GROUPS = 400  # of customers; each is drawn whole


def order_gaps(engine: Engine, orders: Frame, months: list[Month]) -> pd.DataFrame:
    """Count the days from order to next order, as each month's end saw them.

    The orders are those of the 365 days up to the month's end. An order without a next one by then is followed to the
    end and no further. Orders of one day are one; guests have no next order.

    Args:
        engine: where `orders` lives.
        orders: staged orders.
        months: which months' ends.

    Returns:
        `month`, `group` (customers dealt into 400 groups in the order of their ids, so that a bootstrap can draw them),
        `days`, `is_event` (1 where the next order came after so many days, 0 where it had not come), `n`.
    """
    days = distinct(orders.filter(~nw.col("customer_id").is_null()), "customer_id", "ordered_day")
    groups = distinct(days, "customer_id").with_columns(
        group=(nw.col("customer_id").rank("dense").cast(nw.Int64) - 1) % GROUPS
    )
    following = nw.col("ordered_day").shift(-1).over("customer_id", order_by="ordered_day")
    each = days.with_columns(next_day=following).join(groups, on="customer_id", how="inner")
    found = [_as_of(engine, each, month) for month in months]
    return pd.concat(found, ignore_index=True)


def _as_of(engine: Engine, each: Frame, month: Month) -> pd.DataFrame:
    end = month.snapshot_day
    seen = each.filter(nw.col("ordered_day") < end, nw.col("ordered_day") >= end - WINDOW_DAYS)
    is_event = (nw.col("next_day") < end).fill_null(False)
    until = nw.when(is_event).then(nw.col("next_day")).otherwise(nw.lit(end - 1))
    timed = seen.select("group", days=until - nw.col("ordered_day"), is_event=is_event.cast(nw.Int64))
    counted = timed.group_by("group", "days", "is_event").agg(n=nw.len())
    table = engine.collect(counted, "group", "days", "is_event")
    table.insert(0, "month", str(month))
    return table


def time_to_repeat(
    engine: Engine, orders: Frame, month: Month, first: Month, *, draws: int = 1000, random_state: int = 0
) -> pd.DataFrame:
    """The median time to repeat, as one row like those of `compare_months`.

    The median is where Kaplan and Meier's curve (1958) first is at one half or below: an order is followed for as long
    as there are data, so that a late one is not counted as one without a next. It is missing where the curve stays
    above one half. Intervals draw the groups of customers of `order_gaps`.

    Args:
        engine: where `orders` lives.
        orders: staged orders.
        month: the month.
        first: the first month with data.
        draws: bootstrap draws.
        random_state: their seed.
    """
    year_ago = Month(month.year - 1, month.number)
    window = months_between(max(first, year_ago.next), month)
    before = [one for one in (month.previous, year_ago) if one >= first]
    gaps = order_gaps(engine, orders, [*([year_ago] if year_ago >= first else []), *window])
    medians = {one: median(_counts(gaps, one)) for one in window}
    weights = np.random.default_rng(random_state).poisson(1.0, (draws, GROUPS)).astype(float)
    drawn = {one: median(_counts(gaps, one, weights)) for one in {month, *before}}
    now, unit = float(medians[month]), TIME_TO_REPEAT.unit
    low, high = interval(now, drawn[month], unit)
    row: dict[str, object] = {"kpi": TIME_TO_REPEAT.name, "value": now, "low": low, "high": high}
    for name, change, one in (
        ("last_month", "change", month.previous),
        ("last_year", "year_change", year_ago),
    ):
        then, draw = (
            (float(median(_counts(gaps, one))), drawn[one])
            if one in drawn
            else (np.nan, drawn[month] * np.nan)
        )
        ends = change_interval(TIME_TO_REPEAT, now, then, drawn[month], draw)
        row |= {name: then} | dict(zip([change, f"{change}_low", f"{change}_high"], ends, strict=True))
    past = pd.Series([medians[one] for one in window[:-1]], dtype=float)
    spans = {"range_low": past.min(), "range_high": past.max(), "range_months": len(past)}
    return pd.DataFrame([row | spans]).set_index("kpi")


def _counts(gaps: pd.DataFrame, month: Month, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Events and at risk on each day, of all groups or of each draw of them: shape (…, days)."""
    rows = gaps[gaps["month"] == str(month)]
    longest = int(rows["days"].max()) if len(rows) else 0
    shape = (2, GROUPS, longest + 1)
    counts = np.zeros(shape)
    np.add.at(counts, (rows["is_event"], rows["group"], rows["days"]), rows["n"])
    censored, events = counts.sum(axis=1) if weights is None else weights @ counts
    leaving = censored + events
    return events, np.cumsum(leaving[..., ::-1], axis=-1)[..., ::-1]


def median(counted: tuple[Floats, Floats]) -> Floats:
    """The first day by whose end half of the orders or more were followed by another; missing where less than half ever were.

    Args:
        counted: events and at risk on days 0, 1, 2, …: shape (…, days) each.

    >>> float(median((np.array([0.0, 1, 1, 0]), np.array([4.0, 4, 2, 1]))))
    2.0
    """
    waiting = np.nan_to_num(kaplan_meier(*counted).waiting, nan=1.0)
    half = waiting <= 0.5 + 1e-12
    return np.where(half.any(axis=-1), half.argmax(axis=-1), np.nan)
