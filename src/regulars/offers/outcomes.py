"""What each assigned customer did, buyer or not: after the assignment, and in the same way before it."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw
import pandas as pd

from regulars.engine import Engine, Frame
from regulars.ingest.returns import net_of_returns
from regulars.offers.registry import Experiment, OfferError
from regulars.shop import Shop


def outcomes(
    engine: Engine,
    orders: Frame,
    assigned: pd.DataFrame,
    experiment: Experiment,
    returns: Frame | None = None,
) -> pd.DataFrame:
    """Sums over each customer's window, and over the days before it.

    Args:
        engine: where `orders` lives.
        orders: staged orders.
        assigned: `customer_id`, `arm`, `segment`, `mean_order`: one row per assigned customer.
        experiment: its dates are used.
        returns: staged returns, if anything came back: their money is taken off in the window in which they happened.

    Returns:
        `assigned` with `orders`, `revenue`, `list_revenue` and `first_list` (the list price of the first order in the
        window; what an offer on one order is taken on) in the window, and the first three before it, as `pre_…`.
        Customers who ordered nothing have zeros.
    """
    start, moved, day = experiment.assigned_day, net_of_returns(orders, returns), nw.col("day")
    during = moved.filter((day >= start) & (day < experiment.ended_day))
    before = moved.filter((day >= start - experiment.covariate_days) & (day < start))
    placed = orders.filter((nw.col("ordered_day") >= start) & (nw.col("ordered_day") < experiment.ended_day))
    place = nw.col("order_id").cum_count().over("customer_id", order_by=["ordered_at", "order_id"])
    first = placed.with_columns(place=place).filter(nw.col("place") == 1)
    parts = [
        _sums(engine, during),
        engine.collect(first.select("customer_id", first_list="list_revenue")).set_index("customer_id"),
        _sums(engine, before).add_prefix("pre_"),
    ]
    numbers = pd.concat(parts, axis=1).reindex(assigned["customer_id"]).fillna(0.0)
    return pd.concat([assigned.reset_index(drop=True), numbers.reset_index(drop=True)], axis=1)


def observed(table: pd.DataFrame, experiment: Experiment, margin_rate: float) -> pd.DataFrame:
    """The metrics of each assigned customer of a test that was run: discounts are those that the orders say.

    Args:
        table: what `outcomes` returned, with `arm`.
        experiment: what an arm pays for the delivery of one order is taken off, once, if the customer ordered.
        margin_rate: of the list price.

    Returns:
        `customer_id`, `segment`, `arm`, the metrics, their `pre_` covariates, and `is_simulated`, which is false.
    """
    buys = table["orders"] > 0
    delivery = table["arm"].map({name: arm.delivery_cost for name, arm in experiment.arms.items()}) * buys
    earned = profit(table["list_revenue"], table["revenue"], delivery, margin_rate)
    metrics = {"profit": earned, "revenue": table["revenue"], "conversion": buys.astype(float)}
    return table[["customer_id", "segment", "arm"]].assign(
        **metrics, **before_metrics(table, margin_rate), is_simulated=False
    )


def before_metrics(table: pd.DataFrame, margin_rate: float) -> dict[str, pd.Series]:
    """The metrics in the days before the assignment, as covariates."""
    return {
        "pre_profit": profit(table["pre_list_revenue"], table["pre_revenue"], 0, margin_rate),
        "pre_revenue": table["pre_revenue"],
        "pre_conversion": (table["pre_orders"] > 0).astype(float),
    }


def given_outcomes(shop: Shop, experiment: Experiment) -> pd.DataFrame:
    """What each assigned customer did, where it was counted elsewhere and came with the data.

    Returns:
        One row per assigned customer: `customer_id`, `arm`, `segment`, each metric and its `pre_` covariate (zero where there
        is none, so that it adjusts nothing), `conversion`, and `is_simulated`, which is false. Who has no outcome has zeros.

    Raises:
        OfferError: if a metric, an arm or a column of customers is not in the data, or a customer was given two arms.
    """
    given = experiment.given
    if given is None:
        raise OfferError(f"{experiment.id}: no outcomes are given; `outcomes` computes them from orders.")
    assigned = given_arms(shop, experiment)
    counted = shop.table("outcomes").filter(nw.col("experiment_id") == experiment.id)
    numbers = shop.engine.collect(counted.select("customer_id", "metric", "value")).pivot_table(
        "value", "customer_id", "metric", aggfunc="sum"
    )
    _refuse_absent(experiment, "metric", given.metrics, numbers.columns)
    known = [experiment.segmentation, *([given.covariate] if given.covariate else [])]
    _refuse_absent(experiment, "column of customers", known, shop.table("customers").collect_schema().names())
    people = shop.engine.collect(shop.table("customers").select("customer_id", *known)).set_index(
        "customer_id"
    )
    table = (
        assigned.join(numbers[list(given.metrics)])
        .fillna(dict.fromkeys(given.metrics, 0.0))
        .join(people[known])
    )
    pre = {f"pre_{metric}": 0.0 for metric in given.metrics}
    table = table.rename(columns={experiment.segmentation: "segment"}).assign(**pre, is_simulated=False)
    if given.covariate:
        table[f"pre_{experiment.primary_metric}"] = table.pop(given.covariate).astype(float).fillna(0.0)
    return table.assign(conversion=table[given.conversion]).reset_index()


def given_arms(shop: Shop, experiment: Experiment) -> pd.DataFrame:
    """The arm of each assigned customer, by the shop's table `assignments`, indexed by customer.

    Raises:
        OfferError: if its arms are not those of the file, or it names a customer twice, or on another day than the file.
    """
    found = shop.table("assignments").filter(nw.col("experiment_id") == experiment.id)
    assigned = shop.engine.collect(found.select("customer_id", "arm", "assigned_day"), "customer_id")
    other = int((assigned.pop("assigned_day").dropna() != experiment.assigned_day).sum())
    if other:
        raise OfferError(
            f"{experiment.id}: {other} customers were assigned on another day than {experiment.assigned_on}, the file's "
            "'assigned_on'. Only a test that assigned everybody on one day can be read."
        )
    _refuse_absent(experiment, "arm", experiment.arms, assigned["arm"].unique())
    unknown = sorted(set(assigned["arm"]) - set(experiment.arms))
    if unknown:
        raise OfferError(
            f"{experiment.id}: customers were given '{unknown[0]}', which is no arm of its file."
        )
    twice = int(assigned["customer_id"].duplicated().sum())
    if twice:
        raise OfferError(
            f"{experiment.id}: {twice} of the rows of assignments name a customer a second time; each has one arm."
        )
    return assigned.set_index("customer_id")


def _refuse_absent(experiment: Experiment, what: str, wanted: Iterable[str], there: Iterable[str]) -> None:
    there = sorted(map(str, there))
    absent = [name for name in wanted if name not in there]
    if absent:
        raise OfferError(
            f"{experiment.id}: the {what} '{absent[0]}' is not in the data, which has {', '.join(there)}."
        )


def _sums(engine: Engine, moved: Frame) -> pd.DataFrame:
    sums = moved.group_by("customer_id").agg(
        nw.col("is_order").sum().cast(nw.Int64).alias("orders"),
        nw.col("revenue").sum(),
        nw.col("list_revenue").sum(),
    )
    return engine.collect(sums).set_index("customer_id")


def profit(
    list_revenue: pd.Series, revenue: pd.Series, delivery: pd.Series | float, margin_rate: float
) -> pd.Series:
    """Each customer's profit: margin_rate × list-price revenue − discounts given − deliveries paid for.

    The margin is earned on the list price and the discount is taken off it once: 100 at list, a margin of 25 %, 10 % off
    give 15. Charging the margin on what is left after the discount, and the discount again, would say 12.5.

    >>> profit(pd.Series([100.0]), pd.Series([90.0]), 0, 0.25).tolist()
    [15.0]
    """
    return margin_rate * list_revenue - (list_revenue - revenue) - delivery
