"""Which column of a shop's file is which of ours, guessed from its first rows.

By name first; by values where a name says nothing, or could say two things. Nothing here reads or writes a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

import pandas as pd

from regulars.ingest.contracts import CONTRACTS, Column
from regulars.ingest.guess_amounts import parts_in, roles_of
from regulars.ingest.guess_by_values import GOOD_NAME, SEVERAL, TELL, Within, is_named, runs_like_orders
from regulars.ingest.guess_dates import Dates, read_dates
from regulars.ingest.guess_names import name_score, words
from regulars.ingest.guess_values import Profile, is_kind, profiles_of

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
    matches: dict[str, Match]
    profiles: dict[str, Profile]
    repeated: tuple[str, ...]
    order_repeats: bool

    def profile(self, ours: str) -> Profile | None:
        """What the file's column looks like that is one of ours."""
        match = self.matches.get(ours)
        return self.profiles[match.theirs[0]] if match else None

    @property
    def unused(self) -> list[str]:
        """The file's columns that are none of ours."""
        used = {name for match in self.matches.values() for name in match.theirs}
        return [name for name in self.profiles if name not in used]

    @property
    def missing(self) -> list[str]:
        """What no report can be made without, and was not found; `revenue` stands for the money."""
        has_money = "revenue" in self.matches or {"price", "quantity"} <= set(self.matches)
        absent = [name for name in ("order_id", "ordered_at", "customer_id") if name not in self.matches]
        return [*absent, *([] if has_money else ["revenue"])]

    def dates_of(self, ours: str) -> Dates | None:
        """How one of our columns writes its dates, its time of day included where that is a column of its own."""
        match = self.matches.get(ours)
        return _dates(self.profiles, match) if match else None


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
    within = Within(profiles[matches["order_id"].theirs[0]] if matches else None)
    table = _table(profiles, within)
    named, repeated = _named(profiles, table, within, matches)
    matches |= named
    settle = _line_amounts if table == "order_lines" else _order_amounts
    matches |= settle(profiles, matches)
    for ours, tell in TELL.items():
        if ours not in matches and ours in CONTRACTS[table].mappable:
            found = tell(_free(profiles, matches), within)
            matches |= {ours: Match((found.name,), "by values")} if found else {}
    if "customer_id" not in matches and "email" in matches:
        matches["customer_id"] = matches["email"]
    matches |= _with_clock(profiles, matches)
    for ours in _contradicting(profiles, matches, table):
        del matches[ours]
    ordered = {ours: matches[ours] for ours in CONTRACTS[table].mappable if ours in matches}
    left = {profile.name for profile in _free(profiles, matches)}
    return Guess(table, ordered, in_file, tuple(name for name in repeated if name in left), within.count > 0)


def _joined(profiles: list[Profile]) -> pd.Series:
    """Texts of several columns, joined by a blank."""
    first, *others = (profile.texts for profile in profiles)
    for other in others:
        first = first + " " + other
    return first


def _dates(profiles: Mapping[str, Profile], match: Match) -> Dates | None:
    """How dates are written; where they do not tell day from month, all the file's other dates are asked."""
    texts = _joined([profiles[name] for name in match.theirs])
    dates = read_dates(texts)
    if not dates or dates.is_sure:
        return dates
    told = {p.dates.order for p in profiles.values() if p.dates and p.dates.is_sure and p.dates.order}
    return read_dates(texts, told.pop()) if len(told) == 1 else dates


def _contradicting(profiles: Mapping[str, Profile], matches: Mapping[str, Match], table: Table) -> list[str]:
    """Further dates that put day and month the other way round than the orders' do: one table has one list of patterns."""
    ordered = _dates(profiles, matches["ordered_at"]) if "ordered_at" in matches else None
    times = [
        name for name in matches if CONTRACTS[table].mappable[name].kind == "time" and name != "ordered_at"
    ]
    others = {name: _dates(profiles, matches[name]) for name in times}
    return [
        n
        for n, dates in others.items()
        if ordered and ordered.order and dates and dates.order not in (None, ordered.order)
    ]


def _free(profiles: Mapping[str, Profile], matches: Mapping[str, Match]) -> list[Profile]:
    used = {name for match in matches.values() for name in match.theirs}
    return [profile for name, profile in profiles.items() if name not in used]


def _order_column(profiles: Mapping[str, Profile]) -> dict[str, Match]:
    """The order's id: by name, else the one column whose values stand in runs in which no date changes."""
    column = CONTRACTS["orders"].mappable["order_id"]
    able = [profile for profile in profiles.values() if is_kind(profile, column)]
    named = [profile for profile in able if name_score(profile.name, column) >= GOOD_NAME]
    if named:
        best = max(named, key=lambda profile: name_score(profile.name, column))
        return {"order_id": Match((best.name,), "by name")}
    told = [profile for profile in able if not is_named(profile) and runs_like_orders(profile, profiles)]
    return {"order_id": Match((told[0].name,), "by values")} if len(told) == 1 else {}


def _table(profiles: Mapping[str, Profile], within: Within) -> Table:
    """A row is a line if order ids repeat over different products or quantities, or if only lines can have money."""
    columns = CONTRACTS["order_lines"].mappable

    def has(ours: str, varies: bool = False) -> bool:
        return any(
            name_score(p.name, columns[ours]) >= GOOD_NAME
            and is_kind(p, columns[ours])
            and within.varies(p) >= varies * 0.01
            for p in profiles.values()
        )

    if within.count and any(has(ours, varies=True) for ours in ("product_id", "product", "quantity")):
        return "order_lines"
    if has("price") and has("quantity") and not has("revenue"):
        return "order_lines"
    numbers = [profile for profile in profiles.values() if not is_named(profile)]
    return "order_lines" if within.count and roles_of({}, numbers) else "orders"


def _named(
    profiles: Mapping[str, Profile], table: Table, within: Within, taken: Mapping[str, Match]
) -> tuple[dict[str, Match], list[str]]:
    """The columns that names tell, the best first; and those that were left out because they say something of the order."""
    ranked, repeated = [], []
    for place, (ours, column) in enumerate(CONTRACTS[table].mappable.items()):
        for profile in _free(profiles, taken):
            score = name_score(profile.name, column)
            if ours in taken or score < GOOD_NAME or not is_kind(profile, column):
                continue
            if table == "orders" or _may_be(ours, profile, within):
                ranked.append((-score, place, profile.name, ours))
            elif ours in OF_LINE:
                repeated.append(profile.name)
    found: dict[str, Match] = {}
    for _, _, name, ours in sorted(ranked):
        if ours not in found and all(name not in match.theirs for match in found.values()):
            found[ours] = Match((name,), "by name")
    return found, sorted(set(repeated))


def _may_be(ours: str, profile: Profile, within: Within) -> bool:
    """Whether a column of lines varies within orders as one of ours does."""
    if ours in OF_ORDER:
        return within.count < SEVERAL or within.varies(profile) <= 0.2
    if ours in OF_LINE and within.count >= SEVERAL:
        is_nothing = profile.is_number and not profile.numbers.any()
        return is_nothing or within.varies(profile) > 0
    return True


def _line_amounts(profiles: Mapping[str, Profile], matches: Mapping[str, Match]) -> dict[str, Match]:
    """Quantity, price and total, as arithmetic tells them; names that it contradicts give way."""
    named = {
        ours: profiles[matches[ours].theirs[0]]
        for ours in ("quantity", "price", "revenue")
        if ours in matches
    }
    roles = roles_of(named, _free(profiles, matches))
    if not roles or ("price" in named and named["price"].name not in (roles.price, roles.revenue)):
        return {}
    told = roles._asdict()
    if "revenue" in named and named["revenue"].name not in (roles.price, roles.revenue):
        told.pop("revenue")
    return {ours: Match((name,), _why(named.get(ours), name)) for ours, name in told.items()}


def _why(named: Profile | None, name: str) -> Why:
    return "by name and values" if named and named.name == name else "by values"


def _order_amounts(profiles: Mapping[str, Profile], matches: Mapping[str, Match]) -> dict[str, Match]:
    """The subtotal, where a total beside it has parts that no column says."""
    if "revenue" not in matches:
        return {}
    total = profiles[matches["revenue"].theirs[0]]
    parts = {
        ours: profiles[matches[ours].theirs[0]].numbers
        for ours in ("tax", "shipping", "discount")
        if ours in matches
    }
    goods = [profile for profile in _free(profiles, matches) if "subtotal" in "".join(words(profile.name))]
    goods = [profile for profile in goods if profile.is_number]
    if not goods or any(parts_in(total.numbers, profile.numbers, parts) is not None for profile in goods):
        return {}
    return {"revenue": Match((goods[0].name,), "by name and values")}


def _with_clock(profiles: Mapping[str, Profile], matches: Mapping[str, Match]) -> dict[str, Match]:
    """The time of day beside a date, where it is a column of its own."""
    match = matches.get("ordered_at")
    date = profiles[match.theirs[0]] if match else None
    if (
        not match
        or not date
        or not date.dates
        or any(when.time() != when.min.time() for when in date.dates.read.values())
    ):
        return {}
    for clock in _free(profiles, matches):
        if "time" in words(clock.name) and clock.share(CLOCK) >= 0.95 and read_dates(_joined([date, clock])):
            return {"ordered_at": Match((date.name, clock.name), match.why)}
    return {}


def nearest(found: Guess, ours: str) -> list[str]:
    """The file's columns that could be one of ours but for their values, best name first.

    >>> found = guess(pd.DataFrame({"Order Date": ["soon", "later"]}))
    >>> nearest(found, "ordered_at")
    ['Order Date']
    """
    column: Column = CONTRACTS[found.table].mappable[ours]
    scored = [(-name_score(name, column), name) for name in found.unused]
    return [name for score, name in sorted(scored) if -score >= GOOD_NAME]
