"""What is not there is said with its share and with who may have it; what is complete is not mentioned."""

from __future__ import annotations

from pathlib import Path

import pytest

from regulars import Shop
from regulars.ingest import CONTRACTS, missing_columns, missing_values, stage
from tests.ingest.written import written

LINES = """
    order_id,customer_id,product_id,store_id,quantity,price,ordered_at
    1,       ann,        tea,       ,        1,       2.00, 2024-01-05
    2,       ,           tea,       ,        1,       2.00, 2024-01-06
    3,       ,           ,          ,        1,       2.00, 2024-01-07
    4,       bo,         pot,       ,        1,       9.00, 2024-01-08
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    opened = written(tmp_path_factory.mktemp("home"), {"order_lines": LINES})
    stage(opened)
    return opened


def test_shares_of_each_column_that_is_filled_in_part(shop: Shop) -> None:
    found = missing_values(shop)
    told = {(row.table, row.column): (row.missing, row.rows) for row in found.itertuples()}
    assert told == {
        ("order_lines", "customer_id"): (0.5, 4),
        ("orders", "customer_id"): (0.5, 4),
        ("order_lines", "product_id"): (0.25, 4),
    }
    assert found["missing"].is_monotonic_decreasing
    assert set(found["who to ask"]) == {CONTRACTS["orders"].ask}


def test_what_the_source_does_not_have_at_all(shop: Shop) -> None:
    found = missing_columns(shop).set_index("table")
    assert "store id" in found.loc["order lines", "not there"].split(", ")
    assert "revenue" not in found.loc["order lines", "not there"].split(", ")
    assert "email" in found.loc["customers", "not there"].split(", ")  # not: email hash
    whole = found.index[found["not there"] == "the whole table"]
    assert set(whole) == {"contacts", "events", "answers", "assignments", "outcomes"}
    assert found.loc["events", "who to ask"] == CONTRACTS["events"].ask
    assert "returns" not in found.index  # it is made from orders, and nothing came back


def test_a_shop_that_lacks_nothing_of_a_table_hears_nothing_of_it(tmp_path: Path) -> None:
    contacts = """
        customer_id,kind,         campaign_id,coupon_id,contacted_day
        ann,        campaign sent,c1,         k1,       2024-01-05
    """
    shop = written(tmp_path, {"contacts": contacts, "order_lines": LINES})
    stage(shop)
    assert "contacts" not in set(missing_columns(shop)["table"]) | set(missing_values(shop)["table"])
