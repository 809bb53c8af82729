"""Charts: colours that stay, and SVG that a page can hold."""

import re
import xml.etree.ElementTree as ET
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from regulars.report import PALETTE, ReportError, segment_colours, show, use_theme

FOUR_CORE = ["new", "returning", "high-value repeat", "at-risk", "too early to tell"]
GRID_NAMES = [
    "hibernating",
    "at_risk",
    "cant_lose",
    "about_to_sleep",
    "need_attention",
    "loyal",
    "promising",
    "new",
    "potential_loyalist",
    "champions",
]

# Machado, Oliveira and Fernandes (2009), full severity, for linear RGB
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
}


def linear(colour: str) -> np.ndarray:
    values = np.array(to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def oklab(values: np.ndarray) -> np.ndarray:
    """Ottosson (2020)."""
    cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
             [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
    mixed = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
             [0.0259040371, 0.7827717662, -0.808675766]]  # fmt: skip
    return np.array(mixed) @ np.cbrt(np.array(cones) @ np.clip(values, 0, 1))


def drawn(title: str = "Half of them came back") -> Figure:
    use_theme()
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3], [2, 5, 3], marker="o", label="orders")
    axes.set(title=title)
    axes.legend()
    return figure


@pytest.mark.parametrize("paper", ["#ffffff", "#14171a"])
def test_every_colour_stands_out_on_light_and_on_dark_paper(paper: str) -> None:
    assert all(contrast(colour, paper) >= 3 for colour in PALETTE)


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_colour_blind_tell_the_core_segments_apart(blindness: str) -> None:
    seen = [oklab(np.array(BLINDNESS[blindness]) @ linear(at)) for at in segment_colours(FOUR_CORE).values()]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 0.07


@pytest.mark.parametrize("names", [FOUR_CORE, GRID_NAMES])
def test_a_known_segment_keeps_its_colour_whoever_stands_beside_it(names: list[str]) -> None:
    together = segment_colours(names)
    assert list(together) == names
    assert len(set(together.values())) == len(names)
    assert all(segment_colours([name, "zebra", "ant"])[name] == together[name] for name in names)


def test_unknown_segments_take_what_is_left_in_any_order() -> None:
    colours = segment_colours(["zebra", "champions", "ant"])
    assert colours == segment_colours(["ant", "zebra", "champions"])
    assert len(set(colours.values())) == 3
    assert len(segment_colours([f"group {place:02}" for place in range(25)])) == 25


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_chart_without_words_is_refused(alt: str) -> None:
    with pytest.raises(ReportError, match="alt text"):
        show(drawn(), alt)


def test_a_chart_says_what_it_shows_and_closes_its_figure() -> None:
    figure = drawn()
    chart = show(figure, 'Orders <b> & "more"')
    picture = ET.fromstring(chart.svg)
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == picture[0].text == 'Orders <b> & "more"'
    assert picture[0].tag.endswith("title")
    assert "<b>" not in chart.svg
    assert chart._repr_html_().startswith('<figure class="chart"')
    assert chart._repr_mimebundle_()["text/plain"] == 'Orders <b> & "more"'
    assert not plt.fignum_exists(figure.number)


def test_the_same_chart_is_the_same_bytes() -> None:
    assert show(drawn(), "Orders.").svg == show(drawn(), "Orders.").svg


def test_ids_differ_between_charts_and_all_references_hold() -> None:
    found = []
    for alt in ("One.", "Two."):
        svg = show(drawn(), alt).svg
        found.append(set(re.findall(r' id="([^"]+)"', svg)))
        assert found[-1] == set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    assert found[0] and not found[0] & found[1]


def test_a_chart_takes_the_inks_and_the_letters_of_the_page() -> None:
    svg = show(drawn(), "Orders.").svg
    assert "currentColor" in svg and "var(--grid," in svg and "var(--muted," in svg
    assert not re.search("#1b2127|#5b646e|#dfe3e7|#fefefd", svg)
    assert "DejaVu" not in svg and "var(--sans" in svg
    assert "<style" not in svg and "<metadata" not in svg and "<!DOCTYPE" not in svg
    assert "Half of them came back</text>" in svg  # text stays text


def test_a_chart_is_as_wide_as_its_column_and_no_wider_than_drawn() -> None:
    svg = show(drawn(), "Orders.").svg
    width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
    assert 'width="100%"' in svg
    assert f"max-width: {round(width * 4 / 3)}px" in svg


def test_a_long_title_is_wrapped_within_the_chart() -> None:
    lengthy = (
        "Champions are a few of the customers and bring nearly half of all the revenue of the month " * 2
    )
    short, long = show(drawn(), "Orders.").svg, show(drawn(lengthy), "Orders.").svg
    boxes = [float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1]) for svg in (short, long)]
    assert boxes[1] <= boxes[0] * 1.06
    assert "nearly half of all the revenue of the month Champions are a few of the customers" not in long


def test_several_axes_are_shown_too() -> None:
    use_theme()
    figure, rows = plt.subplots(1, 2)
    for place, axes in enumerate(rows):
        axes.bar(["a", "b"], [1, 2])
        axes.set_title(f"Panel {place}")
    svg = show(figure, "Two panels.").svg
    assert "Panel 0" in svg and "Panel 1" in svg
