"""The draw: repeatable, in the planned shares, and independent from one experiment to the next."""

import random

import narwhals as nw
import pandas as pd
import pytest
from scipy import stats

from regulars import Shop
from regulars.features import snapshot, tables_of
from regulars.offers import Experiment, base_of, read_experiments
from regulars.offers.assignment import assign, eligible

PLAN = read_experiments("demo")[0]
IDS = [str(number) for number in range(20_000)]


def with_shares(*shares: float) -> Experiment:
    arms = {
        name: arm.model_copy(update={"share": share})
        for (name, arm), share in zip(PLAN.arms.items(), shares, strict=True)
    }
    return PLAN.model_copy(update={"arms": arms})


def test_the_order_of_ids_does_not_matter_nor_does_who_else_is_there() -> None:
    drawn, shuffled = assign(IDS, PLAN), random.Random(1).sample(IDS, 500)
    assert assign(shuffled, PLAN).tolist() == drawn[shuffled].tolist()


@pytest.mark.parametrize("shares", [(1, 1, 1), (8, 1, 1), (0.5, 0.3, 0.2)])
def test_arms_have_their_shares(shares: tuple[float, ...]) -> None:
    plan = with_shares(*shares)
    counts = assign(IDS, plan).value_counts()
    assert set(counts.index) <= set(plan.arms)
    for name, share in zip(plan.arms, shares, strict=True):
        p = stats.binomtest(int(counts[name]), len(IDS), share / sum(shares)).pvalue
        assert p > 0.001


@pytest.mark.parametrize(
    ("plan", "salt"), [(PLAN, "another"), (PLAN.model_copy(update={"id": "another"}), ""), (PLAN, "1")]
)
def test_another_salt_or_experiment_is_an_independent_draw(plan: Experiment, salt: str) -> None:
    table = pd.crosstab(assign(IDS, PLAN).to_numpy(), assign(IDS, plan, salt).to_numpy())
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_neighbouring_ids_are_drawn_independently() -> None:
    drawn = assign(IDS, PLAN).to_numpy()
    assert stats.chi2_contingency(pd.crosstab(drawn[:-1], drawn[1:])).pvalue > 0.001


def test_segments_are_frozen_from_what_was_known_before_the_day(demo: Shop) -> None:
    """Rows dated on or after the assignment change nothing."""
    frozen = []
    for orders in (
        demo.table("orders"),
        demo.table("orders").filter(nw.col("ordered_day") < PLAN.assigned_day),
    ):
        features = snapshot(tables_of(demo)._replace(orders=orders), PLAN.assigned_day)
        frozen.append(demo.engine.collect(eligible(features, PLAN), "customer_id"))
    pd.testing.assert_frame_equal(*frozen)
    base = base_of(demo, PLAN)
    pd.testing.assert_frame_equal(base[["customer_id", "segment", "mean_order"]], frozen[0])
