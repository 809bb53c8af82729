"""The demo's snapshot by Regulars, by hand-written DuckDB SQL and by pandas: seconds, in one process, as ratios.

make bench
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from regulars import Month, Shop
from regulars.features import build_snapshots
from regulars.ingest import stage

REPEATS = 5
MONTH = Month(2017, 12)

SQL = """
WITH o AS (FROM read_parquet('{staged}/orders.parquet') WHERE ordered_day < {day}),
l AS (SELECT customer_id, category, sum(revenue) AS r FROM read_parquet('{staged}/order_lines.parquet')
      JOIN read_parquet('{staged}/products.parquet') USING (product_id)
      WHERE ordered_day < {day} AND quantity > 0 AND category IS NOT NULL GROUP BY ALL),
d AS (SELECT DISTINCT customer_id, ordered_day FROM o),
g AS (SELECT customer_id, ordered_day - lag(ordered_day) OVER (PARTITION BY customer_id ORDER BY ordered_day) AS gap FROM d),
a AS (SELECT customer_id, {day} - max(ordered_day) AS recency_days, count(*) AS frequency, avg(revenue) AS monetary_value,
        sum(revenue)::DOUBLE AS revenue, {day} - min(ordered_day) AS tenure_days,
        count(*) FILTER (ordered_day >= {day} - 30) AS orders_30d, count(*) FILTER (ordered_day >= {day} - 90) AS orders_90d,
        sum(revenue) FILTER (ordered_day >= {day} - 30) AS revenue_30d,
        sum(revenue) FILTER (ordered_day >= {day} - 90) AS revenue_90d,
        avg(lines) AS lines_per_order, sum(discount) / sum(list_revenue) AS discount_share,
        avg(has_coupon::INT) AS coupon_order_share FROM o GROUP BY 1),
c AS (SELECT customer_id, count(*) AS categories_bought, arg_max(category, r) AS top_category,
        (max(r) / sum(r))::DOUBLE AS top_category_share FROM l GROUP BY 1),
e AS (SELECT customer_id, avg(gap) AS gap_mean_days, median(gap) AS gap_median_days FROM g GROUP BY 1)
SELECT * FROM a LEFT JOIN c USING (customer_id) LEFT JOIN e USING (customer_id) ORDER BY customer_id
"""


def by_pandas(staged: Path) -> pd.DataFrame:
    """The same columns by pandas."""
    day = MONTH.snapshot_day
    o = pd.read_parquet(staged / "orders.parquet")
    o = o[o["ordered_day"] < day].astype(dict.fromkeys(("revenue", "list_revenue", "discount"), float))
    lines = pd.read_parquet(
        staged / "order_lines.parquet", columns=["customer_id", "product_id", "revenue", "quantity"]
    )
    lines = lines[lines["quantity"] > 0].astype({"revenue": float})
    products = pd.read_parquet(staged / "products.parquet", columns=["product_id", "category"])
    money = (
        lines.merge(products, on="product_id")
        .groupby(["customer_id", "category"])["revenue"]
        .sum()
        .reset_index()
    )
    top = (
        money.sort_values("revenue")
        .groupby("customer_id")
        .agg(n=("category", "size"), top=("category", "last"))
    )
    days = o[["customer_id", "ordered_day"]].drop_duplicates().sort_values("ordered_day")
    gaps = (
        days.groupby("customer_id")["ordered_day"].diff().groupby(days["customer_id"]).agg(["mean", "median"])
    )
    table = o.groupby("customer_id").agg(
        last=("ordered_day", "max"), first=("ordered_day", "min"), frequency=("order_id", "size"), revenue=("revenue", "sum"),
        lines=("lines", "mean"), discount=("discount", "sum"), listed=("list_revenue", "sum"), coupons=("has_coupon", "mean"),
    )  # fmt: skip
    for window in (30, 90):
        recent = o[o["ordered_day"] >= day - window].groupby("customer_id")["revenue"].agg(["size", "sum"])
        table = table.join(recent.add_suffix(f"_{window}"))
    return table.join(top).join(gaps)


def best(work: Callable[[], object]) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> None:
    """Stage the demo in a temporary folder and time the three ways."""
    with tempfile.TemporaryDirectory() as home:
        shop = Shop.open("demo", {"REGULARS_HOME": home})
        stage(shop)
        staged, target = shop.staged("").parent, Path(home) / "by-hand.parquet"
        query = SQL.format(staged=staged, day=MONTH.snapshot_day)
        ways: dict[str, Callable[[], object]] = {
            "Regulars on DuckDB": lambda: build_snapshots(shop, [MONTH]),
            "DuckDB SQL by hand": lambda: shop.engine.sql(query).write_parquet(
                str(target), compression="zstd"
            ),
            "pandas": lambda: by_pandas(staged).to_parquet(target),
        }
        seconds = {name: best(work) for name, work in ways.items()}
    print(f"Snapshot of {MONTH}, best of {REPEATS}")
    for name, taken in seconds.items():
        print(
            f"  {name:<20} {taken:6.2f} s  {taken / seconds['DuckDB SQL by hand']:5.2f} × the hand-written SQL"
        )


if __name__ == "__main__":
    main()
