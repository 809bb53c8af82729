"""How the report looks: charts, tables, findings and pages. This room knows no analysis."""

from regulars.report.charts import GRID, INK, MUTED, PALETTE, PAPER, segment_colours, show, use_theme
from regulars.report.contents import write_contents
from regulars.report.errors import ReportError
from regulars.report.findings import Findings
from regulars.report.page import write_page
from regulars.report.tables import table

__all__ = [
    "GRID",
    "INK",
    "MUTED",
    "PALETTE",
    "PAPER",
    "Findings",
    "ReportError",
    "segment_colours",
    "show",
    "table",
    "use_theme",
    "write_contents",
    "write_page",
]
