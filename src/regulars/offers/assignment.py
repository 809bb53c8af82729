"""Who gets which arm: drawn by a hash, so that the draw can be repeated and nobody can lean on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import accumulate
from math import floor

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regulars.config.shop import Segments
from regulars.engine import Frame
from regulars.offers.registry import ELIGIBLE, Experiment, OfferError
from regulars.segments.rulebooks import RULEBOOKS, overlapping_segments
from regulars.shop import Shop


def eligible(features: Frame, experiment: Experiment) -> Frame:
    """Every customer of a snapshot taken on the day of assignment, with the segment frozen then.

    Returns:
        `customer_id`, `segment` and `mean_order` (the mean revenue of the orders before, in the shop's currency).
    """
    rulebook = RULEBOOKS[experiment.segmentation].fit(features)
    return features.select("customer_id", segment=rulebook.expression(), mean_order=nw.col("monetary_value"))


def participants(shop: Shop, experiment: Experiment, features: Frame) -> pd.DataFrame:
    """Whom an experiment may assign: the customers whom its plan asks, less those whom nobody may.

    Left out are customers for whom the plan's rule `eligible` does not hold, who have not agreed to be written to (where the
    shop's configuration requires consent), who are in the shop's holdout, or who are in another part of the layer. Segments
    are learned from all customers, so that leaving some out moves no limit.

    Args:
        shop: its configuration says what is required.
        experiment: the plan.
        features: the snapshot as of the assignment of who had ordered by then.

    Returns:
        As `eligible` has them, in pandas, in the order of their ids.

    Raises:
        OfferError: if the plan's rule cannot be followed, or nobody is left.
    """
    chosen = eligible(features, experiment)
    if experiment.asked is not None:
        chosen = chosen.join(_asked(shop, experiment, features), on="customer_id", how="semi")
    if shop.config.privacy.consent_required:
        agreed = features.filter(nw.col("has_consent").fill_null(False)).select("customer_id")
        chosen = chosen.join(agreed, on="customer_id", how="semi")
    found = shop.engine.collect(chosen, "customer_id")
    ids = found["customer_id"]
    kept = in_layer(ids, experiment) & ~held_out(ids, shop.config.name, shop.config.offers.holdout)
    if not kept.any():
        agreed_too = " and who agreed to be written to" if shop.config.privacy.consent_required else ""
        raise OfferError(
            f"{experiment.id}: nobody is left to assign. {len(found):,} customers are there whom the plan asks{agreed_too}; "
            "none of them is both outside the holdout and in its part of the layer."
        )
    return found[kept.to_numpy()].reset_index(drop=True)


def reachable(shop: Shop, features: Frame) -> pd.Index:
    """The customers of a snapshot to whom anything may be offered: who agreed, where that is required, and is not held out."""
    if shop.config.privacy.consent_required:
        features = features.filter(nw.col("has_consent").fill_null(False))
    ids = shop.engine.collect(features.select("customer_id"), "customer_id")["customer_id"]
    return pd.Index(ids[~held_out(ids, shop.config.name, shop.config.offers.holdout).to_numpy()])


def _asked(shop: Shop, experiment: Experiment, features: Frame) -> Frame:
    """The customers for whom the plan's rule holds: read as a segment of the shop's own is."""
    staged = [path.stem for path in shop.staged("").parent.glob("*.parquet")]
    hybrids = (experiment.asked,) if experiment.asked else ()
    limits = Segments(behavioural=shop.config.segments.behavioural, hybrids=hybrids)
    found = overlapping_segments(features, config=limits, tables=staged)
    if ELIGIBLE not in found.frame.collect_schema().names():
        reason = found.table.set_index("segment")["status"][ELIGIBLE]
        raise OfferError(f"{experiment.id}: whom 'eligible' asks cannot be told: {reason}.")
    return found.frame.filter(nw.col(ELIGIBLE)).select("customer_id")


def assign(
    customers: Iterable[str],
    experiment: Experiment,
    salt: str = "",
    segments: Iterable[str] | None = None,
) -> pd.Series:
    """An arm for each customer, by where a hash of experiment and customer falls among the arms' shares.

    The draw depends on nothing but the two ids, so it is the same tomorrow, on another machine, in another order. The arms
    take their places in the order of the file. If the plan stratifies, the customers of a segment are sorted by the hash and
    cut at the planned shares, so that a customer's arm depends on who else is in the segment; see `_cut`.

    Args:
        customers: ids.
        experiment: its id, its arms' shares and whether it stratifies are used.
        salt: another text makes another draw: for simulations.
        segments: of the customers, frozen before the assignment; needed only if the plan stratifies.

    Raises:
        OfferError: if the plan stratifies and no segments are given.

    >>> from regulars.offers.registry import read_experiments
    >>> assign(["1", "2", "3"], read_experiments("demo")[0]).tolist()
    ['ten-percent-off', 'nothing', 'ten-percent-off']
    """
    ids = pd.Index(customers, name="customer_id")
    draws = pd.Series([uniform(f"{experiment.id}|{salt}|{customer}") for customer in ids], ids, float)
    total = sum(arm.share for arm in experiment.arms.values())
    edges = list(accumulate(arm.share / total for arm in experiment.arms.values()))
    if experiment.stratify:
        if segments is None:
            raise OfferError(f"{experiment.id} draws within segments: say in which one each customer is.")
        places = _cut(draws, list(segments), edges, f"{experiment.id}|{salt}")
    else:
        places = np.searchsorted(edges[:-1], draws, side="right")
    names = list(experiment.arms)
    return pd.Series([names[place] for place in places], index=ids, name="arm", dtype="str")


def _cut(draws: pd.Series, segments: list[str], edges: list[float], key: str) -> NDArray[np.int64]:
    """The place of each customer's arm, so that in each segment an arm's size is within one of its share.

    Customers sorted by their draw are cut at ⌊n × edge + u⌋, where u in [0, 1) is a hash of the segment. Without u, whoever is
    left over in small segments would always fall to the same arm; with it each customer's chance of an arm is exactly its
    share (systematic sampling: Madow & Madow 1944).
    """
    table = pd.DataFrame({"draw": draws.to_numpy(), "id": draws.index, "segment": segments})
    places = np.zeros(len(table), dtype=np.int64)
    for segment, rows in table.sort_values(["draw", "id"]).groupby("segment", sort=False):
        n, start = len(rows), uniform(f"{key}|segment\0{segment!s}")
        cuts = np.floor(n * np.array(edges[:-1]) + start)
        places[rows.index] = np.searchsorted(cuts, np.arange(n), side="right")
    return places


def in_layer(customers: Iterable[str], experiment: Experiment) -> pd.Series:
    """Whether each customer is in the experiment's part of its layer; everybody is, if it is in none.

    The hash is of the layer and the customer, so that experiments with parts that do not overlap share nobody.
    """
    ids = pd.Index(customers, name="customer_id")
    low, high = experiment.layer_share
    if experiment.layer is None:
        return pd.Series(True, ids)
    return pd.Series([low <= uniform(f"layer\0{experiment.layer}\0{one}") < high for one in ids], ids, bool)


def held_out(customers: Iterable[str], shop_name: str, share: float) -> pd.Series:
    """Whether each customer is in the shop's holdout: never sent any offer, and in no experiment.

    The hash is of the shop's name and the customer alone, so that it is the same people for as long as the share is; with a
    larger share they stay in it, and others join them.
    """
    ids = pd.Index(customers, name="customer_id")
    return pd.Series([uniform(f"holdout\0{shop_name}\0{one}") < share for one in ids], ids, bool)


def start_days(customers: Iterable[str], experiment: Experiment) -> pd.Series:
    """The day on which each customer is assigned: the plan's, or one of its days, picked by a hash."""
    ids = pd.Index(customers, name="customer_id")
    days = experiment.last_assigned_day - experiment.assigned_day + 1
    since = [floor(uniform(f"start\0{experiment.id}\0{customer}") * days) for customer in ids]
    return pd.Series(since, ids, "int64") + experiment.assigned_day


def uniform(text: str) -> float:
    """A number in [0, 1) from the first 53 bits of a hash."""
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11) / 2**53
