"""A database that cannot be opened is a sentence, and no sentence or traceback holds who asked, or the password."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import pytest

from regulars.ingest.connection import DRIVERS, Connection, opened
from regulars.ingest.contracts import IngestError

SECRETS = ("hush", "shop_reader", "q/Z@9", "q%2FZ")


def refused(address: str) -> str:
    """The sentence of an address that does not work, in which, and in whose traceback, nothing is secret."""
    with pytest.raises(IngestError) as caught, opened("SHOP_DATABASE", {"SHOP_DATABASE": address}):
        pass
    shown = "".join(traceback.format_exception(caught.value))
    assert [secret for secret in SECRETS if secret in shown] == []
    said = str(caught.value)
    assert "SHOP_DATABASE" in said and "\n" not in said and said.endswith(".")
    return said


@pytest.mark.parametrize("environment", [{}, {"SHOP_DATABASE": ""}, {"SHOP_DATABASE": " \n"}])
def test_a_variable_that_is_not_set_is_named_with_an_example(environment: dict[str, str]) -> None:
    with pytest.raises(IngestError, match="SHOP_DATABASE is not set") as caught:
        opened("SHOP_DATABASE", environment).__enter__()
    assert "export SHOP_DATABASE='postgresql://" in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "shop_reader:hush@host/shop",
        "host=db user=shop_reader password=hush",
        "//shop_reader:hush@host/shop",
        "'postgresql://shop_reader:hush@host/shop'",
        "hush",
    ],
)
def test_an_address_without_its_kind_is_not_repeated(address: str) -> None:
    assert "does not begin with what kind of database" in refused(address)


def test_a_kind_without_a_driver_is_named_with_another_way_in() -> None:
    said = refused("mysql://shop_reader:hush@host/shop")
    assert "mysql://" in said and "kind: files" in said
    assert "those of postgresql, postgres, " in refused("postgresql+psycopg://shop_reader:hush@h/s")


@pytest.mark.parametrize("scheme", ["POSTGRES", *DRIVERS])
def test_a_driver_that_is_not_installed_is_named_as_pip_knows_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = DRIVERS[scheme.lower()].name
    monkeypatch.setitem(sys.modules, f"adbc_driver_{name}", None)
    monkeypatch.setitem(sys.modules, f"adbc_driver_{name}.dbapi", None)
    assert f"adbc-driver-{name}" in refused(f"{scheme}://shop_reader:hush@host/shop")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "meaning"),
    [
        ({"password": "hush"}, "does not accept the user or the password"),
        ({"password": ""}, "does not accept the user or the password"),
        ({"user": "hush"}, "does not accept the user or the password"),
        ({"database": "hush"}, "has no database of that name"),
    ],
)
def test_what_the_database_refuses_is_said(postgres: Any, change: dict[str, str], meaning: str) -> None:
    assert meaning in refused(postgres.address(**change))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "meaning"),
    [
        ("postgresql://shop_reader:hush@127.0.0.1:1/shop", "nothing answers there"),
        ("postgresql://shop_reader:hush@/shop?host=/nowhere", "nothing answers there"),
        ("postgresql://shop_reader:q/Z@9@127.0.0.1:1/shop", "not well formed"),
        ("postgresql://shop_reader:1@q/Z@9:hush@/shop", "its host is not known here"),
        ("postgresql://shop_reader:hush%zz@127.0.0.1:1/shop", "not well formed"),
        ("postgresql://shop_reader:x@127.0.0.1:1/shop?hush=1", "not well formed"),
        ("postgresql://shop_reader:x@127.0.0.1:hush/shop", "not well formed"),
        ("postgresql://shop_reader:x@127.0.0.1:1/shop?sslmode=hush", "encryption"),
    ],
)
@pytest.mark.usefixtures("postgres")
def test_an_address_that_leads_nowhere_is_said_without_its_parts(address: str, meaning: str) -> None:
    assert meaning in refused(address)
    assert "%40" in refused(address)


@pytest.mark.slow
def test_a_server_without_a_free_connection_is_said(postgres: Any) -> None:
    postgres.run("ALTER ROLE shop_reader CONNECTION LIMIT 0")
    try:
        assert "no connection free" in refused(postgres.address())
    finally:
        postgres.run("ALTER ROLE shop_reader CONNECTION LIMIT -1")


@pytest.mark.slow
def test_the_tables_are_listed_with_their_schemas(postgres: Any) -> None:
    postgres.run(
        "CREATE TABLE orders (a int)", "CREATE SCHEMA store", "CREATE VIEW store.lines AS SELECT 1 AS a"
    )
    with opened("SHOP_DATABASE", {"SHOP_DATABASE": postgres.address()}) as connection:
        assert sorted(connection.tables()) == ["public.orders", "store.lines"]


@pytest.mark.slow
def test_a_transaction_that_cannot_begin_is_a_sentence(postgres: Any) -> None:
    from adbc_driver_postgresql import dbapi

    driver = DRIVERS["postgres"]._replace(begin="SET TRANSACTION HALF-READ ONLY")
    with (
        postgres.connect() as handle,
        pytest.raises(IngestError, match="The database cannot be read: syntax"),
    ):
        Connection(handle, driver, (dbapi.Error,))
