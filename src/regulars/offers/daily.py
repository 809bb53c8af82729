"""What each assigned customer brought on each day since the assignment: for curves over time."""

from __future__ import annotations

from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regulars.engine import Compute, Frame
from regulars.ingest.returns import net_of_returns
from regulars.offers.assignment import uniform
from regulars.offers.band import band, moments
from regulars.offers.effects import EVERYONE
from regulars.offers.outcomes import before_metrics
from regulars.offers.outcomes import profit as earned_by
from regulars.offers.registry import Experiment
from regulars.offers.repeat import delays, kaplan_meier, waits
from regulars.shop import Shop

Floats = NDArray[np.float64]

DRAWS = 50_000  # of the bands' critical values: sure to about .01


class Curves(NamedTuple):
    """How an experiment went, day by day.

    Attributes:
        profit: as `grows` returns it: one row per treated arm and day.
        ends: one row per treated arm: `effect`, `low`, `high` on the last day, and `clear_from`: the day from which on
            the band leaves out zero to the end; missing where it doesn't.
        waiting: one row per arm and day, from 0: `ordered`, the share who had ordered again by the end of it, over everyone.
        delays: as `regulars.offers.repeat.delays` returns them.
    """

    profit: pd.DataFrame
    ends: pd.DataFrame
    waiting: pd.DataFrame
    delays: pd.DataFrame


def curves(
    shop: Shop, experiment: Experiment, base: pd.DataFrame, arms: pd.Series, *, random_state: int
) -> Curves:
    """What `regulars.offers.analysis.analyse` found, as it came about: profit, and the time to the next order.

    Args:
        shop: where the orders are.
        experiment: the registered plan; outcomes must not be `given`, as these have no days.
        base: what `regulars.offers.analysis.base_of` returned.
        arms: the arm of each customer, in the order of `base`.
        random_state: seed of the bands' critical values.
    """
    assigned = base.assign(arm=arms.to_numpy())
    moves = movements(shop.compute, shop.table("orders"), assigned, experiment, shop.returns())
    if experiment.planted:
        moves = respond(moves, assigned, experiment)
    earned = daily_profit(moves, assigned, experiment, experiment.margin(shop.config.margin_rate))
    before = before_metrics(base, experiment.margin(shop.config.margin_rate))["pre_profit"]
    profit = grows(earned, assigned, before, experiment, random_state=random_state)
    counts = waits(nw.from_native(next_orders(moves, assigned, experiment)).lazy(), experiment.horizon_days)
    whole = counts[counts["segment"] == EVERYONE]
    events, at_risk = (whole.pivot(index="arm", columns="day", values=name) for name in ("events", "at_risk"))
    ordered = 1 - kaplan_meier(events, at_risk).waiting
    waiting = pd.DataFrame(ordered, events.index, events.columns).rename_axis(columns="day")
    waiting = (
        waiting.reset_index().melt("arm", value_name="ordered").sort_values(["arm", "day"], ignore_index=True)
    )
    return Curves(profit, _ends(profit), waiting, delays(counts, experiment.control, experiment.alpha))


def _ends(profit: pd.DataFrame) -> pd.DataFrame:
    open_ = ~((profit["low"] > 0) | (profit["high"] < 0))
    last = profit.groupby("arm", sort=False).tail(1).set_index("arm")
    undecided = profit["day"].where(open_, 0).groupby(profit["arm"]).max()
    clear = (undecided.reindex(last.index) + 1).where(lambda day: day <= last["day"])
    return last[["effect", "low", "high"]].assign(clear_from=clear).reset_index()


def movements(
    engine: Compute,
    orders: Frame,
    assigned: pd.DataFrame,
    experiment: Experiment,
    returns: Frame | None = None,
) -> pd.DataFrame:
    """Sums over each assigned customer and day of their window, for days on which anything was ordered or came back.

    Args:
        engine: where `orders` lives.
        orders: staged orders.
        assigned: `customer_id`, and `assigned_day` where customers were assigned on different days.
        experiment: its dates are used.
        returns: staged returns, if any are taken off revenue, on the day on which they came back.

    Returns:
        `customer_id`, `since` (whole days since the assignment, from 0), `orders`, `revenue`, `list_revenue`, and
        `first_list`: on the day of the customer's first order in the window its list price, on others 0.
    """
    within = (nw.col("day") >= experiment.assigned_day) & (nw.col("day") < experiment.ended_day)
    by_day = ["customer_id", "day"]
    sums = (
        net_of_returns(orders, returns)
        .filter(within)
        .group_by(*by_day)
        .agg(
            nw.col("is_order").sum().cast(nw.Int64).alias("orders"),
            nw.col("revenue").sum(),
            nw.col("list_revenue").sum(),
        )
    )
    place = nw.col("order_id").cum_count().over(*by_day, order_by=["ordered_at", "order_id"])
    placed = orders.with_columns(day=nw.col("ordered_day")).filter(within).with_columns(place=place)
    firsts = placed.filter(nw.col("place") == 1).select(*by_day, first_list="list_revenue")
    days = engine.collect(sums).merge(engine.collect(firsts), on=by_day, how="left")
    days = days[days["customer_id"].isin(assigned["customer_id"])].fillna({"first_list": 0.0})
    since = days["day"] - days["customer_id"].map(_starts(assigned, experiment))
    days = days.assign(since=since.astype(int)).drop(columns="day")
    days = days[days["since"].between(0, experiment.horizon_days - 1)].sort_values(["customer_id", "since"])
    is_first = (days["orders"] > 0) & ~days["customer_id"].where(days["orders"] > 0).duplicated()
    return days.assign(first_list=days["first_list"].where(is_first, 0.0)).reset_index(drop=True)


def _starts(assigned: pd.DataFrame, experiment: Experiment) -> pd.Series:
    """The day of assignment of each customer, indexed by customer."""
    customers = assigned.set_index("customer_id")
    if "assigned_day" in customers:
        return customers["assigned_day"].astype(int)
    return pd.Series(experiment.assigned_day, customers.index)


def respond(moves: pd.DataFrame, assigned: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """The days after what is planted on each customer's arm: they add up to what `simulate.plant` makes of the whole window.

    Spending grows on the days on which it happened. The order of a customer who is made to place one falls on a day of the
    window that a hash of the customer picks.

    Args:
        moves: what `movements` returned.
        assigned: `customer_id`, `arm`, `segment`, `orders` and `mean_order`: one row per customer.
        experiment: its planted effects.
    """
    customers = assigned.set_index("customer_id")
    lifts = {
        (arm, segment): lift for arm, of in experiment.planted.items() for segment, lift in of.lift.items()
    }
    cells = zip(customers["arm"], customers["segment"], strict=True)
    lift = pd.Series([lifts.get(cell, 0.0) for cell in cells], customers.index)
    # What was added until each day is rounded to cents, so that the last day has the window's.
    grown = moves.groupby("customer_id")["revenue"].cumsum() * moves["customer_id"].map(lift)
    grown = grown.round(2)
    extra = grown - grown.groupby(moves["customer_id"]).shift(fill_value=0.0)
    moves = moves.assign(revenue=moves["revenue"] + extra, list_revenue=moves["list_revenue"] + extra)
    least = customers["arm"].map({arm: of.returns_from for arm, of in experiment.planted.items()})
    back = customers[(customers["orders"] == 0) & (customers["mean_order"] >= least.astype(float))]
    order = back["mean_order"].round(2)
    day = [int(uniform(f"{experiment.id}|day|{who}") * experiment.horizon_days) for who in back.index]
    placed = {"since": day, "orders": 1, "revenue": order, "list_revenue": order, "first_list": order}
    added = pd.DataFrame(placed, back.index).rename_axis("customer_id").reset_index()
    return pd.concat([moves, added]).sort_values(["customer_id", "since"], ignore_index=True)


def daily_profit(
    moves: pd.DataFrame, assigned: pd.DataFrame, experiment: Experiment, margin_rate: float
) -> Floats:
    """What each customer earned the shop on each day of their window, in its currency: shape (customers, days).

    Args:
        moves: what `movements` returned, and `respond` where effects are planted: then the offer's discount is taken here.
        assigned: `customer_id` and `arm`, in the order of the rows.
        experiment: what an arm costs per contact is paid on the first day, per redemption on the day of the first order.
        margin_rate: of the list price.
    """
    arms = assigned["arm"]
    costs = {
        name: pd.Series({arm: getattr(of, name) for arm, of in experiment.arms.items()})
        for name in ("discount_rate", "delivery_cost", "contact_cost")
    }
    row = pd.Series(np.arange(len(assigned)), assigned["customer_id"])[moves["customer_id"]].to_numpy()
    arm, redeems = arms.to_numpy()[row], moves["first_list"] > 0
    discount = costs["discount_rate"][arm].to_numpy() * moves["first_list"] if experiment.planted else 0.0
    delivery = costs["delivery_cost"][arm].to_numpy() * redeems
    earned = earned_by(moves["list_revenue"], moves["revenue"] - discount, delivery, margin_rate)
    result = np.zeros((len(assigned), experiment.horizon_days))
    np.add.at(result, (row, moves["since"].to_numpy()), earned.to_numpy(float))
    result[:, 0] -= costs["contact_cost"][arms].to_numpy()
    return result


def grows(
    daily: Floats,
    assigned: pd.DataFrame,
    covariate: pd.Series,
    experiment: Experiment,
    *,
    random_state: int,
) -> pd.DataFrame:
    """How the effect of each arm on profit per assigned customer has grown by each day, with a band for all days together.

    Adjusted by CUPED on each day, with that day's θ, so that it ends where the effect over the whole window is.

    Args:
        daily: what `daily_profit` returned.
        assigned: `arm`, in the order of its rows.
        covariate: profit before the assignment, likewise.
        experiment: its arms and alpha.
        random_state: seed of the bands' critical values.

    Returns:
        One row per treated arm and day, from 1: `effect`, `se`, `low`, `high`, as `regulars.offers.band.band` has them.
    """
    arms, grown = assigned["arm"].to_numpy(), np.cumsum(daily, axis=1)
    before = covariate.to_numpy(float) - covariate.mean()
    found = {}
    for arm in experiment.treated:
        pair = [(arms == one) for one in (arm, experiment.control)]
        if min(of.sum() for of in pair) < 2:
            continue
        inner = [before[of] - before[of].mean() for of in pair]
        spread = sum(float(x @ x) for x in inner)
        slopes = sum(x @ grown[of] for x, of in zip(inner, pair, strict=True))
        left = grown - np.outer(before, slopes / spread if spread > 0 else 0 * slopes)
        steps = np.diff(left, axis=1, prepend=0.0)
        treated, control = (moments(steps[of]) for of in pair)
        found[arm] = band(
            treated, control, alpha=experiment.alpha, draws=DRAWS, random_state=random_state
        ).days
    if not found:
        return pd.DataFrame(columns=["arm", "day", "effect", "se", "low", "high"])
    return pd.concat(found, names=["arm", "day"]).reset_index()


def next_orders(moves: pd.DataFrame, assigned: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """When each customer first ordered after the assignment: what `regulars.offers.repeat.waits` reads.

    Returns:
        `segment`, `arm`, `next_order_days`, missing for who ordered nothing within the horizon, and `followed_days`.
    """
    first = moves[moves["orders"] > 0].groupby("customer_id")["since"].min()
    return assigned[["segment", "arm"]].assign(
        next_order_days=assigned["customer_id"].map(first).astype(float),
        followed_days=experiment.horizon_days,
    )
