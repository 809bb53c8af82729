"""Who is most like the customers of a segment, and whether likeness finds its members at all."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from statsmodels.stats.proportion import proportion_confint
from threadpoolctl import threadpool_limits

from regulars.features.register import REGISTER
from regulars.segments.clusters import Matrix
from regulars.segments.rulebooks.definition import SegmentError

Floats = NDArray[np.float64]

SKEWED = 1.0  # a feature with a larger skewness is put on a logarithmic scale
DIGITS = 6  # distances closer than this are tied: what is left is rounding
MEMBERS = 20  # with fewer, nothing can be said of how well they are found


class HeldOut(NamedTuple):
    """How well members are found who were hidden.

    The intervals are for further members of the segment, given the members that were not hidden: by others, more or fewer
    would be found.

    Attributes:
        hidden: how many members were hidden, a random half.
        top: how many customers were picked among the hidden members and everybody outside the segment.
        recall: the share of hidden members among the picked, with its 95 % interval (Wilson 1927, n = hidden).
        by_chance: the recall of a random pick.
        at_best: the recall of a pick that holds nothing but members, while there are any.
        lift: recall over that of a random pick, with its interval.
    """

    hidden: int
    top: int
    recall: float
    recall_low: float
    recall_high: float
    by_chance: float
    at_best: float
    lift: float
    lift_low: float
    lift_high: float


class Lookalikes(NamedTuple):
    """What `lookalikes` found.

    Attributes:
        candidates: `customer_id` and `distance`, the nearest first; of equals the first by id.
        held_out: how well the same distance finds members who were hidden.
        features: the features that were compared.
        left_out: for each of the others, why it was not.
    """

    candidates: pd.DataFrame
    held_out: HeldOut
    features: tuple[str, ...]
    left_out: dict[str, str]


def lookalikes(
    features: pd.DataFrame,
    is_member: pd.Series,
    *,
    without: Collection[str] = (),
    top: int = 100,
    neighbours: int = 5,
    max_missing: float = 0.2,
    reference: int = 2000,
    random_state: int,
) -> Lookalikes:
    """The customers outside a segment whose profiles are nearest to members, and a test of what that is worth.

    The distance of a customer is the mean Euclidean distance to the nearest `neighbours` members (Angiulli & Pizzuti 2002), so
    that a segment may have several centres. Features are put on a logarithmic scale where they are skewed, and
    standardised; a missing value counts as the median.

    Args:
        features: one row per customer as of a day, with `customer_id`: a snapshot, or a sample of one.
        is_member: whether the customer is in the segment, on the same index.
        without: columns not to compare. Leave out what the segment is defined by, and what follows from it (`relatives`):
            else members are found by their definition, and the candidates are those who just missed it.
        top: how many candidates.
        neighbours: how many nearest members count.
        max_missing: features missing for a larger share of customers are left out.
        reference: of more members, so many are drawn to compare with.
        random_state: seed of the draws.

    Raises:
        SegmentError: if there are too few members, no candidates or no features, or a column of `without` is not there.

    >>> base = pd.DataFrame({"customer_id": [f"{i:03d}" for i in range(100)], "carts_90d": [i % 4 for i in range(100)]})
    >>> found = lookalikes(base, base["customer_id"] < "040", top=2, random_state=1)
    >>> found.candidates.to_numpy().tolist(), found.features
    ([['040', 0.0], ['041', 0.0]], ('carts_90d',))
    """
    base = features.assign(_member=is_member).sort_values("customer_id")
    known = base.pop("_member")
    _check(base, known, without)
    member = known.to_numpy(bool)
    left_out = _left_out(base.drop(columns="customer_id"), without, max_missing)
    used = [str(name) for name in base if name not in {*left_out, "customer_id"}]
    if not used:
        raise SegmentError("No feature is left to compare customers by: see the reasons in `left_out`.")
    X, rng = _standardised(base[used]), np.random.default_rng(random_state)
    held_out = _held_out(X[member], X[~member], top, neighbours, reference, rng)
    near = _distance(X[~member], _drawn(X[member], reference, rng), neighbours)
    candidates = base.loc[~member, ["customer_id"]].assign(distance=near)
    nearest = candidates.sort_values(["distance", "customer_id"]).head(top).reset_index(drop=True)
    return Lookalikes(nearest, held_out, tuple(used), left_out)


def relatives(names: Collection[str]) -> tuple[str, ...]:
    """Every feature of the families that these features belong to: revenue settles much of what revenue_365d says.

    >>> relatives(["discount_share"])
    ('discount_share', 'coupon_order_share', 'full_price_share', 'discount_depth')
    """
    families = {feature.family for feature in REGISTER if feature.name in names}
    return tuple(feature.name for feature in REGISTER if feature.family in families)


def _check(base: pd.DataFrame, member: pd.Series, without: Collection[str]) -> None:
    if member.isna().any():
        raise SegmentError(
            f"Of {member.isna().sum()} customers it is not said whether they are members: give `is_member` on the "
            "index of the features."
        )
    unknown = sorted(set(without) - set(base) - {feature.name for feature in REGISTER})
    if unknown:
        raise SegmentError(
            f"The column '{unknown[0]}' to leave out is not there: the features have other names."
        )
    if member.sum() < MEMBERS:
        raise SegmentError(
            f"The segment has {member.sum()} members: it takes {MEMBERS} to say who is like them."
        )
    if member.all():
        raise SegmentError("Every customer is in the segment: nobody is left to be like its members.")


def _left_out(base: pd.DataFrame, without: Collection[str], max_missing: float) -> dict[str, str]:
    """Feature → why it is not compared."""
    reasons = {}
    for name, values in base.items():
        missing = values.isna().mean()
        if name in without:
            reasons[str(name)] = "the caller leaves it out"
        elif missing > max_missing:
            reasons[str(name)] = f"missing for {missing:.0%} of customers"
        elif not pd.api.types.is_numeric_dtype(values) and not _is_flag(values):
            reasons[str(name)] = "no number"
        elif values.nunique() < 2:
            reasons[str(name)] = "the same for everybody"
    return reasons


def _is_flag(values: pd.Series) -> bool:
    """Whether it holds true and false; with missing ones among them, pandas calls it an object."""
    return bool(values.dropna().map(lambda value: isinstance(value, bool | np.bool_)).all())


def _standardised(base: pd.DataFrame) -> Matrix:
    """Each feature with mean 0 and standard deviation 1, after a signed logarithm in units of its median where skewed."""
    numbers = base.astype(float)
    numbers = numbers.fillna(numbers.median())
    unit = numbers.abs().mask(numbers == 0).median()
    logs = np.log1p(numbers.abs() / unit) * np.sign(numbers)
    skewed = numbers.columns[numbers.skew().abs() > SKEWED]
    scaled = numbers.assign(**{name: logs[name] for name in skewed})
    spread = scaled.std(ddof=0)
    return ((scaled - scaled.mean()) / spread.where(spread > 0, 1.0)).to_numpy()


def _drawn(members: Matrix, reference: int, rng: np.random.Generator) -> Matrix:
    """At most `reference` of the members."""
    if len(members) <= reference:
        return members
    return members[np.sort(rng.choice(len(members), reference, replace=False))]


def _distance(X: Matrix, members: Matrix, neighbours: int) -> Floats:
    """Mean distance to the nearest members, shape (customers,)."""
    nearest = NearestNeighbors(n_neighbors=min(neighbours, len(members)), algorithm="brute").fit(members)
    with threadpool_limits(1):  # sums over threads would depend on how many there are
        return nearest.kneighbors(X)[0].mean(axis=1).round(DIGITS)


def _held_out(
    members: Matrix, others: Matrix, top: int, neighbours: int, reference: int, rng: np.random.Generator
) -> HeldOut:
    """Hide a random half of the members, and see how many of them are found by the other half."""
    hidden, shown = np.array_split(rng.permutation(len(members)), 2)
    near = _distance(
        np.vstack([members[hidden], others]), _drawn(members[np.sort(shown)], reference, rng), neighbours
    )
    found, n, chance = _hits(near, len(hidden), top), len(hidden), min(top / len(near), 1.0)
    low, high = proportion_confint(found, n, method="wilson")
    recall = (found / n, float(low), float(high))
    return HeldOut(n, top, *recall, chance, min(top / n, 1.0), *(value / chance for value in recall))


def _hits(near: Floats, hidden: int, top: int) -> float:
    """How many of the first `hidden` rows are among the `top` nearest; those tied at the edge share the last places."""
    edge = np.sort(near)[min(top, len(near)) - 1]
    inside, tied = near < edge, near == edge
    places = min(top, len(near)) - inside.sum()
    return float(inside[:hidden].sum() + places * tied[:hidden].sum() / tied.sum())
