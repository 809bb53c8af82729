"""When a customer comes back."""

from __future__ import annotations

import narwhals as nw

from regulars.engine import Frame, distinct
from regulars.features.parts import deviation

THURSDAY = 3  # 1970-01-01, where Monday is 0


def gaps(orders: Frame) -> Frame:
    """Mean, median and spread of the gaps, in days, between the days on which a customer ordered; none after a single day."""
    days = distinct(orders, "customer_id", "ordered_day")
    before = nw.col("ordered_day").shift(1).over("customer_id", order_by="ordered_day")
    gap = nw.col("gap").cast(nw.Int64)
    found = days.with_columns(gap=nw.col("ordered_day") - before).filter(~nw.col("gap").is_null())
    totals = found.group_by("customer_id").agg(
        nw.len().alias("n"),
        gap.sum().alias("sum"),
        (gap * gap).sum().alias("squares"),
        nw.col("gap").cast(nw.Float64).median().alias("gap_median_days"),
    )
    n, sum_, squares = (nw.col(name).cast(nw.Float64) for name in ("n", "sum", "squares"))
    return totals.select(
        "customer_id", "gap_median_days", gap_mean_days=sum_ / n, gap_sd_days=deviation(n, sum_, squares)
    )


def usual_times(orders: Frame, *, has_hours: bool) -> Frame:
    """The weekday and the hour with most orders; of equals the first.

    Args:
        orders: of known customers, before the snapshot's day.
        has_hours: whether the shop's orders have a time of day.
    """
    weekday = (nw.col("ordered_day") + THURSDAY) % 7
    found = _usual(orders.select("customer_id", value=weekday.cast(nw.Int64)), 7)
    usual = found.select("customer_id", usual_weekday=nw.col("usual") + 1)
    if not has_hours:
        return usual.with_columns(usual_hour=nw.lit(None, dtype=nw.Int64()))
    hour = nw.col("ordered_at").dt.hour().cast(nw.Int64)
    hours = _usual(orders.select("customer_id", value=hour), 24)
    return usual.join(hours.select("customer_id", usual_hour="usual"), on="customer_id", how="left")


def _usual(values: Frame, base: int) -> Frame:
    """Each customer's most frequent value below `base`, of equals the smallest: both in one number, of which the maximum."""
    counted = values.group_by("customer_id", "value").agg(n=nw.len().cast(nw.Int64))
    best = counted.group_by("customer_id").agg(
        (nw.col("n") * base + (base - 1 - nw.col("value"))).max().alias("best")
    )
    return best.select("customer_id", usual=base - 1 - nw.col("best") % base)
