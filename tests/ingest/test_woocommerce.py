"""WooCommerce's exports land as what they say, whichever of their three forms they have."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest

from regulars.config import ShopConfig
from regulars.ingest import CONTRACTS, IngestError, values
from regulars.ingest.landing import Landing
from regulars.ingest.sources.woocommerce import land
from regulars.shop import Shop
from tests.ingest.exports import WOOCOMMERCE, write_woocommerce

Form = Literal["by item", "packed", "advanced"]
FORMS: list[Form] = ["by item", "packed", "advanced"]
Tables = dict[str, pd.DataFrame]
Row = dict[str, object]

ORDER = {
    "order_id": 7, "date": "2025-03-01 10:00:00", "status": "completed", "shipping_total": "5.00", "tax_total": "6.65",
    "discount_total": "0.00", "order_total": "41.65", "refunded_total": "0.00", "order_currency": "EUR", "customer_id": 0,
    "billing_email": "ann@example.com",
}  # fmt: skip
ITEM = {
    "item_id": 1,
    "item_name": "Tea",
    "item_sku": "TEA",
    "item_quantity": 3,
    "item_subtotal": "30.00",
    "item_total": "30.00",
}
ADVANCED = {
    "Order Number": 7, "Order Status": "Completed", "Order Date": "2025-03-01 10:00", "Order Total Amount": "41.65",
    "Order Total Tax Amount": "6.65", "Order Shipping Amount": "5.00", "Email (Billing)": "ann@example.com",
}  # fmt: skip
ADVANCED_ITEM = {
    "Item #": 1,
    "Item Name": "Tea",
    "SKU": "TEA",
    "Quantity (- Refund)": 3,
    "Item Cost": "10.00",
}


def export(form: Form, *rows: Row) -> str:
    """An export with these rows."""
    file = io.StringIO()
    writer = csv.DictWriter(file, WOOCOMMERCE[form].replace("\n", "").split(","), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Shop]:
    """A shop whose raw folder has the given files."""

    def make(*files: str, source: dict[str, Any] | None = None, **config: Any) -> Shop:
        raw = tmp_path / "raw"
        raw.mkdir()
        for number, text in enumerate(files):
            (raw / f"orders-{number}.csv").write_text(text, newline="")
        base = {
            "name": "acme", "title": "Acme", "currency": "EUR", "time_zone": "Europe/Berlin", "margin_rate": 0.2,
            "source": {"kind": "woocommerce"} | (source or {}),
        }  # fmt: skip
        return Shop(ShopConfig.model_validate(base | config), tmp_path, raw)

    return make


@pytest.fixture
def landed(shop: Callable[..., Shop]) -> Callable[..., Tables]:
    """The landed tables of files."""
    return lambda *files, **config: tables_of(shop(*files, **config))


def tables_of(shop: Shop) -> Tables:
    with Landing(shop.engine, shop.home / "landing") as landing:
        return {name: pd.read_parquet(one.path) for name, one in land(shop, landing).items()}


def amounts(table: pd.DataFrame, *names: str) -> list[list[Decimal]]:
    return [[Decimal(value) for value in table[name]] for name in names]


ORDERS = pd.DataFrame(
    [
        (
            "1",
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
            "2",
            datetime(2025, 7, 2, 23, 59),
            "",
            "pending",
            "100.00",
            "19.00",
            "0.00",
            "20.00",
            "A|B: C;",
            "50.00",
        ),
    ],
    columns="order_id ordered_at email status revenue tax shipping discount coupon refunded".split(),
).assign(
    currency="EUR",
    note='Ring\nthe "bell"',
    phone="+44 20 7946 0018",
    country="GB",
    region="LND",
    city="London",
)
MONEY = ["revenue", "tax", "shipping", "discount", "refunded"]
ORDERS[MONEY] = ORDERS[MONEY].map(Decimal)
LINES = pd.DataFrame(
    [
        ("1", "TEA", 'Tea: "Earl; Grey" | 2\'', 2, "10.00", "0.00"),
        ("1", "POT", "-10 % Pot", 1, "10.00", "0.00"),
        ("2", "X", "🫖\nblue", 1, "120.00", "20.00"),
    ],
    columns="order_id sku product quantity price discount".split(),
)
LINES[["price", "discount"]] = LINES[["price", "discount"]].map(Decimal)


@pytest.mark.parametrize(("form", "is_repeated"), [*((form, True) for form in FORMS), ("advanced", False)])
def test_all_forms_land_alike(form: Form, is_repeated: bool, shop: Callable[..., Shop]) -> None:
    made = shop()
    write_woocommerce(made.raw / "orders.csv", ORDERS, LINES, form=form, is_repeated=is_repeated)
    tables = tables_of(made)
    orders, lines, customers = tables["orders"], tables["order_lines"], tables["customers"]
    assert orders["order_id"].tolist() == ["1", "2"]
    assert amounts(orders, *MONEY) == [ORDERS[name].tolist() for name in MONEY]
    assert orders["customer_id"].fillna("").tolist() == ["ann@example.com", ""]
    assert orders["ordered_at"].tolist() == ["2025-03-01 10:00:00", "2025-07-02 23:59:00"]
    assert orders["status"].tolist() == ["completed", "pending"]
    assert orders["coupon_id"].fillna("").tolist() == ["", "A|B: C;"]
    assert orders["has_coupon"].tolist() == ["false", "true"]
    assert lines["order_id"].tolist() == ["1", "1", "2"]
    assert lines["ordered_at"].tolist() == ["2025-03-01 10:00:00"] * 2 + ["2025-07-02 23:59:00"]
    assert lines["product"].tolist() == LINES["product"].tolist()
    assert lines["product_id"].tolist() == ["TEA", "POT", "X"]
    assert amounts(lines, "quantity", "revenue", "discount") == [[2, 1, 1], [20, 10, 100], [0, 0, 20]]
    assert lines["line_id"].is_unique
    said = customers[["email", "phone", "country", "region", "city"]].to_numpy().tolist()
    assert said == [["ann@example.com", "+44 20 7946 0018", "GB", "LND", "London"]]


@pytest.mark.parametrize("form", FORMS)
def test_what_lands_has_names_of_the_contracts_and_no_notes_or_streets(
    form: Form, shop: Callable[..., Shop]
) -> None:
    made = shop()
    write_woocommerce(made.raw / "orders.csv", ORDERS, LINES, form=form)
    for table, frame in tables_of(made).items():
        assert set(frame.columns) <= set(CONTRACTS[table].mappable)
        assert "High Street" not in frame.to_csv() and "bell" not in frame.to_csv()


def test_revenue_is_the_total_without_tax_and_shipping_surcharges_included(
    landed: Callable[..., Tables],
) -> None:
    fee = {"fee_total": "2.00", "order_total": "43.65"}
    tables = landed(export("by item", ORDER | ITEM, ORDER | fee | ITEM | {"order_id": 8}))
    assert amounts(tables["orders"], "revenue") == [[30, 32]]


def test_a_guest_is_known_by_address_and_a_user_without_one_by_number(landed: Callable[..., Tables]) -> None:
    rows = [
        ORDER | ITEM,
        ORDER | ITEM | {"order_id": 8, "customer_id": 5},
        ORDER | ITEM | {"order_id": 9, "customer_id": 5, "billing_email": ""},
        ORDER | ITEM | {"order_id": 10, "billing_email": ""},
    ]
    tables = landed(export("by item", *rows))
    assert tables["orders"]["customer_id"].fillna("").tolist() == [
        "ann@example.com",
        "ann@example.com",
        "5",
        "",
    ]
    assert tables["customers"].fillna("")[["customer_id", "email"]].to_numpy().tolist() == [
        ["ann@example.com", "ann@example.com"],
        ["5", ""],
    ]


@pytest.mark.parametrize(
    ("written", "lands"),
    [("wc-completed", "completed"), ("On hold", "on-hold"), ("Pending payment", "pending"), ("wc-cancelled", "cancelled"),
     ("refunded", "refunded"), ("Failed", "failed"), ("Abgeschlossen", "abgeschlossen")],
)  # fmt: skip
def test_states_have_one_spelling(written: str, lands: str, landed: Callable[..., Tables]) -> None:
    tables = landed(export("by item", ORDER | ITEM | {"status": written}))
    assert tables["orders"]["status"].tolist() == [lands]
    assert tables["order_lines"]["status"].tolist() == [lands]


def test_what_was_given_back_is_without_tax_and_dated_where_the_export_says_when(
    landed: Callable[..., Tables],
) -> None:
    refunds = r"id:9|date:2025-03-04 09\:30\:00|amount:5.00|reason:broken;id:12|date:2025-04-01 08\:00\:00|amount:2.00|reason:"
    items = {"line_items": "id:1|name:Tea|product_id:3|sku:|quantity:3|subtotal:30.00|total:30.00"}
    tables = landed(
        export(
            "packed", ORDER | items | {"refunded_total": "8.33", "refunds": refunds, "order_total": "41.65"}
        )
    )
    assert amounts(tables["orders"], "refunded") == [[Decimal("7.0000")]]
    assert tables["orders"]["refunded_at"].tolist() == ["2025-04-01 08:00:00"]


def test_where_revenue_contains_tax_so_does_what_was_given_back(landed: Callable[..., Tables]) -> None:
    tables = landed(export("by item", ORDER | ITEM | {"refunded_total": "8.33"}), revenue={"tax": "in"})
    assert amounts(tables["orders"], "refunded") == [[Decimal("8.33")]]


def test_a_product_is_its_sku_else_its_number_else_its_name(landed: Callable[..., Tables]) -> None:
    items = [
        ITEM | {"item_product_id": 3},
        ITEM | {"item_product_id": 3, "item_sku": "", "item_id": 2},
        ITEM | {"item_product_id": 0, "item_sku": "unknown_product", "item_id": 3},
    ]
    tables = landed(export("by item", *(ORDER | item for item in items)))
    assert tables["order_lines"]["product_id"].tolist() == ["TEA", "3", "Tea"]


def test_items_of_an_order_whose_first_row_was_cut_off_land_without_a_time(
    landed: Callable[..., Tables],
) -> None:
    rows = [{"Order Number": 6} | ADVANCED_ITEM, ADVANCED | ADVANCED_ITEM]
    tables = landed(export("advanced", *rows))
    assert tables["orders"]["order_id"].tolist() == ["7"]
    assert tables["order_lines"]["ordered_at"].fillna("").tolist() == ["", "2025-03-01 10:00"]


def test_later_rows_without_a_number_belong_to_the_order_above(landed: Callable[..., Tables]) -> None:
    second = ADVANCED_ITEM | {"Item #": 2}
    rows = [second, ADVANCED | ADVANCED_ITEM, second, ADVANCED | ADVANCED_ITEM | {"Order Number": ""}]
    tables = landed(export("advanced", *rows))
    assert tables["orders"]["order_id"].fillna("").tolist() == ["7", ""]
    assert tables["order_lines"]["order_id"].fillna("").tolist() == ["", "7", "7", ""]


def test_a_second_coupon_stands_on_a_row_of_its_own(landed: Callable[..., Tables]) -> None:
    rows = [ADVANCED | ADVANCED_ITEM | {"Coupon Code": "SPRING"}, ADVANCED | {"Coupon Code": "APRIL"}]
    tables = landed(export("advanced", *rows))
    assert tables["orders"]["coupon_id"].tolist() == ["APRIL, SPRING"]
    assert len(tables["order_lines"]) == 1


def test_an_order_that_changed_between_two_exports_lands_twice_and_its_lines_bear_the_same_ids(
    landed: Callable[..., Tables],
) -> None:
    later = [row | {"Order Status": "Refunded"} for row in (ADVANCED, ADVANCED | {"Order Number": 8})]
    tables = landed(
        export("advanced", ADVANCED | ADVANCED_ITEM),
        export("advanced", *(row | ADVANCED_ITEM for row in later)),
    )
    assert tables["orders"]["order_id"].tolist() == ["7", "7", "8"]
    assert tables["orders"]["status"].tolist() == ["completed", "refunded", "refunded"]
    assert tables["order_lines"]["line_id"].tolist() == ["7/1", "7/1", "8/1"]


def test_lines_have_the_ids_of_items_or_their_numbers_in_the_order(landed: Callable[..., Tables]) -> None:
    items = [ITEM | {"item_id": 41}, ITEM | {"item_id": 12}]
    assert landed(export("by item", *(ORDER | item for item in items)))["order_lines"][
        "line_id"
    ].tolist() == ["41", "12"]


def test_numbers_of_items_are_those_of_the_export(landed: Callable[..., Tables]) -> None:
    rows = [ADVANCED | ADVANCED_ITEM | {"Item #": number} for number in (2, 1)]
    assert landed(export("advanced", *rows))["order_lines"]["line_id"].tolist() == ["7/2", "7/1"]


def test_without_numbers_of_items_lines_are_counted(landed: Callable[..., Tables]) -> None:
    header = ",".join([*ADVANCED, "Item Name", "Quantity", "Item Cost"])
    order = ",".join(map(str, ADVANCED.values()))
    tables = landed(f"{header}\n{order},Tea,1,10.00\n{order},Tea,1,10.00\n")
    assert tables["order_lines"]["line_id"].tolist() == ["7/1", "7/2"]


def test_amounts_that_cannot_be_read_land_as_they_came(landed: Callable[..., Tables]) -> None:
    rows = [
        ORDER | ITEM | {"order_total": "a lot"},
        ORDER | ITEM | {"order_id": 8, "tax_total": "?", "item_total": "few"},
    ]
    tables = landed(export("by item", *rows))
    assert tables["orders"]["revenue"].tolist() == ["a lot", "36.6500"]
    assert tables["orders"]["tax"].tolist() == ["6.65", "?"]
    assert tables["order_lines"]["revenue"].tolist() == ["30.00", "few"]


def test_dates_and_zone_of_the_configuration_are_handed_on(shop: Callable[..., Shop]) -> None:
    rows = [
        ORDER | ITEM | {"date": "31/01/2025 10:00", "billing_country": "FR"},
        ORDER | ITEM | {"date": "01/02/2025 10:00", "billing_country": "DE", "order_id": 8},
        ORDER | ITEM | {"date": "02/01/2025 10:00", "billing_country": "IT", "order_id": 9},
    ]
    made = shop(export("by item", *rows), source={"dates": ["%d/%m/%Y %H:%M"], "time_zone": "UTC"})
    with Landing(made.engine, made.home / "landing") as landing:
        found = land(made, landing)
        customers = pd.read_parquet(found["customers"].path)
    assert all(
        one.format.dates == ["%d/%m/%Y %H:%M"] and one.format.time_zone == "UTC" for one in found.values()
    )
    assert customers["country"].tolist() == ["DE"]


@pytest.mark.parametrize("form", FORMS)
def test_amounts_with_commas_are_those_with_points(form: Form, shop: Callable[..., Shop]) -> None:
    made = shop(source={"path": "points.csv"})
    write_woocommerce(made.raw / "points.csv", ORDERS, LINES, form=form)
    with_commas = shop_with(made, path="commas.csv", decimal=",")
    text = (made.raw / "points.csv").read_text()
    cells = [[re.sub(r"(?<=\d)\.(?=\d)", ",", cell) for cell in row] for row in csv.reader(io.StringIO(text))]
    with (made.raw / "commas.csv").open("w", newline="") as file:
        csv.writer(file).writerows(cells)
    assert staged_amounts(with_commas) == staged_amounts(made)


def shop_with(made: Shop, **source: str) -> Shop:
    """The shop with another source."""
    config = made.config.model_dump(exclude_none=True) | {"source": {"kind": "woocommerce", **source}}
    return Shop(ShopConfig.model_validate(config), made.home, made.raw)


def staged_amounts(shop: Shop) -> dict[str, list[tuple[Decimal | None, ...]]]:
    """The amounts of the landed tables, as staging reads them."""
    found = {}
    with Landing(shop.engine, shop.home / "landing") as landing:
        for table, one in land(shop, landing).items():
            kinds = CONTRACTS[table].mappable
            names = [name for name in one.columns if kinds[name].kind in ("money", "quantity")]
            read = ", ".join(values.amounts(values.Raw(name, "VARCHAR"), one.format, "") for name in names)
            rows = f"SELECT {read or 1} FROM read_parquet('{one.path}')"
            found[table] = shop.engine.connection.execute(rows).fetchall()
    return found


def test_a_file_for_each_month_of_years_lands_in_order(landed: Callable[..., Tables]) -> None:
    items = {
        "line_items": "id:1|name:Tea|quantity:1|subtotal:1.00|total:1.00;id:2|name:Pot|quantity:1|subtotal:1.00|total:1.00"
    }
    files = [export("packed", ORDER | items | {"order_id": number}) for number in range(40)]
    lines = landed(*files)["order_lines"]
    assert len(lines) == 80 and lines["ordered_at"].notna().all()
    assert (lines["product"] == ["Tea", "Pot"] * 40).all()


def test_items_as_json_are_answered(landed: Callable[..., Tables]) -> None:
    with pytest.raises(
        IngestError, match=r"orders-0\.csv, column 'line_items': the items are written as JSON \(1 order\)"
    ):
        landed(export("packed", ORDER | {"line_items": '[{"id":1}]'}))


def test_an_order_without_items_is_an_order(landed: Callable[..., Tables]) -> None:
    tables = landed(export("packed", ORDER))
    assert (len(tables["orders"]), len(tables["order_lines"])) == (1, 0)


def test_another_file_is_answered_with_the_form_that_is_nearest(landed: Callable[..., Tables]) -> None:
    text = export("advanced", ADVANCED | ADVANCED_ITEM).replace("Order Total Tax Amount", "VAT")
    with pytest.raises(
        IngestError, match=r"is not WooCommerce's Advanced Order Export: it has no 'Order Total Tax Amount'\."
    ):
        landed(text)


def test_shopifys_export_is_not_woocommerces(landed: Callable[..., Tables]) -> None:
    with pytest.raises(
        IngestError,
        match=r"orders-0\.csv is not WooCommerce's .* Its columns are 'Name', 'Email' and 'Total'\.",
    ):
        landed("Name,Email,Total\n#1,ann@example.com,5.00\n")
