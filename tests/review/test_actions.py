"""What to do: in the order of money, in plain words, and without money that is not known."""

import numpy as np
import pandas as pd
import pytest

from regulars.review import actions

CELL = {
    "experiment": "x",
    "offer": "10% off",
    "whom": "new customers",
    "is_simulated": True,
    "worth_low": 1.0,
    "worth_high": 2.0,
}
NOBODY = pd.DataFrame({"customer_id": [], "revenue_90d": []}, dtype=float)


def offers(*cells: tuple[str, float]) -> pd.DataFrame:
    columns = [*CELL, "verdict", "worth"]
    return pd.DataFrame(
        [CELL | {"verdict": verdict, "worth": worth} for verdict, worth in cells], columns=columns
    )


def slipped(*revenue: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"customer_id": [str(i) for i in range(len(revenue))], "revenue_90d": revenue}, dtype=object
    )


def test_verdicts_come_first_by_money_then_what_is_untested() -> None:
    found = actions(
        offers(
            ("keep testing", 9999.0),
            ("roll out", 10.0),
            ("stop", -500.0),
            ("too few buyers", 1.0),
            ("roll out", 70.0),
        ),
        slipped(100.0, 50.0).astype({"revenue_90d": float}),
    )
    assert found["action"].tolist() == [
        "Do not give 10% off to new customers",
        "Give 10% off to new customers",
        "Give 10% off to new customers",
        "Try to win back the 2 customers who began to slip away, against a control group",
        "2 pairs of offer and segment are undecided: change nothing, or register new, larger tests",
    ]
    assert found["money"].tolist()[:4] == [500.0, 70.0, 10.0, 150.0]  # a stopped offer's cost is saved
    assert found.loc[:1, ["low", "high"]].to_numpy().tolist() == [[-2.0, -1.0], [1.0, 2.0]]
    assert np.isnan(found["money"].iloc[4])


def test_evidence_names_the_test_and_says_simulated() -> None:
    found = actions(
        pd.concat([offers(("roll out", 1.0)), offers(("stop", 0.5)).assign(is_simulated=False)]), NOBODY
    )
    assert found["evidence"].tolist() == ["test x, simulated effects", "test x"]


def test_without_experiments_and_movement_there_is_nothing_to_do() -> None:
    found = actions(offers(), NOBODY)
    assert found.empty
    assert list(found) == ["action", "money", "low", "high", "what the money is", "evidence"]


@pytest.mark.parametrize(
    ("revenue", "expected"), [((np.nan, np.nan), np.nan), ((np.nan, 5.0), 5.0), ((0.0, 0.0), 0.0)]
)
def test_a_window_that_was_not_observed_is_missing_not_zero(
    revenue: tuple[float, ...], expected: float
) -> None:
    found = actions(offers(), slipped(*revenue).astype({"revenue_90d": float}))
    assert found["money"].tolist() == pytest.approx([expected], nan_ok=True)


def test_a_test_that_failed_its_checks_says_so_without_money() -> None:
    found = actions(offers(("not valid", 1e6), ("roll out", 5.0)), NOBODY)
    assert found["action"].tolist() == [
        "Give 10% off to new customers",
        "Repeat the test of 10% off for new customers: its assignment failed the checks",
    ]
    assert found.loc[1, ["money", "low", "high"]].isna().all()
    assert found.loc[1, "what the money is"] == "not known: the assignment failed its checks"


def test_what_is_undecided_does_not_claim_that_intervals_contain_zero() -> None:
    """An unadjusted interval can exclude zero while Holm's adjusted p does not allow a verdict."""
    found = actions(offers(("keep testing", 5.0)), NOBODY)
    assert "contain zero" not in found.loc[0, "what the money is"]
