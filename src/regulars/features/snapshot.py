"""The snapshot: every family joined, as of the first instant after a month."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import narwhals as nw

from regulars.engine import Frame, distinct
from regulars.errors import RegularsError
from regulars.features.basket import category_features, lines_features, products_bought
from regulars.features.browsing import browsing
from regulars.features.cadence import gaps, usual_times
from regulars.features.parts import Keep, Tables, joined, not_kept
from regulars.features.people import consent_in_events, consent_in_profiles, declared, profile
from regulars.features.purchase import none_yet, purchase
from regulars.features.register import REGISTER, type_of
from regulars.month import Month, day_date
from regulars.shop import Shop


class FeatureError(RegularsError):
    """A snapshot that cannot be taken."""


def snapshot(tables: Tables, day: int, keep: Keep = not_kept) -> Frame:
    """One row per customer with an order before `day`, or with an event before it; later rows are never seen.

    Args:
        tables: the staged tables; orders of guests count as history and make no row. Features whose tables are not there
            are missing. Who has not ordered yet has a frequency of zero, and no recency.
        day: the snapshot's day number.
        keep: computes a family and keeps it under a name until the next snapshot, as `materialise` of an engine does. Unless
            given, all is one query, which takes the engine longer.

    Returns:
        `customer_id`, the features of `REGISTER` in its order, and a column for each question that was answered.

    Raises:
        FeatureError: if no order lies before `day`.
    """
    seen = _seen(tables, day)
    first = _facts(seen.orders, first=nw.col("ordered_day").min(), hour=nw.col("ordered_at").dt.hour().max())
    if first["first"] is None:
        raise FeatureError(
            f"No order was placed before {day_date(day)}: there is nothing to take a snapshot of."
        )
    first_day, known = int(first["first"]), seen.identified()
    families = [purchase(known, day, first_day), usual_times(known.orders, has_hours=bool(first["hour"]))]
    families += [*_families(known, seen, day, first_day, keep), *_people(known, tables.events, day)]
    buyers, *families = (keep(family, f"features {place}") for place, family in enumerate(families))
    customers = _with_prospects(buyers, known.events, none_yet(day - first_day))
    overdue = nw.col("recency_days") - nw.col("gap_median_days")
    return _in_order(joined(customers, families).with_columns(overdue_days=overdue))


def _seen(tables: Tables, day: int) -> Tables:
    """The rows before a day; until something came back, nobody can say that returns are recorded."""
    seen = tables.before(day)
    if seen.returns is None or _facts(seen.returns, n=nw.len())["n"]:
        return seen
    return seen._replace(returns=None)


def _facts(frame: Frame, **facts: nw.Expr) -> dict[str, Any]:
    """A few numbers about a whole table."""
    return dict(frame.select(**facts).collect("pyarrow").to_native().to_pylist()[0])


def _families(known: Tables, seen: Tables, day: int, first_day: int, keep: Keep) -> Iterator[Frame]:
    """The families for which the shop has the tables, each with one row per customer."""
    yield gaps(known.orders)
    if seen.order_lines is not None and known.order_lines is not None:
        yield products_bought(known.order_lines)
        yield lines_features(known, seen.order_lines, day, first_day)
        if known.products is not None:
            named = _facts(known.products, n=nw.col("category").count())["n"]
            yield category_features(known, has_categories=bool(named), keep=keep)
    if known.events is not None and seen.events is not None:
        first = _facts(seen.events, first=nw.col("occurred_day").min())["first"]
        yield browsing(known, day, day if first is None else int(first))


def _people(known: Tables, events: Frame | None, day: int) -> Iterator[Frame]:
    """What customers said of themselves; among all events, since a withdrawal counts without a date, too."""
    if known.customers is not None:
        said = _facts(known.customers, said=consent_in_profiles())["said"]
        said = said or (events is not None and _facts(events, said=consent_in_events(day))["said"])
        yield profile(known.customers, events, day, records_consent=bool(said))
    if known.answers is not None:
        given = known.answers.select("question", "answer").drop_nulls()
        asked = distinct(given, "question").collect("pyarrow").to_native()
        if questions := asked["question"].to_pylist():
            yield declared(known.answers, questions)


def _with_prospects(buyers: Frame, events: Frame | None, none_yet: dict[str, nw.Expr]) -> Frame:
    """The buyers, and below them everybody else who was seen on the site by name."""
    if events is None:
        return buyers
    seen = distinct(events, "customer_id").join(buyers.select("customer_id"), on="customer_id", how="anti")
    schema = buyers.collect_schema()
    empty = {name: nw.lit(None).cast(kind) for name, kind in schema.items() if name != "customer_id"}
    return nw.concat([buyers, seen.with_columns(**empty | none_yet).select(buyers.collect_schema().names())])


def _in_order(whole: Frame) -> Frame:
    """The columns of the register, those that cannot be had as nulls of their type, and then the answers."""
    there = whole.collect_schema().names()
    registered = [
        nw.col(one.name) if one.name in there else nw.lit(None, dtype=type_of(one)).alias(one.name)
        for one in REGISTER
    ]
    answers = sorted(set(there) - {"customer_id", *(one.name for one in REGISTER)})
    return whole.select("customer_id", *registered, *answers)


def tables_of(shop: Shop) -> Tables:
    """What a shop has staged; returns that its definition of revenue leaves in are none."""
    others = {table: shop.optional(table) for table in Tables._fields if table not in ("orders", "returns")}
    return Tables(shop.table("orders"), returns=shop.returns(), **others)


def snapshot_of(shop: Shop, day: int) -> Frame:
    """The shop's snapshot as of a day, from what it has staged."""
    return snapshot(tables_of(shop), day)


def build_snapshots(shop: Shop, months: Iterable[Month]) -> None:
    """Write the features of each month to `data/<shop>/features/<month>.parquet`."""
    tables = tables_of(shop)
    for month in months:
        taken = snapshot(tables, month.snapshot_day, shop.compute.materialise)
        shop.compute.write(taken, shop.monthly("features", month), "customer_id")
