"""The text of a new `config/<shop>.yml`, with notes on what each line means and what was assumed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import yaml

from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.guess import Guess
from regulars.ingest.guess_settings import Settings
from regulars.ingest.guess_shown import shown

TABLES = {
    "order_lines": "a row is one line of an order; the other choice is orders: a row is one order",
    "orders": "a row is one order; the other choice is order_lines: a row is one line of an order",
}
WIDTH = 44  # of the lines before their notes begin; longer ones push their notes aside


class Line(NamedTuple):
    """A line of YAML, and a note on it."""

    code: str
    note: str = ""


class Place(NamedTuple):
    """Where the orders are, as a configuration says it.

    Attributes:
        path: from the shop's raw folder, or the whole path.
        is_raw: whether the path is from the raw folder.
        file: the file's name, for notes.
    """

    path: str
    is_raw: bool
    file: str


def scalar(text: str) -> str:
    """A text as YAML reads it back, plain where that is safe and in quotes elsewhere.

    >>> print(scalar("Order Date"), scalar("no"), scalar("Total: net #1"), scalar('a "b"'), scalar("2024"))
    Order Date "no" "Total: net #1" "a \\"b\\"" "2024"
    """
    is_plain = (
        re.fullmatch(r"[A-Za-z][\w /.-]*[\w/.-]|[A-Za-z]", text, re.ASCII) and yaml.safe_load(text) == text
    )
    return (
        text if is_plain else yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**6).strip()
    )


def config_of_columns(name: str, place: Place, found: Guess, settings: Settings) -> str:
    """The configuration of a file whose columns were guessed; what is missing is left open, as `???`."""
    kinds = CONTRACTS[found.table].mappable
    table = [
        Line("source:", "one file, or several of one form"),
        Line("  kind: files"),
        Line("  tables:"),
        Line(f"    {found.table}:", TABLES[found.table]),
        _path(place, 6),
        *_written(settings),
        Line("      columns:", "our name: the file's column"),
    ]
    columns = [
        Line(f"        {ours}: {_column(match.theirs)}", kinds[ours].meaning)
        for ours, match in found.matches.items()
    ]
    columns += [Line(f"        {ours}: ???", f"{kinds[ours].meaning}: not found") for ours in found.missing]
    return _document(name, place, settings.currency, [*table, *columns], _cleaning(settings))


def config_of_export(name: str, place: Place, kind: str, dates: Sequence[str], currency: str | None) -> str:
    """The configuration of an export whose columns are known: Shopify's or WooCommerce's."""
    source = [
        Line("source:"),
        Line(f"  kind: {kind}", "its columns are known"),
        _path(place, 2),
        *_dates(dates, 2),
    ]
    return _document(name, place, currency, source, [])


def _document(name: str, place: Place, currency: str | None, source: list[Line], cleaning: list[Line]) -> str:
    head = [
        f"# The shop {name}, as `make shop` guessed it from {shown(place.file)}.",
        f"# Read it through and correct what is wrong; then: make report SHOP={name}",
    ]
    of_currency = (
        "as the file says" if currency else "an assumption, nothing in the file says it: put your own"
    )
    shop = [
        Line(f"name: {scalar(name)}"),
        Line(f"title: {scalar(name)}", "what pages call the shop: put its name"),
        Line(f"currency: {currency or 'USD'}", of_currency),
        Line(
            "time_zone: UTC",
            "an assumption: put your own, such as Europe/London; it tells on which day an order falls",
        ),
    ]
    last = [
        Line(
            "margin_rate: 0.3",
            "an assumption: put your own, the share of revenue that is left once the goods are paid",
        ),
        Line(
            "# complete_until: 2025-01-31",
            "the last day whose orders are all in the file, if nobody bought on it",
        ),
        Line("# revenue: {tax: in, shipping: in}", "what counts as revenue; without this line, neither does"),
        Line("# privacy: {consent_required: false}", "if customers may be written to who never said yes"),
    ]
    blocks = [_aligned(block) for block in (shop, source, cleaning, last) if block]
    return "\n\n".join(["\n".join(head), *blocks]) + "\n"


def _aligned(lines: Sequence[Line]) -> str:
    """Lines with their notes below each other."""
    width = min(WIDTH, max(len(line.code) for line in lines))
    return "\n".join(f"{line.code:<{width}}  # {line.note}" if line.note else line.code for line in lines)


def _column(theirs: Sequence[str]) -> str:
    names = [scalar(name) for name in theirs]
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _path(place: Place, indent: int) -> Line:
    note = (
        "from the shop's raw folder"
        if place.is_raw
        else "from the shop's raw folder, unless it begins with /"
    )
    return Line(f"{' ' * indent}path: {scalar(place.path)}", note)


def _dates(patterns: Sequence[str], indent: int) -> list[Line]:
    listed = ", ".join(f'"{pattern}"' for pattern in patterns)
    note = "how dates are written: %d day, %m month, %Y year, %H hour, %M minute"
    return [Line(f"{' ' * indent}dates: [{listed}]", note)] if patterns else []


def _written(settings: Settings) -> list[Line]:
    """How values are written, where it is not what is taken without a word."""
    lines = _dates(settings.dates, 6)
    if settings.decimal == ",":
        lines.append(Line('      decimal: ","', "what stands before the cents"))
    includes = ", ".join(settings.includes)
    note = "what is in the money besides the goods: tax, shipping, discounts yet to be taken off"
    lines.append(
        Line(f"      includes: [{includes}]", note) if includes else Line("      # includes: [tax]", note)
    )
    return lines


def _cleaning(settings: Settings) -> list[Line]:
    """What marks returns; choices that a person has to make stand there as notes."""
    pattern = settings.returns.order_id
    marked = (
        [Line(f"    order_id: {scalar(pattern)}", "orders whose id fits take back what others sold")]
        if pattern
        else []
    )
    returns, unpaid = [], []
    if settings.has_negatives:
        returns.append(Line("    negative_quantity: true", "if a quantity below zero is a return"))
    if settings.given_back:
        returns.append(
            Line(f"    status: {_words(settings.given_back)}", "if such orders were undone, or paid back")
        )
    if settings.never_paid:
        unpaid.append(
            Line(
                f"  unpaid: {_words(settings.never_paid)}", "if such orders were never paid: they are refused"
            )
        )
    if not (marked or returns or unpaid):
        return []
    title = Line("cleaning:", "which rows take back what others sold, and which do not count")
    head = [title, Line("  returns:")] if marked or returns else [title]
    if marked:
        return [
            *head,
            *marked,
            *(_off(line, len(line.code) - len(line.code.lstrip())) for line in [*returns, *unpaid]),
        ]
    return [_off(line, 0) for line in [*head, *returns, *unpaid]]


def _words(words: Sequence[str]) -> str:
    return f"[{', '.join(map(scalar, words))}]"


def _off(line: Line, indent: int) -> Line:
    """A line as a note: to switch it on, take the # and one blank away."""
    return line._replace(code=f"{line.code[:indent]}# {line.code[indent:]}")
