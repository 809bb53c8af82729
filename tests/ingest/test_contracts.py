"""The contracts: the staged demo keeps them, the document is made from them, and a source that breaks one is told."""

import duckdb
import narwhals as nw
import pytest

from regulars.ingest import CONTRACTS, IngestError
from regulars.ingest.contracts import TYPES
from regulars.ingest.document import document
from regulars.shop import ROOT

HAS = ("products", "customers", "contacts", "order_lines", "orders", "returns")


def frame(query: str) -> nw.LazyFrame:
    return nw.from_native(duckdb.sql(query))


@pytest.mark.parametrize("name", list(CONTRACTS))
def test_the_staged_demo_has_the_columns_and_types_that_its_contract_says(demo, name):
    if name not in HAS:
        assert not demo.has(name)
        return
    schema = demo.table(name).collect_schema()
    assert schema.names() == [column.name for column in CONTRACTS[name].columns]
    assert [schema[column.name] for column in CONTRACTS[name].columns] == [
        TYPES[column.kind] for column in CONTRACTS[name].columns
    ]


@pytest.mark.parametrize("name", ["products", "customers", "orders"])
def test_the_key_of_an_entity_is_unique(demo, name):
    (key,) = CONTRACTS[name].key
    (counts,) = duckdb.sql(f"SELECT count(*) = count(DISTINCT {key}) FROM '{demo.staged(name)}'").fetchall()
    assert counts == (True,)


def test_required_columns_of_the_staged_demo_are_filled(demo):
    for name in ("order_lines", "orders"):
        for column in (column for column in CONTRACTS[name].columns if column.required):
            (missing,) = duckdb.sql(
                f"SELECT count(*) FROM '{demo.staged(name)}' WHERE {column.name} IS NULL"
            ).fetchall()
            assert missing == (0,), (name, column.name)


def test_the_document_is_made_from_the_contracts():
    assert (ROOT / "docs" / "your-shop.md").read_text(encoding="utf-8") == document()


def test_an_absent_optional_column_is_staged_empty_with_its_type():
    found = CONTRACTS["products"].conform(frame("SELECT 'a' AS product_id, 'tea' AS category"))
    assert found.collect_schema()["is_private_brand"] == nw.Boolean
    assert found.collect("pandas").to_native()["package_size"].isna().all()


def test_an_absent_required_column_is_named_with_the_nearest():
    with pytest.raises(
        IngestError, match=r"products needs the column 'product_id' \(the product\).*product_ids"
    ):
        CONTRACTS["products"].conform(frame("SELECT 'a' AS product_ids"))


def test_a_column_that_no_staged_table_has_is_refused():
    with pytest.raises(IngestError, match="gives products the column 'colour'"):
        CONTRACTS["products"].conform(frame("SELECT 'a' AS product_id, 'red' AS colour"))


def test_money_stays_exact():
    lines = "SELECT 1 AS order_id, 2 AS customer_id, 3 AS product_id, 1 AS quantity, 0.1 AS revenue"
    when = "TIMESTAMP '2017-01-01 10:00:00' AS ordered_at, 17167 AS ordered_day, '2017-01' AS ordered_month"
    found = CONTRACTS["order_lines"].conform(frame(f"{lines}, {when} FROM range(10)"))
    (total,) = duckdb.from_query(found.select(nw.col("revenue").sum()).to_native().sql_query()).fetchall()
    assert str(total[0]) == "1.0000"
