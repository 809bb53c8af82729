"""No number of a small group is shown."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regulars.privacy import suppress, suppress_cells

counts = st.lists(st.integers(0, 30), min_size=1, max_size=8)


@given(counts, st.integers(1, 20))
def test_a_row_shows_its_numbers_exactly_if_it_counts_enough_customers(sizes: list[int], least: int) -> None:
    table = pd.DataFrame({"segment": "some", "customers": sizes, "revenue": 1.5})
    shown = suppress(table, "customers", least)
    for size, (_, row) in zip(sizes, shown.iterrows(), strict=True):
        assert row["segment"] == "some"
        assert row[["customers", "revenue"]].isna().tolist() == [size < least] * 2


def test_one_small_count_of_several_hides_the_row() -> None:
    table = pd.DataFrame({"n": [9, 10, 40], "n_control": [40, 10, 9], "effect": [1.0, 2.0, 3.0]})
    assert suppress(table, ["n", "n_control"], 10)["effect"].fillna(0).tolist() == [0, 2, 0]


@pytest.mark.parametrize("index", [[1, 1, 1], ["a", "b", "a"]])
def test_rows_with_equal_labels_are_judged_one_by_one(index: list[object]) -> None:
    table = pd.DataFrame({"customers": [3, 40, 50]}, index=index)
    assert suppress(table, "customers", 10)["customers"].fillna(0).tolist() == [0, 40, 50]


def test_the_table_itself_is_not_changed() -> None:
    table = pd.DataFrame({"customers": [3, 40], "revenue": [5.0, 90.0]})
    before = table.copy()
    suppress(table, "customers", 10)
    suppress_cells(table[["customers"]], 10)
    pd.testing.assert_frame_equal(table, before)


@given(counts, st.integers(1, 20))
def test_a_cell_is_hidden_exactly_if_it_is_above_zero_and_too_small(sizes: list[int], least: int) -> None:
    hidden = suppress_cells(pd.DataFrame({"loyal": sizes}), least)["loyal"]
    expected = [None if 0 < size < least else size for size in sizes]
    assert [None if pd.isna(cell) else cell for cell in hidden] == expected
