"""What a column is, told by its values alone: how they stay the same, or change, within orders and over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import pandas as pd

from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.guess_names import name_score, words
from regulars.ingest.guess_values import Profile, is_kind

GOOD_NAME = 0.6  # the least score of a name that tells what a column is
SEVERAL = (
    5  # orders of more than one row, from which on it tells something that a column never varies within them
)
ANOTHER_DATE = frozenset(
    "birth birthday born dob ship shipped shipping delivery delivered due paid payment refund refunded cancelled "
    "registered signup since updated modified closed fulfilled expiry".split()
)


class Within:
    """How columns vary within the orders that have more than one row."""

    def __init__(self, order: Profile | None) -> None:
        ids = order.texts if order else pd.Series(dtype="str")
        self.order = order
        self.is_several = ids.duplicated(keep=False) & ids.notna()
        self.ids = ids[self.is_several]
        self.count = int(self.ids.nunique())

    def varies(self, profile: Profile) -> float:
        """The share of these orders in which a column has more than one value."""
        if not self.count:
            return 0.0
        return float((profile.texts[self.is_several].groupby(self.ids).nunique() > 1).mean())


def is_named(profile: Profile) -> bool:
    """Whether a column's name says that it is one of ours."""
    return any(
        name_score(profile.name, column) >= GOOD_NAME for column in CONTRACTS["order_lines"].mappable.values()
    )


def runs_like_orders(profile: Profile, profiles: Mapping[str, Profile]) -> bool:
    """Whether each value stands in one run of rows, on one date, and runs are many, or rows are all different."""
    ids = profile.texts.dropna()
    different = ids.nunique()
    runs = int((ids != ids.shift()).sum())
    if different < max(SEVERAL, 0.02 * len(ids)) or different < 0.95 * runs:
        return False
    within = Within(profile)
    dates = [other for other in profiles.values() if other.dates]
    return bool(dates) and min(within.varies(other) for other in dates) <= 0.05


def _ordered_at(free: list[Profile], within: Within) -> Profile | None:
    """Of several dates the earliest: an order is placed before it is paid and sent."""
    dates = [
        profile
        for profile in free
        if profile.dates and within.varies(profile) <= 0.2 and not ANOTHER_DATE & set(words(profile.name))
    ]
    written = [profile for profile in dates if len(profile.filled) >= 0.9 * len(profile.texts)]
    return min(written, key=lambda profile: (min(_read(profile).values()), profile.name), default=None)


def _read(profile: Profile) -> Mapping[str, datetime]:
    return profile.dates.read if profile.dates else {}


def _of_kind(ours: str) -> Callable[[list[Profile], Within], Profile | None]:
    """The first column whose values can only be this."""
    column = CONTRACTS["orders"].mappable[ours]
    return lambda free, within: next(
        (p for p in free if is_kind(p, column) and within.varies(p) <= 0.2), None
    )


def _customer(free: list[Profile], within: Within) -> Profile | None:
    """Ids that stay the same within orders and come back over orders, those with the most values; no tie."""
    orders = within.order.texts if within.order else None
    if orders is None:
        return None
    several = max(SEVERAL, 0.05 * orders.nunique())
    able = [
        profile
        for profile in free
        if profile.looks_like_ids and not is_named(profile) and within.varies(profile) <= 0.02
        and several <= profile.filled.nunique() < orders[profile.texts.notna()].nunique()
    ]  # fmt: skip
    return max(able, key=lambda profile: (profile.filled.nunique(), profile.name), default=None)


def _product(free: list[Profile], within: Within) -> Profile | None:
    """Ids that differ within orders and come back over orders."""
    able = [
        profile
        for profile in free
        if profile.looks_like_ids and not is_named(profile) and within.varies(profile) >= 0.5
        and SEVERAL <= profile.filled.nunique() < len(profile.filled)
        and (not profile.is_number or profile.numbers.min() >= 100)
    ]  # fmt: skip
    return max(able, key=lambda profile: (profile.filled.nunique(), profile.name), default=None)


def _product_text(free: list[Profile], within: Within) -> Profile | None:
    """Texts that differ within orders and come back over orders, those with the most values."""
    able = [
        profile
        for profile in free
        if is_kind(profile, CONTRACTS["products"].mappable["product"]) and not profile.is_number
        and not is_named(profile) and within.varies(profile) >= 0.5
        and len(profile.filled) >= 0.9 * len(profile.texts) > profile.filled.nunique() >= SEVERAL
    ]  # fmt: skip
    return max(able, key=lambda profile: (profile.filled.nunique(), profile.name), default=None)


def _revenue(free: list[Profile], within: Within) -> Profile | None:
    """The only amount with cents."""
    amounts = [profile for profile in free if profile.is_number and not profile.is_whole]
    return amounts[0] if len(amounts) == 1 and (not within.count or within.varies(amounts[0])) else None


TELL: dict[str, Callable[[list[Profile], Within], Profile | None]] = {
    "ordered_at": _ordered_at,
    "email": _of_kind("email"),
    "currency": _of_kind("currency"),
    "customer_id": _customer,
    "product_id": _product,
    "product": _product_text,
    "revenue": _revenue,
}
