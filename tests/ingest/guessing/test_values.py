"""What values look like: numbers as staging reads them, ids, addresses, and what they rule out."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.ingest.contracts import CONTRACTS
from regulars.ingest.guessing.values import Profile, is_kind, profiles_of

LINES = CONTRACTS["order_lines"].mappable


def profile(*values: str | None, name: str = "x") -> Profile:
    return profiles_of(pd.DataFrame({name: list(values)}, dtype=object))[0]


@pytest.mark.parametrize(
    ("values", "numbers", "decimal"),
    [
        (("1,234.50", "7"), [1234.5, 7], "."),
        (("1.234,50", "7"), [1234.5, 7], ","),
        (("$1,234.50", "-$5.00"), [1234.5, -5], "."),
        (("1.234,50 €", "7,00 €"), [1234.5, 7], ","),
        (("EUR 7.25", "12.00 EUR"), [7.25, 12], "."),
        (("(12.00)", "7.5-"), [-12, -7.5], "."),
        (("5", "7"), [5, 7], ""),
        (("1,234", "5,678"), [1234, 5678], ""),  # nothing tells: a point is taken before the cents
        (("1e-05", "2.5"), [0, 2.5], "."),
    ],
)
def test_numbers_are_read_as_staging_reads_them(
    values: Sequence[str], numbers: list[float], decimal: str
) -> None:
    found = profile(*values)
    assert found.is_number
    assert found.numbers.tolist() == numbers
    assert (found.decimal, found.is_mixed) == (decimal, False)


def test_points_and_commas_in_one_column_are_seen() -> None:
    found = profile("1,50", "2,75", "3.25")
    assert (found.decimal, found.is_mixed, found.is_number) == (",", True, True)


@pytest.mark.parametrize(
    "values", [("SKU-003", "SKU-004"), ("C536379", "C536380"), ("A1", "B2"), ("2 pcs", "3 pcs")]
)
def test_codes_are_no_numbers(values: Sequence[str]) -> None:
    assert not profile(*values).is_number


@pytest.mark.parametrize(
    ("values", "currency"),
    [(("$5", "$6.50"), "USD"), (("5 €", "6"), "EUR"), (("£5.00",), "GBP"), (("C$5.00",), "CAD"), (("CHF 5.00",), "CHF"),
     (("5.00",), None), (("XYZ 5",), None)],
)  # fmt: skip
def test_signs_and_codes_tell_the_currency(values: Sequence[str], currency: str | None) -> None:
    assert profile(*values).currency == currency


@pytest.mark.parametrize("nothing", ["", "  ", "NULL", "nan", "N/A", None])
def test_words_for_nothing_are_nothing(nothing: str | None) -> None:
    assert profile(nothing, " 7 ").filled.tolist() == ["7"]
    assert not is_kind(profile(nothing), LINES["order_id"])


@pytest.mark.parametrize(
    ("ours", "good", "bad"),
    [
        ("order_id", ("1001", "1002"), ("Ada", "Grace")),
        ("order_id", ("#1001", "#1002"), ("10.50", "11.25")),
        ("order_id", ("20250101", "20250102"), ("2025-01-01", "2025-01-02")),
        ("order_id", ("1001", "1002"), ("1001", None, None, None)),
        ("customer_id", ("17850.0", None, None), ("Ada Lovelace", "Grace Hopper")),
        ("customer_id", ("a@b.org", "c@d.org"), ("2025-01-01", "2025-01-02")),
        ("email", ("a@b.org", "c@d.org"), ("a", "b")),
        ("phone", ("+44 20 7946 0000", "030/123456"), ("yes", "no")),
        ("currency", ("EUR", "usd"), ("USA", "CAN")),
        ("status", ("paid", "refunded"), ("Kentucky", "Ohio")),
        ("ordered_at", ("01.02.2025", "13.02.2025"), ("1738368000", "1739404800")),
        ("revenue", ("12.50", "7"), ("twelve", "seven")),
        ("discount", ("2.00", "0"), ("0.2", "0")),
        ("is_test", ("true", "FALSE"), ("paid", "open")),
        ("country", ("France", "UK"), ("7", "8")),
        ("product", ("Red cup", "Blue cup"), ("7.50", "8.25")),
    ],
)
def test_values_rule_out_what_a_name_says(ours: str, good: Sequence[str], bad: Sequence[str]) -> None:
    assert is_kind(profile(*good), LINES[ours])
    assert not is_kind(profile(*bad), LINES[ours])


@given(st.lists(st.one_of(st.none(), st.text(max_size=15)), min_size=1, max_size=6))
@settings(max_examples=20, deadline=None)
def test_no_value_is_too_strange(values: list[str | None]) -> None:
    found = profile(
        *[None if value is None else value.encode("utf-8", "ignore").decode() for value in values]
    )
    assert len(found.texts) == len(found.numbers) == len(values)
    for column in LINES.values():
        assert is_kind(found, column) in (True, False)
