"""Every feature of two hundred customers of each of three shops is what the register says, computed again by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.features import snapshot_of
from regulars.month import Month
from tests.features.books import opened
from tests.features.by_hand import by_hand

CUSTOMERS, PROSPECTS = 200, 30
MONTHS = [
    ("demo", "2017-03"),
    ("demo", "2017-12"),
    ("online_retail", "2011-02"),
    ("online_retail", "2011-11"),
    ("simulated", "2024-09"),
    ("simulated", "2025-12"),
]


def sample(found: pd.DataFrame) -> list[str]:
    """Two hundred customers, thirty of them without an order where there are so many."""
    rng = np.random.default_rng(2017)
    bought = found["frequency"] > 0
    prospects = rng.permutation(np.sort(found.index[~bought]))[:PROSPECTS].tolist()
    return prospects + rng.permutation(np.sort(found.index[bought]))[: CUSTOMERS - len(prospects)].tolist()


def is_same(found: Any, expected: Any) -> bool:
    """Names, flags and what is missing exactly; numbers to 1e-9 of one or of themselves."""
    if expected is None or pd.isna(found):
        return expected is None and bool(pd.isna(found))
    if isinstance(expected, (str, bool)):
        return bool(found == expected)
    return math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize(("name", "month"), MONTHS)
def test_two_hundred_customers_recomputed_by_hand_agree_in_every_feature(
    request: pytest.FixtureRequest, name: str, month: str
) -> None:
    shop: Shop = request.getfixturevalue(name)
    day = Month.parse(month).snapshot_day
    whole = shop.engine.collect(snapshot_of(shop, day), "customer_id").set_index("customer_id")
    found = whole[[name for name in whole if not name.startswith("value_")]]
    chosen = sample(found)
    assert len(chosen) == CUSTOMERS
    books = opened(shop.staged("").parent, day, chosen)
    expected = {customer: by_hand(books, customer) for customer in chosen}
    assert {frozenset(values) for values in expected.values()} == {frozenset(found.columns)}
    rows = found.loc[chosen].astype(object).to_dict("index")
    wrong = [
        (feature, customer, rows[customer][feature], value)
        for customer, values in expected.items()
        for feature, value in values.items()
        if not is_same(rows[customer][feature], value)
    ]
    assert wrong == []
