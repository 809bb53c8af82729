"""What last month's figures are said to be now."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regulars import Shop
from regulars.month import Month
from regulars.report import Findings
from regulars.review.register import REGISTER
from regulars.review.restatement import KEY, NOTEBOOK, reported, restated_kpis, sentence, stated
from tests.conftest import open_at

MONTH = Month(2017, 11)
SAID = {"revenue": 2000.0, "orders": 40.0, "repeat rate": 0.2}


def published(home: Path, figures: dict[str, float]) -> Shop:
    shop = open_at(home)
    findings = Findings(NOTEBOOK, shop.findings(MONTH, NOTEBOOK))
    rows = [{"name": name, "unit": "money", "value": value} for name, value in figures.items()]
    findings.keep(KEY, figures=[*rows, {"name": "time to repeat", "unit": "days", "value": None}])
    findings.publish()
    return shop


def test_a_report_is_read_back_as_it_was_stated(tmp_path: Path) -> None:
    figures = stated(pd.Series({"revenue": 1 / 3, "orders": 4.0, "new customers": np.nan}))
    shop = published(tmp_path, figures)
    found = reported(shop, MONTH)
    assert found is not None
    assert found == pytest.approx(figures)
    assert restated_kpis(found, figures, "$").empty


def test_a_month_without_a_report_or_with_one_that_states_none_is_nothing(tmp_path: Path) -> None:
    shop = open_at(tmp_path)
    assert reported(shop, MONTH) is None
    Findings(NOTEBOOK, shop.findings(MONTH, NOTEBOOK)).publish()
    assert reported(shop, MONTH) is None


def test_differences_are_told_in_words_in_the_registers_order() -> None:
    found = restated_kpis(SAID, {"repeat rate": 0.25, "revenue": 1900.0, "orders": 40.0}, "$")
    assert found.to_numpy().tolist() == [
        ["revenue", "$2,000", "$1,900", "−5.0%"],
        ["repeat rate", "20.0%", "25.0%", "+25.0%"],
    ]
    told = sentence(found, MONTH)
    assert told is not None
    template, values = told
    assert template.format(**values) == (
        "Since the report of November 2017, its figures were restated: revenue $2,000 then, $1,900 now; "
        "repeat rate 20.0% then, 25.0% now."
    )
    assert sentence(restated_kpis(SAID, SAID, "$"), MONTH) is None


def test_a_cent_is_told_apart_and_what_is_known_on_one_side_is_no_difference() -> None:
    found = restated_kpis(SAID, SAID | {"revenue": 2000.01, "new customers": 7.0}, "$")
    assert found[["key figure", "said then", "said now"]].to_numpy().tolist() == [
        ["revenue", "2,000", "2,000.01"]
    ]
    assert restated_kpis(SAID, {}, "$").empty


def test_names_are_the_registers() -> None:
    assert {*SAID} <= {kpi.name for kpi in REGISTER}
