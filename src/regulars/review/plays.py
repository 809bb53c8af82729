"""What to do with each segment this month: its play, what tests say of it, and what would settle it where they say nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regulars.config.plays import Play, PlayBook, in_words, read_playbook
from regulars.month import Month, day_date
from regulars.offers.effects import EVERYONE
from regulars.review.evidence import DECIDED, ENDS, ORDER, Cell, outcome, sentence, verdicts
from regulars.review.wording import amount
from regulars.segments.rulebooks import SEGMENT_NAMES
from regulars.shop import ROOT

SUPPORTED, AGAINST, NOTHING, NO_PLAY = "supported", "spoken against", "gives nothing", "no play"
INSTEAD = "supported, another more"  # by the same test, for the same customers: nobody was given both

ADVICE = {
    SUPPORTED: "Give {offer} to {whom}",
    AGAINST: "Do nothing instead: do not give {offer} to {whom}",
    INSTEAD: "Or, in place of {other}: give {offer} to {whom}",
    "undecided": "Test first, against nothing: {offer} for {whom}",
    "untested": "Test first, against nothing: {offer} for {whom}",
    NOTHING: "Nothing special for {whom}",
    NO_PLAY: "No play is written for {whom}",
}
MONEY = {
    SUPPORTED: "{metric} over the test's {horizon_days} days, from today's customers of the segment",
    AGAINST: "{metric} saved over the test's {horizon_days} days, if today's customers of the segment were all getting it",
}
NOBODY = "Nothing now: nobody is in the segment this month"
PLACES = {SUPPORTED: 0, INSTEAD: 0, AGAINST: 1, "undecided": 2, "untested": 2, NOTHING: 3, NO_PLAY: 4}

COLUMNS = (
    "segmentation segment whom customers status recommended advice play objective offer arm message channel trigger delay "
    "contact_cap exclusions left_out kpi owner cost review_on spoken_against evidence next_test "
    "money money_low money_high what_the_money_is effect low high metric horizon_days experiment is_simulated"
).split()

Row = dict[Any, Any]


class _Tests(NamedTuple):
    """What the rows are made from, besides plays and sizes."""

    found: list[Row]  # the rows that `verdicts` returned
    next_tests: pd.DataFrame
    sign: str
    min_cell: int

    def cell(self, segmentation: str, segment: str, arms: tuple[str, ...]) -> Row | None:
        """The row of a group that counts first, of the arms that one offer has."""
        cells = [cell for cell in self._of(arms) if _group(cell) == (segmentation, segment)]
        return min(cells, key=lambda cell: ORDER.index(cell["verdict"]), default=None)

    def elsewhere(self, segmentation: str, segment: str, arms: tuple[str, ...]) -> list[Row]:
        """The rows of these arms in other groups."""
        here = ((segmentation, segment), ("", EVERYONE))
        return [cell for cell in self._of(arms) if _group(cell) not in here]

    def spoken_against(self, arm: str) -> list[tuple[str, str]]:
        """The segments for which tests spoke against an offer, everyone aside."""
        return [_group(cell) for cell in self.elsewhere("", EVERYONE, (arm,)) if cell["verdict"] == "stop"]

    def _of(self, arms: tuple[str, ...]) -> list[Row]:
        return [cell for cell in self.found if cell["arm"] in arms]


def _group(cell: Row) -> tuple[str, str]:
    return cell["segmentation"], cell["segment"]


def read_plays(shop: str, folder: Path = ROOT / "config") -> PlayBook:
    """The plays of a shop: `plays.yml`, with what `plays/<shop>.yml` says otherwise.

    Raises:
        ConfigError: naming the file and the key that cannot be used.

    >>> read_plays("demo").of("four_core", "at-risk")
    'win back'
    """
    return read_playbook(folder, shop, {**SEGMENT_NAMES, EVERYONE: (EVERYONE,)})


def plays(
    book: PlayBook,
    segmentation: str,
    sizes: pd.Series,
    offers: pd.DataFrame,
    month: Month,
    *,
    sign: str,
    next_tests: pd.DataFrame | None = None,
    min_cell: int = 10,
) -> pd.DataFrame:
    """The play of every segment, with its evidence.

    Only what a test supports is recommended: the segment's own test, or where that has no verdict, one of everyone. If a test
    spoke against the offer, the play is to do nothing instead, and nothing else of it is shown. What was rolled out or stopped
    and is in no play has a row of its own.

    Args:
        book: from `read_plays`.
        segmentation: the shop's chosen one, as a rulebook or as its column; "everyone" for all customers as one.
        sizes: today's customers by segment.
        offers: the cells with a verdict of the table of offers, after `regulars.offers.worth`.
        month: of the report; plays start on the first day after it.
        sign: what stands before an amount of money.
        next_tests: what `regulars.offers.power.next_test` returned, if known, with the `segmentation` of each test.
        min_cell: fewer customers are shown in no sentence.

    Returns:
        One row per segment, and one per verdict on an offer that is in no play: `advice`, `status` (supported, spoken against,
        undecided, untested, gives nothing, no play; or supported where the same test found more in another offer to the
        same customers), whether it is `recommended`; the play; `evidence`, `next_test`; `money` with its interval. First
        what a test supports, then what one spoke against, the most money first, then what is untested, by size.
    """
    tests = _Tests(
        verdicts(offers, min_cell=min_cell).to_dict("records"), _worded(next_tests), sign, min_cell
    )
    counts = sizes.rename(index=in_words).groupby(level=0).sum()
    name = segmentation.replace("_", "-")
    known = [in_words(one) for one in SEGMENT_NAMES.get(name, ())]
    segments = dict.fromkeys([*known, *book.segments.get(name, {}), *sorted(counts.index)])
    rows, used = [], set()
    for segment in segments:
        written = book.of(name, segment)
        if segment == EVERYONE and written is None:
            continue  # only segments must have a play
        rows.append(_of_segment(name, segment, int(counts.get(segment, 0)), written, book, month, tests))
        arms = book.plays[written].arm if written else ()
        used |= {(*group, arm) for group in ((name, segment), ("", EVERYONE)) for arm in arms}
    for cell in tests.found:
        if cell["verdict"] in DECIDED and (*_group(cell), cell["arm"]) not in used:
            rows.append(_without_play(cell, name, counts, tests))
    return _one_offer_each(_ordered(pd.DataFrame(rows).reindex(columns=COLUMNS)))


def _one_offer_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Recommend of the offers that one test supports for the same customers the one worth most, the others in place of it.

    Args:
        rows: in the order of `_ordered`, so that what is worth most comes first.
    """
    told: list[Row] = []
    kept: list[Row] = []
    for row in rows.to_dict("records"):
        rival = next((one for one in kept if row["recommended"] and _rivals(one, row)), None)
        if rival:
            advice = ADVICE[INSTEAD].format(other=rival["offer"], offer=row["offer"], whom=row["whom"])
            row |= {"status": INSTEAD, "recommended": False, "advice": advice}
        elif row["recommended"]:
            kept.append(row)
        told.append(row)
    return pd.DataFrame(told, columns=rows.columns, index=rows.index).astype(rows.dtypes)


def _rivals(one: Row, other: Row) -> bool:
    """Whether two rows are other arms of one test, for customers of whom some are the same."""
    arms = [set(str(row["arm"]).split(", ")) for row in (one, other)]
    same = [one[name] == other[name] for name in ("segmentation", "segment")]
    together = all(same) or EVERYONE in (one["segment"], other["segment"])
    return one["experiment"] == other["experiment"] and together and arms[0].isdisjoint(arms[1])


def _worded(next_tests: pd.DataFrame | None) -> pd.DataFrame:
    given = pd.DataFrame(columns=["segmentation", "segment", "arm"]) if next_tests is None else next_tests
    return given.assign(segment=given["segment"].astype(object).map(in_words))


def _of_segment(
    segmentation: str,
    segment: str,
    customers: int,
    name: str | None,
    book: PlayBook,
    month: Month,
    tests: _Tests,
) -> Row:
    """The row of a segment."""
    row: Row = {"segmentation": segmentation, "segment": segment, "customers": customers}
    row["whom"] = f"{segment} customers"
    if segment == EVERYONE:
        row |= {"segmentation": "", "whom": EVERYONE}
    row |= {"play": name, "is_simulated": False, "recommended": False}
    if name is None:
        return row | {
            "status": NO_PLAY,
            "advice": ADVICE[NO_PLAY].format(**row),
            "evidence": "No play, no test.",
        }
    play = book.plays[name]
    told = row | _described(play, book, month)
    if not play.arm:
        evidence = "It gives nothing, so there is nothing to test."
        return told | {"status": NOTHING, "advice": ADVICE[NOTHING].format(**told), "evidence": evidence}
    whole = tests.cell("", EVERYONE, play.arm)
    own, whole = (
        (whole, None) if segment == EVERYONE else (tests.cell(segmentation, segment, play.arm), whole)
    )
    status, cell = outcome(own, whole)
    others = tests.elsewhere(segmentation, segment, play.arm)
    told |= {"status": status, "advice": ADVICE[status].format(**told), "arm": ", ".join(play.arm)}
    told["evidence"] = sentence(own, whole, others, tests.sign)
    if not customers and status != AGAINST:
        told["advice"] = NOBODY
    if cell is not None and status in MONEY:
        told |= _measured(status, cell, customers)
        told["recommended"] = status == SUPPORTED and customers > 0
    else:
        told["next_test"] = _next_test(told, play, cell, tests)
    if status == AGAINST:  # nothing of it may look like something to do
        kept = {"objective": play.objective, "offer": "nothing", "spoken_against": play.offer}
        told = {key: value for key, value in told.items() if key not in _described(play, book, month)} | kept
    return told


def _described(play: Play, book: PlayBook, month: Month) -> Row:
    delay = play.delay_days
    return {
        "objective": play.objective,
        "offer": play.offer,
        "message": play.message,
        "channel": play.channel,
        "trigger": play.trigger,
        "delay": f"{delay} day{'' if delay == 1 else 's'} later" if delay else "at once",
        "contact_cap": str(play.contact_cap),
        "exclusions": "; ".join([*play.exclusions, *book.exclusions]),
        "left_out": "; ".join(play.exclusions) or None,  # besides those of every play
        "kpi": play.kpi,
        "owner": play.owner,
        "cost": play.cost,
        "review_on": day_date(month.snapshot_day + play.review_after_days),
    }


def _measured(status: str, cell: Cell, customers: float) -> Row:
    """The test's effect per customer, and what it comes to for so many customers."""
    effect, low, high = (float(cell[name]) for name in ENDS)
    ends = (effect, low, high) if status == SUPPORTED else (-effect, -high, -low)
    money = {f"money{end}": customers * value for end, value in zip(("", "_low", "_high"), ends, strict=True)}
    about = {name: cell[name] for name in ("metric", "horizon_days", "experiment", "is_simulated")}
    words = {"what_the_money_is": MONEY[status].format(**cell)}
    return {"effect": effect, "low": low, "high": high} | money | words | about


def _next_test(row: Row, play: Play, cell: Cell | None, tests: _Tests) -> str:
    """The test that would settle it."""
    customers, fewest = row["customers"], tests.min_cell
    if not customers:
        return f"{NOBODY}."
    if customers < 2 * fewest:
        return f"No test now: fewer than {2 * fewest} customers are too few for a test of their own."
    days = play.review_after_days if cell is None else cell["horizon_days"]
    metric = "profit" if cell is None else cell["metric"]
    whom = "customers" if row["segment"] == EVERYONE else row["whom"]
    said = (
        f"A new test: at random, half of the {customers:,} {whom} get {play.offer}, half get nothing, for {days} days; "
        f"judged by {metric} per customer."
    )
    known = tests.next_tests
    here = known["segmentation"].isin([row["segmentation"], row["segmentation"].replace("-", "_")])
    here |= row["segment"] == EVERYONE  # of whom every segmentation has the same
    known = known[here & (known["segment"] == row["segment"]) & known["arm"].isin(play.arm)]
    return said + (_needs(known.iloc[0].to_dict(), tests.sign) if len(known) else "")


def _needs(known: Row, sign: str) -> str:
    """How many customers it takes, and when there are as many."""
    needed, answer = known.get("customers_for_worth_having", np.nan), known.get("answer_for_worth_having")
    if not isinstance(answer, str):
        return ""
    if pd.isna(needed):
        return f" How many customers it needs is not known: {answer}."
    effect = amount(float(known["worth_having"]), "money", sign)
    return f" To find {effect} per customer it needs {needed:,.0f} customers: {answer}."


def _without_play(cell: Row, segmentation: str, counts: pd.Series, tests: _Tests) -> Row:
    """The row of a verdict on an offer that no play gives to these customers."""
    status = SUPPORTED if cell["verdict"] == "roll out" else AGAINST
    row: Row = {name: cell[name] for name in ("segmentation", "segment", "whom", "offer", "arm")}
    if cell["segment"] == EVERYONE:
        spared = tests.spoken_against(cell["arm"]) if status == SUPPORTED else []
        customers = counts.sum() - sum(counts.get(one, 0) for by, one in spared if by == segmentation)
        if any(by != segmentation for by, _ in spared):
            customers = np.nan  # how far other segmentations overlap with this one is not known here
        if spared:
            row["whom"] = f"everyone but {' and '.join(segment for _, segment in spared)} customers"
    elif cell["segmentation"] == segmentation:
        customers = counts.get(cell["segment"], 0)
    else:
        customers = np.round(cell["worth"] / cell["cuped_effect"]) if cell["cuped_effect"] else np.nan
        row["whom"] += f" by {cell['segmentation']}"
    row |= {"status": status, "customers": customers, "recommended": status == SUPPORTED and customers != 0}
    row["advice"] = ADVICE[status].format(**row)
    row["evidence"] = sentence(cell, None, [], tests.sign)
    row |= _measured(status, cell, customers)
    return row | ({"offer": "nothing", "spoken_against": cell["offer"]} if status == AGAINST else {})


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """First what has a verdict, the most money first; then the others, the largest segment first."""
    place = rows["status"].map(PLACES).mask(rows["customers"] == 0, len(PLACES))
    keys = rows.assign(
        place=place,
        most=rows["money"].astype(float).abs().where(place == 0).fillna(-1.0) * -1,
        largest=rows["customers"].astype(float).fillna(-1.0) * -1,
    )
    order = keys.sort_values(
        ["place", "most", "largest", "segmentation", "segment", "arm"], kind="stable"
    ).index
    return rows.loc[order].reset_index(drop=True)
