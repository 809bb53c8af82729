"""What a test needs to find an effect: how many customers, how many weeks, and what it could have found with those it had.

An undecided cell asks for a new test, registered anew, of new data: the old ones have been seen, and are not tested again. The
customers may be the same, drawn anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from regulars.offers.decisions import POWER
from regulars.offers.effects import EVERYONE
from regulars.offers.pooling import pooled
from regulars.offers.registry import Experiment, OfferError
from regulars.segments import column_of

Floats = NDArray[np.float64]

WEEKS_AT_MOST = 260  # five years: who plans for longer plans for another shop
KEYS = ["metric", "segment", "arm"]
DECIDED = ("roll out", "stop", "guardrail")  # whether there is an effect

ENOUGH = "enough customers today"
TO_COME = "more customers than there are today; enough in {weeks:,.0f} weeks"
NEVER = "more customers than there are today; not in 5 years"
NONE_COME = "more customers than there are today; none are known to come"
NO_EFFECT = "no effect to look for"
NO_SPREAD = "too few buyers to plan from"
NO_PLAN = "nothing to plan from: the assignment was not valid"
NO_ORDERS = "not available: needs each customer's orders"
NO_CHANCE = "cannot be: it would make {then:.0%} of the customers"
NO_VARIANCE = "nothing to plan from: all customers are alike in it"
TOO_FEW = "needs {times:,.1f} times the customers that the shop has"

# What marketing articles promise, relative to what the shop has. Churn is not ordering within the horizon, conversion is
# ordering, and engagement is the orders per customer.
PROMISES = {"churn": -0.30, "conversion": 0.25, "engagement": 0.20}


def reach(level: ArrayLike = 0.05, power: float = POWER) -> Floats:
    """By how many standard errors a true effect must differ from zero for a two-sided test to find it so often.

    z(1 − level / 2) + z(power), which leaves out finding it on the wrong side (Lachin 1981, equation 1). Of the first cell
    that Holm tests among m, and of each that Bonferroni does, the level is alpha / m.

    >>> reach([0.05, 0.05 / 8]).round(3).tolist()
    [2.802, 3.576]
    """
    return np.asarray(stats.norm.isf(np.asarray(level) / 2) + stats.norm.ppf(power), dtype=float)


def per_customer(variance: ArrayLike, variance_control: ArrayLike, share: ArrayLike = 0.5) -> Floats:
    """The variance of a difference of two means, times the customers in both arms.

    Args:
        variance, variance_control: of one customer's outcome, or with CUPED of what the covariate leaves of it.
        share: of the customers in the treated arm; the rest is the control.

    >>> per_customer(4.0, 4.0, [0.5, 0.2]).tolist()
    [16.0, 25.0]
    """
    s = np.asarray(share, dtype=float)
    return np.asarray(np.asarray(variance) / s + np.asarray(variance_control) / (1 - s), dtype=float)


def detectable(
    spread: ArrayLike, customers: ArrayLike, *, level: ArrayLike = 0.05, power: float = POWER
) -> Floats:
    """The smallest effect that a comparison of two means finds with this power.

    Args:
        spread: what `per_customer` returned.
        customers: in both arms together.
        level, power: of the two-sided test.

    >>> detectable(16.0, [100, 400]).round(3).tolist()
    [1.121, 0.56]
    """
    return np.asarray(reach(level, power) * np.sqrt(np.asarray(spread) / np.asarray(customers)), dtype=float)


def needed(effect: ArrayLike, spread: ArrayLike, *, level: ArrayLike = 0.05, power: float = POWER) -> Floats:
    """The customers, in both arms together, with which a comparison of two means finds an effect with this power.

    By the normal distribution. Welch's t asks for about z(1 − level / 2)² / 4 customers an arm more (Guenther 1981): one at a
    level of .05, two at .05 / 8.

    Args:
        effect: the true one, of either sign; for 0 no number is enough: ∞.
        spread, level, power: as in `detectable`.

    >>> needed([1.0, 0.5, 0.0], 16.0).tolist()
    [126.0, 503.0, inf]
    """
    d = np.abs(np.asarray(effect, dtype=float))
    ratio = reach(level, power) / np.where(d > 0, d, 1.0)
    # A customer more because of rounding would be one too many.
    whole = np.ceil(np.round(ratio**2 * np.asarray(spread, dtype=float), 9))
    return np.where(d > 0, whole, np.where(np.isnan(d), np.nan, np.inf))


def next_test(
    decided: pd.DataFrame,
    experiment: Experiment,
    *,
    worth_having: float,
    customers: Mapping[str, float],
    weekly: Mapping[str, float],
    power: float = POWER,
) -> pd.DataFrame:
    """What a new test would need to decide each cell that this one did not, and what it would need over everyone.

    A new test is of one offer against nothing, with this one's CUPED variance and proportion of the two arms, and Bonferroni's
    level among the cells it would cover: the undecided ones of segments, or the offers over everyone. It is planned for the
    partly pooled effect (over everyone there is none: for its own), since what was picked promises too much; and for an effect
    worth having, which no result moves.

    Args:
        decided: what `regulars.offers.decisions.decide` returned.
        experiment: its primary metric, alpha, minimum of buyers, arms and horizon.
        worth_having: the smallest effect per customer that would be worth the trouble, in the primary metric's unit.
        customers: today's, by segment, with "everyone".
        weekly: how many enter a segment in a week; with "everyone" the new customers. They are assigned as they enter.
        power: how often the effect is to be found.

    Returns:
        One row per undecided cell of a segment, and per arm over everyone, with a verdict or without: `segmentation`,
        `segment`, `arm`, `verdict`, `n`, `n_control`; the `level` of the new test; `detectable`, the smallest effect that this
        one could have found, at its own level; `customers` today, `weekly`, `worth_having`; `detectable_today`, the smallest
        that a new one of today's customers could find; for the pooled effect `effect`, `n`, `n_control`, `customers` (both),
        `weeks` and `answer`, each with `_for_effect`; these with `_for_worth_having`. What is missing, the answer explains.

    Raises:
        OfferError: if `worth_having` is not above zero.
    """
    if not worth_having > 0:
        raise OfferError(f"An effect worth having is above zero; {worth_having} is not.")
    found = _undecided(decided, experiment, power)
    found = found.assign(
        segmentation=column_of(experiment.segmentation),
        customers=found["segment"].map(dict(customers)).astype(float),
        weekly=found["segment"].map(dict(weekly)).astype(float),
        worth_having=float(worth_having),
    )
    both = found["n"] + found["n_control"]
    spread = (found["se"] ** 2 * both).mask(~found["can_plan"])
    there = found["customers"].where(found["customers"] > 0)
    found["detectable_today"] = detectable(spread, there, level=found["level"], power=power)
    for name, effect in (("effect", found["effect"]), ("worth_having", found["worth_having"])):
        total = pd.Series(needed(effect, spread, level=found["level"], power=power), found.index)
        own = np.ceil((total * found["n"] / both).round(9))
        control = np.ceil((total * found["n_control"] / both).round(9))
        plan = waiting(own + control, found["customers"], found["weekly"], experiment.horizon_days)
        said = plan["answer"].mask(~found["can_plan"], found["cannot"])
        plan = plan.assign(n=own.where(own < np.inf), n_control=control.where(own < np.inf), answer=said)
        found = found.join(plan.add_suffix(f"_for_{name}"))
    return found.drop(columns=["se", "can_plan", "cannot"])


def _undecided(decided: pd.DataFrame, experiment: Experiment, power: float) -> pd.DataFrame:
    """The cells to be planned for, with the levels they had and would have."""
    cells = decided[decided["metric"] == experiment.primary_metric]
    cells = cells.merge(pooled(cells, experiment.alpha, kind="cuped_"), on=KEYS, how="left")
    whole = cells["segment"] == EVERYONE
    few = cells[["buyers", "buyers_control"]].min(axis=1) < experiment.minimum_buyers
    invalid = bool((cells["verdict"] == "not valid").any())
    among = {"segments": ~whole, "everyone": whole, "both": whole | ~whole}[experiment.family]
    size = np.where(among, max(cells.loc[among, "segment"].nunique(), 1), 1) * len(experiment.treated)
    could = cells["cuped_se"].mul(pd.Series(reach(experiment.alpha / size, power), cells.index))
    open_ = ~cells["verdict"].isin(DECIDED)
    family = np.where(whole, len(experiment.treated), max(int((open_ & ~whole).sum()), 1))
    can = ~few & cells["cuped_se"].notna() & (not invalid)
    found = cells[["segment", "arm", "verdict", "n", "n_control"]].assign(
        level=experiment.alpha / family,
        detectable=could.where(can),
        se=cells["cuped_se"],
        effect=cells["pooled"].where(~whole, cells["cuped_effect"]).where(can),
        can_plan=can,
        cannot=NO_PLAN if invalid else NO_SPREAD,
    )
    return found[open_ | whole].reset_index(drop=True)


def waiting(needs: ArrayLike, customers: ArrayLike, weekly: ArrayLike, horizon_days: int) -> pd.DataFrame:
    """Whether there are as many customers as a test needs; if not, when there will be, in words.

    Args:
        needs: customers in all arms; ∞ or missing where no number is enough.
        customers, weekly: there today, and how many more each week.
        horizon_days: for how long the last of them is followed.

    Returns:
        `customers` needed; `weeks` until the test is over, missing if over five years; and the `answer`.

    >>> waiting([80, 200, 9000], [100, 100, 100], [5, 5, 5], 28)
       customers  weeks                                            answer
    0       80.0    4.0                            enough customers today
    1      200.0   24.0  more customers than there are today; enough i...
    2     9000.0    NaN  more customers than there are today; not in 5...
    """
    need, there, inflow = (np.asarray(given, dtype=float) for given in (needs, customers, weekly))
    missing = np.where(np.isnan(need), np.inf, need) - np.nan_to_num(there)
    coming = np.nan_to_num(inflow)
    until = np.where(coming > 0, np.maximum(missing, 0) / np.where(coming > 0, coming, 1.0), np.inf)
    weeks = np.ceil(np.round(np.where(missing <= 0, 0.0, until) + horizon_days / 7, 9))
    reasons = [~np.isfinite(need), missing <= 0, coming <= 0, weeks > WEEKS_AT_MOST]
    answer = np.select(reasons, [NO_EFFECT, ENOUGH, NONE_COME, NEVER], TO_COME).tolist()
    said = [words.format(weeks=in_weeks) for words, in_weeks in zip(answer, weeks.tolist(), strict=True)]
    return pd.DataFrame(
        {
            "customers": np.where(np.isfinite(need), need, np.nan),
            "weeks": np.where(weeks <= WEEKS_AT_MOST, weeks, np.nan),
            "answer": said,
        }
    )


def promised(
    base: pd.DataFrame,
    *,
    customers: int | None = None,
    promises: Mapping[str, float] = PROMISES,
    alpha: float = 0.05,
    power: float = POWER,
) -> pd.DataFrame:
    """What a test would need here to see the lifts that articles promise, and the smallest that it could see.

    Two arms of equal size, one comparison of means, without a covariate. The variance is the shop's own: of a share q it is
    q (1 − q), in the treated arm at the lifted share; of orders per customer that of both arms is today's.

    Args:
        base: customers who were offered nothing, one row each: `orders` within the horizon; without it `conversion`, 0 or 1.
        customers: how many there are for a test; as many as rows unless said.
        promises: relative lifts of "churn", "conversion" or "engagement".
        alpha, power: of the two-sided test.

    Returns:
        One row per promise: `measure`, `lift`, `now` (the share or mean today) and `then`; `n` an arm that it needs;
        `customers` there are, `times` as many are needed, and the `answer`; `smallest`, the relative lift in the promised
        direction that these customers could show, missing if none could.

    >>> found = promised(pd.DataFrame({"orders": [0, 1, 2, 0] * 100}))
    >>> found[["measure", "lift", "now", "n", "smallest"]].round(3)
          measure  lift   now      n  smallest
    0       churn -0.30  0.50  167.0    -0.275
    1  conversion  0.25  0.50  244.0     0.275
    2  engagement  0.20  0.75  481.0     0.310
    """
    there = len(base) if customers is None else customers
    buys = base["orders"] > 0 if "orders" in base else base["conversion"] > 0
    measured = {"churn": ~buys, "conversion": buys}
    if "orders" in base:
        measured["engagement"] = base["orders"]
    rows = []
    for measure, lift in promises.items():
        row: dict[str, object] = {"measure": measure, "lift": lift, "customers": there}
        if measure in measured:
            row |= _promise(measured[measure].astype(float), lift, there, reach(alpha, power).item())
        rows.append({"answer": NO_ORDERS} | row)
    names = "measure lift now then n customers times answer smallest".split()
    return pd.DataFrame(rows).reindex(columns=names)


def _promise(values: pd.Series, lift: float, there: int, by: float) -> dict[str, object]:
    """One promise: what it needs, and the smallest lift that would show."""
    now, share = float(values.mean()), bool(values.isin([0.0, 1.0]).all())
    then = now * (1 + lift)
    variance = now * (1 - now) if share else float(values.var())
    if not variance > 0:
        return {"now": now, "then": then, "answer": NO_VARIANCE}
    towards = float(np.sign(lift)) or 1.0
    smallest = _smallest(now, variance, share, there / 2, by, towards)
    known = {"now": now, "then": then, "smallest": smallest / now}
    if share and not 0 <= then <= 1:
        return known | {"answer": NO_CHANCE.format(then=then)}
    treated = then * (1 - then) if share else variance
    n = float(np.ceil(np.round(by**2 * (variance + treated) / (now * lift) ** 2, 9))) if lift else np.inf
    times = 2 * n / there if there else np.inf
    if not np.isfinite(n):
        return known | {"answer": NO_EFFECT}
    return known | {"n": n, "times": times, "answer": ENOUGH if times <= 1 else TOO_FEW.format(times=times)}


def _smallest(now: float, variance: float, share: bool, n: float, by: float, towards: float) -> float:
    """The smallest change δ that n customers an arm show."""
    if not n > 0:
        return float("nan")
    k = by**2 / n
    if not share:
        return towards * float(np.sqrt(2 * variance * k))
    # δ² = k (q (1 − q) + (q + δ)(1 − q − δ)), whose roots are one above and one below zero.
    slope = k * (1 - 2 * now)
    root = (slope + towards * np.sqrt(slope**2 + 8 * (1 + k) * k * variance)) / (2 * (1 + k))
    return float(root) if 0 <= now + root <= 1 else float("nan")
