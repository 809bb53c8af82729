"""Gamma-Gamma: what a purchase of each customer is worth, where those seen are few.

Fader and Hardie (2013), 'The Gamma-Gamma model of monetary value': amounts are gamma distributed (p, ν), and ν over
customers (q, v).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln
from sklearn.utils.validation import check_is_fitted

from regulars.value.likelihood import Data, Floats, MaximumLikelihood, ModelError


class GammaGamma(MaximumLikelihood):
    """The Gamma-Gamma model of the mean amount per purchase; how often somebody buys must say nothing of how much.

    A customer is `frequency` (the purchases averaged over) and `monetary_value` (their mean amount, above zero).

    >>> import pandas as pd
    >>> model = GammaGamma().with_params(p=6.25, q=3.74, v=15.44)  # CDNOW, in dollars
    >>> customers = pd.DataFrame({"frequency": [1, 100], "monetary_value": [100.0, 100.0]})
    >>> model.expected_value(customers).round(1).tolist()  # after one purchase nearer to the mean of all
    [80.3, 99.7]
    """

    names = ("p", "q", "v")
    columns = ("frequency", "monetary_value")
    _units = ("v",)

    def expected_value(self, X: Any) -> Floats:
        """The mean amount of each customer's purchases to come; of customers without one, that of all.

        Raises:
            ModelError: if the model has no mean: q is at most 1.
        """
        check_is_fitted(self, "params_")
        p, q, v = (self.params_[name] for name in self.names)
        if q <= 1:
            raise ModelError(f"The amounts have no mean by the model: q is {q:.2f}, and must be above 1.")
        x, mean = self._arrays(X)
        return np.asarray(p * (v + x * mean) / (p * x + q - 1))

    def draw_spend(self, X: Any, purchases: Floats, rng: np.random.Generator) -> Floats:
        """What each customer spends on a number of purchases to come, drawn from the model given their history."""
        check_is_fitted(self, "params_")
        p, q, v = (self.params_[name] for name in self.names)
        x, mean = self._arrays(X)
        rate = rng.gamma(p * x + q) / (v + x * mean)
        return np.where(purchases > 0, rng.gamma(np.maximum(p * purchases, 1e-9)) / rate, 0.0)

    def _prepared(self, columns: Sequence[Floats]) -> Sequence[Floats]:
        return columns

    def _rows(self, params: Floats, prepared: Sequence[Floats]) -> tuple[Floats, Floats]:
        p, q, v = params
        x, mean = prepared
        px, whole = p * x, v + x * mean
        log_whole = np.log(whole)
        log_sum = np.log(x) + np.log(mean)
        loglik = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v) - (px + q) * log_whole
        loglik += px * log_sum - np.log(mean)
        both = digamma(px + q)
        by_p = x * (both - digamma(px) + log_sum - log_whole)
        by_q = both - digamma(q) + np.log(v) - log_whole
        return loglik, np.array([by_p, by_q, q / v - (px + q) / whole])

    def _starts(self, data: Data) -> Iterator[Sequence[float]]:
        mean = float(data.weight @ data.columns[1] / data.weight.sum())
        for p, q in ((5.0, 4.0), (1.5, 2.5), (20.0, 10.0)):
            yield p, q, mean * (q - 1) / p

    def _check(self, data: Data) -> None:
        x, mean = data.columns
        if (mean <= 0).any() or (x < 1).any():
            raise ModelError(
                "The Gamma-Gamma model needs customers with a purchase, and amounts above zero: leave the others out."
            )
        if data.weight.sum() < 2:
            raise ModelError("One customer tells nothing of how amounts differ: a model needs more of them.")

    def _scale(self, data: Data) -> float:
        return float(data.weight @ data.columns[1] / data.weight.sum())

    def _scaled(self, columns: Sequence[Floats], factor: float) -> tuple[Floats, ...]:
        x, mean = columns
        return x, mean * factor

    def _problem(self, is_maximum: bool, logs: Floats) -> str:
        if self.params_["q"] <= 1:
            return f"the amounts have no mean by its estimate (q is {self.params_['q']:.2f})"
        return super()._problem(is_maximum, logs)
