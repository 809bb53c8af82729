"""What the customary scores make of the Online Retail customers, and what a shuffle makes of that."""

import os
from pathlib import Path

import pandas as pd
import pytest

from regulars.segments import changed_by_shuffling, rxf_by_row_order

# As notebooks that use the grid print them: Online Retail, identified positive lines, customers in the order of their ids.
CUSTOMARY = {
    "2011-12-11": {
        "about to sleep": 352, "at risk": 593, "cant lose": 63, "champions": 633, "hibernating": 1071, "loyal": 819,
        "need attention": 187, "new": 42, "potential loyalist": 484, "promising": 94,
    },
    "2011-12-01": {
        "about to sleep": 337, "at risk": 609, "cant lose": 72, "champions": 603, "hibernating": 1037, "loyal": 818,
        "need attention": 185, "new": 58, "potential loyalist": 480, "promising": 98,
    },
}  # fmt: skip


def customers(day: str) -> pd.DataFrame:
    """Recency and frequency of the identified customers as of a day, straight from the file."""
    if "REGULARS_RAW" not in os.environ:
        pytest.skip("needs the public data: set REGULARS_RAW to their folder")
    path = Path(os.environ["REGULARS_RAW"]) / "online-retail" / "online_retail.csv.gz"
    lines = pd.read_csv(path, dtype={"InvoiceNo": str}, parse_dates=["InvoiceDate"])
    kept = lines[lines["CustomerID"].notna() & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    kept = kept[(kept["InvoiceDate"] < day) & ~kept["InvoiceNo"].str.startswith("C")]
    grouped = kept.groupby("CustomerID")
    last = grouped["InvoiceDate"].max().dt.normalize()
    return pd.DataFrame(
        {"recency_days": (pd.Timestamp(day) - last).dt.days, "frequency": grouped["InvoiceNo"].nunique()}
    )


@pytest.mark.parametrize("day", CUSTOMARY)
def test_the_customary_counts_are_those_that_are_known(day: str) -> None:
    assert rxf_by_row_order(customers(day)).value_counts().to_dict() == CUSTOMARY[day]


def test_a_shuffle_moves_about_an_eighth_of_the_customers() -> None:
    base = customers("2011-12-11")
    moved = [changed_by_shuffling(base, seed) for seed in range(5)]
    assert min(moved) > 0.10 and max(moved) < 0.14  # 11.8 % were seen elsewhere, with one shuffle


def test_without_ties_a_shuffle_moves_nobody() -> None:
    base = pd.DataFrame({"recency_days": range(1, 51), "frequency": range(1, 51)})
    assert changed_by_shuffling(base, 1) == 0
