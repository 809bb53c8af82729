"""Who gets which arm: drawn by a hash, so that the draw can be repeated and nobody can lean on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import narwhals as nw
import pandas as pd

from regulars.engine import Frame
from regulars.offers.registry import Experiment
from regulars.segments.rulebooks import RULEBOOKS


def eligible(features: Frame, experiment: Experiment) -> Frame:
    """Every customer of a snapshot taken on the day of assignment, with the segment frozen then.

    Returns:
        `customer_id`, `segment` and `mean_order` (the mean revenue of the orders before, in the shop's currency).
    """
    rulebook = RULEBOOKS[experiment.segmentation].fit(features)
    return features.select("customer_id", segment=rulebook.expression(), mean_order=nw.col("monetary_value"))


def assign(customers: Iterable[str], experiment: Experiment, salt: str = "") -> pd.Series:
    """An arm for each customer, by where a hash of experiment and customer falls among the arms' shares.

    The draw depends on nothing but the two ids, so it is the same tomorrow, on another machine, in another order.

    Args:
        customers: ids.
        experiment: its id and its arms' shares are used.
        salt: another text makes another draw: for simulations.

    >>> from regulars.offers.registry import read_experiments
    >>> assign(["1", "2", "3"], read_experiments("demo")[0]).tolist()
    ['ten-percent-off', 'nothing', 'ten-percent-off']
    """
    ids = pd.Index(customers, name="customer_id")
    total = sum(arm.share for arm in experiment.arms.values())
    edges, reached = [], 0.0
    for name, arm in experiment.arms.items():
        reached += arm.share / total
        edges.append((reached, name))
    last = edges[-1][1]
    draws = (_uniform(f"{experiment.id}|{salt}|{customer}") for customer in ids)
    arms = [next((name for edge, name in edges if draw < edge), last) for draw in draws]
    return pd.Series(arms, index=ids, name="arm", dtype="str")


def _uniform(text: str) -> float:
    """A number in [0, 1) from the first 53 bits of a hash."""
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11) / 2**53
