"""Books that move: one efficient price a symbol, and around it one book a venue. A model, and called one everywhere.

The efficient price is a driftless log random walk. A venue's mid strays from it as an AR(1) process; its depth is the
recorded profile times lognormal noise that is itself AR(1). Figures: simulated.toml, measured by
loadtests/calibrate_simulated.py. The same seed and the same number of steps give the same books, however the steps
are batched. What we take from a book is not known here: see execution/simulator.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.domain.book import Level
from app.domain.ids import hash80
from app.domain.instrument import Instrument, Symbol
from app.domain.universe import Universe
from app.venues.registry import SIMULATED, ns_of_ms, read_table

# After a longer pause (a suspended machine) the market goes on from where it stood instead of catching up.
MAX_CATCH_UP_STEPS: Final = 1_000
# Levels nearer than this vary as near depth does, deeper ones as deep bands do: where the calibration draws the line.
DEEP_BPS: Final = 2.0
DRAWN_MOVES: Final = 64  # of a book at once: the generator is asked seldom

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sides:
    """One venue's book in symbol units, best first; `update_n` rises with each change."""

    update_n: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class PriceSpec:
    """The efficient price: `start` in quote per base, `volatility_bps` per root second."""

    start: float
    volatility_bps: float


@dataclass(frozen=True, slots=True)
class BookSpec:
    """One venue's book of one symbol. Quantities in base, distances in bps from the side's best, times in seconds."""

    instrument: Instrument
    symbol: Symbol
    share: float
    update_steps: int
    first_step: int
    spread_bps: float
    stray_bps: float
    stray_half_life_s: float
    edges_bps: tuple[float, ...]
    level_qty: tuple[float, ...]
    near_log_sd: float
    deep_log_sd: float
    qty_half_life_s: float
    refill_ns: int


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """Everything a market is made of; `books` by (venue, symbol)."""

    step_ns: int
    prices: Mapping[str, PriceSpec]
    books: Mapping[tuple[str, str], BookSpec]


def load_market_spec(universe: Universe, path: Path = SIMULATED) -> MarketSpec:
    """The market of `path` for the listings of `universe`."""
    table = read_table(path)
    step_ns = ns_of_ms(table["step_ms"])
    prices = {row["name"]: PriceSpec(row["start_price"], row["volatility_bps"]) for row in table["symbols"]}
    books: dict[tuple[str, str], BookSpec] = {}
    for i, row in enumerate(table["venues"]):
        for name in row["listings"]:
            key = (row["venue_id"], name)
            books[key] = _book_spec(universe, key, row, table, i)
    return MarketSpec(step_ns, prices, books)


def _book_spec(
    universe: Universe, key: tuple[str, str], row: dict[str, Any], table: dict[str, Any], venue_i: int
) -> BookSpec:
    profile = table["profiles"][row["profile"]][key[1]]
    update_steps = max(1, row["publish_ms"] // table["step_ms"])
    return BookSpec(
        instrument=universe.instruments[key],
        symbol=universe.symbols[key[1]],
        share=row["share"],
        update_steps=update_steps,
        first_step=venue_i % update_steps,
        spread_bps=profile["spread_bps"],
        stray_bps=profile["stray_bps"] / math.sqrt(2),  # so that two venues are as far apart as the recorded two
        stray_half_life_s=profile["stray_half_life_s"],
        edges_bps=tuple(profile["edges_bps"]),
        level_qty=tuple(profile["level_qty"]),
        near_log_sd=profile["near_log_sd"],
        deep_log_sd=profile["deep_log_sd"],
        qty_half_life_s=profile["qty_half_life_s"],
        refill_ns=round(2e9 * profile["refill_half_life_s"]),
    )


class SimulatedMarket:
    """All books of one seed. Shared by the venues of a process; each call moves it to the step asked for."""

    def __init__(self, spec: MarketSpec, seed: int, epoch_ns: int) -> None:
        self.spec = spec
        self._epoch_ns = epoch_ns
        self._step = 0
        self._prices = {name: _Price(price, spec.step_ns, seed, name) for name, price in spec.prices.items()}
        self._books = {
            key: _Book(book, spec.step_ns, seed, self._prices[key[1]].price) for key, book in spec.books.items()
        }

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides:
        """The venue's book of `symbol` at time `now_ns`; time that runs backwards changes nothing."""
        self._move_to(now_ns)
        return self._books[(venue, symbol)].sides()

    def refill_ns(self, venue: str, symbol: str) -> int:
        """How long the venue's book takes to come back after it was taken from."""
        return self.spec.books[(venue, symbol)].refill_ns

    def next_move_ns(self, venue: str, now_ns: int) -> int:
        """When the first of the venue's books moves next; 0 where it lists nothing."""
        self._move_to(now_ns)
        specs = [book.spec for (name, _), book in self._books.items() if name == venue]
        if not specs:
            return 0
        wait_steps = min((spec.first_step - self._step - 1) % spec.update_steps + 1 for spec in specs)
        return self._epoch_ns + (self._step + wait_steps) * self.spec.step_ns

    def run(self, n_steps: int) -> None:
        """Moves on by `n_steps`, whatever the clock says."""
        for _ in range(n_steps):
            self._step += 1
            for price in self._prices.values():
                price.move()
            for (_, symbol), book in self._books.items():
                if self._step % book.spec.update_steps == book.spec.first_step:
                    book.move(self._prices[symbol].price)

    def _move_to(self, now_ns: int) -> None:
        behind_steps = (now_ns - self._epoch_ns) // self.spec.step_ns - self._step
        if behind_steps > MAX_CATCH_UP_STEPS:
            self._epoch_ns += (behind_steps - MAX_CATCH_UP_STEPS) * self.spec.step_ns
            behind_steps = MAX_CATCH_UP_STEPS
        if behind_steps > 0:
            self.run(behind_steps)


class _Price:
    """The efficient price of one symbol."""

    def __init__(self, spec: PriceSpec, step_ns: int, seed: int, name: str) -> None:
        self.price = spec.start
        self._step_sd = spec.volatility_bps * 1e-4 * math.sqrt(step_ns / 1e9)
        self._chance = _generator(seed, "price", name)

    def move(self) -> None:
        self.price *= math.exp(self._step_sd * self._chance.standard_normal())


class _Book:
    """One venue's book around the efficient price; its levels are made when somebody looks.

    Near levels of a side share one noise, since what was measured is their sum's; deep bands have one each, shifted so
    that their means are the recorded medians. Either way a cumulative depth is the recorded one in the middle.
    """

    def __init__(self, spec: BookSpec, step_ns: int, seed: int, price: float) -> None:
        self.spec = spec
        self._chance = _generator(seed, "book", spec.instrument.venue, spec.instrument.symbol)
        update_s = spec.update_steps * step_ns / 1e9
        self._stray_keep = 0.5 ** (update_s / spec.stray_half_life_s)
        self._noise_keep = 0.5 ** (update_s / spec.qty_half_life_s)
        self._stray_fresh = math.sqrt(1 - self._stray_keep * self._stray_keep) * spec.stray_bps
        self._noise_fresh = math.sqrt(1 - self._noise_keep * self._noise_keep)
        edges = np.array(spec.edges_bps)
        self._away = edges * 1e-4
        self._noise_of_level = np.maximum(0, np.arange(edges.size) - np.searchsorted(edges, DEEP_BPS) + 1)
        self._log_sd = np.where(edges < DEEP_BPS, spec.near_log_sd, spec.deep_log_sd)
        self._log_shift = np.where(edges < DEEP_BPS, 0.0, -0.5 * spec.deep_log_sd**2)
        lots_per_base = 10**spec.symbol.qty_scale / spec.instrument.lot_units
        self._lots: Floats = np.array(spec.level_qty) * spec.share * lots_per_base
        self._stray = spec.stray_bps * self._chance.standard_normal()
        self._noise: Floats = self._chance.standard_normal((2, self._noise_of_level[-1] + 1))
        self._drawn: Iterator[tuple[float, Floats]] = iter(())  # of the moves to come, in their order
        self._price = price
        self._update_n = 1
        self._sides: Sides | None = None

    def move(self, price: float) -> None:
        """One update at the efficient price `price`."""
        drawn = next(self._drawn, None)
        if drawn is None:
            self._drawn = self._draw()
            drawn = next(self._drawn)
        self._stray = self._stray_keep * self._stray + drawn[0]
        self._noise *= self._noise_keep
        self._noise += drawn[1]
        self._price = price
        self._update_n += 1
        self._sides = None

    def _draw(self) -> Iterator[tuple[float, Floats]]:
        """What is new in the stray and in the noise of the next moves: the same numbers as if each drew its own."""
        drawn = self._chance.standard_normal((DRAWN_MOVES, 1 + self._noise.size))
        strays = (self._stray_fresh * drawn[:, 0]).tolist()
        return zip(strays, (self._noise_fresh * drawn[:, 1:]).reshape(-1, *self._noise.shape), strict=True)

    def sides(self) -> Sides:
        if self._sides is None:
            self._sides = self._made()
        return self._sides

    def _made(self) -> Sides:
        """The spread is whole ticks, at least one, about the mid; deeper levels are rounded outward."""
        spec = self.spec
        tick = spec.instrument.tick_units / 10**spec.symbol.price_scale
        mid_ticks = self._price * math.exp(self._stray * 1e-4) / tick
        spread_ticks = max(1, round(mid_ticks * spec.spread_bps * 1e-4))
        bid_ticks = math.floor(mid_ticks - spread_ticks / 2 + 0.5)
        ask_ticks = bid_ticks + spread_ticks
        away_ticks = np.ceil(self._away * mid_ticks).astype(np.int64)
        log_factor = self._log_sd * self._noise[:, self._noise_of_level] + self._log_shift
        lots = np.maximum(1, self._lots * np.exp(log_factor)).astype(np.int64)
        return Sides(
            self._update_n,
            self._levels(bid_ticks - away_ticks, lots[0]),
            self._levels(ask_ticks + away_ticks, lots[1]),
        )

    def _levels(self, price_ticks: npt.NDArray[np.int64], lots: npt.NDArray[np.int64]) -> tuple[Level, ...]:
        """Levels in symbol units; bands that share a tick (or fall through zero) are one level (or none)."""
        merged: dict[int, int] = {}
        for ticks, count in zip(price_ticks.tolist(), lots.tolist(), strict=True):
            if ticks > 0:
                merged[ticks] = merged.get(ticks, 0) + count
        tick_units, lot_units = self.spec.instrument.tick_units, self.spec.instrument.lot_units
        return tuple((ticks * tick_units, count * lot_units) for ticks, count in merged.items())


def _generator(seed: int, *name: str) -> np.random.Generator:
    """A stream of its own for each name, so that one more venue changes no other venue's path."""
    return np.random.Generator(np.random.PCG64(hash80(seed, *name)))
