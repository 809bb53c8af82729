"""Pages: an executed notebook as one self-contained HTML file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import nbformat
from nbconvert.exporters import TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbformat import NotebookNode

from regulars.report.errors import ReportError
from regulars.report.files import write_whole
from regulars.report.markup import Markup

TEMPLATE: Final = Path(__file__).parent / "template"
CLOCK: Final = "made at"
_FIRST_HEADING = re.compile(r"\A\s*#[ \t]+(?P<title>[^\n]+?)[ \t#]*(?:\n|\Z)")
_MISSING_PICTURE = re.compile(r"<img\b(?![^>]*\bsrc=[\"']data:)[^>]*>")


class PageExporter(TemplateExporter):
    """An nbconvert exporter that knows no template but ours."""

    output_mimetype = "text/html"

    def __init__(self, **kw: Any) -> None:
        # paths are given outright, so that no template in a reader's own Jupyter folders comes first
        super().__init__(template_paths=[str(TEMPLATE)], template_file="notebook.html.j2", **kw)

    def _file_extension_default(self) -> str:
        return ".html"

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """Add to nbconvert's filters the ones that write our markup."""
        yield from super().default_filters()
        yield ("highlight_code", Highlight2HTML(pygments_lexer="ipython3", parent=self))


def write_page(
    notebook: Path,
    page: Path,
    *,
    title: str | None = None,
    subtitle: str,
    navigation: Sequence[tuple[str, str, bool]],
    footer: Mapping[str, str],
    simulated: bool = False,
    made_up: bool = False,
    home: str | None = "../../index.html",
    code: bool = True,
    mail: str | None = None,
) -> None:
    """Write an executed notebook as a page that needs nothing but itself.

    Args:
        notebook: The executed notebook.
        page: The page to write; the old one stays in place until the new one is whole.
        title: What the browser's tab says, if not the notebook's first heading.
        subtitle: Whose report it is, and when: the shop and the month.
        navigation: For each page of the report its label, its address, and whether it is this one.
        footer: How the page came about, as names and values; ``made at`` is the clock, in ISO 8601.
        simulated: Whether anything on the page was planted; a banner then says so.
        made_up: Whether the shop itself was; another banner then says so.
        home: The address of the list of all reports, if there is one.
        code: Whether a reader may ask to see the code.
        mail: The address of the same page without code or links to others, if there is one.

    Raises:
        ReportError: If the notebook was not run to its end, has no title, or shows a picture without words.
    """
    node = nbformat.read(notebook, as_version=4)
    _refuse_failed(node, notebook)
    heading = _take_heading(node, notebook)
    _drop_silent_sections(node)
    if not code:
        _drop_code(node)
    resources = {
        "markup": Markup(notebook.name),
        "page": {
            "heading": heading,
            "title": title or heading,
            "subtitle": subtitle,
            "navigation": navigation,
            "footer": {name: value for name, value in footer.items() if name != CLOCK},
            "clock": footer.get(CLOCK),
            "simulated": simulated,
            "made_up": made_up,
            "home": home,
            "code": code,
            "mail": mail,
            "findings": _take_findings(node),
        },
    }
    written, _ = PageExporter().from_notebook_node(node, resources)
    _refuse_requests(written, notebook)
    write_whole(page, written)


def _refuse_failed(node: NotebookNode, notebook: Path) -> None:
    for place, cell in enumerate(node.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise ReportError(
                    f"{notebook.name} failed in cell {place}: {output.ename}: {output.evalue}. "
                    "No page is made from it; mend the cell and run the notebook again."
                )
    ran = [cell for cell in node.cells if cell.cell_type == "code" and cell.get("execution_count")]
    if not ran and any(cell.cell_type == "code" and cell.source.strip() for cell in node.cells):
        raise ReportError(f"{notebook.name} was never run: run it first, then make its page.")


def _take_heading(node: NotebookNode, notebook: Path) -> str:
    """Take the title out of the first text cell, whose rest stays."""
    for cell in node.cells:
        found = _FIRST_HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if found:
            cell.source = cell.source[found.end() :]
            return found["title"].strip()
    raise ReportError(
        f"{notebook.name} has no title: begin its first text cell with a line like '# Segments'."
    )


def _drop_silent_sections(node: NotebookNode) -> None:
    """Empty the text of sections in which code ran and showed nothing: what they speak of was not there."""
    sections: list[list[NotebookNode]] = [[]]
    for cell in node.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            sections.append([])
        sections[-1].append(cell)
    for section in sections[1:]:
        code = [cell for cell in section if cell.cell_type == "code" and "findings" not in _tags(cell)]
        if code and not any(cell.outputs for cell in code):
            for cell in section:
                cell.source = "" if cell.cell_type == "markdown" else cell.source


def _drop_code(node: NotebookNode) -> None:
    """Empty the code, and what is shown only beside it."""
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.source = ""
            cell.outputs = [] if "hide" in _tags(cell) else cell.outputs


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _take_findings(node: NotebookNode) -> list[NotebookNode]:
    """Take the outputs of the cell tagged ``findings``; its code stays where it is."""
    for cell in node.cells:
        if cell.cell_type == "code" and "findings" in _tags(cell):
            taken, cell.outputs = cell.outputs, []
            return taken
    return []


def _refuse_requests(written: str, notebook: Path) -> None:
    picture = _MISSING_PICTURE.search(written)
    if picture:
        raise ReportError(
            f"{notebook.name} shows a picture that is not in it: {picture[0]}. "
            "A page makes no requests: draw the picture with show(figure, alt), or attach it to the cell."
        )
