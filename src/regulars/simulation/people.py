"""The customers: who each was made to be, since when, and what the shop knows of each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from regulars.simulation.archetypes import ARCHETYPES, column
from regulars.simulation.chance import pick, stream
from regulars.simulation.history import Calendar

FIRST_ID = 1_000_001
AGAIN_SHARE = 0.03  # who registered a second time, with the same e-mail address
OLD_SHARE = 0.5  # who was there before the history began
SILENT_DAYS = 400  # before the end: after a year without an order there is still no return and no question
SETTLED_DAYS = 120  # before the end, who is to be recognised had joined
NEVER = 10**6  # a day that does not come

REGIONS = {"Berlin": 0.25, "Bayern": 0.2, "Nordrhein-Westfalen": 0.25, "Sachsen": 0.1, "Hamburg": 0.2}
COUNTRIES = {"DE": 0.84, "AT": 0.1, "NL": 0.06}
CHANNELS = {"search": 0.4, "social": 0.2, "advertisement": 0.2, "referral": 0.12, "store": 0.08}
ORGANISATIONS = {"personal": 0.93, "school": 0.03, "non-profit": 0.02, "business": 0.02}
BUSINESS_SHARE = 0.9  # of the wholesale customers
GENDERS = {"female": 0.52, "male": 0.38, "diverse": 0.02, "not stated": 0.08}
AGES = {"18-24": 0.12, "25-34": 0.24, "35-44": 0.24, "45-54": 0.18, "55-64": 0.14, "65+": 0.08}
INCOMES = {"under 25K": 0.2, "25-49K": 0.38, "50-74K": 0.27, "75K and more": 0.15}
HOUSEHOLDS = {"1": 0.36, "2": 0.33, "3": 0.15, "4": 0.11, "5+": 0.05}
DEVICES = {"phone": 0.55, "computer": 0.35, "tablet": 0.1}


class People(NamedTuple):
    """One row per customer; days are the calendar's.

    Attributes:
        kind: the place of the archetype in `ARCHETYPES`.
        joined: the day of joining; below 0 for who was there before.
        until: the last day on which anything is done.
        again: the day of the second registration; `NEVER` for most.
        taste: customer × category, cumulative shares.
        purse: customer × third of a category, cumulative shares.
        favourite: the place of the favourite category.
        pace: how much more often than their archetype.
        hour: the usual hour.
        weekday: the usual weekday, 0 for Monday.
        device: the usual device.
        opted_in: the day of consent; `NEVER` if none was given.
        opted_out: the day of its withdrawal; `NEVER` if it stands.
        is_told: whether the withdrawal stands in the profile; else it is an event.
        region: in Germany, else null.
    """

    kind: np.ndarray
    joined: np.ndarray
    until: np.ndarray
    again: np.ndarray
    taste: np.ndarray
    purse: np.ndarray
    favourite: np.ndarray
    pace: np.ndarray
    hour: np.ndarray
    weekday: np.ndarray
    device: np.ndarray
    opted_in: np.ndarray
    opted_out: np.ndarray
    is_told: np.ndarray
    region: np.ndarray

    @property
    def since(self) -> np.ndarray:
        """The first day of the history on which each is there."""
        return np.maximum(self.joined, 0)

    def are(self, life: str) -> np.ndarray:
        """Whether each has such a life."""
        return (column("life") == life)[self.kind]

    def mean(self, name: str) -> np.ndarray:
        """A number of each one's archetype."""
        return column(name)[self.kind]

    def ids(self, person: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The id under which each did something on a day."""
        order = np.cumsum(self.again < NEVER) - 1 + len(self.kind)
        return FIRST_ID + np.where(day >= self.again[person], order[person], person)


def people(calendar: Calendar, customers: int, categories: int, seed: int) -> People:
    """The customers, each of the archetypes with its share of them."""

    def draw(name: str) -> np.random.Generator:
        return stream(seed, f"people/{name}")

    kind = draw("kind").permutation(np.repeat(np.arange(len(ARCHETYPES)), _counts(customers)))
    joined, until = _lives(calendar, kind, draw("lives"))
    since, rng = np.maximum(joined, 0), draw("taste")
    favourite = rng.integers(0, categories, customers)
    focus = (column("focus")[kind] * rng.uniform(0.88, 1.0, customers))[:, None]
    own = rng.dirichlet(np.full(categories, 1.5), customers)
    taste = focus * np.eye(categories)[favourite] + (1 - focus) * own
    rng = draw("habits")
    is_again = (draw("again").random(customers) < AGAIN_SHARE) & (column("orders")[kind] > 0)
    opted_in, opted_out, is_told = _consents(kind, joined, until, draw("consent"))
    region = pick(draw("region"), REGIONS, customers)
    region[_countries(customers, seed) != "DE"] = None
    return People(
        kind=kind,
        joined=joined,
        until=until,
        again=np.where(is_again, (since + until) // 2, NEVER),
        taste=np.cumsum(taste, axis=1),
        purse=np.cumsum(column("tiers")[kind], axis=1),
        favourite=favourite,
        pace=rng.lognormal(0, 0.2, customers),
        hour=np.clip(rng.normal(18, 3.5, customers), 8, 21),
        weekday=rng.integers(0, 7, customers),
        device=pick(rng, DEVICES, customers),
        opted_in=opted_in,
        opted_out=opted_out,
        is_told=is_told,
        region=region,
    )


def _counts(customers: int) -> np.ndarray:
    """How many are of each archetype: shares of the whole, the largest remainders rounded up."""
    exact = column("share") * customers / column("share").sum()
    whole = np.floor(exact + 1e-9).astype(int)
    most = np.argsort(whole - exact, kind="stable")[: customers - whole.sum()]
    whole[most] += 1
    return whole


def _lives(calendar: Calendar, kind: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last day of each. Only the regular join until the end: the others could not be recognised yet."""
    end, life = calendar.days - 1, column("life")[kind]
    latest = np.where(kind == 0, end, end - SETTLED_DAYS)
    joined = np.floor(rng.random(len(kind)) * (latest + 1)).astype(int)
    is_old = (rng.random(len(kind)) < OLD_SHARE) & (life != "orders once")
    joined = np.where(is_old, -rng.integers(1, 800, len(kind)), joined)
    silent = rng.integers(60, end - SILENT_DAYS + 1, len(kind))
    begins = silent - rng.integers(50, 300, len(kind))
    is_silent = life == "falls silent"
    return np.where(is_silent, begins, joined), np.where(is_silent, silent, end)


def _consents(
    kind: np.ndarray, joined: np.ndarray, until: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When each agreed to be written to, when some withdrew it, and whether the profile says so."""
    agrees = rng.random(len(kind)) < column("consent")[kind]
    withdraws = agrees & (rng.random(len(kind)) < 0.14) & (column("consent")[kind] < 1)
    since = np.maximum(joined, 0)
    later = since + 1 + np.floor(rng.random(len(kind)) * (until - since)).astype(int)
    opted_out = np.where(withdraws & (later <= until), later, NEVER)
    return np.where(agrees, joined, NEVER), opted_out, rng.random(len(kind)) < 0.7


def _countries(customers: int, seed: int) -> np.ndarray:
    return pick(stream(seed, "people/country"), COUNTRIES, customers)


def customer_table(calendar: Calendar, persons: People, seed: int) -> pa.Table:
    """One row per profile. Who registered twice has two, with one e-mail address in two spellings."""
    rng, n = stream(seed, "people/profile"), len(persons.kind)
    labels = np.array([one.name for one in ARCHETYPES], dtype=object)
    is_business = (labels[persons.kind] == "wholesale_like") & (rng.random(n) < BUSINESS_SHARE)
    emails = np.array([f"customer.{FIRST_ID + place}@example.com" for place in range(n)], dtype=object)
    has_profile = rng.random(n) < 0.75
    stated = {
        "gender": pick(rng, GENDERS, n),
        "age_band": pick(rng, AGES, n),
        "income_band": pick(rng, INCOMES, n),
        "household_size": pick(rng, HOUSEHOLDS, n),
    }
    organisation = np.where(is_business, "business", pick(rng, ORGANISATIONS, n))
    seconds = stream(seed, "people/minute").integers(8 * 3600, 22 * 3600, n)
    own = {
        "email": emails,
        "has_profile": has_profile,
        "country": _countries(n, seed),
        "region": persons.region,
        "channel": pick(rng, CHANNELS, n),
        "organisation": organisation,
        **{name: pa.array(values, pa.string(), mask=~has_profile) for name, values in stated.items()},
        "opted_in_at": calendar.times(persons.opted_in, seconds),
        "opted_out_at": calendar.times(np.where(persons.is_told, persons.opted_out, NEVER), seconds),
        "planted_segment": labels[persons.kind],
    }
    first = pa.table({"customer_id": FIRST_ID + np.arange(n), **own})
    return pa.concat_tables([first, _second_profiles(persons, emails, labels)], promote_options="default")


def _second_profiles(persons: People, emails: np.ndarray, labels: np.ndarray) -> pa.Table:
    """What a second registration left: the address, written otherwise, and nothing else."""
    who = np.flatnonzero(persons.again < NEVER)
    return pa.table(
        {
            "customer_id": persons.ids(who, persons.again[who]),
            "email": pa.array([f" {email.capitalize()}" for email in emails[who]], pa.string()),
            "has_profile": np.zeros(len(who), dtype=bool),
            "planted_segment": pa.array(labels[persons.kind[who]], pa.string()),
        }
    )
