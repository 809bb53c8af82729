"""A survey of three questions, which some customers answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from regulars.simulation.archetypes import column
from regulars.simulation.catalogue import CATEGORIES
from regulars.simulation.chance import stream
from regulars.simulation.history import Calendar
from regulars.simulation.people import People

SURVEY = "what-you-like"
QUESTIONS = ("preferred category", "how they decide", "newsletter wish")
ANSWERS_SHARE = 0.3
TRUE_SHARE = 0.8  # of the answers, what they do; the others are any
DECIDES = ("by price", "by quality", "by what is new", "by what others say")
WISHES = ("every week", "once a month", "never")


def answer_table(calendar: Calendar, persons: People, seed: int) -> pa.Table:
    """One row per customer and question. Some leave a question out."""
    rng = stream(seed, "survey")
    span = persons.until - persons.since
    who = np.flatnonzero((rng.random(len(span)) < ANSWERS_SHARE) & (span > 30))
    day = persons.since[who] + 30 + np.floor(rng.random(len(who)) * (span[who] - 30)).astype(int)
    names = np.array(list(CATEGORIES), dtype=object)
    wish = np.select([persons.mean("opens")[who] > 0.5, persons.opted_in[who] <= day], [0, 1], 2)
    said = [
        _said(rng, names[persons.favourite[who]], names),
        _said(rng, column("decides").astype(object)[persons.kind[who]], np.array(DECIDES, dtype=object)),
        _said(rng, np.array(WISHES, dtype=object)[wish], np.array(WISHES, dtype=object)),
    ]
    count, asked = len(who), len(QUESTIONS)
    kept = rng.random(count * asked) < 0.92
    table = pa.table(
        {
            "customer_id": np.tile(persons.ids(who, day), asked),
            "survey_id": pa.array(np.full(count * asked, SURVEY, dtype=object), pa.string()),
            "question": np.repeat(np.array(QUESTIONS, dtype=object), count),
            "answer": np.concatenate(said),
            "answered_day": np.tile(calendar.number + day, asked).astype(np.int32),
        }
    )
    return table.filter(pa.array(kept))


def _said(rng: np.random.Generator, true: np.ndarray, any_of: np.ndarray) -> np.ndarray:
    """Mostly what is true."""
    return np.where(rng.random(len(true)) < TRUE_SHARE, true, rng.choice(any_of, len(true)))
