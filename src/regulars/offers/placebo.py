"""How often the procedure finds what is not there: the shop's own customers, assigned again and again to arms that do nothing.

What customers really did does not depend on arms drawn afterwards, so every verdict on them is false. Their heavy tails, their
many zeros and their small segments are the shop's own, and no simulation's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from regulars.offers.effects import ROUNDING, effects
from regulars.offers.multiplicity import adjusted
from regulars.offers.registry import Experiment, OfferError
from regulars.offers.validity import ALPHA, SMALLEST_EXPECTED

Floats = NDArray[np.float64]

BLOCK = 4_000_000  # customers × draws at a time: some 100 MB

QUESTIONS = {
    "any_verdict": "the whole procedure: a verdict in any cell",
    "ratio_doubted": "a sample ratio doubted",
    "balance_doubted": "the balance before doubted",
    "any_raw": "unadjusted: p below alpha in any cell",
}


class Placebo(NamedTuple):
    """What `placebo` found.

    Attributes:
        rates: one row per question, indexed by its name: `question`, in words, `share` of the draws in which it came true,
            its 95 % interval `low` and `high` (Wilson 1927), the share `at_most` that was promised, if any, and `draws`.
        draws: one row per draw, one column per question: whether it came true.
    """

    rates: pd.DataFrame
    draws: pd.DataFrame


class _Base(NamedTuple):
    """The customers, sorted, as arrays; the last axis of `powers` is 1, buys, y, x, y², x², yx, then ranks."""

    segments: list[str]
    code: NDArray[np.int64]
    powers: Floats
    ranks: int


def placebo(
    base: pd.DataFrame,
    experiment: Experiment,
    *,
    draws: int = 400,
    random_state: int,
) -> Placebo:
    """Assign real customers at random, many times, and see how often the whole procedure claims an effect.

    Each draw goes the way of `regulars.offers.analysis.analyse`: arms at the planned shares; sample ratio and balance; CUPED
    effects on the primary metric; the registered adjustment over the registered family, and minimum effect; no verdict where
    there are too few buyers or a check failed. Guardrails, which can only hold a verdict back, are not asked. A draw's hash is
    replaced by a seeded generator. Effects are those of `regulars.offers.effects.effects`, of all draws at once.

    Args:
        base: one row per customer: `customer_id`, `segment`, `conversion`, the primary metric, and covariates that begin with
            `pre_`, by all of which balance is judged; as `regulars.offers.analysis.without_offer` returns it.
        experiment: its arms' shares, primary metric, family, alpha and minimum of buyers.
        draws: how many.
        random_state: seed.

    Raises:
        OfferError: without customers, or if a customer stands in `base` twice.

    >>> from regulars.offers.registry import read_experiments
    >>> rng = np.random.default_rng(0)
    >>> spend = rng.lognormal(3, 1, 600) * (rng.random(600) < 0.4)
    >>> people = pd.DataFrame({"customer_id": [str(i) for i in range(600)], "segment": ["new", "returning"] * 300,
    ...     "profit": spend, "pre_profit": rng.lognormal(3, 1, 600), "conversion": (spend > 0) * 1.0})
    >>> found = placebo(people, read_experiments("demo")[0], draws=100, random_state=1)
    >>> found.rates["share"].tolist()
    [0.03, 0.0, 0.0, 0.19]
    """
    people = _sorted(base)
    customers = _as_arrays(people, experiment)
    rng = np.random.default_rng(random_state)
    blocks = _assigned(rng, draws, len(people), experiment)
    parts = [_judge(customers, arms, experiment) for arms in blocks]
    found = pd.concat(parts, ignore_index=True)
    counts = found.sum()
    low, high = proportion_confint(counts, draws, method="wilson")
    rates = pd.DataFrame(
        {
            "question": pd.Series(QUESTIONS).reindex(found.columns),
            "share": (counts / draws).to_numpy(),
            "low": np.asarray(low),
            "high": np.asarray(high),
            "at_most": found.columns.map(
                {"any_verdict": experiment.alpha, "ratio_doubted": ALPHA, "balance_doubted": ALPHA}
            ),
            "draws": draws,
        }
    )
    return Placebo(rates.set_axis(found.columns), found)


def _sorted(base: pd.DataFrame) -> pd.DataFrame:
    twice = int(base["customer_id"].duplicated().sum())
    if twice or base.empty:
        raise OfferError(
            f"{twice} of {len(base)} rows name a customer a second time: one row per customer, and at least one, is needed."
        )
    return base.sort_values("customer_id", ignore_index=True)


def _as_arrays(people: pd.DataFrame, experiment: Experiment) -> _Base:
    code, segments = pd.factorize(people["segment"], sort=True)
    y, x = (people[f"{pre}{experiment.primary_metric}"].to_numpy(dtype=float) for pre in ("", "pre_"))
    # About their means, sums of squares lose no digits.
    y, x = y - y.mean(), x - x.mean()
    buys = people["conversion"].to_numpy(dtype=float)
    names = [name for name in map(str, people) if name.startswith("pre_") and people[name].nunique() > 1]
    ranks = people[names].rank().to_numpy(dtype=float)
    powers = np.column_stack([np.ones_like(y), buys, y, x, y**2, x**2, x * y, ranks - ranks.mean(axis=0)])
    return _Base([str(name) for name in segments], code, powers, len(names))


def _assigned(
    rng: np.random.Generator, draws: int, customers: int, experiment: Experiment
) -> Iterator[NDArray[np.int8]]:
    """Arms by number, in the order of the plan: blocks of shape (some draws, customers)."""
    shares = np.array([arm.share for arm in experiment.arms.values()])
    edges = np.cumsum(shares / shares.sum())[:-1]
    size = max(1, BLOCK // customers)
    for start in range(0, draws, size):
        uniform = rng.random((min(size, draws - start), customers))
        arms = np.zeros(uniform.shape, dtype=np.int8)
        for edge in edges:
            arms += uniform >= edge
        yield arms


def _judge(base: _Base, arms: NDArray[np.int8], experiment: Experiment) -> pd.DataFrame:
    """The questions' answers for a block of draws."""
    sums = _sums(base, arms, len(experiment.arms))
    ratio = _ratio_doubted(sums[..., 0], experiment)
    balance = _balance_doubted(base, sums[:, -1])
    table = effects(_aggregates(sums, experiment), experiment.control, experiment.alpha)
    verdict, raw = _claims(table, len(arms), len(base.segments), experiment)
    found = {
        "any_verdict": verdict & ~ratio & ~balance,
        "ratio_doubted": ratio,
        "balance_doubted": balance,
        "any_raw": raw,
    }
    return pd.DataFrame(found)


def _sums(base: _Base, arms: NDArray[np.int8], arms_planned: int) -> Floats:
    """Sums of the powers: shape (draws, segments and everyone, arms, powers)."""
    groups = len(base.segments)
    sums = np.zeros((len(arms), groups + 1, arms_planned, base.powers.shape[1]))
    for segment in range(groups):
        own = np.flatnonzero(base.code == segment)
        drawn, powers = arms[:, own], base.powers[own]
        for arm in range(arms_planned):
            sums[:, segment, arm] = (drawn == arm).astype(float) @ powers
    sums[:, -1] = sums[:, :-1].sum(axis=1)
    return sums


def _aggregates(sums: Floats, experiment: Experiment) -> pd.DataFrame:
    """What `aggregate` returns of each draw; its segments are numbered across draws, everyone being the last of each."""
    n, buyers, y, x, yy, xx, xy = np.moveaxis(sums[..., :7], -1, 0)
    some, less = np.where(n > 0, n, np.nan), np.where(n > 1, n - 1, np.nan)

    def moment(product: Floats, a: Floats, b: Floats, scale: Floats) -> Floats:
        left = product - a * b / some
        return np.asarray(np.where(np.abs(left) <= ROUNDING * scale, 0.0, left) / less)

    columns = {
        "n": n, "buyers": buyers, "mean": y / some, "variance": moment(yy, y, y, yy),
        "pre_mean": x / some, "pre_variance": moment(xx, x, x, xx), "covariance": moment(xy, x, y, xx + yy),
    }  # fmt: skip
    draws, groups, arms = n.shape
    keys = {
        "metric": experiment.primary_metric,
        "segment": np.repeat(np.arange(draws * groups), arms),
        "arm": np.tile(np.array(list(experiment.arms), dtype=object), draws * groups),
    }
    table = pd.DataFrame(keys | {name: column.ravel() for name, column in columns.items()})
    return table[table["n"] > 0]


def _claims(
    table: pd.DataFrame, draws: int, groups: int, experiment: Experiment
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether a draw has a verdict in any cell of the family, were its checks passed, and a p below alpha in any."""
    arm = table["arm"].map({arm: number for number, arm in enumerate(experiment.treated)})
    place = (table["segment"] * len(experiment.treated) + arm).to_numpy(dtype=int)
    shape = draws, groups + 1, len(experiment.treated)
    asked = {"segments": slice(None, -1), "everyone": slice(-1, None), "both": slice(None)}

    def spread(values: pd.Series, empty: float) -> Floats:
        cells = np.full(int(np.prod(shape)), empty)
        cells[place] = values.to_numpy(dtype=float)
        return cells.reshape(shape)[:, asked[experiment.family]]

    p, effect = spread(table["cuped_p"], np.nan), spread(table["cuped_effect"], np.nan)
    enough = spread(table[["buyers", "buyers_control"]].min(axis=1), 0.0) >= experiment.minimum_buyers
    is_cell = pd.Series(1.0, table.index)
    size = spread(is_cell, 0.0).any(axis=2).sum(axis=1) * len(experiment.treated)
    tested = np.where(enough & ~np.isnan(p), p, 1.0).reshape(draws, -1)
    found = (adjusted(tested, size, experiment.adjust) < experiment.alpha).reshape(p.shape)
    verdict = found & ((effect < 0) | (effect >= experiment.decision.minimum_effect))
    return np.asarray(verdict.any(axis=(1, 2))), np.asarray((p < experiment.alpha).any(axis=(1, 2)))


def _ratio_doubted(counts: Floats, experiment: Experiment) -> NDArray[np.bool_]:
    """Whether `sample_ratio` fails: counts have the shape (draws, segments and everyone, arms)."""
    shares = np.array([arm.share for arm in experiment.arms.values()])
    expected = counts.sum(axis=-1, keepdims=True) * shares / shares.sum()
    large = expected.min(axis=-1) >= SMALLEST_EXPECTED
    p = np.ones(large.shape)
    p[large] = stats.chisquare(counts[large], expected[large], axis=-1).pvalue
    return np.asarray(p.min(axis=1) * large.sum(axis=1) < ALPHA)


def _balance_doubted(base: _Base, sums: Floats) -> NDArray[np.bool_]:
    """Whether `balance` fails, from the arms' sums over everyone: shape (draws, arms, powers)."""
    if not base.ranks:
        return np.zeros(len(sums), dtype=bool)
    n, ranks = sums[..., 0], base.powers[:, -base.ranks :]
    spread = np.atleast_2d(np.cov(ranks, rowvar=False))
    apart = sums[..., -base.ranks :] / np.where(n > 0, n, 1.0)[..., None]
    statistic = (n * ((apart @ np.linalg.pinv(spread, hermitian=True)) * apart).sum(axis=-1)).sum(axis=1)
    freedom = int(np.linalg.matrix_rank(spread, hermitian=True)) * ((n > 0).sum(axis=1) - 1)
    return np.asarray((freedom > 0) & (stats.chi2.sf(statistic, np.maximum(freedom, 1)) < ALPHA))
