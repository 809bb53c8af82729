"""What customers said of themselves: their profile, their consent, and what they answered."""

from __future__ import annotations

import re
from collections.abc import Sequence

import narwhals as nw

from regulars.engine import Frame
from regulars.features.parts import count, first_by
from regulars.features.register import DECLARED
from regulars.ingest.consent import AGREED, WITHDREW, consent_as_of, spelled

PROFILE = (
    "country",
    "region",
    "channel",
    "organisation",
    "gender",
    "age_band",
    "income_band",
    "household_size",
)
MOST_QUESTIONS = 30  # columns; a survey with more belongs in a table of its own


def profile(customers: Frame, events: Frame | None, day: int, *, records_consent: bool) -> Frame:
    """The profile as it stands in the customers' table, which has no date, and consent as of the day, which has.

    Args:
        customers: the customers' table.
        events: all events, or None: of later ones nothing is seen, and a withdrawal without a date counts.
        day: the snapshot's day number.
        records_consent: whether the shop says of anybody that they agreed, or withdrew. If not, consent is not known; if so,
            whoever says nothing has not agreed.
    """
    found = customers.select("customer_id", "has_profile", *PROFILE)
    if not records_consent:
        return found
    consent = consent_as_of(customers, events, day)
    return found.join(consent, on="customer_id", how="left")


def consent_in_profiles() -> nw.Expr:
    """Whether any profile says when its customer agreed, or withdrew: an aggregate of the customers."""
    said = ~nw.col("opted_in_at").is_null() | ~nw.col("opted_out_at").is_null()
    return nw.when(said).then(1).otherwise(0).max()


def consent_in_events(day: int) -> nw.Expr:
    """How many events before a day, or without a date, say that somebody agreed or withdrew: an aggregate."""
    is_seen = (nw.col("occurred_day") < day) | nw.col("occurred_day").is_null()
    return count(is_seen & spelled(nw.col("kind")).is_in([*AGREED, *WITHDREW]))


def declared_name(question: str) -> str:
    """The column in which a question's answer stands.

    >>> declared_name("Why do you buy here?")
    'declared_why_do_you_buy_here'
    """
    return DECLARED + re.sub(r"\W+", "_", question.lower()).strip("_")


def declared(answers: Frame, questions: Sequence[str]) -> Frame:
    """Each customer's last answer to each question; of two on one day the first by name.

    Args:
        answers: of known customers, before the snapshot's day. Answers without a date are none: nobody can say when they
            were given.
        questions: the questions, of which the first `MOST_QUESTIONS` make a column.
    """
    columns: dict[str, list[str]] = {}
    for question in sorted(questions)[:MOST_QUESTIONS]:
        columns.setdefault(declared_name(question), []).append(question)
    column = nw.lit(None, dtype=nw.String())
    for name, asked in columns.items():
        column = nw.when(nw.col("question").is_in(asked)).then(nw.lit(name)).otherwise(column)
    given = answers.filter(~nw.col("answer").is_null()).with_columns(
        column=column, ago=-nw.col("answered_day")
    )
    one = nw.concat_str("customer_id", "column", separator="\n")
    last = first_by(given.filter(~nw.col("column").is_null()).with_columns(one=one), "one", "ago", "answer")
    return last.group_by("customer_id").agg(
        nw.when(nw.col("column") == name).then(nw.col("answer")).max().alias(name) for name in columns
    )
