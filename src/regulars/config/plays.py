"""`config/plays.yml` and `config/plays/<shop>.yml`: what is done with each segment."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from regulars.config.reader import ConfigError, Section, read_config

Text = Annotated[str, Field(min_length=1)]
Names = Annotated[
    tuple[Text, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]
OWN = "hybrids"  # a shop's own segments, whose names this file cannot know


class ContactCap(Section):
    """At most so many contacts within so many days; none if `contacts` is 0."""

    contacts: int = Field(ge=0, le=100, strict=True)
    days: int = Field(ge=1, le=365, strict=True)

    def __str__(self) -> str:
        many = f"{self.contacts} contact{'' if self.contacts == 1 else 's'}"
        return f"at most {many} in {self.days} days" if self.contacts else "none of its own"


class Play(Section):
    """What is done with the customers of a segment.

    Attributes:
        objective: what it is for.
        offer: what is given, in words that fit into "Give … to returning customers".
        arm: the names that the offer has as an arm of experiments; none if it gives nothing.
        message: what is said.
        channel: by what it is said.
        trigger: what starts it for a customer.
        delay_days: days from the trigger to the contact.
        contact_cap: of all plays together.
        exclusions: who is left out, besides those of every play.
        kpi: what it is judged by.
        owner: who does it.
        cost: what it costs when a customer takes it up.
        review_after_days: days after its start on which it is looked at again.
    """

    objective: Text
    offer: Text
    arm: Names = ()
    message: Text
    channel: Text
    trigger: Text
    delay_days: int = Field(ge=0, le=365, strict=True)
    contact_cap: ContactCap
    exclusions: tuple[Text, ...] = ()
    kpi: Text
    owner: Text
    cost: Text
    review_after_days: int = Field(ge=1, le=730, strict=True)


class ShopPlays(Section):
    """`config/plays/<shop>.yml`: what is other in this shop.

    Attributes:
        exclusions: of every play; None: those that all shops share.
        plays: by name; each in the place of the shared one of its name, or a new one.
        segments: rulebook → segment → the name of its play.
    """

    exclusions: tuple[Text, ...] | None = None
    plays: dict[str, Play] = Field(default_factory=dict)
    segments: dict[str, dict[str, str]] = Field(default_factory=dict)


class PlayBook(Section):
    """`config/plays.yml`.

    Attributes:
        exclusions: who is left out of every play.
        plays: by name.
        segments: rulebook → segment, in the words of the pages → the name of its play.
    """

    exclusions: tuple[Text, ...] = ()
    plays: dict[str, Play] = Field(min_length=1)
    segments: dict[str, dict[str, str]]

    def of(self, segmentation: str, segment: str) -> str | None:
        """The name of a segment's play, None if none is written for it.

        Args:
            segmentation: a rulebook, or its column.
            segment: its name, as rulebooks or as pages write it.
        """
        return self.segments.get(segmentation.replace("_", "-"), {}).get(in_words(segment))


def in_words(segment: str) -> str:
    """A segment as pages write it.

    >>> in_words("potential_loyalist")
    'potential loyalist'
    """
    return segment.replace("_", " ")


def read_playbook(folder: Path, shop: str, known: Mapping[str, Iterable[str]]) -> PlayBook:
    """The plays that all shops share, with what is other in this one.

    Args:
        folder: config/.
        shop: its name; `plays/<shop>.yml` need not exist.
        known: rulebook → its segments.

    Raises:
        ConfigError: naming the file, and the key that cannot be used: one that no model has, a rulebook or a segment that does
            not exist, a play that is not written.
    """
    shared, own = folder / "plays.yml", folder / "plays" / f"{shop}.yml"
    book = read_config(shared, PlayBook)
    _check(shared, book.segments, book.plays, known)
    other = read_config(own, ShopPlays) if own.exists() else ShopPlays()
    plays = book.plays | other.plays
    _check(own, other.segments, plays, known)
    segments = {
        name: _worded(book.segments.get(name, {})) | _worded(other.segments.get(name, {}))
        for name in book.segments | other.segments
    }
    exclusions = book.exclusions if other.exclusions is None else other.exclusions
    return PlayBook(exclusions=exclusions, plays=plays, segments=segments)


def _worded(given: Mapping[str, str]) -> dict[str, str]:
    return {in_words(segment): play for segment, play in given.items()}


def _check(
    path: Path,
    segments: Mapping[str, Mapping[str, str]],
    plays: Mapping[str, Play],
    known: Mapping[str, Iterable[str]],
) -> None:
    """Say which names of a file are of nothing."""
    for name, given in segments.items():
        if name != OWN and name not in known:
            raise ConfigError(f"{path.name}: there is no rulebook '{name}': {_near(name, [*known, OWN])}")
        there = {in_words(segment) for segment in known.get(name, given)}
        if len(_worded(given)) < len(given):
            raise ConfigError(
                f"{path.name}: 'segments.{name}' names a segment twice, with _ and with a blank."
            )
        for segment, play in given.items():
            if in_words(segment) not in there:
                near = _near(in_words(segment), sorted(there))
                raise ConfigError(f"{path.name}: 'segments.{name}' has no segment '{segment}': {near}")
            if play not in plays:
                near = _near(play, list(plays))
                raise ConfigError(
                    f"{path.name}: 'segments.{name}.{segment}' is '{play}', but no play has this name: {near}"
                )


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known)}."
