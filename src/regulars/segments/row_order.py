"""What the customary way to score ties does: a segment that depends on the order of rows. Shown beside the right one.

Quantile bins fail where many customers share a value; the usual cure ranks equal values by their place in the table.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from regulars.segments.rulebooks.codes import RXF_GRID

BINS = 5


def rxf_by_row_order(customers: pd.DataFrame) -> pd.Series:
    """The segments of the recency × frequency grid with ties broken by the order of rows.

    Args:
        customers: one row per buyer with `recency_days` and `frequency`, in some order.

    Returns:
        The segment of each, on the same index.

    >>> base = pd.DataFrame({"recency_days": [1, 2, 3, 4, 5], "frequency": 1})
    >>> rxf_by_row_order(base).tolist()
    ['new', 'potential loyalist', 'need attention', 'at risk', 'cant lose']
    >>> rxf_by_row_order(base[::-1]).sort_index().tolist()
    ['champions', 'loyal', 'need attention', 'hibernating', 'hibernating']
    """
    recency = BINS + 1 - _fifths(customers["recency_days"])
    frequency = _fifths(customers["frequency"].rank(method="first"))
    names = {(r, f): name for name, codes in RXF_GRID.items() for rs, fs in codes for r in rs for f in fs}
    codes = zip(recency.astype(str), frequency.astype(str), strict=True)
    return pd.Series([names[code].replace("_", " ") for code in codes], index=customers.index)


def _fifths(values: pd.Series) -> pd.Series:
    """1 to 5 by quantiles of the values, or of their places where quantiles coincide; a customer alone is in the first."""
    if len(values) < 2:
        return pd.Series(1, index=values.index)
    edges = np.unique(values.quantile(np.linspace(0, 1, BINS + 1)))
    return pd.qcut(values if len(edges) == BINS + 1 else values.rank(method="first"), BINS, labels=False) + 1


def changed_by_shuffling(customers: pd.DataFrame, random_state: int) -> float:
    """The share of customers whose segment, by row order, is another one once the rows are shuffled."""
    shuffled = customers.sample(frac=1, random_state=random_state)
    return float((rxf_by_row_order(shuffled).reindex(customers.index) != rxf_by_row_order(customers)).mean())
