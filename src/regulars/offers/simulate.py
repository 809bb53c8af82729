"""Planted effects: what each arm would do to a customer's own spending, so that the truth is known exactly.

Everything here is simulated. It lives in outcomes, never in orders, and is labelled wherever it is shown.
"""

from __future__ import annotations

import pandas as pd

from regulars.offers.outcomes import before_metrics, identified, profit
from regulars.offers.plan import Arm, Planted
from regulars.offers.registry import METRICS, Experiment


def plant(table: pd.DataFrame, experiment: Experiment, margin_rate: float) -> pd.DataFrame:
    """The metrics of each assigned customer under the arm that was drawn, and under every arm.

    Args:
        table: what `regulars.offers.outcomes.outcomes` returned: one row per assigned customer.
        experiment: its arms and planted effects.
        margin_rate: of the list price, the shop's; an experiment's own goes before it.

    Returns:
        `customer_id`, `segment`, `arm`, `assigned_day`, the metrics and their `pre_` covariates, `<metric>|<arm>` under each
        arm, and `is_simulated`, which is always true.
    """
    margin_rate = experiment.margin(margin_rate)
    worlds = {arm: _under(table, experiment, arm, margin_rate) for arm in experiment.arms}
    result = identified(table, experiment)
    for metric in METRICS:
        result[metric] = 0.0
        for arm, world in worlds.items():
            result[metric] = result[metric].where(table["arm"] != arm, world[metric])
            result[f"{metric}|{arm}"] = world[metric]
    return result.assign(**before_metrics(table, margin_rate), is_simulated=True)


def _under(table: pd.DataFrame, experiment: Experiment, arm: str, margin_rate: float) -> pd.DataFrame:
    """The metrics of every customer if all of them had been given `arm`."""
    offer = experiment.arms[arm]
    spent = table[["orders", "revenue", "list_revenue", "first_list"]].astype(float)
    if arm in experiment.planted:
        spent = _respond(spent, table["segment"], table["mean_order"], experiment.planted[arm])
    return _measure(spent, offer, margin_rate)


def _respond(
    spent: pd.DataFrame, segment: pd.Series, mean_order: pd.Series, planted: Planted
) -> pd.DataFrame:
    """Spending after the planted response: more of it, at list price, and perhaps an order where there was none."""
    extra = (spent["revenue"] * segment.map(planted.lift).fillna(0.0)).round(2)
    spent = spent.assign(revenue=spent["revenue"] + extra, list_revenue=spent["list_revenue"] + extra)
    if planted.returns_from is not None:
        returns = (spent["orders"] == 0) & (mean_order >= planted.returns_from)
        order = mean_order.round(2)
        for name, value in {
            "orders": 1.0,
            "revenue": order,
            "list_revenue": order,
            "first_list": order,
        }.items():
            spent[name] = spent[name].mask(returns, value)
    return spent


def _measure(spent: pd.DataFrame, offer: Arm, margin_rate: float) -> pd.DataFrame:
    """The metrics, after the customer is contacted and the offer is redeemed on the first order."""
    buys = spent["orders"] > 0
    revenue = spent["revenue"] - (offer.discount_rate * spent["first_list"]).round(2)
    earned = profit(
        spent["list_revenue"], revenue, offer.delivery_cost * buys, margin_rate, offer.contact_cost
    )
    return pd.DataFrame(
        {
            "profit": earned.round(4),
            "revenue": revenue.round(4),
            "orders": spent["orders"],
            "conversion": buys.astype(float),
        }
    )


def true_effects(planted: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """The true effect in this sample: the mean over a segment's assigned customers of arm minus control.

    Returns:
        `metric`, `segment` (with "everyone"), `arm` and `truth`, per assigned customer.
    """
    everyone = planted.assign(segment="everyone")
    rows = []
    for arm in experiment.treated:
        for metric in METRICS:
            both = pd.concat([planted, everyone])
            difference = both[f"{metric}|{arm}"] - both[f"{metric}|{experiment.control}"]
            means = difference.groupby(both["segment"]).mean()
            rows.append(
                pd.DataFrame(
                    {"metric": metric, "segment": means.index, "arm": arm, "truth": means.to_numpy()}
                )
            )
    return pd.concat(rows, ignore_index=True)
