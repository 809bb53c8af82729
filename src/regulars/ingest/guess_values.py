"""What the first values of a shop's columns look like: numbers, dates, ids, e-mail addresses, or text.

A value is a number here exactly if staging can read it as one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import duckdb
import pandas as pd
import pyarrow as pa

from regulars.config import Format
from regulars.ingest.contracts import Column
from regulars.ingest.guess_dates import Dates, read_dates
from regulars.ingest.values import BLANKS, FALSE, NOTHING, TRUE, Raw, amounts

MOST = 0.95  # of the values: a column of numbers may hold a few that are none
EMAIL = re.compile(r"\S+@\S+\.\S+")
PHONE = re.compile(r"\+?[\d ()/.-]{6,22}")
STATES = frozenset(
    "paid unpaid pending cancelled canceled refunded returned complete completed closed open processing shipped "
    "delivered voided authorized failed partially_refunded partially_paid on-hold draft new invoiced fulfilled".split()
)
CURRENCIES = frozenset(
    "AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KRW MAD MXN MYR NGN NOK NZD "
    "PEN PHP PKR PLN RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR".split()
)
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₺": "TRY", "₽": "RUB"}
_UNITS = re.compile(
    rf"(?<![A-Za-z])(?:{'|'.join(sorted(CURRENCIES))})(?![A-Za-z])|[A-Z]{{1,2}}(?=\$)|(?<=\d)[eE](?=[+-]?\d)"
)
_DOLLARS = {
    "A$": "AUD",
    "AU$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "R$": "BRL",
    "S$": "SGD",
}


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

    def share(self, pattern: re.Pattern[str]) -> float:
        """The share of the written values that a pattern fits from end to end."""
        return float(self.filled.str.fullmatch(pattern).mean()) if len(self.filled) else 0.0

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
    def looks_like_ids(self) -> bool:
        """Short, without blanks inside, neither a date nor an amount with cents."""
        if len(self.filled) == 0 or self.is_email or (self.is_number and not self.is_whole):
            return False
        if self.dates and not self.filled.str.isdigit().all():
            return False
        return self.share(re.compile(r"\S{1,64}")) >= 0.9

    @cached_property
    def currency(self) -> str | None:
        """The currency that signs or codes beside the amounts say, if they say one."""
        signs = self.filled.str.extract(r"([A-Z]{0,2}[$€£¥₹₩₺₽]|(?<![A-Za-z])[A-Z]{3}(?![A-Za-z]))")[
            0
        ].dropna()
        if not self.is_number or signs.empty:
            return None
        sign = str(signs.mode()[0])
        code = _DOLLARS.get(sign) or _SIGNS.get(sign[-1]) or sign
        return code if code in CURRENCIES else None

    def examples(self, count: int = 3) -> list[str]:
        """The first different values."""
        return [str(value) for value in self.filled.drop_duplicates().head(count)]


def profiles_of(rows: pd.DataFrame) -> list[Profile]:
    """A profile of every column.

    Args:
        rows: the first rows of a file, as text, missing as None.

    >>> [p] = profiles_of(pd.DataFrame({"Total": ["1.234,50 €", "7,00 €", None]}))
    >>> p.numbers.tolist(), p.decimal, p.currency
    ([1234.5, 7.0, nan], ',', 'EUR')
    """
    texts = {name: _trimmed(rows[name]) for name in rows.columns}
    unmarked = {name: _without_codes(column) for name, column in texts.items()}
    written = pd.concat([pd.Series(dtype="str"), *unmarked.values()]).dropna().unique()
    point, comma = _numbers(list(written))
    return [
        Profile(name, column, *_told(*_read_as(unmarked[name], point, comma)), read_dates(column))
        for name, column in texts.items()
    ]


def _trimmed(values: pd.Series) -> pd.Series:
    """Texts without blanks around them; what exports write for no value is missing."""
    text = values.astype("str").str.strip(BLANKS)
    return text.mask(values.isna() | text.str.lower().isin(NOTHING))


def _without_codes(texts: pd.Series) -> pd.Series:
    """Texts that have no letters but a currency's: staging, told that a column has amounts, would read SKU-003 as one."""
    has_letters = texts.str.replace(_UNITS, "", regex=True).str.contains("[A-Za-z]", regex=True)
    return texts.mask(has_letters.fillna(False).astype(bool))


def _numbers(texts: Sequence[str]) -> tuple[pd.Series, pd.Series]:
    """The texts as staging would read them as amounts: with a point, and with a comma, before the cents."""
    column = Raw("text", "VARCHAR")
    values = ", ".join(
        f"({amounts(column, given, 'UTC')})::DOUBLE" for given in (Format(decimal="."), Format(decimal=","))
    )
    with duckdb.connect() as connection:
        connection.register("written", pa.table({"text": pa.array(texts, pa.string())}))
        found = connection.sql(f"SELECT {values} FROM written").df()
    return found.iloc[:, 0].set_axis(texts), found.iloc[:, 1].set_axis(texts)


def _read_as(texts: pd.Series, *readings: pd.Series) -> list[pd.Series]:
    return [texts.map(reading).astype("float64") for reading in readings]


def _told(point: pd.Series, comma: pd.Series) -> tuple[pd.Series, str, bool]:
    """The numbers, and what stands before the cents: what most of those values say that can only be read one way."""
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
    if len(profile.filled) == 0:
        return False
    if column.name in _SPECIAL:
        return bool(_SPECIAL[column.name](profile))
    return bool(_KINDS[column.kind](profile))


def _is_words(profile: Profile, words: Sequence[str] | frozenset[str]) -> bool:
    return bool(profile.filled.str.lower().str.replace(" ", "_").isin(words).mean() >= MOST)


def _is_money(profile: Profile) -> bool:
    return profile.is_number


def _is_discount(profile: Profile) -> bool:
    """Money; not a share such as 0.2."""
    size = profile.numbers.dropna().abs()
    return profile.is_number and (size.max() > 1 or size.max() == 0)


def _is_order_id(profile: Profile) -> bool:
    """Ids on nearly all rows, most of them with digits: a person's or a product's name is none."""
    is_filled = len(profile.filled) >= 0.9 * len(profile.texts)
    return is_filled and profile.looks_like_ids and profile.filled.str.contains(r"\d").mean() >= 0.9


def _is_customer_id(profile: Profile) -> bool:
    return profile.looks_like_ids or profile.is_email


def _is_text(profile: Profile) -> bool:
    is_amount = profile.is_number and not profile.is_whole
    return profile.dates is None and not profile.is_email and not is_amount


def _is_phone(profile: Profile) -> bool:
    return profile.share(PHONE) >= 0.8 and profile.dates is None


def _is_name(profile: Profile) -> bool:
    return _is_text(profile) and not profile.is_number


def _is_status(profile: Profile) -> bool:
    named = "status" in profile.name.lower()
    return _is_name(profile) and (named or _is_words(profile, STATES))


def _is_currency(profile: Profile) -> bool:
    return bool(profile.filled.str.upper().isin(CURRENCIES).mean() >= 0.9)


def _is_time(profile: Profile) -> bool:
    return profile.dates is not None


_SPECIAL = {
    "order_id": _is_order_id,
    "customer_id": _is_customer_id,
    "discount": _is_discount,
    "coupon_discount": _is_discount,
    "email_hash": lambda profile: profile.is_email,
    "phone_hash": _is_phone,
    "status": _is_status,
    "currency": _is_currency,
    "country": _is_name,
    "city": _is_name,
}
_KINDS = {
    "id": lambda profile: profile.looks_like_ids,
    "text": _is_text,
    "personal": _is_name,
    "count": lambda profile: profile.is_whole,
    "quantity": _is_money,
    "money": _is_money,
    "flag": lambda profile: _is_words(profile, (*TRUE, *FALSE)),
    "time": _is_time,
    "day": _is_time,
}
