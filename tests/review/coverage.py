"""Whether the intervals of the key figures hold the truth, in simulated shops where few customers spend most of the money.

`python -m tests.review.coverage --shops 1000` prints the table of `docs/methods.md`.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regulars.engine import Engine
from regulars.month import Month
from regulars.review.kpis import compare_months
from regulars.review.register import KPIS
from regulars.review.waiting import time_to_repeat

THEN, NOW = Month(2017, 10), Month(2017, 11)
SHAPE, RATE = 0.8, 0.6  # of the gamma distribution of orders a month
DRAWS = 300


class Tails(NamedTuple):
    """A shop: customers to be expected, and the spread of the logarithm of a customer's, and of an order's, amount."""

    customers: int
    between: float
    within: float


SHOPS = (Tails(500, 0.5, 0.7), Tails(500, 1.0, 1.0), Tails(2000, 1.0, 1.0), Tails(2000, 1.3, 1.0))


def shop_of(rng: np.random.Generator, tails: Tails) -> pd.DataFrame:
    """Five months of customers who buy at random at rates of their own, of which the last two are alike."""
    count = rng.poisson(tails.customers)
    orders = rng.poisson(rng.gamma(SHAPE, RATE / SHAPE, count)[:, None], (count, 5))
    size = rng.lognormal(-(tails.between**2) / 2, tails.between, count)  # mean 1
    who, when = np.nonzero(orders)
    each = orders[who, when]
    amounts = rng.lognormal(-(tails.within**2) / 2, tails.within, each.sum())
    revenue = np.bincount(np.repeat(np.arange(len(who)), each), amounts, len(who)) * size[who]
    months = np.array([f"2017-{number:02d}" for number in range(7, 12)])[when]
    return pd.DataFrame(
        {"customer": who, "is_guest": False, "month": months, "orders": each, "revenue": revenue}
    )


def truth(tails: Tails, month: int) -> list[float]:
    """What is to be expected of `KPIS` in a month, counted from 0; negative binomial counts."""

    def none(months: int) -> float:
        return float((1 + RATE * months / SHAPE) ** -SHAPE)

    once = SHAPE * (RATE / SHAPE) / (1 + RATE / SHAPE) * none(1)
    n = tails.customers
    first = n * (none(month) - none(month + 1))
    return [n * (1 - none(1)), n * RATE, n * RATE, 1.0, (1 - none(1) - once) / (1 - none(1)), first]


def held(tails: Tails, seed: int) -> np.ndarray:
    """Of each key figure whether its interval holds the truth, and that of its change: shape (2, figures)."""
    rng = np.random.default_rng([tails.customers, int(10 * tails.between), seed])
    found = compare_months(shop_of(rng, tails), NOW, Month(2017, 7), draws=DRAWS, random_state=seed)
    true, before = np.array(truth(tails, 4)), np.array(truth(tails, 3))
    change = true / before - 1
    return np.array(
        [
            (found["low"] <= true) & (true <= found["high"]),
            (found["change_low"] <= change) & (change <= found["change_high"]),
        ]
    )


def orders_at_random(rng: np.random.Generator, customers: int, end: int) -> pd.DataFrame:
    """A year of order days; each customer's waits are geometric, with a chance a day of their own."""
    chance = rng.beta(1.0, 30.0, rng.poisson(customers))
    ordered = rng.random((len(chance), 365)) < chance[:, None]
    who, day = np.nonzero(ordered)
    return pd.DataFrame({"customer_id": [f"c{i}" for i in who], "ordered_day": end - 365 + day})


def median_held(customers: int, seed: int) -> bool:
    """Whether the interval of the median time to repeat holds the truth: of orders, so of chances drawn Beta(2, 30)."""
    rng, engine = np.random.default_rng([customers, seed]), Engine()
    frame = orders_at_random(rng, customers, NOW.snapshot_day)
    lazy = nw.from_native(engine.connection.from_df(frame))
    row = time_to_repeat(engine, lazy, NOW, NOW, draws=DRAWS, random_state=seed).iloc[0]
    days = np.arange(1, 400)
    # P(no order in d days) is the mean of (1 − p)^d over Beta(2, 30).
    waiting = np.exp([sum(np.log((30 + k) / (32 + k)) for k in range(d)) for d in days])
    true = days[waiting <= 0.5][0]
    return bool(row["low"] <= true <= row["high"])


def coverage(tails: Tails, shops: int, processes: int = 2) -> np.ndarray:
    """The share of so many shops whose intervals hold the truth: shape (2, figures)."""
    found = Parallel(n_jobs=processes)(delayed(held)(tails, seed) for seed in range(shops))
    return np.mean(found, axis=0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=1000)
    shops = parser.parse_args().shops
    names = " | ".join(kpi.name for kpi in KPIS)
    print(f"| customers, spread between and within | | {names} |\n| --- | --- |{' --- |' * len(KPIS)}")
    for tails in SHOPS:
        for what, row in zip(("value", "change"), coverage(tails, shops), strict=True):
            cells = " | ".join(f"{share:.1%}" for share in row)
            print(f"| {tails.customers:,}, {tails.between}, {tails.within} | {what} | {cells} |", flush=True)
    medians = Parallel(n_jobs=2)(delayed(median_held)(500, seed) for seed in range(shops // 2))
    print(f"\nTime to repeat, 500 customers: {np.mean(medians):.1%}")


if __name__ == "__main__":
    main()
