"""The rules that a raw row must pass, by name, and what happens to the rows that do not."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import narwhals as nw

from regulars.config import ConfigError
from regulars.engine import Frame
from regulars.ingest.consent import WITHDREW, spelled

Action = Literal["refuse", "flag", "off"]
EARLIEST = (
    -25_567
)  # 1900-01-01: what lies before it is a year without its century, as in 25-01-03, or no date at all


class Rule(NamedTuple):
    """A named condition on the rows of one table.

    A row that matches is refused, or kept and flagged: flagged rows stay in the staged table and are only counted.

    Attributes:
        name: as the configuration calls it.
        table: the table whose rows it judges.
        matches: the condition.
        action: what is done, unless the configuration says otherwise.
        meaning: what a matching row is.
        remedy: what to do about it.
        column: the column whose values show what is meant, as examples.
        fixed: whether the rule cannot be softened, because nothing can be made of such a row.
    """

    name: str
    table: str
    matches: nw.Expr
    action: Action
    meaning: str
    remedy: str = ""
    column: str = ""
    fixed: bool = False


def _is(name: str) -> nw.Expr:
    return nw.col(name).fill_null(False)


_TAKES_BACK = _is("is_return")


def _later_than_today(table: str) -> nw.Expr:
    later = nw.col("ordered_day") > nw.col("today")
    return later | (nw.col("refunded_day") > nw.col("today")).fill_null(False) if table == "orders" else later


def _of_orders(table: str) -> tuple[Rule, ...]:
    """The rules that orders and their lines share, in the order in which they judge."""
    row = "line" if table == "order_lines" else "order"
    return (
        Rule(
            "no_order",
            table,
            nw.col("order_id").is_null(),
            "refuse",
            f"The {row} has no order id.",
            "Ask for the export with order ids.",
            fixed=True,
        ),
        Rule(
            "unreadable_date",
            table,
            nw.col("ordered_day").is_null() | (nw.col("ordered_day") < EARLIEST),
            "refuse",
            "The order's date cannot be read.",
            'Say how dates are written: dates: "%d/%m/%Y".',
            "ordered_at",
            fixed=True,
        ),
        Rule(
            "future_date",
            table,
            _later_than_today(table),
            "refuse",
            "The order, or its refund, lies in the future.",
            "Look whether day and month are exchanged, or the computer's clock is wrong.",
            "ordered_at",
        ),
        Rule(
            "unreadable_number",
            table,
            ~nw.col("unreadable").is_null(),
            "refuse",
            "A number, a flag or a second date cannot be read.",
            'Say how numbers are written: decimal: ",". Or correct the value.',
            "unreadable",
            fixed=True,
        ),
        Rule(
            "no_amount",
            table,
            nw.col("revenue").is_null(),
            "refuse",
            f"The {row} says no amount of money.",
            "Ask for the export with amounts.",
            "order_id",
            fixed=True,
        ),
        Rule(
            "foreign_currency",
            table,
            nw.col("code") != nw.col("shop_currency"),
            "refuse",
            "The amount is in another currency than the shop's.",
            "Convert it in the export; Regulars knows no exchange rates.",
            "currency",
        ),
        Rule("test_order", table, _is("is_test"), "refuse", "The order is a test.", "", "order_id"),
        Rule(
            "unpaid",
            table,
            _is("is_unpaid"),
            "refuse",
            "The order was cancelled, or never paid.",
            "",
            "status",
        ),
        Rule(
            "several_customers",
            table,
            _is("has_several_customers"),
            "refuse",
            "Rows of this order name different customers.",
            "Look whether order ids repeat, as over years or stores.",
            "order_id",
        ),
        Rule(
            "several_currencies",
            table,
            _is("has_several_currencies"),
            "refuse",
            "Rows of this order are in different currencies.",
            "Correct the export.",
            "order_id",
        ),
    )


def _lines(
    name: str,
    matches: nw.Expr,
    action: Action,
    meaning: str,
    remedy: str = "",
    column: str = "",
    fixed: bool = False,
) -> Rule:
    return Rule(name, "order_lines", matches, action, meaning, remedy, column, fixed)


_ORDERS_AND_LINES: tuple[Rule, ...] = (
    *_of_orders("order_lines"),
    _lines(
        "order_refused",
        _is("is_of_refused_order"),
        "refuse",
        "The line's order was refused, or is not in the orders.",
        "",
        "order_id",
        fixed=True,
    ),
    _lines(
        "repeated_line", _is("is_repeated"), "refuse", "A line with this id was read before.", "", "line_id"
    ),
    _lines(
        "negative_quantity",
        (nw.col("quantity") < 0) & ~_TAKES_BACK,
        "refuse",
        "The quantity is below zero and nothing marks it as a return.",
        "If these are returns, say so: cleaning: {returns: {negative_quantity: true}}.",
        "quantity",
    ),
    _lines(
        "negative_revenue",
        (nw.col("revenue") < 0) & (nw.col("quantity").fill_null(0) >= 0) & ~_TAKES_BACK,
        "refuse",
        "The line's revenue is below zero and nothing marks it as a return.",
        "To count it as money given back: cleaning: {rules: {negative_revenue: flag}}.",
        "revenue",
    ),
    _lines(
        "cancelled",
        _TAKES_BACK,
        "flag",
        "The line takes back what another sold. Kept, in the table of returns.",
        "",
        "order_id",
    ),
    _lines(
        "price_not_positive",
        nw.col("price") <= 0,
        "flag",
        "The price is zero or below: a gift or a correction. Kept; not counted as a line sold.",
        "",
        "price",
    ),
    _lines(
        "quantity_zero",
        nw.col("quantity") == 0,
        "flag",
        "No item was sold: the line records a coupon or a correction. Kept, with its money; not counted as a line sold.",
    ),
    _lines(
        "not_a_product",
        ~nw.col("is_product").fill_null(True),
        "flag",
        "The line is no product: postage, a fee, a manual entry. Kept, with its money; not counted as a line sold.",
        "",
        "product_id",
    ),
    _lines(
        "unknown_product",
        ~nw.col("is_known_product").fill_null(True),
        "flag",
        "The product is not in the product table. Kept, without a category.",
        "",
        "product_id",
    ),
    _lines(
        "duplicate",
        _is("is_duplicate"),
        "flag",
        "The line equals another in every column. Kept: two equal lines may both be meant.",
    ),
    _lines(
        "guest",
        nw.col("customer_id").is_null(),
        "flag",
        "No customer is known. Counts for the shop, in no customer table.",
    ),
    *_of_orders("orders"),
    Rule(
        "cancelled",
        "orders",
        _TAKES_BACK,
        "flag",
        "The order takes back another. Kept, in the table of returns.",
        "",
        "order_id",
    ),
    Rule(
        "repeated_order",
        "orders",
        _is("is_repeated"),
        "refuse",
        "An order with this id was read before.",
        "Look whether two exports overlap, or ids repeat over stores.",
        "order_id",
        fixed=True,
    ),
    Rule(
        "negative_revenue",
        "orders",
        (nw.col("revenue") < 0) & ~_TAKES_BACK,
        "refuse",
        "The order's revenue is below zero.",
        "Credit notes belong to the column 'refunded' of the order that they undo.",
        "revenue",
    ),
    Rule(
        "nothing_sold",
        "orders",
        (nw.col("lines") == 0) & (nw.col("revenue") == 0),
        "refuse",
        "The basket holds no item that was paid for: it is not an order.",
        fixed=True,
    ),
    Rule(
        "guest",
        "orders",
        nw.col("customer_id").is_null(),
        "flag",
        "No customer is known. Counts for the shop, in no customer table.",
    ),
)

# The other tables: a row without its key is of no use, and so is one with a value that cannot be read.
KEYS = {
    "products": ("product_id",),
    "customers": ("customer_id",),
    "contacts": ("customer_id", "contacted_day"),
    "events": ("kind", "occurred_at"),
    "answers": ("customer_id", "question"),
    "assignments": ("experiment_id", "customer_id", "arm"),
    "outcomes": ("experiment_id", "customer_id", "metric", "value"),
}


def _keyed(table: str, key: Sequence[str]) -> list[Rule]:
    unreadable, undated = ~nw.col("unreadable").is_null(), nw.col(key[-1]).is_null()
    if table == "events":  # a withdrawal counts, dated or not
        withdrawal = spelled(nw.col("kind")).is_in(list(WITHDREW)).fill_null(False)
        unreadable, undated = unreadable & ~withdrawal, undated & ~withdrawal
    if table == "customers":  # and so does one whose date cannot be read
        unreadable = unreadable & (nw.col("unreadable") != "opted_out_at")
    rules = [
        Rule("unreadable_value", table, unreadable, "refuse", "A number, a flag or a date cannot be read.",
             "Correct the value, or say how it is written.", "unreadable", fixed=True)
    ]  # fmt: skip
    for name in key:
        what = name.replace("_id", " id").replace("_", " ")
        empty = undated if name == key[-1] else nw.col(name).is_null()
        rules.append(Rule(f"no_{name}", table, empty, "refuse", f"The row has no {what}.", fixed=True))
    return rules


_REPEATED = "A row with the same key was read before."
_KEPT_ONCE: tuple[Rule, ...] = (
    Rule("several_arms", "assignments", _is("has_several_arms"), "refuse", "The customer was assigned to several arms.",
         "Ask whoever ran the experiment.", "customer_id", fixed=True),
    *(Rule("repeated_key", table, _is("is_repeated"), "refuse", _REPEATED, "", key, fixed=True)
      for table, key in (("products", "product_id"), ("assignments", "experiment_id"), ("outcomes", "metric"))),
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    *_ORDERS_AND_LINES,
    *(rule for table, key in KEYS.items() for rule in _keyed(table, key)),
    *_KEPT_ONCE,
)


def rules_of(table: str, actions: Mapping[str, Action]) -> list[Rule]:
    """The rules that judge a table, in order, with the configuration's actions.

    Raises:
        ConfigError: if the configuration names a rule that does not exist, or softens one that cannot be.
    """
    _check(actions)
    judging = [
        rule._replace(action=actions.get(rule.name, rule.action)) for rule in RULES if rule.table == table
    ]
    return [rule for rule in judging if rule.action != "off"]


def _check(actions: Mapping[str, Action]) -> None:
    names = sorted({rule.name for rule in RULES})
    for name, action in actions.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names)}."
            raise ConfigError(f"cleaning: there is no rule '{name}': {hint}")
        if action != "refuse" and any(rule.fixed for rule in RULES if rule.name == name):
            raise ConfigError(
                f"cleaning: the rule '{name}' cannot be '{action}': nothing can be made of such a row."
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
