"""How the segments stand as a month ends: their sizes, what they brought, what they should bring, and their health."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from regulars.engine import Frame
from regulars.features import snapshot_of
from regulars.month import Month
from regulars.segments import column_of, segment_by_rules
from regulars.shop import Shop

TABLE = "customers last_month revenue expected bought bought_last_month health".split()


def segments_of(shop: Shop, snapshot: Frame, limits: Frame | None = None) -> pd.Series:
    """Each customer's segment by the shop's chosen rulebook, in the words of the pages, indexed by customer.

    Args:
        shop: the shop.
        snapshot: the features of its customers as of a day.
        limits: the features that the rulebook's limits are taken from, if not these.
    """
    labels = shop.engine.collect(segment_by_rules(snapshot, limits), "customer_id").set_index("customer_id")
    return labels[column_of(shop.config.segments.chosen)].str.replace("_", " ")


def first_instants(shop: Shop, month: Month, *earlier: Month) -> dict[Month, pd.Series]:
    """Each customer's segment at the first instant of the month, and of earlier ones; none of the first month with data.

    Args:
        shop: the shop.
        month: the month; the notebook 02-features has written the features of the one before.
        earlier: other months, whose features are computed here.
    """
    found = {}
    for one in dict.fromkeys([month, *earlier]):
        if one not in shop.months()[1:]:
            continue
        if one == month:
            found[one] = segments_of(shop, shop.snapshot(month.previous))
            continue
        name = f"as of {one}"
        snapshot = shop.compute.materialise(snapshot_of(shop, one.first_day), name)
        found[one] = segments_of(shop, snapshot.filter(nw.col("frequency") > 0))
        shop.compute.release(name)
    return found


def standing(
    now: pd.Series,
    before: pd.Series,
    brought: pd.DataFrame,
    expected: pd.Series,
    healthy: pd.DataFrame,
    *,
    min_cell: int = 10,
) -> pd.DataFrame:
    """One row per segment, the largest first.

    Args:
        now, before: each customer's segment at the month's end, and at its first instant.
        brought: what `revenue_by_segment` returned.
        expected: what each customer should bring; empty where there is no forecast.
        healthy: what `health` returned.
        min_cell: with fewer customers a segment shows no numbers, with fewer buyers not what they brought.

    Returns:
        Indexed by segment: `customers`, `last_month`; `revenue` of the month, by the segment at its first instant; what is
        `expected` from today's customers; `bought` and `bought_last_month` as shares; `health`.

    >>> now = pd.Series(["loyal"] * 20 + ["new"] * 5)
    >>> nothing = pd.DataFrame()
    >>> stands = standing(now, now[:0], nothing, pd.Series(2.0, index=now.index), nothing)
    >>> stands.loc["loyal", ["customers", "expected"]].tolist(), bool(stands.loc["new"].isna().all())
    ([20.0, 40.0], True)
    """
    sizes, were = now.value_counts(), before.value_counts()
    names = [*sizes.index, *were.index.difference(sizes.index)]
    table = pd.DataFrame(index=pd.Index(names, name="segment"))
    table["customers"] = sizes.reindex(names, fill_value=0).astype("Int64")
    table["last_month"] = were.reindex(names, fill_value=0 if len(before) else None).astype("Int64")
    enough = brought[brought["active"] >= min_cell]["revenue"] if len(brought) else pd.Series(dtype=float)
    table["revenue"] = enough.reindex(names)
    table["expected"] = expected.groupby(now.reindex(expected.index)).sum(min_count=1).reindex(names)
    buyers = ["buyers", "buyers_last_month"]
    told = healthy.reindex(index=names, columns=["bought", "bought_last_month", "health", *buyers])
    for share, count in zip(["bought", "bought_last_month"], buyers, strict=True):
        told[share] = told[share].mask(told[count].astype(float) < min_cell)
    table = table.join(told)
    few, were_few = (table[name].fillna(min_cell) < min_cell for name in ("customers", "last_month"))
    table[["customers", "expected"]] = table[["customers", "expected"]].mask(few)
    table[["last_month", "revenue"]] = table[["last_month", "revenue"]].mask(were_few)
    return table[TABLE]
