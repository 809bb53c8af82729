"""The simulated shop: the same seed gives the same shop, every row is accounted for, and what was planted can be found."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from regulars import Shop
from regulars.config import ConfigError, ShopConfig, read_config
from regulars.ingest import IngestError, fingerprint, stage
from regulars.ingest.landing import Landing
from regulars.ingest.ledger import Ledger
from regulars.ingest.sources.simulated import land
from regulars.month import day_number
from regulars.shop import ROOT
from regulars.simulation import ARCHETYPES, planted_table, simulate
from regulars.simulation.people import SETTLED_DAYS

CONFIG = ROOT / "config" / "simulated.yml"
CUSTOMERS = 1000
FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)
MIDDLE, END = date(2025, 1, 1), date(2026, 1, 1)


def shop_of(home: Path, **source: Any) -> Shop:
    config = read_config(CONFIG, ShopConfig)
    changed = config.source.model_copy(update={"customers": CUSTOMERS, **source})
    return Shop(config.model_copy(update={"source": changed}), home, home / "raw")


class Staged(NamedTuple):
    shop: Shop
    ledger: Ledger

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query gives, with tables written as {orders}."""
        names = ("orders", "order_lines", "returns", "products", "customers", "events", "contacts", "answers")
        return self.shop.engine.sql(query.format(**self.paths(names))).fetchall()

    def paths(self, names: tuple[str, ...]) -> dict[str, str]:
        return {name: f"'{self.shop.staged(name)}'" for name in names}


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    shop = shop_of(tmp_path_factory.mktemp("simulated"))
    return Staged(shop, stage(shop))


def test_a_seed_gives_one_shop_and_another_seed_another() -> None:
    once, again, other = (simulate(200, seed, FIRST, LAST) for seed in (7, 7, 8))
    assert list(once) == ["products", "customers", "contacts", "events", "answers", "order_lines"]
    assert [name for name in once if not once[name].equals(again[name])] == []
    assert [name for name in once if once[name].equals(other[name])] == []


def test_it_says_that_it_is_simulated() -> None:
    config = read_config(CONFIG, ShopConfig)
    assert config.is_simulated
    assert config.title.startswith("Simulated")
    assert config.about.startswith("Simulated: nothing in it happened")
    assert not read_config(ROOT / "config" / "demo.yml", ShopConfig).is_simulated


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("customers: 3000", "customers: 199", "'source.customers' is 199, but it should be greater than or"),
        ("2025-12-31", "2025-05-01", "are fewer than 500 days, in which nobody can have bought"),
        ("seed: 20240101", "seed: -1", "'source.seed' is -1, but it should be greater than or equal to 0"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_a_sentence(
    tmp_path: Path, right: str, wrong: str, sentence: str
) -> None:
    path = tmp_path / "simulated.yml"
    text = CONFIG.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    with pytest.raises(ConfigError, match=sentence):
        read_config(path, ShopConfig)


def test_a_shop_of_another_kind_is_not_simulated(tmp_path: Path) -> None:
    demo = Shop(read_config(ROOT / "config" / "demo.yml", ShopConfig), tmp_path, tmp_path)
    with (
        Landing(demo.engine, tmp_path / "landing") as landing,
        pytest.raises(IngestError, match="demo is not simulated: its source is 'completejourney'"),
    ):
        land(demo, landing)


def test_its_mark_changes_with_the_seed_and_it_is_not_made_again(staged: Staged) -> None:
    shop = staged.shop
    mark = fingerprint.of(shop)
    assert mark == fingerprint.of(shop_of(shop.home)) != fingerprint.of(shop_of(shop.home, seed=2))
    written = shop.staged("orders").stat().st_mtime_ns
    pd.testing.assert_frame_equal(stage(shop).tables, staged.ledger.tables, check_dtype=False)
    assert shop.staged("orders").stat().st_mtime_ns == written


def test_every_row_and_every_cent_is_staged_or_refused(staged: Staged) -> None:
    tables = staged.ledger.tables.set_index("table")
    assert (tables["read"] == tables["staged"] + tables["refused"]).all()
    lines = tables.loc["order_lines"]
    assert lines["money_read"] == pytest.approx(lines["money_staged"] + lines["money_refused"], abs=0.001)
    rules = staged.ledger.rules
    assert set(rules.loc[rules["decided"] > 0, "rule"]) == {"unpaid"}
    assert 0 < lines["refused"] < 0.02 * lines["read"]
    assert set(rules.loc[rules["matched"] > 0, "rule"]) == {"unpaid", "cancelled", "guest"}


def test_an_order_is_the_sum_of_its_lines_less_its_discounts(staged: Staged) -> None:
    wrong = staged.rows("""
        SELECT count(*) FROM {order_lines}
        WHERE NOT is_return AND (list_revenue <> price * quantity OR revenue <> list_revenue - discount
            OR discount < coupon_discount OR revenue <= 0)""")
    assert wrong == [(0,)]
    ((orders, shown),) = staged.rows("SELECT count(*), count(*) FILTER (has_coupon) FROM {orders}")
    assert 0.05 < shown / orders < 0.35


def test_a_product_is_never_sold_before_its_launch_and_has_one_price(staged: Staged) -> None:
    first = "SELECT product_id, min(ordered_day) AS day, count(DISTINCT price) AS prices FROM {order_lines} GROUP BY 1"
    months = staged.rows(
        f"SELECT (day - {day_number(FIRST)}) // 91, count(*), max(prices) FROM ({first}) GROUP BY 1"
    )
    launched = {quarter: count for quarter, count, _ in months}
    assert {prices for *_, prices in months} == {1}
    assert min(launched[quarter] for quarter in range(1, 8)) >= 15
    assert staged.rows(
        "SELECT count(DISTINCT category), count(DISTINCT is_private_brand) FROM {products}"
    ) == [(10, 2)]


def test_a_twentieth_of_the_orders_is_of_guests_and_some_visitors_are_unknown(staged: Staged) -> None:
    ((share,),) = staged.rows("SELECT avg((customer_id IS NULL)::INTEGER) FROM {orders}")
    assert share == pytest.approx(0.05, abs=0.005)
    ((unknown,),) = staged.rows(
        "SELECT count(DISTINCT session_id) FILTER (customer_id IS NULL) / count(DISTINCT session_id) FROM {events}"
    )
    assert 0.05 < unknown < 0.25


def test_an_order_on_the_web_ends_a_visit_at_its_time(staged: Staged) -> None:
    checkouts = "SELECT customer_id, occurred_at FROM {events} WHERE kind = 'checkout'"
    without = f"""
        SELECT count(*) FROM {{orders}} WHERE store_id = 'web' AND NOT EXISTS (
            SELECT 1 FROM ({checkouts}) AS c WHERE c.occurred_at = ordered_at
            AND c.customer_id IS NOT DISTINCT FROM orders.customer_id)"""
    assert staged.rows(without.replace("{orders}", "{orders} AS orders")) == [(0,)]


def test_what_comes_back_is_matched_to_its_order_and_later(staged: Staged) -> None:
    ((returns, matched, early, orders),) = staged.rows("""
        SELECT count(*), count(o.order_id), count(*) FILTER (returned_day <= ordered_day),
            (SELECT count(*) FROM {order_lines} WHERE NOT is_return)
        FROM {returns} AS r LEFT JOIN {orders} AS o USING (order_id, customer_id)
        WHERE r.customer_id IS NOT NULL""")
    assert returns == matched > 0.02 * orders
    assert early == 0


def test_profiles_with_one_address_are_merged_under_one_label(staged: Staged) -> None:
    tables = staged.ledger.tables.set_index("table")
    assert 10 < tables.loc["customers", "read"] - CUSTOMERS < 60
    assert staged.rows(
        "SELECT count(*), count(DISTINCT email_hash), count(planted_segment) FROM {customers}"
    ) == [(CUSTOMERS,) * 3]
    before, after = staged.ledger.identities["customers"]
    assert after < before
    assert staged.rows(
        "SELECT count(*) FROM {orders} WHERE customer_id NOT IN (SELECT customer_id FROM {customers})"
    ) == [(0,)]


def test_some_never_agreed_some_withdrew_and_nobody_is_written_to_against_their_will(staged: Staged) -> None:
    agreed = staged.rows(
        "SELECT avg((opted_in_at IS NOT NULL)::INTEGER), count(opted_out_at) FROM {customers}"
    )
    ((share, in_profile),) = agreed
    assert 0.7 < share < 0.85
    assert in_profile > 20
    assert staged.rows("SELECT count(*) FROM {events} WHERE kind = 'opt-out'")[0][0] > 10
    against = """
        SELECT count(*), count(*) FILTER (opted_in_at IS NULL OR sent <= opted_in_at::DATE OR sent >= withdrew::DATE)
        FROM (SELECT customer_id, DATE '1970-01-01' + contacted_day AS sent FROM {contacts} WHERE kind = 'campaign sent')
        JOIN {customers} USING (customer_id) LEFT JOIN (
            SELECT customer_id, min(said_at) AS withdrew FROM (
                SELECT customer_id, opted_out_at AS said_at FROM {customers}
                UNION ALL SELECT customer_id, occurred_at FROM {events} WHERE kind = 'opt-out') GROUP BY 1
        ) USING (customer_id)"""
    ((sent, wrong),) = staged.rows(against)
    assert sent > 10_000
    assert wrong == 0


def test_a_redeemed_coupon_stands_beside_its_order(staged: Staged) -> None:
    redeemed = "SELECT customer_id, contacted_day FROM {contacts} WHERE kind = 'coupon redeemed'"
    ordered = "SELECT customer_id, ordered_day FROM {orders} WHERE has_coupon AND customer_id IS NOT NULL"
    assert staged.rows(f"({redeemed}) EXCEPT ALL ({ordered})") == []
    assert staged.rows(f"({ordered}) EXCEPT ALL ({redeemed})") == []


def test_some_customers_answer_three_dated_questions(staged: Staged) -> None:
    ((questions, customers, undated),) = staged.rows(
        "SELECT count(DISTINCT question), count(DISTINCT customer_id), count(*) - count(answered_day) FROM {answers}"
    )
    assert (questions, undated) == (3, 0)
    assert 0.2 * CUSTOMERS < customers < 0.4 * CUSTOMERS
    by_price = staged.rows("""
        SELECT planted_segment IN ('cart_abandoner', 'coupon_lover', 'thrifty'), avg((answer = 'by price')::INTEGER)
        FROM {answers} JOIN {customers} USING (customer_id) WHERE question = 'how they decide' GROUP BY 1 ORDER BY 1""")
    assert by_price[0][1] < 0.2 < 0.6 < by_price[1][1]


def test_no_address_is_staged_and_every_profile_has_its_hash(staged: Staged) -> None:
    files = sorted(staged.shop.data.rglob("*.parquet"))
    assert len(files) >= 9
    for path in files:
        found = staged.rows(
            f"SELECT count(*) FROM '{path}' AS t WHERE t::VARCHAR LIKE '%@%' OR t::VARCHAR LIKE '%example%'"
        )
        assert found == [(0,)], path.name
    assert staged.rows(
        "SELECT count(*) FROM {customers} WHERE regexp_full_match(email_hash, '[0-9a-f]{{64}}')"
    ) == [(CUSTOMERS,)]
    assert not (staged.shop.data / ".landing").exists()


def test_each_label_has_its_share_and_its_definition(staged: Staged) -> None:
    table = planted_table()
    assert table["share"].sum() == pytest.approx(1)
    assert table[["name", "definition", "made"]].nunique().tolist() == [len(ARCHETYPES)] * 3
    counts = dict(staged.rows("SELECT planted_segment, count(*) FROM {customers} GROUP BY 1"))
    assert counts == {
        name: round(CUSTOMERS * share) for name, share in zip(table["name"], table["share"], strict=True)
    }


# What was planted can be found, in the middle of the history and at its end, straight from the staged tables.

BEHAVIOUR = """
    WITH sold AS (
        SELECT *, ordered_day - min(ordered_day) OVER (PARTITION BY product_id) AS age
        FROM {order_lines} JOIN {products} USING (product_id) WHERE NOT is_return AND ordered_day < {day}
    ),
    bought AS (
        SELECT customer_id, count(DISTINCT order_id) AS orders, sum(revenue)::DOUBLE AS revenue,
            {day} - max(ordered_day) AS recency,
            median(quantity) AS items, (sum(revenue) / sum(quantity))::DOUBLE AS price,
            avg((age <= 30 AND ordered_day > {first} + 60)::INTEGER) AS new,
            (sum(list_revenue) FILTER (discount = 0) / sum(list_revenue))::DOUBLE AS full_price,
            count(DISTINCT order_id) FILTER (coupon_discount > 0) / count(DISTINCT order_id) AS coupons
        FROM sold GROUP BY 1
    ),
    focus AS (
        SELECT customer_id, max(part) / sum(part) AS top
        FROM (SELECT customer_id, category, sum(revenue)::DOUBLE AS part FROM sold GROUP BY ALL) GROUP BY 1
    ),
    seen AS (SELECT *, date_diff('day', DATE '1970-01-01', occurred_at::DATE) AS day FROM {events}),
    visits AS (
        SELECT customer_id, session_id, max(day) AS day, count(*) FILTER (kind = 'view') AS views,
            bool_or(kind = 'cart') AS has_cart, bool_or(kind = 'checkout') AS is_paid
        FROM seen WHERE session_id IS NOT NULL AND day < {day} GROUP BY ALL
    ),
    visited AS (
        SELECT customer_id, {day} - max(day) AS seen_before, {day} - min(day) AS known_for,
            count(*) FILTER (day >= {day} - 90) AS visits,
            avg(views) FILTER (day >= {day} - 90) AS views, count(*) FILTER (has_cart AND day >= {day} - 90) AS carts,
            avg((NOT is_paid)::INTEGER) FILTER (has_cart AND day >= {day} - 90) AS carts_left
        FROM visits GROUP BY 1
    ),
    opened AS (
        SELECT customer_id, count(*) AS opened FROM seen
        WHERE kind = 'e-mail opened' AND day BETWEEN {day} - 90 AND {day} - 1 GROUP BY 1
    )
    SELECT planted_segment, organisation, opened, bought.* EXCLUDE (customer_id), top, visited.* EXCLUDE (customer_id)
    FROM {customers} LEFT JOIN bought USING (customer_id) LEFT JOIN focus USING (customer_id)
    LEFT JOIN visited USING (customer_id) LEFT JOIN opened USING (customer_id)
    WHERE orders > 0 OR seen_before IS NOT NULL"""

# Label: a rule that finds it, and others that it finds, too, because they do it as well.
RULES: dict[str, tuple[str, set[str]]] = {
    "one_timer": ("orders == 1", set()),
    "loyal_to_type": ("orders >= 3 and top >= 0.7", set()),
    "newsletter_reader": ("opened >= 7", set()),
    "cart_abandoner": (
        "orders > 0 and carts >= 3 and carts_left >= 0.7",
        {"indecisive"},
    ),
    "high_spender": ("revenue > 2 * revenue.mean()", {"wholesale_like"}),
    "coupon_lover": ("orders >= 2 and coupons >= 0.6", set()),
    "thrifty": ("orders >= 3 and price < 0.65 * price.median() and full_price >= 0.8", set()),
    "indecisive": ("orders > 0 and views > 2 * views.median() and carts >= 2", set()),
    "registered_browser": ("orders == 0 and visits >= 4", set()),
    "curious_browser": ("orders == 0 and visits < 4 and carts == 0", set()),
    "idle": ("orders > 1 and recency > 365 and seen_before > 365", set()),
    "trendy": ("orders >= 2 and new >= 0.4", set()),
    "wholesale_like": ("items >= 6", set()),
}


@pytest.fixture(scope="module")
def behaviour(staged: Staged) -> dict[date, pd.DataFrame]:
    paths = staged.paths(("order_lines", "products", "events", "customers"))
    found = {}
    for day in (MIDDLE, END):
        query = BEHAVIOUR.format(**paths, day=day_number(day), first=day_number(FIRST))
        frame = staged.shop.engine.sql(query).df()
        none = dict.fromkeys(("orders", "visits", "carts", "opened"), 0)
        found[day] = frame.fillna(none).set_index("planted_segment")
    return found


@pytest.mark.parametrize("day", [MIDDLE, END], ids=["middle", "end"])
@pytest.mark.parametrize("label", list(RULES))
def test_a_planted_segment_is_found_by_what_it_does(
    behaviour: dict[date, pd.DataFrame], label: str, day: date
) -> None:
    if label == "idle" and day == MIDDLE:
        pytest.skip("after one year nobody can have been silent for longer")
    rule, alike = RULES[label]
    # Who joined later than this cannot be recognised yet; at the end nobody but regulars did.
    settled = behaviour[day].query(f"known_for >= {SETTLED_DAYS}")
    hits = settled.eval(rule)
    others = ~hits.index.isin({label, *alike})
    assert hits[label].mean() >= 0.7
    assert hits[others].mean() <= (0.12 if label == "one_timer" else 0.04)


def test_the_regular_do_hardly_any_of_it(behaviour: dict[date, pd.DataFrame]) -> None:
    frame = behaviour[END]
    found = pd.DataFrame({label: frame.eval(rule) for label, (rule, _) in RULES.items()})
    assert (~found.loc["regular"].any(axis=1)).mean() >= 0.75


def test_wholesale_customers_are_mostly_businesses_and_others_seldom(
    behaviour: dict[date, pd.DataFrame],
) -> None:
    is_business = behaviour[END]["organisation"] == "business"
    assert is_business["wholesale_like"].mean() >= 0.75
    assert is_business.drop("wholesale_like").mean() <= 0.05
