"""Plain orders and lines, written as the shop systems export them: for tests.

Two frames say everything; amounts are Decimals, texts may be empty.

- `orders`, one row per order: `order_id`, `ordered_at` (local, without a zone), `email`, `currency`, `status` ('paid',
  'pending', 'cancelled', 'refunded'), `revenue` (of the goods, after discounts, without tax and shipping), `tax` (of goods
  and shipping), `shipping` (without tax), `discount`, `coupon`, `refunded` (of the revenue, without tax); and, where they
  are there, `phone`, `country`, `region`, `city`, `note`, `marketing` ('yes', 'no'), `cancelled_at`.
- `lines`, one row per line, an order's lines after each other: `order_id`, `sku`, `product`, `quantity`, `price` (of one,
  before discounts, without tax), `discount` (of the line).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd

CENT = Decimal("0.01")
Row = dict[str, Any]

SHOPIFY = """Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,
Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,
Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,Lineitem fulfillment status,Billing Name,
Billing Street,Billing Address1,Billing Address2,Billing Company,Billing City,Billing Zip,Billing Province,Billing Country,
Billing Phone,Shipping Name,Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,Shipping City,Shipping Zip,
Shipping Province,Shipping Country,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,Payment Reference,
Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,
Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value,Phone,Receipt Number,
Duties,Billing Province Name,Shipping Province Name,Payment ID,Payment Terms Name,Next Payment Due At,Payment References"""

_WOO_ORDER = """order_id,order_number,date,status,shipping_total,shipping_tax_total,fee_total,fee_tax_total,tax_total,
discount_total,order_total,refunded_total,order_currency,payment_method,shipping_method,customer_id,billing_first_name,
billing_last_name,billing_company,billing_email,billing_phone,billing_address_1,billing_address_2,billing_postcode,
billing_city,billing_state,billing_country,shipping_first_name,shipping_last_name,shipping_address_1,shipping_address_2,
shipping_postcode,shipping_city,shipping_state,shipping_country,shipping_company,customer_note,"""
WOOCOMMERCE = {
    "by item": _WOO_ORDER
    + """item_id,item_product_id,item_name,item_sku,item_price,item_quantity,item_subtotal,item_subtotal_tax,item_total,
item_total_tax,item_refunded,item_refunded_qty,item_meta,shipping_items,fee_items,tax_items,coupon_items,order_notes,
download_permissions_granted""",
    "packed": _WOO_ORDER
    + "line_items,shipping_items,fee_items,tax_items,coupon_items,refunds,order_notes,download_permissions_granted",
    "advanced": """Order Number,Order Status,Order Date,Customer Note,First Name (Billing),Last Name (Billing),
Company (Billing),Address 1&2 (Billing),City (Billing),State Code (Billing),Postcode (Billing),Country Code (Billing),
Email (Billing),Phone (Billing),First Name (Shipping),Last Name (Shipping),Address 1&2 (Shipping),City (Shipping),
State Code (Shipping),Postcode (Shipping),Country Code (Shipping),Payment Method Title,Cart Discount Amount,
Order Subtotal Amount,Shipping Method Title,Order Shipping Amount,Order Refund Amount,Order Total Amount,
Order Total Tax Amount,Currency,SKU,Item #,Item Name,Quantity (- Refund),Item Cost,Item Discount Amount,Coupon Code,
Discount Amount,Discount Amount Tax""",
}
WOO_STATUS = {"paid": "completed"}
WOO_LABEL = {"paid": "Completed", "pending": "Pending payment"}


def write_plain(folder: Path, orders: pd.DataFrame, lines: pd.DataFrame) -> None:
    """`orders.csv` and `order_lines.csv` with the frames' own columns; lines bear the time and the address of their order."""
    orders.to_csv(folder / "orders.csv", index=False)
    dated = lines.merge(orders[["order_id", "ordered_at", "email"]], on="order_id", how="left")
    dated.to_csv(folder / "order_lines.csv", index=False)


def write_shopify(
    path: Path,
    orders: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    zone: str = "UTC",
    is_tax_inside: bool = False,
) -> None:
    """Shopify's orders export.

    Args:
        path: the file.
        orders: as above.
        lines: as above.
        zone: in which the orders' times are; the export says its distance from UTC.
        is_tax_inside: whether the prices contain the tax, at one rate for goods and shipping.
    """
    with _writer(path, SHOPIFY) as write:
        for order, of_order in _grouped(orders, lines):
            factor = _gross(order) if is_tax_inside else Decimal(1)
            placed = _shopify_order(order, factor, zone)
            for line in of_order or [{}]:
                write(placed | _shopify_line(line, factor))
                placed = {"Name": order["order_id"], "Email": order["email"]}  # all that later rows repeat


def _shopify_order(order: Row, factor: Decimal, zone: str) -> Row:
    at = order["ordered_at"].replace(tzinfo=ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %z")
    total, subtotal = _total(order), (order["revenue"] * factor).quantize(CENT)
    shipping = order["shipping"] if factor == 1 else total - subtotal
    place = {"City": order.get("city"), "Province": order.get("region"), "Country": order.get("country")}
    status = {"cancelled": "voided"}.get(order["status"], order["status"])
    return {
        "Name": order["order_id"], "Email": order["email"], "Financial Status": status, "Currency": order["currency"],
        "Accepts Marketing": order.get("marketing", "no"), "Subtotal": subtotal, "Shipping": shipping, "Taxes": order["tax"],
        "Total": total, "Discount Code": order["coupon"], "Discount Amount": (order["discount"] * factor).quantize(CENT),
        "Created at": at, "Paid at": at if order["status"] == "paid" else "", "Cancelled at": order.get("cancelled_at"),
        "Refunded Amount": _refunded(order), "Phone": order.get("phone"), "Notes": order.get("note"), "Source": "web",
        "Billing Name": "Ann Example", "Billing Street": "1 High Street, 2nd floor", "Payment Method": "Shopify Payments",
    } | {f"Billing {name}": value for name, value in place.items()}  # fmt: skip


def _shopify_line(line: Row, factor: Decimal) -> Row:
    if not line:
        return {}
    return {
        "Lineitem quantity": line["quantity"], "Lineitem name": line["product"], "Lineitem sku": line["sku"],
        "Lineitem price": (line["price"] * factor).quantize(CENT), "Vendor": "Acme", "Lineitem requires shipping": "true",
        "Lineitem discount": (line["discount"] * factor).quantize(CENT),
    }  # fmt: skip


def write_woocommerce(
    path: Path,
    orders: pd.DataFrame,
    lines: pd.DataFrame,
    *,
    form: Literal["by item", "packed", "advanced"] = "by item",
    is_repeated: bool = True,
) -> None:
    """WooCommerce's orders, in one of three forms.

    Args:
        path: the file.
        orders: as above.
        lines: as above.
        form: Customer / Order / Coupon Export with a row per item, or with the items packed; or Advanced Order Export.
        is_repeated: whether later rows of an order repeat what it says; Advanced Order Export can leave it blank.
    """
    with _writer(path, WOOCOMMERCE[form]) as write:
        item_id = 0
        for order, of_order in _grouped(orders, lines):
            placed = _advanced_order(order, of_order) if form == "advanced" else _woo_order(order)
            if form == "packed":
                packed = [_packed(line, item_id + place) for place, line in enumerate(of_order, start=1)]
                write(placed | {"line_items": ";".join(packed), "refunds": _packed_refund(order)})
            for place, line in enumerate(of_order if form != "packed" else [], start=1):
                item = _advanced_line(line, place) if form == "advanced" else _woo_line(line, item_id + place)
                write(placed | item if place == 1 or is_repeated else item)
            item_id += len(of_order)


def _woo_order(order: Row) -> Row:
    coupon = (
        f"id:1|code:{_escaped(order['coupon'])}|amount:{order['discount']}|description:"
        if order["coupon"]
        else ""
    )
    return {
        "order_id": order["order_id"], "date": order["ordered_at"], "status": WOO_STATUS.get(order["status"], order["status"]),
        "shipping_total": order["shipping"], "tax_total": order["tax"], "discount_total": order["discount"],
        "order_total": _total(order), "refunded_total": _refunded(order), "order_currency": order["currency"],
        "customer_id": 0, "billing_email": order["email"], "billing_phone": _defused(order.get("phone", "")),
        "billing_address_1": "1 High Street, 2nd floor", "billing_city": order.get("city"),
        "billing_state": order.get("region"), "billing_country": order.get("country"), "customer_note": order.get("note"),
        "coupon_items": coupon,
    }  # fmt: skip


def _packed_refund(order: Row) -> str:
    if not order["refunded"]:
        return ""
    return f"id:9|date:{_escaped(str(order['ordered_at']))}|amount:{_refunded(order)}|reason:"


def _woo_line(line: Row, item_id: int) -> Row:
    before = line["price"] * line["quantity"]
    return {
        "item_id": item_id, "item_product_id": 100 + item_id, "item_name": _defused(line["product"]), "item_sku": line["sku"],
        "item_price": line["price"], "item_quantity": line["quantity"], "item_subtotal": before,
        "item_total": before - line["discount"], "item_total_tax": "0.00", "item_refunded": "0.00",
    }  # fmt: skip


def _packed(line: Row, item_id: int) -> str:
    item = _woo_line(line, item_id)
    fields = {
        "id": item_id, "name": line["product"], "product_id": item["item_product_id"], "sku": line["sku"],
        "quantity": line["quantity"], "subtotal": item["item_subtotal"], "subtotal_tax": "0.00", "total": item["item_total"],
        "total_tax": "0.00", "refunded": "0.00", "refunded_qty": 0, "meta": "",
    }  # fmt: skip
    return "|".join(f"{name}:{_escaped(str(value))}" for name, value in fields.items())


def _advanced_order(order: Row, lines: list[Row]) -> Row:
    return {
        "Order Number": order["order_id"], "Order Status": WOO_LABEL.get(order["status"], order["status"].title()),
        "Order Date": order["ordered_at"].strftime("%Y-%m-%d %H:%M:%S"), "Customer Note": order.get("note"),
        "Email (Billing)": order["email"], "Phone (Billing)": order.get("phone"), "City (Billing)": order.get("city"),
        "State Code (Billing)": order.get("region"), "Country Code (Billing)": order.get("country"),
        "Cart Discount Amount": order["discount"], "Order Shipping Amount": order["shipping"],
        "Order Subtotal Amount": sum(line["price"] * line["quantity"] for line in lines), "Currency": order["currency"],
        "Order Refund Amount": _refunded(order), "Order Total Amount": _total(order), "Order Total Tax Amount": order["tax"],
        "Coupon Code": order["coupon"],
    }  # fmt: skip


def _advanced_line(line: Row, place: int) -> Row:
    paid = (line["price"] * line["quantity"] - line["discount"]) / line["quantity"]
    return {
        "SKU": line["sku"], "Item #": place, "Item Name": line["product"], "Quantity (- Refund)": line["quantity"],
        "Item Cost": paid.quantize(CENT), "Item Discount Amount": line["discount"],
    }  # fmt: skip


def _total(order: Row) -> Decimal:
    return order["revenue"] + order["shipping"] + order["tax"]


def _gross(order: Row) -> Decimal:
    """Amounts with tax, for those without."""
    return 1 + order["tax"] / (order["revenue"] + order["shipping"])


def _refunded(order: Row) -> Decimal:
    """What was paid back: with its tax, as these exports say it."""
    total = _total(order)
    factor = total / (total - order["tax"]) if total != order["tax"] else Decimal(1)
    return (order["refunded"] * factor).quantize(CENT)


def _escaped(text: str) -> str:
    return text.replace(":", "\\:").replace("|", "\\|").replace(";", "\\;")


def _defused(text: str) -> str:
    """With the apostrophe that keeps a spreadsheet from reading a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _grouped(orders: pd.DataFrame, lines: pd.DataFrame) -> Iterator[tuple[Row, list[Row]]]:
    by_order: dict[str, list[Row]] = {}
    for line in lines.to_dict("records"):
        by_order.setdefault(line["order_id"], []).append(line)
    for order in orders.to_dict("records"):
        yield order, by_order.get(order["order_id"], [])


@contextmanager
def _writer(path: Path, header: str) -> Iterator[Callable[[Row], object]]:
    """Writes rows under a header as these systems do: quotes only where they are needed, blanks for what is not there."""
    names = [name.strip() for name in header.replace("\n", "").split(",")]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
        writer.writeheader()
        yield writer.writerow
