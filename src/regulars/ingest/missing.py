"""What is not there: fields left empty, columns and tables that the source does not have, and who may have them."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from regulars.ingest.contracts import CONTRACTS, Contract
from regulars.shop import Shop

COLUMNS = ["table", "column", "missing", "rows", "who to ask"]


def missing_values(shop: Shop) -> pd.DataFrame:
    """The staged columns in which something is missing, and something is not.

    Returns:
        One row per table and column: `missing` (share of the table's rows), `rows`, `who to ask`; the most first.
    """
    parts = [_shares(shop, contract) for contract in CONTRACTS.values() if shop.has(contract.table)]
    found = pd.concat([*parts, pd.DataFrame(columns=COLUMNS)], ignore_index=True)
    some = found[(found["missing"].astype(float) > 0) & (found["missing"].astype(float) < 1)]
    return some.sort_values(["missing", "table", "column"], ascending=[False, True, True], ignore_index=True)


def missing_columns(shop: Shop) -> pd.DataFrame:
    """What the source does not have at all.

    Returns:
        One row per table: `table`, `not there` (its empty columns, or "the whole table"), `who to ask`.
    """
    rows = []
    for contract in CONTRACTS.values():
        if contract.table == "returns":  # made from orders
            continue
        if shop.has(contract.table):
            shares = _shares(shop, contract)
            empty = shares.loc[shares["missing"] == 1, "column"].str.removesuffix("_hash")
            absent = ", ".join(name.replace("_", " ") for name in empty)
        else:
            absent = "the whole table"
        if absent:
            rows.append((contract.table.replace("_", " "), absent, contract.ask))
    return pd.DataFrame(rows, columns=["table", "not there", "who to ask"])


def _shares(shop: Shop, contract: Contract) -> pd.DataFrame:
    """The share of a table's rows in which each column is empty, in one pass."""
    frame = shop.table(contract.table)
    names = [name for name in frame.collect_schema().names() if name not in contract.key[:1]]
    counts = {name: nw.col(name).is_null().cast(nw.Int64).sum() for name in names}
    row = shop.engine.collect(frame.select(nw.len().alias("row count"), **counts)).iloc[0]
    total = int(row["row count"])
    shares = [(contract.table, name, int(row[name]) / total, total, contract.ask) for name in names if total]
    return pd.DataFrame(shares, columns=COLUMNS)
