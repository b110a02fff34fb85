"""Small markets for routing tests: any class, venues with their own ticks, lots, minimums, fees and books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
