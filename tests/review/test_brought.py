"""What segments brought in: the money is where the customers were."""

import pandas as pd
import pytest

from regulars import Shop
from regulars.month import Month
from regulars.review import compare_months, monthly_activity, revenue_by_segment
from regulars.review.brought import SEGMENT_KPIS, kpis_by_segment, written_by_segment
from regulars.segments import JOINED, segment_by_rules


def segments(demo: Shop, month: str) -> pd.Series:
    frame = segment_by_rules(demo.snapshot(month))
    return demo.engine.collect(frame, "customer_id").set_index("customer_id")["four_core"]


def test_segments_revenue_sums_to_the_months(demo: Shop) -> None:
    activity = monthly_activity(demo.engine, demo.table("orders"), [Month(2017, 12)])
    before = segments(demo, "2017-11")
    found = revenue_by_segment(activity, before, "2017-12")
    path = demo.staged("orders")
    plain = demo.engine.sql(
        f"SELECT sum(revenue)::DOUBLE, count(*), count(DISTINCT customer_id) FROM read_parquet('{path}') "
        "WHERE ordered_month = '2017-12' AND customer_id IS NOT NULL"
    ).fetchall()[0]
    assert found[["revenue", "orders", "active"]].sum().tolist() == pytest.approx(plain, abs=1e-4)
    sizes = before.value_counts()
    assert found["customers"].drop(JOINED).to_dict() == sizes.to_dict()
    assert (found["revenue_per_customer"] * found["customers"]).tolist() == pytest.approx(
        found["revenue"].tolist()
    )


def test_guests_are_in_no_segment_and_the_silent_count_in_theirs() -> None:
    activity = pd.DataFrame(
        [
            ("1", False, "m", 2, 30.0),
            ("9", False, "m", 1, 5.0),
            ("guest 1", True, "m", 1, 99.0),
            ("2", False, "l", 1, 7.0),
        ],
        columns=["customer", "is_guest", "month", "orders", "revenue"],
    )
    found = revenue_by_segment(activity, pd.Series({"1": "a", "2": "a"}), "m")
    assert found.loc["a"].tolist() == [2, 1, 2, 30.0, 15.0]
    assert found.loc[JOINED].tolist() == [1, 1, 1, 5.0, 5.0]


COMPARED = ["value", "low", "high", "last_month", "change", "change_low", "change_high"]


def test_each_segments_figures_equal_plain_sql_and_sum_to_the_months(demo: Shop) -> None:
    months = [Month(2017, 11), Month(2017, 12)]
    activity = monthly_activity(demo.engine, demo.table("orders"), months)
    labels = {month: segments(demo, str(month.previous)) for month in months}
    found = kpis_by_segment(activity, labels, months[1], draws=30)
    for month, column in zip(months, ("last_month", "value"), strict=True):
        label = labels[month].rename("segment").rename_axis("customer_id").reset_index()
        demo.engine.connection.register("label", label)
        plain = demo.engine.sql(
            f"""SELECT coalesce(segment, '{JOINED}') AS segment, count(*) AS active, sum(n) AS orders, sum(r) AS revenue,
                avg((n >= 2)::INT) AS repeated FROM (SELECT customer_id, count(*) AS n, sum(revenue)::DOUBLE AS r
                    FROM read_parquet('{demo.staged("orders")}') WHERE ordered_month = '{month}' GROUP BY ALL)
                LEFT JOIN label USING (customer_id) WHERE customer_id IS NOT NULL GROUP BY ALL"""
        ).df().set_index("segment")  # fmt: skip
        demo.engine.connection.unregister("label")
        for name, of in (("active customers", "active"), ("revenue", "revenue"), ("repeat rate", "repeated")):
            figures = found.loc[name].set_index("segment")[column]
            assert figures.to_dict() == pytest.approx(plain[of].to_dict())
    sizes = found.loc["orders"].set_index("segment")["customers"].drop(JOINED)
    assert sizes.to_dict() == labels[months[1]].value_counts().to_dict()
    assert found.loc["revenue", "value"].is_monotonic_decreasing


def test_a_segment_of_everybody_is_the_shop() -> None:
    activity = pd.DataFrame(
        [
            (f"c{i}", False, m, 1 + i % 3, 10.0 + i)
            for i in range(30)
            for m in ("2016-12", "2017-11", "2017-12")
        ],
        columns=["customer", "is_guest", "month", "orders", "revenue"],
    )
    months = [Month(2016, 12), Month(2017, 11), Month(2017, 12)]
    everyone = dict.fromkeys(months, pd.Series("all", index=[f"c{i}" for i in range(30)]))
    found = kpis_by_segment(activity, everyone, months[2], draws=60, random_state=4)
    shop = compare_months(activity, months[2], months[1], draws=60, random_state=4)
    names = [kpi.name for kpi in SEGMENT_KPIS]
    pd.testing.assert_frame_equal(found.loc[names, COMPARED], shop.loc[names, COMPARED])
    assert found["last_year"].tolist() == pytest.approx(found["last_month"].tolist())
    assert (found["range_months"] == 1).all()


def test_a_first_month_has_segments_without_a_past_and_guests_are_in_none() -> None:
    activity = pd.DataFrame(
        [
            ("1", False, "2017-12", 2, 30.0),
            ("9", False, "2017-12", 1, 5.0),
            ("guest 1", True, "2017-12", 1, 99.0),
        ],
        columns=["customer", "is_guest", "month", "orders", "revenue"],
    )
    month = Month(2017, 12)
    found = kpis_by_segment(activity, {month: pd.Series({"1": "a", "2": "a", "3": "idle"})}, month, draws=20)
    text = written_by_segment(found, "$").set_index(["segment", "key figure"])
    assert text.loc[("a", "revenue"), "this month"] == "$30.00"
    assert text.loc[(JOINED, "orders"), "this month"] == "1"
    assert text.loc[("idle", "active customers"), "this month"] == "0"
    assert found["last_month"].isna().all()
    values = [value for value in text.to_numpy().ravel() if isinstance(value, str)]
    assert not [value for value in values if "nan" in value or "inf" in value]
    sizes = found.loc["orders"].set_index("segment")[["customers", "active"]]
    assert sizes.loc[["a", "idle", JOINED]].to_numpy().tolist() == [[2, 1], [1, 0], [1, 1]]
