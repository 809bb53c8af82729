"""Two runs of one shop: the second says that it waits, and goes on when the first has ended."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest
from filelock import FileLock, Timeout

from regulars.lock import waiting_lock


def test_the_second_run_says_that_it_waits_and_then_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, done = tmp_path / "data" / "acme", Event()

    def second() -> None:
        with waiting_lock(folder, "acme"):
            done.set()

    with waiting_lock(folder, "acme"):
        other = Thread(target=second)
        other.start()
        assert not done.wait(0.3)
    other.join(10)
    assert done.is_set()
    assert capsys.readouterr().out == "Another run of acme is under way: waiting for it to end.\n"


def test_the_folder_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of the run"), waiting_lock(tmp_path, "acme"):
        with pytest.raises(Timeout):
            FileLock(tmp_path / ".lock", timeout=0).acquire()
        raise ValueError("of the run")
    with FileLock(tmp_path / ".lock", timeout=0):
        pass
