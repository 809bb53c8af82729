"""The snapshot: every family joined, as of the first instant after a month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import narwhals as nw
import pandas as pd

from regulars.engine import Frame
from regulars.errors import RegularsError
from regulars.features.families import basket, cadence, promotion, purchase
from regulars.features.register import REGISTER
from regulars.month import Month, day_date
from regulars.shop import Shop

# A feature that cannot be had is still a column of its type. Units that are not here are numbers.
TYPES = defaultdict(nw.Float64, {"name": nw.String(), "categories": nw.Int64()})  # type: ignore[arg-type]


class FeatureError(RegularsError):
    """A snapshot that cannot be taken."""


def snapshot(
    orders: Frame, lines: Frame | None, products: Frame | None, day: int, returns: Frame | None = None
) -> Frame:
    """One row per customer with an order before `day`; rows dated on or after it are never seen.

    Args:
        orders: staged orders; those of guests count as history and make no row.
        lines: staged order lines, if the shop has them; without them the features of baskets are missing.
        products: staged products, likewise.
        day: the snapshot's day number.
        returns: staged returns, if anything came back.

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
    families = [promotion(orders), cadence(orders)]
    if lines is not None and products is not None:
        families.append(basket(orders, lines.filter(identified & (nw.col("ordered_day") < day)), products))
    back = None if returns is None else returns.filter(identified & (nw.col("returned_day") < day))
    joined = purchase(orders, day, int(first), back)
    for family in families:
        joined = joined.join(family, on="customer_id", how="left")
    there = joined.collect_schema().names()
    absent = {one.name: nw.lit(None, dtype=TYPES[one.unit]) for one in REGISTER if one.name not in there}
    whole = joined.with_columns(**absent) if absent else joined
    return whole.select("customer_id", *[feature.name for feature in REGISTER])


def snapshot_of(shop: Shop, day: int) -> Frame:
    """The shop's snapshot as of a day, from what it has staged."""
    tables = (shop.optional("order_lines"), shop.optional("products"))
    return snapshot(shop.table("orders"), *tables, day, shop.returns())


def build_snapshots(shop: Shop, months: Iterable[Month]) -> None:
    """Write the features of each month to `data/<shop>/features/<month>.parquet`."""
    for month in months:
        shop.engine.write(
            snapshot_of(shop, month.snapshot_day), shop.monthly("features", month), "customer_id"
        )
