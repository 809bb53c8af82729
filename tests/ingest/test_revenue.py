"""Revenue is what the configuration says, from whatever amounts a source has: each combination, by hand."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.config import Format
from regulars.config.shop import Revenue
from regulars.ingest import IngestError, in_words
from regulars.ingest.revenue import with_revenue

PARTS = ("tax", "shipping", "discounts")
GOODS = Decimal("80.00")  # after discounts, without tax and shipping
AMOUNTS = {"tax": Decimal("16.99"), "shipping": Decimal("4.95"), "discounts": Decimal("20.01")}
COLUMNS = {"tax": "tax", "shipping": "shipping", "discounts": "discount"}
CHOICES = [
    tuple(part for part, is_in in zip(PARTS, which, strict=True) if is_in)
    for which in product([0, 1], repeat=3)
]


def found(
    row: dict[str, Any],
    includes: tuple[Any, ...] = (),
    revenue: dict[str, str] | None = None,
    **options: bool,
) -> dict[str, Any]:
    """The amounts of a row of money, quantities and texts."""
    types = {"coupon_id": "VARCHAR"}
    cells = ", ".join(
        f"{'NULL' if value is None else repr(str(value))}::{types.get(name, 'DECIMAL(18, 4)')} AS {name}"
        for name, value in row.items()
    )
    wanted = Revenue.model_validate(revenue or {})
    given = Format(includes=includes)
    query = with_revenue(f"SELECT {cells}", list(row), given, wanted, "orders", **options)
    names = ("revenue", "list_revenue", "discount", "coupon_discount")
    (amounts,) = duckdb.sql(f"SELECT {', '.join(names)} FROM ({query})").fetchall()
    return dict(zip(names, amounts, strict=True))


@pytest.mark.parametrize("includes", CHOICES)
@pytest.mark.parametrize("wanted", CHOICES)
def test_every_combination_of_what_is_in_it_and_what_is_to_be(
    includes: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    row = {COLUMNS[part]: AMOUNTS[part] for part in PARTS}
    row["revenue"] = GOODS + sum(AMOUNTS[part] for part in includes)
    revenue = {part: "in" if part in wanted else "out" for part in PARTS}
    amounts = found(row, includes, revenue)
    assert amounts["revenue"] == GOODS + sum(AMOUNTS[part] for part in wanted)
    not_taken_off = "discounts" in wanted
    assert amounts["list_revenue"] == amounts["revenue"] + (0 if not_taken_off else AMOUNTS["discounts"])
    assert amounts["discount"] == AMOUNTS["discounts"]


def test_price_times_quantity_is_the_amount_where_there_is_no_other() -> None:
    assert found({"price": "2.50", "quantity": "3"})["revenue"] == Decimal("7.50")
    assert found({"price": "0.333", "quantity": "1.5"})["revenue"] == Decimal("0.4995")
    both = {"price": "2.50", "quantity": "3", "revenue": "7.00"}
    assert found(both)["revenue"] == Decimal("7.00")
    assert found(both | {"revenue": None})["revenue"] == Decimal("7.50")
    assert found({"price": None, "quantity": "3"})["revenue"] is None


def test_a_product_that_no_amount_can_hold_is_no_amount() -> None:
    assert found({"price": "99999999", "quantity": "12345678901234"})["revenue"] is None


def test_a_part_that_is_blank_in_a_row_is_nothing() -> None:
    row = {"revenue": "10.00", "tax": None, "shipping": None, "discount": None}
    everything = dict.fromkeys(PARTS, "in")
    assert found(row, (), everything)["revenue"] == 10
    assert found(row, PARTS)["revenue"] == 10
    assert found(row)["discount"] is None


@pytest.mark.parametrize("sign", ["", "-"])
def test_discounts_are_what_the_customer_saved_whichever_sign_they_have(sign: str) -> None:
    row = {"revenue": "100.00", "discount": f"{sign}20.00"}
    assert found(row, ("discounts",))["revenue"] == 80
    amounts = found(row)
    assert (amounts["revenue"], amounts["list_revenue"], amounts["discount"]) == (100, 120, 20)


def test_a_tax_below_zero_is_one_that_went_back() -> None:
    assert found({"revenue": "-119.00", "tax": "-19.00"}, ("tax",))["revenue"] == -100


def test_a_list_price_that_is_given_stays_and_is_revenue_where_discounts_are_not_taken_off() -> None:
    row = {"revenue": "80.00", "list_revenue": "95.00", "discount": "20.00"}
    assert found(row)["list_revenue"] == 95
    assert found(row, (), {"discounts": "in"})["revenue"] == 95


def test_the_discount_of_an_order_with_a_coupon_came_by_coupon() -> None:
    row = {"revenue": "80.00", "discount": "20.00"}
    assert found(row | {"coupon_id": "SPRING"})["coupon_discount"] == 20
    assert found(row | {"coupon_id": None})["coupon_discount"] == 0
    assert found(row | {"coupon_id": "SPRING", "coupon_discount": "5.00"})["coupon_discount"] == 5
    assert found(row)["coupon_discount"] is None


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_part_that_the_definition_needs_and_the_source_lacks_is_said_with_both_ways_out(
    part: str, is_there: bool
) -> None:
    includes, wanted = ((part,), "out") if is_there else ((), "in")
    with pytest.raises(IngestError) as error:
        found({"revenue": "10.00"}, includes, {part: wanted})
    said = str(error.value)
    assert said.startswith(
        f"Revenue is to be {'without' if is_there else 'with'} {part}, but the amounts of orders are"
    )
    assert f"no column '{COLUMNS[part]}' is mapped" in said
    assert f"revenue: {{{part}: {'in' if is_there else 'out'}}}" in said
    # What the sentence advises works.
    assert found({"revenue": "10.00"}, includes, {part: "in" if is_there else "out"})["revenue"] == 10
    assert (
        found({"revenue": "10.00", COLUMNS[part]: "1.00"}, includes, {part: wanted})["revenue"]
        == 10 + (-1) ** is_there
    )


def test_lines_may_lack_a_part_where_their_orders_say_it() -> None:
    everything = dict.fromkeys(PARTS, "in")
    assert found({"revenue": "10.00"}, (), everything, is_lenient=True)["revenue"] == 10
    assert found({"revenue": "10.00"}, ("tax",), {}, is_lenient=True)["revenue"] == 10
    assert found({"revenue": "12.00", "tax": "2.00"}, ("tax",), {}, is_lenient=True)["revenue"] == 10
    assert found({"revenue": "10.00", "tax": "2.00"}, (), everything, is_lenient=True)["revenue"] == 12


@pytest.mark.parametrize("columns", [{"tax": "1.00"}, {"price": "1.00"}, {"quantity": "1"}])
def test_without_any_amount_the_source_is_told_what_to_map(columns: dict[str, str]) -> None:
    with pytest.raises(
        IngestError, match=r"orders needs the column 'revenue'.* or both 'price' and 'quantity'"
    ):
        found(columns)


MONEY = st.decimals(Decimal("-99999"), Decimal("99999"), places=4)


@settings(max_examples=40)
@given(
    goods=MONEY,
    tax=MONEY,
    shipping=MONEY,
    discount=MONEY.map(abs),
    includes=st.sampled_from(CHOICES),
    wanted=st.sampled_from(CHOICES),
)
def test_no_amount_loses_a_hundredth_of_a_cent(
    goods: Decimal,
    tax: Decimal,
    shipping: Decimal,
    discount: Decimal,
    includes: tuple[str, ...],
    wanted: tuple[str, ...],
) -> None:
    parts = {"tax": tax, "shipping": shipping, "discounts": discount}
    row = {COLUMNS[part]: amount for part, amount in parts.items()}
    row["revenue"] = goods + sum(parts[part] for part in includes)
    amounts = found(row, includes, {part: "in" if part in wanted else "out" for part in PARTS})
    assert amounts["revenue"] == goods + sum(parts[part] for part in wanted)


def test_the_page_says_what_is_in_it() -> None:
    assert in_words(Revenue())["in revenue"].tolist()[:3] == ["no", "no", "taken off"]
    everything = Revenue(tax="in", shipping="in", discounts="in", returns="in")
    assert in_words(everything)["in revenue"].tolist() == ["yes", "yes", "not taken off", "not taken off"]
