"""The far side of a paper venue: it takes orders, works them on its moving book, and keeps its own record.

Everything is in the ledger before it is told. Time passes on the way in, inside, and on the way back. The venue's own
clock enforces each order's deadline. Orders that rest (venues/resting.py) outlive the process and come back at the end
of their queue; what else is open when it ends is canceled at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app import observe
from app.domain.book import BookSnapshot, Level
from app.domain.enums import Side, TimeInForce
from app.domain.errors import Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, Clock, MarksSink, ReportSink, TradesSink
from app.domain.quotes import Quote, QuoteRequest
from app.domain.statement import VenueStatement
from app.domain.trade import MarkPrice, TradePrint
from app.execution.simulator import Footprint, VenueRefusal, match, refusal
from app.venues.exchange_spec import (
    REFUSAL_TEXT,
    AnsweringMarket,
    ExchangeSpec,
    Flow,
    Market,
    QuotingMarket,
    RestingMarket,
    refused_report,
    unfilled,
    would_take,
)
from app.venues.faults import Fate, Faults, ended_early, fate_of, n_times
from app.venues.ledger import (
    AcceptedLine,
    DoneLine,
    How,
    LedgerLine,
    RefusedLine,
    TriggeredLine,
    VenueLedger,
    accepted_line,
)
from app.venues.listeners import Listener, Listeners
from app.venues.paper_account import PaperAccount
from app.venues.paper_marks import PaperMarks
from app.venues.paper_stops import WaitingStops, child_of
from app.venues.resting import RestingOrders, lines_of, taker_fill
from app.venues.retelling import answer_of, cancel_rejected, reports_of
from app.venues.tiers import VenueTiers
from app.venues.underway import Underway

_NS: Final = 1_000_000_000
_TIMER_NS: Final = 1_000_000  # a loop's timer may end so much early
_TOLD_ONCE_NS: Final = 2_000_000  # own time up to which an order is answered once, as exchanges answer an order
_CONFLATE_S: Final = 0.05  # at most 20 books a second more, however often we trade


@dataclass(slots=True)
class PaperExchange:
    """One venue's far side. All methods belong to the event loop's thread."""

    spec: ExchangeSpec
    market: Market
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    flows: Mapping[str, Flow] = field(default_factory=dict)
    ledger: VenueLedger = field(init=False)
    _tiers: VenueTiers = field(init=False)
    _account: PaperAccount = field(init=False)
    _footprints: dict[str, Footprint] = field(default_factory=dict)
    _resting: RestingOrders = field(default_factory=RestingOrders)
    _stops: WaitingStops = field(init=False)
    marks: PaperMarks = field(init=False)
    _listeners: Listeners = field(default_factory=Listeners)
    _underway: Underway = field(init=False)
    # What the market can do beyond showing books; None: it cannot.
    _answering: AnsweringMarket | None = None
    _keeping: RestingMarket | None = None
    _publishing: asyncio.Task[None] | None = None
    _due: set[str] = field(default_factory=set)
    _unacked: set[str] = field(default_factory=set)  # at work, and told of when that is done
    _book_seq: int = 0
    _is_running: bool = False

    def __post_init__(self) -> None:
        self._underway = Underway(self.venue_id)
        self._stops = WaitingStops(self.spec.stops, self.spec.listings)
        self.marks = PaperMarks(self.venue_id, self.market, self.spec.listings, self.spec.index_venues)
        self.ledger = VenueLedger(self.spec.ledger_path, on_line=self._note_line)
        self._footprints = {
            name: Footprint(self.market.refill_ns(self.venue_id, name), listing.instrument.lot_units)
            for name, listing in self.spec.listings.items()
        }
        self.set_faults(self.faults)

    @property
    def venue_id(self) -> str:
        return self.spec.venue.venue_id

    # living

    def open(self) -> None:
        """Takes the ledger over, closes what an earlier life left open, publishes books. Needs a running loop.

        Raises Unavailable where another process holds the ledger.
        """
        self._answering = self.market if isinstance(self.market, AnsweringMarket) else None
        self._keeping = self.market if isinstance(self.market, RestingMarket) else None
        self._tiers = VenueTiers(self.spec.schedules, self.spec.listings)
        self._account = PaperAccount(self.spec.listings)
        self.ledger.open()
        self._resting.clear()
        self._stops.clear()
        for order in self.ledger.open_orders():
            is_of_now = order.symbol in self.spec.listings and self._answering is None
            if order.time_in_force is TimeInForce.GTC and is_of_now:  # a market that answers has begun anew
                self._rest(order)
            elif order.symbol in self.spec.listings and self.ledger.is_waiting(order):
                self._stops.add(order)
            else:
                self._finish(order, "canceled", "venue_restarted")
        # Sequences of a later life are above those of an earlier one.
        self._book_seq = self.clock.wall_ns() // 1_000_000
        self._is_running = True
        self._publishing = asyncio.get_running_loop().create_task(self._publish_for_ever())
        self._publishing.add_done_callback(self._ended)

    def _note_line(self, line: LedgerLine) -> None:
        self._tiers.note(line)
        self._account.note(line)

    async def close(self) -> None:
        """Stops; orders still open are canceled in the ledger. Closing twice is closing once."""
        if not self._is_running:
            return
        self._is_running = False
        self._underway.drop()
        if self._publishing is not None:
            self._publishing.cancel()
            await asyncio.gather(self._publishing, return_exceptions=True)
        for order in self.ledger.open_orders():
            if order.client_id not in self._resting and order.client_id not in self._stops:
                self._finish(order, "canceled", "venue_stopped")
        self.ledger.close()

    def attach(
        self,
        on_report: ReportSink,
        on_book: BookSink,
        on_trades: TradesSink | None = None,
        on_marks: MarksSink | None = None,
    ) -> Callable[[], None]:
        """Tells reports and books, others' trades and mark prices to one more listener; the answer detaches it."""
        return self._listeners.attach(Listener(on_report, on_book, on_trades, on_marks))

    def set_faults(self, faults: Faults) -> None:
        """Changes what goes wrong from now on; ending `is_holding` lets held orders go on."""
        self.faults = faults
        self._underway.hold(is_holding=faults.is_holding)

    # requests: each returns at once, the answer comes as reports

    def submit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        """Puts an approved child on its way to the venue."""
        fate = fate_of(self.faults, self.spec.seed, self.venue_id, child.client_id)
        self._underway.after(self.spec.venue.latency_ns, self._arrive, child, fate, limits_version, decision_seq)

    def cancel(self, child: ChildOrder) -> None:
        """Puts a wish to cancel on its way."""
        self._underway.after(self.spec.venue.latency_ns, self._cancel, child)

    def query(self, child: ChildOrder) -> None:
        """Puts a question on its way; the answer is everything the ledger holds of the child, or NOT_FOUND."""
        self._underway.after(self.spec.venue.latency_ns, self._query, child)

    async def open_client_ids(self) -> Sequence[str]:
        """Client ids taken and not done; raises Unavailable when the venue is down."""
        await self._pass_ns(2 * self.spec.venue.latency_ns)
        if self.faults.is_down or not self._is_running:
            raise Unavailable("venue_unavailable", f"{self.venue_id} does not answer.")
        return [order.client_id for order in self.ledger.open_orders()]

    async def statement(self, account: str) -> VenueStatement:
        """What the ledger adds up to (paper_account.py says from where); raises Unavailable when the venue is down."""
        await self._pass_ns(2 * self.spec.venue.latency_ns)
        if self.faults.is_down or not self._is_running:
            raise Unavailable("venue_unavailable", f"{self.venue_id} does not answer.")
        return self._account.statement(self.venue_id, account, self.clock.wall_ns(), self.ledger.open_orders())

    async def quote(self, request: QuoteRequest) -> Quote:
        """What a dealer's venue quotes, once the way there and back has passed; raises Unavailable when it is down."""
        await self._pass_ns(self.spec.venue.latency_ns)
        if self.faults.is_down or self.faults.is_holding or not self._is_running:
            raise Unavailable("venue_unavailable", f"{self.venue_id} does not answer.")
        if not isinstance(self.market, QuotingMarket):
            raise Unavailable("no_dealer", f"{self.venue_id} quotes nothing.")
        quote = self.market.quote(request, self.clock.wall_ns())
        await self._pass_ns(self.spec.venue.latency_ns)
        return quote

    @property
    def is_running(self) -> bool:
        """Between `open` and `close`."""
        return self._is_running

    def _arrive(self, child: ChildOrder, fate: Fate, limits_version: int, decision_seq: int) -> None:
        if fate.is_request_lost or self.faults.is_down:
            self._tell_lost(child.client_id)
            return
        now_ns = self.clock.wall_ns()
        why = self._refusal_code(child, now_ns)
        if why:
            offsets = self.ledger.append([RefusedLine(now_ns, child.client_id, why, REFUSAL_TEXT.get(why, ""))])
            self._tell(child.client_id, fate, [refused_report(self.venue_id, child.client_id, why, now_ns, offsets[0])])
            return
        order, acked = self._accept(child, now_ns, limits_version, decision_seq)
        if child.stop is None:
            self._underway.unless_held(self._work, child, order, fate, acked)
        else:
            self._take_stop(order, fate, acked)

    def _refusal_code(self, child: ChildOrder, now_ns: int) -> str:
        """Why the venue does not take `child`, empty if it does."""
        if self.ledger.is_absent(child.client_id):
            return VenueRefusal.DEADLINE_PASSED.value  # sworn after the deadline; this clock may have stepped back
        listing = self.spec.listings.get(child.symbol)
        if listing is None:
            return VenueRefusal.UNKNOWN_SYMBOL.value
        why = refusal(child, listing, now_ns, is_known_id=self.ledger.is_known(child.client_id))
        if why is not None:
            return why.value
        if child.stop is not None:
            stopped = self._stops.refusal(child, has_trades=child.symbol in self.flows)
            return stopped.value if stopped is not None else self.faults.reject_code
        is_answered = self._answering is not None
        if child.rests and is_answered and self._keeping is None:
            return VenueRefusal.TIME_IN_FORCE.value
        if child.display_lots and is_answered:
            return VenueRefusal.ICEBERG.value
        if child.is_post_only and would_take(child, self.shown(child.symbol, now_ns)[child.side is Side.BUY]):
            return VenueRefusal.POST_ONLY.value
        return self.faults.reject_code

    def _accept(
        self, child: ChildOrder, now_ns: int, limits_version: int, decision_seq: int
    ) -> tuple[AcceptedLine, list[ExecutionReport]]:
        """Taken, with its acknowledgement; and in the same write the end of the stop whose place it takes."""
        venue_order_id = f"{self.venue_id}-{self.ledger.n_accepted + 1}"
        order = accepted_line(child, venue_order_id, now_ns, (limits_version, decision_seq))
        lines: list[LedgerLine] = [order]
        old = self.ledger.open_order(child.stop.replaces) if child.stop is not None else None
        if old is not None:
            self._stops.drop(old.client_id)
            lines.append(DoneLine(now_ns, old.client_id, old.venue_order_id, "canceled", 0, "replaced"))
        return order, self._write(lines)[:1]

    def _write(self, lines: Sequence[LedgerLine]) -> list[ExecutionReport]:
        """Lines of orders that were taken, in one write; gives what they say."""
        return reports_of(self.venue_id, list(zip(self.ledger.append(lines), lines, strict=True)))

    def _take_stop(self, order: AcceptedLine, fate: Fate, acked: list[ExecutionReport]) -> None:
        """It waits from here on; told with the end of the stop whose place it took."""
        self._stops.add(order)
        self._tell(order.client_id, fate, acked)
        if order.replaces:
            self._tell(order.replaces, fate, self._reports_of(order.replaces)[-1:])

    def _work_stops(self, symbol: str, now_ns: int, trades: Sequence[TradePrint]) -> None:
        """Stops that the venue's own price has reached: written, then worked as the orders that they are."""
        if self.faults.is_holding or not self._stops.has(symbol):
            return
        for order, price_units in self._stops.gone_off(symbol, trades, self.marks.units(symbol, now_ns)):
            self.ledger.append([TriggeredLine(now_ns, order.client_id, order.venue_order_id, price_units)])
            self._underway.after(self.spec.processing_ns, self._underway.unless_held, self._go_off, order)

    def _go_off(self, order: AcceptedLine) -> None:
        if not self.ledger.is_open(order.client_id):
            return  # canceled meanwhile
        told = self._match(child_of(order, self.spec.listings[order.symbol].instrument), order)
        self._publish_soon(order.symbol)
        self._tell(order.client_id, fate_of(self.faults, self.spec.seed, self.venue_id, order.client_id), told)

    def _work(self, child: ChildOrder, order: AcceptedLine, fate: Fate, acked: list[ExecutionReport]) -> None:
        """Acknowledges, lets the venue's own time pass, matches, writes, tells; where that is short, it tells once."""
        if not self.ledger.is_open(child.client_id):
            return  # canceled while it was held
        if self.spec.processing_ns > _TOLD_ONCE_NS:
            self._tell(child.client_id, fate, acked)
            acked = []
        else:
            self._unacked.add(child.client_id)
        if self.spec.processing_ns:
            self._underway.after(self.spec.processing_ns, self._fill, child, order, fate, acked)
        else:
            self._fill(child, order, fate, acked)

    def _fill(self, child: ChildOrder, order: AcceptedLine, fate: Fate, acked: list[ExecutionReport]) -> None:
        self._unacked.discard(child.client_id)
        if not self.ledger.is_open(child.client_id):
            return  # canceled meanwhile
        told = acked + self._match(child, order)
        self._publish_soon(child.symbol)
        self._tell(child.client_id, fate, told)

    def _match(self, child: ChildOrder, order: AcceptedLine) -> list[ExecutionReport]:
        """Fills against the book of this instant and the end of the order, in one write; gives what they say."""
        now_ns = self.clock.wall_ns()
        listing = self._tiers.listing_for(child.account, child.symbol, now_ns)
        footprint = self._footprints[child.symbol]
        sides, is_buy = self.market.sides(self.venue_id, child.symbol, now_ns), child.side is Side.BUY
        near, far = (sides.bids, sides.asks) if is_buy else (sides.asks, sides.bids)
        shown = footprint.left(child.side, far, now_ns)
        near_units = footprint.best_units(Side.SELL if is_buy else Side.BUY, near, now_ns)
        is_late = child.is_post_only and would_take(child, shown)
        levels = None if is_late else self._met(child, now_ns, shown)
        if levels is None:
            return self._finish(order, "canceled", VenueRefusal.POST_ONLY.value)
        mid_half = near_units + shown[0][0] if near_units and shown else 0
        lines: list[LedgerLine] = []
        cum_lots = 0
        lot_units, tick_units = listing.instrument.lot_units, listing.instrument.tick_units
        for fill in match(child, listing, levels):
            footprint.take(child.side, fill.price_ticks * tick_units, fill.qty_lots * lot_units, now_ns)
            cum_lots = fill.cum_qty_lots
            trade_id = f"{self.venue_id}-t{self.ledger.n_fills + len(lines) + 1}"
            lines.append(taker_fill(fill, order, listing, now_ns, (trade_id, mid_half)))
        if cum_lots < child.qty_lots and child.rests and child.stop is None:
            told = self._write(lines) if lines else []
            self._rest(order)
            return told
        how: How = "filled"
        code = ""
        if cum_lots < child.qty_lots:
            how, code = unfilled(child)
        return self._write([*lines, DoneLine(now_ns, child.client_id, order.venue_order_id, how, cum_lots, code)])

    def _rest(self, order: AcceptedLine) -> None:
        """At the end of its queue, as it is shown now: also an order of an earlier life, whose place is forgotten."""
        bids, asks = self.shown(order.symbol, self.clock.wall_ns())
        near = bids if order.side is Side.BUY else asks
        self._resting.add(order, self.spec.listings[order.symbol], self.ledger.cum_lots(order.client_id), near)

    def _work_resting(self, symbol: str, now_ns: int, trades: Sequence[TradePrint]) -> None:
        """What others' trades and the book of now fill of the orders that rest: written, then told."""
        if self.faults.is_holding or not self._resting.has(symbol):
            return
        bids, asks = self.shown(symbol, now_ns)
        mid_half_units = bids[0][0] + asks[0][0] if bids and asks else 0
        if self._keeping is not None:
            found = self._resting.by_market(self._keeping.made(self.venue_id, symbol, now_ns))
        else:
            found = self._resting.by_trades(symbol, trades, bids, asks) + self._resting.by_book(symbol, bids, asks)
        for met in found:
            order = met.order
            listing = self._tiers.listing_for(order.account, symbol, now_ns)
            for price_units, qty_units in met.taken:
                self._footprints[symbol].take(order.side, price_units, qty_units, now_ns)
            trade_id = f"{self.venue_id}-t{self.ledger.n_fills + 1}"
            told = self._write(lines_of(met, listing, now_ns, trade_id, mid_half_units))
            self._tell(order.client_id, fate_of(self.faults, self.spec.seed, self.venue_id, order.client_id), told)

    def _met(self, child: ChildOrder, now_ns: int, shown: tuple[Level, ...]) -> tuple[Level, ...] | None:
        """What there is to trade with: what is shown, or a market that answers has given; None: it takes it not."""
        if child.rests and self._keeping is not None:
            return self._keeping.rest(child, now_ns)
        return self._answering.trade(child, now_ns) if self._answering is not None else shown

    def _cancel(self, child: ChildOrder) -> None:
        if self.faults.is_down:
            return
        fate = fate_of(self.faults, self.spec.seed, self.venue_id, child.client_id)
        if self._keeping is not None and child.client_id in self._resting:
            now_ns = self.clock.wall_ns()
            self._keeping.withdraw(child.client_id, child.symbol, now_ns)
            self._work_resting(child.symbol, now_ns, ())  # what came before it
        order = self.ledger.open_order(child.client_id)
        if order is not None:
            self._finish(order, "canceled", "client")
            is_acked = not self.faults.is_holding and child.client_id not in self._unacked
            self._tell(child.client_id, fate, self._reports_of(child.client_id)[is_acked:])
            return
        report = cancel_rejected(self.venue_id, self.ledger, child.client_id, self.clock.wall_ns())
        self._tell(child.client_id, fate, [report])

    def _query(self, child: ChildOrder) -> None:
        if self.faults.is_down or self.faults.is_holding:
            return
        reports = answer_of(self.venue_id, self.ledger, child, self.clock.wall_ns())
        self._underway.after(self.spec.venue.latency_ns, self._listeners.tell_reports, reports)

    def _finish(self, order: AcceptedLine, how: How, code: str) -> list[ExecutionReport]:
        """Ends an open order that will not be worked (any more); its fills so far stand."""
        self._resting.drop(order.client_id)
        self._stops.drop(order.client_id)
        cum_lots = self.ledger.cum_lots(order.client_id)
        now_ns = self.clock.wall_ns()
        return self._write([DoneLine(now_ns, order.client_id, order.venue_order_id, how, cum_lots, code)])

    # telling

    def _reports_of(self, client_id: str) -> list[ExecutionReport]:
        return reports_of(self.venue_id, self.ledger.lines_of(client_id))

    def _tell(self, client_id: str, fate: Fate, reports: list[ExecutionReport]) -> None:
        """Sends `reports` on their way back, with what is meant to go wrong."""
        if fate.is_untold:
            self._tell_lost(client_id)
            return
        wait_ns = self.spec.venue.latency_ns + self.faults.delay_ns
        told = reports
        if self.faults.late_fill_ns and not self.ledger.is_open(client_id):
            told, late = ended_early(reports)
            if late is not None:
                late_ns = wait_ns + self.faults.late_fill_ns
                self._underway.after(late_ns, self._underway.unless_held, self._listeners.tell_reports, [late])
        if self.faults.n_extra_fills:
            told = [report for report in told for _ in range(n_times(report, self.faults))]
        if self.faults.is_shuffling:
            told = told.copy()
            fate.chance.shuffle(told)
        self._underway.after(wait_ns, self._underway.unless_held, self._listeners.tell_reports, told)

    def _tell_lost(self, client_id: str) -> None:
        """The client's own view of a lost message: its request timed out, and nothing is proven."""
        lost = ExecutionReport(ReportKind.UNKNOWN, self.venue_id, client_id, code="timeout")
        self._underway.after(self.spec.venue.latency_ns + self.faults.delay_ns, self._say_lost, lost)

    def _say_lost(self, lost: ExecutionReport) -> None:
        if not self.faults.is_silent:
            self._listeners.tell_reports([lost])

    # books

    async def _publish_for_ever(self) -> None:
        while True:
            for symbol in self.spec.listings:
                self._publish(symbol)
            await asyncio.sleep(self._until_next_book_s())

    def _until_next_book_s(self) -> float:
        """Books are told as soon as they have moved: one told later is stale by as much, and orders miss it."""
        now_ns = self.clock.wall_ns()
        wait_ns = self.market.next_move_ns(self.venue_id, now_ns) - now_ns
        return (wait_ns + _TIMER_NS if wait_ns > 0 else self.spec.publish_ns) / _NS

    def _publish_soon(self, symbol: str) -> None:
        """Shows a book that we changed before its regular time, but many changes as one."""
        if symbol not in self._due:
            self._due.add(symbol)
            asyncio.get_running_loop().call_later(_CONFLATE_S, self._publish_due, symbol)

    def _publish_due(self, symbol: str) -> None:
        self._due.discard(symbol)
        if self._is_running:
            self._publish(symbol)

    def _publish(self, symbol: str) -> None:
        """What rests meets the trades and the book of this instant; then that is on its way to whoever listens."""
        is_told = bool(self._listeners) and not self.faults.is_down and self.spec.venue.is_lit
        now_ns = self.clock.wall_ns()
        is_worked = self._resting.has(symbol) or self._stops.has(symbol)
        flow = self.flows.get(symbol) if is_told or is_worked else None
        trades = flow.since_last(self.market.sides(self.venue_id, symbol, now_ns), now_ns) if flow is not None else []
        self._work_stops(symbol, now_ns, trades)
        self._work_resting(symbol, now_ns, trades)
        if not is_told:
            return
        bids, asks = self.shown(symbol, now_ns)
        self._book_seq += 1
        book = BookSnapshot(self.venue_id, symbol, self._book_seq, now_ns, now_ns, bids, asks)
        mark = MarkPrice(self.venue_id, symbol, self.marks.units(symbol, now_ns), now_ns, now_ns)
        asyncio.get_running_loop().call_later(self.spec.venue.latency_ns / _NS, self._emit, book, trades, mark)

    def _emit(self, snapshot: BookSnapshot, trades: Sequence[TradePrint], mark: MarkPrice) -> None:
        if self._is_running:
            self._listeners.tell(snapshot, trades, mark, self.clock.wall_ns())

    def shown(self, symbol: str, now_ns: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Bids and asks without what we took and is not back yet."""
        sides, footprint = self.market.sides(self.venue_id, symbol, now_ns), self._footprints[symbol]
        return footprint.left(Side.SELL, sides.bids, now_ns), footprint.left(Side.BUY, sides.asks, now_ns)

    # time

    async def _pass_ns(self, wait_ns: int) -> None:
        if wait_ns > 0:
            await asyncio.sleep(wait_ns / _NS)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A broken piece of work is silence for the client, who asks; here it is told to whoever watches."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            observe.venue_call_failed(self.venue_id, "exchange", error)
