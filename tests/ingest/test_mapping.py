"""What a configuration may map, and the sentence for everything else."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from regulars.config import RawTable
from regulars.ingest.contracts import CONTRACTS, IngestError
from regulars.ingest.mapping import check_columns, closest, source_names, wanted_columns

THERE = ["id", "E-Mail", "Date", "Time", "Total", "Land"]


def sentence(
    table: str, columns: dict[str, str | list[str]], there: list[str] = THERE, **attributes: str
) -> str:
    with pytest.raises(IngestError) as caught:
        wanted = wanted_columns(table, RawTable(columns=columns, attributes=attributes))
        check_columns("shop.csv", there, wanted)
    said = str(caught.value)
    assert "\n" not in said and said.endswith((".", "?"))
    return said


def test_each_of_ours_gets_the_sources_names_attributes_last() -> None:
    raw = RawTable(
        columns={"customer_id": "id", "opted_in_at": ["Date", "Time"]}, attributes={"land_code": "Land"}
    )
    wanted = wanted_columns("customers", raw)
    assert list(wanted.items()) == [
        ("customer_id", ("id",)),
        ("opted_in_at", ("Date", "Time")),
        ("land_code", ("Land",)),
    ]
    check_columns("shop.csv", THERE, wanted)
    assert source_names(wanted) == {
        "customer_id": "id",
        "opted_in_at": "Date + Time",
        "land_code": "Land",
    }


def test_a_name_of_ours_that_is_not_known_is_refused_with_the_nearest() -> None:
    said = sentence("orders", {"order_id": "id", "revenu": "Total"})
    assert "'revenu'" in said and "did you mean 'revenue'?" in said


def test_columns_that_regulars_makes_are_not_mapped() -> None:
    assert "'ordered_day' is made by Regulars" in sentence("orders", {"ordered_day": "Date"})
    assert "did you mean 'email'?" in sentence("customers", {"email_hash": "E-Mail"})


def test_an_unknown_column_of_customers_may_be_an_attribute() -> None:
    assert "'attributes'" in sentence("customers", {"loyalty": "Land"})
    assert "'attributes'" not in sentence("orders", {"loyalty": "Land"})


def test_a_table_that_there_is_not_is_refused_with_the_nearest() -> None:
    said = sentence("ordres", {"order_id": "id"})
    assert "'ordres'" in said and "did you mean 'orders'?" in said


def test_attributes_are_only_for_tables_that_take_them() -> None:
    said = sentence("orders", {"order_id": "id"}, band="Land")
    assert "orders takes no 'attributes'" in said and "only customers" in said


@pytest.mark.parametrize("name", ["country", "Country", "email", "email_hash", "customer_id"])
def test_an_attribute_does_not_bear_a_name_that_the_table_has(name: str) -> None:
    columns: dict[str, str | list[str]] = {"gender": "id"}
    assert f"attribute '{name}'" in sentence("customers", columns, **{name: "Land"})


def test_a_mapped_column_that_is_absent_is_named_with_the_nearest_whatever_their_case() -> None:
    said = sentence("orders", {"order_id": "id", "revenue": "TOTAL "})
    assert said.startswith("shop.csv lacks the column 'TOTAL ', mapped to 'revenue'")
    assert "the nearest is 'Total'" in said


def test_one_absent_column_of_several_is_enough() -> None:
    assert "the column 'Tme'" in sentence("orders", {"ordered_at": ["Date", "Tme"]})


def test_without_a_near_name_the_first_that_there_are_are_shown() -> None:
    many = [f"column {n}" for n in range(500)]
    said = sentence("orders", {"order_id": "zzz"}, many)
    assert "'column 11' and 488 more" in said and "column 12" not in said


def test_a_column_that_stands_twice_in_the_source_is_refused_only_if_it_is_mapped() -> None:
    twice = ["id", "Total", "Total"]
    assert "more than once (columns 2 and 3)" in sentence("orders", {"revenue": "Total"}, twice)
    check_columns("shop.csv", twice, {"order_id": ("id",)})


def test_two_of_ours_on_one_column_are_refused() -> None:
    said = sentence("orders", {"revenue": "Total", "list_revenue": "Total"})
    assert "'revenue' and 'list_revenue'" in said and "'Total'" in said
    both: dict[str, str | list[str]] = {"ordered_at": ["Date", "Time"], "refunded_at": "Time"}
    assert "'ordered_at' and 'refunded_at'" in sentence("orders", both)
    assert "'customer_id' and 'land'" in sentence("customers", {"customer_id": "Land"}, land="Land")


def test_the_address_may_be_the_customer_but_nothing_else_besides() -> None:
    shared: dict[str, str | list[str]] = {"customer_id": "E-Mail", "email": "E-Mail"}
    wanted = wanted_columns("customers", RawTable(columns=shared))
    assert wanted == {"customer_id": ("E-Mail",), "email": ("E-Mail",)}
    assert "'email' and 'name'" in sentence("customers", {**shared, "name": "E-Mail"})


def test_names_are_near_whatever_stands_between_their_words() -> None:
    assert closest("order_id", ["Date", "Order ID"]) == ["Order ID"]
    assert closest("x", ["Date", "Order ID"]) == []
    assert closest("a", []) == []


names = strategies.text(min_size=1, max_size=12)


@given(strategies.lists(names, min_size=1, max_size=8, unique=True), strategies.data())
def test_whatever_is_mapped_one_to_one_comes_out_as_it_went_in(
    there: list[str], data: strategies.DataObject
) -> None:
    ours = data.draw(
        strategies.permutations(sorted(CONTRACTS["orders"].mappable)).map(lambda some: some[: len(there)])
    )
    mapped = dict(zip(ours, there, strict=True))
    wanted = wanted_columns("orders", RawTable(columns=dict(mapped)))
    check_columns("shop.csv", there, wanted)
    assert wanted == {our: (theirs,) for our, theirs in mapped.items()}


def test_an_empty_list_is_refused() -> None:
    assert "empty list" in sentence("orders", {"ordered_at": []})


def test_attributes_that_differ_only_in_case_are_refused() -> None:
    assert "but for its case" in sentence("customers", {"customer_id": "id"}, band="Land", Band="Total")


def test_a_table_that_is_only_made_is_not_given() -> None:
    assert "'returns'" in sentence("returns", {"order_id": "id"})
