"""CSV, Parquet and Excel files: whatever a shop exports, as `config/<shop>.yml` describes it."""

from __future__ import annotations

from regulars.config.sources import Files
from regulars.ingest.landing import Landed, Landing
from regulars.ingest.tabular import land_table
from regulars.shop import Shop


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """Land every table of the configuration.

    Args:
        shop: whose `source` is of the kind `files`.
        landing: where to.

    Raises:
        IngestError: if a file or a column is not as it must be.
    """
    source = shop.config.source
    assert isinstance(source, Files)
    return {table: land_table(landing, table, given, shop.raw) for table, given in source.tables.items()}
