"""The staged tables, one after another: read, judged by the rules, and written with their refused rows beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import narwhals as nw
import pandas as pd

from regulars.engine import Frame, distinct
from regulars.ingest.cleaning import apply_rules, rules_of
from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.examples import examples_of
from regulars.ingest.identities import before_and_after, merged, one_profile, renamed, too_common
from regulars.ingest.judging import (
    check_required,
    complete,
    contradictions,
    currency_code,
    duplicates,
    most_final,
    repeated,
    with_facts,
)
from regulars.ingest.landing import Landed, identifier, quoted
from regulars.ingest.ledger import Ledger, account
from regulars.ingest.reading import ROW, Read, read_table
from regulars.ingest.returns import returned_lines, returned_orders
from regulars.ingest.revenue import with_revenue
from regulars.ingest.values import day_of
from regulars.shop import Shop

COUPON = {"coupon_id": "IS NOT NULL", "coupon_discount": "> 0"}
UNIQUE = {
    "products": ["product_id"],
    "assignments": ["experiment_id", "customer_id"],
    "outcomes": ["experiment_id", "customer_id", "metric"],
}
OTHERS = ("contacts", "events", "answers", "assignments", "outcomes")
AMOUNTS = [
    "revenue",
    "list_revenue",
    "discount",
    "coupon_discount",
]  # what `with_revenue` makes of any source


class Tables:
    """One run over the landed tables.

    Args:
        shop: the shop.
        folder: where the staged tables are written.
        landed: the raw tables.
    """

    def __init__(self, shop: Shop, folder: Path, landed: Mapping[str, Landed]) -> None:
        self.shop = shop
        self.config = shop.config
        self.engine = shop.engine
        self.folder = folder
        self.landed = landed
        self.parts: list[Ledger] = []
        self.mapping = pd.DataFrame()  # profile → customer, where they differ
        self.reads: dict[str, Read] = {
            table: read_table(self.engine, one, CONTRACTS[table], self.config.time_zone)
            for table, one in landed.items()
        }
        check_required(self.reads, landed)

    def run(self) -> Ledger:
        """Stage every table that the source has, or that can be made from what it has."""
        self.products()
        profiles = self.profiles()
        if profiles is not None:
            self.mapping = merged(self.engine, profiles, self.config.identities.merge_by)
        placed = self.given_orders() if "orders" in self.landed else None
        if "order_lines" in self.landed:
            lines = self.order_lines()
            if placed is None:
                placed = self.orders_from(lines)
        for table in OTHERS:
            if table in self.landed:
                self.judge(table, self.query_of(table))
        self.customers(profiles)
        ledger = Ledger.joined(self.parts)
        if profiles is not None:
            shared = too_common(self.engine, profiles, self.config.identities.merge_by)
            ledger = ledger._replace(too_common=shared)
        if placed is not None and not self.mapping.empty:
            ledger = ledger._replace(identities=before_and_after(self.engine, placed, self.merging()))
        return ledger

    def query_of(self, table: str) -> str:
        """A table as it was read, with the columns that the source lacks as nulls, and whether a key stands twice."""
        read, key = self.reads[table], UNIQUE.get(table)
        query = complete(read.query, read.columns, CONTRACTS[table])
        if table == "events":
            query = f"SELECT *, {day_of('occurred_at')} AS occurred_day FROM ({query})"
        if key is None:
            return query
        facts = {"is_repeated": repeated(self.engine, read, key, f"repeated_{table}")}
        if table == "assignments":
            facts["has_several_arms"] = contradictions(self.engine, read, key, "arm", "several_arms")
        return f"SELECT *, {', '.join(f'coalesce({fact}, false) AS {name}' for name, fact in facts.items())} FROM ({query})"

    def products(self) -> None:
        """The products, given or made from what the lines say of them: of several texts the most frequent."""
        if "products" in self.landed:
            self.judge("products", self.query_of("products"))
        elif "order_lines" in self.reads and "product_id" in self.reads["order_lines"].columns:
            names = self.shared_columns("order_lines", "products")
            self.write("products", self.most_frequent("product_id", names))

    def profiles(self) -> Frame | None:
        """One row per profile of a customer: given, and what orders say of their customers."""
        parts = []
        if "customers" in self.landed:
            # Whoever withdrew on a day that cannot be read withdrew: then no opt-in counts.
            agreed = (
                "CASE WHEN unreadable IS DISTINCT FROM 'opted_out_at' THEN opted_in_at END AS opted_in_at"
            )
            query = f"SELECT * REPLACE ({agreed}) FROM ({self.query_of('customers')})"
            parts.append(self.judge("customers", query).to_native().sql_query())
        for table in [table for table in ("orders", "order_lines") if table in self.reads][:1]:
            names = self.shared_columns(table, "customers")
            if parts:  # then orders add only what tells who is who
                hashes = {
                    column.name for column in CONTRACTS["customers"].columns if column.kind == "personal"
                }
                names = [name for name in names if name == "customer_id" or name in hashes]
            if len(names) > 1:
                distinct = "DISTINCT" if parts else ""
                kept = ", ".join(map(identifier, names))
                query = (
                    f"SELECT {distinct} {kept} FROM ({self.reads[table].query}) WHERE customer_id IS NOT NULL"
                )
                parts.append(query)
        if not parts:
            return None
        together = " UNION ALL BY NAME ".join(f"(FROM ({part}))" for part in parts)
        return self.engine.materialise(nw.from_native(self.engine.sql(together)), "profiles")

    def shared_columns(self, table: str, other: str) -> list[str]:
        """The columns of one table that say something of another."""
        known = [column.name for column in CONTRACTS[other].columns]
        return [name for name in known if name in self.reads[table].columns]

    def most_frequent(self, key: str, names: list[str]) -> Frame:
        """One row per key of the lines, with the most frequent value of each column; of equals the last by name."""
        lines = self.reads["order_lines"].query
        frame = self.engine.sql(f"SELECT DISTINCT {key} FROM ({lines}) WHERE {key} IS NOT NULL")
        for name in [name for name in names if name != key]:
            counted = (
                f"SELECT {key}, {name}, count(*) AS n FROM ({lines}) WHERE {name} IS NOT NULL GROUP BY ALL"
            )
            best = f"SELECT {key}, max_by({name}, (n, {name})) AS {name} FROM ({counted}) GROUP BY {key}"
            frame = self.engine.sql(f"FROM ({frame.sql_query()}) LEFT JOIN ({best}) USING ({key})")
        return nw.from_native(frame)

    def given_orders(self) -> Frame:
        """Orders as the source has them; what was refunded of them, or cancelled, becomes returns."""
        read = self.reads["orders"]
        query = complete(self.priced_orders(), [*read.columns, *AMOUNTS, "has_coupon"], CONTRACTS["orders"])
        facts = {
            "is_repeated": repeated(
                self.engine, read, ["order_id"], "repeated_orders", most_final(self.config, read.columns)
            ),
            **self.contradictions_of("orders", read),
        }
        query = signed(self.with_line_counts(with_facts(query, self.config, facts)))
        kept = self.judge("orders", query, lambda frame: frame.filter(~nw.col("is_return")))
        sold = kept.filter(~nw.col("is_return"))
        back = returned_orders(self.engine, sold.to_native().sql_query())
        notes = kept.filter(nw.col("is_return")).to_native().sql_query()
        undoing = returned_orders(self.engine, credit_notes(notes))  # which order they undo, nothing says
        undoing = undoing.with_columns(order_id=nw.lit(None, dtype=nw.String))
        self.write("returns", nw.concat([back, undoing]))
        return self.engine.materialise(sold.select("order_id", "customer_id", "revenue"), "placed")

    def contradictions_of(self, table: str, read: Read) -> dict[str, str]:
        """Whether an order's rows name several customers, who are not one person, or several currencies."""
        code, order = currency_code(self.config), ["order_id"]
        whose = "email_hash" if "email_hash" in read.columns else "customer_id"
        different = contradictions(self.engine, read, order, "customer_id", f"customers_{table}")
        if whose == "email_hash":  # two profiles of one person are no contradiction
            other = contradictions(self.engine, read, order, whose, f"people_{table}")
            different = f"({different}) AND (({other}) OR email_hash IS NULL)"
        currencies = contradictions(self.engine, read, order, "currency", f"currencies_{table}", code)
        return {"has_several_customers": different, "has_several_currencies": currencies}

    def priced_orders(self) -> str:
        """Orders with their money, what was refunded in the same terms, and whether a coupon was used."""
        read, given, wanted = self.reads["orders"], self.landed["orders"].format, self.config.revenue
        if {"refunded", "revenue"} <= set(read.columns) and given.includes:
            stated = f"SELECT *, revenue AS stated FROM ({read.query})"
            share = "(refunded * (revenue / nullif(stated, 0)))::DECIMAL(18, 4) AS refunded"
            priced = with_revenue(stated, read.columns, given, wanted, "orders")
            priced = f"SELECT * EXCLUDE (stated) REPLACE ({share}) FROM ({priced})"
        else:
            priced = with_revenue(read.query, read.columns, given, wanted, "orders")
        coupons = [name for name in ("coupon_id", "coupon_discount") if name in read.columns]
        if "has_coupon" in read.columns:
            return priced
        used = f"coalesce({coupons[0]} {COUPON[coupons[0]]}, false)" if coupons else "NULL::BOOLEAN"
        return f"SELECT *, {used} AS has_coupon FROM ({priced})"

    def priced_lines(self) -> str:
        """Lines with their money. Where orders are there, too, theirs is what counts, and a line may lack a part of it."""
        read, landed = self.reads["order_lines"], self.landed["order_lines"]
        has_orders = "orders" in self.landed
        return with_revenue(
            read.query, read.columns, landed.format, self.config.revenue, "order_lines", is_lenient=has_orders
        )

    def inherited(self) -> list[str]:
        """What lines take from their order, because only that says it."""
        if "orders" not in self.reads:
            return []
        of_order, own = self.reads["orders"].columns, self.reads["order_lines"].columns
        return [
            name for name in ("customer_id", "ordered_at", "store_id") if name in of_order and name not in own
        ]

    def dated_lines(self) -> str:
        """Lines with their money, and with what they take from their order."""
        names = self.inherited()
        if not names:
            return self.priced_lines()
        picked = ", ".join(f"any_value({name} ORDER BY {name}) AS {name}" for name in names)
        orders = f"SELECT order_id, {picked} FROM ({self.reads['orders'].query}) WHERE order_id IS NOT NULL GROUP BY order_id"
        return f"FROM ({self.priced_lines()}) LEFT JOIN ({orders}) USING (order_id)"

    def with_line_counts(self, orders: str) -> str:
        """Orders with the number of lines on which something was sold, where lines are there to be counted."""
        read = self.reads.get("order_lines")
        if read is None or "lines" in self.reads["orders"].columns:
            return orders
        counted = "count(*) FILTER (quantity > 0)" if "quantity" in read.columns else "count(*)"
        lines = f"SELECT order_id, {counted} AS lines FROM ({read.query}) GROUP BY order_id"
        return f"SELECT o.* REPLACE (n.lines AS lines) FROM ({orders}) AS o LEFT JOIN ({lines}) AS n USING (order_id)"

    def order_lines(self) -> Frame:
        """Order lines; those that take something back become returns, too, unless the orders say what came back."""
        read, landed = self.reads["order_lines"], self.landed["order_lines"]
        there = [*read.columns, *AMOUNTS, *self.inherited()]
        query = complete(self.dated_lines(), there, CONTRACTS["order_lines"])
        kept = self.judge(
            "order_lines", signed(with_facts(query, self.config, self.facts_of_lines(read, landed)))
        )
        if "orders" not in self.landed:
            back = returned_lines(self.engine, str(self.path("order_lines")))
            self.write("returns", self.with_undone(back, kept) if "status" in read.columns else back)
        return kept

    def with_undone(self, back: Frame, lines: Frame) -> Frame:
        """What lines took back, and the lines whose status says that they were undone: what came back, comes back once."""
        back = self.engine.materialise(back, "came_back")
        undone = lines.filter(nw.col("is_undone") & ~nw.col("is_return") & (nw.col("revenue") >= 0))
        found = distinct(back.filter(~nw.col("order_id").is_null()), "order_id", "product_id")
        undone = undone.join(found, on=["order_id", "product_id"], how="anti")
        whole = returned_orders(self.engine, wholly_undone(undone.to_native().sql_query()))
        return nw.concat([back, whole])

    def facts_of_lines(self, read: Read, landed: Landed) -> dict[str, str]:
        """What the rules need to know of a line besides its own values."""
        pattern, has_products = self.config.cleaning.not_products, "products" in self.landed
        known = f"product_id IN (SELECT product_id FROM read_parquet({quoted(self.path('products'))}))"
        staged = (
            f"order_id IN (SELECT order_id FROM read_parquet({quoted(self.path('orders'))}) "
            f"UNION ALL SELECT return_id FROM read_parquet({quoted(self.path('returns'))}))"
        )
        return {
            "quantity": "",
            "is_product": f"product_id IS NULL OR NOT regexp_matches(product_id, {quoted(pattern)})"
            if pattern
            else "true",
            "is_known_product": known if has_products else "true",
            "is_duplicate": duplicates(self.engine, landed),
            "is_repeated": repeated(self.engine, read, ["line_id"], "repeated_lines"),
            "is_of_refused_order": f"NOT ({staged})" if "orders" in self.landed else "false",
            **self.contradictions_of("order_lines", read),
        }

    def orders_from(self, lines: Frame) -> Frame | None:
        """Make orders from the staged lines. Where profiles were merged, returns them as they were under their own ids."""
        made = self.engine.materialise(orders_of(self.engine.scan(self.path("order_lines"))), "made_orders")
        self.judge("orders", made.to_native().sql_query(), only=("nothing_sold",))
        if self.mapping.empty:
            return None
        names = [column.name for column in CONTRACTS["order_lines"].columns]
        return orders_of(lines.select(*names)).select("order_id", "customer_id", "revenue")

    def customers(self, profiles: Frame | None) -> None:
        """One row per customer: the merged profile, or nothing but the id of somebody who bought.

        Where only orders speak of customers, those of refused orders are none.
        """
        tables = [table for table in ("orders", "returns") if self.path(table).exists()]
        if profiles is None and not tables:
            return
        ids = " UNION ".join(
            f"SELECT customer_id FROM read_parquet({quoted(self.path(table))}) WHERE customer_id IS NOT NULL"
            for table in tables
        )
        parts = [f"SELECT customer_id, false AS has_profile FROM ({ids})"] if tables else []
        if profiles is not None:
            one = one_profile(self.engine, self.rename(profiles.select(*self.profile_columns(profiles))))
            has = nw.col("has_profile").fill_null(False) if "customers" in self.landed else nw.lit(False)
            if "customers" in self.landed and "has_profile" not in self.reads["customers"].columns:
                has = nw.lit(True)
            known = (
                self.engine.materialise(one.with_columns(has_profile=has), "one_profile")
                .to_native()
                .sql_query()
            )
            if "customers" not in self.landed:
                known = f"SELECT * FROM ({known}) WHERE customer_id IN ({ids})"
            parts = [f"{part} WHERE customer_id NOT IN (SELECT customer_id FROM ({known}))" for part in parts]
            parts = [f"SELECT * FROM ({known})", *parts]
        self.write(
            "customers", nw.from_native(self.engine.sql(" UNION ALL BY NAME ".join(parts))), is_renamed=True
        )

    def profile_columns(self, profiles: Frame) -> list[str]:
        """What a profile says: its contract's columns and the shop's own."""
        there = profiles.collect_schema().names()
        known = [column.name for column in CONTRACTS["customers"].columns]
        return [name for name in [*known, *self.attributes("customers")] if name in there]

    def path(self, table: str) -> Path:
        """Where a table is staged."""
        return self.folder / f"{table}.parquet"

    def judge(
        self,
        table: str,
        query: str,
        keep: Callable[[Frame], Frame] = lambda frame: frame,
        only: tuple[str, ...] = (),
    ) -> Frame:
        """Judge a table's rows by the rules, write those that pass and those that do not, and count both.

        Args:
            table: its name.
            query: SQL giving its rows with their row number and all that the rules look at.
            keep: what is done with the rows that pass before they are written.
            only: the rules that judge; all of the table's unless given.

        Returns:
            The rows that pass, with everything that `query` gives.
        """
        rules = [
            rule for rule in rules_of(table, self.config.cleaning.rules) if not only or rule.name in only
        ]
        marked = apply_rules(nw.from_native(self.engine.sql(query)), rules)
        landed = self.landed.get(table)
        ledger = account(self.engine, table, marked, rules, landed.malformed if landed else None)
        refused = self.write_refused(table, marked if ledger.tables.loc[0, "refused"] else marked.head(0))
        if landed and ledger.tables.loc[0, "refused"]:
            deciding = [
                rule for rule, n in zip(ledger.rules["rule"], ledger.rules["decided"], strict=True) if n
            ]
            deciders = [rule for rule in rules if rule.name in deciding]
            ledger = ledger.with_examples(examples_of(self.engine, refused, deciders, landed))
            ledger.check(self.config, landed)
        self.parts.append(ledger)
        kept = marked.filter(nw.col("refused_because").is_null())
        self.write(table, keep(kept))
        return kept

    def write(self, table: str, frame: Frame, *, is_renamed: bool = False) -> None:
        """Write a staged table: its contract's columns, merged identities, all of a customer together."""
        contract = CONTRACTS[table]
        there = frame.collect_schema().names()
        names = [column.name for column in contract.columns if column.name in there]
        extra = [name for name in self.attributes(table) if name in there]
        chosen = frame.select(*names, *extra)
        staged = contract.conform(chosen if is_renamed else self.rename(chosen))
        self.engine.write(staged, self.path(table), *contract.sorted_by)

    def write_refused(self, table: str, marked: Frame) -> Path:
        """Write the refused rows as they came, each with the rule that refused it, and the column it could not read."""
        refused = marked.filter(~nw.col("refused_because").is_null())
        path = self.path(f"refused/{table}")
        if table not in self.reads:
            helpers = [name for name in refused.collect_schema().names() if name.startswith("matches_")]
            self.engine.write(refused.drop(*helpers), path, *CONTRACTS[table].sorted_by)
            return path
        came = nw.from_native(self.engine.sql(self.reads[table].as_it_came))
        # Kept, because it is small: the engine then joins it first.
        reasons = self.engine.materialise(refused.select(ROW, "refused_because", "unreadable"), "reasons")
        self.engine.write(came.join(reasons, on=ROW, how="inner"), path, ROW)
        malformed = self.landed[table].malformed
        if (
            malformed
        ):  # not their text: nothing in it can be told from personal data. It stands in the raw file.
            places = self.engine.scan(malformed).select("file", "line", "problem")
            self.engine.write(places, self.path(f"refused/{table}.malformed"), "file", "line")
        return path

    def attributes(self, table: str) -> list[str]:
        """The columns of the shop's own that a table brings."""
        known = {column.name for column in (*CONTRACTS[table].columns, *CONTRACTS[table].raw)}
        return (
            [name for name in self.reads[table].columns if name not in known] if table in self.reads else []
        )

    def rename(self, frame: Frame) -> Frame:
        """The frame under merged identities."""
        if self.mapping.empty or "customer_id" not in frame.collect_schema().names():
            return frame
        return renamed(frame, self.merging())

    def merging(self) -> Frame:
        """Profile → customer, in the engine."""
        return nw.from_native(self.engine.connection.from_df(self.mapping))


def signed(lines: str) -> str:
    """Lines with the money of every return below zero, whichever sign the source gave it."""
    money = ("revenue", "list_revenue")
    below = ", ".join(f"CASE WHEN is_return THEN -abs({name}) ELSE {name} END AS {name}" for name in money)
    return f"SELECT * REPLACE ({below}) FROM ({lines})"


def credit_notes(orders: str) -> str:
    """Orders that take back others, as if each had been cancelled itself."""
    amounts = "abs(revenue)::DECIMAL(18, 4) AS revenue, abs(list_revenue)::DECIMAL(18, 4) AS list_revenue, true AS is_undone"
    return f"SELECT * REPLACE ({amounts}) FROM ({orders})"


def wholly_undone(lines: str) -> str:
    """Lines whose status says that they were undone, in the form of orders that were."""
    return f"SELECT *, NULL::DECIMAL(18, 4) AS refunded, NULL::TIMESTAMP AS refunded_at FROM ({lines})"


def orders_of(lines: Frame) -> Frame:
    """One row per order from its lines; `lines` counts the lines on which something was sold.

    Lines that take money back are no part of the order: they stand in `returns`.
    """
    is_sold = (
        (nw.col("quantity").fill_null(1) > 0) & (nw.col("price").fill_null(1) > 0) & nw.col("is_product")
    )
    taken = lines.filter(~nw.col("is_return") & (nw.col("revenue") >= 0))
    grouped = taken.with_columns(sold=nw.when(is_sold).then(1).otherwise(0)).group_by("order_id")
    orders = grouped.agg(
        nw.col("customer_id", "store_id", "ordered_at", "ordered_day", "ordered_month").min(),
        nw.col("sold").sum().cast(nw.Int64).alias("lines"),
        *[nw.col(name).sum() for name in AMOUNTS],
        *[nw.col(name).count().alias(f"{name} known") for name in AMOUNTS[1:]],
    )
    # The sum of nothing known is not zero but unknown.
    orders = orders.with_columns(
        nw.when(nw.col(f"{name} known") > 0).then(nw.col(name)) for name in AMOUNTS[1:]
    )
    orders = orders.drop(*(f"{name} known" for name in AMOUNTS[1:]))
    return CONTRACTS["orders"].conform(orders.with_columns(has_coupon=nw.col("coupon_discount") > 0))
