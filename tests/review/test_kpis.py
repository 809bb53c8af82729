"""Key figures, held against plain SQL; their intervals, against a slow bootstrap and against the truth."""

from collections.abc import Callable

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.month import Month, months_between
from regulars.review import KPIS, compare_months, kpis_by_month, monthly_activity, written
from regulars.review.kpis import BLOCK

COLUMNS = ["customer", "is_guest", "month", "orders", "revenue"]
NAMES = [kpi.name for kpi in KPIS]

SQL = """
WITH each AS (
    SELECT ordered_month, customer_id, count(*) AS orders, sum(revenue) AS revenue
    FROM read_parquet('{path}') GROUP BY ALL
)
SELECT ordered_month AS month, count(customer_id)::DOUBLE AS "active customers", sum(orders)::DOUBLE AS orders,
    sum(revenue)::DOUBLE AS revenue, (sum(revenue) / sum(orders))::DOUBLE AS "average order value",
    count(*) FILTER (customer_id IS NOT NULL AND orders >= 2) / count(customer_id) AS "repeat rate"
FROM each GROUP BY month ORDER BY month
"""


@pytest.fixture(scope="module")
def activity(demo: Shop) -> pd.DataFrame:
    return monthly_activity(demo.engine, demo.table("orders"), demo.months())


def rows(*content: tuple[str, bool, str, int, float]) -> pd.DataFrame:
    return pd.DataFrame(content, columns=COLUMNS)


FEW = rows(
    ("a", False, "2017-10", 1, 30.0),
    ("a", False, "2017-11", 2, 30.0),
    ("b", False, "2017-11", 1, 10.0),
    ("guest 7", True, "2017-11", 1, 60.0),
    ("c", False, "2017-10", 3, 5.0),
)


def test_every_month_of_the_demo_equals_plain_sql(demo: Shop, activity: pd.DataFrame) -> None:
    plain = demo.engine.sql(SQL.format(path=demo.staged("orders"))).df().set_index("month")
    found = kpis_by_month(activity, demo.months())
    assert len(found) == 12
    np.testing.assert_allclose(found[NAMES], plain.loc[found.index, NAMES], rtol=1e-12)


def test_guests_count_in_orders_and_revenue_and_are_no_active_customers(demo: Shop) -> None:
    orders = {
        "order_id": ["1", "2", "3", "4"],
        "customer_id": ["a", "a", None, None],
        "ordered_month": "2017-11",
        "revenue": [1.0, 2.0, 4.0, 8.0],
    }
    lazy = nw.from_native(demo.engine.connection.from_df(pd.DataFrame(orders)))
    found = monthly_activity(demo.engine, lazy, [Month(2017, 11)])
    assert found["customer"].tolist() == ["a", "guest 3", "guest 4"]
    assert found["is_guest"].tolist() == [False, True, True]
    assert kpis_by_month(found, [Month(2017, 11)]).loc["2017-11"].tolist() == [1, 4, 15, 3.75, 1]


def slow_kpis(drawn: list[str], activity: pd.DataFrame, month: str) -> list[float]:
    """The key figures of one month when these customers, some of them repeatedly, are the base."""
    own = activity[activity["month"] == month].set_index("customer")
    active = orders = repeated = 0
    revenue = 0.0
    for customer in drawn:
        if customer in own.index:
            row = own.loc[customer]
            orders, revenue = orders + row["orders"], revenue + row["revenue"]
            active, repeated = (
                active + (not row["is_guest"]),
                repeated + (not row["is_guest"] and row["orders"] >= 2),
            )
    nan = float("nan")
    return [
        active,
        orders,
        revenue,
        revenue / orders if orders else nan,
        repeated / active if active else nan,
    ]


@pytest.mark.parametrize("draws", [BLOCK - 10, BLOCK + 30])
def test_intervals_equal_a_slow_bootstrap_with_the_same_weights(draws: int) -> None:
    found = compare_months(FEW, Month(2017, 11), Month(2017, 10), draws=draws, random_state=5)
    customers, rng = sorted(FEW["customer"].unique()), np.random.default_rng(5)
    now, before = [], []
    for _ in range(draws):
        drawn = [
            c
            for c, times in zip(customers, rng.poisson(1.0, len(customers)), strict=True)
            for _ in range(times)
        ]
        now.append(slow_kpis(drawn, FEW, "2017-11"))
        before.append(slow_kpis(drawn, FEW, "2017-10"))
    now, before = pd.DataFrame(now, columns=NAMES), pd.DataFrame(before, columns=NAMES, dtype=float)
    change = now / before.where(before > 0) - 1  # a customer is drawn into both months together
    for limits, draw in ((["low", "high"], now), (["change_low", "change_high"], change)):
        np.testing.assert_allclose(found[limits].T, draw.quantile([0.025, 0.975]), rtol=1e-9)


def test_a_change_is_compared_customer_by_customer() -> None:
    """Everybody doubles: each month is uncertain, the change is not."""
    sizes = np.random.default_rng(0).lognormal(3, 1, 80)
    twice = rows(
        *[
            (f"c{i}", False, m, 1, s * f)
            for i, s in enumerate(sizes)
            for m, f in (("2017-10", 1), ("2017-11", 2))
        ]
    )
    revenue = compare_months(twice, Month(2017, 11), Month(2017, 10), draws=200).loc["revenue"]
    assert revenue[["change", "change_low", "change_high"]].tolist() == pytest.approx([1, 1, 1])
    assert revenue["high"] > 1.2 * revenue["low"]


def test_the_range_is_of_at_most_eleven_months_before(activity: pd.DataFrame) -> None:
    found = compare_months(activity, Month(2017, 12), Month(2015, 1), draws=5).loc["revenue"]
    revenue = kpis_by_month(activity, months_between(Month(2017, 1), Month(2017, 11)))["revenue"]
    assert found[["range_months", "range_low", "range_high"]].tolist() == pytest.approx(
        [11, revenue.min(), revenue.max()]
    )
    assert found[["last_month", "value"]].tolist() == pytest.approx(
        [revenue.iloc[-1], kpis_by_month(activity, [Month(2017, 12)])["revenue"].iloc[0]]
    )


def test_the_first_month_has_no_past_and_an_interval_of_its_own() -> None:
    found = compare_months(FEW, Month(2017, 10), Month(2017, 10), draws=200)
    past = ["last_month", "change", "change_low", "change_high", "range_low", "range_high"]
    assert found[past].isna().all(axis=None)
    assert (found["range_months"] == 0).all()
    # All customers of the window are active in it, and still their number could have been another.
    assert found.loc["active customers", "low"] < 2 < found.loc["active customers", "high"]


@pytest.mark.parametrize(
    ("activity", "month", "first"),
    [
        (FEW, Month(2017, 11), Month(2017, 11)),
        (FEW, Month(2017, 11), Month(2017, 9)),
        (FEW, Month(2017, 10), Month(2017, 9)),
        (FEW, Month(2017, 12), Month(2017, 9)),
        (FEW.assign(is_guest=True), Month(2017, 11), Month(2017, 10)),
        (FEW[:0], Month(2017, 11), Month(2017, 11)),
        (FEW[:1], Month(2017, 11), Month(2017, 10)),
    ],
    ids=[
        "one month",
        "a silent month before",
        "a silent month last",
        "a silent month",
        "guests",
        "nothing",
        "one row",
    ],
)
def test_what_is_not_available_is_written_as_nothing(
    activity: pd.DataFrame, month: Month, first: Month
) -> None:
    text = written(compare_months(activity, month, first, draws=60), "$")
    values = [value for value in text.to_numpy().ravel() if isinstance(value, str)]
    assert text["key figure"].tolist() == NAMES
    assert not [value for value in values if "nan" in value or "inf" in value or "None" in value]


def test_amounts_are_written_in_their_units() -> None:
    text = written(compare_months(FEW, Month(2017, 11), Month(2017, 10), draws=60), "$").set_index(
        "key figure"
    )
    assert text["this month"].tolist() == ["2", "4", "$100.00", "$25.00", "50.0%"]
    assert text["last month"].tolist() == ["2", "4", "$35.00", "$8.75", "50.0%"]
    assert text.loc["revenue", "change"] == "+185.7%"


def shop_of(rng: np.random.Generator, expected: int, rate: float) -> pd.DataFrame:
    """Two months of a random number of customers with heavy-tailed order values; expected figures are known."""
    count = rng.poisson(expected)
    size = 30 * rng.lognormal(-0.5, 1, count)  # mean 30
    months = []
    for month in ("2017-10", "2017-11"):
        orders = rng.poisson(rate, count)
        who = np.flatnonzero(orders)
        months.append(
            pd.DataFrame(
                {"customer": [f"c{i}" for i in who], "is_guest": False, "month": month}
                | {"orders": orders[who], "revenue": (orders * size)[who]}
            )
        )
    return pd.concat(months)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "truth"),
    [
        (rate, lambda n, r: [n * (1 - np.exp(-r)), n * r, n * r * 30, 30, 1 - r / np.expm1(r)])
        for rate in (0.5, 3.0)
    ],
)
def test_intervals_cover_the_truth(rate: float, truth: Callable[[int, float], list[float]]) -> None:
    rng, expected, repeats = np.random.default_rng(8), 2000, 300
    true, inside, unchanged = np.array(truth(expected, rate)), [], []
    for _ in range(repeats):
        found = compare_months(shop_of(rng, expected, rate), Month(2017, 11), Month(2017, 10), draws=300)
        inside.append((found["low"] <= true) & (true <= found["high"]))
        unchanged.append((found["change_low"] <= 0) & (found["change_high"] >= 0))
    least = 0.93 - 3 * np.sqrt(0.93 * 0.07 / repeats)
    assert (pd.DataFrame(inside).mean() >= least).all(), pd.DataFrame(inside).mean()
    assert (pd.DataFrame(unchanged).mean() >= least).all(), pd.DataFrame(unchanged).mean()
