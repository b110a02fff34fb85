"""Pictures as SVG text: a rectangle that values are laid in, marks, words, and the whole as a part of an HTML page.

Colours are names of the page's variables, so that one picture serves a light and a dark page; fonts are the page's.
Nothing refers to anything outside, nothing has an id, and the same numbers give the same text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

Px = float  # a place or a length in the picture, from the left or from the top
Spot = tuple[Px, Px]
Value = float  # what an axis shows, in the axis' own unit

MINUS: Final = "\N{MINUS SIGN}"
# Mean width of a sans-serif character, by which words are given room; figures are wider than most letters.
CHARACTER: Final = 0.56
SHAPES: Final = ("circle", "square", "diamond", "down", "up", "plus")
# Corners of shapes of about the same area as a circle of radius 1.
_CORNERS: Final = {
    "square": ((-0.89, -0.89), (0.89, -0.89), (0.89, 0.89), (-0.89, 0.89)),
    "diamond": ((0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)),
    "down": ((-1.2, -0.9), (1.2, -0.9), (0.0, 1.3)),
    "up": ((-1.2, 0.9), (1.2, 0.9), (0.0, -1.3)),
    "plus": tuple(
        (x * 1.2, y * 1.2)
        for x, y in (
            *((-0.36, -1.0), (0.36, -1.0), (0.36, -0.36), (1.0, -0.36), (1.0, 0.36), (0.36, 0.36)),
            *((0.36, 1.0), (-0.36, 1.0), (-0.36, 0.36), (-1.0, 0.36), (-1.0, -0.36), (-0.36, -0.36)),
        )
    ),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle of the picture, and the values at its edges; y grows upwards."""

    left: Px
    top: Px
    right: Px
    bottom: Px
    x_low: Value
    x_high: Value
    y_low: Value
    y_high: Value

    def x(self, value: Value) -> Px:
        """Where `value` lies from the left."""
        return self.left + (value - self.x_low) / (self.x_high - self.x_low) * (self.right - self.left)

    def y(self, value: Value) -> Px:
        """Where `value` lies from the top."""
        return self.bottom - (value - self.y_low) / (self.y_high - self.y_low) * (self.bottom - self.top)


def reach(values: Sequence[Value], margin_frac: float) -> tuple[Value, Value]:
    """Lowest and highest of `values` with a margin beyond both; values that are all the same get room around them."""
    low, high = min(values), max(values)
    span = high - low
    if span <= abs(high) * 1e-12:
        span = abs(high) * 1e-4 or 1.0
        low, high = low - span / 2, high + span / 2
    return low - span * margin_frac, high + span * margin_frac


def round_steps(low: Value, high: Value, n_most: int) -> tuple[Value, ...]:
    """At most `n_most` + 1 multiples of 1, 2 or 5 times a power of ten from `low` to `high`."""
    least = (high - low) / n_most
    power = 10.0 ** math.floor(math.log10(least))
    # What rounding left over does not make a step too small.
    step = power * next(factor for factor in (1, 2, 5, 10, 20) if power * factor >= least * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(i * step for i in range(first, last + 1))


def step_texts(steps: Sequence[Value]) -> list[str]:
    """The steps as figures, as many places for all as the finest of them needs."""
    apart = steps[1] - steps[0] if len(steps) > 1 else 1.0
    n_places = max(0, -math.floor(math.log10(apart) + 1e-9))
    texts = [f"{value:,.{n_places}f}" for value in steps]
    return [text.lstrip("-") if not float(text.replace(",", "")) else text.replace("-", MINUS) for text in texts]


def width(words: str, size: Px) -> Px:
    """About how wide `words` are."""
    return len(words) * size * CHARACTER


def line(start: Spot, end: Spot, colour: str, thick: Px, dashes: str = "", *, cap: str = "butt") -> str:
    """A straight line; `dashes` as SVG spells them."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    places = f'x1="{_px(start[0])}" y1="{_px(start[1])}" x2="{_px(end[0])}" y2="{_px(end[1])}"'
    return f'<line {places} stroke="var(--{colour})" stroke-width="{_px(thick)}" stroke-linecap="{cap}"{dashed}/>'


def path(points: Sequence[Spot], colour: str, thick: Px) -> str:
    """A line through `points`."""
    style = f'fill="none" stroke="var(--{colour})" stroke-width="{_px(thick)}" stroke-linejoin="round"'
    return f'<polyline points="{_points(points)}" {style}/>'


def area(points: Sequence[Spot], colour: str, opacity_frac: float = 1.0) -> str:
    """The inside of the line through `points` and back."""
    faint = f' fill-opacity="{opacity_frac:g}"' if opacity_frac < 1 else ""
    return f'<polygon points="{_points(points)}" fill="var(--{colour})"{faint}/>'


def box(x1: Px, y1: Px, x2: Px, y2: Px, colour: str) -> str:
    """A filled rectangle between two corners, whichever they are."""
    left, top, wide, high = min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)
    places = f'x="{_px(left)}" y="{_px(top)}" width="{_px(wide)}" height="{_px(high)}"'
    return f'<rect {places} fill="var(--{colour})"/>'


def mark(shape: str, spot: Spot, radius: Px, colour: str, rim: str = "") -> str:
    """One of SHAPES around a place, with a thin rim where it lies on others."""
    style = f'fill="var(--{colour})"' + (f' stroke="var(--{rim})" stroke-width="0.8"' if rim else "")
    x, y = spot
    if shape == "circle":
        return f'<circle cx="{_px(x)}" cy="{_px(y)}" r="{_px(radius)}" {style}/>'
    corners = [(x + dx * radius, y + dy * radius) for dx, dy in _CORNERS[shape]]
    return f'<polygon points="{_points(corners)}" {style}/>'


def text(
    x: Px, y: Px, words: str, size: Px, colour: str, *, anchor: str = "start", weight: str = "", turn: str = ""
) -> str:
    """Words on a base line; `turn` in degrees around their place."""
    heavy = f' font-weight="{weight}"' if weight else ""
    turned = f' transform="rotate({turn} {_px(x)} {_px(y)})"' if turn else ""
    style = f'font-size="{_px(size)}" fill="var(--{colour})" text-anchor="{anchor}"{heavy}{turned}'
    return f'<text x="{_px(x)}" y="{_px(y)}" {style}>{escape(words)}</text>'


def picture(wide: Px, high: Px, label: str, parts: Sequence[str]) -> str:
    """All parts, as wide as the page gives them room; `label` is for who does not see it."""
    frame = f'role="img" aria-label="{escape(label)}" viewBox="0 0 {_px(wide)} {_px(high)}"'
    return "\n".join((f"<svg {frame}>", *parts, "</svg>"))


def _points(points: Sequence[Spot]) -> str:
    return " ".join(f"{_px(x)},{_px(y)}" for x, y in points)


def _px(length: Px) -> str:
    """A hundredth of a pixel is finer than anybody sees."""
    written = f"{length:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written
