"""Draw who gets which arm of a registered experiment, check the draw, and write it down for those who send the offers.

python -m regulars.offers.assigning --shop acme --experiment 2026-03-spring-letter
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import narwhals as nw
import pandas as pd

from regulars.errors import RegularsError
from regulars.lock import waiting_lock
from regulars.month import day_date, day_number
from regulars.offers.analysis import frozen_features
from regulars.offers.assignment import assign, participants, start_days
from regulars.offers.outcomes import drawn_path, is_staged
from regulars.offers.registration import register
from regulars.offers.registry import EXPERIMENTS, Experiment, OfferError, read_experiments
from regulars.offers.validity import ALPHA, Balance, balance, sample_ratio
from regulars.shop import Shop, shown

BEFORE = (
    "recency_days",
    "frequency",
    "monetary_value",
    "revenue",
    "tenure_days",
)  # what the draw is checked on
COMPARED = ["arm", "segment", "assigned_day"]
COLUMNS = ["customer_id", *COMPARED, "segment_day"]


class Draw(NamedTuple):
    """A draw, and how it was checked.

    Attributes:
        table: one row per assigned customer: `customer_id`, `arm`, `segment`, as frozen, `assigned_day`, and `segment_day`,
            the last day that the segment knows of; both are day numbers.
        ratio: as `regulars.offers.validity.sample_ratio` returned it.
        balance: of what was known of the customers before.
    """

    table: pd.DataFrame
    ratio: pd.DataFrame
    balance: Balance


def find_experiment(shop_name: str, name: str, folder: Path = EXPERIMENTS) -> Experiment:
    """The shop's registered experiment of that id.

    Raises:
        OfferError: if there is none, or it is one whose arms are not drawn by this command.
    """
    plans = {plan.id: plan for plan in read_experiments(shop_name, folder)}
    if name not in plans:
        near = difflib.get_close_matches(name, plans, n=1)
        has = (
            f"it has {', '.join(plans)}"
            if plans
            else "it has none: docs/experiments.md says how to write one"
        )
        hint = f" Did you mean EXPERIMENT={near[0]}?" if near else ""
        raise OfferError(f"{shop_name} has no experiment '{name}': {has}.{hint}")
    plan = plans[name]
    if plan.planted:
        raise OfferError(
            f"{name} is simulated: 04-offers draws its arms itself, and nobody is to be sent anything."
        )
    if plan.given is not None:
        raise OfferError(f"{name} came with its outcomes: its arms were drawn by whoever ran it.")
    return plan


def draw(shop: Shop, experiment: Experiment) -> Draw:
    """Give each participant an arm, by what was known before the day of the assignment, and check what came out.

    Raises:
        OfferError: if nobody can be assigned, or the draw fails its checks.
    """
    features = frozen_features(shop, experiment)
    if features is None:
        raise OfferError(f"{experiment.id} came with its outcomes: nobody is to be drawn.")
    people = participants(shop, experiment, features)
    ids = people["customer_id"]
    arms = assign(ids, experiment, segments=people["segment"])
    days = start_days(ids, experiment)
    table = people[["customer_id", "segment"]].assign(
        arm=arms.to_numpy(), assigned_day=days.to_numpy(), segment_day=experiment.assigned_day - 1
    )[COLUMNS]
    before = {f"pre_{name}": nw.col(name).cast(nw.Float64) for name in BEFORE}
    known = shop.engine.collect(features.select("customer_id", **before)).set_index("customer_id")
    found = Draw(table, sample_ratio(table, experiment), balance(table.join(known, on="customer_id")))
    _refuse_unsound(experiment, found)
    return found


def _refuse_unsound(experiment: Experiment, found: Draw) -> None:
    """A draw that nobody would trust later is not sent."""
    lost = [arm for arm in experiment.arms if arm not in set(found.table["arm"])]
    failed = found.ratio.index[~found.ratio["passed"]]
    if lost:
        why = f"nobody fell to '{lost[0]}': {len(found.table):,} customers are too few for {len(experiment.arms)} arms"
        raise OfferError(f"{experiment.id}: nothing was drawn, since {why}.")
    if len(failed) or not found.balance.passed:
        what = (
            f"the arms' sizes are off the planned split ({', '.join(map(str, failed))})"
            if len(failed)
            else f"the arms were not alike before in {', '.join(found.balance.covariates)} (p {found.balance.p:.2g})"
        )
        raise OfferError(
            f"{experiment.id}: the draw is refused: {what}. Of sound draws this happens to one in some {1 / ALPHA:,.0f}; "
            "another id makes another draw. If that fails, too, something is wrong with the customers' ids."
        )


def assign_arms(shop: Shop, experiment: Experiment, today: date) -> list[str]:
    """Register a plan, draw its arms once the day has come, and write who gets what.

    Files, each whole or not at all: `data/<shop>/registered/<id>.json`, `assignments/<id>.parquet`, and for sending
    `assignments/<id>.csv`, which its owner alone can read: who is in a treated arm. A second run writes the same bytes.

    Args:
        shop: with its orders staged up to the day before the assignment.
        experiment: what `find_experiment` found.
        today: the day in the shop's time zone.

    Returns:
        What was done, in sentences.

    Raises:
        OfferError: if the day of the assignment has passed, the draw fails its checks, or another one was written before.
    """
    if is_staged(shop, experiment):
        raise OfferError(
            f"{experiment.id}: the shop's table of assignments already says who is in which arm."
        )
    path = drawn_path(shop, experiment)
    if not path.exists() and not _has_come(shop, experiment, today):
        said = register(shop, experiment, today).sentence
        end = day_date(_last_day(shop))
        return [
            said,
            f"Nothing was drawn yet: orders are staged up to {end}, and whom {experiment.id} may ask is known on "
            f"{experiment.assigned_on}, from what happened before. Stage the orders and run this again on that day.",
        ]
    found = draw(shop, experiment)
    if path.exists():
        _refuse_another(shop, experiment, found.table)
    said = register(shop, experiment, today).sentence
    shop.save(found.table, "assignments", experiment.id, "customer_id")
    sent = path.with_suffix(".csv")
    _write_private(sent, _to_send(found.table, experiment))
    return [
        said,
        *_summary(found, experiment),
        f"Who gets what: {shown(sent)}. The whole draw: {shown(path)}.",
    ]


def _last_day(shop: Shop) -> int:
    """The last day of which everything is known: that of the newest order, unless the configuration says a later one."""
    until = shop.config.complete_until
    return max(shop.history[1], day_number(until) if until else 0)


def _has_come(shop: Shop, experiment: Experiment, today: date) -> bool:
    """Whether the day of the assignment is there, with what is known before it; a day that has passed is refused."""
    newest, day = day_date(shop.history[1]), experiment.assigned_on
    if today > day or newest > day:
        known = f"there are orders of {newest}" if newest > day else f"today is {today}"
        raise OfferError(
            f"{experiment.id}: 'assigned_on' is {day}, which has passed ({known}): nobody can be offered anything on that day "
            f"any more. Write {max(today, newest)} or a later day."
        )
    return _last_day(shop) >= experiment.assigned_day - 1


def _refuse_another(shop: Shop, experiment: Experiment, table: pd.DataFrame) -> None:
    """What was sent stays what was sent."""
    path = drawn_path(shop, experiment)
    there = shop.engine.collect(shop.engine.scan(path), "customer_id").set_index("customer_id")
    now = table.set_index("customer_id")
    both = now.index.intersection(there.index)
    names = [name for name in COMPARED if name in there]
    moved = int((now.loc[both, names] != there.loc[both, names]).any(axis=1).sum())
    gone, new = len(there) - len(both), len(now) - len(both)
    if moved or gone or new:
        raise OfferError(
            f"{experiment.id}: another draw stands in {shown(path)}: {moved:,} customers are now otherwise in it, {gone:,} "
            f"would leave it, and {new:,} join. Plan or data have changed since. If offers were sent by it, keep it: a "
            "changed plan is a new experiment, with an id of its own. If none were, delete the file."
        )


def _to_send(table: pd.DataFrame, experiment: Experiment) -> str:
    """Who is sent what, and when, as CSV; the control is sent nothing."""
    treated = table[table["arm"] != experiment.control].sort_values("customer_id")
    days = [day_date(day).isoformat() for day in treated["assigned_day"]]
    offers = [experiment.arms[arm].offer for arm in treated["arm"]]
    listed = treated[["customer_id", "arm"]].assign(offer=offers, assigned_on=days)
    return listed.to_csv(index=False, lineterminator="\n")


def _write_private(path: Path, text: str) -> None:
    """Write a whole file that its owner alone can read."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _summary(found: Draw, experiment: Experiment) -> list[str]:
    sizes = found.table["arm"].value_counts()
    arms = ", ".join(f"{sizes[arm]:,} to {arm}" for arm in experiment.arms)
    checked = found.ratio["p"].notna().sum()
    return [
        f"{len(found.table):,} customers are assigned: {arms}.",
        f"The split is as planned ({checked} checks, each at {ALPHA}), and the arms were alike before in "
        f"{', '.join(name.removeprefix('pre_') for name in found.balance.covariates)} (p {found.balance.p:.2f}).",
    ]


def main(words: Sequence[str] | None = None, today: date | None = None, folder: Path = EXPERIMENTS) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m regulars.offers.assigning",
        description="Register an experiment, and draw who gets which arm of it.",
    )
    parser.add_argument("--shop", required=True, help="the shop's name, as in config/<shop>.yml")
    parser.add_argument(
        "--experiment", required=True, help="the id, as in config/experiments/<shop>/<id>.yml"
    )
    given = parser.parse_args(words)
    try:
        shop = Shop.open(given.shop)
        experiment = find_experiment(given.shop, given.experiment, folder)
        with waiting_lock(shop.data, given.shop):
            now = today or datetime.now(ZoneInfo(shop.config.time_zone)).date()
            print("\n".join(assign_arms(shop, experiment, now)))
    except RegularsError as error:
        print(f"regulars: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
