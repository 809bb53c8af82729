"""Whether a zstd file is whole.

DuckDB takes the end of a file for the end of its data, so that one which was cut off might lose rows in silence. Only the
sizes of its frames and blocks are read here (RFC 8878, 3.1.1); nothing is unpacked.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO


def is_whole(path: Path) -> bool:
    """Whether the file goes on to the end of its last frame.

    >>> import tempfile, pyarrow as pa
    >>> packed = pa.compress(b"id,tea\\n" * 1000, "zstd", asbytes=True)
    >>> path = Path(tempfile.mkdtemp()) / "teas.csv.zst"
    >>> for data in (packed, packed[:-1]):
    ...     _ = path.write_bytes(data)
    ...     print(is_whole(path))
    True
    False
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            if not _skip_frame(file):
                return False
    return True


def _skip_frame(file: BinaryIO) -> bool:
    """Move to the end of a frame; False if the file ends before it."""
    magic = file.read(4)
    if magic[1:] == b"\x2a\x4d\x18":  # a frame that holds no data
        size = file.read(4)
        return len(size) == 4 and _skip(file, int.from_bytes(size, "little"))
    head = int.from_bytes(file.read(1), "little")
    is_single = head >> 5 & 1
    content_size = (is_single, 2, 4, 8)[head >> 6]
    if not _skip(file, 1 - is_single + (0, 1, 2, 4)[head & 3] + content_size):
        return False
    is_last = False
    while not is_last:
        header = file.read(3)
        block = int.from_bytes(header, "little")
        is_last = bool(block & 1)
        is_repeated = block >> 1 & 3 == 1  # one byte stands for many
        if len(header) < 3 or not _skip(file, 1 if is_repeated else block >> 3):
            return False
    return _skip(file, 4 * (head >> 2 & 1))  # its checksum


def _skip(file: BinaryIO, count: int) -> bool:
    """Move on by `count` bytes; False if there are fewer."""
    if count:
        file.seek(count - 1, 1)
    return not count or len(file.read(1)) == 1
