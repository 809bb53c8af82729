"""How a file's values are written and what they mean, as far as its first rows tell; and what a person has to settle."""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd

from regulars.config.shop import Returns
from regulars.config.sources import Amount
from regulars.ingest.guessing.amounts import includes_of, parts_in
from regulars.ingest.guessing.columns import Guess, subtotals
from regulars.ingest.guessing.dates import Dates
from regulars.ingest.guessing.names import words
from regulars.ingest.guessing.shown import in_quotes
from regulars.ingest.guessing.values import MOST

PARTS = ("tax", "shipping", "discount")
GIVEN_BACK = frozenset("refunded returned cancelled canceled voided".split())
NEVER_PAID = frozenset("unpaid pending failed draft authorized on-hold".split())
Doubts = list[str]


class Settings(NamedTuple):
    """What a configuration says besides the columns.

    Attributes:
        decimal: what stands before the cents.
        dates: strptime patterns of all mapped dates; none where they are ISO 8601.
        is_ambiguous: whether neither the values nor the order of the rows tell day from month.
        currency: a code, or None if nothing says it.
        includes: what the amounts contain besides the goods.
        returns: what marks a return.
        has_negatives: whether quantities below zero stand in orders that no pattern marks.
        given_back: words of the status column that may mean a return, or a cancelled order.
        never_paid: the same for orders that were never paid.
        doubts: what was assumed, in sentences that begin with the key of the configuration.
    """

    decimal: str
    dates: tuple[str, ...]
    is_ambiguous: bool
    currency: str | None
    includes: tuple[Amount, ...]
    returns: Returns
    has_negatives: bool
    given_back: tuple[str, ...]
    never_paid: tuple[str, ...]
    doubts: Doubts


def settings_of(found: Guess) -> Settings:
    """What the recognised columns say besides what they are.

    >>> from regulars.ingest.guessing import guess
    >>> rows = {"Order": ["1", "2"], "Date": ["13.01.2025", "14.01.2025"], "Total": ["7,50 €", "1.200,00 €"]}
    >>> settings_of(guess(pd.DataFrame(rows)))[:4]
    (',', ('%d.%m.%Y',), False, 'EUR')
    """
    doubts: Doubts = []
    dates, is_ambiguous = _dates(found, doubts)
    decimal = _decimal(found, doubts)
    currency = _currency(found, doubts)
    includes = _includes(found, doubts)
    returns = _returns(found, doubts)
    states = _states(found, doubts)
    _doubt_columns(found, doubts)
    return Settings(decimal, dates, is_ambiguous, currency, includes, *returns, *states, doubts)


def _theirs(found: Guess, ours: str) -> str:
    return in_quotes(found.matches[ours].theirs, 60, " and ")


def _dates(found: Guess, doubts: Doubts) -> tuple[tuple[str, ...], bool]:
    """The patterns of all mapped dates: those of the orders first, the others in the same order of day and month."""
    ordered = found.dates_of("ordered_at")
    if not ordered:
        return (), False
    _doubt_dates(_theirs(found, "ordered_at"), ordered, doubts)
    times = ["ordered_at", *found.of_kinds("time")]
    read = [dates for ours in dict.fromkeys(times) if (dates := found.dates_of(ours))]
    if not any(dates.patterns for dates in read):
        return (), False
    patterns = dict.fromkeys(pattern for dates in read for pattern in dates.explicit)
    return tuple(sorted(patterns, key=lambda pattern: "%y" not in pattern)), not ordered.is_sure


def _doubt_dates(column: str, dates: Dates, doubts: Doubts) -> None:
    doubts += doubts_of_order(column, dates)
    if dates.unread:
        unread = in_quotes(dates.unread, 30)
        doubts.append(f"dates: {column} holds what is no date, such as {unread}; such rows are refused.")
    if dates.has_offset:
        doubts.append(
            f"time_zone: the times in {column} say their distance from UTC; they are converted to time_zone."
        )


def doubts_of_order(column: str, dates: Dates) -> Doubts:
    """How dates were read whose day and month could be exchanged, and why, with examples; nothing if values tell.

    >>> from regulars.ingest.guessing.dates import read_dates
    >>> doubts_of_order("'Date'", read_dates(pd.Series(["03/04/2025"])))
    ["dates: in 'Date' no value tells which is the month, and the day was taken first: 03/04/2025 was read as 3 April 2025.
    If the month stands first, exchange %d and %m."]
    """
    if not dates.order or (dates.is_sure and not dates.by_rows):
        return []
    first, other = ("day", "month") if dates.order == "day" else ("month", "day")
    because = f"no value tells which is the month, and the {first} was taken first"
    if dates.by_rows:
        because = f"the {first} was taken first, because only then the rows are in the order of time"
    examples = "; ".join(dates.examples())
    return [f"dates: in {column} {because}: {examples}. If the {other} stands first, exchange %d and %m."]


def _decimal(found: Guess, doubts: Doubts) -> str:
    """What most of the mapped columns of numbers say; columns that contradict are named."""
    names = found.of_kinds("money", "quantity", "count")
    numbers = [profile for ours in names if (profile := found.profile(ours))]
    told = [profile for profile in numbers if profile.decimal]
    decimal = "," if sum(profile.decimal == "," for profile in told) * 2 > len(told) else "."
    against = [profile.name for profile in told if profile.decimal != decimal or profile.is_mixed]
    if against:
        doubts.append(
            f"decimal: {in_quotes(against)} write decimals with a point and with a comma; '{decimal}' is read, and rows "
            "with the other are refused. Export them in one form."
        )
    grouped = [text for p in numbers for text in p.filled[p.filled.str.contains(r"\d[.,]\d")].head(1)]
    if grouped and not told:
        read = "a thousand and more" if "," in grouped[0] else "decimals"
        doubts.append(
            f"decimal: in {in_quotes(grouped[:3])} the sign was read as that of {read}; no value tells."
        )
    return decimal


def _currency(found: Guess, doubts: Doubts) -> str | None:
    """The code that most rows say, else the sign beside the amounts."""
    column = found.profile("currency")
    if not column:
        amounts = filter(None, map(found.profile, ("revenue", "price")))
        sign = next((profile.currency for profile in amounts if profile.currency), None)
        doubts += [] if sign else ["currency: nothing says it; USD was assumed."]
        return sign
    counted = column.filled.str.upper().value_counts()
    if len(counted) > 1:
        said = ", ".join(f"{code} in {count} rows" for code, count in counted.head(3).items())
        doubts.append(
            f"currency: {_theirs(found, 'currency')} says {said}; rows in another currency than {counted.index[0]} "
            "are refused."
        )
    return str(counted.index[0])


def _includes(found: Guess, doubts: Doubts) -> tuple[Amount, ...]:
    """What the amounts contain besides the goods, by arithmetic where the file has the parts."""
    parts = {ours: profile.numbers for ours in PARTS if (profile := found.profile(ours))}
    revenue = found.profile("revenue")
    goods, listed = _goods(found)
    used = parts_in(revenue.numbers, goods, parts) if revenue and goods is not None else None
    if used is not None and "tax" in parts:
        return includes_of(used, parts, listed)
    if revenue and found.table == "orders" and {"total", "grand"} & set(words(revenue.name)):
        taken = includes_of(set(parts), parts, listed=False)
    else:
        taken = includes_of(used or set(), parts, listed and (revenue is None or used is not None))
    amount = _theirs(found, "revenue") if revenue else "price × quantity"
    said = f"with {' and '.join(taken)}" if taken else "without tax, shipping and discounts"
    doubts.append(
        f"includes: the money is {amount}, taken as {said}; if that is wrong, correct the line 'includes'."
    )
    return taken


def _goods(found: Guess) -> tuple[pd.Series | None, bool]:
    """The worth of the goods that revenue can be compared with, and whether it is at prices before discounts."""
    price, quantity = found.profile("price"), found.profile("quantity")
    if price and quantity:
        return price.numbers * quantity.numbers, True
    goods = subtotals(found.profiles[name] for name in sorted(found.unused))
    return goods[0].numbers if goods else None, False


def _returns(found: Guess, doubts: Doubts) -> tuple[Returns, bool]:
    """A pattern of order ids that mark returns; and whether quantities below zero stand elsewhere."""
    order, quantity = found.profile("order_id"), found.profile("quantity")
    if not order or not quantity or found.table == "orders":
        return Returns(), False
    is_negative = quantity.numbers < 0
    pattern = _mark(order.texts, is_negative) if is_negative.any() else None
    left = is_negative & ~order.texts.fillna("").str.contains(pattern) if pattern else is_negative
    if left.any():
        doubts.append(
            f"cleaning: {int(left.sum()):,} of {len(left):,} rows have a quantity below zero"
            f"{' though no such order id' if pattern else ''}; they are refused until you switch on negative_quantity."
        )
    return Returns(order_id=pattern), bool(left.any())


def _mark(ids: pd.Series, is_negative: pd.Series) -> str | None:
    """Letters before or after the ids of orders that take back, and of no others.

    >>> _mark(pd.Series(["536365", "C536379", "536380"]), pd.Series([False, True, False]))
    '^C'
    """
    for letters, pattern in ((r"^([A-Za-z]+[-_]?)", "^{}"), (r"([-_]?[A-Za-z]+)$", "{}$")):
        marks = ids.str.extract(letters)[0]
        for mark in sorted(marks[is_negative].dropna().unique()):
            is_marked = marks == mark
            is_told = is_negative[is_marked].mean() >= MOST and is_marked[is_negative].mean() >= 0.5
            if is_told and not is_marked.all():
                return pattern.format(re.escape(mark))
    return None


def _states(found: Guess, doubts: Doubts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words in the status column that may say that an order was undone, or never paid."""
    status = found.profile("status")
    said = sorted(status.filled.str.lower().unique()) if status else []
    given_back, never_paid = (
        tuple(word for word in said if word.replace(" ", "_") in known) for known in (GIVEN_BACK, NEVER_PAID)
    )
    if given_back or never_paid:
        doubts.append(
            f"cleaning: {_theirs(found, 'status')} says {in_quotes([*given_back, *never_paid])}: all such orders count as "
            "sold and paid until you switch on the lines under 'cleaning'."
        )
    return given_back, never_paid


def _doubt_columns(found: Guess, doubts: Doubts) -> None:
    """What the choice of the columns assumes."""
    if found.repeated:
        doubts.append(
            "columns: left out, because it is the whole order's and would count once for each of its lines: "
            f"{in_quotes(found.repeated)}."
        )
    if found.table == "orders" and found.order_repeats:
        doubts.append(
            f"tables: {_theirs(found, 'order_id')} repeats, but nothing says a product or a quantity: a row was taken as an "
            "order, and rows with an id that was read before are refused."
        )
    told = [ours for ours, match in found.matches.items() if match.why == "by values"]
    if told:
        pairs = ", ".join(f"{ours} is {_theirs(found, ours)}" for ours in told)
        doubts.append(f"columns: only values tell that {pairs}. Look whether it is so.")
    if "email" in found.matches and found.matches.get("customer_id") == found.matches["email"]:
        doubts.append("columns: no customer id was found; customers are told apart by their e-mail address.")
    if "opted_in_at" not in found.matches:
        doubts.append("privacy: no column says who agreed to be written to; nobody counts as having agreed.")
