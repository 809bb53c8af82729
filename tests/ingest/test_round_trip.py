"""The same orders, in whatever form a shop has them, are staged as the same orders and the same returns."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from regulars import Shop
from regulars.config import ShopConfig
from regulars.ingest import CONTRACTS, Ledger, stage
from tests.ingest.corner import read
from tests.ingest.exports import write_plain, write_shopify, write_woocommerce

KEY = "a key of the tests, no shop's: 32+ signs"
HOME, ABROAD = "Europe/Berlin", "America/New_York"
CENT, EXACT = Decimal("0.01"), Decimal("0.0001")
OUT = dict.fromkeys(("tax", "shipping", "discounts"), "out")
IN = dict.fromkeys(OUT, "in")

# -------------------------------------------------------------------------------------------------------- the orders

CATALOGUE = [
    ("TEA-01", 'Tea, "Earl; Grey"', "12.50"),
    ("POT", "🫖 blue\npot", "45.00"),
    ("007", "Cup 👩‍👩‍👧", "6.90"),
    ("=A1", "=SUM(A1:A9)", "3.05"),
    ("BAG", "<b>Bag</b> | 100 % jute: strong", "0.75"),
]
PEOPLE = [
    "ann@example.com",
    "bo@example.com",
    "cy@example.org",
    "dee@example.com",
    "fay@example.com",
    "fay@work.example",
]
PHONES = {
    "fay@example.com": "+44 20 7946 0018",
    "fay@work.example": "+44 (20) 7946-0018",
}  # one person, two addresses
COUPONS = (0, 5, 15, 20, 25)  # order 10 has a discount without one
STATUS = {4: "pending", 9: "cancelled", 14: "refunded", 22: "refunded"}
SPELLINGS = {6: " Ann@Example.com", 12: "ANN@example.com "}
START = datetime(2024, 1, 3, 9, 30)
START = datetime(2024, 1, 3, 9, 30)
TIMES = {  # the nights on which clocks change, the end of a month and of a year, and a leap day, in two zones
    2: datetime(2024, 2, 29, 23, 59, 59),
    7: datetime(2024, 3, 10, 3, 0),
    8: datetime(2024, 3, 31, 1, 59, 59),
    11: datetime(2024, 3, 31, 22, 30),
    17: datetime(2024, 10, 27, 12, 0),
    29: datetime(2024, 12, 31, 23, 30),
}


def _lines(place: int) -> list[dict[str, Any]]:
    """One to four lines; every fifth order has a discount of a tenth."""
    lines = []
    for turn in range(1 + place * 5 % 4):
        sku, product, price = CATALOGUE[(place + turn) % len(CATALOGUE)]
        quantity = 1 + (place + 2 * turn) % 3
        discount = (Decimal(price) * quantity / 10).quantize(CENT) if place % 5 == 0 else Decimal("0.00")
        lines.append({"order_id": f"#{1001 + place}", "sku": sku, "product": product, "quantity": quantity,
                      "price": Decimal(price), "discount": discount})  # fmt: skip
    return lines


def _order(place: int) -> dict[str, Any]:
    """An order of these lines. Every fourth is sent abroad, without tax; every third is fetched, without shipping."""
    lines = _lines(place)
    discount = sum((line["discount"] for line in lines), Decimal("0.00"))
    revenue = sum((line["price"] * line["quantity"] for line in lines), Decimal("0.00")) - discount
    shipping = Decimal("0.00") if place % 3 == 0 else Decimal("5.00")
    tax = Decimal("0.00") if place % 4 == 1 else ((revenue + shipping) / 5).quantize(CENT)
    email = "" if place % 7 == 3 else SPELLINGS.get(place, PEOPLE[place % len(PEOPLE)])
    status = STATUS.get(place, "paid")
    refunded = {"refunded": revenue}.get(status, Decimal("5.00") if place in (16, 19) else Decimal("0.00"))
    return {
        "order_id": f"#{1001 + place}", "ordered_at": TIMES.get(place, START + place * timedelta(11, 77)),
        "email": email, "phone": PHONES.get(email, ""), "currency": "USD" if place == 24 else "EUR", "status": status,
        "revenue": revenue, "tax": tax, "shipping": shipping, "discount": discount,
        "coupon": ("SPRING" if place % 2 else "🎁 10; ten") if place in COUPONS else "", "refunded": refunded,
    }  # fmt: skip


ORDERS = pd.DataFrame([_order(place) for place in range(30)])
LINES = pd.DataFrame([line for place in range(30) for line in _lines(place)])
NOT_COUNTED = {"#1005": "unpaid", "#1010": "unpaid", "#1025": "foreign_currency"}

# ------------------------------------------------------------------------------------------------------ by hand


def hashed(address: str) -> str | None:
    """The keyed hash of an address; of Fay's two, the one by which she is known."""
    addresses = list(PHONES) if address in PHONES else [address]
    macs = [hmac.new(KEY.encode(), name.encode(), hashlib.sha256).hexdigest() for name in addresses]
    return min(macs) if address else None


def expected(zone: str, revenue: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders and returns as they are to be staged, computed without any of the code that stages."""
    rows = [
        _staged(order, zone, revenue)
        for order in ORDERS.to_dict("records")
        if order["order_id"] not in NOT_COUNTED
    ]
    orders, back = pd.DataFrame(rows), [_returned(row) for row in rows if row["back"]]
    return orders.sort_values("order_id", ignore_index=True), pd.DataFrame(back)


def _staged(order: dict[str, Any], zone: str, revenue: dict[str, str]) -> dict[str, Any]:
    at = order["ordered_at"].replace(tzinfo=ZoneInfo(zone)).astimezone(ZoneInfo(HOME)).replace(tzinfo=None)
    worth = order["revenue"] + sum(order[part] for part in ("tax", "shipping") if revenue[part] == "in")
    worth += order["discount"] if revenue["discounts"] == "in" else 0
    listed = worth if revenue["discounts"] == "in" else worth + order["discount"]
    return {
        "order_id": order["order_id"], "customer_id": hashed(order["email"].strip().lower()), "store_id": None,
        "lines": int((LINES["order_id"] == order["order_id"]).sum()), "revenue": worth, "list_revenue": listed,
        "discount": order["discount"], "coupon_discount": order["discount"] if order["coupon"] else Decimal(0),
        "has_coupon": bool(order["coupon"]), "ordered_at": at, "ordered_day": (at.date() - date(1970, 1, 1)).days,
        "ordered_month": f"{at:%Y-%m}", "back": worth if order["status"] == "refunded" else given_back(order, revenue),
    }  # fmt: skip


def given_back(order: dict[str, Any], revenue: dict[str, str]) -> Decimal:
    """What was given back, with its tax if revenue has it."""
    net = order["revenue"] + order["shipping"]
    factor = (net + order["tax"]) / net if revenue["tax"] == "in" else Decimal(1)
    return Decimal(order["refunded"] * factor).quantize(CENT)


def _returned(row: dict[str, Any]) -> dict[str, Any]:
    listed = (row["back"] * row["list_revenue"] / row["revenue"]).quantize(EXACT)
    return {"return_id": row["order_id"], "order_id": row["order_id"], "customer_id": row["customer_id"], "product_id": None,
            "quantity": None, "revenue": row["back"], "list_revenue": listed, "returned_at": row["ordered_at"],
            "returned_day": row["ordered_day"], "returned_month": row["ordered_month"]}  # fmt: skip


# ---------------------------------------------------------------------------------------------------- the forms

COLUMNS = {
    "orders": {name: name for name in ("order_id", "ordered_at", "email", "phone", "currency", "status", "revenue", "tax",
                                       "shipping", "discount", "refunded")} | {"coupon_id": "coupon"},
    "order_lines": {name: name for name in ("order_id", "ordered_at", "email", "product", "quantity", "price", "discount")}
    | {"product_id": "sku"},
}  # fmt: skip
INCLUDES = {"orders": [], "order_lines": ["discounts"]}  # a price is that before the discount
Frames = dict[str, pd.DataFrame]


def plain(revenue: dict[str, str]) -> Frames:
    """The two tables as a shop has them that says what it gave back as it counts revenue."""
    back = [given_back(order, revenue) for order in ORDERS.to_dict("records")]
    lines = LINES.merge(ORDERS[["order_id", "ordered_at", "email"]], on="order_id")
    return {"orders": ORDERS.assign(refunded=back), "order_lines": lines}


def files(suffix: str, zone: str, **more: Any) -> dict[str, Any]:
    """The source of a shop with two files."""
    tables = {
        name: {
            "path": f"{name}.{suffix}",
            "columns": columns,
            "includes": INCLUDES[name],
            "time_zone": zone,
            **more,
        }
        for name, columns in COLUMNS.items()
    }
    return {"kind": "files", "tables": tables}


def as_csv(raw: Path, zone: str, revenue: dict[str, str]) -> dict[str, Any]:
    write_plain(raw, plain(revenue)["orders"], LINES)
    return files("csv", zone)


def as_other_csv(raw: Path, zone: str, revenue: dict[str, str]) -> dict[str, Any]:
    """As a spreadsheet in German writes it."""
    for name, frame in plain(revenue).items():
        written = frame.map(
            lambda value: (
                f"{value:,}".translate(str.maketrans(".,", ",.")) if isinstance(value, Decimal) else value
            )
        )
        written = written.assign(ordered_at=frame["ordered_at"].dt.strftime("%d.%m.%Y %H:%M:%S"))
        written.to_csv(raw / f"{name}.csv.gz", index=False, sep=";", encoding="utf-8-sig")
    return files("csv.gz", zone, decimal=",")


def as_parquet(raw: Path, zone: str, revenue: dict[str, str]) -> dict[str, Any]:
    for name, frame in plain(revenue).items():
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), raw / f"{name}.parquet")
    return files("parquet", zone)


def as_instants(raw: Path, zone: str, revenue: dict[str, str]) -> dict[str, Any]:
    """Parquet whose times are points in time, which need no zone."""
    for name, frame in plain(revenue).items():
        known = frame.assign(ordered_at=frame["ordered_at"].dt.tz_localize(zone).dt.tz_convert(UTC))
        pq.write_table(pa.Table.from_pandas(known, preserve_index=False), raw / f"{name}.parquet")
    return files("parquet", "Asia/Tokyo")


def as_workbook(raw: Path, zone: str, revenue: dict[str, str]) -> dict[str, Any]:
    for name, frame in plain(revenue).items():
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.append(list(frame))
        for place, row in enumerate(frame.itertuples(index=False), start=2):
            for column, value in enumerate(row, start=1):
                cell = sheet.cell(place, column)
                is_text = isinstance(value, str)
                cell.value = (
                    value or None if is_text else float(value) if isinstance(value, Decimal) else value
                )
                if is_text and value:
                    cell.data_type = "s"  # a text that begins with = is no formula
        book.save(raw / f"{name}.xlsx")
    return files("xlsx", zone)


def as_shopify(raw: Path, zone: str, _: dict[str, str], *, is_tax_inside: bool = False) -> dict[str, Any]:
    write_shopify(raw / "orders_export.csv", ORDERS, LINES, zone=zone, is_tax_inside=is_tax_inside)
    return {"kind": "shopify"}


def as_woocommerce(raw: Path, zone: str, _: dict[str, str], **form: Any) -> dict[str, Any]:
    write_woocommerce(raw / "orders.csv", ORDERS, LINES, **form)
    return {"kind": "woocommerce", "time_zone": zone}


Form = Callable[[Path, str, dict[str, str]], dict[str, Any]]
FORMS: dict[str, Form] = {
    "CSV": as_csv,
    "CSV of a German spreadsheet": as_other_csv,
    "Parquet": as_parquet,
    "Parquet with instants": as_instants,
    "Excel": as_workbook,
    "Shopify": as_shopify,
    "Shopify, tax in the prices": partial(as_shopify, is_tax_inside=True),
    "WooCommerce, a row per item": as_woocommerce,
    "WooCommerce, items packed": partial(as_woocommerce, form="packed"),
    "WooCommerce, Advanced Order Export": partial(as_woocommerce, form="advanced"),
}

# ------------------------------------------------------------------------------------------------------- the tests


@pytest.fixture(autouse=True, scope="module")
def _key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGULARS_KEY", KEY)
        yield


def opened(home: Path, form: Form, zone: str = HOME, revenue: dict[str, str] = OUT) -> Shop:
    """A shop with the orders in a form."""
    raw = home / "raw"
    raw.mkdir(parents=True)
    config = {
        "name": "acme", "title": "Acme", "currency": "EUR", "time_zone": HOME, "margin_rate": 0.3, "revenue": revenue,
        "source": form(raw, zone, revenue), "identities": {"merge_by": [["email_hash"], ["phone_hash"]]},
    }  # fmt: skip
    return Shop(ShopConfig.model_validate(config), home, raw)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Shop, Ledger]]:
    """The shop of a form with its ledger, staged once."""

    @cache
    def stage_form(name: str) -> tuple[Shop, Ledger]:
        shop = opened(tmp_path_factory.mktemp("shop"), FORMS[name])
        return shop, stage(shop)

    return stage_form


Staged = Callable[[str], tuple[Shop, Ledger]]


def assert_staged(shop: Shop, zone: str = HOME, revenue: dict[str, str] = OUT) -> None:
    """What is staged is what was computed by hand, in every column."""
    for table, frame in zip(("orders", "returns"), expected(zone, revenue), strict=True):
        found = read(shop, table)
        assert list(found) == [column.name for column in CONTRACTS[table].columns]
        told = [{name: plain_value(value) for name, value in row.items()} for row in found.to_dict("records")]
        wanted = [{name: plain_value(row[name]) for name in found} for row in frame.to_dict("records")]
        assert told == wanted


def plain_value(value: Any) -> Any:
    return None if pd.isna(value) else value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def test_the_orders_have_everything_that_can_go_wrong() -> None:
    assert (len(ORDERS), len(LINES)) == (30, 73)
    assert (ORDERS["email"] == "").sum() == 4
    assert set(ORDERS["status"]) == {"paid", "pending", "cancelled", "refunded"}
    assert ORDERS["coupon"].str.contains("🎁").any() and LINES["product"].str.contains("\n").any()


@pytest.mark.parametrize("form", list(FORMS))
def test_every_form_is_staged_as_what_it_says(form: str, staged: Staged) -> None:
    shop, ledger = staged(form)
    assert_staged(shop)
    assert_accounted(ledger, shop)


@pytest.mark.parametrize(
    "form", [name for name in FORMS if name not in ("Parquet", "WooCommerce, items packed")]
)
def test_so_it_is_with_the_shops_clock_abroad_and_all_money_in(form: str, tmp_path: Path) -> None:
    shop = opened(tmp_path, FORMS[form], ABROAD, IN)
    stage(shop)
    assert_staged(shop, ABROAD, IN)


def assert_accounted(ledger: Ledger, shop: Shop) -> None:
    orders = ledger.tables.set_index("table").loc["orders"]
    assert orders[["read", "staged", "refused"]].tolist() == [30, 27, 3]
    refused = pd.read_parquet(shop.staged("refused/orders"))
    assert dict(zip(refused["order_id"], refused["refused_because"], strict=True)) == NOT_COUNTED
    assert not refused.astype(str).apply(lambda column: column.str.contains("@")).any(axis=None)


@pytest.mark.parametrize("table", ["orders", "returns", "order_lines", "products", "customers"])
def test_files_of_all_kinds_are_staged_alike_to_the_byte(table: str, staged: Staged) -> None:
    names = [name for name in FORMS if "Shopify" not in name and "WooCommerce" not in name]
    first, *others = (staged(name)[0].staged(table).read_bytes() for name in names)
    assert [name for name, other in zip(names[1:], others, strict=True) if other != first] == []


LINE = [
    "order_id",
    "customer_id",
    "product_id",
    "quantity",
    "price",
    "revenue",
    "discount",
    "ordered_at",
    "is_duplicate",
]


def test_lines_are_staged_alike_where_the_forms_say_as_much_of_them(staged: Staged) -> None:
    names = [
        name for name in FORMS if "tax in the prices" not in name and "Advanced" not in name
    ]  # prices differ there
    first, *others = (pd.read_parquet(staged(name)[0].staged("order_lines"))[LINE] for name in names)
    assert len(first) == (~LINES["order_id"].isin(NOT_COUNTED)).sum()
    for other in others:
        pd.testing.assert_frame_equal(first, other)


def test_under_another_key_the_same_people_have_other_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGULARS_KEY", KEY[::-1])
    shop = opened(tmp_path, as_csv)
    stage(shop)
    ids = set(pd.read_parquet(shop.staged("orders"))["customer_id"].dropna())
    assert len(ids) == 5
    assert ids.isdisjoint(expected(HOME, OUT)[0]["customer_id"])


TYPES = {"ordered_at": "timestamp", "quantity": "integer"} | dict.fromkeys(
    ("revenue", "tax", "shipping", "discount", "refunded", "price"), "numeric(12, 2)"
)


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "revenue"), [(HOME, OUT), (ABROAD, IN)])
def test_postgresql_is_staged_as_what_it_says(
    zone: str, revenue: dict[str, str], postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, frame in plain(revenue).items():
        columns = ", ".join(f"{column} {TYPES.get(column, 'text')}" for column in frame)
        rows = ", ".join(f"({', '.join(map(literal, row))})" for row in frame.itertuples(index=False))
        postgres.run(f"CREATE TABLE {name} ({columns})", f"INSERT INTO {name} VALUES {rows}")
    monkeypatch.setenv("ACME_DATABASE", postgres.address())

    def as_database(_raw: Path, zone: str, _revenue: dict[str, str]) -> dict[str, Any]:
        tables = {
            name: {"table": name, "columns": columns, "includes": INCLUDES[name], "time_zone": zone}
            for name, columns in COLUMNS.items()
        }
        return {"kind": "database", "address": "ACME_DATABASE", "tables": tables}

    shop = opened(tmp_path / "database", as_database, zone, revenue)
    ledger = stage(shop)
    assert_staged(shop, zone, revenue)
    assert_accounted(ledger, shop)
    same = opened(tmp_path / "csv", as_csv, zone, revenue)
    stage(same)
    for table in ("orders", "returns", "order_lines"):
        assert shop.staged(table).read_bytes() == same.staged(table).read_bytes(), table


def literal(value: object) -> str:
    text = str(value).replace("'", "''")
    return f"'{text}'"
