"""The report's charts as SVG text that lives in an HTML page: colours are the page's own variables, text is text.

matplotlib draws with placeholder colours; they become `var(--…)`, so that one picture serves a light and a dark page.
Nothing refers to anything outside: no metadata, no name spaces, no fonts. Callers hold a lock: matplotlib's settings
belong to the process. It is imported when the first chart is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, PAPER = "#010203", "#040506", "#070809", "#0a0b0c"
COST, GAIN, TOTAL = "#0d0e0f", "#101112", "#131415"
# Okabe and Ito's eight, which people with any kind of colour sight tell apart; the page has a set for each scheme.
HUES: Final = ("#161718", "#191a1b", "#1c1d1e", "#1f2021", "#222324", "#252627")
_NAMES: Final = dict(
    zip(
        (INK, MUTED, LINE, PAPER, COST, GAIN, TOTAL, *HUES),
        ("ink", "muted", "line", "paper", "cost", "gain", "total", "c1", "c2", "c3", "c4", "c5", "c6"),
        strict=True,
    )
)
_SETTINGS: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
}
_JUNK: Final = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|\s(?:xmlns(?::\w+)?|version)=\"[^\"]*\"|<!--.*?-->", re.DOTALL
)
_PLAIN_IDS: Final = re.compile(r"\sid=\"[A-Za-z0-9.]+(?:_[a-z0-9]+)*_\d+\"")
_SIZE: Final = re.compile(r"(<svg)([^>]*?)\swidth=\"[^\"]*\"", re.DOTALL)
_HEIGHT: Final = re.compile(r"(<svg[^>]*?)\sheight=\"[^\"]*\"", re.DOTALL)
_FONT: Final = re.compile(r"font:\s*([\d.]+)px[^;\"]*")
_FAMILY: Final = re.compile(r"font-family:[^;\"]*;?\s*")


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
    figure, axes = _canvas(8.4, 3.3, "waterfall")
    running_bps = 0.0
    names = [name for name, _ in steps] + ["total"]
    tops = []
    for i, (_, step_bps) in enumerate(steps):
        axes.bar(i, step_bps, 0.62, bottom=running_bps, color=COST if step_bps >= 0 else GAIN)
        if i:
            axes.plot([i - 1 + 0.31, i - 0.31], [running_bps, running_bps], color=MUTED, linewidth=0.8)
        tops.append((max(running_bps, running_bps + step_bps), step_bps))
        running_bps += step_bps
    axes.bar(len(steps), total_bps, 0.62, color=TOTAL)
    tops.append((max(0.0, total_bps), total_bps))
    low, high = axes.get_ylim()
    for i, (top_bps, value_bps) in enumerate(tops):
        axes.text(i, top_bps + (high - low) * 0.03, _signed(value_bps), ha="center", va="bottom", fontsize=9.5)
    axes.set_ylim(low - (high - low) * (0.04 if low < 0 else 0), high + (high - low) * 0.12)
    axes.axhline(0, color=MUTED, linewidth=0.9)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("bps of the order, a cost is up")
    axes.grid(axis="y")
    return _svg(figure, "Cost split by step in basis points")


def markout_chart(curves: Sequence[Curve]) -> str:
    """One small picture a venue, the same scale in all: net markout over the horizon with its 95 % band."""
    n_columns = min(3, max(1, len(curves)))
    n_rows = -(-len(curves) // n_columns)
    figure, _ = _canvas(8.4, 0.45 + 2.05 * n_rows, "markouts", has_axes=False)
    shared: Axes | None = None
    for i, curve in enumerate(curves):
        axes = figure.add_subplot(n_rows, n_columns, i + 1, sharey=shared)
        shared = shared or axes
        _draw_curve(axes, curve, HUES[i % len(HUES)])
        if i % n_columns:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel("net markout, bps")
    return _svg(figure, "Net markouts by venue and horizon")


def strip_chart(strip: Strip) -> str:
    """The class mid around an order with its fills on it."""
    from matplotlib.collections import PathCollection

    figure, axes = _canvas(8.4, 3.2, "strip")
    axes.axvspan(0, max(strip.end_s, 1e-3), color=LINE, linewidth=0)
    if strip.mids:
        axes.step([t for t, _ in strip.mids], [p for _, p in strip.mids], where="post", color=INK, linewidth=1.4)
    for i, (name, price) in enumerate(strip.levels):
        dashes = ((0, (5, 3)), (0, (1, 2)), (0, (6, 2, 1, 2)))[i % 3]
        axes.axhline(price, color=HUES[i % len(HUES)], linewidth=1.3, linestyle=dashes, label=f"{name} {price:,.2f}")
    venues = sorted({venue for _, _, _, venue in strip.fills})
    marks = "osD^vP"
    for i, venue in enumerate(venues):
        mine = [fill for fill in strip.fills if fill[3] == venue]
        axes.scatter(
            [f[0] for f in mine],
            [f[1] for f in mine],
            [24 + 90 * f[2] for f in mine],
            color=HUES[(i + 2) % len(HUES)],
            marker=marks[i % len(marks)],
            edgecolors=PAPER,
            linewidths=0.8,
            label=venue,
            zorder=3,
        )
    axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    axes.margins(y=0.12)
    axes.set_xlabel("seconds from acceptance; shaded while the order worked")
    axes.set_ylabel("class mid and fills")
    axes.grid(axis="y")
    legend = figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=9)
    for mark in legend.legend_handles:
        if isinstance(mark, PathCollection):
            mark.set_sizes([44])  # a venue's first fill may be the smallest of all
    return _svg(figure, "Class mid around the order with its fills")


def arms_chart(arms: Sequence[ArmBar]) -> str:
    """Planned cost of each way of routing with the interval that plans' errors give it; the chosen one is marked."""
    figure, axes = _canvas(8.4, 0.8 + 0.38 * len(arms), "arms")
    for i, arm in enumerate(reversed(arms)):
        colour = TOTAL if arm.is_chosen else MUTED
        if arm.low_bps is not None and arm.high_bps is not None:
            axes.plot([arm.low_bps, arm.high_bps], [i, i], color=colour, linewidth=2, solid_capstyle="round")
        axes.scatter([arm.planned_bps], [i], 64 if arm.is_chosen else 44, color=colour, edgecolors=PAPER, zorder=3)
        axes.annotate(
            _signed(arm.planned_bps), (arm.planned_bps, i), (0, 7), textcoords="offset points", ha="center", fontsize=9
        )
    axes.set_yticks(range(len(arms)), [arm.name for arm in reversed(arms)])
    axes.set_ylim(-0.6, len(arms) - 0.25)
    axes.margins(x=0.08)
    has_bars = any(arm.low_bps is not None for arm in arms)
    axes.set_xlabel("planned cost, bps" + ("; bars: 95 % of what a plan has been wrong by" if has_bars else ""))
    axes.grid(axis="x")
    return _svg(figure, "Planned cost of each way of routing")


def _signed(value_bps: float) -> str:
    text = f"{value_bps:+.2f}"
    return text[1:] if not float(text) else text.replace("-", "\N{MINUS SIGN}")


def _draw_curve(axes: Axes, curve: Curve, colour: str) -> None:
    spots = range(len(curve.points))
    banded = [
        (i, low, high) for i, (_, _, low, high) in enumerate(curve.points) if low is not None and high is not None
    ]
    if len(banded) > 1:
        axes.fill_between(
            [i for i, _, _ in banded],
            [low for _, low, _ in banded],
            [high for _, _, high in banded],
            color=colour,
            alpha=0.22,
            linewidth=0,
        )
    axes.plot(spots, [mean for _, mean, _, _ in curve.points], color=colour, marker="o", markersize=4, linewidth=1.8)
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_xticks(spots, [f"{seconds:g} s" for seconds, _, _, _ in curve.points])
    axes.set_title(curve.name, fontsize=10, loc="left", color=INK, fontweight="bold")
    axes.set_title(curve.note, fontsize=8.5, loc="right", color=MUTED)
    axes.grid(axis="y")
    axes.margins(x=0.08)


def _canvas(wide: float, high: float, name: str, *, has_axes: bool = True) -> tuple[Figure, Any]:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    mpl.rcParams.update(_SETTINGS | {"svg.hashsalt": f"bestex {name}"})
    figure = Figure(figsize=(wide, high), layout=ConstrainedLayoutEngine(wspace=0.06, hspace=0.08))
    figure.patch.set_alpha(0)
    axes = figure.add_subplot() if has_axes else None
    for each in figure.axes:
        each.set_facecolor("none")
        each.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, label: str) -> str:
    """The figure as inline SVG: as wide as its place, in the page's colours and fonts."""
    for axes in figure.axes:
        axes.set_facecolor("none")
        axes.set_axisbelow(True)
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = _JUNK.sub("", out.getvalue()).replace("xlink:href", "href")
    text = _PLAIN_IDS.sub("", text)
    text = _HEIGHT.sub(r"\1", _SIZE.sub(rf'\1 role="img" aria-label="{label}"\2', text, count=1), count=1)
    text = _FAMILY.sub("", _FONT.sub(r"font-size: \1px", text))
    for colour, name in _NAMES.items():
        text = text.replace(colour, f"var(--{name})")
    return text.strip()
