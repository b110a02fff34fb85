"""Small worlds for tests: two or three venues of one class, books that stand still until told, the real core."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

from app.domain.book import BookSnapshot
from app.domain.enums import (
    ContractKind,
    Mode,
    OrderType,
    Remainder,
    Scope,
    Side,
    Strategy,
    TimeInForce,
)
from app.domain.events import Fact
from app.domain.fees import FeeTier
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.limits import Limits
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.records import ParentRecord
from app.domain.units import NANO
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.execution import inputs as inp
from app.execution.context import Timing, World
from app.execution.step import Core
from app.routing.router import Router
from app.shm.books import BookBoard
from app.tca.attribution import attribute

T0_NS = 1_760_000_000_000_000_000
MS = 1_000_000
BTC_USDT = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), price_scale=2, qty_scale=5)
VENUES = ("ven_a", "ven_b", "ven_c")
FEES_PPM = {"ven_a": 1_000, "ven_b": 500, "ven_c": 200}
LOTS = {"ven_a": 1, "ven_b": 10, "ven_c": 100}
TICKS = {"ven_a": 1, "ven_b": 10, "ven_c": 50}
LIMITS = Limits(
    version=1,
    max_order_notional_nano=10_000_000 * NANO,
    max_order_qty_nano=100 * NANO,
    max_open_orders=100,
    max_open_notional_nano=50_000_000 * NANO,
    max_position_nano=1_000 * NANO,
    venue_credit_nano=50_000_000 * NANO,
    price_collar_ppm=50_000,
    max_slippage_ppm=10_000,
    default_slippage_ppm=2_000,
    duplicate_window_ns=0,
    message_rate_per_s=1_000_000,
    message_burst=1_000_000,
)


def make_universe(fees_ppm: dict[str, int] | None = None) -> Universe:
    """Three spot venues for BTC/USDT with different ticks, lots and fees."""
    fees_ppm = fees_ppm or FEES_PPM
    venues = {v: Venue(v, f"{v} (test)", Mode.PAPER, True, 5 * MS, 2_000 * MS, 1_000 * MS) for v in fees_ppm}
    listings = {
        (v, "BTC/USDT"): Instrument(
            v, "BTC/USDT", "BTCUSDT", BTC_USDT.fungible, TICKS[v], LOTS[v], min_notional_nano=5 * NANO
        )
        for v in fees_ppm
    }
    fees = {v: FeeTier(v, "base", ppm, ppm // 2, 0, "test", "2026-11-01") for v, ppm in fees_ppm.items()}
    return Universe(venues, {"BTC/USDT": BTC_USDT}, listings, fees)


def flat_book(
    venue: str, mid_units: int, received_ts_ns: int, *, book_seq: int = 1, lots: int = 200, levels: int = 5
) -> BookSnapshot:
    """A symmetric book on the venue's own ticks, `lots` lots of the venue at each level."""
    tick, lot = TICKS[venue], LOTS[venue]
    base = mid_units // tick * tick
    qty = lots * lot if venue != "ven_c" else max(lots // 10, 1) * lot
    bids = tuple((base - (i + 1) * tick, qty) for i in range(levels))
    asks = tuple((base + (i + 1) * tick, qty) for i in range(levels))
    return BookSnapshot(venue, "BTC/USDT", book_seq, received_ts_ns, received_ts_ns, bids, asks)


def make_order(**changes: object) -> ParentOrder:
    """A market buy of 0.001 BTC, immediate or cancel, unless changed."""
    base = ParentOrder(
        account="desk",
        client_order_id=f"c{next(_IDS)}",
        symbol="BTC/USDT",
        side=Side.BUY,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=100,
        notional_nano=None,
        limit_price_units=None,
        max_slippage_ppm=None,
        expire_ts_ns=0,
        venues=VenueFilter(),
        is_full_fill_required=False,
        decision_ts_ns=0,
        decision_price_units=None,
        received_ts_ns=T0_NS,
        body_hash="h",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def held_order(**changes: object) -> ParentOrder:
    """A good-till-canceled limit buy that waits inside the engine."""
    held = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "remainder": Remainder.HELD}
    return make_order(**(held | changes))


_IDS = count(1)


@dataclass
class Desk:
    """A core with a clock in the hand, every fact kept, and shortcuts for what tests do."""

    core: Core
    board: BookBoard
    now_ns: int = T0_NS
    facts: list[Fact] = field(default_factory=list)
    trades: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]
    book_seqs: count = field(default_factory=lambda: count(2))  # type: ignore[type-arg]

    def turn(self, *items: inp.Input) -> inp.Turn:
        turn = self.core.turn(items, self.now_ns)
        self.facts.extend(turn.facts)
        return turn

    def submit(self, order: ParentOrder | None = None) -> tuple[inp.Reply, list[ChildOrder]]:
        """Submits and gives the reply with the children that were sent."""
        turn = self.turn(inp.Submit(order or make_order(), Mode.PAPER))
        return turn.replies[0], sent(turn)

    def accepted(self, order: ParentOrder | None = None) -> tuple[ParentRecord, list[ChildOrder]]:
        reply, children = self.submit(order)
        assert isinstance(reply, inp.Accepted), reply
        return self.core.ledger.parents[reply.fact.order_id], children

    def wait(self, ms: int) -> inp.Turn:
        """Time passes, books are refreshed, and the engine ticks."""
        self.now_ns += ms * MS
        self.refresh()
        return self.turn(inp.Tick())

    def refresh(self, mid_units: int = 6_000_000) -> None:
        for venue in self.core.world.universe.venues:
            self.board.write_snapshot(flat_book(venue, mid_units, self.now_ns, book_seq=next(self.book_seqs)))

    def report(self, child: ChildOrder, kind: ReportKind, **more: object) -> inp.Turn:
        return self.turn(inp.Report(report(child, kind, **more)))

    def fill(self, child: ChildOrder, lots: int | None = None, trade_id: str = "") -> inp.Turn:
        """One fill at the child's own limit; `lots` defaults to all of it."""
        return self.report(
            child,
            ReportKind.FILLED,
            venue_trade_id=trade_id or f"t{next(self.trades)}",
            price_ticks=child.price_ticks,
            qty_lots=child.qty_lots if lots is None else lots,
            fee_nano=1_000,
            fee_currency="USDT",
            mid_half_units=12_000_000,
        )


def report(child: ChildOrder, kind: ReportKind, **more: object) -> ExecutionReport:
    values = {"venue_order_id": f"v-{child.client_id}", "received_ts_ns": T0_NS, **more}
    if kind in (ReportKind.NOT_FOUND, ReportKind.REJECTED, ReportKind.UNKNOWN):
        values["venue_order_id"] = ""
    return ExecutionReport(kind, child.venue, child.client_id, **values)  # type: ignore[arg-type]


def sent(turn: inp.Turn) -> list[ChildOrder]:
    return [c.approved.value for c in turn.commands if isinstance(c, inp.SendChild)]


def make_core(universe: Universe, board: BookBoard, timing: Timing | None = None) -> Core:
    ages = {v: venue.max_book_age_ns for v, venue in universe.venues.items()}
    world = World(universe, board, Router(), attribute, Mode.PAPER, timing or Timing(), ages)
    return Core(world)


def make_desk(*, limits: Limits | None = LIMITS, balance: int = 1_000_000, timing: Timing | None = None) -> Desk:
    """A started shard with account `desk`, limits, and `balance` USDT and BTC at each venue."""
    universe = make_universe()
    board = BookBoard(list(universe.instruments))
    desk = Desk(make_core(universe, board, timing), board)
    desk.refresh()
    seeds: list[inp.Input] = [
        inp.Start("s0", "epoch", "test", Mode.PAPER),
        inp.CreateKey("desk", "abcdefgh", "0" * 64, (Scope.TRADE,), Mode.PAPER),
    ]
    if limits is not None:
        seeds.append(inp.SetLimits("desk", limits, "test"))
    for venue in universe.venues:
        seeds.append(inp.SetBalance("desk", venue, "USDT", balance * NANO, "test"))
        seeds.append(inp.SetBalance("desk", venue, "BTC", balance * NANO, "test"))
    desk.turn(*seeds)
    return desk


def contract_world(desk: Desk, kind: ContractKind) -> None:
    """Makes the desk's symbol a contract of one USD (inverse) or of one BTC (linear)."""
    settle = "BTC" if kind is ContractKind.INVERSE else "USDT"
    symbol = Symbol(BTC_USDT.name, FungibilityClass("BTC", "USDT", settle, kind), 2, 5)
    universe = desk.core.world.universe
    listings: dict[tuple[str, str], Instrument] = {
        key: replace(listing, fungible=symbol.fungible) for key, listing in universe.instruments.items()
    }
    fees: dict[str, FeeTier] = dict(universe.fees)
    changed = Universe(universe.venues, {symbol.name: symbol}, listings, fees)
    desk.core.world = replace(desk.core.world, universe=changed)
