"""Pages: what stands on them, in which order, and what never does."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from regulars.report import Findings, ReportError, show, spans, table, use_theme
from regulars.report.page import write_page

NAVIGATION = [("Review", "index.html", False), ("Segments", "03-segments.html", True)]
FOOTER = {"data": "sha256 <abc>", "commit": "7b30368", "made at": "2018-01-02T09:30:00+00:00"}
Make = Callable[..., BeautifulSoup]


def shown(value: Any) -> nbformat.NotebookNode:
    """The output that a kernel would store for a displayed value."""
    if hasattr(value, "_repr_mimebundle_"):
        data = value._repr_mimebundle_()
    else:
        data = {"text/html": value._repr_html_(), "text/plain": repr(value)}
    return new_output("execute_result", data=data, execution_count=3)


def code(source: str, *outputs: nbformat.NotebookNode, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    return new_code_cell(
        source, outputs=list(outputs), execution_count=3, metadata={"tags": list(tags)} if tags else {}
    )


def chart(alt: str) -> nbformat.NotebookNode:
    use_theme()
    figure, axes = plt.subplots()
    axes.plot([1, 2], [1, 2], marker="o")
    return shown(show(figure, alt))


def sizes(**options: Any) -> nbformat.NotebookNode:
    frame = pd.DataFrame({"segment": ["<script>bad()</script>"], "customers": [1033]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return shown(table(frame, **{"caption": "How large they are.", "identifier": "sizes", **options}))


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a page from cells and read it back."""

    def write(*cells: nbformat.NotebookNode, headed: bool = True, **options: Any) -> BeautifulSoup:
        first = [new_markdown_cell("# Segments\n\n**Question.** Who is who?")] if headed else []
        nbformat.write(new_notebook(cells=[*first, *cells]), tmp_path / "03-segments.ipynb")
        given = {"subtitle": "Zoo, December 2017", "navigation": NAVIGATION, "footer": FOOTER, **options}
        write_page(tmp_path / "03-segments.ipynb", tmp_path / "out" / "03-segments.html", **given)
        return BeautifulSoup((tmp_path / "out" / "03-segments.html").read_text(), "html.parser")

    return write


def published(tmp_path: Path) -> nbformat.NotebookNode:
    findings = Findings("03-segments", tmp_path / "03.json")
    findings.headline("{share:.0%} came back.", share=0.41)
    return shown(findings.publish())


def test_title_findings_question_and_the_rest_in_this_order(make: Make, tmp_path: Path) -> None:
    page = make(
        new_markdown_cell("## Who came back"),
        new_markdown_cell("# Another first heading"),
        code("findings.publish()", published(tmp_path), tags=("findings",)),
    )
    assert page.title.get_text() == "Segments · Zoo, December 2017"
    assert [heading.get_text() for heading in page.select("h1")] == ["Segments"]
    words = page.main.get_text(" ", strip=True)
    order = [
        "Segments",
        "Findings",
        "41% came back.",
        "Question.",
        "Who came back",
        "Another first",
        "publish",
    ]
    assert sorted(order, key=words.index) == order
    assert words.count("41% came back.") == 1


def test_sections_are_anchored_and_listed_once_each(make: Make) -> None:
    page = make(
        new_markdown_cell("## Who *came* back\n\n### Detail\n\n## Who came back"),
        new_markdown_cell("## A & B"),
    )
    links = page.select("nav[aria-label=Contents] a")
    assert [(link.get_text(), link["href"]) for link in links] == [
        ("Who came back", "#who-came-back"),
        ("Who came back", "#who-came-back-2"),
        ("A & B", "#a-b"),
    ]
    assert all(page.select_one(link["href"]).name == "h2" for link in links)
    assert page.select_one("h3#detail")


def test_the_frame_of_the_page(make: Make) -> None:
    page = make()
    assert page.html["lang"] == "en"
    assert page.select_one("meta[name=viewport]") and page.select_one("meta[name=color-scheme]")
    assert page.select_one("a.skip")["href"] == "#main"
    assert page.select_one(".steps [aria-current=page]").get_text() == "Segments"
    assert page.select_one("a.brand")["href"] == "../../index.html"
    assert make(home=None).select_one("a.brand") is None
    assert not page.select("nav[aria-label=Contents]")


def test_the_footer_tells_the_origin_with_the_clock_on_a_line_of_its_own(make: Make, tmp_path: Path) -> None:
    footer = make().footer
    said = [(part.dt.get_text(), part.dd.get_text(strip=True)) for part in footer.select("dl > div")]
    assert said == list(FOOTER.items())
    lines = (tmp_path / "out" / "03-segments.html").read_text().splitlines()
    clock = '<time class="made-at" datetime="2018-01-02T09:30:00+00:00">2018-01-02T09:30:00+00:00</time>'
    assert lines.count(clock) == 1


def test_only_the_clock_differs_between_two_runs(make: Make, tmp_path: Path) -> None:
    def written(clock: str) -> list[str]:
        make(code("1", chart("A.")), code("2", sizes()), footer=FOOTER | {"made at": clock})
        return (tmp_path / "out" / "03-segments.html").read_text().splitlines()

    first, second = written("2018-01-02"), written("2018-01-03")
    different = [one for one, other in zip(first, second, strict=True) if one != other]
    assert len(different) == 1 and "made-at" in different[0]


def test_code_is_there_but_hidden_until_asked_for(make: Make) -> None:
    page = make(code("import numpy as np  # <b>"), code("shop = 1", tags=("parameters",)))
    assert [block.get_text().strip() for block in page.select(".code")] == [
        "import numpy as np  # <b>",
        "shop = 1",
    ]
    assert page.select_one("label input#show-code[type=checkbox]")
    style = page.style.get_text()
    assert ".code { display: none;" in style
    assert ":root:has(#show-code:checked) .code { display: block; }" in style


def test_printed_lines_are_shown_but_warnings_and_hidden_cells_only_with_the_code(make: Make) -> None:
    page = make(
        code("a", new_output("stream", name="stdout", text="plain <b>\x1b[31mred\x1b[0m")),
        code("b", new_output("stream", name="stderr", text="a warning")),
        code("c", new_output("stream", name="stdout", text="hidden"), tags=("hide",)),
    )
    outputs = [(part.get_text(strip=True), "code" in part["class"]) for part in page.select(".output")]
    assert outputs == [("plain <b>red", False), ("a warning", True), ("hidden", True)]


def test_tables_have_a_caption_and_scroll_by_themselves(make: Make) -> None:
    page = make(code("t", sizes(note="In dollars.", simulated=True)))
    region = page.select_one("#sizes figure.table > .scroll[tabindex='0'][role=region]")
    assert region["aria-label"] == "How large they are."
    assert page.select_one("figure.table > figcaption").get_text() == "How large they are. Simulated effects"
    assert page.select_one("figure.table > .note").get_text() == "In dollars."
    assert [cell.get_text() for cell in region.select("td")] == ["<script>bad()</script>", "1,033"]
    assert not region.select(".gt_title, tfoot, [headers], th[id]")
    assert page.select_one(f"#{region.table['aria-labelledby']}").name == "figcaption"


def test_a_caption_is_text(make: Make) -> None:
    page = make(code("t", sizes(caption="<i>A & B</i>", note="<i>C</i>")))
    assert (
        page.select_one("figcaption").get_text() == page.select_one(".scroll")["aria-label"] == "<i>A & B</i>"
    )
    assert not page.select("i")


def test_an_interval_may_break_on_paper_only(make: Make) -> None:
    frame = pd.DataFrame(
        {"interval": spans(pd.Series([-1.5]), pd.Series([2.0]), "{:+.1f}"), "words": "to and to"}
    )
    page = make(code("t", shown(table(frame, caption="One.", identifier="one"))))
    assert [(cell.get_text(), "span" in cell["class"]) for cell in page.select("td")] == [
        ("−1.5 to +2.0", True),
        ("to and to", False),
    ]


def test_other_tables_scroll_too(make: Make) -> None:
    frame = pd.DataFrame({"a": [1]})
    page = make(new_markdown_cell("| a | b |\n|---|---:|\n| 1 | 2 |"), code("frame", shown(frame)))
    assert len(page.select(".scroll > table")) == len(page.select("table")) == 2
    assert not page.select("table[border]")


def test_a_page_carries_one_style_and_one_script_and_asks_for_nothing(make: Make, tmp_path: Path) -> None:
    noisy = new_output(
        "display_data", data={"text/html": '<script src="https://x.org/a.js"></script><p>kept</p>'}
    )
    page = make(code("c", chart("A chart.")), code("t", sizes()), code("n", noisy))
    assert len(page.select("style")) == len(page.select("script")) == 1
    assert not page.select("[src], link[href^=http], iframe, object, embed")
    assert not re.search(r"url\((?!#)|@import", page.style.get_text())
    assert "default-src 'none'" in page.select_one("meta[http-equiv=Content-Security-Policy]")["content"]
    assert page.select_one("link[rel=icon]")["href"].startswith("data:")
    assert "kept" in page.main.get_text()
    assert (tmp_path / "out" / "03-segments.html").stat().st_size < 200_000


def test_charts_stand_inline_with_ids_of_their_own(make: Make, tmp_path: Path) -> None:
    page = make(code("a", chart("One.")), code("b", chart("Two.")))
    pictures = page.select("figure.chart > svg[role=img]")
    assert [picture["aria-label"] for picture in pictures] == ["One.", "Two."]
    written = (tmp_path / "out" / "03-segments.html").read_text()
    found = re.findall(r'\sid="([^"]+)"', written)
    assert len(found) == len(set(found))
    assert "viewBox" in written and "clipPath" in written  # names of SVG keep their capitals


def test_simulated_pages_say_so_first(make: Make) -> None:
    banner = make(simulated=True).select_one("main > [role=note]")
    assert "Simulated effects" in banner.get_text()
    assert banner.find_previous_sibling() is None
    assert not make().select("[role=note]")


def test_names_are_text_everywhere_around_the_notebook(make: Make) -> None:
    page = make(
        subtitle="<i>Zoo</i>",
        navigation=[("<i>1</i>", '"x', True)],
        footer={"<i>k": "<i>v"},
        title="<i>T</i>",
    )
    assert not page.select("i")
    assert page.title.get_text() == "<i>T</i> · <i>Zoo</i>"


def test_a_failed_notebook_makes_no_page_and_leaves_the_old_one(make: Make, tmp_path: Path) -> None:
    make()
    before = (tmp_path / "out" / "03-segments.html").read_text()
    failed = new_output("error", ename="ValueError", evalue="no orders", traceback=[])
    with pytest.raises(ReportError, match=r"03-segments\.ipynb failed in cell 2: ValueError: no orders"):
        make(code("1 / 0", failed))
    assert (tmp_path / "out" / "03-segments.html").read_text() == before


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (code("p", new_output("display_data", data={"image/png": "AAAA"})), "without alt text"),
        (new_markdown_cell("![a map](https://x.org/map.png)"), "not in it"),
        (new_markdown_cell("<img alt='x' src='map.png'>"), "not in it"),
        (new_code_cell("never_run()"), "was never run"),
    ],
)
def test_what_cannot_stand_on_a_page_is_refused(
    make: Make, cell: nbformat.NotebookNode, sentence: str
) -> None:
    with pytest.raises(ReportError, match=sentence):
        make(cell)


def test_a_notebook_without_a_title_is_refused(make: Make) -> None:
    with pytest.raises(ReportError, match="has no title"):
        make(new_markdown_cell("## Only a section"), headed=False)


def test_the_notebook_stays_as_it_was(make: Make, tmp_path: Path) -> None:
    make(code("t", sizes()))
    before = (tmp_path / "03-segments.ipynb").read_bytes()
    write_page(tmp_path / "03-segments.ipynb", tmp_path / "p.html", subtitle="", navigation=[], footer={})
    assert (tmp_path / "03-segments.ipynb").read_bytes() == before
    assert b"<style>" in before  # in JupyterLab the table keeps its own style
