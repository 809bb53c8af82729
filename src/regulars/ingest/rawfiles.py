"""Raw files: which ones a pattern means, what they are by their first bytes, and sentences for those that cannot be read."""

from __future__ import annotations

import difflib
import errno
import glob
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast
from zipfile import BadZipFile, ZipFile

import pyarrow as pa

from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import quoted

Kind = Literal["csv", "parquet", "excel"]
Compression = Literal["none", "gzip", "zstd"]

SUFFIXES: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
COMPRESSED: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
OTHERS = (".xls", ".xlsb", ".ods", ".numbers")  # sheets, but not in the format that is read
AGAIN = "Copy or export it again."
WRITING = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
)  # what goes wrong where a file is written, not where it is read
NAMES: dict[str, str] = {"csv": "a CSV", "parquet": "a Parquet file", "excel": "an Excel workbook (.xlsx)"}

# The first bytes of a file that is no plain text, and what it is then.
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "parquet",
    b"PK\x03\x04": "a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls), or one with a password",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7-Zip file",
    b"%PDF-": "a PDF",
}


class RawFile(NamedTuple):
    """A file that is there, is not empty, and is what its name, or the configuration, says."""

    path: Path
    kind: Kind
    compression: Compression = "none"

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Its bytes, decompressed.

        Raises:
            IngestError: if it cannot be read to its end.
        """
        with reading(self.path), _open(self.path, self.compression) as stream:
            yield stream


def _open(path: Path, compression: Compression) -> BinaryIO:
    if compression == "gzip":
        return cast(BinaryIO, gzip.open(path))
    if compression == "zstd":
        return cast(BinaryIO, pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong while `path` is read, as an IngestError; that a disk is full stays what it is."""
    try:
        yield
    except EOFError as error:
        raise cut_off(path.name) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise IngestError(f"{path.name} is damaged: its gzip data cannot be unpacked. {AGAIN}") from error
    except PermissionError as error:
        raise IngestError(
            f"{path.name} may not be read by this user: give the right to read it, such as by chmod u+r."
        ) from error
    except OSError as error:
        if error.errno in WRITING:
            raise
        if "Truncated" in str(error):  # pyarrow has one class for all
            raise cut_off(path.name) from error
        why = error.strerror or "its zstd data cannot be unpacked"
        raise IngestError(f"{path.name} is damaged: {why}. {AGAIN}") from error


def cut_off(name: str) -> IngestError:
    """The error for compressed data that end too early."""
    return IngestError(f"{name} is cut off: its compressed data end too early. {AGAIN}")


def find_files(patterns: Sequence[str], raw: Path) -> list[Path]:
    """The files that names and patterns mean, each once, in the order of the patterns and then of the names.

    Args:
        patterns: relative to `raw`, or absolute.
        raw: the shop's raw folder.

    Raises:
        IngestError: if a pattern means no file, with what the folder has instead.
    """
    found: dict[Path, Path] = {}
    for pattern in patterns:
        path = raw / pattern
        with reading(path):
            if path.is_dir():
                raise IngestError(
                    f"'{pattern}' is a folder: write which of its files, such as {pattern}/*.csv."
                )
            if path.exists():
                found.setdefault(path.resolve(), path)
                continue
            names = glob.glob(pattern, root_dir=raw, recursive=True)  # noqa: PTH207 (Path.glob takes no absolute one)
            matches = [raw / name for name in sorted(names)]
        files = [match for match in matches if match.is_file() and not match.name.startswith("~$")]
        if not files:
            raise IngestError(_nothing(pattern, path))
        for file in files:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _nothing(pattern: str, path: Path) -> str:
    """The sentence for a name or a pattern that means no file."""
    folder = next(
        (parent for parent in path.parents if parent.is_dir() and "*" not in parent.name), path.parent
    )
    place = "/".join(folder.parts[-2:])
    says = f"No file matches '{pattern}'" if glob.has_magic(pattern) else f"There is no file '{pattern}'"
    if not path.parent.exists() and not glob.has_magic(str(path.parent)):
        return (
            f"{says}: the folder {'/'.join(path.parent.parts[-2:])} is not there. Make it, or correct 'path'."
        )
    with reading(folder):
        names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    if not names:
        return f"{says}: the folder {place} is empty. Put the shop's exports there."
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    hint = f"did you mean '{near[0]}'?" if near else "correct 'path', or put the file there."
    return f"{says}: the folder {place} has {shown}; {hint}"


def identify(path: Path, said: Kind | None = None) -> RawFile:
    """What a file is, by its first bytes, if that is what its name or the configuration says.

    Args:
        path: the file.
        said: the `format` of the configuration.

    Raises:
        IngestError: if the file is empty, is not what it is said to be, or is of a format that is not read.
    """
    with reading(path), path.open("rb") as file:
        content = content_of(first := file.read(8))
    if not first:
        raise IngestError(f"{path.name} is empty: it has no bytes. Export it again.")
    last = path.suffix.lower()
    if last in OTHERS:
        raise IngestError(f"{path.name} is a sheet of a kind that is not read: save it as .xlsx or as CSV.")
    compression: Compression = "gzip" if content == "gzip" else "zstd" if content == "zstd" else "none"
    if compression != COMPRESSED.get(last, "none") and (last in COMPRESSED or last in SUFFIXES):
        right = path.name.removesuffix(path.suffix) if last in COMPRESSED else path.name
        right += next((end for end, name in COMPRESSED.items() if name == compression), "")
        what = f"a {content} file" if compression != "none" else f"no {COMPRESSED[last]} file"
        raise IngestError(
            f"{path.name} is {what} by its first bytes: export it again, or rename it, such as to {right}."
        )
    actual = _kind(path, content)
    expected = said or SUFFIXES.get(last) or actual
    if actual is None or actual != expected:
        raise IngestError(_not_as_said(path, said, expected, content))
    return RawFile(path, actual, compression)


def _kind(path: Path, content: str | None) -> Kind | None:
    if content == "parquet":
        return "parquet"
    if content == "a zip archive":
        return "excel" if _is_workbook(path) else None
    return "csv" if content in ("gzip", "zstd", None) else None


def _is_workbook(path: Path) -> bool:
    try:
        with reading(path), ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except BadZipFile as error:
        raise IngestError(f"{path.name} is cut off or damaged: its end is missing. Copy it again.") from error


def _not_as_said(path: Path, said: Kind | None, expected: Kind | None, content: str | None) -> str:
    """The sentence for a file that is not what its name, or the configuration, says."""
    kind = _kind(path, content)
    what = "a text" if kind == "csv" else NAMES[kind] if kind else content
    if expected is None:
        return f"{path.name} is {what} by its first bytes: unpack it, or export it as CSV, Parquet or .xlsx."
    remedy = "correct 'format', or leave it out" if said else "export it again, or rename it"
    who = "the configuration says" if said else "its name says"
    return f"{path.name} is {what} by its first bytes, but {who} that it is {NAMES[expected]}: {remedy}."


def content_of(first: bytes) -> str | None:
    """What a file is that begins with these bytes: one of the names above, or None for a text."""
    return next((name for magic, name in _MAGIC.items() if first.startswith(magic)), None)


def literal(path: Path) -> str:
    """A path in SQL that means just this file, whatever signs of a pattern are in its name.

    >>> literal(Path("orders [new].csv"))
    "'orders [[]new].csv'"
    """
    return quoted("".join(f"[{sign}]" if sign in "[*?" else sign for sign in str(path)))
