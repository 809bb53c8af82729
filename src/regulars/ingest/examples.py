"""Examples of what was refused, as it came: for the ledger and for sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from regulars.engine import Engine
from regulars.ingest.cleaning import Rule
from regulars.ingest.landing import Landed, identifier, quoted
from regulars.ingest.values import schema_of

EXAMPLES = 3
LONGEST = 40  # characters


def examples_of(engine: Engine, refused: Path, rules: Sequence[Rule], landed: Landed) -> dict[str, str]:
    """Rule → up to three values that it refused, picked by value, so that the order of rows does not matter.

    Args:
        engine: where the file is read.
        refused: the refused rows as they came, with `refused_because` and `unreadable`.
        rules: those that refused.
        landed: the raw table, for the source's own names and for lines that could not be split.
    """
    names = schema_of(engine, f"FROM read_parquet({quoted(refused)})")
    found = {}
    for rule in rules:
        column = _unreadable(engine, refused, rule) if rule.column == "unreadable" else rule.column
        if column in names:
            said = _values(engine, refused, rule, column)
            in_column = f" in '{landed.columns.get(column, column)}'" if rule.column == "unreadable" else ""
            found[rule.name] = said + in_column if said else ""
    if landed.malformed:
        found["malformed_line"] = _lines(engine, landed.malformed)
    return found


def _unreadable(engine: Engine, refused: Path, rule: Rule) -> str:
    """The column in which most could not be read."""
    rows = f"SELECT mode(unreadable ORDER BY unreadable) FROM read_parquet({quoted(refused)})"
    named = engine.connection.execute(f"{rows} WHERE refused_because = {quoted(rule.name)}").fetchall()[0][0]
    return str(named)


def _values(engine: Engine, refused: Path, rule: Rule, column: str) -> str:
    unread = f"AND unreadable = {quoted(column)}" if rule.column == "unreadable" else ""
    values = engine.connection.execute(f"""
        SELECT DISTINCT {identifier(column)}::VARCHAR AS v FROM read_parquet({quoted(refused)})
        WHERE refused_because = {quoted(rule.name)} {unread} AND v IS NOT NULL ORDER BY v LIMIT {EXAMPLES}""").fetchall()
    return ", ".join(f"‘{_shown(value)}’" for (value,) in values)


def _shown(value: str) -> str:
    """The value, but not several words: where columns are shifted, a date may be a name and an address."""
    words = re.findall(r"[^\W\d_]{3,}", value)
    return f"{len(words)} words" if len(words) > 2 else value[:LONGEST]


def _lines(engine: Engine, malformed: Path) -> str:
    rows = engine.connection.execute(f"""
        SELECT file, line, problem FROM read_parquet({quoted(malformed)}) ORDER BY file, line LIMIT {EXAMPLES}""").fetchall()
    return ", ".join(f"line {line} of {file} ({problem})" for file, line, problem in rows)
