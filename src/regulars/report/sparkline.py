"""Sparklines: a figure over the months, as a line that stands beside its number."""

import html
from collections.abc import Sequence
from itertools import groupby
from typing import Final

_WIDTH, _HEIGHT, _MARGIN = 160.0, 40.0, 4.0
ACCENT: Final = "var(--accent)"


def sparkline(values: Sequence[float | None], *, alt: str, colour: str = ACCENT) -> str:
    """Draw values at equal distances as an inline SVG, the last one marked; the line's ground is zero.

    Args:
        values: From the oldest to the newest; None where there is none, and there the line breaks.
        alt: What it shows, in a sentence.
        colour: A colour as CSS has it.

    Returns:
        The SVG, or nothing if no value is there.

    Example:
        >>> drawn = sparkline([1.0, None, 2.0, 4.0], alt="Orders, from 1 to 4.")
        >>> drawn.count("<polyline"), drawn.count("<circle")  # one of the lines is the ground
        (2, 2)
        >>> sparkline([None], alt="Orders.")
        ''
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    floor, ceiling = min(0.0, *known), max(0.0, *known)
    step = (_WIDTH - 2 * _MARGIN) / max(1, len(values) - 1)
    scale = (_HEIGHT - 2 * _MARGIN) / ((ceiling - floor) or 1.0)
    points = [
        None if value is None else (_MARGIN + step * place, _HEIGHT - _MARGIN - scale * (value - floor))
        for place, value in enumerate(values)
    ]
    ground = _HEIGHT - _MARGIN + scale * floor
    pieces = [_line([0, _WIDTH], [ground, ground], "var(--grid)", 1)]
    for there, run in groupby(points, key=lambda point: point is not None):
        piece = [point for point in run if point]
        if there and len(piece) > 1:
            pieces.append(_line([x for x, _ in piece], [y for _, y in piece], colour, 2))
        elif there and piece[0] != points[-1]:
            pieces.append(_dot(*piece[0], colour, 1.5))
    if points[-1]:
        pieces.append(_dot(*points[-1], colour, 3))
    opening = f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{html.escape(alt)}">'
    return f"{opening}{''.join(pieces)}</svg>"


def _line(across: Sequence[float], down: Sequence[float], colour: str, width: float) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    style = f"fill: none; stroke: {html.escape(colour)}; stroke-width: {width}; stroke-linejoin: round"
    return f'<polyline points="{points}" style="{style}"/>'


def _dot(x: float, y: float, colour: str, radius: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" style="fill: {html.escape(colour)}"/>'
