"""Counts, means, variances and covariances of each segment and arm: all that effects are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd

from regulars.engine import Frame, in_pandas
from regulars.offers.registry import OfferError

EVERYONE = "everyone"
# What is this small beside what it was computed from is rounding, and counts as zero.
ROUNDING = 1e-12
# A mean so many standard deviations from zero costs digits: of a sum over 10 million customers in doubles, one that is
# 1000 away loses a millionth of its standard error.
FAR = 1e3

BUYS = "conversion|"  # apart from the metric of that name
KEYS = ["metric", "segment", "arm"]
MOMENTS = ["mean", "variance", "pre_mean", "pre_variance", "covariance"]


class _Columns(NamedTuple):
    """A metric's column, and its covariate's if there is one."""

    metric: str
    pre: str | None

    def sides(self) -> list[tuple[str, str]]:
        """The columns that there are, each with the prefix of its moments."""
        return [(name, prefix) for name, prefix in ((self.metric, ""), (self.pre, "pre_")) if name]


def aggregate(frame: Frame, metrics: Sequence[str]) -> pd.DataFrame:
    """Counts, means, variances and covariances of each metric, in one pass over the customers.

    The engine groups once; "everyone" is merged from the segments. Only where a metric lies far from zero beside its
    spread (`FAR`) are the customers read a second time, about the metric's mean, so that no digits are lost.

    Args:
        frame: one row per assigned customer: `segment`, `arm`, `conversion`, each metric and its `pre_` covariate. A
            metric may have no covariate: it counts as zero for every customer.
        metrics: which of them.

    Returns:
        One row per metric, segment (with "everyone") and arm: `n`, `buyers`, `mean`, `variance`, `pre_mean`,
        `pre_variance`, `covariance` (sample variances, n − 1; missing for one customer).

    Raises:
        OfferError: if a customer has no number for a metric or covariate, or a segment is called "everyone".

    >>> customers = pd.DataFrame({"segment": ["new", "new", "loyal"], "arm": "mail", "conversion": [0, 1, 1]})
    >>> customers = customers.assign(spend=[0.0, 2.0, 4.0], pre_spend=[1.0, 1.0, 4.0])
    >>> found = aggregate(nw.from_native(customers).lazy(), ["spend"])
    >>> found[["segment", "n", "buyers", "mean", "variance", "covariance"]].round(2).to_dict("split")["data"]
    [['everyone', 3, 2.0, 2.0, 4.0, 3.0], ['loyal', 1, 1.0, 4.0, nan, nan], ['new', 2, 1.0, 1.0, 2.0, 0.0]]
    """
    there = set(frame.collect_schema().names())
    wanted = [_Columns(metric, f"pre_{metric}" if f"pre_{metric}" in there else None) for metric in metrics]
    frame = _in_engine(frame, wanted)
    table = _aggregated(frame, wanted)
    centres = _centres(table)
    if far := [one for one in wanted if one.metric in centres.index]:
        again = _aggregated(frame, far, centres)
        again[["mean", "pre_mean"]] += centres.loc[again["metric"]].to_numpy()
        table = pd.concat([table[~table["metric"].isin(centres.index)], again])
    return table.sort_values(KEYS).reset_index(drop=True)


def _in_engine(frame: Frame, wanted: Sequence[_Columns]) -> Frame:
    """The columns needed, in numbers of the same kind; a frame of pandas by way of DuckDB, which has covariances."""
    names = dict.fromkeys(name for one in wanted for name, _ in one.sides())
    frame = frame.select("segment", "arm", nw.col("conversion").alias(BUYS), *names)
    if frame.implementation.is_pandas():
        frame = frame.collect().lazy(backend="duckdb")
    return frame.with_columns(nw.col(BUYS, *names).cast(nw.Float64))


def _aggregated(
    frame: Frame, wanted: Sequence[_Columns], centres: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The aggregates of segments and of everyone; with centres, of the values less those."""
    about = {}
    if centres is not None:
        of = {name: (one.metric, f"{prefix}mean") for one in wanted for name, prefix in one.sides()}
        about = {name: nw.col(name) - centres[mean].to_dict()[metric] for name, (metric, mean) in of.items()}
    grouped = (frame.with_columns(**about) if about else frame).group_by("segment", "arm")
    found = in_pandas(grouped.agg(*_expressions(wanted)))
    cells = pd.concat([_of_metric(found, one) for one in wanted], ignore_index=True)
    return pd.concat([cells, _merged(cells)])[[*KEYS, "n", "buyers", *MOMENTS]]


def _expressions(wanted: Sequence[_Columns]) -> list[nw.Expr]:
    expressions = [nw.len().alias("n"), nw.col(BUYS).sum().alias("buyers")]
    for one in wanted:
        for name, prefix in one.sides():
            column = nw.col(name)
            found = {"known": column.count(), "mean": column.mean(), "variance": column.var()}
            expressions += [value.alias(f"{one.metric}|{prefix}{key}") for key, value in found.items()]
        if one.pre:
            expressions.append(nw.cov(one.metric, one.pre).alias(f"{one.metric}|covariance"))
    return expressions


def _of_metric(found: pd.DataFrame, one: _Columns) -> pd.DataFrame:
    """One metric's rows of what the engine computed; zero for what rounding left of variances of equal numbers."""
    own = [name for name in found if str(name).startswith(f"{one.metric}|")]
    table = found[["segment", "arm", "n", "buyers", *own]].rename(columns=lambda name: name.split("|")[-1])
    if one.pre is None:
        table[["pre_mean", "pre_variance", "covariance"]] = 0.0
    for name, prefix in one.sides():
        _refuse_missing(table, name, prefix)
        variance, mean = table[f"{prefix}variance"], table[f"{prefix}mean"]
        table[f"{prefix}variance"] = variance.mask(variance <= (ROUNDING * mean) ** 2, 0.0)
    # Also of what does not vary: to merge counts of equal numbers can leave a last digit.
    least = ROUNDING * (table["variance"] * table["pre_variance"]) ** 0.5
    covariance = table["covariance"].mask((table["covariance"].abs() <= least) | (least == 0), 0.0)
    return table.assign(metric=one.metric, covariance=covariance)


def _refuse_missing(table: pd.DataFrame, name: str, prefix: str) -> None:
    wrong = table[(table[f"{prefix}known"] < table["n"]) | ~np.isfinite(table[f"{prefix}mean"].astype(float))]
    if len(wrong):
        first = wrong.sort_values(["segment", "arm"]).iloc[0]
        raise OfferError(
            f"'{name}' has no number for some of the {first['n']:,} customers of segment '{first['segment']}' in arm "
            f"'{first['arm']}', one of {len(wrong)} such groups: everyone assigned counts, who did nothing with a zero."
        )


def _merged(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of everyone: within each metric and arm the segments' sums of squares, and those between their means.

    Exact up to rounding: Chan, Golub and LeVeque (1983) for means and variances, Pébay (2008) for covariances.
    """
    if (cells["segment"] == EVERYONE).any():
        raise OfferError(f"A segment is called '{EVERYONE}', which is what all segments together are called.")
    arms = cells.groupby(["metric", "arm"], dropna=False).ngroup().to_numpy()

    def total(values: pd.Series) -> pd.Series:
        return pd.Series(np.bincount(arms, values)[arms], values.index)

    n, whole = cells["n"], total(cells["n"])
    _, first = np.unique(arms, return_index=True)
    means, apart = {}, {}
    for mean in ("mean", "pre_mean"):
        base = cells[mean].to_numpy()[first][arms]
        means[mean] = base + total(n * (cells[mean] - base)) / whole
        difference = cells[mean] - means[mean]
        # By so much can sums of as many equal numbers differ.
        rounding = whole * np.finfo(float).eps * np.abs(means[mean])
        apart[mean] = difference.mask(difference.abs() <= rounding, 0.0)
    y, x, left = apart["mean"], apart["pre_mean"], (whole - 1).where(whole > 1)
    squares = {"variance": y * y, "pre_variance": x * x, "covariance": y * x}
    moments = {
        key: total((n - 1) * cells[key].where(n > 1, 0.0) + n * between) / left
        for key, between in squares.items()
    }
    together = {"n": whole.astype(int), "buyers": total(cells["buyers"])} | means | moments
    return cells.assign(segment=EVERYONE, **together).iloc[first]


def _centres(table: pd.DataFrame) -> pd.DataFrame:
    """About which numbers to read again those metrics whose values are far from zero: `mean` and `pre_mean` by metric."""
    whole = table[table["segment"] == EVERYONE]
    far = [
        (whole[f"{prefix}mean"].abs() > FAR * np.sqrt(whole[f"{prefix}variance"]))
        & (whole[f"{prefix}variance"] > 0)
        for prefix in ("", "pre_")
    ]
    metrics = whole.loc[far[0] | far[1], "metric"].unique()
    return whole[whole["metric"].isin(metrics)].groupby("metric")[["mean", "pre_mean"]].mean()
