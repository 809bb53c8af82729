"""Corners of what is told by events, on shops small enough to read."""

import pandas as pd
import pytest

from tests.features.small import Row, event, line, of_one, taken

LONG_AGO = event(None, 1)  # an unknown visitor: events are observed from day 1
ORDER = line("1", "a", 5)
RECENT = ["sessions_90d", "views_90d", "carts_90d", "emails_opened_90d", "emails_clicked_90d"]
OF_VISITS = ["views_per_session", "cart_left_share", "usual_device"]


def test_a_buyer_without_events_has_zero_of_them_and_nothing_of_a_visit() -> None:
    found = of_one([ORDER], 366, events=[LONG_AGO])
    assert found[[*RECENT, "support_contacts_365d"]].tolist() == [0] * 6
    assert found[[*OF_VISITS, "visit_recency_days"]].isna().all()


@pytest.mark.parametrize(
    ("first", "has_quarter", "has_year"),
    [(35, True, True), (36, True, False), (310, True, False), (311, False, False)],
)
def test_a_window_that_is_longer_than_the_observed_events_is_missing_not_zero(
    first: int, has_quarter: bool, has_year: bool
) -> None:
    events = [event(None, first), event("a", 350, "cart", "s", "phone"), event("a", 350, "view", "s")]
    found = of_one([ORDER], 400, events=events)
    assert found[[*RECENT, *OF_VISITS]].notna().tolist() == [has_quarter] * 8
    assert pd.notna(found["support_contacts_365d"]) == has_year
    assert found["visit_recency_days"] == 50


def test_without_an_event_before_the_day_nothing_is_known_of_visits() -> None:
    found = of_one([ORDER], events=[event("a", 100), event("b", 100)])
    assert found[[*RECENT, *OF_VISITS, "visit_recency_days", "support_contacts_365d"]].isna().all()
    assert taken([ORDER], events=[event("b", 100)]).index.tolist() == ["a"]


def test_a_window_of_events_begins_with_its_first_day() -> None:
    events = [
        LONG_AGO,
        event("a", 309),
        event("a", 310),
        event("a", 34, "support"),
        event("a", 35, "support"),
    ]
    found = of_one([ORDER], 400, events=events)
    assert found[["views_90d", "support_contacts_365d", "visit_recency_days"]].tolist() == [1, 1, 90]


def test_prospects_have_events_and_neither_orders_nor_a_recency() -> None:
    events = [LONG_AGO, event("p", 350), event("q", 20, "e-mail opened"), event(None, 350), event("r", 400)]
    found = taken([ORDER, line("2", "r", 400), line("3", "p", 400)], 400, events=events)
    assert found.index.tolist() == ["a", "p", "q"]
    prospects = found.loc[["p", "q"]]
    assert (prospects[["frequency", "revenue", "orders_90d", "revenue_365d", "orders_30d_change"]] == 0).all(
        axis=None
    )
    missing = [
        "recency_days",
        "tenure_days",
        "monetary_value",
        "observed_before_first_days",
        "orders_365d_change",
    ]
    assert prospects[[*missing, "products_bought", "usual_weekday", "overdue_days"]].isna().all(axis=None)
    assert prospects["sessions_90d"].tolist() == [1, 0]


def test_prospects_windows_of_orders_are_missing_where_the_shops_history_is_shorter() -> None:
    found = taken([line("1", "a", 50)], events=[event("p", 2)])
    assert found["orders_30d"].tolist() == [0, 0]  # `a` has ordered 50 days ago
    assert found[["orders_90d", "revenue_90d", "orders_30d_change"]].isna().all(axis=None)


@pytest.mark.parametrize(("ordered_day", "left"), [(350, 0.0), (349, 1.0), (351, 1.0)])
def test_a_cart_is_left_unless_an_order_was_placed_on_the_same_day(ordered_day: int, left: float) -> None:
    events = [LONG_AGO, event("a", 350, "cart", "s")]
    found = of_one([line("1", "a", ordered_day), line("2", "b", 350)], 400, events=events)
    assert found[["carts_90d", "cart_left_share"]].tolist() == [1, left]


def test_a_visit_over_midnight_is_one_and_over_on_its_last_day() -> None:
    events = [LONG_AGO, event("a", 350, "cart", "s"), event("a", 351, "checkout", "s")]
    found = of_one([line("1", "a", 351)], 400, events=events)
    assert found[["sessions_90d", "carts_90d", "cart_left_share"]].tolist() == [1, 1, 0.0]


def test_two_carts_in_a_visit_are_one_and_orders_of_a_day_are_no_more_visits() -> None:
    events = [
        LONG_AGO,
        event("a", 350, "cart", "s"),
        event("a", 350, "cart", "s"),
        event("a", 350, "cart", "t"),
    ]
    found = of_one([line("1", "a", 350), line("2", "a", 350)], 400, events=events)
    assert found[["sessions_90d", "carts_90d", "cart_left_share"]].tolist() == [2, 2, 0.0]


def test_where_sessions_have_no_id_a_visit_is_a_day() -> None:
    events = [LONG_AGO, event("a", 350), event("a", 350), event("a", 351), event("a", 352, "search")]
    found = of_one([ORDER], 400, events=events)
    assert found[["sessions_90d", "views_90d", "views_per_session"]].tolist() == [3, 3, 1.0]


def test_what_is_done_in_e_mails_is_no_visit() -> None:
    kinds = ["e-mail opened", "Email_Opened", "E-MAIL CLICKED", "support", "opt-out", "purchase"]
    found = of_one([ORDER], 400, events=[LONG_AGO, *(event("a", 350, kind) for kind in kinds)])
    assert found[RECENT].tolist() == [0, 0, 0, 2, 1]
    assert found["support_contacts_365d"] == 1
    assert pd.isna(found["visit_recency_days"])


@pytest.mark.parametrize(
    ("devices", "usual"),
    [
        (["tablet", "phone"], "phone"),
        (["tablet", "phone", "tablet"], "tablet"),
        (["tablet", None, None], "tablet"),
        (list("hcgbfaed"), "a"),
        (["tablet", "phone", "computer", "tablet", "phone"], "phone"),
    ],
)
def test_the_usual_device_is_that_of_most_visits_and_of_equals_the_first_by_name(
    devices: list[str | None], usual: str
) -> None:
    events: list[Row] = [event("a", 350, "view", f"s{n}", device) for n, device in enumerate(devices)]
    for rows in (events, events[::-1]):
        assert of_one([ORDER], 400, events=[LONG_AGO, *rows])["usual_device"] == usual


def test_many_views_in_a_visit_are_one_visit_of_a_device() -> None:
    phone = [event("a", 350, "view", "s", "phone") for _ in range(9)]
    tablet = [event("a", 350, "view", session, "tablet") for session in ("t", "u")]
    found = of_one([ORDER], 400, events=[LONG_AGO, *phone, *tablet])
    assert found[["usual_device", "sessions_90d", "views_90d"]].tolist() == ["tablet", 3, 11]
