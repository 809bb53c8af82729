"""How the report looks: charts, tables, findings and pages. This room knows no analysis.

Pages are made by `regulars.report.page` and `regulars.report.contents`, which notebooks have no need to load.
"""

from regulars.report.boxes import Box, boxes, line_of
from regulars.report.charts import GRID, INK, MUTED, PALETTE, PAPER, segment_colours, show, use_theme
from regulars.report.errors import ReportError
from regulars.report.findings import Findings
from regulars.report.flows import flows_chart
from regulars.report.tables import estimates, signed, spans, table

__all__ = [
    "GRID",
    "INK",
    "MUTED",
    "PALETTE",
    "PAPER",
    "Box",
    "Findings",
    "ReportError",
    "boxes",
    "estimates",
    "flows_chart",
    "line_of",
    "segment_colours",
    "show",
    "signed",
    "spans",
    "table",
    "use_theme",
]
