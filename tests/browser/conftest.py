"""A real Chromium, and a folder of reports to look at in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import papermill
import pytest
from filelock import FileLock

from regulars import Shop
from regulars.report.contents import write_contents
from regulars.report.page import write_page
from regulars.shop import ROOT
from tests.browser.hostile import COMMAND, SCRIPT, write_hostile
from tests.conftest import reported_once, shared

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
    shutil.copy(_hostile_products(tmp_path_factory), reports / "hostile" / "2020-02" / "02-features.html")
    write_contents(reports)
    return reports


def _hostile_products(factory: pytest.TempPathFactory) -> Path:
    """The simulated shop's second page with other names for two categories and their products, made once for all workers."""
    home = shared(factory, "hostile-products-home")
    page = home / "02-features.html"
    with FileLock(f"{home}.lock"), pytest.MonkeyPatch.context() as patch:
        if page.exists():
            return page
        shutil.copytree(
            reported_once(factory, "simulated", OTHERS["simulated"]).data, home / "data" / "simulated"
        )
        patch.setenv("REGULARS_HOME", str(home))
        path = Shop.open("simulated").staged("products")
        products = pd.read_parquet(path)
        for old, new in {"Bags": SCRIPT, "Toys": COMMAND}.items():
            products.loc[products["category"] == old, ["category", "product"]] = new
        products.to_parquet(path)
        written = {"parameters": {"shop": "simulated"}, "cwd": ROOT / "notebooks", "progress_bar": False}
        papermill.execute_notebook(ROOT / "notebooks" / "02-features.ipynb", home / "02.ipynb", **written)
        write_page(home / "02.ipynb", page, subtitle="Hostile products", navigation=(), footer={}, home=None)
    return page


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
