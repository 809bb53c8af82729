"""A short rule in place of a clustering: a small tree that says the same of most customers, in words, SQL and the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import narwhals as nw
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from regulars.segments.clusters import Labels
from regulars.segments.inputs import RFM
from regulars.segments.rulebooks.definition import SegmentError

# How a limit reads: at most, above.
WORDS = {
    "recency_days": ("last order at most {} days ago", "last order more than {} days ago"),
    "frequency": ("at most {} orders", "more than {} orders"),
    "revenue": ("at most {} spent so far", "more than {} spent so far"),
}


class Bounds(NamedTuple):
    """What a rule says of one feature: above `above`, and at most `at_most`; either may be missing."""

    above: float | None
    at_most: float | None

    def limited(self, threshold: float, *, is_above: bool) -> Bounds:
        """With a further limit, of which the narrower holds."""
        if is_above:
            return self._replace(above=threshold if self.above is None else max(threshold, self.above))
        return self._replace(at_most=threshold if self.at_most is None else min(threshold, self.at_most))


class Rule(NamedTuple):
    """One leaf of the tree: everybody within the bounds belongs to the cluster."""

    cluster: int
    bounds: dict[str, Bounds]

    def words(self) -> str:
        """The rule as a reader says it."""
        said = []
        for name, (above, at_most) in self.bounds.items():
            most, more = WORDS.get(name, (f"{_plain(name)} at most {{}}", f"{_plain(name)} above {{}}"))
            said += [more.format(_number(above))] if above is not None else []
            said += [most.format(_number(at_most))] if at_most is not None else []
        return ", ".join(said) or "everybody"

    def sql(self) -> str:
        """The rule as a condition."""
        said = []
        for name, (above, at_most) in self.bounds.items():
            said += [f"{name} > {above!r}"] if above is not None else []
            said += [f"{name} <= {at_most!r}"] if at_most is not None else []
        return " AND ".join(said) or "TRUE"

    def expression(self) -> nw.Expr:
        """The rule in the engine; of who lacks a feature nobody can say it."""
        held = nw.lit(True)
        for name, (above, at_most) in self.bounds.items():
            if above is not None:
                held = held & (nw.col(name) > above)
            if at_most is not None:
                held = held & (nw.col(name) <= at_most)
        return held


class Surrogate(BaseEstimator):
    """A decision tree (Breiman et al. 1984) that gives customers the cluster that a clustering gave them, by a few limits.

    Args:
        max_depth: how many limits lead to a cluster, at most.
        minimum: how many customers a leaf has, at least.
        inputs: the features that may be asked for.

    Attributes:
        rules_: one per leaf; together they hold everybody, and nobody twice.

    >>> base = pd.DataFrame({"recency_days": [1, 2, 90, 95] * 5, "frequency": 2, "revenue": 5.0})
    >>> tree = Surrogate(minimum=2).fit(base, np.array([0, 0, 1, 1] * 5))
    >>> [(rule.cluster, rule.words()) for rule in tree.rules_]
    [(0, 'last order at most 46 days ago'), (1, 'last order more than 46 days ago')]
    >>> tree.sql()
    'CASE WHEN recency_days <= 46.0 THEN 0 WHEN recency_days > 46.0 THEN 1 END'
    """

    def __init__(self, max_depth: int = 3, minimum: int = 20, inputs: Sequence[str] = RFM) -> None:
        self.max_depth = max_depth
        self.minimum = minimum
        self.inputs = inputs

    def fit(self, features: pd.DataFrame, labels: Labels) -> Self:
        """Learn the rules.

        Args:
            features: one row per customer with the inputs, none of them missing.
            labels: each customer's cluster, shape (customers,).

        Raises:
            SegmentError: if an input is missing of somebody.
        """
        X = self._inputs(features)
        leaf = min(self.minimum, max(1, len(X) // 2))
        tree = DecisionTreeClassifier(max_depth=self.max_depth, min_samples_leaf=leaf, random_state=0)
        tree.fit(X, labels)
        self.rules_ = _merged(list(self._leaves(tree, 0, dict.fromkeys(self.inputs, Bounds(None, None)))))
        return self

    def predict(self, features: pd.DataFrame) -> Labels:
        """Each customer's cluster by the rules; -1 for who lacks a feature."""
        check_is_fitted(self)
        found = np.full(len(features), -1, dtype=np.intp)
        for rule in self.rules_:
            held = np.ones(len(features), dtype=bool)
            for name, (above, at_most) in rule.bounds.items():
                values = features[name].to_numpy(dtype=float)
                held &= (values > above) if above is not None else True
                held &= (values <= at_most) if at_most is not None else True
            found[held] = rule.cluster
        return found

    def expression(self) -> nw.Expr:
        """The cluster as an expression on the features, for the whole base in the engine; missing where a feature is."""
        check_is_fitted(self)
        given: nw.Expr = nw.lit(None, dtype=nw.Int64())
        for rule in self.rules_:
            given = nw.when(rule.expression()).then(nw.lit(rule.cluster)).otherwise(given)
        return given.cast(nw.Int64)

    def sql(self) -> str:
        """The cluster as an SQL expression on the features."""
        check_is_fitted(self)
        return f"CASE {' '.join(f'WHEN {rule.sql()} THEN {rule.cluster}' for rule in self.rules_)} END"

    def limits(self) -> int:
        """How many limits the rules name, all of them together: their length."""
        check_is_fitted(self)
        bounds = [bound for rule in self.rules_ for bound in rule.bounds.values()]
        return sum((above is not None) + (at_most is not None) for above, at_most in bounds)

    def sentence(self, cluster: int) -> str:
        """Who belongs to a cluster by the rules, in words; empty if nobody does."""
        check_is_fitted(self)
        return "; or ".join(rule.words() for rule in self.rules_ if rule.cluster == cluster)

    def _inputs(self, features: pd.DataFrame) -> pd.DataFrame:
        X = features[list(self.inputs)].astype(float)
        lacking = X.columns[X.isna().any()].tolist()
        if lacking:
            raise SegmentError(
                f"A rule cannot ask for {lacking[0]}: {int(X[lacking[0]].isna().sum())} customers have none. Leave them out."
            )
        return X

    def _leaves(self, tree: DecisionTreeClassifier, node: int, bounds: dict[str, Bounds]) -> list[Rule]:
        nodes = tree.tree_
        if nodes.children_left[node] == -1:
            cluster = int(tree.classes_[int(np.argmax(nodes.value[node][0]))])
            return [Rule(cluster, {name: one for name, one in bounds.items() if one != Bounds(None, None)})]
        name = self.inputs[nodes.feature[node]]
        threshold = _readable(float(nodes.threshold[node]))
        found = []
        for child, is_above in ((nodes.children_left[node], False), (nodes.children_right[node], True)):
            narrower = bounds | {name: bounds[name].limited(threshold, is_above=is_above)}
            found += self._leaves(tree, int(child), narrower)
        return found


def askable(features: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Of some columns those that a rule can ask for: numbers that everybody has.

    >>> askable(pd.DataFrame({"a": [1.0], "b": ["x"], "c": [None]}), ["a", "b", "c", "d"])
    ['a']
    """
    there = [name for name in columns if name in features and features[name].notna().all()]
    return [name for name in there if pd.api.types.is_numeric_dtype(features[name])]


def fidelity(
    tree: Surrogate, features: pd.DataFrame, labels: Labels, *, folds: int = 5, random_state: int = 0
) -> float:
    """The share of customers of whom such a tree says the same as the clustering, each by a tree that did not see them.

    Args:
        tree: its settings are taken; it need not be fitted.
        features: one row per customer.
        labels: each customer's cluster, from 0.
        folds: how many; fewer where a cluster has fewer customers. A cluster of one customer leaves no fold: all are seen.
        random_state: the seed of the folds.
    """
    least = int(np.bincount(labels).min())
    if least < 2:
        return float((clone(tree).fit(features, labels).predict(features) == labels).mean())
    split = StratifiedKFold(min(folds, least), shuffle=True, random_state=random_state)
    same = np.zeros(len(labels), dtype=bool)
    for train, test in split.split(features, labels):
        learnt = clone(tree).fit(features.iloc[train], labels[train])
        same[test] = learnt.predict(features.iloc[test]) == labels[test]
    return float(same.mean())


def rule_stability(
    tree: Surrogate, features: pd.DataFrame, labels: Labels, *, bootstraps: int, random_state: int
) -> float:
    """The mean share of customers whose cluster by the rules stays when the rules are learnt from customers drawn anew."""
    given = clone(tree).fit(features, labels).predict(features)
    same = []
    for number in range(bootstraps):
        drawn = np.random.default_rng(random_state + number).integers(len(labels), size=len(labels))
        again = clone(tree).fit(features.iloc[drawn], labels[drawn])
        same.append((again.predict(features) == given).mean())
    return float(np.mean(same))


def _merged(rules: list[Rule]) -> list[Rule]:
    """Two leaves that differ in one limit only, and lead to the same cluster, are one."""
    for one in rules:
        for other in rules:
            joined = _join(one, other) if one is not other and one.cluster == other.cluster else None
            if joined is not None:
                return _merged([joined if rule is one else rule for rule in rules if rule is not other])
    return rules


def _join(low: Rule, high: Rule) -> Rule | None:
    """`low` and `high` as one rule, if they touch in one feature and agree in all others."""
    names = [*dict.fromkeys([*low.bounds, *high.bounds])]
    free = Bounds(None, None)
    differing = [name for name in names if low.bounds.get(name, free) != high.bounds.get(name, free)]
    if len(differing) != 1:
        return None
    below, above = (rule.bounds.get(differing[0], free) for rule in (low, high))
    if below.at_most is None or below.at_most != above.above:
        return None
    bounds = low.bounds | high.bounds | {differing[0]: Bounds(below.above, above.at_most)}
    return Rule(low.cluster, {name: one for name, one in bounds.items() if one != free})


def _readable(threshold: float) -> float:
    """A limit between two values, rounded so that it reads well; of whole numbers the lower one."""
    if threshold % 1 == 0.5:
        return float(np.floor(threshold))
    return round(threshold, 2)


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float) -> str:
    return f"{value:,.0f}" if value % 1 == 0 else f"{value:,.2f}"
