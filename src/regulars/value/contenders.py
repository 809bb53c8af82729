"""Who may forecast: two models, and the simple rules that they have to beat, on equal terms.

Each is fitted to customers as of a day and to the window that ends on it, and says for each customer how many purchases
and how much revenue to expect in the days to come.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from regulars.value.beta_geo import BetaGeo
from regulars.value.gamma_gamma import GammaGamma
from regulars.value.histories import WEEK, Window
from regulars.value.likelihood import Floats, ModelError
from regulars.value.pareto import ParetoNBD
from regulars.value.purchases import PurchaseModel

LEAST_BACK = 30  # customers who came back, below which no model is fitted
BINS = 20  # of customers with like forecasts, for the spread of a rule's errors


class Contender(ABC):
    """A way to forecast.

    Attributes:
        name: what it is called on the pages.
        rule: what it does, in a sentence.
        problem: why it is not to be used, in words; empty if it is.
    """

    name: str
    rule: str
    problem: str = ""

    @abstractmethod
    def fit(self, customers: pd.DataFrame, last: Window) -> Self:
        """Learn from customers as of a day, and from the window that ends on it."""

    @abstractmethod
    def forecast(self, customers: pd.DataFrame, days: float) -> pd.DataFrame:
        """The `purchases` and `revenue` to expect of each customer in the next days; missing where nothing was fitted."""

    @abstractmethod
    def futures(
        self, customers: pd.DataFrame, days: float, number: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """What each customer brings in drawn futures: shape (number, customers). All that is uncertain is drawn: what the fit
        leaves open, and luck.
        """


class Amounts:
    """What a purchase to come is worth: by Gamma-Gamma, or where that cannot be used what it was to the customer so far."""

    def __init__(self) -> None:
        self.model, self.problem = GammaGamma(), ""
        self._of: pd.DataFrame | None = None

    def fit(self, customers: pd.DataFrame) -> None:
        """Once for the same customers, for both models of purchases."""
        if customers is self._of:
            return
        self._of = customers
        try:
            self.problem = self.model.fit(_amounts(customers[customers["monetary_value"] > 0])).problem_
        except ModelError as error:
            self.problem = str(error)

    def expected(self, customers: pd.DataFrame) -> Floats:
        """The mean amount of each customer's purchases to come."""
        if self.problem:
            return _own_mean(customers)
        return self.model.expected_value(_amounts(customers))

    def spend(self, customers: pd.DataFrame, purchases: Floats, rng: np.random.Generator) -> Floats:
        """What each customer spends on a number of purchases, drawn."""
        if self.problem:
            return purchases * self.expected(customers)
        return self.model.drawn(rng).draw_spend(_amounts(customers), purchases, rng)


class Modelled(Contender):
    """A model of purchases, times a Gamma-Gamma model of what a purchase is worth."""

    def __init__(self, model: PurchaseModel, amounts: Amounts, name: str, rule: str) -> None:
        self.model, self.amounts, self.name, self.rule = model, amounts, name, rule

    def fit(self, customers: pd.DataFrame, last: Window) -> Self:  # noqa: ARG002
        try:
            if (customers["frequency"] > 0).sum() < LEAST_BACK:
                raise ModelError(f"fewer than {LEAST_BACK} customers have come back")
            self.model.fit(customers)
            self.problem = self.model.problem_
        except ModelError as error:
            self.problem = str(error)
        self.amounts.fit(customers)
        return self

    def forecast(self, customers: pd.DataFrame, days: float) -> pd.DataFrame:
        if not hasattr(self.model, "params_"):
            return _forecast(customers, np.nan, np.nan)
        with np.errstate(all="ignore"):  # a refused fit may be anywhere
            purchases = self.model.expected_purchases(customers, days / WEEK)
        return _forecast(customers, purchases, purchases * self.amounts.expected(customers))

    def futures(
        self, customers: pd.DataFrame, days: float, number: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        found = np.empty((number, len(customers)), dtype=np.float32)
        for place in range(number):
            purchases = self.model.drawn(rng).draw_purchases(customers, days / WEEK, rng)
            found[place] = self.amounts.spend(customers, purchases, rng)
        return found


class Rule(Contender):
    """A simple rule. How sure it is, it learns from the last window: from what became of customers with like forecasts."""

    def fit(self, customers: pd.DataFrame, last: Window) -> Self:  # noqa: ARG002
        self.learn(last)
        self.last = last
        return self

    @abstractmethod
    def learn(self, last: Window) -> None:
        """What the rule takes from the last window."""

    def futures(
        self, customers: pd.DataFrame, days: float, number: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Each customer's forecast times what became of the forecast of a like customer of the last window, drawn by lot.

        In the mean of the like, with forecasts in the same twentieth, the forecast stands as it is. The window itself
        is drawn anew each time, as its customers might have been others.
        """
        given = self.forecast(customers, days)["revenue"].to_numpy()
        before = self.forecast(self.last.customers, self.last.days)["revenue"].to_numpy()
        edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
        alike = self.forecast(customers, self.last.days)["revenue"].to_numpy()
        past, now = (np.searchsorted(edges, one, side="right") for one in (before, alike))
        became = self.last.outcome["revenue"].to_numpy() / np.where(before > 0, before, 1.0)
        level = pd.Series(became).groupby(past).transform("mean").to_numpy()
        became = np.divide(became, level, out=np.ones_like(became), where=level > 0)
        found = np.empty((number, len(customers)), dtype=np.float32)
        for place in range(number):
            drawn = rng.integers(len(past), size=len(past))
            for bin_ in np.unique(now):
                like = drawn[past[drawn] == bin_]
                here = now == bin_
                found[place, here] = given[here] * rng.choice(
                    became[like if len(like) else drawn], here.sum()
                )
        return found


class OwnRate(Rule):
    """Everybody goes on at their own pace."""

    name = "own rate"
    rule = "repeat purchases per day so far, at the mean value of a purchase so far"

    def learn(self, last: Window) -> None:
        pass

    def forecast(self, customers: pd.DataFrame, days: float) -> pd.DataFrame:
        x, T = customers["frequency"].to_numpy(), customers["T"].to_numpy()
        purchases = np.divide(x, T, out=np.zeros_like(T), where=T > 0) * days / WEEK
        return _forecast(customers, purchases, purchases * _own_mean(customers))


class PastSpend(Rule):
    """Who brought more, brings more."""

    name = "scaled past spend"
    rule = "all past revenue and purchases, times what the last window brought for each unit of them"

    def learn(self, last: Window) -> None:
        self.factors = {
            name: _ratio(last.outcome[name].sum(), last.customers[name].sum()) / last.days
            for name in ("purchases", "revenue")
        }

    def forecast(self, customers: pd.DataFrame, days: float) -> pd.DataFrame:
        return _forecast(
            customers,
            # Of whom more came back than was ever sold nothing less than nothing is expected.
            *(
                customers[name].clip(lower=0).to_numpy() * factor * days
                for name, factor in self.factors.items()
            ),
        )


class Hiatus(Rule):
    """Who has been away for too long is gone; the others are alike."""

    name = "hiatus rule"

    def __init__(self, hiatus_days: int) -> None:
        self.weeks = hiatus_days / WEEK
        self.rule = (
            f"nothing from whoever has been away for more than {hiatus_days} days; from the others their mean"
        )

    def is_here(self, customers: pd.DataFrame) -> Floats:
        """1 for a customer whose last purchase is no longer ago, 0 for the others."""
        return np.asarray(customers["T"] - customers["recency"] <= self.weeks, dtype=float)

    def learn(self, last: Window) -> None:
        here = self.is_here(last.customers)
        self.means = {
            name: _ratio(float(here @ last.outcome[name]), here.sum()) / last.days
            for name in ("purchases", "revenue")
        }

    def forecast(self, customers: pd.DataFrame, days: float) -> pd.DataFrame:
        here = self.is_here(customers)
        return _forecast(customers, *(here * mean * days for mean in self.means.values()))


class AlwaysMean(Rule):
    """All customers are alike."""

    name = "always the mean"
    rule = "of everybody the mean of the last window"

    def learn(self, last: Window) -> None:
        self.means = last.outcome.mean() / last.days

    def forecast(self, customers: pd.DataFrame, days: float) -> pd.DataFrame:
        return _forecast(customers, *(np.full(len(customers), mean * days) for mean in self.means))


def contenders(hiatus_days: int) -> list[Contender]:
    """All of them, the simplest first."""
    amounts = Amounts()
    return [
        AlwaysMean(),
        PastSpend(),
        Hiatus(hiatus_days),
        OwnRate(),
        Modelled(
            BetaGeo(), amounts, "BG/NBD", "customers buy at their own rate and may leave after any purchase"
        ),
        Modelled(
            ParetoNBD(), amounts, "Pareto/NBD", "customers buy at their own rate and may leave at any time"
        ),
    ]


def amounts_depend(customers: pd.DataFrame) -> float:
    """The rank correlation of purchases and their mean amount among who came back, which Gamma-Gamma assumes to be none."""
    back = customers[customers["frequency"] > 0]
    return float(stats.spearmanr(back["frequency"], back["monetary_value"]).statistic)


def _own_mean(customers: pd.DataFrame) -> Floats:
    """What a purchase brought so far; nothing from whom more came back than was sold."""
    return customers["monetary_value"].clip(lower=0).to_numpy()


def _amounts(customers: pd.DataFrame) -> pd.DataFrame:
    """For the model of amounts; whoever brought nothing, net of returns, tells nothing and counts as average."""
    told = customers["monetary_value"] > 0
    return pd.DataFrame(
        {
            "frequency": customers["purchases"].where(told, 0.0),
            "monetary_value": customers["monetary_value"].where(told, 0.0),
        }
    )


def _forecast(customers: pd.DataFrame, purchases: Any, revenue: Any) -> pd.DataFrame:
    return pd.DataFrame({"purchases": purchases, "revenue": revenue}, index=customers.index)


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole > 0 else 0.0
