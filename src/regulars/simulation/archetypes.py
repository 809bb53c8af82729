"""Who is planted: the behaviours, their shares, and the numbers that make them."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

Life = Literal["stays", "orders once", "falls silent"]


class Archetype(NamedTuple):
    """A planted behaviour. What is left out is as in `regular`.

    Each number is the mean over the customers of the archetype; they differ from each other, and so do their weeks.

    Attributes:
        name: the label, `planted_segment` of the customers.
        share: of all customers.
        definition: what they do, in plain words.
        life: whether they stay to the end, order once, or fall silent for more than a year before the end.
        orders: a year.
        lines: of an order.
        items: of a line.
        visits: a year, besides those that end in an order.
        views: products looked at in a visit.
        cart: share of the visits without an order in which something is put in the cart.
        focus: share of the lines and views in the favourite category; the rest follows a taste of their own.
        tiers: shares of the cheap, the middle and the dear third of a category.
        sale: share of the lines for which something marked down is looked for.
        coupon: share of the orders with the month's coupon.
        new: share of the lines with a product launched within 30 days.
        opens: share of the newsletters that are opened.
        clicks: share of the opened ones that are clicked.
        returns: share of the lines that come back.
        consent: share who agreed to be written to.
        decides: the usual answer to how they decide.
    """

    name: str
    share: float
    definition: str
    life: Life = "stays"
    orders: float = 6.0
    lines: float = 2.6
    items: float = 1.15
    visits: float = 10.0
    views: float = 4.0
    cart: float = 0.08
    focus: float = 0.1
    tiers: tuple[float, float, float] = (0.4, 0.4, 0.2)
    sale: float = 0.04
    coupon: float = 0.07
    new: float = 0.03
    opens: float = 0.12
    clicks: float = 0.1
    returns: float = 0.04
    consent: float = 0.75
    decides: str = "by quality"


ARCHETYPES: tuple[Archetype, ...] = (
    Archetype("regular", 0.20, "orders now and then, in none of the ways below"),
    Archetype(
        "one_timer",
        0.14,
        "ordered once and never again, but still looks in",
        life="orders once",
        visits=6.0,
    ),
    Archetype("loyal_to_type", 0.07, "buys from one category", orders=8.0, focus=0.97),
    Archetype(
        "newsletter_reader",
        0.06,
        "opens nearly every newsletter",
        opens=0.82,
        clicks=0.4,
        consent=1.0,
    ),
    Archetype(
        "cart_abandoner",
        0.05,
        "fills carts and leaves them",
        orders=2.5,
        visits=32.0,
        cart=0.65,
        decides="by price",
    ),
    Archetype(
        "high_spender",
        0.05,
        "orders often, much, and from the dear end",
        orders=11.0,
        lines=4.5,
        items=1.3,
        tiers=(0.04, 0.16, 0.8),
        returns=0.06,
    ),
    Archetype(
        "coupon_lover",
        0.07,
        "orders with a coupon",
        orders=7.0,
        coupon=0.87,
        opens=0.25,
        decides="by price",
    ),
    Archetype(
        "thrifty",
        0.06,
        "buys from the cheap end, at full price, and hardly with a coupon",
        orders=7.0,
        tiers=(0.94, 0.05, 0.01),
        sale=0.0,
        coupon=0.02,
        decides="by price",
    ),
    Archetype(
        "indecisive",
        0.05,
        "looks at many products in a visit, fills several carts, and orders seldom",
        orders=2.5,
        visits=30.0,
        views=14.0,
        cart=0.55,
        returns=0.08,
        decides="by what others say",
    ),
    Archetype(
        "registered_browser",
        0.05,
        "has an account, visits often, fills carts, and never ordered",
        orders=0.0,
        visits=34.0,
        views=5.0,
        cart=0.35,
    ),
    Archetype(
        "curious_browser",
        0.05,
        "has an account, looks at a few products of one category now and then, never filled a cart, never ordered",
        orders=0.0,
        visits=6.5,
        views=2.2,
        cart=0.0,
        focus=1.0,
        opens=0.05,
    ),
    Archetype(
        "idle",
        0.07,
        "ordered several times, and has neither ordered nor visited for more than a year",
        life="falls silent",
        orders=8.0,
    ),
    Archetype(
        "trendy",
        0.05,
        "buys what is new within 30 days of its launch",
        orders=8.0,
        new=0.72,
        opens=0.25,
        returns=0.07,
        decides="by what is new",
    ),
    Archetype(
        "wholesale_like",
        0.03,
        "a business that takes many items of each product",
        orders=9.0,
        lines=4.0,
        items=11.0,
        tiers=(0.5, 0.4, 0.1),
        returns=0.02,
        coupon=0.03,
    ),
)
REGULAR = ARCHETYPES[0]
NUMBERS = [
    name for name, kind in Archetype.__annotations__.items() if "float" in str(kind) and name != "share"
]


def column(name: str) -> np.ndarray:
    """One number of every archetype, in their order."""
    return np.array([getattr(archetype, name) for archetype in ARCHETYPES])


def planted_table() -> pd.DataFrame:
    """What is planted: one row per archetype with its `name`, `share`, `definition`, and how it is `made`.

    >>> planted_table().set_index("name").loc["trendy", "made"]
    'orders 8 (6), new 0.72 (0.03), opens 0.25 (0.12), returns 0.07 (0.04)'
    """
    rows = [(one.name, one.share, one.definition, _made(one)) for one in ARCHETYPES]
    return pd.DataFrame(rows, columns=["name", "share", "definition", "made"])


def _made(one: Archetype) -> str:
    """In which numbers an archetype differs from `regular`, whose own stand in brackets."""
    if one is REGULAR:
        return ", ".join(f"{name} {_number(getattr(one, name))}" for name in NUMBERS)
    told: list[str] = [] if one.life == "stays" else [one.life]
    for name in NUMBERS:
        own, usual = getattr(one, name), getattr(REGULAR, name)
        if own != usual:
            told.append(f"{name} {_number(own)} ({_number(usual)})")
    return ", ".join(told)


def _number(value: float | tuple[float, ...]) -> str:
    return "/".join(f"{part:g}" for part in value) if isinstance(value, tuple) else f"{value:g}"
