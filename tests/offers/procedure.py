"""The whole procedure on tests in which no arm does anything: whatever it finds is false."""

from __future__ import annotations

import gc
from functools import cache
from unittest.mock import patch

import numpy as np
import pandas as pd

from regulars.offers.analysis import analyse
from regulars.offers.registry import Experiment, Given, read_experiments
from tests.offers.simulations import shop

ALPHA = 0.05
EQUAL, UNEQUAL = (1.0, 1.0, 1.0), (3.0, 1.0, 1.0)
SIZES = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.09, "e": 0.01}  # of segments, as shares of the customers


def plan(shares: tuple[float, ...], family: str, minimum: int) -> Experiment:
    """Hillstrom's, with other shares, and verdicts in a family of cells."""
    registered = read_experiments("hillstrom")[0]
    arms = {
        name: arm.model_copy(update={"share": share})
        for (name, arm), share in zip(registered.arms.items(), shares, strict=True)
    }
    given = Given(metrics=("spend", "conversion"), conversion="conversion", covariate="history")
    changed = {"arms": arms, "given": given, "family": family, "minimum_buyers": minimum, "alpha": ALPHA}
    return registered.model_copy(update=changed)


def assigned(registered: Experiment, customers: int, rng: np.random.Generator) -> pd.DataFrame:
    """Customers of a shop, drawn into arms that change nothing."""
    people, shares = _people(), np.array([arm.share for arm in registered.arms.values()])
    segment = np.repeat(list(SIZES), [round(share * customers) for share in SIZES.values()])
    spend, before = people[rng.integers(len(people), size=len(segment))].T
    arm = rng.choice(list(registered.arms), size=len(segment), p=shares / shares.sum())
    base = pd.DataFrame({"segment": segment, "arm": arm, "spend": spend, "pre_spend": before})
    return base.assign(conversion=(spend > 0).astype(float), customer_id=base.index.astype(str))


@cache
def _people() -> np.ndarray:
    return shop().control


@cache
def procedure(
    shares: tuple[float, ...], family: str, minimum: int, customers: int, simulations: int, seed: int
) -> pd.DataFrame:
    """What the procedure said, one row per simulated test.

    Returns:
        `verdict`: to roll out or to stop in any cell. `unadjusted`: p below .05 in any cell with buyers enough. `ratio` and
        `balance`: doubts about the assignment, at .001; `ratio_naively`: any sample ratio's p below .05.
    """
    registered, rows = plan(shares, family, minimum), []
    # statsmodels' multipletests collects garbage at every call, a third of a second in a long session.
    with patch.object(gc, "collect", lambda *_: 0):
        for rng in np.random.default_rng(seed).spawn(simulations):
            found = analyse(assigned(registered, customers, rng), registered, margin_rate=1.0)
            cells = found.effects.dropna(subset=["verdict"])
            enough = cells[["buyers", "buyers_control"]].min(axis=1) >= minimum
            rows.append(
                {
                    "verdict": cells["verdict"].isin(["roll out", "stop"]).any(),
                    "unadjusted": (cells.loc[enough, "cuped_p"] < ALPHA).any(),
                    "ratio": not found.checks["passed"].all(),
                    "balance": not found.balance.passed,
                    "ratio_naively": (found.checks["p"] < ALPHA).any(),
                }
            )
    return pd.DataFrame(rows)
