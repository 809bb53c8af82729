"""The health of segments: right where nothing changed, seen where much did, and words where there is too little."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from regulars.month import Month
from regulars.review.health import _difference, health

JULY, AUGUST = Month(2017, 7), Month(2017, 8)  # of the same length
SIZES = {"new": 15, "best": 300, "returning": 2000, "at risk": 120}
RATES = {"new": 0.3, "best": 3.0, "returning": 0.9, "at risk": 0.05}


BEGIN = Month(2016, 1)


def drawn(
    seed: int, *, lost: float = 0.0, months: tuple[Month, Month] = (JULY, AUGUST), times: int = 1
) -> pd.DataFrame:
    """The health of four segments; customers keep their rates, a tenth move between the months."""
    rng = np.random.default_rng(seed)
    names = np.repeat(list(SIZES), times * np.array(list(SIZES.values())))
    moved = np.where(rng.random(len(names)) < 0.1, rng.permutation(names), names)
    labels = [pd.Series(one, index=np.arange(len(names))) for one in (names, moved)]
    own = rng.gamma(2, 0.5, len(names))
    rows = []
    for month, label, kept in zip(months, labels, (1.0, 1 - lost), strict=True):
        rate = label.map(RATES).to_numpy(float) * own * kept * month.days / 31
        orders = rng.poisson(rate)
        who = np.flatnonzero(orders)
        rows.append(
            pd.DataFrame(
                {
                    "customer": who,
                    "is_guest": False,
                    "month": str(month),
                    "orders": orders[who],
                    "revenue": 1.0,
                }
            )
        )
    return health(pd.concat(rows), dict(zip(months, labels, strict=True)), months[1], first=BEGIN)


@pytest.mark.parametrize(
    ("months", "times"),
    [
        ((JULY, AUGUST), 1),
        pytest.param((Month(2017, 1), Month(2017, 2)), 5, marks=pytest.mark.slow),
        pytest.param((Month(2017, 2), Month(2017, 3)), 5, marks=pytest.mark.slow),
    ],
)
def test_quiet_months_seldom_have_a_segment_that_is_better_or_worse(
    months: tuple[Month, Month], times: int
) -> None:
    simulations = 300
    found = [drawn(seed, months=months, times=times)["health"] for seed in range(simulations)]
    wrong = sum(one.isin(["better", "worse"]).any() for one in found)
    assert wrong / simulations <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / simulations)


def test_a_loss_of_a_third_is_seen_where_there_are_customers_to_show_it() -> None:
    found = [drawn(seed, lost=1 / 3)["health"] for seed in range(20)]
    assert all(one["returning"] == "worse" for one in found)
    assert not any((one == "better").any() for one in found)


def test_without_correlation_it_is_newcombes_hybrid_score_interval() -> None:
    for (x, n), (y, m) in [((3, 40), (9, 50)), ((0, 30), (4, 25)), ((50, 50), (45, 50))]:
        ours = _difference((x / n, n), (y / m, m), 0.0, 1.959963984540054)
        assert ours == pytest.approx(confint_proportions_2indep(x, n, y, m, method="newcomb", compare="diff"))


def test_who_bought_in_both_months_narrows_the_difference() -> None:
    apart, together = (_difference((0.5, 200), (0.45, 200), r, 1.96) for r in (0.0, 0.8))
    assert together[1] - together[0] < 0.6 * (apart[1] - apart[0])


def test_what_cannot_be_told_is_told_so() -> None:
    labels = pd.Series(["few"] * 9 + ["some"] * 20 + ["many"] * 2000 + ["more"] * 40)
    customers = [*range(9, 14), *range(29, 1029), *range(2029, 2060)]
    rows = {"customer": customers, "is_guest": False, "month": "2017-08", "orders": 1, "revenue": 2.0}
    before = {**rows, "customer": [*range(14, 19), *range(29, 1029)], "month": "2017-07"}
    activity = pd.concat([pd.DataFrame(rows), pd.DataFrame(before)])
    both = {AUGUST: labels, JULY: labels}
    found = health(activity, both, AUGUST, first=BEGIN)["health"]
    assert found.to_dict() == {
        "few": "too few to tell", "some": "too few to tell", "many": "no clear change", "more": "better",
    }  # fmt: skip
    early = health(activity, both, AUGUST, first=Month(2017, 2))
    assert (early["health"] == "not known yet").sum() == 0
    assert (health(activity, both, AUGUST, first=Month(2017, 3))["health"] == "not known yet").all()
    alone = health(activity, {AUGUST: labels}, AUGUST, first=BEGIN)
    assert (alone["health"] == "too few to tell").all() and alone["bought_last_month"].isna().all()


def test_the_share_of_last_month_is_what_it_was_and_only_the_difference_knows_its_length() -> None:
    labels = pd.Series("all", index=range(1000))
    rows = [
        (c, False, str(m), 1, 2.0)
        for m, n in ((Month(2017, 2), 400), (Month(2017, 3), 443))
        for c in range(n)
    ]
    activity = pd.DataFrame(rows, columns=["customer", "is_guest", "month", "orders", "revenue"])
    row = health(activity, {Month(2017, 2): labels, Month(2017, 3): labels}, Month(2017, 3), first=BEGIN).loc[
        "all"
    ]
    assert (row["bought_last_month"], row["buyers_last_month"], row["buyers"]) == (0.4, 400, 443)
    assert row["change"] == pytest.approx(0.443 - 0.4 * 31 / 28)
    assert row["health"] == "no clear change"


def test_guests_are_in_no_segment() -> None:
    labels = pd.Series("all", index=["a", "b"])
    rows = [("a", True, "2017-08", 1, 2.0), ("b", False, "2017-08", 1, 2.0)]
    activity = pd.DataFrame(rows, columns=["customer", "is_guest", "month", "orders", "revenue"])
    assert health(activity, {AUGUST: labels}, AUGUST, first=BEGIN).loc["all", "bought"] == 0.5
