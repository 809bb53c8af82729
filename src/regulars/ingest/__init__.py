"""Raw files in, canonical tables out, and an account of every row."""

from regulars.ingest.cleaning import Rule, apply_rules
from regulars.ingest.contracts import CONTRACTS, IngestError
from regulars.ingest.ledger import Ledger
from regulars.ingest.staging import stage

__all__ = ["CONTRACTS", "IngestError", "Ledger", "Rule", "apply_rules", "stage"]
