"""What the past is said to be now, against what it was said to be when this month was last reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from regulars import Shop
from regulars.ingest import restated, stage
from regulars.month import Month
from tests.ingest.written import written

MARCH = Month(2024, 3)
ORDERS = """
    order_id,customer_id,revenue,refunded,refunded_at,ordered_at
    1,       ann,        10.00,  0.00,    ,           2024-01-05
    2,       bo,         20.00,  0.00,    ,           2024-02-05
    3,       ann,        30.00,  0.00,    ,           2024-03-05
    4,       ann,        40.00,  0.00,    ,           2024-04-05
"""


def said(home: Path, orders: str, month: Month = MARCH) -> list[tuple[str, int, int, float, float]]:
    """What a run on these orders says of the past."""
    shop = written(home, {"orders": orders})
    stage(shop)
    return list(restated(shop, month).itertuples(index=False, name=None))


def test_the_first_run_and_one_on_the_same_data_say_nothing(tmp_path: Path) -> None:
    assert said(tmp_path, ORDERS) == []
    assert said(tmp_path, ORDERS) == []


def test_a_month_that_changed_is_said_with_both_and_said_again_in_a_second_run(tmp_path: Path) -> None:
    said(tmp_path, ORDERS)
    changed = ORDERS.replace("20.00,  0.00", "25.50,  0.00") + "5, bo, 7.00, 0.00, , 2024-01-31\n"
    expected = [("2024-01", 1, 2, 10.0, 17.0), ("2024-02", 1, 1, 20.0, 25.5)]
    assert said(tmp_path, changed) == expected
    assert said(tmp_path, changed) == expected


def test_a_change_is_told_from_what_the_last_different_data_said(tmp_path: Path) -> None:
    said(tmp_path, ORDERS)
    said(tmp_path, ORDERS.replace("20.00", "25.00"))
    assert said(tmp_path, ORDERS.replace("20.00", "26.00")) == [("2024-02", 1, 1, 25.0, 26.0)]
    assert said(tmp_path, ORDERS) == [("2024-02", 1, 1, 26.0, 20.0)]


def test_what_came_back_changes_the_month_in_which_it_came_back(tmp_path: Path) -> None:
    said(tmp_path, ORDERS)
    refunded = ORDERS.replace("10.00,  0.00,    ,   ", "10.00,  4.00,2024-03-09,")
    assert said(tmp_path, refunded) == [("2024-03", 1, 1, 30.0, 26.0)]


def test_a_month_that_vanished_has_nothing_now(tmp_path: Path) -> None:
    said(tmp_path, ORDERS)
    without = "\n".join(line for line in ORDERS.splitlines() if "bo" not in line)
    assert said(tmp_path, without) == [("2024-02", 1, 0, 20.0, 0.0)]


def test_what_lies_after_the_month_is_not_looked_at(tmp_path: Path) -> None:
    said(tmp_path, ORDERS)
    assert said(tmp_path, ORDERS.replace("40.00", "41.00")) == []


def test_each_month_remembers_its_own_last_run(tmp_path: Path) -> None:
    said(tmp_path, ORDERS)
    changed = ORDERS.replace("20.00", "25.00")
    assert said(tmp_path, changed, Month(2024, 2)) == []  # its first run
    assert said(tmp_path, changed) == [("2024-02", 1, 1, 20.0, 25.0)]


def test_a_hundredth_of_a_cent_is_seen(tmp_path: Path) -> None:
    said(tmp_path, ORDERS)
    assert said(tmp_path, ORDERS.replace("20.00", "20.0001")) == [("2024-02", 1, 1, 20.0, 20.0001)]


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said(tmp_path, ORDERS)
    kept = tmp_path / "data" / "acme" / "restated"
    assert [path.name for path in kept.iterdir()] == ["2024-03.json"]
    shop: Shop = written(tmp_path, {"orders": ORDERS.replace("20.00", "25.00")})
    stage(shop)
    before = (kept / "2024-03.json").read_bytes()

    def breaking(*_: object) -> None:
        raise OSError("no right")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", breaking)
        with pytest.raises(OSError, match="no right"):
            restated(shop, MARCH)
    assert (kept / "2024-03.json").read_bytes() == before
    assert len(restated(shop, MARCH)) == 1
