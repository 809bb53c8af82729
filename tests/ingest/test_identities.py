"""Profiles of one customer are found whatever the order of rows, and merged without inventing a value."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.engine import Engine, Frame
from regulars.ingest.consent import consent_as_of
from regulars.ingest.contracts import CONTRACTS, IngestError
from regulars.ingest.identities import before_and_after, merged, one_profile, renamed, too_common

Row = dict[str, Any]
Rules = Sequence[Sequence[str]]
ENGINE = Engine()
EMAIL: Rules = [["email_hash"]]
RULES: Rules = [["email_hash"], ["name_hash", "address_hash"]]
KINDS = {
    "customer_id": pa.string(),
    "email_hash": pa.string(),
    "phone_hash": pa.string(),
    "name_hash": pa.string(),
    "address_hash": pa.string(),
    "country": pa.string(),
    "has_profile": pa.bool_(),
    "opted_in_at": pa.timestamp("us"),
    "opted_out_at": pa.timestamp("us"),
    "points": pa.int64(),
    "revenue": pa.decimal128(18, 4),
    "profile_id": pa.string(),
}


def frame_of(rows: Sequence[Row], columns: Sequence[str] | None = None) -> Frame:
    """Rows in the engine, with the types that staging gives them; what a row does not say is null."""
    names = columns or list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: pa.array([row.get(name) for row in rows], KINDS[name]) for name in names})
    return nw.from_native(ENGINE.connection.from_arrow(table))


def mapping_of(rows: Sequence[Row], rules: Rules = EMAIL, **options: Any) -> dict[str, str]:
    columns = ["customer_id", "email_hash", "name_hash", "address_hash"]
    found = merged(ENGINE, frame_of(rows, columns), rules, **options)
    assert found.columns.tolist() == ["profile_id", "customer_id"]
    assert found["profile_id"].tolist() == sorted(set(found["profile_id"]))
    return dict(zip(found["profile_id"], found["customer_id"], strict=True))


def profile(
    customer_id: str | None, email: str | None = None, name: str | None = None, address: str | None = None
) -> Row:
    return {"customer_id": customer_id, "email_hash": email, "name_hash": name, "address_hash": address}


# Who is one customer


def test_equal_addresses_are_one_customer_under_the_smallest_id() -> None:
    assert mapping_of([profile("7", "a"), profile("3", "a"), profile("5", "b")]) == {"7": "3"}


def test_the_smallest_id_is_the_smallest_text() -> None:
    assert mapping_of([profile("9", "a"), profile("10", "a"), profile("é", "a"), profile("z", "a")]) == {
        "9": "10",
        "z": "10",
        "é": "10",
    }


def test_merging_is_transitive_across_rules() -> None:
    rows = [
        profile("1", "a"),
        profile("2", "a", "ann", "home"),
        profile("3", "c", "ann", "home"),
        profile("4", "c"),
    ]
    assert mapping_of(rows, RULES) == {"2": "1", "3": "1", "4": "1"}
    assert mapping_of(rows, EMAIL) == {"2": "1", "4": "3"}


def test_all_columns_of_a_rule_must_agree_and_be_filled() -> None:
    rule = [["name_hash", "address_hash"]]
    assert mapping_of([profile("1", None, "ann", "home"), profile("2", None, "ann", "away")], rule) == {}
    assert mapping_of([profile("1", None, "ann"), profile("2", None, "ann")], rule) == {}
    assert mapping_of([profile("1", None, "ann", "home"), profile("2", None, "ann", "home")], rule) == {
        "2": "1"
    }


def test_nothing_agrees_with_nothing() -> None:
    assert mapping_of([profile("1"), profile("2"), profile("3", "a")], RULES) == {}


def test_rows_of_one_profile_hold_together() -> None:
    """A profile made from orders has a row per order, and may have had two addresses."""
    assert mapping_of([profile("2", "a"), profile("2", "b"), profile("3", "b"), profile("1", "a")]) == {
        "2": "1",
        "3": "1",
    }


def test_a_row_without_an_id_merges_nobody() -> None:
    assert mapping_of([profile(None, "a"), profile(None, "a"), profile("1", "a"), profile("2", "b")]) == {}


def test_no_rows_and_no_rules_merge_nobody_and_can_be_joined() -> None:
    assert mapping_of([]) == {}
    empty = merged(ENGINE, frame_of([profile("1", "a"), profile("2", "a")]), [])
    assert empty.empty and empty.columns.tolist() == ["profile_id", "customer_id"]
    kept = renamed(frame_of([profile("1", "a")]), nw.from_native(ENGINE.connection.from_df(empty)))
    assert ENGINE.collect(kept)["customer_id"].tolist() == ["1"]


def test_a_rule_with_a_column_that_the_source_lacks_is_ignored() -> None:
    customers = frame_of([profile("1", "a"), profile("2", "a")], ["customer_id", "email_hash"])
    rules = [["phone_hash"], ["email_hash", "phone_hash"]]
    assert merged(ENGINE, customers, rules).empty
    assert len(merged(ENGINE, customers, [*rules, ["email_hash"]])) == 1


def test_a_rule_may_name_a_column_of_the_shops_own() -> None:
    customers = frame_of([{"customer_id": "1", "points": 7}, {"customer_id": "2", "points": 7}])
    assert len(merged(ENGINE, customers, [["points"]])) == 1


@pytest.mark.parametrize(
    ("name", "hint"), [("email", "email_hash"), ("phone_hsh", "phone_hash"), ("zzz", "email_hash")]
)
def test_an_unknown_column_is_a_sentence_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(IngestError, match=rf"merge_by names the column '{name}'.*{hint}"):
        merged(ENGINE, frame_of([profile("1", "a")]), [["email_hash"], [name]])


def test_a_rule_without_a_column_is_a_sentence_and_does_not_make_all_one() -> None:
    with pytest.raises(IngestError, match="rule without a column"):
        merged(ENGINE, frame_of([profile("1", "a"), profile("2", "b")]), [[]])


# What too many share


def test_what_more_than_fifty_share_is_no_identity_and_is_counted() -> None:
    shared = [profile(f"{i:03d}", "shop") for i in range(51)]
    others = [profile("a", "ann"), profile("b", "ann")]
    assert mapping_of([*shared, *others]) == {"b": "a"}
    assert len(mapping_of([*shared[:50], *others])) == 49 + 1
    common = too_common(ENGINE, frame_of([*shared, *shared, *others]), RULES)
    assert common.to_dict("records") == [{"rule": "email_hash", "values": 1, "profiles": 51}]
    assert too_common(ENGINE, frame_of([*shared[:50], *others]), RULES).empty


def test_the_limit_is_on_ids_and_not_on_rows() -> None:
    assert mapping_of([profile("1", "a")] * 100 + [profile("2", "a")]) == {"2": "1"}


def test_the_limit_can_be_moved() -> None:
    rows = [profile(str(i), "a") for i in range(3)]
    assert mapping_of(rows, most_profiles=2) == {}
    assert mapping_of(rows, most_profiles=3) == {"1": "0", "2": "0"}


# Against a naive union-find

PROFILES = st.lists(
    st.builds(
        profile,
        st.integers(0, 25).map(str),
        st.sampled_from([None, *"abcdefghij"]),
        st.sampled_from([None, "ann", "bo", "cy", "di"]),
        st.sampled_from([None, "home", "away", "shop"]),
    ),
    max_size=30,
)


def naive(rows: list[Row], rules: Rules, most_profiles: int) -> dict[str, str]:
    """The same by comparing every profile with every other until nothing changes."""
    leader = {row["customer_id"]: row["customer_id"] for row in rows}
    changed = True
    while changed:
        changed = False
        for rule in rules:
            for one in rows:
                value = [one[name] for name in rule]
                same = {row["customer_id"] for row in rows if [row[name] for name in rule] == value}
                if None in value or len(same) > most_profiles:
                    continue
                smallest = min(leader[other] for other in same)
                changed |= any(leader[other] != smallest for other in same)
                leader.update(dict.fromkeys(same, smallest))
    return {profile_id: customer for profile_id, customer in leader.items() if profile_id != customer}


@settings(max_examples=40, deadline=None)
@given(rows=PROFILES, most_profiles=st.sampled_from([2, 3, 50]))
def test_merging_is_that_of_a_naive_union_find(rows: list[Row], most_profiles: int) -> None:
    assert mapping_of(rows, RULES, most_profiles=most_profiles) == naive(rows, RULES, most_profiles)


@settings(max_examples=15, deadline=None)
@given(rows=PROFILES, seed=st.integers(0, 99))
def test_the_order_of_rows_columns_and_rules_decides_nothing(rows: list[Row], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert mapping_of(shuffled, [["address_hash", "name_hash"], ["email_hash"]]) == mapping_of(rows, RULES)


@settings(max_examples=15, deadline=None)
@given(rows=PROFILES)
def test_what_was_merged_is_not_merged_again(rows: list[Row]) -> None:
    """Rows that bear their customer's id find nobody new."""
    mapping = mapping_of(rows, RULES)
    again = [row | {"customer_id": mapping.get(row["customer_id"], row["customer_id"])} for row in rows]
    assert mapping_of(again, RULES) == {}
    assert set(mapping.values()).isdisjoint(mapping), "a customer's id is its own"


# Renaming


def test_renaming_touches_the_id_and_nothing_else() -> None:
    mapping = frame_of([{"profile_id": "2", "customer_id": "1"}, {"profile_id": "9", "customer_id": "3"}])
    rows = [
        {"country": "UK", "customer_id": "2", "profile_id": "x", "points": 1},
        {"country": "FR", "customer_id": "2", "profile_id": None, "points": 2},
        {"country": None, "customer_id": None, "profile_id": "y", "points": 3},
        {"country": "DE", "customer_id": "5", "profile_id": "2", "points": 4},
    ]
    frame = renamed(frame_of(rows), mapping)
    assert frame.collect_schema().names() == ["country", "customer_id", "profile_id", "points"]
    table = ENGINE.collect(frame, "points").astype(object)
    assert table["customer_id"].where(table["customer_id"].notna(), None).tolist() == ["1", "1", None, "5"]
    assert table["points"].tolist() == [1, 2, 3, 4]
    assert table["profile_id"].where(table["profile_id"].notna(), None).tolist() == ["x", None, "y", "2"]


# One profile


def united(rows: Sequence[Row], columns: Sequence[str] | None = None) -> list[Row]:
    table = ENGINE.collect(one_profile(ENGINE, frame_of(rows, columns)), "customer_id").astype(object)
    return table.where(table.notna(), None).to_dict("records")


def test_the_most_frequent_value_stays_and_of_equals_the_smallest() -> None:
    rows = [
        {"customer_id": "1", "country": "UK", "points": 5, "email_hash": None},
        {"customer_id": "1", "country": "FR", "points": 9, "email_hash": "e"},
        {"customer_id": "1", "country": "UK", "points": None, "email_hash": None},
        {"customer_id": "2", "country": "SE", "points": None, "email_hash": None},
    ]
    assert united(rows) == [
        {"customer_id": "1", "country": "UK", "points": 5, "email_hash": "e"},
        {"customer_id": "2", "country": "SE", "points": None, "email_hash": None},
    ]


def test_rows_that_say_the_same_still_count_one_each() -> None:
    rows = [{"customer_id": "1", "country": "UK", "points": 1}] * 3 + [
        {"customer_id": "1", "country": "FR", "points": n} for n in (2, 3)
    ]
    assert united(rows) == [{"customer_id": "1", "country": "UK", "points": 1}]


@pytest.mark.parametrize("said", [["UK"], ["FR", "UK", "UK"]])
def test_nulls_do_not_win_by_their_number(said: list[str]) -> None:
    rows = [
        {"customer_id": "1", "country": country, "points": n}
        for n, country in enumerate([*said, *[None] * 5])
    ]
    assert united(rows)[0]["country"] == "UK"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [([True, False, False], True), ([False, None], False), ([None, True], True), ([None, None], None)],
)
def test_a_flag_is_true_if_it_is_anywhere(flags: list[bool | None], expected: bool | None) -> None:
    rows = [{"customer_id": "1", "has_profile": flag, "points": n} for n, flag in enumerate(flags)]
    assert united(rows)[0]["has_profile"] is expected


def test_the_latest_agreement_stays_and_the_first_withdrawal_after_it() -> None:
    day = [datetime(2024, 1, 1) + timedelta(days=n) for n in range(9)]
    rows = [
        {"customer_id": "1", "opted_in_at": day[1], "opted_out_at": day[7]},
        {"customer_id": "1", "opted_in_at": day[2], "opted_out_at": day[5]},
        {"customer_id": "1", "opted_in_at": None, "opted_out_at": day[0]},
        {"customer_id": "2", "opted_in_at": day[4], "opted_out_at": day[1]},
        {"customer_id": "2", "opted_in_at": day[1], "opted_out_at": day[2]},
        {"customer_id": "3", "opted_in_at": None, "opted_out_at": day[2]},
        {"customer_id": "3", "opted_in_at": None, "opted_out_at": day[6]},
        {"customer_id": "4", "opted_in_at": day[2], "opted_out_at": day[2]},
        {"customer_id": "4", "opted_in_at": None, "opted_out_at": day[6]},
    ]
    found = [(row["opted_in_at"], row["opted_out_at"]) for row in united(rows)]
    assert found == [(day[2], day[5]), (day[4], day[2]), (None, day[6]), (day[2], day[2])]


def test_a_shop_without_one_of_the_two_times_loses_none() -> None:
    late, early = datetime(2024, 2, 1), datetime(2024, 1, 1)
    rows = [{"customer_id": "1", "opted_out_at": early}, {"customer_id": "1", "opted_out_at": late}]
    assert united(rows) == [{"customer_id": "1", "opted_out_at": late}]


def test_the_contract_s_columns_pass_with_their_types() -> None:
    rows = [
        {"customer_id": "1", "email_hash": "a"},
        {"customer_id": "1", "country": "UK"},
        {"customer_id": "2"},
    ]
    customers = CONTRACTS["customers"].conform(frame_of(rows))
    one = one_profile(ENGINE, customers)
    assert one.collect_schema() == customers.collect_schema()
    assert CONTRACTS["customers"].conform(one).collect_schema() == customers.collect_schema()


def test_a_later_call_leaves_an_earlier_result_as_it_was() -> None:
    first = one_profile(
        ENGINE, frame_of([{"customer_id": "1", "country": "UK"}, {"customer_id": "1", "country": "FR"}])
    )
    one_profile(
        ENGINE, frame_of([{"customer_id": "8", "country": "UK"}, {"customer_id": "8", "country": "FR"}])
    )
    assert ENGINE.collect(first).to_dict("records") == [{"customer_id": "1", "country": "FR"}]


TIMES = st.none() | st.integers(0, 6).map(lambda n: datetime(2024, 1, 1, 12) + timedelta(days=n))
MANY = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from("12345678"),
            "country": st.sampled_from([None, "UK", "FR", "DE"]),
            "points": st.none() | st.integers(0, 3),
            "has_profile": st.sampled_from([None, True, False]),
            "opted_in_at": TIMES,
            "opted_out_at": TIMES,
        }
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=15, deadline=None)
@given(rows=MANY, seed=st.integers(0, 99))
def test_one_profile_is_one_row_whatever_the_order_and_stays_so(rows: list[Row], seed: int) -> None:
    found = united(rows)
    assert [row["customer_id"] for row in found] == sorted({row["customer_id"] for row in rows})
    assert united(random.Random(seed).sample(rows, len(rows))) == found
    assert united(found, list(found[0])) == found
    for row in found:
        same = [other for other in rows if other["customer_id"] == row["customer_id"]]
        counts = pd.Series([other["country"] for other in same]).value_counts()
        best = min(counts[counts == counts.max()].index, default=None)
        assert row["country"] == best


@settings(max_examples=25, deadline=None)
@given(rows=MANY, day=st.integers(19_722, 19_731))
def test_merging_invents_no_consent(rows: list[Row], day: int) -> None:
    """As of no day does the one profile consent where its parts, read together, did not."""
    apart = ENGINE.collect(consent_as_of(frame_of(rows), None, day), "customer_id")["has_consent"]
    one = ENGINE.collect(consent_as_of(one_profile(ENGINE, frame_of(rows)), None, day), "customer_id")[
        "has_consent"
    ]
    assert (one <= apart).all()
    if day > 19_730:  # after everything, nothing is hidden
        assert one.tolist() == apart.tolist()


# Before and after


def test_merging_changes_who_ordered_once() -> None:
    rows = [("1", 10), ("2", 30), ("3", 5), ("3", 5), (None, 99)]
    orders = frame_of([{"customer_id": who, "revenue": money} for who, money in rows])
    table = before_and_after(ENGINE, orders, frame_of([{"profile_id": "2", "customer_id": "1"}]))
    assert table.index.tolist() == ["before", "after"]
    assert table["customers"].tolist() == [3, 2]
    assert table["ordered_once_share"].tolist() == pytest.approx([2 / 3, 0])
    assert table["orders_per_customer"].tolist() == pytest.approx([4 / 3, 2])
    assert table["revenue_per_customer"].tolist() == pytest.approx([50 / 3, 25])


def test_without_orders_there_are_no_customers() -> None:
    table = before_and_after(
        ENGINE, frame_of([], ["customer_id", "revenue"]), frame_of([], ["profile_id", "customer_id"])
    )
    assert table["customers"].tolist() == [0, 0] and table["revenue_per_customer"].isna().all()
