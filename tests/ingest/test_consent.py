"""Consent is dated, can be withdrawn and given again, and a day sees only what lay before it."""

import random
from datetime import datetime, timedelta
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.engine import Engine, Frame
from regulars.ingest.consent import consent_as_of

ENGINE = Engine()
DAY = 19_754  # 2024-02-01
FIRST = datetime(2024, 2, 1)
TIME = pa.timestamp("us")
Profile = tuple[str | None, datetime | None, datetime | None]
Event = tuple[str | None, str, datetime | None]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def customers_of(rows: list[Profile]) -> Frame:
    columns = {"customer_id": pa.string(), "opted_in_at": TIME, "opted_out_at": TIME}
    return _frame([dict(zip(columns, row, strict=True)) for row in rows], columns)


def events_of(rows: list[Event]) -> Frame:
    columns = {"customer_id": pa.string(), "kind": pa.string(), "occurred_at": TIME}
    return _frame([dict(zip(columns, row, strict=True)) for row in rows], columns)


def _frame(rows: list[dict[str, Any]], columns: dict[str, Any]) -> Frame:
    table = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in columns.items()})
    return nw.from_native(ENGINE.connection.from_arrow(table))


def consent(profiles: list[Profile], events: list[Event] | None = None, day: int = DAY) -> dict[str, bool]:
    frame = consent_as_of(customers_of(profiles), None if events is None else events_of(events), day)
    assert frame.collect_schema() == nw.Schema({"customer_id": nw.String, "has_consent": nw.Boolean})
    table = ENGINE.collect(frame, "customer_id")
    assert table["customer_id"].is_unique and table["has_consent"].notna().all()
    return dict(zip(table["customer_id"], table["has_consent"], strict=True))


@pytest.mark.parametrize(
    ("opted_in", "opted_out", "expected"),
    [
        (None, None, False),
        ("2024-01-10 09:00", None, True),
        (None, "2024-01-10 09:00", False),
        ("2024-01-10 09:00", "2024-01-11 09:00", False),
        ("2024-01-12 09:00", "2024-01-11 09:00", True),
        ("2024-01-10 09:00", "2024-01-10 09:00", False),
        ("2024-01-10 09:00:00.000001", "2024-01-10 09:00", True),
        ("2024-01-10 09:00", "2024-01-10 09:00:00.000001", False),
        ("2024-01-31 23:59:59.999999", None, True),
        ("2024-02-01 00:00", None, False),
        ("2024-02-01 00:00:01", "2024-01-10 09:00", False),
        ("2024-01-10 09:00", "2024-02-01 00:00", True),
        ("2024-01-10 09:00", "2024-01-31 23:59:59.999999", False),
        ("1969-12-31 23:00", None, True),
        ("2023-12-31 23:00", None, True),
    ],
)
def test_a_profile(opted_in: str | None, opted_out: str | None, expected: bool) -> None:
    row = ("1", opted_in and at(opted_in), opted_out and at(opted_out))
    assert consent([row]) == {"1": expected}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("1", "opt-in", "2024-01-10 09:00")], True),
        ([("1", "opt-in", "2024-01-10 09:00"), ("1", "opt-out", "2024-01-10 09:01")], False),
        ([("1", "opt-in", "2024-01-10 09:00"), ("1", "opt-out", "2024-01-10 09:00")], False),
        (
            [("1", "opt-in", "2024-01-02"), ("1", "opt-out", "2024-01-03"), ("1", "opt-in", "2024-01-04")],
            True,
        ),
        (
            [("1", "opt-in", "2024-01-02"), ("1", "opt-out", "2024-01-03"), ("1", "opt-in", "2024-02-04")],
            False,
        ),
        ([("1", "opt-in", "2024-01-02"), ("1", "opt-out", "2024-02-01")], True),
        ([("1", "view", "2024-01-10"), ("1", "e-mail clicked", "2024-01-10")], False),
        ([("1", "opt-in", None)], False),
        ([("1", "opt-out", None), ("1", "opt-in", "2024-01-10")], False),
        ([(None, "opt-in", "2024-01-10"), ("2", "opt-in", "2024-01-10")], False),
        ([], False),
    ],
)
def test_events(events: list[tuple[str | None, str, str | None]], expected: bool) -> None:
    assert consent([("1", None, None)], [(who, kind, when and at(when)) for who, kind, when in events]) == {
        "1": expected
    }


def test_profile_and_events_are_read_together() -> None:
    profiles = [
        ("1", at("2024-01-10"), None),
        ("2", None, at("2024-01-10")),
        ("3", at("2024-01-10"), at("2024-01-12")),
    ]
    events: list[Event] = [
        ("1", "opt-out", at("2024-01-11")),
        ("2", "opt-in", at("2024-01-11")),
        ("3", "opt-in", at("2024-01-11")),
    ]
    assert consent(profiles, events) == {"1": False, "2": True, "3": False}


def test_an_undated_agreement_does_not_count_and_an_undated_withdrawal_does() -> None:
    """Nobody can say that it was not the last word."""
    assert consent([("1", None, None)], [("1", "opt-in", None)]) == {"1": False}
    assert consent([("1", at("2024-01-10"), None)], [("1", "opt-out", None)]) == {"1": False}
    assert consent(
        [("1", at("2024-01-10"), None), ("2", at("2024-01-10"), None)], [("2", "opt-out", None)]
    ) == {
        "1": True,
        "2": False,
    }


def test_rows_of_one_customer_are_one_answer() -> None:
    rows: list[Profile] = [("1", at("2024-01-10"), None), ("1", None, at("2024-01-11")), ("2", None, None)]
    assert consent(rows) == {"1": False, "2": False}


def test_a_row_without_an_id_is_nobody() -> None:
    assert consent(
        [(None, at("2024-01-10"), None), ("1", None, None)], [(None, "opt-in", at("2024-01-10"))]
    ) == {"1": False}


def test_no_customers_no_answers() -> None:
    assert consent([], [("1", "opt-in", at("2024-01-10"))]) == {}


@pytest.mark.parametrize("infinite", ["infinity", "-infinity"])
def test_a_time_without_end_is_no_date(infinite: str) -> None:
    query = (
        f"SELECT '1' AS customer_id, TIMESTAMP '{infinite}' AS opted_in_at, NULL::TIMESTAMP AS opted_out_at"
    )
    frame = consent_as_of(nw.from_native(ENGINE.sql(query)), None, DAY)
    assert ENGINE.collect(frame)["has_consent"].tolist() == [False]


HOURS = st.integers(-60, 60).map(lambda n: FIRST + timedelta(hours=n))  # two days and a half on either side
PROFILES = st.lists(
    st.tuples(st.sampled_from("123456789"), st.none() | HOURS, st.none() | HOURS), min_size=1, max_size=15
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*"123456789", None]),
        st.sampled_from(["opt-in", "opt-out", "view"]),
        st.none() | HOURS,
    ),
    max_size=40,
)


def naive(profiles: list[Profile], events: list[Event]) -> dict[str, bool]:
    """The same by walking through everything that was said, in its order, withdrawals last among equals."""
    said = [(when, False, who) for who, when, _ in profiles if when] + [
        (when, True, who) for who, _, when in profiles if when
    ]
    said += [(when, kind == "opt-out", who) for who, kind, when in events if when and who and kind != "view"]
    state = {who: False for who, _, _ in profiles}
    for when, is_out, who in sorted(said):
        if when < FIRST and who in state:
            state[who] = not is_out
    unplaced = {who for who, kind, when in events if kind == "opt-out" and when is None}
    return {who: agreed and who not in unplaced for who, agreed in state.items()}


@settings(max_examples=40, deadline=None)
@given(profiles=PROFILES, events=EVENTS)
def test_consent_is_that_of_a_walk_through_time(profiles: list[Profile], events: list[Event]) -> None:
    assert consent(profiles, events) == naive(profiles, events)


@settings(max_examples=15, deadline=None)
@given(profiles=PROFILES, events=EVENTS)
def test_what_is_dated_on_or_after_the_day_changes_nothing(
    profiles: list[Profile], events: list[Event]
) -> None:
    def seen(when: datetime | None) -> datetime | None:
        return when if when and when < FIRST else None

    early = [(who, seen(agreed), seen(withdrew)) for who, agreed, withdrew in profiles]
    kept = [event for event in events if event[2] is None or seen(event[2])]
    assert consent(early, kept) == consent(profiles, events)


@settings(max_examples=15, deadline=None)
@given(profiles=PROFILES, events=EVENTS, seed=st.integers(0, 99))
def test_the_order_of_rows_is_irrelevant(profiles: list[Profile], events: list[Event], seed: int) -> None:
    shuffle = random.Random(seed)
    mixed = consent(shuffle.sample(profiles, len(profiles)), shuffle.sample(events, len(events)))
    assert mixed == consent(profiles, events)


@settings(max_examples=15, deadline=None)
@given(profiles=PROFILES, events=EVENTS, day=st.integers(DAY - 4, DAY + 4))
def test_an_undated_customer_never_consents(profiles: list[Profile], events: list[Event], day: int) -> None:
    undated = [(who, None, withdrew) for who, _, withdrew in profiles]
    silent = [(who, kind, None if kind == "opt-in" else when) for who, kind, when in events]
    assert not any(consent(undated, silent, day).values())
