"""Corners of what customers said of themselves, on shops small enough to read."""

import pandas as pd
import pytest

from regulars.features.people import MOST_QUESTIONS
from tests.features.small import Row, answer, at, event, line, of_one, profile, taken

ORDER = line("1", "a", 5)


def declared(*answers: Row) -> object:
    return of_one([ORDER], answers=list(answers))["declared_size"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([(5, "S"), (6, "M")], "M"),
        ([(6, "M"), (5, "S")], "M"),
        ([(6, "M"), (6, "L")], "L"),
        ([(6, "M"), (99, "L"), (100, "S")], "L"),
        ([(6, "M"), (None, "L")], "M"),
        ([(6, "M"), (7, None)], "M"),
    ],
)
def test_the_latest_dated_answer_counts_and_of_one_day_the_first_by_name(
    given: list[tuple[int | None, str | None]], expected: str
) -> None:
    assert declared(*(answer("a", day, said) for day, said in given)) == expected


@pytest.mark.parametrize("given", [answer("a", None, "S"), answer("a", 100, "S"), answer("a", 5, None)])
def test_a_question_that_nobody_had_answered_is_no_column(given: Row) -> None:
    assert not any(name.startswith("declared_") for name in taken([ORDER], answers=[given]).columns)


def test_each_question_has_its_column_and_who_was_not_asked_has_nothing_in_it() -> None:
    asked = [answer("b", 6, "red", "Which colour?"), answer("a", 6, "S")]
    found = taken([ORDER, line("2", "b", 5)], answers=asked)
    assert found.columns[-2:].tolist() == ["declared_size", "declared_which_colour"]
    assert found["declared_size"].isna().tolist() == [False, True]
    assert found["declared_which_colour"].isna().tolist() == [True, False]


def test_two_spellings_of_a_question_are_one() -> None:
    found = of_one([ORDER], answers=[answer("a", 5, "S", "Which size?"), answer("a", 6, "M", "which_size")])
    assert found["declared_which_size"] == "M"


def test_a_survey_with_many_questions_makes_no_more_than_thirty_columns() -> None:
    asked = [answer("a", 5, "yes", f"question {n:02}") for n in range(MOST_QUESTIONS + 1)]
    found = taken([ORDER], answers=asked)
    assert sum(name.startswith("declared_") for name in found.columns) == MOST_QUESTIONS == 30


def test_who_answered_and_never_ordered_or_came_makes_no_row() -> None:
    assert taken([ORDER], answers=[answer("b", 5, "S")]).index.tolist() == ["a"]


def test_the_profile_is_what_the_customers_table_says() -> None:
    said = {"country": "Germany", "gender": "woman", "household_size": "2"}
    found = taken([ORDER, line("2", "b", 5)], customers=[profile("a", **said), profile("c")])
    assert found.index.tolist() == ["a", "b"]
    assert found.loc["a", ["has_profile", *said]].tolist() == [True, *said.values()]
    assert found.loc["b", ["has_profile", *said]].isna().all()


def consent(events: list[Row] | None = None, **said: object) -> bool | None:
    others = {} if events is None else {"events": events}
    found = of_one([ORDER], customers=[profile("a", **said)], **others)["has_consent"]
    return None if pd.isna(found) else bool(found)


def test_where_a_shop_records_no_consent_nobody_knows_of_any() -> None:
    assert consent() is None
    assert consent([event("a", 5), event("a", 100, "opt-out")]) is None


@pytest.mark.parametrize(("day", "expected"), [(99, True), (100, False)])
def test_consent_is_as_of_the_day(day: int, expected: bool) -> None:
    assert consent(opted_in_at=at(day, 9)) is expected


@pytest.mark.parametrize("day", [None, 99])
def test_a_withdrawal_ends_consent_even_without_a_date(day: int | None) -> None:
    found = consent([event("a", day, "opt-out")], opted_in_at=at(50, 9))
    assert found is False


def test_consent_may_be_said_by_events_alone() -> None:
    assert consent([event("a", 50, "Opt_In"), event("b", 50, "opt-out")]) is True
    assert consent([event("b", 50, "opt-in")]) is False
