"""Charts: one look, one colour a segment, and SVG that reads as well in the dark."""

import hashlib
import html
import io
import re
from collections.abc import Sequence
from typing import Final

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from regulars.report.errors import ReportError

# The four inks of a page. In an SVG each becomes a CSS variable, so each must be a colour that nobody
# would pick for data.
INK: Final = "#1b2127"
MUTED: Final = "#5b646e"
GRID: Final = "#dfe3e7"
PAPER: Final = "#fefefd"

_BLUE, _SKY, _GREEN, _AMBER, _VERMILLION = "#006baa", "#3d97db", "#0fa37f", "#b98a00", "#c24a00"
_PINK, _VIOLET, _BROWN, _CRIMSON, _GREY = "#c65d9e", "#8464d8", "#96603f", "#b3405f", "#676e78"

PALETTE: Final = [_BLUE, _VERMILLION, _SKY, _AMBER, _GREEN, _VIOLET, _PINK, _BROWN, _CRIMSON, _GREY]
"""Okabe and Ito's hues (2008), moved in lightness until each has 3:1 against white and against near-black."""

_SEGMENT_COLOURS: Final = {
    "high-value repeat": _BLUE,
    "returning": _SKY,
    "new": _AMBER,
    "at-risk": _VERMILLION,
    "too early to tell": _GREY,
    "champions": _BLUE,
    "loyal": _SKY,
    "potential loyalist": _GREEN,
    "promising": _VIOLET,
    "need attention": _PINK,
    "about to sleep": _BROWN,
    "at risk": _VERMILLION,
    "cant lose": _CRIMSON,
    "hibernating": _GREY,
}

_INKS: Final = {
    INK: "currentColor",
    MUTED: "var(--muted, #7b848e)",
    GRID: "var(--grid, rgba(128, 128, 128, .3))",
    PAPER: "var(--paper, transparent)",
}

_THEME: Final = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 14,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "figure.figsize": (8.3, 4.1),
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: text is measured alike on every machine
    "font.size": 10.5,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "patch.edgecolor": PAPER,
    "patch.force_edgecolor": True,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "regulars",
    "text.color": INK,
    "xtick.bottom": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "ytick.left": False,
}


def use_theme() -> None:
    """Draw what follows in the look of the report.

    Example:
        >>> use_theme()
        >>> plt.rcParams["svg.fonttype"]
        'none'
    """
    sns.set_theme(context="notebook", style="ticks", palette=PALETTE, rc=_THEME)


def segment_colours(names: Sequence[str]) -> dict[str, str]:
    """Give every segment its colour: a known name the same one on every page and in every month.

    Names that are not known take the colours that the known ones left, in the order of the alphabet. With
    seaborn's bars pass ``saturation=1``: by default it pales them.

    Args:
        names: Segment names, in the order in which the chart shows them.

    Returns:
        A colour for each name, in the order given, ready for seaborn's ``palette``.

    Example:
        >>> segment_colours(["new", "champions"])
        {'new': '#b98a00', 'champions': '#006baa'}
    """
    spoken = {name: name.replace("_", " ") for name in names}
    known = {name: _SEGMENT_COLOURS[said] for name, said in spoken.items() if said in _SEGMENT_COLOURS}
    left = [colour for colour in PALETTE if colour not in known.values()] or PALETTE
    strangers = sorted(set(names) - set(known))
    others = {name: left[place % len(left)] for place, name in enumerate(strangers)}
    return {name: (known | others)[name] for name in names}


class Chart:
    """A drawn figure, displayed as inline SVG by notebooks and by the page."""

    def __init__(self, svg: str, alt: str) -> None:
        self.svg = svg
        self.alt = alt

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": self.alt}

    def _repr_html_(self) -> str:
        return f'<figure class="chart" tabindex="0">\n{self.svg}\n</figure>'

    def __repr__(self) -> str:
        return f"Chart({self.alt!r})"


def show(figure: Figure, alt: str) -> Chart:
    """Turn a figure into an inline SVG that takes the page's ink, and close it.

    Args:
        figure: A drawn figure; titles too long for it are wrapped.
        alt: What the chart shows, in a sentence, for those who do not see it.

    Returns:
        An object that displays itself; the same figure gives the same bytes.

    Raises:
        ReportError: If ``alt`` is empty.

    Example:
        >>> figure, axes = plt.subplots()
        >>> show(figure, "Nothing, drawn with care.")
        Chart('Nothing, drawn with care.')
    """
    if not alt.strip():
        raise ReportError(
            "A chart has no alt text: say what it shows in a sentence, as in show(figure, alt)."
        )
    _set_titles(figure)
    drawn = io.StringIO()
    with plt.rc_context({key: _THEME[key] for key in ("svg.fonttype", "svg.hashsalt")}):
        figure.savefig(drawn, format="svg", bbox_inches="tight", pad_inches=0.02, metadata={"Date": None})
    plt.close(figure)
    return Chart(_inline(drawn.getvalue(), alt.strip()), alt.strip())


def _set_titles(figure: Figure) -> None:
    """Wrap long titles; a chart's only title begins where the chart does, at its labels' left edge."""
    for axes in figure.axes:
        axes._left_title.set_wrap(True)  # type: ignore[attr-defined]
    if len(figure.axes) == 1:
        figure.draw_without_rendering()
        axes = figure.axes[0]
        box = axes.get_tightbbox(for_layout_only=True) or axes.bbox
        left, _ = axes.transAxes.inverted().transform((box.x0, box.y0))
        axes._left_title.set_x(left)  # type: ignore[attr-defined]


def _inline(svg: str, alt: str) -> str:
    body = svg[svg.index("<svg") :]
    opening, body = body.split(">", 1)
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    # matplotlib's own <style> speaks of "*": within a page that would be every element there is
    body = re.sub(r"<style.*?</style>", "", body, count=1, flags=re.DOTALL)
    body = _unique_ids(_page_inks(body), alt)
    return f"{_opening(opening, alt)}\n<title>{html.escape(alt)}</title>{body.rstrip()}"


def _opening(opening: str, alt: str) -> str:
    found = re.search(r'viewBox="([^"]+)"', opening)
    box = found[1] if found else "0 0 560 280"
    width = round(float(box.split()[2]) * 4 / 3)  # from points to CSS pixels
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="100%" '
        f'style="max-width: {width}px; height: auto" stroke-linejoin="round" stroke-linecap="butt" '
        f'fill="currentColor" role="img" aria-label="{html.escape(alt)}">'
    )


def _page_inks(body: str) -> str:
    for ink, variable in _INKS.items():
        body = body.replace(ink, variable)
    # the layout was measured in DejaVu Sans, which is wide: the reader's own font fits within it
    return re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans, sans-serif)", body)


def _unique_ids(body: str, alt: str) -> str:
    """Drop the ids that nothing refers to, and tell the rest apart from those of other figures."""
    own = "c" + hashlib.sha256((alt + body).encode()).hexdigest()[:8]
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', body))
    body = re.sub(r' id="([^"]+)"', lambda at: f' id="{own}-{at[1]}"' if at[1] in used else "", body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{own}-\1)", body)
    return re.sub(r'(?:xlink:)?href="#([^"]+)"', rf'href="#{own}-\1"', body)
