"""Shops simulated purchase by purchase, and how often the models' intervals contain what they were simulated from.

`python -m tests.value.recovery --shops 2000` prints the table of `docs/methods.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd

from regulars.value import BetaGeo, GammaGamma, ParetoNBD
from regulars.value.likelihood import Floats, MaximumLikelihood

Rng = np.random.Generator

CUSTOMERS = 2000
TRUTH = {  # what CDNOW's customers are like, in weeks and dollars
    "BG/NBD": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
    "Pareto/NBD": {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669},
    "Gamma-Gamma": {"p": 6.25, "q": 3.74, "v": 15.44},
}
MODELS: dict[str, type[MaximumLikelihood]] = {
    "BG/NBD": BetaGeo,
    "Pareto/NBD": ParetoNBD,
    "Gamma-Gamma": GammaGamma,
}


def observed(rng: Rng, customers: int) -> Floats:
    """How long each customer is observed: they first bought in the first twelve of thirty-nine weeks."""
    return rng.uniform(27, 39, customers)


def purchase_times(rng: Rng, rate: Floats, end: Floats, leaves: Callable[[Floats], Floats]) -> list[Floats]:
    """The times of purchases at a rate until an end, one array a round, NaN where a customer is through.

    Args:
        rng: where luck comes from.
        rate: each customer's purchases per unit of time.
        end: when each customer is no longer watched, or has left.
        leaves: for each of some uniform numbers, one a customer and round, whether the customer leaves after the purchase.
    """
    time, here = np.zeros_like(rate), np.ones(len(rate), dtype=bool)
    rounds = []
    while here.any():
        with np.errstate(divide="ignore", over="ignore"):
            time = time + rng.exponential(size=len(rate)) / rate
        here &= time <= end
        rounds.append(np.where(here, time, np.nan))
        here &= ~leaves(rng.random(len(rate))).astype(bool)
    return rounds


def history(rounds: list[Floats], T: Floats) -> pd.DataFrame:
    """Frequency, recency and T of times of purchases."""
    times = np.array(rounds)
    bought = np.isfinite(times)
    recency = np.where(bought, times, 0.0).max(axis=0)
    return pd.DataFrame({"frequency": bought.sum(axis=0).astype(float), "recency": recency, "T": T})


def beta_geo_shop(
    rng: Rng, customers: int, r: float, alpha: float, a: float, b: float, T: Floats | None = None
) -> pd.DataFrame:
    """Customers who flip their own coin after each repeat purchase, and are gone if it says so."""
    watched = observed(rng, customers) if T is None else T
    rate, leaving = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    return history(purchase_times(rng, rate, watched, lambda luck: luck < leaving), watched)


def pareto_shop(
    rng: Rng, customers: int, r: float, alpha: float, s: float, beta: float, T: Floats | None = None
) -> pd.DataFrame:
    """Customers who leave after an exponential time."""
    watched = observed(rng, customers) if T is None else T
    rate = rng.gamma(r, 1 / alpha, customers)
    with np.errstate(divide="ignore", over="ignore"):
        left = rng.exponential(size=customers) / rng.gamma(s, 1 / beta, customers)
    return history(purchase_times(rng, rate, np.minimum(left, watched), np.zeros_like), watched)


def gamma_gamma_shop(rng: Rng, customers: int, p: float, q: float, v: float) -> pd.DataFrame:
    """Customers who pay gamma distributed amounts, each at a scale of their own."""
    purchases = rng.geometric(0.4, customers)
    amounts = rng.gamma(p, 1 / np.repeat(rng.gamma(q, 1 / v, customers), purchases))
    customer = np.repeat(np.arange(customers), purchases)
    means = np.bincount(customer, amounts) / purchases
    return pd.DataFrame({"frequency": purchases.astype(float), "monetary_value": means})


SHOPS: dict[str, Callable[..., pd.DataFrame]] = {
    "BG/NBD": beta_geo_shop,
    "Pareto/NBD": pareto_shop,
    "Gamma-Gamma": gamma_gamma_shop,
}


def fits(model: str, shops: int, seed: int, customers: int = CUSTOMERS) -> pd.DataFrame:
    """The `summary()` of every simulated shop's fit: `shop`, `parameter`, `problem`, and whether the interval `covers`."""
    truth = pd.Series(TRUTH[model])
    tables = []
    for shop, rng in enumerate(np.random.default_rng(seed).spawn(shops)):
        fitted = MODELS[model]().fit(SHOPS[model](rng, customers, **TRUTH[model]))
        table = fitted.summary().assign(shop=shop, problem=fitted.problem_)
        tables.append(table.assign(covers=(table["low"] <= truth) & (truth <= table["high"])))
    return pd.concat(tables).reset_index()


def coverage(model: str, shops: int, seed: int, customers: int = CUSTOMERS) -> pd.Series:
    """Of each parameter, the share of shops whose 95 % interval contains it; a fit that has none does not."""
    covers = fits(model, shops, seed, customers).groupby("parameter", sort=False)["covers"]
    return covers.mean().rename(model)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="How often 95 % intervals contain the truth, as a Markdown table."
    )
    parser.add_argument("--shops", type=int, default=200, help="simulated shops a model")
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help="customers of a shop")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print("| model | parameter | truth | coverage of the 95 % interval |\n| --- | --- | ---: | ---: |")
    for model, truth in TRUTH.items():
        for name, share in coverage(model, given.shops, given.seed, given.customers).items():
            print(f"| {model} | {name} | {truth[str(name)]:g} | {share:.1%} |", flush=True)


if __name__ == "__main__":
    main()
