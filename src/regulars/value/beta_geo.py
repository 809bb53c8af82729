"""BG/NBD: customers buy at a rate of their own, and after any purchase may leave for good.

Fader, Hardie and Lee (2005), '"Counting your customers" the easy way', Marketing Science 24(2): rates are gamma
distributed (r, α), the probability of leaving after a purchase is beta distributed (a, b).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import digamma, expit, gammaln, hyp2f1

from regulars.value.likelihood import Data, Floats, Values
from regulars.value.purchases import PurchaseModel

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
        """Equation 10 of the paper, its hypergeometric function in whichever of Euler's two forms has the smaller power."""
        r, alpha, a, b = self._params()
        x, _, T = self._arrays(X)
        if abs(a - 1) < 1e-6:  # a removable singularity
            a = 1 + 1e-6
        c = a + b + x - 1
        c = np.where(np.abs(c) < 1e-9, 1e-9, c)
        later = alpha + T + horizon
        is_first = r + x < a - 1  # the other form would overflow
        one = np.where(is_first, r + x, a + b - 1 - r)
        other = np.where(is_first, b + x, a - 1)
        power = np.where(is_first, r + x, a - 1)
        bracket = 1 - ((alpha + T) / later) ** power * hyp2f1(one, other, c, horizon / later)
        return np.asarray(c / (a - 1) * bracket * self.probability_alive(X))

    def draw_purchases(self, X: Any, horizon: float, rng: np.random.Generator) -> Floats:
        """The smaller of a Poisson number of purchases and the number after which the customer leaves."""
        r, alpha, a, b = self._params()
        x, _, T = self._arrays(X)
        alive = rng.random(len(x)) < self.probability_alive(X)
        bought = rng.poisson(rng.gamma(r + x) / (alpha + T) * horizon)
        leaves = rng.geometric(np.clip(rng.beta(a, b + x), 1e-12, 1.0))
        return np.where(alive, np.minimum(bought, leaves), 0).astype(float)

    def _rows(self, params: Floats, prepared: tuple[Values, Values, Values]) -> tuple[Floats, Floats]:
        r, alpha, a, b = params
        of_x, of_t, of_T = prepared
        x = of_x.values
        log_t, log_T = of_t.of(np.log(alpha + of_t.values)), of_T.of(np.log(alpha + of_T.values))
        rx = of_x.of(r + x)
        # Who bought once cannot have left: odds of zero.
        leaves = np.where(x > 0, np.log(a) - np.log(np.where(x > 0, b + x - 1, 1.0)), -np.inf)
        odds = of_x.of(leaves) + rx * (log_T - log_t)
        gone = expit(odds)
        of_number = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        of_number += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        loglik = of_x.of(of_number) - rx * log_T + np.logaddexp(0.0, odds)
        by_r = of_x.of(digamma(r + x) - digamma(r) + np.log(alpha)) - log_T + gone * (log_T - log_t)
        late, last = of_T.of(1 / (alpha + of_T.values)), of_t.of(1 / (alpha + of_t.values))
        by_alpha = r / alpha - rx * (late + gone * (last - late))
        ends = digamma(a + b) - digamma(a + b + x)
        by_b = of_x.of(ends + digamma(b + x) - digamma(b)) - gone * of_x.of(
            1 / np.where(x > 0, b + x - 1, 1.0)
        )
        return loglik, np.array([by_r, by_alpha, of_x.of(ends) + gone / a, by_b])

    def _starts(self, data: Data) -> Iterator[Sequence[float]]:
        rate = self._rate(data)
        for r, a, b in ((0.3, 0.8, 2.5), (1.0, 0.3, 3.0), (3.0, 1.0, 10.0)):
            yield r, r / rate, a, b

    def _problem(self, is_maximum: bool, logs: Floats) -> str:
        leaving = self.params_["a"] / (self.params_["a"] + self.params_["b"])
        if leaving < LEAST_LEAVING:
            return f"it finds that nobody ever leaves: after a purchase {leaving:.2%} do, by its estimate"
        return super()._problem(is_maximum, logs)
