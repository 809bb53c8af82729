"""Which amounts are which, told by arithmetic: price × quantity is the line's total, and a total has its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import NamedTuple

import pandas as pd

from regulars.config.sources import Amount
from regulars.ingest.guessing.values import MOST, Profile

TELLING = 3  # rows with a quantity other than one, below which arithmetic tells nothing
TELLING_ALONE = 10  # the same where no column's name says anything


class Roles(NamedTuple):
    """The columns whose product and total were found."""

    quantity: str
    price: str
    revenue: str


def multiplies(quantity: pd.Series, price: pd.Series, total: pd.Series, rows: int = TELLING) -> bool:
    """Whether price × quantity is the total, on at least so many rows where the quantity is not one.

    >>> multiplies(pd.Series([2, 3, 4]), pd.Series([1.5, 2.0, 0.333]), pd.Series([3.0, 6.0, 1.33]))
    True
    >>> multiplies(pd.Series([1, 1, 1]), pd.Series([1.5, 2.0, 2.5]), pd.Series([1.5, 2.0, 2.5]))
    False
    """
    is_telling = (quantity.abs() > 1) & (price != 0) & total.notna() & price.notna()
    cents = 0.006 * quantity.abs() + 0.006  # the price may have been rounded before, the total after
    is_close = ((price * quantity - total).abs() <= cents)[is_telling]
    return bool(len(is_close) >= rows and is_close.mean() >= MOST)


def roles_of(named: Mapping[str, Profile], free: Sequence[Profile]) -> Roles | None:
    """The quantity, the price and the total, as far as arithmetic tells them; those that names say, if several fit.

    Args:
        named: those of `quantity`, `price` and `revenue` that the columns' names tell.
        free: columns that are nothing else yet.
    """
    numbers = [profile for profile in free if profile.is_number and profile.numbers.nunique() > 1]
    money = [named[name] for name in ("price", "revenue") if name in named]
    quantities = [named["quantity"]] if "quantity" in named else [p for p in numbers if _is_quantity(p)]
    found = [
        (quantity, price, total)
        for quantity in quantities
        for price, total in permutations([*money, *numbers], 2)
        if quantity not in (price, total)
        and multiplies(quantity.numbers, price.numbers, total.numbers, TELLING if named else TELLING_ALONE)
    ]

    def departs(roles: tuple[Profile, Profile, Profile]) -> tuple[object, ...]:
        """Columns of money that were named and are left out; roles exchanged; a price without cents; then any order."""
        left_out = sum(profile not in roles for profile in money)
        pairs = zip(Roles._fields, roles, strict=True)
        exchanged = sum(named.get(name, profile) is not profile for name, profile in pairs)
        return left_out, exchanged, roles[1].is_whole, [profile.name for profile in roles]

    return Roles(*(profile.name for profile in min(found, key=departs))) if found else None


def _is_quantity(profile: Profile) -> bool:
    return profile.is_whole and profile.numbers.abs().median() <= 100


def parts_in(total: pd.Series, goods: pd.Series, parts: Mapping[str, pd.Series]) -> set[str] | None:
    """Which of tax, shipping and discount make up the difference between a total and its goods; None if none do.

    Args:
        total: the amount.
        goods: price × quantity, or the subtotal.
        parts: those of `tax`, `shipping` and `discount` that there are.

    >>> goods, tax = pd.Series([10.0, 20.0]), pd.Series([1.9, 3.8])
    >>> parts_in(pd.Series([11.9, 23.8]), goods, {"tax": tax})
    {'tax'}
    >>> parts_in(goods, goods, {"tax": tax}), parts_in(pd.Series([1.0, 9.0]), goods, {"tax": tax})
    (set(), None)
    """
    signed = {name: -part.abs() if name == "discount" else part for name, part in parts.items()}
    for taken in product((True, False), repeat=len(parts)):
        used = {name for name, is_in in zip(parts, taken, strict=True) if is_in}
        amount = goods
        for name in used:
            amount = amount + signed[name].fillna(0)
        is_close = (amount - total).abs()[total.notna() & goods.notna()] <= 0.02
        if len(is_close) and is_close.mean() >= MOST:
            return used
    return None


def includes_of(used: set[str], parts: Mapping[str, pd.Series], listed: bool) -> tuple[Amount, ...]:
    """What the amount contains besides the goods, for the configuration.

    Args:
        used: what `parts_in` found.
        parts: the columns that there are.
        listed: whether the goods were counted at prices before discounts, so that a discount that is not in the
            difference was not taken off.

    >>> discount = pd.Series([0.0, 2.0])
    >>> includes_of(set(), {"discount": discount}, True), includes_of({"discount"}, {"discount": discount}, True)
    (('discounts',), ())
    """
    is_due = listed and "discount" not in used and "discount" in parts and bool(parts["discount"].any())
    said: dict[Amount, bool] = {"tax": "tax" in used, "shipping": "shipping" in used, "discounts": is_due}
    return tuple(name for name, is_in in said.items() if is_in)
