"""Maximum likelihood for models of a few positive parameters, on unique rows with weights."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from regulars.errors import RegularsError
from regulars.value.search import FARTHEST, Floats, Loss

SAMPLE = 4_000  # customers on whom the starts are tried
LOOSEST = 3.0  # standard error of a logarithm: a factor of 400 either way


class ModelError(RegularsError):
    """Data to which a model cannot be fitted, or a fit that is not to be used."""


class Values:
    """A column by its different values: functions of them are computed once for each value.

    >>> Values(np.array([2.0, 5.0, 2.0])).of(np.sqrt(np.array([2.0, 5.0]))).round(2).tolist()
    [1.41, 2.24, 1.41]
    """

    def __init__(self, column: Floats) -> None:
        self.values, self.place = np.unique(column, return_inverse=True)

    def of(self, results: Floats) -> Floats:
        """For each row the result for its value."""
        return results[self.place]


class Data(NamedTuple):
    """Unique rows.

    Attributes:
        columns: one array per column of the model.
        weight: how many customers each row stands for.
    """

    columns: tuple[Floats, ...]
    weight: Floats

    @property
    def n(self) -> float:
        """How many customers."""
        return float(self.weight.sum())

    def sample(self, customers: int) -> Data:
        """So many customers drawn with one seed, if there are more unique rows than that."""
        if len(self.weight) <= customers:
            return self
        drawn = np.random.default_rng(0).choice(len(self.weight), customers, p=self.weight / self.n)
        chosen, times = np.unique(drawn, return_counts=True)
        return Data(tuple(column[chosen] for column in self.columns), times.astype(float))


class MaximumLikelihood(BaseEstimator):
    """What the models share; each gives its log-likelihood, the gradient, and starts.

    The parameters are positive and are searched for as logarithms: by L-BFGS-B from several starts, on a sample where rows are
    many, and from the best of these by Newton's method. Its Hessian, differences of the analytic gradient, also gives the
    standard errors.

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
        self.n_customers_ = data.n
        scale = self._scale(data)
        scaled = Data(self._scaled(data.columns, 1 / scale), data.weight)
        with threadpool_limits(1):  # sums over threads would depend on how many there are
            found, hessian, is_maximum = self._maximise(scaled)
        powers = np.array([name in self._units for name in self.names], dtype=float)
        params = np.exp(found) * scale**powers
        self.params_ = dict(zip(self.names, params.tolist(), strict=True))
        self.loglik_ = float(data.weight @ self._rows(params, self._prepared(data.columns))[0])
        self.covariance_ = _inverse(hessian * data.n)
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
        check_is_fitted(self, "covariance_")
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
        return self._rows(np.array(list(self.params_.values())), self._prepared(self._arrays(X)))[0]

    # Parameters that are in the unit of the data, such as weeks; the others have none.
    _units: ClassVar[tuple[str, ...]]

    @abstractmethod
    def _prepared(self, columns: Sequence[Floats]) -> Any:
        """What `_rows` needs of the columns that does not depend on the parameters."""

    @abstractmethod
    def _rows(self, params: Floats, prepared: Any) -> tuple[Floats, Floats]:
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
        if np.sqrt(np.diag(self.covariance_)).max() > LOOSEST:
            return "the data tell next to nothing of some parameter"
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

    def _loss(self, data: Data) -> Loss:
        prepared = self._prepared(data.columns)
        return Loss(lambda params: self._rows(params, prepared), data.weight / data.n)

    def _maximise(self, data: Data) -> tuple[Floats, Floats, bool]:
        """The logarithms of the best parameters, the Hessian of the loss there, and whether they are a maximum."""
        sample = data.sample(SAMPLE)
        tried = self._loss(sample)
        climbed = [tried.climb(np.log(start)) for start in self._starts(sample)]
        best = min(climbed, key=lambda result: float(result.fun)).x
        if sample is data:
            return tried.newton(best)
        whole = self._loss(data)
        found = whole.newton(best)
        return found if found[2] else whole.newton(whole.climb(best).x)


def _unique(columns: tuple[Floats, ...], weight: ArrayLike | None) -> Data:
    """Equal rows become one, in an order that does not depend on theirs."""
    counted = np.ones(len(columns[0])) if weight is None else np.asarray(weight, dtype=float)
    if counted.shape != columns[0].shape or not (counted >= 0).all() or not np.isfinite(counted).all():
        raise ModelError(
            f"sample_weight must say of each of the {len(columns[0])} rows how many customers it stands for: zero or more."
        )
    columns, counted = tuple(column[counted > 0] for column in columns), counted[counted > 0]
    weights = pd.Series(counted)
    summed = weights.groupby(list(columns), sort=False).sum()
    found = [summed.index.get_level_values(level).to_numpy(dtype=float) for level in range(len(columns))]
    order = np.lexsort(found[::-1])
    return Data(tuple(column[order] for column in found), summed.to_numpy(dtype=float)[order])


def _inverse(hessian: Floats) -> Floats:
    """The inverse of a positive definite matrix; NaN of any other."""
    try:
        np.linalg.cholesky(hessian)
        return np.asarray(np.linalg.inv(hessian))
    except np.linalg.LinAlgError:
        return np.full_like(hessian, np.nan)
