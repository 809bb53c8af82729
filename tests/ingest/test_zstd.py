"""A zstd file that was cut off, anywhere, is known without unpacking it."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from regulars.ingest.zstd import is_whole


def packed(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


def streamed(data: bytes) -> bytes:
    """Written piece by piece, so that its size is not known at its beginning."""
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        for start in range(0, len(data), 50_000):
            stream.write(data[start : start + 50_000])
    return bytes(out.getvalue())


NOISE = random.Random(1).randbytes(300_000)
FILES = {
    "small": packed(b"id,tea\n1,Assam\n"),
    "repeated": packed(b"a" * 1_000_000),
    "noise": packed(NOISE),
    "streamed": streamed(NOISE + b"id,tea\n" * 100_000),
    "empty": packed(b""),
    "two": packed(b"id,tea\n") + streamed(NOISE),
    "with a frame to skip": b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + packed(b"id,tea\n"),
}


@pytest.mark.parametrize("name", list(FILES))
def test_a_whole_file_is_whole_and_a_part_of_it_is_not(tmp_path: Path, name: str) -> None:
    path, data = tmp_path / "a.zst", FILES[name]
    path.write_bytes(data)
    assert is_whole(path)
    cuts = {1, 2, 4, 5, 8, len(data) - 1, len(data) - 3, len(data) // 2}
    whole_before = {len(packed(b"id,tea\n")), 11}  # where the first of two frames ends
    for cut in sorted(cut for cut in cuts if 0 < cut < len(data) and cut not in whole_before):
        path.write_bytes(data[:cut])
        assert not is_whole(path), cut
