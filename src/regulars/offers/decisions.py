"""From effects to verdicts: roll out, stop, or keep testing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from regulars.offers.effects import EVERYONE
from regulars.offers.registry import Experiment

POWER = 0.8


def decide(table: pd.DataFrame, experiment: Experiment, *, valid: bool = True) -> pd.DataFrame:
    """Add a verdict to each cell of the primary metric, one cell being one segment, or everyone, and one treated arm.

    The verdict follows the CUPED effect on the primary metric, adjusted by Holm over all cells of the registered family; one
    with fewer than `minimum_buyers` in either arm gets none, and still counts as a cell.

    Args:
        table: what `regulars.offers.effects.effects` returned.
        experiment: its primary metric, family, alpha and minimum number of buyers.
        valid: whether the assignment passed its checks; if not, nothing is decided.

    Returns:
        `table` with `p_holm`, `detectable` (the smallest effect that a test of this size finds four times in five) and
        `verdict`; missing outside the family.
    """
    whole = table["segment"] == EVERYONE
    asked = {"segments": ~whole, "everyone": whole, "both": whole | ~whole}
    cells = table[(table["metric"] == experiment.primary_metric) & asked[experiment.family]]
    enough = cells[["buyers", "buyers_control"]].min(axis=1) >= experiment.minimum_buyers
    testable = enough & cells["cuped_p"].notna()
    size = cells["segment"].nunique() * len(experiment.treated)
    adjusted = _holm(cells["cuped_p"].where(testable, 1.0).tolist(), size)
    p_holm = pd.Series(adjusted, index=cells.index, dtype=float).where(testable)
    gained = np.where(cells["cuped_effect"] > 0, "roll out", "stop")
    verdict = np.where(p_holm < experiment.alpha, gained, "keep testing")
    verdict = np.where(testable, verdict, "too few buyers") if valid else np.full(len(cells), "not valid")
    reach = stats.norm.ppf(1 - experiment.alpha / 2 / max(size, 1)) + stats.norm.ppf(POWER)
    found = pd.DataFrame(
        {
            "p_holm": p_holm,
            "detectable": (reach * cells["cuped_se"]).where(testable),
            "verdict": verdict,
        },
        cells.index,
    )
    return table.join(found)


def _holm(p: list[float], size: int) -> list[float]:
    """Holm's adjustment over a family of `size` cells; untestable ones, and those that drew nobody, enter as p = 1."""
    if not p:
        return []
    return multipletests([*p, *[1.0] * (size - len(p))], method="holm")[1][: len(p)].tolist()


def worth(decided: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """What a cell's effect comes to for a segment of today's size, over one horizon.

    Args:
        decided: cells with `segmentation`, `segment` and their CUPED effect.
        segments: today's customers: one row each, one column per segmentation.

    Returns:
        `decided` with `whom`, in words, and `worth`, `worth_low`, `worth_high`: the CUPED effect and its interval times the
        customers; missing where today's customers are not segmented so.
    """
    whole = decided["segment"] == EVERYONE
    cells = zip(decided["segmentation"], decided["segment"], strict=True)
    sizes = [(segments[by] == segment).sum() if by in segments else np.nan for by, segment in cells]
    customers = np.where(whole, len(segments), np.array(sizes, dtype=float))
    return decided.assign(
        whom=(decided["segment"] + " customers").mask(whole, EVERYONE),
        worth=decided["cuped_effect"] * customers,
        worth_low=decided["cuped_low"] * customers,
        worth_high=decided["cuped_high"] * customers,
    )
