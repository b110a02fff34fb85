"""A desk whose coin trades in two dollars: BTC/USDT, BTC/USDC (prices of another scale), and a book of USDC/USDT."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.domain.book import BookSnapshot
from app.domain.enums import ContractKind, Mode, Scope, Side
from app.domain.fees import FeeTier
from app.domain.fills import ReportKind
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.plan import Planned, PlanRequest
from app.domain.quote_pool import Carrier, QuotePool
from app.domain.units import NANO
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.execution import inputs as inp
from app.routing.router import Router
from app.shm.books import BookBoard, SymbolBooks
from tests.worlds import BTC_USDT, LIMITS, MS, Desk, make_core, make_order


def spot(base: str, quote: str) -> FungibilityClass:
    return FungibilityClass(base, quote, quote, ContractKind.SPOT)


BTC_USDC = Symbol("BTC/USDC", spot("BTC", "USDC"), price_scale=1, qty_scale=5)
USDC_USDT = Symbol("USDC/USDT", spot("USDC", "USDT"), price_scale=5, qty_scale=2)
USDT_USDC = Symbol("USDT/USDC", spot("USDT", "USDC"), price_scale=5, qty_scale=2)
PAIRS = {USDC_USDT.name: USDC_USDT, USDT_USDC.name: USDT_USDC}
POOL = QuotePool(("USDT", "USDC"), 1_000, Carrier.DESK)  # 10 bps
BPS = 100  # ppm

Levels = tuple[tuple[int, int], ...]


@dataclass
class PoolDesk(Desk):
    """Books stand until `put` changes them; `fresh` gives each one this instant's time."""

    def put(self, venue: str, symbol: str, bids: Levels, asks: Levels) -> None:
        seq = next(self.book_seqs)
        self.board.write_snapshot(BookSnapshot(venue, symbol, seq, self.now_ns, self.now_ns, bids, asks))

    def fill_at(self, child: ChildOrder, price_ticks: int, lots: int | None = None, **more: object) -> inp.Turn:
        listing = self.core.world.universe.instruments[(child.venue, child.symbol)]
        return self.report(
            child,
            ReportKind.FILLED,
            venue_trade_id=f"t{next(self.trades)}",
            price_ticks=price_ticks,
            qty_lots=child.qty_lots if lots is None else lots,
            fee_currency=listing.fungible.quote,
            **more,
        )


def pool_universe(pair: str = "USDC/USDT", other: Symbol = BTC_USDC) -> Universe:
    venues = {v: Venue(v, f"{v} (test)", Mode.PAPER, True, 5 * MS, 2_000 * MS, 1_000 * MS) for v in ("a", "b", "c")}
    symbols = {s.name: s for s in (BTC_USDT, other, PAIRS[pair])}
    # ticks and lots that differ, so that nothing is right by chance
    steps = {
        ("a", BTC_USDT.name): (1, 1),
        ("b", BTC_USDT.name): (10, 10),
        ("a", other.name): (1, 1),
        ("c", other.name): (5, 10),
        ("b", pair): (1, 1),
        ("c", pair): (1, 1),
    }
    instruments = {
        (v, name): Instrument(
            v, name, name.replace("/", ""), symbols[name].fungible, tick, lot, min_notional_nano=5 * NANO
        )
        for (v, name), (tick, lot) in steps.items()
    }
    fees = {
        v: FeeTier(v, "base", ppm, ppm, 0, "test", "2026-11-01") for v, ppm in zip("abc", (300, 200, 100), strict=True)
    }
    return Universe(venues, symbols, instruments, fees)


def pool_desk(pair: str = "USDC/USDT", *, balances: dict[str, int] | None = None, other: Symbol = BTC_USDC) -> PoolDesk:
    """BTC at 60,000 USDT and at 59,990 USDC; a dollar of the other kind at 0.99990 to 1.00000."""
    universe = pool_universe(pair, other)
    board = BookBoard(list(universe.instruments))
    desk = PoolDesk(make_core(universe, board), board)
    put_books(desk, pair)
    held = {"USDT": 1_000_000, "USDC": 1_000_000, "BTC": 1_000} | (balances or {})
    seeds: list[inp.Input] = [
        inp.Start("s0", "epoch", "test", Mode.PAPER),
        inp.CreateKey("desk", "abcdefgh", "0" * 64, (Scope.TRADE,), Mode.PAPER),
        inp.SetLimits("desk", LIMITS, "test"),
    ]
    for venue in universe.venues:
        seeds += [inp.SetBalance("desk", venue, currency, amount * NANO, "test") for currency, amount in held.items()]
    desk.turn(*seeds)
    return desk


def put_books(desk: PoolDesk, pair: str = "USDC/USDT") -> None:
    ladder = range(1, 6)
    for venue, step in (("a", 100), ("b", 200)):
        asks = tuple((6_000_000 + step * i, 1_000) for i in ladder)
        bids = tuple((6_000_000 - step * i, 1_000) for i in ladder)
        desk.put(venue, "BTC/USDT", bids, asks)
    for venue, step in (("a", 10), ("c", 5)):
        asks = tuple((599_900 + step * i, 1_000) for i in ladder)
        bids = tuple((599_900 - step * i, 1_000) for i in ladder)
        desk.put(venue, "BTC/USDC", bids, asks)
    if pair == "USDC/USDT":
        desk.put("b", pair, ((99_990, 10**9),), ((100_001, 10**9),))
        desk.put("c", pair, ((99_989, 10**9),), ((100_000, 10**9),))
    else:
        desk.put("b", pair, ((100_000, 10**9),), ((100_011, 10**9),))
        desk.put("c", pair, ((99_999, 10**9),), ((100_010, 10**9),))


@dataclass
class Listener:
    """The planner, with what it was asked last."""

    request: PlanRequest | None = None
    books: SymbolBooks | None = None
    planned: Planned | None = None

    def plan(self, request: PlanRequest, books: SymbolBooks) -> Planned:
        self.request, self.books = request, books
        self.planned = Router().plan(request, books)
        return self.planned


def asked(desk: PoolDesk, order: ParentOrder) -> tuple[PlanRequest, SymbolBooks, Planned]:
    """What a planner is asked for `order` now, and what it answers."""
    listener = Listener()
    desk.core.world = replace(desk.core.world, planner=listener)
    desk.core.preview(order, Mode.PAPER, desk.now_ns)
    assert listener.request is not None
    assert listener.books is not None
    assert listener.planned is not None
    return listener.request, listener.books, listener.planned


def pool_order(**changes: object) -> ParentOrder:
    return make_order(**({"quote_pool": POOL, "qty_units": 4_000} | changes))


def sell(**changes: object) -> ParentOrder:
    return pool_order(**({"side": Side.SELL} | changes))


def without_pool(order: ParentOrder) -> ParentOrder:
    return replace(order, quote_pool=None)
