"""What a shop's own file holds, guessed from its first rows, for `make shop`.

`guess` tells which column is which of ours, `settings_of` how values are written and what they mean, and
`config_of_columns` writes both down for a person to correct. Nothing here reads or writes a file.
"""

from regulars.ingest.guessing.columns import Guess, Match, guess
from regulars.ingest.guessing.configuration import Place, config_of_columns, config_of_export
from regulars.ingest.guessing.settings import Settings, doubts_of_order, settings_of
from regulars.ingest.guessing.shown import missing_of, on_one_line, table_of
from regulars.ingest.guessing.values import Profile, profiles_of

__all__ = [
    "Guess",
    "Match",
    "Place",
    "Profile",
    "Settings",
    "config_of_columns",
    "config_of_export",
    "doubts_of_order",
    "guess",
    "missing_of",
    "on_one_line",
    "profiles_of",
    "settings_of",
    "table_of",
]
