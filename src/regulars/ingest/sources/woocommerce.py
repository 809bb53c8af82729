"""WooCommerce's orders, in the forms of its two usual export extensions.

- Customer / Order / Coupon Export (SkyVerge), as 'Default - One Row per Item' or as 'Default', which packs the items of an
  order into one column.
- Advanced Order Export For WooCommerce (AlgolPlus), with its usual columns, a row per item.

What to know of them: an order's total contains the shipping and all tax, which are also said on their own; so revenue is
total - tax - shipping, and surcharges are in it. Amounts of items are without tax. Times are the site's, without a zone.
Guests have customer id 0. A row repeats what its order says, or leaves it blank after the order's first row.
"""

from __future__ import annotations

from regulars.config import Format
from regulars.config.sources import WooCommerce
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, Landing, quoted
from regulars.ingest.order_exports import (
    Export,
    Form,
    Output,
    before_tax,
    helper,
    land_customers,
    land_outputs,
    latest,
    read_export,
    with_numbers,
    with_order,
)
from regulars.shop import Shop

_REQUIRED = "order_id created_at total tax shipping email".split()
_ORDERS = {
    "order_id": ("order_id",),
    "created_at": ("date",),
    "total": ("order_total",),
    "tax": ("tax_total",),
    "shipping": ("shipping_total",),
    "email": ("billing_email",),
    "status": ("status",),
    "discount": ("discount_total",),
    "refunded": ("refunded_total",),
    "refunds": ("refunds",),
    "currency": ("order_currency",),
    "user_id": ("customer_id",),
    "coupons": ("coupon_items",),
    "phone": ("billing_phone",),
    "country": ("billing_country",),
    "region": ("billing_state",),
    "city": ("billing_city",),
}
BY_ITEM = Form(
    name="WooCommerce's Customer / Order / Coupon Export",
    remedy="It is made under WooCommerce › Export, with the format 'Default' or 'Default - One Row per Item'.",
    headings=_ORDERS
    | {
        "item_id": ("item_id",),
        "sku": ("item_sku",),
        "product_id": ("item_product_id",),
        "product": ("item_name",),
        "quantity": ("item_quantity",),
        "price": ("item_price",),
        "line_before": ("item_subtotal",),
        "line_total": ("item_total",),
        "line_tax": ("item_total_tax",),
    },
    required=[*_REQUIRED, "product", "quantity", "line_total"],
)
PACKED = BY_ITEM._replace(headings=_ORDERS | {"items": ("line_items",)}, required=[*_REQUIRED, "items"])
PACKED_FIELDS = {
    "item_id": "id",
    "sku": "sku",
    "product_id": "product_id",
    "product": "name",
    "quantity": "quantity",
    "line_before": "subtotal",
    "line_total": "total",
    "line_tax": "total_tax",
}
ADVANCED = Form(
    name="WooCommerce's Advanced Order Export",
    remedy="It is made under WooCommerce › Export Orders, where 'Set up fields to export' has the columns.",
    headings={
        "order_id": ("Order Number", "Order ID"),
        "created_at": ("Order Date",),
        "total": ("Order Total Amount",),
        "tax": ("Order Total Tax Amount",),
        "shipping": ("Order Shipping Amount",),
        "email": ("Email (Billing)",),
        "product": ("Item Name", "Product Name", "Name"),
        "quantity": ("Quantity", "Quantity (- Refund)"),
        "price": ("Item Cost",),
        "status": ("Order Status",),
        "discount": ("Cart Discount Amount",),
        "refunded": ("Order Refund Amount",),
        "refunded_at": ("Date of first refund",),
        "currency": ("Currency",),
        "user_id": ("Customer User ID",),
        "coupon": ("Coupon Code",),
        "phone": ("Phone (Billing)",),
        "country": ("Country Code (Billing)", "Country Name (Billing)"),
        "region": ("State Code (Billing)", "State Name (Billing)"),
        "city": ("City (Billing)",),
        "item_id": ("Item ID",),
        "item_number": ("Item #",),
        "sku": ("SKU",),
        "product_id": ("Product Id",),
        "category": ("Category",),
        "list_price": ("Item Cost Before Discount",),
        "line_before": ("Order Line Subtotal",),
        "line_total": ("Order Line Total", "Order Line (w/o tax)"),
        "line_tax": ("Order Line Tax",),
        "line_discount": ("Item Discount Amount",),
    },
    required=[*_REQUIRED, "product", "quantity", "price"],
)
FORMS = (BY_ITEM, PACKED, ADVANCED)
NUMBERS = "total tax shipping refunded".split()
LINE_NUMBERS = "quantity price line_before line_total".split()
MOST_ITEMS = 100_000  # of one order
COLUMNS = tuple({name: None for form in FORMS for name in form.headings})

# Rows of one number that say the same of their order are its lines. Where a row says something else, as in a later export,
# the order begins anew.
ORDERS = """
    WITH saying AS (
        SELECT place, order_id,
            hash(created_at, status, currency, email, user_id, total, tax, shipping, discount, refunded) AS h
        FROM ({rows}) WHERE coalesce(created_at, status, total) IS NOT NULL
    ),
    begun AS (
        SELECT place FROM (SELECT *, lag(h) OVER (PARTITION BY order_id ORDER BY place) AS before FROM saying)
        WHERE h IS DISTINCT FROM before
    )
    SELECT *, CASE WHEN contains(email, '@') THEN email WHEN user_id <> '0' THEN user_id END AS customer_id,
        CASE {state} WHEN 'pending-payment' THEN 'pending' ELSE {state} END AS state
    FROM ({rows}) WHERE place IN (FROM begun)
"""
STATE = "regexp_replace(replace(lower(status), ' ', '-'), '^wc-', '')"  # 'wc-on-hold' and 'On hold' are one

# A second coupon of an order stands on its second row.
WITH_COUPONS = """
    SELECT orders.* REPLACE (codes.coupon AS coupon)
    FROM ({orders}) AS orders
    LEFT JOIN (
        SELECT o.place AS place, string_agg(DISTINCT coupon, ', ' ORDER BY coupon) AS coupon
        FROM ({rows}) WHERE coupon IS NOT NULL GROUP BY o.place
    ) AS codes USING (place)
"""

# A row without an item is the order's own, or bears a further coupon.
ITEMS = """
    SELECT * FROM ({rows})
    WHERE coalesce(product, sku, quantity) IS NOT NULL OR (o.place IS DISTINCT FROM place AND coupon IS NULL)
"""


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """The orders, their lines, and the customers as their latest orders have them. Amounts land without tax.

    Raises:
        IngestError: if there is no file, or one is of no form that is known.
    """
    source, config = shop.config.source, shop.config
    assert isinstance(source, WooCommerce)
    given = Format(decimal=source.decimal, dates=source.dates, time_zone=source.time_zone)
    export = read_export(landing, source.path, shop.raw, FORMS, given)
    rows = helper(landing, "export rows", _rows(landing, export))
    placed = with_numbers(ORDERS.format(rows=rows, state=STATE), NUMBERS, given)
    placed = helper(landing, "export orders", placed)
    said = "place customer_id created_at currency state"
    lines = with_order(with_numbers(rows, LINE_NUMBERS, given), placed, said)
    orders = WITH_COUPONS.format(orders=placed, rows=lines)
    return {
        "orders": land_outputs(landing, "orders", orders, _orders(config.revenue.tax == "in"), export),
        "order_lines": land_outputs(landing, "order_lines", ITEMS.format(rows=lines), LINES, export),
        "customers": land_customers(landing, orders, CUSTOMERS, export, config.time_zone),
    }


def _rows(landing: Landing, export: Export) -> str:
    """The rows of any form, brought to one, as SQL."""
    # They write '+44 and '-5, with an apostrophe, where a spreadsheet would see a formula.
    plain = {name: rf"regexp_replace({name}, '^''([=+@-])', '\1')" for name in export.form.headings}
    texts = ", ".join(f"{plain.get(name, 'NULL::VARCHAR')} AS {name}" for name in COLUMNS)
    query = f"SELECT place, {texts} FROM ({export.texts})"
    if export.form is PACKED:
        return _unpacked(landing, query, export.origin)
    return _numbered(landing, query) if export.form is ADVANCED else query


def _unpacked(landing: Landing, query: str, origin: str) -> str:
    """A row per item, from orders with `id:7|name:Tea|quantity:2;id:8|name:Pot|quantity:1`; a backslash escapes : | and ;."""
    json = landing.engine.connection.execute(
        f"SELECT count(*) FROM ({query}) WHERE left(items, 1) IN ('[', '{{')"
    )
    (rows,) = json.fetchall()[0]
    if rows:
        raise IngestError(
            f"{origin}, column 'line_items': the items are written as JSON ({rows:,} order{'s' * (rows > 1)}). Export again "
            "with the format 'Default - One Row per Item'."
        )
    hidden = r"replace(replace(replace(items, '\;', chr(1)), '\|', chr(2)), '\:', chr(3))"
    listed = f"CASE WHEN items IS NULL THEN [NULL] ELSE string_split({hidden}, ';') END"
    numbered = f"list_transform({listed}, lambda item, turn: struct_pack(fields := string_split(item, '|'), turn := turn))"
    fields = ", ".join(f"{_field(theirs)} AS {ours}" for ours, theirs in PACKED_FIELDS.items())
    return f"""
        SELECT * EXCLUDE item REPLACE (place * {MOST_ITEMS} + item.turn AS place, {fields})
        FROM (SELECT *, unnest({numbered}) AS item FROM ({query}))"""


def _field(name: str) -> str:
    """A field of a packed item; null where blank."""
    found = f"list_filter(item.fields, lambda field: starts_with(field, {quoted(name + ':')}))[1][{len(name) + 2}:]"
    return f"nullif(replace(replace(replace({found}, chr(1), ';'), chr(2), '|'), chr(3), ':'), '')"


def _numbered(landing: Landing, query: str) -> str:
    """Rows with the number of their order, where an order's later rows leave that blank with everything else of it."""
    is_later = "order_id IS NULL AND coalesce(created_at, status, total) IS NULL"
    found = landing.engine.connection.execute(f"SELECT 1 FROM ({query}) WHERE {is_later} LIMIT 1").fetchall()
    if not found:
        return query
    above = f"SELECT place, last_value(order_id IGNORE NULLS) OVER (ORDER BY place) AS above FROM ({query})"
    return f"""
        SELECT * EXCLUDE above REPLACE (CASE WHEN {is_later} THEN above ELSE order_id END AS order_id)
        FROM ({query}) JOIN ({above}) USING (place)"""


def _orders(is_tax_in: bool) -> dict[str, Output]:
    packed_codes = r"regexp_extract_all(coupons, '(?:^|[|;])code:((?:[^|;\\]|\\.)*)', 1)"
    codes = rf"array_to_string(list_transform({packed_codes}, lambda code: regexp_replace(code, '\\(.)', '\1', 'g')), ', ')"
    coupon = f"coalesce(coupon, nullif({codes}, ''))"
    refund_dates = r"regexp_extract_all(replace(refunds, '\:', ':'), '(?:^|[|;])date:([^|;]*)', 1)"
    refunded = "" if is_tax_in else before_tax("refunded_n", "total_n", "tax_n")
    return {
        "order_id": Output("order_id"),
        "customer_id": Output("customer_id", "email"),
        "ordered_at": Output("created_at"),
        "currency": Output("currency"),
        "status": Output("state", "status"),
        "revenue": Output("total", amount="total_n - coalesce(tax_n, 0) - coalesce(shipping_n, 0)"),
        "tax": Output("tax"),
        "shipping": Output("shipping"),
        "discount": Output("discount"),
        "coupon_id": Output(coupon, "coupon coupons"),
        "has_coupon": Output(f"({coupon} IS NOT NULL)::VARCHAR", "coupon coupons"),
        "refunded": Output("refunded", amount=refunded),
        "refunded_at": Output(f"coalesce(refunded_at, list_max({refund_dates}))", "refunded_at refunds"),
    }


LINES = {
    "order_id": Output("order_id"),
    "line_id": Output(
        "coalesce(item_id, concat_ws('/', order_id, coalesce(item_number, line::VARCHAR)))",
        "item_id order_id",
    ),
    "customer_id": Output("o.customer_id", "email"),
    "ordered_at": Output("o.created_at", "created_at"),
    "currency": Output("o.currency", "currency"),
    "status": Output("o.state", "status"),
    # Of a product that was deleted since, only the name is left.
    "product_id": Output(
        "coalesce(CASE WHEN sku <> 'unknown_product' THEN sku END, CASE WHEN product_id <> '0' THEN product_id END, product)",
        "sku product_id product items",
    ),
    "product": Output("product", "product items"),
    "category": Output("category"),
    "quantity": Output("quantity", "quantity items"),
    "price": Output(
        "coalesce(list_price, price)",
        "list_price price items",
        amount="CASE WHEN coalesce(list_price, price) IS NULL THEN line_before_n / nullif(quantity_n, 0) END",
    ),
    "discount": Output(
        "line_discount",
        "line_discount line_before items",
        amount="CASE WHEN line_discount IS NULL THEN line_before_n - line_total_n END",
    ),
    "tax": Output("line_tax", "line_tax items"),
    "revenue": Output(
        "line_total",
        "line_total price items",
        amount="CASE WHEN line_total IS NULL THEN price_n * quantity_n END",
    ),
}

CUSTOMERS = {
    "customer_id": Output("max_by(customer_id, turn)", "email"),
    "email": Output("max_by(email, turn) FILTER (contains(email, '@'))", "email"),
    **{name: latest(name) for name in ("phone", "country", "region", "city")},
}
