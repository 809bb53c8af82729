"""What can go wrong below our own code, in sentences: the disk, rights, and files that are not what they say."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from regulars.ingest.contracts import IngestError
from regulars.shop import Shop

FULL = re.compile(
    r"no space left|could not write|failed to offload|disk full|max_temp_directory_size", re.IGNORECASE
)
FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def in_words(shop: Shop) -> Iterator[None]:
    """Turn what the engine and the system say into sentences; our own sentences pass.

    Raises:
        IngestError: in the place of DuckDB's errors and the system's.
    """
    try:
        yield
    except duckdb.Error as error:
        reason = first_line(error)
        if FULL.search(reason):
            raise IngestError(_full(shop.data)) from None
        if isinstance(error, duckdb.OutOfMemoryException):
            raise IngestError(
                f"There was not enough memory to stage {shop.config.name}: {reason}. Set REGULARS_MEMORY to what may be "
                "used, as in REGULARS_MEMORY=4GB; the rest goes to disk."
            ) from None
        raise IngestError(f"The raw data of {shop.config.name} cannot be read: {reason}") from None
    except OSError as error:
        if error.errno in FULL_NUMBERS:
            raise IngestError(_full(shop.data)) from None
        where = f" ({error.filename})" if error.filename else ""
        raise IngestError(
            f"{shop.config.name} cannot be staged: {error.strerror or error}{where}. Its data are written to {shop.data}: "
            "see that the folder may be written, or set REGULARS_HOME to one that may."
        ) from None


def _full(folder: Path) -> str:
    return f"The disk of {folder} is full: nothing was changed. Make room, or set REGULARS_HOME to a folder on another disk."


def first_line(error: Exception) -> str:
    """The first line of an engine's complaint, without the query that follows it."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
