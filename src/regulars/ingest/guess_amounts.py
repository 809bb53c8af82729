"""Which amounts are which, told by arithmetic: price × quantity is the line's total, and a total has its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import NamedTuple

import pandas as pd

from regulars.config.sources import Amount
from regulars.ingest.guess_values import Profile

TELLING = 3  # rows with a quantity other than one, below which arithmetic tells nothing
TELLING_ALONE = 10  # the same where no column's name says anything
MOST = 0.95  # of these rows


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
    if is_telling.sum() < rows:
        return False
    quantity, price, total = quantity[is_telling], price[is_telling], total[is_telling]
    cents = 0.006 * quantity.abs() + 0.006  # the price may have been rounded before, the total after
    return bool(((price * quantity - total).abs() <= cents).mean() >= MOST)


def roles_of(named: Mapping[str, Profile], free: Sequence[Profile]) -> Roles | None:
    """The quantity, the price and the total, as far as arithmetic tells them.

    Args:
        named: those of `quantity`, `price` and `revenue` that the columns' names tell.
        free: columns that are nothing else yet.
    """
    numbers = [profile for profile in free if profile.is_number and profile.numbers.nunique() > 1]
    money = [named[name] for name in ("price", "revenue") if name in named]
    amounts = sorted([*money, *numbers], key=lambda profile: profile.name)
    quantities = [named["quantity"]] if "quantity" in named else [p for p in numbers if _is_quantity(p)]
    rows = TELLING if named else TELLING_ALONE
    found = [
        Roles(quantity.name, price.name, total.name)
        for quantity in quantities
        for price, total in permutations(amounts, 2)
        if quantity.name not in (price.name, total.name)
        and multiplies(quantity.numbers, price.numbers, total.numbers, rows)
    ]
    if not found:
        return None
    names = {name: profile.name for name, profile in named.items()}
    fractional = {profile.name for profile in amounts if not profile.is_whole}
    return min(found, key=lambda roles: (*_agreement(roles, names), roles.price not in fractional, roles))


def _agreement(roles: Roles, names: Mapping[str, str]) -> tuple[int, int]:
    """How far roles depart from what names say: first by columns of money left out, then by roles exchanged."""
    money = {names[name] for name in ("price", "revenue") if name in names}
    exchanged = sum(names.get(name, value) != value for name, value in roles._asdict().items())
    return len(money - {roles.price, roles.revenue}), exchanged


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
    for taken in product((True, False), repeat=len(parts)):
        used = {name for name, is_in in zip(parts, taken, strict=True) if is_in}
        amount = goods
        for name in used:
            part = parts[name].fillna(0)
            amount = amount - part.abs() if name == "discount" else amount + part
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
    found: list[Amount] = []
    if "tax" in used:
        found.append("tax")
    if "shipping" in used:
        found.append("shipping")
    if listed and "discount" in parts and "discount" not in used and parts["discount"].abs().sum() > 0:
        found.append("discounts")
    return tuple(found)
