"""Writing a file so that a reader never sees half of it."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path``, which holds the old file or the whole new one and nothing between.

    Args:
        path: Where the file goes; folders above it are made.
        text: What it holds, written as UTF-8 with Unix line ends.

    Example:
        >>> import tempfile
        >>> page = Path(tempfile.mkdtemp()) / "2017-12" / "index.html"
        >>> write_whole(page, "done")
        >>> page.read_text()
        'done'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # not tempfile: its files are readable by their owner only, and a page is there to be passed on
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8", newline="\n")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
