"""What an offer does to profit per assigned customer, segment by segment."""

from regulars.offers.analysis import (
    Analysis,
    analyse,
    base_of,
    frozen_features,
    is_assigned,
    measured,
    offers_table,
    order_values,
    segmentations,
    without_offer,
)
from regulars.offers.assignment import reachable
from regulars.offers.daily import curves
from regulars.offers.decisions import decide, worth
from regulars.offers.differs import differs
from regulars.offers.money import stakes, worth_in_time
from regulars.offers.parity import parity
from regulars.offers.placebo import placebo
from regulars.offers.policy import Policies, policies
from regulars.offers.pooling import pooled
from regulars.offers.power import next_test, promised
from regulars.offers.registration import registration
from regulars.offers.registry import METRICS, Experiment, OfferError, finished, read_experiments
from regulars.offers.relative import lifts
from regulars.offers.today import available, customers_of, offered, reached, today
from regulars.offers.watching import watch, watched
from regulars.offers.wording import NEXT_IN_WORDS, STAKES_IN_WORDS

__all__ = [
    "METRICS",
    "NEXT_IN_WORDS",
    "STAKES_IN_WORDS",
    "Analysis",
    "Experiment",
    "OfferError",
    "Policies",
    "analyse",
    "available",
    "base_of",
    "curves",
    "customers_of",
    "decide",
    "differs",
    "finished",
    "frozen_features",
    "is_assigned",
    "lifts",
    "measured",
    "next_test",
    "offered",
    "offers_table",
    "order_values",
    "parity",
    "placebo",
    "policies",
    "pooled",
    "promised",
    "reachable",
    "reached",
    "read_experiments",
    "registration",
    "segmentations",
    "stakes",
    "today",
    "watch",
    "watched",
    "without_offer",
    "worth",
    "worth_in_time",
]
