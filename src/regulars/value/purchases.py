"""What the two models of purchasing share: histories, their checks, and forecasts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from regulars.value.likelihood import Data, Floats, MaximumLikelihood, ModelError, Values


class PurchaseModel(MaximumLikelihood):
    """A model of when customers buy, of which each has a rate of their own and leaves unseen.

    A customer is `frequency` (repeat purchases x, the first not counted), `recency` (the time t_x from the first purchase to
    the last), and `T` (the time from the first purchase to the end of the observation), in one unit of time.
    """

    columns = ("frequency", "recency", "T")

    @abstractmethod
    def probability_alive(self, X: Any) -> Floats:
        """The probability that each customer has not left for good by the end of the observation."""

    @abstractmethod
    def expected_purchases(self, X: Any, horizon: float) -> Floats:
        """The expected number of purchases of each customer in the next `horizon` units of time."""

    @abstractmethod
    def draw_purchases(self, X: Any, horizon: float, rng: np.random.Generator) -> Floats:
        """A number of purchases in the next `horizon` for each customer, drawn from the model given their history."""

    def _params(self) -> list[float]:
        check_is_fitted(self, "params_")
        return [self.params_[name] for name in self.names]

    def _prepared(self, columns: Sequence[Floats]) -> Any:
        x, t_x, T = columns
        return Values(x), Values(t_x), Values(T)

    def _check(self, data: Data) -> None:
        x, t_x, T = data.columns
        wrong = (x < 0) | (t_x < 0) | (t_x > T) | ((x == 0) & (t_x > 0)) | (x != np.floor(x))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ModelError(
                f"No customer can have frequency {x[row]:g}, recency {t_x[row]:g} and T {T[row]:g}: frequency counts repeat "
                f"purchases, recency lies between 0 and T, and is 0 without a repeat purchase."
            )
        if not (x > 0).any():
            raise ModelError("Nobody came back: from customers who bought once no rate can be learnt.")
        if not (T > 0).any():
            raise ModelError("Nobody was observed for any time: every T is 0.")
        if data.weight.sum() < 2:
            raise ModelError(
                "One customer tells nothing of how customers differ: a model needs more of them."
            )

    def _scale(self, data: Data) -> float:
        return float(data.weight @ data.columns[2] / data.weight.sum())

    def _scaled(self, columns: Sequence[Floats], factor: float) -> tuple[Floats, ...]:
        x, t_x, T = columns
        return x, t_x * factor, T * factor

    def _rate(self, data: Data) -> float:
        """Repeat purchases per unit of time, of all customers together."""
        x, _, T = data.columns
        return float(data.weight @ x / (data.weight @ T))
