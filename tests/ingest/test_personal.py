"""Personal data leave as keyed hashes: equal where the data are, the same as Python's, and nothing else of them is left."""

import hashlib
import hmac
import os
import re
import stat
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars import Shop
from regulars.ingest.contracts import CONTRACTS, IngestError
from regulars.ingest.landing import quoted
from regulars.ingest.personal import (
    SPELLINGS,
    forget,
    hash_addresses,
    hashed,
    hashed_column,
    key_id,
    key_of,
    normalised,
    register,
)

KEY = bytes(range(32))
TEXTS = st.text(st.characters(codec="utf-8"), max_size=80)
ROOT = Path(__file__).resolve().parents[2]


def shop_at(home: Path) -> Shop:
    return Shop.open("demo", {"REGULARS_HOME": str(home)})


def key_file(home: Path) -> Path:
    return home / "data" / "demo" / "key"


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect()
    register(opened, KEY)
    return opened


def values(connection: duckdb.DuckDBPyConnection, expression: str, *texts: str | None) -> list[str | None]:
    """The expression's value for each text, which comes as a parameter and so needs no quoting."""
    query = f"SELECT {expression} FROM (SELECT unnest($1::VARCHAR[]) AS x)"
    return [row[0] for row in connection.execute(query, [list(texts)]).fetchall()]


def python_hash(text: str, key: bytes = KEY) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


# The key


def test_the_key_comes_from_the_environment_and_no_file_is_made(tmp_path: Path) -> None:
    assert key_of(shop_at(tmp_path), {"REGULARS_KEY": "k" * 32}) == b"k" * 32
    assert not key_file(tmp_path).exists()


@pytest.mark.parametrize("given_key", ["", "k", "k" * 31])
def test_a_short_key_is_a_sentence_that_does_not_show_it(tmp_path: Path, given_key: str) -> None:
    with pytest.raises(IngestError) as caught:
        key_of(shop_at(tmp_path), {"REGULARS_KEY": given_key})
    sentence = str(caught.value)
    assert (
        f"has {len(given_key)} characters" in sentence
        and "at least 32" in sentence
        and "data/demo/key" in sentence
    )
    assert "kk" not in sentence


def test_the_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    shop = shop_at(tmp_path)
    key = key_of(shop, {})
    assert len(key) == 32
    assert key_of(shop, {}) == key
    assert stat.S_IMODE(key_file(tmp_path).stat().st_mode) == 0o600
    assert bytes.fromhex(key_file(tmp_path).read_text()) == key
    assert [path.name for path in key_file(tmp_path).parent.iterdir()] == ["key"], "nothing is left beside it"


def test_two_shops_have_two_keys(tmp_path: Path) -> None:
    assert key_of(shop_at(tmp_path / "a"), {}) != key_of(shop_at(tmp_path / "b"), {})


def test_the_file_is_outside_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "data/*" in ignored and not [
        line for line in ignored if line.startswith("!data/") and line != "!data/README.md"
    ]


def test_threads_that_need_the_first_key_at_once_get_one(tmp_path: Path) -> None:
    for turn in range(20):
        shop, start = shop_at(tmp_path / str(turn)), Barrier(8)

        def need(_: int, shop: Shop = shop, start: Barrier = start) -> bytes:
            start.wait()
            return key_of(shop, {})

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(need, range(8)))) == 1


def test_processes_that_need_the_first_key_at_once_get_one(tmp_path: Path) -> None:
    for turn in range(10):
        shop = shop_at(tmp_path / str(turn))
        begun = [_begin(lambda shop=shop: key_of(shop, {})) for _ in range(4)]
        assert {_result(child, pipe) for child, pipe in begun} == {key_of(shop, {})}


def _begin(work: Callable[[], bytes]) -> tuple[int, int]:
    """A fork of this process that works, and the pipe by which it answers."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forking beside threads: the child uses none of them
        child = os.fork()
    if child == 0:
        try:
            os.write(writing, work())
        finally:
            os._exit(0)
    os.close(writing)
    return child, reading


def _result(child: int, pipe: int) -> bytes:
    """What the fork answered: nothing, if it failed."""
    with os.fdopen(pipe, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    return answer


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o620])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    shop = shop_at(tmp_path)
    key = key_of(shop, {})
    key_file(tmp_path).chmod(mode)
    with pytest.raises(IngestError, match=r"data/demo/key.*chmod 600 data/demo/key") as caught:
        key_of(shop, {})
    assert key.hex() not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"secret words", b"ab" * 31, b"ab" * 33, b"zz" * 32, b"\xff\xfe" * 32, b"ab" * 5000]
)
def test_a_malformed_file_is_a_sentence_that_does_not_show_it(tmp_path: Path, content: bytes) -> None:
    key_file(tmp_path).parent.mkdir(parents=True)
    key_file(tmp_path).write_bytes(content)
    key_file(tmp_path).chmod(0o600)
    with pytest.raises(IngestError, match=r"data/demo/key") as caught:
        key_of(shop_at(tmp_path), {})
    assert "secret" not in str(caught.value) and "abab" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_what_is_no_file_is_a_sentence(tmp_path: Path) -> None:
    key_file(tmp_path).mkdir(parents=True, mode=0o700)
    with pytest.raises(IngestError, match=r"data/demo/key.*REGULARS_KEY"):
        key_of(shop_at(tmp_path), {})


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(IngestError, match=r"data/demo/key.*cannot be read or made.*REGULARS_KEY"):
        key_of(shop_at(tmp_path), {})


def test_the_name_of_a_key_does_not_show_it() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", key_id(KEY))
    assert key_id(KEY) not in KEY.hex() and key_id(KEY) != key_id(KEY[::-1])


# The hash


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS, key=st.binary(min_size=1, max_size=150))
def test_the_hash_is_pythons_hmac(connection: duckdb.DuckDBPyConnection, text: str, key: bytes) -> None:
    register(connection, key)
    visible = f"{text}x"
    assert values(connection, hashed("x"), visible) == [python_hash(visible, key)]
    assert values(connection, hashed("x"), text)[0] in (None, python_hash(text, key))


@pytest.mark.parametrize(
    "text",
    ["é", "e\u0301", "a\0b", "it's", 'a "b" c', "😀", "--; DROP TABLE x", "\\", "$1", "%"],
)
def test_the_hash_of_awkward_texts_is_pythons_too(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert values(connection, hashed("x"), text) == [python_hash(text)]
    assert connection.sql(f"SELECT {hashed(quoted(text))}").fetchall() == [(python_hash(text),)]


def test_a_published_hmac(connection: duckdb.DuckDBPyConnection) -> None:
    """RFC 4231, test cases 1, 2 and 6: a short key, a shorter one, and one longer than a block."""
    published = [
        (b"\x0b" * 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            b"\xaa" * 131,
            "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ]
    for key, text, expected in published:
        register(connection, key)
        assert values(connection, hashed("x"), text) == [expected]


@pytest.mark.parametrize("text", [None, "", " ", "\t\n\u00a0\u3000", "\0", "\ufeff", "\u200b"])
def test_nothing_has_no_hash(connection: duckdb.DuckDBPyConnection, text: str | None) -> None:
    assert values(connection, hashed("x"), text) == [None]
    assert [values(connection, hashed_column(kind, "x"), text) for kind in SPELLINGS] == [[None]] * len(
        SPELLINGS
    )


@pytest.mark.parametrize("text", ["NULL", "nan", "None", "N/A", " n/a ", "\\N", "#N/A", "<NA>"])
def test_a_word_for_nothing_has_no_hash(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert [values(connection, hashed_column(kind, "x"), text) for kind in SPELLINGS] == [[None]] * len(
        SPELLINGS
    )


def test_numbers_are_hashed_as_their_text(connection: duckdb.DuckDBPyConnection) -> None:
    query = f"SELECT {hashed_column('phone', '442079460018::BIGINT')}, {hashed_column('phone', '442079460018::DOUBLE')}"
    assert connection.sql(query).fetchall() == [(python_hash("442079460018"),) * 2]


def test_without_a_key_there_is_an_error_and_no_null() -> None:
    """A variable that is not set is null, and so would be every hash: all customers would lose their addresses in silence."""
    opened = duckdb.connect()
    for expression in (hashed("'a'"), hash_addresses("'a@b'")):
        with pytest.raises(duckdb.Error, match="call register"):
            opened.sql(f"SELECT {expression}").fetchall()
    register(opened, KEY)
    relation = opened.sql(f"SELECT {hashed('x')} FROM (SELECT 'a' AS x)")
    assert relation.fetchall() == [(python_hash("a"),)]
    forget(opened)
    with pytest.raises(duckdb.Error, match="call register"):
        relation.fetchall()


# One spelling


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        ("email", ["ann@example.com", " Ann@Example.COM ", "\u00a0ANN@example.com\r\n", "ann@example.com\0"]),
        ("email", ["zoë@example.com", "zoe\u0308@example.com", "ZOË@EXAMPLE.COM"]),
        (
            "phone",
            [
                "+442079460018",
                "+44 20 7946 0018",
                "(+44) 20-7946-0018",
                "\t+44.2079460018",
                "++44 2079460018",
            ],
        ),
        ("phone", ["02079460018", "020 7946 0018", "020/7946-0018", "tel. 020 7946+0018"]),
        ("phone", ["442079460018", "442079460018.0"]),
        ("name", ["ann lee", "Ann  LEE", "\tAnn\u00a0Lee\n", "Ann \u3000 Lee"]),
        ("name", ["josé", "jose\u0301", "JOSÉ", "JOSE\u0301"]),
        ("address", ["1 high street, leeds", "1  High Street,\nLeeds", " 1 HIGH STREET, LEEDS "]),
    ],
)
def test_spellings_of_one_thing_have_one_hash(
    connection: duckdb.DuckDBPyConnection, kind: str, spellings: list[str]
) -> None:
    assert set(values(connection, hashed_column(kind, "x"), *spellings)) == {python_hash(spellings[0])}


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (
            "email",
            [
                "ann@example.com",
                "a.nn@example.com",
                "ann+shop@example.com",
                "ann@example.org",
                "an n@example.com",
            ],
        ),
        ("phone", ["02079460018", "2079460018", "+02079460018", "020794600180"]),
        ("name", ["ann lee", "annlee", "ann-lee", "lee ann", "añn lee"]),
        ("address", ["1 high street", "11 high street", "1 high st"]),
    ],
)
def test_different_things_have_different_hashes(
    connection: duckdb.DuckDBPyConnection, kind: str, texts: list[str]
) -> None:
    assert len(set(values(connection, hashed_column(kind, "x"), *texts))) == len(texts)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(sorted(SPELLINGS)), text=TEXTS)
def test_a_spelling_that_is_brought_to_one_stays_so(
    connection: duckdb.DuckDBPyConnection, kind: str, text: str
) -> None:
    once = values(connection, normalised(kind, "x"), text)
    assert values(connection, normalised(kind, "x"), *once) == once
    assert once[0] is not None and once[0] == once[0].strip()


def test_every_personal_column_has_its_spelling() -> None:
    personal = {
        c.source_name
        for contract in CONTRACTS.values()
        for c in contract.mappable.values()
        if c.kind == "personal"
    }
    assert personal == set(SPELLINGS)


# Ids that are addresses


def test_an_address_used_as_an_id_is_replaced_and_others_stay(connection: duckdb.DuckDBPyConnection) -> None:
    ids = ["7", None, "Ann@Example.com", " ann@example.com", "C-0012", "@", "nobody"]
    ann = python_hash("ann@example.com")
    assert values(connection, hash_addresses("x"), *ids) == [
        "7",
        None,
        ann,
        ann,
        "C-0012",
        python_hash("@"),
        "nobody",
    ]
    assert values(connection, hashed_column("email", "x"), "Ann@Example.com") == [ann], (
        "so that both still match"
    )


# Nothing is left


def test_what_is_staged_holds_no_plain_text_and_no_key(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    people = [
        ("Ann@Example.com", "+44 20 7946 0018", "Ann Leigh-Smith", "1 Privet Drive"),
        ("b@x.org", None, "Bo Ek", "Ö 2"),
    ]
    connection.execute("CREATE TABLE raw (email VARCHAR, phone VARCHAR, name VARCHAR, address VARCHAR)")
    connection.executemany("INSERT INTO raw VALUES ($1, $2, $3, $4)", people)
    columns = ", ".join(f"{hashed_column(kind, kind)} AS {kind}_hash" for kind in SPELLINGS)
    path = tmp_path / "customers.parquet"
    ids = hash_addresses("email")
    connection.execute(
        f"COPY (SELECT {ids} AS customer_id, {columns} FROM raw) TO '{path}' (COMPRESSION uncompressed)"
    )
    found = connection.sql(f"FROM '{path}'").fetchall()
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for row in found for value in row if value is not None)
    written = path.read_bytes().lower()
    for person in people:
        for text in person:
            assert text is None or text.lower().encode() not in written
    assert KEY not in written and KEY.hex().encode() not in written


@pytest.mark.parametrize(
    "query",
    [
        "SELECT {hash} FROM nowhere",
        "SELECT {hash} FROM people WHERE nowhere = 1",
        "SELECT {hash}::INTEGER FROM people",
        "SELECT strptime({hash}, '%Y') FROM people",
        "SELECT {hash} + 1 FROM people",
        "SELECT {hash} FROM people GROUP BY nowhere",
        "SELECT {hash} FROM people ORDER BY error('stop')",
        "SELECT {hash} FROM people !",
        "SELECT no_such_function({hash}) FROM people",
        "COPY (SELECT {hash} FROM people) TO '/nowhere/at/all.parquet'",
        "CREATE TABLE people AS SELECT {hash} FROM people",
    ],
)
def test_no_error_shows_the_key_or_what_it_makes(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    connection.execute("CREATE TABLE people AS SELECT 'ann@example.com' AS x")
    with pytest.raises(duckdb.Error) as caught:
        connection.execute(query.format(hash=hashed("x"))).fetchall()
    assert not shows_key(str(caught.value)) and "ann@example.com" not in str(caught.value)


def shows_key(text: str) -> bool:
    """Whether a text holds the key, or what it makes of it, as digits, as DuckDB prints bytes, or as it is."""
    secrets = [KEY, bytes(byte ^ 0x36 for byte in KEY), bytes(byte ^ 0x5C for byte in KEY)]
    as_printed = [
        str(duckdb.sql("SELECT $1::BLOB::VARCHAR", params=[secret]).fetchall()[0][0]) for secret in secrets
    ]
    return any(form in text for form in as_printed) or any(secret.hex() in text.lower() for secret in secrets)


def test_a_key_that_is_shown_would_be_found(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.Error) as caught:
        connection.sql("SELECT getvariable('regulars_inner')::VARCHAR::INTEGER").fetchall()
    assert shows_key(str(caught.value)), "the search above works"


def test_the_text_of_a_query_holds_no_key(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE people AS SELECT 'ann@example.com' AS x")
    relation = connection.sql(f"SELECT {hashed('x')} AS h FROM people").filter("h IS NOT NULL")
    assert relation.fetchall() == [(python_hash("ann@example.com"),)]
    assert "getvariable" in relation.sql_query() and not shows_key(relation.sql_query())
