"""The same in, the same out: a second run, shuffled input, and months of another shape."""

import re

import duckdb
import pytest

from regulars import Shop
from regulars.ingest.sources.completejourney import FILES, folder
from regulars.pipeline import make_reports

pytestmark = pytest.mark.slow


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setenv("REGULARS_HOME", str(tmp_path))
    monkeypatch.delenv("REGULARS_RAW", raising=False)
    return Shop.open("demo", {"REGULARS_HOME": str(tmp_path)})


def everything(shop: Shop, month: str = "2017-12") -> dict[str, str | bytes]:
    """What a run leaves behind: pages without their clocks, segments, findings, offers."""
    pages = (shop.reports / month).glob("*.html")
    texts = {page.name: re.sub(r"<time.*?</time>", "", page.read_text(encoding="utf-8")) for page in pages}
    data = [*shop.data.glob(f"*/{month}.parquet"), *shop.data.glob(f"findings/{month}/*.json")]
    return texts | {str(path.relative_to(shop.data)): path.read_bytes() for path in data}


def test_a_second_run_and_shuffled_rows_change_no_page(shop, reported):
    first = everything(reported)
    assert len(first) == 6 + 6 + 5  # pages and the one to mail, tables, findings
    source, raw = folder(shop.raw), shop.raw
    raw.mkdir(parents=True)
    for name in FILES:
        duckdb.sql(f"FROM '{source / name}.parquet' ORDER BY random()").write_parquet(
            str(raw / f"{name}.parquet")
        )
    make_reports(shop, ["latest"])
    again = everything(shop)
    assert again.keys() == first.keys()
    assert [name for name in first if again[name] != first[name]] == []
    make_reports(shop, ["latest"])
    assert everything(shop) == again


def test_months_without_a_past_or_an_experiment_are_reported_too(shop):
    make_reports(shop, ["2017-01", "2017-09"])
    for month in ("2017-01", "2017-09"):
        pages = everything(shop, month)
        assert (
            f"No finished experiment by the end of {'January' if month == '2017-01' else 'September'}"
            in str(pages["04-offers.html"])
        )
        assert 'class="banner"' not in str(pages["index.html"])
    assert "there is no earlier month to compare with" in str(everything(shop, "2017-01")["index.html"])
