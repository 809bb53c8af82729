"""A simulated shop, made anew at every staging from a seed: nothing in it happened, and nothing is downloaded.

It has every table and planted behaviour, so that each page can be seen at work and each rule for a segment be tested:
`planted_segment`, a column of its customers, says who each was made to be. `regulars.simulation.planted_table` says what
that means. What to know of it: money that comes back stands in lines of their own with a quantity below zero; some orders
were never paid; some customers registered twice.
"""

from __future__ import annotations

from regulars.config import Format
from regulars.config.sources import Simulated
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landed, Landing
from regulars.shop import Shop
from regulars.simulation import simulate

ROWS = 100_000  # of a batch


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """Every table of the simulated shop.

    Raises:
        IngestError: if the shop's source is of another kind.
    """
    source = shop.config.source
    if not isinstance(source, Simulated):
        raise IngestError(
            f"{shop.config.name} is not simulated: its source is '{source.kind}'. Write source: {{kind: simulated}}."
        )
    tables = simulate(source.customers, source.seed, source.first_day, source.last_day)
    return {
        name: Landed(
            landing.write(name, table.schema, table.to_batches(ROWS)), Format(), f"simulated {name}", {}
        )
        for name, table in tables.items()
    }
