"""The lines of a CSV as records, one by one, so that a line that cannot be split is kept and the next ones are read.

DuckDB reads well-formed files, in parallel. Here is what it does to a record, written out once more for files that are not
well-formed: fields stand between delimiters, a field may stand in double quotes (blanks around them are no part of it), and
a quote within them is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, Protocol

LONGEST = (
    2**21
)  # characters of a record: a quote that is never closed must not take the rest of the file with it
_NOT_DECODED = re.compile("[\udc80-\udcff]")  # what Python's surrogateescape makes of bytes that are no UTF-8


class Text(Protocol):
    """A text that is read line by line, opened with `newline=""`."""

    def readline(self, size: int, /) -> str: ...


class Malformed(NamedTuple):
    """A line that could not be split into the header's columns: its number (the header's is 1), its text, and why."""

    line: int
    text: str
    problem: str


class _Fields(NamedTuple):
    """How fields are found: plain, in quotes, or in quotes that go on in the next line, through it, and to their end."""

    plain: re.Pattern[str]
    whole: re.Pattern[str]
    begun: re.Pattern[str]
    through: re.Pattern[str]
    end: re.Pattern[str]


@cache
def _patterns(delimiter: str) -> _Fields:
    inner = '((?:[^"]|"")*+)'
    blanks = "" if delimiter == " " else " *"
    ends = f"[{re.escape(delimiter)}\r\n]"
    close = f'"{blanks}(?={ends}|\\Z)'
    return _Fields(
        re.compile(f'(?!{blanks}")[^{ends[1:]}*'),
        re.compile(f'{blanks}"{inner}{close}'),
        re.compile(f'{blanks}"{inner}\\Z'),
        re.compile(f"{inner}\\Z"),
        re.compile(f"{inner}{close}"),
    )


class _Lines:
    """The physical lines of a text, which can be put back."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._back: list[str] = []
        self.number = 0

    def take(self) -> str:
        """The next line with its end, or an empty text where there is none."""
        line = self._back.pop() if self._back else self._text.readline(LONGEST)
        self.number += 1
        return line

    def put_back(self, lines: list[str]) -> None:
        self._back.extend(reversed(lines))
        self.number -= len(lines)


def records(text: Text, delimiter: str, width: int | None = None) -> Iterator[list[str] | Malformed]:
    r"""The records of a text: their fields, or what is wrong with them.

    A record whose quotes are wrong costs one line: reading goes on with the line after it. Empty lines are no records.

    Args:
        text: opened with `newline=""`, so that line ends within quotes stay as they are; and with
            `errors="surrogateescape"` if bytes that cannot be decoded are to cost their line only.
        delimiter: one character.
        width: how many fields a record must have; None: any number.

    >>> from io import StringIO
    >>> text = 'id,tea\n1,"Earl ""G"" tea"\n2\n3,"Assam'
    >>> for record in records(StringIO(text, newline=""), ",", 2):
    ...     print(record)
    ['id', 'tea']
    ['1', 'Earl "G" tea']
    Malformed(line=3, text='2', problem='1 field instead of 2')
    Malformed(line=4, text='3,"Assam', problem='a quote that is not closed')
    """
    lines = _Lines(text)
    while line := lines.take():
        number = lines.number
        if '"' in line or len(line) >= LONGEST:
            fields, line = _quoted_record(lines, line, delimiter)
        else:
            fields = line.rstrip("\r\n").split(delimiter)
        if isinstance(fields, str):
            yield Malformed(number, line.rstrip("\r\n"), fields)
        elif (width is not None and len(fields) != width) or not line.isascii() or len(fields) == 1:
            if not line.strip(" \r\n"):
                continue
            while width is not None and len(fields) > width and not fields[-1]:
                del fields[-1]  # some programs end every line with delimiters
            problem = _problem(fields, line, width)
            yield Malformed(number, line.rstrip("\r\n"), problem) if problem else fields
        else:
            yield fields


def _problem(fields: list[str], line: str, width: int | None) -> str | None:
    if width is not None and len(fields) != width:
        return f"{len(fields)} field{'s' * (len(fields) > 1)} instead of {width}"
    return "bytes that are no UTF-8" if _NOT_DECODED.search(line) else None


def _quoted_record(lines: _Lines, line: str, delimiter: str) -> tuple[list[str] | str, str]:
    """The fields of a record that begins with `line`, or what is wrong with it; and the record's text."""
    find, fields, taken, start = _patterns(delimiter), list[str](), [line], 0
    text, size = line, len(line)
    while True:
        if size >= LONGEST:
            return _give_up(lines, taken, f"a record of more than {LONGEST:,} characters")
        if plain := find.plain.match(text, start):
            fields.append(plain[0])
            end = plain.end()
        elif whole := find.whole.match(text, start):
            fields.append(whole[1].replace('""', '"'))
            end = whole.end()
        elif begun := find.begun.match(text, start):
            value, text, end = _rest(lines, taken, begun[1], find)
            if value is None:
                return _give_up(lines, taken, text)
            fields.append(value)
            size = sum(map(len, taken))
        else:
            return _give_up(lines, taken, "text after a closing quote")
        if text[end : end + 1] != delimiter:
            return fields, "".join(taken)
        start = end + 1


def _rest(lines: _Lines, taken: list[str], begun: str, find: _Fields) -> tuple[str | None, str, int]:
    """The rest of a field in quotes that goes on in the next lines: its value, the line that it ends in, and where.

    Without an end there is no value, and what is wrong stands in the line's place.
    """
    parts, size = [begun], len(begun)
    while line := lines.take():
        taken.append(line)
        if end := find.end.match(line):
            return "".join([*parts, end[1]]).replace('""', '"'), line, end.end()
        if not find.through.match(line):
            return None, "text after a closing quote", 0
        parts.append(line)
        size += len(line)
        if size >= LONGEST:
            return None, "a quote that is not closed", 0
    lines.number -= 1
    return None, "a quote that is not closed", 0


def _give_up(lines: _Lines, taken: list[str], problem: str) -> tuple[str, str]:
    """Only the first line is lost to the problem; a line that is too long is read to its end."""
    lines.put_back(taken[1:])
    line = taken[0]
    while not line.endswith(("\n", "\r")) and (more := lines.take()):
        lines.number -= 1
        line = more
    return problem, taken[0]
