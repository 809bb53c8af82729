"""`config/<shop>.yml`: what a shop is, where its data are, and what its numbers mean."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from regulars.config.reader import Section
from regulars.config.rules import Behavioural, Hybrid
from regulars.config.sources import Source, Zone

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"it is no regular expression ({error}); write one such as ^C") from error
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
# YAML reads a bare off as false.
Action = Annotated[
    Literal["refuse", "flag", "off"], BeforeValidator(lambda given: "off" if given is False else given)
]
InOrOut = Literal["in", "out"]
LOCAL = "local[*]"  # Spark on all cores of this machine
# What Shopify and WooCommerce call orders for which no money came, and what others do.
UNPAID = ("pending", "voided", "expired", "failed", "cancelled", "canceled")


class Privacy(Section):
    """What may be shown of small groups, and whether customers must have opted in."""

    min_cell: int = Field(default=10, ge=1, strict=True)
    consent_required: bool = True


class Segments(Section):
    """What the segments are made by.

    Attributes:
        chosen: the segmentation that the review and the experiments use.
        minimum_share: the smallest share that a cluster may have.
        behavioural: the limits of the behavioural segments.
        hybrids: segments of the shop's own.
    """

    chosen: Literal["four-core", "rxf-grid", "three-level", "classic-11"] = "four-core"
    minimum_share: float = Field(default=0.03, ge=0, le=0.5, strict=True)
    behavioural: Behavioural = Behavioural()
    hybrids: tuple[Hybrid, ...] = ()


class Revenue(Section):
    """What counts as revenue, everywhere: each part is in it, or out of it.

    Attributes:
        tax: collected for the state.
        shipping: paid by the customer for delivery.
        discounts: given by the shop; `out` means that they are taken off.
        returns: money given back; `out` means that it is taken off, in the month in which it was given back.
    """

    tax: InOrOut = "out"
    shipping: InOrOut = "out"
    discounts: InOrOut = "out"
    returns: InOrOut = "out"


class Returns(Section):
    """What marks an order or a line as a cancellation or a return.

    Attributes:
        order_id: a pattern that the order's id matches, such as ^C.
        status: words in the status column.
        negative_quantity: whether a quantity below zero is a return.
    """

    order_id: Pattern | None = None
    status: tuple[str, ...] = ("refunded",)
    negative_quantity: bool = False


class Cleaning(Section):
    """What is done with rows that a shop would not count.

    Attributes:
        rules: rule → refuse, flag or off, where it is to be another than the rule's own.
        returns: what marks a return.
        not_products: a pattern of product ids that are no products, such as postage.
        test_orders: a pattern of order ids that are tests.
        unpaid: words in the status column of orders that were never paid.
        stop_above: the share of refused order lines, or orders, above which nothing is staged.
    """

    rules: dict[str, Action] = Field(default_factory=dict)
    returns: Returns = Returns()
    not_products: Pattern | None = None
    test_orders: Pattern | None = None
    unpaid: tuple[str, ...] = UNPAID
    stop_above: float = Field(default=0.5, ge=0, le=1)


class Identities(Section):
    """Which profiles are one customer: those that agree in all columns of any of the rules."""

    merge_by: tuple[tuple[str, ...], ...] = (("email_hash",),)


class Value(Section):
    """What is forecast of customers.

    Attributes:
        horizon_days: how far ahead; the hold-out that judges it is as long, and the history must be three times that.
        discount_rate: what a unit of money in a year is worth less today, as a yearly rate.
        hiatus_days: days of silence after which the simplest rule takes a customer for gone.
    """

    horizon_days: int = Field(default=90, ge=7, le=3650, strict=True)
    discount_rate: float = Field(default=0.1, ge=0, le=1, strict=True)
    hiatus_days: int = Field(default=182, ge=1, le=3650, strict=True)


class Offers(Section):
    """What holds for every experiment.

    Attributes:
        holdout: the share of customers who are never sent any offer, drawn once and for all by the shop's name.
    """

    holdout: float = Field(default=0, ge=0, le=0.5, strict=True)


class ShopConfig(Section):
    """`config/<shop>.yml`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    about: str = ""
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    time_zone: Zone
    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str = LOCAL
    source: Source
    margin_rate: float = Field(gt=0, le=1, strict=True)  # strict: 'yes' is no number
    complete_until: date | None = None
    month: str | None = Field(default=None, pattern=r"^\d{4}-(0[1-9]|1[0-2])$")  # of a shop without dates
    revenue: Revenue = Revenue()
    cleaning: Cleaning = Cleaning()
    identities: Identities = Identities()
    privacy: Privacy = Privacy()
    segments: Segments = Segments()
    value: Value = Value()
    offers: Offers = Offers()

    @field_validator("spark_master")
    @classmethod
    def _is_a_master(cls, given: str, others: ValidationInfo) -> str:
        if others.data.get("engine") == "duckdb" and given != LOCAL:
            raise ValueError("only Spark has a master: write engine: spark, or leave spark_master out")
        if not re.fullmatch(r"local(\[(\*|[1-9]\d*)\])?|spark://[^\s/:]+:\d+", given):
            raise ValueError("it should be local[*], local[4] or like spark://host:7077")
        return given

    @property
    def is_simulated(self) -> bool:
        """Whether the shop is made up: every page of it then says so."""
        return self.source.kind == "simulated"

    @property
    def sign(self) -> str:
        """What stands before an amount in a sentence: the currency's sign, or its code and a blank."""
        return SIGNS.get(self.currency, f"{self.currency} ")
