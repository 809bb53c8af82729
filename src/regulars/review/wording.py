"""Key figures in words and units, for tables that people read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from regulars.review.register import REGISTER

UNITS = {kpi.name: kpi.unit for kpi in REGISTER}
AMOUNTS = (
    "this month",
    "last month",
    "change",
    "last year",
    "change on last year",
)  # columns of `written`, no intervals


def written(compared: pd.DataFrame, sign: str) -> pd.DataFrame:
    """The comparison in words and units, one row per key figure.

    Args:
        compared: what `compare_months`, `kpis_by_segment` or `time_to_repeat` returned.
        sign: what stands before an amount of money.

    Returns:
        `key figure`, its value and interval, those of the change on last month and, if any row has one, on the same month last
        year. What is missing is None.
    """
    rows = [_row(str(name), row, sign) for name, row in zip(compared.index, _records(compared), strict=True)]
    texts = pd.DataFrame(rows)
    if compared["last_year"].isna().all():
        return texts.drop(
            columns=["last year", "change on last year", "95% interval of that"], errors="ignore"
        )
    return texts


def amounts(values: pd.DataFrame, sign: str) -> pd.DataFrame:
    """Key figures by month in words: a column for each, of the shape of `values`."""
    texts = {str(name): [amount(value, UNITS[str(name)], sign) for value in values[name]] for name in values}
    return pd.DataFrame(texts, index=values.index)


def facts(compared: pd.DataFrame, usual: pd.Series, sign: str) -> dict[str, dict[str, str]]:
    """What each key figure is to be compared with, in words; what is not known is left out.

    Args:
        compared: as for `written`.
        usual: what `usual` returned. A figure without a range is held against the months before, lowest to highest.
        sign: what stands before an amount of money.

    Returns:
        By key figure: the 95% interval, last month and last year with the change since, the usual range.
    """
    told = {}
    for row in _records(compared.reset_index()):
        name, unit = row["kpi"], UNITS[row["kpi"]]
        before = "range, months before"
        one = {
            "95% interval": span(row["low"], row["high"], unit, sign),
            "last month": _against(row, "last_month", "change", sign),
            "last year": _against(row, "last_year", "year_change", sign),
            "usual": usual.get(name),
            "months before": None
            if usual.get(name) or row["range_months"] < 2
            else _row(name, row, sign)[before],
        }
        told[name] = {label: text for label, text in one.items() if text}
    return told


def _against(row: dict[Any, Any], then: str, change: str, sign: str) -> str | None:
    """Another month's figure, with the change since and its interval."""
    since = None if UNITS[row["kpi"]] == "days" else amount(row[change], "change", sign)
    reach = span(row[f"{change}_low"], row[f"{change}_high"], "change", sign)
    told = [amount(row[then], UNITS[row["kpi"]], sign), f"{since} ({reach})" if since and reach else since]
    return ", ".join(filter(None, told)) or None


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return list(table.to_dict("records"))


def _row(name: str, row: dict[Any, Any], sign: str) -> dict[str, str | None]:
    unit = UNITS[name]
    return {
        "key figure": name,
        "this month": amount(row["value"], unit, sign),
        "95% interval": span(row["low"], row["high"], unit, sign),
        "last month": amount(row["last_month"], unit, sign),
        "change": amount(row["change"], "change", sign),
        "its 95% interval": span(row["change_low"], row["change_high"], "change", sign),
        "last year": amount(row["last_year"], unit, sign),
        "change on last year": amount(row["year_change"], "change", sign),
        "95% interval of that": span(row["year_change_low"], row["year_change_high"], "change", sign),
        "range, months before": span(row["range_low"], row["range_high"], unit, sign),
    }


def figures(values: pd.Series) -> list[dict[str, Any]]:
    """The key figures of a month as a report keeps them: `name`, `unit` and `value`, which is None where it is not known.

    >>> figures(pd.Series({"orders": 3.0, "new customers": np.nan}))
    [{'name': 'orders', 'unit': 'orders', 'value': 3.0}, {'name': 'new customers', 'unit': 'customers', 'value': None}]
    """
    return [
        {"name": str(name), "unit": UNITS[str(name)], "value": float(value) if np.isfinite(value) else None}
        for name, value in values.items()
    ]


def usual(watched: pd.DataFrame, sign: str) -> pd.Series:
    """The usual range of each figure in words, by its name; None where it is not known.

    Args:
        watched: the `figures` of what `regulars.review.watch` returned.
        sign: what stands before an amount of money.
    """
    rows = zip(watched.index, watched["low"], watched["high"], strict=True)
    return pd.Series({name: span(low, high, UNITS[name], sign) for name, low, high in rows}, dtype=object)


def amount(value: float, unit: str, sign: str) -> str | None:
    """A value in its unit, None if it is missing; money shows cents only where they matter.

    >>> amount(1234.5, "money", "$"), amount(-0.036, "change", "$"), amount(9.0, "days", "$")
    ('$1,234', '−3.6%', '9 days')
    """
    if np.isnan(value):
        return None
    if unit == "change":
        return f"{value:+.1%}".replace("-", "−")
    if unit == "share":
        return f"{value:.1%}"
    if unit == "days":
        return f"{value:,.0f} day{'' if value == 1 else 's'}"
    places = 2 if unit == "money" and abs(value) < 1000 else 0
    return (
        "−" * (value < 0) + sign if unit == "money" else ""
    ) + f"{abs(value) if unit == 'money' else value:,.{places}f}"


def span(low: float, high: float, unit: str, sign: str) -> str | None:
    """From one value to another, None if either is missing.

    >>> span(2.0, 3.0, "days", "$"), span(0.61, 0.61, "share", "$")
    ('2 to 3 days', '61.0%')
    """
    if np.isnan(low) or np.isnan(high):
        return None
    first, last = amount(low, unit, sign), amount(high, unit, sign)
    if first == last:
        return last
    return f"{low:,.0f} to {last}" if unit == "days" else f"{first} to {last}"
