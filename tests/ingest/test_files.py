"""A shop whose tables are files: each lands, and the first that cannot is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from regulars import Shop
from regulars.config import ShopConfig
from regulars.engine import Engine
from regulars.ingest.contracts import IngestError
from regulars.ingest.landing import Landing
from regulars.ingest.sources.files import land

ORDERS = {"path": "orders.csv", "columns": {"order_id": "Name", "revenue": "Total"}, "decimal": ","}
PEOPLE = {
    "path": "people/*.csv",
    "columns": {"customer_id": "E-Mail", "email": "E-Mail"},
    "attributes": {"plan": "Plan"},
}


def shop(home: Path, **tables: dict[str, Any]) -> Shop:
    about = {
        "name": "acme",
        "title": "Acme",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "margin_rate": 0.3,
    }
    config = ShopConfig.model_validate({**about, "source": {"kind": "files", "tables": tables}})
    return Shop(config, home, home / "raw")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw" / "people"
    folder.mkdir(parents=True)
    (folder.parent / "orders.csv").write_text('Name;Total\n#1;"1,50"\n#2;2\n', encoding="utf-8")
    for name in ("b", "a"):
        (folder / f"{name}.csv").write_text(f"E-Mail,Plan\n{name}@x.org,gold\n", encoding="utf-8")
    return folder.parent


def test_every_table_of_the_configuration_lands(tmp_path: Path, raw: Path) -> None:
    with Landing(Engine(), tmp_path / "landing") as landing:
        found = land(shop(tmp_path, orders=ORDERS, customers=PEOPLE), landing)
        assert list(found) == ["orders", "customers"]
        assert pq.read_table(found["orders"].path).to_pydict() == {
            "order_id": ["#1", "#2"],
            "revenue": ["1,50", "2"],
        }
        assert pq.read_table(found["customers"].path).to_pydict() == {
            "customer_id": ["a@x.org", "b@x.org"],
            "email": ["a@x.org", "b@x.org"],
            "plan": ["gold", "gold"],
        }
    assert (found["orders"].format.decimal, found["customers"].format.decimal) == (",", ".")
    assert (found["orders"].origin, found["customers"].origin) == ("orders.csv", "people/*.csv")
    assert not (tmp_path / "landing").exists() and sorted(path.name for path in raw.rglob("*.csv")) == [
        "a.csv",
        "b.csv",
        "orders.csv",
    ]


def test_a_table_that_no_source_can_give_is_refused(tmp_path: Path, raw: Path) -> None:
    assert raw.exists()
    with (
        Landing(Engine(), tmp_path / "landing") as landing,
        pytest.raises(IngestError, match=r"No source can give a table 'order': did you mean 'orders'\?"),
    ):
        land(shop(tmp_path, order=ORDERS), landing)


def test_a_table_whose_file_is_missing_is_refused(tmp_path: Path, raw: Path) -> None:
    (raw / "orders.csv").rename(raw / "Orders.csv")
    with (
        Landing(Engine(), tmp_path / "landing") as landing,
        pytest.raises(IngestError, match=r"There is no file 'orders\.csv'.* did you mean 'Orders\.csv'\?"),
    ):
        land(shop(tmp_path, customers=PEOPLE, orders=ORDERS), landing)
