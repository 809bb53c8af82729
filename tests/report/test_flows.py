"""Flows: bands that add up to their bars, nothing shown of the few, labels that can be read."""

import re
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from regulars.report import GRID, MUTED, ReportError, flows_chart, segment_colours, show, use_theme

NAMES = ["new", "returning", "high-value repeat", "at-risk"]
FLOWS = pd.DataFrame(
    [[20, 40, 10, 30], [0, 800, 60, 110], [0, 15, 400, 12], [0, 90, 10, 170], [50, 0, 0, 0]],
    index=pd.Index([*NAMES, "joined this month"], name="last month"),
    columns=pd.Index(NAMES, name="this month"),
)


@pytest.fixture(autouse=True)
def _theme():
    use_theme()
    yield
    plt.close("all")


def chart(flows: pd.DataFrame = FLOWS, min_cell: int = 10) -> Figure:
    return flows_chart(flows, title="A tenth moved", min_cell=min_cell)


def bands(figure: Figure) -> dict[str, PathPatch]:
    return {patch.get_label(): patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch)}


def ends(band: PathPatch) -> tuple[float, float, float, float]:
    """Where a band begins and ends on the left, and on the right."""
    x, y = band.get_path().vertices.T
    left, right = y[x == x.min()], y[x == x.max()]
    return left.min(), left.max(), right.min(), right.max()


def bars(figure: Figure, side: int) -> dict[str, Rectangle]:
    """The bars of one side that have a height, by name."""
    (axes,) = figure.axes
    found = {}
    for bar in axes.patches:
        if isinstance(bar, Rectangle) and round(bar.get_x()) == side and bar.get_height():
            found[bar.get_label()] = bar
    return found


def texts(figure: Figure, side: int) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if round(text.get_position()[0]) == side]


def heights(figure: Figure, side: int) -> dict[str, float]:
    return {name: bar.get_height() for name, bar in bars(figure, side).items()}


def test_bars_are_as_high_as_their_customers_are_many() -> None:
    figure = chart()
    assert heights(figure, 0) == FLOWS.sum(axis=1).to_dict()
    assert heights(figure, 1) == FLOWS.sum().to_dict()


def test_every_band_has_the_width_of_its_customers_at_both_ends() -> None:
    drawn = bands(chart())
    assert set(drawn) == {f"{a} → {b}" for a in FLOWS.index for b in FLOWS if FLOWS.loc[a, b]}
    for way, band in drawn.items():
        above, below, begun, ended = ends(band)
        assert below - above == pytest.approx(ended - begun) == FLOWS.loc[*way.split(" → ")]


@pytest.mark.parametrize("side", [0, 1])
def test_bands_fill_their_bars_without_gap_or_overlap(side: int) -> None:
    figure = chart()
    for name, bar in bars(figure, side).items():
        at = [ends(band)[2 * side :] for way, band in bands(figure).items() if way.split(" → ")[side] == name]
        edges = sorted(edge[:2] for edge in at)
        assert edges[0][0] == pytest.approx(bar.get_y())
        assert edges[-1][1] == pytest.approx(bar.get_y() + bar.get_height())
        assert all(one[1] == pytest.approx(other[0]) for one, other in pairwise(edges))


def test_both_sides_have_the_order_of_the_columns_from_the_top_and_the_rest_below() -> None:
    shuffled = FLOWS.sample(frac=1, random_state=3)[["at-risk", "new", "high-value repeat", "returning"]]
    figure = chart(shuffled)
    for side, expected in ((0, [*shuffled, "joined this month"]), (1, [*shuffled])):
        placed = bars(figure, side)
        assert sorted(placed, key=lambda name: placed[name].get_y()) == expected
        assert [re.sub(r" [\d,]+$", "", text) for text in texts(figure, side)] == expected
    assert figure.axes[0].yaxis_inverted()


def test_who_stays_is_pale_and_who_moves_has_the_colour_of_the_segment_left_behind() -> None:
    colours = segment_colours(NAMES) | {"joined this month": MUTED}
    for way, band in bands(chart()).items():
        source, goal = way.split(" → ")
        expected = GRID if source == goal else colours[source]
        assert same_color(band.get_facecolor()[:3], expected), way


def test_nothing_lies_over_a_band_that_is_narrower() -> None:
    ways = [way.split(" → ") for way in bands(chart())]
    staying = [source == goal for source, goal in ways]
    assert staying == sorted(staying, reverse=True)
    moved = [FLOWS.loc[source, goal] for source, goal in ways if source != goal]
    assert moved == sorted(moved, reverse=True)


def test_a_segment_has_its_colour_with_spaces_too() -> None:
    assert list(segment_colours(["at risk"]).values()) == list(segment_colours(["at_risk"]).values())
    grid = ["champions", "potential_loyalist", "at_risk"]
    spoken = [name.replace("_", " ") for name in grid]
    assert list(segment_colours(spoken).values()) == list(segment_colours(grid).values())


def test_few_customers_are_not_drawn_and_not_counted() -> None:
    few = pd.DataFrame([[500, 9, 0], [10, 300, 3], [0, 0, 4]], index=list("abc"), columns=list("abc"))
    figure = chart(few)
    assert set(bands(figure)) == {"a → a", "b → a", "b → b"}
    assert texts(figure, 0) == ["a 509", "b 313", "c"]
    assert texts(figure, 1) == ["a 510", "b 309", "c"]
    assert "fewer than 10 customers" in figure.axes[0].get_xlabel()


def test_no_ruler_finds_the_count_of_a_small_bar() -> None:
    drawings = []
    for count in (1, 9):
        few = pd.DataFrame([[500, 0], [0, count]], index=["a", "b"], columns=["a", "b"])
        drawn = chart(few)
        assert heights(drawn, 0)["b"] == heights(drawn, 1)["b"] == 10
        drawings.append(drawn)
    assert bands(drawings[0]).keys() == bands(drawings[1]).keys() == {"a → a"}


def thick_at(*places: int, n: int = 13) -> pd.DataFrame:
    """Thin bars, and some that take nearly all the height."""
    counts = np.full((n, n), 12)
    counts[places, places] = 100_000
    names = [f"a name of some length {at}" for at in range(n)]
    return pd.DataFrame(counts, index=names, columns=names)


LAYOUTS = [
    thick_at(0),
    thick_at(6),
    thick_at(12),
    thick_at(0, 12),
    thick_at(1, n=2),
    thick_at(20, n=21),
    FLOWS,
]


@pytest.mark.parametrize("flows", LAYOUTS)
def test_labels_do_not_overlap_and_stay_beside_the_columns(flows: pd.DataFrame) -> None:
    figure = chart(flows)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    for side in (0, 1):
        shown = [text for text in axes.texts if round(text.get_position()[0]) == side]
        boxes = [text.get_window_extent() for text in shown]
        assert all(above.y0 >= below.y1 for above, below in pairwise(boxes))
        assert all(0 <= text.get_position()[1] <= axes.get_ylim()[0] * 1.001 for text in shown)
        assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_a_label_that_has_room_stands_at_the_middle_of_its_bar() -> None:
    figure = chart(pd.DataFrame(np.diag([300, 200]), index=["a", "b"], columns=["a", "b"]))
    for side in (0, 1):
        middles = [bar.get_y() + bar.get_height() / 2 for bar in bars(figure, side).values()]
        at = [
            text.get_position()[1] for text in figure.axes[0].texts if round(text.get_position()[0]) == side
        ]
        assert at == pytest.approx(middles)


def test_long_names_are_cut_and_dollars_stay_dollars() -> None:
    name = "who spent $100 and not $200 in any of the last twelve months"
    figure = chart(pd.DataFrame({name: [40]}, index=[name]))
    (label,) = texts(figure, 0)
    assert label.startswith("who spent $100 and not") and label.endswith("… 40") and len(label) < 32
    assert f">{label}</text>" in show(figure, "Flows.").svg


@pytest.mark.parametrize("n", [1, 13])
def test_nobody_moving_is_level_and_pale(n: int) -> None:
    names = [f"s{at}" for at in range(n)]
    figure = chart(pd.DataFrame(np.diag(np.arange(20, 20 + n)), index=names, columns=names))
    assert len(bands(figure)) == n
    for band in bands(figure).values():
        assert ends(band)[:2] == ends(band)[2:]
        assert same_color(band.get_facecolor(), GRID)


def test_a_segment_on_one_side_only_has_one_bar() -> None:
    figure = chart(pd.DataFrame({"a": [30, 40], "fresh": [20, 0], "nobody": [0, 0]}, index=["z", "gone"]))
    assert list(bars(figure, 0)) == ["z", "gone"]
    assert list(bars(figure, 1)) == ["a", "fresh"]
    assert texts(figure, 1) == ["a 70", "fresh 20"]


@pytest.mark.parametrize("empty", [pd.DataFrame(), FLOWS * 0, FLOWS.iloc[:0], FLOWS[[]]])
def test_without_customers_the_chart_says_so(empty: pd.DataFrame) -> None:
    figure = chart(empty)
    assert [text.get_text() for text in figure.axes[0].texts] == ["No customers."]
    assert "No customers." in show(figure, "Nobody.").svg


def test_clusters_may_be_numbers() -> None:
    figure = chart(pd.DataFrame([[20, 10], [0, 30]], index=[0, 1], columns=[0, 1]))
    assert set(bands(figure)) == {"0 → 0", "0 → 1", "1 → 1"}
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["before", "after"]


@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, "many", pd.NA])
def test_what_is_no_count_is_refused(bad: object) -> None:
    flows = FLOWS.astype(object)
    flows.iloc[1, 2] = bad
    with pytest.raises(ReportError, match="1 of 20 cells hold no number"):
        chart(flows)


@pytest.mark.parametrize("flows", [pd.concat([FLOWS, FLOWS]), pd.concat([FLOWS, FLOWS], axis=1)])
def test_a_segment_that_stands_twice_is_refused(flows: pd.DataFrame) -> None:
    with pytest.raises(ReportError, match="'new' has more than one row or column"):
        chart(flows)


def test_the_same_flows_are_the_same_bytes_and_stay_as_they_were() -> None:
    kept = FLOWS.copy()
    assert show(chart(), "Flows.").svg == show(chart(), "Flows.").svg
    pd.testing.assert_frame_equal(FLOWS, kept)
