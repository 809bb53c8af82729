"""A guess as a person reads it: a table with examples, and what is missing. Personal values are never shown."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.guess import Guess, Match, nearest

HEADINGS = ("ours", "the file's column", "such as", "found")
NAME, VALUE = 32, 24  # signs of a name, and of a value, that are shown
NOT_SHOWN = "(not shown)"
REASONS = {"time": "are no dates", "money": "are no numbers", "id": "are no ids"}
WANTED = {
    "order_id": "the order's id",
    "ordered_at": "the date of the order",
    "customer_id": "the customer's id or e-mail address",
    "revenue": "the money, in one column or as price and quantity",
}


def shown(text: str, length: int = 60) -> str:
    """A text on one line, without signs that a terminal or YAML would act on.

    >>> shown("a\\nb"), shown("abcdef", 4)
    ('a b', 'abc…')
    """
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def table_of(found: Guess) -> list[str]:
    """The recognised columns as lines of plain text, and the columns that are not used.

    >>> import pandas as pd
    >>> from regulars.ingest.guess import guess
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
        theirs = " + ".join(shown(name, NAME) for name in match.theirs)
        rows.append((ours, theirs, _examples(found, ours, match), match.why))
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS) - 1)]
    lines = [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
    unused = ", ".join(shown(name, NAME) for name in found.unused)
    return [*lines, "", f"Not used: {unused or 'none'}"]


def _examples(found: Guess, ours: str, match: Match) -> str:
    if _is_private(found, ours):
        return NOT_SHOWN
    columns = [found.profiles[name].examples() for name in match.theirs]
    return ", ".join(
        " ".join(shown(value, VALUE) for value in values) for values in zip(*columns, strict=False)
    )


def _is_private(found: Guess, ours: str) -> bool:
    """Whether a column of ours is personal, or the file's column has an address in it whatever it is called."""
    profile = found.profile(ours)
    column = CONTRACTS[found.table].mappable[ours]
    return column.kind == "personal" or (profile is not None and profile.is_private)


def missing_of(found: Guess) -> list[str]:
    """A sentence for each needed column that was not found, with the nearest that the file has.

    >>> import pandas as pd
    >>> from regulars.ingest.guess import guess
    >>> missing_of(guess(pd.DataFrame({"Order": ["1"], "Order Date": ["soon"], "Total": ["2.50"], "Member": ["7"]})))
    ["ordered_at, the date of the order: 'Order Date' is called so, but its values, such as 'soon', are no dates.",
     "customer_id, the customer's id or e-mail address: no column is called so; the nearest is 'Member'."]
    """
    return [f"{ours}, {WANTED[ours]}: {_reason(found, ours)}" for ours in found.missing]


def _reason(found: Guess, ours: str) -> str:
    called_so = nearest(found, ours)
    if called_so:
        return f"'{shown(called_so[0], NAME)}' is called so, but {_against(found, ours, called_so[0])}."
    column = CONTRACTS[found.table].mappable[ours]
    known = [column.source_name, *column.also.split()]
    folded = {name.casefold(): name for name in found.unused}
    near = {
        folded[n]: None
        for known_name in known
        for n in difflib.get_close_matches(known_name, folded, n=2, cutoff=0.5)
    }
    if near:
        return (
            f"no column is called so; the nearest {'is' if len(near) == 1 else 'are'} {_listed(list(near))}."
        )
    return f"no column is called so; there {'is' if len(found.profiles) == 1 else 'are'} {_listed(list(found.profiles))}."


def _against(found: Guess, ours: str, name: str) -> str:
    """Why a column that is called so cannot be it."""
    profile, column = found.profiles[name], CONTRACTS[found.table].mappable[ours]
    if name in found.repeated:
        return "it says the whole order's and stands on each of its lines"
    if profile.filled.empty:
        return "nothing is written in it"
    is_secret = profile.is_private or column.kind == "id"  # what is called Name may hold a person's
    examples = (
        ""
        if is_secret
        else f", such as {', '.join(repr(shown(text, VALUE)) for text in profile.examples())},"
    )
    return f"its values{examples} {REASONS[column.kind]}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(f"'{shown(name, NAME)}'" for name in names[:8]) + more
