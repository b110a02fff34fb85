"""Durable facts as gapless, resumable streams: a ring of the newest, the journal behind it, one order state per fact.

Laws: only durable batches come in, in the order of the log. `seq` below is the account's own gapless sequence. What an
item says of an order is the state right after its fact, computed by `evolve` from that order's facts alone, so that a
message replayed from the journal after a restart is the message that was sent live.
Cost: a fact of an account that nobody listens to is put into the ring and nothing else. Its order is folded when
somebody reads it; while somebody listens live, as it comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from operator import attrgetter
from typing import Final, Protocol, TypeVar

import msgspec

from app import observe
from app.domain.enums import KillScope
from app.domain.errors import Unavailable
from app.domain.events import Fact, KillSwitchCleared, KillSwitchSet, LimitsSet, OrderAccepted, VenueSet
from app.domain.records import FillRecord, ParentRecord
from app.execution.ledger import Ledger
from app.services.order_past import PAGE_FACTS, AccountReader, read_orders
from app.services.order_views import OrderReplica, OrderView, order_id_of, order_view

T = TypeVar("T")

RING_FACTS: Final = 65_536
# What readers made of an item is kept for resumes after a short cut only: a ring full of messages would be 100 MB.
ENCODED_FACTS: Final = 4_096
# A resume over a long history meets many orders; closed ones are dropped beyond this and read again if they reappear.
REPLICA_ORDERS: Final = 4_096
DURABLE_WAIT_S: Final = 0.002


class FactSource(Protocol):
    """The engine, as far as streams need it: its durable batches, and its ledger, which runs ahead of them."""

    @property
    def ledger(self) -> Ledger: ...

    def add_listener(self, listener: Callable[[Sequence[Fact]], None]) -> None: ...


class StreamItem(msgspec.Struct, gc=False):
    """One durable fact of an account and, if it concerns an order, that order right after it.

    `order` is filled in when somebody reads the item (`is_folded`). `encoded` belongs to the readers: what they made
    of this item, so that it is made once.
    """

    fact: Fact
    order: OrderView | None = None
    is_folded: bool = False
    encoded: dict[str, bytes] | None = None

    @property
    def seq(self) -> int:
        return self.fact.account_seq


@dataclass(frozen=True, slots=True)
class OpenFill:
    """A fill of an open order, and that order as it stands now."""

    record: FillRecord
    order: OrderView


@dataclass(frozen=True, slots=True)
class SystemState:
    """What holds for everybody: switches on anything but an account, and venues that an operator took out."""

    kills: tuple[KillSwitchSet, ...]
    disabled_venues: tuple[str, ...]


_event_of: Final = attrgetter("event")
_account_of: Final = attrgetter("fact.event.account")
_NOTED: Final = frozenset({KillSwitchSet, KillSwitchCleared, VenueSet, LimitsSet})
ItemSink = Callable[[Sequence[StreamItem]], None]
SystemSink = Callable[[Fact], None]


@dataclass(slots=True)
class _LiveAccount:
    """An account that somebody listens to. `orders` holds its orders after shard sequence `base_seq` and everything
    published since; facts up to there are in it already."""

    orders: OrderReplica
    base_seq: int
    n_listeners: int = 0


class Streams:
    """The streams of one shard. Everything here runs on the event loop, except journal pages, which one thread reads.

    Facts that were in the engine's ledger when this was built are history and come from the journal.
    """

    def __init__(self, engine: FactSource, reader: AccountReader, *, ring_facts: int = RING_FACTS) -> None:
        ledger = engine.ledger
        self._engine = engine
        self._reader = reader
        self._ring_facts = ring_facts
        self._base_seq = self._seq = ledger.seq
        self._last_seqs = dict(ledger.account_seqs)
        self._kills = dict(ledger.kills)
        self._limits_versions = {account: limits.version for account, limits in ledger.limits.items()}
        self._disabled_venues = set(ledger.disabled_venues)
        self._ring: deque[StreamItem] = deque()
        self._rings: dict[str, deque[StreamItem]] = {}
        self._newest: deque[StreamItem] = deque()
        self._live: dict[str, _LiveAccount] = {}
        self._sinks: list[ItemSink] = []
        self._system_sinks: list[SystemSink] = []
        self._wakers: dict[str, set[asyncio.Event]] = {}
        self._publications: list[asyncio.Future[None]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal-pages")
        self.is_ending = False
        self.is_closing = False
        engine.add_listener(self._on_durable)

    def end_followers(self) -> None:
        """Ends every `follow`, now and from now on; the server is about to stop."""
        self.is_ending = True
        for wakers in self._wakers.values():
            for waker in wakers:
                waker.set()

    def close(self) -> None:
        """Ends followers and the journal thread; the engine's listener stays, and does nothing more."""
        self.end_followers()
        self.is_closing = True
        self._tell_publication()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def last_seq(self, account: str) -> int:
        """The account's newest published sequence number, 0 before its first fact."""
        return self._last_seqs.get(account, 0)

    # live

    def listen(self, sink: ItemSink, system_sink: SystemSink) -> Callable[[], None]:
        """Calls `sink` with each durable batch, `system_sink` with each fact for all; gives the way to stop.

        Items of accounts that are not live are not folded. One of a live account that is not folded could not be:
        whoever listens to it must begin anew.
        """
        self._sinks.append(sink)
        self._system_sinks.append(system_sink)

        def stop() -> None:
            self._sinks.remove(sink)
            self._system_sinks.remove(system_sink)

        return stop

    def begin_live(self, account: str) -> None:
        """From `live_ready` on, items of `account` come with their orders. One `end_live` belongs to each call."""
        live = self._live.get(account)
        if live is None:
            ledger = self._engine.ledger
            orders = OrderReplica(ledger.open_by_account.get(account, {}).values())
            live = self._live[account] = _LiveAccount(orders, ledger.seq)
        live.n_listeners += 1

    def remember(self, order: ParentRecord) -> None:
        """A closed order is in memory again: a live account will hear more of it.

        One that says more than was published is left out; what comes next of it then has its past looked up.
        """
        live = self._live.get(order.account)
        if live is not None and order.order_id not in live.orders and order.last_seq <= self._seq:
            live.orders.adopt(order)

    def end_live(self, account: str) -> None:
        live = self._live[account]
        live.n_listeners -= 1
        if not live.n_listeners:
            del self._live[account]

    def is_live_ready(self, account: str) -> bool:
        """Whether all that the engine had decided when the account went live has been published."""
        return self._seq >= self._live[account].base_seq

    async def live_ready(self, account: str) -> None:
        """Waits for `is_live_ready`: at most one group commit."""
        while account in self._live and not self.is_live_ready(account) and not self.is_closing:
            published: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._publications.append(published)
            await published

    def open_orders(self, account: str) -> list[OrderView]:
        """Orders of a live account that are open at `last_seq`, oldest first."""
        return [order_view(order) for order in self._live[account].orders.open_orders(account)]

    def open_fills(self, account: str) -> list[OpenFill]:
        """Fills of those orders, in log order; each with its order as it stands at `last_seq`."""
        fills = [
            OpenFill(record, order_view(order, record.fill.child_id))
            for order in self._live[account].orders.open_orders(account)
            for record in order.fills
        ]
        return sorted(fills, key=lambda fill: fill.record.account_seq)

    # switches and limits

    def system_state(self) -> SystemState:
        """What holds for everybody now, as far as it is durable."""
        kills = tuple(kill for kill in self._kills.values() if kill.scope is not KillScope.ACCOUNT)
        return SystemState(kills, tuple(sorted(self._disabled_venues)))

    def account_kills(self, account: str) -> list[KillSwitchSet]:
        """Switches on `account` alone."""
        return [
            kill for (scope, target), kill in self._kills.items() if (scope, target) == (KillScope.ACCOUNT, account)
        ]

    def limits_version(self, account: str) -> int:
        """Version of the account's limits, 0 while it has none."""
        return self._limits_versions.get(account, 0)

    # the past

    def cursor(self, account: str, after_seq: int) -> Cursor:
        """A reader of `account` from just behind `after_seq`."""
        return Cursor(self, self._reader, account, after_seq)

    async def follow(self, account: str, after_seq: int, wait_s: float) -> AsyncIterator[Sequence[StreamItem]]:
        """Pages of `account` for ever, from just behind `after_seq`; an empty page each `wait_s` of silence.

        Pulled at the reader's own pace, so nothing is queued for it. Ends when the streams close.
        """
        cursor = self.cursor(account, after_seq)
        waker = asyncio.Event()
        self._wakers.setdefault(account, set()).add(waker)
        try:
            while not self.is_ending:
                waker.clear()
                if not cursor.is_at_head:
                    yield await cursor.page()
                    continue
                try:
                    await asyncio.wait_for(waker.wait(), wait_s)
                except TimeoutError:
                    yield ()
        finally:
            wakers = self._wakers[account]
            wakers.discard(waker)
            if not wakers:
                del self._wakers[account]

    def ring_page(self, account: str, after_seq: int, limit: int) -> list[StreamItem] | None:
        """Items behind `after_seq` from memory; None if the first of them has left the ring (or was never in it)."""
        ring = self._rings.get(account)
        if not ring or ring[0].seq > after_seq + 1:
            return None
        skip = after_seq + 1 - ring[0].seq
        return list(islice(ring, skip, skip + limit))

    def ring_past(self, account: str, order_ids: set[str], before_seq: int) -> tuple[list[Fact], set[str]]:
        """Facts of `order_ids` before `before_seq` from memory, ascending, and the ids that began before memory."""
        found: list[Fact] = []
        missing = set(order_ids)
        for item in reversed(self._rings.get(account, ())):
            if not missing:
                break
            order_id = order_id_of(item.fact.event)
            if order_id in missing and item.seq < before_seq:
                found.append(item.fact)
                if isinstance(item.fact.event, OrderAccepted):
                    missing.discard(order_id)
        found.reverse()
        return [fact for fact in found if order_id_of(fact.event) not in missing], missing

    async def in_thread(self, work: Callable[[], T]) -> T | None:
        """Runs `work` on the one thread that reads journal pages; None once closing, also for what still waits then."""
        if self.is_closing:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.is_closing or task is None or task.cancelling():
                raise
            return None  # `close` took it out of the queue; nobody gave the caller up

    # what comes in

    def _on_durable(self, facts: Sequence[Fact]) -> None:
        if self.is_closing:
            return
        if facts and facts[0].seq <= self._base_seq:
            facts = [fact for fact in facts if fact.seq > self._base_seq]
        items = self._publish(facts)
        while len(self._ring) > self._ring_facts:
            self._evict()
        while len(self._newest) > ENCODED_FACTS:
            self._newest.popleft().encoded = None
        for sink in tuple(self._sinks):
            sink(items)
        if self._publications:
            self._tell_publication()
        if self._wakers:
            for account in {item.fact.account for item in items}:
                for waker in self._wakers.get(account, ()):
                    waker.set()

    def _tell_publication(self) -> None:
        waiting, self._publications = self._publications, []
        for published in waiting:
            if not published.done():
                published.set_result(None)

    def _publish(self, facts: Sequence[Fact]) -> list[StreamItem]:
        """Puts facts into the rings; what is everybody's business is told at once."""
        items = [StreamItem(fact) for fact in facts if fact.event.account]
        for account, own in groupby(items, _account_of):  # of many facts in a row, mostly one
            of_account = list(own)
            self._rings.setdefault(account, deque()).extend(of_account)
            self._last_seqs[account] = of_account[-1].fact.account_seq
        if facts:
            self._seq = facts[-1].seq
        if not _NOTED.isdisjoint(map(type, map(_event_of, facts))):
            for fact in facts:
                if type(fact.event) in _NOTED and self._note(fact):
                    for system_sink in tuple(self._system_sinks):
                        system_sink(fact)
        if self._live:
            for item in items:
                self._fold_live(item)
        self._ring.extend(items)
        self._newest.extend(items)
        return items

    def _fold_live(self, item: StreamItem) -> None:
        fact = item.fact
        live = self._live.get(fact.account)
        if live is not None and fact.seq > live.base_seq:
            try:
                self._fold(live, item)
            except Exception as error:  # noqa: BLE001 - a rim: whatever is wrong with a stream, the engine goes on
                observe.stream_broken(fact.account, item.seq, error)

    def _fold(self, live: _LiveAccount, item: StreamItem) -> None:
        fact = item.fact
        if not live.orders.knows(fact):
            # A late word on an order that was closed before the account went live: rare, so it is read here and now.
            past, missing = self.ring_past(fact.account, {order_id_of(fact.event)}, fact.account_seq)
            for each in read_orders(self._reader, fact.account, missing, fact.account_seq) if missing else past:
                live.orders.apply(each)
        item.order = live.orders.apply(fact)
        item.is_folded = True

    def _evict(self) -> None:
        item = self._ring.popleft()
        account = item.fact.account
        ring = self._rings[account]
        ring.popleft()
        if not ring:
            del self._rings[account]
        live = self._live.get(account)
        if live is not None and (order_id := order_id_of(item.fact.event)):
            live.orders.forget_closed(order_id, item.fact.seq)

    def _note(self, fact: Fact) -> bool:
        """Keeps the switches and limits up to date; whether `fact` is everybody's business."""
        event = fact.event
        match event:
            case VenueSet():
                (self._disabled_venues.discard if event.is_enabled else self._disabled_venues.add)(event.venue)
                return True
            case KillSwitchSet():
                self._kills[(event.scope, event.target)] = event
                return event.scope is not KillScope.ACCOUNT
            case KillSwitchCleared():
                self._kills.pop((event.scope, event.target), None)
                return event.scope is not KillScope.ACCOUNT
            case LimitsSet():
                self._limits_versions[event.account] = event.limits.version
        return False


class Cursor:
    """Reads one account forward: from the journal while it is behind the ring, from the ring to the head.

    `seq` is the last sequence number read. No await lies between `is_at_head` and what the caller does next, so a
    reader that goes live when it is true misses nothing and sees nothing twice.
    """

    def __init__(self, streams: Streams, reader: AccountReader, account: str, after_seq: int) -> None:
        self._streams = streams
        self._reader = reader
        self._account = account
        # Orders as they stand after `seq`: all that have been met, as long as every page was folded here.
        self._orders = OrderReplica()
        self.seq = after_seq

    @property
    def is_at_head(self) -> bool:
        return self.seq >= self._streams.last_seq(self._account)

    async def page(self, limit: int = PAGE_FACTS) -> list[StreamItem]:
        """The next items, at most `limit`; empty only at the head, and when the streams are closing.

        Raises Unavailable("resume_too_old") where the journal no longer holds what comes next, or how one of its
        orders began.
        """
        while not self.is_at_head:
            items = self._streams.ring_page(self._account, self.seq, limit)
            if items is not None:
                items = await self._fold(items)
            else:
                # What is durable but not yet published is left out: it will come through the ring.
                n_published = min(limit, self._streams.last_seq(self._account) - self.seq)
                items = await self._streams.in_thread(partial(self._from_journal, self.seq, n_published))
            if items:
                self.seq = items[-1].seq
                return items
            if self._streams.is_closing:
                break
            # A fact of before these streams began is still on its way to the disk: at most one group commit.
            await asyncio.sleep(DURABLE_WAIT_S)
        return []

    async def _fold(self, items: list[StreamItem]) -> list[StreamItem] | None:
        """Fills in the orders of a page of the ring, for this and every later reader; None once closing."""
        if all(item.is_folded for item in items):
            self._orders = OrderReplica()  # it did not see this page
            return items
        before_seq = items[0].seq
        unknown = self._unknown([item.fact for item in items])
        past, missing = self._streams.ring_past(self._account, unknown, before_seq)
        if missing:
            work = partial(read_orders, self._reader, self._account, missing, before_seq)
            earlier = await self._streams.in_thread(work)
            if earlier is None:
                return None
            past += earlier
        for fact in past:
            self._orders.apply(fact)
        for item in items:
            order = self._orders.apply(item.fact)
            if not item.is_folded:
                item.order, item.is_folded = order, True
        self._orders.shrink(REPLICA_ORDERS)
        return items

    def _from_journal(self, after_seq: int, limit: int) -> list[StreamItem]:
        facts = self._reader.read_account(self._account, after_seq, limit)
        if facts and facts[0].account_seq != after_seq + 1:
            raise Unavailable("resume_too_old", f"The journal begins at {facts[0].account_seq}.")
        for fact in read_orders(self._reader, self._account, self._unknown(facts), after_seq + 1):
            self._orders.apply(fact)
        items = [StreamItem(fact, self._orders.apply(fact), is_folded=True) for fact in facts]
        self._orders.shrink(REPLICA_ORDERS)
        return items

    def _unknown(self, facts: Sequence[Fact]) -> set[str]:
        """Orders that `facts` speak of, that began before them and have not been met."""
        unknown: set[str] = set()
        accepted: set[str] = set()
        for fact in facts:
            order_id = order_id_of(fact.event)
            if order_id not in accepted and not self._orders.knows(fact):
                unknown.add(order_id)
            accepted.add(order_id)
        return unknown
