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
from regulars.lock import waiting_lock
from regulars.publishing import publish, restore
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
    final, building = shop.staged("").parent, shop.data / ".staging"
    with in_words(shop), waiting_lock(shop.data, shop.config.name, ".staging.lock"):
        restore(shop.data)
        mark = fingerprint.of(shop)
        kept = None if fresh else Ledger.load(final, mark, today(shop.config))
        if kept is not None:
            return kept
        shutil.rmtree(building, ignore_errors=True)
        try:
            with Landing(shop.engine, shop.data / ".landing") as landing:
                building.mkdir(parents=True)
                (building / "refused").mkdir(mode=0o700)  # what was refused may be anything, in any column
                ledger = _staged(shop, building, landing)
            ledger.save(building, mark, today(shop.config))
            publish(building, final)
        finally:
            shutil.rmtree(building, ignore_errors=True)  # there only if something failed
    shop.__dict__.pop("history", None)
    return ledger


def _staged(shop: Shop, building: Path, landing: Landing) -> Ledger:
    """Land the raw tables and stage them, while the connection has the key of the personal hashes."""
    landed = land(shop, landing)
    register(shop.engine.connection, key_of(shop))
    try:
        return Tables(shop, building, landed).run()
    finally:
        forget(shop.engine.connection)
