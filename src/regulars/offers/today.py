"""The shop's customers as a month ends: whom verdicts would reach, and who is there for a new test.

Only customers count to whom anything may be offered: who agreed, where that is required, and is not in the holdout.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from regulars.month import Month
from regulars.offers.assignment import reachable
from regulars.offers.effects import EVERYONE
from regulars.offers.outcomes import given_outcomes
from regulars.offers.parity import CHARACTERISTICS
from regulars.offers.registry import Experiment, finished, read_experiments
from regulars.segments import column_of, segment_by_rules
from regulars.shop import Shop

DAYS_A_WEEK = 7


class Today(NamedTuple):
    """The customers of a month's end, and of the month before; empty where the shop has no orders, or no month before.

    Attributes:
        segments: each customer's segment by every rulebook, indexed by customer.
        before: likewise a month ago.
        profiles: what is known of who they are, indexed by customer.
        days: of the month.
    """

    segments: pd.DataFrame
    before: pd.DataFrame
    profiles: pd.DataFrame
    days: int


def today(shop: Shop, month: Month) -> Today:
    """Read the snapshots of a month's end and of the one before."""
    empty = pd.DataFrame()
    if not shop.has("orders"):
        return Today(empty, empty, empty, month.days)
    before = _segments(shop, month.previous) if month.previous in shop.months() else empty
    snapshot = shop.snapshot(month)
    known = [name for name in CHARACTERISTICS if name in snapshot.collect_schema().names()]
    profiles = shop.engine.collect(snapshot.select("customer_id", *known), "customer_id")
    segments = _segments(shop, month)
    return Today(segments, before, profiles.set_index("customer_id").reindex(segments.index), month.days)


def _segments(shop: Shop, month: Month) -> pd.DataFrame:
    snapshot = shop.snapshot(month)
    rules = shop.engine.collect(segment_by_rules(snapshot), "customer_id").set_index("customer_id")
    return rules[rules.index.isin(reachable(shop, snapshot))]


def reached(shop: Shop, month: Month) -> pd.DataFrame:
    """Whom an offer could reach as a month ends, indexed by customer, with a column for each segmentation.

    Of a shop without orders these are the customers of its finished tests, by the tests' own segments.
    """
    if shop.has("orders"):
        return _segments(shop, month)
    found = pd.DataFrame()
    for plan in finished(read_experiments(shop.config.name), month):
        if plan.given is not None:
            tested = given_outcomes(shop, plan).set_index("customer_id")["segment"]
            found = found.combine_first(tested.to_frame(column_of(plan.segmentation)))
    return found


def customers_of(now: Today, experiment: Experiment, assigned: pd.DataFrame) -> pd.DataFrame:
    """The customers whom an offer could reach: today's, or the test's own where the shop has no orders.

    Args:
        now: what `today` returned.
        experiment: its segmentation is used.
        assigned: the test's customers: `customer_id` and `segment`.

    Returns:
        Indexed by customer, with a column of the segmentation's name.
    """
    column = column_of(experiment.segmentation)
    if now.segments.empty:
        return assigned.set_index("customer_id")[["segment"]].rename(columns={"segment": column})
    return now.segments[[column]]


def available(now: Today, experiment: Experiment, assigned: pd.DataFrame) -> pd.DataFrame:
    """How many customers there are for a new test, and how many more each week.

    Args:
        now, experiment, assigned: as in `customers_of`.

    Returns:
        Indexed by segment, with "everyone": `customers`, and `weekly`: who is there now and was not a month ago, per week;
        missing where no month ago is known.

    >>> a_month_ago = pd.DataFrame({"four_core": ["new", "new"]}, index=["1", "2"])
    >>> segments = pd.DataFrame({"four_core": ["new", "returning", "new"]}, index=["1", "2", "3"])
    >>> from regulars.offers.registry import read_experiments
    >>> plan = read_experiments("demo")[0]
    >>> available(Today(segments, a_month_ago, pd.DataFrame(), 28), plan, pd.DataFrame())
               customers  weekly
    new                2    0.25
    returning          1    0.25
    everyone           3    0.25
    """
    there = customers_of(now, experiment, assigned).iloc[:, 0]
    new = pd.Series({EVERYONE: 0})
    sizes = pd.concat([there.value_counts(), new + len(there)]).rename("customers").to_frame()
    if now.before.empty:
        return sizes.assign(weekly=float("nan"))
    was = now.before[column_of(experiment.segmentation)].reindex(there.index)
    entered = pd.concat([there[there != was].value_counts(), new + was.isna().sum()])
    return sizes.assign(weekly=entered.reindex(sizes.index, fill_value=0) * DAYS_A_WEEK / now.days)


def offered(now: Today, experiment: Experiment, effects: pd.DataFrame) -> pd.Series:
    """Who of today's customers would get an offer, if the verdicts were followed; indexed by customer.

    Args:
        now: what `today` returned.
        experiment: its segmentation is used.
        effects: cells with `segment` and `verdict`.
    """
    rolled = effects.loc[effects["verdict"] == "roll out", "segment"]
    if now.segments.empty:
        return pd.Series(dtype=bool)
    segment = now.segments[column_of(experiment.segmentation)]
    return segment.isin(rolled) | bool((rolled == EVERYONE).any())
