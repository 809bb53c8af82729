"""What an offer must not cost: metrics that may fall by a margin at most, and the evidence that they do not fall further.

That no fall was found is no evidence that there is none. A guardrail holds only if a fall beyond its margin can be ruled out
(non-inferiority).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from regulars.offers.effects import EVERYONE
from regulars.offers.registry import Experiment

HOLDS = "holds"
BROKEN = "broken"
OPEN = "not shown to hold"
CANNOT = "cannot be tested"


def guardrails(aggregates: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """Each registered guardrail in each treated arm, over everyone assigned.

    With a margin of m, the treated mean a must be shown to exceed (1 − m) times the control mean b. The contrast a − (1 − m) b
    has the variance V_a + (1 − m)² V_b, so that the margin is a share of a control mean which is itself an estimate (Hauschke,
    Kieser, Diletti & Burke 1999). A one-sided test at alpha / 2, with Satterthwaite's degrees of freedom.

    Guardrails are not adjusted for their number: an offer must pass all of them, so that several make it harder, not easier.

    Args:
        aggregates: what `aggregate` returned, with the guardrails' metrics.
        experiment: its guardrails, and its alpha.

    Returns:
        One row per guardrail and treated arm: `metric`, `arm`, `margin`, `mean`, `mean_control`, `change` (relative), `p` of a
        fall beyond the margin, and `verdict`: "holds", "broken" (the fall is beyond the margin at the same level), "not shown
        to hold", or "cannot be tested" where an arm has no mean above zero or no variance.
    """
    margins = pd.DataFrame([dict(of) for of in experiment.guardrails], columns=["metric", "margin"])
    margins = margins.astype({"metric": "str", "margin": float})
    rows = aggregates[(aggregates["segment"] == EVERYONE) & aggregates["metric"].isin(margins["metric"])]
    is_control = rows["arm"] == experiment.control
    control = rows.loc[is_control].drop(columns=["arm", "segment"])
    pairs = margins.merge(rows[~is_control], on="metric").merge(
        control, on="metric", suffixes=("", "_control")
    )
    keeps = 1 - pairs["margin"]
    own, other = pairs["variance"] / pairs["n"], pairs["variance_control"] / pairs["n_control"]
    contrast, error, freedom = _contrast(pairs, own, other, keeps)
    testable = (error > 0) & (pairs["mean_control"] > 0)
    z = (contrast / error).where(testable)
    p = pd.Series(stats.t.sf(z, freedom), pairs.index)
    level = experiment.alpha / 2
    verdict = np.select([~testable, p < level, p > 1 - level], [CANNOT, HOLDS, BROKEN], OPEN)
    found = pairs[["metric", "arm", "margin", "mean", "mean_control"]]
    change = pairs["mean"] / pairs["mean_control"] - 1
    return found.assign(change=change.where(testable), p=p, verdict=verdict)


def _contrast(
    pairs: pd.DataFrame, own: pd.Series, other: pd.Series, keeps: pd.Series
) -> tuple[pd.Series, pd.Series, pd.Series]:
    """a − (1 − m) b, its standard error and its degrees of freedom."""
    scaled = keeps**2 * other
    total = (own + scaled).where(own + scaled > 0)
    freedom = total**2 / (own**2 / (pairs["n"] - 1) + scaled**2 / (pairs["n_control"] - 1))
    return pairs["mean"] - keeps * pairs["mean_control"], np.sqrt(total), freedom
