"""Before any effect is read: did the assignment do what was planned, and were the arms alike before it?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from regulars.offers.effects import EVERYONE
from regulars.offers.multiplicity import adjusted
from regulars.offers.registry import Experiment

ALPHA = 0.001  # a sound test should not be doubted: nine checks at .05 would doubt 37 % of them
SMALLEST_EXPECTED = 5  # customers in an arm: Cochran's rule for χ²


class Balance(NamedTuple):
    """Whether the arms were alike before the assignment.

    Attributes:
        covariates: what was compared; those that are the same for everybody are left out.
        statistic: large if the arms differ.
        freedom: its degrees of freedom.
        p: the chance of one as large under the planned draw; missing without anything to compare.
        passed: whether p is at least `ALPHA`, or missing.
    """

    covariates: tuple[str, ...]
    statistic: float
    freedom: int
    p: float
    passed: bool


def balance(assigned: pd.DataFrame) -> Balance:
    """One test over all arms and all covariates from before the assignment at once.

    The arms' mean ranks against everybody's, in the metric of the ranks' covariance: Σ n_a d_aᵀ S⁻¹ d_a, which under a random
    draw is χ² with (arms − 1) × covariates degrees of freedom (as Hansen & Bowers 2008 have it for two arms; of one covariate
    it is Kruskal and Wallis 1952). Ranks, since money is so heavy-tailed that its means would doubt sound draws.

    Args:
        assigned: `arm` and the covariates, which begin with `pre_`: one row per assigned customer.

    >>> drawn = pd.DataFrame({"arm": list("abab"), "pre_profit": [1.0, 1.0, 2.0, 2.0], "pre_revenue": 0.0})
    >>> balance(drawn)
    Balance(covariates=('pre_profit',), statistic=0.0, freedom=1, p=1.0, passed=True)
    """
    names = [name for name in map(str, assigned) if name.startswith("pre_") and assigned[name].nunique() > 1]
    arms = assigned.groupby("arm").size()
    if not names or len(arms) < 2:
        return Balance((), float("nan"), 0, float("nan"), passed=True)
    ranks = assigned[names].rank()
    apart = (ranks.groupby(assigned["arm"]).mean() - ranks.mean()).loc[arms.index].to_numpy()
    spread = np.atleast_2d(np.cov(ranks.to_numpy(), rowvar=False))
    # Covariates that say the same, as revenue and profit at one margin, count once.
    freedom = int(np.linalg.matrix_rank(spread, hermitian=True)) * (len(arms) - 1)
    statistic = float(
        (arms.to_numpy() * ((apart @ np.linalg.pinv(spread, hermitian=True)) * apart).sum(axis=1)).sum()
    )
    p = float(stats.chi2.sf(statistic, freedom))
    return Balance(tuple(names), statistic, freedom, p, passed=p >= ALPHA)


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
    p_adjusted = pd.Series(adjusted(p, len(p)), p.index)
    return counts.assign(p=p, p_adjusted=p_adjusted, passed=~(p_adjusted.reindex(counts.index) < ALPHA))
