"""Shopify's orders export (Orders › Export): a row for each line of an order; what the order says stands on its first row.

What to know of it: `Subtotal` is after discounts and before shipping. Whether it contains the tax is not said, but told by
the sums: Subtotal + Shipping + Taxes = Total, or Subtotal + Shipping = Total. `Created at` says its distance from UTC. What
was given back is said, with its tax, but not when; when an order was cancelled is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from regulars.config import Format
from regulars.config.sources import Shopify
from regulars.ingest.contracts import IngestError
from regulars.ingest.delimited import MalformedLines, land_csv
from regulars.ingest.dialect import find_dialect
from regulars.ingest.landing import Landed, Landing, identifier, quoted
from regulars.ingest.personal import normalised
from regulars.ingest.rawfiles import NAMES, RawFile, find_files, identify
from regulars.ingest.values import Raw, amounts, times
from regulars.shop import Shop

EXACT = "DECIMAL(18, 4)"
SHOWN = 6  # names in a sentence
FILE = 2**32  # rows of a file at most: the places of the next begin there


class Form(NamedTuple):
    """A form of export, known by its headings.

    Attributes:
        name: what the system calls it.
        remedy: where in the system it is made.
        headings: ours → the headings that the column has had, in any case of letters.
        required: those of ours that make the form.
    """

    name: str
    remedy: str
    headings: Mapping[str, tuple[str, ...]]
    required: Sequence[str]


class Export(NamedTuple):
    """An export whose form is known.

    Attributes:
        form: its form.
        texts: SQL giving its rows: `place`, and the form's columns as text, null where blank or absent.
        columns: ours → the heading in the export, of those that are there.
        origin: the files, for sentences.
        malformed: the lines that could not be split into columns, if there were any.
    """

    form: Form
    texts: str
    columns: Mapping[str, str]
    origin: str
    malformed: Path | None = None


class Output(NamedTuple):
    """A column that lands, if the export has what it is made of.

    Attributes:
        sql: its SQL.
        sources: the columns of the export that it is made of, any of which is enough; by default the one that `sql` is.
    """

    sql: str
    sources: str = ""


FORM = Form(
    name="Shopify's orders export",
    remedy="In Shopify it is made under Orders › Export, as a CSV.",
    headings={
        "name": ("Name",),
        "email": ("Email",),
        "currency": ("Currency",),
        "subtotal": ("Subtotal",),
        "shipping": ("Shipping",),
        "taxes": ("Taxes",),
        "total": ("Total",),
        "created_at": ("Created at",),
        "quantity": ("Lineitem quantity",),
        "product": ("Lineitem name",),
        "price": ("Lineitem price",),
        "id": ("Id",),
        "status": ("Financial Status",),
        "marketing": ("Accepts Marketing",),
        "coupon": ("Discount Code",),
        "discount": ("Discount Amount",),
        "sku": ("Lineitem sku",),
        "line_discount": ("Lineitem discount",),
        "duties": ("Duties",),
        "cancelled_at": ("Cancelled at", "Canceled at"),
        "refunded": ("Refunded Amount",),
        "payment_method": ("Payment Method",),
        "location": ("Location",),
        "source": ("Source",),
        "phone": ("Phone",),
        "billing_phone": ("Billing Phone",),
        "shipping_phone": ("Shipping Phone",),
        "billing_country": ("Billing Country",),
        "shipping_country": ("Shipping Country",),
        "billing_province": ("Billing Province",),
        "shipping_province": ("Shipping Province",),
        "billing_city": ("Billing City",),
        "shipping_city": ("Shipping City",),
    },
    required="name email currency subtotal shipping taxes total created_at quantity product price".split(),
)
NUMBERS = "subtotal shipping taxes total duties discount refunded".split()
LINE_NUMBERS = "quantity price line_discount".split()

# A row with a status, a currency or amounts begins an order; the rows of its name that follow are its further lines. Some
# versions repeat the address and the time on these, so neither begins an order.
ROWS = """
    SELECT *, coalesce(name, id) AS order_id, CASE WHEN contains(email, '@') THEN email END AS customer_id,
        coalesce(status, currency, subtotal, total) IS NOT NULL AS is_order
    FROM ({texts})
"""

ITEMS = """
    SELECT place, order_id, customer_id, created_at, sku, product, quantity, price, line_discount FROM ({rows})
    WHERE coalesce(product, sku, quantity, price) IS NOT NULL OR NOT is_order
"""

# A shop sets whether prices contain tax, per country at most. An order whose sums tell neither, for tips or later edits, is
# taken to be as most of the others are.
#
# Tax in the prices is that of the goods and that of the shipping. It is divided between the two in proportion to their
# amounts, which is exact where they have one rate. `net` is what the goods are without it, as a share.
ORDERS = """
    WITH told AS NOT MATERIALIZED (
        SELECT *, CASE WHEN abs(total_n - sum_n - taxes_n) < 0.01 THEN false WHEN abs(total_n - sum_n) < 0.01 THEN true END
            AS is_inside
        FROM (SELECT *, subtotal_n + coalesce(shipping_n, 0) + coalesce(duties_n, 0) AS sum_n FROM ({orders}))
    ),
    most AS (SELECT coalesce(avg(is_inside::INTEGER) > 0.5, false) AS is_inside FROM told WHERE taxes_n > 0)
    SELECT *, CASE WHEN goods_tax > 0 THEN (subtotal_n - goods_tax) / subtotal_n END AS net
    FROM (
        SELECT told.*, CASE WHEN coalesce(told.is_inside, most.is_inside) AND taxes_n > 0 AND subtotal_n > 0
            THEN round(taxes_n * subtotal_n / (subtotal_n + coalesce(shipping_n, 0)), 2)::{exact} ELSE 0 END AS goods_tax
        FROM told, most
    )
"""

# Each row with what the order's row above it says (`o`), and its place from there (`line`). An order that stands in two
# exports begins twice, and its lines then have the same places: so of what was read twice the second can be told.
LINES_OF_ORDERS = """
    SELECT r.*, {{{said}}} AS o, r.place - coalesce(o.place, 0) + 1 AS line
    FROM ({rows}) AS r
    LEFT JOIN (
        SELECT *, lead(place, 1, {last}) OVER (PARTITION BY order_id ORDER BY place) AS until FROM ({orders})
    ) AS o ON r.order_id = o.order_id AND r.place >= o.place AND r.place < o.until
"""


def land(shop: Shop, landing: Landing) -> dict[str, Landed]:
    """The orders, their lines, and the customers as their latest orders have them, with what they agreed to.

    Amounts land without tax. A discount that was given on the order and not on a line stands at the order alone, whose
    revenue is the shop's.

    Raises:
        IngestError: if there is no file, or one is not this export.
    """
    source = shop.config.source
    assert isinstance(source, Shopify)
    export = read_export(landing, source.path, shop.raw, [FORM])
    rows = ROWS.format(texts=export.texts)
    placed = with_numbers(f"SELECT * FROM ({rows}) WHERE is_order", NUMBERS)
    orders = helper(landing, "export orders", ORDERS.format(orders=placed, exact=EXACT))
    items = with_numbers(ITEMS.format(rows=rows), LINE_NUMBERS)
    # In a file of their own: the engine then knows their number, and joins them to the orders and not the orders to them.
    items = helper(landing, "export lines", items)
    lines = with_order(items, orders, "place customer_id created_at currency status net")
    customers = _profiles(orders, shop.config.time_zone)
    return {
        "orders": land_outputs(landing, "orders", orders, _orders(shop.config.revenue.tax == "in"), export),
        "order_lines": land_outputs(landing, "order_lines", lines, LINES, export),
        "customers": land_outputs(landing, "customers", customers, CUSTOMERS, export),
    }


def helper(landing: Landing, name: str, query: str) -> str:
    """The rows of a query, kept in a file for several uses, as SQL."""
    return f"SELECT * FROM read_parquet({quoted(landing.copy(name, query))})"


def with_order(rows: str, orders: str, said: str) -> str:
    """Rows, each with what its order says of the given columns."""
    columns = ", ".join(f"{quoted(name)}: o.{name}" for name in said.split())
    return LINES_OF_ORDERS.format(rows=rows, orders=orders, said=columns, last=2**63 - 1)


def computed(column: str, expression: str, condition: str = "true") -> str:
    """SQL for an amount that is computed where it can be, and else lands as it came, so that its row is refused with it.

    >>> import duckdb
    >>> rows = "(VALUES ('5.00', 5.00), ('five', NULL)) AS t(total, total_n)"
    >>> duckdb.sql(f"SELECT {computed('total', 'total_n - 1')} FROM {rows}").fetchall()
    [('4.0000',), ('five',)]
    """
    return f"CASE WHEN {condition} AND ({expression}) IS NOT NULL THEN ({expression})::{EXACT}::VARCHAR ELSE {column} END"


def before_tax(refunded: str, total: str, tax: str) -> str:
    """SQL for what was given back, which exports say with its tax, without the tax, as revenue is without it."""
    return computed(
        refunded, f"{refunded}_n * ({total}_n - {tax}_n) / {total}_n", f"{tax}_n > 0 AND {total}_n > 0"
    )


def _orders(is_tax_in: bool) -> dict[str, Output]:
    return {
        "order_id": Output("order_id", "name"),
        "customer_id": Output("customer_id", "email"),
        "store_id": Output("location"),
        "ordered_at": Output("created_at"),
        "currency": Output("currency"),
        "status": Output("status"),
        "is_test": Output(
            "coalesce(payment_method ILIKE '%bogus gateway%', false)::VARCHAR", "payment_method"
        ),
        "revenue": Output(computed("subtotal", "subtotal_n - goods_tax", "goods_tax > 0"), "subtotal"),
        "tax": Output("taxes"),
        "shipping": Output(
            computed("shipping", "shipping_n - taxes_n + goods_tax", "goods_tax > 0"), "shipping"
        ),
        "discount": Output(computed("discount", "round(discount_n * net, 2)", "net IS NOT NULL"), "discount"),
        "coupon_id": Output("coupon"),
        "has_coupon": Output("(coupon IS NOT NULL)::VARCHAR", "coupon"),
        "refunded": Output("refunded" if is_tax_in else before_tax("refunded", "total", "taxes"), "refunded"),
        "refunded_at": Output("cancelled_at"),
    }


_AMOUNT = "(price_n * quantity_n - coalesce(abs(line_discount_n), 0))"

# A line of an order whose first row was cut off has neither currency nor time: it is refused, and counted.
LINES = {
    "order_id": Output("order_id", "name"),
    "line_id": Output("concat_ws('/', order_id, line)", "name"),
    "customer_id": Output("CASE WHEN o.place IS NULL THEN customer_id ELSE o.customer_id END", "email"),
    "ordered_at": Output("coalesce(o.created_at, created_at)", "created_at"),
    "currency": Output("o.currency", "currency"),
    "status": Output("o.status", "status"),
    "product_id": Output("coalesce(sku, product)", "sku product"),
    "product": Output("product"),
    "quantity": Output("quantity"),
    "price": Output("price"),
    "discount": Output(
        computed("line_discount", "line_discount_n * o.net", "o.net IS NOT NULL"), "line_discount"
    ),
    "revenue": Output(
        f"(CASE WHEN o.net IS NULL THEN {_AMOUNT} ELSE {_AMOUNT} * o.net END)::{EXACT}::VARCHAR", "price"
    ),
}

CUSTOMERS = {
    "customer_id": Output("customer_id", "email"),
    "email": Output("customer_id", "email"),
    "phone": Output("phone", "phone billing_phone shipping_phone"),
    "country": Output("country", "billing_country shipping_country"),
    "region": Output("region", "billing_province shipping_province"),
    "city": Output("city", "billing_city shipping_city"),
    "channel": Output("source"),
    "opted_in_at": Output("opted_in_at", "marketing"),
    "opted_out_at": Output("opted_out_at", "marketing"),
}


def _profiles(orders: str, zone: str) -> str:
    """One row per e-mail address: what the latest order that says anything says, but the channel of the first.

    Consent is what the customer answered last: the latest order with a yes, and the latest with a no.
    """
    when = times(Raw("created_at", "VARCHAR"), Format(), zone)
    return f"""
        SELECT min(place) AS place, max_by(customer_id, turn) AS customer_id, min_by(source, turn) AS source,
            max_by(coalesce(phone, billing_phone, shipping_phone), turn) AS phone,
            max_by(coalesce(billing_country, shipping_country), turn) AS country,
            max_by(coalesce(billing_province, shipping_province), turn) AS region,
            max_by(coalesce(billing_city, shipping_city), turn) AS city,
            max_by(created_at, turn) FILTER (lower(marketing) IN ('yes', 'true') AND is_dated) AS opted_in_at,
            max_by(created_at, turn) FILTER (lower(marketing) IN ('no', 'false') AND is_dated) AS opted_out_at
        FROM (
            SELECT *, ({when}) IS NOT NULL AS is_dated, (coalesce({when}, TIMESTAMP '0001-01-01'), place) AS turn
            FROM ({orders}) WHERE customer_id IS NOT NULL
        )
        GROUP BY {normalised("email", "customer_id")}"""


def land_outputs(
    landing: Landing,
    table: str,
    query: str,
    outputs: Mapping[str, Output],
    export: Export,
    given: Format = Format(),  # noqa: B008  (frozen)
) -> Landed:
    """Land the columns that can be made of what the export has, in the order of its rows."""
    there = {
        name: next(export.columns[source] for source in sources if source in export.columns)
        for name, output in outputs.items()
        if not export.columns.keys().isdisjoint(sources := (output.sources or output.sql).split())
    }
    chosen = ", ".join(f"{outputs[name].sql} AS {identifier(name)}" for name in there)
    path = landing.copy(table, f"SELECT {chosen} FROM ({query}) ORDER BY place")
    return Landed(path, given, export.origin, there, export.malformed if table == "order_lines" else None)


def read_export(landing: Landing, pattern: str, raw: Path, forms: Sequence[Form]) -> Export:
    """Land the known columns of the files that a pattern means, as text; later exports may have columns of their own.

    Args:
        landing: where to.
        pattern: the files, from the raw folder.
        raw: the shop's raw folder.
        forms: the forms that are known; all files have one of them.

    Raises:
        IngestError: if there is no such file, one cannot be read or is of no form, or there are no rows.
    """
    malformed = MalformedLines(landing.folder / "export.malformed.parquet")
    headings = {heading for form in forms for names in form.headings.values() for heading in names}
    found = find_files([pattern], raw)
    origin = found[0].name if len(found) == 1 else pattern
    parts, columns, form = [], dict[str, str](), None
    for number, path in enumerate(found):
        file = _csv(path)
        dialect = find_dialect(file, wanted=headings)
        of_file, there = form_of(dialect.columns, [form] if form else forms, path.name)
        wanted = {ours: (heading,) for ours, heading in there.items()}
        part = land_csv(landing, f"export text {number}", file, dialect, wanted, malformed)
        parts.append(_texts(part, number, of_file, there))
        form, columns = of_file, there | columns
    export = Export(form or forms[0], " UNION ALL ".join(parts), columns, origin, malformed.close())
    _check_rows(landing, export, malformed)
    return export


def _csv(path: Path) -> RawFile:
    file = identify(path)
    if file.kind != "csv":
        raise IngestError(f"{path.name} is {NAMES[file.kind]}: put the CSV there, as it was exported.")
    return file


def _texts(path: Path, number: int, form: Form, columns: Mapping[str, str]) -> str:
    """SQL giving the rows of one landed file as `Export.texts` has them."""
    texts = (f"nullif(trim({ours}), '')" if ours in columns else "NULL::VARCHAR" for ours in form.headings)
    named = ", ".join(f"{text} AS {ours}" for ours, text in zip(form.headings, texts, strict=True))
    return f"""
        SELECT {number} * {FILE} + file_row_number AS place, {named}
        FROM read_parquet({quoted(path)}, file_row_number = true)"""


def _check_rows(landing: Landing, export: Export, malformed: MalformedLines) -> None:
    if landing.engine.connection.execute(f"SELECT 1 FROM ({export.texts}) LIMIT 1").fetchall():
        return
    if first := malformed.first:
        raise IngestError(
            f"No line of {export.origin} can be split like its header: line {first.line} has {first.problem}. Export it again."
        )
    raise IngestError(
        f"{export.origin} has a header and no rows: export it again, over a time in which something was sold."
    )


def form_of(there: Sequence[str], forms: Sequence[Form], origin: str) -> tuple[Form, dict[str, str]]:
    """The first form whose required headings are all there, and ours → the heading, of all of its headings that are.

    Args:
        there: the headings of the file.
        forms: the forms that are known.
        origin: the file, for sentences.

    Raises:
        IngestError: naming what the nearest form still needs, and what there is.

    >>> form_of(["Date", "Total"], [FORM._replace(required=["name", "total"])], "till.csv")
    Traceback (most recent call last):
    regulars.ingest.contracts.IngestError: till.csv is not Shopify's orders export: it has no 'Name'. Its columns are 'Date'
    and 'Total'. In Shopify it is made under Orders › Export, as a CSV. Any other file can be described with source:
    {kind: files}.
    """
    folded = {heading.strip().casefold(): heading for heading in there}
    found = []
    for form in forms:
        known = (
            (ours, [folded.get(heading.casefold()) for heading in names])
            for ours, names in form.headings.items()
        )
        columns = {
            ours: heading for ours, headings in known for heading in headings[::-1] if heading is not None
        }
        if all(ours in columns for ours in form.required):
            return form, columns
        found.append((form, columns))
    form, columns = max(found, key=lambda one: len(one[1]))
    lacking = [form.headings[ours][0] for ours in form.required if ours not in columns]
    raise IngestError(
        f"{origin} is not {form.name}: it has no {_listed(lacking, 'or')}. Its columns are {_listed(there, 'and')}. "
        f"{form.remedy} Any other file can be described with source: {{kind: files}}."
    )


def _listed(names: Sequence[str], word: str) -> str:
    shown = [f"'{name[:40]}'" for name in names[:SHOWN]]
    if len(names) > SHOWN:
        shown.append(f"{len(names) - SHOWN} more")
    return f" {word} ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def with_numbers(texts: str, numbers: Iterable[str]) -> str:
    """The rows with `<name>_n` for each column that is a number."""
    read = ", ".join(f"{amounts(Raw(name, 'VARCHAR'), Format(), '')} AS {name}_n" for name in numbers)
    return f"SELECT *, {read} FROM ({texts})"
