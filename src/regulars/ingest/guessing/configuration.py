"""The text of a new `config/<shop>.yml`, with notes on what each line means and what was assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import yaml

from regulars.ingest.guessing.columns import Guess
from regulars.ingest.guessing.settings import Settings
from regulars.ingest.guessing.shown import on_one_line

TABLES = {
    "order_lines": "a row is one line of an order; the other choice is orders: a row is one order",
    "orders": "a row is one order; the other choice is order_lines: a row is one line of an order",
}
WIDTH = 44  # of the lines before their notes begin; longer ones push their notes aside


class Line(NamedTuple):
    """A line of YAML, and a note on it."""

    code: str
    note: str = ""

    def off(self, indent: int) -> Line:
        """The line as a note: to switch it on, take the # and one blank away."""
        return self._replace(code=f"{self.code[:indent]}# {self.code[indent:]}")


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
    if re.fullmatch(r"[A-Za-z]([\w /.-]*[\w/.-])?", text, re.ASCII) and yaml.safe_load(text) == text:
        return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**6).strip()


def listed(texts: Iterable[str]) -> str:
    """Texts as a list of YAML.

    >>> listed(["Date", "Time: local"])
    '[Date, "Time: local"]'
    """
    return f"[{', '.join(map(scalar, texts))}]"


def config_of_columns(name: str, place: Place, found: Guess, settings: Settings) -> str:
    """The configuration of a file whose columns were guessed; what is missing is left open, as `???`."""
    mapped = {
        ours: listed(match.theirs) if len(match.theirs) > 1 else scalar(match.theirs[0])
        for ours, match in found.matches.items()
    }
    source = [
        Line("source:", "one file, or several of one form"),
        Line("  kind: files"),
        Line("  tables:"),
        Line(f"    {found.table}:", TABLES[found.table]),
        *_written(6, place, settings.dates, settings.decimal),
        _includes(settings),
        Line("      columns:", "our name: the file's column"),
        *(Line(f"        {ours}: {theirs}", found.column(ours).meaning) for ours, theirs in mapped.items()),
        *(Line(f"        {ours}: ???", f"{found.column(ours).meaning}: not found") for ours in found.missing),
    ]
    return _document(name, place, settings.currency, source, _cleaning(settings))


def config_of_export(
    name: str, place: Place, kind: str, dates: Sequence[str], currency: str | None, decimal: str = "."
) -> str:
    """The configuration of an export whose columns are known: Shopify's or WooCommerce's."""
    source = [
        Line("source:"),
        Line(f"  kind: {kind}", "its columns are known"),
        *_written(2, place, dates, decimal),
    ]
    return _document(name, place, currency, source, [])


def _document(name: str, place: Place, currency: str | None, source: list[Line], cleaning: list[Line]) -> str:
    head = [
        Line(f"# The shop {name}, as `make shop` guessed it from {on_one_line(place.file)}."),
        Line(f"# Read it through and correct what is wrong; then: make report SHOP={name}"),
    ]
    said = "as the file says" if currency else "an assumption, nothing in the file says it: put your own"
    zone = "an assumption: put your own, such as Europe/London; it tells on which day an order falls"
    shop = [
        Line(f"name: {scalar(name)}"),
        Line(f"title: {scalar(name)}", "what pages call the shop: put its name"),
        Line(f"currency: {currency or 'USD'}", said),
        Line("time_zone: UTC", zone),
    ]
    margin = "an assumption: put your own, the share of revenue that is left once the goods are paid"
    until = "the last day whose orders are all in the file, if nobody bought on it"
    last = [
        Line("margin_rate: 0.3", margin),
        Line("# complete_until: 2025-01-31", until),
        Line("# revenue: {tax: in, shipping: in}", "what counts as revenue; without this line, neither does"),
        Line("# privacy: {consent_required: false}", "if customers may be written to who never said yes"),
    ]
    return "\n\n".join(_aligned(block) for block in (head, shop, source, cleaning, last) if block) + "\n"


def _aligned(lines: Sequence[Line]) -> str:
    """Lines with their notes below each other."""
    width = min(WIDTH, max(len(line.code) for line in lines))
    return "\n".join(f"{line.code:<{width}}  # {line.note}" if line.note else line.code for line in lines)


def _written(indent: int, place: Place, dates: Sequence[str], decimal: str) -> list[Line]:
    """Where the file is, and how values are written, where it is not what is taken without a word."""
    note = "from the shop's raw folder" + ("" if place.is_raw else ", unless it begins with /")
    lines = [Line(f"path: {scalar(place.path)}", note)]
    if dates:
        patterns = ", ".join(f'"{pattern}"' for pattern in dates)
        note = "how dates are written: %d day, %m month, %Y year, %H hour, %M minute"
        lines.append(Line(f"dates: [{patterns}]", note))
    if decimal == ",":
        lines.append(Line('decimal: ","', "what stands before the cents"))
    return [Line(" " * indent + line.code, line.note) for line in lines]


def _includes(settings: Settings) -> Line:
    note = "what is in the money besides the goods: tax, shipping, discounts yet to be taken off"
    line = Line(f"      includes: {listed(settings.includes or ['tax'])}", note)
    return line if settings.includes else line.off(6)


def _cleaning(settings: Settings) -> list[Line]:
    """What marks returns; choices that a person has to make stand there as notes."""
    marked, returns, unpaid = [], [], []
    if pattern := settings.returns.order_id:
        note = "orders whose id fits take back what others sold"
        marked.append(Line(f"    order_id: {scalar(pattern)}", note))
    if settings.has_negatives:
        returns.append(Line("    negative_quantity: true", "if a quantity below zero is a return"))
    if settings.given_back:
        words = listed(settings.given_back)
        returns.append(Line(f"    status: {words}", "if such orders were undone, or paid back"))
    if settings.never_paid:
        words = listed(settings.never_paid)
        unpaid.append(Line(f"  unpaid: {words}", "if such orders were never paid: they are refused"))
    title = Line("cleaning:", "which rows take back what others sold, and which do not count")
    head = [title, Line("  returns:")] if marked or returns else [title] * bool(unpaid)
    if marked:
        return [*head, *marked, *(line.off(4) for line in returns), *(line.off(2) for line in unpaid)]
    return [line.off(0) for line in [*head, *returns, *unpaid]]
