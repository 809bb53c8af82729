"""Who moved between segments, and why: by what they did, by new limits, by a model learned anew."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

JOINED = "joined this month"


class Movement(NamedTuple):
    """Movement between two months; the three shares add up to that of the customers who are in another segment.

    All shares are of the customers who are in a segment in both months.

    Attributes:
        flows: customers by segment last month (rows, with "joined this month") and this month (columns).
        behaviour: share whose segment changed by last month's model and cut-offs: what they did.
        threshold: what this month's new cut-offs add to that share; negative if they undo some of it.
        refit: what a model learned anew adds to that; negative if it undoes some of it, and 0 where none was.
        entered: customers in a segment this month but not last month.
        left: customers in a segment last month but not this month.
    """

    flows: pd.DataFrame
    behaviour: float
    threshold: float
    refit: float
    entered: int
    left: int


def movement(
    before: pd.Series, frozen: pd.Series, now: pd.Series, *, refitted: pd.Series | None = None
) -> Movement:
    """Split the movement into behaviour, threshold and refit.

    Args:
        before: last month's segments, indexed by customer.
        frozen: this month's features under last month's model and cut-offs, indexed by customer.
        now: this month's features under new cut-offs, indexed by customer; for rules these are this month's segments.
        refitted: this month's segments by a model learned anew, aligned with last month's, where there is a model.

    >>> before, now = pd.Series({"1": "a", "2": "b"}), pd.Series({"1": "a", "2": "a", "3": "b"})
    >>> movement(before, now, now).behaviour
    0.5
    >>> movement(before, before, now, refitted=before)[1:]
    (0.0, 0.5, -0.5, 0, 0)
    """
    before, after = before.dropna(), (now if refitted is None else refitted).dropna()
    both = before.index.intersection(after.index)
    joined = before.astype(object).reindex(after.index).fillna(JOINED)
    by_model, by_limits, in_all = (_share_moved(before[both], labels) for labels in (frozen, now, after))
    return Movement(
        flows=pd.crosstab(joined.rename("last month"), after.rename("this month")),
        behaviour=by_model,
        threshold=by_limits - by_model,
        refit=in_all - by_limits,
        entered=len(after) - len(both),
        left=len(before) - len(both),
    )


def _share_moved(before: pd.Series, labels: pd.Series) -> float:
    """Share of customers whose label is another one, or none; NaN if there are no customers."""
    moved = labels.reindex(before.index).ne(before).fillna(True)
    return float(moved.to_numpy(float).mean()) if len(moved) else float("nan")
