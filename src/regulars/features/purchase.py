"""Recency, frequency, monetary value, and what an order is like."""

from __future__ import annotations

import narwhals as nw

from regulars.engine import Frame
from regulars.features.parts import EXACT, Tables, count, deviation, number, ratio, share, squared, total

WINDOWS = (30, 90, 365)  # days
KINDS = {"orders": nw.Int64(), "revenue": nw.Float64()}


def purchase(tables: Tables, day: int, first_day: int) -> Frame:
    """The family `purchase`, and all else that is told by orders alone, in one pass over them.

    An order that came back was still placed: it counts in recency and frequency, and its money is taken off on the day on
    which it came back.

    Args:
        tables: rows of known customers, all before `day`.
        day: the snapshot's day number.
        first_day: the first day that the shop's history was observed. A window that begins before it is missing.
    """
    ordered = nw.col("ordered_day")
    totals = tables.orders.group_by("customer_id").agg(
        ordered.max().alias("last_day"),
        ordered.min().alias("first_day"),
        nw.len().cast(nw.Int64).alias("frequency"),
        *(total(name).alias(name) for name in ("revenue", "discount", "lines")),
        squared("revenue").sum().alias("squares"),
        count(nw.col("has_coupon")).alias("coupon_orders"),
        # Of the other orders nobody says it, and what nobody says is not zero.
        nw.col("has_coupon").count().alias("coupons_told"),
        nw.col("lines").count().alias("lines_told"),
        total("list_revenue", ~nw.col("discount").is_null()).alias("listed"),
        *(count(recent).alias(f"orders_{name}") for name, recent in _windows("ordered_day", day).items()),
        *(
            total("revenue", recent).alias(f"revenue_{name}")
            for name, recent in _windows("ordered_day", day).items()
        ),
    )
    totals = _less_returns(totals, tables.returns, day)
    return totals.select(
        "customer_id",
        *_rfm(day, first_day),
        *_recent(day - first_day),
        order_value_sd=deviation(nw.col("frequency"), number("brought"), number("squares")),
        # What came back may have been bought before the data begin.
        return_share=share(number("came_back"), number("brought"))
        if tables.returns is not None
        else nw.lit(None, dtype=nw.Float64()),
        lines_per_order=ratio(nw.col("lines").cast(nw.Float64), nw.col("lines_told")),
        discount_share=share(nw.col("discount").cast(nw.Float64), nw.col("listed").cast(nw.Float64)),
        coupon_order_share=ratio(nw.col("coupon_orders").cast(nw.Float64), nw.col("coupons_told")),
    )


def _rfm(day: int, first_day: int) -> list[nw.Expr]:
    return [
        (day - nw.col("last_day")).alias("recency_days"),
        nw.col("frequency"),
        (number("revenue") / nw.col("frequency")).alias("monetary_value"),
        number("revenue").alias("revenue"),
        (day - nw.col("first_day")).alias("tenure_days"),
        (nw.col("first_day") - first_day).alias("observed_before_first_days"),
    ]


def _windows(date: str, day: int) -> dict[str, nw.Expr]:
    """For each window the days in it, and for `before` the window that lies before that one."""
    windows = {}
    for days in WINDOWS:
        start = day - days
        windows[f"{days}d"] = nw.col(date) >= start
        windows[f"{days}d_before"] = (nw.col(date) >= start - days) & (nw.col(date) < start)
    return windows


def _less_returns(totals: Frame, returns: Frame | None, day: int) -> Frame:
    """Revenue, in all and of each window, less what came back then."""
    totals = totals.with_columns(brought=nw.col("revenue"), came_back=nw.lit(0).cast(EXACT))
    if returns is None:
        return totals
    windows = {f"back_{name}": recent for name, recent in _windows("returned_day", day).items()}
    back = returns.group_by("customer_id").agg(
        total("revenue").alias("back"),
        *(total("revenue", recent).alias(name) for name, recent in windows.items()),
    )
    joined = totals.drop("came_back").join(back, on="customer_id", how="left")
    names = ["revenue", *(name.replace("back", "revenue") for name in windows)]
    backs = ["back", *windows]
    zero = nw.lit(0).cast(EXACT)
    net = {
        name: nw.coalesce(name, zero) - nw.coalesce(came_back, zero)
        for name, came_back in zip(names, backs, strict=True)
    }
    return joined.with_columns(came_back=nw.col("back"), **net)


def _recent(history_days: int) -> list[nw.Expr]:
    """Each window's orders and revenue, and their change; missing where the history is shorter."""
    found = []
    for kind, type_ in KINDS.items():
        for days in WINDOWS:
            name, missing = f"{kind}_{days}d", nw.lit(None, dtype=type_)
            now, before = (
                nw.coalesce(part, nw.lit(0)).cast(type_) for part in (nw.col(name), nw.col(f"{name}_before"))
            )
            found.append((now if days <= history_days else missing).alias(name))
            found.append((now - before if 2 * days <= history_days else missing).alias(f"{name}_change"))
    return found


def none_yet(history_days: int) -> dict[str, nw.Expr]:
    """What somebody who has not ordered has: no orders and no revenue, where these windows were observed."""
    zeros = {"frequency": nw.lit(0).cast(nw.Int64), "revenue": nw.lit(0.0)}
    for days in WINDOWS:
        for name, needed in (("", days), ("_change", 2 * days)):
            if needed <= history_days:
                zeros |= {
                    f"orders_{days}d{name}": nw.lit(0).cast(nw.Int64),
                    f"revenue_{days}d{name}": nw.lit(0.0),
                }
    return zeros
