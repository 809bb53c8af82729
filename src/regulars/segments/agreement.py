"""How far two segmentations of the same customers say the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import fsum, sqrt
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from regulars.engine import in_pandas

NONE = "(none)"


def cross_table(segments: Any, one: str, other: str) -> pd.DataFrame:
    """Customers by two segmentations.

    Args:
        segments: one row per customer with both columns: any Narwhals frame, or what one is made of.
        one: the segmentation in the rows.
        other: the segmentation in the columns.

    Returns:
        Counts, in the order of names; customers without a segment are "(none)". Small cells are for the caller to suppress.

    >>> base = pd.DataFrame({"rule": ["a", "a", "b"], "cluster": ["x", "x", "y"]})
    >>> cross_table(base, "rule", "cluster").to_numpy().tolist()
    [[2, 0], [0, 1]]
    """
    labels = {name: nw.col(name).cast(nw.String).fill_null(NONE) for name in (one, other)}
    lazy = nw.from_native(segments, pass_through=False).lazy().select(**labels)
    counts = in_pandas(lazy.group_by(one, other).agg(customers=nw.len()))
    return counts.pivot_table("customers", one, other, aggfunc="sum", fill_value=0).astype("int64")


def cramers_v(table: pd.DataFrame) -> float:
    """How closely two segmentations go together: Cramér's V without its bias.

    0: one says nothing of the other; 1: they are the same segments, whatever they are called. Plain V is above 0 even for
    unrelated segmentations, the more so the more segments; this takes off what is to be expected of them (Cramér 1946;
    Bergsma 2013). Where a finer segmentation only splits the segments of a coarser one, plain V is 1 and this nearly so.

    Args:
        table: counts; rows and columns without customers do not count.

    Returns:
        Between 0 and 1; missing if either segmentation has a single segment.

    >>> cramers_v(pd.DataFrame([[5, 0], [0, 10]])), cramers_v(pd.DataFrame([[10, 20], [10, 20]]))
    (1.0, 0.0)
    """
    counts = table.to_numpy(float)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    n, segments = counts.sum(), np.array(counts.shape, dtype=float)
    if segments.min(initial=2) < 2 or n < 2:
        return float("nan")
    margins = np.outer(counts.sum(axis=1), counts.sum(axis=0))
    phi = fsum((counts**2 / margins).ravel()) - 1  # the exact sum, whatever the order of segments
    unbiased = max(phi - (segments - 1).prod() / (n - 1), 0.0)
    at_most = (segments - (segments - 1) ** 2 / (n - 1)).min() - 1
    return min(sqrt(unbiased / at_most), 1.0) if at_most > 0 else float("nan")


def agreement(segments: Any, columns: Sequence[str]) -> pd.DataFrame:
    """Cramér's V of every pair of segmentations.

    Args:
        segments: one row per customer: any Narwhals frame, or what one is made of.
        columns: the segmentations, at least two.

    Returns:
        One row per pair: `one`, `other`, `customers`, `cramers_v`.

    >>> base = pd.DataFrame({"rule": list("aabb"), "cluster": list("xxyy"), "coin": list("htht")})
    >>> agreement(base, ["rule", "cluster", "coin"])["cramers_v"].tolist()
    [1.0, 0.0, 0.0]
    """
    rows = []
    for one, other in combinations(columns, 2):
        table = cross_table(segments, one, other)
        rows.append((one, other, int(table.to_numpy().sum()), cramers_v(table)))
    return pd.DataFrame(rows, columns=["one", "other", "customers", "cramers_v"])
