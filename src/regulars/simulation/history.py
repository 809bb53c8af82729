"""The days of the history, and how busy each is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from regulars.month import day_number

SECONDS = 86_400


class Calendar(NamedTuple):
    """The history's days, numbered from 0.

    Attributes:
        first: the first day.
        days: how many there are.
    """

    first: date
    days: int

    @property
    def number(self) -> int:
        """The day number (days since 1970-01-01) of day 0."""
        return day_number(self.first)

    @property
    def dates(self) -> list[date]:
        """The days as dates."""
        return [self.first + timedelta(days=day) for day in range(self.days)]

    @property
    def months(self) -> np.ndarray:
        """Each day's month, numbered from that of day 0."""
        return np.array(
            [12 * (day.year - self.first.year) + day.month - self.first.month for day in self.dates]
        )

    def busy(self) -> np.ndarray:
        """What had been done of the history's business when each day began, and at the end: from 0 to `days`.

        The weeks before Christmas are the busiest, August the quietest.
        """
        of_year = np.array([day.timetuple().tm_yday for day in self.dates])
        daily = 1 + 0.45 * _hill(of_year, 340, 20) - 0.2 * _hill(of_year, 220, 25)
        sums = np.concatenate([[0.0], np.cumsum(daily)])
        return sums * self.days / sums[-1]

    def day_of(self, business: np.ndarray) -> np.ndarray:
        """The days on which so much of the history's business had been done: evenly spread business, unevenly spread days."""
        found = np.interp(business, self.busy(), np.arange(self.days + 1))
        return np.minimum(found.astype(np.int64), self.days - 1)

    def times(self, day: np.ndarray, second: np.ndarray) -> pa.Array:
        """Local times; null where the day is after the history."""
        stamps = ((self.number + day) * SECONDS + second).astype("datetime64[s]").astype("datetime64[us]")
        return pa.array(stamps, mask=day >= self.days)


def _hill(day: np.ndarray, top: int, width: int) -> np.ndarray:
    return np.exp(-(((day - top) / width) ** 2))
