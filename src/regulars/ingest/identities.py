"""Profiles of one customer, found and merged.

Two profiles are one customer if they agree in all columns of any rule of `identities.merge_by`; and whoever is one with the
same profile is one with each other. What agrees is found in the engine; only the profiles that share something with another
one come to pandas, where the connected parts of their graph are looked for.
"""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Iterator, Sequence

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from regulars.engine import Engine, Frame
from regulars.ingest.contracts import CONTRACTS, IngestError

MOST_PROFILES = 50
AGREED, WITHDREW = "opted_in_at", "opted_out_at"
FROM, INTO, ROWS, SINCE = (
    "merged from",
    "merged into",
    "number of rows",
    "withdrew since",
)  # blanks: no shop's names
Rules = Sequence[Sequence[str]]


def merged(
    engine: Engine, customers: Frame, rules: Rules, most_profiles: int = MOST_PROFILES
) -> pd.DataFrame:
    """The profiles that are another customer's.

    Args:
        engine: where `customers` lives.
        customers: one row per profile: `customer_id`, and the columns that the rules name. A rule with a column that is
            not there, or is empty, finds nothing.
        rules: each a list of columns that must agree; what is empty agrees with nothing.
        most_profiles: what more profiles than this share is no identity, and is not used: it is the shop's own address, a
            till's, or `none@none.com`, and would make one giant of thousands. A family or a school class that shares an
            address stays below 50.

    Returns:
        One row per profile that changes, sorted: `profile_id`, and `customer_id`, the smallest id (as text) of those that
        are one customer. So the order of rows decides nothing.

    Raises:
        IngestError: if a rule names no column, or one that neither the customers' contract nor the source has.

    >>> ann = "SELECT * FROM (VALUES ('7', 'a'), ('3', 'a'), ('5', 'b')) AS t(customer_id, email_hash)"
    >>> engine = Engine()
    >>> merged(engine, nw.from_native(engine.sql(ann)), [["email_hash"]])
      profile_id customer_id
    0          7           3
    """
    pairs = [engine.collect(_pairs(profiles, most_profiles)) for _, profiles in _by_rule(customers, rules)]
    return _components(
        np.concatenate([np.empty((0, 2), dtype=object), *(pair.to_numpy(dtype=object) for pair in pairs)])
    )


def too_common(
    engine: Engine, customers: Frame, rules: Rules, most_profiles: int = MOST_PROFILES
) -> pd.DataFrame:
    """What `merged` did not use because too many profiles share it.

    Args:
        engine: where `customers` lives.
        customers: one row per profile.
        rules: as `merged` has them.
        most_profiles: as `merged` has it.

    Returns:
        One row per rule that shares such values: `rule` (its columns), `values` and the number of `profiles` with them.
    """
    found = []
    for rule, profiles in _by_rule(customers, rules):
        common = _shared(profiles).filter(nw.col("profiles") > most_profiles)
        counts = engine.collect(common.select(values=nw.len(), profiles=nw.col("profiles").sum())).iloc[0]
        if counts["values"]:
            found.append((" and ".join(rule), int(counts["values"]), int(counts["profiles"])))
    return pd.DataFrame(found, columns=["rule", "values", "profiles"])


def renamed(frame: Frame, mapping: Frame) -> Frame:
    """A table with `customer_id` replaced by the customer that the profile belongs to; all else stays.

    Args:
        frame: any table with `customer_id`.
        mapping: what `merged` returned, in the same engine.
    """
    columns = frame.collect_schema().names()
    new = mapping.select(nw.col("profile_id").alias(FROM), nw.col("customer_id").alias(INTO))
    joined = frame.join(new, left_on="customer_id", right_on=FROM, how="left")
    return joined.with_columns(customer_id=nw.coalesce(INTO, "customer_id")).select(columns)


def one_profile(engine: Engine, customers: Frame) -> Frame:
    """One row per customer, after profiles were renamed.

    Of each column the most frequent value stays, of equally frequent ones the smallest; a flag that is true anywhere is
    true. `opted_in_at` is the latest. `opted_out_at` is the first withdrawal after it, else the latest: whoever withdrew
    twice had withdrawn from the first time on, and a look at a day between the two must see it.

    Args:
        engine: where `customers` lives; it keeps the rows of customers who have several.
        customers: any number of rows per `customer_id`. It is read several times.
    """
    names = customers.collect_schema().names()
    repeated = (
        customers.group_by("customer_id").agg(rows=nw.len()).filter(nw.col("rows") > 1).select("customer_id")
    )
    several = (
        customers.join(repeated, on="customer_id", how="semi").group_by(*names).agg(nw.len().alias(ROWS))
    )
    own_name = f"several_profiles_{secrets.token_hex(4)}"  # so that no later call replaces it
    kept = engine.materialise(several, own_name)
    single = customers.join(kept, on="customer_id", how="anti")
    return nw.concat([single, _united(engine, kept, names)])


def before_and_after(engine: Engine, orders: Frame, mapping: Frame) -> pd.DataFrame:
    """What merging changes: customers who seemed to have ordered once were others' second profiles.

    Args:
        engine: where `orders` lives.
        orders: one row per order, before it was renamed: `customer_id`, `revenue`.
        mapping: what `merged` returned, in the same engine.

    Returns:
        Rows `before` and `after`: `customers` with an order, `ordered_once_share`, `orders_per_customer` and
        `revenue_per_customer`.
    """
    kept = orders.select("customer_id", "revenue").filter(~nw.col("customer_id").is_null())
    rows = [_customers_of(engine, kept), _customers_of(engine, renamed(kept, mapping))]
    return pd.concat(rows).set_axis(["before", "after"])


def _by_rule(customers: Frame, rules: Rules) -> Iterator[tuple[list[str], Frame]]:
    """For each rule whose columns are there: its columns, and the distinct ids with their values where all are filled."""
    there = customers.collect_schema().names()
    for rule in rules:
        _check(rule, there)
        columns = list(dict.fromkeys(rule))
        if set(columns) <= set(there):
            values = (nw.col(name).alias(f"value {place}") for place, name in enumerate(columns))
            ids = nw.col("customer_id").cast(nw.String()).alias("profile_id")
            yield columns, customers.select(ids, *values).drop_nulls().unique()


def _check(rule: Sequence[str], there: Sequence[str]) -> None:
    known = sorted({column.name for column in CONTRACTS["customers"].columns} | set(there))
    if not rule:
        raise IngestError(
            "identities.merge_by has a rule without a column: write one such as [email_hash], or take it out."
        )
    for name in rule:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}."
            raise IngestError(
                f"identities.merge_by names the column '{name}', which customers do not have: {hint}"
            )


def _shared(profiles: Frame) -> Frame:
    """For each value that several profiles have: their number, and the smallest id."""
    values = profiles.collect_schema().names()[1:]
    counted = profiles.group_by(*values).agg(first_id=nw.col("profile_id").min(), profiles=nw.len())
    return counted.filter(nw.col("profiles") > 1)


def _pairs(profiles: Frame, most_profiles: int) -> Frame:
    """Each profile that shares a value with another, beside the smallest id that has it."""
    shared = _shared(profiles).filter(nw.col("profiles") <= most_profiles)
    joined = profiles.join(shared, on=profiles.collect_schema().names()[1:], how="inner")
    return joined.filter(nw.col("profile_id") != nw.col("first_id")).select("profile_id", "first_id")


def _components(pairs: np.ndarray) -> pd.DataFrame:
    """The smallest id of the connected part in which each profile lies."""
    ids, places = np.unique(pairs.ravel(), return_inverse=True)
    ends = places.reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(ids), len(ids)))
    parts = connected_components(graph, directed=False)[1] if len(ids) else np.empty(0, dtype=int)
    smallest = pd.Series(ids).groupby(parts).transform("first")  # ids are sorted
    table = pd.DataFrame({"profile_id": ids, "customer_id": smallest.to_numpy()}, dtype="str")
    return table[table["profile_id"] != table["customer_id"]].reset_index(drop=True)


def _united(engine: Engine, profiles: Frame, names: Sequence[str]) -> Frame:
    """One row per customer from several, weighed by the number of rows that each stands for."""
    schema = profiles.collect_schema()
    largest = [name for name in names if schema[name] == nw.Boolean or name in (AGREED, WITHDREW)]
    plain = [name for name in names if name not in ("customer_id", *largest)]
    found = [*(nw.col(name).min() for name in plain), *(nw.col(name).max() for name in largest)]
    if {AGREED, WITHDREW} <= set(names):
        united = _with_withdrawal(profiles).group_by("customer_id").agg(*found, nw.col(SINCE).min())
        united = united.with_columns(nw.coalesce(SINCE, WITHDREW).alias(WITHDREW)).drop(SINCE)
    else:
        united = profiles.group_by("customer_id").agg(*found)
    for name in _contradicted(engine, profiles, plain):
        united = united.drop(name).join(_most_frequent(profiles, name), on="customer_id", how="left")
    return united.select(*names)


def _contradicted(engine: Engine, profiles: Frame, columns: Sequence[str]) -> list[str]:
    """The columns in which some customer has two values: in the others the smallest is the only one."""
    smallest = (nw.col(name).min().alias(f"smallest {name}") for name in columns)
    largest = (nw.col(name).max().alias(f"largest {name}") for name in columns)
    ends = profiles.group_by("customer_id").agg(*smallest, *largest)
    differ = (
        nw.when(nw.col(f"smallest {name}") != nw.col(f"largest {name}"))
        .then(1)
        .otherwise(0)
        .sum()
        .alias(name)
        for name in columns
    )
    counts = engine.collect(ends.select(nw.len().alias(ROWS), *differ)).iloc[0]
    return [name for name in columns if counts[name]]


def _most_frequent(profiles: Frame, name: str) -> Frame:
    """Each customer's most frequent value of a column, of equally frequent ones the smallest."""
    filled = profiles.filter(~nw.col(name).is_null())
    counted = filled.group_by("customer_id", name).agg(nw.col(ROWS).sum())
    most = counted.filter(nw.col(ROWS) == nw.col(ROWS).max().over("customer_id"))
    return most.group_by("customer_id").agg(nw.col(name).min())


def _with_withdrawal(profiles: Frame) -> Frame:
    """Each profile's withdrawal, where it is not before the customer's last agreement."""
    last = nw.col(AGREED).max().over("customer_id")
    return profiles.with_columns(nw.when(nw.col(WITHDREW) >= last).then(nw.col(WITHDREW)).alias(SINCE))


def _customers_of(engine: Engine, orders: Frame) -> pd.DataFrame:
    each = orders.group_by("customer_id").agg(orders=nw.len(), revenue=nw.col("revenue").sum())
    once = nw.when(nw.col("orders") == 1).then(1.0).otherwise(0.0)
    table = engine.collect(
        each.select(
            customers=nw.len(),
            ordered_once_share=once.mean(),
            orders_per_customer=nw.col("orders").mean(),
            revenue_per_customer=nw.col("revenue").cast(nw.Float64()).mean(),
        )
    )
    return table.astype({"customers": "int64"})
