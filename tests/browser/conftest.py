"""A real Chromium, and a folder of reports to look at in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regulars import Shop
from regulars.report.contents import write_contents
from tests.browser.hostile import write_hostile
from tests.conftest import reported_once

OTHERS = {"simulated": "2025-12"}
if os.environ.get("REGULARS_RAW"):
    OTHERS |= {"online-retail": "2011-11", "hillstrom": "2008-03"}


@pytest.fixture(scope="module")
def site(reported: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of reports: the demo's, other shops', and those of a shop whose names are hostile."""
    reports = tmp_path_factory.mktemp("site") / "reports"
    shutil.copytree(reported.home / "reports", reports)
    for name, month in OTHERS.items():
        shutil.copytree(reported_once(tmp_path_factory, name, month).reports, reports / name)
    for month in ("2020-01", "2020-02"):
        write_hostile(reports, month)
    write_contents(reports)
    return reports


def _absent(reason: str) -> None:
    """Skip, unless REGULARS_MUST_RUN names the browser: then the test fails."""
    if "browser" in os.environ.get("REGULARS_MUST_RUN", "").split():
        pytest.fail(f"{reason}, and REGULARS_MUST_RUN says that these tests must run")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser(site: Path) -> Iterator[Any]:  # noqa: ARG001  # notebooks cannot run once Playwright's loop does
    """Chromium, from CHROMIUM or the path, for one module: Playwright's event loop ends with it."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _absent("there is no playwright")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        _absent("there is no Chromium: install it (apt-get install chromium), or say in CHROMIUM where it is")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program)
        yield running
        running.close()
