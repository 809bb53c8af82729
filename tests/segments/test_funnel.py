"""The funnel: each stage by hand, what the tracking missed, and the edges of the window."""

import narwhals as nw
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from regulars.engine import Engine, Frame
from regulars.segments.funnel import STAGES, funnel

ENGINE = Engine()
DAY = 1000


def frame(rows: list[tuple[object, ...]], columns: list[str]) -> Frame:
    return nw.from_native(ENGINE.connection.from_df(pd.DataFrame(rows, columns=columns)))


SEGMENTS = [(str(i), "few" if i > 6 else "many") for i in range(1, 10)]
EVENTS = [
    (None, "view", 100),  # events have long been observed
    ("1", "view", 990),
    ("1", "view", 991),
    ("1", "Cart", 991),
    ("1", "checkout", 991),
    ("2", "view", 950),
    ("2", "cart", 960),
    ("3", "search", 950),
    ("4", "cart", 950),
    ("5", "e-mail opened", 950),
    ("6", "view", 909),  # a day too early
    ("6", "checkout", 1000),  # on the day
    ("7", "view", 910),
    (None, "checkout", 990),
    ("stranger", "view", 990),
]
ORDERS = [("1", 991), ("2", 999), ("3", 909), ("4", 1000), ("5", 990), (None, 990)]


def by_hand(
    segments: list[tuple[object, ...]] = SEGMENTS,
    events: list[tuple[object, ...]] = EVENTS,
    orders: list[tuple[object, ...]] = ORDERS,
) -> pd.DataFrame | None:
    return funnel(
        frame(segments, ["customer_id", "grade"]),
        "grade",
        frame(events, ["customer_id", "kind", "occurred_day"]),
        frame(orders, ["customer_id", "ordered_day"]),
        DAY,
    )


def test_by_hand() -> None:
    found = by_hand()
    assert found is not None
    assert found["stage"].tolist() == list(STAGES) * 2
    counts = found.set_index(["segment", "stage"])[["customers", "visitors", "did", "reached"]]
    # 1 to 4 came; 1 and 2 ordered, 2 without a known checkout; 4 has a cart without a known view.
    assert counts.loc["many"].to_numpy().tolist() == [[6, 4, 2, 3], [6, 4, 3, 3], [6, 4, 1, 2], [6, 4, 2, 2]]
    assert counts.loc["few"].to_numpy().tolist() == [[3, 1, 1, 1], [3, 1, 0, 0], [3, 1, 0, 0], [3, 1, 0, 0]]
    assert found["segment"].tolist() == ["few"] * 4 + ["many"] * 4
    assert found["share"].tolist() == [1, 0, 0, 0, 0.75, 0.75, 0.5, 0.5]
    assert tuple(found.loc[6, ["low", "high"]]) == pytest.approx(proportion_confint(2, 4, method="wilson"))


def test_it_never_widens() -> None:
    found = by_hand()
    assert found is not None
    assert found.groupby("segment")["share"].apply(lambda share: share.is_monotonic_decreasing).all()
    assert (found["reached"] >= found["did"]).all()


def test_rows_in_another_order_change_nothing() -> None:
    again = by_hand(SEGMENTS[::-1], EVENTS[::-1], ORDERS[::-1])
    assert again is not None
    pd.testing.assert_frame_equal(again, by_hand())


def test_a_segment_without_visitors_has_no_shares() -> None:
    found = by_hand([*SEGMENTS, ("10", "none")])
    assert found is not None
    nobody = found[found["segment"] == "none"]
    assert nobody[["customers", "visitors", "did", "reached"]].to_numpy().tolist() == [[1, 0, 0, 0]] * 4
    assert nobody[["share", "low", "high"]].isna().all(axis=None)


def test_customers_without_a_segment_have_their_own_lines() -> None:
    found = by_hand([*SEGMENTS[1:], ("1", None)])
    assert found is not None
    assert found.loc[found["segment"] == "(none)", "did"].tolist() == [1, 1, 1, 1]


def test_events_that_begin_within_the_window_or_are_none_give_no_funnel() -> None:
    assert by_hand(events=[(None, "view", 911), *EVENTS[1:10]]) is None
    assert by_hand(events=[(None, "view", 910), *EVENTS[1:10]]) is not None
    empty = pd.DataFrame({"customer_id": ["1"], "kind": ["view"], "occurred_day": [5]}).head(0)
    nothing = nw.from_native(ENGINE.connection.from_df(empty))
    segments = frame(SEGMENTS, ["customer_id", "grade"])
    assert funnel(segments, "grade", nothing, frame(ORDERS, ["customer_id", "ordered_day"]), DAY) is None
