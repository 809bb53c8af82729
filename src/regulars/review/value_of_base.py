"""The value of the base as a key figure: what the forecasts of two months' ends say."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regulars.month import Month
from regulars.review.register import VALUE


def value_of_base(totals: pd.DataFrame, month: Month) -> pd.DataFrame:
    """The forecasts of the month's end and of the one before, as one row like those of `compare_months`.

    The interval is the forecast's own. The change has none, as none is known, and is missing where another model forecasts.

    Args:
        totals: what `regulars.value.totals` returned for both months; it has only those with a forecast.
        month: the month.

    >>> ends = {"low": [90.0, 95.0], "high": [115.0, 130.0], "forecast": ["own rate", "own rate"]}
    >>> totals = pd.DataFrame({"expected": [100.0, 110.0], **ends}, index=["2017-10", "2017-11"])
    >>> value_of_base(totals, Month(2017, 11))[["value", "high", "last_month", "change"]].round(2).values.tolist()
    [[110.0, 130.0, 100.0, 0.1]]
    """
    both = [str(month.previous), str(month)]
    known = totals.reindex(index=both, columns=["expected", "low", "high"]).astype(float)
    last = known["expected"].iloc[0]
    row = dict(zip(["value", "low", "high"], known.iloc[1], strict=True)) | {"last_month": last}
    alike = totals.get("forecast", pd.Series(dtype="str")).reindex(both).nunique(dropna=False) == 1
    row |= {"change": row["value"] / last - 1 if last > 0 and alike else np.nan, "range_months": 0}
    columns = [
        "value low high last_month change change_low change_high last_year year_change year_change_low year_change_high",
        "range_low range_high range_months",
    ]
    return pd.DataFrame([row], index=pd.Index([VALUE.name], name="kpi"), columns=" ".join(columns).split())
