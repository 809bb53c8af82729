"""The search for a maximum of the likelihood: L-BFGS-B from a start, Newton's method from nearby."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Floats = NDArray[np.float64]

# Logarithms of scaled parameters: from e^13 on all customers are alike, and the maximum is none.
FARTHEST = 14.0
STEP = 1e-5  # of a logarithm, in differences of the gradient
STEPS = 50  # Newton's
FLAT = 1e-6  # of the largest curvature: what bends less is flat


class Loss:
    """Minus the mean log-likelihood, as a function of the parameters' logarithms.

    Args:
        rows: the log-likelihood of each row and its gradient by the parameters, of shape (parameters, rows).
        weight: each row's share of the customers.
    """

    def __init__(self, rows: Callable[[Floats], tuple[Floats, Floats]], weight: Floats) -> None:
        self.rows = rows
        self.weight = weight

    def __call__(self, logs: Floats) -> tuple[float, Floats]:
        """The loss and its gradient."""
        params = np.exp(logs)
        loglik, gradient = self.rows(params)
        return -float(self.weight @ loglik), -(gradient @ self.weight) * params

    def climb(self, start: Floats) -> Any:
        """L-BFGS-B from a start."""
        bounds = [(-FARTHEST, FARTHEST)] * len(start)
        with np.errstate(all="ignore"):
            return optimize.minimize(self, start, jac=True, method="L-BFGS-B", bounds=bounds)

    def newton(self, logs: Floats) -> tuple[Floats, Floats, bool]:
        """Newton's method from nearby; the Hessian is computed anew only where a step was long."""
        loss, gradient = self(logs)
        hessian, is_fresh = self.hessian(logs, gradient), True
        for _ in range(STEPS):
            step = _newton_step(hessian, gradient)
            if step is None:
                return logs, hessian, False
            if (gain := gradient @ step) < 1e-14:
                return logs, hessian if is_fresh else self.hessian(logs, gradient), True
            tried, slope = self(logs - step)
            if not tried <= loss:
                logs, loss, gradient = self.backtracked(logs, loss, gradient, step)
                if (
                    gradient @ step >= gain
                ):  # no shorter step is better: what is left is rounding, or no maximum
                    return logs, hessian, bool(gain < 1e-8)
            else:
                logs, loss, gradient = logs - step, tried, slope
            is_fresh = np.abs(step).max() < 1e-5
            if np.abs(step).max() > 0.05:
                hessian, is_fresh = self.hessian(logs, gradient), True
        return logs, hessian, False

    def backtracked(
        self, logs: Floats, loss: float, gradient: Floats, step: Floats
    ) -> tuple[Floats, float, Floats]:
        """The first of shorter and shorter steps that is an improvement; where there is none, where we are."""
        for shrink in 0.5 ** np.arange(1, 12):
            tried, slope = self(logs - shrink * step)
            if tried <= loss:
                return logs - shrink * step, tried, slope
        return logs, loss, gradient

    def hessian(self, logs: Floats, gradient: Floats) -> Floats:
        """Differences of the gradient."""
        rows = [(self(logs + shift)[1] - gradient) / STEP for shift in STEP * np.eye(len(logs))]
        hessian = np.array(rows)
        return (hessian + hessian.T) / 2


def _newton_step(hessian: Floats, gradient: Floats) -> Floats | None:
    """The step to the minimum of the quadratic; None where there is none, because it is flat or bends the wrong way."""
    if not np.isfinite(hessian).all():
        return None
    values, vectors = np.linalg.eigh(hessian)
    if values[0] <= FLAT * values[-1]:
        return None
    return np.asarray(vectors @ ((vectors.T @ gradient) / values))
