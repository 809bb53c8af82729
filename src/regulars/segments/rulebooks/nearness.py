"""How many customers are one step from another segment: how much of a segmentation hangs on a hair."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from regulars.engine import Frame, in_pandas
from regulars.segments.rulebooks.definition import Rulebook

MONEY_STEP = 0.05  # relative: about what a delivery or a rounding of prices makes of a sum


def near_another(features: Frame, book: Rulebook) -> Frame:
    """Whether one step of one value would put a customer into another segment, the limits staying where they are.

    A step is one day, one order, or `MONEY_STEP` of the money, up or down; the other values stay. Nobody goes below one day
    or one order. So a step has a size of its own: it depends neither on how many customers there are nor on how close
    their values lie.

    Args:
        features: one row per buyer.
        book: a fitted exclusive rulebook.

    Returns:
        `customer_id`, `segment`, `near` (by any value), and `near_<feature>` for each feature of the book.
    """
    frame = features.select("customer_id", *book.features).filter(~nw.col("recency_days").is_null())
    frame = book.label(frame, "segment")
    for name in book.features:
        frame = frame.with_columns(kept=nw.col(name))
        for direction in (-1, 1):
            moved = book.label(frame.with_columns(_stepped(name, direction)), "moved")
            frame = moved.with_columns((nw.col("moved") != nw.col("segment")).alias(f"{direction}"))
            frame = frame.with_columns(nw.col("kept").alias(name))
        near = nw.col("-1").fill_null(False) | nw.col("1").fill_null(False)
        frame = frame.with_columns(near.alias(f"near_{name}"))
    by = [f"near_{name}" for name in book.features]
    return frame.select(
        "customer_id", "segment", nw.any_horizontal(*by, ignore_nulls=True).alias("near"), *by
    )


def nearness(features: Frame, book: Rulebook) -> pd.DataFrame:
    """For each segment, how many of its customers are one step from another one.

    Returns:
        One row per segment, the largest first: `segment`, `customers`, `near`, and `near_<feature>` for each feature.
    """
    flags = ["near", *(f"near_{name}" for name in book.features)]
    counted = near_another(features, book).with_columns(nw.col(flag).cast(nw.Int64) for flag in flags)
    sums = counted.group_by("segment").agg(
        nw.len().alias("customers"), *(nw.col(flag).sum() for flag in flags)
    )
    table = in_pandas(sums).astype(dict.fromkeys(["customers", *flags], "int64"))
    return table.sort_values(["customers", "segment"], ascending=[False, True], ignore_index=True)


def _stepped(name: str, direction: int) -> nw.Expr:
    """A feature after one step."""
    value = nw.col(name)
    if name == "revenue":
        return value * (1 + direction * MONEY_STEP)
    step = value + direction
    lowest = 0 if name == "observed_before_first_days" else 1
    return nw.when(step >= lowest).then(step).otherwise(value).alias(name)
