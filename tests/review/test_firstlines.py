"""The first three sentences: right in every case, short, and made of numbers that the page can record."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regulars.month import Month
from regulars.offers import worth
from regulars.report import Findings
from regulars.review.firstlines import Gone, Line, first_lines, gone, what_changed, what_to_do, what_worked
from regulars.review.kpis import compare_months
from regulars.review.plays import plays, read_plays
from regulars.review.register import KPIS
from regulars.segments.movement import movement

BOOK = read_plays("demo")
MONTH = Month(2017, 12)  # 31 days, after one of 30
OCTOBER, AUGUST = Month(2017, 10), Month(2017, 8)  # 31 days after 30; 31 days after 31
SIZES = pd.Series({"returning": 1677, "high-value repeat": 492, "at-risk": 289, "new": 9})
BY = pd.DataFrame({"four_core": np.repeat(SIZES.index, SIZES)})
CELL = {
    "experiment": "x",
    "assigned_on": "2017-10-01",
    "horizon_days": 28,
    "is_simulated": True,
    "segmentation": "four_core",
    "segment": "returning",
    "metric": "profit",
    "arm": "ten-percent-off",
    "offer": "10% off one order",
    "n": 500,
    "n_control": 500,
    "verdict": "roll out",
    "cuped_effect": 3.45,
    "cuped_low": 1.53,
    "cuped_high": 5.37,
}
FREE = {"arm": "free-delivery", "offer": "free delivery"}
STOP = FREE | {"verdict": "stop", "cuped_effect": -4.20, "cuped_low": -5.79, "cuped_high": -2.61}
OPEN = {"verdict": "keep testing", "cuped_effect": 0.5, "cuped_low": -1.0, "cuped_high": 2.0}
REVENUE = {
    "value": 421720.0,
    "low": 400000.0,
    "high": 440000.0,
    "last_month": 386027.0,
    "change": 0.0925,
    "change_low": 0.058,
    "change_high": 0.128,
    "range_low": 350055.0,
    "range_high": 400000.0,
    "range_months": 11,
}
UNCLEAR = {"change": -0.005, "change_low": -0.03, "change_high": 0.02, "value": 384000.0}


def cells_of(*cells: dict[str, Any]) -> pd.DataFrame:
    return worth(pd.DataFrame([CELL | cell for cell in cells], columns=list(CELL)), BY)


def compared(**revenue: float) -> pd.DataFrame:
    """As `compare_months` returns it."""
    others = {"value": 1000.0, "low": 900.0, "high": 1100.0, "last_month": 950.0, "change": 0.029}
    table = pd.DataFrame([others] * len(KPIS), index=pd.Index([kpi.name for kpi in KPIS], name="kpi"))
    return pd.concat([table.drop("revenue"), pd.DataFrame([REVENUE | revenue], index=["revenue"])])


def lines(*cells: dict[str, Any], **options: Any) -> tuple[Line, Line, Line]:
    offers = cells_of(*cells)
    table = plays(BOOK, "four-core", SIZES, offers, MONTH, sign="$")
    return first_lines(compared(), table, offers, MONTH, sign="$", **options)


def changed(
    month: Month = MONTH, alerts: tuple[str, ...] = (), moved: Gone | None = None, **revenue: float
) -> str:
    return what_changed(compared(**revenue), month, "$", alerts, moved, 10).text


def worked(*cells: dict[str, Any]) -> str:
    return what_worked(cells_of(*cells), "$", 10).text


def to_do(*cells: dict[str, Any], sizes: pd.Series = SIZES) -> str:
    return what_to_do(plays(BOOK, "four-core", sizes, cells_of(*cells), MONTH, sign="$"), "$", 10).text


def test_three_sentences_say_what_changed_what_worked_and_what_to_do() -> None:
    assert [line.text for line in lines({}, STOP)] == [
        "Revenue rose to $421,720, +9.2% on last month (95% interval +5.8% to +12.8%); orders +2.9%, order value +2.9%, in a "
        "month 1 day longer; more than in any of the 11 months before.",
        "What worked: 10% off one order for returning customers, +$3.45 profit per customer in 28 days (95% interval +$1.53 "
        "to +$5.37; simulated effects).",
        "To do: give 10% off one order to the 1,677 returning customers, worth about $5,786 in 28 days (95% interval $2,566 "
        "to $9,005; simulated effects); do not give free delivery to returning customers.",
    ]


ALL = [
    lines(),
    lines({}, STOP),
    lines(STOP, moved=Gone(52, 40)),
    lines(OPEN, alerts=["Revenue was 25% lower than expected."]),
    lines({"segment": "everyone"} | FREE, alerts=["One.", "Two."]),
]


@pytest.mark.parametrize("three", ALL)
def test_they_are_read_in_twenty_seconds_and_without_jargon(three: tuple[Line, Line, Line]) -> None:
    text = " ".join(line.text for line in three)
    assert len(text.split()) <= 95  # at some 280 words a minute
    assert not re.search(r"significan|p-value|null|CUPED|arm\b|None|nan|inf\b|[{}_]", text)
    assert [line.text[-1] for line in three] == ["."] * 3
    assert ".." not in text
    assert [line.key for line in three] == ["changed", "worked", "to do"]


@pytest.mark.parametrize("three", ALL)
def test_a_page_can_record_them(three: tuple[Line, Line, Line], tmp_path: Path) -> None:
    findings = Findings("05-review", tmp_path / "05.json")
    for line in three:
        findings.headline(line.sentence, key=line.key, **line.values)
    assert findings.publish().text.count("•") == 3


def test_an_unclear_change_is_not_called_a_rise_or_a_fall() -> None:
    said = changed(**UNCLEAR)
    assert said.startswith(
        "Revenue was $384,000, no clear change: -0.5% on last month (95% interval -3.0% to +2.0%);"
    )
    assert changed(change=-0.1, change_low=-0.2, change_high=-0.01).startswith("Revenue fell to ")


@pytest.mark.parametrize(
    "bound", [{"change_low": 0.0}, {"change_low": -0.1, "change": -0.05, "change_high": 0.0}]
)
def test_an_interval_that_touches_zero_is_unclear(bound: dict[str, float]) -> None:
    assert "no clear change" in changed(**bound)


@pytest.mark.parametrize(
    ("month", "words"),
    [
        (MONTH, "in a month 1 day longer"),
        (AUGUST, None),
        (Month(2017, 2), "in a month 3 days shorter"),
        (Month(2016, 3), "in a month 2 days longer"),
    ],
)
def test_a_longer_month_is_said_to_be_one(month: Month, words: str | None) -> None:
    said = changed(month)
    assert words in said if words else "in a month" not in said


@pytest.mark.parametrize(
    ("revenue", "words"),
    [
        ({"value": 1.0}, "less than in any of the 11 months before"),
        ({"value": 380000.0}, None),
        ({"range_months": 1}, None),  # above or below a single one it is anyway
    ],
)
def test_a_figure_outside_the_months_before_is_said_to_be(
    revenue: dict[str, float], words: str | None
) -> None:
    said = changed(**revenue)
    assert words in said if words else "months before" not in said


def test_who_slipped_away_is_said_where_the_range_is_not() -> None:
    assert "52 customers began to slip away, 40 came back" in changed(moved=Gone(52, 40), **UNCLEAR)
    assert "fewer than 10 customers began to slip away, 0 came back" in changed(moved=Gone(9, 0), **UNCLEAR)
    assert "slip" not in changed(moved=Gone(52, 40))
    assert "slip" not in changed(moved=Gone(0, 0), **UNCLEAR)


def test_an_alert_leads() -> None:
    assert changed(alerts=("Orders fell.",)) == (
        "Orders fell. Revenue was $421,720, +9.2% on last month (95% interval +5.8% to +12.8%)."
    )
    assert changed(alerts=("Orders fell.", "So did others.")).startswith(
        "Orders fell. (1 more below.) Revenue was "
    )


def test_the_first_month_has_nothing_to_be_compared_with() -> None:
    nothing = dict.fromkeys(
        ["last_month", "change", "change_low", "change_high", "range_low", "range_high"], np.nan
    )
    assert changed(**nothing, range_months=0) == (
        "Revenue was $421,720 (95% interval $400,000 to $440,000) from 1,000 customers; there is no earlier month to compare "
        "with."
    )
    assert changed(**nothing, range_months=0, low=np.nan).startswith(
        "Revenue was $421,720 from 1,000 customers;"
    )


def test_a_month_after_one_without_revenue_has_no_relative_change() -> None:
    none = dict.fromkeys(["change", "change_low", "change_high"], np.nan)
    assert changed(last_month=0.0, **none) == "Revenue was $421,720, after $0.00 last month."


ROWS = [("a", False, "2017-11", 2, 30.0), ("b", False, "2017-11", 1, 10.0), ("a", False, "2017-12", 1, 5.0)]


@pytest.mark.parametrize("kept", [3, 2, 1, 0])
@pytest.mark.parametrize("first", [Month(2017, 9), Month(2017, 11), Month(2017, 12)])
def test_what_changed_can_be_said_of_whatever_months_there_are(
    kept: int, first: Month, tmp_path: Path
) -> None:
    activity = pd.DataFrame(ROWS[:kept], columns=["customer", "is_guest", "month", "orders", "revenue"])
    line = what_changed(compare_months(activity, MONTH, first, draws=60), MONTH, "$", (), None, 10)
    said = str(
        Findings("05-review", tmp_path / "05.json").headline(line.sentence, key=line.key, **line.values)
    )
    assert not re.search("nan|inf|None", said)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([], "No test of an offer has finished, so what works is not known yet."),
        (
            [OPEN],
            "No offer has been shown to work yet: the only result is not clear.",
        ),
        (
            [OPEN, OPEN | FREE, {"segment": "new", "verdict": "too few buyers"}],
            "No offer has been shown to work yet: of 3 results, by offer and segment, none is clear.",
        ),
        (
            [{"verdict": "not valid"}],
            "The tests of offers failed their checks, so nothing can be read from them.",
        ),
        (
            [STOP, OPEN],
            "No offer that was tested worked; free delivery for returning customers lost most: −$4.20 profit per customer in "
            "28 days (95% interval −$5.79 to −$2.61; simulated effects).",
        ),
        (
            [{"segment": "everyone", "cuped_effect": 1.5, "n": 9}],
            "What worked: 10% off one order for everyone, numbers of so few customers are not shown (simulated effects).",
        ),
    ],
)
def test_what_worked_says_so_or_that_it_is_not_known(cells: list[dict[str, Any]], said: str) -> None:
    assert worked(*cells) == said


def test_what_worked_is_what_is_worth_most_not_what_is_largest_per_customer() -> None:
    said = worked({"segment": "at-risk", "cuped_effect": 9.0}, {}, FREE | {"segment": "high-value repeat"})
    assert said.startswith("What worked: 10% off one order for returning customers, +$3.45")
    assert said.endswith("simulated effects); 2 others worked, too.")
    assert worked({}, FREE).endswith("; one other worked, too.")


def test_an_offer_on_which_tests_disagree_did_not_work() -> None:
    against = STOP | {"arm": "ten-percent-off", "offer": "10% off one order", "experiment": "y"}
    assert worked({}, against).startswith("No offer that was tested worked")
    assert to_do({}, against) == "To do: do not give 10% off one order to returning customers, or stop it."


def test_what_to_do_where_nothing_is_known_is_the_test_of_the_largest_segment() -> None:
    assert to_do() == to_do(OPEN)
    assert to_do() == (
        "To do: test 10% off one order on half of the 1,677 returning customers; nothing has been shown to work on them yet."
    )
    assert to_do(sizes=SIZES.clip(upper=19)) == "Nothing follows from what is known this month."


def test_what_nobody_is_there_for_is_not_to_be_done() -> None:
    sizes = SIZES.drop("returning")
    assert to_do({}, STOP, sizes=sizes).startswith("To do: test early access")
    assert (
        to_do(CELL | {"segment": "new"}) == "To do: give 10% off one order to new customers."
    )  # nine of them


def test_what_everyone_gets_is_said_of_everyone() -> None:
    said = to_do({"segment": "everyone"} | {"arm": "b", "offer": "a letter"})
    assert said.startswith("To do: give a letter to everyone, worth about $8,511 in 28 days")


def test_hostile_names_stay_values(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "=cmd()|'!A0", "{0} {x} {offer.__class__}"]
    findings = Findings("05-review", tmp_path / "05.json")
    for name in names:
        offers = cells_of({"offer": name, "arm": "b", "segment": "everyone"})
        table = plays(BOOK, "four-core", SIZES, offers, MONTH, sign="$")
        for line in first_lines(compared(), table, offers, MONTH, sign="$", alerts=[name]):
            shown = findings.headline(line.sentence, key=line.key, **line.values)
            assert name in shown.text
            assert "<script" not in shown.markup
            assert name not in line.sentence


def test_who_slipped_away_is_counted_as_the_movement_has_it() -> None:
    before = pd.Series({"1": "new", "2": "at-risk", "3": "returning", "4": "at-risk", "5": "new"})
    now = pd.Series({"1": "at-risk", "2": "returning", "3": "new", "4": "at-risk", "6": "at-risk"})
    assert gone(movement(before, now, now), ["at-risk"]) == Gone(slipped=1, returned=1)
    assert gone(movement(before, now, now), ["lost"]) == Gone(0, 0)


def test_the_order_of_rows_does_not_matter() -> None:
    offers = cells_of(
        {}, STOP, OPEN | {"segment": "at-risk"}, FREE | {"segment": "at-risk", "cuped_effect": 20.02}
    )
    said = {
        tuple(
            line.text
            for line in first_lines(
                compared(), plays(BOOK, "four-core", SIZES, mixed, MONTH, sign="$"), mixed, MONTH, sign="$"
            )
        )
        for mixed in (offers.sample(frac=1, random_state=seed) for seed in range(5))
    }
    assert len(said) == 1
