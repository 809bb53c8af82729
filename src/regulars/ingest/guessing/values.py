"""What the first values of a shop's columns look like: numbers, dates, ids, e-mail addresses, or text.

A value is a number here exactly if staging can read it as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import duckdb
import pandas as pd
import pyarrow as pa

from regulars.config import Format
from regulars.ingest.contracts import Column
from regulars.ingest.guessing.dates import Dates, read_dates
from regulars.ingest.values import BLANKS, CODES, FALSE, NOTHING, SIGNS, TRUE, Raw, amounts

MOST = 0.95  # of the values: a column of numbers may hold a few that are none
EMAIL, PHONE, ID = re.compile(r"\S+@\S+\.\S+"), re.compile(r"\+?[\d ()/.-]{6,22}"), re.compile(r"\S{1,64}")
STATES = frozenset(
    "paid unpaid pending cancelled canceled refunded returned complete completed closed open processing shipped "
    "delivered voided authorized failed partially_refunded partially_paid on-hold draft new invoiced fulfilled".split()
)
CURRENCIES = frozenset([*CODES.split("|"), "PEN", "RSD"])
_CURRENCY = rf"([A-Z]{{0,2}}[{SIGNS}]|(?<![A-Za-z])(?:{CODES})(?![A-Za-z]))"
_MEANT = dict(
    pair.split("=")
    for pair in "$=USD €=EUR £=GBP ¥=JPY ₹=INR ₩=KRW ₺=TRY ₽=RUB A$=AUD AU$=AUD C$=CAD CA$=CAD NZ$=NZD HK$=HKD R$=BRL "
    "S$=SGD".split()
)


@dataclass(frozen=True, eq=False)
class Profile:
    """What the first values of one column look like.

    Attributes:
        name: the column's name in the file.
        texts: its values in the order of their rows, trimmed; missing where nothing is written.
        numbers: the same as numbers; missing where none can be read.
        decimal: what stands before the cents: "." or ","; "" if no value tells.
        is_mixed: whether some values contradict that.
        dates: how its values are dates, or None.
    """

    name: str
    texts: pd.Series
    numbers: pd.Series
    decimal: str
    is_mixed: bool
    dates: Dates | None

    @cached_property
    def filled(self) -> pd.Series:
        """The values that are written."""
        return self.texts.dropna()

    @cached_property
    def is_full(self) -> bool:
        """Whether nearly all rows have a value."""
        return len(self.filled) >= 0.9 * len(self.texts)

    def share(self, pattern: re.Pattern[str]) -> float:
        """The share of the written values that a pattern fits from end to end."""
        return float(self.filled.str.fullmatch(pattern).mean()) if len(self.filled) else 0.0

    def is_one_of(self, words: Collection[str]) -> bool:
        """Whether nearly all values are among these words, in any case of letters."""
        return bool(self.filled.str.lower().str.replace(" ", "_").isin(list(words)).mean() >= MOST)

    @cached_property
    def is_number(self) -> bool:
        return len(self.filled) > 0 and self.numbers.notna().sum() >= MOST * len(self.filled)

    @cached_property
    def is_whole(self) -> bool:
        return self.is_number and bool((self.numbers.dropna() % 1 == 0).all())

    @cached_property
    def is_email(self) -> bool:
        return self.share(EMAIL) >= 0.9

    @cached_property
    def is_private(self) -> bool:
        """Whether any value could be used to write to a person."""
        return bool(self.filled.str.contains("@", regex=False).any())

    @cached_property
    def is_id(self) -> bool:
        """Short, without blanks inside, neither a date nor an amount with cents."""
        if len(self.filled) == 0 or self.is_email or (self.is_number and not self.is_whole):
            return False
        is_date = self.dates is not None and not self.filled.str.isdigit().all()
        return not is_date and self.share(ID) >= 0.9

    @cached_property
    def is_text(self) -> bool:
        """Neither a date, nor an address, nor an amount with cents."""
        return not self.dates and not self.is_email and (self.is_whole or not self.is_number)

    @cached_property
    def currency(self) -> str | None:
        """The currency that signs or codes beside the amounts say, if they say one."""
        signs = self.filled.str.extract(_CURRENCY)[0].dropna()
        if not self.is_number or signs.empty:
            return None
        sign = str(signs.mode()[0])
        return _MEANT.get(sign) or _MEANT.get(sign[-1], sign)

    def examples(self) -> list[str]:
        """The first three different values."""
        return [str(value) for value in self.filled.drop_duplicates().head(3)]


def profiles_of(rows: pd.DataFrame) -> list[Profile]:
    """A profile of every column.

    Args:
        rows: the first rows of a file, as text, missing as None.

    >>> [p] = profiles_of(pd.DataFrame({"Total": ["1.234,50 €", "7,00 €", None]}))
    >>> p.numbers.tolist(), p.decimal, p.currency
    ([1234.5, 7.0, nan], ',', 'EUR')
    """
    columns = [_trimmed(rows[name]) for name in rows.columns]
    read = _read(pd.concat([pd.Series(dtype="str"), *columns]).dropna().unique())
    return [
        Profile(name, texts, *_numbers(texts, read), read_dates(texts))
        for name, texts in zip(rows.columns, columns, strict=True)
    ]


def _trimmed(values: pd.Series) -> pd.Series:
    """Texts without blanks around them; what exports write for no value is missing."""
    text = values.astype("str").str.strip(BLANKS)
    return text.mask(values.isna() | text.str.lower().isin(NOTHING))


def _read(texts: Sequence[str]) -> pd.DataFrame:
    """The texts as staging would read them as amounts: with a point, and with a comma, before the cents."""
    with duckdb.connect() as connection:
        connection.register("written", pa.table({"text": pa.array(texts, pa.string())}))
        point = amounts(Raw("text", "VARCHAR"), Format(decimal="."), "")
        comma = amounts(Raw("text", "VARCHAR"), Format(decimal=","), "")
        read = connection.sql(f'SELECT ({point})::DOUBLE AS ".", ({comma})::DOUBLE AS "," FROM written').df()
    return read.set_axis(texts)


def _numbers(texts: pd.Series, read: pd.DataFrame) -> tuple[pd.Series, str, bool]:
    """The numbers, and what stands before the cents: what most of those values say that can only be read one way."""
    point, comma = (texts.map(read[decimal]).astype("float64") for decimal in (".", ","))
    only_point = int((point.notna() & comma.isna()).sum())
    only_comma = int((comma.notna() & point.isna()).sum())
    is_comma = only_comma > only_point
    told = ("," if is_comma else ".") if only_comma + only_point else ""
    return comma.fillna(point) if is_comma else point.fillna(comma), told, min(only_comma, only_point) > 0


def is_kind(profile: Profile, column: Column) -> bool:
    """Whether a column's values can be what one of our columns holds.

    >>> from regulars.ingest.contracts import CONTRACTS
    >>> [p] = profiles_of(pd.DataFrame({"Total": ["12.50", "7"]}))
    >>> ours = CONTRACTS["orders"].mappable
    >>> is_kind(p, ours["revenue"]), is_kind(p, ours["order_id"]), is_kind(p, ours["ordered_at"])
    (True, False, False)
    """
    can_be = _CAN_BE.get(column.name) or _CAN_BE[column.kind]
    return len(profile.filled) > 0 and bool(can_be(profile))


def _is_order_id(profile: Profile) -> bool:
    """On nearly all rows, and most have digits: a person's or a product's name is none."""
    return profile.is_full and profile.is_id and profile.filled.str.contains(r"\d").mean() >= 0.9


def _is_discount(profile: Profile) -> bool:
    """Money; not a share such as 0.2."""
    highest = profile.numbers.abs().max()
    return profile.is_number and (highest > 1 or highest == 0)


def _is_name(profile: Profile) -> bool:
    return profile.is_text and not profile.is_number


def _is_status(profile: Profile) -> bool:
    return _is_name(profile) and ("status" in profile.name.lower() or profile.is_one_of(STATES))


# By the name of our column where that says more than its kind.
_CAN_BE: dict[str, Callable[[Profile], object]] = {
    "id": attrgetter("is_id"),
    "text": attrgetter("is_text"),
    "personal": _is_name,
    "count": attrgetter("is_whole"),
    "quantity": attrgetter("is_number"),
    "money": attrgetter("is_number"),
    "flag": lambda profile: profile.is_one_of((*TRUE, *FALSE)),
    "time": attrgetter("dates"),
    "day": attrgetter("dates"),
    "order_id": _is_order_id,
    "customer_id": lambda profile: profile.is_id or profile.is_email,
    "discount": _is_discount,
    "coupon_discount": _is_discount,
    "email_hash": attrgetter("is_email"),
    "phone_hash": lambda profile: profile.share(PHONE) >= 0.8 and not profile.dates,
    "status": _is_status,
    "currency": lambda profile: profile.filled.str.upper().isin(CURRENCIES).mean() >= 0.9,
    "country": _is_name,
    "city": _is_name,
}
