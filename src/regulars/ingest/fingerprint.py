"""What staged tables were made from: raw files, configuration and code. The same mark means the same tables."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from regulars.config.sources import CompleteJourney, Database, Files, Hillstrom, Simulated
from regulars.ingest.personal import key_id, key_of
from regulars.ingest.rawfiles import find_files
from regulars.ingest.sources import completejourney, hillstrom
from regulars.shop import Shop

BLOCK = 1 << 20
CODE = Path(__file__).resolve().parents[1]


def of(shop: Shop) -> str:
    """The mark of what would be staged now; empty where it cannot be told without reading, as of a database."""
    files = raw_files(shop)
    if files is None:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(
        shop.config.model_dump_json().encode()
        + f"|{version('duckdb')}|{version('numpy')}|{key_id(key_of(shop))}".encode()
    )
    for path in [
        *sorted(CODE.glob("ingest/**/*.py")),
        *sorted(CODE.glob("config/*.py")),
        *sorted(CODE.glob("simulation/*.py")),
        CODE / "engine.py",
        *files,
    ]:
        digest.update(path.name.encode() + b"\0" + content_of(path) + b"\0")
    return digest.hexdigest()


def content_of(path: Path) -> bytes:
    """A hash of a file's content, read in blocks; nothing for one that cannot be read, which staging will say."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError:
        return b""
    return digest.digest()


def raw_files(shop: Shop) -> list[Path] | None:
    """Every file that the shop's source reads, in order; None for a database. A simulated shop reads none.

    Raises:
        IngestError: if a file is not there.
    """
    source = shop.config.source
    if isinstance(source, Database):
        return None
    if isinstance(source, Simulated):
        return []
    if isinstance(source, CompleteJourney):
        return [completejourney.folder(shop.raw) / f"{name}.parquet" for name in completejourney.FILES]
    if isinstance(source, Hillstrom):
        return [hillstrom.published(shop)]
    if isinstance(source, Files):
        return [path for table in source.tables.values() for path in find_files(table.paths, shop.raw)]
    return find_files([source.path], shop.raw)
