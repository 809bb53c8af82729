"""A shop's own segments: rules of the configuration, checked against what exists and compiled to expressions.

What is not known makes no member: a comparison with a missing value is neither true nor false, and `not` of it is not
true either.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import NamedTuple, NoReturn

import narwhals as nw

from regulars.config.rules import Hybrid, Rule
from regulars.features.register import REGISTER
from regulars.segments.rulebooks.definition import Definition, SegmentError, column_of

_UNITS = {feature.name: feature.unit for feature in REGISTER}
# What a feature's value is called, which types it has, and the words that compare it.
_KINDS: dict[str, tuple[str, tuple[type, ...], tuple[str, ...]]] = {
    "name": ("a name", (str,), ("in", "is")),
    "flag": ("a flag, true or false", (bool,), ("is",)),
}
_NUMBER = ("a number", (int, float), ("above", "below", "at_least", "at_most", "in", "is"))


class Used(NamedTuple):
    """What a rule is made of.

    Attributes:
        features: the columns of the snapshot that it compares.
        segments: (rulebook, segment) that it asks for.
    """

    features: frozenset[str]
    segments: frozenset[tuple[str, str]]


def used_by(rule: Rule) -> Used:
    """The features and the segments that a rule names, at any depth.

    >>> sorted(used_by(Rule.model_validate({"not": {"feature": "country", "in": ["Norway"]}})).features)
    ['country']
    """
    parts = [used_by(part) for part in _parts(rule)]
    features = {rule.feature} if rule.feature else set()
    segments = {(book, name) for book, names in (rule.segment or {}).items() for name in names}
    return Used(
        frozenset(features.union(*(part.features for part in parts))),
        frozenset(segments.union(*(part.segments for part in parts))),
    )


def check_hybrids(hybrids: Sequence[Hybrid], books: Mapping[str, Iterable[str]]) -> None:
    """Say what is wrong with the hybrids of a configuration, before anything is computed.

    Args:
        hybrids: from the configuration.
        books: rulebook → its segments.

    Raises:
        SegmentError: naming the hybrid, and the nearest feature, rulebook or segment that exists.
    """
    segments = {name for names in books.values() for name in names}
    taken = {column_of(name) for name in (*segments, *books, *_UNITS, "customer_id")}
    for hybrid in hybrids:
        if (column := column_of(hybrid.name)) in taken:
            _wrong(
                hybrid,
                "its name is already that of a feature, of a rulebook or of another segment; call it otherwise",
            )
        taken.add(column)
        _check(hybrid, hybrid.rule, books)


def compile_hybrid(
    hybrid: Hybrid, behavioural: Iterable[Definition], failed: Mapping[str, str]
) -> Definition:
    """A checked hybrid as a definition.

    Its rule reads the columns of the snapshot, and for segments those of the exclusive rulebooks and of the behavioural
    segments, which have to stand in the frame.

    Args:
        hybrid: checked by `check_hybrids`.
        behavioural: the behavioural segments, for what the hybrid needs because of them.
        failed: exclusive rulebook → why it cannot be had.
    """
    used = used_by(hybrid.rule)
    wanted = {_same(name) for book, name in used.segments if book == "behavioural"}
    parts = [one for one in behavioural if _same(one.name) in wanted]
    features = set(used.features).union(*(one.features for one in parts))
    if any(book != "behavioural" for book, _ in used.segments):
        features.add("recency_days")  # every exclusive rulebook is made of orders
    reasons = [one.lacks for one in parts] + [failed.get(book, "") for book, _ in sorted(used.segments)]
    why = next((reason for reason in reasons if reason), "")
    return Definition(
        hybrid.name, hybrid.meaning, tuple(sorted(features)), _expression(hybrid.rule, True), why
    )


def _parts(rule: Rule) -> tuple[Rule, ...]:
    return rule.all or rule.any or ((rule.negated,) if rule.negated else ())


def _expression(rule: Rule, holds: bool) -> nw.Expr:
    """Where a rule is known to hold, or known not to: always true or false."""
    if rule.negated:
        return _expression(rule.negated, not holds)
    if parts := _parts(rule):
        every = (rule.all is not None) == holds  # it is not so that all hold: there is one that does not
        return reduce(and_ if every else or_, [_expression(part, holds) for part in parts])
    leaves = _comparisons(rule) if rule.feature else _memberships(rule.segment or {})
    return reduce(and_ if holds else or_, [known & (test if holds else ~test) for known, test in leaves])


def _comparisons(rule: Rule) -> list[tuple[nw.Expr, nw.Expr]]:
    """For each comparison, whether the value is there and whether it compares so."""
    value = nw.col(str(rule.feature))
    tests = {
        "above": lambda limit: value > limit,
        "below": lambda limit: value < limit,
        "at_least": lambda limit: value >= limit,
        "at_most": lambda limit: value <= limit,
        "in": lambda names: value.is_in(list(names)),
        "is": lambda one: value == nw.lit(one),
    }
    return [(~value.is_null(), tests[word](given).fill_null(False)) for word, given in _said(rule).items()]


def _memberships(segments: Mapping[str, Sequence[str]]) -> list[tuple[nw.Expr, nw.Expr]]:
    """For each rulebook, whether the customer has a segment, and whether it is one of those named."""
    found: list[tuple[nw.Expr, nw.Expr]] = []
    for book, names in segments.items():
        if book == "behavioural":
            found.append((nw.lit(True), reduce(or_, [nw.col(column_of(name)) for name in names])))
        else:
            here = nw.col(column_of(book))
            # Pages write blanks for underscores: both spellings are understood.
            spelled = sorted(
                {spelling for name in names for spelling in (name, column_of(name), _same(name))}
            )
            found.append((~here.is_null(), here.is_in(spelled).fill_null(False)))
    return found


def _said(rule: Rule) -> dict[str, object]:
    """The comparisons of a rule that are written, word → value."""
    values = {
        "above": rule.above,
        "below": rule.below,
        "at_least": rule.at_least,
        "at_most": rule.at_most,
        "in": rule.among,
        "is": rule.equals,
    }
    return {word: value for word, value in values.items() if value is not None}


def _check(hybrid: Hybrid, rule: Rule, books: Mapping[str, Iterable[str]]) -> None:
    for part in _parts(rule):
        _check(hybrid, part, books)
    if rule.feature:
        _check_feature(hybrid, rule, rule.feature)
    for book, names in (rule.segment or {}).items():
        if book not in books:
            _wrong(hybrid, f"there is no rulebook '{book}': {_nearest(book, books)}")
        known = list(books[book])
        for name in names:
            if _same(name) not in [_same(one) for one in known]:
                _wrong(hybrid, f"{book} has no segment '{name}': {_nearest(name, known)}")


def _check_feature(hybrid: Hybrid, rule: Rule, feature: str) -> None:
    if feature not in _UNITS:
        _wrong(hybrid, f"there is no feature '{feature}': {_nearest(feature, _UNITS)}")
    kind, types, words = _KINDS.get(_UNITS[feature], _NUMBER)
    for word, given in _said(rule).items():
        if word not in words:
            _wrong(hybrid, f"'{feature}' is {kind}, which '{word}' cannot compare: use {' or '.join(words)}")
        for value in given if isinstance(given, tuple) else (given,):
            if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
                _wrong(hybrid, f"'{feature}' is {kind}, but it is compared with {value!r}")


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names)}"


def _wrong(hybrid: Hybrid, what: str) -> NoReturn:
    raise SegmentError(f"segments.hybrids, '{hybrid.name}': {what}")


def _same(name: str) -> str:
    return name.replace("_", " ")
