"""What the months before lead one to expect of a key figure, and how far off it may be.

The logarithm of the figure is taken to be a level that drifts, a trend, an annual cycle, what is peculiar to one month,
and the chance of which customers came. Of the last one the customers themselves tell how large it is; of the others the
few months there are tell little, so their sizes are averaged over, each as probable as the months make it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]

SIZES = np.array(
    [0.0, 0.015, 0.03, 0.05, 0.08, 0.12, 0.2]
)  # of a month's step of the level, and of a month's own noise
USUAL_SIZE = 0.05  # the scale of the half-normal prior of both
CYCLES = np.array(
    [0.02, 0.06, 0.12]
)  # the annual cycle's amplitude: standard deviation of each of its two terms
CALENDAR = np.array([0.02, 0.06, 0.15])  # what a calendar month has of its own, once a second year shows it
TREND = 0.03  # a month, standard deviation
ANY_LEVEL = 5.0  # so wide that it says nothing


class Outlook(NamedTuple):
    """A mixture of normal distributions of the logarithm of what is to come; shape (parts,) each."""

    weights: Floats
    means: Floats
    deviations: Floats

    def below(self, logarithm: float) -> float:
        """How probable it is to lie as low as this, or lower."""
        return float(self.weights @ special.ndtr((logarithm - self.means) / self.deviations))

    def quantile(self, share: float) -> float:
        """Below which logarithm it lies with this probability."""
        ends = special.ndtri(share) * self.deviations + self.means
        low, high = ends.min() - 1e-6, ends.max() + 1e-6
        return float(optimize.brentq(lambda value: self.below(value) - share, low, high, xtol=1e-10))


def outlook(logarithms: Floats, sampling: Floats, ahead: int = 1) -> Outlook:
    """What is to be expected of the last month, from the months up to `ahead` months before it.

    A Gaussian process (Rasmussen and Williams 2006, equations 2.25 and 2.26): the covariance of two months is that of
    the chance of customers, of a level that is a random walk, of a straight trend, of a cosine of twelve months and,
    where there are more than twelve, of the same calendar month; its sizes are averaged over a grid by prior ×
    likelihood.

    Args:
        logarithms: of the figure in consecutive months, shape (months,); the last `ahead` are not looked at.
        sampling: covariance of these logarithms by the chance of customers, shape (months, months).
        ahead: months from the last one looked at to the one foreseen.

    >>> steady = np.log([100.0] * 11 + [70.0])
    >>> found = outlook(steady, np.eye(12) * 0.03**2)
    >>> round(float(np.exp(found.quantile(0.5)))), found.below(steady[-1]) < 0.001
    (100, True)
    """
    seen = len(logarithms) - ahead
    covariances, prior = _covariances(sampling)
    middle = logarithms[:seen].mean()
    deviations = np.broadcast_to(logarithms[:seen] - middle, (len(prior), seen))
    roots = np.linalg.cholesky(covariances[:, :seen, :seen])
    solved = np.linalg.solve(roots, np.stack([deviations, covariances[:, :seen, -1]], axis=-1))
    z, q = solved[..., 0], solved[..., 1]
    likelihood = -0.5 * (z**2).sum(axis=1) - np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    weights = prior * np.exp(likelihood - likelihood.max())
    variances = covariances[:, -1, -1] - (q**2).sum(axis=1)
    return Outlook(weights / weights.sum(), (z * q).sum(axis=1) + middle, np.sqrt(variances))


def _covariances(sampling: Floats) -> tuple[Floats, Floats]:
    """For each combination of sizes the covariance of the months, shape (parts, months, months), and its prior probability."""
    n = len(sampling)
    month = np.arange(n, dtype=float)
    apart = month[:, None] - month
    since = month - month[-1]
    always = sampling + ANY_LEVEL**2 + TREND**2 * np.outer(since, since)
    parts = [np.minimum.outer(month, month), np.eye(n), np.cos(2 * np.pi * apart / 12)]
    half_normal = np.exp(-0.5 * (SIZES / USUAL_SIZE) ** 2)
    sizes, priors = [SIZES, SIZES, CYCLES], [half_normal, half_normal, np.ones(len(CYCLES))]
    if n > 12:
        parts.append((apart % 12 == 0).astype(float))
        sizes, priors = [*sizes, CALENDAR], [*priors, np.ones(len(CALENDAR))]
    grid = np.stack(np.meshgrid(*sizes, indexing="ij"), axis=-1).reshape(-1, len(sizes))
    prior = np.prod(np.stack(np.meshgrid(*priors, indexing="ij"), axis=-1), axis=-1).ravel()
    return always + np.tensordot(grid**2, np.stack(parts), axes=1), prior / prior.sum()
