"""Pareto/NBD: customers buy at a rate of their own, and leave for good at any time.

Schmittlein, Morrison and Colombo (1987), 'Counting your customers', Management Science 33(1): rates of buying are gamma
distributed (r, α), rates of leaving (s, β).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import digamma, gammaln

from regulars.value.likelihood import Data, Floats, Values
from regulars.value.purchases import PurchaseModel

NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)
DROP = 38.0  # the integrand is followed until it has fallen by e^38
CHUNK = 20_000  # rows at a time, each with all nodes


class Left(NamedTuple):
    """∫ from t_x to T of (α + y)^-(r+x) (β + y)^-(s+1) dy, the likelihood of having left at y, and means over y under it.

    Attributes:
        log: the integral's logarithm.
        log_alpha: the mean of ln(α + y).
        log_beta: the mean of ln(β + y).
        per_alpha: the mean of 1 / (α + y).
        per_beta: the mean of 1 / (β + y).
    """

    log: Floats
    log_alpha: Floats
    log_beta: Floats
    per_alpha: Floats
    per_beta: Floats


class ParetoNBD(PurchaseModel):
    """The Pareto/NBD model.

    The likelihood is that of Fader and Hardie (2005), 'A note on deriving the Pareto/NBD model', integrated by Gauss–Legendre
    quadrature instead of two hypergeometric functions: it stays finite for hundreds of purchases, and has a gradient.

    >>> import pandas as pd
    >>> model = ParetoNBD().with_params(r=0.553, alpha=10.578, s=0.606, beta=11.669)  # CDNOW, in weeks
    >>> customer = pd.DataFrame({"frequency": [0], "recency": [0.0], "T": [38.86]})
    >>> model.probability_alive(customer).round(3).tolist(), model.expected_purchases(customer, 39).round(3).tolist()
    ([0.295], [0.107])
    """

    names = ("r", "alpha", "s", "beta")
    _units = ("alpha", "beta")

    def probability_alive(self, X: Any) -> Floats:
        """P(alive | x, t_x, T): the share of the likelihood in which nobody has left yet."""
        params = np.array(self._params())
        stays, left = _parts(params, self._arrays(X))
        return np.asarray(1 / (1 + np.exp(np.minimum(left.log + np.log(params[2]) - stays, 700))))

    def expected_purchases(self, X: Any, horizon: float) -> Floats:
        """Equation 41 of Fader and Hardie (2005)."""
        r, alpha, s, beta = self._params()
        x, _, T = self._arrays(X)
        log = np.log1p(horizon / (beta + T))
        # (1 - e^-(s-1)log) / (s - 1), which is log at s = 1
        time = log if abs(s - 1) < 1e-9 else -np.expm1(-(s - 1) * log) / (s - 1)
        return np.asarray((r + x) / (alpha + T) * (beta + T) * time * self.probability_alive(X))

    def draw_purchases(self, X: Any, horizon: float, rng: np.random.Generator) -> Floats:
        """A Poisson number of purchases until the customer leaves or the horizon ends."""
        r, alpha, s, beta = self._params()
        x, _, T = self._arrays(X)
        alive = rng.random(len(x)) < self.probability_alive(X)
        leaving = rng.gamma(s, size=len(x)) / (beta + T)
        with np.errstate(divide="ignore", over="ignore"):
            time = np.minimum(rng.exponential(size=len(x)) / leaving, horizon)
        return np.where(alive, rng.poisson(rng.gamma(r + x) / (alpha + T) * time), 0).astype(float)

    def _prepared(self, columns: Sequence[Floats]) -> tuple[Values, Sequence[Floats]]:
        return Values(columns[0]), columns

    def _rows(self, params: Floats, prepared: tuple[Values, Sequence[Floats]]) -> tuple[Floats, Floats]:
        r, alpha, s, beta = params
        of_x, columns = prepared
        x, _, T = columns
        stays, left = _parts(params, columns)
        left_at = np.log(s) + left.log
        either = np.logaddexp(stays, left_at)
        gone = np.exp(left_at - either)
        here = 1 - gone
        of_number = gammaln(r + of_x.values) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        loglik = of_x.of(of_number) + either
        by_r = of_x.of(digamma(r + of_x.values) - digamma(r) + np.log(alpha))
        by_r += -here * np.log(alpha + T) - gone * left.log_alpha
        by_alpha = r / alpha - (r + x) * (here / (alpha + T) + gone * left.per_alpha)
        by_s = np.log(beta) - here * np.log(beta + T) + gone * (1 / s - left.log_beta)
        by_beta = s / beta - here * s / (beta + T) - gone * (s + 1) * left.per_beta
        return loglik, np.array([by_r, by_alpha, by_s, by_beta])

    def _starts(self, data: Data) -> Iterator[Sequence[float]]:
        rate = self._rate(data)
        for r, s, beta in ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (2.0, 0.3, 2.0)):
            yield r, r / rate, s, beta


def _parts(params: Floats, columns: Sequence[Floats]) -> tuple[Floats, Left]:
    """The log-likelihood of being still there, and that of having left, both but for the factors that they share."""
    r, alpha, s, beta = params
    x, t_x, T = columns
    stays = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    chunks = [
        _left(params, x[start : start + CHUNK], t_x[start : start + CHUNK], T[start : start + CHUNK])
        for start in range(0, len(x), CHUNK)
    ]
    return stays, Left(*(np.concatenate(part) for part in zip(*chunks, strict=True)))


def _left(params: Floats, x: Floats, t_x: Floats, T: Floats) -> Left:
    """`Left` by quadrature over z, where c + y = (c + t_x) e^z and c is the smaller of α and β.

    In z the integrand is e^-mz (1 + δ e^-z)^-q with m = r + x + s and δ ≥ 0: smooth, with poles no nearer than π to the line.
    """
    r, alpha, s, beta = params
    small, large = min(alpha, beta), max(alpha, beta)
    m = r + x + s
    q = np.full_like(x, s + 1) if alpha <= beta else r + x
    delta = (large - small) / (small + t_x)
    end = np.minimum(_end(m, q, delta), np.log((small + T) / (small + t_x)))
    z = end[:, None] * (NODES + 1) / 2
    y_small = (small + t_x)[:, None] * np.exp(z)
    y_large = y_small + (large - small)
    logs = -m[:, None] * z - q[:, None] * np.log1p(delta[:, None] * np.exp(-z))
    top = logs.max(axis=1)
    weights = np.exp(logs - top[:, None]) * WEIGHTS
    whole = weights.sum(axis=1)
    with np.errstate(divide="ignore"):
        log = np.log(whole * end / 2) + top - m * np.log(small + t_x)
    weights /= whole[:, None]
    means = [
        (weights * values).sum(axis=1)
        for values in (np.log(y_small), np.log(y_large), 1 / y_small, 1 / y_large)
    ]
    if alpha > beta:
        means = [means[1], means[0], means[3], means[2]]
    return Left(log, *means)


def _end(m: Floats, q: Floats, delta: Floats) -> Floats:
    """A z beyond which the integrand is negligible: Newton's method from the right on a convex function."""
    z = (DROP + q * np.log1p(delta)) / m
    for _ in range(6):
        ez = np.exp(np.minimum(z, 700))
        fallen = m * z + q * (np.log1p(delta / ez) - np.log1p(delta)) - DROP
        slope = m - q * delta / (ez + delta)
        z = np.where((fallen > 0) & (slope > 0), np.maximum(z - fallen / np.maximum(slope, 1e-12), 1e-12), z)
    return z
