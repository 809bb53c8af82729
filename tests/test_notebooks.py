"""The notebooks as files: one story each, no outputs, no definitions, parameters where papermill looks for them."""

import ast
import json
import re

import pytest

from regulars.pipeline import NOTEBOOKS
from regulars.shop import ROOT

PARAMETERS = {
    "01-ingest": {"shop": "demo", "month": "latest", "fresh": False},
    "02-features": {"shop": "demo", "month": "latest"},
    "03-segments": {
        "shop": "demo",
        "month": "latest",
        "inputs": "rfm",
        "sample": 5000,
        "bootstraps": 20,
        "processes": 2,
        "random_state": 20170101,
    },
    "04-offers": {"shop": "demo", "month": "latest", "draws": 400, "random_state": 20170101},
    "05-review": {"shop": "demo", "month": "latest", "draws": 1000, "random_state": 20170101},
}


@pytest.fixture(params=list(NOTEBOOKS))
def name(request):
    return request.param


@pytest.fixture
def notebook(name):
    return json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))


@pytest.fixture
def code(notebook):
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def tagged(notebook, tag):
    return [cell for cell in notebook["cells"] if tag in cell["metadata"].get("tags", [])]


def test_there_are_no_other_notebooks():
    assert [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))] == list(NOTEBOOKS)


def test_nothing_that_ran_is_kept(notebook):
    ran = [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")]
    assert not ran
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["metadata"]["kernelspec"]["language"] == "python"


def test_it_opens_with_a_title_and_a_question(notebook):
    first = "".join(notebook["cells"][0]["source"])
    assert re.match(r"# \S.*\n\n\*\*Question\.\*\* .+\?", first, re.DOTALL)
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    assert sum(text.count("\n# ") + text.startswith("# ") for text in texts) == 1


def test_the_parameters_are_the_expected_ones_with_the_demo_as_default(name, notebook):
    (cell,) = tagged(notebook, "parameters")
    tree = ast.parse("".join(cell["source"]))
    assert {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body} == PARAMETERS[name]


def test_it_ends_with_its_findings(notebook):
    assert tagged(notebook, "findings") == [notebook["cells"][-1]]


def test_cells_are_short_and_define_nothing(code):
    for source in code:
        lines = [line for line in source.splitlines() if line.strip() and not line.strip().startswith("#")]
        tree = ast.parse(source)
        assert len(lines) <= 15, source
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Lambda)]


def test_imports_stand_in_one_cell(code):
    importing = [source for source in code if re.search(r"^(import|from) ", source, re.MULTILINE)]
    assert len(importing) == 1


def test_no_path_of_a_machine(code):
    assert not [source for source in code if re.search(r"[\"'](/|~|[A-Z]:\\)", source)]


def test_no_number_is_typed_into_prose(notebook):
    texts = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    # What a method fixes may stand: a level, a year of publication, a score's range.
    fixed = r"95%|\.001|Hennig 2007|Tibshirani and Walther 2005|Kaufman and Rousseeuw 1990|from 1 to 5|0[12]-(ingest|features)"
    assert not [text for text in texts if re.search(r"\d", re.sub(fixed, "", text))]
