"""The one error that this room raises."""

from regulars.errors import RegularsError


class ReportError(RegularsError):
    """A chart, table, finding or page that cannot be shown as it is."""
