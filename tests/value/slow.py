"""The models once more, slowly: what the papers say of one customer with a known rate, integrated over customers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.special import betaln, gammaln, hyp2f1

NEGLIGIBLE = 45.0  # an integrand is followed until it has fallen by e^45


def log_integral(log_f: Callable[[float], float], peak: float) -> float:
    """The logarithm of the integral of e^f over the line, for an f that falls on both sides of a peak."""
    top = log_f(peak)

    def reach(direction: int) -> float:
        step = 1e-3
        while log_f(peak + direction * step) > top - NEGLIGIBLE:
            step *= 1.5
        return step

    def f(at: float) -> float:
        return float(np.exp(log_f(at) - top))

    pieces = []
    for direction in (-1, 1):
        # In pieces, for a side that is first steep and then shallow.
        edges = peak + direction * reach(direction) * np.array([0, 0.01, 0.1, 0.3, 1])
        pieces += [
            abs(quad(f, low, high, epsabs=0, epsrel=1e-11, limit=200)[0]) for low, high in pairwise(edges)
        ]
    return top + float(np.log(sum(pieces)))


def over_rates(shape: float, per: float, x: float, time: float) -> float:
    """ln E[λ^x e^(-λ time)] over gamma distributed λ, integrated over ln λ."""

    def log_f(y: float) -> float:
        return float((shape + x) * y - np.exp(y) * (per + time) + shape * np.log(per) - gammaln(shape))

    return log_integral(log_f, float(np.log((shape + x) / (per + time))))


def over_leaving(a: float, b: float, leaves: float, stays: float) -> float:
    """ln E[p^leaves (1 - p)^stays] over beta distributed p, integrated over its logit."""

    def log_f(w: float) -> float:
        return float(-(a + leaves) * np.logaddexp(0, -w) - (b + stays) * np.logaddexp(0, w) - betaln(a, b))

    return log_integral(log_f, float(np.log((a + leaves) / (b + stays))))


def beta_geo_parts(params: list[float], x: float, t_x: float, T: float) -> tuple[float, float]:
    """The log-likelihoods that a customer is still there, and that they left after the last purchase."""
    r, alpha, a, b = params
    stays = over_leaving(a, b, 0, x) + over_rates(r, alpha, x, T)
    left = over_leaving(a, b, 1, x - 1) + over_rates(r, alpha, x, t_x) if x > 0 else -np.inf
    return stays, left


def beta_geo_expected(params: list[float], x: float, t_x: float, T: float, horizon: float) -> float:
    """E[(1 - e^(-λ p t)) / p] over λ and p of who is still there, times the probability of that."""
    r, alpha, a, b = params

    def bought(w: float) -> float:
        log_p = max(-np.logaddexp(0, -w), -600.0)  # below that the limit at p = 0 is reached
        share = np.expm1(-(r + x) * np.log1p(np.exp(log_p) * horizon / (alpha + T)))
        return float(np.log(-share) - log_p)

    def log_f(w: float) -> float:
        density = -a * np.logaddexp(0, -w) - (b + x) * np.logaddexp(0, w) - betaln(a, b + x)
        return float(density + bought(w))

    stays, left = beta_geo_parts(params, x, t_x, T)
    peak = float(np.log(a / (b + x)))
    return float(np.exp(log_integral(log_f, peak)) * np.exp(stays - np.logaddexp(stays, left)))


def pareto_parts(params: list[float], x: float, t_x: float, T: float) -> tuple[float, float]:
    """The log-likelihoods that a customer is still there, and that they left at some time after the last purchase."""
    r, alpha, s, beta = params
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)

    def log_f(later: float) -> float:
        since = t_x + later
        return float(np.log(s) - (r + x) * np.log(alpha + since) - (s + 1) * np.log(beta + since))

    left = -np.inf
    if t_x < T:
        edges = (T - t_x) * np.concatenate([[0], np.logspace(-7, 0, 22)])
        top = log_f(0)
        pieces = [
            quad(lambda later: np.exp(log_f(later) - top), low, high, epsabs=1e-14 * high, epsrel=1e-10)[0]
            for low, high in pairwise(edges)
        ]
        left = shared + top + np.log(sum(pieces))
    return float(shared - (r + x) * np.log(alpha + T) - s * np.log(beta + T)), float(left)


def pareto_published(params: list[float], x: float, t_x: float, T: float) -> float:
    """The log-likelihood in the two cases of Fader and Hardie (2005), equations 18 to 20."""
    r, alpha, s, beta = params
    m, larger = r + s + x, max(alpha, beta)
    second = s + 1 if alpha >= beta else r + x

    def term(time: float) -> float:
        z = abs(alpha - beta) / (larger + time)
        return float(hyp2f1(m, second, m + 1, z) / (larger + time) ** m)

    here = 1 / ((alpha + T) ** (r + x) * (beta + T) ** s)
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return float(shared + np.log(here + s / m * (term(t_x) - term(T))))


def pareto_expected(params: list[float], x: float, t_x: float, T: float, horizon: float) -> float:
    """E[λ (1 - e^(-μ t)) / μ] over λ and μ of who is still there, times the probability of that."""
    r, alpha, s, beta = params

    def log_f(y: float) -> float:
        density = s * y - np.exp(y) * (beta + T) + s * np.log(beta + T) - gammaln(s)
        return float(density + np.log(-np.expm1(-np.exp(y) * horizon)) - y)

    time = np.exp(log_integral(log_f, float(np.log(s / (beta + T)))))
    stays, left = pareto_parts(params, x, t_x, T)
    return float((r + x) / (alpha + T) * time * np.exp(stays - np.logaddexp(stays, left)))


def gamma_gamma_loglik(params: list[float], x: float, mean: float, log_worth: float = 0.0) -> float:
    """The log-density of a mean of x amounts, integrated over ln ν; with the mean amount p / ν to some power as a factor."""
    p, q, v = params

    def log_f(y: float) -> float:
        of_customers = q * np.log(v) + q * y - v * np.exp(y) - gammaln(q)
        of_mean = p * x * (y + np.log(x)) + (p * x - 1) * np.log(mean) - np.exp(y) * x * mean - gammaln(p * x)
        return float(of_customers + of_mean + log_worth * (np.log(p) - y))

    return log_integral(log_f, float(np.log((p * x + q) / (v + x * mean))))
