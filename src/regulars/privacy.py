"""Small groups are not shown in tables that are meant to be shared."""

from __future__ import annotations

import pandas as pd


def suppress(table: pd.DataFrame, counts: list[str] | str, min_cell: int) -> pd.DataFrame:
    """Take the numbers out of every row that counts fewer than `min_cell` customers.

    Args:
        table: one row per group; texts stay.
        counts: the column, or columns, that count customers. A row is suppressed if any of them is too small.
        min_cell: the smallest count that may be shown.

    >>> sizes = pd.DataFrame({"customers": [3, 40], "revenue": [5.0, 90.0]}, index=["new", "loyal"])
    >>> suppress(sizes, "customers", 10)
           customers  revenue
    new         <NA>      NaN
    loyal         40     90.0
    """
    small = (table[[counts] if isinstance(counts, str) else counts] < min_cell).any(axis=1)
    numbers = table.select_dtypes("number").columns
    whole = table.select_dtypes("integer").columns
    hidden = table.astype(dict.fromkeys(whole, "Int64"))
    hidden[numbers] = hidden[numbers].mask(small)
    return hidden


def suppress_cells(table: pd.DataFrame, min_cell: int) -> pd.DataFrame:
    """Take out every cell of a table of counts that is above zero and below `min_cell`."""
    return table.astype("Int64").mask((table > 0) & (table < min_cell))
