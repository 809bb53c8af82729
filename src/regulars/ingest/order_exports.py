"""Orders exports of shop systems: known by their headings, read as text, and landed under our names.

A source module says which columns its system's export has, and which of them become which of ours; the rest is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from regulars.config import Format
from regulars.ingest.contracts import IngestError
from regulars.ingest.delimited import MalformedLines, land_csv
from regulars.ingest.dialect import find_dialect
from regulars.ingest.landing import Landed, Landing, identifier, quoted
from regulars.ingest.personal import normalised
from regulars.ingest.rawfiles import NAMES, RawFile, find_files, identify, literal
from regulars.ingest.values import Raw, amounts, times

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

    def columns(self, there: Sequence[str]) -> dict[str, str]:
        """Ours → the heading, of all of the form's headings that are there, in whatever spelling."""
        folded = {heading.strip().casefold(): heading for heading in there}
        return {
            ours: folded[known.casefold()]
            for ours, headings in self.headings.items()
            for known in reversed(headings)  # the first that is there is the last that is put here
            if known.casefold() in folded
        }

    def fits(self, there: Sequence[str]) -> bool:
        """Whether all that makes the form is there."""
        return self.columns(there).keys() >= set(self.required)


class Export(NamedTuple):
    """An export whose form is known.

    Attributes:
        form: its form.
        texts: SQL giving its rows: `place`, and the form's columns as text, null where blank or absent.
        columns: ours → the heading in the export, of those that are there.
        origin: the files, for sentences.
        given: how its dates and numbers are written.
        malformed: the lines that could not be split into columns, if there were any.
    """

    form: Form
    texts: str
    columns: Mapping[str, str]
    origin: str
    given: Format
    malformed: Path | None = None


class Output(NamedTuple):
    """A column that lands, if the export has what it is made of.

    Attributes:
        sql: its SQL, as text.
        sources: the columns of the export that it is made of, any of which is enough; by default the one that `sql` is.
        amount: SQL of a number that lands in its place where there is one. Where it cannot be computed, the text lands as it
            came, so that its row is refused with it.
    """

    sql: str
    sources: str = ""
    amount: str = ""


def read_export(
    landing: Landing,
    pattern: str,
    raw: Path,
    forms: Sequence[Form],
    given: Format = Format(),  # noqa: B008  (frozen)
) -> Export:
    """Land the known columns of the files that a pattern means, as text; later exports may have columns of their own.

    Args:
        landing: where to.
        pattern: the files, from the raw folder.
        raw: the shop's raw folder.
        forms: the forms that are known; all files have one of them.
        given: how dates and numbers are written.

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
    export = Export(form or forms[0], " UNION ALL ".join(parts), columns, origin, given, malformed.close())
    _check_rows(landing, export, malformed)
    return export


def _csv(path: Path) -> RawFile:
    file = identify(path)
    if file.kind != "csv":
        raise IngestError(f"{path.name} is {NAMES[file.kind]}: put the CSV there, as it was exported.")
    return file


def form_of(there: Sequence[str], forms: Sequence[Form], origin: str) -> tuple[Form, dict[str, str]]:
    """The first form whose required headings are all there, and ours → the heading, of all of its headings that are.

    Args:
        there: the headings of the file.
        forms: the forms that are known.
        origin: the file, for sentences.

    Raises:
        IngestError: naming what the nearest form still needs, and what there is.

    >>> headings = {"order_id": ("Number", "Order"), "total": ("Total",)}
    >>> till = Form("the till's export", "The till makes it.", headings, ["order_id", "total"])
    >>> form_of(["ORDER", "total"], [till], "till.csv")[1]
    {'order_id': 'ORDER', 'total': 'total'}
    >>> form_of(["Date", "Total"], [till], "till.csv")
    Traceback (most recent call last):
    regulars.ingest.contracts.IngestError: till.csv is not the till's export: it has no 'Number'. Its columns are 'Date'
    and 'Total'. The till makes it. Any other file can be described with source: {kind: files}.
    """
    for form in forms:
        if form.fits(there):
            return form, form.columns(there)
    form = max(forms, key=lambda form: len(form.columns(there)))
    columns = form.columns(there)
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


def _texts(path: Path, number: int, form: Form, columns: Mapping[str, str]) -> str:
    """SQL giving the rows of one landed file as `Export.texts` has them."""
    texts = (f"nullif(trim({ours}), '')" if ours in columns else "NULL::VARCHAR" for ours in form.headings)
    named = ", ".join(f"{text} AS {ours}" for ours, text in zip(form.headings, texts, strict=True))
    return f"""
        SELECT {number} * {FILE} + file_row_number AS place, {named}
        FROM read_parquet({literal(path)}, file_row_number = true)"""


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


def helper(landing: Landing, name: str, query: str) -> str:
    """The rows of a query, kept in a file for several uses, as SQL."""
    return f"SELECT * FROM read_parquet({literal(landing.copy(name, query))})"


def with_numbers(texts: str, numbers: Iterable[str], given: Format) -> str:
    """The rows with `<name>_n` for each column that is a number."""
    read = ", ".join(f"{amounts(Raw(name, 'VARCHAR'), given, '')} AS {name}_n" for name in numbers)
    return f"SELECT *, {read} FROM ({texts})"


# Each row with what the order's row above it says (`o`), and its place from there (`line`). An order that stands in two
# exports begins twice, and its lines then have the same places: so of what was read twice the second can be told.
_LINES_OF_ORDERS = """
    SELECT r.*, {{{said}}} AS o, r.place - coalesce(o.place, 0) + 1 AS line
    FROM ({rows}) AS r
    LEFT JOIN (
        SELECT *, lead(place, 1, {last}) OVER (PARTITION BY order_id ORDER BY place) AS until FROM ({orders})
    ) AS o ON r.order_id = o.order_id AND r.place >= o.place AND r.place < o.until
"""


def with_order(rows: str, orders: str, said: str) -> str:
    """Rows, each with what its order says of the given columns."""
    columns = ", ".join(f"{quoted(name)}: o.{name}" for name in said.split())
    return _LINES_OF_ORDERS.format(rows=rows, orders=orders, said=columns, last=2**63 - 1)


def before_tax(refunded: str, total: str, tax: str) -> str:
    """SQL for what was given back, which exports say with its tax, without the tax, as revenue is without it."""
    return f"CASE WHEN {tax} > 0 AND {total} > 0 THEN {refunded} * ({total} - {tax}) / {total} END"


def latest(*columns: str) -> Output:
    """Of a customer's orders, what the latest says that says anything of the columns, the first of them first."""
    return Output(f"max_by(coalesce({', '.join(columns)}), turn)", " ".join(columns))


def land_outputs(
    landing: Landing, table: str, query: str, outputs: Mapping[str, Output], export: Export
) -> Landed:
    """Land the columns that can be made of what the export has, in the order of its rows."""
    return _land(landing, table, f"({query}) ORDER BY place", outputs, export)


def land_customers(
    landing: Landing, orders: str, outputs: Mapping[str, Output], export: Export, zone: str
) -> Landed:
    """Land one row per customer of the orders; outputs are aggregates, for which `turn` is an order's place in time.

    Args:
        landing: where to.
        orders: their rows.
        outputs: the columns; `is_dated` tells them whether the order's time can be read.
        export: what the orders are from.
        zone: the shop's time zone.
    """
    when = times(Raw("created_at", "VARCHAR"), export.given, zone)
    rows = f"""(
            SELECT *, ({when}) IS NOT NULL AS is_dated, (coalesce({when}, TIMESTAMP '0001-01-01'), place) AS turn
            FROM ({orders}) WHERE customer_id IS NOT NULL
        ) GROUP BY {normalised("email", "customer_id")} ORDER BY min(place)"""
    return _land(landing, "customers", rows, outputs, export)


def _land(landing: Landing, table: str, rows: str, outputs: Mapping[str, Output], export: Export) -> Landed:
    there = {
        name: next(export.columns[source] for source in sources if source in export.columns)
        for name, output in outputs.items()
        if not export.columns.keys().isdisjoint(sources := (output.sources or output.sql).split())
    }
    chosen = ", ".join(f"{_written(outputs[name], export.given)} AS {identifier(name)}" for name in there)
    path = landing.copy(table, f"SELECT {chosen} FROM {rows}")
    malformed = export.malformed if table == "order_lines" else None
    return Landed(path, export.given, export.origin, there, malformed)


def _written(output: Output, given: Format) -> str:
    """SQL of a column; a number is written as the export writes its own, for it is read like those."""
    if not output.amount:
        return output.sql
    number = f"({output.amount})::{EXACT}::VARCHAR"
    if given.decimal == ",":
        number = f"replace({number}, '.', ',')"
    return f"coalesce({number}, {output.sql})"
