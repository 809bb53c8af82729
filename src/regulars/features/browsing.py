"""What a customer does on the site, in e-mails and at the support desk. From events."""

from __future__ import annotations

import narwhals as nw

from regulars.engine import Frame, distinct
from regulars.features.parts import Tables, count, first_by, joined, ratio
from regulars.ingest.consent import spelled

ON_SITE = ("view", "cart", "checkout", "search")
RECENT, YEAR = 90, 365  # days
COUNTS = {
    "sessions_90d": RECENT,
    "views_90d": RECENT,
    "carts_90d": RECENT,
    "emails_opened_90d": RECENT,
    "emails_clicked_90d": RECENT,
    "support_contacts_365d": YEAR,
}
OF_VISITS = ("usual_device", "views_per_session", "cart_left_share")


def browsing(tables: Tables, day: int, first_event_day: int) -> Frame:
    """One row per customer with an order or an event. A window longer than the observed events is missing.

    Args:
        tables: rows of known customers, all before `day`. Who has no event in an observed window has zero.
        day: the snapshot's day number.
        first_event_day: the first day that events were observed.
    """
    assert tables.events is not None
    kind = spelled(nw.col("kind"))
    events = tables.events.with_columns(kind=kind, is_recent=nw.col("occurred_day") >= day - RECENT)
    counted = events.group_by("customer_id").agg(
        nw.when(nw.col("kind").is_in(list(ON_SITE))).then(nw.col("occurred_day")).max().alias("last_visit"),
        count(nw.col("is_recent") & nw.col("kind").is_in(["e-mail-opened", "email-opened"])).alias(
            "emails_opened_90d"
        ),
        count(nw.col("is_recent") & nw.col("kind").is_in(["e-mail-clicked", "email-clicked"])).alias(
            "emails_clicked_90d"
        ),
        count((nw.col("occurred_day") >= day - YEAR) & (nw.col("kind") == "support")).alias(
            "support_contacts_365d"
        ),
    )
    visits = _visits(events.filter(nw.col("is_recent") & nw.col("kind").is_in(list(ON_SITE))), tables.orders)
    everybody = nw.concat([frame.select("customer_id") for frame in (tables.orders, tables.events)])
    whole = joined(distinct(everybody, "customer_id"), [counted, _of_visits(visits), _device(visits)])
    history = day - first_event_day
    return whole.select(
        "customer_id",
        *(_observed(name, days <= history) for name, days in COUNTS.items()),
        *(nw.when(nw.lit(history >= RECENT)).then(nw.col(name)).alias(name) for name in OF_VISITS),
        visit_recency_days=(day - nw.col("last_visit")).cast(nw.Float64),
    )


def _observed(name: str, is_observed: bool) -> nw.Expr:
    found = nw.col(name).fill_null(0).cast(nw.Int64) if is_observed else nw.lit(None, dtype=nw.Int64())
    return found.alias(name)


def _visits(events: Frame, orders: Frame) -> Frame:
    """One row per visit: a session, or where sessions have no id a day. Whether an order was placed on its last day."""
    session = nw.coalesce("session_id", nw.col("occurred_day").cast(nw.String))
    visits = (
        events.with_columns(visit=session)
        .group_by("customer_id", "visit")
        .agg(
            count(nw.col("kind") == "view").alias("views"),
            count(nw.col("kind") == "cart").alias("carts"),
            nw.col("device").min().alias("device"),
            nw.col("occurred_day").max().alias("visited_day"),
        )
    )
    placed = distinct(orders, "customer_id", "ordered_day").rename({"ordered_day": "visited_day"})
    placed = placed.with_columns(has_ordered=nw.lit(1))
    return visits.join(placed, on=["customer_id", "visited_day"], how="left")


def _of_visits(visits: Frame) -> Frame:
    has_cart = nw.col("carts") > 0
    totals = visits.group_by("customer_id").agg(
        nw.len().alias("sessions_90d"),
        nw.col("views").sum().alias("views_90d"),
        count(has_cart).alias("carts_90d"),
        count(has_cart & nw.col("has_ordered").is_null()).alias("left"),
    )
    sessions, views, carts, left = (
        nw.col(name).cast(nw.Float64) for name in ("sessions_90d", "views_90d", "carts_90d", "left")
    )
    return totals.with_columns(
        views_per_session=ratio(views, sessions), cart_left_share=ratio(left, carts)
    ).drop("left")


def _device(visits: Frame) -> Frame:
    counted = visits.filter(~nw.col("device").is_null()).group_by("customer_id", "device").agg(n=nw.len())
    ranked = first_by(counted.with_columns(less=-nw.col("n").cast(nw.Int64)), "customer_id", "less", "device")
    return ranked.select("customer_id", usual_device="device")
