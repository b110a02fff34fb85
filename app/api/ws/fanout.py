"""The hub: who is connected, who listens to what, and the fan-out of durable facts to all who do.

Fed by the durable batches only. A message is encoded once and framed once, whoever reads it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from app import observe
from app.api.wire.text import time_text
from app.api.ws import messages as ms
from app.api.ws import wire
from app.api.ws.books import BEAT_S, BookChannel
from app.api.ws.messages import Channel
from app.api.ws.protocol import text_frame
from app.api.ws.streams import CloseCode, Connection, Send, Subscription
from app.domain.events import Fact, KeyRevoked
from app.services.accounts import Principal
from app.services.container import Services
from app.services.streams import StreamItem, Streams


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Bounds of one process. `max_bytes` may wait for one reader before it is slow."""

    auth_timeout_s: float = 5.0
    heartbeat_s: float = 1.0
    max_subscriptions: int = 32
    max_connections_per_key: int = 10
    max_connections: int = 4_096
    max_bytes: int = 786_432
    max_message_chars: int = 65_536
    messages_per_s: float = 50.0
    message_burst: float = 200.0


class Hub:
    """Every reader of one process. All of it runs on the event loop, without an await between a fact and its frames."""

    def __init__(self, services: Services, limits: HubLimits) -> None:
        self.services = services
        self.streams: Streams = services.streams
        self.limits = limits
        self.books = BookChannel(services.reads)
        self.is_closing = False
        self._symbols = services.engine.universe.symbols
        self._connections: dict[Connection, None] = {}
        self._by_key: dict[str, dict[Connection, None]] = {}
        self._live: dict[str, dict[Channel, dict[Subscription, None]]] = {}
        self._stop_listening = self.streams.listen(self._on_items, self._on_system)
        self._tasks = [asyncio.create_task(self._beat_for_ever()), asyncio.create_task(self._show_books_for_ever())]

    def now_ns(self) -> int:
        return self.services.engine.now_ns()

    @property
    def n_connections(self) -> int:
        return len(self._connections)

    # the life of a connection

    def enter(self, send: Send, *, is_framed: bool) -> Connection:
        """A new connection; one that cannot be let in is told why at once."""
        connection = Connection(
            send=send,
            is_framed=is_framed,
            max_bytes=self.limits.max_bytes,
            last_seq_of=self.streams.last_seq,
            now_ns=self.now_ns,
        )
        if self.is_closing:
            connection.close(CloseCode.RESTART, "server_shutdown")
        elif len(self._connections) >= self.limits.max_connections:
            connection.close(CloseCode.OVERLOADED, "too_many_connections")
        self._connections[connection] = None
        observe.stream_opened()
        return connection

    def admit(self, connection: Connection, principal: Principal) -> bool:
        """Counts the connection to its key; False when the key has too many."""
        connections = self._by_key.setdefault(principal.prefix, {})
        if len(connections) >= self.limits.max_connections_per_key:
            return False
        connections[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """Forgets the connection and all that it listened to."""
        del self._connections[connection]
        code, reason = connection.closing or (1000, "")
        observe.stream_ended(int(code), reason, connection.account)
        if connection.principal is not None:
            connections = self._by_key[connection.principal.prefix]
            connections.pop(connection, None)
            if not connections:
                del self._by_key[connection.principal.prefix]
        for subscription in list(connection.subscriptions.values()):
            self.end(subscription)
            connection.forget(subscription)

    # subscriptions

    def begin(self, subscription: Subscription) -> None:
        """A sequenced subscription begins: from `live_ready` on, its account's items come with their orders."""
        self.streams.begin_live(subscription.connection.account)
        subscription.is_begun = True

    def go_live(self, subscription: Subscription) -> None:
        """From the next fact on, `subscription` gets what it wants. It must have been brought to the present."""
        if subscription.connection.closing is None:
            subscription.is_live = True
            channels = self._live.setdefault(subscription.account, {})
            channels.setdefault(subscription.channel, {})[subscription] = None

    def end(self, subscription: Subscription) -> None:
        if subscription.channel is Channel.BOOKS:
            self.books.remove(subscription)
        elif subscription.is_live:
            channels = self._live[subscription.account]
            del channels[subscription.channel][subscription]
            if not channels[subscription.channel]:
                del channels[subscription.channel]
            if not channels:
                del self._live[subscription.account]
        if subscription.is_begun:
            self.streams.end_live(subscription.account)

    def offer(self, subscription: Subscription, item: StreamItem) -> None:
        """Sends one item of the past, if it belongs to the subscription."""
        if subscription.channel in wire.channels_of(item) and subscription.wants(wire.symbol_of(item)):
            frame = self._frame(subscription, item)
            subscription.prev_seq = item.seq
            subscription.connection.push(frame, item.seq)

    def snapshot_rows(self, subscription: Subscription) -> list[Callable[[], object]]:
        """What is open now, as makers of rows: the values are taken now, the rows are made when they are sent."""
        account, symbols = subscription.connection.account, self._symbols
        match subscription.channel:
            case Channel.ORDERS:
                return [
                    partial(wire.order_update, view, symbols, view.updated_ts_ns, None)
                    for view in self.streams.open_orders(account)
                    if subscription.wants(view.accepted.order.symbol)
                ]
            case Channel.EXECUTIONS:
                return [
                    partial(wire.open_execution, fill, symbols)
                    for fill in self.streams.open_fills(account)
                    if subscription.wants(fill.record.fill.symbol)
                ]
            case _:
                kills = self.streams.account_kills(account)
                rows: list[Callable[[], object]] = [partial(wire.kill_switch, kill) for kill in kills]
                rows += [partial(wire.public_kill, kill) for kill in self.streams.system_state().kills]
                if version := self.streams.limits_version(account):
                    rows.append(partial(ms.LimitsSet, limits_version=version, actor=""))
                return rows

    def system_snapshot(self, subscription: Subscription) -> bytes:
        """A frame of what holds for everybody now."""
        state = self.streams.system_state()
        data: list[ms.SystemEvent] = [wire.public_kill(kill) for kill in state.kills]
        data += [ms.VenueSet(venue=venue, is_enabled=False) for venue in state.disabled_venues]
        message = ms.SystemMessage(type="snapshot", sub=subscription.sub, ts=time_text(self.now_ns()), data=data)
        return text_frame(wire.encode(message))

    # the fan-out

    def _on_items(self, items: Sequence[StreamItem]) -> None:
        if not self._live and not self._by_key:
            return
        for item in items:
            event = item.fact.event
            if isinstance(event, KeyRevoked):
                for connection in tuple(self._by_key.get(event.prefix, ())):
                    connection.close(CloseCode.UNAUTHENTICATED, "key_revoked")
            channels = self._live.get(event.account)
            if channels:
                try:
                    self._tell(item, channels)
                except Exception as error:  # noqa: BLE001 - a rim: whatever is wrong with a message, the engine goes on
                    observe.stream_broken(event.account, item.seq, error)
                    self._break(channels)

    def _tell(self, item: StreamItem, channels: dict[Channel, dict[Subscription, None]]) -> None:
        if not item.is_folded:
            self._break(channels)
            return
        for channel in wire.channels_of(item):
            if subscriptions := channels.get(channel):
                self._fan_out(item, subscriptions)

    @staticmethod
    def _break(channels: dict[Channel, dict[Subscription, None]]) -> None:
        """Sends an account's listeners away: none of them may believe a stream with a hole."""
        for subscriptions in channels.values():
            for subscription in subscriptions:
                subscription.connection.close(CloseCode.BROKEN, "internal_error")

    def _fan_out(self, item: StreamItem, subscriptions: dict[Subscription, None]) -> None:
        """One frame per (number, place) of a subscription: equal readers share the same bytes."""
        symbol = wire.symbol_of(item)
        seq = item.seq
        frames: dict[tuple[int, int], bytes] = {}
        for subscription in subscriptions:
            if subscription.symbols is not None and not subscription.wants(symbol):
                continue
            key = (subscription.sub, subscription.prev_seq)
            frame = frames.get(key)
            if frame is None:
                frame = frames[key] = self._frame(subscription, item)
            subscription.prev_seq = seq
            subscription.connection.push(frame, seq)

    def _frame(self, subscription: Subscription, item: StreamItem) -> bytes:
        channel, seq = subscription.channel, item.seq
        is_replay = seq <= subscription.live_from_seq
        head = wire.head(channel, subscription.sub, seq, subscription.prev_seq, is_replay=is_replay)
        return text_frame(head + wire.tail(item, channel, self._symbols))

    def _on_system(self, fact: Fact) -> None:
        subscriptions = self._live.get("", {}).get(Channel.SYSTEM, {})
        for subscription in subscriptions:
            data = [wire.system_event(fact)]
            message = ms.SystemMessage(type="update", sub=subscription.sub, ts=time_text(fact.ts_ns), data=data)
            subscription.connection.tell(message)

    # time

    async def _beat_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.limits.heartbeat_s)
            for connection in self._connections:
                if connection.principal is not None:
                    connection.beat()

    async def _show_books_for_ever(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                self.books.beat()
            except Exception as error:  # noqa: BLE001 - a process rim: one book that cannot be shown must not end the others
                observe.request_failed("/v1/ws", "books", error)

    # the end

    def announce_shutdown(self, in_ms: int) -> None:
        """Tells everybody that the end comes in `in_ms`; nobody new is let in."""
        self.is_closing = True
        frame = text_frame(wire.encode(ms.ServerShutdown(in_ms=in_ms, ts=time_text(self.now_ns()))))
        for connection in tuple(self._connections):
            if connection.principal is not None:
                connection.push(frame)

    def close_all(self) -> None:
        """Ends every connection with 1012 and every event stream; each can be resumed after the restart."""
        self.is_closing = True
        self.streams.end_followers()
        for connection in tuple(self._connections):
            connection.close(CloseCode.RESTART, "server_shutdown")

    async def close(self) -> None:
        """Lets go of the streams; connections must have ended or are about to be cut by the server."""
        self.close_all()
        self._stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
