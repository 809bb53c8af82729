"""The draw: repeatable, in the planned shares, and independent from one experiment to the next."""

import random
from datetime import date

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regulars import Shop
from regulars.config.rules import Rule
from regulars.features import snapshot, tables_of
from regulars.offers import Experiment, OfferError, base_of, frozen_features, read_experiments
from regulars.offers.assignment import assign, eligible, held_out, in_layer, participants, start_days

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


STRATIFIED = PLAN.model_copy(update={"stratify": True})
SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=6)
SHARES = st.tuples(*[st.sampled_from([1.0, 2.0, 3.0, 0.7])] * 3)


def people(sizes: list[int]) -> pd.DataFrame:
    segments = np.repeat([f"segment {place}" for place in range(len(sizes))], sizes)
    return pd.DataFrame({"id": [f"c{place}" for place in range(len(segments))], "segment": segments})


def test_the_demos_draw_is_what_it_was() -> None:
    """Who was in which arm of an experiment that was run must never depend on a later version of this code."""
    drawn = assign(IDS, PLAN)
    assert drawn.value_counts().to_dict() == {"ten-percent-off": 6758, "nothing": 6681, "free-delivery": 6561}
    assert drawn.iloc[:4].tolist() == ["nothing", "ten-percent-off", "nothing", "ten-percent-off"]


@given(SIZES, SHARES, st.randoms(use_true_random=False), st.booleans())
def test_shuffling_rows_changes_no_arm(
    sizes: list[int], shares: tuple[float, ...], rng: random.Random, stratify: bool
) -> None:
    plan = with_shares(*shares).model_copy(update={"stratify": stratify})
    table = people(sizes)
    order = rng.sample(range(len(table)), len(table))
    shuffled = table.iloc[order]
    drawn = assign(table["id"], plan, segments=table["segment"])
    again = assign(shuffled["id"], plan, segments=shuffled["segment"])
    assert again[drawn.index].tolist() == drawn.tolist()


@given(SIZES, SHARES, st.text(max_size=3))
def test_strata_are_within_one_customer_of_the_shares(
    sizes: list[int], shares: tuple[float, ...], salt: str
) -> None:
    plan, table = with_shares(*shares).model_copy(update={"stratify": True}), people(sizes)
    arms = assign(table["id"], plan, salt, segments=table["segment"]).to_numpy()
    counts = pd.crosstab(table["segment"], arms).reindex(columns=list(plan.arms), fill_value=0)
    expected = np.outer(counts.sum(axis=1), np.array(shares) / sum(shares))
    assert (np.abs(counts - expected) < 1 + 1e-9).all(axis=None)


def test_whoever_is_left_over_in_small_strata_is_in_each_arm_as_often_as_planned() -> None:
    """Segments of one and of two: without a lot for the remainder, the last arms would get them all."""
    for size in (1, 2, 4):
        table = people([size] * (12_000 // size))
        plan = with_shares(2, 1, 1).model_copy(update={"stratify": True})
        arms = assign(table["id"], plan, segments=table["segment"])
        counts = arms.value_counts().reindex(list(plan.arms), fill_value=0)
        expected = np.array([0.5, 0.25, 0.25]) * len(table)
        error = np.sqrt(expected * (1 - expected / len(table)))
        assert (np.abs(counts - expected) <= 3 * error).all()


def test_within_a_stratum_arms_are_drawn_by_lot() -> None:
    table = people([3000, 3000])
    first = assign(table["id"], STRATIFIED, "1", table["segment"]).to_numpy()
    second = assign(table["id"], STRATIFIED, "2", table["segment"]).to_numpy()
    for arms in (first, second):
        assert stats.chi2_contingency(pd.crosstab(arms[:-1], arms[1:])).pvalue > 0.001
    assert stats.chi2_contingency(pd.crosstab(first, second)).pvalue > 0.001


def test_strata_need_segments() -> None:
    with pytest.raises(OfferError, match="draws within segments: say in which one each customer is"):
        assign(IDS, STRATIFIED)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3, unique=True))
def test_parts_of_a_layer_that_do_not_overlap_share_nobody(limits: list[float]) -> None:
    low, middle, high = sorted(limits)
    one = PLAN.model_copy(update={"layer": "autumn", "layer_share": (low, middle)})
    other = PLAN.model_copy(update={"id": "other", "layer": "autumn", "layer_share": (middle, high)})
    both = PLAN.model_copy(update={"id": "both", "layer": "autumn", "layer_share": (low, high)})
    ids = IDS[:500]
    assert not (in_layer(ids, one) & in_layer(ids, other)).any()
    assert (in_layer(ids, one) | in_layer(ids, other)).tolist() == in_layer(ids, both).tolist()


def test_a_part_of_a_layer_has_its_share_and_says_nothing_of_the_arm() -> None:
    plan = PLAN.model_copy(update={"layer": "autumn", "layer_share": (0.2, 0.5)})
    inside = in_layer(IDS, plan)
    assert stats.binomtest(int(inside.sum()), len(IDS), 0.3).pvalue > 0.001
    other = in_layer(IDS, plan.model_copy(update={"layer": "winter"}))
    held = held_out(IDS, "demo", 0.3)
    for one in (
        assign(IDS, plan),
        other,
        held,
        start_days(IDS, plan.model_copy(update={"assigned_until": date(2017, 10, 7)})),
    ):
        assert stats.chi2_contingency(pd.crosstab(inside.to_numpy(), one.to_numpy())).pvalue > 0.001


def test_the_holdout_is_the_same_people_for_every_experiment_and_grows_with_its_share() -> None:
    five, ten = held_out(IDS, "demo", 0.05), held_out(IDS, "demo", 0.1)
    assert stats.binomtest(int(five.sum()), len(IDS), 0.05).pvalue > 0.001
    assert (five & ~ten).sum() == 0
    assert not held_out(IDS, "demo", 0).any()
    assert (held_out(IDS, "other", 0.05) != five).any()


def test_days_are_spread_evenly_over_those_of_the_plan() -> None:
    plan = PLAN.model_copy(update={"assigned_until": date(2017, 10, 7)})
    days = start_days(IDS, plan)
    assert sorted(days.unique()) == list(range(plan.assigned_day, plan.assigned_day + 7))
    assert stats.chisquare(days.value_counts()).pvalue > 0.001
    assert start_days(IDS, PLAN).eq(PLAN.assigned_day).all()


def test_who_is_asked_is_told_by_what_was_known_before(demo: Shop) -> None:
    features = frozen_features(demo, PLAN)
    assert features is not None
    everybody = participants(demo, PLAN, features)
    pd.testing.assert_frame_equal(everybody, demo.engine.collect(eligible(features, PLAN), "customer_id"))
    rule = {"all": [{"feature": "frequency", "at_least": 20}, {"segment": {"four-core": ["at-risk"]}}]}
    chosen = participants(demo, PLAN.model_copy(update={"eligible": Rule.model_validate(rule)}), features)
    orders = demo.engine.collect(features.select("customer_id", "frequency")).set_index("customer_id")[
        "frequency"
    ]
    wanted = everybody[(everybody["customer_id"].map(orders) >= 20) & (everybody["segment"] == "at-risk")]
    assert 0 < len(wanted) < len(everybody) / 2
    pd.testing.assert_frame_equal(chosen, wanted.reset_index(drop=True))


def shop_with(demo: Shop, **changes: object) -> Shop:
    return Shop(demo.config.model_copy(update=changes), demo.home, demo.raw)


def test_neither_the_holdout_nor_others_of_the_layer_take_part(demo: Shop) -> None:
    shop = shop_with(demo, offers=demo.config.offers.model_copy(update={"holdout": 0.1}))
    plan = PLAN.model_copy(update={"layer": "autumn", "layer_share": (0.0, 0.5)})
    features = frozen_features(shop, plan)
    assert features is not None
    ids = participants(shop, plan, features)["customer_id"]
    assert 0.35 < len(ids) / len(participants(demo, PLAN, features)) < 0.55
    assert not held_out(ids, "demo", 0.1).any()
    assert in_layer(ids, plan).all()


def test_nobody_takes_part_without_consent_where_it_is_required(demo: Shop, simulated: Shop) -> None:
    strict = shop_with(demo, privacy=demo.config.privacy.model_copy(update={"consent_required": True}))
    features = frozen_features(strict, PLAN)
    assert features is not None
    with pytest.raises(
        OfferError,
        match=r"nobody is left to assign\. 0 customers are there whom the plan asks and who agreed",
    ):
        participants(strict, PLAN, features)
    plan = PLAN.model_copy(update={"assigned_on": date(2025, 10, 1)})
    features = frozen_features(simulated, plan)
    assert features is not None
    consent = simulated.engine.collect(features.select("customer_id", "has_consent")).set_index(
        "customer_id"
    )["has_consent"]
    ids = participants(simulated, plan, features)["customer_id"]
    assert 0 < len(ids) < len(consent)
    assert sorted(ids) == sorted(consent.index[consent.fillna(False).astype(bool)])


def test_a_rule_that_cannot_be_followed_is_a_sentence(demo: Shop) -> None:
    features = frozen_features(demo, PLAN)
    assert features is not None
    for rule, why in (
        ({"feature": "views_90d", "above": 1}, "not available: needs events"),
        ({"feature": "frequency", "above": 100_000}, "too small: 0 customers"),
    ):
        plan = PLAN.model_copy(update={"eligible": Rule.model_validate(rule)})
        with pytest.raises(OfferError, match=f"whom 'eligible' asks cannot be told: {why}"):
            participants(demo, plan, features)
