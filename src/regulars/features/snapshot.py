"""The snapshot: every family joined, as of the first instant after a month."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw
import pandas as pd

from regulars.engine import Frame
from regulars.errors import RegularsError
from regulars.features.families import basket, cadence, promotion, purchase
from regulars.features.register import REGISTER
from regulars.month import Month, day_date
from regulars.shop import Shop


class FeatureError(RegularsError):
    """A snapshot that cannot be taken."""


def snapshot(orders: Frame, lines: Frame, products: Frame, day: int) -> Frame:
    """One row per customer with an order before `day`; rows dated on or after it are never seen.

    Args:
        orders: staged orders; those of guests count as history and make no row.
        lines: staged order lines.
        products: staged products.
        day: the snapshot's day number.

    Returns:
        `customer_id` and the features of `REGISTER`, in its order.

    Raises:
        FeatureError: if no order lies before `day`.
    """
    seen = orders.filter(nw.col("ordered_day") < day)
    first = seen.select(nw.col("ordered_day").min()).collect("pandas").to_native().iloc[0, 0]
    if pd.isna(first):
        raise FeatureError(
            f"No order was placed before {day_date(day)}: there is nothing to take a snapshot of."
        )
    identified = ~nw.col("customer_id").is_null()
    orders = seen.filter(identified)
    lines = lines.filter(identified & (nw.col("ordered_day") < day))
    families = [basket(orders, lines, products), promotion(orders), cadence(orders)]
    joined = purchase(orders, day, int(first))
    for family in families:
        joined = joined.join(family, on="customer_id", how="left")
    return joined.select("customer_id", *[feature.name for feature in REGISTER])


def build_snapshots(shop: Shop, months: Iterable[Month]) -> None:
    """Write the features of each month to `data/<shop>/features/<month>.parquet`."""
    for month in months:
        frame = snapshot(
            shop.table("orders"), shop.table("order_lines"), shop.table("products"), month.snapshot_day
        )
        shop.engine.write(frame, shop.monthly("features", month), "customer_id")
