"""The report's charts as SVG text that lives in an HTML page: colours are the page's own variables, text is text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.tca import svg
from app.tca.svg import MINUS, Panel, Px, Spot, Value

WIDE: Final = 605.0
SIZE: Final = 10.0
SMALL: Final = 9.0
# Okabe and Ito's eight, which people with any kind of colour sight tell apart; the page has a set for each scheme.
HUES: Final = ("c1", "c2", "c3", "c4", "c5", "c6")
_DASHES: Final = ("5 3", "1 2", "6 2 1 2")
_N_STEPS: Final = 6


class Curve(NamedTuple):
    """One venue's markouts: (horizon in s, mean, low, high); None where the interval is not known."""

    name: str
    points: Sequence[tuple[float, float, float | None, float | None]]
    note: str


class Strip(NamedTuple):
    """The price around an order: times in s from its acceptance, prices in the quote currency, fills with sizes 0-1."""

    mids: Sequence[tuple[float, float]]
    fills: Sequence[tuple[float, float, float, str]]  # at, price, size, venue
    levels: Sequence[tuple[str, float]]  # arrival mid, TWAP, VWAP
    end_s: float


class ArmBar(NamedTuple):
    """One way of routing and its planned cost with the interval of what it would have come to."""

    name: str
    planned_bps: float
    low_bps: float | None
    high_bps: float | None
    is_chosen: bool


def waterfall_chart(steps: Sequence[tuple[str, float]], total_bps: float) -> str:
    """Steps in basis points as a running sum from zero, and their total."""
    bars, running_bps = [], 0.0
    for name, step_bps in steps:
        bars.append((name, running_bps, running_bps + step_bps, "cost" if step_bps >= 0 else "gain", step_bps))
        running_bps += step_bps
    bars.append(("total", 0.0, total_bps, "total", total_bps))
    low, high = svg.reach([0.0, *(end for _, start, stop, *_ in bars for end in (start, stop))], 0.0)
    room = (high - low) * 0.12
    low, ticks = low - room / 2 * (low < 0), svg.round_steps(low, high, _N_STEPS)
    panel = Panel(_left_of(ticks), 8, WIDE - 6, 212, -0.5, len(bars) - 0.5, low, high + room)
    parts = _y_axis(panel, ticks, "bps of the order, a cost is up")
    for i, (name, start, stop, colour, value_bps) in enumerate(bars):
        parts.append(svg.box(panel.x(i - 0.31), panel.y(start), panel.x(i + 0.31), panel.y(stop), colour))
        if 0 < i < len(bars) - 1:
            at = panel.y(start)
            parts.append(svg.line((panel.x(i - 0.69), at), (panel.x(i - 0.31), at), "muted", 0.8))
        top = panel.y(max(start, stop)) - 4
        parts.append(svg.text(panel.x(i), top, _signed(value_bps), 9.5, "ink", anchor="middle"))
        parts.append(svg.text(panel.x(i), panel.bottom + 15, name, SIZE, "muted", anchor="middle"))
    parts.append(svg.line((panel.left, panel.y(0)), (panel.right, panel.y(0)), "muted", 0.9))
    return svg.picture(WIDE, 234, "Cost split by step in basis points", parts)


def markout_chart(curves: Sequence[Curve]) -> str:
    """One small picture a venue, the same scale in all: net markout over the horizon with its 95 % band."""
    n_columns = min(3, max(1, len(curves)))
    told = [value for curve in curves for _, *found in curve.points for value in found if value is not None]
    low, high = svg.reach([0.0, *told], 0.05)
    ticks = svg.round_steps(low, high, _N_STEPS)
    left, high_px = _left_of(ticks), 150.0
    wide = (WIDE - 6 - left) / n_columns
    parts: list[str] = []
    for i, curve in enumerate(curves):
        x, y = left + wide * (i % n_columns), 26 + high_px * (i // n_columns)
        x_room = 0.08 * max(1, len(curve.points) - 1)
        panel = Panel(x, y, x + wide - 14, y + 102, -x_room, max(1, len(curve.points) - 1) + x_room, low, high)
        parts += _y_axis(panel, ticks, "net markout, bps" if i % n_columns == 0 else None)
        parts += _curve(panel, curve, HUES[i % len(HUES)])
    return svg.picture(WIDE, 4 + high_px * -(-len(curves) // n_columns), "Net markouts by venue and horizon", parts)


def strip_chart(strip: Strip) -> str:
    """The class mid around an order with its fills on it."""
    venues = sorted({venue for _, _, _, venue in strip.fills})
    look = {venue: (HUES[(i + 2) % len(HUES)], svg.SHAPES[i % len(svg.SHAPES)]) for i, venue in enumerate(venues)}
    legend, top = _legend(strip.levels, look)
    times = [t for t, _ in strip.mids] + [t for t, *_ in strip.fills] + [0.0, max(strip.end_s, 1e-3)]
    prices = [p for _, p in strip.mids] + [p for _, p, *_ in strip.fills] + [p for _, p in strip.levels]
    low, high = svg.reach(prices, 0.12)
    ticks, (start, end) = svg.round_steps(low, high, _N_STEPS), svg.reach(times, 0.04)
    panel = Panel(_left_of(ticks), top, WIDE - 6, top + 160, start, end, low, high)
    parts = [svg.box(panel.x(0), panel.top, panel.x(max(strip.end_s, 1e-3)), panel.bottom, "line")]
    parts += [*_y_axis(panel, ticks, "class mid and fills"), *_x_axis(panel, svg.round_steps(start, end, 8))]
    below = "seconds from acceptance; shaded while the order worked"
    parts.append(svg.text((panel.left + panel.right) / 2, panel.bottom + 29, below, SIZE, "muted", anchor="middle"))
    stairs: list[Spot] = []
    for t, price in strip.mids:
        if stairs:
            stairs.append((panel.x(t), stairs[-1][1]))
        stairs.append((panel.x(t), panel.y(price)))
    if stairs:
        parts.append(svg.path(stairs, "ink", 1.4))
    for i, (_, price) in enumerate(strip.levels):
        at, hue, dashes = panel.y(price), HUES[i % len(HUES)], _DASHES[i % len(_DASHES)]
        parts.append(svg.line((panel.left, at), (panel.right, at), hue, 1.3, dashes))
    for t, price, size, venue in strip.fills:
        radius = ((24 + 90 * size) / 4) ** 0.5  # an area that grows with what was filled
        parts.append(svg.mark(look[venue][1], (panel.x(t), panel.y(price)), radius, look[venue][0], "paper"))
    return svg.picture(WIDE, panel.bottom + 36, "Class mid around the order with its fills", [*legend, *parts])


def arms_chart(arms: Sequence[ArmBar]) -> str:
    """Planned cost of each way of routing with the interval that plans' errors give it; the chosen one is marked."""
    ends = [end for arm in arms for end in (arm.planned_bps, arm.low_bps, arm.high_bps) if end is not None]
    low, high = svg.reach(ends, 0.08)
    left = 14 + max((svg.width(arm.name, SIZE) for arm in arms), default=0.0)
    panel = Panel(left, 4, WIDE - 12, 22 + 27.4 * len(arms), low, high, -0.6, len(arms) - 0.25)
    ticks = svg.round_steps(low, high, 8)
    parts = [svg.line((panel.x(value), panel.top), (panel.x(value), panel.bottom), "line", 0.8) for value in ticks]
    parts += [svg.line((panel.left, panel.top), (panel.left, panel.bottom), "line", 1), *_x_axis(panel, ticks)]
    for i, arm in enumerate(reversed(arms)):
        colour, at = "total" if arm.is_chosen else "muted", panel.y(i)
        if arm.low_bps is not None and arm.high_bps is not None:
            parts.append(svg.line((panel.x(arm.low_bps), at), (panel.x(arm.high_bps), at), colour, 2, cap="round"))
        radius = 4.0 if arm.is_chosen else 3.3
        parts.append(svg.mark("circle", (panel.x(arm.planned_bps), at), radius, colour, "paper"))
        told = _signed(arm.planned_bps)
        parts.append(svg.text(panel.x(arm.planned_bps), at - 7, told, SMALL, "ink", anchor="middle"))
        parts.append(svg.text(panel.left - 7, at + 3.5, arm.name, SIZE, "muted", anchor="end"))
    has_bars = any(arm.low_bps is not None for arm in arms)
    words = "planned cost, bps" + ("; bars: 95 % of what a plan has been wrong by" if has_bars else "")
    parts.append(svg.text((panel.left + panel.right) / 2, panel.bottom + 29, words, SIZE, "muted", anchor="middle"))
    return svg.picture(WIDE, panel.bottom + 36, "Planned cost of each way of routing", parts)


def _signed(value_bps: float) -> str:
    words = f"{value_bps:+.2f}"
    return words[1:] if not float(words) else words.replace("-", MINUS)


def _curve(panel: Panel, curve: Curve, colour: str) -> list[str]:
    """One venue's markouts in its panel."""
    banded = [
        (panel.x(i), panel.y(low), panel.y(high))
        for i, (_, _, low, high) in enumerate(curve.points)
        if low is not None and high is not None
    ]
    parts = []
    if len(banded) > 1:
        rim = [(x, low) for x, low, _ in banded] + [(x, high) for x, _, high in reversed(banded)]
        parts.append(svg.area(rim, colour, 0.22))
    spots = [(panel.x(i), panel.y(mean)) for i, (_, mean, _, _) in enumerate(curve.points)]
    parts += [svg.line((panel.left, panel.y(0)), (panel.right, panel.y(0)), "muted", 0.8), svg.path(spots, colour, 1.8)]
    parts += [svg.mark("circle", spot, 2, colour) for spot in spots]
    for (x, _), (seconds, *_) in zip(spots, curve.points, strict=True):
        parts.append(svg.text(x, panel.bottom + 14, f"{seconds:g} s", SIZE, "muted", anchor="middle"))
    parts.append(svg.text(panel.left, panel.top - 7, curve.name, SIZE, "ink", weight="bold"))
    parts.append(svg.text(panel.right, panel.top - 7, curve.note, 8.5, "muted", anchor="end"))
    return parts


def _left_of(ticks: Sequence[Value]) -> Px:
    """Room for figures and the name of a y axis."""
    return 26 + max(svg.width(words, SIZE) for words in svg.step_texts(ticks))


def _y_axis(panel: Panel, ticks: Sequence[Value], name: str | None) -> list[str]:
    """Lines across, the axis, and its figures and name (None: a neighbour shows them)."""
    parts = [svg.line((panel.left, panel.y(v)), (panel.right, panel.y(v)), "line", 0.8) for v in ticks]
    parts.append(svg.line((panel.left, panel.top), (panel.left, panel.bottom), "line", 1))
    parts.append(svg.line((panel.left, panel.bottom), (panel.right, panel.bottom), "line", 1))
    if name is not None:
        for value, words in zip(ticks, svg.step_texts(ticks), strict=True):
            parts.append(svg.text(panel.left - 6, panel.y(value) + 3.5, words, SIZE, "muted", anchor="end"))
        middle = (panel.top + panel.bottom) / 2
        parts.append(svg.text(10, middle, name, SIZE, "muted", anchor="middle", turn="-90"))
    return parts


def _x_axis(panel: Panel, ticks: Sequence[Value]) -> list[str]:
    """The lower edge and its figures."""
    parts = [svg.line((panel.left, panel.bottom), (panel.right, panel.bottom), "line", 1)]
    for value, words in zip(ticks, svg.step_texts(ticks), strict=True):
        parts.append(svg.text(panel.x(value), panel.bottom + 14, words, SIZE, "muted", anchor="middle"))
    return parts


def _legend(levels: Sequence[tuple[str, float]], look: dict[str, tuple[str, str]]) -> tuple[list[str], Px]:
    """What the lines and marks mean, in rows that fit; and where the panel may begin."""
    parts: list[str] = []
    x, y = 40.0, 12.0
    names = [f"{name} {price:,.2f}" for name, price in levels]
    for i, name in enumerate((*names, *look)):
        wide = 40 + svg.width(name, SMALL)
        if x + wide > WIDE and x > 40:
            x, y = 40.0, y + 15
        if i < len(names):
            parts.append(svg.line((x, y - 3), (x + 18, y - 3), HUES[i % len(HUES)], 1.3, _DASHES[i % len(_DASHES)]))
        else:
            parts.append(svg.mark(look[name][1], (x + 9, y - 3), 3.3, look[name][0], "paper"))
        parts.append(svg.text(x + 24, y, name, SMALL, "ink"))
        x += wide
    return parts, y + 12
