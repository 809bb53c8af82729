"""Arithmetic tells amounts apart: which is price, quantity and total, and what a total has in it."""

from __future__ import annotations

import pandas as pd
import pytest

from regulars.ingest.guessing.amounts import Roles, includes_of, multiplies, parts_in, roles_of
from regulars.ingest.guessing.values import Profile, profiles_of
from tests.ingest.guessing.rows import exported, order_lines, orders


def profiles(names: dict[str, str]) -> dict[str, Profile]:
    return {profile.name: profile for profile in profiles_of(exported(order_lines(), names))}


def test_the_total_is_price_times_quantity_but_for_cents() -> None:
    lines = order_lines()
    assert multiplies(lines["quantity"], lines["price"], lines["goods"])
    assert not multiplies(lines["quantity"], lines["goods"], lines["price"])
    assert not multiplies(lines["quantity"], lines["price"], lines["gross"])
    rounded = pd.Series([6, 6, 3]), pd.Series([0.33, 1.67, 2.0]), pd.Series([2.0, 10.0, 6.0])
    assert multiplies(*rounded)


def test_where_all_quantities_are_one_nothing_is_told() -> None:
    lines = order_lines().assign(quantity=1)
    assert not multiplies(lines["quantity"], lines["price"], lines["price"])


def test_roles_are_found_without_any_name() -> None:
    free = profiles({"goods": "a", "price": "b", "quantity": "c", "tax": "d", "sku": "e"})
    assert roles_of({}, list(free.values())) == Roles("c", "b", "a")


def test_names_are_kept_where_arithmetic_agrees_and_exchanged_where_it_does_not() -> None:
    found = profiles({"goods": "total", "price": "price", "quantity": "quantity", "net": "net"})
    named = {"quantity": found["quantity"], "price": found["price"], "revenue": found["total"]}
    assert roles_of(named, [found["net"]]) == Roles("quantity", "price", "total")
    exchanged = {"quantity": found["quantity"], "price": found["total"], "revenue": found["price"]}
    assert roles_of(exchanged, [found["net"]]) == Roles("quantity", "price", "total")


def test_of_two_prices_that_fit_the_named_one_is_taken() -> None:
    lines = order_lines().assign(before=lambda t: t["price"] * 2, total_before=lambda t: t["goods"] * 2)
    names = {"before": "a", "total_before": "b", "quantity": "quantity", "price": "price", "goods": "total"}
    found = {profile.name: profile for profile in profiles_of(exported(lines, names))}
    named = {name: found[name] for name in ("quantity", "price")}
    assert roles_of(named, [found["a"], found["b"], found["total"]]) == Roles("quantity", "price", "total")


def test_no_roles_where_nothing_multiplies() -> None:
    free = profiles({"price": "b", "quantity": "c", "tax": "d"})
    assert roles_of({}, list(free.values())) is None


@pytest.mark.parametrize(
    ("parts", "used"),
    [
        (["tax", "shipping"], {"tax", "shipping"}),
        (["tax", "shipping", "discount"], {"tax", "shipping"}),
        (["tax"], None),
        ([], None),
    ],
)
def test_a_total_is_taken_apart(parts: list[str], used: set[str] | None) -> None:
    table = orders().assign(discount=3.0)
    assert parts_in(table["total"], table["net"], {name: table[name] for name in parts}) == used


def test_discounts_that_were_taken_off_are_told_from_those_that_were_not() -> None:
    lines = order_lines()
    parts = {"discount": lines["discount"], "tax": lines["tax"]}
    assert parts_in(lines["net"], lines["goods"], parts) == {"discount"}
    assert parts_in(lines["gross"], lines["goods"], parts) == {"discount", "tax"}
    assert includes_of({"discount", "tax"}, parts, listed=True) == ("tax",)
    assert parts_in(lines["goods"], lines["goods"], parts) == set()
    assert includes_of(set(), parts, listed=True) == ("discounts",)
    assert includes_of(set(), parts, listed=False) == ()
    assert includes_of(set(), {"discount": lines["discount"] * 0}, listed=True) == ()
