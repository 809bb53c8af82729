"""What several tests stand on: the demo shop staged once, and its report made once, for all workers."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from regulars import Shop
from regulars.engine import Engine
from regulars.features import build_snapshots
from regulars.ingest import stage
from regulars.pipeline import make_reports
from regulars.spark import SparkEngine

settings.register_profile("any machine", deadline=None)  # how long an example takes says nothing of the code
settings.load_profile("any machine")


def shared(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder that all of xdist's workers share."""
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name


def open_at(home: Path, name: str = "demo", **environment: str) -> Shop:
    """A shop whose data and reports lie under `home`."""
    return Shop.open(name, {"REGULARS_HOME": str(home), **environment})


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The demo shop, staged, with the features of every month."""
    home = shared(tmp_path_factory, "demo-home")
    with FileLock(f"{home}.lock"):
        shop = open_at(home)
        if not (home / "ready").exists():
            stage(shop)
            build_snapshots(shop, shop.months())
            (home / "ready").touch()
    return open_at(home)


def _staged(home: Path, name: str, **environment: str) -> Shop:
    """A shop under `home`, staged once."""
    with FileLock(f"{home}.lock"):
        shop = open_at(home, name, **environment)
        if not (home / "ready").exists():
            stage(shop)
            (home / "ready").touch()
    return open_at(home, name, **environment)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The simulated shop, staged: it has every table."""
    return _staged(shared(tmp_path_factory, "simulated-home"), "simulated")


@pytest.fixture(scope="session")
def online_retail(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Online Retail, staged, where REGULARS_RAW leads to it."""
    raw = Path(os.environ.get("REGULARS_RAW") or "nowhere")
    if not (raw / "online-retail" / "online_retail.csv.gz").is_file():
        pytest.skip("REGULARS_RAW does not lead to online-retail/online_retail.csv.gz")
    return _staged(shared(tmp_path_factory, "online-retail-home"), "online-retail", REGULARS_RAW=str(raw))


def reported_once(factory: pytest.TempPathFactory, name: str, month: str) -> Shop:
    """A shop with the report of a month, made as `make report` makes it, once for all workers."""
    home = shared(factory, f"{name}-report-home")
    with FileLock(f"{home}.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGULARS_HOME", str(home))
        if not (home / "ready").exists():
            make_reports(Shop.open(name), [month])
            (home / "ready").touch()
        return Shop.open(name)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The demo shop with the report of its last complete month."""
    return reported_once(tmp_path_factory, "demo", "latest")


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    """Two cores and 1 GB; the session ends with a module's tests."""
    if importlib.util.find_spec("pyspark") is None or not (
        shutil.which("java") or os.environ.get("JAVA_HOME")
    ):
        if "spark" in os.environ.get("REGULARS_MUST_RUN", "").split():
            pytest.fail(
                "there is no pyspark or no Java, and REGULARS_MUST_RUN says that these tests must run"
            )
        pytest.skip("there is no pyspark or no Java")
    engine = SparkEngine(Engine(), "local[2]", tmp_path_factory.mktemp("spill"), "1GB")
    yield engine
    engine.session.stop()
