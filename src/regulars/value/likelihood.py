"""Maximum likelihood for models of a few positive parameters, on unique rows with weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from regulars.errors import RegularsError

Floats = NDArray[np.float64]

SAMPLE = 2_000  # unique rows on which the starts are tried
FARTHEST = 25.0  # logarithms of parameters beyond which a maximum is none
STEP = 1e-4  # of a logarithm, in differences of the gradient
STEPS = 25  # Newton's


class ModelError(RegularsError):
    """Data to which a model cannot be fitted, or a fit that is not to be used."""


class Data(NamedTuple):
    """Unique rows.

    Attributes:
        columns: one array per column of the model.
        weight: how many customers each row stands for.
    """

    columns: tuple[Floats, ...]
    weight: Floats

    def sample(self, rows: int) -> Data:
        """At most so many rows, drawn with one seed."""
        if len(self.weight) <= rows:
            return self
        chosen = np.random.default_rng(0).choice(len(self.weight), rows, replace=False)
        return Data(tuple(column[chosen] for column in self.columns), self.weight[chosen])


class MaximumLikelihood(BaseEstimator):
    """What the models share; each gives its log-likelihood, the gradient, and starts.

    The parameters are positive and are searched for as logarithms: by L-BFGS-B from several starts, and from the best of
    these by Newton's method with differences of the analytic gradient, whose Hessian also gives the standard errors.

    Attributes:
        params_: name → estimate.
        loglik_: the log-likelihood of all customers.
        standard_errors_: name → standard error, by the delta method; NaN where the Hessian gives none.
        covariance_: of the parameters' logarithms, shape (parameters, parameters).
        n_customers_: how many customers it was fitted to.
        problem_: why the fit is not to be used, in words; empty if it is.
    """

    names: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]]

    def fit(self, X: Any, _y: None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to customers.

        Args:
            X: a frame with the columns `columns`, or an array of them in their order; any unit of time or money.
            sample_weight: how many customers each row stands for; one unless given.

        Raises:
            ModelError: if a value is missing or impossible, or there is nothing to learn from.
        """
        data = _unique(self._arrays(X), sample_weight)
        self._check(data)
        self.n_customers_ = float(data.weight.sum())
        scale = self._scale(data)
        scaled = Data(self._scaled(data.columns, 1 / scale), data.weight)
        found, is_maximum = self._maximise(scaled)
        powers = np.array([name in self._units for name in self.names], dtype=float)
        params = np.exp(found) * scale**powers
        self.params_ = dict(zip(self.names, params.tolist(), strict=True))
        self.loglik_ = float(self._total(params, data)[0])
        self.covariance_ = _inverse(self._hessian(found, scaled))
        errors = params * np.sqrt(np.diag(self.covariance_))
        self.standard_errors_ = dict(zip(self.names, errors.tolist(), strict=True))
        self.problem_ = self._problem(is_maximum, found)
        return self

    def summary(self) -> pd.DataFrame:
        """One row per parameter: `estimate`, `standard_error`, and a 95 % interval, `low` to `high`, from the log scale."""
        check_is_fitted(self)
        table = pd.DataFrame({"estimate": self.params_, "standard_error": self.standard_errors_})
        reach = np.exp(stats.norm.ppf(0.975) * table["standard_error"] / table["estimate"])
        return table.assign(low=table["estimate"] / reach, high=table["estimate"] * reach).rename_axis(
            "parameter"
        )

    def drawn(self, rng: np.random.Generator) -> Self:
        """The same model with parameters drawn from what the fit leaves open: normal logarithms."""
        check_is_fitted(self)
        logs = np.log(list(self.params_.values()))
        draw = np.exp(rng.multivariate_normal(logs, self.covariance_, method="cholesky"))
        return self.with_params(**dict(zip(self.names, draw.tolist(), strict=True)))

    def with_params(self, **params: float) -> Self:
        """The same model with given parameters instead of fitted ones."""
        other = type(self)(**self.get_params())
        other.params_ = {name: float(params[name]) for name in self.names}
        other.problem_ = ""
        return other

    def log_likelihood(self, X: Any) -> Floats:
        """Each row's log-likelihood under `params_`."""
        check_is_fitted(self, "params_")
        return self._rows(np.array(list(self.params_.values())), self._arrays(X))[0]

    # Parameters that are in the unit of the data, such as weeks; the others have none.
    _units: ClassVar[tuple[str, ...]]

    @abstractmethod
    def _rows(self, params: Floats, columns: Sequence[Floats]) -> tuple[Floats, Floats]:
        """The log-likelihood of each row, and its gradient by the parameters: shape (parameters, rows)."""

    @abstractmethod
    def _starts(self, data: Data) -> Iterator[Sequence[float]]: ...

    @abstractmethod
    def _check(self, data: Data) -> None: ...

    @abstractmethod
    def _scale(self, data: Data) -> float:
        """A typical time or amount, by which the data are divided so that the search is well scaled."""

    @abstractmethod
    def _scaled(self, columns: Sequence[Floats], factor: float) -> tuple[Floats, ...]: ...

    def _problem(self, is_maximum: bool, logs: Floats) -> str:
        """Why the fit is not to be used; empty if nothing speaks against it."""
        at_limit = [name for name, log in zip(self.names, logs, strict=True) if abs(log) > FARTHEST - 1]
        if at_limit:
            return f"{' and '.join(at_limit)} ran away to the edge of what is searched"
        if not is_maximum or not np.isfinite(list(self.standard_errors_.values())).all():
            return "the likelihood has no clear maximum: it is flat in some direction"
        return ""

    def _arrays(self, X: Any) -> tuple[Floats, ...]:
        if hasattr(X, "columns"):
            missing = [name for name in self.columns if name not in X.columns]
            if missing:
                raise ModelError(
                    f"{type(self).__name__} needs the columns {', '.join(self.columns)}; {missing[0]} is not there."
                )
            X = X[list(self.columns)]
        table = np.asarray(X, dtype=float)
        if table.ndim != 2 or table.shape[1] != len(self.columns):
            raise ModelError(
                f"{type(self).__name__} needs the columns {', '.join(self.columns)}; given was an array of {table.shape}."
            )
        if not np.isfinite(table).all():
            row = int(np.argmin(np.isfinite(table).all(axis=1)))
            raise ModelError(
                f"Row {row} has a value that is no number: {table[row].tolist()}. Leave such customers out."
            )
        return tuple(np.ascontiguousarray(column) for column in table.T)

    def _total(self, params: Floats, data: Data) -> tuple[float, Floats]:
        loglik, gradient = self._rows(params, data.columns)
        return float(data.weight @ loglik), gradient @ data.weight

    def _loss(self, logs: Floats, data: Data) -> tuple[float, Floats]:
        """Minus the mean log-likelihood, and its gradient by the logarithms."""
        params = np.exp(logs)
        loglik, gradient = self._total(params, data)
        n = data.weight.sum()
        return -loglik / n, -gradient * params / n

    def _maximise(self, data: Data) -> tuple[Floats, bool]:
        """The logarithms of the best parameters, and whether they are a maximum."""
        sample = data.sample(SAMPLE)
        tried = [self._climb(np.log(start), sample) for start in self._starts(data)]
        best = min(tried, key=lambda result: float(result.fun)).x
        if len(sample.weight) < len(data.weight):
            best = self._climb(best, data).x
        return self._newton(best, data)

    def _climb(self, start: Floats, data: Data) -> Any:
        bounds = [(-FARTHEST, FARTHEST)] * len(self.names)
        with np.errstate(all="ignore"):
            return optimize.minimize(
                self._loss, start, args=(data,), jac=True, method="L-BFGS-B", bounds=bounds
            )

    def _newton(self, logs: Floats, data: Data) -> tuple[Floats, bool]:
        loss, gradient = self._loss(logs, data)
        for _ in range(STEPS):
            hessian = self._hessian(logs, data) / data.weight.sum()
            values, vectors = (
                np.linalg.eigh(hessian) if np.isfinite(hessian).all() else (np.array([-1.0]), None)
            )
            if vectors is None or values[0] <= 1e-10 * values[-1]:
                return logs, False
            step = vectors @ ((vectors.T @ gradient) / values)
            if gradient @ step < 1e-12:
                return logs, True
            for shrink in 0.5 ** np.arange(10):
                tried, slope = self._loss(logs - shrink * step, data)
                if tried <= loss:
                    break
            else:
                return logs, bool(gradient @ step < 1e-8)
            logs, loss, gradient = logs - shrink * step, tried, slope
        return logs, False

    def _hessian(self, logs: Floats, data: Data) -> Floats:
        """Of minus the log-likelihood of all customers, by the logarithms: central differences of the gradient."""
        rows = []
        for shift in STEP * np.eye(len(logs)):
            rows.append((self._loss(logs + shift, data)[1] - self._loss(logs - shift, data)[1]) / (2 * STEP))
        hessian = np.array(rows) * data.weight.sum()
        return (hessian + hessian.T) / 2


def _unique(columns: tuple[Floats, ...], weight: ArrayLike | None) -> Data:
    """Equal rows become one, in an order that does not depend on theirs."""
    counted = np.ones(len(columns[0])) if weight is None else np.asarray(weight, dtype=float)
    frame = pd.DataFrame(dict(enumerate(columns)))
    summed = (
        frame.assign(weight=counted).groupby(list(frame.columns), sort=True)["weight"].sum().reset_index()
    )
    *found, weights = (summed[name].to_numpy() for name in summed)
    return Data(tuple(found), weights)


def _inverse(hessian: Floats) -> Floats:
    """The inverse of a positive definite matrix; NaN of any other."""
    try:
        np.linalg.cholesky(hessian)
        return np.asarray(np.linalg.inv(hessian))
    except np.linalg.LinAlgError:
        return np.full_like(hessian, np.nan)
