"""What several tests stand on: the demo shop staged once, and its report made once, for all workers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from regulars import Shop
from regulars.features import build_snapshots
from regulars.ingest import stage
from regulars.pipeline import make_reports

settings.register_profile("any machine", deadline=None)  # how long an example takes says nothing of the code
settings.load_profile("any machine")


def _shared(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder that all of xdist's workers share."""
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name


def open_at(home: Path, name: str = "demo") -> Shop:
    """A shop whose data and reports lie under `home`."""
    return Shop.open(name, {"REGULARS_HOME": str(home)})


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The demo shop, staged, with the features of every month."""
    home = _shared(tmp_path_factory, "demo-home")
    with FileLock(f"{home}.lock"):
        shop = open_at(home)
        if not (home / "ready").exists():
            stage(shop)
            build_snapshots(shop, shop.months())
            (home / "ready").touch()
    return open_at(home)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The demo shop with the report of its last complete month, made as `make report` makes it."""
    home = _shared(tmp_path_factory, "report-home")
    with FileLock(f"{home}.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGULARS_HOME", str(home))
        if not (home / "ready").exists():
            make_reports(open_at(home), ["latest"])
            (home / "ready").touch()
    return open_at(home)
