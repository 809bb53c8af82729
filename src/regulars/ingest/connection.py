"""A database, opened through ADBC to be read: its drivers, its answers as Arrow batches, and what is said if it refuses.

No sentence repeats the address or what a driver says of it, and no error keeps the driver's own: they may hold the user's
name, parts of the password, or values of a row.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import pyarrow as pa

from regulars.ingest.contracts import IngestError


class Driver(NamedTuple):
    """An ADBC driver.

    Attributes:
        name: what its packages end in.
        needs: what pip is asked for.
        example: an address.
        begin: the statement with which a transaction begins that cannot write, and that sees all tables as of one moment.
    """

    name: str
    needs: str
    example: str
    begin: str | None = None


POSTGRESQL = Driver(
    "postgresql",
    "'adbc-driver-postgresql>=1.13'",  # earlier ones do not say of a column that it is money
    "postgresql://reader:secret@host/shop",
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
)
DRIVERS: Mapping[str, Driver] = {
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "sqlite": Driver("sqlite", "adbc-driver-sqlite", "sqlite:///shop.db"),
    "snowflake": Driver(
        "snowflake", "adbc-driver-snowflake", "snowflake://reader:secret@account/shop/public"
    ),
}

# What libpq says when it cannot connect → what that means. The first that fits.
REFUSALS: Mapping[str, str] = {
    r"authentication failed|no password|pg_hba|role .* does not exist|not permitted to log in": (
        "it does not accept the user or the password"
    ),
    r"database .* does not exist": "it has no database of that name",
    r"translate host name|no such host": "its host is not known here",
    r"refused|No such file|failed to open": "nothing answers there",
    r"timeout|timed out|unreachable": "it does not answer in time",
    r"SSL|sslmode|certificate": "the two sides do not agree on encryption (sslmode in the address)",
    r"too many|remaining connection slots": "it has no connection free at the moment",
    r"starting up|shutting down|recovery": "it is just starting or stopping",
    r"percent-encoded|connection option|URI|invalid port": "the address is not well formed",
}
BROKEN = (
    r"closed the connection|terminating connection|connection (not open|.*reset)|no connection to the server"
)


class QueryError(IngestError):
    """A query that the database does not answer.

    Attributes:
        missing: whether that is because a table is not there.
    """

    def __init__(self, sentence: str, missing: bool) -> None:
        super().__init__(sentence)
        self.missing = missing


class Connection:
    """One transaction, in which tables are only read.

    Args:
        handle: a DB-API connection of an ADBC driver.
        driver: which one.
        failures: what the driver raises.

    Raises:
        QueryError: if no such transaction can begin.
    """

    def __init__(self, handle: Any, driver: Driver, failures: tuple[type[Exception], ...]) -> None:
        self.driver = driver
        self._handle = handle
        self._failures = failures
        if driver.begin:
            self._begin(driver.begin)

    def _begin(self, statement: str) -> None:
        try:
            with self._handle.cursor() as cursor:
                cursor.execute(statement)
        except self._failures as error:
            raise _refused("The database", error) from None

    @contextmanager
    def query(self, sql: str, origin: str) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
        """The schema and the batches of a query's rows, which are read as they are asked for.

        Args:
            sql: the query.
            origin: what it reads, for sentences.

        Raises:
            QueryError: if the database does not answer it.
            IngestError: from the batches, if the answer breaks off.
        """
        with self._handle.cursor() as cursor:
            try:
                cursor.execute(sql)
                reader = cursor.fetch_record_batch()
            except self._failures as error:
                if re.search(BROKEN, str(error)):
                    raise IngestError(_broken_off(origin, 0, error)) from None
                raise _refused(origin, error) from None
            yield reader.schema, self._batches(reader, origin)

    def _batches(self, reader: pa.RecordBatchReader, origin: str) -> Iterator[pa.RecordBatch]:
        rows = 0
        try:
            for batch in reader:
                rows += batch.num_rows
                yield batch
        except self._failures as error:
            raise IngestError(_broken_off(origin, rows, error)) from None

    def tables(self) -> list[str]:
        """The tables and views that there are, as `schema.table`; the transaction ends."""
        self._handle.rollback()
        catalogs = self._handle.adbc_get_objects(depth="tables").read_all().to_pylist()
        return [
            ".".join(filter(None, (schema["db_schema_name"], table["table_name"])))
            for catalog in catalogs
            for schema in catalog["catalog_db_schemas"] or ()
            for table in schema["db_schema_tables"] or ()
        ]


@contextmanager
def opened(variable: str, environment: Mapping[str, str] = os.environ) -> Iterator[Connection]:
    """A connection to the database whose address an environment variable holds.

    Raises:
        IngestError: if the variable is not set, or is no address; if there is no driver; if the database refuses.

    >>> with opened("SHOP_DATABASE", {"SHOP_DATABASE": "mysql://reader:secret@host/shop"}):
    ...     pass
    Traceback (most recent call last):
    regulars.ingest.contracts.IngestError: SHOP_DATABASE begins with mysql://, for which no driver is known: there are
    those of postgresql, postgres, sqlite, snowflake. Export the tables as CSV or Parquet, and read them with kind: files.
    """
    address = _address(variable, environment)
    driver = _driver(variable, address)
    try:
        module = import_module(f"adbc_driver_{driver.name}.dbapi")
    except ModuleNotFoundError:
        raise IngestError(
            f"{variable} names a {driver.name} database, but its driver is not installed: run pip install {driver.needs}."
        ) from None
    try:
        handle = module.connect(_of_driver(address))
    except module.Error as error:
        raise IngestError(_not_connected(variable, driver, error)) from None
    with handle:
        yield Connection(handle, driver, (module.Error, pa.ArrowException, OSError))


def _address(variable: str, environment: Mapping[str, str]) -> str:
    address = environment.get(variable, "").strip()
    if not address:
        raise IngestError(
            f"The environment variable {variable} is not set, and should hold the address of the shop's database: "
            f"set it, as in export {variable}='{POSTGRESQL.example}'."
        )
    return address


def _driver(variable: str, address: str) -> Driver:
    found = re.match(r"([a-z][a-z0-9+.-]*)://", address, re.IGNORECASE)
    if not found:
        raise IngestError(
            f"The address in {variable} does not begin with what kind of database it is: "
            f"write it such as {POSTGRESQL.example}."
        )
    scheme = found[1].lower()
    if scheme not in DRIVERS:
        raise IngestError(
            f"{variable} begins with {scheme}://, for which no driver is known: there are those of {', '.join(DRIVERS)}. "
            "Export the tables as CSV or Parquet, and read them with kind: files."
        )
    return DRIVERS[scheme]


def _of_driver(address: str) -> str:
    """The address as its driver wants it: a file of SQLite is opened to be read, and is not made."""
    return re.sub(r"^sqlite:///?(.*)$", r"file:\1?mode=ro", address, flags=re.IGNORECASE)


def _not_connected(variable: str, driver: Driver, error: Exception) -> str:
    meaning = next((what for said, what in REFUSALS.items() if re.search(said, str(error))), "")
    reason = meaning or "its driver does not say why in words that could be shown"
    return (
        f"The database at the address in {variable} cannot be opened: {reason}. Compare it with {driver.example}; characters "
        "such as @ / : % in a password are written %40 %2F %3A %25."
    )


def _refused(origin: str, error: Exception) -> QueryError:
    state = getattr(error, "sqlstate", None) or ""
    missing = state in ("42P01", "3F000") or "no such table" in str(error)
    return QueryError(f"{origin} cannot be read: {_reason(error)}. {_remedy(error)}.", missing)


def _broken_off(origin: str, rows: int, error: Exception) -> str:
    if re.search(BROKEN, str(error)):
        return (
            f"The connection broke off after {rows:,} rows of {origin}, so nothing of it was kept: run it again, and if it "
            "breaks off again ask whoever runs the database."
        )
    return (
        f"The database gave up after {rows:,} rows of {origin}, so nothing of it was kept: {_reason(error)}. "
        f"{_remedy(error)}."
    )


def _remedy(error: Exception) -> str:
    text = str(error)
    if "read-only" in text or "read-write" in text:
        return "Write a query that does not write: the database is only read"
    if "permission denied" in text:
        return "Ask whoever runs the database for the right to read it (GRANT SELECT)"
    if "canceling statement" in text:
        return "Ask whoever runs the database for more time, or for another hour of the day"
    return "Correct it in the configuration, or the value in the database"


def _reason(error: Exception) -> str:
    """The database's own words, without what it quotes where that may be a value of a row."""
    text = str(error)
    found = re.search(r"ERROR:\s+(.*)", text)
    said = found[1] if found else re.sub(r"^[A-Z_]+: (\[\w+\] )?", "", text).splitlines()[0]
    if (getattr(error, "sqlstate", None) or "")[:2] not in ("25", "3F", "42", "0A"):
        return re.sub(r"""(["']).*\1""", "…", said)[:200].rstrip(" .:")
    hint = re.search(r"HINT:\s+(.*?)\.?\n", text)
    return said.rstrip(" .:") + (f" ({hint[1]})" if hint else "")
