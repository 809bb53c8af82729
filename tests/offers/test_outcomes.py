"""Outcomes per assigned customer, held against plain SQL; profit, held against a sum by hand."""

from datetime import date

import narwhals as nw
import pandas as pd
import pytest

from regulars import Shop
from regulars.offers import base_of, read_experiments
from regulars.offers.assignment import start_days
from regulars.offers.outcomes import observed, outcomes, profit

PLAN = read_experiments("demo")[0]
SUMS = ["orders", "revenue", "list_revenue", "first_list", "pre_orders", "pre_revenue", "pre_list_revenue"]

SQL = """
WITH windowed AS (
    SELECT *, ordered_on >= DATE '2017-10-01' AS during FROM (
        SELECT *, DATE '1970-01-01' + ordered_day::INT AS ordered_on FROM read_parquet('{path}')
    ) WHERE ordered_on >= DATE '2017-07-02' AND ordered_on < DATE '2017-10-29'
)
SELECT customer_id,
    count(*) FILTER (during) AS orders,
    coalesce(sum(revenue) FILTER (during), 0)::DOUBLE AS revenue,
    coalesce(sum(list_revenue) FILTER (during), 0)::DOUBLE AS list_revenue,
    coalesce(arg_min(list_revenue, (ordered_at, order_id)) FILTER (during), 0)::DOUBLE AS first_list,
    count(*) FILTER (NOT during) AS pre_orders,
    coalesce(sum(revenue) FILTER (NOT during), 0)::DOUBLE AS pre_revenue,
    coalesce(sum(list_revenue) FILTER (NOT during), 0)::DOUBLE AS pre_list_revenue
FROM windowed GROUP BY customer_id
"""


@pytest.fixture(scope="module")
def base(demo: Shop) -> pd.DataFrame:
    return base_of(demo, PLAN)


def test_every_column_equals_plain_sql(demo: Shop, base: pd.DataFrame) -> None:
    plain = demo.engine.sql(SQL.format(path=demo.staged("orders"))).df().set_index("customer_id")
    expected = plain.reindex(base["customer_id"]).fillna(0.0)[SUMS]
    assert expected["orders"].sum() > 10_000
    pd.testing.assert_frame_equal(
        base.set_index("customer_id")[SUMS], expected.astype(float), check_dtype=False, rtol=1e-12
    )


def test_only_the_assigned_are_there_each_once(demo: Shop) -> None:
    chosen = pd.DataFrame({"customer_id": ["1000", "1", "nobody"], "segment": "a", "mean_order": 1.0})
    found = outcomes(demo.engine, demo.table("orders"), chosen, PLAN)
    assert found["customer_id"].tolist() == ["1000", "1", "nobody"]
    assert found.loc[2, SUMS].tolist() == [0.0] * len(SUMS)
    assert (found.loc[:1, "orders"] > 0).all()


def test_customers_without_an_order_have_zeros(base: pd.DataFrame) -> None:
    silent = base[base["orders"] == 0]
    assert len(silent) > 100
    assert (silent[["revenue", "list_revenue", "first_list"]] == 0).all(axis=None)
    assert base.notna().all(axis=None)


def test_the_first_order_is_the_first_in_time_not_in_the_table(demo: Shop) -> None:
    day = PLAN.assigned_day
    times = ["2017-10-01 18:00", "2017-10-01 09:00", "2017-09-30 23:59", "2017-10-29 00:00"]
    orders = pd.DataFrame(
        {
            "order_id": ["a", "b", "c", "d"],
            "customer_id": "x",
            "ordered_at": pd.to_datetime(times),
            "ordered_day": [day, day, day - 1, PLAN.ended_day],
            "revenue": [1.0, 2.0, 4.0, 8.0],
            "list_revenue": [10.0, 20.0, 40.0, 80.0],
        }
    )
    lazy = nw.from_native(demo.engine.connection.from_df(orders))
    assigned = pd.DataFrame({"customer_id": ["x"], "segment": "s", "mean_order": 5.0})
    found = outcomes(demo.engine, lazy, assigned, PLAN).loc[0]
    assert found[["orders", "revenue", "list_revenue", "first_list"]].tolist() == [2, 3.0, 30.0, 20.0]
    assert found[["pre_orders", "pre_revenue", "pre_list_revenue"]].tolist() == [1, 4.0, 40.0]


STAGGERED = PLAN.model_copy(
    update={
        "planted": {},
        "power": (),
        "assigned_until": date(2017, 10, 20),
        "covariate_days": 30,
        "horizon_days": 14,
    }
)

OWN_WINDOW = """
WITH windowed AS (
    SELECT orders.*, ordered_day::INT - assigned_day AS since
    FROM read_parquet('{path}') AS orders JOIN starts USING (customer_id)
)
SELECT customer_id,
    count(*) FILTER (since BETWEEN 0 AND 13) AS orders,
    coalesce(sum(revenue) FILTER (since BETWEEN 0 AND 13), 0)::DOUBLE AS revenue,
    coalesce(sum(list_revenue) FILTER (since BETWEEN 0 AND 13), 0)::DOUBLE AS list_revenue,
    coalesce(arg_min(list_revenue, (ordered_at, order_id)) FILTER (since BETWEEN 0 AND 13), 0)::DOUBLE AS first_list,
    count(*) FILTER (since BETWEEN -30 AND -1) AS pre_orders,
    coalesce(sum(revenue) FILTER (since BETWEEN -30 AND -1), 0)::DOUBLE AS pre_revenue,
    coalesce(sum(list_revenue) FILTER (since BETWEEN -30 AND -1), 0)::DOUBLE AS pre_list_revenue
FROM windowed GROUP BY customer_id
"""


def test_each_customers_own_assignment_opens_their_window(demo: Shop, base: pd.DataFrame) -> None:
    starts = base[["customer_id", "segment", "mean_order"]].assign(
        assigned_day=start_days(base["customer_id"], STAGGERED).to_numpy()
    )
    assert starts["assigned_day"].nunique() == 20
    demo.engine.connection.register("starts", starts)
    sql = OWN_WINDOW.format(path=demo.staged("orders"))
    plain = demo.engine.sql(sql).df().set_index("customer_id")
    demo.engine.connection.unregister("starts")
    found = outcomes(demo.engine, demo.table("orders"), starts, STAGGERED).set_index("customer_id")
    expected = plain.reindex(found.index).fillna(0.0)[SUMS].astype(float)
    assert expected["orders"].sum() > 5_000
    pd.testing.assert_frame_equal(found[SUMS].astype(float), expected, rtol=1e-12)


def test_one_day_is_the_same_read_either_way(demo: Shop, base: pd.DataFrame) -> None:
    days = base[["customer_id", "segment", "mean_order"]].assign(assigned_day=PLAN.assigned_day)
    plan = PLAN.model_copy(update={"planted": {}, "power": (), "assigned_until": PLAN.assigned_on})
    found = outcomes(demo.engine, demo.table("orders"), days, plan)
    pd.testing.assert_frame_equal(found[SUMS], base[SUMS])


def test_observed_metrics_by_hand() -> None:
    arms = PLAN.arms | {"free-delivery": PLAN.arms["free-delivery"].model_copy(update={"contact_cost": 0.5})}
    plan = PLAN.model_copy(update={"planted": {}, "power": (), "arms": arms})
    table = pd.DataFrame(
        {
            "customer_id": ["buyer", "silent", "control"],
            "segment": "new",
            "arm": ["free-delivery", "free-delivery", "nothing"],
            "orders": [2, 0, 1],
            "revenue": [90.0, 0.0, 40.0],
            "list_revenue": [100.0, 0.0, 40.0],
            "pre_orders": [3, 0, 0],
            "pre_revenue": [60.0, 0.0, 0.0],
            "pre_list_revenue": [80.0, 0.0, 0.0],
        }
    )
    found = observed(table, plan, 0.25)
    # One delivery is paid for, of the order that takes the offer up; the contact is paid for, taken up or not.
    assert found["profit"].tolist() == pytest.approx([25 - 10 - 6 - 0.5, -0.5, 10])
    assert found["orders"].tolist() == [2.0, 0.0, 1.0]
    assert found["pre_orders"].tolist() == [3.0, 0.0, 0.0]
    assert found["conversion"].tolist() == [1.0, 0.0, 1.0]
    assert found["assigned_day"].eq(PLAN.assigned_day).all()
    own = observed(table, plan.model_copy(update={"margin_rate": 0.5}), 0.25)
    assert own["profit"].tolist() == pytest.approx([50 - 10 - 6 - 0.5, -0.5, 20])
    assert own["pre_profit"].tolist() == pytest.approx([40 - 20, 0, 0])


@pytest.mark.parametrize(
    ("listed", "received", "delivery", "margin", "expected"),
    [
        (100.0, 90.0, 0, 0.25, 15.0),  # not 12.5 (charged twice), not 22.5 (never charged)
        (100.0, 100.0, 0, 0.25, 25.0),
        (100.0, 100.0, 6, 0.25, 19.0),
        (100.0, 60.0, 6, 0.25, -21.0),
        (0.0, 0.0, 0, 0.25, 0.0),
    ],
)
def test_profit_charges_a_discount_once(
    listed: float, received: float, delivery: float, margin: float, expected: float
) -> None:
    assert profit(pd.Series([listed]), pd.Series([received]), delivery, margin).tolist() == [expected]
    reached = profit(pd.Series([listed]), pd.Series([received]), delivery, margin, contact=0.75)
    assert reached.tolist() == [expected - 0.75]
