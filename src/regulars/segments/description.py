"""What sets a segment apart: in numbers against the base, and in a name made of standard terms."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from regulars.segments.clusters import Labels

PROFILE = (
    "recency_days",
    "frequency",
    "revenue",
    "monetary_value",
    "lines_per_order",
    "categories_bought",
    "discount_share",
    "coupon_order_share",
    "gap_median_days",
)

# For each clustering input, the word for a low and for a high mean.
WORDS = {
    "recency_days": ("recent", "quiet"),
    "frequency": ("rare", "frequent"),
    "revenue": ("low-spend", "high-spend"),
}
NOTABLE, EXTREME = 0.4, 1.25  # standard deviations from the base's mean
IN_A_NAME = 3  # words, at most: of the inputs that differ most


def describe(features: pd.DataFrame, segment: pd.Series) -> pd.DataFrame:
    """Each segment's size, share of customers, orders and revenue, and medians of what it was made from.

    Args:
        features: one row per customer.
        segment: the customers' segments, on the same index.

    Returns:
        One row per segment, the largest revenue first.

    >>> base = pd.DataFrame({"recency_days": [1, 2, 3], "frequency": [2, 2, 1], "revenue": [5.0, 3.0, 2.0]})
    >>> describe(base, pd.Series(["a", "a", "b"])).loc["a", "revenue_share"]
    np.float64(0.8)
    """
    grouped = features.groupby(segment.rename("segment"))
    table = grouped.agg(
        customers=("revenue", "size"),
        revenue=("revenue", "sum"),
        median_recency_days=("recency_days", "median"),
        median_orders=("frequency", "median"),
        median_revenue=("revenue", "median"),
    )
    table.insert(1, "customer_share", table["customers"] / len(features))
    orders = features["frequency"].groupby(segment.rename("segment")).sum()
    table.insert(2, "order_share", orders / features["frequency"].sum())
    table.insert(4, "revenue_share", table["revenue"] / features["revenue"].sum())
    return table.sort_values(["revenue", "customers"], ascending=False)


def precision_recall(found: pd.DataFrame, truth: pd.Series) -> pd.DataFrame:
    """How well segments find customers of whom it is known what they are.

    Args:
        found: one row per customer, a flag per segment.
        truth: what each customer is, on the same index: the name of one of the segments, or another.

    Returns:
        One row per segment: `planted` and `found` customers, `both`, `precision` (of those found, the share that is) and
        `recall` (of those that are, the share found); missing where nobody was found, or is.

    >>> flags = pd.DataFrame({"idle": [True, True, False], "trendy": [False, False, False]})
    >>> precision_recall(flags, pd.Series(["idle", "trendy", "trendy"]))[["precision", "recall"]].to_numpy().tolist()
    [[0.5, 1.0], [nan, 0.0]]
    """
    is_planted = pd.DataFrame({name: truth == name for name in found})
    table = pd.DataFrame(
        {"planted": is_planted.sum(), "found": found.sum(), "both": (found & is_planted).sum()}
    )
    table["precision"] = table["both"] / table["found"].where(table["found"] > 0)
    table["recall"] = table["both"] / table["planted"].where(table["planted"] > 0)
    return table


def profile(features: pd.DataFrame, segment: pd.Series) -> pd.DataFrame:
    """Each segment's medians as distances from the base's median, in interquartile ranges of the base.

    A feature whose quartiles are equal on the base has no such distance and is left out.

    Returns:
        Rows: segments; columns: features of `PROFILE`.
    """
    columns = features[[name for name in PROFILE if name in features]].astype(float)
    spread = columns.quantile(0.75) - columns.quantile(0.25)
    varied = spread[spread > 0].index
    medians = columns[varied].groupby(segment.rename("segment")).median()
    return (medians - columns[varied].median()) / spread[varied]


def name_clusters(standardised: pd.DataFrame, labels: Labels) -> dict[int, str]:
    """A name for each cluster, from how far its mean inputs lie from the base's.

    Args:
        standardised: from `Inputs.frame`: one row per customer, mean 0 and variance 1.
        labels: shape (customers,).

    Returns:
        A different name for each label, such as "recent, very frequent, high-spend".
    """
    names: dict[int, str] = {}
    given: Counter[str] = Counter()
    for label, means in standardised.groupby(labels).mean().iterrows():
        strongest = means.abs().sort_values(ascending=False, kind="stable").index[:IN_A_NAME]
        words = [_word(str(name), float(means[name])) for name in means.index if name in strongest]
        name = ", ".join(word for word in words if word) or "middle of the base"
        given[name] += 1
        names[int(str(label))] = f"{name} ({given[name]})" if given[name] > 1 else name
    return names


def _word(name: str, mean: float) -> str:
    if abs(mean) < NOTABLE:
        return ""
    plain = name.replace("_", " ")
    low, high = WORDS.get(
        name, (f"low {plain}", f"high {plain}") if ":" not in name else (f"seldom {plain}", plain)
    )
    return ("very " if abs(mean) >= EXTREME and name in WORDS else "") + (high if mean > 0 else low)
