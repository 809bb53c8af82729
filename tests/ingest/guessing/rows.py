"""The same orders as different shops export them, as rows of text: for tests of guesses."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

PRICES = ["1.50", "2.95", "12.00", "7.25", "0.85", "99.00", "1234.50", "15.30", "4.20", "8.00"]
FRAME = pd.DataFrame


def order_lines(orders: int = 60, seed: int = 7) -> pd.DataFrame:
    """Lines in the order of time: amounts as numbers, everything else as text.

    Returns:
        `order`, `when` (a datetime), `customer`, `email`, `sku`, `product`, `quantity`, `price`, `discount`, `tax`,
        `goods` (price × quantity), `net` (after the discount), `gross` (with tax).
    """
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    when = datetime(2025, 1, 3, 9, 15)
    for number in range(orders):
        when += timedelta(hours=rng.randint(1, 30))
        customer = rng.randint(1, 25)
        for product in rng.sample(range(len(PRICES)), rng.randint(1, 4)):
            quantity, price = rng.choice([1, 1, 2, 3, 6]), float(PRICES[product])
            goods = round(quantity * price, 2)
            discount = rng.choice([0, 0, round(goods / 10, 2)])
            tax = round((goods - discount) * 0.19, 2)
            rows.append({
                "order": str(10_000 + number), "when": when, "customer": f"K{customer:04}",
                "email": f"person{customer}@example.org", "sku": f"SKU-{product:03}", "product": f"Thing number {product}",
                "quantity": quantity, "price": price, "discount": discount, "tax": tax, "goods": goods,
                "net": round(goods - discount, 2), "gross": round(goods - discount + tax, 2),
            })  # fmt: skip
    return pd.DataFrame(rows)


def orders() -> pd.DataFrame:
    """One row per order: `order`, `when`, `customer`, `email`, `net`, `tax`, `shipping`, `total`."""
    grouped = (
        order_lines().groupby(["order", "when", "customer", "email"], as_index=False)[["net", "tax"]].sum()
    )
    shipping = pd.Series([4.9 if place % 3 else 0.0 for place in range(len(grouped))])
    return grouped.assign(shipping=shipping, total=grouped["net"] + grouped["tax"] + shipping)


def plain(amount: float) -> str:
    """1234.5 as 1234.50."""
    return f"{amount:.2f}"


def american(amount: float) -> str:
    """1234.5 as $1,234.50."""
    return f"${amount:,.2f}"


def german(amount: float) -> str:
    """1234.5 as 1.234,50 €."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) + " €"


def exported(
    table: pd.DataFrame, names: dict[str, str], money: Any = plain, date: str = "%Y-%m-%d %H:%M"
) -> FRAME:
    """A table as a file has it: our columns under the shop's names, all values as text."""
    texts = {}
    for ours, theirs in names.items():
        values = table[ours]
        if ours == "when":
            texts[theirs] = [when.strftime(date) for when in values]
        else:
            texts[theirs] = [money(value) if isinstance(value, float) else str(value) for value in values]
    return pd.DataFrame(texts, dtype=object)
