"""Runs that write to one folder wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def waiting_lock(folder: Path, name: str, file: str = ".lock") -> Iterator[None]:
    """Hold a folder alone; if another run holds it, say so and wait for it to end.

    Args:
        folder: made if it is not there.
        name: whose it is, for the sentence.
        file: the lock's own file in it.

    Raises:
        OSError: if the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"Another run of {name} is under way: waiting for it to end.", flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
