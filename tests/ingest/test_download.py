"""Public files from a server that the test starts: what comes, what is refused, and what is left after a failure."""

import errno
import hashlib
import io
import os
import resource
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from regulars import Shop
from regulars.config import ShopConfig, read_config
from regulars.config.sources import Files
from regulars.ingest import IngestError, download
from regulars.ingest.download import HILLSTROM, PUBLIC, PublicFile, main, make_data, present
from regulars.shop import ROOT

CSV = b"visit,spend\r\n1,0\r\n"
CSV_GZ = b"the same rows, as one CSV"
WORKBOOK = b"not quite a workbook " * 1000
RAW = Path(os.environ["REGULARS_RAW"]) if os.environ.get("REGULARS_RAW") else None
needs_raw = pytest.mark.skipif(RAW is None, reason="REGULARS_RAW names no folder with the public data")


def hexadecimal(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("read me.txt", "not what is wanted")
        archive.writestr(name, content)
    return packed.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `pages`, notes who asked for what, and hangs up early on the paths in `broken`."""

    pages: dict[str, bytes]
    broken: set[str]
    asked: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        content = self.server.pages.get(self.path)
        if content is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path in self.server.broken else content)
        return None

    def log_message(self, *_: object) -> None:
        """Nothing: the test reads what is printed."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose two files stand in the registry in the place of the public ones."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server(("127.0.0.1", 0), Handler)
    running.pages = {"/small.csv": CSV, "/small.zip": zipped("Online Retail.xlsx", WORKBOOK)}
    running.broken, running.asked = set(), []
    publish(monkeypatch, running, "hillstrom", "/small.csv", {HILLSTROM: CSV})
    forms = {"Online Retail.xlsx": WORKBOOK, "online_retail.csv.gz": CSV_GZ}
    publish(monkeypatch, running, "online-retail", "/small.zip", forms)
    thread = Thread(target=partial(running.serve_forever, poll_interval=0.01))
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def publish(patch: pytest.MonkeyPatch, server: Server, shop: str, page: str, forms: dict[str, bytes]) -> None:
    """Let a shop's file be what the server serves on `page`."""
    served = server.pages[page]
    sums = {name: hexadecimal(content) for name, content in forms.items()}
    public = PublicFile(server.address + page, len(served), hexadecimal(served), sums, "Made up for a test.")
    patch.setitem(PUBLIC, shop, public)


def opened(tmp_path: Path, name: str = "hillstrom", **environment: str) -> Shop:
    return Shop.open(name, {"REGULARS_HOME": str(tmp_path / "home"), **environment})


def complaint(shop: Shop) -> str:
    with pytest.raises(IngestError) as error:
        make_data(shop)
    return str(error.value)


def left(folder: Path) -> list[str]:
    """Everything in a folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_comes_into_the_raw_folder_once(tmp_path: Path, server: Server) -> None:
    shop = opened(tmp_path)
    assert make_data(shop).endswith(
        f"{HILLSTROM} is there now, with the published checksum. Made up for a test."
    )
    assert (shop.raw / HILLSTROM).read_bytes() == CSV
    assert left(shop.raw) == [HILLSTROM]
    assert make_data(shop).endswith("is there, with the published checksum: nothing was downloaded.")
    assert server.asked == ["/small.csv"]


@pytest.mark.usefixtures("server")
def test_a_downloaded_file_may_be_read_by_others(tmp_path: Path) -> None:
    shop = opened(tmp_path)
    make_data(shop)
    assert (shop.raw / HILLSTROM).stat().st_mode & 0o777 == 0o644


def test_a_workbook_comes_out_of_its_zip_and_the_zip_does_not_stay(tmp_path: Path, server: Server) -> None:
    shop = opened(tmp_path, "online-retail")
    make_data(shop)
    assert left(shop.raw) == ["Online Retail.xlsx"]
    assert (shop.raw / "Online Retail.xlsx").read_bytes() == WORKBOOK
    assert "nothing was downloaded" in make_data(shop)
    assert server.asked == ["/small.zip"]


def test_a_file_in_regulars_raw_is_enough_and_nothing_is_written(tmp_path: Path, server: Server) -> None:
    raw = tmp_path / "raw" / "online-retail"
    raw.mkdir(parents=True)
    (raw / "online_retail.csv.gz").write_bytes(CSV_GZ)
    raw.chmod(0o500)
    shop = opened(tmp_path, "online-retail", REGULARS_RAW=str(tmp_path / "raw"))
    assert make_data(shop).endswith("nothing was downloaded.")
    assert left(raw) == ["online_retail.csv.gz"]
    assert not shop.home.exists()
    assert server.asked == []


def test_without_the_file_regulars_raw_is_where_it_comes_to(tmp_path: Path, server: Server) -> None:
    shop = opened(tmp_path, REGULARS_RAW=str(tmp_path / "raw"))
    make_data(shop)
    assert left(tmp_path / "raw" / "hillstrom") == [HILLSTROM]
    assert server.asked == ["/small.csv"]


def test_another_file_of_that_name_is_neither_used_nor_overwritten(tmp_path: Path, server: Server) -> None:
    shop = opened(tmp_path)
    shop.raw.mkdir(parents=True)
    (shop.raw / HILLSTROM).write_bytes(b"mine")
    sentence = complaint(shop)
    assert f"{HILLSTROM} in {shop.raw} is not the file that was published" in sentence
    assert f"its sha256 is {hexadecimal(b'mine')[:12]}…, not {hexadecimal(CSV)[:12]}…" in sentence
    assert (shop.raw / HILLSTROM).read_bytes() == b"mine"
    assert server.asked == []


@pytest.mark.usefixtures("server")
def test_the_same_rows_in_two_forms_would_count_twice(tmp_path: Path) -> None:
    shop = opened(tmp_path, "online-retail")
    shop.raw.mkdir(parents=True)
    (shop.raw / "Online Retail.xlsx").write_bytes(WORKBOOK)
    (shop.raw / "online_retail.csv.gz").write_bytes(CSV_GZ)
    assert complaint(shop).endswith(
        "holds the same rows twice, as Online Retail.xlsx and as online_retail.csv.gz: keep one of them."
    )


@pytest.mark.parametrize(
    ("shop", "page"), [("hillstrom", "/small.csv"), ("online-retail", "/small.zip")], ids=["csv", "zip"]
)
def test_what_has_another_checksum_is_not_kept(tmp_path: Path, server: Server, shop: str, page: str) -> None:
    server.pages[page] = b"<html>Sign in to this network</html>"
    sentence = complaint(opened(tmp_path, shop))
    assert f"What {server.address}{page} serves is not" in sentence
    assert left(opened(tmp_path, shop).raw) == []


@pytest.mark.parametrize("inside", ["Online Retail.xlsx", "Another.xlsx"])
def test_a_zip_must_hold_the_published_workbook(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    server.pages["/small.zip"] = zipped(inside, b"another workbook")
    publish(monkeypatch, server, "online-retail", "/small.zip", {"Online Retail.xlsx": WORKBOOK})
    shop = opened(tmp_path, "online-retail")
    assert "serves is not Online Retail.xlsx as it was published" in complaint(shop)
    assert left(shop.raw) == []


def test_an_address_without_the_file(tmp_path: Path, server: Server) -> None:
    del server.pages["/small.zip"]
    shop = opened(tmp_path, "online-retail")
    assert complaint(shop) == (
        f"{server.address}/small.zip answers 404 Not Found, so nothing was downloaded. Try again later; or fetch it elsewhere "
        f"and put Online Retail.xlsx from inside it into {shop.raw}: that is all that make data SHOP=online-retail does."
    )
    assert left(shop.raw) == []


@pytest.mark.usefixtures("server")
def test_a_connection_that_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]  # free again when the block ends, so that nobody answers there
    monkeypatch.setitem(
        PUBLIC, "hillstrom", PUBLIC["hillstrom"]._replace(address=f"http://127.0.0.1:{port}/a.csv")
    )
    shop = opened(tmp_path)
    assert f"http://127.0.0.1:{port}/a.csv cannot be reached: this computer may be offline" in complaint(shop)
    assert left(shop.raw) == []


def test_a_connection_that_breaks_leaves_no_half(tmp_path: Path, server: Server) -> None:
    server.broken.add("/small.zip")
    shop = opened(tmp_path, "online-retail")
    assert f"{server.address}/small.zip broke off before the end" in complaint(shop)
    assert left(shop.raw) == []
    server.broken.clear()
    make_data(shop)
    assert left(shop.raw) == ["Online Retail.xlsx"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (requests.exceptions.ReadTimeout("slow"), "does not answer in time"),
        (requests.exceptions.SSLError("self-signed"), "shows no certificate that this computer trusts"),
        (requests.exceptions.ConnectionError("no such host"), "cannot be reached"),
    ],
)
def test_what_else_a_network_does(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(requests, "get", fail)
    shop = opened(tmp_path)
    assert complaint(shop).startswith(f"{server.address}/small.csv {words}")
    assert left(shop.raw) == []


def test_a_full_disk(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.pages["/small.csv"] = bytes(1 << 22)
    publish(monkeypatch, server, "hillstrom", "/small.csv", {HILLSTROM: server.pages["/small.csv"]})
    shop = opened(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))  # no file may grow beyond a mebibyte
    try:
        sentence = complaint(shop)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"{shop.raw} cannot be written to ({os.strerror(errno.EFBIG)})." in sentence
    assert left(shop.raw) == []


@pytest.mark.parametrize("variable", ["REGULARS_HOME", "REGULARS_RAW"])
def test_a_place_where_nothing_can_be_written(tmp_path: Path, server: Server, variable: str) -> None:
    (tmp_path / "file").write_text("no folder")
    shop = opened(tmp_path, **{variable: str(tmp_path / "file")})
    sentence = complaint(shop)
    assert f"cannot be written to ({os.strerror(errno.ENOTDIR)})" in sentence
    assert f"let {variable} name another folder" in sentence
    assert server.asked == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.usefixtures("server")
def test_a_folder_that_may_only_be_read(tmp_path: Path) -> None:
    raw = tmp_path / "raw" / "hillstrom"
    raw.mkdir(parents=True)
    raw.chmod(0o500)
    sentence = complaint(opened(tmp_path, REGULARS_RAW=str(tmp_path / "raw")))
    assert f"{raw} cannot be written to ({os.strerror(errno.EACCES)})" in sentence


@pytest.mark.usefixtures("server")
def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    shop = opened(tmp_path)
    make_data(shop)
    monkeypatch.setattr(download, "sha256", refuse)
    assert f"{shop.raw} cannot be read (Permission denied)" in complaint(shop)


@pytest.mark.usefixtures("server")
def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    shop = opened(tmp_path)
    (shop.raw / ".downloading").mkdir(parents=True)
    (shop.raw / ".downloading" / "tmp1234").write_bytes(b"half of it")
    make_data(shop)
    assert left(shop.raw) == [HILLSTROM]


def test_two_runs_at_once_download_once(tmp_path: Path, server: Server) -> None:
    said: list[str] = []
    runs = [Thread(target=lambda: said.append(make_data(opened(tmp_path)))) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(said) == 3
    assert server.asked == ["/small.csv"]


@pytest.mark.usefixtures("server")
def test_a_shop_without_a_public_file_is_told_which_have_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = read_config(ROOT / "config" / "online-retail.yml", ShopConfig)
    own = Shop(config.model_copy(update={"name": "acme"}), tmp_path, tmp_path / "raw")
    assert complaint(own) == (
        "acme has no public file to download: its data are your own, and config/acme.yml says where they are. "
        "Shops with a public file are hillstrom and online-retail: make data SHOP=hillstrom."
    )
    assert main(["--shop", "demo"]) == 0
    assert "demo needs no download: its panel was installed by pip." in capsys.readouterr().out


@pytest.mark.usefixtures("server")
def test_a_copy_of_the_configuration_under_another_name_finds_the_file(tmp_path: Path) -> None:
    config = read_config(ROOT / "config" / "hillstrom.yml", ShopConfig)
    copy = Shop(config.model_copy(update={"name": "my-test"}), tmp_path, tmp_path / "raw")
    make_data(copy)
    assert left(copy.raw) == [HILLSTROM]


def test_the_command_line_says_what_it_does_and_fails_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGULARS_RAW", str(tmp_path))
    monkeypatch.setenv("REGULARS_HOME", str(tmp_path))
    assert main(["--shop", "hillstrom"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"Downloading {server.address}/small.csv (0.0 MB)"
    (tmp_path / "hillstrom" / HILLSTROM).write_bytes(b"mine")
    assert main(["--shop", "hillstrom"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("regulars: Kevin_Hillstrom")
    assert main(["--shop", "hilstrom"]) == 1
    assert "There is no shop 'hilstrom'" in capsys.readouterr().err


@pytest.mark.usefixtures("server")
def test_a_bar_follows_the_download_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    make_data(opened(tmp_path))
    assert "100%" in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    make_data(opened(tmp_path / "again"))
    assert capsys.readouterr().err == ""


def test_as_a_program_it_warns_of_nothing(tmp_path: Path) -> None:
    """A module that its own package has already imported would make Python warn."""
    ran: Any = subprocess.run(
        [sys.executable, "-W", "error", "-m", "regulars.ingest.download", "--shop", "demo"],
        capture_output=True,
        text=True,
        env=os.environ | {"REGULARS_HOME": str(tmp_path)},
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_each_public_file_is_told_by_its_checksum_and_has_an_origin() -> None:
    for public in PUBLIC.values():
        sums = [public.sha256, *public.forms.values()]
        assert all(len(sum_) == 64 and set(sum_) <= set("0123456789abcdef") for sum_ in sums)
        assert public.origin.endswith(".")
        assert public.is_zip or public.sha256 == public.forms[public.file]


@pytest.mark.parametrize("name", PUBLIC["online-retail"].forms)
def test_the_configuration_reads_every_form_but_not_the_zip(tmp_path: Path, name: str) -> None:
    source = read_config(ROOT / "config" / "online-retail.yml", ShopConfig).source
    assert isinstance(source, Files)
    (tmp_path / name).touch()
    (tmp_path / "online+retail.zip").touch()
    (pattern,) = source.tables["order_lines"].paths
    assert [path.name for path in tmp_path.glob(pattern)] == [name]


@needs_raw
@pytest.mark.parametrize("name", PUBLIC)
def test_the_published_files_have_the_published_checksums(name: str) -> None:
    assert RAW is not None
    found = present(RAW / name, PUBLIC[name])
    assert found is not None
    if name == "hillstrom":
        assert found.stat().st_size == PUBLIC[name].size
