"""What was written down before the test: the plan as it was registered, and what has been changed in it since."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import ValidationError

from regulars.offers.registry import Experiment, OfferError
from regulars.shop import Shop

SHOWN_CHANGES = 3
UNSET = "not set"


class Registration(NamedTuple):
    """What is on record of a plan.

    Attributes:
        sha256: of the registered plan, or of the plan as it is now if none was registered.
        registered_on: the day on which it was registered; None if it was not.
        assigned_on: the first day on which anybody is assigned, by the plan that was registered.
        changes: one row per key that differs now: `key`, `then` and `now`.
    """

    sha256: str
    registered_on: date | None
    assigned_on: date
    changes: pd.DataFrame

    @property
    def is_before(self) -> bool:
        """Whether the plan was registered before anybody was assigned."""
        return self.registered_on is not None and self.registered_on < self.assigned_on

    @property
    def sentence(self) -> str:
        """What a page says of it."""
        if self.registered_on is None:
            return (
                "The plan was not registered: nothing shows that it was written before the test "
                f"(SHA-256 {self.sha256[:12]})."
            )
        when = (
            f"before the first assignment on {self.assigned_on}"
            if self.is_before
            else f"not before the first assignment, which was on {self.assigned_on}"
        )
        registered = f"The plan was registered on {self.registered_on}, {when} (SHA-256 {self.sha256[:12]})"
        if self.changes.empty:
            return f"{registered}, and has not been changed since."
        first = self.changes.head(SHOWN_CHANGES).itertuples(index=False)
        told = "; ".join(f"{row.key} was {row.then}, is now {row.now}" for row in first)
        more = len(self.changes) - SHOWN_CHANGES
        return f"{registered}, and was CHANGED since: {told}{f'; and {more} more' if more > 0 else ''}."


def register(shop: Shop, experiment: Experiment, today: date) -> Registration:
    """Write a plan down in `data/<shop>/registered/<id>.json`, unless that was done before; nothing is ever overwritten.

    Args:
        shop: whose experiment it is.
        experiment: the plan as its file says it.
        today: the day that is written beside it.
    """
    path = _path(shop, experiment)
    plan = canonical(experiment)
    content = {"id": experiment.id, "registered_on": today.isoformat(), "sha256": _sha256(plan), "plan": plan}
    if not path.exists():
        _write_once(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return registration(shop, experiment)


def registration(shop: Shop, experiment: Experiment) -> Registration:
    """What was registered of a plan, held against what its file says now.

    Comments and the order of keys are no part of a plan, and neither is whether a key that has its default is written.

    Raises:
        OfferError: if the record cannot be read, or is not what was written.
    """
    path, now = _path(shop, experiment), canonical(experiment)
    if not path.exists():
        nothing = pd.DataFrame(columns=["key", "then", "now"], dtype="str")
        return Registration(_sha256(now), None, experiment.assigned_on, nothing)
    place = path.relative_to(shop.home)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        then, sha256 = dict(content["plan"]), str(content["sha256"])
        registered_on = date.fromisoformat(content["registered_on"])
        assigned_on = date.fromisoformat(then["assigned_on"])
    except (ValueError, KeyError, TypeError) as error:
        raise OfferError(
            f"{place} holds no registered plan ({error}). Put its backup there; a plan cannot be registered anew."
        ) from error
    if _sha256(then) != sha256:
        raise OfferError(
            f"{place} was changed by hand: its plan does not have the SHA-256 that it states. Put its backup there."
        )
    return Registration(sha256, registered_on, assigned_on, _changes(then, now))


def canonical(experiment: Experiment) -> dict[str, Any]:
    """A plan as data: every key that has a value, defaults included, whatever the file looks like.

    >>> from regulars.offers.registry import read_experiments
    >>> canonical(read_experiments("demo")[0])["assigned_on"]
    '2017-10-01'
    """
    return experiment.model_dump(mode="json", by_alias=True, exclude_none=True)


def _path(shop: Shop, experiment: Experiment) -> Path:
    return shop.data / "registered" / f"{experiment.id}.json"


def _sha256(plan: dict[str, Any]) -> str:
    text = json.dumps(plan, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _write_once(path: Path, text: str) -> None:
    """Write a whole file, unless one appears meanwhile: the link fails where a file stands, so the first process wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        with suppress(FileExistsError):
            path.hardlink_to(aside)
    finally:
        aside.unlink(missing_ok=True)


def _changes(then: dict[str, Any], now: dict[str, Any]) -> pd.DataFrame:
    """The keys that differ, in their order."""
    with suppress(
        ValidationError
    ):  # a key that was not known yet when the plan was registered has its default
        then = canonical(Experiment.model_validate(then))
    was, is_ = dict(_leaves(then)), dict(_leaves(now))
    keys = [key for key in sorted(was | is_) if was.get(key) != is_.get(key)]
    rows = [(key, was.get(key, UNSET), is_.get(key, UNSET)) for key in keys]
    return pd.DataFrame(rows, columns=["key", "then", "now"], dtype="str")


def _leaves(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Each value of a plan under a key such as `arms.letter.share`, as text; what is empty is not there."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif value not in (None, [], ""):
        yield key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
