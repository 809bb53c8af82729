"""The ordered run: every notebook by papermill, then the pages; published only if all succeeded.

python -m regulars.pipeline --shop demo --month latest
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from regulars.errors import RegularsError
from regulars.lock import waiting_lock
from regulars.month import Month, MonthError, months_between
from regulars.provenance import provenance
from regulars.publishing import publish, restore
from regulars.shop import ROOT, NotAvailableError, Shop, shown

# Each notebook, in order, with its page and the page's name in the navigation.
NOTEBOOKS: dict[str, tuple[str, str]] = {
    "01-ingest": ("01-ingest.html", "Data"),
    "02-features": ("02-features.html", "Customers"),
    "03-segments": ("03-segments.html", "Segments"),
    "04-offers": ("04-offers.html", "Offers"),
    "05-review": ("index.html", "Review"),
}

REVIEW = "05-review"
NEEDS = "needs-orders"  # tags the cells that a shop without orders has no use for
PAPERMILL_SAYS = "papermill-error-cell-tag"


class PipelineError(RegularsError):
    """A run that did not end in a report."""


def parse_months(text: str) -> list[str]:
    """What a MONTH parameter asks for: `latest`, a month, or a range of months.

    >>> parse_months("2017-11:2018-01")
    ['2017-11', '2017-12', '2018-01']
    """
    if text == "latest":
        return [text]
    first, _, last = text.partition(":")
    months = months_between(Month.parse(first), Month.parse(last or first))
    if not months:
        raise MonthError(f"'{text}' ends before it begins: write the earlier month first.")
    return [str(month) for month in months]


def make_reports(
    shop: Shop, months: Sequence[str], notebooks: Path = ROOT / "notebooks", *, fresh: bool = False
) -> None:
    """Run the notebooks for each month and publish its pages; runs of one shop wait for each other.

    Args:
        shop: the shop.
        months: `YYYY-MM` or `latest`.
        notebooks: the folder that the notebooks are in.
        fresh: read the raw data again even if nothing has changed.

    Raises:
        PipelineError: naming the notebook and the cell that failed. Reports published before are untouched.
    """
    if shop.config.segments.hybrids:  # what is wrong with them is said before anything is read
        from regulars.segments import check_segments

        check_segments(shop.config.segments)
    with ExitStack() as held:
        try:
            held.enter_context(waiting_lock(shop.data, shop.config.name))
        except OSError as error:
            raise PipelineError(
                f"{shop.data} cannot be written to ({error.strerror}): give the right to, or set REGULARS_HOME elsewhere."
            ) from None
        restore(shop.reports)
        _sweep(shop.data)
        _stage(shop, fresh)
        for month in months:
            _make_report(shop, month, notebooks)


def _stage(shop: Shop, fresh: bool) -> None:
    """Read the raw data here, where a terminal shows how far it is; the first notebook finds them staged."""
    from regulars.ingest import stage

    begun = time.perf_counter()
    stage(shop, fresh=fresh)
    print(f"  {'raw data':<12} {time.perf_counter() - begun:5.1f} s", flush=True)


def _make_report(shop: Shop, text: str, notebooks: Path) -> None:
    """One month: execute, render, publish."""
    building = shop.reports / ".building"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    started = time.perf_counter()
    for name in NOTEBOOKS:
        begun = time.perf_counter()
        _execute(shop, notebooks / f"{name}.ipynb", building / f"{name}.ipynb", text)
        if name == "01-ingest":
            text = str(_fresh(shop).month(text))
        print(f"  {name:<12} {time.perf_counter() - begun:5.1f} s", flush=True)
    _render(_fresh(shop), Month.parse(text), building)
    final = publish(building, shop.reports / text)
    shutil.rmtree(shop.data / "failed", ignore_errors=True)
    from regulars.report.contents import write_contents

    write_contents(shop.reports.parent)
    print(
        f"  {'report':<12} {time.perf_counter() - started:5.1f} s  {shown(final / 'index.html')}", flush=True
    )


def _fresh(shop: Shop) -> Shop:
    """The shop without what it remembers of its tables: a notebook has just written them."""
    return Shop(shop.config, shop.home, shop.raw)


def _execute(shop: Shop, notebook: Path, output: Path, month: str) -> None:
    """Run one notebook in a kernel of its own."""
    import papermill

    parameters = {"shop": shop.config.name, "month": month}
    try:
        papermill.execute_notebook(
            _applicable(shop, notebook, output),
            output,
            parameters,
            kernel_name="python3",
            cwd=ROOT / "notebooks",
            progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=50"],  # a kernel told to end may complain of it
        )
    except papermill.PapermillExecutionError as error:
        if error.ename == NotAvailableError.__name__:
            _say_not_available(shop, Month.parse(month), output, error)
            return
        kept = shop.data / "failed" / notebook.name
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(output, kept)
        place = f"{notebook.stem}, cell {_cell_number(output, error.cell_index)}"
        if error.ename in _own_errors():
            raise PipelineError(f"{error.evalue} ({place})") from None
        reason = str(error.evalue).splitlines()[0] if error.evalue else ""
        raise PipelineError(
            f"{place} failed: {error.ename}: {reason}. No page was changed; the notebook as far as it ran is "
            f"{shown(kept)}."
        ) from None


def _applicable(shop: Shop, notebook: Path, output: Path) -> Path:
    """The notebook as the shop can run it: of one without orders, cells that need them are emptied, in place of `output`."""
    import nbformat

    node = nbformat.read(notebook, as_version=4)
    tagged = [cell for cell in node.cells if NEEDS in cell.metadata.get("tags", [])]
    if not tagged or shop.has("orders"):
        return notebook
    for cell in tagged:
        cell.source = ""
    nbformat.write(node, output)
    return output


def _say_not_available(shop: Shop, month: Month, output: Path, error: Any) -> None:
    """End the executed notebook where it asked for what the shop lacks, with the sentence in the place of the rest."""
    import nbformat

    from regulars.report import Findings

    findings = Findings(output.stem, shop.findings(month, output.stem))
    findings.headline("{words}", key="not available", words=str(error.evalue))
    said = findings.publish()
    node = nbformat.read(output, as_version=4)
    # papermill sets cells of its own before all others and before the one that failed.
    own = [cell for cell in node.cells if PAPERMILL_SAYS not in cell.metadata.get("tags", [])]
    node.cells = own[: error.cell_index + 1]
    last = node.cells[-1]
    bundle = {"text/html": said.markup, "text/plain": said.text}
    last.outputs = [nbformat.v4.new_output("display_data", data=bundle)]
    last.metadata["tags"] = ["findings"]
    nbformat.write(node, output)


def _cell_number(executed: Path, index: int) -> int:
    """The number that a cell of an executed notebook has in the notebook as written, from 1."""
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"][: index + 1]
    return sum("injected-parameters" not in cell["metadata"].get("tags", []) for cell in cells)


def _own_errors() -> set[str]:
    """The names of the errors that already are sentences for the reader."""
    import regulars.features
    import regulars.ingest
    import regulars.offers
    import regulars.report.errors
    import regulars.segments  # noqa: F401

    return {kind.__name__ for kind in RegularsError.__subclasses__()}


def _render(shop: Shop, month: Month, building: Path) -> None:
    """Every executed notebook as a page, and what the contents page needs to know of this report."""
    from regulars.report.about import about_report
    from regulars.report.page import write_page

    has_offers = shop.monthly("offers", month).exists()
    simulated = has_offers and bool(
        shop.engine.collect(shop.offers(month).select("is_simulated"))["is_simulated"].any()
    )
    clock = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    footer = provenance(shop, {"shop": shop.config.name, "month": month}) | {"made at": clock}
    mailed = f"{shop.config.name}-{month}.html"
    for name, (page, _) in NOTEBOOKS.items():
        written = partial(
            write_page,
            building / f"{name}.ipynb",
            subtitle=f"{shop.config.title} · {month.title}",
            footer=footer,
            simulated=simulated and name in ("04-offers", REVIEW),
            made_up=shop.config.is_simulated,
        )
        written(building / page, navigation=_navigation(name), mail=mailed if name == REVIEW else None)
        if name == REVIEW:
            written(building / mailed, navigation=(), home=None, code=False)
        (building / f"{name}.ipynb").unlink()
    about = about_report(
        title=shop.config.title,
        month=str(month),
        findings=shop.found(month, REVIEW),
        simulated=simulated,
        made_up=shop.config.is_simulated,
    )
    (building / "report.json").write_text(
        json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _navigation(current: str) -> list[tuple[str, str, bool]]:
    """The review first, then what stands behind it, then all months."""
    order = [REVIEW, *[name for name in NOTEBOOKS if name != REVIEW]]
    links = [(NOTEBOOKS[name][1], NOTEBOOKS[name][0], name == current) for name in order]
    return [*links, ("All months", "../index.html", False)]


def _sweep(data: Path) -> None:
    """Remove what a killed run was writing aside."""
    for pattern in (".*.parquet.*", ".*.json.*"):
        for left in data.rglob(pattern):
            if not left.is_relative_to(data / "raw"):  # what is raw is the shop's own
                left.unlink(missing_ok=True)


def main(words: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m regulars.pipeline", description="Make a shop's monthly report."
    )
    parser.add_argument("--shop", default="demo", help="the name of config/<shop>.yml")
    parser.add_argument("--month", default="latest", help="YYYY-MM, a range YYYY-MM:YYYY-MM, or latest")
    parser.add_argument(
        "--fresh", action="store_true", help="read the raw data again even if nothing has changed"
    )
    given = parser.parse_args(words)
    try:
        shop = Shop.open(given.shop)
        months = parse_months(given.month)
        print(f"{shop.config.title}, {given.month}", flush=True)
        make_reports(shop, months, fresh=given.fresh)
    except RegularsError as error:
        print(f"regulars: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
