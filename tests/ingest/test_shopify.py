"""Shopify's orders export lands as what it says: on the rows where it says it, without tax, and without names."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regulars.config import ShopConfig
from regulars.ingest import CONTRACTS, IngestError
from regulars.ingest.landing import Landing
from regulars.ingest.sources.shopify import land
from regulars.shop import Shop
from tests.ingest.exports import write_shopify

HEADER = (
    "Name,Email,Financial Status,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Name,Billing Street,Billing Country,Notes,"
    "Cancelled at,Payment Method,Refunded Amount,Lineitem discount,Id,Phone"
)
Tables = dict[str, pd.DataFrame]
Land = Callable[..., Tables]


def row(**values: object) -> str:
    """A row of the export: the columns by their names, with _ for a blank."""
    names = HEADER.split(",")
    cells = {name.replace("_", " "): str(value) for name, value in values.items()}
    assert set(cells) <= set(names)
    return ",".join('"' + cells[n].replace('"', '""') + '"' if n in cells else "" for n in names)


def order(name: str, subtotal: str, total: str, **values: object) -> str:
    """The first row of an order."""
    usual = {
        "Email": "ann@example.com", "Financial_Status": "paid", "Currency": "EUR", "Shipping": "0.00", "Taxes": "0.00",
        "Created_at": "2025-03-01 10:00:00 +0100", "Lineitem_quantity": 1, "Lineitem_name": "Tea", "Refunded_Amount": "0.00",
        "Discount_Amount": "0.00", "Lineitem_price": subtotal, "Lineitem_discount": "0.00", "Accepts_Marketing": "no",
    }  # fmt: skip
    return row(Name=name, Subtotal=subtotal, Total=total, **usual | values)


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Shop]:
    """A shop whose raw folder has the given files."""

    def make(*files: str | bytes, **config: Any) -> Shop:
        raw = tmp_path / "raw"
        raw.mkdir()
        for number, text in enumerate(files):
            (raw / f"orders_export_{number}.csv").write_bytes(
                text if isinstance(text, bytes) else text.encode()
            )
        base = {
            "name": "acme", "title": "Acme", "currency": "EUR", "time_zone": "Europe/Berlin", "margin_rate": 0.2,
            "source": {"kind": "shopify"},
        }  # fmt: skip
        return Shop(ShopConfig.model_validate(base | config), tmp_path, raw)

    return make


@pytest.fixture
def landed(shop: Callable[..., Shop]) -> Land:
    """The landed tables of rows, or of whole files."""

    def run(*rows: str, files: tuple[str | bytes, ...] = (), **config: Any) -> Tables:
        text = "\n".join([HEADER, *rows]) + "\n"
        return tables_of(shop(*(files or (text,)), **config))

    return run


def tables_of(shop: Shop) -> Tables:
    with Landing(shop.engine, shop.home / "landing") as landing:
        found = land(shop, landing)
        return {name: pd.read_parquet(one.path) for name, one in found.items()}


def amounts(table: pd.DataFrame, *names: str) -> list[list[Decimal]]:
    return [[Decimal(value) for value in table[name]] for name in names]


def test_later_rows_are_lines_of_the_order_whose_first_row_says_everything(landed: Land) -> None:
    tables = landed(
        order("#1001", "30.00", "35.00", Shipping="5.00", Lineitem_quantity=2, Lineitem_price="10.00", Lineitem_sku="TEA"),
        row(Name="#1001", Lineitem_quantity=1, Lineitem_name="Pot", Lineitem_price="10.00"),
        order("#1002", "7.00", "7.00", Email="bo@example.com"),
        # Some versions repeat the address and the time.
        row(Name="#1002", Email="bo@example.com", Created_at="2025-03-01 10:00:00 +0100", Lineitem_quantity=3,
            Lineitem_name="Bag", Lineitem_price="0.00"),
    )  # fmt: skip
    orders, lines = tables["orders"], tables["order_lines"]
    assert orders["order_id"].tolist() == ["#1001", "#1002"]
    assert amounts(orders, "revenue", "shipping") == [[30, 7], [5, 0]]
    assert lines["order_id"].tolist() == ["#1001", "#1001", "#1002", "#1002"]
    assert lines["customer_id"].tolist() == ["ann@example.com"] * 2 + ["bo@example.com"] * 2
    assert lines["ordered_at"].tolist() == ["2025-03-01 10:00:00 +0100"] * 4
    assert lines["product_id"].tolist() == ["TEA", "Pot", "Tea", "Bag"]
    assert amounts(lines, "quantity", "price", "revenue") == [[2, 1, 1, 3], [10, 10, 7, 0], [20, 10, 7, 0]]
    assert lines["line_id"].is_unique


def test_what_lands_has_names_of_the_contracts_and_is_text(landed: Land) -> None:
    for table, frame in landed(order("#1", "1.00", "1.00")).items():
        assert set(frame.columns) <= set(CONTRACTS[table].mappable)
        assert all(isinstance(value, str) for value in frame.iloc[0].dropna())


def test_tax_outside_the_prices_is_left_there(landed: Land) -> None:
    orders = landed(order("#1", "100.00", "125.00", Shipping="5.00", Taxes="20.00"))["orders"]
    assert orders.loc[0, ["revenue", "shipping", "tax"]].tolist() == ["100.00", "5.00", "20.00"]


def test_tax_inside_the_prices_is_taken_out_of_goods_shipping_discount_and_lines(landed: Land) -> None:
    tables = landed(
        order("#1", "119.00", "124.95", Shipping="5.95", Taxes="19.95", Discount_Amount="23.80", Discount_Code="SPRING",
              Lineitem_price="71.40", Lineitem_quantity=2, Lineitem_discount="11.90")
    )  # fmt: skip
    assert amounts(tables["orders"], "revenue", "shipping", "tax", "discount") == [
        [100],
        [5],
        [Decimal("19.95")],
        [20],
    ]
    assert amounts(tables["order_lines"], "revenue", "discount") == [[110], [10]]


def test_an_order_whose_sums_tell_nothing_is_taken_as_most_are(landed: Land) -> None:
    inside = [order(f"#{n}", "119.00", "119.00", Taxes="19.00") for n in range(3)]
    outside = order("#8", "100.00", "119.00", Taxes="19.00", Currency="USD")
    tipped = order("#9", "119.00", "129.00", Taxes="19.00")
    orders = landed(*inside, outside, tipped)["orders"]
    assert amounts(orders, "revenue") == [[100] * 5]


def test_without_any_order_that_tells_tax_is_outside(landed: Land) -> None:
    assert amounts(landed(order("#9", "119.00", "129.00", Taxes="19.00"))["orders"], "revenue") == [[119]]


def test_what_was_given_back_is_without_tax_as_revenue_is(landed: Land) -> None:
    rows = [
        order(
            "#1",
            "100.00",
            "119.00",
            Taxes="19.00",
            Refunded_Amount="59.50",
            Financial_Status="partially_refunded",
        ),
        order("#2", "100.00", "100.00", Refunded_Amount="25.00"),
        order(
            "#3",
            "119.00",
            "119.00",
            Taxes="19.00",
            Refunded_Amount="119.00",
            Cancelled_at="2025-03-09 08:00:00 +0100",
        ),
    ]
    orders = landed(*rows)["orders"]
    assert amounts(orders, "refunded") == [[50, 25, 100]]
    assert orders["refunded_at"].fillna("").tolist() == ["", "", "2025-03-09 08:00:00 +0100"]
    assert orders["status"].tolist() == ["partially_refunded", "paid", "paid"]


def test_where_revenue_contains_tax_so_does_what_was_given_back(landed: Land) -> None:
    tables = landed(
        order("#1", "100.00", "119.00", Taxes="19.00", Refunded_Amount="59.50"), revenue={"tax": "in"}
    )
    assert amounts(tables["orders"], "refunded") == [[Decimal("59.50")]]


def test_consent_is_the_latest_yes_and_the_latest_no_by_the_clock(landed: Land) -> None:
    rows = [
        order("#1", "1.00", "1.00", Accepts_Marketing="yes", Created_at="2025-03-01 10:00:00 +0100"),
        # Written later in the day than the next, but earlier by the clock.
        order("#2", "1.00", "1.00", Accepts_Marketing="no", Created_at="2025-03-02 12:00:00 +0900"),
        order(
            "#3",
            "1.00",
            "1.00",
            Accepts_Marketing="no",
            Created_at="2025-03-02 08:00:00 -0500",
            Email=" ANN@example.com",
        ),
        order("#4", "1.00", "1.00", Accepts_Marketing="yes", Created_at="2025-02-01 10:00:00 +0100"),
        order("#5", "1.00", "1.00", Accepts_Marketing="yes", Created_at="soon", Email="bo@example.com"),
        order("#6", "1.00", "1.00", Accepts_Marketing="", Email="cy@example.com"),
    ]
    customers = landed(*rows)["customers"].fillna("")
    assert customers["email"].tolist() == ["ANN@example.com", "bo@example.com", "cy@example.com"]
    assert customers["opted_in_at"].tolist() == ["2025-03-01 10:00:00 +0100", "", ""]
    assert customers["opted_out_at"].tolist() == ["2025-03-02 08:00:00 -0500", "", ""]


def test_a_customer_is_as_the_latest_order_that_says_something_has_it(landed: Land) -> None:
    rows = [
        order(
            "#1", "1.00", "1.00", Created_at="2025-01-01 10:00:00 +0100", Billing_Country="FR", Phone="+33 1"
        ),
        order("#3", "1.00", "1.00", Created_at="2025-03-01 10:00:00 +0100", Billing_Country="DE"),
        order("#2", "1.00", "1.00", Created_at="2025-02-01 10:00:00 +0100", Billing_Country="IT"),
    ]
    customers = landed(*rows)["customers"]
    assert customers[["country", "phone"]].to_numpy().tolist() == [["DE", "+33 1"]]


def test_an_order_without_an_address_is_a_guests(landed: Land) -> None:
    tables = landed(order("#1", "1.00", "1.00", Email=""), order("#2", "1.00", "1.00", Email="Ann Example"))
    assert tables["orders"]["customer_id"].isna().all()
    assert tables["order_lines"]["customer_id"].isna().all()
    assert tables["customers"].empty


def test_names_streets_and_notes_do_not_land(landed: Land) -> None:
    secret = "Ada Lovelace"
    tables = landed(
        order(
            "#1", "1.00", "1.00", Billing_Name=secret, Billing_Street=f"{secret} Road", Notes=f"for {secret}"
        )
    )
    assert secret not in "".join(frame.to_csv() for frame in tables.values())


def test_two_currencies_land_as_they_came(landed: Land) -> None:
    tables = landed(order("#1", "1.00", "1.00"), order("#2", "1.00", "1.00", Currency="USD"))
    assert tables["orders"]["currency"].tolist() == ["EUR", "USD"]
    assert tables["order_lines"]["currency"].tolist() == ["EUR", "USD"]


def test_a_coupon_is_known_by_its_code(landed: Land) -> None:
    orders = landed(order("#1", "1.00", "1.00", Discount_Code="SPRING"), order("#2", "1.00", "1.00"))[
        "orders"
    ]
    assert orders["coupon_id"].fillna("").tolist() == ["SPRING", ""]
    assert orders["has_coupon"].tolist() == ["true", "false"]


def test_orders_of_the_bogus_gateway_are_tests(landed: Land) -> None:
    gateway = "(for testing) Bogus Gateway"
    rows = [
        order("#1", "1.00", "1.00", Payment_Method=gateway),
        order("#2", "1.00", "1.00", Payment_Method="Bank Deposit"),
    ]
    assert landed(*rows)["orders"]["is_test"].tolist() == ["true", "false"]


def test_emoji_quotes_formulas_and_line_breaks_stay_in_product_names(landed: Land) -> None:
    names = ['Tea "Earl Grey" 🫖, 2"', "two\nlines", "=HYPERLINK(1)", "<b>Pot</b>"]
    rows = [order(f"#{n}", "1.00", "1.00", Lineitem_name=name, Notes="a\nb") for n, name in enumerate(names)]
    text = "﻿" + "\n".join([HEADER, *rows])
    lines = landed(files=(text,))["order_lines"]
    assert lines["product"].tolist() == names
    assert lines["order_id"].tolist() == ["#0", "#1", "#2", "#3"]


def test_lines_whose_orders_first_row_was_cut_off_land_without_a_time(landed: Land) -> None:
    tables = landed(
        row(Name="#1001", Lineitem_quantity=1, Lineitem_name="Pot", Lineitem_price="10.00"),
        order("#1002", "7.00", "7.00"),
    )
    assert tables["orders"]["order_id"].tolist() == ["#1002"]
    lines = tables["order_lines"]
    assert lines["order_id"].tolist() == ["#1001", "#1002"]
    assert lines["ordered_at"].isna().tolist() == [True, False]


def test_a_row_that_is_neither_order_nor_line_is_not_lost(landed: Land) -> None:
    tables = landed(order("#1", "1.00", "1.00"), row(Name="#1", Notes="?"), row(Notes="?"))
    assert tables["order_lines"]["order_id"].fillna("").tolist() == ["#1", "#1", ""]


def test_an_order_without_lines_is_an_order(landed: Land) -> None:
    only = order("#1", "5.00", "5.00", Lineitem_name="", Lineitem_price="", Lineitem_quantity="")
    tables = landed(only)
    assert (len(tables["orders"]), len(tables["order_lines"])) == (1, 0)


def test_amounts_that_cannot_be_read_land_as_they_came(landed: Land) -> None:
    tables = landed(
        order("#1", "ten", "119.00", Taxes="19.00"),
        order("#2", "100.00", "119.00", Taxes="much", Refunded_Amount="some", Lineitem_price="dear"),
    )
    assert tables["orders"]["revenue"].tolist() == ["ten", "100.00"]
    assert tables["orders"].loc[1, ["tax", "refunded"]].tolist() == ["much", "some"]
    assert tables["order_lines"]["price"].tolist() == ["ten", "dear"]
    assert tables["order_lines"]["revenue"].isna().all()


def test_an_order_in_two_exports_lands_twice_and_its_lines_bear_the_same_ids(landed: Land) -> None:
    first = [
        order("#1", "2.00", "2.00"),
        row(Name="#1", Lineitem_quantity=1, Lineitem_name="Pot", Lineitem_price="1.00"),
    ]
    again = [*first, order("#2", "1.00", "1.00")]
    tables = landed(files=tuple("\n".join([HEADER, *rows]) for rows in (first, again)))
    assert tables["orders"]["order_id"].tolist() == ["#1", "#1", "#2"]
    assert tables["order_lines"]["line_id"].tolist() == ["#1/1", "#1/2", "#1/1", "#1/2", "#2/1"]


def test_two_equal_lines_of_one_order_are_two_lines(landed: Land) -> None:
    line = row(Name="#1", Lineitem_quantity=1, Lineitem_name="Pot", Lineitem_price="1.00")
    assert landed(order("#1", "3.00", "3.00"), line, line)["order_lines"]["line_id"].tolist() == [
        "#1/1",
        "#1/2",
        "#1/3",
    ]


def test_other_spellings_of_headings_are_known(landed: Land) -> None:
    header = HEADER.replace("Cancelled at", "Canceled at").replace("Lineitem sku", "Lineitem SKU")
    placed = order("#1", "1.00", "1.00", Cancelled_at="2025-03-09 08:00:00 +0100", Lineitem_sku="TEA")
    tables = landed(files=(f"{header}\n{placed}\n",))
    assert tables["orders"]["refunded_at"].tolist() == ["2025-03-09 08:00:00 +0100"]
    assert tables["order_lines"]["product_id"].tolist() == ["TEA"]


def test_an_older_export_with_fewer_columns_lands_without_them(landed: Land) -> None:
    few = "Name,Email,Currency,Subtotal,Shipping,Taxes,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price"
    text = f"{few}\n#1,ann@example.com,EUR,2.00,0.00,0.00,2.00,2014-03-01 10:00:00 +0100,2,Tea,1.00\n#1,,,,,,,,1,Pot,0.00\n"
    tables = landed(files=(text,))
    assert "refunded" not in tables["orders"] and "opted_in_at" not in tables["customers"]
    assert amounts(tables["order_lines"], "revenue") == [[2, 0]]


def test_another_file_is_answered_with_what_it_lacks_and_what_it_has(landed: Land) -> None:
    sentence = (
        r"orders_export_0\.csv is not Shopify's orders export: it has no 'Name', .*Its columns are 'Order Number', 'Date' and "
        r"'Total'\. In Shopify it is made under Orders › Export"
    )
    with pytest.raises(IngestError, match=sentence):
        landed(files=("Order Number,Date,Total\n1,2025-03-01,5.00\n",))


def test_one_missing_column_is_named_alone(landed: Land) -> None:
    text = "\n".join([HEADER.replace("Taxes", "Tax lines"), order("#1", "1.00", "1.00")])
    with pytest.raises(IngestError, match=r"it has no 'Taxes'\."):
        landed(files=(text,))


def test_an_export_that_a_spreadsheet_saved_with_semicolons_lands(landed: Land) -> None:
    text = "\n".join([HEADER, order("#1", "1.00", "1.00", Lineitem_name="Crème; brûlée")])
    rows = csv.reader(text.splitlines())
    with io.StringIO(newline="") as file:
        csv.writer(file, delimiter=";").writerows(rows)
        tables = landed(files=(file.getvalue().encode("windows-1252"),))
    assert tables["order_lines"]["product"].tolist() == ["Crème; brûlée"]


def test_exports_of_different_years_may_have_different_columns(landed: Land) -> None:
    older = "\n".join([HEADER.removesuffix(",Phone"), order("#1", "1.00", "1.00").removesuffix(",")])
    newer = "\n".join(
        [f"Tags,{HEADER}", f"vip,{order('#2', '1.00', '1.00', Phone='+44 20', Email='bo@example.com')}"]
    )
    tables = landed(files=(older, newer))
    assert tables["orders"]["order_id"].tolist() == ["#1", "#2"]
    assert tables["customers"]["phone"].fillna("").tolist() == ["", "+44 20"]


def test_a_line_that_cannot_be_split_is_put_aside_once(shop: Callable[..., Shop]) -> None:
    made = shop("\n".join([HEADER, order("#1", "1.00", "1.00"), "#2,too,few", order("#3", "1.00", "1.00")]))
    with Landing(made.engine, made.home / "landing") as landing:
        found = land(made, landing)
        aside = found["order_lines"].malformed
        assert aside is not None and pd.read_parquet(aside)["line"].tolist() == [3]
        assert pd.read_parquet(found["orders"].path)["order_id"].tolist() == ["#1", "#3"]
    assert found["orders"].malformed is None and found["customers"].malformed is None


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ((), r"No file matches '\*\.csv'"),
        (("",), r"orders_export_0\.csv is empty"),
        ((HEADER,), r"orders_export_0\.csv has a header and no rows"),
        (
            (f"{HEADER}\n#1,too,few\n",),
            r"No line of orders_export_0\.csv can be split like its header: line 2",
        ),
    ],
)
def test_what_is_no_export_is_answered(
    files: tuple[str, ...], sentence: str, shop: Callable[..., Shop]
) -> None:
    with pytest.raises(IngestError, match=sentence):
        tables_of(shop(*files))


def test_a_workbook_is_answered(shop: Callable[..., Shop]) -> None:
    made = shop(source={"kind": "shopify", "path": "*.xlsx"})
    pd.DataFrame({"Name": ["#1"]}).to_excel(made.raw / "orders.xlsx", index=False)
    with pytest.raises(IngestError, match=r"orders\.xlsx is an Excel workbook .*put the CSV there"):
        tables_of(made)


def test_every_row_is_an_order_or_a_line(landed: Land) -> None:
    rows = [
        order("#1", "1.00", "1.00"), row(Name="#1", Lineitem_name="Pot"), row(Name="#1"), row(Email="x"), row(Id="5"),
        order("#2", "1.00", "1.00", Lineitem_name="", Lineitem_price="", Lineitem_quantity=""),
        row(Name="#9", Lineitem_name="A"),
    ]  # fmt: skip
    tables = landed(*rows)
    assert (len(tables["orders"]), len(tables["order_lines"])) == (2, 6)  # the first row of #1 is both


def test_landed_columns_name_the_headings(shop: Callable[..., Shop]) -> None:
    made = shop("\n".join([HEADER, order("#1", "1.00", "1.00")]))
    with Landing(made.engine, made.home / "landing") as landing:
        found = land(made, landing)
        names = {table: pd.read_parquet(one.path).columns.tolist() for table, one in found.items()}
    assert found["orders"].columns["revenue"] == "Subtotal"
    assert found["order_lines"].columns["quantity"] == "Lineitem quantity"
    for table, one in found.items():
        assert list(one.columns) == names[table]
        assert re.match("orders_export_0.csv", one.origin)


ORDERS = pd.DataFrame(
    [
        (
            "#1",
            datetime(2025, 3, 1, 10),
            "ann@example.com",
            "paid",
            "30.00",
            "6.65",
            "5.00",
            "0.00",
            "",
            "0.00",
        ),
        (
            "#2",
            datetime(2025, 7, 2, 23, 59),
            "",
            "refunded",
            "100.00",
            "19.00",
            "0.00",
            "20.00",
            "SPRING",
            "50.00",
        ),
    ],
    columns="order_id ordered_at email status revenue tax shipping discount coupon refunded".split(),
).assign(currency="EUR", note='Ring\nthe "bell"')
MONEY = ["revenue", "tax", "shipping", "discount", "refunded"]
ORDERS[MONEY] = ORDERS[MONEY].map(Decimal)
LINES = pd.DataFrame(
    [
        ("#1", "TEA", "Tea", 2, "10.00", "0.00"),
        ("#1", "POT", "Pot", 1, "10.00", "0.00"),
        ("#2", "", "🫖", 1, "120.00", "20.00"),
    ],
    columns="order_id sku product quantity price discount".split(),
)
LINES[["price", "discount"]] = LINES[["price", "discount"]].map(Decimal)


@pytest.mark.parametrize("is_tax_inside", [False, True])
def test_orders_written_as_an_export_land_with_the_same_amounts(
    is_tax_inside: bool, shop: Callable[..., Shop]
) -> None:
    made = shop()
    write_shopify(made.raw / "orders.csv", ORDERS, LINES, zone="Europe/Berlin", is_tax_inside=is_tax_inside)
    tables = tables_of(made)
    assert amounts(tables["orders"], *MONEY) == [ORDERS[name].tolist() for name in MONEY]
    assert tables["orders"]["ordered_at"].tolist() == [
        "2025-03-01 10:00:00 +0100",
        "2025-07-02 23:59:00 +0200",
    ]
    assert amounts(tables["order_lines"], "revenue", "discount") == [[20, 10, 100], [0, 0, 20]]
    assert tables["order_lines"]["product_id"].tolist() == ["TEA", "POT", "🫖"]
