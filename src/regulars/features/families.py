"""The families of features. Each takes rows dated before the snapshot and gives one row per customer.

A family's arguments say which tables it needs. Money is summed as exact decimals and only then made a float, so that
no sum depends on the order of rows.
"""

from __future__ import annotations

import narwhals as nw

from regulars.engine import Frame
from regulars.ingest.returns import net_of_returns

WINDOWS = (30, 90)  # days


def purchase(orders: Frame, day: int, first_day: int, returns: Frame | None = None) -> Frame:
    """Recency, frequency, monetary value, tenure and recent windows.

    An order that came back was still placed: it counts in recency and frequency, and its money is taken off when it came
    back.

    Args:
        orders: one row per order of a known customer, all before `day`.
        day: the snapshot's day number.
        first_day: the first day that the shop's history was observed. A window that begins before it is missing.
        returns: one row per return of a known customer, all before `day`, if anything came back.
    """
    revenue, placed = nw.col("revenue"), nw.when(nw.col("is_order") == 1).then(nw.col("day"))
    sums: dict[str, nw.Expr] = {}
    for window in WINDOWS:
        recent = nw.col("day") >= day - window
        sums[f"orders_{window}d"] = nw.when(recent).then(nw.col("is_order")).otherwise(0)
        sums[f"revenue_{window}d"] = nw.when(recent).then(revenue).otherwise(0)
    grouped = net_of_returns(orders, returns).with_columns(**sums).group_by("customer_id")
    totals = grouped.agg(
        placed.max().alias("last_day"),
        placed.min().alias("first_day"),
        nw.col("is_order").sum().alias("frequency"),
        revenue.sum(),
        *[nw.col(name).sum() for name in sums],
    )
    return totals.filter(nw.col("frequency") > 0).select(
        "customer_id",
        recency_days=day - nw.col("last_day"),
        frequency=nw.col("frequency").cast(nw.Int64),
        monetary_value=revenue.cast(nw.Float64) / nw.col("frequency"),
        revenue=revenue.cast(nw.Float64),
        tenure_days=day - nw.col("first_day"),
        observed_before_first_days=nw.col("first_day") - first_day,
        **{name: _observed(name, day - first_day) for name in sums},
    )


def _observed(name: str, history_days: int) -> nw.Expr:
    """A window's sum, or missing where the window is longer than the observed history."""
    kind = nw.Int64 if name.startswith("orders") else nw.Float64
    window = int(name.rpartition("_")[2].removesuffix("d"))
    return nw.col(name).cast(kind) if window <= history_days else nw.lit(None, dtype=kind)


def basket(orders: Frame, lines: Frame, products: Frame) -> Frame:
    """Lines per order, categories bought, the top category by revenue and its share.

    Lines on which nothing was sold, or something was taken back, do not count. Lines without a category count as lines, and in
    no category.
    """
    per_order = orders.group_by("customer_id").agg(nw.col("lines").sum().cast(nw.Float64) / nw.len())
    is_sold = (nw.col("quantity").fill_null(1) > 0) & (nw.col("revenue") >= 0)
    sold = lines.filter(is_sold).join(products.select("product_id", "category"), on="product_id")
    known = sold.filter(~nw.col("category").is_null())
    money = known.group_by("customer_id", "category").agg(nw.col("revenue").sum())
    # The largest revenue first; equal revenues in the order of their names, never in the order of rows.
    place = nw.col("category").cum_count().over("customer_id", order_by=["minus_revenue", "category"])
    ranked = money.with_columns(minus_revenue=-nw.col("revenue")).with_columns(place=place)
    totals = ranked.group_by("customer_id").agg(
        nw.len().cast(nw.Int64).alias("categories_bought"),
        nw.when(nw.col("place") == 1).then(nw.col("category")).max().alias("top_category"),
        nw.col("revenue").max().cast(nw.Float64).alias("top"),
        nw.col("revenue").sum().cast(nw.Float64).alias("all"),
    )
    share = nw.when(nw.col("all") > 0).then(nw.col("top") / nw.col("all"))
    categories = totals.select("customer_id", "categories_bought", "top_category", top_category_share=share)
    joined = per_order.rename({"lines": "lines_per_order"}).join(categories, on="customer_id", how="left")
    return joined.with_columns(nw.col("categories_bought").fill_null(0))


def promotion(orders: Frame) -> Frame:
    """Discount share (of list-price revenue) and coupon order share."""
    totals = orders.group_by("customer_id").agg(
        nw.col("discount").sum().cast(nw.Float64),
        nw.col("list_revenue").sum().cast(nw.Float64),
        nw.col("has_coupon").cast(nw.Int64).sum().alias("coupon_orders"),
        nw.len().alias("orders"),
    )
    return totals.select(
        "customer_id",
        discount_share=nw.when(nw.col("list_revenue") > 0).then(nw.col("discount") / nw.col("list_revenue")),
        coupon_order_share=nw.col("coupon_orders").cast(nw.Float64) / nw.col("orders"),
    )


def cadence(orders: Frame) -> Frame:
    """Mean and median gap, in days, between the days on which a customer ordered. Missing after a single day."""
    days = orders.select("customer_id", "ordered_day").unique()
    before = nw.col("ordered_day").shift(1).over("customer_id", order_by="ordered_day")
    gaps = days.with_columns(gap=nw.col("ordered_day") - before)
    return gaps.group_by("customer_id").agg(
        nw.col("gap").mean().alias("gap_mean_days"), nw.col("gap").median().alias("gap_median_days")
    )
