"""Values as people and exports write them are read as what they mean, exactly, or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.config import Format
from regulars.ingest.contracts import Column, Kind
from regulars.ingest.landing import quoted
from regulars.ingest.values import BLANKS, CODES, NOTHING, SIGNS, Raw, filled, read, trimmed

BERLIN = "Europe/Berlin"
CONNECTION = duckdb.connect()


def value(text: str | None, kind: Kind, zone: str = BERLIN, **written: Any) -> Any:
    """A text of a CSV, read."""
    return values([text], kind, zone, **written)[0]


def values(given: list[str | None], kind: Kind, zone: str = BERLIN, **written: Any) -> list[Any]:
    rows = ", ".join(
        f"({place}, {'NULL' if text is None else quoted(text)}::VARCHAR)" for place, text in enumerate(given)
    )
    column = Column("c", kind, "")
    texts = f"SELECT place, {trimmed('c')} AS c FROM (VALUES {rows}) AS t(place, c)"
    query = f"SELECT place, {filled('c', kind)} AS c FROM ({texts})"
    reading = read(Raw("c", "VARCHAR"), column, Format(**written), zone)
    return [
        found for (found,) in CONNECTION.sql(f"SELECT {reading} FROM ({query}) ORDER BY place").fetchall()
    ]


def typed(sql: str, kind: Kind, zone: str = BERLIN, **written: Any) -> Any:
    """A value of a Parquet file or a database, read."""
    column_type = CONNECTION.sql(f"SELECT typeof({sql})").fetchall()[0][0].split("(")[0]
    reading = read(Raw("c", column_type), Column("c", kind, ""), Format(**written), zone)
    return CONNECTION.sql(f"SELECT {reading} FROM (SELECT {sql} AS c)").fetchall()[0][0]


# -------------------------------------------------------------------------------------------------------------- amounts

POINT = [
    ("1234.5", "1234.5"), ("1,234.50", "1234.5"), ("1,234,567.89", "1234567.89"), ("-5", "-5"), ("+5", "5"), (".5", "0.5"),
    ("£1,234.50", "1234.5"), ("-£5", "-5"), ("£-5", "-5"), ("$ 12", "12"), ("12 €", "12"), ("EUR 12.00", "12"),
    ("12.00 CHF", "12"), ("US$3", "3"), ("(12.00)", "-12"), ("($12.00)", "-12"), ("7-", "-7"), ("−7.25", "-7.25"),
    ("1 234.50", "1234.5"), ("1\u202f234.50", "1234.5"), ("1\u00a0234.50", "1234.5"), ("1'234.50", "1234.5"),
    ("1’234.50", "1234.5"), ("100 kr", "100"), ("zł 3", "3"), ("12.-", "12"), ("1e3", "1000"), ("0.00005", "0.0001"),
    ("  7 ", "7"), ("0", "0"), ("-0.00", "0"),
]  # fmt: skip
COMMA = [
    ("1234,5", "1234.5"), ("1.234,50", "1234.5"), ("1.234.567,89", "1234567.89"), ("1.234", "1234"), ("12,50 €", "12.5"),
    ("-1.234,50 €", "-1234.5"), ("(3,00)", "-3"), ("12,-", "12"), (",5", "0.5"), ("1 234,50", "1234.5"), ("7", "7"),
]  # fmt: skip
NO_AMOUNT = ["ten", "1.2.3", "12,34.5", "1,23", "--5", "SKU-003", "SKU3", "5 apples", "1/2", "€", "12 €€", "2024-01-05",
             "1,2345", "-5-", "(5", "5)", "5%", "0x10", "∞", "12:30"]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), POINT)
def test_amounts_with_a_decimal_point(text: str, meant: str) -> None:
    assert value(text, "money") == Decimal(meant)


@pytest.mark.parametrize(("text", "meant"), COMMA)
def test_amounts_with_a_decimal_comma(text: str, meant: str) -> None:
    assert value(text, "money", decimal=",") == Decimal(meant)


@pytest.mark.parametrize("text", NO_AMOUNT)
def test_what_is_no_amount_is_not_read(text: str) -> None:
    assert value(text, "money") is None


@pytest.mark.parametrize("text", ["1,234.50", "12.5", "1.23", "ten", "1.2.3,4"])
def test_with_a_decimal_comma_a_decimal_point_is_not_read(text: str) -> None:
    assert value(text, "money", decimal=",") is None


@pytest.mark.parametrize("text", ["", "NULL", "nan", "None", "N/A", "#N/A", "\\N", "<NA>", " \t\u00a0"])
@pytest.mark.parametrize("kind", ["money", "id", "flag", "time", "count"])
def test_what_exports_write_for_nothing_is_nothing(text: str, kind: Kind) -> None:
    assert value(text, kind) is None


@pytest.mark.parametrize(
    ("sql", "meant"),
    [("1.5::DOUBLE", "1.5"), ("0.1::FLOAT", "0.1"), ("3::BIGINT", "3"), ("2.50::DECIMAL(5, 2)", "2.5"),
     ("'nan'::DOUBLE", None), ("'inf'::DOUBLE", None), ("NULL::DOUBLE", None), ("1e30::DOUBLE", None)],
)  # fmt: skip
def test_numbers_of_other_sources_are_amounts(sql: str, meant: str | None) -> None:
    assert typed(sql, "money") == (None if meant is None else Decimal(meant))


AMOUNT = st.decimals(Decimal("-99999999999.9999"), Decimal("99999999999.9999"), places=4)
WAYS = ["minus first", "minus last", "in brackets"]
UNITS = ["", "€", "$", "US$", "EUR", *SIGNS[:3], CODES.split("|")[2]]


def as_written(amount: Decimal, decimal: str, group: str, way: str, unit: str, is_before: bool) -> str:
    """An amount as a person writes it."""
    text = f"{abs(amount):,f}".translate(str.maketrans({",": group, ".": decimal}))
    text = (f"{unit} {text}" if is_before else f"{text} {unit}").strip()
    if amount >= 0:
        return text
    return {"minus first": f"-{text}", "minus last": f"{text}-", "in brackets": f"({text})"}[way]


@settings(max_examples=60)
@given(
    amounts=st.lists(AMOUNT, min_size=1, max_size=20),
    signs=st.sampled_from(
        [(".", ","), (",", "."), (".", " "), (",", "\u202f"), (".", "'"), (",", "’"), (",", ""), (".", "")]
    ),
    way=st.sampled_from(WAYS),
    unit=st.sampled_from(UNITS),
    is_before=st.booleans(),
)
def test_any_amount_however_written_is_read_back_exactly(
    amounts: list[Decimal], signs: tuple[str, str], way: str, unit: str, is_before: bool
) -> None:
    decimal, group = signs
    texts: list[str | None] = [as_written(amount, decimal, group, way, unit, is_before) for amount in amounts]
    assert values(texts, "money", decimal=decimal) == amounts


@settings(max_examples=30)
@given(
    texts=st.lists(st.text(max_size=12).filter(lambda text: "\x00" not in text), min_size=1, max_size=20),
    decimal=st.sampled_from([".", ","]),
)
def test_no_text_stops_the_reading_of_amounts(texts: list[str | None], decimal: str) -> None:
    assert all(
        found is None or isinstance(found, Decimal) for found in values(texts, "money", decimal=decimal)
    )


# ----------------------------------------------------------------------------------------- ids, counts, flags and texts


@pytest.mark.parametrize(
    ("text", "meant"),
    [("1", "1"), (" 1", "1"), ("1.0", "1"), ("1.000", "1"), ("01", "01"), ("-1.0", "-1"), ("1.5", "1.5"), ("1.01", "1.01"),
     ("A1.0", "A1.0"), ("\ufeff7", "7"), ("nan", None), ("17850.0", "17850"), ("#1001", "#1001"), ("1.0.0", "1.0.0")],
)  # fmt: skip
def test_ids_are_one_however_a_spreadsheet_wrote_them(text: str, meant: str | None) -> None:
    assert value(text, "id") == meant


@pytest.mark.parametrize(
    ("sql", "meant"),
    [("1::BIGINT", "1"), ("1.0::DOUBLE", "1"), ("1.5::DOUBLE", "1.5"), ("'nan'::DOUBLE", None),
     ("12345678901::DOUBLE", "12345678901"),
     ("9007199254740993::BIGINT", "9007199254740993")],
)  # fmt: skip
def test_ids_that_are_numbers_are_those_of_their_text(sql: str, meant: str | None) -> None:
    found = typed(sql, "id")
    assert (None if found in (None, "nan") else found) == meant


@pytest.mark.parametrize(
    ("text", "meant"), [("3", 3), ("3.0", 3), ("1,000", 1000), ("2.5", None), ("three", None), ("-1", -1)]
)
def test_counts_are_whole(text: str, meant: int | None) -> None:
    assert value(text, "count") == meant


@pytest.mark.parametrize(
    ("texts", "meant"),
    [(["true", "True", "YES", "y", "t", "1", "1.0"], True), (["false", "FALSE", "No", "n", "f", "0", "0.0"], False),
     (["maybe", "2", "on"], None)],
)  # fmt: skip
def test_flags_are_words_or_numbers(texts: list[str | None], meant: bool | None) -> None:
    assert values(texts, "flag") == [meant] * len(texts)
    assert typed("true", "flag") is True
    assert typed("0::BIGINT", "flag") is False


def test_in_free_text_only_nothing_is_nothing() -> None:
    texts: list[str | None] = ["NULL", "N/A", "  tea  ", " ", "🫖", '=SUM("x")', "<b>", "a\nb"]
    assert values(texts, "text") == ["NULL", "N/A", "tea", None, "🫖", '=SUM("x")', "<b>", "a\nb"]


def test_blanks_of_every_sort_are_taken_off_and_words_for_nothing_are_short() -> None:
    assert values([blank + "x" + blank for blank in BLANKS if blank != "\x00"], "id") == ["x"] * (
        len(BLANKS) - 1
    )
    assert max(map(len, NOTHING)) <= 4  # `filled` looks no further


# ---------------------------------------------------------------------------------------------------------------- times


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024-01-05", "2024-01-05 00:00:00"),
        ("2024-01-05 10:30", "2024-01-05 10:30:00"),
        ("2024-01-05T10:30:59", "2024-01-05 10:30:59"),
        ("2024-01-05 10:30:59.25", "2024-01-05 10:30:59.250000"),
        ("2024-01-05T10:30:00Z", "2024-01-05 11:30:00"),
        ("2024-01-05 10:30:00 UTC", "2024-01-05 11:30:00"),
        ("2024-01-05 10:30:00 GMT", "2024-01-05 11:30:00"),
        ("2024-01-05 10:30:00 -0500", "2024-01-05 16:30:00"),
        ("2024-01-05 10:30:00-05", "2024-01-05 16:30:00"),
        ("2024-01-05T23:30:00-05:00", "2024-01-06 05:30:00"),
        ("2024-07-05T10:30:00+05:30", "2024-07-05 07:00:00"),
        ("2024-12-31T23:30:00Z", "2025-01-01 00:30:00"),  # another day, month and year where the shop is
        ("yesterday", None),
        ("2024-02-30", None),
        ("10:30", None),
    ],
)
def test_times_are_the_shops_own(text: str, meant: str | None) -> None:
    found = value(text, "time")
    assert (None if found is None else str(found)) == meant


NAMES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
INSTANT = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)


@settings(max_examples=40)
@given(
    moments=st.lists(INSTANT, min_size=1, max_size=20),
    minutes=st.integers(-12 * 60, 14 * 60),
    zone=st.sampled_from(NAMES),
    form=st.sampled_from(["iso", "shopify"]),
)
def test_a_time_with_an_offset_is_that_instant_in_the_shops_zone(
    moments: list[datetime], minutes: int, zone: str, form: str
) -> None:
    there = timezone(timedelta(minutes=minutes))
    written = [moment.astimezone(there) for moment in moments]
    texts: list[str | None] = [
        moment.isoformat() if form == "iso" else f"{moment:%Y-%m-%d %H:%M:%S %z}" for moment in written
    ]
    wanted = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in moments]
    assert values(texts, "time", zone) == wanted


@settings(max_examples=40)
@given(
    moments=st.lists(INSTANT, min_size=1, max_size=20),
    source=st.sampled_from(NAMES),
    zone=st.sampled_from(NAMES),
    given_as=st.sampled_from(["ISO", "pattern"]),
)
def test_a_time_without_one_is_taken_in_the_sources_zone(
    moments: list[datetime], source: str, zone: str, given_as: str
) -> None:
    local = [moment.astimezone(ZoneInfo(source)) for moment in moments]
    # An hour that the clocks have twice can be meant twice: nobody can tell from its text.
    clear = [
        moment for moment in local if moment.replace(fold=0).utcoffset() == moment.replace(fold=1).utcoffset()
    ]
    pattern = "%Y-%m-%d %H:%M:%S" if given_as == "ISO" else "%d.%m.%Y %H:%M:%S"
    texts: list[str | None] = [moment.strftime(pattern) for moment in clear]
    dates = None if given_as == "ISO" else [pattern]
    if texts:
        wanted = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in clear]
        assert values(texts, "time", zone, time_zone=source, dates=dates) == wanted


def test_the_night_on_which_the_clocks_change() -> None:
    texts: list[str | None] = [
        "2024-03-31T00:59:59Z",
        "2024-03-31T01:00:00Z",
        "2024-10-27T00:30:00Z",
        "2024-10-27T01:30:00Z",
    ]
    found = [str(moment) for moment in values(texts, "time")]
    assert found == [
        "2024-03-31 01:59:59",
        "2024-03-31 03:00:00",
        "2024-10-27 02:30:00",
        "2024-10-27 02:30:00",
    ]


def test_times_of_other_sources() -> None:
    assert typed("TIMESTAMP '2024-01-05 10:30:00'", "time") == datetime(2024, 1, 5, 10, 30)
    assert typed("TIMESTAMP '2024-01-05 10:30:00'", "time", time_zone="UTC") == datetime(2024, 1, 5, 11, 30)
    assert typed("TIMESTAMPTZ '2024-07-05 10:30:00+00'", "time", time_zone="Asia/Tokyo") == datetime(
        2024, 7, 5, 12, 30
    )
    assert typed("DATE '2024-01-05'", "time") == datetime(2024, 1, 5)


def test_days_are_numbers_of_local_days() -> None:
    first = date(1970, 1, 1)
    assert value("2024-12-31T23:30:00Z", "day") == (date(2025, 1, 1) - first).days
    assert value("05.01.2024", "day", dates=["%d.%m.%Y"]) == (date(2024, 1, 5) - first).days
    assert typed("DATE '1969-12-31'", "day") == -1
    assert typed("19000::INTEGER", "day") == 19_000
    assert value("soon", "day") is None
