"""The demo's report: every number on the review computed another way, and pages that need nothing but themselves."""

import json
import re
import shutil
from urllib.parse import unquote

import duckdb
import pandas as pd
import papermill
import pytest
from bs4 import BeautifulSoup
from statsmodels.duration.survfunc import SurvfuncRight

from regulars import Month, Shop
from regulars.pipeline import NOTEBOOKS
from regulars.report.page import write_page
from regulars.review import segments_of
from regulars.segments import segment_by_rules
from regulars.shop import ROOT

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
    for name in ("segments", "features"):
        connection.execute(
            f"CREATE VIEW {name} AS FROM '{reported.monthly(name, reported.month('2017-12'))}'"
        )
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


def test_every_statement_of_the_review_is_checked_here(found):
    """Each key is that of a sentence which a test below holds against SQL, or which states no number of its own."""
    verdicts = {"returning × ten-percent-off", "returning × free-delivery"}
    checked = {
        "history",
        "changed",
        "worked",
        "to do",
        "value",
        "no alert",
        "movement",
        "slipped",
        "caveat 0",
        *verdicts,
    }
    assert set(found["05"]) == checked | {"excluded", "about"}


def boxes_of(folder):
    """What the review's value boxes say: figure → its value and facts."""
    soup = BeautifulSoup((folder / "index.html").read_text(encoding="utf-8"), "html.parser")
    return {
        box.select_one(".name").get_text(): {"value": box.select_one(".value").get_text()}
        | {fact.dt.get_text(): fact.dd.get_text() for fact in box.select("dl > div")}
        for box in soup.select("ul.boxes:not(.wide) > li")
    }


def test_the_boxes_say_what_plain_sql_says(found, sql, folder):
    shown = boxes_of(folder)
    kept = {one["name"]: one["value"] for one in found["05"]["history"]["figures"]}
    assert list(shown) == list(kept)
    for name, statement, pattern in (
        ("active customers", "count(DISTINCT customer_id)", "{:,.0f}"),
        ("orders", "count(*)", "{:,.0f}"),
        ("revenue", "sum(revenue)", "${:,.0f}"),
        ("average order value", "sum(revenue) / count(*)", "${:,.2f}"),
    ):
        (now,), (then,) = (
            sql(f"SELECT {statement} FROM orders WHERE ordered_month = '{month}'")
            for month in ("2017-12", "2017-11")
        )
        assert shown[name]["value"] == pattern.format(now)
        change = f"{float(now) / float(then) - 1:+.1%}".replace("-", "−")
        assert shown[name]["last month"].startswith(f"{pattern.format(then)}, {change} (")
        low, high = (float(re.sub(r"[$,]", "", end)) for end in shown[name]["95% interval"].split(" to "))
        assert low < float(now) < high
    assert all("last year" not in facts for facts in shown.values())  # the data begin in 2017


def test_time_to_repeat_is_statsmodels_median(found, sql):
    rows = """
        WITH days AS (SELECT DISTINCT customer_id, ordered_day AS d FROM orders WHERE ordered_month <= '2017-12'),
        following AS (SELECT d, lead(d) OVER (PARTITION BY customer_id ORDER BY d) AS after FROM days),
        last AS (SELECT DATE '2017-12-31' - DATE '1970-01-01' AS d)
        SELECT list(coalesce(f.after, last.d) - f.d), list((f.after IS NOT NULL)::INT)
        FROM following f, last WHERE f.d > last.d - 365
    """
    waited, came = sql(rows)
    kept = {one["name"]: one["value"] for one in found["05"]["history"]["figures"]}
    assert kept["time to repeat"] == SurvfuncRight(waited, came).quantile(0.5)


def test_the_value_of_the_base_is_the_sum_over_its_customers(found, sql, folder):
    stated = found["05"]["value"]
    (expected,) = sql("SELECT sum(value_revenue) FROM features")
    assert stated["expected"] == pytest.approx(expected)
    assert stated["low"] < expected < stated["high"]
    assert boxes_of(folder)["value of the base"]["value"] == f"${expected:,.0f}"
    kept = {one["name"]: one["value"] for one in found["05"]["history"]["figures"]}
    assert kept["value of the base"] == stated["expected"]


def rows_of(folder, table):
    soup = BeautifulSoup((folder / "index.html").read_text(encoding="utf-8"), "html.parser")
    return [
        [cell.get_text(" ", strip=True) for cell in row.select("td")]
        for row in soup.select(f"#{table} tbody tr")
    ]


def test_the_segments_are_counted_and_paid_by_the_right_month(reported, sql, folder):
    months = [reported.month("2017-11"), reported.month("2017-12")]
    before, now = (segments_of(reported, reported.snapshot(one)).rename("segment") for one in months)
    orders = reported.engine.collect(
        reported.table("orders").select("customer_id", "ordered_month", "revenue"), "customer_id"
    )
    spent = orders[orders["ordered_month"] == "2017-12"].groupby("customer_id")["revenue"].sum()
    for segment, customers, last_month, revenue, expected, bought, had_bought, health in rows_of(
        folder, "segments"
    ):
        members = before.index[before == segment]
        buyers = spent[spent.index.isin(members)]
        assert (customers, last_month) == (f"{(now == segment).sum():,}", f"{len(members):,}")
        assert revenue == (f"${buyers.sum():,.0f}" if len(buyers) >= 10 else "–")
        (sum_,) = sql(
            f"SELECT sum(value_revenue) FROM features JOIN segments USING (customer_id) WHERE four_core = '{segment}'"
        )
        assert expected == f"${sum_:,.0f}"
        assert bought == (f"{len(buyers) / len(members):.1%}" if len(buyers) >= 10 else "–")
        assert (had_bought != "–") == (segment != "new")
        assert health == ("too few to tell" if segment == "new" else "no clear change")


def test_who_slipped_away_had_brought_what_is_said(found, reported):
    months = [reported.month("2017-11"), reported.month("2017-12")]
    before, now = (segments_of(reported, reported.snapshot(one)) for one in months)
    slipped = [one for one in now.index[now == "at-risk"] if before.get(one, "at-risk") != "at-risk"]
    orders = reported.engine.collect(
        reported.table("orders").select("customer_id", "ordered_day", "revenue"), "customer_id", "ordered_day"
    )
    end = months[0].snapshot_day
    window = orders["customer_id"].isin(slipped) & orders["ordered_day"].between(end - 90, end - 1)
    stated = found["05"]["slipped"]
    assert (stated["customers"], stated["days"]) == (len(slipped), 90)
    assert stated["revenue"] == pytest.approx(float(orders.loc[window, "revenue"].sum()))


def test_no_figure_is_below_its_usual_range(found, folder):
    assert "no alert" in found["05"]
    for name, facts in boxes_of(folder).items():
        if "usual" in facts:
            low, value = (
                float(re.sub(r"[$,%]", "", text))
                for text in (facts["usual"].split(" to ")[0], facts["value"])
            )
            assert value >= low, name


def test_every_play_has_the_evidence_that_the_offers_table_gives(sql, folder):
    for advice, _, worth, evidence, settled_by in rows_of(folder, "actions"):
        verdict = {"Give": "roll out", "Do nothing instead": "stop"}.get(
            re.match(r"Give|Do nothing instead|", advice)[0]
        )
        assert (worth != "–") == (verdict is not None)
        if verdict:
            whom = re.search(r"to (\S+) customers", advice)[1]
            effect, n = sql(
                f"SELECT cuped_effect, count(*) OVER () FROM offers WHERE metric = 'profit' AND segment = '{whom}' "
                f"AND verdict = '{verdict}' AND contains('{advice}', offer)"
            )
            assert n == 1 and f"{effect:+.2f}"[1:] in evidence and settled_by == "–"
            (customers,) = sql(f"SELECT count(*) FROM segments WHERE four_core = '{whom}'")
            assert worth.startswith(f"${abs(customers * effect):,.0f}")
        else:
            assert re.match(r"Test first|Nothing", advice) and not re.search("Supported|Spoken", evidence)


def test_what_is_to_be_kept_in_mind_is_what_reading_the_data_said(found):
    assert found["05"]["caveat 0"]["words"].startswith(
        f"{found['01']['flags']['unknown']:,} lines name a product"
    )


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


@pytest.mark.slow
def test_a_lost_third_of_the_orders_is_the_first_sentence_with_where_it_lies(reported, tmp_path, monkeypatch):
    shutil.copytree(reported.data, tmp_path / "data" / "demo")
    monkeypatch.setenv("REGULARS_HOME", str(tmp_path))
    shop = Shop.open("demo")
    orders = pd.read_parquet(shop.staged("orders")).sort_values("order_id", ignore_index=True)
    lost = (orders["ordered_month"] == "2017-12") & (orders.index % 3 == 0)
    orders[~lost].to_parquet(shop.staged("orders"))
    papermill.execute_notebook(
        ROOT / "notebooks" / "05-review.ipynb",
        tmp_path / "05.ipynb",
        cwd=ROOT / "notebooks",
        progress_bar=False,
    )
    said = {one["key"]: one for one in shop.found(Month(2017, 12), "05-review")}
    (now,), (then,) = (
        orders[~lost & (orders["ordered_month"] == month)]
        .groupby("ordered_month")["revenue"]
        .sum()
        .astype(float)
        for month in ("2017-12", "2017-11")
    )
    opening = f"Revenue of December 2017 was ${now:,.0f}; the months up to November 2017 let expect $"
    assert said["alert"]["sentence"].startswith(opening)
    assert said["changed"]["sentence"].startswith(said["alert"]["sentence"] + " Revenue is −")
    write_page(tmp_path / "05.ipynb", tmp_path / "05.html", subtitle="A dip", navigation=[], footer={})
    soup = BeautifulSoup((tmp_path / "05.html").read_text(encoding="utf-8"), "html.parser")
    for table, column in (("drivers", 4), ("drivers-by-segment", 3)):
        cells = [row.select("td")[column].get_text() for row in soup.select(f"#{table} tbody tr")]
        parts = [float(re.sub(r"[$,+\u2060]", "", cell).replace("−", "-")) for cell in cells]
        assert sum(parts) == pytest.approx(now - then, rel=0.01)  # the smallest segments are left out
    assert "Lower than usual this month: revenue" in soup.get_text()
