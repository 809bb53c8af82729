"""The register describes every column of a snapshot, and nothing else."""

from __future__ import annotations

import narwhals as nw
import pandas as pd
import pytest

from regulars import Shop
from regulars.features import REGISTER, Feature, Tables, register_table, snapshot, snapshot_of, tables_of
from regulars.features.document import document
from regulars.features.register import DECLARED, type_of
from regulars.ingest.contracts import CONTRACTS
from regulars.shop import ROOT

FAMILIES = ["purchase", "basket", "promotion", "cadence", "browsing", "profile", "value"]
CHANGES = {"orders±", "money±", "days±"}
UNITS = CHANGES | set(
    """days orders money lines items share products categories name weekday hour sessions events views flag expected""".split()
)
WHOLE = {"orders", "orders±", "products", "categories", "sessions", "events", "weekday", "hour"}
RANGES = {"share": (0, 1), "weekday": (1, 7), "hour": (0, 23)}
NAMES = [feature.name for feature in REGISTER]
FORECAST = {feature.name for feature in REGISTER if feature.family == "value"}  # written later, by `value`
OPTIONAL = [table for table in Tables._fields if table != "orders"]


@pytest.fixture(scope="module", params=["demo", "online_retail", "simulated"])
def written(request: pytest.FixtureRequest) -> pd.DataFrame:
    """A shop's last snapshot, prospects included."""
    shop: Shop = request.getfixturevalue(request.param)
    return shop.engine.collect(snapshot_of(shop, shop.months()[-1].snapshot_day), "customer_id")


def test_a_snapshot_has_the_registers_columns_in_its_order_and_then_the_answers(
    written: pd.DataFrame,
) -> None:
    assert written.columns[: len(REGISTER) + 1].tolist() == ["customer_id", *NAMES]
    answers = written.columns[len(REGISTER) + 1 :].tolist()
    assert answers == sorted(answers)
    assert [name for name in answers if not name.startswith(DECLARED)] == []


def test_every_feature_is_named_once_and_fully_described() -> None:
    assert len(set(NAMES)) == len(REGISTER)
    assert {type(part) for feature in REGISTER for part in feature} == {str}
    assert [feature.name for feature in REGISTER if not all(feature)] == []


def test_families_units_and_tables_are_known() -> None:
    assert list(dict.fromkeys(feature.family for feature in REGISTER)) == FAMILIES
    assert {feature.unit for feature in REGISTER} == UNITS
    needed = {feature.needs for feature in REGISTER}
    assert needed <= set(CONTRACTS) & set(Tables._fields)


@pytest.mark.parametrize("feature", REGISTER, ids=lambda feature: feature.name)
def test_values_are_what_the_unit_says(written: pd.DataFrame, feature: Feature) -> None:
    values = written[feature.name].dropna()
    if feature.unit == "name":
        assert {type(value) for value in values} <= {str}
    elif feature.unit == "flag":
        assert {bool(value) for value in values} == set(values)
    else:
        low, high = RANGES.get(feature.unit, (0, float("inf")))
        # Who sends back more than was bought in a window has brought less than nothing in it.
        can_be_below = feature.unit in CHANGES or (
            feature.unit == "money" and written["return_share"].notna().any()
        )
        assert ((values >= low) | (can_be_below and feature.name != "order_value_sd")).all()
        assert (values <= high).all()
    if feature.unit in WHOLE:
        assert (values % 1 == 0).all()


def test_a_column_that_counts_days_says_so(written: pd.DataFrame) -> None:
    counted = {feature.name for feature in REGISTER if feature.unit in ("days", "days±")}
    assert counted == {name for name in written.columns if name.endswith("_days")}


def test_a_shop_with_everything_has_every_feature(simulated: Shop) -> None:
    day = simulated.months()[-1].snapshot_day
    found = simulated.engine.collect(snapshot_of(simulated, day))
    assert set(found.columns[found.isna().all()]) == FORECAST


@pytest.mark.parametrize("absent", OPTIONAL)
def test_without_a_table_the_features_that_need_it_are_missing(simulated: Shop, absent: str) -> None:
    tables = tables_of(simulated)._replace(**{absent: None})
    found = simulated.engine.collect(snapshot(tables, simulated.months()[-1].snapshot_day))
    needing = {feature.name for feature in REGISTER if feature.needs == absent}
    others = {"products"} if absent == "order_lines" else set()  # products are known by what was bought
    gone = needing | {feature.name for feature in REGISTER if feature.needs in others}
    assert set(found.columns[found.isna().all()]) == gone | FORECAST
    assert any(name.startswith(DECLARED) for name in found) == (absent != "answers")


def test_a_feature_has_one_type_whether_it_can_be_had_or_not(simulated: Shop) -> None:
    tables, day = tables_of(simulated), simulated.months()[-1].snapshot_day
    full, bare = (snapshot(those, day).collect_schema() for those in (tables, Tables(tables.orders)))
    assert {name: bare[name] for name in NAMES} == {name: full[name] for name in NAMES}
    optional = [feature for feature in REGISTER if feature.needs != "orders"]
    assert {one.name: bare[one.name] for one in optional} == {one.name: type_of(one) for one in optional}
    assert {type_of(one) for one in REGISTER} == {nw.String(), nw.Boolean(), nw.Int64(), nw.Float64()}


def test_the_table_is_the_register_and_the_questions_that_were_answered() -> None:
    table = register_table(["customer_id", "revenue", "declared_favourite_size"])
    assert table.columns.tolist() == list(Feature._fields)
    rows = [Feature(*row) for row in table.itertuples(index=False)]
    assert rows[:-1] == list(REGISTER)
    assert rows[-1][:5] == (
        "declared_favourite_size",
        "answers",
        "name",
        "answers",
        "last answer to: favourite size",
    )
    assert len(register_table()) == len(REGISTER)


def test_the_document_is_the_registers() -> None:
    assert (ROOT / "docs" / "features.md").read_text(encoding="utf-8") == document()
