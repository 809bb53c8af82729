"""Which customers are which, which offers work on whom, and what to do this month."""

from regulars.errors import RegularsError
from regulars.month import Month
from regulars.shop import Shop

__all__ = ["Month", "RegularsError", "Shop"]
__version__ = "0.1.0"
