"""The month in numbers: how it went, what each segment brought, what to do."""

from regulars.review.alerts import chart_title, quiet, told, watch
from regulars.review.brought import kpis_by_segment, revenue_by_segment, written_by_segment
from regulars.review.cards import cards
from regulars.review.caveats import caveats
from regulars.review.drivers import drivers, drivers_by_segment
from regulars.review.firstlines import first_lines, gone
from regulars.review.health import health
from regulars.review.kpis import compare_months, kpis_by_month, monthly_activity
from regulars.review.plays import plays, read_plays
from regulars.review.register import KPIS, REGISTER, WORDS
from regulars.review.restatement import reported, restated_kpis, stated
from regulars.review.restatement import sentence as restated_sentence
from regulars.review.standing import first_instants, segments_of, standing
from regulars.review.value_of_base import value_of_base
from regulars.review.waiting import time_to_repeat
from regulars.review.wording import AMOUNTS, amounts, facts, figures, usual, written

__all__ = [
    "AMOUNTS",
    "KPIS",
    "REGISTER",
    "WORDS",
    "amounts",
    "cards",
    "caveats",
    "chart_title",
    "compare_months",
    "drivers",
    "drivers_by_segment",
    "facts",
    "figures",
    "first_instants",
    "first_lines",
    "gone",
    "health",
    "kpis_by_month",
    "kpis_by_segment",
    "monthly_activity",
    "plays",
    "quiet",
    "read_plays",
    "reported",
    "restated_kpis",
    "restated_sentence",
    "revenue_by_segment",
    "segments_of",
    "standing",
    "stated",
    "time_to_repeat",
    "told",
    "usual",
    "value_of_base",
    "watch",
    "written",
    "written_by_segment",
]
