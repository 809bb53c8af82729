"""The staged tables: what one row is, and the name, type, unit and meaning of every column.

Validation, its messages, the guesses of `make shop` and `docs/your-shop.md` are all made from here.
"""

from __future__ import annotations

import difflib
from typing import Any, Literal, NamedTuple

import narwhals as nw

from regulars.engine import Frame
from regulars.errors import RegularsError

Kind = Literal["id", "text", "personal", "count", "quantity", "money", "flag", "time", "day"]

TYPES: dict[Kind, Any] = {
    "id": nw.String(),
    "text": nw.String(),
    "personal": nw.String(),
    "count": nw.Int64(),
    "quantity": nw.Decimal(18, 4),
    "money": nw.Decimal(18, 4),
    "flag": nw.Boolean(),
    "time": nw.Datetime("us"),
    "day": nw.Int32(),
}

KINDS: dict[Kind, str] = {
    "id": "an identifier, as text",
    "text": "text",
    "personal": "a keyed hash of personal data",
    "count": "a whole number",
    "quantity": "a number, exact to four decimals",
    "money": "an amount in the shop's currency, exact to four decimals",
    "flag": "true or false",
    "time": "a local time of the shop, without a zone",
    "day": "a day: whole days since 1970-01-01, local",
}


class IngestError(RegularsError):
    """Raw data that are missing, cannot be read, or lack what a staged table needs.

    A sentence stays one line, whatever stands in the values that it quotes.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(" ".join("".join(c if c.isprintable() else " " for c in sentence).split()))


class Column(NamedTuple):
    """One column of a staged table. Where an optional column is not in the source it is staged empty.

    Attributes:
        name: its name in the staged table.
        kind: its type.
        meaning: in plain words.
        required: whether the source must have it.
        made: whether Regulars makes it, so that no source column is mapped to it.
        also: other names under which shops' exports have it, for guesses.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    made: bool = False
    also: str = ""

    @property
    def source_name(self) -> str:
        """What it is called in the mapping of a configuration: personal data lose their ending `_hash`."""
        return self.name.removesuffix("_hash") if self.kind == "personal" else self.name


class Contract(NamedTuple):
    """One staged table.

    Attributes:
        table: its name.
        grain: what one row is, in a sentence.
        key: the columns that identify a row, or, where rows may repeat, order them.
        columns: its columns, in order.
        ask: who can say more of it, or has it.
        raw: further columns that a source may map; the staged columns are computed from them.
        open: whether it takes columns of the shop's own (`attributes` in the configuration).
    """

    table: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    ask: str
    raw: tuple[Column, ...] = ()
    open: bool = False

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """The order of its rows: all of a customer together, since most questions are asked per customer.

        >>> CONTRACTS["order_lines"].sorted_by[:3]
        ('customer_id', 'order_id', 'product_id')
        """
        is_first = "customer_id" not in self.key and any(c.name == "customer_id" for c in self.columns)
        return ("customer_id", *self.key) if is_first else self.key

    @property
    def mappable(self) -> dict[str, Column]:
        """What a source may map: name in the configuration → column."""
        return {c.source_name: c for c in (*self.columns, *self.raw) if not c.made}

    def conform(self, frame: Frame) -> Frame:
        """The frame with exactly this table's columns and types; an open table keeps further ones.

        Raises:
            IngestError: if a required column is absent, or one is there that the table does not have.

        >>> import duckdb
        >>> products = nw.from_native(duckdb.sql("SELECT 7 AS product_id"))
        >>> CONTRACTS["products"].conform(products).collect("pandas").to_native().loc[0, "product_id"]
        '7'
        """
        given = frame.collect_schema().names()
        for column in self.columns:
            if column.required and column.name not in given:
                raise IngestError(self.absent(column, given))
        unknown = sorted(set(given) - {column.name for column in self.columns})
        if unknown and not self.open:
            raise IngestError(
                f"The source gives {self.table} the column '{unknown[0]}', which no staged table has."
            )
        return frame.select(
            *(
                (nw.col(c.name) if c.name in given else nw.lit(None)).cast(TYPES[c.kind]).alias(c.name)
                for c in self.columns
            ),
            *unknown,
        )

    def absent(self, column: Column, given: list[str]) -> str:
        """The sentence for a column that the source lacks, with the nearest names that it has."""
        near = difflib.get_close_matches(column.name, given, n=3)
        hint = f"the nearest are {', '.join(near)}" if near else f"there are {', '.join(given)}"
        return f"{self.table} needs the column '{column.name}' ({column.meaning}), which the source lacks: {hint}."


def _column(line: str) -> Column:
    """A column from one line: `name kind marks | meaning | other names`; marks: ! required, + made."""
    what, meaning, *also = (part.strip() for part in line.split("|"))
    name, kind, *marks = what.split()
    return Column(name, kind, meaning, "!" in marks, "+" in marks, *also)  # type: ignore[arg-type]


def _columns(text: str) -> tuple[Column, ...]:
    return tuple(_column(line) for line in text.splitlines() if line.strip())


_WHEN = """
    ordered_at     time !  | when the order was placed | date order_date created_at created_on purchased_at invoice_date timestamp order_created_date date_created
    ordered_day    day +   | the day of the order
    ordered_month  text +  | its month, YYYY-MM
"""

_MONEY = """
    revenue          money !  | what the shop received, as the configuration defines revenue | amount total sales line_total order_total total_price grand_total subtotal net_sales
    list_revenue     money    | revenue plus the discounts that the shop gave | gross_sales list_price_total
    discount         money    | what the customer saved, makers' coupons included | discount_amount total_discount discounts
    coupon_discount  money    | the part of it that came by coupon
"""

# What a source may map of an order or a line besides its staged columns.
_RAW = """
    tax       money  | tax on it | taxes vat sales_tax tax_amount total_tax
    shipping  money  | what the customer paid for delivery | shipping_amount delivery postage freight shipping_total
    currency  text   | its currency, as a code of three letters | currency_code
    status    text   | its state: paid, cancelled, refunded and so on | financial_status order_status state
    is_test   flag   | whether it is a test | test
"""

_PRODUCT = """
    product           text  | what it is | product_name description item_name title lineitem_name name
    category          text  | the category it is counted in | product_category product_type category_name
    department        text  | the department above the category | group division
    is_private_brand  flag  | whether it is the shop's own brand | own_brand private_label
    package_size      text  | size of a package, as printed
"""

_CUSTOMER = """
    email_hash      personal  | the e-mail address | e_mail email_address customer_email billing_email
    phone_hash      personal  | the telephone number | telephone mobile billing_phone phone_number
    name_hash       personal  | the name | full_name customer_name billing_name
    address_hash    personal  | the postal address | street billing_address address1 street_address
    country         text      | country | country_code billing_country shipping_country
    region          text      | region, state or kind of area | state province county zip_area
    city            text      | town | town billing_city
    channel         text      | the channel by which the customer came | acquisition_channel utm_source source_name referrer
    organisation    text      | kind of organisation: personal, school, non-profit and so on | customer_type organization_type account_type
    gender          text      | gender, as the customer stated it; never assumed | sex
    age_band        text      | age band | age
    income_band     text      | income band | income
    household_size  text      | persons in the household
    household       text      | who lives in the household
    children        text      | number of children
    home_ownership  text      | owner or renter
    marital_status  text      | marital status
    opted_in_at     time      | when the customer last agreed to be written to | opt_in_at consent_date consented_at subscribed_at
    opted_out_at    time      | when the customer last withdrew it | opt_out_at unsubscribed_at
"""

CONTRACTS: dict[str, Contract] = {
    contract.table: contract
    for contract in (
        Contract(
            "products",
            "One row per product.",
            ("product_id",),
            _columns(
                "product_id  id !  | the product | sku item_id stock_code article variant_id" + _PRODUCT
            ),
            "whoever keeps the product catalogue",
        ),
        Contract(
            "customers",
            "One row per customer, after profiles of one customer were merged.",
            ("customer_id",),
            _columns(
                "customer_id  id !  | the customer | customer client_id user_id member_id household_id"
                "\nhas_profile  flag  | whether the customer ever filled in a form" + _CUSTOMER
            ),
            "whoever keeps the customer file (CRM, sign-up form, mail tool)",
            open=True,
        ),
        Contract(
            "contacts",
            "One row per campaign that a customer was sent, and per coupon that a customer redeemed.",
            ("customer_id", "contacted_day", "kind", "campaign_id", "coupon_id"),
            _columns("""
                customer_id    id !    | the customer
                kind           text !  | 'campaign sent' or 'coupon redeemed' | type
                campaign_id    id      | the campaign | campaign
                coupon_id      id      | the coupon, where one was redeemed | coupon coupon_code
                contacted_day  day !   | the day on which it was sent or redeemed | date sent_on sent_at
            """),
            "whoever sends the newsletters and issues the coupons",
        ),
        Contract(
            "events",
            "One row per thing that a customer did on the site, in an e-mail or at the support desk.",
            ("customer_id", "occurred_at", "kind", "session_id", "product_id"),
            _columns("""
                customer_id     id      | the customer; empty for an unknown visitor
                session_id      id      | the visit | session visit_id
                kind            text !  | view, cart, checkout, search; e-mail opened, e-mail clicked; support; opt-in, opt-out | event event_type event_name
                product_id      id      | the product, where there is one
                device          text    | phone, tablet or computer | device_type
                channel         text    | how the visit came about | utm_medium source
                occurred_at     time !  | when | timestamp event_time created_at time
                occurred_day    day +   | the day of it
            """),
            "whoever runs the web analytics and the mail tool",
        ),
        Contract(
            "answers",
            "One row per customer and question of a survey.",
            ("customer_id", "survey_id", "question", "answered_day"),
            _columns("""
                customer_id   id !    | the customer
                survey_id     id      | the survey | survey
                question      text !  | the question, or its short name
                answer        text    | what the customer declared | response value
                answered_day  day     | the day of it | date answered_at
            """),
            "whoever runs the surveys",
        ),
        Contract(
            "assignments",
            "One row per customer and experiment.",
            ("experiment_id", "customer_id"),
            _columns("""
                experiment_id  id !    | the experiment | experiment test_id
                customer_id    id !    | the customer
                arm            text !  | what the customer was assigned to | variant group treatment
                assigned_day   day     | the day of it; empty where a published experiment does not say | date assigned_at
            """),
            "whoever ran the experiment",
        ),
        Contract(
            "outcomes",
            "One row per experiment, customer and metric: what came of it, where it is not computed from orders.",
            ("experiment_id", "customer_id", "metric"),
            _columns("""
                experiment_id  id !        | the experiment | experiment test_id
                customer_id    id !        | the customer
                metric         text !      | what was measured: visit, conversion, spend and so on
                value          quantity !  | how much: money in the shop's currency, or 0 and 1
                counted_day    day         | the day of it; before the assignment it is refused | date counted_at measured_at
            """),
            "whoever ran the experiment",
        ),
        Contract(
            "order_lines",
            "One row per product of an order, returns included.",
            ("order_id", "product_id", "quantity", "revenue", "discount"),
            _columns(
                """
                order_id     id !      | the order | order order_number invoice invoice_no invoice_number transaction_id basket_id name
                customer_id  id        | the customer; empty for a guest | customer client_id user_id member_id household_id
                product_id   id        | the product | sku item_id stock_code article lineitem_sku variant_id
                line_id      id        | the line, where lines have an id of their own | order_line_id item_line_id
                store_id     id        | the store, or the sales channel | store shop sales_channel
                quantity     quantity  | items, or a volume; zero where nothing was sold, below zero where it came back | qty units lineitem_quantity amount_of_items
                price        money     | price of one item | unit_price item_price lineitem_price
                """
                + _MONEY
                + _WHEN
                + """
                is_return         flag +  | whether it takes back what another line sold
                is_product        flag +  | whether it is a product, rather than postage and the like
                is_known_product  flag +  | whether the product table has it
                is_duplicate      flag +  | whether an equal row was already read
                """
            ),
            "whoever runs the shop system",
            raw=_columns(_RAW + _PRODUCT + _CUSTOMER),
        ),
        Contract(
            "orders",
            "One row per order, as it was placed: what came back of it stands in `returns`.",
            ("order_id",),
            _columns(
                """
                order_id     id !   | the order | order order_number invoice invoice_no invoice_number transaction_id basket_id name
                customer_id  id     | the customer; empty for a guest | customer client_id user_id member_id household_id
                store_id     id     | the store, or the sales channel | store shop sales_channel
                lines        count  | lines on which something was sold | items_count line_count
                """
                + _MONEY
                + "has_coupon  flag  | whether a coupon was used"
                + _WHEN
            ),
            "whoever runs the shop system",
            raw=_columns(
                _RAW
                + """
                refunded       money  | what was given back of it | refunded_amount refund amount_refunded refund_amount
                refunded_at    time   | when; the day of the order unless given | cancelled_at refund_date
                coupon_id      text   | the code of the coupon that was used | discount_code coupon coupon_code
                """
                + _CUSTOMER
            ),
        ),
        Contract(
            "returns",
            "One row per line or order that took money back, on the day on which it did.",
            ("return_id", "product_id", "returned_at", "quantity", "revenue"),
            _columns("""
                return_id       id +        | the cancellation or credit note
                order_id        id +        | the order that it undoes; empty where none could be found
                customer_id     id +        | the customer; empty for a guest
                product_id      id +        | the product; empty for a whole order
                quantity        quantity +  | items that came back
                revenue         money +     | what the shop gave back
                list_revenue    money +     | the same before the discounts that the shop had given
                returned_at     time +      | when
                returned_day    day +       | the day of it
                returned_month  text +      | its month, YYYY-MM
            """),
            "whoever runs the shop system",
        ),
    )
}
