"""What fell further than the months before let expect: few alerts, at most one a month, each with where to look.

A figure raises an alert if it lies below its lower limit. The limits are set so that a shop in which nothing happens
sees an alert in at most one month of twenty, all figures and both looks together: four fifths of that for a *dip*, a
figure that is lower than the months up to last month let expect; one fifth for a *drift*, lower than the months up to
three months ago let expect. An alert says that something changed. It does not say why.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from regulars.month import Month
from regulars.review.kpis import is_new, knows_new
from regulars.review.outlook import Floats, Outlook, outlook
from regulars.review.register import KPIS, Kpi, Sums
from regulars.review.wording import UNITS, amount

FALSE_ALARMS = 0.05  # of quiet months, all figures together
AHEAD = {"dip": 1, "drift": 3}  # months
SHARES = {"dip": 0.8, "drift": 0.2}  # of the false alarms
FEWEST_MONTHS = 6  # before the month
MOST_MONTHS = 36
FEWEST_CUSTOMERS = 30  # a month, behind a figure
WHOLE = 3  # the first month counts if an order was seen by this day of it
MEAN_DAYS = 365.2425 / 12

NOT_WATCHED = frozenset({"repeat rate"})  # it has a usual range, but a fall of it is in orders
NUMBERS = "no one two three four five six seven".split()


class Alert(NamedTuple):
    """What fell, and what it is to be compared with.

    Attributes:
        kind: "dip", or "drift" where nothing is below its limit for a dip.
        lead: the figure to name first: revenue if it is among them, else the one that is least to be expected.
        figures: all figures below their limits.
        value, expected, low: the lead's value, what was to be expected, and its limit.
        probability: of a lead this low in a quiet month.
        against: the month to compare with in the drill-down: the last one that the expectation rests on.
    """

    kind: str
    lead: str
    figures: tuple[str, ...]
    value: float
    expected: float
    low: float
    probability: float
    against: Month


class Watched(NamedTuple):
    """The watch over a month.

    Attributes:
        figures: one row per figure: `value`; `expected`, `low` and `high`, its usual range; `drift_expected`,
            `drift_low`; `p_dip`, `p_drift`; `past_months`; `state`: "as usual", "dip", "drift", "above", or why it is
            not watched: "not watched" where that is so of all shops.
        alert: the month's alert, if there is one.
        why_not: a sentence, if nothing can be watched.
    """

    figures: pd.DataFrame
    alert: Alert | None
    why_not: str | None


class Series(NamedTuple):
    """A figure over consecutive months: its logarithm less what the months' lengths do, its sampling covariance, these
    effects."""

    logarithms: Floats
    sampling: Floats
    days: Floats


def watch(activity: pd.DataFrame, months: list[Month], *, first_day: int | None = None) -> Watched:
    """Hold the last month against what the months before let expect.

    Args:
        activity: what `monthly_activity` returned for `months`.
        months: consecutive, since the data began; the last is the one that is reported.
        first_day: the first day that orders were observed, so that a first month that is not whole can be left out.
    """
    month = months[-1]
    whole = months[0] if first_day is None or first_day < months[0].first_day + WHOLE else months[0].next
    window = [one for one in months if whole <= one][-MOST_MONTHS:]
    if len(window) <= FEWEST_MONTHS:
        return Watched(_nothing("too few months"), None, _too_few(len(window) - 1))
    sums, each = _sums(activity, [str(one) for one in window])
    series = {kpi.name: _series(kpi, sums, each, window) for kpi in KPIS}
    watched = [name for name, one in series.items() if isinstance(one, Series) and name not in NOT_WATCHED]
    rows = {
        name: _row(one, max(1, len(watched))) if isinstance(one, Series) else {"state": one}
        for name, one in series.items()
    }
    figures = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=list(_nothing("")))
    figures["value"] = [kpi.formula(Sums(*(s[-1:] for s in sums)))[0] for kpi in KPIS]
    aside = figures.index.isin(list(NOT_WATCHED)) & figures["low"].notna()
    figures.loc[aside, "state"] = "not watched"
    figures.loc[aside, "high"] = figures.loc[aside, "high"].clip(upper=1.0)
    none = None if watched else "Too few customers are behind each figure to know what is usual."
    return Watched(figures.rename_axis("figure"), _alert(figures, month), none)


def _nothing(state: str) -> pd.DataFrame:
    names = "value expected low high drift_expected drift_low p_dip p_drift past_months".split()
    empty = pd.DataFrame(np.nan, index=[kpi.name for kpi in KPIS], columns=names)
    return empty.assign(state=state).rename_axis("figure")


def _too_few(past: int) -> str:
    begin = f"alerts begin with {NUMBERS[FEWEST_MONTHS]} earlier months"
    if past < 1:
        return f"There is no whole month before this one to know what is usual from: {begin}."
    are = "One earlier month is" if past == 1 else f"{NUMBERS[past].capitalize()} earlier months are"
    return f"{are} too few to know what is usual: {begin}."


def _sums(activity: pd.DataFrame, months: list[str]) -> tuple[Sums, dict[str, sparse.csr_array]]:
    """The sums of each month, and who adds what to them: shape (customers, months) each."""
    told = activity.assign(is_new=is_new(activity))
    rows = told[told["month"].isin(months)]
    codes, customers = pd.factorize(rows["customer"])
    at = (codes, pd.Index(months).get_indexer(pd.Index(rows["month"])))
    known, orders = ~rows["is_guest"].to_numpy(bool), rows["orders"].to_numpy(float)
    values = {
        "active": known & (orders >= 1),
        "repeated": known & (orders >= 2),
        "new": rows["is_new"].to_numpy(bool),
        "orders": orders,
        "revenue": rows["revenue"].to_numpy(float),
    }
    shape = (len(customers), len(months))
    each = {name: sparse.csr_array((value.astype(float), at), shape=shape) for name, value in values.items()}
    sums = {name: matrix.sum(axis=0) for name, matrix in each.items()}
    sums["new"] = np.where(knows_new(activity, months), sums["new"], np.nan)
    return Sums(**sums), each


def _series(kpi: Kpi, sums: Sums, each: dict[str, sparse.csr_array], window: list[Month]) -> Series | str:
    """The figure's months that can be used, or why there are too few."""
    known = ~np.isnan(getattr(sums, kpi.top))
    first = int(np.argmax(known)) if known.any() else len(window)
    terms = [(kpi.top, 1.0), *([(kpi.bottom, -1.0)] if kpi.bottom else [])]
    if len(window) - first <= FEWEST_MONTHS:
        return "too few months"
    for name, _ in terms:
        behind = (each[name] != 0).sum(axis=0)[first:-1]
        if np.median(behind) < FEWEST_CUSTOMERS or not (getattr(sums, name)[first:-1] > 0).all():
            return "too few customers"
    if kpi.bottom and getattr(sums, kpi.bottom)[-1] <= 0:
        return "no orders this month"
    logarithms = np.zeros(len(window) - first)
    shares = sparse.csr_array((each[kpi.top].shape[0], len(logarithms)))
    for name, power in terms:
        total = getattr(sums, name)[first:]
        with np.errstate(divide="ignore"):
            logarithms = logarithms + power * np.log(np.maximum(total, 0.0))
        inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        shares = shares + power * (each[name][:, first:] @ sparse.diags_array(inverse))
    sampling = (shares.T @ shares).toarray()
    days = _elasticity(kpi, sums, each["orders"]) * np.log([one.days / MEAN_DAYS for one in window[first:]])
    return Series(logarithms - days, sampling, days)


def _elasticity(kpi: Kpi, sums: Sums, orders: sparse.csr_array) -> float:
    """By how many per cent the figure is higher in a month that is one per cent longer.

    Of customers who order at random at whatever rate, d P(N ≥ k) / d ln t is k P(N = k) (Good and Toulmin 1956 for k = 1).
    So of active customers it is the share who order once; of the repeat rate it is twice the share with two orders among
    those with two or more, less that.
    """
    active, repeated = sums.active[:-1].sum(), sums.repeated[:-1].sum()
    once = float(1 - repeated / active) if active else 0.0
    if kpi.bottom == "active":
        return 2 * float((orders[:, :-1] == 2).sum() / repeated) - once if repeated else 0.0
    if kpi.bottom:
        return 0.0
    return once if kpi.top == "active" else 1.0


def _row(one: Series, watched: int) -> dict[str, object]:
    row: dict[str, object] = {"past_months": len(one.logarithms) - 1, "state": "as usual"}
    now, days = one.logarithms[-1], one.days[-1]
    found: dict[str, Outlook] = {}
    for kind, ahead in AHEAD.items():
        if len(one.logarithms) - ahead >= FEWEST_MONTHS:
            found[kind] = outlook(one.logarithms, one.sampling, ahead)
    for kind, one_look in found.items():
        level = FALSE_ALARMS * SHARES[kind] / watched
        before = "" if kind == "dip" else "drift_"
        p = row[f"p_{kind}"] = one_look.below(now)
        row[f"{before}expected"], row[f"{before}low"], row[f"{before}high"] = (
            float(np.exp(one_look.quantile(share) + days)) for share in (0.5, level, 1 - level)
        )
        if kind == "dip" and p > 1 - level:
            row["state"] = "above"
        if row["state"] != "dip" and p < level:
            row["state"] = kind
    return row


def _alert(figures: pd.DataFrame, month: Month) -> Alert | None:
    below = figures[figures["state"].isin(list(AHEAD))]
    if below.empty:
        return None
    kind = "dip" if (below["state"] == "dip").any() else "drift"
    first = below[below["state"] == kind]
    lead = "revenue" if "revenue" in first.index else str(first[f"p_{kind}"].astype(float).idxmin())
    before = "" if kind == "dip" else "drift_"
    names = ["value", f"{before}expected", f"{before}low", f"p_{kind}"]
    value, expected, low, probability = (float(first[name].astype(float).loc[lead]) for name in names)
    against = month
    for _ in range(AHEAD[kind]):
        against = against.previous
    return Alert(kind, lead, tuple(below.index), value, expected, low, probability, against)


def chart_title(watched: Watched, history: pd.DataFrame, shown: list[str]) -> str:
    """What a picture of these figures shows: which are lower than usual, or drift down, else which are at their highest.

    Args:
        watched: the watch over the month.
        history: what `kpis_by_month` returned up to the month.
        shown: the figures of the picture.
    """
    states = watched.figures["state"].to_dict()
    for kind, words in (
        ("dip", "Lower than usual this month"),
        ("drift", "Lower than three months ago let expect"),
    ):
        if low := [name for name in shown if states[name] == kind]:
            return f"{words}: {', '.join(low)}"
    if len(history) == 1:
        return "One month so far"
    highest = [name for name in shown if history[name].idxmax() == history.index[-1]]
    return (
        f"At its highest this month: {', '.join(highest)}"
        if highest
        else "None of these is at its highest this month"
    )


def quiet(watched: Watched) -> str:
    """What is so of a month without an alert: which figures were watched, and which that is not lies below its range."""
    figures = watched.figures
    seen = figures.index[figures["low"].notna() & ~figures.index.isin(list(NOT_WATCHED))]
    below = figures.index[figures["low"].notna() & (figures["value"] < figures["low"])].intersection(
        list(NOT_WATCHED)
    )
    said = [f"Watched, and none lower than usual: {', '.join(seen)}."]
    return " ".join(
        said + [f"The {name} is below its usual range, which raises no alert by itself." for name in below]
    )


def told(alert: Alert, month: Month, sign: str) -> tuple[str, dict[str, Any]]:
    """The alert in words: a template and its values, for a finding. It names no cause.

    Args:
        alert: the alert.
        month: the month that it is of.
        sign: what stands before an amount of money.

    >>> alert = Alert("dip", "revenue", ("orders", "revenue"), 700.0, 1000.0, 800.0, 0.001, Month(2017, 11))
    >>> template, values = told(alert, Month(2017, 12), "$")
    >>> print(template.format(**values))
    Revenue of December 2017 was $700.00; the months up to November 2017 let expect $1,000, and hardly less than $800.00.
    Also lower than usual: orders.
    """
    unit = UNITS[alert.lead]
    others = [name for name in alert.figures if name != alert.lead]
    values = {
        "figure": alert.lead[0].upper() + alert.lead[1:],
        "month": month.title,
        "were": "were" if alert.lead.endswith("s") else "was",
        "against": alert.against.title,
        "others": ", ".join(others),
        **{name: amount(getattr(alert, name), unit, sign) for name in ("value", "expected", "low")},
    }
    template = "{figure} of {month} {were} {value}; the months up to {against} let expect {expected}, and hardly less than "
    return template + "{low}." + (" Also lower than usual: {others}." if others else ""), values
