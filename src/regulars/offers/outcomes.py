"""What each assigned customer did, buyer or not: after the assignment, and in the same way before it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

import narwhals as nw
import pandas as pd

from regulars.engine import Engine, Frame
from regulars.ingest.personal import key_of
from regulars.ingest.returns import net_of_returns
from regulars.offers.registry import Experiment, OfferError
from regulars.shop import Shop, ShopError

EXAMPLES = 3
NOT_KNOWN = "not known"  # the segment of an assigned customer of whom nothing is known


def outcomes(
    engine: Engine,
    orders: Frame,
    assigned: pd.DataFrame,
    experiment: Experiment,
    returns: Frame | None = None,
) -> pd.DataFrame:
    """Sums over each customer's window, and over the days before it.

    A window opens on the day of the customer's own assignment and lasts for the horizon.

    Args:
        engine: where `orders` lives.
        orders: staged orders.
        assigned: `customer_id`, `arm`, `segment`, `mean_order`: one row per assigned customer; and `assigned_day`, which is
            needed only if the plan assigns on several days.
        experiment: its dates are used.
        returns: staged returns, if anything came back: their money is taken off in the window in which they happened.

    Returns:
        `assigned` with `orders`, `revenue`, `list_revenue` and `first_list` (the list price of the first order in the
        window; what an offer on one order is taken on) in the window, and the first three before it, as `pre_…`.
        Customers who ordered nothing have zeros.
    """
    moved = _since_start(engine, net_of_returns(orders, returns), "day", assigned, experiment)
    placed = _since_start(engine, orders, "ordered_day", assigned, experiment)
    since = nw.col("since")
    within = (since >= 0) & (since < experiment.horizon_days)
    before = (since >= -experiment.covariate_days) & (since < 0)
    place = nw.col("order_id").cum_count().over("customer_id", order_by=["ordered_at", "order_id"])
    first = placed.filter(within).with_columns(place=place).filter(nw.col("place") == 1)
    parts = [
        _sums(engine, moved.filter(within)),
        engine.collect(first.select("customer_id", first_list="list_revenue")).set_index("customer_id"),
        _sums(engine, moved.filter(before)).add_prefix("pre_"),
    ]
    numbers = pd.concat(parts, axis=1).reindex(assigned["customer_id"]).fillna(0.0)
    return pd.concat([assigned.reset_index(drop=True), numbers.reset_index(drop=True)], axis=1)


def _since_start(
    engine: Engine, frame: Frame, day: str, assigned: pd.DataFrame, experiment: Experiment
) -> Frame:
    """The frame with `since`: whole days since the customer's assignment, below zero before it."""
    first, last = experiment.assigned_day - experiment.covariate_days, experiment.ended_day - 1
    frame = frame.filter(nw.col(day).is_between(first, last))
    if experiment.assigned_until is None:
        return frame.with_columns(since=nw.col(day) - experiment.assigned_day)
    starts = assigned[["customer_id", "assigned_day"]].astype({"customer_id": "str", "assigned_day": "int64"})
    if frame.implementation.is_pyspark():
        rows = list(starts.itertuples(index=False, name=None))
        native = frame.to_native().sparkSession.createDataFrame(rows, "customer_id string, assigned_day long")
    else:
        native = engine.connection.from_df(starts)
    joined = frame.join(nw.from_native(native), on="customer_id", how="inner")
    return joined.with_columns(since=nw.col(day) - nw.col("assigned_day"))


def identified(table: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """`customer_id`, `segment`, `arm` and `assigned_day` of a table: the plan's day, if the table has none."""
    days = table.get("assigned_day", experiment.assigned_day)
    return table[["customer_id", "segment", "arm"]].assign(assigned_day=days)


def observed(table: pd.DataFrame, experiment: Experiment, margin_rate: float) -> pd.DataFrame:
    """The metrics of each assigned customer of a test that was run: discounts are those that the orders say.

    Args:
        table: what `outcomes` returned, with `arm`.
        experiment: what an arm pays for the delivery of one order is taken off, once, if the customer ordered; what it pays
            for the contact is taken off everybody.
        margin_rate: of the list price, the shop's; an experiment's own goes before it.

    Returns:
        `customer_id`, `segment`, `arm`, `assigned_day`, the metrics, their `pre_` covariates, and `is_simulated`, which is
        false.
    """
    margin_rate, buys = experiment.margin(margin_rate), table["orders"] > 0
    delivery = table["arm"].map({name: arm.delivery_cost for name, arm in experiment.arms.items()}) * buys
    contact = table["arm"].map({name: arm.contact_cost for name, arm in experiment.arms.items()})
    earned = profit(table["list_revenue"], table["revenue"], delivery, margin_rate, contact)
    metrics = {
        "profit": earned,
        "revenue": table["revenue"],
        "orders": table["orders"].astype(float),
        "conversion": buys.astype(float),
    }
    return identified(table, experiment).assign(
        **metrics, **before_metrics(table, margin_rate), is_simulated=False
    )


def before_metrics(table: pd.DataFrame, margin_rate: float) -> dict[str, pd.Series]:
    """The metrics in the days before the assignment, as covariates."""
    return {
        "pre_profit": profit(table["pre_list_revenue"], table["pre_revenue"], 0, margin_rate),
        "pre_revenue": table["pre_revenue"],
        "pre_orders": table["pre_orders"].astype(float),
        "pre_conversion": (table["pre_orders"] > 0).astype(float),
    }


def given_outcomes(shop: Shop, experiment: Experiment) -> pd.DataFrame:
    """What each assigned customer did, where it was counted elsewhere and came with the data.

    Returns:
        One row per assigned customer: `customer_id`, `arm`, `assigned_day`, `segment`, each metric and its `pre_` covariate
        (zero where there is none, so that it adjusts nothing), `conversion`, and `is_simulated`, which is false. Who has no
        outcome has zeros.

    Raises:
        OfferError: if a metric, an arm or a column of customers is not in the data, an assignment does not fit the file (see
            `given_arms`), or an outcome was counted before the assignment, where a column `counted_day` says so.
    """
    given = experiment.given
    if given is None:
        raise OfferError(f"{experiment.id}: no outcomes are given; `outcomes` computes them from orders.")
    assigned = given_arms(shop, experiment)
    counted = shop.table("outcomes").filter(nw.col("experiment_id") == experiment.id)
    _refuse_early(shop, experiment, counted, assigned)
    rows = shop.engine.collect(counted)
    if "counted_day" in rows:  # what came after a customer's horizon is no outcome of the test
        since = rows["counted_day"] - rows["customer_id"].map(assigned["assigned_day"])
        rows = rows[~(since.astype(float) >= experiment.horizon_days)]
    numbers = rows.pivot_table("value", "customer_id", "metric", aggfunc="sum")
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
    table["segment"] = table["segment"].fillna(NOT_KNOWN)
    if given.covariate:
        table[f"pre_{experiment.primary_metric}"] = table.pop(given.covariate).astype(float).fillna(0.0)
    return table.assign(conversion=table[given.conversion]).reset_index()


def given_arms(shop: Shop, experiment: Experiment) -> pd.DataFrame:
    """The arm of each assigned customer, and the day of the assignment, indexed by customer.

    They come from the shop's table `assignments`; where it has nothing of the experiment, from the draw that
    `regulars.offers.assigning` wrote, with `frozen_segment` besides.

    Raises:
        OfferError: if nobody was assigned, the arms are not those of the file, a customer stands there twice, was assigned
            on a day that is not in the plan, or has a segment that knows of the day of the assignment.
    """
    assigned = _assignments(shop, experiment)
    days, plan = assigned["assigned_day"], experiment
    if plan.assigned_until is None:
        other = days.notna() & (days != plan.assigned_day)
        what = f"assigned on another day than {plan.assigned_on}, the file's 'assigned_on'"
        advice = "Correct the day; a test that assigned on several days has 'assigned_until' in its file."
        assigned["assigned_day"] = days.fillna(plan.assigned_day)
    else:
        other = ~days.between(plan.assigned_day, plan.last_assigned_day)
        what = f"assigned on no day from {plan.assigned_on} to {plan.assigned_until}, as the file has it"
        advice = "Say on which day each customer was assigned, and put the days in the file."
    _refuse(shop, plan, assigned.loc[other, "customer_id"], what, advice)
    _refuse_absent(plan, "arm", plan.arms, assigned["arm"].unique())
    for arm in sorted(set(assigned["arm"]) - set(plan.arms)):
        given = assigned.loc[assigned["arm"] == arm, "customer_id"]
        _refuse(shop, plan, given, f"given '{arm}', which is no arm of its file", "Correct the arms.")
    arms = assigned.groupby("customer_id")["arm"].nunique()
    _refuse(shop, plan, arms.index[arms > 1], "given several arms", "Ask whoever ran the experiment.")
    twice = assigned.loc[assigned["customer_id"].duplicated(), "customer_id"]
    _refuse(shop, plan, twice, "assigned a second time", "Each has one row in assignments.")
    if "segment_day" in assigned:
        late = assigned["segment_day"] >= assigned["assigned_day"]
        what = "put into a segment by what was known on or after the day of the assignment"
        advice = "The offer itself may have moved them: freeze segments before it."
        _refuse(shop, plan, assigned.loc[late, "customer_id"], what, advice)
    kept = [name for name in ("arm", "assigned_day", "frozen_segment") if name in assigned]
    return assigned.set_index("customer_id")[kept].astype({"assigned_day": "int64"})


def drawn_path(shop: Shop, experiment: Experiment) -> Path:
    """Where the draw of an experiment is: `data/<shop>/assignments/<id>.parquet`."""
    return shop.data / "assignments" / f"{experiment.id}.parquet"


def is_staged(shop: Shop, experiment: Experiment) -> bool:
    """Whether the shop's table `assignments` has the experiment."""
    return len(_staged(shop, experiment)) > 0


def _staged(shop: Shop, experiment: Experiment) -> pd.DataFrame:
    try:
        rows = shop.table("assignments").filter(nw.col("experiment_id") == experiment.id)
    except ShopError:
        return pd.DataFrame()
    return shop.engine.collect(rows.select("customer_id", "arm", "assigned_day"), "customer_id", "arm")


def _assignments(shop: Shop, experiment: Experiment) -> pd.DataFrame:
    """The rows of an experiment, as they are, in the order of their customers."""
    staged = _staged(shop, experiment)
    if len(staged):
        return staged
    drawn = drawn_path(shop, experiment)
    if not drawn.exists():
        raise OfferError(
            f"{experiment.id}: nobody was assigned. Stage a table of assignments that has it, or draw the arms: "
            f"make assign SHOP={shop.config.name} EXPERIMENT={experiment.id}"
        )
    table = shop.engine.collect(shop.engine.scan(drawn), "customer_id", "arm")
    return table.rename(columns={"segment": "frozen_segment"})


def _refuse_early(shop: Shop, experiment: Experiment, counted: Frame, assigned: pd.DataFrame) -> None:
    """Outcomes that say their day must not lie before the assignment of their customer."""
    if "counted_day" not in counted.collect_schema().names():
        return
    rows = shop.engine.collect(counted.select("customer_id", "counted_day"))
    early = rows["counted_day"].astype(float) < rows["customer_id"].map(assigned["assigned_day"])
    what = "measured before the assignment"
    _refuse(shop, experiment, rows.loc[early, "customer_id"], what, "Count outcomes from that day on.")


def _refuse(shop: Shop, experiment: Experiment, who: Iterable[str], what: str, advice: str) -> None:
    """Say how many customers something is wrong with, and name a few, by value, as pseudonyms."""
    wrong = sorted(set(map(str, who)))
    if wrong:
        were = "customer was" if len(wrong) == 1 else "customers were"
        examples = ", ".join(pseudonyms(shop, wrong[:EXAMPLES]))
        raise OfferError(f"{experiment.id}: {len(wrong):,} {were} {what} (pseudonyms: {examples}). {advice}")


def pseudonyms(shop: Shop, customers: Iterable[str]) -> pd.Series:
    """What stands for customers in sentences: 12 digits of HMAC-SHA-256 under the shop's key, indexed by customer."""
    key, ids = key_of(shop), pd.Index(customers, name="customer_id")
    hashed = [hmac.new(key, f"customer\0{one}".encode(), hashlib.sha256).hexdigest()[:12] for one in ids]
    return pd.Series(hashed, ids, dtype="str")


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
    list_revenue: pd.Series,
    revenue: pd.Series,
    delivery: pd.Series | float,
    margin_rate: float,
    contact: pd.Series | float = 0,
) -> pd.Series:
    """Each customer's profit: margin_rate × list-price revenue − discounts given − deliveries paid for − contact.

    The margin is earned on the list price and the discount is taken off it once: 100 at list, a margin of 25 %, 10 % off
    give 15. Charging the margin on what is left after the discount, and the discount again, would say 12.5.

    >>> profit(pd.Series([100.0]), pd.Series([90.0]), 0, 0.25).tolist()
    [15.0]
    """
    return margin_rate * list_revenue - (list_revenue - revenue) - delivery - contact
