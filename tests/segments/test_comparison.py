"""The comparison of clusterings and the rule that chooses one, down to bases that cannot be clustered."""

import numpy as np
import pandas as pd
import pytest

from regulars.segments import choose, compare, passes

COLUMNS = [
    "algorithm",
    "k",
    "silhouette",
    "smallest_jaccard",
    "jaccard_low",
    "mean_jaccard",
    "smallest_share",
    "noise_share",
]


def planted(n: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 20.0 * (np.arange(n) % 3)[:, None] + rng.normal(size=(n, 3))


def table(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["algorithm", "k", "jaccard_low", "smallest_share"]).assign(
        silhouette=0.3, noise_share=0.0
    )


def test_three_planted_groups_are_among_those_that_pass() -> None:
    X = planted()
    compared, labels = compare(X, range(2, 6), bootstraps=6, random_state=1)
    passed = compared[passes(compared, 0.03)]
    assert set(passed.loc[passed["k"] == 3, "algorithm"]) == {"k-means", "Gaussian mixture", "Ward", "BIRCH"}
    assert choose(compared, 0.03)["k"] == 3
    # Label 0 is the group with the largest mean of the last input: the third that was planted.
    for algorithm in ("k-means", "Gaussian mixture", "Ward", "BIRCH"):
        assert (labels[algorithm, 3] == 2 - np.arange(300) % 3).all()


def test_labels_do_not_depend_on_the_seed() -> None:
    X = planted(90)
    (_, first), (_, second) = (compare(X, [3], bootstraps=2, random_state=seed) for seed in (1, 99))
    assert all((first[key] == second[key]).all() for key in first)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", 2, 0.99, 0.2), ("a", 3, 0.80, 0.2)], ("a", 3)),
        ([("a", 2, 0.99, 0.2), ("a", 3, 0.7499, 0.2)], ("a", 2)),
        ([("a", 2, 0.99, 0.2), ("a", 3, 0.75, 0.03)], ("a", 3)),
        ([("a", 2, 0.99, 0.2), ("a", 3, 0.80, 0.029)], ("a", 2)),
        ([("a", 3, 0.80, 0.2), ("b", 3, 0.90, 0.2)], ("b", 3)),
        ([("a", 3, 0.80, 0.2), ("b", 3, 0.80, 0.3)], ("a", 3)),
        ([("a", 2, 0.70, 0.2), ("b", 3, 0.90, 0.01)], None),
        ([("a", 2, float("nan"), 0.2)], None),
        ([], None),
    ],
)
def test_the_rule(rows: list[tuple[str, int, float, float]], expected: tuple[str, int] | None) -> None:
    chosen = choose(table(*rows), 0.03)
    assert (chosen if chosen is None else (chosen["algorithm"], chosen["k"])) == expected


def test_where_groups_stand_apart_the_best_separated_is_chosen_and_not_the_finest() -> None:
    compared = table(("a", 2, 0.9, 0.2), ("a", 3, 0.95, 0.2), ("a", 4, 0.9, 0.2), ("a", 5, 0.9, 0.01))
    assert choose(compared.assign(silhouette=[0.6, 0.8, 0.7, 0.9]), 0.03)["k"] == 3
    assert choose(compared.assign(silhouette=[0.49, 0.3, 0.2, 0.9]), 0.03)["k"] == 4


@pytest.mark.parametrize(
    ("X", "ks"),
    [
        (np.zeros((30, 3)), range(2, 9)),
        (np.array([[0.0, 0, 0], [1, 1, 1]]), range(2, 9)),
        (np.random.default_rng(0).normal(size=(10, 3)), [10, 12]),
        (planted(30), []),
    ],
    ids=["all rows equal", "two customers", "k above n", "no k"],
)
def test_where_nothing_can_be_compared_the_table_is_empty_and_nothing_is_chosen(
    X: np.ndarray, ks: list[int]
) -> None:
    compared, labels = compare(X, ks, bootstraps=3, random_state=0)
    assert list(compared) == COLUMNS
    assert compared.empty
    assert labels == {}
    assert choose(compared, 0.03) is None


@pytest.mark.parametrize(
    "X",
    [
        np.array([[0.0, 0, 0], [1, 1, 1], [5, 5, 5]]),
        np.random.default_rng(1).normal(size=(6, 3)),
        np.column_stack([planted(60)[:, :2], np.zeros(60)]),
        np.random.default_rng(2).integers(0, 2, size=(40, 3)).astype(float),
    ],
    ids=["three customers", "six customers", "a constant input", "eight different customers"],
)
def test_a_poor_base_is_measured_without_a_warning(X: np.ndarray) -> None:
    compared, labels = compare(X, range(2, 9, 2), bootstraps=3, random_state=0)
    assert list(compared) == COLUMNS
    assert all(len(np.unique(labels[row.algorithm, row.k])) == row.k for row in compared.itertuples())
    assert compared["k"].max() < len(np.unique(X, axis=0))
    choose(compared, 0.03)


def test_two_standard_errors_of_the_resampling_are_taken_off_the_weakest() -> None:
    compared, _ = compare(np.random.default_rng(3).normal(size=(60, 3)), [3], bootstraps=6, random_state=0)
    assert (compared["jaccard_low"] < compared["smallest_jaccard"]).all()
    assert (compared["smallest_jaccard"] <= compared["mean_jaccard"]).all()
