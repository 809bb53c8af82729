"""The rules that a raw row must pass, by name, and what happens to the rows that do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import narwhals as nw

from regulars.engine import Frame


class Rule(NamedTuple):
    """A named condition on the rows of one table.

    A row that matches is refused, or kept and flagged: flagged rows stay in the staged table and are only counted.
    """

    name: str
    table: str
    matches: nw.Expr
    action: Literal["refuse", "flag"]
    meaning: str


RULES: tuple[Rule, ...] = (
    Rule("no_order", "order_lines", nw.col("order_id").is_null(), "refuse", "The line belongs to no order."),
    Rule(
        "unreadable_date",
        "order_lines",
        nw.col("ordered_day").is_null(),
        "refuse",
        "The order's date cannot be read.",
    ),
    Rule(
        "negative_revenue",
        "order_lines",
        nw.col("revenue") < 0,
        "refuse",
        "The line's revenue is below zero.",
    ),
    Rule(
        "quantity_zero",
        "order_lines",
        nw.col("quantity") <= 0,
        "flag",
        "No item was sold: the line records a coupon or a correction. Kept, with its money; not counted as a line bought.",
    ),
    Rule(
        "unknown_product",
        "order_lines",
        ~nw.col("is_known_product"),
        "flag",
        "The product is not in the product table. Kept, without a category.",
    ),
    Rule(
        "guest",
        "order_lines",
        nw.col("customer_id").is_null(),
        "flag",
        "No customer is known. Counts for the shop, in no customer table.",
    ),
    Rule(
        "nothing_sold",
        "orders",
        (nw.col("lines") == 0) & (nw.col("revenue") == 0),
        "refuse",
        "The basket holds no item and took no money: it is not an order.",
    ),
    Rule(
        "no_customer_id",
        "customers",
        nw.col("customer_id").is_null(),
        "refuse",
        "The profile has no customer id.",
    ),
    Rule("no_product_id", "products", nw.col("product_id").is_null(), "refuse", "The product has no id."),
    Rule(
        "no_customer_id",
        "contacts",
        nw.col("customer_id").is_null(),
        "refuse",
        "The contact has no customer id.",
    ),
)


def apply_rules(frame: Frame, rules: Sequence[Rule]) -> Frame:
    """Mark each row with the first rule that refuses it, and with every rule that it matches.

    Returns:
        `frame` with `refused_because` (a rule's name, or null) and a boolean `matches_<rule>` for each rule.

    >>> import pandas as pd
    >>> rules = [Rule("negative", "t", nw.col("x") < 0, "refuse", ""), Rule("odd", "t", nw.col("x") % 2 == 1, "flag", "")]
    >>> apply_rules(nw.from_native(pd.DataFrame({"x": [-1, 3]})), rules).to_native()["refused_because"].fillna("").tolist()
    ['negative', '']
    """
    marked = frame.with_columns(rule.matches.fill_null(False).alias(f"matches_{rule.name}") for rule in rules)
    reason = nw.lit(None, dtype=nw.String)
    for rule in reversed([rule for rule in rules if rule.action == "refuse"]):
        reason = nw.when(nw.col(f"matches_{rule.name}")).then(nw.lit(rule.name)).otherwise(reason)
    return marked.with_columns(refused_because=reason)
