"""How a file's values are written and what they mean, as far as its first rows tell; and what a person has to settle."""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd

from regulars.config.shop import Returns
from regulars.config.sources import Amount
from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.guess import Guess
from regulars.ingest.guess_amounts import includes_of, parts_in
from regulars.ingest.guess_dates import Dates
from regulars.ingest.guess_names import words
from regulars.ingest.guess_shown import shown

NUMBERS = ("money", "quantity", "count")
PARTS = ("tax", "shipping", "discount")
MOST = 0.95
GIVEN_BACK = frozenset("refunded returned cancelled canceled voided".split())
NEVER_PAID = frozenset("unpaid pending failed draft authorized on-hold".split())


class Settings(NamedTuple):
    """What a configuration says besides the columns.

    Attributes:
        decimal: what stands before the cents.
        dates: strptime patterns of all mapped dates; none where they are ISO 8601.
        dates_doubt: a sentence with examples, if day and month could be exchanged.
        is_ambiguous: whether neither the values nor the order of the rows tell day from month.
        currency: a code, or None if nothing says it.
        includes: what the amounts contain besides the goods.
        returns: what marks a return.
        has_negatives: whether quantities below zero stand in orders that no pattern marks.
        given_back: words of the status column that may mean a return, or a cancelled order.
        never_paid: the same for orders that were never paid.
        doubts: key of the configuration → what was assumed, in sentences.
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
    doubts: list[str]


def settings_of(found: Guess) -> Settings:
    """What the recognised columns say besides what they are.

    >>> from regulars.ingest.guess import guess
    >>> rows = {"Order": ["1", "2"], "Date": ["13.01.2025", "14.01.2025"], "Total": ["7,50 €", "1.200,00 €"]}
    >>> settings_of(guess(pd.DataFrame(rows)))[:4]
    (',', ('%d.%m.%Y',), False, 'EUR')
    """
    doubts: list[str] = []
    dates, is_ambiguous = _dates(found, doubts)
    decimal = _decimal(found, doubts)
    currency = _currency(found, doubts)
    includes = _includes(found, doubts)
    returns, has_negatives = _returns(found, doubts)
    given_back, never_paid = _states(found, doubts)
    _doubt_columns(found, doubts)
    return Settings(
        decimal,
        dates,
        is_ambiguous,
        currency,
        includes,
        returns,
        has_negatives,
        given_back,
        never_paid,
        doubts,
    )


def _dates(found: Guess, doubts: list[str]) -> tuple[tuple[str, ...], bool]:
    """The patterns of all mapped dates: those of the orders first, the others in the same order of day and month."""
    ordered = found.dates_of("ordered_at")
    if not ordered:
        return (), False
    column = _theirs(found, "ordered_at")
    if ordered.order and (not ordered.is_sure or ordered.by_rows):
        doubts.append(which_first(column, ordered))
    if len(ordered.patterns) > 1:
        doubts.append(f"dates: {column} is written in {len(ordered.patterns)} ways; both are read.")
    if ordered.unread:
        doubts.append(
            f"dates: {column} holds what is no date, such as {_listed(ordered.unread)}; such rows are refused."
        )
    if ordered.has_offset:
        doubts.append(
            f"time_zone: the times in {column} say their distance from UTC; they are converted to time_zone."
        )
    kinds = CONTRACTS[found.table].mappable
    others = [
        found.dates_of(name) for name in found.matches if kinds[name].kind == "time" and name != "ordered_at"
    ]
    read = [ordered, *(dates for dates in others if dates)]
    if not any(dates.patterns for dates in read):
        return (), False
    patterns = dict.fromkeys(pattern for dates in read for pattern in dates.explicit)
    return tuple(sorted(patterns, key=lambda pattern: "%y" not in pattern)), not ordered.is_sure


def which_first(column: str, dates: Dates) -> str:
    """How dates were read whose day and month could be exchanged, and why, with examples."""
    first, other = ("day", "month") if dates.order == "day" else ("month", "day")
    swapped = "; ".join(dates.examples())
    because = (
        f"the {first} was taken first, because only then the rows are in the order of time"
        if dates.by_rows
        else f"no value tells which is the month, and the {first} was taken first"
    )
    return f"dates: in {column} {because}: {swapped}. If the {other} stands first, exchange %d and %m."


def _theirs(found: Guess, ours: str) -> str:
    return " and ".join(f"'{shown(name)}'" for name in found.matches[ours].theirs)


def _listed(texts: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"'{shown(text, 30)}'" for text in texts)


def _decimal(found: Guess, doubts: list[str]) -> str:
    """What most of the mapped columns of numbers say; columns that contradict are named."""
    kinds = CONTRACTS[found.table].mappable
    numbers = [
        profile for name in found.matches if kinds[name].kind in NUMBERS and (profile := found.profile(name))
    ]
    told = [profile for profile in numbers if profile.decimal]
    commas = sum(profile.decimal == "," for profile in told)
    decimal = "," if commas * 2 > len(told) else "."
    against = [profile.name for profile in told if profile.decimal != decimal or profile.is_mixed]
    if against:
        doubts.append(
            f"decimal: {_listed(against)} write decimals with a point and with a comma; '{decimal}' is read, and rows "
            "with the other are refused. Export them in one form."
        )
    grouped = [
        text
        for profile in numbers
        for text in profile.filled[profile.filled.str.contains(r"\d[.,]\d")].head(1)
    ]
    if not told and grouped:
        read = "a thousand and more" if "," in grouped[0] else "decimals"
        doubts.append(
            f"decimal: in {_listed(grouped[:3])} the sign was read as that of {read}; no value tells."
        )
    return decimal


def _currency(found: Guess, doubts: list[str]) -> str | None:
    """The code that most rows say, else the sign beside the amounts."""
    column = found.profile("currency")
    if column:
        counted = column.filled.str.upper().value_counts()
        if len(counted) > 1:
            said = ", ".join(f"{code} in {count} rows" for code, count in counted.head(3).items())
            doubts.append(
                f"currency: {_theirs(found, 'currency')} says {said}; rows in another currency than {counted.index[0]} "
                "are refused."
            )
        return str(counted.index[0])
    signs = [
        sign
        for name in ("revenue", "price")
        if (profile := found.profile(name)) and (sign := profile.currency)
    ]
    if not signs:
        doubts.append("currency: nothing says it; USD was assumed.")
    return signs[0] if signs else None


def _includes(found: Guess, doubts: list[str]) -> tuple[Amount, ...]:
    """What the amounts contain besides the goods, by arithmetic where the file has the parts."""
    parts = {name: profile.numbers for name in PARTS if (profile := found.profile(name))}
    revenue = found.profile("revenue")
    goods, listed = _goods(found)
    used = parts_in(revenue.numbers, goods, parts) if revenue and goods is not None else None
    if used is not None and "tax" in parts:
        return includes_of(used, parts, listed)
    amount = _theirs(found, "revenue") if revenue else "price × quantity"
    if revenue and found.table == "orders" and {"total", "grand"} & set(words(revenue.name)):
        taken = includes_of(set(parts), parts, listed=False)
    else:
        taken = includes_of(used or set(), parts, listed and (revenue is None or used is not None))
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
    full = found.profile("list_revenue")
    if full:
        return full.numbers, True
    subtotals = [found.profiles[name] for name in sorted(found.unused) if "subtotal" in "".join(words(name))]
    return next(((profile.numbers, False) for profile in subtotals if profile.is_number), (None, False))


def _returns(found: Guess, doubts: list[str]) -> tuple[Returns, bool]:
    """A pattern of order ids that mark returns; and whether quantities below zero stand elsewhere."""
    order, quantity = found.profile("order_id"), found.profile("quantity")
    if not order or not quantity or found.table == "orders":
        return Returns(), False
    is_negative = quantity.numbers < 0
    if not is_negative.any():
        return Returns(), False
    pattern = _mark(order.texts, is_negative)
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
            if (
                is_negative[is_marked].mean() >= MOST
                and is_marked[is_negative].mean() >= 0.5
                and not is_marked.all()
            ):
                return pattern.format(re.escape(mark))
    return None


def _states(found: Guess, doubts: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words in the status column that may say that an order was undone, or never paid."""
    status = found.profile("status")
    said = sorted(status.filled.str.lower().unique()) if status else []
    given_back = tuple(word for word in said if word.replace(" ", "_") in GIVEN_BACK)
    never_paid = tuple(word for word in said if word.replace(" ", "_") in NEVER_PAID)
    if given_back or never_paid:
        doubts.append(
            f"cleaning: {_theirs(found, 'status')} says {_listed([*given_back, *never_paid])}: all such orders count as sold "
            "and paid until you switch on the lines under 'cleaning'."
        )
    return given_back, never_paid


def _doubt_columns(found: Guess, doubts: list[str]) -> None:
    """What the choice of the columns assumes."""
    if found.repeated:
        doubts.append(
            "columns: left out, because it is the whole order's and would count once for each of its lines: "
            f"{_listed(found.repeated)}."
        )
    if found.table == "orders" and found.order_repeats:
        doubts.append(
            f"tables: {_theirs(found, 'order_id')} repeats, but nothing says a product or a quantity: a row was taken as an "
            "order, and rows with an id that was read before are refused."
        )
    told = [name for name, match in found.matches.items() if match.why == "by values"]
    if told:
        pairs = ", ".join(f"{name} is {_theirs(found, name)}" for name in told)
        doubts.append(f"columns: only values tell that {pairs}. Look whether it is so.")
    if "email" in found.matches and found.matches.get("customer_id") == found.matches["email"]:
        doubts.append("columns: no customer id was found; customers are told apart by their e-mail address.")
    if "opted_in_at" not in found.matches:
        doubts.append("privacy: no column says who agreed to be written to; nobody counts as having agreed.")
