"""The local exchange as a server: all venues behind one loopback port, told apart by their real host in the path."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from .catalog import protocol_of
from .control import Control
from .engine import Exchange
from .faults import Fault, Faults
from .ledger import Ledger
from .maker import Maker
from .protocols.base import Answer, Call, Protocol, Refusal
from .session import MALFORMED, Session, note, perform

T = TypeVar("T")


class LocalExchange:
    """Venues on a loopback port. `serve()` runs them in the loop of now; `start()` in a thread with its own loop.

    `beat_s` is the time between two moves of the crowd; 0 freezes it. In thread mode touch exchanges, faults and ledger
    through `control` or `call()`: they belong to the server's thread.
    """

    def __init__(
        self, venues: Sequence[str], seed: int = 7, beat_s: float = 0.0, ledger_path: Path | None = None
    ) -> None:
        self.faults = Faults(seed)
        self.ledger = Ledger(ledger_path)
        self.protocols: dict[str, Protocol] = {}
        self.makers: dict[tuple[str, str], Maker] = {}
        self._by_host: dict[str, Protocol] = {}
        for venue in venues:
            self._add(protocol_of(venue), seed)
        self.control = Control(self)
        self.port = 0
        self._beat_s = beat_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None

    @property
    def exchanges(self) -> dict[str, Exchange]:
        return {venue: protocol.exchange for venue, protocol in self.protocols.items()}

    def _add(self, kind: type[Protocol], seed: int) -> None:
        exchange = Exchange(kind.venue, kind.markets, kind.habits, self.ledger)
        protocol = kind(exchange, self.faults)
        self.protocols[kind.venue] = protocol
        for host in kind.hosts:
            self._by_host[host] = protocol
        for market in kind.markets:
            maker = self.makers[(kind.venue, market.id)] = Maker(exchange, market, seed)
            maker.open()

    # -- running ---------------------------------------------------------------------------------------------------

    async def serve(self, port: int = 0, ready: Callable[[int], None] | None = None) -> None:
        """Listen until `stop()`; `ready` hears the port."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=4 << 20)
        app.router.add_route("*", "/control/{what:.*}", self.control.over_http)
        app.router.add_route("*", "/{host}/{path:.*}", self._handle)
        app.router.add_route("*", "/{host}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.port = runner.addresses[0][1]
        beats = [self._loop.create_task(self._beat_seconds())]
        if self._beat_s:
            beats.append(self._loop.create_task(self._beat_markets()))
        try:
            if ready is not None:
                ready(self.port)
            await self._stop.wait()
        finally:
            for task in beats:
                task.cancel()
            await asyncio.gather(*beats, return_exceptions=True)
            for protocol in self.protocols.values():
                for session in list(protocol.sessions):
                    await session.close()
            await runner.cleanup()
            self.ledger.close()

    def start(self) -> LocalExchange:
        """Run in a thread; returns once the port is open."""
        opened = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self.serve(ready=lambda _: opened.set())), name="local-exchange", daemon=True
        )
        self._thread.start()
        if not opened.wait(10):
            raise RuntimeError("the local exchange did not open its port")
        return self

    def stop(self) -> None:
        """End a server that `start()` began, or the `serve()` of another task."""
        if self._loop is None or self._stop is None or self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(10)

    def __enter__(self) -> LocalExchange:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def call(self, act: Callable[[], T]) -> T:
        """`act()` in the server's thread: how a test touches exchanges while the server runs."""
        if self._thread is None or self._loop is None or threading.current_thread() is self._thread:
            return act()

        async def run() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    # -- requests --------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        protocol = self._by_host.get(request.match_info["host"])
        if protocol is None:
            return web.json_response({"error": f"no venue at {request.match_info['host']}"}, status=404)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if self.faults.strike(Fault.REFUSE_CONNECTION, protocol.venue) is not None:
                return web.Response(status=503)
            host, path = request.match_info["host"], "/" + request.match_info.get("path", "")
            return await Session(protocol, host, path, request.query_string).serve(request)
        answer = await self._answer(protocol, request)
        if answer is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)  # nobody hears it: the connection is gone
        if isinstance(answer.body, str):
            kind = answer.headers.pop("Content-Type", "text/plain")
            return web.Response(text=answer.body, status=answer.status, headers=answer.headers, content_type=kind)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)

    async def _answer(self, protocol: Protocol, request: web.Request) -> Answer | None:
        path = request.raw_path.partition("?")[0].split("/", 2)
        call = Call(
            request.method,
            request.match_info["host"],
            "/" + (path[2] if len(path) > 2 else ""),
            request.raw_path.partition("?")[2],
            await request.text(),
            request.headers,
        )
        route = protocol.find(call)
        if route is None:
            return protocol.unknown_route(call)
        try:
            if route.private:
                call.account = protocol.authenticate(call)
        except Refusal as refusal:
            return protocol.dress(call, route, refusal.answer)
        except MALFORMED as error:
            return protocol.malformed(note(protocol, "auth", error))

        def act() -> Answer:
            result = route.handler(call)
            return result if isinstance(result, Answer) else Answer(result)

        answer = await perform(protocol, route.kind, call.account.name if call.account else "", act)
        return None if answer is None else protocol.dress(call, route, answer)

    # -- time ------------------------------------------------------------------------------------------------------

    async def _beat_markets(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            for maker in self.makers.values():
                maker.step()

    async def _beat_seconds(self) -> None:
        while True:
            await asyncio.sleep(1)
            for protocol in self.protocols.values():
                for session in list(protocol.sessions):
                    protocol.on_second(session)
