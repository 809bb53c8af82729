"""The month in numbers: how it went, what each segment brought, what to do."""

from regulars.review.actions import actions
from regulars.review.brought import revenue_by_segment
from regulars.review.kpis import KPIS, compare_months, kpis_by_month, monthly_activity, written

__all__ = [
    "KPIS",
    "actions",
    "compare_months",
    "kpis_by_month",
    "monthly_activity",
    "revenue_by_segment",
    "written",
]
