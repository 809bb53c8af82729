"""Today's customers: who could be reached, who is there for a new test, and who would get an offer."""

import pandas as pd
import pytest

from regulars import Shop
from regulars.offers import available, customers_of, offered, reached, read_experiments, today
from regulars.offers.assignment import held_out
from regulars.offers.today import Today

PLAN = read_experiments("demo")[0]


@pytest.fixture(scope="module")
def now(demo: Shop) -> Today:
    return today(demo, demo.month("latest"))


def test_everybody_who_has_ordered_is_in_one_segment(demo: Shop, now: Today) -> None:
    there = available(now, PLAN, pd.DataFrame())
    assert (
        there.loc["everyone", "customers"]
        == len(now.segments)
        == len(demo.snapshot(demo.month("latest")).collect())
    )
    assert there["customers"].drop("everyone").sum() == len(now.segments)


def test_the_inflow_is_who_was_elsewhere_a_month_ago(now: Today) -> None:
    there = available(now, PLAN, pd.DataFrame())
    before, after = now.before["four_core"], now.segments["four_core"]
    for segment in after.unique():
        were = before.index[before == segment]
        entered = after.index[after == segment].difference(were)
        assert there.loc[segment, "weekly"] == pytest.approx(len(entered) * 7 / 31)
    new = after.index.difference(before.index)
    assert there.loc["everyone", "weekly"] == pytest.approx(len(new) * 7 / 31)


def test_in_the_first_month_no_inflow_is_known(demo: Shop) -> None:
    first = today(demo, demo.months()[0])
    assert available(first, PLAN, pd.DataFrame())["weekly"].isna().all()


def test_a_shop_without_orders_has_the_tests_own_customers() -> None:
    nobody = Today(pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), 30)
    assigned = pd.DataFrame({"customer_id": ["1", "2", "3"], "segment": ["a", "b", "a"]})
    assert available(nobody, PLAN, assigned)["customers"].to_dict() == {"a": 2, "b": 1, "everyone": 3}
    assert customers_of(nobody, PLAN, assigned)["four_core"].tolist() == ["a", "b", "a"]
    assert offered(nobody, PLAN, pd.DataFrame({"segment": ["a"], "verdict": ["roll out"]})).empty


def test_an_offer_goes_to_the_segments_with_a_verdict_or_to_everyone(now: Today) -> None:
    cells = pd.DataFrame({"segment": ["returning", "new", "at-risk"], "verdict": ["roll out", "stop", None]})
    given = offered(now, PLAN, cells)
    assert (given == (now.segments["four_core"] == "returning")).all()
    whole = pd.DataFrame({"segment": ["everyone"], "verdict": ["roll out"]})
    assert offered(now, PLAN, whole).all()
    assert not offered(now, PLAN, whole.assign(verdict="stop")).any()


def test_who_may_be_offered_nothing_is_not_counted(demo: Shop) -> None:
    held = demo.config.model_copy(update={"offers": demo.config.offers.model_copy(update={"holdout": 0.2})})
    shop = Shop(held, demo.home, demo.raw)
    everybody, there = (today(one, one.month("latest")).segments for one in (demo, shop))
    assert 0.15 < 1 - len(there) / len(everybody) < 0.25
    assert not held_out(there.index, "demo", 0.2).any()
    pd.testing.assert_frame_equal(reached(shop, shop.month("latest")), there)
