"""From looking to ordering: how far the visitors of each segment came."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from regulars.engine import Frame, distinct, in_pandas
from regulars.features.browsing import ON_SITE
from regulars.ingest.consent import spelled
from regulars.segments.agreement import NONE

# Stage → the kind of event that shows it; an order is shown by the orders themselves.
STAGES = {"viewed": "view", "put in cart": "cart", "began checkout": "checkout", "ordered": None}


def funnel(
    segments: Frame, column: str, events: Frame, orders: Frame, day: int, days: int = 90
) -> pd.DataFrame | None:
    """How many of each segment's visitors reached each stage in the days before a day.

    A visitor did something on the site in these days. A visitor *did* a stage if an event shows it, or, for the last one,
    if an order was placed, on the site or elsewhere. A visitor *reached* a stage who did it or a later one: what the tracking
    missed does not make the funnel widen. The gap between the two is what it missed.

    Args:
        segments: one row per customer with `customer_id` and the segmentation, frozen before the days or read at their end.
        column: the segmentation; customers without a segment are "(none)".
        events: staged events; those of unknown visitors do not count.
        orders: staged orders.
        day: a day number; what is dated on or after it is never seen.
        days: how many days before it are looked at.

    Returns:
        One row per segment and stage, in order: `segment`, `stage`, `customers` of the segment, `visitors`, `did`, `reached`,
        `share` (of visitors who reached it) and its 95 % interval `low`, `high` (Wilson 1927), missing without visitors.
        None if events were not observed for so long.

    >>> import duckdb
    >>> rows = "('1', 'view', 5), ('1', 'view', 99), ('1', 'cart', 99), ('2', 'view', 98)"
    >>> events, orders, segments = (
    ...     nw.from_native(duckdb.sql(query))
    ...     for query in (
    ...         f"FROM (VALUES {rows}) t(customer_id, kind, occurred_day)",
    ...         "SELECT '2' AS customer_id, 99 AS ordered_day",
    ...         "SELECT unnest(['1', '2', '3']) AS customer_id, 'all' AS segment",
    ...     )
    ... )
    >>> found = funnel(segments, "segment", events, orders, 100)
    >>> found[["stage", "visitors", "did", "reached"]].to_numpy().tolist()
    [['viewed', 2, 2, 2], ['put in cart', 2, 1, 2], ['began checkout', 2, 0, 1], ['ordered', 2, 1, 1]]
    """
    first: Any = in_pandas(events.select(nw.col("occurred_day").min())).iloc[0, 0]
    if pd.isna(first) or first > day - days:
        return None
    seen = _flags(events, orders, day, days)
    names = list(STAGES)
    labels = segments.select("customer_id", segment=nw.col(column).cast(nw.String).fill_null(NONE))
    joined = labels.join(seen, on="customer_id", how="left")
    counted = [nw.col(name).sum().cast(nw.Int64) for name in seen.collect_schema().names()[1:]]
    table = joined.group_by("segment").agg(nw.len().alias("customers"), *counted)
    wide = in_pandas(table).sort_values("segment").fillna(0)
    parts = [
        wide[["segment", "customers", "visitors"]].assign(
            place=place, stage=name, did=wide[f"did {name}"], reached=wide[f"reached {name}"]
        )
        for place, name in enumerate(names)
    ]
    return _shares(pd.concat(parts).sort_values(["segment", "place"]).drop(columns="place"))


def _flags(events: Frame, orders: Frame, day: int, days: int) -> Frame:
    """One row per visitor: `customer_id`, `visitors`, and `did …` and `reached …` for each stage, as 0 and 1."""
    kind, when = spelled(nw.col("kind")), nw.col("occurred_day")
    known = ~nw.col("customer_id").is_null()
    on_site = events.filter((when >= day - days) & (when < day) & known & kind.is_in(list(ON_SITE)))
    did = {f"did {stage}": (kind == name).cast(nw.Int64) for stage, name in STAGES.items() if name}
    visits = on_site.with_columns(**did).group_by("customer_id").agg(nw.col(*did).max())
    placed = orders.filter((nw.col("ordered_day") >= day - days) & (nw.col("ordered_day") < day) & known)
    buyers = distinct(placed, "customer_id").with_columns(bought=nw.lit(1))
    flags = visits.join(buyers, on="customer_id", how="left")
    flags = flags.with_columns(visitors=nw.lit(1), **{"did ordered": nw.col("bought").fill_null(0)})
    names = list(STAGES)
    reached = {  # the zero is there because one column alone has no largest on Spark
        f"reached {name}": nw.max_horizontal(nw.lit(0), *[f"did {later}" for later in names[i:]])
        for i, name in enumerate(names)
    }
    return flags.select("customer_id", "visitors", *[f"did {name}" for name in names], **reached)


def _shares(table: pd.DataFrame) -> pd.DataFrame:
    """The counts with the share of visitors and its interval."""
    counts = ["customers", "visitors", "did", "reached"]
    table = table[["segment", "stage", *counts]].astype(dict.fromkeys(counts, "int64"))
    visitors = table["visitors"].where(table["visitors"] > 0)
    low, high = proportion_confint(table["reached"], visitors.fillna(1), method="wilson")
    share = table["reached"] / visitors
    interval = {"low": low.where(share.notna()), "high": high.where(share.notna())}
    return table.assign(share=share, **interval).reset_index(drop=True)
