"""The run as a whole: what it publishes, and what it leaves alone when it fails, is killed, or meets another."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from regulars import Shop
from regulars.month import Month, MonthError
from regulars.pipeline import NOTEBOOKS, PipelineError, main, make_reports, parse_months
from regulars.publishing import restore

OPEN = "from regulars import Shop\nstore = Shop.open(shop)"


@pytest.fixture
def shop(reported, tmp_path):
    """A copy of a shop that has a report."""
    shutil.copytree(reported.home, tmp_path / "home")
    return Shop.open("demo", {"REGULARS_HOME": str(tmp_path / "home")})


@pytest.fixture
def notebooks(tmp_path) -> Path:
    """Five small notebooks in the place of the real ones."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in NOTEBOOKS:
        write(folder, name, "print(month)")
    return folder


def write(folder: Path, name: str, *sources: str) -> None:
    parameters = new_code_cell('shop = "demo"\nmonth = "latest"', metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell(f"# {name}"), parameters, *map(new_code_cell, sources)]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / f"{name}.ipynb")


def pages_of(shop: Shop) -> dict[str, str]:
    """The text of every page of December, but for the clock."""
    pages = (shop.reports / "2017-12").glob("*.html")
    return {page.name: re.sub(r"<time.*?</time>", "", page.read_text(encoding="utf-8")) for page in pages}


def start(shop: Shop, notebooks: Path, output: int = subprocess.DEVNULL) -> subprocess.Popen:
    """A run in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from regulars import Shop; from regulars.pipeline import make_reports\n"
        "make_reports(Shop.open('demo', {'REGULARS_HOME': sys.argv[1]}), ['2017-12'], Path(sys.argv[2]))"
    )
    words = [sys.executable, "-c", code, str(shop.home), str(notebooks)]
    environment = {"REGULARS_HOME": str(shop.home), "PATH": str(Path(sys.executable).parent)}
    return subprocess.Popen(words, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True)


def run(shop, notebooks: Path, monkeypatch) -> None:
    monkeypatch.setenv("REGULARS_HOME", str(shop.home))
    make_reports(shop, ["2017-12"], notebooks)


def test_a_run_publishes_every_page_and_nothing_else(shop, notebooks, monkeypatch, capsys):
    run(shop, notebooks, monkeypatch)
    folder = shop.reports / "2017-12"
    pages = {page for page, _ in NOTEBOOKS.values()}
    assert {path.name for path in folder.iterdir()} == pages | {"report.json", "demo-2017-12.html"}
    assert {path.name for path in shop.reports.iterdir()} == {"2017-12", "index.html"}
    said = capsys.readouterr().out
    assert all(f"  {name}" in said for name in NOTEBOOKS)


def test_a_failing_notebook_is_named_with_its_cell_and_leaves_the_last_report(shop, notebooks, monkeypatch):
    before = pages_of(shop)
    write(notebooks, "03-segments", OPEN, "1 / 0")
    with pytest.raises(
        PipelineError, match="03-segments, cell 4 failed: ZeroDivisionError: division by zero"
    ):
        run(shop, notebooks, monkeypatch)
    assert pages_of(shop) == before
    assert (shop.data / "failed" / "03-segments.ipynb").exists()


def test_an_error_of_our_own_is_said_as_it_is(shop, notebooks, monkeypatch):
    write(notebooks, "02-features", OPEN, "store.table('events')")
    with pytest.raises(PipelineError, match=r"data/demo/staged/events.parquet is not there yet"):
        run(shop, notebooks, monkeypatch)


@pytest.mark.slow
def test_a_killed_run_is_made_good_by_the_next(shop, notebooks, monkeypatch):
    run(shop, notebooks, monkeypatch)
    undisturbed = pages_of(shop)
    flag = notebooks / "sleeps"
    wait = f"import pathlib, time\nif pathlib.Path({str(flag)!r}).exists(): time.sleep(60)"
    reading = notebooks / "04-offers.ipynb"
    whole = reading.read_text()
    write(notebooks, "04-offers", wait)
    flag.touch()
    running = start(shop, notebooks)
    building = shop.reports / ".building" / "04-offers.ipynb"
    deadline = time.monotonic() + 60
    while not building.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert pages_of(shop) == undisturbed
    flag.unlink()
    reading.write_text(whole)
    run(shop, notebooks, monkeypatch)
    assert pages_of(shop) == undisturbed
    assert not building.parent.exists()


def test_a_report_lost_between_two_renames_is_put_back(shop):
    before = pages_of(shop)
    (shop.reports / "2017-12").rename(shop.reports / ".2017-12.old")
    restore(shop.reports)
    assert pages_of(shop) == before


@pytest.mark.slow
def test_two_runs_at_once_wait_for_each_other(shop, notebooks):
    runs = [start(shop, notebooks, subprocess.PIPE) for _ in range(2)]
    said = [running.communicate(timeout=120)[0] for running in runs]
    assert [running.returncode for running in runs] == [0, 0], said
    assert sum("waiting for it to end" in text for text in said) == 1
    assert len(pages_of(shop)) == 6


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--month", "2017-13"], "'2017-13' is not a month: write YYYY-MM, such as 2017-12"),
        (["--month", "2017-12:2017-11"], "ends before it begins"),
        (
            ["--shop", "nope"],
            "There is no shop 'nope': config/ has demo, hillstrom, online-retail, simulated. Try SHOP=demo",
        ),
    ],
)
def test_a_wrong_word_ends_in_one_sentence(words, sentence, capsys):
    assert main(words) == 1
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_a_month_without_data_says_which_there_are(shop, notebooks, monkeypatch):
    write(notebooks, "01-ingest", OPEN, "store.month(month)")
    monkeypatch.setenv("REGULARS_HOME", str(shop.home))
    with pytest.raises(PipelineError, match="2019-01 has no complete data: demo has 2017-01 to 2017-12"):
        make_reports(shop, ["2019-01"], notebooks)


def test_months_are_read():
    assert parse_months("latest") == ["latest"]
    with pytest.raises(MonthError):
        parse_months("2017")


def test_a_page_that_cannot_be_had_says_so(shop, notebooks, monkeypatch):
    write(notebooks, "05-review", OPEN, 'store.require("weather")', "1 / 0")
    run(shop, notebooks, monkeypatch)
    page = (shop.reports / "2017-12" / "index.html").read_text(encoding="utf-8")
    assert "Not available: needs weather, which demo lacks" in page
    assert "Exception" not in page
    assert "ZeroDivisionError" not in page


def test_a_shop_without_orders_leaves_out_the_cells_that_need_them(shop, notebooks, monkeypatch):
    write(notebooks, "05-review", OPEN, "1 / 0", "print('still here')")
    path = notebooks / "05-review.ipynb"
    node = nbformat.read(path, as_version=4)
    node.cells[3].metadata["tags"] = ["needs-orders"]
    nbformat.write(node, path)
    with pytest.raises(PipelineError, match="05-review, cell 4 failed"):
        run(shop, notebooks, monkeypatch)
    monkeypatch.setattr(Shop, "has", lambda _shop, *tables: "orders" not in tables)
    monkeypatch.setattr(Shop, "months", lambda _shop: [Month(2017, 12)])
    run(shop, notebooks, monkeypatch)
    assert "still here" in pages_of(shop)["index.html"]
    assert "1 / 0" in path.read_text(encoding="utf-8")


def test_the_review_to_mail_has_neither_links_nor_code(shop, notebooks, monkeypatch):
    write(notebooks, "05-review", OPEN, "print('the month')")
    run(shop, notebooks, monkeypatch)
    pages = pages_of(shop)
    assert 'href="demo-2017-12.html" download' in pages["index.html"]
    mailed = BeautifulSoup(pages["demo-2017-12.html"], "html.parser")
    assert "the month" in mailed.select_one("main").get_text()
    assert {link["href"] for link in mailed.select("a[href]")} == {"#main"}
    assert not mailed.select(".code, #show-code")
