"""Personal data as keyed hashes: equal where the data are equal, and readable by nobody.

A hash is HMAC-SHA-256 (RFC 2104) under the shop's own key. A plain hash of a telephone number is found by trying all
numbers; a keyed one is not, without the key. The hashes are made by SQL, in the engine, before anything is staged.

The key never stands in the text of a query. It reaches the connection as a bound parameter and waits there in two session
variables, which the expressions name. So no error that quotes a query can show it. A plan would, so nothing here is
explained or profiled.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import quoted
from regulars.ingest.trouble import FULL_NUMBERS
from regulars.ingest.values import NOTHING
from regulars.shop import Shop

VARIABLE = "REGULARS_KEY"
SHORTEST = 32  # characters; 256 bits if they are random bytes
BLOCK = 64  # bytes in a block of SHA-256
BLANK = r"\p{Z}\p{Cc}\x{200B}\x{FEFF}"  # within [ ] of a pattern: what looks like nothing
UNREGISTERED = (
    "The key of the personal hashes is not on this connection: call register(connection, key_of(shop)) first."
)


def key_of(shop: Shop, environment: Mapping[str, str] = os.environ) -> bytes:
    """The shop's key: REGULARS_KEY, or what stands in `data/<shop>/key`, which is made when it is first needed.

    Args:
        shop: the shop.
        environment: where REGULARS_KEY is looked for.

    Raises:
        IngestError: if REGULARS_KEY is too short, or the file can be used by others, holds no key or cannot be written.
    """
    path = shop.data / "key"
    place = str(path.relative_to(shop.home))
    given = environment.get(VARIABLE)
    if given is None:
        return _kept_key(path, place)
    if len(given) < SHORTEST:
        raise IngestError(
            f"{VARIABLE} has {len(given)} characters, but the key of personal data needs at least {SHORTEST}. Set one such as "
            f"`openssl rand -hex 32` prints, or unset {VARIABLE} to use the file {place}."
        )
    return given.encode("utf-8", "surrogateescape")


def key_id(key: bytes) -> str:
    """A short name of a key, which says nothing of it: tables hashed under two keys do not match.

    >>> key_id(b"a" * 32) == key_id(b"b" * 32)
    False
    """
    return hmac.new(key, b"which key", hashlib.sha256).hexdigest()[:12]


def _kept_key(path: Path, place: str) -> bytes:
    try:
        if not path.exists():
            _make_key(path)
        text = _read_private(path, place)
    except (OSError, UnicodeDecodeError) as error:
        if getattr(error, "errno", None) in FULL_NUMBERS:
            raise
        reason = getattr(error, "strerror", None) or "it is not text"
        raise IngestError(
            f"{place}, the key of personal data, cannot be read or made: {reason}. Make it readable to you alone "
            f"(chmod 600), or set {VARIABLE} instead."
        ) from error
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise IngestError(
            f"{place} holds no key: a key is 64 characters of 0-9 and a-f. Put its backup there; or delete it and stage "
            "again, and every hash is made anew."
        )
    return bytes.fromhex(text)


def _make_key(path: Path) -> None:
    """Write a new key, unless one appears meanwhile: the link fails where a file stands, so the first process wins.

    The file is linked when it is complete, so that no process ever reads a part of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".key.", dir=path.parent)  # O_EXCL, mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


def _read_private(path: Path, place: str) -> str:
    with path.open(encoding="ascii") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise IngestError(
                f"{place}, the key of personal data, is open to other users of this machine: run `chmod 600 {place}`. If "
                "somebody may have read it, delete it and stage again, and every hash is made anew."
            )
        return file.read(200).strip()


def register(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Give a connection the key, for every expression of this module that it runs from now on."""
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    connection.execute("SET VARIABLE regulars_inner = $1", [bytes(byte ^ 0x36 for byte in block)])
    connection.execute("SET VARIABLE regulars_outer = $1", [bytes(byte ^ 0x5C for byte in block)])


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the key from a connection."""
    connection.execute("RESET VARIABLE regulars_inner")
    connection.execute("RESET VARIABLE regulars_outer")


def hashed(expression: str) -> str:
    """SQL for the hash of a text, as 64 hexadecimal digits; null where nothing but blanks is written.

    >>> connection = duckdb.connect()
    >>> register(connection, b"k" * 32)
    >>> address = quoted("ann@example.com")
    >>> found = connection.sql(f"SELECT {hashed(address)}").fetchall()[0][0]
    >>> found == hmac.new(b"k" * 32, b"ann@example.com", "sha256").hexdigest()
    True
    """
    text = f"({expression})::VARCHAR"
    return f"CASE WHEN regexp_matches({text}, '[^{BLANK}]') THEN {_mac(text)} END"


def _mac(text: str) -> str:
    """H((K ⊕ opad) ‖ H((K ⊕ ipad) ‖ text)), as RFC 2104 has it.

    A variable that is not set would be null, and so would every hash: that is an error instead.
    """
    inner, outer = (
        f"coalesce(getvariable('regulars_{name}'), error({quoted(UNREGISTERED)}))::BLOB"
        for name in ("inner", "outer")
    )
    return f"sha256({outer} || unhex(sha256({inner} || encode({text}))))"


def hashed_column(source_name: str, column_sql: str) -> str:
    """SQL for the hash of a column, brought to one spelling first.

    Args:
        source_name: what the column holds: email, phone, name or address.
        column_sql: the column.

    >>> connection = duckdb.connect()
    >>> register(connection, b"k" * 32)
    >>> written, meant = quoted("+44 (20) 7946-0018"), quoted("+442079460018")
    >>> connection.sql(f"SELECT {hashed_column('phone', written)} = {hashed(meant)}").fetchall()
    [(True,)]
    """
    return hashed(normalised(source_name, column_sql))


def hash_addresses(column_sql: str) -> str:
    """SQL for a column of ids in which those that contain an @, and so are e-mail addresses, are replaced by their hash.

    The hash is that of the address in a column of addresses, so that ids and addresses still match.
    """
    text = f"({column_sql})::VARCHAR"
    return f"CASE WHEN contains({text}, '@') THEN {_mac(_email(text))} ELSE {text} END"


def normalised(source_name: str, column_sql: str) -> str:
    """SQL for one spelling of what people and exports spell in several ways; empty where it says nothing.

    >>> for kind, text in [("email", " Ann@Example.COM"), ("phone", "020 7946-0018"), ("name", "Ann   LEE"), ("name", "N/A")]:
    ...     print(duckdb.sql(f"SELECT {normalised(kind, quoted(text))}").fetchall()[0])
    ('ann@example.com',)
    ('02079460018',)
    ('ann lee',)
    ('',)
    """
    spelling = SPELLINGS.get(source_name, _words)
    return spelling(f"({column_sql})::VARCHAR")


def _email(text: str) -> str:
    """Without blanks around it, in small letters. Dots and +tags stay: which of them count is the provider's secret."""
    return _without_nothing(_folded(rf"regexp_replace({text}, '^[{BLANK}]+|[{BLANK}]+$', '', 'g')"))


def _words(text: str) -> str:
    """In small letters, with one blank between words."""
    return _without_nothing(_folded(rf"trim(regexp_replace({text}, '[{BLANK}]+', ' ', 'g'))"))


def _phone(text: str) -> str:
    """Digits, and the + before them. Whoever kept numbers as numbers has them as 442079460018.0."""
    whole = rf"regexp_replace({text}, '^(\d+)\.0$', '\1')"
    signs = rf"regexp_replace({whole}, '[^+\p{{Nd}}]+', '', 'g')"
    number = rf"regexp_extract({signs}, '\+?\p{{Nd}}.*')"
    return rf"regexp_replace({number}, '(\p{{Nd}})\++', '\1', 'g')"


def _folded(text: str) -> str:
    """Small letters, composed (NFC) first, so that two spellings of one letter are equal."""
    return f"lower(nfc_normalize({text}))"


def _without_nothing(text: str) -> str:
    """Empty where an export wrote a word for no value."""
    words = "|".join(re.escape(word) for word in NOTHING if word)
    return f"regexp_replace({text}, {quoted(f'^({words})$')}, '')"


SPELLINGS: dict[str, Callable[[str], str]] = {
    "email": _email,
    "phone": _phone,
    "name": _words,
    "address": _words,
}
