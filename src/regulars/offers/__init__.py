"""What an offer does to profit per assigned customer, segment by segment."""

from regulars.offers.analysis import Analysis, analyse, base_of, offers_table
from regulars.offers.decisions import decide, worth
from regulars.offers.registry import METRICS, Experiment, OfferError, finished, read_experiments

__all__ = [
    "METRICS",
    "Analysis",
    "Experiment",
    "OfferError",
    "analyse",
    "base_of",
    "decide",
    "finished",
    "offers_table",
    "read_experiments",
    "worth",
]
