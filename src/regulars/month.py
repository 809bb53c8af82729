"""A calendar month, and the integer days (since 1970-01-01) on which its snapshot is taken."""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from regulars.errors import RegularsError

EPOCH = date(1970, 1, 1).toordinal()


class MonthError(RegularsError):
    """A month that cannot be read, or that the shop has no complete data for."""


def day_number(day: date) -> int:
    """Days from 1970-01-01 to `day`.

    >>> day_number(date(2017, 10, 1))
    17440
    """
    return day.toordinal() - EPOCH


def day_date(number: int) -> date:
    """The date that `day_number` came from.

    >>> day_date(17440)
    datetime.date(2017, 10, 1)
    """
    return date.fromordinal(int(number) + EPOCH)


class Month(NamedTuple):
    """A calendar month; it sorts and compares as time does.

    >>> month = Month.parse("2017-12")
    >>> str(month), str(month.next), month.title, month.days
    ('2017-12', '2018-01', 'December 2017', 31)
    """

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read `YYYY-MM`.

        Raises:
            MonthError: if the text is not a month.
        """
        found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
        if not found:
            raise MonthError(
                f"'{text}' is not a month: write YYYY-MM, such as 2017-12, or 'latest' for the last complete one."
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"

    @property
    def title(self) -> str:
        """The month in words."""
        return date(self.year, self.number, 1).strftime("%B %Y")

    @property
    def next(self) -> Month:
        """The month after."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def previous(self) -> Month:
        """The month before."""
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)

    @property
    def first_day(self) -> int:
        """Its first day, as a day number."""
        return day_number(date(self.year, self.number, 1))

    @property
    def snapshot_day(self) -> int:
        """The day at whose first instant the month's snapshot is taken: the first of the next month."""
        return self.next.first_day

    @property
    def days(self) -> int:
        """How many days the month has."""
        return self.snapshot_day - self.first_day

    @classmethod
    def of_day(cls, number: int) -> Month:
        """The month that a day number lies in.

        >>> str(Month.of_day(17440))
        '2017-10'
        """
        day = day_date(number)
        return cls(day.year, day.month)


def months_between(first: Month, last: Month) -> list[Month]:
    """Every month from `first` to `last`, both included.

    >>> [str(m) for m in months_between(Month(2017, 11), Month(2018, 1))]
    ['2017-11', '2017-12', '2018-01']
    """
    months = []
    while first <= last:
        months.append(first)
        first = first.next
    return months
