"""Whatever rows, rules and dialects: rows read = staged + refused, the money likewise, and returns explain the rest."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars import Shop
from regulars.ingest.cleaning import RULES
from tests.ingest.corner import HEADER, LINES, accounted, corner, csv_text, read

SOFT = sorted({rule.name for rule in RULES if rule.table == "order_lines" and not rule.fixed})
NOTHING = ("", "NULL", "NaN", "\u00a0")
# What is written → what it says; None: nothing that can be read.
QUANTITIES = {
    "1": "1",
    "2": "2",
    "-1": "-1",
    "0": "0",
    "two": None,
    "": None,
    "1.5": "1.5",
    "3-": "-3",
    "\u00a02 ": "2",
}
PRICES = {"4.50": "4.5", "1.25": "1.25", "-2": "-2", "0": "0", "free": None, "": None, "1,234.50": "1234.5", "€5": "5",
          "(3.00)": "-3", "(3": None, "99999999999": None, "a\nb": None, "NaN": None, "0.0001": "0.0001"}  # fmt: skip
DATES = [
    "2025-01-03 09:15:00",
    "2025-01-03",
    "2025-02-14T10:00:00Z",
    "31.03.2025",
    "2999-01-01",
    "tomorrow",
    "",
    "0025-01-03",
]
CELLS: dict[str, list[str]] = {
    "Order": ["1", "2", " 2", "2.0", "03", "C4", "c5", *NOTHING],
    "Customer": ["7", "7.0", " 8", "08", "kim@example.com", "Kim@Example.com ", *NOTHING],
    "SKU": ["A", "B", "POST", "=1+1", *NOTHING],
    "Product": ["Assam", 'Earl "Grey"', "a,b;c|d\te", "two\nlines", "a\r\nb", "<b>", "a\x00b", "é€", ""],
    "Qty": list(QUANTITIES),
    "Price": list(PRICES),
    "Currency": ["EUR", "eur", "€", "USD", ""],
    "Date": DATES,
}
GOOD = ["good", "somebody", "Z", "Zest", "1", "1.25", "EUR", "2025-01-05"]  # so that something is staged


class Raw(NamedTuple):
    """A file of order lines; `None` among its rows stands for a line that cannot be split."""

    rows: list[list[str] | None]
    delimiter: str
    quoting: int
    end: str
    encoding: str
    is_zipped: bool

    def write(self, path: Path) -> None:
        """The file, in its dialect."""
        lines = [row or ["x", "y"] for row in self.rows]
        text = csv_text(lines, delimiter=self.delimiter, quoting=self.quoting, lineterminator=self.end)
        data = text.encode(self.encoding)
        path.write_bytes(gzip.compress(data) if self.is_zipped else data)


# Mostly cells that can be read, so that many rows are staged whatever else is spoiled.
READABLE = {"Order": 5, "Customer": 4, "SKU": 4, "Product": 8, "Qty": 3, "Price": 4, "Currency": 3, "Date": 4}
CELL = {
    name: st.one_of(*[st.sampled_from(cells[: READABLE[name]])] * 5, st.sampled_from(cells))
    for name, cells in CELLS.items()
}
OWNERS = {
    "1": "7",
    "2": " 8",
    " 2": "8.0",
    "2.0": "8",
    "03": "08",
}  # else most orders would have several customers
ROW = st.builds(
    lambda cells, is_own: [cells[0], OWNERS.get(cells[0], cells[1]) if is_own else cells[1], *cells[2:]],
    st.tuples(*(CELL[name] for name in HEADER)),
    st.sampled_from([True] * 5 + [False]),
)
RAWS = st.builds(
    Raw,
    st.lists(st.one_of(ROW, ROW, ROW, st.none()), max_size=12).map(lambda rows: [GOOD, *rows]),
    st.sampled_from(",;\t|"),
    st.sampled_from([0, 1]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "windows-1252", "utf-16"]),
    st.booleans(),
)
CLEANINGS = st.fixed_dictionaries(
    {
        "stop_above": st.just(1),
        "rules": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(SOFT, st.sampled_from(["refuse", "flag", "off"]))
        ),
        "returns": st.fixed_dictionaries(
            {"negative_quantity": st.booleans(), "order_id": st.sampled_from([None, "^C", "(?i)^c"])}
        ),
        "not_products": st.sampled_from([None, "^POST"]),
    }
)


def money(row: list[str], returns: dict[str, Any]) -> Decimal:
    """What a line is worth: price × quantity, below zero if it takes back; nothing where it cannot be read."""
    cells = dict(zip(HEADER, row, strict=True))
    quantity, price = QUANTITIES.get(cells["Qty"]), PRICES.get(cells["Price"])
    if quantity is None or price is None:
        return Decimal(0)
    is_order = cells["Order"].strip() not in NOTHING
    takes_back = bool(
        returns["order_id"] and is_order and re.match(returns["order_id"], cells["Order"].strip())
    )
    takes_back = takes_back or (returns["negative_quantity"] and Decimal(quantity) < 0)
    worth = (Decimal(price) * Decimal(quantity)).quantize(Decimal("0.0001"), "ROUND_HALF_UP")
    return -abs(worth) if takes_back else worth


def total(shop: Shop, table: str, column: str = "revenue") -> Decimal:
    """An exact sum over a table, whether staged or refused."""
    frame = read(shop, table)
    return (
        sum((Decimal(str(value)) for value in frame[column].dropna()), Decimal(0))
        if column in frame
        else Decimal(0)
    )


@settings(max_examples=30)
@given(RAWS, CLEANINGS)
def test_every_row_and_every_cent_is_accounted_for(raw: Raw, cleaning: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        name = "lines.csv.gz" if raw.is_zipped else "lines.csv"
        shop = corner(Path(folder), {"cleaning": cleaning}, order_lines={**LINES, "path": name})
        raw.write(shop.raw / name)
        tables = accounted(shop).tables.set_index("table")

        whole = [row for row in raw.rows if row is not None]
        lines = tables.loc["order_lines"]
        assert lines["read"] == len(raw.rows)
        assert lines["staged"] == len(read(shop, "order_lines"))
        assert lines["money_read"] == pytest.approx(
            float(sum(money(row, cleaning["returns"]) for row in whole)), rel=1e-12
        )
        assert lines["money_staged"] == pytest.approx(float(total(shop, "order_lines")), rel=1e-12)

        for kept in read(shop, "refused/order_lines").to_dict("records"):
            came = dict(zip(HEADER, whole[kept["row_number"]], strict=True))
            assert {name: kept[name] if pd.notna(kept[name]) else "" for name in ("product", "quantity", "price")} == {
                "product": came["Product"], "quantity": came["Qty"], "price": came["Price"]
            }  # fmt: skip

        orders = total(shop, "orders") + total(shop, "refused/orders")
        assert total(shop, "order_lines") == orders - total(shop, "returns")
        kept_tables = [
            read(shop, table).to_dict() for table in ("order_lines", "customers", "refused/order_lines")
        ]
        assert "kim@" not in str(kept_tables).lower()


MILLIONS = """
import resource, sys
from pathlib import Path
from tests.ingest.corner import corner
from regulars.engine import Engine
from regulars.ingest import stage
shop = corner(Path(sys.argv[1]), {"cleaning": {"returns": {"negative_quantity": True}}}, order_lines={
    "path": "lines.parquet", "columns": {"order_id": "o", "customer_id": "c", "product_id": "p", "quantity": "q",
    "price": "r", "ordered_at": "t"}})
shop.__dict__["engine"] = Engine(shop.data / ".spill", "1GB")
table = stage(shop, fresh=True).tables.set_index("table").loc["order_lines"]
print(int(table["read"]), int(table["staged"]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_ten_million_rows_of_one_customer_in_bounded_memory(tmp_path: Path) -> None:
    import duckdb

    (tmp_path / "raw").mkdir()
    duckdb.sql("""
        SELECT i // 4 AS o, 7 AS c, i % 1000 AS p, CASE WHEN i % 100 = 99 THEN -1 ELSE 1 + i % 3 END AS q,
            (1 + i % 10)::DECIMAL(9, 2) AS r, TIMESTAMP '2020-01-01' + INTERVAL (i // 4 * 60) SECOND AS t
        FROM range(10_000_000) AS rows(i)
    """).write_parquet(str(tmp_path / "raw" / "lines.parquet"))
    done = subprocess.run(
        [sys.executable, "-c", MILLIONS, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows, staged, peak = map(int, done.stdout.split()[-3:])
    assert (rows, staged) == (10_000_000, 10_000_000)
    assert peak < 2_500, f"{peak} MB"
    folder = tmp_path / "data" / "corner" / "staged"
    counts = "SELECT count(*), count(DISTINCT customer_id) FROM read_parquet('{}')"
    found = {
        name: duckdb.sql(counts.format(folder / f"{name}.parquet")).fetchall()[0]
        for name in ("orders", "returns")
    }
    assert found == {"orders": (2_500_000, 1), "returns": (100_000, 1)}
    assert duckdb.sql(f"FROM read_parquet('{folder}/customers.parquet')").fetchall()[0][0] == "7"
