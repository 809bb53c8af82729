"""Clusterings, rulebooks and tenths of spending on equal terms: one row each, the same measures for all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from regulars.segments.clusters import NOISE, Labels, Matrix
from regulars.segments.comparison import COLUMNS, Separation, passes, shares, weakest_and_mean
from regulars.segments.contenders import TENTHS, Rules
from regulars.segments.frozen import ClusterModel
from regulars.segments.inputs import RFM
from regulars.segments.null import held_against_nulls
from regulars.segments.rulebooks.definition import SegmentError
from regulars.segments.stability import best_jaccard, drawn_again, in_processes, seed_sensitivity, share_moved
from regulars.segments.surrogate import Surrogate, askable, fidelity
from regulars.segments.worth import worth

MEASURES = [
    "segments",
    *COLUMNS[2:],
    "copula_p",
    "gaussian_p",
    "moved_by_seed",
    "moved_in_a_month",
    "fidelity",
    "limits",
]
OF_CHANCE = ("k-means", "Gaussian mixture")  # the algorithms that depend on a seed


class Months(NamedTuple):
    """The same customers' features at other times, as far as there are any.

    Attributes:
        last: a month ago.
        past: a quarter ago; and what they have done since: `revenue` and `has_ordered`, on the same index.
    """

    last: pd.DataFrame | None = None
    past: tuple[pd.DataFrame, pd.DataFrame] | None = None


def contest(
    models: dict[str, ClusterModel | Rules],
    X: Matrix,
    customers: pd.DataFrame,
    comparison: pd.DataFrame,
    months: Months,
    *,
    rulebook: str,
    minimum_share: float,
    draws: int = 19,
    bootstraps: int = 20,
    random_state: int = 0,
    processes: int = 1,
) -> pd.DataFrame:
    """One row per contender, with everything that is known of it; what cannot be had is missing.

    Args:
        models: from `contenders`.
        X: what `comparison` was made of, shape (customers, inputs).
        customers: the features of the same customers, with `customer_id`.
        comparison: from `compare`.
        months: customers at other times.
        rulebook: the one that others are compared with in what they are worth, beside tenths of spending.
        minimum_share: of the rule.
        draws: of each null; only clusterings that pass the rule are held against it, as others are not trusted anyway.
        bootstraps: resamples behind the stability of rules. Those of a null are fewer: eight, and four halvings.
        random_state: seed of everything.
        processes: how many to share the work; the result does not depend on it.

    Returns:
        Indexed by contender: `segments`; `silhouette`, `smallest_jaccard`, `jaccard_low`, `mean_jaccard`, `smallest_share`,
        `noise_share` as in `compare`; `copula_p`, `gaussian_p`: the larger p of both figures of `null_test`; `moved_by_seed`:
        of algorithms that have a seed, share of customers elsewhere by another; `moved_in_a_month`: of those in both months,
        share elsewhere than a month ago, each month by its own fit, labels aligned; `fidelity` of a tree of depth three, out
        of fold, and its `limits`; and of `worth`, each with `_low` and `_high`, `gini`, `skill`, and the excess over tenths of
        spending and over the rulebook, `over_tenths_gini` and `over_rulebook_gini`. HDBSCAN, which leaves customers out, has
        nothing from `moved_in_a_month` on.

    Raises:
        SegmentError: if a customer has two rows, or lacks recency, frequency or revenue.
    """
    _check(customers)
    separation = Separation(X)
    rows = {}
    for name, model in models.items():
        codes = _codes(clone(model).fit(customers).predict(customers))
        if isinstance(model, ClusterModel):
            row = _of_clusters(model, X, codes, comparison, minimum_share, draws, random_state, processes)
        else:
            row = {"silhouette": separation.silhouette(codes)} | shares(codes)
            row |= _stability_of_rules(model, customers, codes, bootstraps, random_state, processes)
        asked = askable(customers, model.columns if isinstance(model, ClusterModel) else RFM)
        tree = Surrogate(minimum=max(10, len(customers) // 100), inputs=asked)
        if _places_everybody(model):
            row["moved_in_a_month"] = np.nan if months.last is None else _moved(model, months.last, customers)
            row["fidelity"] = fidelity(tree, customers, codes, random_state=random_state)
            row["limits"] = tree.fit(customers, codes).limits()
        rows[name] = {"segments": codes.max() + 1} | row
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=MEASURES).rename_axis("contender")
    return table if months.past is None else table.join(_worth(models, *months.past, rulebook, random_state))


def _check(customers: pd.DataFrame) -> None:
    twice, lacking = (
        int(customers["customer_id"].duplicated().sum()),
        int(customers[list(RFM)].isna().any(axis=1).sum()),
    )
    if twice or lacking:
        raise SegmentError(
            f"Of {len(customers)} rows {twice} name a customer a second time, and {lacking} lack {', '.join(RFM)}: give one "
            "row per customer who has ordered."
        )


def _places_everybody(model: ClusterModel | Rules) -> bool:
    """HDBSCAN leaves customers out; what it would say of all of them is not what it found."""
    return not (isinstance(model, ClusterModel) and model.algorithm == "HDBSCAN")


def _codes(labels: pd.Series) -> Labels:
    return pd.factorize(labels, sort=True)[0]


def _of_clusters(
    model: ClusterModel,
    X: Matrix,
    codes: Labels,
    comparison: pd.DataFrame,
    minimum_share: float,
    draws: int,
    random_state: int,
    processes: int,
) -> dict[str, Any]:
    """What only a clustering has: a row of the comparison, nulls to beat, a seed to depend on."""
    of_it = comparison[(comparison["algorithm"] == model.algorithm) & (comparison["k"] == model.k)]
    row: dict[str, Any] = {str(name): value for name, value in of_it.iloc[0].items()}
    if passes(of_it, minimum_share).all():
        row |= held_against_nulls(
            model.algorithm, X, model.k, draws=draws, random_state=random_state, processes=processes
        )
    if model.algorithm not in OF_CHANCE:
        return row
    moved = seed_sensitivity(model.algorithm, X, model.k, codes, seeds=5, random_state=random_state)
    return row | {"moved_by_seed": moved}


def _stability_of_rules(
    model: Rules, customers: pd.DataFrame, codes: Labels, bootstraps: int, random_state: int, processes: int
) -> dict[str, float]:
    """The same resampling as for clusterings: cut-offs are learned from the customers drawn."""
    calls = ((model, customers, codes, random_state + b) for b in range(bootstraps))
    return weakest_and_mean(np.stack(in_processes(processes, _rules_again, calls)))


def _rules_again(model: Rules, customers: pd.DataFrame, codes: Labels, seed: int) -> Matrix:
    rows, times = drawn_again(len(customers), seed)
    again = _read(model, customers.iloc[np.repeat(rows, times)], customers.iloc[rows])
    # Where no cut-off can be learned of the customers drawn, no segment is found again.
    labels = np.full(len(rows), NOISE) if again is None else _codes(again)
    return best_jaccard(codes[rows], labels, codes.max() + 1)


def _read(model: ClusterModel | Rules, base: pd.DataFrame, customers: pd.DataFrame) -> pd.Series | None:
    """The segments of customers by a fit to a base; None if too little has happened there for a fit, as no second order."""
    try:
        return clone(model).fit(base).predict(customers)
    except SegmentError:
        return None


def _moved(model: ClusterModel | Rules, last: pd.DataFrame, this: pd.DataFrame) -> float:
    """Share of the customers of both months who are elsewhere now, each month by its own fit; missing without one."""
    before, now = (_read(model, month, month) for month in (last, this))
    if before is None or now is None:
        return float("nan")
    before, now = before.set_axis(last["customer_id"]).dropna(), now.set_axis(this["customer_id"]).dropna()
    both = before.index.intersection(now.index)
    if both.empty:
        return float("nan")
    return (
        share_moved(before, now)
        if isinstance(model, ClusterModel)
        else float((before[both] != now[both]).mean())
    )


def _worth(
    models: dict[str, ClusterModel | Rules],
    past: pd.DataFrame,
    outcome: pd.DataFrame,
    rulebook: str,
    random_state: int,
) -> pd.DataFrame:
    """What each contender, read before the outcome, foretells of it; those that could not be read then are left out."""
    read = {name: _read(model, past, past) for name, model in models.items() if _places_everybody(model)}
    known = pd.DataFrame({name: labels for name, labels in read.items() if labels is not None})
    baselines = {name: one for name, one in {"tenths": TENTHS, "rulebook": rulebook}.items() if one in known}
    found = worth(
        known,
        outcome["revenue"],
        outcome["has_ordered"],
        baselines=list(baselines.values()),
        random_state=random_state,
    )
    table, ginis = found.each.drop(columns=["segments", "customers"]), ["gini", "gini_low", "gini_high"]
    for name, baseline in baselines.items():
        over = found.differences[found.differences["baseline"] == baseline].set_index("segmentation")[ginis]
        table = table.join(over.add_prefix(f"over_{name}_"))
    return table
