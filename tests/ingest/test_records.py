"""Records of a CSV, line by line: what can be split is, and a line that cannot be costs only itself."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given, strategies

from regulars.ingest import records as module
from regulars.ingest.records import Malformed, records


def read(text: str, delimiter: str = ",", width: int | None = 3) -> list[list[str] | Malformed]:
    return list(records(StringIO(text, newline=""), delimiter, width))


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("1,2,3", ["1", "2", "3"]),
        (",,", ["", "", ""]),
        ('1,"a,b",3', ["1", "a,b", "3"]),
        ('1,"a ""b"" c",3', ["1", 'a "b" c', "3"]),
        ('1,"two\nlines\r\nthree\rfour",3', ["1", "two\nlines\r\nthree\rfour", "3"]),
        ('1,"",""""', ["1", "", '"']),
        ('1,5" screw,3', ["1", '5" screw', "3"]),
        ('1, "a" ,3', ["1", "a", "3"]),
        ("1, a ,3", ["1", " a ", "3"]),
        ("1,a\0b,🧦", ["1", "a\0b", "🧦"]),
        ("1,2,3,,", ["1", "2", "3"]),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_a_record_is_split_into_its_fields(line: str, fields: list[str], end: str) -> None:
    assert read(line + end) == [fields]
    assert read("0,0,0" + (end or "\n") + line + end) == [["0", "0", "0"], fields]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,2", "2 fields instead of 3"),
        ("1", "1 field instead of 3"),
        ("1,2,3,4", "4 fields instead of 3"),
        ('1,"2,3', "a quote that is not closed"),
        ('1,"2"x,3', "text after a closing quote"),
        ("1,caf\udce9,3", "bytes that are no UTF-8"),
    ],
)
def test_a_line_that_cannot_be_split_costs_only_itself(line: str, problem: str) -> None:
    found = read(f'a,b,c\n0,"0\n0",0\n{line}\n7,8,9\n1,"x ""y"" z",3\n')
    bad = Malformed(4, line, problem)
    if problem == "a quote that is not closed":  # the quote of the last line then seems to close it
        bad = bad._replace(problem="text after a closing quote")
    assert found == [["a", "b", "c"], ["0", "0\n0", "0"], bad, ["7", "8", "9"], ["1", 'x "y" z', "3"]]


def test_empty_lines_are_no_records_and_count_as_lines() -> None:
    assert read("\n1,2,3\n\r\n  \n4,5\n") == [["1", "2", "3"], Malformed(5, "4,5", "2 fields instead of 3")]


def test_a_record_of_several_lines_with_too_many_fields_is_one() -> None:
    assert read('1,"a\nb",3,4\n5,6,7') == [
        Malformed(1, '1,"a\nb",3,4', "4 fields instead of 3"),
        ["5", "6", "7"],
    ]


def test_a_quote_that_is_never_closed_does_not_take_the_file_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 200)
    lines = [f"{number},a,b" for number in range(1000)]
    lines[3] = '3,"a,b'
    found = read("\n".join(lines))
    assert found[3] == Malformed(4, '3,"a,b', "a quote that is not closed")
    assert found[4:] == [[str(number), "a", "b"] for number in range(4, 1000)]


def test_a_line_without_an_end_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 200)
    found = read("1,2,3\n" + "x" * 1000 + "\n4,5,6\n")
    assert found[0] == ["1", "2", "3"] and found[2:] == [["4", "5", "6"]]
    assert found[1] == Malformed(2, "x" * 200, "a record of more than 200 characters")


fields = strategies.text(alphabet='ab"\n\r;, \0é🧦', max_size=6)


@given(
    strategies.lists(strategies.lists(fields, min_size=2, max_size=2), max_size=6),
    strategies.sampled_from(",;"),
)
def test_whatever_is_written_in_quotes_comes_back(rows: list[list[str]], delimiter: str) -> None:
    lines = [delimiter.join('"' + field.replace('"', '""') + '"' for field in row) + "\r\n" for row in rows]
    assert read("".join(lines), delimiter, 2) == rows


@given(strategies.text(alphabet='ab"\n\r, ', max_size=40))
def test_every_letter_of_any_text_is_in_a_record_or_in_a_malformed_line(text: str) -> None:
    found = read(text, width=2)
    kept = "".join(record.text if isinstance(record, Malformed) else "".join(record) for record in found)
    assert sorted(sign for sign in kept if sign in "ab") == sorted(sign for sign in text if sign in "ab")
