"""What is to be kept in mind of the data behind a month's figures: sentences that reading them has already said."""

from __future__ import annotations

from regulars.month import Month
from regulars.shop import Shop

NOTEBOOK = "01-ingest"
# Findings of the first notebook, and the number in each that makes it one to keep in mind.
COUNTED = {
    "lines": "refused",
    "guests": "guests",
    "flags": "unknown",
    "returns": "returns",
    "identities": "before",
}


def caveats(shop: Shop, month: Month) -> list[str]:
    """What was refused, who bought without a name, what came back, who may be written to; only what is so of this shop."""
    told = []
    for finding in shop.found(month, NOTEBOOK):
        counted, values = COUNTED.get(finding["key"]), finding["values"]
        required = finding["key"] == "consent" and values["rule"] == "is required"
        if required or (counted and values.get(counted)):
            told.append(finding["sentence"])
    return told
