"""Before any effect is read: did the assignment do what was planned?"""

from __future__ import annotations

import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from regulars.offers.effects import EVERYONE
from regulars.offers.registry import Experiment

ALPHA = 0.001  # a sound test should not be doubted: nine checks at .05 would doubt 37 % of them
SMALLEST_EXPECTED = 5  # customers in an arm: Cochran's rule for χ²


def sample_ratio(assigned: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """Compare the arms' sizes with the planned split, over everyone and within each segment.

    The χ² test over all arms at once; Holm's adjustment over the checks. A segment so small that fewer than five customers
    are expected in some arm is not tested, since χ² would doubt it too often: its p is missing, and it passes.

    Args:
        assigned: `arm` and `segment`, one row per assigned customer.
        experiment: the planned shares.

    Returns:
        One row per segment (with "everyone"): the customers in each arm, `p`, `p_adjusted` and `passed`.
    """
    both = pd.concat([assigned, assigned.assign(segment=EVERYONE)])
    counts = pd.crosstab(both["segment"], both["arm"]).reindex(columns=list(experiment.arms), fill_value=0)
    shares = pd.Series({name: arm.share for name, arm in experiment.arms.items()})
    shares /= shares.sum()
    large = counts[counts.sum(axis=1) * shares.min() >= SMALLEST_EXPECTED]
    p = pd.Series(
        [stats.chisquare(row, row.sum() * shares).pvalue for row in large.to_numpy()], large.index, float
    )
    adjusted = pd.Series(multipletests(p, alpha=ALPHA, method="holm")[1] if len(p) else [], p.index, float)
    return counts.assign(p=p, p_adjusted=adjusted, passed=~(adjusted.reindex(counts.index) < ALPHA))
