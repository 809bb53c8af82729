"""Which column of a source is which of ours: the checks of a configuration's `columns` and `attributes`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence

from regulars.config import RawTable
from regulars.ingest.contracts import CONTRACTS, IngestError

RESERVED = {"row_number", "file_row_number", "unreadable", "refused_because"}  # columns of the reading itself
SHARED = {"customer_id", "email"}  # an e-mail address may be the only id that a shop has

Wanted = Mapping[str, tuple[str, ...]]


def wanted_columns(table: str, given: RawTable) -> dict[str, tuple[str, ...]]:
    """Our names, attributes included → the source's names, whose texts are joined.

    Args:
        table: the canonical table.
        given: its mapping in the configuration.

    Raises:
        IngestError: if it maps a table or a column that there is not, or two columns to one.

    >>> wanted_columns("products", RawTable(columns={"product_id": "SKU", "product": ["Make", "Model"]}))
    {'product_id': ('SKU',), 'product': ('Make', 'Model')}
    >>> wanted_columns("products", RawTable(columns={"product_id": "SKU", "categori": "Kind"}))
    Traceback (most recent call last):
    regulars.ingest.contracts.IngestError: products: the column 'categori' is not known: did you mean 'category'?
    """
    tables = [name for name, contract in CONTRACTS.items() if contract.mappable]
    if table not in tables:
        raise IngestError(f"No source can give a table '{table}'{_nearest(table, tables)}")
    contract = CONTRACTS[table]
    for name in given.columns:
        if name in contract.mappable:
            continue
        if any(column.name == name and column.made for column in contract.columns):
            raise IngestError(f"{table}: '{name}' is made by Regulars: take it out of 'columns'.")
        own = " A column of the shop's own goes under 'attributes'." if contract.open else ""
        raise IngestError(
            f"{table}: the column '{name}' is not known{_nearest(name, contract.mappable)}{own}"
        )
    _check_attributes(table, given)
    wanted = {
        ours: (names,) if isinstance(names, str) else tuple(names)
        for ours, names in {**given.columns, **given.attributes}.items()
    }
    _check_shared(table, wanted)
    return wanted


def _check_attributes(table: str, given: RawTable) -> None:
    contract = CONTRACTS[table]
    if given.attributes and not contract.open:
        having = ", ".join(name for name, other in CONTRACTS.items() if other.open)
        raise IngestError(f"{table} takes no 'attributes': only {having} may have columns of the shop's own.")
    own = {column.name for column in contract.columns} | set(contract.mappable) | RESERVED
    for name in given.attributes:
        if sum(name.casefold() == other.casefold() for other in given.attributes) > 1:
            raise IngestError(
                f"{table}: the attribute '{name}' is there twice, but for its case: rename one."
            )
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise IngestError(
                f"{table}: '{name}' is no name for an attribute: write letters, digits and underscores, such as loyalty_level."
            )
        if name.casefold() in own:
            raise IngestError(
                f"{table}: the attribute '{name}' is a column that the table has: map it under 'columns', "
                f"or give it another name, such as '{name}_stated'."
            )


def _check_shared(table: str, wanted: Wanted) -> None:
    """No column of the source stands for two of ours."""
    users: dict[str, list[str]] = {}
    for ours, names in wanted.items():
        if not names:
            raise IngestError(
                f"{table}: '{ours}' is mapped to an empty list: name its columns, or take it out."
            )
        for name in dict.fromkeys(names):
            users.setdefault(name, []).append(ours)
    for name, both in users.items():
        if len(both) > 1 and not set(both) <= SHARED:
            raise IngestError(
                f"{table}: {' and '.join(repr(ours) for ours in both)} are both mapped to the source's column '{name}': "
                "keep one of them."
            )


def _nearest(name: str, known: Collection[str]) -> str:
    near = closest(name, known, 1)
    return f": did you mean '{near[0]}'?" if near else f": there are {', '.join(known)}."


def closest(name: str, known: Collection[str], count: int = 3) -> list[str]:
    """The names most like a name, whatever their case and the signs between words.

    >>> closest("order_id", ["Date", "Order ID", "ORDERID", "Oder Id"])
    ['Order ID', 'ORDERID', 'Oder Id']
    """
    plain: dict[str, list[str]] = {}
    for other in known:
        plain.setdefault(_plain(other), []).append(other)
    near = difflib.get_close_matches(_plain(name), plain, n=count)
    return [other for key in near for other in plain[key]][:count]


def _plain(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def check_columns(origin: str, columns: Sequence[str], wanted: Wanted, hint: str = "") -> None:
    """Every wanted column is in the source, once.

    Args:
        origin: what the source is, for the sentence.
        columns: the names that the source has.
        wanted: from `wanted_columns`.
        hint: what else may be the reason that a column is absent.

    Raises:
        IngestError: naming the column and the nearest ones.

    >>> check_columns("a.csv", ["Order", "Total"], {"order_id": ("Order ID",)})
    Traceback (most recent call last):
    regulars.ingest.contracts.IngestError: a.csv lacks the column 'Order ID', mapped to 'order_id': the nearest is 'Order'.
    """
    for ours, names in wanted.items():
        for name in names:
            if columns.count(name) > 1:
                places = " and ".join(str(place) for place, other in enumerate(columns, 1) if other == name)
                raise IngestError(
                    f"{origin} has the column '{name}', mapped to '{ours}', more than once (columns {places}): "
                    "rename all but one."
                )
            if name not in columns:
                raise IngestError(
                    f"{origin} lacks the column '{name}', mapped to '{ours}'{_instead(name, columns)}{hint}"
                )


def _instead(name: str, columns: Sequence[str]) -> str:
    near = closest(name, columns)
    shown = ", ".join(repr(_short(column)) for column in near or columns[:12])
    if near:
        return f": the nearest {'is' if len(near) == 1 else 'are'} {shown}."
    return f": it has {shown}{f' and {len(columns) - 12} more' * (len(columns) > 12)}."


def _short(name: str) -> str:
    """A name, or the beginning of a line that was taken for one."""
    return name if len(name) <= 60 else f"{name[:59]}…"


def source_names(wanted: Wanted) -> dict[str, str]:
    """Our name → the source's names in words, for sentences."""
    return {ours: " + ".join(names) for ours, names in wanted.items()}
