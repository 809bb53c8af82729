"""The demo's report: every number on the review computed another way, and pages that need nothing but themselves."""

import json
import re
from urllib.parse import unquote

import duckdb
import pytest
from bs4 import BeautifulSoup

from regulars.pipeline import NOTEBOOKS
from regulars.segments import segment_by_rules

PAGES = [page for page, _ in NOTEBOOKS.values()]


@pytest.fixture
def folder(reported):
    return reported.reports / "2017-12"


@pytest.fixture(params=PAGES)
def page(request, folder):
    return (folder / request.param).read_text(encoding="utf-8")


@pytest.fixture
def soup(page):
    return BeautifulSoup(page, "html.parser")


@pytest.fixture
def found(reported):
    """What each notebook stated: notebook → key → values."""
    folder = reported.data / "findings" / "2017-12"
    read = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {one["notebook"][:2]: {f["key"]: f["values"] for f in one["findings"]} for one in read}


@pytest.fixture
def sql(reported):
    """A query on the staged and derived tables, in plain SQL, giving its first row."""
    connection = duckdb.connect()
    for path in [*reported.data.glob("staged/*.parquet"), *reported.data.glob("offers/2017-12.parquet")]:
        name = "offers" if "offers" in str(path.parent) else path.stem
        connection.execute(f"CREATE VIEW {name} AS FROM '{path}'")
    for path in reported.data.glob("segments/*.parquet"):
        connection.execute(f"CREATE VIEW segments AS FROM '{path}'")
    return lambda query: connection.execute(query).fetchall()[0]


def test_the_ledger_is_the_panel(found):
    assert found["01"]["lines"] == {"rows": "order lines", "read": 1469307, "staged": 1469307, "refused": 0}
    orders = found["01"]["orders"]
    assert (orders["read"], orders["money"]) == (155848, 4596039.58)
    assert orders["staged"] + orders["refused"] == orders["read"]
    assert found["01"]["flags"]["unknown"] == 4836


def test_the_months_revenue_is_that_of_the_orders(found, sql):
    stated = found["05"]["changed"]
    (revenue,) = sql("SELECT sum(revenue) FROM orders WHERE ordered_month = '2017-12'")
    (before,) = sql("SELECT sum(revenue) FROM orders WHERE ordered_month = '2017-11'")
    assert stated["revenue"] == float(revenue)
    assert stated["change"] == pytest.approx(float(revenue / before) - 1)
    assert stated["low"] < stated["change"] < stated["high"]
    orders, orders_before = (
        sql(f"SELECT count(*) FROM orders WHERE ordered_month = '{month}'")[0]
        for month in ("2017-12", "2017-11")
    )
    assert stated["orders"] == pytest.approx(orders / orders_before - 1)
    assert stated["size"] == pytest.approx(float(revenue / before) * orders_before / orders - 1)
    (high,) = sql(
        "SELECT max(r) FROM (SELECT sum(revenue) AS r FROM orders WHERE ordered_month < '2017-12' GROUP BY ordered_month)"
    )
    assert ("before" in stated) == (revenue > high)


def test_every_key_figure_is_what_plain_sql_says(found, sql):
    kept = {one["name"]: one["value"] for one in found["05"]["history"]["figures"]}
    december = "FROM orders WHERE ordered_month = '2017-12'"
    each = f"FROM (SELECT customer_id, count(*) AS n {december} GROUP BY customer_id)"
    assert kept["active customers"] == sql(f"SELECT count(DISTINCT customer_id) {december}")[0]
    assert kept["orders"] == sql(f"SELECT count(*) {december}")[0]
    assert kept["revenue"] == float(sql(f"SELECT sum(revenue) {december}")[0])
    assert kept["average order value"] == pytest.approx(kept["revenue"] / kept["orders"])
    assert kept["repeat rate"] == pytest.approx(sql(f"SELECT avg((n > 1)::INT) {each}")[0])
    first = "FROM (SELECT customer_id, min(ordered_month) AS m FROM orders GROUP BY 1) WHERE m = '2017-12'"
    assert kept["new customers"] == sql(f"SELECT count(*) {first}")[0]
    sizes = {one["name"]: one["value"] for one in found["05"]["history"]["segments"]}
    for segment, customers in sizes.items():
        assert customers == sql(f"SELECT count(*) FROM segments WHERE four_core = '{segment}'")[0]


def test_what_is_to_be_done_is_what_the_offers_table_supports(found, sql):
    worked, to_do = found["05"]["worked"], found["05"]["to do"]
    cell = "FROM offers WHERE metric = 'profit' AND verdict = 'roll out' ORDER BY cuped_effect DESC LIMIT 1"
    segment, offer, effect = sql(f"SELECT segment, offer, cuped_effect {cell}")
    assert (
        (worked["offer"], worked["whom"])
        == (to_do["offer"], to_do["whom"])
        == (offer, f"{segment} customers")
    )
    assert worked["effect"] == pytest.approx(effect)
    (customers,) = sql(f"SELECT count(*) FROM segments WHERE four_core = '{segment}'")
    assert to_do["customers"] == customers
    assert to_do["money"] == pytest.approx(customers * effect)
    (spared,) = sql("SELECT segment FROM offers WHERE metric = 'profit' AND verdict = 'stop'")
    assert to_do["spared"] == f"{spared} customers"


def test_the_segments_are_the_rules_in_plain_sql(found, sql):
    rules = """
        WITH days AS (SELECT DISTINCT customer_id, ordered_day AS d FROM orders),
        gaps AS (SELECT customer_id, d - lag(d) OVER (PARTITION BY customer_id ORDER BY d) AS gap FROM days),
        late AS (SELECT round(quantile_disc(mean, 0.95), 1) AS days
                 FROM (SELECT avg(gap) AS mean FROM gaps GROUP BY customer_id) WHERE mean IS NOT NULL),
        last AS (SELECT customer_id, DATE '2018-01-01' - (DATE '1970-01-01' + max(d)) AS recency FROM days GROUP BY 1)
    """
    late, at_risk = sql(rules + "SELECT any_value(days), avg((recency > days)::INT) FROM last, late")
    assert found["03"]["at-risk"] == {"late": late, "share": pytest.approx(at_risk)}
    (written,) = sql("SELECT avg((four_core = 'at-risk')::INT) FROM segments")
    assert written == pytest.approx(at_risk)


def test_movement_is_that_of_the_segments(found, reported):
    months = [reported.month("2017-11"), reported.month("2017-12")]
    was, now = (
        reported.engine.collect(segment_by_rules(reported.snapshot(one)), "customer_id").set_index(
            "customer_id"
        )["four_core"]
        for one in months
    )
    both = was.index.intersection(now.index)
    was, now = was[both], now[both]
    stated = found["05"]["movement"]
    assert stated["moved"] == pytest.approx((was != now).mean())
    assert int(stated["gone"]) == ((was != "at-risk") & (now == "at-risk")).sum()
    assert int(stated["back"]) == ((was == "at-risk") & (now != "at-risk")).sum()


def test_the_verdicts_on_the_review_are_those_of_the_offers_table(found, sql):
    said = {key: values["effect"] for key, values in found["05"].items() if "×" in str(key)}
    (rows,) = sql("SELECT list(segment || ' × ' || arm) FROM offers WHERE verdict IN ('roll out', 'stop')")
    assert set(said) == set(rows) == {"returning × free-delivery", "returning × ten-percent-off"}
    for key, effect in said.items():
        segment, arm = key.split(" × ")
        (written,) = sql(
            f"SELECT cuped_effect FROM offers WHERE metric = 'profit' AND segment = '{segment}' AND arm = '{arm}'"
        )
        assert effect == pytest.approx(written)


def test_simulated_effects_stay_out_of_orders_and_wear_a_label(sql, folder):
    assert sql("SELECT bool_and(is_simulated) FROM offers") == (True,)
    (staged,) = sql("SELECT sum(revenue) FROM orders")
    (raw,) = sql("SELECT sum(revenue) FROM order_lines")
    assert staged == raw
    marked = [page for page in PAGES if 'class="banner"' in (folder / page).read_text(encoding="utf-8")]
    assert marked == ["04-offers.html", "index.html"]


def test_a_page_asks_nothing_of_anybody(page):
    outside = re.findall(r"""(?:src|href|action|data|poster)\s*=\s*["']?(?:https?:)?//[^"'\s>]+""", page)
    assert not outside
    assert not re.findall(r"url\(\s*['\"]?(?!#|data:)[^)]+\)|@import", page)
    assert len(page.encode()) < 1_000_000


def test_a_page_has_one_title_and_words_for_every_picture(soup):
    assert len(soup.find_all("h1")) == 1
    for chart in soup.find_all("svg", attrs={"viewbox": True}) + soup.select("figure svg"):
        assert chart.get("aria-hidden") == "true" or len(chart.get("aria-label", "")) > 20
    assert not [image for image in soup.find_all("img") if not image.get("alt")]
    assert soup.html["lang"] == "en"


def test_links_lead_somewhere(soup, folder):
    for link in soup.find_all("a", href=True):
        path, _, anchor = unquote(link["href"]).partition("#")
        assert not path or (folder / path).resolve().exists(), link["href"]
        assert path or soup.find(id=anchor), link["href"]


def test_no_page_shows_what_went_wrong(soup):
    for hidden in soup.select(".code, script, style, footer"):
        hidden.decompose()
    words = soup.get_text(" ")
    assert not re.findall(r"\bnan\b|\bNaN\b|\bNone\b|\bNaT\b|Traceback|<NA>|Warning", words)


def test_no_page_names_a_customer(page, sql):
    (ids,) = sql("SELECT list(DISTINCT customer_id) FROM orders WHERE length(customer_id) = 4")
    soup = BeautifulSoup(page, "html.parser")
    cells = {cell.get_text(strip=True) for cell in soup.find_all("td") if "gt_left" in cell.get("class", [])}
    assert not cells & set(ids)


def test_the_foot_of_a_page_says_where_it_comes_from(soup):
    names = {name.get_text() for name in soup.select("footer dt")}
    assert names == {"Data", "Configuration", "Lock", "Commit", "Versions", "Parameters", "made at"}


def test_the_contents_page_leads_to_the_review(reported):
    soup = BeautifulSoup(
        (reported.home / "reports" / "index.html").read_text(encoding="utf-8"), "html.parser"
    )
    assert "demo/2017-12/index.html" in [link["href"] for link in soup.find_all("a", href=True)]
