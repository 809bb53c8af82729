"""Who had agreed to be written to, as of a day."""

from __future__ import annotations

from datetime import date

import narwhals as nw

from regulars.engine import Frame, distinct
from regulars.month import day_date

AGREED = ("opt-in", "optin", "subscribe", "subscribed")
WITHDREW = ("opt-out", "optout", "unsubscribe", "unsubscribed")


def consent_as_of(customers: Frame, events: Frame | None, day: int) -> Frame:
    """Whether each customer had agreed to be written to before a day, and not withdrawn it since.

    Without a date there is no consent. A later withdrawal ends it, and so does one at the same instant, or one without a
    date: nobody can say that it was not the last word. Whoever agrees again after a withdrawal has agreed. What is dated on
    or after the day is never seen.

    Args:
        customers: `customer_id`, `opted_in_at`, `opted_out_at`; a customer may have several rows.
        events: `customer_id`, `kind`, `occurred_at`: rows of kinds such as 'opt-in' and 'opt-out' are read; or None.
        day: days since 1970-01-01; consent is that of its first instant.

    Returns:
        One row per customer of `customers`: `customer_id`, `has_consent`.

    >>> import duckdb
    >>> customers = duckdb.sql(
    ...     "SELECT * FROM (VALUES ('1', TIMESTAMP '2024-01-01 09:00', NULL), "
    ...     "('2', TIMESTAMP '2024-01-01 09:00', TIMESTAMP '2024-02-01 08:00')) AS t(customer_id, opted_in_at, opted_out_at)"
    ... )
    >>> day = (date(2024, 2, 2) - date(1970, 1, 1)).days
    >>> sorted(consent_as_of(nw.from_native(customers), None, day).to_native().fetchall())
    [('1', True), ('2', False)]
    """
    said = [_of_profiles(customers)] if events is None else [_of_profiles(customers), _of_events(events)]
    seen = nw.concat(said).with_columns(_before("agreed_at", day), _before("withdrew_at", day))
    last = seen.group_by("customer_id").agg(nw.col("agreed_at", "withdrew_at", "withdrew_undated").max())
    is_over = (nw.col("withdrew_at") >= nw.col("agreed_at")).fill_null(False) | nw.col("withdrew_undated")
    agreed = ~nw.col("agreed_at").is_null() & ~is_over
    wanted = distinct(customers.select("customer_id").drop_nulls(), "customer_id")
    return wanted.join(last, on="customer_id", how="inner").select("customer_id", has_consent=agreed)


def _of_profiles(customers: Frame) -> Frame:
    """What profiles say: a time that is not there says nothing."""
    return customers.select(
        "customer_id",
        agreed_at=nw.col("opted_in_at"),
        withdrew_at=nw.col("opted_out_at"),
        withdrew_undated=nw.lit(False),
    )


def _of_events(events: Frame) -> Frame:
    """What events say, in the same columns."""
    kind = spelled(nw.col("kind"))
    at, is_withdrawal = nw.col("occurred_at"), kind.is_in(list(WITHDREW))
    return events.filter(kind.is_in([*AGREED, *WITHDREW])).select(
        "customer_id",
        agreed_at=nw.when(~is_withdrawal).then(at),
        withdrew_at=nw.when(is_withdrawal).then(at),
        withdrew_undated=is_withdrawal & at.is_null(),
    )


def spelled(kind: nw.Expr) -> nw.Expr:
    """A kind of event in one spelling: `Opt_Out` is `opt-out`."""
    return kind.str.to_lowercase().str.replace_all("[_ ]", "-")


def _before(column: str, day: int) -> nw.Expr:
    """The time where it lies before the day, else null.

    Dates are compared as numbers such as 20240131: a literal time would be read in the session's zone on some engines.
    """
    when = nw.col(column)
    parts = (when.dt.year(), when.dt.month(), when.dt.day())
    year, month, day_of_month = (
        part.cast(nw.Int64()) for part in parts
    )  # small integers overflow on some engines
    number = year * 10_000 + month * 100 + day_of_month
    return nw.when(number < _as_number(day_date(day))).then(when).alias(column)


def _as_number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
