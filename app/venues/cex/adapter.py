"""One exchange account through ccxt: the adapter of every venue, steered by its profile.

Laws: a placement is one HTTP request, never repeated. What was asked and not answered is UNKNOWN, and asked about. What
the stream says and what REST says is one story (`OwnOrders`). Prices and quantities leave as exact strings.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ccxt.base import errors as ccxt_errors

from app import observe
from app.domain.enums import TimeInForce
from app.domain.errors import Unavailable
from app.domain.fills import ExecutionReport, ReportKind, legible
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, Clock, ReportSink, TradesSink
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.domain.universe import Universe
from app.venues.base import VenueBase
from app.venues.cex.books import FeedMaker
from app.venues.cex.budget import Budgets
from app.venues.cex.deadlines import deadline_params, proven_until_ns, request_life
from app.venues.cex.desk import Desk
from app.venues.cex.dialects import own_order, own_trade
from app.venues.cex.errors import placement_report, says_absent, unsent_report
from app.venues.cex.exact import price_text, qty_text
from app.venues.cex.feed import CcxtFeed, aged
from app.venues.cex.health import Health
from app.venues.cex.profile import QueryRoute, VenueProfile
from app.venues.cex.reports import OwnOrder, OwnOrders
from app.venues.cex.session import Call, SessionSettings, calling, make_session
from app.venues.cex.signing import RequestSigner, RiskToken
from app.venues.cex.statements import Told, statement_of
from app.venues.cex.stops import apart_of, barred_stop, rests_once_off, stop_params
from app.venues.cex.streams import STREAM_ERRORS, Stream, Tasks, close_silent
from app.venues.cex.tape import CcxtTape

TokenSource = Callable[[ChildOrder, int, int], RiskToken | None]

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_START_TIMEOUT_S: Final = 2.0
_FIRST_BACKOFF_S: Final = 0.1
_MAX_BACKOFF_S: Final = 5.0
_SWEEP_EVERY_S: Final = 0.1
# Orders that are asked about side by side.
_LOOKS_AT_ONCE: Final = 50
# An order is asked about when its stream has been silent about it for so long, then ever more rarely.
_FIRST_LOOK_NS: Final = 300 * _NS_PER_MS
_MAX_LOOK_NS: Final = 5 * _NS_PER_S
_CLOCK_EVERY_S: Final = 5.0
_STREAM_UP_AFTER_S: Final = 0.2


def no_token(child: ChildOrder, limits_version: int, decision_seq: int) -> RiskToken | None:
    """Of signers that ask for none: tests."""
    return None


class CcxtVenue(VenueBase):
    """One account at one exchange; it reconnects by itself for as long as it is started."""

    def __init__(
        self,
        profile: VenueProfile,
        universe: Universe,
        clock: Clock,
        settings: SessionSettings,
        *,
        signer: RequestSigner,
        budgets: Budgets,
        token_of: TokenSource = no_token,
        has_feed: bool = True,
        make_feed: FeedMaker = CcxtFeed,
    ) -> None:
        super().__init__(profile.venue_id, clock)
        self.profile = profile
        self._token_of = token_of
        self._listings = listings_of(universe, profile.venue_id)
        kinds = frozenset(symbol.fungible.kind for symbol, _ in self._listings.values())
        settings = replace(settings, kinds=kinds)
        self._account = settings.account
        self._signer = signer
        self._life = request_life(profile.ccxt_id)
        key_id = signer.key_id(profile.venue_id, settings.account)
        self._budget = budgets.of(profile, key_id=key_id, account=settings.account)
        self._health = Health(profile.venue_id, clock, self._budget)
        max_age_ns = universe.venues[profile.venue_id].max_book_age_ns
        maker = aged(make_feed, max_age_ns)
        self._feed = maker(profile, self._listings, clock, self._health) if has_feed else None

        def offset_ns() -> int:
            return self._health.offset.offset_ns

        self._exchange: Any = make_session(
            profile, settings, self._budget, clock, signer=signer, on_wire=self._on_private_wire, offset_ns=offset_ns
        )
        self._public: Any = (
            make_session(profile, replace(settings, account=""), self._budget, clock, on_wire=self._feed.on_wire)
            if self._feed is not None
            else None
        )
        self._desk = Desk(profile, self._listings, self._exchange, clock, self._health)
        self._orders = OwnOrders(profile, self._listings, self._report, clock.wall_ns)
        self._desk.on_listed = lambda word: self._orders.take_order(word, "rest")
        self._tasks = Tasks(profile.venue_id)
        self._connected = asyncio.Event()
        self._is_clock_wrong = asyncio.Event()
        self._on_report: ReportSink | None = None
        self._on_book: BookSink | None = None
        self._settings = settings
        self._tape: CcxtTape | None = None

    shows_own_trades = True

    def watch_trades(self, on_trades: TradesSink) -> Sequence[str]:
        """Trades from the next start on, our own among them; of what, shows once they come."""
        self._tape = CcxtTape(self.profile, self._listings, self._clock, on_trades)
        return ()

    # life

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        """Starts connecting, and waits a little for it; a venue that is away joins later."""
        self._on_report, self._on_book = on_report, on_book
        self._tasks.start(self._connect(), "connect")
        try:
            await asyncio.wait_for(self._connected.wait(), _START_TIMEOUT_S)
        except TimeoutError:
            return

    async def stop(self) -> None:
        if self._feed is not None:
            await self._feed.stop()
        if self._tape is not None:
            await self._tape.stop()
        await self._tasks.stop()
        for exchange in (self._exchange, self._public):
            if exchange is not None:
                await exchange.close()
        self._connected.clear()

    async def _connect(self) -> None:
        """Markets, the account's modes and the clock, until they are there; then everything else begins."""
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                await self._prepare()
                break
            except Unavailable as error:
                self._health.lacks("connect", error.detail)
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _MAX_BACKOFF_S)
        self._health.has("connect")
        self._connected.set()
        self._tasks.start(self._sweep(), "sweep")
        self._tasks.start(self._watch_clock(), "clock")
        for stream in self._own_streams():
            self._tasks.start(stream.run(), stream.name)
        if self._feed is not None:
            assert self._on_book is not None
            self._feed.start(self._public, self._on_book)
        if self._tape is not None:
            await self._tape.open(replace(self._settings, account=""), self._budget, self._exchange)

    async def _prepare(self) -> None:
        """What ccxt would otherwise ask in the middle of a placement, and what the streams need."""
        desk, exchange = self._desk, self._exchange
        for each in (exchange, self._public):
            if each is not None:
                each.open()
        await desk.ask("markets", exchange.load_markets)
        if self._public is not None:
            self._public.set_markets(exchange.markets, exchange.currencies)
            self._public.markets_loading = asyncio.get_running_loop().create_future()
            self._public.markets_loading.set_result(self._public.markets)
        # From here on what ccxt parses stays text: no money goes through a float.
        exchange.number = str
        await desk.venue_time_ns()
        await desk.balance()

    async def _watch_clock(self) -> None:
        """Read every few seconds, and at once where the venue has refused a time of ours."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_clock_wrong.wait(), _CLOCK_EVERY_S)
            self._is_clock_wrong.clear()
            try:
                await self._desk.venue_time_ns()
                await self._follow_key()
            except Unavailable:
                continue  # told and counted where it happened

    async def _follow_key(self) -> None:
        """Where the account's key is another now: streams log in with it. Requests are signed with it already."""
        key_id = self._signer.key_id(self.venue_id, self._account)
        if not key_id or key_id == self._exchange.apiKey:
            return
        self._exchange.apiKey = key_id
        await self._desk.balance()  # shows the passphrase of the new key, which a login names
        for url in list(self._exchange.clients):
            close_silent(self._exchange, url, "another key")

    # orders

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        await self.place(child, self._token_of(child, limits_version, decision_seq))

    async def place(self, child: ChildOrder, token: RiskToken | None) -> None:
        """The placement's one request and its outcome; `token` is the gate's proof for the signer."""
        order = self._orders.add(child)
        if why := self._barred(child):
            self._orders.take_report(order, unsent_report(self.profile, child.client_id, why, is_known=True))
            return
        apart = apart_of(self.profile.ccxt_id, child)
        if apart is not None and apart.by_label and await self._has_it_already(order):
            return
        places = self.profile.placement if apart is None else apart.placement or self.profile.placement
        call = Call("place", token, places)
        error, made = await self._request_placement(order, call)
        venue_order_id = str((made or {}).get("id") or "")
        if call.is_answered:
            self._health.answered()
        elif not isinstance(error, Unavailable):
            self._health.unanswered()
        report = placement_report(self.profile, child.client_id, call, error, venue_order_id)
        self._orders.take_report(order, report)
        order.next_look_ns = self._clock.monotonic_ns() + _FIRST_LOOK_NS
        if made is not None and report.kind is ReportKind.ACKED and made.get("status"):
            self._orders.take_order({**made, "clientOrderId": order.wire_id}, "ack")

    async def _has_it_already(self, order: OwnOrder) -> bool:
        """Whether nothing may be sent: the venue has it, which is told, or does not say whether it has."""
        try:
            found = await self._desk.order(order)
        except Unavailable as error:
            why = unsent_report(self.profile, order.child.client_id, error.detail, is_known=False)
            self._orders.take_report(order, why)
            return True
        return found is not None and self._orders.take_order(found, "rest") is not None

    async def _request_placement(
        self, order: OwnOrder, call: Call
    ) -> tuple[BaseException | None, Mapping[str, Any] | None]:
        child = order.child
        qty = qty_text(order.symbol, order.instrument, child.qty_lots)
        price = price_text(order.symbol, order.instrument, child.price_ticks)
        try:
            with calling(call):
                made = await self._exchange.create_order(
                    child.symbol, "limit", child.side.value, qty, price, self._placement_params(order)
                )
        except asyncio.CancelledError as error:
            if call.may_have_left:
                self._orders.take_report(order, placement_report(self.profile, child.client_id, call, error, ""))
            raise
        except Exception as error:  # noqa: BLE001 - the rim of ccxt: `call` says what became of the request
            observe.venue_call_failed(self.venue_id, "send", error)
            if isinstance(error, ccxt_errors.InvalidNonce):
                self._is_clock_wrong.set()
            return error, None
        return None, made

    def _placement_params(self, order: OwnOrder) -> dict[str, Any]:
        child, profile = order.child, self.profile
        offset_ns = self._health.offset.offset_ns
        venue_now_ns = self._clock.wall_ns() + offset_ns
        rests, apart = rests_once_off(profile.ccxt_id, child), apart_of(profile.ccxt_id, child)
        return {
            **profile.time_in_force[TimeInForce.GTC if rests else child.time_in_force],
            **(profile.post_only_params if child.is_post_only else {}),
            **stop_params(profile.ccxt_id, child, order.symbol, order.instrument),
            profile.client_id.param if apart is None else apart.id_param: order.wire_id,
            **deadline_params(self._life, child.deadline_ts_ns + offset_ns, venue_now_ns),
        }

    def _barred(self, child: ChildOrder) -> str:
        """Why `child` does not leave; empty where it may."""
        if not self._connected.is_set():
            return "not connected"
        state, reason = self._health.state()
        if state is VenueState.DOWN:
            return reason
        if child.time_in_force not in self.profile.time_in_force:
            return f"{child.time_in_force} is not offered"
        if child.stop is not None:
            kind = self._listings[child.symbol][0].fungible.kind
            if why := barred_stop(self.venue_id, self.profile.ccxt_id, kind, child):
                return why
        if child.rests and child.stop is None and not self.profile.rests:
            return "no child may rest here: post-only and its end have not been shown at this venue"
        if child.display_lots:
            return "no child may hide a part here: that has not been shown at this venue"
        if self._clock.wall_ns() >= child.deadline_ts_ns:
            return "deadline passed"
        return ""

    async def cancel(self, child: ChildOrder) -> None:
        """Raises Unavailable where the wish never left, or was not answered."""
        self._require_connection()
        order = self._orders.add(child)
        if not order.venue_order_id and not self.profile.cancel_by_client_id:
            await self._look_for_unheard(order)
            if not order.venue_order_id:
                return
        call = Call("cancel")
        try:
            await self._desk.cancel(order, call)
        except Unavailable as error:
            if not says_absent(self.profile, call) and not isinstance(error.__cause__, ccxt_errors.InvalidOrder):
                raise
            self._cancel_rejected(order, "already_done" if order.is_placed else "unknown_order")
        else:
            if not order.is_placed:  # some venues say yes to the cancel of an order that never was
                await self._look_for_unheard(order)
        order.n_looks, order.next_look_ns = 0, self._clock.monotonic_ns() + _FIRST_LOOK_NS // 3

    async def _look_for_unheard(self, order: OwnOrder) -> None:
        found = await self._desk.order(order)
        if found is None:
            self._cancel_rejected(order, "unknown_order")
        else:
            self._orders.take_order(found, "rest")

    def _cancel_rejected(self, order: OwnOrder, code: str) -> None:
        report = ExecutionReport(
            ReportKind.CANCEL_REJECTED, self.venue_id, order.child.client_id, code=code, evidence="rest:cancel"
        )
        self._report(report)

    async def query(self, child: ChildOrder) -> None:
        """Asks about `child` and tells all that is known. Raises Unavailable where nobody answered."""
        self._require_connection()
        order = self._orders.add(child)
        if order.is_asked_about:
            return  # the answer is on its way
        order.is_asked_about = True
        try:
            await self._query(order, child)
        finally:
            order.is_asked_about = False

    async def _query(self, order: OwnOrder, asked: ChildOrder) -> None:
        found = await self._desk.order(order)
        looked_ns = 0
        if found is None:
            # Once more, after the venue's own clock was read: that is when it looked, at the earliest.
            looked_ns = await self._desk.venue_time_ns()
            found = await self._desk.order(order)
        if found is None:
            self._report(
                ExecutionReport(
                    ReportKind.NOT_FOUND,
                    self.venue_id,
                    order.child.client_id,
                    code="never_accepted",
                    venue_ts_ns=max(0, proven_until_ns(self._life, looked_ns)),
                    evidence="rest:query",
                )
            )
            self._orders.absent(order)
            return
        self._orders.retell(order)
        self._orders.take_order(found, "rest")
        if order.lacks_fills:
            await self._fill_gap(order)
        self._orders.tell_end(order, asked)

    async def open_client_ids(self) -> Sequence[str]:
        """Raises Unavailable where the venue does not answer."""
        self._require_connection()
        found = await self._desk.open_orders()
        return [client_id for order in found if (client_id := self._orders.client_id_of(order))]

    async def statement(self, account: str) -> VenueStatement:
        """Everything `account` has now. Raises Unavailable where a part of it cannot be had, or it is another's."""
        self._require_connection()
        if account != self._account:
            raise Unavailable("venue_unavailable", f"{self.venue_id} is asked with the key of {self._account}.")
        as_of_ns = await self._desk.venue_time_ns()
        open_orders = await self._desk.open_orders()
        balance, positions = await self._desk.balance(), await self._desk.positions()
        ids = [self._orders.client_id_of(order) for order in open_orders]
        told = Told(balance, positions, tuple(zip(open_orders, ids, strict=True)))
        return statement_of(self.venue_id, self._listings, as_of_ns, told)

    def health(self) -> VenueHealth:
        return self._health.report()

    def _require_connection(self) -> None:
        if not self._connected.is_set():
            raise Unavailable("venue_unavailable", f"{self.venue_id} is not connected.")

    # what the venue says

    def _own_streams(self) -> list[Stream]:
        exchange, orders = self._exchange, self._orders
        has_fills = "fills" in self.profile.streams and bool(exchange.has.get("watchMyTrades"))

        def on_orders(words: Sequence[Mapping[str, Any]]) -> None:
            for word in words:
                order = orders.take_order(own_order(self.profile.ccxt_id, word), "stream")
                if order is not None and ((order.lacks_fills and not has_fills) or self._is_left_over(order)):
                    order.next_look_ns = 0  # only REST tells the single fills here, or takes a stop's rest back

        def on_trades(words: Sequence[Mapping[str, Any]]) -> None:
            for word in words:
                orders.take_trade(own_trade(self.profile.ccxt_id, word), "stream")

        made = []
        if "orders" in self.profile.streams and exchange.has.get("watchOrders"):
            made.append(self._own_stream("orders", exchange.watch_orders, on_orders))
        if has_fills:
            made.append(self._own_stream("fills", exchange.watch_my_trades, on_trades))
        return made

    def _own_stream(self, name: str, next_words: Callable[[], Any], on_words: Callable[[Any], None]) -> Stream:
        # Where orders can be asked about, REST tells what a lost stream does not; where not, only it does.
        has_sweep = self.profile.query_route is not QueryRoute.NONE

        def lost(why: str) -> None:
            if has_sweep:
                self._health.does_without(name, f"{why}, asked for over REST")
            else:
                self._health.lacks(name, why)

        lost("stream not open yet")

        def back() -> None:
            self._health.has(name)
            for order in self._orders.open():
                order.n_looks, order.next_look_ns = 0, 0  # what was said meanwhile is asked for

        return Stream(
            self.venue_id, name, next_words, on_words, lost, back,
            is_open=lambda: any(client.isConnected for client in self._exchange.clients.values()),
            open_after_s=_STREAM_UP_AFTER_S,
        )  # fmt: skip

    def _on_private_wire(self, client: Any, message: Any) -> bool:
        self._health.heard("own")
        return True

    async def _sweep(self) -> None:
        """Asks over REST about every order that its stream leaves open or incomplete for too long."""
        while True:
            await asyncio.sleep(_SWEEP_EVERY_S)
            now_ns = self._clock.monotonic_ns()
            due = [order for order in self._orders.open() if order.next_look_ns <= now_ns]
            async with asyncio.TaskGroup() as looks:  # together, for one list or one page may answer for all of them
                for order in due[:_LOOKS_AT_ONCE]:
                    order.n_looks += 1
                    order.next_look_ns = now_ns + min(_FIRST_LOOK_NS << min(order.n_looks, 8), _MAX_LOOK_NS)
                    looks.create_task(self._look_again(order))

    async def _look_again(self, order: OwnOrder) -> None:
        try:
            await self._look(order)
        except Unavailable:
            return  # told and counted where it happened; the next look is set
        except STREAM_ERRORS as error:  # one answer that cannot be read must not end the looks at all others
            observe.venue_call_failed(self.venue_id, f"look at {order.child.client_id}", error)

    async def _look(self, order: OwnOrder) -> None:
        found = await self._desk.order(order)
        if found is not None:
            self._orders.take_order(found, "rest")
        if order.lacks_fills:
            await self._fill_gap(order)
        if self._is_left_over(order):
            await self._desk.cancel(order, Call("cancel"))  # whether it came too late the next look says

    def _is_left_over(self, order: OwnOrder) -> bool:
        """Of a stop that has gone off, the rest that its venue has put into the book, whatever was asked for."""
        return order.is_off and order.end_state is None and not order.is_over

    async def _fill_gap(self, order: OwnOrder) -> None:
        for trade in await self._desk.trades_of(order):
            self._orders.take_trade(trade, "rest", is_last_word=True)
        self._orders.settle(order)

    def _report(self, report: ExecutionReport) -> None:
        assert self._on_report is not None
        self._on_report(replace(legible(report), received_ts_ns=self._clock.wall_ns()))


def listings_of(universe: Universe, venue_id: str) -> dict[str, tuple[Symbol, Instrument]]:
    """By symbol: what is listed at `venue_id`, with the symbol's scales."""
    return {
        name: (universe.symbols[name], instrument)
        for (venue, name), instrument in universe.instruments.items()
        if venue == venue_id
    }
