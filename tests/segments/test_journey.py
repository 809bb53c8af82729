"""The stages of the journey: each by hand, at its limits, in the engine and in pandas."""

import narwhals as nw
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.engine import Engine
from regulars.segments import SegmentError
from regulars.segments.journey import JOURNEY_MEANINGS, Journey

NO = float("nan")
COLUMNS = ["frequency", "recency_days", "carts_90d"]
EACH = [
    ((0, NO, NO), "visitor"),
    ((0, NO, 0), "visitor"),
    ((0, NO, 1), "considering"),
    ((1, 30, 5), "first-time buyer"),
    ((2, 30, NO), "repeat buyer"),
    ((1, 31, 5), "slipping"),
    ((9, 60, NO), "slipping"),
    ((1, 61, NO), "lapsed"),
    ((9, 61, 3), "lapsed"),
]


def stages(rows: list[tuple[float, ...]], journey: Journey) -> list[str | None]:
    base = nw.from_native(pd.DataFrame(rows, columns=COLUMNS))
    return base.select(stage=journey.expression())["stage"].to_list()


@pytest.mark.parametrize(("customer", "stage"), EACH)
def test_each_stage_and_its_limits(customer: tuple[float, ...], stage: str) -> None:
    assert stages([customer], Journey(late_days=30.0)) == [stage]


def test_the_engine_and_pandas_agree() -> None:
    engine, rows = Engine(), pd.DataFrame([row for row, _ in EACH], columns=COLUMNS).convert_dtypes()
    inside = nw.from_native(engine.connection.from_df(rows.assign(place=range(len(rows)))))
    found = engine.collect(inside.select("place", stage=Journey(30).expression()), "place")
    assert found["stage"].tolist() == [stage for _, stage in EACH]


@given(
    st.integers(0, 9), st.integers(1, 999), st.sampled_from([NO, 0, 3]), st.floats(1, 200), st.floats(1, 5)
)
def test_everybody_has_exactly_one_known_stage(
    orders: int, recency: int, carts: float, late: float, times: float
) -> None:
    row = (orders, recency if orders else NO, carts)
    (stage,) = stages([row], Journey(late, times))
    assert stage in JOURNEY_MEANINGS
    assert (stage in ("visitor", "considering")) == (orders == 0)
    assert (stage == "lapsed") == (orders > 0 and recency > late * times)


def test_another_number_of_late_limits_moves_the_end() -> None:
    assert stages([(1, 100, NO)], Journey(30.0, lapsed_after=3)) == ["lapsed"]
    assert stages([(1, 90, NO)], Journey(30.0, lapsed_after=3)) == ["slipping"]


def test_its_definitions_are_its_stages() -> None:
    assert [one.name for one in Journey(30).definitions()] == list(JOURNEY_MEANINGS)
    assert {one.needs for one in Journey(30).definitions()} == {("events", "orders")}


@pytest.mark.parametrize("journey", [Journey(0), Journey(float("nan")), Journey(30, 0.5)])
def test_limits_that_make_no_sense_are_refused(journey: Journey) -> None:
    with pytest.raises(SegmentError, match="the first must be above 0, the second at least 1"):
        journey.expression()
