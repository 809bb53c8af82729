"""Finished folders in the place of old ones: at any moment, even when killed, one whole folder is there."""

from __future__ import annotations

import shutil
from pathlib import Path


def publish(building: Path, final: Path) -> Path:
    """Put a finished folder in the place of the old one, by rename."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    building.rename(final)
    shutil.rmtree(old, ignore_errors=True)
    return final


def restore(parent: Path) -> None:
    """If a run was killed between the two renames of `publish`, put the old folder back."""
    for old in parent.glob(".*.old"):
        final = old.with_name(old.name.removeprefix(".").removesuffix(".old"))
        if not final.exists():
            old.rename(final)
