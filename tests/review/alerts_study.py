"""How often a shop in which nothing happens sees an alert, and how often a dip is seen.

`python -m tests.review.alerts_study --shops 500` prints the table of `docs/methods.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed

from regulars.month import Month
from regulars.review.alerts import watch
from tests.review.quiet import Quiet, activity, drawn, months_of


class Case(NamedTuple):
    """What is simulated: the months there are, the dip, and what is changed in the shops that are drawn."""

    name: str
    months: int = 12
    dip: float = 0.0
    by: str = "orders"
    over: int = 1
    changed: Callable[[Quiet], Quiet] = lambda shop: shop


QUIET = (
    Case("quiet, 12 months"),
    Case("quiet, 7 months", 7),
    Case("quiet, 24 months", 24),
    Case("quiet, 300 to 600 customers", changed=lambda s: s._replace(customers=300 + s.customers * 0.06)),
    Case("quiet, season of 15 %", changed=lambda s: s._replace(amplitude=0.15)),
    Case("quiet, every calendar month on its own, up to 15 %", changed=lambda s: s._replace(shape="months")),
    Case("quiet, one peak month of 50 %", changed=lambda s: s._replace(shape="peak", amplitude=0.4)),
    Case("quiet, heavy tails", changed=lambda s: s._replace(spread=1.2)),
)
PLANTED = (
    Case("a quarter of the orders lost", dip=0.25),
    Case("amounts cut by a quarter", dip=0.25, by="amounts"),
    Case("a quarter of the orders lost, 7 months", 7, dip=0.25),
    Case("half of the orders lost over three months", dip=0.5, over=3),
)


def alerts(case: Case, seed: int) -> tuple[int, float]:
    """How many alerts the last month of a simulated shop has, and how many customers the shop began with."""
    shop = case.changed(drawn(np.random.default_rng([1, seed])))
    last = Month(2016 + seed % 3, 1 + seed % 12)
    months = months_of(case.months, last)
    rng = np.random.default_rng([2, seed])
    found = watch(activity(rng, shop, months, dip=case.dip, by=case.by, over=case.over), months)
    return int(found.alert is not None), shop.customers


def over_months(seed: int, fewest: int, count: int) -> list[bool]:
    """Of each month of a quiet shop, from the one with so many months on, whether it has an alert."""
    shop = drawn(np.random.default_rng([1, seed]))
    months = months_of(count, Month(2016 + seed % 3, 1 + seed % 12))
    all_of_it = activity(np.random.default_rng([2, seed]), shop, months)
    return [
        watch(all_of_it[all_of_it["month"] <= str(months[n - 1])], months[:n]).alert is not None
        for n in range(fewest, count + 1)
    ]


def outcomes(case: Case, shops: int, processes: int = 2) -> np.ndarray:
    """Alerts and customers of so many shops: shape (shops, 2)."""
    return np.array(Parallel(n_jobs=processes)(delayed(alerts)(case, seed) for seed in range(shops)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=500)
    shops = parser.parse_args().shops
    print(
        "| simulated shops | with an alert | of those with fewer than 1,000 customers |\n| --- | --- | --- |"
    )
    for case in (*QUIET, *PLANTED):
        found = outcomes(case, shops)
        small = found[found[:, 1] < 1000, 0]
        print(f"| {case.name} | {found[:, 0].mean():.1%} | {small.mean():.1%} |", flush=True)
    for fewest, count, name in (
        (7, 12, "first year, months 7 to 12"),
        (13, 24, "second year"),
    ):  # a fifth of the shops
        seen = np.array(Parallel(n_jobs=2)(delayed(over_months)(s, fewest, count) for s in range(shops // 5)))
        print(f"| quiet, {name}: a month | {seen.mean():.1%} | |")
        print(f"| quiet, {name}: any of these months | {seen.any(axis=1).mean():.1%} | |", flush=True)


if __name__ == "__main__":
    main()
