"""Raw to staged, as one act: the shop's raw data land, are staged aside, and take the old tables' place."""

from __future__ import annotations

import shutil
from pathlib import Path

from regulars.ingest import fingerprint
from regulars.ingest.judging import today
from regulars.ingest.landing import Landing
from regulars.ingest.ledger import Ledger
from regulars.ingest.personal import forget, key_of, register
from regulars.ingest.sources import land
from regulars.ingest.tables import Tables
from regulars.ingest.trouble import in_words
from regulars.shop import Shop


def stage(shop: Shop, *, fresh: bool = False) -> Ledger:
    """Read the shop's raw data into `data/<shop>/staged/`, and account for every row.

    What was staged from the same raw data, by the same configuration and code, is not read again.

    Args:
        shop: the shop.
        fresh: read again anyway.

    Raises:
        IngestError: if raw data are missing, are not what they should be, or too much of them is refused. What was staged
            before is then untouched.
    """
    final = shop.staged("").parent
    mark = fingerprint.of(shop)
    kept = None if fresh else Ledger.load(final, mark, today(shop.config))
    if kept is not None:
        return kept
    building = shop.data / ".staging"
    shutil.rmtree(building, ignore_errors=True)
    with in_words(shop), Landing(shop.engine, shop.data / ".landing") as landing:
        building.mkdir(parents=True)
        landed = land(shop, landing)
        register(shop.engine.connection, key_of(shop))
        try:
            ledger = Tables(shop, building, landed).run()
        finally:
            forget(shop.engine.connection)
        ledger.save(building, mark, today(shop.config))
        publish(building, final)
    shop.__dict__.pop("history", None)
    return ledger


def publish(building: Path, final: Path) -> None:
    """Put a finished folder in the place of the old one, by rename."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    building.rename(final)
    shutil.rmtree(old, ignore_errors=True)
