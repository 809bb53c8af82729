"""Shops in which nothing happens: customers come and go, buy at rates of their own, with seasons, growth and noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from regulars.month import Month

LEAVE = 0.05  # of the customers a month
DAYS = 365.2425 / 12


class Quiet(NamedTuple):
    """What a shop is like: customers at the start, its season's amplitude and shape, growth and noise a month."""

    customers: float
    amplitude: float
    growth: float
    noise: float
    shape: str = "cycle"
    spread: float = 0.7  # of the logarithm of an order's amount


def drawn(rng: np.random.Generator) -> Quiet:
    """A shop out of many: 300 to 5,000 customers, season up to 15 %, growth up to 3 % a month either way, noise up to 5 %."""
    return Quiet(rng.uniform(300, 5000), rng.uniform(0, 0.15), rng.uniform(-0.03, 0.03), rng.uniform(0, 0.05))


def months_of(count: int, last: Month) -> list[Month]:
    """So many months, up to one."""
    months = [last]
    while len(months) < count:
        months.insert(0, months[0].previous)
    return months


def activity(
    rng: np.random.Generator,
    shop: Quiet,
    months: list[Month],
    *,
    dip: float = 0.0,
    by: str = "orders",
    over: int = 1,
) -> pd.DataFrame:
    """What `monthly_activity` would return of such a shop.

    Args:
        rng: draws all of it.
        shop: what it is like.
        months: consecutive.
        dip: the share that the last month loses.
        by: "orders", each lost at random; or "amounts", each cut.
        over: the dip comes about over so many months, in equal steps.
    """
    rates, prices = _factors(rng, shop, months)
    t = np.arange(len(months))
    newcomers = rng.poisson(shop.customers * LEAVE, len(months))
    entered = np.repeat(np.r_[-1, t], np.r_[rng.poisson(shop.customers), newcomers])
    left = entered + rng.geometric(LEAVE, len(entered)) + (entered < 0)
    there = (t >= entered[:, None]) & (t < left[:, None])
    lost = np.zeros(len(t))
    lost[len(t) - over :] = dip * np.arange(1, over + 1) / over
    orders = rng.poisson(rng.gamma(0.8, 0.75, len(entered))[:, None] * rates * there)
    if by == "orders":
        orders = rng.binomial(orders, 1 - lost)
    who, when = np.nonzero(orders)
    count = orders[who, when]
    amounts = rng.lognormal(3.4, shop.spread, count.sum()) * np.repeat(
        np.exp(rng.normal(0, 0.5, len(entered)))[who] * prices[when], count
    )
    revenue = np.bincount(np.repeat(np.arange(len(who)), count), amounts, len(who))
    if by == "amounts":
        revenue *= 1 - lost[when]
    names = np.array([str(month) for month in months])
    return pd.DataFrame(
        {"customer": who, "is_guest": False, "month": names[when], "orders": count, "revenue": revenue}
    )


def _factors(rng: np.random.Generator, shop: Quiet, months: list[Month]) -> tuple[np.ndarray, np.ndarray]:
    """By how much each month's orders, and its amounts, are more than the base."""
    phase, calendar = rng.uniform(0, 12), rng.uniform(-1, 1, 12)
    number = np.array([month.number for month in months])
    season = {
        "cycle": np.cos(2 * np.pi * (number - phase) / 12),
        "months": calendar[number - 1],
        "peak": (number == int(phase) + 1).astype(float),
    }[shop.shape]
    days = np.array([month.days for month in months]) / DAYS
    t = np.arange(len(months))
    rates = np.exp(shop.amplitude * season + shop.growth * t + rng.normal(0, shop.noise, len(t))) * days
    return rates, np.exp(rng.normal(0, shop.noise / 2, len(t)))
