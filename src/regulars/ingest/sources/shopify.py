"""Shopify's orders export (Orders › Export): a row for each line of an order; what the order says stands on its first row.

What to know of it: `Subtotal` is after discounts and before shipping. Whether it contains the tax is not said, but told by
the sums: Subtotal + Shipping + Taxes = Total, or Subtotal + Shipping = Total. `Created at` says its distance from UTC. What
was given back is said, with its tax, but not when; when an order was cancelled is said.
"""

from __future__ import annotations

from regulars.config.sources import Shopify
from regulars.ingest.landing import Landed, Landing
from regulars.ingest.order_exports import (
    EXACT,
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

FORM = Form(
    name="Shopify's orders export",
    remedy="In Shopify it is made under Orders › Export, as a CSV.",
    headings={
        "name": ("Name",),
        "email": ("Email",),
        "currency": ("Currency",),
        "subtotal": ("Subtotal",),
        "shipping": ("Shipping",),
        "taxes": ("Taxes",),
        "total": ("Total",),
        "created_at": ("Created at",),
        "quantity": ("Lineitem quantity",),
        "product": ("Lineitem name",),
        "price": ("Lineitem price",),
        "id": ("Id",),
        "status": ("Financial Status",),
        "marketing": ("Accepts Marketing",),
        "coupon": ("Discount Code",),
        "discount": ("Discount Amount",),
        "sku": ("Lineitem sku",),
        "line_discount": ("Lineitem discount",),
        "duties": ("Duties",),
        "cancelled_at": ("Cancelled at", "Canceled at"),
        "refunded": ("Refunded Amount",),
        "payment_method": ("Payment Method",),
        "location": ("Location",),
        "source": ("Source",),
        "phone": ("Phone",),
        "billing_phone": ("Billing Phone",),
        "shipping_phone": ("Shipping Phone",),
        "billing_country": ("Billing Country",),
        "shipping_country": ("Shipping Country",),
        "billing_province": ("Billing Province",),
        "shipping_province": ("Shipping Province",),
        "billing_city": ("Billing City",),
        "shipping_city": ("Shipping City",),
    },
    required="name email currency subtotal shipping taxes total created_at quantity product price".split(),
)
FORMS = (FORM,)
NUMBERS = "subtotal shipping taxes total duties discount refunded".split()
LINE_NUMBERS = "quantity price line_discount".split()

# A row with a status, a currency or amounts begins an order; the rows of its name that follow are its further lines. Some
# versions repeat the address and the time on these, so neither begins an order.
ROWS = """
    SELECT *, coalesce(name, id) AS order_id, CASE WHEN contains(email, '@') THEN email END AS customer_id,
        coalesce(status, currency, subtotal, total) IS NOT NULL AS is_order
    FROM ({texts})
"""

ITEMS = """
    SELECT place, order_id, customer_id, created_at, sku, product, quantity, price, line_discount FROM ({rows})
    WHERE coalesce(product, sku, quantity, price) IS NOT NULL OR NOT is_order
"""

# A shop sets whether prices contain tax, per country at most. An order whose sums tell neither, for tips or later edits, is
# taken to be as most of the others are.
#
# Tax in the prices is that of the goods and that of the shipping. It is divided between the two in proportion to their
# amounts, which is exact where they have one rate. `net` is what the goods are without it, as a share.
ORDERS = """
    WITH told AS NOT MATERIALIZED (
        SELECT *, CASE WHEN abs(total_n - sum_n - taxes_n) < 0.01 THEN false WHEN abs(total_n - sum_n) < 0.01 THEN true END
            AS is_inside
        FROM (SELECT *, subtotal_n + coalesce(shipping_n, 0) + coalesce(duties_n, 0) AS sum_n FROM ({orders}))
    ),
    most AS (SELECT coalesce(avg(is_inside::INTEGER) > 0.5, false) AS is_inside FROM told WHERE taxes_n > 0)
    SELECT *, CASE WHEN goods_tax > 0 THEN (subtotal_n - goods_tax) / subtotal_n END AS net
    FROM (
        SELECT told.*, CASE WHEN coalesce(told.is_inside, most.is_inside) AND taxes_n > 0 AND subtotal_n > 0
            THEN round(taxes_n * subtotal_n / (subtotal_n + coalesce(shipping_n, 0)), 2)::{exact} ELSE 0 END AS goods_tax
        FROM told, most
    )
"""


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """The orders, their lines, and the customers as their latest orders have them, with what they agreed to.

    Amounts land without tax. A discount that was given on the order and not on a line stands at the order alone, whose
    revenue is the shop's.

    Raises:
        IngestError: if there is no file, or one is not this export.
    """
    source, config = shop.config.source, shop.config
    assert isinstance(source, Shopify)
    export = read_export(landing, source.path, shop.raw, FORMS)
    rows = ROWS.format(texts=export.texts)
    placed = with_numbers(f"SELECT * FROM ({rows}) WHERE is_order", NUMBERS, export.given)
    orders = helper(landing, "export orders", ORDERS.format(orders=placed, exact=EXACT))
    # In a file of their own: the engine then knows their number, and joins them to the orders and not the orders to them.
    items = helper(landing, "export lines", with_numbers(ITEMS.format(rows=rows), LINE_NUMBERS, export.given))
    lines = with_order(items, orders, "place customer_id created_at currency status net")
    return {
        "orders": land_outputs(landing, "orders", orders, _orders(config.revenue.tax == "in"), export),
        "order_lines": land_outputs(landing, "order_lines", lines, LINES, export),
        "customers": land_customers(landing, orders, CUSTOMERS, export, config.time_zone),
    }


def _orders(is_tax_in: bool) -> dict[str, Output]:
    refunded = "" if is_tax_in else before_tax("refunded_n", "total_n", "taxes_n")
    is_bogus = "coalesce(payment_method ILIKE '%bogus gateway%', false)"
    return {
        "order_id": Output("order_id", "name"),
        "customer_id": Output("customer_id", "email"),
        "store_id": Output("location"),
        "ordered_at": Output("created_at"),
        "currency": Output("currency"),
        "status": Output("status"),
        "is_test": Output(f"{is_bogus}::VARCHAR", "payment_method"),
        "revenue": Output("subtotal", amount=_IF_TAX.format("subtotal_n - goods_tax")),
        "tax": Output("taxes"),
        "shipping": Output("shipping", amount=_IF_TAX.format("shipping_n - taxes_n + goods_tax")),
        "discount": Output("discount", amount="round(discount_n * net, 2)"),
        "coupon_id": Output("coupon"),
        "has_coupon": Output("(coupon IS NOT NULL)::VARCHAR", "coupon"),
        "refunded": Output("refunded", amount=refunded),
        "refunded_at": Output("cancelled_at"),
    }


_IF_TAX = "CASE WHEN goods_tax > 0 THEN {} END"
_AMOUNT = "(price_n * quantity_n - coalesce(abs(line_discount_n), 0))"

# A line of an order whose first row was cut off has neither currency nor time: it is refused, and counted.
LINES = {
    "order_id": Output("order_id", "name"),
    "line_id": Output("concat_ws('/', order_id, line)", "name"),
    "customer_id": Output("CASE WHEN o.place IS NULL THEN customer_id ELSE o.customer_id END", "email"),
    "ordered_at": Output("coalesce(o.created_at, created_at)", "created_at"),
    "currency": Output("o.currency", "currency"),
    "status": Output("o.status", "status"),
    "product_id": Output("coalesce(sku, product)", "sku product"),
    "product": Output("product"),
    "quantity": Output("quantity"),
    "price": Output("price"),
    "discount": Output("line_discount", amount="line_discount_n * o.net"),
    "revenue": Output(
        "NULL", "price", amount=f"CASE WHEN o.net IS NULL THEN {_AMOUNT} ELSE {_AMOUNT} * o.net END"
    ),
}

# The channel is that of the first order. Consent is what was answered last: the latest yes, and the latest no.
_ANSWERED = "max_by(created_at, turn) FILTER (lower(marketing) IN {} AND is_dated)"
CUSTOMERS = {
    "customer_id": Output("max_by(customer_id, turn)", "email"),
    "email": Output("max_by(customer_id, turn)", "email"),
    "phone": latest("phone", "billing_phone", "shipping_phone"),
    "country": latest("billing_country", "shipping_country"),
    "region": latest("billing_province", "shipping_province"),
    "city": latest("billing_city", "shipping_city"),
    "channel": Output("min_by(source, turn)", "source"),
    "opted_in_at": Output(_ANSWERED.format("('yes', 'true')"), "marketing"),
    "opted_out_at": Output(_ANSWERED.format("('no', 'false')"), "marketing"),
}
