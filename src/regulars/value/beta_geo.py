"""BG/NBD: customers buy at a rate of their own, and after any purchase may leave for good.

Fader, Hardie and Lee (2005), '"Counting your customers" the easy way', Marketing Science 24(2): rates are gamma
distributed (r, α), the probability of leaving after a purchase is beta distributed (a, b).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, hyp2f1

from regulars.value.likelihood import Data, Floats
from regulars.value.purchases import Gathered, PurchaseModel

LEAST_LEAVING = 0.001  # a mean probability of leaving below this: the model knows only that nobody leaves


class BetaGeo(PurchaseModel):
    """The BG/NBD model.

    Whoever bought once cannot have left, by its assumptions: their probability of being alive is 1.

    >>> import pandas as pd
    >>> model = BetaGeo().with_params(r=0.243, alpha=4.414, a=0.793, b=2.426)  # CDNOW, in weeks
    >>> customer = pd.DataFrame({"frequency": [2], "recency": [30.43], "T": [38.86]})
    >>> model.expected_purchases(customer, 39).round(3).tolist(), model.probability_alive(customer).round(2).tolist()
    ([1.226], [0.73])
    """

    names = ("r", "alpha", "a", "b")
    _units = ("alpha",)

    def probability_alive(self, X: Any) -> Floats:
        """P(alive | x, t_x, T): equation 7 of Fader and Hardie (2008), 'Computing P(alive) using the BG/NBD model'."""
        r, alpha, a, b = self._params()
        x, t_x, T = self._arrays(X)
        with np.errstate(divide="ignore"):
            odds = np.log(a) - np.log(b + x - 1, where=x > 0, out=np.zeros_like(x))
        odds += (r + x) * (np.log(alpha + T) - np.log(alpha + t_x))
        return np.where(x > 0, 1 / (1 + np.exp(np.minimum(odds, 700))), 1.0)

    def expected_purchases(self, X: Any, horizon: float) -> Floats:
        """Equation 10 of the paper, its hypergeometric function in Euler's other form, which stays finite for large x."""
        r, alpha, a, b = self._params()
        x, _, T = self._arrays(X)
        if abs(a - 1) < 1e-6:  # a removable singularity
            a = 1 + 1e-6
        c = a + b + x - 1
        c = np.where(np.abs(c) < 1e-9, 1e-9, c)
        later = alpha + T + horizon
        bracket = 1 - (alpha + T) ** (a - 1) * later ** (1 - a) * hyp2f1(
            a + b - 1 - r, a - 1, c, horizon / later
        )
        return np.asarray(c / (a - 1) * bracket * self.probability_alive(X))

    def draw_purchases(self, X: Any, horizon: float, rng: np.random.Generator) -> Floats:
        """The smaller of a Poisson number of purchases and the number after which the customer leaves."""
        r, alpha, a, b = self._params()
        x, _, T = self._arrays(X)
        alive = rng.random(len(x)) < self.probability_alive(X)
        bought = rng.poisson(rng.gamma(r + x) / (alpha + T) * horizon)
        leaves = rng.geometric(np.clip(rng.beta(a, b + x), 1e-12, 1.0))
        return np.where(alive, np.minimum(bought, leaves), 0).astype(float)

    def _rows(self, params: Floats, columns: Sequence[Floats]) -> tuple[Floats, Floats]:
        r, alpha, a, b = params
        x, t_x, T = columns
        of = Gathered(x)
        has = x > 0
        log_T, log_t = np.log(alpha + T), np.log(alpha + t_x)
        stays = -(r + x) * log_T
        left = np.where(has, np.log(a) - np.log(np.where(has, b + x - 1, 1.0)) - (r + x) * log_t, -np.inf)
        either = np.logaddexp(stays, left)
        gone = np.exp(left - either)
        loglik = of.gammaln(r) - gammaln(r) + r * np.log(alpha) + either
        loglik += gammaln(a + b) + of.gammaln(b) - gammaln(b) - of.gammaln(a + b)
        by_alpha = r / alpha - (r + x) * ((1 - gone) / (alpha + T) + gone / (alpha + t_x))
        both, of_both = digamma(a + b), of.digamma(a + b)
        by_b = both + of.digamma(b) - digamma(b) - of_both - gone / np.where(has, b + x - 1, 1.0)
        by_r = of.digamma(r) - digamma(r) + np.log(alpha) - (1 - gone) * log_T - gone * log_t
        return loglik, np.array([by_r, by_alpha, both - of_both + gone / a, by_b])

    def _starts(self, data: Data) -> Iterator[Sequence[float]]:
        rate = self._rate(data)
        for r, a, b in ((0.3, 0.8, 2.5), (1.0, 0.3, 3.0), (3.0, 1.0, 10.0)):
            yield r, r / rate, a, b

    def _problem(self, is_maximum: bool, logs: Floats) -> str:
        leaving = self.params_["a"] / (self.params_["a"] + self.params_["b"])
        if leaving < LEAST_LEAVING:
            return f"it finds that nobody ever leaves: after a purchase {leaving:.4%} do, by its estimate"
        return super()._problem(is_maximum, logs)
