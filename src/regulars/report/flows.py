"""Flows: who went from which segment to which between two months, as bands between two columns of bars."""

from typing import Final

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from regulars.report.charts import GRID, MUTED, segment_colours
from regulars.report.errors import ReportError

_BAR: Final = 0.04  # width of a bar, where the columns are 1 apart
_GAP: Final = 0.025  # between bars, as a share of all customers
_LINE: Final = 0.19  # inches from one label to the next
_LETTERS: Final = 26  # of a name, which is cut beyond them

_Numbers = NDArray[np.float64]


def flows_chart(flows: pd.DataFrame, *, title: str, min_cell: int) -> Figure:
    """Draw who went where: a column of bars for each month, between them bands as wide as their customers are many.

    Both columns show the segments in the order of the frame's columns; below them, without a colour, rows that are no
    column, such as who joined. Who moved has the colour of the segment left behind; who stayed is pale.

    For privacy, no band of fewer than ``min_cell`` customers is drawn: a piece of its bars stays bare. A bar of fewer
    shows no count, and is as high as one of ``min_cell``.

    Args:
        flows: Customers by segment before (rows) and after (columns); the names of the axes head the columns.
        title: What the chart shows, in a sentence.
        min_cell: The smallest number of customers that may be shown.

    Returns:
        A figure for ``show``; without customers it says "No customers."

    Raises:
        ReportError: If a segment has two rows or two columns, or a cell holds no count.

    Example:
        >>> flows = pd.DataFrame({"new": [0, 30], "loyal": [90, 4]}, index=["loyal", "joined"])
        >>> figure = flows_chart(flows, title="Nobody moved", min_cell=10)
        >>> [band.get_label() for band in figure.axes[0].patches if isinstance(band, PathPatch)]
        ['loyal → loyal', 'joined → new']
    """
    names, counts = _square(flows)
    figure, axes = plt.subplots(figsize=(8.3, max(4.4, 0.3 * len(names) + 1.5)))
    axes.set(title=title, xticks=[], yticks=[], xmargin=0, ymargin=0)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    if not names:
        axes.text(0.5, 0.5, "No customers.", color=MUTED, ha="center", transform=axes.transAxes)
        return figure
    axes.set_xticks([0, 1], [str(flows.index.name or "before"), str(flows.columns.name or "after")])
    axes.tick_params(labeltop=True, labelbottom=False)
    note = "Pale: stayed. In colour: moved, out of the segment of that colour. Bands of fewer than {} customers are not drawn."
    axes.set_xlabel(note.format(min_cell), size="small", labelpad=12)
    known = segment_colours([str(name) for name in flows.columns])
    colours = {name: known.get(name, MUTED) for name in names}
    tops = [_column(axes, at, counts.sum(axis=1 - at), colours, min_cell) for at in (0, 1)]
    _bands(axes, np.where(counts < min_cell, 0, counts), tops, colours)
    axes.invert_yaxis()
    return figure


def _square(flows: pd.DataFrame) -> tuple[list[str], _Numbers]:
    """The names that anybody has, and the counts with these in rows and columns."""
    given = flows.rename(index=str, columns=str).apply(pd.to_numeric, errors="coerce").astype(float)
    twice = [*given.index[given.index.duplicated()], *given.columns[given.columns.duplicated()]]
    if twice:
        raise ReportError(f"Flows: '{twice[0]}' has more than one row or column: add them up, then draw.")
    bad = int((~np.isfinite(given) | (given < 0)).to_numpy().sum())
    if bad:
        wrong = f"Flows: {bad} of {given.size} cells hold no number of customers"
        raise ReportError(f"{wrong}: hand over every count, the chart itself leaves out the small ones.")
    everyone = given.columns.append(given.index.difference(given.columns, sort=False))
    square = given.reindex(index=everyone, columns=everyone, fill_value=0).to_numpy()
    there = square.sum(axis=0) + square.sum(axis=1) > 0
    return list(everyone[there]), square[there][:, there]


def _column(axes: Axes, at: int, sizes: _Numbers, colours: dict[str, str], min_cell: int) -> _Numbers:
    """Draw one column with its labels; where each bar of it begins, in customers from the top."""
    heights = np.where(sizes > 0, np.maximum(sizes, min_cell), 0)
    tops = heights.cumsum() - heights + _GAP * sizes.sum() * np.arange(len(sizes))
    axes.bar([at] * len(sizes), heights, _BAR, tops, color=[*colours.values()], linewidth=0, label=[*colours])
    short = [name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name in colours]
    counted = [f" {size:,.0f}" if size >= min_cell else "" for size in sizes]
    words, middles = np.char.add(short, counted), tops + heights / 2
    _label(axes, at, words[sizes > 0].tolist(), middles[sizes > 0], tops[-1] + heights[-1])
    return tops


def _label(axes: Axes, at: int, words: list[str], middles: _Numbers, depth: float) -> None:
    """Write beside a column, each line as near to its bar's middle as the others allow."""
    lines = _LINE * depth / (axes.bbox.height / axes.figure.dpi) * np.arange(len(words))
    # least squares where each is to be a line below the one before: isotonic, once those lines are taken off
    nearest = isotonic_regression(middles - lines).x
    edge, end, ha = (at + _BAR / 2, at + _BAR * 1.2, "left") if at else (-_BAR / 2, -_BAR * 1.2, "right")
    for text, middle, y in zip(words, middles, np.clip(nearest, 0, depth - lines[-1]) + lines, strict=True):
        axes.plot([edge, end], [middle, y], color=MUTED, linewidth=0.7)
        axes.text(end + 0.02 * at - 0.01, y, text, ha=ha, va="center", parse_math=False)


def _bands(axes: Axes, counts: _Numbers, tops: list[_Numbers], colours: dict[str, str]) -> None:
    """Draw the bands, pale ones first, then the widest; on each bar they lie in the order of the segments."""
    starts = counts.cumsum(axis=1) - counts + tops[0][:, None]
    ends = counts.cumsum(axis=0) - counts + tops[1]
    names = list(colours)
    ways = np.argwhere(counts).tolist()
    for source, goal in sorted(ways, key=lambda way: (way[0] != way[1], -counts[tuple(way)])):
        shape = _band(starts[source, goal], ends[source, goal], counts[source, goal])
        colour, alpha = (GRID, 1.0) if source == goal else (colours[names[source]], 0.7)
        way = f"{names[source]} → {names[goal]}"
        axes.add_patch(PathPatch(shape, color=colour, alpha=alpha, linewidth=0, label=way))


def _band(start: float, end: float, width: float) -> Path:
    """A band from the left column to the right one, level at both."""
    left, right = _BAR / 2, 1 - _BAR / 2
    upper = [(left, start), (0.5, start), (0.5, end), (right, end)]
    lower = [(x, y + width) for x, y in reversed(upper)]
    curve = [Path.CURVE4] * 3
    return Path([*upper, *lower, upper[0]], [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY])
