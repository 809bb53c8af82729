"""Plays and their evidence: only what a test supports is recommended, and nothing that one spoke against."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.config.plays import Play, PlayBook
from regulars.month import Month
from regulars.offers import worth
from regulars.review.cards import cards
from regulars.review.evidence import gain, result, verdicts
from regulars.review.plays import COLUMNS, plays, read_plays
from regulars.segments import SEGMENT_NAMES

BOOK = read_plays("demo")
MONTH = Month(2017, 12)
SIZES = pd.Series({"returning": 1000, "high-value repeat": 400, "at-risk": 300, "new": 50})
CELL = {
    "experiment": "x",
    "assigned_on": "2017-10-01",
    "horizon_days": 28,
    "is_simulated": False,
    "segmentation": "four_core",
    "segment": "returning",
    "metric": "profit",
    "arm": "ten-percent-off",
    "offer": "10% off one order",
    "n": 500,
    "n_control": 500,
    "verdict": "roll out",
    "cuped_effect": 2.10,
    "cuped_low": 0.50,
    "cuped_high": 3.70,
}
STOP = {"verdict": "stop", "cuped_effect": -4.20, "cuped_low": -5.80, "cuped_high": -2.60}
ALL = {"segment": "everyone"}
OPEN = {"verdict": "keep testing", "cuped_effect": 0.50, "cuped_low": -1.00, "cuped_high": 2.00}
BY = pd.DataFrame({"four_core": np.repeat(SIZES.index, SIZES)})


def cells_of(*cells: dict[str, Any]) -> pd.DataFrame:
    return worth(pd.DataFrame([CELL | cell for cell in cells], columns=list(CELL)), BY)


def found(
    *cells: dict[str, Any], book: PlayBook = BOOK, sizes: pd.Series = SIZES, **options: Any
) -> pd.DataFrame:
    return plays(book, "four_core", sizes, cells_of(*cells), MONTH, sign="$", **options)


def of(table: pd.DataFrame, segment: str) -> pd.Series:
    rows = table[(table["segment"] == segment) & table["play"].notna()]
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_play_that_a_test_supports_is_recommended_with_its_money() -> None:
    table = found({})
    row = of(table, "returning")
    assert row["advice"] == "Give 10% off one order to returning customers"
    assert row["evidence"] == (
        "Supported by test x: +$2.10 profit per customer in 28 days (95% interval +$0.50 to +$3.70)."
    )
    assert row[["money", "money_low", "money_high"]].tolist() == pytest.approx([2100, 500, 3700])
    assert row["review_on"] == date(2018, 3, 2)  # 60 days after 1 January
    assert table["recommended"].tolist() == [True, False, False, False, False]
    money = cells_of({}).loc[0, ["worth", "worth_low", "worth_high"]].tolist()
    assert row[["money", "money_low", "money_high"]].tolist() == pytest.approx(money)


def test_a_play_that_a_test_spoke_against_is_to_do_nothing_and_shows_nothing_to_do() -> None:
    row = of(found(STOP), "returning")
    assert row["advice"] == "Do nothing instead: do not give 10% off one order to returning customers"
    assert row["evidence"].startswith("Spoken against by test x: −$4.20 profit per customer in 28 days")
    assert row[["money", "money_low", "money_high"]].tolist() == pytest.approx([4200, 2600, 5800])
    assert row["what_the_money_is"].startswith("profit saved")
    assert row["offer"] == "nothing"
    parts = [
        "message",
        "channel",
        "trigger",
        "delay",
        "contact_cap",
        "exclusions",
        "kpi",
        "owner",
        "cost",
        "review_on",
    ]
    assert row[[*parts, "next_test"]].isna().all()
    assert not row["recommended"]


def test_an_untested_play_says_which_test_would_settle_it() -> None:
    row = of(found(), "at-risk")
    assert row["status"] == "untested"
    assert row["evidence"] == "Untested."
    assert row["next_test"] == (
        "A new test: at random, half of the 300 at-risk customers get 10% off one order, half get nothing, for 60 days; "
        "judged by profit per customer."
    )
    assert row["advice"] == "Test first, against nothing: 10% off one order for at-risk customers"
    assert row[["money", "effect"]].isna().all()


def test_an_undecided_play_says_how_many_customers_it_needs_where_that_is_known() -> None:
    about = {"segment": "at-risk", "arm": "ten-percent-off", "worth_having": 1.0}
    needs = {
        "customers_for_worth_having": 3522.0,
        "answer_for_worth_having": "more customers than there are today",
    }
    tests = pd.DataFrame(
        [{"segmentation": "rxf-grid"} | about, {"segmentation": "four-core"} | about | needs]
    )
    row = of(found(OPEN | {"segment": "at-risk"}, next_tests=tests), "at-risk")
    assert row["status"] == "undecided"
    assert row["evidence"] == (
        "Tested without a verdict by test x: +$0.50 profit per customer in 28 days (95% interval −$1.00 to +$2.00)."
    )
    assert row["next_test"].endswith(
        "for 28 days; judged by profit per customer. To find $1.00 per customer it needs 3,522 customers: more customers "
        "than there are today."
    )
    tests["customers_for_worth_having"] = np.nan
    row = of(found(OPEN | {"segment": "at-risk"}, next_tests=tests), "at-risk")
    assert row["next_test"].endswith(
        "How many customers it needs is not known: more customers than there are today."
    )


@pytest.mark.parametrize(
    ("cells", "status", "words"),
    [
        (
            [{"segment": "everyone"}],
            "supported",
            "Supported by test x, on everyone, not on this segment: +$2.10 profit",
        ),
        (
            [{"segment": "everyone"}, OPEN],
            "supported",
            "Supported by test x, on everyone: +$2.10 profit per customer in 28 days (95% interval +$0.50 to +$3.70); on this "
            "segment by itself it is undecided: +$0.50",
        ),
        (
            [{"segment": "everyone"}, {"verdict": "too few buyers"}],
            "supported",
            "on this segment by itself it is undecided: too few buyers to tell.",
        ),
        (
            [{"segment": "everyone"}, {"verdict": "not valid"}],
            "supported",
            "on everyone, not on this segment",
        ),
        (
            [{"segment": "everyone"} | STOP],
            "spoken against",
            "against by test x, on everyone, not on this segment",
        ),
        (
            [{"segment": "everyone"}, STOP],
            "spoken against",
            "On everyone it was the other way: +$2.10 profit",
        ),
        (
            [{"segment": "everyone"} | STOP, {}],
            "supported",
            "On everyone it was the other way: −$4.20 profit",
        ),
        (
            [{"segment": "everyone"} | OPEN],
            "undecided",
            "Tested without a verdict by test x, on everyone, not on this",
        ),
        ([{"segment": "at-risk"}], "untested", "Tested on other segments, not on this one: it worked in 1."),
        (
            [{"segmentation": "rxf_grid", "segment": "returning"} | STOP, {"segment": "new"} | OPEN],
            "untested",
            "Tested on other segments, not on this one: it lost in 1, was undecided in 1.",
        ),
        ([{"verdict": "too few buyers"}], "undecided", "Not known: test x had too few buyers to tell."),
        ([{"verdict": "not valid"}], "untested", "Untested: test x failed its checks, so it says nothing."),
        ([{"arm": "free-delivery"}], "untested", "Untested."),
    ],
)
def test_what_was_tested_on_others_is_said_plainly(
    cells: list[dict[str, Any]], status: str, words: str
) -> None:
    row = of(found(*cells), "returning")
    assert row["status"] == status
    assert words in row["evidence"]
    assert bool(row["recommended"]) == (status == "supported")


def test_what_everyone_gains_is_money_of_the_segments_size() -> None:
    assert of(found({"segment": "everyone"}), "at-risk")["money"] == pytest.approx(300 * 2.10)


@pytest.mark.parametrize("later", ["2017-11-01", "2017-09-01"])
def test_of_two_tests_that_disagree_the_one_against_counts(later: str) -> None:
    row = of(found({}, STOP | {"experiment": "y", "assigned_on": later}), "returning")
    assert row["status"] == "spoken against"
    assert "Besides, test x: roll out." in row["evidence"]


def test_of_two_tests_that_agree_the_later_one_counts() -> None:
    row = of(found({}, {"experiment": "w", "assigned_on": "2017-11-01", "cuped_effect": 3.0}), "returning")
    assert row["evidence"].startswith("Supported by test w: +$3.00")


def test_simulated_effects_are_marked_and_give_way_to_a_real_test() -> None:
    row = of(found({"is_simulated": True}), "returning")
    assert "; simulated effects)" in row["evidence"]
    assert row["is_simulated"]
    real = OPEN | {"experiment": "y", "segment": "at-risk"}
    table = found({"is_simulated": True}, real)
    assert of(table, "returning")["status"] == "untested"
    assert not table["is_simulated"].any()


def test_a_rolled_out_offer_that_no_play_gives_has_a_row_of_its_own() -> None:
    table = found({"arm": "free-delivery", "offer": "free delivery"}, {"arm": "b", "offer": "b"} | STOP)
    extra = table[table["play"].isna()]
    assert extra["advice"].tolist() == [
        "Give free delivery to returning customers",
        "Do nothing instead: do not give b to returning customers",
    ]
    assert extra["spoken_against"].tolist()[1] == "b"
    assert extra["money"].tolist() == pytest.approx([2100, 4200])
    assert extra["recommended"].tolist() == [True, False]


def test_everyone_is_given_an_offer_but_those_for_whom_a_test_spoke_against_it() -> None:
    free = {"arm": "b", "offer": "b"}
    table = found(free | {"segment": "everyone"}, free | STOP)
    row = table[table["segment"] == "everyone"].iloc[0]
    assert row["advice"] == "Give b to everyone but returning customers"
    assert row["money"] == pytest.approx(750 * 2.10)
    assert row["evidence"].startswith("Supported by test x: +$2.10")
    table = found(
        free | {"segment": "everyone"}, free | STOP | {"segmentation": "rxf_grid", "segment": "cant_lose"}
    )
    row = table[table["segment"] == "everyone"].iloc[0]
    assert row["advice"] == "Give b to everyone but cant lose customers"
    assert np.isnan(row["money"])  # how many of them are also in a segment of four-core is not known


def test_a_segment_of_another_segmentation_has_its_own_size_or_none() -> None:
    other = cells_of({"segmentation": "rxf_grid", "segment": "cant_lose"})
    given = [plays(BOOK, "four-core", SIZES, o, MONTH, sign="$") for o in (other, other.assign(worth=210.0))]
    rows = [table[table["segment"] == "cant lose"].iloc[0] for table in given]
    assert [row["whom"] for row in rows] == ["cant lose customers by rxf-grid"] * 2
    assert np.isnan(rows[0]["money"])
    assert rows[1][["customers", "money"]].tolist() == pytest.approx([100, 210])


def test_what_pays_first_then_what_does_not_then_the_largest_untested_segment_then_what_is_empty() -> None:
    sizes = SIZES.drop("new")
    table = found({"segment": "at-risk"}, STOP, sizes=sizes)
    assert table["segment"].tolist()[:3] == ["at-risk", "returning", "high-value repeat"]
    assert table["money"].tolist()[:2] == pytest.approx([630, 4200])
    assert sorted(table["segment"].tolist()[3:]) == ["new", "too early to tell"]
    assert of(table, "new")["advice"] == "Nothing now: nobody is in the segment this month"
    assert not of(found({"segment": "new"}, sizes=sizes), "new")["recommended"]


def test_a_segment_without_a_play_is_said_to_have_none() -> None:
    few = BOOK.model_copy(update={"segments": {"four-core": {"returning": "next order"}}})
    row = found(book=few).set_index("segment").loc["at-risk"]
    assert row["advice"] == "No play is written for at-risk customers"
    assert row["status"] == "no play"
    assert not row["recommended"]
    clusters = plays(BOOK, "clusters", pd.Series({"1": 5, "2": 6}), cells_of(), MONTH, sign="$")
    assert clusters["advice"].tolist() == [
        "No play is written for 2 customers",
        "No play is written for 1 customers",
    ]


@pytest.mark.parametrize("book", SEGMENT_NAMES)
def test_every_segment_of_every_rulebook_has_a_row_without_gaps(book: str) -> None:
    table = plays(BOOK, book, pd.Series(dtype=float), pd.DataFrame(), MONTH, sign="$")
    assert sorted(table["segment"]) == sorted(name.replace("_", " ") for name in SEGMENT_NAMES[book])
    assert set(table["status"]) <= {"untested", "gives nothing"}
    told = "objective offer message channel trigger delay contact_cap exclusions kpi owner cost review_on evidence"
    assert table[told.split()].notna().all(axis=None)
    assert list(table) == COLUMNS


def test_numbers_of_few_customers_are_not_shown() -> None:
    row = of(found({"n": 9}), "returning")
    assert row["evidence"] == "Supported by test x: numbers of so few customers are not shown."
    assert row[["money", "effect", "low", "high"]].isna().all()
    row = of(found(sizes=SIZES.replace(300, 9)), "at-risk")
    assert row["next_test"] == "No test now: fewer than 20 customers are too few for a test of their own."


def test_hostile_names_arrive_as_text() -> None:
    script, cmd = "<script>alert('{x}')</script>", "=cmd()|' /C calc'!A0 {0} {offer}"
    book = PlayBook(
        plays={"p": Play.model_validate(dict(BOOK.plays["win back"]) | {"offer": cmd, "arm": "a"})},
        segments={"hybrids": {script: "p"}},
    )
    sizes = pd.Series({script: 100})
    cells = pd.DataFrame(
        [CELL | {"segmentation": "hybrids", "segment": script, "arm": "a", "experiment": cmd}]
    )
    given = [cells, cells.assign(arm="b", offer=cmd), cells[:0]]
    for offers in given:
        table = plays(book, "hybrids", sizes, worth(offers, pd.DataFrame()), MONTH, sign="$")
        assert (table["segment"] == script).all()
        assert table["advice"].str.contains(cmd, regex=False).all()
        assert table["advice"].str.contains(script, regex=False).all()
    assert cmd in table["offer"].tolist()


def test_a_measured_effect_is_written_without_what_is_missing() -> None:
    assert result(CELL | {"cuped_low": np.nan}, "€") == "+€2.10 profit per customer in 28 days"
    assert result(CELL | {"cuped_effect": np.nan, "is_simulated": True}, "€").endswith(
        "not shown (simulated effects)"
    )
    assert [gain(value, "CHF ") for value in (0.0, -1234.0)] == ["+CHF 0.00", "−CHF 1,234"]


def test_the_order_of_rows_does_not_matter_to_what_several_tests_say() -> None:
    cells = cells_of({"experiment": "a"}, OPEN | {"experiment": "b"}, OPEN | {"experiment": "c"})
    texts = {verdicts(cells.sample(frac=1, random_state=i))["also"].iloc[0] for i in range(6)}
    assert texts == {"test b: keep testing, test c: keep testing"}


VERDICTS = ["roll out", "stop", "keep testing", "too few buyers", "not valid"]
GROUPS = [
    ("four_core", "returning"),
    ("four_core", "at-risk"),
    ("four_core", "everyone"),
    ("rxf_grid", "everyone"),
    ("rxf_grid", "potential_loyalist"),
]
ARMS = ["ten-percent-off", "free-delivery", "of no play"]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    keys = st.tuples(st.sampled_from("xyz"), st.sampled_from(GROUPS), st.sampled_from(ARMS))
    rows = []
    for experiment, (by, segment), arm in draw(st.lists(keys, max_size=14, unique=True)):
        verdict, size = draw(st.sampled_from(VERDICTS)), draw(st.floats(0.1, 9))
        effect = {"roll out": size, "stop": -size}.get(verdict, 0.1)
        rows.append(
            {"experiment": experiment, "segmentation": by, "segment": segment, "arm": arm, "offer": arm}
            | {
                "verdict": verdict,
                "cuped_effect": effect,
                "cuped_low": effect - 0.1,
                "cuped_high": effect + 0.1,
            }
            | {"n": draw(st.sampled_from([5, 400])), "is_simulated": draw(st.booleans())}
            | {"assigned_on": draw(st.sampled_from(["2017-09-01", "2017-10-01"]))}
        )
    return cells_of(*rows)


def counted(cells: pd.DataFrame) -> pd.DataFrame:
    """Simulated tests do not count beside a real one of the same arm."""
    real = set(cells.loc[~cells["is_simulated"].astype(bool), "arm"])
    kept = [not cell["is_simulated"] or cell["arm"] not in real for cell in cells.to_dict("records")]
    return cells[kept] if kept else cells


@settings(max_examples=60)
@given(tables())
def test_nothing_that_an_experiment_spoke_against_is_recommended(cells: pd.DataFrame) -> None:
    table = plays(BOOK, "four-core", SIZES, cells, MONTH, sign="$")
    cells = counted(cells)
    for row in table.to_dict("records"):
        arms = str(row["arm"]).split(", ")
        mine = cells[cells["arm"].isin(arms)]
        here = (mine["segmentation"].str.replace("_", "-") == row["segmentation"]) | (
            row["segment"] == "everyone"
        )
        own = mine[here & (mine["segment"].str.replace("_", " ") == row["segment"])]["verdict"]
        all_ = mine[mine["segment"] == "everyone"]["verdict"]
        if row["recommended"]:
            assert "stop" not in set(own)
            assert "roll out" in set(own) or (set(all_) >= {"roll out"} and "stop" not in set(all_))
            if row["segment"] == "everyone":
                stopped = mine.loc[(mine["verdict"] == "stop") & (mine["segment"] != "everyone"), "segment"]
                assert all(name.replace("_", " ") in row["whom"] for name in stopped)
        if "stop" in set(own):
            assert row["status"] == "spoken against"
            assert row["offer"] == "nothing"
            assert not row["advice"].startswith(("Give", "Test"))


@settings(max_examples=40)
@given(tables())
def test_every_verdict_stands_somewhere_and_every_segment_has_one_play(cells: pd.DataFrame) -> None:
    table = plays(BOOK, "four-core", SIZES, cells, MONTH, sign="$")
    assert sorted(table.loc[table["play"].notna(), "segment"]) == sorted(SEGMENT_NAMES["four-core"])
    cells = counted(cells)
    for cell in cells[cells["verdict"].isin(["roll out", "stop"])].to_dict("records"):
        holding = table[[cell["arm"] in str(arms).split(", ") for arms in table["arm"]]]
        assert holding["status"].isin(["supported", "supported, another more", "spoken against"]).any()
        if cell["segment"] != "everyone":
            assert cell["segment"].replace("_", " ") in set(holding["segment"])


@settings(max_examples=25)
@given(tables(), st.integers(0, 99))
def test_shuffled_rows_give_the_same_plays(cells: pd.DataFrame, seed: int) -> None:
    mixed = cells.sample(frac=1, random_state=seed)
    one, other = (
        plays(BOOK, "four-core", sizes, given, MONTH, sign="$")
        for sizes, given in ((SIZES, cells), (SIZES.sample(frac=1, random_state=seed), mixed))
    )
    pd.testing.assert_frame_equal(one, other)


def test_a_gain_past_a_guardrail_is_told_and_not_recommended() -> None:
    table = found({"verdict": "guardrail"})
    row = table[table["segment"] == "returning"].iloc[0]
    assert not row["recommended"]
    assert "a guardrail was not shown to hold" in row["evidence"]


@pytest.mark.parametrize("why", ["all the same", "nobody in one arm", "one customer in an arm"])
def test_whatever_kept_a_cell_from_being_judged_is_too_few_buyers(why: str) -> None:
    row = found({"verdict": why}).set_index("segment").loc["returning"]
    assert "had too few buyers to tell" in row["evidence"]


def test_of_two_offers_that_one_test_supports_the_better_is_recommended_and_the_other_in_its_place() -> None:
    everyone = {"segment": "everyone", "arm": "letter", "offer": "a letter"}
    better = everyone | {
        "arm": "call",
        "offer": "a call",
        "cuped_effect": 5.0,
        "cuped_low": 4.0,
        "cuped_high": 6.0,
    }
    table = found(everyone, better)
    rows = table[table["segment"] == "everyone"]
    assert rows["advice"].tolist() == [
        "Give a call to everyone",
        "Or, in place of a call: give a letter to everyone",
    ]
    assert rows["recommended"].tolist() == [True, False]
    other = found(everyone, better | {"experiment": "y"})
    assert other.loc[other["segment"] == "everyone", "recommended"].tolist() == [True, True]


def test_everyone_can_have_a_play_where_there_are_no_segments() -> None:
    own = {"segment": "everyone", "segmentation": "history_segment"}
    sizes = pd.Series({"everyone": 1750})
    book = BOOK.model_copy(update={"segments": {"everyone": {"everyone": "next order"}}})
    (row,) = plays(book, "everyone", sizes, cells_of(own), MONTH, sign="$").to_dict("records")
    assert (row["whom"], row["play"], row["recommended"]) == ("everyone", "next order", True)
    assert row["evidence"].startswith("Supported by test x: +$2.10 profit per customer in 28 days")
    assert row["money"] == pytest.approx(2.10 * 1750)
    letter = own | {"arm": "letter", "offer": "a letter", "cuped_effect": 0.9}
    both = plays(book, "everyone", sizes, cells_of(own, letter), MONTH, sign="$")
    assert both["advice"].str.startswith("Or, in place of 10% off one order: give a letter").tolist() == [
        False,
        True,
    ]
    (row,) = plays(BOOK, "everyone", sizes, cells_of(own), MONTH, sign="$").to_dict("records")
    assert (row["advice"], row["customers"]) == ("Give 10% off one order to everyone", 1750)


def test_an_offer_to_everyone_stands_in_place_of_other_offers_of_its_test_to_segments() -> None:
    letter = {
        "segment": "everyone",
        "arm": "letter",
        "offer": "a letter",
        "cuped_effect": 5.0,
        "cuped_low": 4.0,
        "cuped_high": 6.0,
    }
    table = found({"segment": "everyone"}, letter, {"segment": "new"})
    assert table.loc[table["recommended"], "advice"].tolist() == ["Give a letter to everyone"]
    instead = table[table["status"] == "supported, another more"]["advice"]
    assert len(instead) == 3  # returning, at-risk, new: high-value customers' play is another offer
    assert instead.str.startswith("Or, in place of a letter: give 10% off one order to ").all()


def test_the_next_test_of_everyone_is_found_and_told_of_customers() -> None:
    needs = pd.DataFrame([{"segmentation": "history_segment", "segment": "everyone", "arm": "ten-percent-off",
        "customers_for_worth_having": 5000, "answer_for_worth_having": "enough", "worth_having": 1.0}])  # fmt: skip
    book = BOOK.model_copy(update={"segments": {"everyone": {"everyone": "next order"}}})
    sizes = pd.Series({"everyone": 1750})
    (row,) = plays(book, "everyone", sizes, cells_of(), MONTH, sign="$", next_tests=needs).to_dict("records")
    assert "half of the 1,750 customers get 10% off one order" in row["next_test"]
    assert row["next_test"].endswith("To find $1.00 per customer it needs 5,000 customers: enough.")


@pytest.mark.parametrize(
    "cells",
    [[], [OPEN | {"segment": "everyone"}], [STOP | {"segment": "everyone"}], [{"segment": "everyone"}]],
)
@pytest.mark.parametrize("segments", [{}, {"everyone": {"everyone": "next order"}}])
def test_cards_are_of_what_can_be_given_to_somebody(
    cells: list[dict[str, Any]], segments: dict[str, Any]
) -> None:
    book = BOOK.model_copy(update={"segments": segments})
    table = plays(book, "everyone", pd.Series({"everyone": 1750}), cells_of(*cells), MONTH, sign="$")
    made = cards(table)
    given = (
        []
        if not segments or (cells and cells[0].get("verdict") == "stop")
        else [("everyone", "10% off one order")]
    )
    assert [card[:2] for card in made] == given
    for _, _, facts in made:
        assert facts["evidence"] == ("a test supports it" if cells == [ALL] else "to be tested first")
        assert (
            facts["when"]
            == "being in the segment at the end of the month, at once; at most 2 contacts in 30 days"
        )
        assert "left out" not in facts and None not in facts.values()


def test_a_card_says_who_is_left_out_of_its_play_and_nobody_gets_one_that_reaches_nobody() -> None:
    made = {whom: facts for whom, _, facts in cards(found(sizes=SIZES.drop("new")))}
    assert set(made) == {"returning customers", "high-value repeat customers", "at-risk customers"}
    assert made["at-risk customers"]["left out"] == "who has an open complaint"


def test_a_card_whose_test_was_simulated_says_so() -> None:
    (first, *others) = cards(found({"is_simulated": True}))
    assert (first[0], first[2]["evidence"]) == (
        "returning customers",
        "a test supports it (simulated effects)",
    )
    assert not [card for card in others if "simulated" in card[2]["evidence"]]
