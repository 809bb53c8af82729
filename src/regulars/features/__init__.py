"""One row per customer as of a day: what was known before that day, and nothing later."""

from regulars.features.parts import Tables
from regulars.features.register import REGISTER, Feature, register_table
from regulars.features.snapshot import FeatureError, build_snapshots, snapshot, snapshot_of, tables_of

__all__ = [
    "REGISTER",
    "Feature",
    "FeatureError",
    "Tables",
    "build_snapshots",
    "register_table",
    "snapshot",
    "snapshot_of",
    "tables_of",
]
