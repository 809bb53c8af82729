"""One module a kind of source. Each offers `land(shop, landing)`: raw tables as they came, as Parquet, under our names.

A source only selects, renames and groups; what its values mean, what is refused, and why, is decided after it.
"""

from collections.abc import Callable
from importlib import import_module

from regulars.ingest.landing import Landed, Landing
from regulars.shop import Shop

KINDS = ("completejourney", "database", "files", "hillstrom", "shopify", "simulated", "woocommerce")


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """Bring the shop's raw tables into the landing folder, by the source that its configuration names.

    Raises:
        IngestError: if something is missing, or is not what it should be.
    """
    module = import_module(f"regulars.ingest.sources.{shop.config.source.kind}")
    source: Callable[[Shop, Landing], dict[str, Landed]] = module.land
    return source(shop, landing)
