"""The rulebooks of score codes: every code once, and the published limits of the three-level map."""

import narwhals as nw
import pandas as pd
import pytest

from regulars.segments import Classic11, RxFGrid, ThreeLevel
from regulars.segments.rulebooks.grids import Grid


@pytest.mark.parametrize(
    ("book", "digits", "count"), [(RxFGrid, 2, 25), (ThreeLevel, 3, 27), (Classic11, 3, 125)]
)
def test_every_code_is_in_exactly_one_segment(book: type[Grid], digits: int, count: int) -> None:
    every = [""]
    for _ in range(digits):
        every = [code + str(score) for code in every for score in range(1, book.bins + 1)]
    found = [str(code) for codes in book.codes.values() for code in codes]
    assert len(every) == count
    assert sorted(found) == every
    assert list(book.codes) == list(book.meanings)


@pytest.mark.parametrize(
    ("days", "segment"), [(180, "champions"), (181, "loyal"), (365, "loyal"), (366, "needs_attention")]
)
def test_the_three_levels_of_recency_are_half_a_year_and_a_year(days: int, segment: str) -> None:
    base = pd.DataFrame({"recency_days": 1, "frequency": [1, 2, 3], "revenue": [1.0, 2.0, 3.0]})
    best = base.tail(1).assign(recency_days=days)
    book = ThreeLevel.fit(nw.from_native(base).lazy())
    assert nw.from_native(best).select(s=book.expression()).to_native()["s"].tolist() == [segment]


def test_frequency_and_money_of_the_three_levels_are_thirds() -> None:
    base = pd.DataFrame({"recency_days": 1, "frequency": range(1, 10), "revenue": [9.0] * 9})
    book = ThreeLevel.fit(nw.from_native(base).lazy())
    scores = nw.from_native(base).select(**book.scores()).to_native()
    assert scores["f"].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert set(scores["m"]) == {2}  # equal values, the middle rank


def test_a_segment_of_the_classic_eleven_by_hand() -> None:
    base = pd.DataFrame({"recency_days": range(5, 0, -1), "frequency": range(1, 6), "revenue": range(1, 6)})
    book = Classic11.fit(nw.from_native(base).lazy())
    found = nw.from_native(base).select(s=book.expression()).to_native()["s"].tolist()
    assert found == [
        "lost",
        "hibernating",
        "potential_loyalist",
        "loyal",
        "champions",
    ]  # 111, 222, 333, 444, 555


def test_scores_that_nobody_has_are_named() -> None:
    base = pd.DataFrame({"recency_days": [1, 1, 1, 9], "frequency": [1, 1, 1, 2], "revenue": [1.0, 2, 3, 4]})
    lazy = nw.from_native(base).lazy()
    assert Classic11.fit(lazy).empty_scores(lazy) == {"r": [2, 3, 5], "f": [1, 3, 4], "m": [3]}
    assert RxFGrid.fit(lazy).empty_scores(lazy) == {"r": [2, 3, 5], "f": [1, 3, 4]}
    assert ThreeLevel.fit(lazy).empty_scores(lazy) == {"r": [1, 2], "f": [1]}
