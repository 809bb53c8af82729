"""What is sold: categories, products and their launches, markdowns week by week, and a coupon a month."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from regulars.simulation.chance import inverse, stream
from regulars.simulation.history import Calendar
from regulars.simulation.people import People

# Category: its department, and what its middle product costs, in euros.
CATEGORIES = {
    "Coffee & tea": ("Food", 14), "Sweets": ("Food", 12), "Kitchen": ("Home", 20), "Textiles": ("Home", 22),
    "Lights": ("Home", 19), "Bath": ("Home", 15), "Stationery": ("Leisure", 12), "Toys": ("Leisure", 17),
    "Garden": ("Leisure", 18), "Bags": ("Leisure", 24),
}  # fmt: skip
EACH = 42  # products of a category
TIERS = 3
POOL = EACH // TIERS
NEW_DAYS = 30
FULL_PRICE_DAYS = 60  # what is newer is never marked down
SALES = ((1, 21), (182, 203), (324, 335))  # days of the year
ROUNDS = 40


class Catalogue(NamedTuple):
    """Products by category, and within it from the cheapest to the dearest.

    Attributes:
        cents: list price of each product.
        launched: the day of each; below 0 for what was there before.
        is_private: whether each is of the shop's own brand.
        popularity: cumulative, over all products.
        markdown: product × week: the share of the price taken off; mostly 0.
        coupon: month: the share of an order that the month's coupon takes off.
    """

    cents: np.ndarray
    launched: np.ndarray
    is_private: np.ndarray
    popularity: np.ndarray
    markdown: np.ndarray
    coupon: np.ndarray

    def is_new(self, product: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Whether each product was launched within 30 days before its day."""
        return (self.launched[product] >= 0) & (day - self.launched[product] < NEW_DAYS)


def catalogue(calendar: Calendar, seed: int) -> Catalogue:
    """The shop's products. In each third of each category every other product is there from the beginning."""
    rng = stream(seed, "products")
    middle = np.repeat([price for _, price in CATEGORIES.values()], EACH).reshape(-1, EACH)
    euros = np.sort(middle * rng.lognormal(0, 0.9, middle.shape), axis=1).ravel()
    count = len(euros)
    launched = np.full(count, -1)
    later = np.flatnonzero(np.arange(count) % POOL % 2)
    # Evenly over the history, so that there is something new at every time.
    launched[rng.permutation(later)] = np.linspace(5, calendar.days - 1, len(later)).astype(int)
    cheap = np.arange(count) % EACH < POOL
    return Catalogue(
        cents=np.maximum(np.round(euros), 2).astype(np.int64) * 100 - 1,
        launched=launched,
        is_private=rng.random(count) < np.where(cheap, 0.5, 0.15),
        popularity=np.cumsum(rng.lognormal(0, 0.6, count)),
        markdown=_markdowns(calendar, launched, stream(seed, "markdowns")),
        coupon=stream(seed, "coupons").choice([0.1, 0.15, 0.2], calendar.months[-1] + 1),
    )


def _markdowns(calendar: Calendar, launched: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Product × week: a few products are always marked down, and many in the sales; of the cheap ones hardly any."""
    weeks = np.arange(0, calendar.days, 7)
    of_year = np.array([calendar.dates[day].timetuple().tm_yday for day in weeks])
    in_sale = np.any([(of_year >= start) & (of_year <= end) for start, end in SALES], axis=0)
    size = (len(launched), len(weeks))
    seldom = np.where(np.arange(len(launched)) % EACH < POOL, 0.25, 1.0)
    is_down = rng.random(size) < np.where(in_sale, 0.35, 0.1) * seldom[:, None]
    is_settled = weeks - launched[:, None] >= FULL_PRICE_DAYS
    depth = rng.choice([0.2, 0.3, 0.4], size)
    return np.where(is_down & (is_settled | (launched[:, None] < 0)), depth, 0.0)


def chosen(
    rng: np.random.Generator,
    offered: Catalogue,
    people: People,
    person: np.ndarray,
    day: np.ndarray,
    *,
    wants_new: np.ndarray,
    wants_sale: np.ndarray,
) -> np.ndarray:
    """A product for each row: of the person's taste and purse, launched by the day.

    Who wants something new takes any that is; who wants something marked down looks `ROUNDS` times.

    Args:
        rng: where it comes from.
        offered: the catalogue.
        people: their tastes and purses.
        person: a row of `people`, for each choice.
        day: of each choice.
        wants_new: whether each is to be launched within 30 days.
        wants_sale: whether each is to be marked down.
    """
    product = _newest(rng, offered, day, wants_new)
    waiting = np.flatnonzero(product < 0)
    for _ in range(ROUNDS):
        pool = TIERS * inverse(rng, people.taste[person[waiting]]) + inverse(
            rng, people.purse[person[waiting]]
        )
        drawn = _of_pools(rng, offered.popularity, pool)
        is_there = offered.launched[drawn] <= day[waiting]
        # The first of a pool was there before the history began.
        product[waiting] = np.where(is_there, drawn, POOL * pool)
        is_down = offered.markdown[drawn, day[waiting] // 7] > 0
        waiting = waiting[~(is_there & (is_down | ~wants_sale[waiting]))]
    return product


def _newest(rng: np.random.Generator, offered: Catalogue, day: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """A product launched within 30 days where one is wanted and there is one, else -1."""
    order = np.argsort(offered.launched, kind="stable")
    launches = offered.launched[order]
    first = np.searchsorted(launches, np.maximum(day - NEW_DAYS + 1, 0))
    last = np.searchsorted(launches, day, side="right")
    place = first + (rng.random(len(day)) * (last - first)).astype(np.int64)
    return np.where(wanted & (last > first), order[np.minimum(place, len(order) - 1)], -1)


def _of_pools(rng: np.random.Generator, popularity: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """A product of each pool, by popularity."""
    edges = np.concatenate([[0.0], popularity])
    low, high = edges[POOL * pool], edges[POOL * (pool + 1)]
    drawn = np.searchsorted(popularity, low + rng.random(len(pool)) * (high - low), side="right")
    return np.clip(drawn, POOL * pool, POOL * (pool + 1) - 1)


def product_ids() -> np.ndarray:
    """The products' ids, in the catalogue's order."""
    return np.array([f"P{1 + place:04d}" for place in range(EACH * len(CATEGORIES))], dtype=object)


def category_of(product: np.ndarray) -> np.ndarray:
    """The place of each product's category."""
    return product // EACH


def product_table(offered: Catalogue) -> pa.Table:
    """One row per product."""
    names = np.repeat(np.array(list(CATEGORIES), dtype=object), EACH)
    numbers = np.tile(np.arange(1, EACH + 1), len(CATEGORIES))
    return pa.table(
        {
            "product_id": product_ids(),
            "product": [f"{name} no. {number}" for name, number in zip(names, numbers, strict=True)],
            "category": names,
            "department": np.repeat([department for department, _ in CATEGORIES.values()], EACH),
            "is_private_brand": offered.is_private,
        }
    )
