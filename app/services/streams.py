"""Durable facts as gapless, resumable streams: a ring of the newest, the journal behind it, one order state per fact.

Laws: only durable batches come in, in the order of the log. `seq` below is the account's own gapless sequence. What an
item says of an order is the state right after its fact, computed by `evolve` from that order's facts alone, so that a
message replayed from the journal after a restart is the message that was sent live.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, Protocol

import msgspec

from app.domain.enums import KillScope
from app.domain.errors import Unavailable
from app.domain.events import Fact, KillSwitchCleared, KillSwitchSet, LimitsSet, VenueSet
from app.domain.records import FillRecord
from app.execution.ledger import Ledger
from app.services.order_views import OrderReplica, OrderView, order_id_of, order_view

RING_FACTS: Final = 65_536
PAGE_FACTS: Final = 1_000
# A resume over a long history meets many orders; closed ones are dropped beyond this and read again if they reappear.
REPLICA_ORDERS: Final = 4_096
DURABLE_WAIT_S: Final = 0.01


class FactSource(Protocol):
    """The engine, as far as streams need it: its durable batches, and its ledger once, when nothing is in flight."""

    @property
    def ledger(self) -> Ledger: ...

    def add_listener(self, listener: Callable[[Sequence[Fact]], None]) -> None: ...


class AccountReader(Protocol):
    """The door to the journal, as far as an account's facts go; used from the loop and from one thread."""

    def read_account(self, account: str, after_account_seq: int, limit: int) -> list[Fact]:
        """Durable facts of `account` with a greater account_seq, ascending, at most `limit`."""
        ...


class StreamItem(msgspec.Struct, gc=False):
    """One durable fact of an account and, if it concerns an order, that order right after it.

    `encoded` belongs to the readers of the stream: what they made of this item, so that it is made once.
    """

    fact: Fact
    order: OrderView | None
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


_NOTED: Final = frozenset({KillSwitchSet, KillSwitchCleared, VenueSet, LimitsSet})
ItemSink = Callable[[Sequence[StreamItem]], None]
SystemSink = Callable[[Fact], None]


class Streams:
    """The streams of one shard. Everything here runs on the event loop, except journal pages, which one thread reads.

    Built when nothing of the engine is in flight (after recovery, before the first turn); facts up to that point are
    history and come from the journal.
    """

    def __init__(self, engine: FactSource, reader: AccountReader, *, ring_facts: int = RING_FACTS) -> None:
        ledger = engine.ledger
        self._reader = reader
        self._ring_facts = ring_facts
        self._base_seq = ledger.seq
        self._last_seqs = dict(ledger.account_seqs)
        self._orders = OrderReplica(ledger.open_parents.values())
        self._kills = dict(ledger.kills)
        self._limits_versions = {account: limits.version for account, limits in ledger.limits.items()}
        self._disabled_venues = set(ledger.disabled_venues)
        self._ring: deque[StreamItem] = deque()
        self._rings: dict[str, deque[StreamItem]] = {}
        self._sinks: list[ItemSink] = []
        self._system_sinks: list[SystemSink] = []
        self._wakers: dict[str, set[asyncio.Event]] = {}
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
        self._thread.shutdown(wait=False, cancel_futures=True)

    def last_seq(self, account: str) -> int:
        """The account's newest published sequence number, 0 before its first fact."""
        return self._last_seqs.get(account, 0)

    def listen(self, sink: ItemSink, system_sink: SystemSink) -> Callable[[], None]:
        """Calls `sink` with each durable batch, `system_sink` with each fact for all; gives the way to stop."""
        self._sinks.append(sink)
        self._system_sinks.append(system_sink)

        def stop() -> None:
            self._sinks.remove(sink)
            self._system_sinks.remove(system_sink)

        return stop

    def open_orders(self, account: str) -> list[OrderView]:
        """Orders of `account` that are open at `last_seq`, oldest first."""
        return [order_view(order) for order in self._orders.open_orders(account)]

    def open_fills(self, account: str) -> list[OpenFill]:
        """Fills of the open orders, in log order; each with its order as it stands at `last_seq`."""
        fills = [
            OpenFill(record, order_view(order, record.fill.child_id))
            for order in self._orders.open_orders(account)
            for record in order.fills
        ]
        return sorted(fills, key=lambda fill: fill.record.account_seq)

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

    async def in_thread(self, work: Callable[[], list[StreamItem]]) -> list[StreamItem]:
        """Runs `work` on the one thread that reads journal pages; gives nothing once closing."""
        if self.is_closing:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _on_durable(self, facts: Sequence[Fact]) -> None:
        if self.is_closing:
            return
        items: list[StreamItem] = []
        system: list[Fact] = []
        for fact in facts:
            if fact.seq <= self._base_seq:
                continue
            if type(fact.event) in _NOTED and self._note(fact):
                system.append(fact)
            if fact.account:
                items.append(self._publish(fact))
        while len(self._ring) > self._ring_facts:
            self._evict()
        for sink in tuple(self._sinks):
            sink(items)
        for fact in system:
            for system_sink in tuple(self._system_sinks):
                system_sink(fact)
        if self._wakers:
            for account in {item.fact.account for item in items}:
                for waker in self._wakers.get(account, ()):
                    waker.set()

    def _publish(self, fact: Fact) -> StreamItem:
        if not self._orders.knows(fact):
            # A late word on an order that left memory long ago: rare, so it is read here and now.
            for past in read_orders(self._reader, fact.account, {order_id_of(fact.event)}, fact.account_seq):
                self._orders.apply(past)
        item = StreamItem(fact, self._orders.apply(fact))
        self._ring.append(item)
        self._rings.setdefault(fact.account, deque()).append(item)
        self._last_seqs[fact.account] = fact.account_seq
        return item

    def _evict(self) -> None:
        item = self._ring.popleft()
        ring = self._rings[item.fact.account]
        ring.popleft()
        if not ring:
            del self._rings[item.fact.account]
        if order_id := order_id_of(item.fact.event):
            self._orders.forget_closed(order_id, item.fact.seq)

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
        self._orders = OrderReplica()
        self.seq = after_seq

    @property
    def is_at_head(self) -> bool:
        return self.seq >= self._streams.last_seq(self._account)

    async def page(self, limit: int = PAGE_FACTS) -> list[StreamItem]:
        """The next items, at most `limit`; empty only at the head, and when the streams are closing.

        Raises Unavailable("resume_too_old") where the journal no longer holds what comes next.
        """
        while not self.is_at_head:
            items = self._streams.ring_page(self._account, self.seq, limit)
            if items is None:
                # What is durable but not yet published is left out: it will come through the ring.
                n_published = min(limit, self._streams.last_seq(self._account) - self.seq)
                items = await self._streams.in_thread(partial(self._journal, self.seq, n_published))
            if items:
                self.seq = items[-1].seq
                return items
            if self._streams.is_closing:
                break
            # A fact of before these streams began is still on its way to the disk: at most one group commit.
            await asyncio.sleep(DURABLE_WAIT_S)
        return []

    def _journal(self, after_seq: int, limit: int) -> list[StreamItem]:
        facts = self._reader.read_account(self._account, after_seq, limit)
        if facts and facts[0].account_seq != after_seq + 1:
            raise Unavailable("resume_too_old", f"The journal begins at {facts[0].account_seq}.")
        unknown: set[str] = set()
        accepted: set[str] = set()
        for fact in facts:
            order_id = order_id_of(fact.event)
            if order_id not in accepted and not self._orders.knows(fact):
                unknown.add(order_id)
            accepted.add(order_id)
        for fact in read_orders(self._reader, self._account, unknown, after_seq + 1):
            self._orders.apply(fact)
        items = [StreamItem(fact, self._orders.apply(fact)) for fact in facts]
        self._orders.shrink(REPLICA_ORDERS)
        return items


def read_orders(reader: AccountReader, account: str, order_ids: set[str], before_seq: int) -> Iterable[Fact]:
    """Every fact of `order_ids` before `before_seq`, ascending: pages backwards until each acceptance is found."""
    found: list[Fact] = []
    missing = set(order_ids)
    upper = before_seq
    while missing and upper > 1:
        lower = max(1, upper - PAGE_FACTS)
        page = reader.read_account(account, lower - 1, upper - lower)
        for fact in reversed(page):
            order_id = order_id_of(fact.event)
            if order_id in missing:
                found.append(fact)
                if fact.event.KIND == "order_accepted":
                    missing.discard(order_id)
        upper = lower
    return reversed(found)
