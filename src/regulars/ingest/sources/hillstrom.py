"""The e-mail test that Kevin Hillstrom published in 2008: 64 000 customers, three arms, and two weeks of what they did.

What to know of it: there are no ids, so a customer is the number of the row; there are no dates and no orders; 6 562 rows
equal an earlier one, which so few columns make likely, so none of them is a duplicate; `Surburban` is spelled so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from regulars.config import Format
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, Landing, identifier, quoted
from regulars.shop import Shop

EXPERIMENT = "hillstrom-2008"
METRICS = ("visit", "conversion", "spend")
ROW = "number of the row"  # what stands where the file has no column of its own

CUSTOMERS = {
    "customer_id": ROW,
    "channel": "channel",
    "region": "zip_code",
    # Attributes: what was known of the customer before the e-mail went out.
    "history": "history",
    "history_segment": "history_segment",
    "recency_months": "recency",
    "bought_mens": "mens",
    "bought_womens": "womens",
    "is_newbie": "newbie",
}
TYPES = {
    "history": "DECIMAL(18, 4)",
    "recency_months": "BIGINT",
    "bought_mens": "BOOLEAN",
    "bought_womens": "BOOLEAN",
    "is_newbie": "BOOLEAN",
}
ASSIGNMENTS = {"customer_id": ROW, "arm": "segment"}


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """The customers, what each was assigned to, and what came of it: 64 000, 64 000 and 192 000 rows.

    Raises:
        IngestError: if the file is not in the shop's raw folder, or is not the one that was published.
    """
    path = published(shop)
    rows = f"(SELECT row_number() OVER () AS {identifier(ROW)}, * FROM {_read(path)})"
    queries = {
        "customers": (CUSTOMERS, f"SELECT {_columns(CUSTOMERS)} FROM {rows}"),
        "assignments": (
            ASSIGNMENTS,
            f"SELECT {quoted(EXPERIMENT)} AS experiment_id, {_columns(ASSIGNMENTS)} FROM {rows}",
        ),
        "outcomes": ({"customer_id": ROW, "value": ", ".join(METRICS)}, _outcomes(rows)),
    }
    return {
        table: Landed(landing.copy(table, query), Format(), path.name, columns)
        for table, (columns, query) in queries.items()
    }


def published(shop: Shop) -> Path:
    """The file, after its checksum was found to be the published one.

    Raises:
        IngestError: if it is not in the shop's raw folder, or is another.
    """
    # Only now: `download` is itself run as a program, and must not have been imported before it is.
    from regulars.ingest.download import PUBLIC, present

    path = present(shop.raw, PUBLIC["hillstrom"])
    if path is None:
        raise IngestError(
            f"{PUBLIC['hillstrom'].file} is not in {shop.raw}: run make data SHOP={shop.config.name}, or let REGULARS_RAW "
            f"name the folder that holds {shop.config.name}/ with it."
        )
    return path


def _read(path: Path) -> str:
    """The rows as text, by one thread: their order numbers the customers."""
    return f"read_csv({quoted(path)}, header = true, delim = ',', all_varchar = true, parallel = false)"


def _columns(columns: Mapping[str, str]) -> str:
    return ", ".join(
        f"{identifier(source)}::{TYPES.get(name, 'VARCHAR')} AS {identifier(name)}"
        for name, source in columns.items()
    )


def _outcomes(rows: str) -> str:
    """One row per customer and metric, a customer's three after each other."""
    return f"""
        SELECT {quoted(EXPERIMENT)} AS experiment_id, {identifier(ROW)}::VARCHAR AS customer_id,
            unnest([{", ".join(map(quoted, METRICS))}]) AS metric, unnest([{", ".join(METRICS)}]) AS value
        FROM {rows}"""
