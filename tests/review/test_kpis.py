"""Key figures, held against plain SQL; their intervals, against a slow bootstrap and against the truth."""

import re

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.month import Month, months_between
from regulars.review import KPIS, compare_months, facts, kpis_by_month, monthly_activity, written
from regulars.review.bootstrap import BLOCK, interval
from tests.review.coverage import SHOPS, Tails, coverage

COLUMNS = ["customer", "is_guest", "month", "orders", "revenue"]
NAMES = [kpi.name for kpi in KPIS]
UNITS = [kpi.unit for kpi in KPIS]

SQL = """
WITH each AS (
    SELECT ordered_month, customer_id, count(*) AS orders, sum(revenue) AS revenue
    FROM read_parquet('{path}') GROUP BY ALL
)
SELECT ordered_month AS month, count(customer_id)::DOUBLE AS "active customers", sum(orders)::DOUBLE AS orders,
    sum(revenue)::DOUBLE AS revenue, (sum(revenue) / sum(orders))::DOUBLE AS "average order value",
    count(*) FILTER (customer_id IS NOT NULL AND orders >= 2) / count(customer_id) AS "repeat rate",
    CASE WHEN month >= '2017-04' THEN count(*) FILTER (ordered_month = first)::DOUBLE END AS "new customers"
FROM each LEFT JOIN (SELECT customer_id, min(ordered_month) AS first FROM each GROUP BY ALL) USING (customer_id)
GROUP BY month ORDER BY month
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
    assert found["new customers"].isna().tolist() == [True] * 3 + [False] * 9


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
    assert kpis_by_month(found, [Month(2017, 11)]).loc["2017-11"].tolist()[:5] == [1, 4, 15, 3.75, 1]


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
        nan,  # too little history to know who is new
    ]


def several() -> pd.DataFrame:
    """Some forty customers and guests over two months, enough that no draw lacks a figure."""
    rng, content = np.random.default_rng(3), []
    for i in range(40):
        name, guest = (f"guest {i}", True) if i % 8 == 0 else (f"c{i}", False)
        for month in ("2017-10", "2017-11"):
            if (orders := int(rng.poisson(1.5))) and not (guest and month == "2017-10"):
                content.append((name, guest, month, 1 if guest else orders, float(rng.lognormal(3, 1))))
    return rows(*content)


def slow_errors(drawn: list[str], activity: pd.DataFrame, month: str) -> dict[str, float]:
    """The standard errors of log revenue and of log average order value, customer by customer."""
    own = activity[activity["month"] == month].set_index("customer")
    kept = own.loc[[name for name in drawn if name in own.index], ["orders", "revenue"]].astype(float)
    shares = kept / kept.sum()
    return {
        "revenue": np.sqrt((shares["revenue"] ** 2).sum()),
        "average order value": np.sqrt(((shares["revenue"] - shares["orders"]) ** 2).sum()),
    }


@pytest.mark.parametrize(
    ("activity", "draws"), [(FEW, BLOCK - 10), (FEW, BLOCK + 30), (several(), BLOCK + 30)]
)
def test_intervals_equal_a_slow_bootstrap_with_the_same_weights(activity: pd.DataFrame, draws: int) -> None:
    found = compare_months(activity, Month(2017, 11), Month(2017, 10), draws=draws, random_state=5)
    customers, rng = sorted(activity["customer"].unique()), np.random.default_rng(5)
    now, before, errors = [], [], []
    for _ in range(draws):
        drawn = [
            c
            for c, times in zip(customers, rng.poisson(1.0, len(customers)), strict=True)
            for _ in range(times)
        ]
        now.append(slow_kpis(drawn, activity, "2017-11"))
        before.append(slow_kpis(drawn, activity, "2017-10"))
        errors.append(slow_errors(drawn, activity, "2017-11"))
    now, before = pd.DataFrame(now, columns=NAMES), pd.DataFrame(before, columns=NAMES, dtype=float)
    change = now / before.where(before > 0)  # a customer is drawn into both months together
    for name, unit in zip(NAMES, UNITS, strict=True):
        row = found.loc[name]
        own = None
        if unit == "money":
            seen = slow_errors(customers, activity, "2017-11")[name]
            own = seen, np.array([error[name] for error in errors])
        expected = interval(row["value"], now[name].to_numpy(float), unit, own)
        np.testing.assert_allclose(row[["low", "high"]].astype(float), expected)
        np.testing.assert_allclose(
            row[["change_low", "change_high"]].astype(float) + 1,
            interval(row["change"] + 1, change[name].to_numpy(float), "times"),
        )


def test_an_interval_is_symmetric_on_its_scale_and_read_off_the_draws_where_there_is_none() -> None:
    draws = np.random.default_rng(0).lognormal(3, 0.2, 4000)
    low, high = interval(20.0, draws, "money")
    assert low * high == pytest.approx(20.0**2)
    assert np.log(high / low) == pytest.approx(2 * 1.96 * 0.2, rel=0.05)
    low, high = interval(0.9, np.random.default_rng(0).beta(90, 10, 4000), "share")
    assert 0.8 < low < 0.9 < high < 0.96
    assert low / (1 - low) * high / (1 - high) == pytest.approx(81)
    assert interval(0.0, np.zeros(100), "share") == (0.0, 0.0)
    often_none = np.r_[np.zeros(50), np.linspace(1, 2, 950)]
    assert interval(1.5, often_none, "money") == tuple(np.quantile(often_none, [0.025, 0.975]))
    assert np.isnan(interval(np.nan, draws, "money")).all()
    skewed = 0.2 * np.where(
        draws < 20, 0.5, 1.0
    )  # who draws little also sees little of how much there might be
    assert interval(20.0, draws, "money", (0.2, skewed))[0] == interval(20.0, draws, "money")[0]
    far = 20 * np.exp(-0.2 * np.quantile(np.log(draws / 20) / skewed, 0.025))
    assert interval(20.0, draws, "money", (0.2, skewed))[1] == pytest.approx(far)
    assert far > 1.1 * interval(20.0, draws, "money")[1]
    assert np.isnan(interval(1.0, np.full(9, np.nan), "money")).all()


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
    assert text["this month"].tolist()[:5] == ["2", "4", "$100.00", "$25.00", "50.0%"]
    assert text["last month"].tolist()[:5] == ["2", "4", "$35.00", "$8.75", "50.0%"]
    assert text.loc["revenue", "change"] == "+185.7%"


def test_what_a_figure_is_compared_with_is_told_in_words_and_left_out_where_unknown() -> None:
    compared = compare_months(FEW, Month(2017, 11), Month(2017, 10), draws=60)
    compared.loc["repeat rate", ["range_low", "range_high", "range_months"]] = [0.25, 0.5, 4]
    compared.loc["time to repeat"] = compared.loc["orders"]
    told = facts(compared, pd.Series({"revenue": "$20.00 to $90.00"}), "$")
    assert list(told) == list(compared.index)
    assert list(told["revenue"]) == ["95% interval", "last month", "usual"]
    assert re.fullmatch(r"\$35\.00, \+185\.7% \([+−].*% to \+.*%\)", told["revenue"]["last month"])
    assert told["repeat rate"]["months before"] == "25.0% to 50.0%"
    assert "months before" not in told["orders"]  # one month is no range
    assert re.fullmatch(r"\d+ days?", told["time to repeat"]["last month"])  # of so few, no percentage


def test_last_year_is_compared_where_there_is_one_and_is_not_in_the_range() -> None:
    months = ("2016-11", "2017-10", "2017-11")
    content = [(f"c{i}", False, m, 1, 10.0 * (1 + n)) for i in range(30) for n, m in enumerate(months)]
    found = compare_months(rows(*content), Month(2017, 11), Month(2016, 11), draws=100).loc["revenue"]
    assert found[["value", "last_month", "last_year"]].tolist() == [900, 600, 300]
    assert found[["year_change", "year_change_low", "year_change_high"]].tolist() == pytest.approx([2, 2, 2])
    assert found[["range_months", "range_high"]].tolist() == [11, 600]
    without = compare_months(rows(*content), Month(2017, 11), Month(2016, 12), draws=100).loc["revenue"]
    assert without[["last_year", "year_change", "year_change_low"]].isna().all()
    text = written(compare_months(rows(*content), Month(2017, 11), Month(2016, 11), draws=60), "$")
    assert text.set_index("key figure").loc["revenue", ["last year", "change on last year"]].tolist() == [
        "$300.00",
        "+200.0%",
    ]


def test_who_is_new_is_known_after_ninety_days_only() -> None:
    found = kpis_by_month(
        rows(
            ("a", False, "2017-01", 1, 1.0),
            ("b", False, "2017-03", 1, 1.0),
            ("a", False, "2017-04", 2, 1.0),
            ("c", False, "2017-04", 2, 1.0),
            ("d", False, "2017-04", 0, -1.0),
            ("guest 1", True, "2017-04", 1, 1.0),
            ("d", False, "2017-06", 1, 1.0),
        ),
        months_between(Month(2017, 1), Month(2017, 6)),
    )
    assert found["new customers"].tolist() == pytest.approx([np.nan] * 3 + [1, 0, 1], nan_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("tails", SHOPS, ids=str)
def test_intervals_cover_the_truth(tails: Tails) -> None:
    repeats = 300
    least = 0.93 - 3 * np.sqrt(0.93 * 0.07 / repeats)
    held = pd.DataFrame(coverage(tails, repeats, processes=1), columns=NAMES)
    assert (held >= least).all(axis=None), held
