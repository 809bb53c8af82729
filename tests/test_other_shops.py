"""Reports of the two published shops: one with nothing but invoices, one without any order."""

import json
import os
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from regulars import Shop
from regulars.pipeline import NOTEBOOKS, make_reports

RAW = os.environ.get("REGULARS_RAW")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RAW, reason="REGULARS_RAW does not name the folder of the public data"),
]
PAGES = [page for page, _ in NOTEBOOKS.values()]


def report(name: str, month: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop after `make report SHOP=name MONTH=month`."""
    monkeypatch.setenv("REGULARS_HOME", str(home))
    shop = Shop.open(name)
    make_reports(shop, [month])
    return shop


def texts(shop: Shop, month: str) -> dict[str, str]:
    """What each page says to a reader."""
    said = {}
    for page in PAGES:
        soup = BeautifulSoup((shop.reports / month / page).read_text(encoding="utf-8"), "html.parser")
        for hidden in soup.select(".code, script, style, footer"):
            hidden.decompose()
        said[page] = " ".join(soup.get_text(" ").split())
    return said


def found(shop: Shop, month: str, number: str) -> dict[str, dict[str, object]]:
    path = shop.data / "findings" / month / f"{number}.json"
    return {one["key"]: one["values"] for one in json.loads(path.read_text(encoding="utf-8"))["findings"]}


def test_online_retail_ends_in_five_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = report("online-retail", "2011-11", tmp_path, monkeypatch)
    said = texts(shop, "2011-11")
    assert not [page for page, text in said.items() if re.search(r"\bnan\b|\bNone\b|Traceback|<NA>", text)]
    ingest = found(shop, "2011-11", "01")
    assert ingest["lines"] == {"rows": "order lines", "read": 541_909, "staged": 540_573, "refused": 1_336}
    assert (ingest["guests"]["guests"], ingest["guests"]["money"]) == (135_080, 1_447_682.12)
    assert "Favourite categories: not available: needs products with a category." in said["02-features.html"]
    (net,) = shop.engine.sql(f"""
        SELECT sum(m) FROM (SELECT revenue AS m, ordered_month AS month FROM '{shop.staged("orders")}'
        UNION ALL SELECT -revenue, returned_month FROM '{shop.staged("returns")}') WHERE month = '2011-11'
        """).fetchall()[0]
    assert found(shop, "2011-11", "05")["revenue"]["value"] == pytest.approx(float(net))


def test_a_shop_without_orders_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = report("hillstrom", "latest", tmp_path, monkeypatch)
    said = texts(shop, "2008-03")
    assert "64,000 customers were read: 64,000 are staged, 0 refused." in said["01-ingest.html"]
    lacks = "Not available: needs orders, which hillstrom lacks; it has assignments, customers, outcomes."
    for page in ("02-features.html", "03-segments.html", "index.html"):
        assert lacks in said[page]
    assert "No finished experiment by the end of March 2008" in said["04-offers.html"]
