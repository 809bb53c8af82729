"""Segments by rule and by clustering, and how far to trust them."""

from regulars.segments.clusters import cluster_inputs, cluster_labels
from regulars.segments.comparison import STABLE, choose, compare, passes
from regulars.segments.description import describe, name_clusters, profile
from regulars.segments.rfm import RFM
from regulars.segments.rulebooks import (
    FOUR_CORE_MEANINGS,
    LAPSING,
    RULEBOOKS,
    RXF_GRID,
    FourCore,
    SegmentError,
    segment_by_rules,
)
from regulars.segments.stability import bootstrap_jaccard

__all__ = [
    "FOUR_CORE_MEANINGS",
    "LAPSING",
    "RFM",
    "RULEBOOKS",
    "RXF_GRID",
    "STABLE",
    "FourCore",
    "SegmentError",
    "bootstrap_jaccard",
    "choose",
    "cluster_inputs",
    "cluster_labels",
    "compare",
    "describe",
    "name_clusters",
    "passes",
    "profile",
    "segment_by_rules",
]
