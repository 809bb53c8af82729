"""Corners of what is told by order lines, on shops small enough to read."""

import pandas as pd
import pytest

from tests.features.small import Row, line, of_one, taken

NEW = {"new product": None}


@pytest.mark.parametrize("day", [4, 7])
def test_equal_categories_are_told_apart_by_name_whenever_they_were_bought(day: int) -> None:
    lines = [
        line("1", "a", day, "milk"),
        line("2", "a", 5, "apple", revenue=0.5),
        line("3", "a", 6, "pear", revenue=0.5),
    ]
    names = ["top_category", "top_category_share", "categories_bought", "category_concentration"]
    for rows in (lines, lines[::-1]):
        found = of_one(rows)
        assert found[names].tolist() == ["dairy", 0.5, 2, 0.5]
        assert found["last_category"] == ("fruit" if day < 6 else "dairy")


def test_the_top_category_has_the_most_revenue_not_the_first_name_or_the_most_lines() -> None:
    lines = [line("1", "a", 5, "milk"), line("2", "a", 6, "milk"), line("3", "a", 7, "apple", revenue=6.0)]
    found = of_one(lines)
    assert found[["top_category", "top_category_share"]].tolist() == ["fruit", 0.75]
    assert found["category_concentration"] == 0.75**2 + 0.25**2


@pytest.mark.parametrize(("milk", "last"), [(2.0, "dairy"), (1.0, "dairy"), (0.5, "fruit")])
def test_of_categories_bought_on_the_last_day_the_one_with_most_revenue_in_all_is_last(
    milk: float, last: str
) -> None:
    lines = [
        line("1", "a", 9, "milk", revenue=milk),
        line("2", "a", 9),
        line("3", "a", 8, "bag", revenue=9.0),
    ]
    assert of_one(lines)["last_category"] == last


def test_a_category_that_earned_nothing_has_a_name_and_no_share() -> None:
    found = of_one([line("1", "a", 5, "milk", revenue=0.0)])
    assert found["top_category"] == "dairy"
    assert found[["top_category_share", "category_concentration", "private_brand_share"]].isna().all()


@pytest.mark.parametrize(("product", "products"), [("bag", 1), ("unheard-of", 1), (None, 0)])
def test_a_line_without_a_category_counts_as_a_line_and_in_no_category(
    product: str | None, products: int
) -> None:
    found = of_one([line("1", "a", 5, product)])
    assert found[["lines_per_order", "categories_bought", "products_bought"]].tolist() == [1, 0, products]
    assert found[["top_category", "top_category_share", "last_category"]].isna().all()


def test_in_a_shop_without_categories_nobody_can_say_how_many_were_bought() -> None:
    found = of_one([line("1", "a", 5)], products={"apple": None})
    assert pd.isna(found["categories_bought"])
    assert found[["products_bought", "private_brand_share"]].tolist() == [1, 1.0]


def test_without_products_there_are_no_categories_and_there_is_the_rest() -> None:
    found = of_one([line("1", "a", 5)], products=None)
    assert found[["categories_bought", "top_category", "private_brand_share"]].isna().all()
    assert found[["products_bought", "items_per_line"]].tolist() == [1, 1.0]


def test_a_line_on_which_nothing_was_sold_is_money_and_no_line() -> None:
    found = of_one([line("1", "a", 5, "apple"), line("1", "a", 5, "milk", quantity=0, revenue=9.0)])
    names = ["revenue", "lines_per_order", "categories_bought", "top_category", "products_bought"]
    assert found[names].tolist() == [10, 1, 1, "fruit", 1]


def test_postage_is_money_and_no_product() -> None:
    postage = {"revenue": 6.0, "discount": 3.0, "is_product": False}
    found = taken(
        [line("1", "a", 5, "post", **postage), line("1", "a", 5), line("2", "b", 5, "post", **postage)]
    )
    assert found["revenue"].tolist() == [7.0, 6.0]
    assert found["lines_per_order"].tolist() == [1.0, 0.0]
    assert found["products_bought"].tolist() == [1, 0]
    assert found["categories_bought"].tolist() == [1, 0]
    assert found.loc["a", ["items_per_line", "full_price_share"]].tolist() == [1.0, 1.0]
    assert found.loc["b", ["items_per_line", "full_price_share", "new_product_share"]].isna().all()
    assert found["discount_depth"].isna().all()


def test_what_came_back_is_no_line_that_was_bought() -> None:
    lines = [line("1", "a", 5, quantity=4), line("2", "a", 6, "milk", quantity=-1, revenue=-3.0)]
    found = of_one(lines)
    assert found[["products_bought", "categories_bought", "items_per_line"]].tolist() == [1, 1, 4.0]


def test_a_line_without_a_quantity_is_one_that_was_sold() -> None:
    found = of_one([line("1", "a", 5, quantity=None), line("1", "a", 5, "milk", quantity=3)])
    assert found[["products_bought", "items_per_line"]].tolist() == [2, 3.0]


def test_the_median_quantity_lies_between_the_two_in_the_middle() -> None:
    found = of_one([line("1", "a", 5, quantity=quantity) for quantity in (9, 1, 2, 1.5)])
    assert found["items_per_line"] == 1.75


def launched(day: int, *bought: int, guest: bool = False) -> list[Row]:
    """A shop that opened on day 10, a product first sold on a day, and the days on which `a` bought it."""
    first = line("first", None if guest else "b", day, "new product")
    return [line("0", None, 10), first, *(line(str(n), "a", n, "new product") for n in bought)]


@pytest.mark.parametrize(
    ("day", "bought", "expected"),
    [
        (100, [130], 1.0),
        (100, [131], 0.0),
        (100, [130, 131], 0.5),
        (99, [99], 0.0),  # what first sold in the first ninety days may have been sold before them
        (10, [105], 0.0),
    ],
)
@pytest.mark.parametrize("guest", [True, False])
def test_a_product_is_new_for_thirty_days_after_its_first_sale_to_anybody(
    day: int, bought: list[int], expected: float, guest: bool
) -> None:
    found = of_one(launched(day, *bought, guest=guest), 200, products=NEW)
    assert found["new_product_share"] == expected


def test_a_first_sale_that_is_still_to_come_or_came_back_launches_nothing() -> None:
    returned = line("r", None, 120, "new product", quantity=-1, revenue=-1.0)
    found = of_one([*launched(160, 170), returned], 175, products=NEW)
    assert found["new_product_share"] == 1.0


@pytest.mark.parametrize(("day", "is_told"), [(100, False), (101, True)])
def test_in_the_first_ninety_days_nobody_can_say_what_is_new(day: int, is_told: bool) -> None:
    assert pd.notna(of_one([line("1", "a", 10)], day)["new_product_share"]) == is_told


def test_a_line_without_a_product_is_not_new() -> None:
    found = of_one([*launched(100, 110), line("2", "a", 110, None)], 200, products=NEW)
    assert found["new_product_share"] == 0.5


def test_a_discount_is_as_deep_as_on_the_lines_that_had_one() -> None:
    lines = [line("1", "a", 5, revenue=6.0, discount=2.0), line("1", "a", 5, "milk", revenue=8.0)]
    found = of_one(lines)
    assert found[["full_price_share", "discount_depth", "discount_share"]].tolist() == [0.5, 0.25, 0.125]


def test_a_coupon_that_is_worth_more_than_the_price_takes_all_of_it_and_no_more() -> None:
    cheap = line("1", "a", 5, revenue=0.0, discount=3.0) | {"list_revenue": 2.0}
    found = of_one([cheap])
    assert found[["discount_depth", "discount_share", "full_price_share"]].tolist() == [1.0, 1.0, 0.0]


def test_own_brands_are_a_share_of_the_revenue_whose_brand_is_known() -> None:
    lines = [line("1", "a", 5, revenue=1.0), line("1", "a", 5, "pear", revenue=3.0)]
    assert of_one([*lines, line("1", "a", 5, "bag", revenue=99.0)])["private_brand_share"] == 0.25


@pytest.mark.parametrize("revenue", [0.21, 0.35, 0.41, 150000.0])
def test_who_buys_one_category_is_as_focused_as_can_be_and_not_more(revenue: float) -> None:
    found = of_one([line("1", "a", 5, revenue=revenue)])
    assert found[["top_category_share", "category_concentration"]].tolist() == [1.0, 1.0]
