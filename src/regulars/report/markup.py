"""What a page makes of text cells and outputs: anchored headings, and tables that scroll by themselves."""

import html
import re
from typing import Final, NamedTuple

from bs4 import BeautifulSoup, Tag
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from regulars.report.errors import ReportError

_PICTURES: Final = ("image/svg+xml", "image/png", "image/jpeg")
_MACHINERY = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_LONG: Final = 60  # characters, from which on a cell is given room
_INTERVAL = re.compile(r"\S+\u00a0to\u00a0\S+")


class Heading(NamedTuple):
    """A section of the page, as its list of contents names it."""

    anchor: str
    text: str


class Markup:
    """Renders the cells of one page, and remembers its sections.

    Args:
        notebook: The notebook's name, for error messages.

    Example:
        >>> page = Markup("03-segments.ipynb")
        >>> print(page.text("## Who came back", {}))
        <h2 id="who-came-back">Who came back<a class="anchor" href="#who-came-back"
        aria-label="Link to Who came back">#</a></h2>
        >>> page.contents
        [Heading(anchor='who-came-back', text='Who came back')]
    """

    def __init__(self, notebook: str) -> None:
        self.notebook = notebook
        self.contents: list[Heading] = []
        self._anchors: set[str] = {"main", "findings"}

    def text(self, source: str, attachments: dict[str, dict[str, str]]) -> str:
        """Render a text cell."""
        return MarkdownWithMath(renderer=_Renderer(self, attachments)).render(source).strip()

    def heading(self, text: str, level: int) -> str:
        """Write a heading that can be linked to; the page's title alone is of the first level."""
        level = max(level, 2)
        plain = html.unescape(re.sub(r"<[^>]+>", "", text))
        anchor = self._anchor(plain)
        if level == 2:
            self.contents.append(Heading(anchor, plain))
        label = html.escape(f"Link to {plain}")
        link = f'<a class="anchor" href="#{anchor}" aria-label="{label}">#</a>'
        return f'<h{level} id="{anchor}">{text}{link}</h{level}>\n'

    def output(self, output: NotebookNode) -> str:
        """Render what a cell shows: HTML before Markdown before plain text.

        Raises:
            ReportError: If it is a picture, which has no alt text.
        """
        data = output.get("data", {})
        if "text/html" in data:
            return tables_set(_MACHINERY.sub("", data["text/html"]).strip())
        if "text/markdown" in data:
            return self.text(data["text/markdown"], {})
        if any(kind in data for kind in _PICTURES):
            raise ReportError(
                f"{self.notebook} shows a picture without alt text: end its cell with show(figure, alt)."
            )
        return _preformatted(data["text/plain"]) if "text/plain" in data else ""

    def stream(self, output: NotebookNode) -> str:
        """Render what a cell printed."""
        return _preformatted(output.text)

    def _anchor(self, plain: str) -> str:
        wanted = re.sub(r"[^\w]+", "-", plain.lower()).strip("-") or "section"
        anchor, place = wanted, 1
        while anchor in self._anchors:
            place += 1
            anchor = f"{wanted}-{place}"
        self._anchors.add(anchor)
        return anchor


class _Renderer(IPythonRenderer):
    """nbconvert's renderer of Markdown, with our headings and tables."""

    def __init__(self, page: Markup, attachments: dict[str, dict[str, str]]) -> None:
        super().__init__(escape=False, attachments=attachments, exclude_anchor_links=True)
        self._page = page

    def heading(self, text: str, level: int, **_: object) -> str:
        return self._page.heading(text, level)

    def table(self, text: str) -> str:
        return f"{_scrolling(f'<table>{text}</table>', 'Table')}\n"


def _preformatted(text: str) -> str:
    return f'<pre tabindex="0">{html.escape(strip_ansi(text).rstrip(), quote=False)}</pre>'


def _scrolling(table: str, label: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(label)}">{table}</div>'


def tables_set(markup: str) -> str:
    """Give each table of an output its caption and a container in which it scrolls.

    Example:
        >>> print(tables_set("<table><tr><td>1</td></tr></table>"))
        <figure class="table">
        <div aria-label="Table" class="scroll" role="region" tabindex="0"><table><tr><td>1</td></tr></table></div>
        </figure>
    """
    if "<table" not in markup:
        return markup
    soup = BeautifulSoup(markup, "html.parser")
    for table in soup.find_all("table"):
        table.replace_with(BeautifulSoup(_figure(table), "html.parser"))
    for wrapper in soup.find_all("div", style=True):
        del wrapper["style"]
    return str(soup).strip()


def _figure(table: Tag) -> str:
    """Set one table: what great-tables puts in its head and foot must not scroll away with its columns."""
    title, simulated = _taken(table, ".gt_title"), _taken(table, ".gt_subtitle")
    notes = [note.get_text(" ", strip=True) for note in table.select(".gt_sourcenote")]
    for emptied in table.select("tr.gt_heading, tr.gt_sourcenotes"):
        emptied.decompose()
    for foot in table.select("tfoot"):
        if not foot.find("tr"):
            foot.decompose()
    identifier = str(table.get("aria-labelledby", ""))
    table.attrs = {"class": table["class"]} if table.get("class") else {}
    if identifier:
        table["aria-labelledby"] = identifier
    for cell in table.find_all(["th", "td"]):
        # two names of columns may make one id; that each heads its column is said by its scope
        for name in ("id", "headers", *(span for span in ("colspan", "rowspan") if cell.get(span) == "1")):
            cell.attrs.pop(name, None)
        words = cell.get_text()
        if _INTERVAL.fullmatch(words):  # on a screen it stays on one line, on paper it need not
            cell.string = words.replace("\u00a0", " ")
            _class(cell, "span")
        elif len(words) > _LONG:
            _class(cell, "long")
    return "\n".join(_parts(str(table), title, simulated, notes, identifier))


def _class(cell: Tag, name: str) -> None:
    cell["class"] = " ".join([*filter(None, cell.get_attribute_list("class")), name])


def _taken(table: Tag, selector: str) -> str:
    found = table.select_one(selector)
    return found.get_text(" ", strip=True) if found else ""


def _parts(table: str, title: str, simulated: str, notes: list[str], identifier: str) -> list[str]:
    mark = f' <span class="mark">{html.escape(simulated)}</span>' if simulated else ""
    own = f' id="{html.escape(identifier)}"' if identifier else ""
    caption = f"<figcaption{own}>{html.escape(title)}{mark}</figcaption>" if title else ""
    below = [f'<p class="note">{html.escape(note)}</p>' for note in notes]
    return ['<figure class="table">', caption, _scrolling(table, title or "Table"), *below, "</figure>"]
