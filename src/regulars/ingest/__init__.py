"""Raw files in, canonical tables out, and an account of every row."""

from regulars.ingest.cleaning import Rule, apply_rules
from regulars.ingest.consent import consent_as_of
from regulars.ingest.contracts import CONTRACTS, IngestError
from regulars.ingest.ledger import Ledger
from regulars.ingest.missing import missing_columns, missing_values
from regulars.ingest.restated import restated
from regulars.ingest.returns import net_of_returns
from regulars.ingest.revenue import in_words
from regulars.ingest.staging import stage

__all__ = [
    "CONTRACTS",
    "IngestError",
    "Ledger",
    "Rule",
    "apply_rules",
    "consent_as_of",
    "in_words",
    "missing_columns",
    "missing_values",
    "net_of_returns",
    "restated",
    "stage",
]
