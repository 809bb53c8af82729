"""What an offer does to profit per assigned customer, segment by segment."""

from regulars.offers.analysis import (
    Analysis,
    analyse,
    base_of,
    frozen_features,
    offers_table,
    segmentations,
)
from regulars.offers.decisions import decide, worth
from regulars.offers.differs import differs
from regulars.offers.policy import Policies, policies
from regulars.offers.pooling import pooled
from regulars.offers.registry import METRICS, Experiment, OfferError, finished, read_experiments

__all__ = [
    "METRICS",
    "Analysis",
    "Experiment",
    "OfferError",
    "Policies",
    "analyse",
    "base_of",
    "decide",
    "differs",
    "finished",
    "frozen_features",
    "offers_table",
    "policies",
    "pooled",
    "read_experiments",
    "segmentations",
    "worth",
]
