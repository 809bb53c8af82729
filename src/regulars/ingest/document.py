"""`docs/your-shop.md`: how to bring a shop's data, with the tables and the rules as the code has them."""

from __future__ import annotations

from regulars.ingest.cleaning import RULES
from regulars.ingest.contracts import CONTRACTS, KINDS, Column, Contract

OPENING = """\
# Your shop's data

Made by `make docs` from the contracts in `src/regulars/ingest/contracts.py` and the rules in `cleaning.py`; a test holds them
together.

## The short way

```
make shop NAME=acme ORDERS=path/to/orders.csv    # looks at the first rows and writes config/acme.yml
make report SHOP=acme                            # open reports/acme/<month>/index.html
```

The first command shows which column it took for what, and what is still to be settled. Read `config/acme.yml` before you trust
a page: it states what was assumed.

Only orders are needed: one row per order, or one per line. Everything else is asked for where it would help, and a page
that lacks it says "not available: needs ...".

## Where the data are

`source: kind:` is one of

| kind | what it reads |
| --- | --- |
| `files` | CSV (also `.gz`, `.zst`), Parquet and Excel (`.xlsx`), one entry a table under `tables:`; patterns such as `orders-*.csv` |
| `database` | a table or a query per table; `address:` names the environment variable that holds the address |
| `shopify` | the orders export of Shopify |
| `woocommerce` | an orders export of WooCommerce |
| `completejourney`, `hillstrom` | the demo, and a published e-mail test |
| `simulated` | a shop with every table, made up from a seed |

Paths start at `data/<shop>/raw/`, or at `$REGULARS_RAW/<shop>/`. Nothing there is ever written.

```yaml
source:
  kind: files
  tables:
    order_lines:
      path: orders-*.csv.gz
      columns:                 # our name: your column
        order_id: Order No
        customer_id: Customer
        product_id: SKU
        quantity: Qty
        price: Unit price      # or revenue: what the shop received for the line
        ordered_at: [Date, Time]   # several columns are joined by a blank
      decimal: ","             # 1.234,50
      dates: "%d.%m.%Y %H:%M"  # found if left out; where day and month could be exchanged, you are asked
      time_zone: UTC           # of times that carry none; the shop's own if left out
      includes: [tax]          # what price or revenue contains: tax, shipping, discounts that are yet to be taken off
```

Delimiter and encoding (UTF-8, else Windows-1252) are found; `delimiter:`, `encoding:`, `sheet:` say them. Columns of a product
or of a customer may be mapped among the lines or orders, too: the tables of products and customers are then made of them.
Unchanged raw data are not read again: `make report FRESH=1` reads them anyway. A database is read at every run.

## What revenue is

```yaml
revenue: {tax: out, shipping: out, discounts: out, returns: out}   # these are the defaults
```

`in` means that the part is revenue. `discounts: out` and `returns: out` mean that they are taken off. The definition stands on
the first page. Money given back is taken off in the month in which it came back; the order stays an order.

## Returns

```yaml
cleaning:
  returns:
    order_id: "^C"             # ids that begin with C cancel
    status: [refunded]         # or a word in the column mapped to status
    negative_quantity: true    # or any quantity below zero
```

A line that takes something back is matched to its own order, else to the customer's latest earlier purchase of the product at that
price, as long as more was bought there than has come back. What finds no match still takes its money off.

## People

E-mail addresses, telephone numbers, names and postal addresses are never staged: only a hash (HMAC-SHA-256) of each, under a key
from `REGULARS_KEY` or from `data/<shop>/key`, a file that only its owner may read. Keep the key: with another one the same
person has another hash. An id that is an e-mail address is hashed, too. Columns that are not mapped are not read.

Profiles with the same e-mail hash are one customer, and so is whoever shares one with any of them; other rules are
`identities: {merge_by: [[email_hash], [name_hash, address_hash]]}`. What more than 50 profiles share is no identity.

Consent is dated: `opted_in_at` and `opted_out_at` of a customer, or events of the kinds `opt-in` and `opt-out`. Missing means no,
and a later opt-out wins.

## Rules

Each row is judged by these rules in this order. A refused row is kept as it came in `staged/refused/`, with the rule's name; a
flagged row stays and is counted. `cleaning: {rules: {future_date: flag, guest: "off"}}` changes what is done, except
where "always" stands. `stop_above: 0.5` is the share of refused orders or lines above which nothing is staged.

"""

CLOSING = """\
## Segments of your own

Limits of the behavioural segments, and hybrids of any rules and features, stand in the configuration:

```yaml
segments:
  chosen: four-core                  # or rxf-grid, three-level, classic-11: what the review and the experiments use
  behavioural: {coupon_order_share: 0.4, local_countries: [Germany]}
  hybrids:
    - name: loyal locals
      meaning: champions and loyal customers from Berlin who seldom need a discount
      minimum_customers: 50          # with fewer it is said to be too small, and not given
      rule:
        all:                         # or any; not turns a rule around
          - segment: {rxf-grid: [champions, loyal]}
          - {feature: region, in: [Berlin]}
          - not: {feature: discount_share, above: 0.3}   # or below, at_least, at_most, is
```

So does the forecast of what customers will bring; a rule may use its `value_revenue` like any other feature:

```yaml
value:
  horizon_days: 90        # how far ahead; the history must be three times as long
  discount_rate: 0.1      # a year
  hiatus_days: 182        # silence after which the simplest rule takes a customer for gone
```

A customer of whom a rule cannot tell is not in the segment. [The features](features.md) are all that there are; a name that does not exist is
answered with the nearest.

## When one machine is too small

`engine: spark`, with `spark_master: local[*]` or `spark://host:7077`, computes features and segments by rule on Apache Spark (`pip install pyspark`,
Java 17) to the same numbers. On one machine DuckDB is many times faster: 147 million lines need no Spark.

# The staged tables

`data/<shop>/staged/<table>.parquet`. A source maps the columns that are not *made*; an optional column that it lacks is staged
empty.

"""


def document() -> str:
    """The page, as Markdown."""
    return (
        OPENING + _rules() + "\n" + CLOSING + "\n".join(_table(contract) for contract in CONTRACTS.values())
    )


def _rules() -> str:
    rows = ["| table | rule | unless you say otherwise | a row that |", "| --- | --- | --- | --- |"]
    for rule in RULES:
        action = {"refuse": "refused", "flag": "kept, flagged"}[rule.action] + (
            ", always" if rule.fixed else ""
        )
        rows.append(f"| {rule.table} | `{rule.name}` | {action} | {rule.meaning} |")
    return "\n".join(rows) + "\n"


def _table(contract: Contract) -> str:
    rows = ["| column | type | | meaning |", "| --- | --- | --- | --- |"]
    rows += [f"| `{c.name}` | {KINDS[c.kind]} | {_duty(c)} | {c.meaning} |" for c in contract.columns]
    text = f"## {contract.table}\n\n{contract.grain} Sorted by {', '.join(f'`{name}`' for name in contract.sorted_by)}. "
    text += f"Ask {contract.ask}.\n\n" + "\n".join(rows) + "\n"
    own = {column.name for other in ("products", "customers") for column in CONTRACTS[other].columns}
    raw = [column for column in contract.raw if column.name not in own]
    if raw:
        listed = "; ".join(f"`{column.source_name}` ({column.meaning})" for column in raw)
        text += f"\nMay be mapped besides: {listed}; and the columns of products and customers.\n"
    return text


def _duty(column: Column) -> str:
    return "made" if column.made else "required" if column.required else "optional"
