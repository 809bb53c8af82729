"""Lookalikes: the nearest are near, likeness is tested on hidden members, and a definition does not leak."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from regulars.segments import SegmentError
from regulars.segments.lookalikes import Lookalikes, _distance, _standardised, lookalikes, relatives


def planted(n: int = 600, seed: int = 0, apart: float = 2.0) -> tuple[pd.DataFrame, pd.Series]:
    """Customers of two kinds, of whom only half of the second kind are members; `score` is what defines them."""
    rng = np.random.default_rng(seed)
    kind = rng.random(n) < 0.2
    member = kind & (rng.random(n) < 0.5)
    base = pd.DataFrame(
        {
            "customer_id": [f"{i:05d}" for i in rng.permutation(n)],
            "revenue": rng.lognormal(3 + apart * kind, 0.8).round(2),
            "recency_days": rng.integers(1, 90, n) + 40 * kind * (apart > 0),
            "score": member + rng.normal(0, 0.01, n),
            "usual_device": "phone",
            "has_consent": rng.random(n) < 0.5,
            "gap_mean_days": np.where(rng.random(n) < 0.4, np.nan, 5.0),
            "orders_30d": 1,
        }
    )
    return base, pd.Series(member)


def found(base: pd.DataFrame, member: pd.Series, **options: object) -> Lookalikes:
    return lookalikes(base, member, **({"without": ["score"], "top": 60, "random_state": 1} | options))  # type: ignore[arg-type]


def test_the_nearest_are_of_the_members_kind_and_none_is_a_member() -> None:
    base, member = planted()
    result = found(base, member)
    ids = set(result.candidates["customer_id"])
    assert not ids & set(base.loc[member, "customer_id"])
    assert len(ids) == 60
    assert result.candidates["distance"].is_monotonic_increasing
    picked = base["customer_id"].isin(ids)
    assert base.loc[picked, "revenue"].median() > 3 * base.loc[~picked & ~member, "revenue"].median()


def test_what_is_compared_and_what_is_not_is_said() -> None:
    result = found(*planted())
    assert result.features == ("revenue", "recency_days", "has_consent")
    reasons = result.left_out
    assert reasons["score"] == "the caller leaves it out"
    assert reasons["usual_device"] == "no number"
    assert reasons["orders_30d"] == "the same for everybody"
    assert reasons["gap_mean_days"].startswith("missing for ")
    assert len(reasons) == 4


def test_hidden_members_are_found_far_more_often_than_by_chance() -> None:
    base, member = planted()
    result = found(base, member).held_out
    assert result.lift_low > 1.5
    assert result.recall_low < result.recall < result.recall_high <= 1
    assert result.by_chance == 60 / (600 - (member.sum() - result.hidden))
    assert result.recall <= result.at_best == 1.0


def test_where_members_are_like_everybody_the_lift_is_about_one() -> None:
    lifts = [found(*planted(400, seed, apart=0.0)).held_out.lift for seed in range(30)]
    assert abs(np.mean(lifts) - 1) < 3 * np.std(lifts, ddof=1) / math.sqrt(30)


def test_the_definition_finds_all_members_unless_it_is_left_out() -> None:
    base, member = planted(apart=0.0)
    only = base[["customer_id", "score"]]
    assert found(only, member, without=[]).held_out.recall == 1.0
    assert found(base, member).held_out.recall < 0.5


@given(st.integers(0, 99), st.sampled_from([0.01, 1000.0]))
@settings(max_examples=8)
def test_order_and_money_change_nothing(seed: int, scale: float) -> None:
    base, member = planted(300)
    order = np.random.default_rng(seed).permutation(len(base))
    other = found(base.assign(revenue=base["revenue"] * scale).iloc[order], member.iloc[order], top=10)
    expected = found(base, member, top=10)
    pd.testing.assert_frame_equal(other.candidates, expected.candidates)
    assert other.held_out == pytest.approx(expected.held_out)


def test_those_tied_at_the_edge_share_the_last_places() -> None:
    base = pd.DataFrame({"customer_id": [f"{i:03d}" for i in range(100)], "carts_90d": [0] * 99 + [1]})
    result = lookalikes(base, pd.Series(range(100)) < 20, top=9, random_state=0)
    # 10 hidden members and 79 others are all the same distance away; one is further.
    assert result.held_out.recall == pytest.approx(9 / 89)
    assert result.candidates["customer_id"].tolist() == [f"{i:03d}" for i in range(20, 29)]


def test_a_missing_value_counts_as_the_median() -> None:
    base, member = planted()
    missing = base.assign(recency_days=base["recency_days"].where(base.index % 10 != 0))
    filled = missing.fillna({"recency_days": missing["recency_days"].median()})
    pd.testing.assert_frame_equal(found(missing, member).candidates, found(filled, member).candidates)


def test_of_many_members_some_are_drawn() -> None:
    base, member = planted()
    result = found(base, member, reference=25)
    assert result.held_out.hidden == math.ceil(member.sum() / 2)
    assert result.held_out.lift_low > 1.5


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"without": ["scor"]}, "column 'scor' to leave out is not there"),
        ({"without": ["score", "revenue", "recency_days", "has_consent"]}, "No feature is left"),
        ({"is_member": lambda m: m & (m.cumsum() < 20)}, "has 19 members: it takes 20"),
        ({"is_member": lambda m: m | True}, "Every customer is in the segment"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(options: dict, sentence: str) -> None:  # type: ignore[type-arg]
    base, member = planted()
    change = options.get("is_member", lambda m: m)
    others = {name: value for name, value in options.items() if name != "is_member"}
    with pytest.raises(SegmentError, match=sentence):
        found(base, change(member), **others)


def test_members_are_matched_by_the_index_and_not_by_their_place() -> None:
    base, member = planted()
    pd.testing.assert_frame_equal(found(base, member[::-1]).candidates, found(base, member).candidates)
    with pytest.raises(SegmentError, match="Of 10 customers it is not said whether they are members"):
        found(base, member.iloc[10:])


def test_what_follows_from_a_feature_is_of_its_family() -> None:
    assert {"revenue", "revenue_365d", "orders_90d", "monetary_value"} <= set(relatives(["revenue"]))
    assert "gap_mean_days" not in relatives(["revenue"])
    assert "gap_mean_days" in relatives(["revenue", "overdue_days"])


@pytest.mark.slow
def test_the_interval_of_the_recall_holds_the_share_of_further_members_who_are_found() -> None:
    held = 0
    for seed in range(200):
        base, member = planted(20_000, seed, apart=1.0)
        columns = base[["customer_id", "revenue", "recency_days"]]
        further = member & (member.cumsum() > 80)
        few = columns[~further].iloc[:2000].sort_values("customer_id")
        inside = member[few.index].to_numpy()
        found = lookalikes(few, member[few.index], top=200, random_state=seed).held_out
        both = _standardised(pd.concat([few, columns[further]]).drop(columns="customer_id"))
        members, others, more = both[: len(few)][inside], both[: len(few)][~inside], both[len(few) :]
        hidden, shown = np.array_split(np.random.default_rng(seed).permutation(len(members)), 2)
        edge = np.sort(_distance(np.vstack([members[hidden], others]), members[shown], 5))[199]
        held += found.recall_low <= (_distance(more, members[shown], 5) <= edge).mean() <= found.recall_high
    assert stats.binom.cdf(held, 200, 0.95) > 0.001
