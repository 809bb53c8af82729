"""What came back: matched to the order that it undoes, where one can be found, and taken off when it came back.

A return is dated by the day on which it happened, never by the day of the order: what was known at an earlier day does not
change afterwards.
"""

from __future__ import annotations

import narwhals as nw

from regulars.engine import Engine, Frame
from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.landing import quoted

EXACT = "DECIMAL(18, 4)"
TAKES_BACK = "(is_return OR revenue < 0)"
COLUMNS = [column.name for column in CONTRACTS["returns"].columns]


def returned_lines(engine: Engine, lines: str) -> Frame:
    """The returns among staged order lines.

    A line that takes back is matched to the order it stands in, if that order sold the product; else to the customer's
    latest earlier purchase of the product at the same price, as far as more was bought there than has already come back;
    else to none.

    Args:
        engine: where the lines are read.
        lines: the path of the staged lines, with `is_return`.
    """
    back = f"SELECT count(*) FROM read_parquet({quoted(lines)}) WHERE {TAKES_BACK}"
    if engine.connection.execute(back).fetchall() == [(0,)]:  # then no purchase needs to be looked through
        return _conform(engine.sql(f"SELECT {', '.join(f'NULL AS {name}' for name in COLUMNS)} LIMIT 0"))
    native = engine.sql(f"""
        WITH came_back AS (
            SELECT DISTINCT product_id, customer_id, order_id FROM read_parquet({quoted(lines)}) WHERE {TAKES_BACK}
        ),
        lines AS MATERIALIZED (
            SELECT *, abs(coalesce(price, revenue / nullif(quantity, 0)))::DECIMAL(18, 2) AS unit
            FROM read_parquet({quoted(lines)})
            WHERE (product_id, customer_id) IN (SELECT (product_id, customer_id) FROM came_back)
                OR order_id IN (SELECT order_id FROM came_back) OR {TAKES_BACK}
        ),
        sales AS MATERIALIZED (
            SELECT order_id, customer_id, product_id, unit, min(ordered_at) AS ordered_at, sum(quantity) AS sold
            FROM lines WHERE NOT is_return AND revenue >= 0 AND quantity > 0 GROUP BY ALL
        ),
        at_one_time AS (  -- of several sales at one instant the largest, so that no match depends on the order of rows
            SELECT customer_id, product_id, unit, ordered_at, max(sold) AS sold,
                max_by(order_id, (sold, order_id)) AS order_id
            FROM sales GROUP BY ALL
        ),
        back AS (
            SELECT row_number() OVER (ORDER BY order_id, product_id, quantity, revenue, ordered_at) AS place,
                order_id AS return_id, customer_id, product_id, unit, abs(quantity)::{EXACT} AS quantity,
                (-revenue)::{EXACT} AS revenue, (-coalesce(list_revenue, revenue))::{EXACT} AS list_revenue,
                ordered_at AS returned_at
            FROM lines WHERE {TAKES_BACK}
        ),
        own AS (SELECT DISTINCT order_id, product_id FROM sales),
        found AS MATERIALIZED (
            SELECT back.*, coalesce(own.order_id, earlier.order_id) AS undone, earlier.sold,
                own.order_id IS NULL AND earlier.order_id IS NOT NULL AS by_search
            FROM back
            LEFT JOIN own ON own.order_id = back.return_id AND own.product_id = back.product_id
            ASOF LEFT JOIN at_one_time AS earlier ON earlier.customer_id = back.customer_id
                AND earlier.product_id = back.product_id AND earlier.unit = back.unit
                AND back.returned_at >= earlier.ordered_at
        ),
        counted AS (
            SELECT *, sum(CASE WHEN by_search AND quantity > sold THEN 0 ELSE quantity END)
                OVER (PARTITION BY undone, product_id, unit ORDER BY returned_at, by_search, place) AS came_back
            FROM found
        )
        SELECT return_id, CASE WHEN NOT by_search OR greatest(came_back, quantity) <= sold THEN undone END AS order_id,
            customer_id, product_id, quantity, revenue, list_revenue, returned_at, {_dated("returned_at")}
        FROM counted""")
    return _conform(native)


def returned_orders(engine: Engine, orders: str) -> Frame:
    """The returns among orders: what was refunded of each, or all of it where it was cancelled.

    Args:
        engine: where the orders are read.
        orders: SQL giving orders with `refunded`, `refunded_at` and `is_undone`.
    """
    # `least` passes nulls over: without a zero, an order of which nothing was refunded would have come back whole.
    given_back = "CASE WHEN is_undone THEN revenue ELSE least(coalesce(abs(refunded), 0), revenue) END"
    native = engine.sql(f"""
        SELECT order_id AS return_id, order_id, customer_id, NULL::VARCHAR AS product_id, NULL::{EXACT} AS quantity,
            given::{EXACT} AS revenue, (given * coalesce(list_revenue / nullif(revenue, 0), 1))::{EXACT} AS list_revenue,
            returned_at, {_dated("returned_at")}
        FROM (SELECT *, {given_back} AS given, greatest(coalesce(refunded_at, ordered_at), ordered_at) AS returned_at
              FROM ({orders}))
        WHERE given > 0""")
    return _conform(native)


def _dated(time: str) -> str:
    return f"({time}::DATE - DATE '1970-01-01')::INTEGER AS returned_day, strftime({time}, '%Y-%m') AS returned_month"


def _conform(native: object) -> Frame:
    return CONTRACTS["returns"].conform(nw.from_native(native))  # type: ignore[call-overload, no-any-return]


def net_of_returns(orders: Frame, returns: Frame | None) -> Frame:
    """Dated movements of money: a row for each order, and one below zero for each return.

    Args:
        orders: staged orders, or rows like them.
        returns: staged returns, if anything came back.

    Returns:
        `order_id`, `customer_id`, `day`, `month`, `is_order`, `revenue`, `list_revenue`.
    """
    there = orders.collect_schema().names()
    names = ["order_id", "customer_id", *(name for name in ("revenue", "list_revenue") if name in there)]
    dates = {new: old for new, old in (("day", "ordered_day"), ("month", "ordered_month")) if old in there}
    sold = orders.select(*names, **dates, is_order=nw.lit(1))
    if returns is None:
        return sold
    dates = {new: old.replace("ordered", "returned") for new, old in dates.items()}
    back = returns.select(*names, **dates, is_order=nw.lit(0))
    below = ((nw.col(name) * -1).cast(nw.Decimal(18, 4)) for name in names[2:])
    return nw.concat([sold, back.with_columns(*below)])
