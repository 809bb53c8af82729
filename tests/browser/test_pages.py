"""Every page in a real Chromium: what it asks for, how it reads by ear, by keyboard, on a phone and on paper."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from regulars.pipeline import NOTEBOOKS
from tests.browser.conftest import OTHERS
from tests.browser.hostile import COMMAND, PICTURE, SCRIPT

pytestmark = pytest.mark.slow

REPORT = [f"demo/2017-12/{page}" for page, _ in NOTEBOOKS.values()]
HISTORY, HOSTILE = "hostile/index.html", "hostile/2020-02/index.html"
PRODUCTS = "hostile/2020-02/02-features.html"
PAGES = [*REPORT, "demo/index.html", "index.html", HISTORY, HOSTILE]
ELSEWHERE = [f"{shop}/{month}/{page}" for shop, month in OTHERS.items() for page, _ in NOTEBOOKS.values()]
A4 = 658  # CSS pixels between margins of 18 mm
Open = Callable[..., Any]

CUT = """() => {
  const { left, right } = document.querySelector("main").getBoundingClientRect();
  const cut = (box) => box.width && (box.right > right + 1 || box.left < left - 1);
  return [...document.querySelectorAll("main :is(h1, h2, p, li, section, table, th, td, svg)")]
    .filter((one) => cut(one.getBoundingClientRect())).map((one) => one.outerHTML.slice(0, 80));
}"""
"""What of the text lies beyond its edges."""


@pytest.fixture
def opened(browser: Any, site: Path) -> Iterator[Open]:
    """Open a page below `site`; what it asks for and what it complains of is collected, and must be nothing."""
    contexts: list[Any] = []
    asked: list[str] = []
    said: list[str] = []

    def go(address: str, *, width: int = 1200, scheme: str = "light", **options: Any) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((site / address).as_uri())
        return page

    yield go
    for context in contexts:
        context.close()
    assert not [url for url in asked if urlsplit(url).scheme not in ("file", "data", "blob")]
    assert len([url for url in asked if url.startswith("file:")]) == len(
        contexts
    )  # each page, and nothing beside it
    assert not said


def audit(page: Any) -> list[str]:
    """What axe has against a page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['target']} {node['html'][:120]}" for one in found for node in one["nodes"]]


def tab_to(page: Any, wanted: str, most: int = 60) -> None:
    """Press Tab until what is wanted has the focus, and shows it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{wanted} does not show the focus"
            return
    pytest.fail(f"{wanted} is not reached by Tab")


def colours(page: Any) -> list[str]:
    """The paper, the ink, and the inks of the first chart's words."""
    return page.evaluate(
        """() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
           ...[...document.querySelectorAll("figure.chart text")].slice(0, 9).map((one) => getComputedStyle(one).fill)]"""
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", PAGES)
def test_nothing_stands_in_the_way_of_anybody(opened: Open, address: str, scheme: str) -> None:
    page = opened(address, scheme=scheme)
    if page.locator("#show-code").count():
        page.locator("#show-code").check()
    assert audit(page) == []


@pytest.mark.parametrize("address", PAGES)
def test_one_title_words_for_pictures_and_links_that_lead_somewhere(
    opened: Open, site: Path, address: str
) -> None:
    page = opened(address)
    assert page.locator("h1").count() == 1
    alts = page.evaluate(
        """() => [...document.querySelectorAll("main img, main figure svg, main .boxes svg")]
             .map((one) => one.getAttribute("alt") ?? one.getAttribute("aria-label") ?? "")"""
    )
    assert [
        alt for alt in alts if len(alt.split()) < 4 or re.search(r"\.(png|svg)$|^(chart|figure)\b", alt)
    ] == []
    for link in page.evaluate("[...document.links].map((link) => link.getAttribute('href'))"):
        path, _, anchor = unquote(link).partition("#")
        there = (site / address).parent / path
        assert path == "" or there.resolve().is_file(), link
        assert path or page.evaluate("id => document.getElementById(id) !== null", anchor), link
    assert (site / address).stat().st_size < 1_000_000


@pytest.mark.parametrize("address", PAGES)
def test_no_page_shows_what_went_wrong_or_who_anybody_is(opened: Open, reported: Any, address: str) -> None:
    page = opened(address)
    words = page.evaluate("document.querySelector('main').innerText")
    assert re.findall(r"\b(?:nan|NaN|None|NaT|undefined|inf)\b|Traceback|<NA>|[A-Z]\w+Error\b", words) == []
    assert re.findall(r"[\w.+-]+@[\w-]+\.\w+", page.content()) == []
    orders = reported.engine.collect(reported.table("orders").select("customer_id"))
    long = {str(one) for one in orders["customer_id"].dropna().unique() if len(str(one)) > 3}
    cells = page.evaluate("[...document.querySelectorAll('td, th')].map((cell) => cell.innerText.trim())")
    assert len(long) > 1000 and not long & set(cells)


@pytest.mark.parametrize("address", PAGES)
def test_a_phone_does_not_scroll_sideways(opened: Open, address: str) -> None:
    page = opened(address, width=390)
    if page.locator("#show-code").count():
        page.locator("#show-code").check()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("address", PAGES)
def test_dark_differs_and_the_charts_follow(opened: Open, address: str) -> None:
    light, dark = (colours(opened(address, scheme=scheme)) for scheme in ("light", "dark"))
    assert len(light) == len(dark)
    assert all(one != other for one, other in zip(light, dark, strict=True))
    if address in REPORT:
        assert len(light) > 2


@pytest.mark.parametrize("address", PAGES)
def test_paper_shows_whole_tables_in_ink_and_no_code(opened: Open, address: str) -> None:
    page = opened(address, width=A4, scheme="dark")
    if page.locator("#show-code").count():
        page.locator("#show-code").check()
    page.emulate_media(media="print")
    assert page.evaluate(CUT) == []
    assert colours(page)[:2] == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    gone = page.locator(".code, .bar, .csv, .contents, .anchor, .skip")
    assert gone.count() > 1
    assert not any(one.is_visible() for one in gone.all())
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("address", ELSEWHERE)
def test_other_shops_pages_are_no_worse(opened: Open, address: str) -> None:
    assert audit(opened(address)) == []
    assert opened(address, width=390).evaluate("document.documentElement.scrollWidth") <= 390
    paper = opened(address, width=A4)
    paper.emulate_media(media="print")
    assert paper.evaluate(CUT) == []
    for word in (r"\bnan\b", r"\bNone\b", "Traceback", "<NA>"):
        assert not re.search(word, paper.locator("main").inner_text())


@pytest.mark.parametrize("address", PAGES)
def test_without_javascript_nothing_is_lost(opened: Open, address: str) -> None:
    plain, lively = opened(address, java_script_enabled=False), opened(address)
    texts = [[" ".join(one.split()) for one in page.locator("main :is(p, li, h2, td, th, figcaption)").all_text_contents()]
             for page in (plain, lively)]  # fmt: skip
    assert texts[0] == texts[1] and len(texts[0]) > 1
    assert plain.locator("button:visible").count() == 0


@pytest.mark.parametrize("address", [REPORT[0], HISTORY])
def test_the_keyboard_skips_to_the_text(opened: Open, address: str) -> None:
    page = opened(address)
    page.keyboard.press("Tab")
    box = page.locator(".skip:focus").bounding_box()
    assert box["x"] >= 0 and box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("address", REPORT)
def test_the_code_is_shown_and_hidden_by_keyboard(opened: Open, address: str) -> None:
    page = opened(address)
    code = page.locator(".code").first
    assert not code.is_visible()
    tab_to(page, "#show-code")
    page.keyboard.press("Space")
    assert code.is_visible()
    page.keyboard.press("Space")
    assert not code.is_visible()


def test_dark_is_chosen_by_keyboard_and_remembered(opened: Open) -> None:
    page = opened(HISTORY)
    before = colours(page)
    tab_to(page, "#theme")
    page.keyboard.press("Enter")
    assert colours(page) != before
    assert page.locator("#theme").get_attribute("aria-pressed") == "true"
    assert page.evaluate("localStorage.getItem('regulars-theme')") == "dark"


def column(page: Any, table: str, place: int) -> list[str]:
    return page.locator(f"#{table} tbody tr td:nth-child({place})").all_inner_texts()


def test_a_table_sorts_by_keyboard_numbers_from_the_highest_and_back(opened: Open) -> None:
    page = opened(HOSTILE)
    head = page.locator("#names th:nth-child(3)")
    before = column(page, "names", 3)
    assert before == ["−€1,234.50", "+€2.00", "–", "+€4.00", "+€0.50", "+€6.00", "+€7.00"]
    tab_to(page, "#names th:nth-child(3) button")
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    ranked = ["+€7.00", "+€6.00", "+€4.00", "+€2.00", "+€0.50", "−€1,234.50"]
    assert column(page, "names", 3) == [*ranked, "–"]
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, "names", 3) == [*reversed(ranked), "–"]  # what is missing stays last
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") is None
    assert column(page, "names", 3) == before


def test_only_one_column_says_that_it_sorts_and_rows_stay_whole(opened: Open) -> None:
    page = opened(HOSTILE)
    rows = set(page.locator("#names tbody tr").all_inner_texts())
    for place in (2, 1):
        page.locator(f"#names th:nth-child({place}) button").click()
    assert page.locator("#names th[aria-sort]").count() == 1
    assert page.locator("#names th:nth-child(1)").get_attribute("aria-sort") == "ascending"
    assert set(page.locator("#names tbody tr").all_inner_texts()) == rows
    assert audit(page) == []


def test_months_sort_by_time_not_by_name(opened: Open) -> None:
    page = opened(HISTORY)
    assert column(page, "sizes", 1) == ["February 2020", "January 2020"]
    page.locator("#sizes th:first-child button").press("Enter")
    assert column(page, "sizes", 1) == ["January 2020", "February 2020"]


@pytest.mark.parametrize("address", REPORT)
def test_every_table_of_the_report_can_be_sorted_and_taken_away(opened: Open, address: str) -> None:
    page = opened(address)
    tables = page.locator("main table")
    assert tables.count() == page.locator("main .csv").count() > 0
    names = page.locator("main .csv").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    assert len(names) == len(set(names))
    several = page.locator("main table:has(tbody tr:nth-child(2))")
    assert several.count() == page.locator("main table:has(th > button)").count()


def taken(page: Any, table: str) -> tuple[str, list[list[str]]]:
    """The name and the rows of the file that a table's button hands over, as a spreadsheet reads it."""
    with page.expect_download() as waiting:
        page.locator(f"#{table} .csv").press("Enter")
    raw = Path(waiting.value.path()).read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    return waiting.value.suggested_filename, list(
        csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    )


def test_what_is_taken_away_runs_no_formula_and_holds_numbers(opened: Open) -> None:
    page = opened(HOSTILE)
    name, rows = taken(page, "names")
    assert re.fullmatch(r"[\w-]+-names\.csv", name)
    head, *body = rows
    assert head[:6] == ["segment", f"'{COMMAND}", "gain (€)", "share", "p", "seen on"]
    assert [row[0] for row in body] == [
        SCRIPT, f"'{COMMAND}", "'@SUM(1)", "'+1+1", "'-2+3", "'=1", PICTURE,
    ]  # fmt: skip
    assert [row[2] for row in body] == ["-1234.50", "2.00", "", "4.00", "0.50", "6.00", "7.00"]
    assert body[0][1:7] == ["1000", "-1234.50", "12.5%", "<0.0001", "2020-02-03", SCRIPT]
    assert not [cell for row in rows for cell in row if re.match(r"[=+@\t\r]|-(?![\d.]+$)", cell)]
    assert page.title() != "taken"


def test_what_is_taken_away_is_in_the_order_on_the_page(opened: Open) -> None:
    page = opened(HISTORY)
    page.locator("#sizes th:first-child button").click()
    assert [row[0] for row in taken(page, "sizes")[1]] == ["month", "January 2020", "February 2020"]


def test_names_run_nowhere(opened: Open) -> None:
    for address in (HOSTILE, HISTORY, "index.html", PRODUCTS):
        page = opened(address)
        assert page.title() != "taken"
        assert page.locator("main script, main img, nav script").count() == 0
        assert SCRIPT in page.locator("main").inner_text()


def test_products_names_are_text_on_the_page_and_in_the_file(opened: Open) -> None:
    page = opened(PRODUCTS)
    names = column(page, "categories", 1)
    assert {SCRIPT, COMMAND} <= set(names)
    assert {SCRIPT, f"'{COMMAND}"} <= {row[0] for row in taken(page, "categories")[1]}


def test_the_review_alone_is_whole(opened: Open, site: Path, tmp_path: Path) -> None:
    mailed = tmp_path / "review.html"
    mailed.write_bytes((site / "demo" / "2017-12" / "demo-2017-12.html").read_bytes())
    page = opened(str(mailed))
    assert page.locator("figure.chart svg").count() > 0
    assert audit(page) == []
