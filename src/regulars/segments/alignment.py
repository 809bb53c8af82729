"""Cluster labels that keep their meaning: a clustering renumbered after another of the same customers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment


def aligned(reference: pd.Series, other: pd.Series) -> dict[int, int]:
    """Which label of `reference` each label of `other` stands for, so that most customers keep theirs.

    The labels are matched one to one, so that the customers on matched pairs are as many as can be (the assignment
    problem: Kuhn 1955, The Hungarian method). Where `other` has more clusters, those left over get new labels, from one
    above the largest. Among equally good matchings the choice depends on the two partitions alone, neither on how their
    labels are numbered nor on the order of rows.

    Args:
        reference: whole-number labels, indexed by customer, in an index that can be sorted; at least one is not missing.
        other: the same of the clustering to be renumbered; who has a label in one only says nothing about the matching.

    Returns:
        A label for every label of `other`, for `other.map`.

    >>> june = pd.Series([0, 0, 1, 1, 1], index=list("abcde"))
    >>> july = pd.Series([2, 2, 0, 0, 1, 1], index=list("abcdef"))
    >>> aligned(june, july)
    {2: 0, 0: 1, 1: 2}
    """
    # Clusters are numbered by their first customer, so that names given to them cannot decide a tie.
    (ours, names), (theirs, others) = (_by_first_customer(labels) for labels in (reference, other))
    overlap = np.zeros((len(others), len(names)), dtype=np.int64)
    both = ours.index.intersection(theirs.index)
    np.add.at(overlap, (theirs[both].to_numpy(), ours[both].to_numpy()), 1)
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    matched = {others[row]: names[column] for row, column in zip(rows, columns, strict=True)}
    extra = [label for label in others if label not in matched]
    return matched | {label: new for new, label in enumerate(extra, start=max(names) + 1)}


def _by_first_customer(labels: pd.Series) -> tuple[pd.Series, list[int]]:
    """Each customer's cluster as a number by the cluster's first customer, and the labels that the numbers stand for."""
    there = labels.dropna().sort_index()
    numbers, names = pd.factorize(there)
    return pd.Series(numbers, index=there.index), [int(name) for name in names]
