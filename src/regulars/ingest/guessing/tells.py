"""What a column is, told by its values alone: how they stay the same, or change, within orders and over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.guessing.names import GOOD_NAME, name_score, words
from regulars.ingest.guessing.values import Profile, is_kind

SEVERAL = (
    5  # orders of more than one row, from which on a column that never varies within them tells something
)
RARELY = 0.2  # of these orders, at most: a column of the order itself, but for a few mistakes
ANOTHER_DATE = frozenset(
    "birth birthday born dob ship shipped shipping delivery delivered due paid payment refund refunded cancelled "
    "registered signup since updated modified closed fulfilled expiry".split()
)


class Within:
    """How columns vary within the orders that have more than one row."""

    def __init__(self, order: Profile | None) -> None:
        ids = order.texts if order else pd.Series(dtype="str")
        self.order = order
        self.ids = ids[ids.duplicated(keep=False) & ids.notna()]
        self.count = int(self.ids.nunique())

    def varies(self, profile: Profile) -> float:
        """The share of these orders in which a column has more than one value."""
        if not self.count:
            return 0.0
        return float((profile.texts[self.ids.index].groupby(self.ids).nunique() > 1).mean())


def is_named(profile: Profile) -> bool:
    """Whether a column's name says that it is one of ours."""
    ours = CONTRACTS["order_lines"].mappable.values()
    return any(name_score(profile.name, column) >= GOOD_NAME for column in ours)


def runs_like_orders(profile: Profile, profiles: Mapping[str, Profile]) -> bool:
    """Whether each of several values stands in one run of rows, or rows are all different; and some date with it."""
    ids = profile.texts.dropna()
    if ids.nunique() < max(SEVERAL, 0.95 * (ids != ids.shift()).sum()):
        return False
    within = Within(profile)
    return any(within.varies(other) <= 0.05 for other in profiles.values() if other.dates)


def _ordered_at(free: list[Profile], within: Within) -> Profile | None:
    """Of several dates the earliest: an order is placed before it is paid and sent."""
    earliest = {
        profile: (min(profile.dates.read.values()), profile.name)
        for profile in free
        if profile.dates and profile.is_full and within.varies(profile) <= RARELY
        and not ANOTHER_DATE & set(words(profile.name))
    }  # fmt: skip
    return min(earliest, key=earliest.__getitem__, default=None)


def _of_kind(ours: str) -> Callable[[list[Profile], Within], Profile | None]:
    """The first column whose values can only be this."""
    column = CONTRACTS["orders"].mappable[ours]
    return lambda free, within: next(
        (profile for profile in free if is_kind(profile, column) and within.varies(profile) <= RARELY), None
    )


def _richest(profiles: Iterable[Profile]) -> Profile | None:
    """The column with the most different values."""
    return max(profiles, key=lambda profile: (profile.filled.nunique(), profile.name), default=None)


def _customer(free: list[Profile], within: Within) -> Profile | None:
    """Ids that stay the same within orders and come back over orders."""
    if not within.order:
        return None
    orders = within.order.texts
    return _richest(
        profile
        for profile in free
        if profile.is_id and not is_named(profile) and within.varies(profile) <= 0.02
        and SEVERAL <= profile.filled.nunique() < orders[profile.texts.notna()].nunique()
    )  # fmt: skip


def _differing(free: list[Profile], within: Within) -> Iterable[Profile]:
    """Columns that differ within orders and come back over orders."""
    for profile in free:
        is_back = SEVERAL <= profile.filled.nunique() < len(profile.filled)
        if is_back and within.varies(profile) >= 0.5 and not is_named(profile):
            yield profile


def _product_id(free: list[Profile], within: Within) -> Profile | None:
    """Ids; small numbers may be quantities."""
    ids = (profile for profile in _differing(free, within) if profile.is_id)
    return _richest(profile for profile in ids if not profile.is_number or profile.numbers.min() >= 100)


def _product(free: list[Profile], within: Within) -> Profile | None:
    """Texts, on nearly all rows; those that are nearly all different are notes."""
    texts = (profile for profile in _differing(free, within) if profile.is_text and not profile.is_number)
    return _richest(p for p in texts if p.is_full and p.filled.nunique() < 0.9 * len(p.texts))


def _revenue(free: list[Profile], within: Within) -> Profile | None:
    """The only amount with cents."""
    amounts = [profile for profile in free if profile.is_number and not profile.is_whole]
    return amounts[0] if len(amounts) == 1 and (not within.count or within.varies(amounts[0])) else None


TELL: dict[str, Callable[[list[Profile], Within], Profile | None]] = {
    "ordered_at": _ordered_at,
    "email": _of_kind("email"),
    "currency": _of_kind("currency"),
    "customer_id": _customer,
    "product_id": _product_id,
    "product": _product,
    "revenue": _revenue,
}
