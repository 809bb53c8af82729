"""Who would get the offers: shares by group, against everybody else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import proportion
from statsmodels.stats.multitest import multipletests

from regulars.offers.parity import UNKNOWN, parity


def groups(sizes: dict[str, tuple[int, int]]) -> tuple[pd.Series, pd.DataFrame]:
    """Customers of whom in each group so many, of so many, would get an offer."""
    is_offered = [i < k for k, n in sizes.values() for i in range(n)]
    names = [name for name, (_, n) in sizes.items() for _ in range(n)]
    return pd.Series(is_offered), pd.DataFrame({"age_band": names})


def test_shares_intervals_and_p_are_those_of_statsmodels() -> None:
    sizes = {"a": (30, 100), "b": (80, 200), "c": (70, 150)}
    found = parity(*groups(sizes)).set_index("group")
    whole = 180, 450
    p = []
    for name, (k, n) in sizes.items():
        low, high = proportion.proportion_confint(k, n, method="wilson")
        assert found.loc[name, ["share", "low", "high"]].tolist() == pytest.approx([k / n, low, high])
        others = whole[0] - k, whole[1] - n
        assert found.loc[name, "share_others"] == pytest.approx(others[0] / others[1])
        # The score test of two shares, of which Pearson's χ² is the square.
        peer = proportion.test_proportions_2indep(
            k, n, *others, method="score", compare="diff", correction=False
        )
        p.append(peer.pvalue)
    assert found["p_holm"].tolist() == pytest.approx(multipletests(p, method="holm")[1].tolist(), rel=1e-6)


def test_what_is_not_known_is_a_group_and_single_or_many_groups_are_none() -> None:
    offered = pd.Series([True, False] * 20)
    profiles = pd.DataFrame(
        {"region": ["north", None] * 20, "country": ["GB"] * 40, "age_band": [str(i) for i in range(40)]}
    )
    found = parity(offered, profiles)
    assert found[["characteristic", "group"]].to_numpy().tolist() == [
        ["region", "north"],
        ["region", UNKNOWN],
    ]


@pytest.mark.parametrize("share", [0, 1])
def test_if_all_are_treated_alike_nothing_differs(share: int) -> None:
    found = parity(*groups({"a": (10 * share, 10), "b": (30 * share, 30)}))
    assert found["p_holm"].tolist() == [1.0, 1.0]


def test_without_profiles_there_is_nothing_to_compare() -> None:
    assert parity(pd.Series([True, False]), pd.DataFrame(index=[0, 1])).empty


@given(st.permutations(range(60)))
def test_the_order_of_customers_does_not_matter(order: list[int]) -> None:
    offered, profiles = groups({"a": (5, 20), "b": (20, 40)})
    pd.testing.assert_frame_equal(
        parity(offered, profiles), parity(offered.iloc[order], profiles.sample(frac=1, random_state=1))
    )


def test_where_groups_are_treated_alike_any_is_called_different_as_seldom_as_alpha_says() -> None:
    rng, draws = np.random.default_rng(5), 400
    profiles = pd.DataFrame({"age_band": np.repeat(list("abcdef"), [300, 200, 100, 50, 20, 10])})
    alarms = sum(
        bool((parity(pd.Series(rng.random(680) < 0.3), profiles)["p_holm"] < 0.05).any())
        for _ in range(draws)
    )
    assert alarms / draws <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
