"""Who comes back, by when they first came: the cohort retention grid."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from regulars.engine import Frame, distinct, in_pandas
from regulars.month import Month
from regulars.segments.rulebooks.definition import SegmentError
from regulars.segments.rulebooks.four_core import NEW_NEEDS_DAYS

Period = Literal["month", "quarter"]
MONTHS: dict[Period, int] = {"month": 1, "quarter": 3}


class Retention(NamedTuple):
    """What `retention` found.

    Attributes:
        cohorts: one row per cohort: `customers`, and `is_truncated`: too little history was observed before it, so that
            some of its customers had bought before and only look new.
        cells: one row per cohort and complete later period: `cohort`, `step`, `customers`, `ordered`, `share`, and its 95 %
            interval `low`, `high` (Wilson 1927).
        grid: the shares, cohorts by steps; missing where the period is not over yet.
    """

    cohorts: pd.DataFrame
    cells: pd.DataFrame
    grid: pd.DataFrame


def retention(
    orders: Frame, day: int, *, by: Period = "month", needs_days: int = NEW_NEEDS_DAYS
) -> Retention:
    """The share of each cohort's customers who ordered in each later period.

    A cohort is the customers whose first order fell into one month, or quarter. Step k is the k-th month or quarter
    after it; who orders in step 3 need not have ordered in step 2. Only periods that were over by the day count, as
    cohorts and as steps: a step that is not over is missing, and one in which nobody ordered is zero.

    Args:
        orders: staged orders; those of guests count as observed history and make no cohort.
        day: a day number; what is dated on or after it is never seen.
        by: "month" or "quarter".
        needs_days: with less observed history before its first day, a cohort is truncated.

    Raises:
        SegmentError: if `by` is neither.

    >>> import duckdb
    >>> rows = "('1', 17500, '2017-11'), ('2', 17510, '2017-12'), ('1', 17511, '2017-12'), ('1', 17550, '2018-01')"
    >>> orders = duckdb.sql(f"FROM (VALUES {rows}) t(customer_id, ordered_day, ordered_month)")
    >>> found = retention(nw.from_native(orders), Month(2018, 1).first_day)
    >>> found.cohorts["customers"].to_dict(), found.cells[["cohort", "step", "ordered"]].to_numpy().tolist()
    ({'2017-11': 1, '2017-12': 1}, [['2017-11', 1, 1]])
    """
    if by not in MONTHS:
        raise SegmentError(f"Cohorts by '{by}' are not known: say month or quarter.")
    seen = orders.filter(nw.col("ordered_day") < day)
    counts, last = _counts(seen, by), _number(Month.of_day(day)) // MONTHS[by] - 1
    sizes = counts[(counts["cohort"] == counts["period"]) & (counts["cohort"] <= last)].set_index("cohort")[
        "ordered"
    ]
    over = [(cohort, period) for cohort in sorted(sizes.index) for period in range(cohort + 1, last + 1)]
    cells = pd.DataFrame(over, columns=["cohort", "period"], dtype="int64")
    cells = cells.merge(counts, on=["cohort", "period"], how="left").fillna(0).astype("int64")
    cells.insert(2, "customers", cells["cohort"].map(sizes).astype("int64"))
    cohorts = _cohorts(sizes.sort_index(), seen, by, needs_days)
    cells = _with_shares(cells, dict(zip(sorted(sizes.index), cohorts.index, strict=True)))
    grid = cells.pivot_table("share", "cohort", "step").reindex(cohorts.index)
    return Retention(cohorts, cells, grid)


def _counts(seen: Frame, by: Period) -> pd.DataFrame:
    """Customers who ordered, by the period of their first order and the period: `cohort`, `period`, `ordered`."""
    month = nw.col("ordered_month").str
    number = month.slice(0, 4).cast(nw.Int64) * 12 + month.slice(5, 2).cast(nw.Int64) - 1
    known = seen.filter(~nw.col("customer_id").is_null())
    active = distinct(known.with_columns(period=number // MONTHS[by]), "customer_id", "period")
    since = active.with_columns(cohort=nw.col("period").min().over("customer_id"))
    counts = since.group_by("cohort", "period").agg(ordered=nw.len())
    return in_pandas(counts).astype("int64")


def _number(month: Month) -> int:
    return month.year * 12 + month.number - 1


def _cohorts(sizes: pd.Series, seen: Frame, by: Period, needs_days: int) -> pd.DataFrame:
    """Each cohort's name and size, and whether too little was observed before it."""
    first: Any = in_pandas(seen.select(nw.col("ordered_day").min())).iloc[0, 0]
    begins = [Month(number // 12, number % 12 + 1) for number in sizes.index * MONTHS[by]]
    names = [f"{one.year}-Q{one.number // 3 + 1}" if by == "quarter" else str(one) for one in begins]
    truncated = [bool(one.first_day - first < needs_days) for one in begins]
    index = pd.Index(names, name="cohort", dtype="str")
    columns = {"customers": sizes.to_numpy(), "is_truncated": np.array(truncated, dtype=bool)}
    return pd.DataFrame(columns, index=index)


def _with_shares(cells: pd.DataFrame, names: dict[int, str]) -> pd.DataFrame:
    """Cells with named cohorts, steps, and each share with its interval."""
    step, share = cells["period"] - cells["cohort"], cells["ordered"] / cells["customers"]
    low, high = proportion_confint(cells["ordered"], cells["customers"], method="wilson")
    named = cells["cohort"].map(names).astype("str")
    counts = cells[["customers", "ordered"]]
    return pd.DataFrame({"cohort": named, "step": step, **counts, "share": share, "low": low, "high": high})
