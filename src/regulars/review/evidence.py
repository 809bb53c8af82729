"""What tests say of an offer for a group of customers: one verdict, the test behind it, and a sentence with its interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from regulars.config.plays import in_words
from regulars.offers.effects import EVERYONE
from regulars.review.wording import amount

# What counts first where tests of the same group disagree: nothing that one spoke against is recommended.
ORDER = ("stop", "roll out", "guardrail", "keep testing", "too few buyers", "not valid")
DECIDED = ("stop", "roll out")
SPOKEN = {"supported": "Supported by", "spoken against": "Spoken against by"}

GROUP = ["segmentation", "segment", "arm"]
NEEDED = [*GROUP, "experiment", "verdict", "offer", "whom", "also"]
ENDS = ("cuped_effect", "cuped_low", "cuped_high")

Cell = Mapping[Any, Any]


def verdicts(offers: pd.DataFrame, *, min_cell: int = 10) -> pd.DataFrame:
    """One row for each group of customers and arm that was tested: the verdict that counts, and the test that it comes from.

    Among tests of the same group, one that spoke against the offer counts before one that spoke for it, that before one
    without a verdict, and of two alike the later one. Simulated effects count only for an arm that has no other test.

    Args:
        offers: the cells with a verdict of the table of offers, after `regulars.offers.worth`.
        min_cell: with fewer customers in either arm the numbers are missing.

    Returns:
        The columns of `offers`, segmentations and segments in the words of the pages, `whom` and `also`: what other tests of
        the group said. Everyone is one group, whatever the segmentation of the test, which is then empty.
    """
    if offers.empty:
        return offers.reindex(columns=[*dict.fromkeys([*offers.columns, *NEEDED])])
    cells = offers.dropna(subset="verdict").copy()
    # Whatever else kept a cell from being judged: too little was there.
    cells["verdict"] = cells["verdict"].where(cells["verdict"].isin(list(ORDER)), "too few buyers")
    cells["is_simulated"] = cells["is_simulated"].astype(bool)
    cells = cells[~cells["is_simulated"] | ~cells["arm"].isin(cells.loc[~cells["is_simulated"], "arm"])]
    whole = cells["segment"] == EVERYONE
    cells["segment"] = cells["segment"].map(in_words)
    cells["segmentation"] = cells["segmentation"].str.replace("_", "-").mask(whole, "")
    cells["whom"] = (cells["segment"] + " customers").mask(whole, EVERYONE)
    money = [name for name in (*ENDS, "worth", "worth_low", "worth_high") if name in cells]
    cells[money] = cells[money].astype(float).mask((cells[["n", "n_control"]] < min_cell).any(axis=1))
    cells["rank"] = cells["verdict"].map({verdict: i for i, verdict in enumerate(ORDER)}).astype(int)
    cells["assigned_on"] = cells["assigned_on"].astype(str)
    cells = cells.sort_values(["assigned_on", "experiment"], ascending=[False, True], kind="stable")
    cells = cells.sort_values([*GROUP, "rank"], kind="stable", ignore_index=True)
    said = "test " + cells["experiment"] + ": " + cells["verdict"]
    later = said.where(cells.duplicated(GROUP), "").groupby([cells[name] for name in GROUP])
    cells["also"] = later.transform(lambda texts: ", ".join(text for text in texts if text))
    return cells.drop_duplicates(GROUP, ignore_index=True).drop(columns="rank")


def result(cell: Cell, sign: str) -> str:
    """What a test measured, in words: the effect per customer, its interval, and whether it is simulated.

    >>> cell = {"cuped_effect": 2.1, "cuped_low": 0.5, "cuped_high": 3.7, "metric": "profit", "horizon_days": 28}
    >>> result(cell | {"is_simulated": True}, "$")
    '+$2.10 profit per customer in 28 days (95% interval +$0.50 to +$3.70; simulated effects)'
    """
    effect, low, high = (float(cell[name]) for name in ENDS)
    mark = "simulated effects" if cell["is_simulated"] else ""
    if pd.isna(effect):
        return "numbers of so few customers are not shown" + f" ({mark})" * bool(mark)
    reach = "" if pd.isna(low) or pd.isna(high) else f"95% interval {gain(low, sign)} to {gain(high, sign)}"
    noted = "; ".join(filter(None, (reach, mark)))
    said = f"{gain(effect, sign)} {cell['metric']} per customer in {cell['horizon_days']} days"
    return said + f" ({noted})" * bool(noted)


def gain(value: float, sign: str) -> str:
    """An amount of money with its sign.

    >>> gain(2.1, "$"), gain(-4.2, "$")
    ('+$2.10', '−$4.20')
    """
    return "+" * (value >= 0) + str(amount(value, "money", sign))


def outcome(own: Cell | None, whole: Cell | None) -> tuple[str, Cell | None]:
    """What follows from the tests of a segment by itself and of everyone.

    The segment's own verdict counts before that of everyone, which says how the average customer takes it.

    Returns:
        "supported", "spoken against", "undecided" or "untested", and the cell that says so.
    """
    tested = [cell for cell in (own, whole) if cell is not None]
    for cell in tested:
        if cell["verdict"] in DECIDED:
            return ("supported" if cell["verdict"] == "roll out" else "spoken against"), cell
    open_ = [cell for cell in tested if cell["verdict"] != "not valid"]
    return ("undecided", open_[0]) if open_ else ("untested", tested[0] if tested else None)


def sentence(own: Cell | None, whole: Cell | None, elsewhere: Iterable[Cell], sign: str) -> str:
    """The evidence in words.

    Args:
        own, whole: as in `outcome`; for everyone as the group itself, that is `own`.
        elsewhere: rows of `verdicts` of the same arm in other groups, read only if these have no verdict.
        sign: what stands before an amount of money.
    """
    status, cell = outcome(own, whole)
    others = "" if status in SPOKEN or own is not None else _elsewhere(elsewhere)
    if cell is None:
        return "Untested." + others
    test = f"test {cell['experiment']}"
    others = (f" Besides, {cell['also']}." if cell["also"] else "") + others
    if cell["verdict"] == "not valid":
        return f"Untested: {test} failed its checks, so it says nothing.{others}"
    if cell["verdict"] == "too few buyers":
        return f"Not known: {test} had too few buyers to tell.{others}"
    if cell["verdict"] == "guardrail":
        return (
            f"Not yet: {test} measured {result(cell, sign)}, but a guardrail was not shown to hold.{others}"
        )
    said = f"{SPOKEN.get(status, 'Tested without a verdict by')} {test}"
    if cell["segment"] == EVERYONE and cell is not own:
        return said + _on_everyone(cell, own, sign) + others
    if status in SPOKEN and whole is not None and whole["verdict"] in set(DECIDED) - {cell["verdict"]}:
        others += f" On everyone it was the other way: {result(whole, sign)}, test {whole['experiment']}."
    return f"{said}: {result(cell, sign)}.{others}"


def _on_everyone(cell: Cell, own: Cell | None, sign: str) -> str:
    """What a test of everyone measured, and what is known of the segment by itself."""
    if own is None or own["verdict"] == "not valid":
        return f", on everyone, not on this segment: {result(cell, sign)}."
    alone = "too few buyers to tell" if own["verdict"] == "too few buyers" else result(own, sign)
    return f", on everyone: {result(cell, sign)}; on this segment by itself it is undecided: {alone}."


def _elsewhere(cells: Iterable[Cell]) -> str:
    """What tests of the same arm on other customers said."""
    counts = Counter(cell["verdict"] for cell in cells)
    words = {"roll out": "worked in {}", "stop": "lost in {}", "keep testing": "was undecided in {}"}
    said = [text.format(counts[verdict]) for verdict, text in words.items() if verdict in counts]
    return f" Tested on other segments, not on this one: it {', '.join(said)}." if said else ""
