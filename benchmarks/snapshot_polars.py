"""The families purchase, basket, promotion and cadence by Polars, for a shop that takes nothing back."""

from __future__ import annotations

from pathlib import Path

import polars as pl

REVENUE, CATEGORY, GAP = pl.col("revenue"), pl.col("category"), pl.col("gap")


def _sum(what: pl.Expr, where: pl.Expr) -> pl.Expr:
    return what.filter(where).sum().fill_null(0).cast(pl.Float64)


def of_orders(o: pl.LazyFrame, day: int, first_day: int) -> pl.LazyFrame:
    """What is told by orders alone."""
    ordered, windows = pl.col("ordered_day"), {}
    for days in (30, 90, 365):
        recent = ordered >= day - days
        before = (ordered >= day - 2 * days) & ~recent
        windows |= {
            f"orders_{days}d": recent.sum().cast(pl.Int64), f"orders_{days}d_before": before.sum().cast(pl.Int64),
            f"revenue_{days}d": _sum(REVENUE, recent), f"revenue_{days}d_before": _sum(REVENUE, before),
        }  # fmt: skip
    table = o.group_by("customer_id").agg(
        last=ordered.max(), first=ordered.min(), frequency=pl.len().cast(pl.Int64), revenue=REVENUE.sum().cast(pl.Float64),
        order_value_sd=REVENUE.cast(pl.Float64).std(), lines_per_order=pl.col("lines").mean(),
        discount=pl.col("discount").sum().cast(pl.Float64), listed=pl.col("list_revenue").sum().cast(pl.Float64),
        coupon_order_share=pl.col("has_coupon").mean(), **windows,
    )  # fmt: skip
    changes = {
        f"{kind}_{days}d_change": pl.col(f"{kind}_{days}d") - pl.col(f"{kind}_{days}d_before")
        if 2 * days <= day - first_day
        else pl.lit(None, dtype=pl.Float64)
        for kind in ("orders", "revenue")
        for days in (30, 90, 365)
    }
    return table.with_columns(
        recency_days=day - pl.col("last"), tenure_days=day - pl.col("first"), monetary_value=REVENUE / pl.col("frequency"),
        observed_before_first_days=pl.col("first") - first_day, return_share=pl.lit(None, dtype=pl.Float64),
        discount_share=pl.when(pl.col("listed") > 0).then(pl.col("discount") / pl.col("listed")), **changes,
    )  # fmt: skip


def of_days(o: pl.LazyFrame) -> list[pl.LazyFrame]:
    """Gaps, and the usual weekday and hour."""
    days = o.select("customer_id", "ordered_day").unique().sort("customer_id", "ordered_day")
    gaps = days.with_columns(gap=pl.col("ordered_day").diff().over("customer_id")).group_by("customer_id")
    found = [gaps.agg(gap_mean_days=GAP.mean(), gap_median_days=GAP.median(), gap_sd_days=GAP.std())]
    time = pl.col("ordered_at").dt
    for name, value in (("usual_weekday", time.weekday()), ("usual_hour", time.hour())):
        counts = o.group_by("customer_id", value.cast(pl.Int64).alias("value")).agg(n=pl.len().cast(pl.Int64))
        best = counts.group_by("customer_id").agg(
            (pl.col("n") * 24 + 23 - pl.col("value")).max().alias("best")
        )
        found.append(best.select("customer_id", (23 - pl.col("best") % 24).alias(name)))
    return found


def of_lines(sold: pl.LazyFrame, first_day: int) -> pl.LazyFrame:
    """Items, products, novelty, discounts."""
    launched = sold.group_by("product_id").agg(launched=pl.col("ordered_day").min())
    launched = launched.filter(pl.col("launched") >= first_day + 90)
    discount, listed = pl.col("discount"), pl.col("list_revenue")
    lines = sold.filter(pl.col("customer_id").is_not_null()).join(launched, on="product_id", how="left")
    table = lines.group_by("customer_id").agg(
        items_per_line=pl.col("quantity").cast(pl.Float64).median(),
        products_bought=pl.col("product_id").drop_nulls().n_unique(),
        new_product_share=(pl.col("ordered_day") - pl.col("launched") <= 30).fill_null(False).mean(),
        full=_sum(listed, discount == 0), known=_sum(listed, discount.is_not_null()),
        cut=_sum(discount, discount > 0), cut_list=_sum(listed, discount > 0),
    )  # fmt: skip
    return table.with_columns(
        full_price_share=pl.when(pl.col("known") > 0).then(pl.col("full") / pl.col("known")),
        discount_depth=pl.when(pl.col("cut_list") > 0).then(
            pl.min_horizontal(pl.col("cut") / pl.col("cut_list"), 1.0)
        ),
    )


def of_categories(sold: pl.LazyFrame, products: pl.LazyFrame) -> pl.LazyFrame:
    """Categories, and the shop's own brands."""
    lines = sold.filter(pl.col("customer_id").is_not_null()).join(products, on="product_id")
    own = pl.col("is_private_brand")
    each = lines.group_by("customer_id", "category").agg(
        r=REVENUE.sum(),
        last=pl.col("ordered_day").max(),
        own=_sum(REVENUE, own),
        branded=_sum(REVENUE, own.is_not_null()),
    )
    named = each.filter(CATEGORY.is_not_null()).with_columns(x=pl.col("r").cast(pl.Float64))
    totals = named.group_by("customer_id").agg(
        categories_bought=pl.len().cast(pl.Int64), top=pl.col("x").max(), whole=pl.col("x").sum(),
        squares=(pl.col("x") ** 2).sum(),
        top_category=CATEGORY.sort_by("r", "category", descending=[True, False]).first(),
        last_category=CATEGORY.sort_by("last", "r", "category", descending=[True, True, False]).first(),
    )  # fmt: skip
    brands = each.group_by("customer_id").agg(pl.col("own").sum(), pl.col("branded").sum())
    above = pl.col("whole") > 0
    return brands.join(totals, on="customer_id", how="left").with_columns(
        pl.col("categories_bought").fill_null(0),
        top_category_share=pl.when(above).then(pl.col("top") / pl.col("whole")),
        category_concentration=pl.when(above).then(pl.col("squares") / pl.col("whole") ** 2),
        private_brand_share=pl.when(pl.col("branded") > 0).then(pl.col("own") / pl.col("branded")),
    )


def snapshot(staged: Path, day: int, columns: list[str]) -> pl.LazyFrame:
    """One row per customer, as of a day."""
    seen = pl.scan_parquet(staged / "orders.parquet").filter(pl.col("ordered_day") < day)
    first_day = int(seen.select(pl.col("ordered_day").min()).collect().item())
    known = seen.filter(pl.col("customer_id").is_not_null())
    lines = pl.scan_parquet(staged / "order_lines.parquet").filter(pl.col("ordered_day") < day)
    sold = lines.filter(
        (pl.col("quantity").fill_null(1) > 0) & (REVENUE >= 0) & pl.col("is_product").fill_null(True)
    )
    products = pl.scan_parquet(staged / "products.parquet").select(
        "product_id", "category", "is_private_brand"
    )
    table = of_orders(known, day, first_day)
    for part in (*of_days(known), of_lines(sold, first_day), of_categories(sold, products)):
        table = table.join(part, on="customer_id", how="left")
    overdue = pl.col("recency_days") - pl.col("gap_median_days")
    return table.with_columns(overdue_days=overdue).select("customer_id", *columns).sort("customer_id")
