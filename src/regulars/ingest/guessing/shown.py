"""A guess as a person reads it: a table with examples, and what is missing. Personal values are never shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from regulars.ingest.guessing.columns import Guess, Match

HEADINGS = ("ours", "the file's column", "such as", "found")
NAME, VALUE, LISTED = 32, 24, 8  # signs of a name, and of a value, that are shown; and names in a list
NOT_SHOWN = "(not shown)"
REASONS = {"time": "are no dates", "money": "are no numbers", "id": "are no ids"}
WANTED = {
    "order_id": "the order's id",
    "ordered_at": "the date of the order",
    "customer_id": "the customer's id or e-mail address",
    "revenue": "the money, in one column or as price and quantity",
}


def on_one_line(text: str, length: int = 60) -> str:
    """A text on one line, without signs that a terminal or YAML would act on.

    >>> on_one_line("a\\nb"), on_one_line("abcdef", 4)
    ('a b', 'abc…')
    """
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def in_quotes(texts: Iterable[str], length: int = NAME, word: str = ", ") -> str:
    """Texts in quotes, one after the other.

    >>> in_quotes(["Date", "Time"], word=" and ")
    "'Date' and 'Time'"
    """
    return word.join(f"'{on_one_line(text, length)}'" for text in texts)


def table_of(found: Guess) -> list[str]:
    """The recognised columns as lines of plain text, and the columns that are not used.

    >>> import pandas as pd
    >>> from regulars.ingest.guessing import guess
    >>> rows = {"Order": ["1", "2"], "Total": ["7.50", "8.00"], "E-mail": ["a@b.org", "c@d.org"], "Note": ["x", "y"]}
    >>> print("\\n".join(table_of(guess(pd.DataFrame(rows)))))
    ours         the file's column  such as      found
    order_id     Order              1, 2         by name
    customer_id  E-mail             (not shown)  by name
    revenue      Total              7.50, 8.00   by name
    email        E-mail             (not shown)  by name
    <BLANKLINE>
    Not used: Note
    """
    rows = [HEADINGS]
    for ours, match in found.matches.items():
        theirs = " + ".join(on_one_line(name, NAME) for name in match.theirs)
        rows.append((ours, theirs, _examples(found, ours, match), match.why))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    unused = ", ".join(on_one_line(name, NAME) for name in found.unused)
    return [*lines, "", f"Not used: {unused or 'none'}"]


def _examples(found: Guess, ours: str, match: Match) -> str:
    """Three values, but none of what is personal, or has an address in it whatever it is called."""
    columns = [found.profiles[name] for name in match.theirs]
    if found.column(ours).kind == "personal" or any(column.is_private for column in columns):
        return NOT_SHOWN
    rows = zip(*(column.examples() for column in columns), strict=False)
    return ", ".join(" ".join(on_one_line(value, VALUE) for value in row) for row in rows)


def missing_of(found: Guess) -> list[str]:
    """A sentence for each needed column that was not found, with the nearest that the file has.

    >>> import pandas as pd
    >>> from regulars.ingest.guessing import guess
    >>> missing_of(guess(pd.DataFrame({"Order": ["1"], "Order Date": ["soon"], "Total": ["2.50"], "Member": ["7"]})))
    ["ordered_at, the date of the order: 'Order Date' is called so, but its values, such as 'soon', are no dates.",
     "customer_id, the customer's id or e-mail address: no column is called so; the nearest is 'Member'."]
    """
    return [f"{ours}, {WANTED[ours]}: {_reason(found, ours)}" for ours in found.missing]


def _reason(found: Guess, ours: str) -> str:
    if called_so := found.nearest(ours):
        return f"{in_quotes(called_so[:1])} is called so, but {_against(found, ours, called_so[0])}."
    column = found.column(ours)
    folded = {name.casefold(): name for name in found.unused}
    near = {
        folded[name]: None
        for known in (column.source_name, *column.also.split())
        for name in difflib.get_close_matches(known, folded, n=2, cutoff=0.5)
    }
    there = list(near or found.profiles)
    verb = "is" if len(there) == 1 else "are"
    return f"no column is called so; {f'the nearest {verb}' if near else f'there {verb}'} {_listed(there)}."


def _against(found: Guess, ours: str, name: str) -> str:
    """Why a column that is called so cannot be it."""
    profile, kind = found.profiles[name], found.column(ours).kind
    if name in found.repeated:
        return "it says the whole order's and stands on each of its lines"
    if profile.filled.empty:
        return "nothing is written in it"
    if profile.is_private or kind == "id":  # what is called Name may hold a person's
        return f"its values {REASONS[kind]}"
    return f"its values, such as {in_quotes(profile.examples(), VALUE)}, {REASONS[kind]}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return in_quotes(names[:LISTED]) + more
