"""What a configuration may say of where the raw data are, and of how they are written."""

from __future__ import annotations

import difflib
from datetime import date
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from regulars.config.reader import Section


def known_zone(zone: str) -> str:
    """The zone, if the time zone database has it.

    Raises:
        ValueError: naming the nearest zone that exists.
    """
    if zone not in available_timezones():
        near = difflib.get_close_matches(zone, available_timezones(), n=1)
        hint = near[0] if near else "Europe/London"
        raise ValueError(f"'{zone}' is not a time zone, write one such as {hint}")
    return zone


Zone = Annotated[str, AfterValidator(known_zone)]
Patterns = Annotated[list[str], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]
Amount = Literal["tax", "shipping", "discounts"]
SHORTEST_HISTORY = 500  # days of a simulated shop


class Format(Section):
    """How the values of a raw table are written.

    Attributes:
        decimal: what stands between units and cents.
        dates: how dates are written, as strptime patterns, the first that fits; None: ISO 8601, or found from the values.
        time_zone: the zone of times that carry none; None: the shop's own.
        includes: what the mapped revenue or price contains besides the goods: tax, shipping, or discounts that
            are yet to be taken off.
    """

    decimal: Literal[".", ","] = "."
    dates: Patterns | None = None
    time_zone: Zone | None = None
    includes: tuple[Amount, ...] = ()


class RawTable(Format):
    """One raw table: which of its columns is which, and how its values are written.

    Attributes:
        columns: our name → the source's name, or several names whose texts are joined by a blank (a date and a time).
        attributes: further columns of customers, kept under names of the shop's own.
    """

    columns: dict[str, str | list[str]] = Field(min_length=1)
    attributes: dict[str, str] = Field(default_factory=dict)


class FileTable(RawTable):
    """A raw table in files.

    Attributes:
        path: a file or a pattern such as `orders-*.csv.gz`, from the shop's raw folder; or several.
        format: found from the name unless given.
        delimiter: of a CSV; found from its first rows unless given.
        encoding: of a CSV; UTF-8, else Windows-1252, unless given.
        sheet: of an Excel file; the first unless given.
    """

    path: str | list[str]
    format: Literal["csv", "parquet", "excel"] | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str | None = None
    sheet: str | None = None

    @property
    def paths(self) -> list[str]:
        """The patterns, as a list."""
        return [self.path] if isinstance(self.path, str) else self.path


class QueryTable(RawTable):
    """A raw table in a database: the name of a table, or a query."""

    table: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> QueryTable:
        if (self.table is None) == (self.query is None):
            raise ValueError("say either 'table' or 'query'")
        return self


class CompleteJourney(Section):
    """The demo's panel, installed by pip."""

    kind: Literal["completejourney"]


class Hillstrom(Section):
    """The e-mail test that Kevin Hillstrom published in 2008."""

    kind: Literal["hillstrom"]


class Simulated(Section):
    """A shop made up from a seed, with everything in it, and planted behaviour.

    Attributes:
        customers: how many. All is made in memory, some 60 MB for each thousand, so there is a most.
        seed: of everything that is drawn: the same seed, the same shop.
        first_day: of its history.
        last_day: of its history.
    """

    kind: Literal["simulated"]
    customers: int = Field(default=3000, ge=200, le=50_000, strict=True)
    seed: int = Field(ge=0, strict=True)
    first_day: date
    last_day: date

    @model_validator(mode="after")
    def _long_enough(self) -> Simulated:
        if (self.last_day - self.first_day).days < SHORTEST_HISTORY:
            raise ValueError(
                f"from {self.first_day} to {self.last_day} are fewer than {SHORTEST_HISTORY} days, in which nobody can have "
                "bought and then been silent for a year; choose a later last_day"
            )
        return self


class Files(Section):
    """CSV, Parquet and Excel files: our table → where it is."""

    kind: Literal["files"]
    tables: dict[str, FileTable] = Field(min_length=1)


class Database(Section):
    """A database, through ADBC.

    Attributes:
        address: the name of the environment variable that holds the address, such as
            postgresql://reader:secret@host/shop. The address itself never stands in a file.
        tables: our table → its table or query.
    """

    kind: Literal["database"]
    address: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    tables: dict[str, QueryTable] = Field(min_length=1)


class Shopify(Section):
    """The orders export of Shopify, as CSV; or several of them."""

    kind: Literal["shopify"]
    path: str = "*.csv"


class WooCommerce(Section):
    """The orders export of WooCommerce, as CSV; or several of them. How its values are written is said as in `Format`."""

    kind: Literal["woocommerce"]
    path: str = "*.csv"
    decimal: Literal[".", ","] = "."
    dates: Patterns | None = None
    time_zone: Zone | None = None


Source = Annotated[
    CompleteJourney | Hillstrom | Simulated | Files | Database | Shopify | WooCommerce,
    Field(discriminator="kind"),
]
