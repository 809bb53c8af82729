"""The page's first three sentences: what changed, what worked, what to do; each with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from regulars.month import Month
from regulars.offers.effects import EVERYONE
from regulars.review.evidence import result, verdicts
from regulars.review.plays import AGAINST
from regulars.review.wording import amount, span
from regulars.segments.movement import JOINED, Movement

Row = dict[Any, Any]


class Line(NamedTuple):
    """A sentence for `Findings.headline(line.sentence, key=line.key, **line.values)`.

    Attributes:
        key: under which its numbers can be looked up.
        sentence: with places for values; names are among these, never in the sentence.
        values: finite numbers, and texts.
    """

    key: str
    sentence: str
    values: dict[str, Any]

    @property
    def text(self) -> str:
        """The sentence with its values."""
        return self.sentence.format(**self.values)


class Gone(NamedTuple):
    """How many customers moved into, and out of, the segments that are slipping away."""

    slipped: int
    returned: int


def gone(moved: Movement, lapsing: Sequence[str]) -> Gone:
    """Who slipped away and who came back in the month, from its movement.

    Args:
        moved: between last month and this one; who joined is in neither count.
        lapsing: the segments that are slipping away.
    """
    flows = moved.flows[moved.flows.index != JOINED]
    had, has = flows.index.isin(lapsing), flows.columns.isin(lapsing)
    counts = flows.to_numpy()
    return Gone(int(counts[np.ix_(~had, has)].sum()), int(counts[np.ix_(had, ~has)].sum()))


def first_lines(
    compared: pd.DataFrame | None,
    plays: pd.DataFrame,
    offers: pd.DataFrame,
    month: Month,
    *,
    sign: str,
    alerts: Sequence[str] = (),
    moved: Gone | None = None,
    min_cell: int = 10,
) -> tuple[Line, ...]:
    """What changed, what worked, what to do; in each the one that is worth most.

    Args:
        compared: what `compare_months` returned; None of a shop without orders, and nothing is said of what changed.
        plays: what `regulars.review.plays` returned.
        offers: the cells with a verdict of the table of offers, after `regulars.offers.worth`.
        month: of the report.
        sign: what stands before an amount of money.
        alerts: the month's, as sentences, the most important first.
        moved: what `gone` returned, where there is an earlier month.
        min_cell: fewer customers are not shown as a number.
    """
    told = () if compared is None else (what_changed(compared, month, sign, alerts, moved, min_cell),)
    return (*told, what_worked(offers, sign, min_cell), what_to_do(plays, sign, min_cell))


def what_changed(
    compared: pd.DataFrame, month: Month, sign: str, alerts: Sequence[str], moved: Gone | None, min_cell: int
) -> Line:
    """The alert if there is one; else revenue, what it is made of, and who slipped away."""
    revenue: Row = compared.loc["revenue"].to_dict()
    values: Row = {"revenue": revenue["value"], "shown": amount(revenue["value"], "money", sign)}
    reach = span(revenue["low"], revenue["high"], "money", sign)
    said = "Revenue was {shown}" + (" (95% interval {reach})" if reach else "")
    if pd.isna(revenue["last_month"]):
        values |= {"customers": compared.loc["active customers", "value"]} | (
            {"reach": reach} if reach else {}
        )
        return _line(
            "changed",
            said + " from {customers:,.0f} customers; there is no earlier month to compare with.",
            values,
        )
    ends = [revenue[name] for name in ("change", "change_low", "change_high")]
    if not np.isfinite(ends).all():
        values |= {"before": amount(revenue["last_month"], "money", sign)}
        return _line("changed", "Revenue was {shown}, after {before} last month.", values)
    values |= dict(zip(["change", "low", "high"], ends, strict=True))
    against = "{change:+.1%} on last month (95% interval {low:+.1%} to {high:+.1%})"
    if alerts:
        more = f" ({len(alerts) - 1} more below.)" if len(alerts) > 1 else ""
        opening = "Revenue is " if alerts[0].startswith("Revenue ") else "Revenue was {shown}, "
        sentence = "{alert}{more} " + opening + against + "."
        return _line("changed", sentence, values | {"alert": alerts[0], "more": more})
    clear = ends[1] > 0 or ends[2] < 0
    opening = f"Revenue {'rose' if ends[0] > 0 else 'fell'} to {{shown}}, {against}"
    sentence = opening if clear else "Revenue was {shown}, no clear change: " + against
    # One of the last two is enough for a line that is read in a few seconds.
    for part, more in (_parts(compared), _length(month), _place(revenue) or _people(moved, min_cell)):
        sentence, values = sentence + part, values | more
    return _line("changed", sentence + ".", values)


def _parts(compared: pd.DataFrame) -> tuple[str, Row]:
    """Revenue is orders times what an order brings."""
    changes = compared["change"].astype(float)
    orders, size = changes["orders"], changes["average order value"]
    if not np.isfinite([orders, size]).all():
        return "", {}
    return "; orders {orders:+.1%}, order value {size:+.1%}", {"orders": orders, "size": size}


def _length(month: Month) -> tuple[str, Row]:
    """A longer month brings more, whatever else happened."""
    days = month.days - month.previous.days
    longer = f"{abs(days)} day{'' if abs(days) == 1 else 's'} {'longer' if days > 0 else 'shorter'}"
    return (", in a month {longer}", {"longer": longer}) if days else ("", {})


def _place(revenue: Row) -> tuple[str, Row] | None:
    """Whether it is outside the months before; two or more, since it is above or below a single one anyway."""
    before = int(revenue["range_months"])
    if before < 2 or revenue["range_low"] <= revenue["value"] <= revenue["range_high"]:
        return None
    above = revenue["value"] > revenue["range_high"]
    return f"; {'more' if above else 'less'} than in any of the {{before}} months before", {"before": before}


def _people(moved: Gone | None, min_cell: int) -> tuple[str, Row]:
    if moved is None or not any(moved):
        return "", {}
    few = f"fewer than {min_cell}"
    counts = [few if 0 < count < min_cell else f"{count:,}" for count in moved]
    sentence = "; {slipped} customers began to slip away, {returned} came back"
    return sentence, dict(zip(["slipped", "returned"], counts, strict=True))


def what_worked(offers: pd.DataFrame, sign: str, min_cell: int) -> Line:
    """The offer that paid best; else the one that lost most; else that nothing is known."""
    found = verdicts(offers, min_cell=min_cell) if len(offers) else offers
    if found.empty:
        return _line("worked", "No test of an offer has finished, so what works is not known yet.", {})
    counts = found["verdict"].value_counts().to_dict()
    paid, lost, tested = counts.get("roll out", 0), counts.get("stop", 0), len(found)
    values: Row = {"paid": paid, "lost": lost, "tested": tested}
    if counts.get("not valid", 0) == tested:
        return _line(
            "worked", "The tests of offers failed their checks, so nothing can be read from them.", values
        )
    if not paid and not lost:
        unclear = (
            "the only result is not" if tested == 1 else "of {tested} results, by offer and segment, none is"
        )
        return _line("worked", f"No offer has been shown to work yet: {unclear} clear.", values)
    cells = found[found["verdict"] == ("roll out" if paid else "stop")]
    order = cells.assign(most=-cells["worth"].abs()).sort_values(["most", "whom", "arm"], kind="stable")
    best: Row = order.iloc[0].to_dict()
    values |= {"offer": best["offer"], "whom": best["whom"], "result": result(best, sign)}
    values |= {"effect": best["cuped_effect"]} if np.isfinite(best["cuped_effect"]) else {}
    if paid:
        others = {1: "", 2: "; one other worked, too"}.get(paid, f"; {paid - 1} others worked, too")
        return _line("worked", f"What worked: {{offer}} for {{whom}}, {{result}}{others}.", values)
    return _line("worked", "No offer that was tested worked; {offer} for {whom} lost most: {result}.", values)


def what_to_do(plays: pd.DataFrame, sign: str, min_cell: int) -> Line:
    """What a test supports and is worth most, and what it spoke against; else the test that comes first."""
    said: list[str] = []
    values: Row = {}
    for clause, more in (_do(plays, sign, min_cell), _do_not(plays)):
        said, values = said + ([clause] if clause else []), values | more
    if said:
        return _line("to do", "; ".join(said) + ".", values)
    open_ = plays[plays["status"].isin(["undecided", "untested"]) & (plays["customers"] >= 2 * min_cell)]
    if open_.empty:
        return _line("to do", "Nothing follows from what is known this month.", {})
    first: Row = open_.iloc[0].to_dict()
    values = {name: first[name] for name in ("offer", "customers")}
    values["whom"] = "customers" if first["whom"] == EVERYONE else first["whom"]
    sentence = "To do: test {offer} on half of the {customers:,.0f} {whom}; nothing has been shown to work on them yet."
    return _line("to do", sentence, values)


def _do(plays: pd.DataFrame, sign: str, min_cell: int) -> tuple[str, Row]:
    """What is recommended, the most money first."""
    rows = plays[plays["recommended"].astype(bool)]
    if rows.empty:
        return "", {}
    row: Row = rows.iloc[0].to_dict()
    values: Row = {"offer": row["offer"], "whom": row["whom"]}
    shown = row["customers"] >= min_cell and row["segment"] != EVERYONE
    values |= {"customers": row["customers"]} if shown else {}
    sentence = "To do: give {offer} to " + ("the {customers:,.0f} {whom}" if shown else "{whom}")
    money = [float(row[name]) for name in ("money", "money_low", "money_high")]
    if np.isfinite(money).all() and row["customers"] >= min_cell:
        marked = "; simulated effects" if row["is_simulated"] else ""
        metric = "" if row["metric"] == "profit" else f" of {row['metric']}"
        sentence += (
            f", worth about {{worth}}{metric} in {{days:.0f}} days (95% interval {{reach}}" + marked + ")"
        )
        values |= {"worth": amount(money[0], "money", sign), "days": row["horizon_days"], "money": money[0]}
        values["reach"] = span(money[1], money[2], "money", sign)
    return sentence, values


def _do_not(plays: pd.DataFrame) -> tuple[str, Row]:
    """What a test spoke against, the most money first."""
    rows = plays[(plays["status"] == AGAINST) & (plays["customers"] != 0)]
    if rows.empty:
        return "", {}
    row: Row = rows.iloc[0].to_dict()
    words = "do not give {against} to {spared}"
    if not plays["recommended"].any():
        words = f"To do: {words}, or stop it"
    return words, {"against": row["spoken_against"], "spared": row["whom"]}


def _line(key: str, sentence: str, values: Row) -> Line:
    return Line(key, sentence, {str(name): value for name, value in values.items()})
