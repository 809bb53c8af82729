"""Raw to staged: each table is read once, judged by the rules, and written with its refused rows beside it."""

from __future__ import annotations

from types import ModuleType

import duckdb
import narwhals as nw

from regulars.engine import Frame
from regulars.ingest.cleaning import RULES, apply_rules
from regulars.ingest.contracts import CONTRACTS, IngestError
from regulars.ingest.ledger import Ledger, account
from regulars.ingest.sources import completejourney
from regulars.shop import Shop

SOURCES: dict[str, ModuleType] = {"completejourney": completejourney}


def stage(shop: Shop) -> Ledger:
    """Read the shop's raw data into `data/<shop>/staged/`, and account for every row.

    Raises:
        IngestError: if a raw file is missing or is not what its name says.
    """
    source = SOURCES[shop.config.source.kind]
    try:
        queries = source.queries(shop.config, shop.raw)
        raw = {
            table: CONTRACTS[table].conform(nw.from_native(shop.engine.sql(query)))
            for table, query in queries.items()
        }
        parts = [_stage_table(shop, name, raw[name]) for name in ("products", "customers", "contacts")]
        parts.append(
            _stage_table(shop, "order_lines", _with_known_product(raw["order_lines"], raw["products"]))
        )
    except (
        duckdb.IOException,
        duckdb.InvalidInputException,
        duckdb.BinderException,
        duckdb.DataError,
        FileNotFoundError,
    ) as error:
        reason = str(error).splitlines()[0]
        raise IngestError(f"The raw data of {shop.config.name} cannot be read: {reason}") from error
    parts.append(_stage_table(shop, "orders", orders_of(shop.table("order_lines"))))
    shop.__dict__.pop("history", None)
    return Ledger.joined(parts)


def _with_known_product(lines: Frame, products: Frame) -> Frame:
    """Lines joined from the left, so that a line without a product stays."""
    known = products.select("product_id").unique().with_columns(is_known_product=nw.lit(True))
    joined = lines.join(known, on="product_id", how="left")
    return joined.with_columns(nw.col("is_known_product").fill_null(False))


def _stage_table(shop: Shop, table: str, frame: Frame) -> Ledger:
    """Judge one table's rows, write those that pass and those that do not, and count both."""
    rules = [rule for rule in RULES if rule.table == table]
    marked = shop.engine.materialise(apply_rules(frame, rules), f"marked_{table}")
    flags = [f"matches_{rule.name}" for rule in rules]
    is_kept = nw.col("refused_because").is_null()
    kept, refused = marked.filter(is_kept).drop("refused_because"), marked.filter(~is_kept)
    key = CONTRACTS[table].key
    shop.engine.write(kept.drop(*flags), shop.staged(table), *key)
    shop.engine.write(refused.drop(*flags), shop.staged(f"refused/{table}"), *key)
    ledger = account(shop.engine, table, marked, rules)
    shop.engine.release(f"marked_{table}")
    return ledger


def orders_of(lines: Frame) -> Frame:
    """One row per order from its lines; `lines` counts the lines on which something was sold."""
    sold = nw.when(nw.col("quantity") > 0).then(1).otherwise(0)
    sums = ("revenue", "list_revenue", "discount", "coupon_discount")
    grouped = lines.with_columns(sold=sold).group_by("order_id")
    orders = grouped.agg(
        nw.col("customer_id", "store_id", "ordered_at", "ordered_day", "ordered_month").min(),
        nw.col("sold").sum().cast(nw.Int64).alias("lines"),
        *[nw.col(name).sum() for name in sums],
    )
    return CONTRACTS["orders"].conform(orders.with_columns(has_coupon=nw.col("coupon_discount") > 0))
