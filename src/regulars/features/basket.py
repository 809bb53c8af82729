"""What is bought: how much of it, how new, in which categories, at which price. From order lines."""

from __future__ import annotations

import narwhals as nw

from regulars.engine import Frame, distinct
from regulars.features.parts import (
    EXACT,
    Keep,
    Tables,
    count,
    joined,
    number,
    ratio,
    share,
    squared,
    total,
)

NEW_FOR = 30  # days for which a product is new
# What first sells in the first months of the data may have been sold before them: it is never called new.
NEW_AFTER = 90


def is_sold() -> nw.Expr:
    """Whether a line sold a product: not what came back, not postage, not a line that records a coupon."""
    is_more = (nw.col("quantity").fill_null(1) > 0) & (nw.col("revenue") >= 0)
    return is_more & nw.col("is_product").fill_null(True)


def products_bought(lines: Frame) -> Frame:
    """How many different products each customer bought.

    Pairs first: a distinct count in one step holds what it counts of all customers at once.
    """
    pairs = distinct(lines.filter(is_sold() & ~nw.col("product_id").is_null()), "customer_id", "product_id")
    found = pairs.group_by("customer_id").agg(products_bought=nw.len())
    return _with_zero(lines, found, "products_bought")


def _with_zero(lines: Frame, found: Frame, name: str) -> Frame:
    """A count that is zero, rather than missing, for customers with lines of whom nothing was found: postage alone."""
    everybody = distinct(lines, "customer_id").join(found, on="customer_id", how="left")
    return everybody.with_columns(nw.col(name).fill_null(0).cast(nw.Int64))


def lines_features(tables: Tables, shop_lines: Frame, day: int, first_day: int) -> Frame:
    """What is told by lines without knowing their products' categories: items, novelty, discounts.

    Args:
        tables: rows of known customers, all before `day`.
        shop_lines: all lines before `day`, guests' too: they tell when a product was first sold.
        day: the snapshot's day number.
        first_day: the first day that the shop's history was observed.
    """
    assert tables.order_lines is not None
    sold = shop_lines.filter(is_sold())
    first = sold.group_by("product_id").agg(nw.col("ordered_day").min().alias("launched"))
    launched = first.filter(nw.col("launched") >= first_day + NEW_AFTER)
    lines = tables.order_lines.filter(is_sold()).join(launched, on="product_id", how="left")
    is_new = (nw.col("ordered_day") - nw.col("launched") <= NEW_FOR).fill_null(False)
    full, cut = nw.col("discount") == 0, nw.col("discount") > 0
    totals = lines.group_by("customer_id").agg(
        nw.len().alias("n"),
        nw.col("quantity").cast(nw.Float64).median().alias("items_per_line"),
        count(is_new).alias("new"),
        total("list_revenue", ~nw.col("discount").is_null()).alias("listed"),
        total("list_revenue", full).alias("full"),
        total("list_revenue", cut).alias("cut_list"),
        total("discount", cut).alias("cut"),
    )
    is_told = day - first_day > NEW_AFTER
    return totals.select(
        "customer_id",
        "items_per_line",
        new_product_share=ratio(nw.col("new").cast(nw.Float64), nw.col("n"))
        if is_told
        else nw.lit(None, dtype=nw.Float64()),
        full_price_share=ratio(number("full"), nw.col("listed").cast(nw.Float64)),
        discount_depth=share(nw.col("cut").cast(nw.Float64), nw.col("cut_list").cast(nw.Float64)),
    )


def category_features(tables: Tables, *, has_categories: bool, keep: Keep) -> Frame:
    """Categories: how many, the top one and its share, concentration, the last one; and the shop's own brands.

    Lines without a category are in none. Equal revenues are told apart by the categories' names.

    Args:
        tables: rows of known customers, all before the snapshot's day.
        has_categories: whether any product has one; else nobody can say how many were bought.
        keep: keeps each customer's categories, which are looked at three times.
    """
    assert tables.order_lines is not None and tables.products is not None
    products = tables.products.select("product_id", "category", "is_private_brand")
    lines = tables.order_lines.filter(is_sold()).join(products, on="product_id", how="left")
    is_own = nw.col("is_private_brand")
    each = lines.group_by("customer_id", "category").agg(
        total("revenue").cast(EXACT).alias("revenue"),
        nw.col("ordered_day").max().alias("last_day"),
        total("revenue", is_own).alias("own"),
        total("revenue", ~is_own.is_null()).alias("branded"),
    )
    each = keep(each, "features of categories")
    totals = each.group_by("customer_id").agg(**_sums_of_categories())
    whole = number("all")
    found = joined(totals, [_first_categories(each, totals)]).select(
        "customer_id",
        "top_category",
        "last_category",
        "categories_bought",
        top_category_share=ratio(number("top"), whole),
        category_concentration=share(number("squares"), whole * whole),
        private_brand_share=ratio(number("own"), number("branded")),
    )
    if has_categories:
        return _with_zero(tables.order_lines, found, "categories_bought")
    return found.with_columns(categories_bought=nw.lit(None, dtype=nw.Int64()))


def _sums_of_categories() -> dict[str, nw.Expr]:
    is_named, revenue = ~nw.col("category").is_null(), nw.col("revenue")
    return {
        "categories_bought": count(is_named),
        "top": nw.when(is_named).then(revenue).max(),
        "last": nw.when(is_named).then(nw.col("last_day")).max(),
        "all": total("revenue", is_named),
        "squares": nw.when(is_named).then(squared("revenue")).sum(),
        "own": total("own"),
        "branded": total("branded"),
    }


def _first_categories(each: Frame, totals: Frame) -> Frame:
    """The category with most revenue, and of those bought on the last day the one with most."""
    is_last, category = nw.col("last_day") == nw.col("last"), nw.col("category")
    named = each.filter(~category.is_null()).join(
        totals.select("customer_id", "top", "last"), on="customer_id", how="inner"
    )
    lasts = named.filter(is_last).group_by("customer_id").agg(top_of_last=nw.col("revenue").max())
    return (
        named.join(lasts, on="customer_id", how="inner")
        .group_by("customer_id")
        .agg(
            top_category=nw.when(nw.col("revenue") == nw.col("top")).then(category).min(),
            last_category=nw.when(is_last & (nw.col("revenue") == nw.col("top_of_last")))
            .then(category)
            .min(),
        )
    )
