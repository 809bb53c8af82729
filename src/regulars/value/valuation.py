"""What customers will bring: forecast by whichever contender would have been best so far, and written into the snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from regulars.config import Value
from regulars.engine import Frame
from regulars.month import Month
from regulars.shop import NotAvailableError, Shop
from regulars.value.contenders import Contender, Modelled, contenders
from regulars.value.histories import Window, histories, weekly, window
from regulars.value.holdout import best, calibration, cumulative, judged
from regulars.value.likelihood import Floats

DRAWS, LEAST_DRAWS = 400, 100
CELLS = 4_000_000  # draws × customers, above which fewer futures are drawn
OF_CUSTOMERS, OF_TOTALS = (0.1, 0.9), (0.025, 0.975)


class Leaving(NamedTuple):
    """What a model says of who has left for good, tried on the hold-out: whoever bought in it had not.

    Attributes:
        model: its name.
        alive: each customer's probability of being still there, as of the day.
        right: the share of customers told right by the model then, who buys again if that probability was above one half.
        base_rate: the share told right by saying of everybody the same.
    """

    model: str
    alive: Floats
    right: float
    base_rate: float


class Valuation(NamedTuple):
    """A forecast, and what it stands on.

    Attributes:
        customers: one row per customer, by id: the columns `value_*`.
        chosen: the contender that forecasts, fitted to all of the history.
        judged: one row per contender: how good it would have been.
        calibration: forecast and actual by number of past purchases, in the hold-out.
        cumulative: purchases by week of the hold-out, actual and forecast.
        held_out: the customers then, and what they did.
        leaving: the model that says who has left, if any could be fitted, and how often it was right then.
        futures: the revenue of each customer in each drawn future: shape (draws, customers).
    """

    customers: pd.DataFrame
    chosen: Contender
    judged: pd.DataFrame
    calibration: pd.DataFrame
    cumulative: pd.DataFrame
    held_out: Window
    leaving: Leaving | None
    futures: NDArray[np.float32]

    @property
    def trial(self) -> pd.DataFrame:
        """`judged` in short, for a page.

        Its columns are `total_off`, `error`, `rank_correlation`, `top_tenth`, `orders_off`, `verdict` and `problem`.
        """
        short = {
            "revenue_bias": "total_off",
            "revenue_root_mean_squared_error": "error",
            "revenue_rank_correlation": "rank_correlation",
            "revenue_top_decile_capture": "top_tenth",
            "purchases_mean_absolute_error": "orders_off",
        }
        problem = self.judged["problem"]
        verdict = problem.map(lambda words: "refused" if words else "possible")
        verdict[self.chosen.name] = "is used"
        return self.judged[list(short)].rename(columns=short).assign(verdict=verdict, problem=problem)

    @property
    def total(self) -> pd.Series:
        """The revenue to expect of all customers together: `customers`, `expected`, `low`, `high`, as in `by`."""
        return self.by(pd.Series("everybody", index=self.customers.index)).iloc[0]

    def by(self, groups: pd.Series) -> pd.DataFrame:
        """The revenue to expect of groups of customers together.

        Args:
            groups: a group for each customer, indexed by `customer_id`; who is in none is left out.

        Returns:
            One row per group: `customers`, `expected`, and the 95 % interval `low` to `high` of what they will bring.
        """
        place, names = pd.factorize(groups.reindex(self.customers.index), sort=True)
        rows = []
        for number in range(len(names)):
            sums = self.futures[:, place == number].sum(axis=1, dtype=np.float64)
            expected = self.customers["value_revenue"].to_numpy()[place == number].sum()
            rows.append(((place == number).sum(), expected, *np.quantile(sums, OF_TOTALS)))
        columns = ["customers", "expected", "low", "high"]
        return pd.DataFrame(rows, columns=columns, index=pd.Index(names, name=groups.name or "group"))


def value(orders: Frame, returns: Frame | None, day: int, settings: Value, margin_rate: float) -> Valuation:
    """Judge all contenders on the last `horizon_days`, and forecast the next with the best.

    The history is cut `horizon_days` before the day. What was known then is given to every contender, and what happened since
    judges them. The best, by the rule of `best`, is fitted again to all of the history; if it cannot be then, the next best.

    Args:
        orders: staged orders.
        returns: staged returns, if anything came back.
        day: the snapshot's day number: the forecast is of the days from it on.
        settings: horizon, discount rate and hiatus.
        margin_rate: profit before the cost of offers, as a share of revenue.

    Raises:
        NotAvailableError: if less than three horizons of history were observed.
    """
    horizon = settings.horizon_days
    _check_history(orders, day, horizon)
    before, held_out = (window(orders, returns, day - back * horizon, horizon) for back in (2, 1))
    tried = {one.name: one.fit(held_out.customers, before) for one in contenders(settings.hiatus_days)}
    table = judged(list(tried.values()), held_out)
    customers = histories(orders, returns, day)
    chosen = _refitted(table, settings, customers, held_out)
    leaving = _leaving(tried.values(), held_out, customers)
    futures = _futures(chosen, customers, horizon)
    by_week = weekly(orders, held_out.customers.index, day - horizon, horizon)
    return Valuation(
        _columns(chosen.forecast(customers, horizon), futures, leaving, settings, margin_rate),
        chosen,
        table,
        calibration(tried[chosen.name], held_out),
        cumulative(list(tried.values()), held_out, by_week),
        held_out,
        leaving,
        futures,
    )


def _check_history(orders: Frame, day: int, horizon: int) -> None:
    first = _first_day(orders, day)
    seen = 0 if first is None else day - first
    if seen < 3 * horizon:
        raise NotAvailableError(
            f"Not available: needs {3 * horizon} days of history, three times the {horizon} days of the forecast; "
            f"{seen} were observed."
        )


def _columns(
    expected: pd.DataFrame,
    futures: NDArray[np.float32],
    leaving: Leaving | None,
    settings: Value,
    margin_rate: float,
) -> pd.DataFrame:
    """What is known of each customer, as columns of the snapshot."""
    low, high = np.quantile(futures, OF_CUSTOMERS, axis=0)
    # Revenue arrives evenly over the horizon: on average in its middle.
    present = (1 + settings.discount_rate) ** (-settings.horizon_days / 2 / 365)
    return pd.DataFrame(
        {
            "value_probability_alive": leaving.alive if leaving else np.nan,
            "value_orders": expected["purchases"],
            "value_revenue": expected["revenue"],
            "value_revenue_low": low,
            "value_revenue_high": high,
            "value_profit": expected["revenue"] * margin_rate * present,
        },
        index=expected.index,
    )


def _refitted(table: pd.DataFrame, settings: Value, customers: pd.DataFrame, last: Window) -> Contender:
    """The best contender that can be fitted to all of the history; a fit that fails makes room for the next."""
    again = {one.name: one for one in contenders(settings.hiatus_days)}
    while (chosen := again[best(table)].fit(customers, last)).problem:
        table.loc[chosen.name, "problem"] = f"{chosen.problem}, when fitted to all of the history"
    return chosen


def _leaving(tried: Iterable[Contender], held_out: Window, customers: pd.DataFrame) -> Leaving | None:
    """From the model that told best who bought in the hold-out, fitted again to all of the history."""
    came = held_out.outcome["purchases"].to_numpy() > 0
    found = []
    for one in tried:
        if isinstance(one, Modelled) and not one.problem:
            right = float(((one.model.probability_alive(held_out.customers) > 0.5) == came).mean())
            model = clone(one.model).fit(customers)
            if not model.problem_:
                alive = model.probability_alive(customers)
                found.append(Leaving(one.name, alive, right, float(max(came.mean(), 1 - came.mean()))))
    return max(found, key=lambda one: one.right, default=None)


def _futures(chosen: Contender, customers: pd.DataFrame, horizon: int) -> NDArray[np.float32]:
    """Drawn futures of the revenue, fewer of them where customers are many."""
    draws = max(LEAST_DRAWS, min(DRAWS, CELLS // len(customers)))
    return chosen.futures(customers, horizon, draws, np.random.default_rng(0))


def _first_day(orders: Frame, day: int) -> int | None:
    found = orders.filter(nw.col("ordered_day") < day).select(first=nw.col("ordered_day").min())
    first = found.collect("pyarrow").to_native()["first"].to_pylist()[0]
    return None if first is None else int(first)


def value_of(shop: Shop, month: Month) -> Valuation:
    """The valuation of a shop's customers as of the end of a month."""
    return value(
        shop.table("orders"), shop.returns(), month.snapshot_day, shop.config.value, shop.config.margin_rate
    )


def add_values(shop: Shop, months: Iterable[Month]) -> dict[Month, Valuation]:
    """Write the `value_*` columns into the snapshots of some months; those with too short a history have none."""
    found = {}
    for month in months:
        try:
            found[month] = value_of(shop, month)
        except NotAvailableError:
            continue
        features = shop.monthly("features", month)
        values = nw.from_native(shop.engine.connection.from_df(found[month].customers.reset_index()))
        there = nw.from_native(shop.engine.connection.read_parquet(str(features)))
        names = there.collect_schema().names()
        kept = there.drop(*(name for name in names if name.startswith("value_")))
        joined = kept.join(values, on="customer_id", how="left")
        shop.engine.write(joined.select(*names), features, "customer_id")
        shop.save(_summary(found[month]), "value", month, "forecast")
    return found


def totals(shop: Shop, months: Iterable[Month]) -> pd.DataFrame:
    """What all customers were expected to bring, as of the end of some months.

    Returns:
        One row per month that has a forecast: `customers`, `expected`, `low`, `high`, `forecast` (by which contender),
        `total_off` (by how much it was off in the hold-out).
    """
    paths = {str(month): shop.monthly("value", month) for month in months}
    rows = {month: pd.read_parquet(path).iloc[0] for month, path in paths.items() if path.exists()}
    return pd.DataFrame(rows).T.rename_axis("month")


def _summary(valuation: Valuation) -> pd.DataFrame:
    """One row: what all customers are expected to bring, by which contender, and how far off it was in the hold-out."""
    name = valuation.chosen.name
    off = float(valuation.trial["total_off"][name])
    return valuation.total.to_frame().T.assign(forecast=name, total_off=off)
