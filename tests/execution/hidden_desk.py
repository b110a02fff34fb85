"""A desk with two dark venues and two dealers beside its three lit venues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.domain.enums import Mode, Strategy, TimeInForce
from app.domain.fees import FeeTier
from app.domain.hidden_facts import DarkAnswered, DarkAsked
from app.domain.instrument import Instrument
from app.domain.orders import ParentOrder
from app.domain.quotes import Quote
from app.domain.sweeps import SweepStyle, SweepTerms
from app.domain.units import NANO
from app.domain.universe import Universe
from app.domain.venue import Venue, VenueKind
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.step import Core
from app.routing.dark import allocate
from app.shm.books import BookBoard
from tests.worlds import BTC_USDT, LIMITS, MS, VENUES, Desk, flat_book, make_core, make_order, make_universe

DARK = ("dark_x", "dark_y")
LEAST = {"dark_x": 20, "dark_y": 50, "deal_a": 10, "deal_b": 10}  # lots of ten units
DEALERS = ("deal_a", "deal_b")
KINDS = {**dict.fromkeys(DARK, VenueKind.DARK), **dict.fromkeys(DEALERS, VenueKind.DEALER)}


def hidden_universe(fee_ppm: int = 100) -> Universe:
    lit = make_universe()
    venues = {v: Venue(v, v, Mode.PAPER, True, 5 * MS, 2_000 * MS, 1_000 * MS, kind=KINDS[v]) for v in KINDS}
    listings = {
        (v, "BTC/USDT"): Instrument(v, "BTC/USDT", "BTCUSDT", BTC_USDT.fungible, 1, 10, min_qty_lots=LEAST[v])
        for v in KINDS
    }
    fees = {v: FeeTier(v, "base", fee_ppm, fee_ppm, 0, "test", "2026-11-01") for v in KINDS}
    return Universe(
        {**lit.venues, **venues}, lit.symbols, {**lit.instruments, **listings}, {**lit.fees, **fees}, lit.schedules
    )


class HiddenDesk(Desk):
    """Books are of the lit venues only."""

    def refresh(self, mid_units: int = 6_000_000) -> None:
        for venue in VENUES:
            self.board.write_snapshot(flat_book(venue, mid_units, self.now_ns, book_seq=next(self.book_seqs)))

    def turn_at(self, mid_units: int, ms: int = 1) -> inp.Turn:
        """Time passes, the books are around `mid_units`, and the engine ticks."""
        self.now_ns += ms * MS
        self.refresh(mid_units)
        return self.turn(inp.Tick())

    def told(self, kind: type) -> list:  # type: ignore[type-arg]
        return [f.event for f in self.facts if isinstance(f.event, kind)]

    @property
    def asked(self) -> list[DarkAsked]:
        return self.told(DarkAsked)

    @property
    def answered(self) -> list[DarkAnswered]:
        return self.told(DarkAnswered)

    def restart(self) -> inp.Turn:
        self.core = Core(self.core.world, fold(self.facts))
        return self.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))


def hidden_desk(*, fee_ppm: int = 100, max_pings: int = 30, balance: int = 1_000_000) -> HiddenDesk:
    universe = hidden_universe(fee_ppm)
    board = BookBoard(list(universe.instruments))
    desk = HiddenDesk(make_core(universe, board), board)
    desk.core.world = replace(desk.core.world, max_pings=max_pings, split_hidden=allocate)
    desk.refresh()
    seeds: list[inp.Input] = [inp.Start("s0", "epoch", "test", Mode.PAPER), inp.SetLimits("desk", LIMITS, "test")]
    for venue in universe.venues:
        seeds += [inp.SetBalance("desk", venue, c, balance * NANO, "seed") for c in ("USDT", "BTC")]
    desk.turn(*seeds)
    return desk


def dark_order(**changes: object) -> ParentOrder:
    """A buy of 0.1 BTC, dark first."""
    terms: dict[str, object] = {"style": SweepStyle.DARK_THEN_LIT} | dict(changes.pop("sweep", {}))  # type: ignore[call-overload]
    more = {"strategy": Strategy.SOR, "time_in_force": TimeInForce.IOC, "qty_units": 10_000}
    return make_order(**(more | {"sweep": SweepTerms(**terms)} | changes))  # type: ignore[arg-type]


def venues_of(children: Sequence[object]) -> list[str]:
    return [child.venue for child in children]  # type: ignore[attr-defined]


def rfq_order(**changes: object) -> ParentOrder:
    """A buy of 0.1 BTC, dealers asked."""
    return dark_order(**({"sweep": {"style": SweepStyle.SWEEP, "asks_dealers": True}} | changes))


def requests(turn: inp.Turn) -> list[inp.AskQuote]:
    return [c for c in turn.commands if isinstance(c, inp.AskQuote)]


def quoted(desk: HiddenDesk, ask: inp.AskQuote, price_ticks: int, **more: object) -> inp.Quoted:
    """A sound answer of the dealer to `ask`, for all of it, for a second."""
    request = ask.request
    values: dict[str, object] = {
        "quote_id": f"q-{request.request_id}",
        "price_ticks": price_ticks,
        "qty_lots": request.qty_lots,
        "valid_until_ns": desk.now_ns + 1_000 * MS,
        "hold_ns": 50 * MS,
    }
    return inp.Quoted(ask.order_id, Quote(request.request_id, request.venue, **(values | more)))  # type: ignore[arg-type]
