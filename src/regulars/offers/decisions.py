"""From effects to verdicts: roll out, stop, or keep testing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from regulars.offers.effects import EVERYONE, KNOWN
from regulars.offers.guardrails import HOLDS
from regulars.offers.multiplicity import adjusted
from regulars.offers.registry import Experiment

POWER = 0.8
VERDICTS = ("roll out", "stop", "guardrail", "keep testing")  # of cells that can be judged


def decide(
    table: pd.DataFrame,
    experiment: Experiment,
    *,
    guarded: pd.DataFrame | None = None,
    valid: bool = True,
) -> pd.DataFrame:
    """Add a verdict to each cell of the primary metric, one cell being one segment, or everyone, and one treated arm.

    The verdict follows the CUPED effect on the primary metric, adjusted (Holm's family-wise error, or Benjamini &
    Hochberg's false discoveries, as registered) over all cells of the registered family; one with fewer than `minimum_buyers`
    in either arm gets none, and still counts as a cell. *Roll out* also needs the effect to reach the registered minimum, and
    every guardrail of the arm to hold.

    Args:
        table: what `regulars.offers.effects.effects` returned.
        experiment: its primary metric, family, alpha, minimum number of buyers, and rule.
        guarded: what `regulars.offers.guardrails.guardrails` returned, if there are any.
        valid: whether the assignment passed its checks; if not, nothing is decided.

    Returns:
        `table` with `p_adjusted`, `detectable` (the smallest effect that a test of this size finds four times in five) and
        `verdict`; missing outside the family. A verdict is "roll out", "stop", "keep testing", "not valid", or why there
        is none: "guardrail", "too few buyers", or what `regulars.offers.effects.effects` says in `reason`.
    """
    whole = table["segment"] == EVERYONE
    asked = {"segments": ~whole, "everyone": whole, "both": whole | ~whole}
    cells = table[(table["metric"] == experiment.primary_metric) & asked[experiment.family]]
    enough = cells[["buyers", "buyers_control"]].min(axis=1) >= experiment.minimum_buyers
    testable = enough & cells["cuped_p"].notna()
    size = cells["segment"].nunique() * len(experiment.treated)
    # Untestable cells, and those that drew nobody, count with p = 1.
    entered = cells["cuped_p"].where(testable, 1.0)
    p = pd.Series(adjusted(entered, size, experiment.adjust), cells.index).where(testable)
    verdict = rule(p < experiment.alpha, cells["cuped_effect"], cells["arm"], experiment, guarded)
    why = np.where(cells["reason"] == KNOWN, "too few buyers", cells["reason"])
    found = np.where(testable, verdict, why) if valid else np.full(len(cells), "not valid")
    reach = stats.norm.ppf(1 - experiment.alpha / 2 / max(size, 1)) + stats.norm.ppf(POWER)
    columns = {
        "p_adjusted": p,
        "detectable": (reach * cells["cuped_se"]).where(testable),
        "verdict": found,
    }
    return table.join(pd.DataFrame(columns, cells.index))


def rule(
    is_clear: pd.Series,
    effect: pd.Series,
    arm: pd.Series,
    experiment: Experiment,
    guarded: pd.DataFrame | None,
) -> pd.Series:
    """The registered rule: "roll out", "stop", "guardrail" or "keep testing" for each cell.

    Args:
        is_clear: whether the cell's effect is told from zero.
        effect: on the primary metric.
        arm: of the cell.
        experiment: its minimum effect.
        guarded: what `regulars.offers.guardrails.guardrails` returned, if there are any.
    """
    failing = [] if guarded is None else guarded.loc[guarded["verdict"] != HOLDS, "arm"].tolist()
    gains = is_clear & (effect > 0)
    small = gains & (effect < experiment.decision.minimum_effect)
    cases = [is_clear & (effect < 0), small, gains & arm.isin(failing), gains]
    words = ["stop", "keep testing", "guardrail", "roll out"]
    return pd.Series(np.select(cases, words, "keep testing"), effect.index)


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
