"""Reports of the other shops: one with nothing but invoices, one without any order, and one that is made up and has all."""

import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import papermill
import pytest
from bs4 import BeautifulSoup

from regulars import Shop
from regulars.pipeline import NOTEBOOKS
from regulars.shop import ROOT
from tests.conftest import reported_once

RAW = os.environ.get("REGULARS_RAW")
pytestmark = pytest.mark.slow
published = pytest.mark.skipif(not RAW, reason="REGULARS_RAW does not name the folder of the public data")
# Segment → customers by mid-rank, and with ties broken by the order of rows, as of 2011-12-01.
GRID = {
    "about to sleep": (308, 337), "at risk": (696, 609), "cant lose": (65, 72), "champions": (634, 603),
    "hibernating": (957, 1037), "loyal": (929, 818), "need attention": (176, 185), "new": (105, 58),
    "potential loyalist": (259, 480), "promising": (168, 98),
}  # fmt: skip
PAGES = [page for page, _ in NOTEBOOKS.values()]


def texts(shop: Shop, month: str) -> dict[str, str]:
    """What each page says to a reader."""
    said = {}
    for page in PAGES:
        soup = BeautifulSoup((shop.reports / month / page).read_text(encoding="utf-8"), "html.parser")
        for hidden in soup.select(".code, script, style, footer"):
            hidden.decompose()
        said[page] = " ".join(soup.get_text(" ").split())
    return said


def rows_of(shop: Shop, month: str, page: str, table: str) -> list[list[str]]:
    """The cells of a table on a page, row by row, its head left out."""
    soup = BeautifulSoup((shop.reports / month / page).read_text(encoding="utf-8"), "html.parser")
    rows = soup.select(f"#{table} tbody tr")
    return [[cell.get_text(strip=True) for cell in row.select("td, th")] for row in rows]


def found(shop: Shop, month: str, number: str) -> dict[str, dict[str, object]]:
    path = shop.data / "findings" / month / f"{number}.json"
    return {one["key"]: one["values"] for one in json.loads(path.read_text(encoding="utf-8"))["findings"]}


@published
def test_online_retail_ends_in_five_pages(tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = reported_once(tmp_path_factory, "online-retail", "2011-11")
    said = texts(shop, "2011-11")
    assert not [page for page, text in said.items() if re.search(r"\bnan\b|\bNone\b|Traceback|<NA>", text)]
    ingest = found(shop, "2011-11", "01")
    assert ingest["lines"] == {"rows": "order lines", "read": 541_909, "staged": 540_573, "refused": 1_336}
    assert (ingest["guests"]["guests"], ingest["guests"]["money"]) == (135_080, 1_447_682.12)
    assert "Favourite categories: not available: needs products with a category." in said["02-features.html"]
    grid = rows_of(shop, "2011-11", "03-segments.html", "rxf-grid")
    assert {row[0]: tuple(int(n.replace(",", "")) for n in row[1:3]) for row in grid} == GRID
    assert "Readers of the newsletter: not available: needs events" in said["02-features.html"]
    ways = {row[0]: row[1:] for row in rows_of(shop, "2011-11", "02-features.html", "value")}
    assert ways["scaled past spend"][-1] == "is used"
    assert ways["BG/NBD"][-1] == "refused"
    assert "BG/NBD is refused: it finds that nobody ever leaves" in said["02-features.html"]
    assert "Its error would have been £" in said["02-features.html"]
    (net,) = shop.engine.sql(f"""
        SELECT sum(m) FROM (SELECT revenue AS m, ordered_month AS month FROM '{shop.staged("orders")}'
        UNION ALL SELECT -revenue, returned_month FROM '{shop.staged("returns")}') WHERE month = '2011-11'
        """).fetchall()[0]
    assert found(shop, "2011-11", "05")["changed"]["revenue"] == pytest.approx(float(net))


def test_the_simulated_shop_has_everything_and_says_that_it_is_made_up(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shop = reported_once(tmp_path_factory, "simulated", "2025-12")
    said = texts(shop, "2025-12")
    assert not [page for page, text in said.items() if re.search(r"\bnan\b|\bNone\b|Traceback|<NA>", text)]
    assert all("Simulated shop. Nothing on this page happened" in text for text in said.values())
    assert "not available: needs" not in said["02-features.html"]
    planted = rows_of(shop, "2025-12", "03-segments.html", "planted")
    assert len(planted) == 13
    recall = {row[0]: int(row[5].rstrip("%")) for row in planted}
    assert min(recall.values()) >= 80  # precision is lower where segments overlap by their definitions


@published
def test_a_shop_without_orders_says_what_it_lacks_and_has_its_experiment(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    shop = reported_once(tmp_path_factory, "hillstrom", "latest")
    said = texts(shop, "2008-03")
    assert "64,000 customers were read: 64,000 are staged, 0 refused." in said["01-ingest.html"]
    lacks = "Not available: needs orders, which hillstrom lacks; it has assignments, customers, outcomes."
    assert "What changed is not known. " + lacks in said["index.html"]
    for page in ("02-features.html", "03-segments.html", "index.html"):
        assert lacks in said[page]
        assert "Exception" not in said[page]
    to_do = found(shop, "2008-03", "05")["to do"]
    assert (to_do["offer"], to_do["whom"]) == ("an e-mail about men's goods", "everyone")
    assert to_do["money"] == pytest.approx(64_000 * 0.7674, rel=1e-3)  # METHODS §4: by CUPED
    advice = [row[:2] for row in rows_of(shop, "2008-03", "index.html", "actions")]
    assert advice == [
        ["Give an e-mail about men's goods to everyone", "64,000"],
        [
            "Or, in place of an e-mail about men's goods: give an e-mail about women's goods to everyone",
            "64,000",
        ],
    ]
    assert "How the month went" not in said["index.html"]
    offers = said["04-offers.html"]
    for gain in ("men's goods for everyone. Spend +$0.77", "women's goods for everyone. Spend +$0.42"):
        assert f"Roll out: an e-mail about {gain} per customer in 14 days" in offers
    assert "imulated" not in offers
    # METHODS §4: in-sample 1.492, cross-fitted 1.34, Mens for everyone 1.423; visits apart, nothing shows a difference.
    assert "Segmenting by history segment has not been shown to pay" in offers
    (row,) = rows_of(shop, "2008-03", "04-offers.html", "policy-hillstrom-2008")
    assert row[:6] == ["history_segment", "7", "$1.49", "$1.34", "$1.42", "$0.65"]
    assert "An e-mail about men's goods: nothing shows that the segments differ" in offers


@pytest.mark.parametrize("customers", [1, 12])
def test_segments_of_a_handful_of_customers_are_told_in_words(
    reported: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, customers: int
) -> None:
    shutil.copytree(reported.data, tmp_path / "data" / "demo")
    for path in (tmp_path / "data" / "demo" / "features").glob("*.parquet"):
        few = pd.read_parquet(path).sort_values("customer_id").head(customers)
        few.to_parquet(path)
    monkeypatch.setenv("REGULARS_HOME", str(tmp_path))
    papermill.execute_notebook(
        ROOT / "notebooks" / "03-segments.ipynb",
        tmp_path / "03.ipynb",
        cwd=ROOT / "notebooks",
        progress_bar=False,
    )
    chosen = found(Shop.open("demo"), str(reported.months()[-1]), "03")["chosen"]
    assert (chosen["passed"], chosen["label"]) == (0, "no clustering")
