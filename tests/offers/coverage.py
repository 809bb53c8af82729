"""How often the intervals of offers hold the truth, and how often tests of nothing find something.

`python -m tests.offers.coverage --simulations 2000` prints the table of `docs/methods.md`. Money of a mail-order shop is
Hillstrom's, in the folder named by REGULARS_RAW, or synthetic money like it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tests.offers.held import (
    ALPHA,
    Count,
    curve,
    difference,
    lift,
    order_value,
    peeked,
    policy,
    q_rejects,
    said,
    shares,
    shrunken,
    spread,
    waiting,
)
from tests.offers.procedure import EQUAL, UNEQUAL

SEED = 1
FLOOR = 0.93  # what 95 % intervals should hold, where the field's own hold less


class Row(NamedTuple):
    """One row of the table.

    Attributes:
        what: the interval or the test.
        setting: on what.
        count: of simulations and a seed: in how many it was so, and of how many.
        at_least, at_most: what the share should be, apart from chance; neither where there is no promise.
        instead: why there is none, in words.
        fewer: by how much to divide the number of simulations, where one takes long.
    """

    what: str
    setting: str
    count: Callable[[int, int], Count]
    at_least: float | None = None
    at_most: float | None = None
    instead: str = ""
    fewer: int = 1

    def holds(self, share: float, of: int) -> bool | None:
        """Whether the promise is kept, up to three standard errors of so many simulations; None if there is none."""
        if self.at_least is not None:
            return share >= self.at_least - 3 * error(self.at_least, of)
        return None if self.at_most is None else share <= self.at_most + 3 * error(self.at_most, of)


def error(share: float, of: int) -> float:
    """The standard error of a share."""
    return math.sqrt(share * (1 - share) / of)


FEW = "no promise: too few buyers, no verdict"
NAIVE = "naive, for comparison"
PROMISED = [  # customers treated and in the control
    ("mail order", 4000, 4000), ("mail order", 8000, 32000), ("shop", 200, 200), ("shop", 500, 2000), ("shop", 2000, 500),
]  # fmt: skip
TOO_FEW = [  # below 20 buyers in an arm, or below 100 where arms are unequal
    ("mail order", 200, 200), ("mail order", 800, 800), ("mail order", 2000, 2000), ("mail order", 500, 2000),
    ("shop", 200, 800),
]  # fmt: skip


def of_money() -> Iterator[Row]:
    """Differences, lifts, ratios and shares, by size and split."""
    ways: dict[str, Callable[..., Count]] = {
        "Welch, difference": partial(difference, ""),
        "CUPED, difference": partial(difference, "cuped_"),
        "Fieller, relative lift": partial(lift, "Fieller"),
    }
    for what, way in ways.items():
        for world, n, n_control in PROMISED + TOO_FEW:
            few = (world, n, n_control) in TOO_FEW
            counted = partial(way, world, n, n_control)
            named = f"{world}, {n:,} : {n_control:,}"
            yield Row(what, named, counted, None if few else FLOOR, instead=FEW if few else "")
    for n in (200, 800, 4000):
        counted = partial(lift, "delta", "mail order", n, n)
        yield Row("delta method, relative lift", f"mail order, {n:,} : {n:,}", counted, instead=NAIVE)
    for n, n_control in ((200, 200), (200, 800), (800, 800)):
        named = f"{n:,} : {n_control:,}"
        yield Row("Fieller, lift of revenue per order", named, partial(order_value, n, n_control), FLOOR)
    for n, n_control in ((200, 200), (200, 1800)):
        named = f"20 % : 10 %, {n:,} : {n_control:,}"
        yield Row("Welch, difference of shares", named, partial(shares, "Welch", n, n_control), FLOOR)
        naively = partial(shares, "pooled", n, n_control)
        yield Row("pooled variance, difference of shares", named, naively, instead=NAIVE)


def of_time_and_segments() -> Iterator[Row]:
    """Time to the next order, segments' effects, policies, days, and the whole procedure."""
    for n, n_control in ((200, 200), (100, 400), (2000, 2000)):
        named = f"followed for 20–90 and 55–75 days, {n:,} : {n_control:,}"
        yield Row("restricted mean, difference", named, partial(waiting, "days", n, n_control), FLOOR)
        yield Row("Kaplan–Meier at day 60, difference", named, partial(waiting, "share", n, n_control), FLOOR)
    for times in (0, 1):
        named = f"seven segments, τ = {times} SE, worst of them"
        yield Row("partially pooled effects", named, partial(shrunken, times), FLOOR)
    yield Row("Q-profile of τ²", "seven segments, τ = SE", spread, FLOOR)
    for n, n_control in ((600, 600), (500, 2000)):
        named = f"seven segments of a shop, {n:,} : {n_control:,} each"
        yield Row("Cochran's Q, false positives", named, partial(q_rejects, 7, n, n_control), at_most=ALPHA)
    for world in ("no arm does anything", "segments differ"):
        for figure, words in (("value", "value"), ("over_single", "gain over the best arm for all")):
            what, named = f"policy, {words}", f"five segments, 3,000 customers, {world}"
            yield Row(what, named, partial(policy, world, figure), FLOOR, fewer=5)
    yield Row("band for all days", "28 days, 300 : 600", partial(curve, True, 300, 600), FLOOR)
    yield Row("each day's own interval", "28 days, 300 : 600", partial(curve, False, 300, 600), instead=NAIVE)
    for segments in (1, 8):
        named = f"read on 28 days, {segments} segment{'s' * (segments > 1)}"
        yield Row("confidence sequence, ever wrong", named, partial(peeked, "ours", segments), at_most=ALPHA)
        yield Row("p < .05 on any day", named, partial(peeked, "naive", segments), instead=NAIVE)


def of_the_whole() -> Iterator[Row]:
    """False alarms of the whole procedure."""
    promises = {
        "verdict": ("whole procedure, any verdict", ALPHA),
        "unadjusted": ("p < .05 in any cell", None),
        "ratio": ("sample ratio doubted, any segment", 0.001),
        "balance": ("balance before doubted", 0.001),
        "ratio_naively": ("sample ratio, p < .05 in any segment", None),
    }
    for split, family, minimum, n in ((EQUAL, "both", 20, 3000), (UNEQUAL, "segments", 100, 6000)):
        named = f"three arms {':'.join(f'{share:g}' for share in split)}, five segments, {n:,} customers"
        for what, (words, limit) in promises.items():
            counted = partial(said, what, split, family, minimum, n)
            yield Row(words, named, counted, at_most=limit, instead="" if limit else NAIVE)


ROWS = [*of_money(), *of_time_and_segments(), *of_the_whole()]


def line(row: Row, simulations: int, seed: int = SEED) -> str:
    """The row in Markdown."""
    hits, of = row.count(max(1, simulations // row.fewer), seed)
    holds = {True: "yes", False: "**no**", None: row.instead}[row.holds(hits / of, of)]
    limits = ((row.at_least, "at least"), (row.at_most, "at most"))
    limit = "".join(f"{words} {share:.1%}" for share, words in limits if share is not None)
    return f"| {row.what} | {row.setting} | {of:,} | {hits / of:.1%} | {limit or '–'} | {holds} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=2000)
    simulations = parser.parse_args().simulations
    print("| what | on | simulations | share | promised | holds up to 3 standard errors |")
    print("| --- | --- | ---: | ---: | --- | --- |")
    for row in ROWS:
        print(line(row, simulations), flush=True)


if __name__ == "__main__":
    main()
