"""From a book event to a child's bytes, on a recorded feed at a multiple of its speed.

One process as in production: engine, router, SQLite journal and venue sockets; the venues are another process. The
recorded markets are those of the public set, each served as several pseudo-venues by the replay's rule (no such venues
exist), so every recorded message is several book writes. Two kinds of order: *probes* sell, and wait just beyond the
touch until an event reaches their limit; *sprays* are market orders that need several venues, and buy: no probe waits
for what a spray is taking (docs/adr/0055). Before the clock runs, N_WARM market
orders are placed, so that the log reads back as few of its facts as that of a service that has been up for a minute.

    event to bytes   from the receipt of the first event that reaches a probe's limit, when the engine has it, until the
                     kernel has the bytes of its first child: by its own stamp of the packet at the far side
    ahead            of those orders, the part whose child had been reserved and left before its own facts were durable
                     (docs/adr/0063)
    event to return  until our write of them came back: the kernel may let the woken reader run first
    spray skew       from the first to the last child's write of one wave
    book age         the oldest book that any plan was decided on, against its limit
    append           of an order's facts, until they were durable (`prompt`: how many at once), or queued
    bare sync        the disk's own part: as many bytes written and synced by nobody else, before the run

Nothing is charged for what a socket's read and a parser take before an event is received (loadtests/feeds.py), nor for
events that wait behind others: each is received when its turn comes.

    python -m loadtests.feed [--seconds 30] [--speed 10]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import uvloop

from app.bootstrap import make_core
from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.enums import ContractKind, Mode, OrderType, Remainder, Side, TimeInForce
from app.domain.events import Fact, OrderAccepted
from app.domain.fees import FeeTier
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.recorded import RecordedMarket
from app.domain.units import NANO, PPM
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.execution.inputs import Accepted, SetBalance, SetLimits, Start, Submit
from app.kernels import jit
from app.routing.router import Router
from app.services.engine import Engine
from app.services.first_start import DEMO_ACCOUNT
from app.services.garbage import Garbage
from app.services.marketdata import MarketData
from app.services.rehearsal import Rehearsal
from app.services.replay_lane import LIMITS
from app.services.replay_protocol import ServedVenue, load_protocol
from app.settings import Settings
from app.shm.books import BookBoard
from app.store.journal import JournalOptions, SqliteJournal
from app.venues.clock import SystemClock
from app.venues.remote import RemoteVenue
from loadtests import probe
from loadtests.feed_watch import Probe, Watch
from loadtests.floor import bare_syncs_ns
from loadtests.markets import market_order

RECORDING = Path(__file__).parents[2] / "shared" / "data" / "public" / "l2" / "binance_3mkt_20240808"
SPEED = 10
SECONDS = 30.0
MAX_BOOK_AGE_NS = 1_000_000_000
MAX_WORK_NS = 1_000_000  # of books in one pass of the loop: orders and sockets have their turn in between
PROBE_BEYOND_UNITS = 1
PROBE_EVERY_S, SPRAY_EVERY_S = 0.02, 0.1
SPRAY_USD = 200_000
N_WARM, N_WARM_AT_ONCE, WARM_USD = 320, 8, 2_000
DEPTH = 200
BookEvent = BookSnapshot | BookDelta


class TimedVenue(RemoteVenue):
    """The product's venue over TCP, with the instant at which a child's bytes were handed to the socket."""

    watch: Watch
    journal: TimedJournal

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        await super()._transmit(child, limits_version, decision_seq)
        self.watch.on_written(child, is_ahead=decision_seq > self.journal.durable_seq)


class TimedJournal(SqliteJournal):
    """The product's journal, with the time that a wave given to it took to be durable, or else to be queued."""

    watch: Watch
    _stored_ns = 0

    def append(self, facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> None:
        self._stored_ns, began_ns = 0, time.perf_counter_ns()
        super().append(facts, receipts)
        if receipts:
            is_prompt = self.durable_seq == facts[-1].seq
            self.watch.appends_ns.append((self._stored_ns if is_prompt else time.perf_counter_ns()) - began_ns)
            self.watch.n_prompt += is_prompt

    def _store(self, *group: Any) -> None:
        super()._store(*group)
        self._stored_ns = time.perf_counter_ns()


def served_events(
    market: RecordedMarket, served: Sequence[ServedVenue], events: Iterator[BookEvent]
) -> Iterator[tuple[int, list[BookEvent]]]:
    """(receive time, one book event a pseudo-venue) of each recorded event: quantities shared out by the rule."""
    lot_units = market.instrument.lot_units
    for event in events:
        parts: list[BookEvent] = []
        for venue_i, venue in enumerate(served):

            def share(levels: tuple[Level, ...], venue_i: int = venue_i) -> tuple[Level, ...]:
                return tuple((price, _part(qty, served, venue_i, lot_units)) for price, qty in levels)

            parts.append(replace(event, venue=_name(market, venue), bids=share(event.bids), asks=share(event.asks)))
        yield event.received_ts_ns, parts


def _part(qty_units: int, served: Sequence[ServedVenue], venue_i: int, lot_units: int) -> int:
    parts = [0] * len(served)
    for i in range(1, len(served)):
        lot = lot_units * served[i].lot_multiple
        parts[i] = qty_units * served[i].share_ppm // PPM // lot * lot
    parts[0] = qty_units - sum(parts)
    return parts[venue_i]


def _name(market: RecordedMarket, venue: ServedVenue) -> str:
    return f"{market.symbol.fungible.kind.value}_{venue.venue}"


def make_universe(markets: Sequence[RecordedMarket], served: Sequence[ServedVenue]) -> Universe:
    venues, instruments, fees = {}, {}, {}
    for market, venue in itertools.product(markets, served):
        name = _name(market, venue)
        venues[name] = Venue(
            name,
            name,
            Mode.PAPER,
            is_simulated=True,
            latency_ns=0,
            max_book_age_ns=MAX_BOOK_AGE_NS,
            request_deadline_ns=2_000_000_000,
        )
        listing: Instrument = replace(
            market.instrument, venue=name, lot_units=market.instrument.lot_units * venue.lot_multiple
        )
        instruments[(name, market.symbol.name)] = listing
        fees[name] = FeeTier(name, "base", 500 + 100 * venue.fee_index, 0, 0, "simulated", "2026-01-01")
    return Universe(venues, {m.symbol.name: m.symbol for m in markets}, instruments, fees)


@dataclass(slots=True)
class Run:
    """One run on a live loop."""

    markets: Sequence[RecordedMarket]
    engine: Engine
    board: BookBoard
    watch: Watch
    feed: Iterator[tuple[int, list[Any]]]
    speed: float
    _ids: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def prepared(cls, events: list[tuple[int, list[BookEvent]]], universe: Universe) -> Iterator[tuple[int, list[Any]]]:
        """The events as this player takes them, made before the clock runs."""
        return iter(events)

    def open(self) -> None:
        """Before the first event."""

    async def warm(self, opening: Sequence[BookSnapshot]) -> None:
        """Places orders on the first of each book, until the log takes most facts unread; none without books."""
        books = list({(book.venue, book.symbol): book for book in reversed(opening)}.values())
        symbols = [market.symbol for market in self.markets]
        for n, side in zip(range(N_WARM // N_WARM_AT_ONCE), itertools.cycle((Side.BUY, Side.SELL)), strict=False):
            for book in books:
                self.engine.on_book(_stamped(book, time.time_ns()))
            symbol = symbols[n % len(symbols)]
            orders = [self._market_order(symbol, side, WARM_USD) for _ in range(N_WARM_AT_ONCE)]
            facts = await asyncio.gather(*(self._submit(order) for order in orders if order is not None))
            ids = [fact.order_id for fact in facts]
            while not self.watch.ended.issuperset(ids):  # noqa: ASYNC110 - the far side fills whatever it is sent
                await asyncio.sleep(0.001)
        self.watch.forget()

    async def play(self, seconds: float) -> None:
        """Feeds by the clock while orders come by their own."""
        orders = [asyncio.create_task(self._probe_for_ever(m)) for m in self.markets]
        orders.append(asyncio.create_task(self._spray_for_ever()))
        try:
            await self._feed(seconds)
        finally:
            for task in orders:
                task.cancel()
            await asyncio.gather(*orders, return_exceptions=True)

    async def _feed(self, seconds: float) -> None:
        began_ns = passed_ns = time.time_ns()
        first_ns = 0
        for recorded_ns, events in self.feed:
            first_ns = first_ns or recorded_ns
            due_ns = began_ns + int((recorded_ns - first_ns) / self.speed)
            if due_ns > began_ns + seconds * 1e9:
                return
            now_ns = time.time_ns()
            if due_ns > now_ns:
                await asyncio.sleep((due_ns - now_ns) / 1e9)
                now_ns = passed_ns = time.time_ns()
            elif self.engine.has_turns_under_way or now_ns - passed_ns > MAX_WORK_NS:
                await asyncio.sleep(0)
                passed_ns = now_ns
            self.watch.late_ns.append(now_ns - due_ns)
            self._take(events)

    def _take(self, events: list[Any]) -> None:
        event: BookEvent
        for event in events:
            received = _stamped(event, time.time_ns())
            self.engine.on_book(received)
            touch = self.board.touch(received.venue, received.symbol)
            self.watch.on_touch(received.symbol, *touch, received.received_ts_ns)
            self.watch.n_events += 1

    async def _probe_for_ever(self, market: RecordedMarket) -> None:
        """One waiting sale after another, a tick beyond the best price."""
        symbol = market.symbol.name
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            touches = [self.board.touch(venue, symbol) for venue in self.engine.universe.listings(symbol)]
            bids = [t[0] for t in touches if t[0]]
            if not bids:
                continue
            limit = max(bids) + market.instrument.tick_units * PROBE_BEYOND_UNITS
            waiting = Probe(symbol, Side.SELL, limit)
            self.watch.waiting.setdefault(symbol, []).append(waiting)
            qty = 4 * max(listing.lot_units for listing in self.engine.universe.listings(symbol).values())
            accepted = await self._submit(
                replace(
                    self._order(symbol, Side.SELL, qty),
                    order_type=OrderType.LIMIT,
                    limit_price_units=limit,
                    time_in_force=TimeInForce.GTC,
                    remainder=Remainder.HELD,
                )
            )
            waiting.begin(accepted.approved_ts_ns)
            if not self.engine.ledger.parents[accepted.order_id].children:  # else it was reached before it could wait
                self.watch.probes[accepted.order_id] = waiting
            for _ in range(100):
                if accepted.order_id in self.watch.ended:
                    break
                await asyncio.sleep(PROBE_EVERY_S)
            self.watch.waiting[symbol].remove(waiting)

    async def _spray_for_ever(self) -> None:
        for market in itertools.cycle(self.markets):
            await asyncio.sleep(SPRAY_EVERY_S)
            order = self._market_order(market.symbol, Side.BUY, SPRAY_USD)
            if order is not None:
                await self._submit(order)

    def _market_order(self, symbol: Symbol, side: Side, usd: int) -> ParentOrder | None:
        """An order for so much at the first venue's bid; None while that has none."""
        listings = self.engine.universe.listings(symbol.name)
        mid = self.board.touch(next(iter(listings)), symbol.name)[0]
        if not mid:
            return None
        lot = max(listing.lot_units for listing in listings.values())
        qty = usd * NANO // max(symbol.notional_nano(mid, lot), 1) * lot
        return replace(self._order(symbol.name, side, qty), max_slippage_ppm=20_000)

    def _order(self, symbol: str, side: Side, qty_units: int) -> ParentOrder:
        return replace(
            market_order(DEMO_ACCOUNT, symbol, side, qty_units, time.time_ns()),
            client_order_id=f"feed-{next(self._ids)}",
        )

    async def _submit(self, order: ParentOrder) -> OrderAccepted:
        reply = await self.engine.ask(Submit(order, Mode.PAPER))
        assert isinstance(reply, Accepted)
        return reply.fact


def _stamped(event: BookEvent, now_ns: int) -> BookEvent:
    """The event as received now; spelled out because dataclasses.replace costs half as much as writing the book."""
    if isinstance(event, BookSnapshot):
        return replace(event, received_ts_ns=now_ns)
    return BookDelta(
        event.venue,
        event.symbol,
        event.prev_book_seq,
        event.book_seq,
        event.venue_ts_ns,
        now_ns,
        event.bids,
        event.asks,
    )


def recorded(
    path: Path, served: Sequence[ServedVenue], span_s: float
) -> tuple[list[RecordedMarket], list[tuple[int, list[BookEvent]]]]:
    """The recording's linear markets in bitcoin, and `span_s` of their events from where all have begun, in order."""
    from app.store.recording import open_recording  # pyarrow belongs to the extra

    recording = open_recording(path)
    markets = [
        m
        for m in recording.markets
        if m.symbol.fungible.base == "BTC" and m.symbol.fungible.kind is not ContractKind.INVERSE
    ]
    until_ns = max(recording.span_ns(m)[0] for m in markets) + int(span_s * 1e9)
    events: list[tuple[int, list[BookEvent]]] = []
    for source in [served_events(m, served, recording.events(m)) for m in markets]:
        events += itertools.takewhile(lambda item: item[0] <= until_ns, source)
    events.sort(key=lambda item: item[0])
    return markets, events


async def run(
    path: Path,
    seconds: float,
    speed: float,
    port: int,
    folder: Path,
    served: Sequence[ServedVenue],
    player: type[Run] = Run,
    watch: Watch | None = None,
) -> Watch:
    """Opens an engine on the recording's markets, each served as `served` says, plays it, closes it."""
    markets, events = recorded(path, served, (seconds + 2) * speed)
    universe = make_universe(markets, served)
    board, watch = BookBoard(list(universe.instruments), depth=DEPTH), watch or Watch()
    feed = player.prepared(events, universe)
    clock = SystemClock()
    venues = {venue_id: TimedVenue(venue_id, clock, "127.0.0.1", port) for venue_id in universe.venues}
    fatal: list[BaseException] = []
    may_reserve = Settings.model_fields["reserve_children"].default
    engine = Engine(
        core=make_core(universe, board, Mode.PAPER, Router(), may_reserve=may_reserve),
        clock=clock,
        market=MarketData(board),
        venues=venues,
        start=Start("bench", "bench", "bench", Mode.PAPER),
        on_fatal=fatal.append,
    )
    watch.bare_syncs_ns = bare_syncs_ns(folder)
    journal = TimedJournal(
        folder / "journal.db",
        on_durable=engine.on_durable_from_thread,
        on_fatal=fatal.append,
        options=JournalOptions(read_back_every=Settings.model_fields["journal_read_back"].default),
    )
    journal.watch = watch
    for venue in venues.values():
        venue.watch, venue.journal = watch, journal
    garbage = Garbage(engine)
    rehearsal = Rehearsal(engine, journal.rehearse, Settings.model_fields["rehearse_every_ms"].default / 1e3)
    await engine.open(journal)
    await garbage.open()
    await rehearsal.open()
    for venue_id, currency in itertools.product(universe.venues, ("USDT", "BTC")):
        await engine.ask(SetBalance(DEMO_ACCOUNT, venue_id, currency, 10**8 * NANO, "bench"))
    await engine.ask(SetLimits(DEMO_ACCOUNT, LIMITS, "bench"))
    engine.add_listener(watch.on_facts)
    engine.add_report_listener(watch.on_report)
    played = player(markets, engine, board, watch, feed, speed)
    await played.warm([event for _, parts in events for event in parts if isinstance(event, BookSnapshot)])
    played.open()
    await played.play(seconds)
    await rehearsal.close()
    await garbage.close()
    await engine.close(1.0)
    journal.close()
    if fatal:
        raise fatal[0]
    return watch


def row_of(watch: Watch, seconds: float, speed: float, before: probe.Probe, after: probe.Probe) -> dict[str, object]:
    """The run in one row; quantiles in ms."""
    reached = [p for p in watch.probes.values() if p.reached_ns and p.written_ns]
    reached = [p for p in reached if p.written_ns >= p.reached_ns]
    delays = sorted(p.written_ns - p.reached_ns for p in reached)
    returns = sorted(p.returned_ns - p.reached_ns for p in reached)
    waves = [wave.values() for wave in watch.writes_ns.values() if len(wave) > 1]
    skews = sorted(max(times) - min(times) for times in waves)
    row: dict[str, object] = {
        "speed": f"{speed:g}x",
        "book_writes_per_s": round(watch.n_events / seconds),
        "n_probes": len(delays),
        "event_to_bytes_ms_p50": _at(delays, 0.5),
        "event_to_bytes_ms_p99": _at(delays, 0.99),
        "ahead_percent": round(100 * sum(p.is_ahead for p in reached) / max(1, len(reached))),
        "event_to_return_ms_p50": _at(returns, 0.5),
        "append_ms_p50": _at(sorted(watch.appends_ns), 0.5),
        "prompt_percent": round(100 * watch.n_prompt / max(1, len(watch.appends_ns))),
        "bare_sync_ms_p50": _at(watch.bare_syncs_ns, 0.5),
        "bare_sync_ms_p99": _at(watch.bare_syncs_ns, 0.99),
        "n_sprays": len(skews),
        "spray_skew_ms_p50": _at(skews, 0.5),
        "spray_skew_ms_p99": _at(skews, 0.99),
        "n_plans": watch.n_plans,
        "oldest_book_ms": round(watch.oldest_book_ns / 1e6, 1),
        "age_limit_ms": MAX_BOOK_AGE_NS // 10**6,
        "feed_late_ms_p99": _at(sorted(watch.late_ns), 0.99),
        "probe_p50": max(before.stretch_p50, after.stretch_p50),
        "probe_p99": max(before.stretch_p99, after.stretch_p99),
    }
    assert watch.oldest_book_ns <= MAX_BOOK_AGE_NS, "a decision on a book beyond its age limit"
    return row


def _at(ordered_ns: Sequence[int], fraction: float) -> float:
    if not ordered_ns:
        return float("nan")
    return round(ordered_ns[min(len(ordered_ns) - 1, int(len(ordered_ns) * fraction))] / 1e6, 3)


def measure(
    *,
    is_quick: bool = False,
    seconds: float = SECONDS,
    speed: float = SPEED,
    served: Sequence[ServedVenue] = (),
    player: type[Run] = Run,
) -> list[dict[str, object]]:
    """One row, or none where the recording is not at hand."""
    if not RECORDING.is_dir():
        return []
    seconds = seconds / 5 if is_quick else seconds
    jit.warm()
    sink = subprocess.Popen([sys.executable, "-m", "loadtests.feed_sink"], stdout=subprocess.PIPE)
    try:
        assert sink.stdout is not None
        port = int(sink.stdout.readline())
        before = probe.look()
        with tempfile.TemporaryDirectory(prefix="bestex-bench-") as folder:
            shared = served or load_protocol().shared
            watch = uvloop.run(run(RECORDING, seconds, speed, port, Path(folder), shared, player))
        return [row_of(watch, seconds, speed, before, probe.look())]
    finally:
        sink.kill()
        sink.communicate(timeout=10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--speed", type=float, default=SPEED)
    asked = parser.parse_args()
    print(json.dumps(measure(seconds=asked.seconds, speed=asked.speed), indent=2))
