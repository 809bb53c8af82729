"""Newsletters and coupons: what was sent to whom, opened, clicked and redeemed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from regulars.simulation.archetypes import column
from regulars.simulation.chance import spread, stream
from regulars.simulation.history import Calendar
from regulars.simulation.orders import Orders
from regulars.simulation.people import NEVER, People

SENT_HOUR = 9


class Letters(NamedTuple):
    """One row per newsletter that a customer was sent.

    Attributes:
        person: to whom.
        day: when.
        is_opened: whether it was opened, on that day.
        second: of the day, if it was.
        is_clicked: whether it then was clicked.
    """

    person: np.ndarray
    day: np.ndarray
    is_opened: np.ndarray
    second: np.ndarray
    is_clicked: np.ndarray


def letters(calendar: Calendar, persons: People, seed: int) -> Letters:
    """A newsletter each Tuesday, to all who then have agreed to it."""
    tuesdays = np.arange((1 - calendar.first.weekday()) % 7, calendar.days, 7)
    person, place = np.nonzero(_may_write(persons, tuesdays))
    day, rng = tuesdays[place], stream(seed, "letters")
    opens, clicks = (spread(rng, column(name)[persons.kind]) for name in ("opens", "clicks"))
    is_there = day <= persons.until[person]
    is_opened = (rng.random(len(day)) < opens[person]) & is_there
    waited = np.minimum(rng.exponential(2.5, len(day)), 12.5)
    second = ((SENT_HOUR + waited) * 3600).astype(np.int64)
    return Letters(person, day, is_opened, second, is_opened & (rng.random(len(day)) < clicks[person]))


def _may_write(persons: People, days: np.ndarray) -> np.ndarray:
    """Customer × day: whether there was consent from its beginning to its end."""
    agreed = (persons.opted_in[:, None] < days) & (persons.opted_in < NEVER)[:, None]
    return agreed & (persons.opted_out[:, None] > days)


def contact_table(calendar: Calendar, persons: People, sent: Letters, placed: Orders) -> pa.Table:
    """One row per newsletter and per coupon sent, and per coupon redeemed."""
    dates = np.array(calendar.dates)
    months = calendar.months
    firsts = np.flatnonzero(np.diff(months, prepend=-1))  # the month's first day
    who, place = np.nonzero(_may_write(persons, firsts))
    redeemed = np.flatnonzero(placed.has_coupon & ~placed.is_guest & ~placed.is_cancelled)
    weekly = np.array([f"newsletter-{day:%G-%V}" for day in dates], dtype=object)
    coupon = np.array([f"coupon-{day:%Y-%m}" for day in dates], dtype=object)
    person = np.concatenate([sent.person, who, placed.person[redeemed]])
    day = np.concatenate([sent.day, firsts[place], placed.day[redeemed]])
    count = len(sent.person)
    is_redeemed = np.arange(len(day)) >= count + len(who)
    codes = np.array([f"SAVE-{day:%Y-%m}" for day in dates], dtype=object)
    return pa.table(
        {
            "customer_id": persons.ids(person, day),
            "kind": np.where(is_redeemed, "coupon redeemed", "campaign sent").astype(object),
            "campaign_id": np.concatenate([weekly[day[:count]], coupon[day[count:]]]),
            "coupon_id": pa.array(codes[day], pa.string(), mask=~is_redeemed),
            "contacted_day": (calendar.number + day).astype(np.int32),
        }
    )
