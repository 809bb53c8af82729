"""Files appear whole or not at all."""

import stat
from pathlib import Path

import pytest

from regulars.report.files import write_whole


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    write_whole(page, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(page, "new \ud800")
    assert page.read_text() == "old"
    assert list(tmp_path.iterdir()) == [page]


def test_line_ends_and_letters_are_kept_and_others_may_read(tmp_path: Path) -> None:
    page = tmp_path / "deep" / "index.html"
    write_whole(page, "é\n")
    assert page.read_bytes() == "é\n".encode()
    beside = page.with_name("beside")
    beside.touch()
    assert stat.S_IMODE(page.stat().st_mode) == stat.S_IMODE(beside.stat().st_mode)


def test_a_reader_of_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    write_whole(page, "old")
    with page.open() as reading:
        write_whole(page, "new")
        assert reading.read() == "old"
    assert page.read_text() == "new"
