"""The register describes every column of a snapshot, and nothing else."""

import pandas as pd
import pytest

from regulars import Shop
from regulars.features import REGISTER, Feature, families, register_table

UNITS = {"days", "orders", "money", "lines", "categories", "name", "share"}


@pytest.fixture(scope="module", params=["2017-01", "2017-06", "2017-12"])
def written(demo: Shop, request: pytest.FixtureRequest) -> pd.DataFrame:
    return pd.read_parquet(demo.data / "features" / f"{request.param}.parquet")


def test_a_snapshot_has_the_registers_columns_in_its_order(written: pd.DataFrame) -> None:
    assert written.columns.tolist() == ["customer_id", *[feature.name for feature in REGISTER]]


def test_every_feature_is_named_once_and_fully_described() -> None:
    assert len({feature.name for feature in REGISTER}) == len(REGISTER)
    assert {type(part) for feature in REGISTER for part in feature} == {str}
    assert [feature.name for feature in REGISTER if not all(feature)] == []


def test_families_are_functions_and_units_are_known() -> None:
    assert [
        feature.name for feature in REGISTER if not callable(getattr(families, feature.family, None))
    ] == []
    assert {feature.unit for feature in REGISTER} == UNITS


@pytest.mark.parametrize("feature", REGISTER, ids=lambda feature: feature.name)
def test_values_are_what_the_unit_says(written: pd.DataFrame, feature: Feature) -> None:
    values = written[feature.name].dropna()
    if feature.unit == "name":
        assert pd.api.types.is_string_dtype(values)
        return
    assert (values >= 0).all()
    if feature.unit == "share":
        assert (values <= 1).all()
    if feature.unit in ("orders", "categories"):
        assert (values % 1 == 0).all()


def test_a_column_that_counts_days_says_so(written: pd.DataFrame) -> None:
    counted = {feature.name for feature in REGISTER if feature.unit == "days"}
    assert counted == {name for name in written.columns if name.endswith("_days")}


def test_the_table_is_the_register() -> None:
    table = register_table()
    assert table.columns.tolist() == list(Feature._fields)
    assert [Feature(*row) for row in table.itertuples(index=False)] == list(REGISTER)
