"""Holds the simulated markets against the recorded ones and writes docs/results/calibration.md.

    python -m loadtests.report_calibration [--data FOLDER] [--out FILE]

The same figures are taken from the simulated books as from the recorded ones: spread, volatility, depth, its
variation, and how far venues stray from each other. Same data, same bytes. Needs pyarrow.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.venues.registry import load_universe, read_table
from app.venues.simulated_market import BookSpec, MarketSpec, SimulatedMarket, load_market_spec
from loadtests.calibrate_simulated import (
    DATA,
    NEAR_BPS,
    ROOT,
    SOURCES,
    Quotes,
    measure_depth,
    measure_quotes,
)

OUT = ROOT / "docs" / "results" / "calibration.md"
SEED = 7
SECONDS = 1_032  # three times the recorded BTC window
DISTANCES_BPS = (1.0, 5.0, 15.0)
HORIZON_S = 5.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What a book looks like over time. Depths in base within each distance, medians over both sides."""

    spread_bps: float
    volatility_bps: float
    near_log_sd: float
    depth: tuple[float, ...]


@dataclass(frozen=True)
class Walked:
    """One venue's mids and depths at each of its updates."""

    mid: Floats
    spread_bps: Floats
    depth: Floats  # float64[updates, 2 sides, distances]


def walk(spec: MarketSpec, symbol: str) -> dict[str, Walked]:
    """Every venue's book of `symbol` at each step of its own updates."""
    market = SimulatedMarket(spec, SEED, 0)
    rows: dict[str, list[tuple[float, float, list[list[float]]]]] = {v: [] for v, name in spec.books if name == symbol}
    for step in range(1, int(SECONDS * 1e9 / spec.step_ns) + 1):
        market.run(1)
        for venue, series in rows.items():
            book = spec.books[(venue, symbol)]
            if step % book.update_steps == book.first_step:
                series.append(_look(market, book))
    return {
        venue: Walked(
            np.array([row[0] for row in series]),
            np.array([row[1] for row in series]),
            np.array([row[2] for row in series]),
        )
        for venue, series in rows.items()
    }


def _look(market: SimulatedMarket, book: BookSpec) -> tuple[float, float, list[list[float]]]:
    sides = market.sides(book.instrument.venue, book.symbol.name, 0)
    bid, ask = sides.bids[0][0], sides.asks[0][0]
    scale = 10**book.symbol.qty_scale
    slack_units = book.instrument.tick_units  # levels are rounded outward by up to a tick
    depth: list[list[float]] = []
    for levels in (sides.bids, sides.asks):
        best = levels[0][0]
        away = [(abs(price - best) - slack_units, qty / scale) for price, qty in levels]
        depth.append([sum(qty for units, qty in away if units <= best * d * 1e-4) for d in DISTANCES_BPS])
    return (bid + ask) / 2, (ask - bid) / ((ask + bid) / 2) * 1e4, depth


def see(path: Walked, update_s: float) -> Seen:
    """The figures of one simulated path."""
    horizon = max(1, round(HORIZON_S / update_s))
    moves = np.log(path.mid[horizon:] / path.mid[:-horizon]) * 1e4
    return Seen(
        spread_bps=float(path.spread_bps.mean()),
        volatility_bps=float(moves.std() / math.sqrt(horizon * update_s)),
        near_log_sd=float(np.median(np.log(path.depth[:, :, 0]).std(axis=0))),
        depth=tuple(np.median(path.depth, axis=(0, 1)).tolist()),
    )


def recorded(data: Path, market: str, coin: str) -> Seen:
    """The same figures of a recorded market."""
    source = next(s for s in SOURCES if s.coin == coin and f"_{market}_" in s.file)
    quotes, depth = measure_quotes(data, source), measure_depth(data, source)
    inside = [sum(q for e, q in zip(depth.edges_bps, depth.level_qty, strict=True) if e <= d) for d in DISTANCES_BPS]
    return Seen(quotes.spread_bps, quotes.volatility_bps, depth.near_log_sd, tuple(inside))


def render(data: Path) -> str:
    """The whole report."""
    universe = load_universe()
    spec, table = load_market_spec(universe), read_table()
    lines = _head(data)
    for symbol in universe.symbols:
        coin = symbol.partition("/")[0]
        paths = walk(spec, symbol)
        lines += _table(data, coin, paths, spec, table)
    return "\n".join(lines + _foot()) + "\n"


def _table(
    data: Path, coin: str, paths: dict[str, Walked], spec: MarketSpec, table: dict[str, list[dict[str, object]]]
) -> list[str]:
    symbol = f"{coin}/USDT"
    lines = [
        f"## {symbol}",
        "",
        "| venue | shaped after x share | spread bp | volatility bp/sqrt(s) | log sd of near depth"
        " | depth 1 bp | 5 bp | 15 bp |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table["venues"]:
        venue, market, share = str(row["venue_id"]), str(row["profile"]), float(str(row["share"]))
        book = spec.books[(venue, symbol)]
        mine = see(paths[venue], book.update_steps * spec.step_ns / 1e9)
        theirs = recorded(data, market, coin)
        tick_bps = book.instrument.tick_units / 10**book.symbol.price_scale / spec.prices[symbol].start * 1e4
        cells = [
            f"{venue}",
            f"{market} x {share:g}",
            f"{mine.spread_bps:.3f} / {theirs.spread_bps:.3f} (tick {tick_bps:.3f})",
            f"{mine.volatility_bps:.2f} / {theirs.volatility_bps:.2f}",
            f"{mine.near_log_sd:.2f} / {theirs.near_log_sd:.2f}",
            *(f"{a:.3g} / {b * share:.3g}" for a, b in zip(mine.depth, theirs.depth, strict=True)),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", *_strays(coin, paths, data), ""]


def _strays(coin: str, paths: dict[str, Walked], data: Path) -> list[str]:
    """Two venues' distance, where their updates are equally frequent."""
    quotes: dict[str, Quotes] = {s.file.split("_")[1]: measure_quotes(data, s) for s in SOURCES if s.coin == coin}
    low = max(q.grid_ns[0] for q in quotes.values())
    high = min(q.grid_ns[-1] for q in quotes.values())
    grid = np.arange(low, high, 100_000_000)
    at = {m: np.log(q.mid[np.searchsorted(q.grid_ns, grid, side="right") - 1]) * 1e4 for m, q in quotes.items()}
    gaps = {m: float((at[m] - at["spot"]).std()) for m in ("usdm", "coinm")}
    mine = {v: np.log(paths[v].mid) * 1e4 for v in ("sim_alpha", "sim_bravo", "sim_charlie")}
    n = min(len(series) for series in mine.values())
    ours = {v: float((mine[v][:n] - mine["sim_alpha"][:n]).std()) for v in ("sim_bravo", "sim_charlie")}
    return [
        "Distance of mids, sd in bp, simulated / recorded:"
        f" sim_bravo to sim_alpha {ours['sim_bravo']:.2f} / usdm to spot"
        f" {gaps['usdm']:.2f}; sim_charlie to sim_alpha {ours['sim_charlie']:.2f} / coinm to spot {gaps['coinm']:.2f}.",
    ]


def _head(data: Path) -> list[str]:
    spans = [f"- `{s.file}`: {measure_quotes(data, s).span}" for s in SOURCES]
    return [
        "# The simulated markets against the recorded ones",
        "",
        "Written by `python -m loadtests.report_calibration`; the parameters by `python -m"
        " loadtests.calibrate_simulated`, which writes `app/venues/simulated.toml` with every figure and its source.",
        "Recorded: hftbacktest examples (MIT, commit 5f3ec40b), Binance spot, USD-M and COIN-M books of 2024-08-08:",
        "",
        *spans,
        "",
        f"Simulated: seed {SEED}, {SECONDS} s of model time. Each cell is simulated / recorded; recorded depth is times"
        " the venue's share, in base.",
        "",
    ]


def _foot() -> list[str]:
    return [
        "## What this is, and what it is not",
        "",
        "- One exchange, one evening, 2 to 6 minutes: the figures describe that window and calibrate nothing beyond it."
        " They make the demo and the fault tests move like a market; no saving in basis points may be read off them.",
        "- Measured: volatility, spread, depth by distance, its variation and half-life, feed delay, distance between"
        " markets. Chosen: fees, ticks, lots, minimums, shares, far delays, publishing rates, one venue's fixed"
        " cost.",
        "- A simulated level stands for a band of distance and sits at its outer edge: the middle book is never cheaper"
        " to walk than the recorded one. Near levels (within 2 bp) of a side vary together, for what was measured is"
        f" the variation of depth within {NEAR_BPS:g} bp.",
        "- A simulated spread is the recorded mean in whole ticks of the venue, at least one, and constant; recorded"
        " spreads jump. A coarse tick makes it wider than recorded.",
        "- Taken depth comes back linearly over twice the measured half-life. The measurement takes every fall of near"
        " depth by 40 % within 200 ms; quotes that follow the price and noise that reverts make it look faster than a"
        " true refill, so our own repeated orders are treated too kindly rather than too harshly.",
        "- Not modelled: trades of others, queues, jumps, a price that answers to our orders, venues that lead or lag."
        " The distance between venues is borrowed from three products of one exchange; each venue strays from the"
        " efficient price by it over the square root of two.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(render(options.data), encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
