"""What a CSV is: how its bytes are text (the encoding), what stands between its fields (the delimiter), and its header."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from itertools import islice
from typing import NamedTuple

from regulars.config import FileTable
from regulars.ingest.contracts import IngestError
from regulars.ingest.mapping import closest
from regulars.ingest.rawfiles import NAMES, RawFile, content_of
from regulars.ingest.records import Malformed, records

SAMPLE = 2**18  # bytes, from which the dialect is found
ROWS = 200  # records of the sample, by which delimiters are compared
DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
FALLBACK = "windows-1252"
ENCODINGS = ("utf-8", "utf-16", "latin-1", "windows-1252", "windows-1251", "shift_jis", "gb18030", "cp850")

_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)  # of several bytes in UTF-8
_BEGUN = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")
_EMPTY_LINE = re.compile(" *[\r\n]")
_ASCII = bytes(range(128))


class Dialect(NamedTuple):
    """What a CSV is.

    Attributes:
        columns: the header's names, as they are.
        delimiter: one character.
        encoding: the name of a Python codec.
        is_given: whether the configuration says the encoding; else it may turn out to be another further down.
        is_plain: whether DuckDB reads the header rightly: not after an empty line, nor with line ends in it, nor if it begins
            with a byte-order mark and a name that needs its quotes.
    """

    columns: list[str]
    delimiter: str
    encoding: str
    is_given: bool = False
    is_plain: bool = True


def find_dialect(file: RawFile, given: FileTable | None = None, wanted: Collection[str] = ()) -> Dialect:
    """The dialect of a CSV, from its first rows and from what the configuration says of it.

    Args:
        file: the file.
        given: may say the delimiter and the encoding.
        wanted: names that the header should have.

    Raises:
        IngestError: if it has no header, or is not in the encoding that was given.
    """
    name = file.path.name
    with file.opened() as stream:
        sample = stream.read(SAMPLE)
        is_all = not stream.read(1)
    if content := content_of(sample):
        what = NAMES.get(content, content)
        raise IngestError(f"{name} holds {what}, and no text: unpack it, or export it as CSV.")
    said = given.encoding if given else None
    encoding = _check_encoding(name, sample, said, is_all) if said else find_encoding(sample, is_all)
    text = _decoded(name, sample, encoding, is_all)
    delimiter = (given.delimiter if given else None) or _find_delimiter(text, wanted)
    if delimiter in '"\r\n':
        raise IngestError(f"{name}: the delimiter cannot be {delimiter!r}: give one such as ';'.")
    found = list(islice(records(StringIO(text, newline=""), delimiter), ROWS))
    if not found:
        raise IngestError(f"{name} is empty: it has no header and no rows. Export it again.")
    if isinstance(found[0], Malformed):
        raise IngestError(
            f"{name}: its header cannot be split into columns: {found[0].problem}. Export it again."
        )
    columns = _named(found[0], [row for row in found[1:] if isinstance(row, list)])
    is_plain = not (
        _EMPTY_LINE.match(text)
        or any(end in name for name in columns for end in "\r\n")
        or (_mark(sample) and text.startswith('"') and any(sign in columns[0] for sign in (delimiter, '"')))
    )
    return Dialect(columns, delimiter, encoding, bool(said), is_plain)


def _named(header: list[str], rows: list[list[str]]) -> list[str]:
    """The header, without empty names at its end under which nothing stands."""
    width = len(header)
    while width and not header[width - 1] and not any(any(row[width - 1 :]) for row in rows):
        width -= 1
    return header[:width]


def _find_delimiter(text: str, wanted: Collection[str]) -> str:
    """The delimiter by which the header has most of the wanted names, and then most rows have as many fields as it."""
    return max(DELIMITERS, key=lambda delimiter: _fit(text, delimiter, wanted))


def _fit(text: str, delimiter: str, wanted: Collection[str]) -> tuple[int, float, int]:
    found = list(islice(records(StringIO(text, newline=""), delimiter), ROWS))
    if not found or isinstance(found[0], Malformed) or len(found[0]) == 1:
        return 0, 0.0, 0
    width, rows = len(found[0]), found[1:]
    same = sum(isinstance(row, list) and len(row) == width for row in rows)
    return len(set(wanted) & set(found[0])), same / max(len(rows), 1), width


def other_delimiter(file: RawFile, dialect: Dialect, wanted: Collection[str]) -> str:
    """The sentence that another delimiter would do better, or nothing."""
    with file.opened() as stream:
        text = _decoded(file.path.name, stream.read(SAMPLE), dialect.encoding, False)
    others = {
        other: len(set(wanted) & set(_header(text, other)))
        for other in DELIMITERS
        if other != dialect.delimiter
    }
    best = max(others, key=lambda other: others[other])
    if others[best] > len(set(wanted) & set(dialect.columns)):
        return f" Its columns seem to be split by {DELIMITERS[best]}: write delimiter: {best!r}, or leave it out."
    if len(dialect.columns) == 1:
        return " It has one column only: say its 'delimiter' in the configuration, if it is another than , ; | or a tab."
    return ""


def _header(text: str, delimiter: str) -> list[str]:
    first = next(records(StringIO(text, newline=""), delimiter), None)
    return [] if first is None or isinstance(first, Malformed) else first


def find_encoding(sample: bytes, is_all: bool = True) -> str:
    """UTF-16 by its mark, else UTF-8, unless the bytes are none.

    Args:
        sample: the first bytes of a file.
        is_all: whether they are the whole file; else a character may be cut at their end.

    >>> find_encoding("café".encode()), find_encoding("café".encode("latin-1")), find_encoding("café".encode("utf-16"))
    ('utf-8', 'windows-1252', 'utf-16')
    """
    return _mark(sample) or (FALLBACK if _is_no_utf8([sample], is_all) else "utf-8")


def encoding_of_all(file: RawFile) -> str:
    """UTF-8 or Windows-1252, from the whole file: needed only where the first bytes are UTF-8 and later ones are not."""
    with file.opened() as stream:
        return FALLBACK if _is_no_utf8(iter(lambda: stream.read(2**20), b"")) else "utf-8"


def _mark(sample: bytes) -> str | None:
    return next((name for mark, name in _MARKS.items() if sample.startswith(mark)), None)


def _is_no_utf8(chunks: Iterable[bytes], is_all: bool = True) -> bool:
    """Whether more bytes stand outside UTF-8's characters than there are characters of several bytes.

    Texts in other encodings hardly ever have such characters, so a few stray bytes among them are damage in a UTF-8 text.
    """
    characters = stray = 0
    begun = b""
    for chunk in chunks:
        if chunk.isascii() and not begun:
            continue
        chunk, begun = begun + chunk, b""
        if cut := _BEGUN.search(chunk, len(chunk) - 3):
            chunk, begun = chunk[: cut.start()], cut[0]
        found = _CHARACTER.findall(chunk)
        characters += len(found)
        stray += len(chunk.translate(None, _ASCII)) - sum(map(len, found))
    if begun and is_all:
        characters, stray = (
            (characters + 1, stray) if _CHARACTER.fullmatch(begun) else (characters, stray + 1)
        )
    return stray > characters


def _check_encoding(name: str, sample: bytes, said: str, is_all: bool) -> str:
    """The codec that the configuration names, if the first bytes do not speak against it."""
    try:
        codec = codecs.lookup(said).name
        "".encode(said)  # some codecs are not of texts
    except LookupError as error:
        near = (closest(said, ENCODINGS, 1) or [FALLBACK])[0]
        raise IngestError(f"{name}: '{said}' is no encoding: write one such as {near}.") from error
    marked, is_utf8 = _mark(sample), _CHARACTER.search(sample) and not _is_no_utf8([sample], is_all)
    if marked and not codec.startswith(marked):
        raise not_in(name, said, marked)
    if codec.startswith(("utf-16", "utf-32")) and b"\0" not in sample:
        raise not_in(name, said, find_encoding(sample, False))
    if codec.startswith(("cp12", "iso8859")) and is_utf8:
        raise not_in(name, said, "utf-8")
    if not codec.startswith("utf-8"):
        return codec
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, is_all)
    except UnicodeDecodeError as error:
        raise not_in(name, said, line=sample.count(b"\n", 0, error.start) + 1) from error
    return "utf-8"


def not_in(name: str, said: str, actual: str | None = None, line: int | None = None) -> IngestError:
    """The error that a file is not in the encoding that the configuration says, or that was found.

    Args:
        name: the file's.
        said: the encoding.
        actual: what it seems to be in instead.
        line: where that was seen.
    """
    where = f" (line {line})" if line else ""
    if said == FALLBACK and not actual:
        return IngestError(
            f"{name} is neither UTF-8 nor {said}{where}: say its 'encoding' in the configuration, such as shift_jis."
        )
    seems = f": it seems to be {actual}. " if actual else ". "
    return IngestError(
        f"{name} is not in {said}, its 'encoding'{where}{seems}Correct 'encoding', or leave it out."
    )


def decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Bytes to text. What is no UTF-8 becomes what `records` knows as damage; other encodings have none that is sure."""
    if encoding == "utf-8":
        return codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    return codecs.getincrementaldecoder(encoding)()


@contextmanager
def opened_text(file: RawFile, encoding: str) -> Iterator[TextIOWrapper]:
    """A file as text, decompressed, for `records`.

    Raises:
        IngestError: if it cannot be read to its end, or is not in the encoding.
    """
    is_utf8 = encoding == "utf-8"
    codec, errors = ("utf-8-sig", "surrogateescape") if is_utf8 else (encoding, "strict")
    try:
        with file.opened() as stream, TextIOWrapper(stream, codec, errors, newline="") as text:
            yield text
    except UnicodeDecodeError as error:
        raise not_in(file.path.name, encoding) from error


def _decoded(name: str, sample: bytes, encoding: str, is_all: bool) -> str:
    """The sample as text; where it is not all, without the line that its end cuts."""
    try:
        text = decoder(encoding).decode(sample, is_all).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise not_in(name, encoding, line=sample.count(b"\n", 0, error.start) + 1) from error
    end = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text if is_all or not end else text[:end]
