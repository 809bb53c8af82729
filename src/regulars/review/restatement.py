"""What last month's figures are said to be now, against what its own report said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regulars.month import Month
from regulars.review.register import REGISTER
from regulars.review.wording import UNITS, amount
from regulars.shop import Shop

KEY = "history"  # what a report keeps of its figures, for later ones
NOTEBOOK = "05-review"
SAME = 1e-9  # findings keep ten digits
COLUMNS = ["key figure", "said then", "said now", "change"]


def stated(figures: pd.Series) -> dict[str, float]:
    """The key figures of a month as a report keeps them in its findings: those that are known.

    Args:
        figures: by name, as a row of `kpis_by_month`.

    >>> stated(pd.Series({"orders": 3.0, "new customers": np.nan}))
    {'orders': 3.0}
    """
    return {str(name): float(value) for name, value in figures.items() if np.isfinite(value)}


def reported(shop: Shop, month: Month) -> dict[str, float] | None:
    """The key figures that the month's own report stated; None where it was not made, or stated none."""
    said = {one["key"]: one["values"] for one in shop.found(month, NOTEBOOK)}
    if KEY not in said:
        return None
    return {one["name"]: one["value"] for one in said[KEY]["figures"] if one["value"] is not None}


def restated_kpis(then: Mapping[str, float], now: Mapping[str, float], sign: str) -> pd.DataFrame:
    """The key figures that are told otherwise now.

    Args:
        then: what `reported` returned.
        now: the same month's figures, computed anew, as `stated` returns them.
        sign: what stands before an amount of money.

    Returns:
        `COLUMNS`, in words; one row per figure that differs. A figure that is known on one side only is no difference.

    >>> restated_kpis({"revenue": 100.0, "orders": 5.0}, {"revenue": 99.5, "orders": 5.0}, "$").values.tolist()
    [['revenue', '$100.00', '$99.50', '−0.5%']]
    """
    rows = []
    for kpi in REGISTER:
        before, after = then.get(kpi.name), now.get(kpi.name)
        if before is None or after is None or np.isclose(before, after, rtol=SAME, atol=SAME):
            continue
        texts = [amount(value, UNITS[kpi.name], sign) for value in (before, after)]
        change = amount(after / before - 1, "change", sign) if before > 0 else None
        rows.append([kpi.name, *_told_apart(texts, (before, after)), change])
    return pd.DataFrame(rows, columns=COLUMNS)


def _told_apart(texts: list[str | None], values: tuple[float, float]) -> list[str | None]:
    """Both texts, with all digits where rounding makes them alike."""
    return [f"{value:,.10g}" for value in values] if texts[0] == texts[1] else texts


def sentence(table: pd.DataFrame, month: Month) -> tuple[str, dict[str, Any]] | None:
    """What was restated, as a template and its values for a finding; None where nothing was.

    Args:
        table: what `restated_kpis` returned.
        month: the month that it is about.
    """
    if table.empty:
        return None
    parts = [
        f"{row['key figure']} {row['said then']} then, {row['said now']} now"
        for row in table.to_dict("records")
    ]
    values = {"month": month.title, "n": len(parts), "parts": "; ".join(parts)}
    return "Since the report of {month}, its figures were restated: {parts}.", values
