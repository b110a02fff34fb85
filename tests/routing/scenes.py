"""Small markets for routing tests: any class, venues with their own ticks, lots, minimums, fees and books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

from app.domain.enums import ContractKind, OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import Approved, ParentOrder, VenueFilter
from app.domain.plan import Exclusion, PlanRequest
from app.domain.units import NANO
from app.shm.books import SymbolBooks

NOW_NS = 1_700_000_000_000_000_000
Level = tuple[int, int]

SPOT = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), price_scale=2, qty_scale=5)
LINEAR = Symbol(
    "BTC/USDT:USDT",
    FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, multiplier_nano=NANO // 1000),
    price_scale=1,
    qty_scale=0,
)
# A multiplier so small that money of one unit is no whole nano.
LINEAR_FINE = Symbol(
    "DOGE/USDT:USDT",
    FungibilityClass("DOGE", "USDT", "USDT", ContractKind.LINEAR, multiplier_nano=12_345_679),
    price_scale=3,
    qty_scale=2,
)
INVERSE = Symbol(
    "BTC/USD:BTC",
    FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, multiplier_nano=100 * NANO),
    price_scale=1,
    qty_scale=0,
)


@dataclass(frozen=True)
class Place:
    """One venue of a scene; levels are (price_units, qty_units), best first."""

    name: str
    asks: Sequence[Level] = ()
    bids: Sequence[Level] = ()
    fee_ppm: int = 1000
    fixed_nano: int = 0
    lot: int = 1
    tick: int = 1
    min_lots: int = 1
    min_notional_nano: int = 0
    max_lots: int = 2**40
    capacity_nano: int = 10**30
    age_ns: int = 1_000_000
    book_seq: int = 7
    is_gapped: bool = False


@dataclass(frozen=True)
class Scene:
    """Venues of one symbol and what is asked of them."""

    places: Sequence[Place]
    symbol: Symbol = SPOT
    side: Side = Side.BUY
    qty_units: int | None = 100
    notional_nano: int | None = None
    cap: int = 0
    mid_half: int = 0
    max_venues: int = 0
    is_whole: bool = False
    strategy: Strategy = Strategy.SOR
    time_in_force: TimeInForce = TimeInForce.IOC
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    barred: Mapping[str, Exclusion] = field(default_factory=dict)

    def request(self) -> PlanRequest:
        order = ParentOrder(
            account="acc",
            client_order_id="c1",
            symbol=self.symbol.name,
            side=self.side,
            order_type=OrderType.MARKET,
            time_in_force=self.time_in_force,
            strategy=self.strategy,
            remainder=Remainder.NONE,
            qty_units=self.qty_units,
            notional_nano=self.notional_nano,
            limit_price_units=None,
            max_slippage_ppm=None,
            expire_ts_ns=0,
            venues=VenueFilter(self.include, self.exclude, self.max_venues),
            is_full_fill_required=self.is_whole,
            decision_ts_ns=0,
            decision_price_units=None,
            received_ts_ns=NOW_NS,
            body_hash="",
        )
        return PlanRequest(
            approved=Approved(order, 1, 1),
            symbol=self.symbol,
            route_id="rt_1",
            wave=1,
            now_ns=NOW_NS,
            qty_units=self.qty_units,
            notional_nano=self.notional_nano,
            price_cap_units=self.cap,
            instruments={p.name: self._instrument(p) for p in self.places},
            fees={
                p.name: FeeTier(p.name, "t0", p.fee_ppm, 0, p.fixed_nano, "simulated", "2024-01-01")
                for p in self.places
            },
            max_book_age_ns={p.name: 1_000_000_000 for p in self.places},
            capacity_nano={p.name: p.capacity_nano for p in self.places},
            barred=self.barred,
            mid_half_units=self.mid_half,
        )

    def _instrument(self, place: Place) -> Instrument:
        return Instrument(
            venue=place.name,
            symbol=self.symbol.name,
            venue_symbol=self.symbol.name,
            fungible=self.symbol.fungible,
            tick_units=place.tick,
            lot_units=place.lot,
            min_qty_lots=place.min_lots,
            min_notional_nano=place.min_notional_nano,
            max_qty_lots=place.max_lots,
        )

    def books(self) -> SymbolBooks:
        n = len(self.places)
        depth = max([len(p.asks) for p in self.places] + [len(p.bids) for p in self.places] + [1])
        price, qty = np.zeros((n, 2, depth), np.int64), np.zeros((n, 2, depth), np.int64)
        counts = np.zeros((n, 2), np.int64)
        for row, place in enumerate(self.places):
            for side_i, levels in enumerate((place.bids, place.asks)):
                counts[row, side_i] = len(levels)
                for level_i, (level_price, level_qty) in enumerate(levels):
                    price[row, side_i, level_i], qty[row, side_i, level_i] = level_price, level_qty
        return SymbolBooks(
            symbol=self.symbol.name,
            venues=tuple(p.name for p in self.places),
            price_units=price,
            qty_units=qty,
            n_levels=counts,
            book_seq=np.array([p.book_seq for p in self.places], np.int64),
            received_ts_ns=np.array([NOW_NS - p.age_ns for p in self.places], np.int64),
            venue_ts_ns=np.array([NOW_NS - p.age_ns for p in self.places], np.int64),
            is_gapped=np.array([p.is_gapped for p in self.places], bool),
        )


def random_scene(rng: Random, symbol: Symbol = SPOT, *, max_places: int = 5, max_levels: int = 5) -> Scene:
    """A small market with everything that bites: lots, minimums, capacities, caps, rebates, fixed costs, odd sizes."""
    side = rng.choice([Side.BUY, Side.SELL])
    has_fixed, has_capacity = rng.random() < 0.4, rng.random() < 0.3
    mid = rng.choice([1_000, 60_000, 6_000_000])
    places = [
        _random_place(rng, f"v{i}", mid, max_levels, symbol, has_fixed=has_fixed, has_capacity=has_capacity)
        for i in range(rng.randint(1, max_places))
    ]
    total = sum(q for p in places for _, q in (p.asks if side is Side.BUY else p.bids))
    wanted = max(1, round(total * rng.choice([0.01, 0.1, 0.3, 0.6, 0.9, 1.2])) + rng.randint(-3, 3))
    is_notional = rng.random() < 0.25
    cap = mid + side.sign * rng.randint(0, 30) * mid // 1000 if rng.random() < 0.4 else 0
    return Scene(
        places,
        symbol=symbol,
        side=side,
        qty_units=None if is_notional else wanted,
        notional_nano=max(1, symbol.notional_nano(mid, wanted) + rng.randint(-5, 5)) if is_notional else None,
        cap=cap,
        mid_half=2 * mid + rng.randint(-1, 1),
        max_venues=rng.choice([0, 0, 0, 1, 2]),
        is_whole=rng.random() < 0.1,
        strategy=rng.choice([Strategy.SOR, Strategy.SOR, Strategy.SOR, Strategy.SWEEP]),
    )


def _random_place(
    rng: Random, name: str, mid: int, max_levels: int, symbol: Symbol, *, has_fixed: bool, has_capacity: bool
) -> Place:
    tick, lot = rng.choice([1, 1, 5, 10]), rng.choice([1, 1, 2, 5, 10, 7])
    step = max(1, mid // 2_000)
    offset = rng.randint(-3, 3) * step
    books: list[list[Level]] = []
    for sign in (1, -1):
        price, levels = (mid + offset) // tick * tick + sign * tick, []
        for _ in range(rng.randint(0 if rng.random() < 0.1 else 1, max_levels)):
            qty = rng.randint(1, 12) * (lot if rng.random() < 0.7 else 1)
            levels.append((price, qty))
            price += sign * tick * rng.randint(1, max(1, step // tick))
            if price <= 0:
                break
        books.append(levels)
    worth = symbol.notional_nano(mid, 10 * lot)
    return Place(
        name,
        asks=books[0],
        bids=books[1],
        fee_ppm=rng.choice([-100, 0, 100, 1_000, 2_500]),
        fixed_nano=rng.randint(1, max(1, worth // 300)) if has_fixed and rng.random() < 0.7 else 0,
        lot=lot,
        tick=tick,
        min_lots=rng.choice([1, 1, 1, 2, 5]),
        min_notional_nano=rng.choice([0, 0, worth // 2]),
        max_lots=rng.choice([2**40, 2**40, 3]),
        capacity_nano=rng.randint(0, 3 * worth) if has_capacity else 10**30,
    )
