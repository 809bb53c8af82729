"""The families purchase, basket, promotion and cadence by pandas, for a shop that takes nothing back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

LINES = [
    "customer_id",
    "product_id",
    "quantity",
    "revenue",
    "list_revenue",
    "discount",
    "is_product",
    "ordered_day",
]


def read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """A Parquet file with its decimals as floats."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=columns)
    kinds = [pa.float64() if pa.types.is_decimal(field.type) else field.type for field in table.schema]
    fields = [field.with_type(kind) for field, kind in zip(table.schema, kinds, strict=True)]
    return table.cast(pa.schema(fields)).to_pandas()


def of_orders(o: pd.DataFrame, day: int, first_day: int) -> pd.DataFrame:
    """What is told by orders alone."""
    o["square"] = o["revenue"] ** 2
    by = o.groupby("customer_id")
    table = by.agg(
        last=("ordered_day", "max"), first=("ordered_day", "min"), frequency=("ordered_day", "size"),
        revenue=("revenue", "sum"),        order_value_sd=("revenue", "std"), lines_per_order=("lines", "mean"),
        discount=("discount", "sum"),
        listed=("list_revenue", "sum"), coupon_order_share=("has_coupon", "mean"),
    )  # fmt: skip
    for days in (30, 90, 365):
        for kind, how in (("orders", "size"), ("revenue", "sum")):
            recent = o["ordered_day"] >= day - days
            before = (o["ordered_day"] >= day - 2 * days) & ~recent
            now, then = (o[rows].groupby("customer_id")["revenue"].agg(how) for rows in (recent, before))
            table[f"{kind}_{days}d"] = now
            table[f"{kind}_{days}d"] = table[f"{kind}_{days}d"].fillna(0)
            change = table[f"{kind}_{days}d"] - then.reindex(table.index).fillna(0)
            table[f"{kind}_{days}d_change"] = change if 2 * days <= day - first_day else np.nan
    table["recency_days"], table["tenure_days"] = day - table["last"], day - table["first"]
    table["observed_before_first_days"] = table["first"] - first_day
    table["monetary_value"] = table["revenue"] / table["frequency"]
    table["discount_share"] = table["discount"] / table["listed"].where(table["listed"] > 0)
    table["return_share"] = np.nan
    return table


def of_days(o: pd.DataFrame) -> pd.DataFrame:
    """Gaps, and the usual weekday and hour."""
    days = o[["customer_id", "ordered_day"]].drop_duplicates().sort_values(["customer_id", "ordered_day"])
    gaps = days.groupby("customer_id")["ordered_day"].diff().groupby(days["customer_id"])
    table = gaps.agg(["mean", "median", "std"])
    table.columns = pd.Index(["gap_mean_days", "gap_median_days", "gap_sd_days"])
    for name, values in (
        ("usual_weekday", o["ordered_at"].dt.weekday + 1),
        ("usual_hour", o["ordered_at"].dt.hour),
    ):
        counts = o.assign(value=values).groupby(["customer_id", "value"]).size().reset_index(name="n")
        best = counts.sort_values(["customer_id", "n", "value"], ascending=[True, False, True])
        table[name] = best.drop_duplicates("customer_id").set_index("customer_id")["value"]
    return table


def of_lines(sold: pd.DataFrame, first_day: int) -> pd.DataFrame:
    """Items, products, novelty, discounts."""
    launched = sold.groupby("product_id")["ordered_day"].min()
    launched = launched[launched >= first_day + 90]
    sold["is_new"] = sold["ordered_day"] - sold["product_id"].map(launched) <= 30
    full, cut = sold["discount"] == 0, sold["discount"] > 0
    sold["full"], sold["known"] = (
        sold["list_revenue"].where(full),
        sold["list_revenue"].where(sold["discount"].notna()),
    )
    sold["cut"], sold["cut_list"] = sold["discount"].where(cut), sold["list_revenue"].where(cut)
    table = sold.groupby("customer_id").agg(
        items_per_line=("quantity", "median"), products_bought=("product_id", "nunique"), new_product_share=("is_new", "mean"),
        full=("full", "sum"), known=("known", "sum"), cut=("cut", "sum"), cut_list=("cut_list", "sum"),
    )  # fmt: skip
    table["full_price_share"] = table["full"] / table["known"].where(table["known"] > 0)
    table["discount_depth"] = (table["cut"] / table["cut_list"].where(table["cut_list"] > 0)).clip(upper=1)
    return table


def of_categories(sold: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Categories, and the shop's own brands."""
    lines = sold.merge(products, on="product_id")
    lines["own"] = lines["revenue"].where(lines["is_private_brand"].eq(True))
    lines["branded"] = lines["revenue"].where(lines["is_private_brand"].notna())
    brands = lines.groupby("customer_id")[["own", "branded"]].sum()
    each = (
        lines.groupby(["customer_id", "category"])
        .agg(r=("revenue", "sum"), last=("ordered_day", "max"))
        .reset_index()
    )
    each["r"] = each["r"].round(4)
    each["square"] = each["r"] ** 2
    table = each.groupby("customer_id").agg(
        categories_bought=("category", "size"), top=("r", "max"), all=("r", "sum"), squares=("square", "sum")
    )
    top = each.sort_values(["r", "category"], ascending=[False, True]).drop_duplicates("customer_id")
    last = each.sort_values(["last", "r", "category"], ascending=[False, False, True]).drop_duplicates(
        "customer_id"
    )
    table["top_category"] = top.set_index("customer_id")["category"]
    table["last_category"] = last.set_index("customer_id")["category"]
    whole = table["all"].where(table["all"] > 0)
    table["top_category_share"], table["category_concentration"] = (
        table["top"] / whole,
        table["squares"] / whole**2,
    )
    table = table.join(brands, how="outer")
    table["private_brand_share"] = table["own"] / table["branded"].where(table["branded"] > 0)
    return table.fillna({"categories_bought": 0})


def snapshot(staged: Path, day: int) -> pd.DataFrame:
    """One row per customer, as of a day."""
    orders = read(staged / "orders.parquet")
    seen = orders[orders["ordered_day"] < day]
    first_day = int(seen["ordered_day"].min())
    known = seen[seen["customer_id"].notna()].copy()
    lines = read(staged / "order_lines.parquet", LINES)
    is_sold = (lines["quantity"].fillna(1) > 0) & (lines["revenue"] >= 0) & lines["is_product"].ne(False)
    sold = lines[is_sold & (lines["ordered_day"] < day)].drop(columns="is_product")
    products = read(staged / "products.parquet", ["product_id", "category", "is_private_brand"])
    parts = [of_days(known), of_lines(sold, first_day), of_categories(sold, products)]
    table = of_orders(known, day, first_day)
    for part in parts:
        table = table.join(part[part.columns.difference(table.columns)])
    table["overdue_days"] = table["recency_days"] - table["gap_median_days"]
    return table.sort_index().reset_index()
