"""Who would get the offers, if the verdicts were followed: by age, income, region, or whatever is known of customers.

Segments are made of what customers bought, which goes with who they are. An offer that reaches one group much more than
another may be sound business; it should not go unseen.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from regulars.offers.multiplicity import adjusted

CHARACTERISTICS = ("age_band", "income_band", "gender", "household_size", "region", "country")
MOST_GROUPS = 15  # of one characteristic: a column with more is no grouping, or one for a page of its own
UNKNOWN = "not known"


def parity(is_offered: pd.Series, profiles: pd.DataFrame, alpha: float = 0.05) -> pd.DataFrame:
    """The share of each group of customers who would get an offer, against all other customers.

    Args:
        is_offered: whether each customer would; indexed by customer.
        profiles: what is known of them, one column per characteristic, indexed likewise. What is missing is a group too. A
            characteristic with only one group, or more than fifteen, is left out.
        alpha: one minus the level of the intervals.

    Returns:
        One row per characteristic and group: `customers`, `share`, `low`, `high` (Wilson 1927), `share_others`, and `p_holm`
        of no difference (Pearson's χ² of the two shares, or Fisher's exact test where fewer than five are expected in a
        cell), by Holm over all groups.

    >>> offered = pd.Series([True] * 30 + [False] * 70)
    >>> profiles = pd.DataFrame({"age_band": ["young"] * 50 + ["old"] * 50})
    >>> parity(offered, profiles)[["group", "customers", "share", "share_others"]]
       group  customers  share  share_others
    0    old         50    0.0           0.6
    1  young         50    0.6           0.0
    """
    rows = []
    for name in profiles:
        groups = profiles[name].astype("object").where(profiles[name].notna(), UNKNOWN).astype(str)
        counts = is_offered.groupby(groups.reindex(is_offered.index)).agg(["sum", "size"])
        if 1 < len(counts) <= MOST_GROUPS:
            rows += [(str(name), str(group), int(k), int(n)) for group, k, n in counts.itertuples()]
    table = pd.DataFrame(rows, columns=["characteristic", "group", "offered", "customers"])
    total, reached = len(is_offered), int(is_offered.sum())
    low, high = proportion_confint(table["offered"], table["customers"], alpha, method="wilson")
    others = table["customers"].rsub(total), table["offered"].rsub(reached)
    p = [
        _differs(*cell)
        for cell in zip(table["offered"], table["customers"], others[1], others[0], strict=True)
    ]
    return table.assign(
        share=table["offered"] / table["customers"],
        low=low,
        high=high,
        share_others=others[1] / others[0],
        p_holm=adjusted(p, len(p)),
    ).drop(columns="offered")


def _differs(k: int, n: int, k_others: int, n_others: int) -> float:
    """The p-value of two shares being the same; 1 where everybody is treated alike."""
    cells = np.array([[k, n - k], [k_others, n_others - k_others]])
    if not cells.sum(axis=0).all():
        return 1.0
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    if expected.min() < 5:
        return float(stats.fisher_exact(cells).pvalue)
    return float(stats.chi2_contingency(cells, correction=False).pvalue)
