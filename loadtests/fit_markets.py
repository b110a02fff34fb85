"""Holds the simulated families against the recorded markets and writes docs/results/simulated_markets.md.

    python -m loadtests.fit_markets [--data FOLDER] [--out FILE] [--hft-python PATH]

BTC spot and USD-M are what the files of the families were fitted to; BTC COIN-M and the ETH markets were looked at by
nobody who fitted. Same data, same bytes (the check by hftbacktest included). Needs pyarrow and scipy.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from app.venues.markets.hawkes import hawkes_markets
from app.venues.markets.propagator import propagator_markets
from app.venues.markets.queue_reactive import queue_reactive_markets
from app.venues.markets.spec import read_world
from app.venues.markets.world import Markets
from loadtests import hft_queue
from loadtests.calibrate_simulated import DATA, ROOT, SOURCES
from loadtests.market_facts import (
    BANDS_BP,
    LAGS_S,
    SIGN_LAGS,
    SIZE_CUTS,
    VOL_S,
    Facts,
    Tape,
    lead_s,
    measure,
    recorded_tape,
    simulated_tape,
)
from loadtests.metaorders import AFTER_S, SIZES_LOTS, Impact, sweep

OUT = ROOT / "docs" / "results" / "simulated_markets.md"
MARKETS = ROOT / "app" / "venues" / "markets"
FAMILIES: Mapping[str, Callable[..., Markets]] = {
    "queue_reactive": queue_reactive_markets,
    "hawkes": hawkes_markets,
    "propagator": propagator_markets,
}
FIT = ("spot_BTCUSDT", "usdm_BTCUSDT")
START_TICKS, USD_A_LOT = 60_000.0, 300.0
HIDDEN_SEEDS = (101, 102, 103)  # no figure of the files was chosen on these
SWEEP_SEEDS = tuple(range(201, 209))
SECONDS = 240.0
POWER_RANGE = (0.4, 0.7)  # EVIDENCE's of a metaorder sweep
PREAMBLE = """# Simulated markets against recorded ones

Written by `python -m loadtests.fit_markets`. Recorded: Binance, 8 August 2024 (hftbacktest examples, MIT, 5f3ec40b):
BTC 344 s, ETH 120 s: one regime of one evening. **What follows says how near the simulators come to those minutes; it
is no evidence of savings.** Fitted by hand to {fit}; every other market is held out. A family's
column is the mean of {n} worlds whose hidden numbers were drawn by seeds that no fitting used, {seconds:.0f} s each,
first venue. One tick is 1/6 bp, so that no simulated spread can be below 0.167 bp; a lot is {lot:.0f} USD. The
queue-reactive file was not fitted to these figures. All markets are measured by the same code
(`loadtests/market_facts.py`).
"""


def rows_of(facts: Facts) -> dict[str, float]:
    """One number a row of the tables."""
    found = {"spread bp": facts.spread_bp}
    found |= {f"volatility at {s:g} s, bp / sqrt s": v for s, v in zip(VOL_S, facts.volatility_bp, strict=True)}
    found |= {
        "takers a second": facts.orders_per_s,
        "taker size median USD": facts.size_median_usd,
        "taker size mean USD": facts.size_mean_usd,
        "taker size log sd": facts.size_log_sd,
    }
    lags = zip(SIGN_LAGS, facts.sign_autocorrelation, strict=True)
    found |= {f"sign autocorrelation {k}": v for k, v in lags}
    found |= {
        "Hawkes children, same side": facts.branching,
        "Hawkes children, other side": facts.branching_other_side,
        "Hawkes mean delay s": facts.branching_delay_s,
    }
    for i, high in enumerate(BANDS_BP[1:]):
        found[f"depth within {high:g} bp, kUSD"] = facts.depth_usd[i] / 1e3
        found[f"appears to {high:g} bp, kUSD / s"] = facts.added_usd_per_s[i] / 1e3
        found[f"goes to {high:g} bp, kUSD / s"] = facts.removed_usd_per_s[i] / 1e3
    found["refill half-life s"] = facts.refill_half_life_s
    for i, row in enumerate(facts.response_bp):
        for lag, value in zip(LAGS_S, row, strict=True):
            if lag in (0.1, 1.0, 10.0):
                found[f"response {lag:g} s, size {SIZE_CUTS[i]}-{SIZE_CUTS[i + 1]} %, bp"] = value
    found["response power of size, 1 s"] = facts.response_power
    return found


def made(family: str, seed: int, hidden_seed: int) -> Markets:
    """The family's world as its file says."""
    return FAMILIES[family](read_world(MARKETS / f"{family}.toml"), seed, hidden_seed)


def simulated_rows(family: str) -> tuple[dict[str, float], tuple[float, float]]:
    """Mean figures over the hidden seeds, and the lead of venue 0 over venue 1 in the first of the worlds."""
    found, lead = [], (float("nan"), float("nan"))
    for hidden in HIDDEN_SEEDS:
        market = made(family, hidden, hidden)
        market.advance(5_000_000_000)
        found.append(rows_of(measure(simulated_tape(market, family, SECONDS, USD_A_LOT))))
        if hidden == HIDDEN_SEEDS[0]:
            lead = lead_s(_quotes(made(family, hidden, hidden), 0), _quotes(made(family, hidden, hidden), 1))
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}, lead


def _quotes(market: Markets, venue_i: int) -> Tape:
    """Quotes alone, 60 s."""
    return simulated_tape(market, "", 60.0, USD_A_LOT, venue_i)


def misses(recorded: Mapping[str, Mapping[str, float]], simulated: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Figures of each family outside half to twice the range of the markets fitted to; then of the held-out ones."""
    lines = ["| family | figure | simulated | fitted to, range | held out, range |", "|---|---|---:|---|---|"]
    for family, row in simulated.items():
        for name, value in row.items():
            fit = [recorded[m][name] for m in FIT]
            held = [r[name] for m, r in recorded.items() if m not in FIT and np.isfinite(r[name])]
            low, high = min(fit), max(fit)
            slack = 0.05 if "autocorrelation" in name or "response" in name else 0.0
            is_near = _near(value, low, high, slack)
            if not is_near:
                held_text = f"{min(held):.3g} to {max(held):.3g}" if held else "none"
                also = " (inside)" if held and _near(value, min(held), max(held), slack) else ""
                lines.append(f"| {family} | {name} | {value:.3g} | {low:.3g} to {high:.3g} | {held_text}{also} |")
    return lines


def _near(value: float, low: float, high: float, slack: float) -> bool:
    """Within half the low end and twice the high end (ends of the other sign are widened alike)."""
    least = (low / 2 if low > 0 else 2 * low) - slack
    most = (2 * high if high > 0 else high / 2) + slack
    return bool(least <= value <= most)


def table(recorded: Mapping[str, Mapping[str, float]], simulated: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Everything, one row a figure."""
    columns = {**{(f"**{m}**" if m in FIT else m): r for m, r in recorded.items()}, **simulated}
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name in next(iter(columns.values())):
        lines.append(f"| {name} | " + " | ".join(f"{row[name]:.3g}" for row in columns.values()) + " |")
    return lines


def metaorder_table(impacts: Mapping[str, Impact]) -> list[str]:
    """Impact by size and time after, then the power and what is left."""
    heads = [f"{qty * USD_A_LOT / 1e3:.0f}k, +{after} s" for qty in SIZES_LOTS for after in AFTER_S]
    lines = ["| family | power of size | within 0.4-0.7 | left after 60 s | " + " | ".join(heads) + " |"]
    lines.append("|---|---:|---|---:|" + "---:|" * len(heads))
    for family, found in impacts.items():
        is_in = "yes" if POWER_RANGE[0] <= found.power <= POWER_RANGE[1] else "**no**"
        cells = [f"{m:.2f} ± {e:.2f}" for m, e in zip(found.impact_bp.ravel(), found.error_bp.ravel(), strict=True)]
        lines.append(f"| {family} | {found.power:.2f} | {is_in} | {found.left_frac:.0%} | " + " | ".join(cells) + " |")
    return lines


def hft_section(python: str) -> list[str]:
    """What hftbacktest makes of the same orders, or how to ask it."""
    lines = ["", "## Queue fills against hftbacktest", "", (hft_queue.__doc__ or "").split("\n\n")[3], ""]
    if not python:
        return [*lines, f"Not run: no interpreter was named ({hft_queue.PYTHON_VARIABLE})."]
    for family in hft_queue.MAKERS:
        played = hft_queue.play(family, 11, 600.0)
        lines += ["", f"{family}, 600 s:", "", *hft_queue.table(played, hft_queue.ask_hftbacktest(played, python))]
    return lines


def render(data: Path, python: str) -> str:
    """The whole page."""
    tapes = {tape.name: tape for tape in (recorded_tape(data, source) for source in SOURCES)}
    recorded = {name: rows_of(measure(tape)) for name, tape in tapes.items()}
    leads = {f"{a} over {b}": lead_s(tapes[a], tapes[b]) for a, b in _pairs(list(tapes))}
    simulated = {}
    for family in FAMILIES:
        simulated[family], lead = simulated_rows(family)
        leads[f"{family}: first venue over second"] = lead
    impacts = {
        family: sweep(lambda seed, hidden, f=family: made(f, seed, hidden), START_TICKS, SWEEP_SEEDS)
        for family in FAMILIES
    }
    lines = [PREAMBLE.format(fit=" and ".join(FIT), n=len(HIDDEN_SEEDS), seconds=SECONDS, lot=USD_A_LOT)]
    lines += ["## Misses", "", "Figures below half or above twice the range of the markets fitted to:", ""]
    lines += misses(recorded, simulated)
    lines += ["", "## Metaorders", "", _about_metaorders(), "", *metaorder_table(impacts)]
    lines += ["", "## All figures", "", "Bold: fitted to.", "", *table(recorded, simulated)]
    lines += ["", "## Who leads", "", "| | lag s | correlation of 20 ms moves |", "|---|---:|---:|"]
    lines += [f"| {name} | {lag:.2f} | {rho:.2f} |" for name, (lag, rho) in leads.items()]
    return "\n".join([*lines, *hft_section(python)]) + "\n"


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Markets of one coin, each pair once."""
    coin = {name: name.split("_")[1][:3] for name in names}
    return [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if coin[a] == coin[b]]


def _about_metaorders() -> str:
    return (
        f"Ten immediate children over 10 s, shared over the lit venues, {len(SWEEP_SEEDS)} worlds of unseen hidden "
        "seeds; half the difference between a buyer's and a seller's path of the same world, bp, ± standard error over "
        "worlds. The recorded markets hold no metaorder of ours: the range 0.4 to 0.7 is the literature's."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--hft-python", default=os.environ.get(hft_queue.PYTHON_VARIABLE, ""))
    arguments = parser.parse_args()
    arguments.out.write_text(render(arguments.data, arguments.hft_python), encoding="utf-8")


if __name__ == "__main__":
    main()
