"""Simulated markets of a family as the market behind paper venues: what we take is gone there, and the family answers.

One world a symbol, on the clock of the venues; every listing of it is a book of that world. The world's ticks and lots
are the symbol's by a map that starts the price where simulated.toml has it, gives a tick of the world as many units as
that price divided by the family's own (whole ticks of every venue), and its near depth the recorded one.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from app.domain.book import Level
from app.domain.enums import Side, TimeInForce
from app.domain.instrument import Symbol
from app.domain.orders import ChildOrder
from app.domain.trade import TradePrint as VenuePrint
from app.domain.universe import Universe
from app.venues.exchange_spec import Made
from app.venues.markets.families import Family, family_of
from app.venues.markets.port import BookView, Force, Order, Report, Told, TradePrint
from app.venues.markets.spec import read_world
from app.venues.markets.world import Markets
from app.venues.registry import SIMULATED, read_table
from app.venues.simulated_market import Sides

PUBLISH_NS: Final = 100_000_000
# After a longer pause (a suspended machine) the market goes on from where it stood instead of catching up.
MOST_CATCH_UP_NS: Final = 5_000_000_000
# Of a venue's tape that nobody asks for, so many of the newest are kept.
MOST_PRINTS: Final = 4_096
# Near depth is compared within so much of the best price.
NEAR_BPS: Final = 1.0
# The venues themselves say what these are; the world adds nothing on top.
_VENUES_OWN: Final = {
    "latency_in_s": 0.0,
    "latency_out_s": 0.0,
    "latency_data_s": 0.0,
    "jitter_s": 0.0,
    "halts_per_s": 0.0,
    "publish_s": 10.0,
}


@dataclass(frozen=True, slots=True)
class Scale:
    """The map from a world to a symbol: price = offset + ticks x tick_units, quantity = lots x lot_units."""

    offset_units: int
    tick_units: int
    lot_units: int

    def levels(self, side: tuple[tuple[int, int], ...]) -> tuple[Level, ...]:
        """A side of a world's book in symbol units; prices that are not above zero are left out."""
        made = ((self.offset_units + ticks * self.tick_units, lots * self.lot_units) for ticks, lots in side)
        return tuple(level for level in made if level[0] > 0)

    def price_units(self, price_half_ticks: int) -> int:
        """A lit book's price: whole ticks."""
        return self.offset_units + price_half_ticks // 2 * self.tick_units

    def limit_ticks(self, side: Side, price_units: int) -> int:
        """The last tick within a limit."""
        ticks = (price_units - self.offset_units) / self.tick_units
        return math.floor(ticks) if side is Side.BUY else math.ceil(ticks)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """Of simulated.toml: the first price, and spot's depth of one side near the best price in base."""

    start_price: float
    near_qty: float


@dataclass(slots=True)
class _Resting:
    """An order of ours in a world's book: what is left of it for its owner, and in the world's own lots."""

    client_id: str
    venue_i: int
    side: Side
    price_ticks: int
    left_units: int
    left_lots: int


@dataclass(slots=True)
class _World:
    market: Markets
    scale: Scale
    venues: Mapping[str, int]
    seen: dict[int, tuple[int, BookView]] = field(default_factory=dict)
    resting: dict[int, _Resting] = field(default_factory=dict)  # by the world's number
    made: dict[int, list[Made]] = field(default_factory=lambda: defaultdict(list))  # by the world's venue
    prints: dict[int, deque[TradePrint]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=MOST_PRINTS)))
    own_trades: set[int] = field(default_factory=set)

    def drain(self, number: int = -1) -> list[Report]:
        """The reports that have come: those of the order `number` are given, others' fills are kept for their venue."""
        found = []
        for report in self.market.reports():
            if report.told is Told.FILLED:
                self.own_trades.add(report.trade)
            if report.number == number:
                found.append(report)
            elif report.number in self.resting and report.told is Told.FILLED:
                self._fill(self.resting[report.number], report)
        return found

    def _fill(self, own: _Resting, report: Report) -> None:
        """A part of a lot of the world fills with the whole of it."""
        units = min(report.lots * self.scale.lot_units, own.left_units)
        own.left_units -= units
        own.left_lots = report.left_lots
        if units:
            price_units = self.scale.price_units(report.price_half_ticks)
            self.made[own.venue_i].append(Made(own.client_id, price_units, units))
        if not own.left_units:
            del self.resting[report.number]

    def listen(self) -> None:
        """Takes others' trades off the tape; what is ours is no news to us."""
        for told in self.market.trades():
            if told.trade in self.own_trades:
                self.own_trades.discard(told.trade)
            elif told.sign:
                self.prints[told.venue_i].append(told)

    def others(self, venue_i: int, view: BookView) -> BookView:
        """What the venue shows without our orders: what its makers would be without us, for us to look at."""
        sides = []
        for side, levels in ((Side.BUY, view.bids), (Side.SELL, view.asks)):
            own = Counter[int]()
            for one in self.resting.values():
                if (one.venue_i, one.side) == (venue_i, side):
                    own[one.price_ticks] += one.left_lots
            sides.append(tuple((ticks, lots - own[ticks]) for ticks, lots in levels if lots > own[ticks]))
        return replace(view, bids=sides[0], asks=sides[1])


class FamilyMarket:
    """All symbols' worlds of one family. Shared by the venues of a process; each call moves its world to that time."""

    def __init__(self, family: str, universe: Universe, seed: int, epoch_ns: int) -> None:
        self._epoch_ns = epoch_ns
        made_of, table = family_of(family), read_table(SIMULATED)
        self._worlds = {
            name: _world(made_of, universe, symbol, _recorded(table, name), seed + i)
            for i, (name, symbol) in enumerate(universe.symbols.items())
        }

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides:
        """What the venue shows of `symbol` at `now_ns`; time that runs backwards changes nothing."""
        world = self._moved(symbol, now_ns)
        venue_i = world.venues[venue]
        view = world.market.true_view(venue_i)
        if world.resting:
            view = world.others(venue_i, view)
        update_n, last = world.seen.get(venue_i, (0, None))
        if last is None or (last.bids, last.asks) != (view.bids, view.asks):
            update_n += 1
            world.seen[venue_i] = (update_n, view)
        return Sides(update_n, world.scale.levels(view.bids), world.scale.levels(view.asks))

    def refill_ns(self, _venue: str, _symbol: str) -> int:
        """Nothing is remembered outside: what we took is gone in the world itself."""
        return 0

    def next_move_ns(self, _venue: str, now_ns: int) -> int:
        """When the venue shows its books next."""
        return now_ns + PUBLISH_NS - (now_ns - self._epoch_ns) % PUBLISH_NS

    def trade(self, child: ChildOrder, now_ns: int) -> tuple[Level, ...]:
        """What a taker gets at this instant, as levels; a part of a lot of the world takes the whole lot from it."""
        world = self._moved(child.symbol, now_ns)
        scale = world.scale
        limit_ticks = scale.limit_ticks(child.side, child.price_units)
        if limit_ticks <= 0:
            return ()
        qty_units = child.qty_lots * child.lot_units
        lots = -(-qty_units // scale.lot_units)
        force = Force.FOK if child.time_in_force is TimeInForce.FOK else Force.IOC
        number = world.market.send(Order(world.venues[child.venue], child.side.sign, limit_ticks, lots, force))
        world.market.advance(world.market.now_ns)
        return _taken(scale, world.drain(number), qty_units)

    def rest(self, child: ChildOrder, now_ns: int) -> tuple[Level, ...] | None:
        """Puts a child into the book of the world, at the last of its ticks within the limit: what it takes at once, or
        None where the venue refuses it (it would take, or there is no such price).

        From there it has price-time priority like any order of the crowd's; `made` tells its trades.
        """
        world = self._moved(child.symbol, now_ns)
        scale, venue_i = world.scale, world.venues[child.venue]
        limit_ticks, qty_units = scale.limit_ticks(child.side, child.price_units), child.qty_lots * child.lot_units
        if limit_ticks <= 0:
            return None
        lots = -(-qty_units // scale.lot_units)
        force = Force.POST_ONLY if child.is_post_only else Force.GTC
        number = world.market.send(Order(venue_i, child.side.sign, limit_ticks, lots, force))
        world.market.advance(world.market.now_ns)
        reports = world.drain(number)
        if any(one.told is Told.REJECTED for one in reports):
            return None
        taken = _taken(scale, reports, qty_units)
        left_units = qty_units - sum(units for _, units in taken)
        left_lots = lots - sum(one.lots for one in reports if one.told is Told.FILLED)
        if left_units:
            own = _Resting(child.client_id, venue_i, child.side, limit_ticks, left_units, left_lots)
            world.resting[number] = own
        return taken

    def withdraw(self, client_id: str, symbol: str, now_ns: int) -> None:
        """Takes out of the book what is left of an order of ours; withdrawing twice is withdrawing once."""
        world = self._moved(symbol, now_ns)
        number = next((n for n, own in world.resting.items() if own.client_id == client_id), None)
        if number is None:
            return
        world.market.cancel(number)
        world.market.advance(world.market.now_ns)
        world.drain()
        world.resting.pop(number, None)

    def made(self, venue: str, symbol: str, now_ns: int) -> Sequence[Made]:
        """What has traded with orders of ours that rest at the venue since the last call, oldest first."""
        world = self._moved(symbol, now_ns)
        return world.made.pop(world.venues[venue], [])

    def prints(self, venue: str, symbol: str, now_ns: int) -> list[VenuePrint]:
        """Others' trades at the venue since the last call, at most the newest MOST_PRINTS."""
        world = self._moved(symbol, now_ns)
        told = world.prints.pop(world.venues[venue], ())
        return [
            VenuePrint(
                venue,
                symbol,
                world.scale.price_units(one.price_half_ticks),
                one.lots * world.scale.lot_units,
                Side.BUY if one.sign > 0 else Side.SELL,
                now_ns,
                now_ns,
            )
            for one in told
        ]

    def value(self, symbol: str) -> float:
        """The price behind the prices, in symbol units: for scoring only."""
        world = self._worlds[symbol]
        return world.scale.offset_units + world.market.value_ticks() * world.scale.tick_units

    def _moved(self, symbol: str, now_ns: int) -> _World:
        world = self._worlds[symbol]
        behind_ns = now_ns - self._epoch_ns - world.market.now_ns
        if behind_ns > MOST_CATCH_UP_NS:
            self._epoch_ns += behind_ns - MOST_CATCH_UP_NS
            behind_ns = MOST_CATCH_UP_NS
        if behind_ns > 0:
            world.market.advance(world.market.now_ns + behind_ns)
            world.drain()
            world.listen()
        return world


def _taken(scale: Scale, reports: Sequence[Report], qty_units: int) -> tuple[Level, ...]:
    """What the fills among reports give of a quantity."""
    fills = [one for one in reports if one.told is Told.FILLED]
    return _cut([(scale.price_units(one.price_half_ticks), one.lots * scale.lot_units) for one in fills], qty_units)


def _cut(got: list[Level], qty_units: int) -> tuple[Level, ...]:
    """The first `qty_units` of what was traded."""
    levels = []
    for price_units, there_units in got:
        units = min(there_units, qty_units)
        qty_units -= units
        if units:
            levels.append((price_units, units))
    return tuple(levels)


def _recorded(table: Mapping[str, Any], symbol: str) -> _Recorded:
    profile = table["profiles"]["spot"][symbol]
    pairs = zip(profile["edges_bps"], profile["level_qty"], strict=True)
    start_price = next(row["start_price"] for row in table["symbols"] if row["name"] == symbol)
    return _Recorded(start_price, float(sum(qty for edge, qty in pairs if edge < NEAR_BPS)))


def _world(family: Family, universe: Universe, symbol: Symbol, recorded: _Recorded, seed: int) -> _World:
    listings = {v: one for v, one in universe.listings(symbol.name).items() if universe.venues[v].is_lit}
    table = read_world(family.path)
    lit = [row for row in table["venues"] if row.get("kind", "lit") == "lit"]
    rows = [{**lit[i % len(lit)], **_VENUES_OWN, "venue": venue} for i, venue in enumerate(listings)]
    market = family.make({**table, "venues": rows}, seed, seed)
    market.advance(0)
    start_units = recorded.start_price * 10**symbol.price_scale
    least_tick = math.lcm(*(one.tick_units for one in listings.values()))
    tick_units = least_tick * max(1, round(start_units / market.value_ticks() / least_tick))
    offset_units = round((start_units - market.value_ticks() * tick_units) / least_tick) * least_tick
    near_ticks = start_units * NEAR_BPS * 1e-4 / tick_units
    near_units = recorded.near_qty * 10**symbol.qty_scale
    least_lot = math.lcm(*(one.lot_units for one in listings.values()))
    lot_units = least_lot * max(1, round(near_units / _near_lots(market.true_view(0), near_ticks) / least_lot))
    return _World(market, Scale(offset_units, tick_units, lot_units), {venue: i for i, venue in enumerate(listings)})


def _near_lots(view: BookView, near_ticks: float) -> float:
    """A side's lots near its best price, the mean of both."""
    sides = (view.bids, view.asks)
    return sum(lots for side in sides for ticks, lots in side if abs(ticks - side[0][0]) < near_ticks) / 2
