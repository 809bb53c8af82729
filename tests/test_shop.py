"""A shop is opened by its name, knows its folders, and knows which of its months are complete."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from regulars import Shop
from regulars.config import ConfigError
from regulars.month import Month, MonthError, day_number
from regulars.shop import ROOT, ShopError

DEMO = (ROOT / "config" / "demo.yml").read_text(encoding="utf-8")


def shop_with(home: Path, *days: date, complete_until: date | None = None) -> Shop:
    """The demo shop's configuration over orders on these days."""
    config = Shop.open("demo", {}).config.model_copy(update={"complete_until": complete_until})
    shop = Shop(config, home, home)
    orders = pd.DataFrame({"ordered_day": pd.Series([day_number(day) for day in days], dtype="int64")})
    shop.save(orders, "staged", "orders", "ordered_day")
    return shop


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose config/ folder can be written."""
    monkeypatch.setattr("regulars.shop.ROOT", tmp_path)
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "demo.yml").write_text(DEMO, encoding="utf-8")
    return folder


@pytest.mark.parametrize("environment", [{}, {"REGULARS_HOME": "", "REGULARS_RAW": ""}])
def test_data_and_reports_lie_in_the_project(environment: dict[str, str]) -> None:
    shop = Shop.open("demo", environment)
    assert shop.data == ROOT / "data" / "demo"
    assert shop.reports == ROOT / "reports" / "demo"
    assert shop.raw == ROOT / "data" / "demo" / "raw"


def test_home_moves_data_and_reports_and_raw_moves_raw(tmp_path: Path) -> None:
    moved = Shop.open("demo", {"REGULARS_HOME": str(tmp_path)})
    assert (moved.data, moved.reports) == (tmp_path / "data" / "demo", tmp_path / "reports" / "demo")
    assert moved.raw == tmp_path / "data" / "demo" / "raw"
    elsewhere = {"REGULARS_HOME": str(tmp_path), "REGULARS_RAW": str(tmp_path / "disk")}
    assert Shop.open("demo", elsewhere).raw == tmp_path / "disk" / "demo"
    assert Shop.open("demo", elsewhere).data == moved.data


def test_the_environment_is_read_when_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGULARS_HOME", str(tmp_path))
    assert Shop.open("demo").home == tmp_path


def test_files_are_where_the_design_says(tmp_path: Path) -> None:
    shop, month = Shop.open("demo", {"REGULARS_HOME": str(tmp_path)}), Month(2017, 12)
    places = [
        shop.staged("refused/orders"),
        shop.monthly("features", month),
        shop.findings(month, "01-ingest"),
    ]
    assert [str(path.relative_to(shop.data)) for path in places] == [
        "staged/refused/orders.parquet",
        "features/2017-12.parquet",
        "findings/2017-12/01.json",
    ]


def test_an_unknown_shop_is_answered_with_those_that_exist(configs: Path) -> None:
    (configs / "corner.yml").write_text(DEMO.replace("name: demo", "name: corner"), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        Shop.open("cornre")
    assert str(error.value) == (
        "There is no shop 'cornre': config/ has corner, demo. Try SHOP=corner, or write cornre.yml."
    )


def test_a_name_that_is_not_the_files_is_refused(configs: Path) -> None:
    (configs / "corner.yml").write_text(DEMO, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^corner\.yml: 'name' is 'demo', but the file says 'corner'\.$"):
        Shop.open("corner")


@pytest.mark.parametrize("name", ["../config/demo", "demo.yml", "", "DEMO"])
def test_a_path_is_no_shop(name: str) -> None:
    with pytest.raises(ConfigError, match="There is no shop"):
        Shop.open(name)


@pytest.mark.parametrize(
    ("what", "file", "notebook"),
    [
        (lambda shop: shop.table("orders"), "staged/orders", "01-ingest"),
        (lambda shop: shop.months(), "staged/orders", "01-ingest"),
        (lambda shop: shop.snapshot("2017-12"), "features/2017-12", "02-features"),
        (lambda shop: shop.segments(Month(2017, 12)), "segments/2017-12", "03-segments"),
        (lambda shop: shop.offers(Month(2017, 12)), "offers/2017-12", "04-offers"),
    ],
)
def test_a_file_that_is_not_there_names_the_notebook_that_makes_it(
    tmp_path: Path, what, file, notebook
) -> None:
    with pytest.raises(ShopError) as error:
        what(Shop.open("demo", {"REGULARS_HOME": str(tmp_path)}))
    assert str(error.value) == (
        f"data/demo/{file}.parquet is not there yet: "
        f"run the notebook {notebook} first, or make report SHOP=demo."
    )


def test_the_demo_has_the_twelve_months_of_2017(demo: Shop) -> None:
    assert [str(month) for month in demo.months()] == [f"2017-{number:02d}" for number in range(1, 13)]
    assert demo.history == (day_number(date(2017, 1, 1)), day_number(date(2017, 12, 31)))
    assert demo.month("latest") == demo.month("2017-12") == Month(2017, 12)


@pytest.mark.parametrize("text", ["2019-01", "2016-12"])
def test_a_month_outside_the_data_is_answered_with_those_inside(demo: Shop, text: str) -> None:
    with pytest.raises(MonthError) as error:
        demo.month(text)
    assert str(error.value) == (
        f"{text} has no complete data: demo has 2017-01 to 2017-12. Try MONTH=2017-12."
    )


def test_a_month_that_is_none_is_told_so(demo: Shop) -> None:
    with pytest.raises(MonthError, match="'2017-13' is not a month"):
        demo.month("2017-13")


@pytest.mark.parametrize(
    ("newest", "until", "latest"),
    [
        (date(2017, 2, 27), None, "2017-01"),
        (date(2017, 2, 28), None, "2017-02"),
        (date(2017, 3, 1), None, "2017-02"),
        (date(2017, 2, 20), date(2017, 2, 28), "2017-02"),
        (date(2017, 2, 20), date(2017, 2, 27), "2017-01"),
        (date(2017, 2, 28), date(2017, 1, 31), "2017-02"),
    ],
)
def test_a_month_is_complete_with_an_order_on_its_last_day_or_by_the_configuration(
    tmp_path: Path, newest: date, until: date | None, latest: str
) -> None:
    shop = shop_with(tmp_path, date(2016, 12, 15), newest, complete_until=until)
    assert str(shop.month("latest")) == latest
    assert str(shop.months()[0]) == "2016-12"


def test_a_shop_in_its_first_month_has_no_complete_one(tmp_path: Path) -> None:
    with pytest.raises(MonthError, match="demo has no complete month yet"):
        shop_with(tmp_path, date(2017, 1, 1), date(2017, 1, 30)).month("latest")


def test_a_shop_without_orders_is_sent_to_the_ledger(tmp_path: Path) -> None:
    with pytest.raises(ShopError, match="No order of demo was staged: see the ledger in 01-ingest"):
        shop_with(tmp_path).months()
