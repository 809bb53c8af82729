"""Where a page's numbers come from: hashes of what went in, and versions of what worked on it."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from regulars.shop import ROOT, Shop

SHOWN = ("duckdb", "narwhals", "pandas", "scikit-learn", "scipy", "statsmodels")


def provenance(shop: Shop, parameters: Mapping[str, object]) -> dict[str, str]:
    """What the footer of a page says of its origin; the same input gives the same words.

    Args:
        shop: its staged tables are hashed by content, whatever the order of their rows.
        parameters: the notebook's parameters.
    """
    config = ROOT / "config"
    files = [
        config / f"{shop.config.name}.yml",
        *sorted((config / "experiments" / shop.config.name).glob("*.yml")),
        config / "plays.yml",
        config / "plays" / f"{shop.config.name}.yml",
    ]
    libraries = ", ".join(f"{name} {version(name)}" for name in SHOWN)
    return {
        "Data": content_hash(shop),
        "Configuration": file_hash(files),
        "Lock": file_hash([ROOT / "requirements" / "run.lock"]),
        "Commit": commit(),
        "Versions": f"regulars {version('regulars')}, Python {platform.python_version()}, {libraries}",
        "Parameters": ", ".join(f"{name} = {value}" for name, value in parameters.items()),
    }


def content_hash(shop: Shop) -> str:
    """A hash of the shop's staged tables."""
    tables = sorted(shop.staged("").parent.glob("*.parquet"))
    prints = [f"{path.stem} {shop.engine.fingerprint(path)}" for path in tables]
    return hashlib.sha256("\n".join(prints).encode()).hexdigest()[:16]


def file_hash(paths: Iterable[Path]) -> str:
    """A hash of the content of files, in the order given; absent ones are passed over."""
    digest = hashlib.sha256()
    for path in paths:
        if path.exists():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def commit() -> str:
    """The commit that the project is at, marked if its files were changed since."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + (" with changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "not under git"


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()
