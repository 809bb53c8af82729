"""What each feature means, in which unit, and what it is kept for. Pages and documents read it from here."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd


class Feature(NamedTuple):
    """One column of the snapshot."""

    name: str
    family: str
    unit: str
    meaning: str
    purpose: str


REGISTER: tuple[Feature, ...] = (
    Feature("recency_days", "purchase", "days", "days since the last order", "who is slipping away"),
    Feature("frequency", "purchase", "orders", "number of orders", "who comes back"),
    Feature("monetary_value", "purchase", "money", "mean revenue per order", "what an order is worth"),
    Feature("revenue", "purchase", "money", "revenue of all orders", "what the customer was worth so far"),
    Feature("tenure_days", "purchase", "days", "days since the first order", "who is new"),
    Feature(
        "observed_before_first_days",
        "purchase",
        "days",
        "days of history before the first order",
        "whether 'new' can be told",
    ),
    Feature("orders_30d", "purchase", "orders", "orders in the last 30 days", "what is happening now"),
    Feature("orders_90d", "purchase", "orders", "orders in the last 90 days", "what is happening now"),
    Feature("revenue_30d", "purchase", "money", "revenue in the last 30 days", "what is at stake now"),
    Feature("revenue_90d", "purchase", "money", "revenue in the last 90 days", "what is at stake now"),
    Feature(
        "lines_per_order", "basket", "lines", "mean number of different products in an order", "basket size"
    ),
    Feature(
        "categories_bought",
        "basket",
        "categories",
        "number of different categories bought",
        "breadth of interest",
    ),
    Feature("top_category", "basket", "name", "category with the most revenue", "what to talk about"),
    Feature(
        "top_category_share", "basket", "share", "its share of the revenue that has a category", "how focused"
    ),
    Feature(
        "discount_share",
        "promotion",
        "share",
        "discounts as a share of list-price revenue",
        "price sensitivity",
    ),
    Feature("coupon_order_share", "promotion", "share", "share of orders with a coupon", "use of coupons"),
    Feature(
        "gap_mean_days",
        "cadence",
        "days",
        "mean gap between days with an order",
        "when the next order is due",
    ),
    Feature(
        "gap_median_days",
        "cadence",
        "days",
        "median gap between days with an order",
        "when it is usually due",
    ),
)


def register_table() -> pd.DataFrame:
    """The register as a frame: one row per feature.

    >>> register_table().loc[0, ["name", "unit"]].tolist()
    ['recency_days', 'days']
    """
    return pd.DataFrame(REGISTER)
