"""Which column of a shop's file is which of ours, guessed from its first rows.

By name first; by values where a name says nothing, or could say two things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import pandas as pd

from regulars.ingest.contracts import CONTRACTS, Column
from regulars.ingest.guessing.amounts import parts_in, roles_of
from regulars.ingest.guessing.dates import Dates, read_dates
from regulars.ingest.guessing.names import GOOD_NAME, name_score, words
from regulars.ingest.guessing.tells import RARELY, SEVERAL, TELL, Within, is_named, runs_like_orders
from regulars.ingest.guessing.values import MOST, Profile, is_kind, profiles_of

Table = Literal["orders", "order_lines"]
Why = Literal["by name", "by values", "by name and values"]

OF_ORDER = frozenset(CONTRACTS["customers"].mappable) | {"currency", "is_test"}
OF_LINE = frozenset(
    "product_id product line_id revenue list_revenue discount coupon_discount tax shipping".split()
)
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?( ?[AaPp][Mm])?")


class Match(NamedTuple):
    """The file's column, or columns (a date and a time), that is one of ours, and how that was told."""

    theirs: tuple[str, ...]
    why: Why


Profiles = Mapping[str, Profile]
Matches = dict[str, Match]


class Guess(NamedTuple):
    """What was recognised.

    Attributes:
        table: what a row is: an order, or a line of one.
        matches: our name → the file's column, in the order of the contract.
        profiles: what each of the file's columns looks like, in the file's order.
        repeated: columns that say something of the order and stand again on each of its lines.
        order_repeats: whether order ids stand on several rows.
    """

    table: Table
    matches: Matches
    profiles: Profiles
    repeated: tuple[str, ...]
    order_repeats: bool

    def profile(self, ours: str) -> Profile | None:
        """What the file's column looks like that is one of ours."""
        return _profile(self.profiles, self.matches, ours)

    def column(self, ours: str) -> Column:
        """One of the columns that the table may have."""
        return CONTRACTS[self.table].mappable[ours]

    def of_kinds(self, *kinds: str) -> list[str]:
        """Those of our columns that were found and hold such values."""
        return [ours for ours in self.matches if self.column(ours).kind in kinds]

    def nearest(self, ours: str) -> list[str]:
        """The file's columns that are called so, but whose values cannot be it, the best name first.

        >>> guess(pd.DataFrame({"Order Date": ["soon", "later"]})).nearest("ordered_at")
        ['Order Date']
        """
        return [profile.name for profile in so_called(_free(self.profiles, self.matches), self.column(ours))]

    @property
    def unused(self) -> list[str]:
        """The file's columns that are none of ours."""
        return [profile.name for profile in _free(self.profiles, self.matches)]

    @property
    def missing(self) -> list[str]:
        """What no report can be made without, and was not found; `revenue` stands for the money."""
        has_money = "revenue" in self.matches or {"price", "quantity"} <= set(self.matches)
        needed = ["order_id", "ordered_at", "customer_id"]
        return [ours for ours in needed if ours not in self.matches] + ["revenue"] * (not has_money)

    def dates_of(self, ours: str) -> Dates | None:
        """How one of our columns writes its dates, its time of day included where that is a column of its own."""
        return _dates(self.profiles, self.matches, ours)


def guess(rows: pd.DataFrame) -> Guess:
    """Guess what the columns of a file are.

    Args:
        rows: its first rows: values as text, missing as None.

    >>> rows = {"No": ["7", "7"], "Item": ["cup", "pot"], "Qty": ["2", "1"], "Unit Price": ["1.50", "9.00"]}
    >>> found = guess(pd.DataFrame({"Order " + name: values for name, values in rows.items()}))
    >>> found.table, found.matches["order_id"], found.missing
    ('order_lines', Match(theirs=('Order No',), why='by name'), ['ordered_at', 'customer_id'])
    """
    is_once = ~rows.columns.duplicated(keep=False)  # of two columns of one name, none can be mapped
    in_file = {profile.name: profile for profile in profiles_of(rows.loc[:, is_once])}
    profiles = {name: in_file[name] for name in sorted(in_file)}  # their order in the file never matters
    matches = _order_column(profiles)
    within = Within(_profile(profiles, matches, "order_id"))
    table = _table(profiles, within)
    named, repeated = _named(profiles, table, within, matches)
    matches |= named
    matches |= _line_amounts(profiles, matches) if table == "order_lines" else _subtotal(profiles, matches)
    for ours, tell in TELL.items():
        if ours not in matches and ours in CONTRACTS[table].mappable:
            found = tell(_free(profiles, matches), within)
            matches |= {ours: Match((found.name,), "by values")} if found else {}
    if "customer_id" not in matches and "email" in matches:
        matches["customer_id"] = matches["email"]
    matches |= _with_clock(profiles, matches)
    ordered = {
        ours: matches[ours]
        for ours, column in CONTRACTS[table].mappable.items()
        if ours in matches and not (column.kind == "time" and _contradicts(profiles, matches, ours))
    }
    left = {profile.name for profile in _free(profiles, ordered)}
    return Guess(table, ordered, in_file, tuple(sorted(left & repeated)), within.count > 0)


def so_called(profiles: Iterable[Profile], column: Column) -> list[Profile]:
    """The file's columns whose name says that they are one of ours, the best name first."""
    scored = [(-name_score(profile.name, column), profile.name, profile) for profile in profiles]
    return [profile for score, _, profile in sorted(scored, key=lambda s: s[:2]) if -score >= GOOD_NAME]


def _profile(profiles: Profiles, matches: Matches, ours: str) -> Profile | None:
    return profiles[matches[ours].theirs[0]] if ours in matches else None


def _found(profiles: Profiles, matches: Matches, names: Iterable[str]) -> dict[str, Profile]:
    """Those of our columns that were found."""
    return {ours: profile for ours in names if (profile := _profile(profiles, matches, ours))}


def _free(profiles: Profiles, matches: Matches) -> list[Profile]:
    used = {name for match in matches.values() for name in match.theirs}
    return [profile for name, profile in profiles.items() if name not in used]


def _joined(profiles: Iterable[Profile]) -> pd.Series:
    """Texts of several columns, joined by a blank."""
    first, *others = (profile.texts for profile in profiles)
    for other in others:
        first = first + " " + other
    return first


def _dates(profiles: Profiles, matches: Matches, ours: str) -> Dates | None:
    """How dates are written; where they do not tell day from month, all the file's other dates are asked."""
    if ours not in matches:
        return None
    texts = _joined(profiles[name] for name in matches[ours].theirs)
    dates = read_dates(texts)
    if not dates or dates.is_sure:
        return dates
    told = {p.dates.order for p in profiles.values() if p.dates and p.dates.is_sure and p.dates.order}
    return read_dates(texts, told.pop()) if len(told) == 1 else dates


def _contradicts(profiles: Profiles, matches: Matches, ours: str) -> bool:
    """Whether a date has day and month the other way round than the orders' date: one table has one list of patterns."""
    ordered, dates = _dates(profiles, matches, "ordered_at"), _dates(profiles, matches, ours)
    return {ordered and ordered.order, dates and dates.order} == {"day", "month"}


def _order_column(profiles: Profiles) -> Matches:
    """The order's id: by name, else the one column whose values stand in runs in which no date changes."""
    column = CONTRACTS["orders"].mappable["order_id"]
    able = [profile for profile in profiles.values() if is_kind(profile, column)]
    if named := so_called(able, column):
        return {"order_id": Match((named[0].name,), "by name")}
    told = [profile for profile in able if not is_named(profile) and runs_like_orders(profile, profiles)]
    return {"order_id": Match((told[0].name,), "by values")} if len(told) == 1 else {}


def _table(profiles: Profiles, within: Within) -> Table:
    """A row is a line if order ids repeat over different products or quantities, or if only lines can have money."""

    def named(ours: str) -> list[Profile]:
        column = CONTRACTS["order_lines"].mappable[ours]
        return [profile for profile in so_called(profiles.values(), column) if is_kind(profile, column)]

    told = [profile for ours in ("product_id", "product", "quantity") for profile in named(ours)]
    unnamed = [profile for profile in profiles.values() if not is_named(profile)]
    is_line = (
        any(within.varies(profile) >= 0.01 for profile in told)
        or (named("price") and named("quantity") and not named("revenue"))
        or (within.count and roles_of({}, unnamed))
    )
    return "order_lines" if is_line else "orders"


def _named(profiles: Profiles, table: Table, within: Within, taken: Matches) -> tuple[Matches, set[str]]:
    """The columns that names tell, the best first; and those that were left out because they say something of the order."""
    ranked, repeated = [], set()
    free = _free(profiles, taken)
    for place, (ours, column) in enumerate(CONTRACTS[table].mappable.items()):
        for profile in so_called(free, column):
            if ours in taken or not is_kind(profile, column):
                continue
            if table == "orders" or _may_be(ours, profile, within):
                ranked.append((-name_score(profile.name, column), place, profile.name, ours))
            elif ours in OF_LINE:
                repeated.add(profile.name)
    found: Matches = {}
    for _, _, name, ours in sorted(ranked):
        if ours not in found and Match((name,), "by name") not in found.values():
            found[ours] = Match((name,), "by name")
    return found, repeated


def _may_be(ours: str, profile: Profile, within: Within) -> bool:
    """Whether a column of lines varies within orders as one of ours does."""
    if within.count < SEVERAL:
        return True
    if ours in OF_ORDER:
        return within.varies(profile) <= RARELY
    is_nothing = profile.is_number and not profile.numbers.any()
    return ours not in OF_LINE or is_nothing or within.varies(profile) > 0


def _line_amounts(profiles: Profiles, matches: Matches) -> Matches:
    """Quantity, price and total, as arithmetic tells them; names that it contradicts give way."""
    named = _found(profiles, matches, ("quantity", "price", "revenue"))
    roles = roles_of(named, _free(profiles, matches))
    if not roles:
        return {}
    told = roles._asdict()
    for ours in ("price", "revenue"):
        if ours in named and named[ours].name not in (roles.price, roles.revenue):
            if ours == "price":
                return {}
            del told[ours]  # a total after discounts
    is_named = {ours: ours in named and named[ours].name == name for ours, name in told.items()}
    return {
        ours: Match((name,), "by name and values" if is_named[ours] else "by values")
        for ours, name in told.items()
    }


def _subtotal(profiles: Profiles, matches: Matches) -> Matches:
    """The subtotal of an order, where a total beside it has parts that no column says."""
    total = _profile(profiles, matches, "revenue")
    goods = subtotals(_free(profiles, matches))
    parts = _found(profiles, matches, ("tax", "shipping", "discount"))
    numbers = {ours: profile.numbers for ours, profile in parts.items()}
    if not total or not goods:
        return {}
    if any(parts_in(total.numbers, profile.numbers, numbers) is not None for profile in goods):
        return {}
    return {"revenue": Match((goods[0].name,), "by name and values")}


def subtotals(profiles: Iterable[Profile]) -> list[Profile]:
    """The amounts that are called subtotal."""
    return [
        profile for profile in profiles if "subtotal" in "".join(words(profile.name)) and profile.is_number
    ]


def _with_clock(profiles: Profiles, matches: Matches) -> Matches:
    """The time of day beside a date, where it is a column of its own."""
    date = _profile(profiles, matches, "ordered_at")
    if not date or not date.dates or any(when.time() != when.min.time() for when in date.dates.read.values()):
        return {}
    for clock in _free(profiles, matches):
        if "time" in words(clock.name) and clock.share(CLOCK) >= MOST and read_dates(_joined([date, clock])):
            return {"ordered_at": Match((date.name, clock.name), matches["ordered_at"].why)}
    return {}
