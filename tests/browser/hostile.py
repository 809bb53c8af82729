"""A shop of which every name is hostile: markup, formulas, units. On pages and in files they arrive as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from regulars.report import Box, Findings, boxes, segment_colours, show, table, use_theme
from regulars.report.about import about_report
from regulars.report.page import write_page

SCRIPT, COMMAND = "<script>document.title = 'taken'</script>", "=cmd()|' /C calc'!A0"
PICTURE = "{{x}}<img src=x onerror=\"document.title='taken'\">"
NAMES = [SCRIPT, COMMAND, "@SUM(1)", "+1+1", "-2+3", "\t=1", PICTURE]


def _shown(value: Any) -> nbformat.NotebookNode:
    data = (
        value._repr_mimebundle_()
        if hasattr(value, "_repr_mimebundle_")
        else {"text/html": value._repr_html_()}
    )
    return new_output("execute_result", data=data, execution_count=1)


def _cells(findings: Findings) -> list[nbformat.NotebookNode]:
    """A review of which every word that comes from a shop is hostile; its table is wide and has every kind of cell."""
    rows = pd.DataFrame(
        {"segment": NAMES, COMMAND: range(1000, 1007), "gain": [-1234.5, 2, None, 4, 0.5, 6, 7]}
    )
    rows["share"], rows["p"], rows["seen_on"] = 0.125, 0.00001, pd.to_datetime("2020-02-03")
    rows = rows.assign(**{f"{SCRIPT}{place}": SCRIPT for place in range(4)})
    formats = {"gain": "+money:EUR", "share": "+percent:1", "p": "p"}
    use_theme()
    figure, axes = plt.subplots()
    drawn = [name.strip() for name in NAMES]  # no font draws a tab
    axes.bar(drawn, range(7), color=list(segment_colours(drawn).values()))
    axes.set_title(SCRIPT)
    values = {
        "1": findings.headline("{name} and {other} grew.", name=SCRIPT, other=COMMAND),
        "2": table(rows, caption=f"Of {SCRIPT}.", identifier="names", formats=formats, note=SCRIPT),
        "3": show(figure, f"Bars of what {SCRIPT} and {COMMAND} brought."),
        "boxes": boxes([Box(name, name, {name: name}) for name in NAMES]),
    }
    code = [
        new_code_cell(source, outputs=[_shown(value)], execution_count=1) for source, value in values.items()
    ]
    last = new_code_cell(
        "4", outputs=[_shown(findings.publish())], execution_count=1, metadata={"tags": ["findings"]}
    )
    return [new_markdown_cell("# A review\n\n## Names"), *code, last]


def write_hostile(reports: Path, month: str) -> None:
    """One month of a shop whose title, segments and figures are hostile."""
    folder = reports / "hostile" / month
    findings = Findings("05-review", reports.parent / "findings" / f"{month}.json")
    nbformat.write(new_notebook(cells=_cells(findings)), reports.parent / "hostile.ipynb")
    named = [{"name": name, "unit": "money", "value": 10.0 + len(month)} for name in NAMES]
    findings.keep("history", currency="EUR", figures=named, segments=named)
    findings.publish()
    write_page(
        reports.parent / "hostile.ipynb",
        folder / "index.html",
        subtitle=SCRIPT,
        navigation=[(COMMAND, "index.html", True), (SCRIPT, "../index.html", False)],
        footer={"Data": SCRIPT},
        simulated=True,
        made_up=True,
    )
    said = json.loads(findings.path.read_text(encoding="utf-8"))["findings"]
    about = about_report(title=SCRIPT, month=month, findings=said, simulated=True, made_up=True)
    (folder / "report.json").write_text(json.dumps(about), encoding="utf-8")
