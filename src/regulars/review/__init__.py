"""The month in numbers: how it went, who moved, what to do."""

from regulars.review.actions import actions
from regulars.review.kpis import KPIS, compare_months, kpis_by_month, monthly_activity, written
from regulars.review.movement import movement, revenue_by_segment

__all__ = [
    "KPIS",
    "actions",
    "compare_months",
    "kpis_by_month",
    "monthly_activity",
    "movement",
    "revenue_by_segment",
    "written",
]
