"""Findings: the sentence on the page and the number in the file are the same."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regulars.report import Findings, ReportError


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    return Findings("03-segments", tmp_path / "findings" / "2017-12" / "03.json")


def test_said_shown_and_written(findings: Findings) -> None:
    shown = findings.say("{customers:,} customers, {share:.1%}.", customers=np.int64(1033), share=0.41777)
    findings.headline("{name} grew.", key="growth", name="at-risk")
    listed = findings.publish()
    assert shown._repr_html_() == '<p class="finding">1,033 customers, 41.8%.</p>'
    assert listed._repr_html_() == '<ul class="headlines">\n<li>at-risk grew.</li>\n</ul>'
    assert json.loads(findings.path.read_text()) == {
        "notebook": "03-segments",
        "findings": [
            {
                "key": None,
                "sentence": "1,033 customers, 41.8%.",
                "headline": False,
                "values": {"customers": 1033, "share": 0.41777},
            },
            {"key": "growth", "sentence": "at-risk grew.", "headline": True, "values": {"name": "at-risk"}},
        ],
    }


def test_names_from_the_data_never_become_markup(findings: Findings) -> None:
    shown = findings.headline("{who} & co.", who="<script>x</script>")
    assert "&lt;script&gt;x&lt;/script&gt; &amp; co." in shown._repr_html_()
    assert "<script" not in findings.publish()._repr_html_()
    assert "<script>x</script> & co." in findings.path.read_text()


def test_values_are_written_as_plain_data(findings: Findings) -> None:
    values = {
        "exact": Decimal("12.3400"),
        "single": np.float32(0.5),
        "long": 1 / 3,
        "day": date(2017, 12, 31),
        "stamp": pd.Timestamp("2017-12-31"),
        "numpy_day": np.datetime64("2017-12-31"),
        "month": pd.Period("2017-12", "M"),
        "flag": np.bool_(True),
        "many": pd.Series([1, 2]),
        "none": None,
    }
    findings.say("Much.", key="much", **values)
    findings.publish()
    assert json.loads(findings.path.read_text())["findings"][0]["values"] == {
        "exact": 12.34,
        "single": 0.5,
        "long": 0.3333333333,
        "day": "2017-12-31",
        "stamp": "2017-12-31T00:00:00",
        "numpy_day": "2017-12-31T00:00:00",
        "month": "2017-12",
        "flag": True,
        "many": [1, 2],
        "none": None,
    }


@pytest.mark.parametrize("value", [float("nan"), np.nan, float("inf"), pd.NA, pd.NaT, Decimal("NaN")])
def test_what_is_no_number_is_refused(findings: Findings, value: object) -> None:
    with pytest.raises(ReportError, match=r"states share = .*no number"):
        findings.say("Share.", share=value)


@pytest.mark.parametrize(
    ("sentence", "values", "message"),
    [
        ("{customers} and {orders}", {"customers": 1}, "no value for 'orders'; given: customers"),
        ("{name:,}", {"name": "x"}, "cannot be written"),
        ("It.", {"thing": object()}, "has thing of type object"),
    ],
)
def test_a_sentence_that_cannot_be_made_is_refused(
    findings: Findings, sentence: str, values: dict[str, object], message: str
) -> None:
    with pytest.raises(ReportError, match=message):
        findings.say(sentence, **values)


def test_a_cell_run_twice_says_its_finding_once(findings: Findings) -> None:
    for customers in (10, 12):
        findings.say("{customers} customers.", key="base", customers=customers)
        findings.say("Always the same.")
    findings.publish()
    said = json.loads(findings.path.read_text())["findings"]
    assert [finding["sentence"] for finding in said] == ["12 customers.", "Always the same."]


def test_one_sentence_for_each_of_many(findings: Findings) -> None:
    for name in ("new", "loyal"):
        findings.headline("{name} grew.", name=name)
    assert str(findings.publish()) == "• new grew.\n• loyal grew."


def test_no_findings(findings: Findings) -> None:
    assert "No findings" in findings.publish()._repr_html_()
    assert findings.path.read_text() == '{\n "findings": [],\n "notebook": "03-segments"\n}\n'


def test_published_again_it_is_the_same_bytes_and_leaves_nothing_beside(findings: Findings) -> None:
    findings.say("{b} {a}", b=1, a=0.1 + 0.2)
    findings.publish()
    first = findings.path.read_bytes()
    findings.publish()
    assert findings.path.read_bytes() == first
    assert list(findings.path.parent.iterdir()) == [findings.path]


def test_what_is_kept_says_nothing_and_may_be_missing(findings: Findings) -> None:
    figures = [{"name": "orders", "value": np.float64(7)}, {"name": "wait", "value": np.nan}]
    findings.keep("history", figures=figures, first=pd.Series([1, pd.NA], dtype="Int64"))
    assert "No findings" in findings.publish().text
    (kept,) = json.loads(findings.path.read_text())["findings"]
    assert (kept["key"], kept["sentence"], kept["headline"]) == ("history", "", False)
    expected = [{"name": "orders", "value": 7}, {"name": "wait", "value": None}]
    assert kept["values"] == {"figures": expected, "first": [1, None]}


def test_what_is_kept_is_finite(findings: Findings) -> None:
    with pytest.raises(ReportError, match="inf"):
        findings.keep("history", figures=[np.inf])
