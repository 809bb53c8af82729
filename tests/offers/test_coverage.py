"""A shorter run of every row of the table of coverage: each promise is kept, up to three standard errors."""

import pytest

from tests.offers.coverage import ROWS, SEED, Row, line

SIMULATIONS = 200


def named(row: Row) -> str:
    return f"{row.what}: {row.setting}"


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if not row.instead], ids=named)
def test_a_promise_is_kept(row: Row) -> None:
    hits, of = row.count(max(40, SIMULATIONS // row.fewer), SEED + 1)
    assert of >= 40
    assert row.holds(hits / of, of), hits / of


def test_each_row_promises_one_thing_or_says_why_not() -> None:
    assert len({named(row) for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert [row.at_least is not None, row.at_most is not None, bool(row.instead)].count(True) == 1


@pytest.mark.parametrize(
    ("hits", "of", "end"),
    [(1827, 2000, "| 91.3% | at least 93.0% | yes |"), (1825, 2000, "| 91.2% | at least 93.0% | **no** |")],
)
def test_a_line_says_whether_a_promise_is_kept_up_to_three_standard_errors(
    hits: int, of: int, end: str
) -> None:
    # 93 % less three standard errors of 2,000 simulations is 91.29 %.
    assert line(Row("Welch", "shop", lambda *_: (hits, of), at_least=0.93), 2000).endswith(end)


def test_a_line_says_when_a_test_of_nothing_finds_too_much() -> None:
    found = [line(Row("Q", "shop", lambda *_, h=hits: (h, 2000), at_most=0.05), 2000) for hits in (129, 130)]
    assert [of.split(" | ")[-1] for of in found] == ["yes |", "**no** |"]  # up to 6.46 %
