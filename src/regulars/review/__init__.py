"""The month in numbers: how it went, what each segment brought, what to do."""

from regulars.review.alerts import told, watch
from regulars.review.brought import kpis_by_segment, revenue_by_segment, written_by_segment
from regulars.review.drivers import drivers
from regulars.review.firstlines import first_lines, gone
from regulars.review.kpis import compare_months, kpis_by_month, monthly_activity
from regulars.review.plays import plays, read_plays
from regulars.review.register import KPIS, REGISTER
from regulars.review.restatement import reported, restated_kpis, stated
from regulars.review.restatement import sentence as restated_sentence
from regulars.review.waiting import time_to_repeat
from regulars.review.wording import figures, usual, written

__all__ = [
    "KPIS",
    "REGISTER",
    "compare_months",
    "drivers",
    "figures",
    "first_lines",
    "gone",
    "kpis_by_month",
    "kpis_by_segment",
    "monthly_activity",
    "plays",
    "read_plays",
    "reported",
    "restated_kpis",
    "restated_sentence",
    "revenue_by_segment",
    "stated",
    "time_to_repeat",
    "told",
    "usual",
    "watch",
    "written",
    "written_by_segment",
]
