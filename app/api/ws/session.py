"""What one client may say, and what it is answered. Errors are answered; only a few end the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec

from app import observe
from app.api.wire.text import time_text
from app.api.ws import messages as ms
from app.api.ws import wire
from app.api.ws.fanout import Hub
from app.api.ws.messages import Channel
from app.api.ws.protocol import text_frame
from app.api.ws.streams import CloseCode, Connection, Subscription
from app.domain.enums import Scope
from app.domain.errors import Unavailable

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
SNAPSHOT_PART: Final = 100
_DECODER: Final = msgspec.json.Decoder(ms.ClientMessages)
_OPS: Final = frozenset({"auth", "subscribe", "unsubscribe", "ping"})


class _Envelope(msgspec.Struct):
    """As much of a wrong message as an answer needs."""

    op: Any = None
    id: ms.RequestId = None


class Session:
    """One connection's side of the talk."""

    def __init__(self, hub: Hub, connection: Connection) -> None:
        self._hub = hub
        self._connection = connection
        self._budget = hub.limits.message_burst
        self._budget_s = asyncio.get_running_loop().time()

    async def read_for_ever(self, receive: Receive) -> None:
        """Reads until the client goes, or has to go."""
        connection = self._connection
        timeout = asyncio.get_running_loop().call_later(
            self._hub.limits.auth_timeout_s, self._close_unless_authenticated
        )
        try:
            while connection.closing is None:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                self._take(message.get("text"))
        finally:
            timeout.cancel()

    def _close_unless_authenticated(self) -> None:
        if self._connection.principal is None:
            self._connection.close(CloseCode.UNAUTHENTICATED, "auth_timeout")

    def _take(self, text: str | None) -> None:
        if text is None:
            self._refuse(None, "not_text", "Messages are JSON in text frames.")
            self._connection.close(CloseCode.BAD_DATA, "not_text")
        elif len(text) > self._hub.limits.max_message_chars:
            self._connection.close(CloseCode.TOO_BIG, "message_too_big")
        elif not self._is_within_rate():
            self._refuse(None, "message_rate", f"At most {self._hub.limits.messages_per_s:.0f} messages a second.")
            self._connection.close(CloseCode.TOO_MANY, "message_rate")
        else:
            self._decode(text)

    def _is_within_rate(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        limits = self._hub.limits
        earned = (now_s - self._budget_s) * limits.messages_per_s
        self._budget = min(limits.message_burst, self._budget + earned) - 1
        self._budget_s = now_s
        return self._budget >= 0

    def _decode(self, text: str) -> None:
        try:
            message = _DECODER.decode(text)
        except msgspec.ValidationError as error:
            self._refuse_form(text, str(error))
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            self._refuse(None, "malformed_json", "The message is not JSON.", "Send one JSON object a frame.")
            self._connection.close(CloseCode.BAD_JSON, "malformed_json")
        else:
            self._obey(message)

    def _refuse_form(self, text: str, detail: str) -> None:
        try:
            envelope = msgspec.json.decode(text, type=_Envelope)
        except (msgspec.MsgspecError, RecursionError):
            envelope = _Envelope()
        if isinstance(envelope.op, str) and envelope.op not in _OPS:
            self._refuse(envelope.id, "unknown_op", f"There is no op {envelope.op[:32]!r}.", f"One of {sorted(_OPS)}.")
        else:
            self._refuse(envelope.id, "invalid_message", detail)
        if self._connection.principal is None:
            self._connection.close(CloseCode.UNAUTHENTICATED, "auth_expected")

    def _obey(self, message: ms.ClientMessages) -> None:
        if isinstance(message, ms.Auth):
            self._authenticate(message)
        elif self._connection.principal is None:
            self._refuse(message.id, "auth_expected", "The first message is auth.")
            self._connection.close(CloseCode.UNAUTHENTICATED, "auth_expected")
        elif isinstance(message, ms.Ping):
            self._connection.tell(ms.Pong(id=message.id, ts=time_text(self._hub.now_ns())))
        elif isinstance(message, ms.Unsubscribe):
            self._unsubscribe(message)
        else:
            self._subscribe(message)

    def _refuse(self, request_id: ms.RequestId, code: str, detail: str, hint: str = "") -> None:
        self._connection.tell(ms.ErrorReply(id=request_id, code=code, detail=detail, hint=hint))

    # auth

    def _authenticate(self, message: ms.Auth) -> None:
        connection, hub = self._connection, self._hub
        if connection.principal is not None:
            self._refuse(message.id, "already_authenticated", "A connection has one key.")
            return
        principal = hub.services.accounts.authenticate(message.token)
        if principal is None:
            observe.key_refused("websocket")
            self._refuse(message.id, "unauthenticated", "The API key is not valid.")
            connection.close(CloseCode.UNAUTHENTICATED, "unauthenticated")
            return
        account = message.account or principal.account
        if account != principal.account and not principal.is_operator:
            self._refuse(message.id, "not_authorised", "A key speaks for its own account only.")
            connection.close(CloseCode.FORBIDDEN, "foreign_account")
            return
        if not hub.admit(connection, principal):
            limit = hub.limits.max_connections_per_key
            self._refuse(message.id, "too_many_connections", f"This key has {limit} connections.")
            connection.close(CloseCode.TOO_MANY, "too_many_connections")
            return
        connection.principal, connection.account = principal, account
        connection.tell(
            ms.AuthReply(
                id=message.id,
                account=account,
                mode=principal.mode,
                scopes=sorted(principal.scopes),
                last_seq=hub.streams.last_seq(account),
                heartbeat_ms=round(hub.limits.heartbeat_s * 1_000),
            )
        )

    # subscriptions

    def _subscribe(self, message: ms.Subscribe) -> None:
        connection, hub = self._connection, self._hub
        assert connection.principal is not None
        if Scope.READ not in connection.principal.scopes:
            self._refuse(message.id, "not_authorised", "The key lacks the scope read.")
            connection.close(CloseCode.FORBIDDEN, "scope read is missing")
            return
        if len(connection.subscriptions) >= hub.limits.max_subscriptions:
            self._refuse(message.id, "too_many_subscriptions", f"At most {hub.limits.max_subscriptions} at once.")
            return
        symbols = self._symbols(message)
        if symbols is None:
            return
        last_seq = hub.streams.last_seq(connection.account)
        if message.after_seq is not None and not message.channel.is_sequenced:
            self._refuse(message.id, "not_sequenced", f"{message.channel} has no history.", "Leave after_seq out.")
            return
        if message.after_seq is not None and message.after_seq > last_seq:
            self._refuse(message.id, "resume_unknown", f"The account's last seq is {last_seq}.")
            connection.close(CloseCode.RESUME_IMPOSSIBLE, f"resume_unknown last_seq={last_seq}")
            return
        connection.n_subscribed += 1
        subscription = Subscription(
            connection=connection,
            sub=connection.n_subscribed,
            channel=message.channel,
            symbols=None if "*" in symbols else frozenset(symbols),
            depth=message.depth,
            prev_seq=last_seq if message.after_seq is None else message.after_seq,
            live_from_seq=last_seq,
        )
        connection.subscriptions[subscription.sub] = subscription
        connection.tell(
            ms.SubscribeReply(
                id=message.id,
                sub=subscription.sub,
                symbols=symbols,
                last_seq=last_seq,
            )
        )
        self._begin(subscription, is_snapshot_wanted=message.snapshot)

    def _symbols(self, message: ms.Subscribe) -> list[str] | None:
        """Canonical names, or `*` alone; None once the reason why not has been told."""
        if "*" in message.symbols:
            if message.channel is Channel.BOOKS:
                self._refuse(message.id, "symbols_required", "Books are named one by one.", 'Like ["BTC/USDT"].')
                return None
            return ["*"]
        names = []
        for text in message.symbols:
            symbol = self._hub.services.reads.symbol(text)
            if symbol is None:
                self._refuse(message.id, "unknown_symbol", f"There is no symbol {text!r}.", "See GET /v1/symbols.")
                return None
            names.append(symbol.name)
        return sorted(set(names))

    def _begin(self, subscription: Subscription, *, is_snapshot_wanted: bool) -> None:
        hub = self._hub
        if subscription.channel is Channel.BOOKS:
            hub.books.add(subscription)
        elif subscription.channel is Channel.SYSTEM:
            self._connection.push(hub.system_snapshot(subscription))
            hub.go_live(subscription)
        else:
            hub.begin(subscription)
            is_present = subscription.prev_seq == subscription.live_from_seq
            if is_present and not is_snapshot_wanted and hub.streams.is_live_ready(subscription.account):
                hub.go_live(subscription)
                return
            work = self._catch_up(subscription, is_snapshot_wanted=is_snapshot_wanted)
            subscription.catching_up = asyncio.get_running_loop().create_task(work)

    def _unsubscribe(self, message: ms.Unsubscribe) -> None:
        connection = self._connection
        ended = [
            subscription
            for subscription in connection.subscriptions.values()
            if subscription.sub == message.sub or (message.sub is None and subscription.channel is message.channel)
        ]
        if not ended:
            self._refuse(message.id, "unknown_subscription", "There is no such subscription.")
            return
        for subscription in ended:
            self._hub.end(subscription)
            connection.forget(subscription)
        connection.tell(ms.UnsubscribeReply(id=message.id, subs=[subscription.sub for subscription in ended]))

    # the past

    async def _catch_up(self, subscription: Subscription, *, is_snapshot_wanted: bool) -> None:
        """The replay, the snapshot, what came meanwhile, then live: each step begins where the last one ended."""
        try:
            await self._hub.streams.live_ready(subscription.account)
            seq = await self._replay(subscription, subscription.prev_seq)
            if is_snapshot_wanted:
                await self._snapshot(subscription, seq)
                await self._replay(subscription, seq)
        except Unavailable as error:
            self._refuse(None, error.code, error.detail)
            self._connection.close(CloseCode.RESUME_IMPOSSIBLE, error.code)
        except Exception as error:  # noqa: BLE001 - a process rim: the reader is sent away to resume elsewhere
            observe.request_failed("/v1/ws", "catch_up", error)
            self._connection.close(CloseCode.BROKEN, "internal_error")
        else:
            subscription.catching_up = None
            self._hub.go_live(subscription)

    async def _replay(self, subscription: Subscription, after_seq: int) -> int:
        """Sends what came after `after_seq` until nothing more has; gives the seq that was reached."""
        connection, hub = self._connection, self._hub
        cursor = hub.streams.cursor(connection.account, after_seq)
        while not cursor.is_at_head and connection.closing is None:
            items = await cursor.page()
            if not items:
                break  # the streams are closing: what was not read is read after the restart
            for item in items:
                hub.offer(subscription, item)
                await connection.room()
        return cursor.seq

    async def _snapshot(self, subscription: Subscription, seq: int) -> None:
        """What is open at `seq`, in parts; nothing may come between the call and the first look."""
        rows = self._hub.snapshot_rows(subscription)
        parts = [rows[i : i + SNAPSHOT_PART] for i in range(0, len(rows), SNAPSHOT_PART)] or [[]]
        for i, part in enumerate(parts):
            head = wire.snapshot_head(
                subscription.channel,
                subscription.sub,
                seq,
                subscription.prev_seq,
                is_more=i + 1 < len(parts),
            )
            tail = wire.snapshot_tail(self._hub.now_ns(), [make() for make in part])
            self._connection.push(text_frame(head + tail), seq)
            subscription.prev_seq = seq
            await self._connection.room()
