"""Segments by rule and by clustering, and how far to trust them."""

from regulars.segments.agreement import agreement, cramers_v, cross_table
from regulars.segments.alignment import aligned
from regulars.segments.clusters import cluster_labels
from regulars.segments.comparison import APART, STABLE, choose, compare, passes, ranked
from regulars.segments.contenders import TENTHS, Rules, contenders
from regulars.segments.contest import Months, contest
from regulars.segments.description import describe, name_clusters, precision_recall, profile
from regulars.segments.frozen import ClusterModel
from regulars.segments.funnel import funnel
from regulars.segments.inputs import INPUT_SETS, Inputs
from regulars.segments.journey import JOURNEY_MEANINGS, Journey
from regulars.segments.lookalikes import lookalikes, relatives
from regulars.segments.movement import JOINED, Movement, movement
from regulars.segments.null import BEATEN, held_against_nulls, more_than_a_cut, null_test
from regulars.segments.prediction_strength import prediction_strength
from regulars.segments.retention import retention
from regulars.segments.rfm import RFM
from regulars.segments.row_order import changed_by_shuffling, rxf_by_row_order
from regulars.segments.rulebooks import (
    BEHAVIOURAL,
    FOUR_CORE_MEANINGS,
    LAPSING,
    MEANINGS,
    RULEBOOKS,
    RXF_GRID,
    SEGMENT_NAMES,
    Classic11,
    FourCore,
    Overlapping,
    RxFGrid,
    SegmentError,
    ThreeLevel,
    base_facts,
    check_segments,
    column_of,
    definition_table,
    gates,
    near_another,
    nearness,
    overlapping_segments,
    segment_by_rules,
)
from regulars.segments.stability import bootstrap_jaccard
from regulars.segments.surrogate import Surrogate, askable, fidelity, rule_stability
from regulars.segments.worth import FEWEST, baseline_deciles, next_quarter, worth

__all__ = [
    "APART",
    "BEATEN",
    "BEHAVIOURAL",
    "FEWEST",
    "FOUR_CORE_MEANINGS",
    "INPUT_SETS",
    "JOINED",
    "JOURNEY_MEANINGS",
    "LAPSING",
    "MEANINGS",
    "RFM",
    "RULEBOOKS",
    "RXF_GRID",
    "SEGMENT_NAMES",
    "STABLE",
    "TENTHS",
    "Classic11",
    "ClusterModel",
    "FourCore",
    "Inputs",
    "Journey",
    "Months",
    "Movement",
    "Overlapping",
    "Rules",
    "RxFGrid",
    "SegmentError",
    "Surrogate",
    "ThreeLevel",
    "agreement",
    "aligned",
    "askable",
    "base_facts",
    "baseline_deciles",
    "bootstrap_jaccard",
    "changed_by_shuffling",
    "check_segments",
    "choose",
    "cluster_labels",
    "column_of",
    "compare",
    "contenders",
    "contest",
    "cramers_v",
    "cross_table",
    "definition_table",
    "describe",
    "fidelity",
    "funnel",
    "gates",
    "held_against_nulls",
    "lookalikes",
    "more_than_a_cut",
    "movement",
    "name_clusters",
    "near_another",
    "nearness",
    "next_quarter",
    "null_test",
    "overlapping_segments",
    "passes",
    "precision_recall",
    "prediction_strength",
    "profile",
    "ranked",
    "relatives",
    "retention",
    "rule_stability",
    "rxf_by_row_order",
    "segment_by_rules",
    "worth",
]
