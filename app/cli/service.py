"""The service as `up` and `demo` run it: port, database, gateway, and an end that leaves nothing behind.

The order of starting is the order of waiting: Postgres starts in the background while this process imports and warms.
The order of stopping: say so to every listener, drain, close streams, stop the gateway, then the database. A watchdog
ends the process if that takes longer than it may; the log is synced before every answer, so even that loses nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.importer import import_from_string

from app import observe
from app.api.ws.server import StreamServer, uvicorn_options
from app.cli.exits import CommandError, Exit
from app.cli.port import busy_text, is_free

if TYPE_CHECKING:
    from app.settings import Settings

APP: Final = "app.main:create_app"
# Beyond the drain: closing streams, the last commits, the database's fast shutdown.
WATCHDOG_EXTRA_S: Final = 3.0


class BackgroundPostgres:
    """The embedded server of `folder`, starting while we do something else."""

    def __init__(self, folder: Path) -> None:
        from app.workers.postgres import EmbeddedPostgres

        self._server = EmbeddedPostgres(folder)
        self._url = ""
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._start, name="postgres-start")
        self._thread.start()

    def _start(self) -> None:
        try:
            self._url = self._server.start()
        except Exception as error:  # noqa: BLE001 - a thread's rim: told by url(), on the caller's thread
            self._error = error

    @property
    def pid(self) -> int:
        return self._server.pid

    def url(self) -> str:
        """Where it listens, once it does; raises CommandError with the server's own words if it never will."""
        self._thread.join()
        if self._error is not None:
            detail = f"the embedded database did not start: {self._error} (BESTEX_DATABASE_URL names another one)"
            raise CommandError(Exit.UNREACHABLE, detail) from self._error
        return self._url

    def stop(self) -> None:
        self._thread.join()
        self._server.stop()


class Gateway(StreamServer):
    """The streams' server, started by a string. `on_ready` is called on the loop once the gateway listens."""

    def __init__(self, settings: Settings, on_ready: Callable[[], None]) -> None:
        self._settings, self._on_ready = settings, on_ready
        self.failure = ""
        observe.configure(level=settings.log_level, is_pretty=sys.stderr.isatty())
        config = uvicorn.Config(
            Watched(settings, self),
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            lifespan="on",
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nothing here asks who calls, or over what: a key says whose an order is
            **uvicorn_options(),
        )
        super().__init__(config, drain_s=settings.drain_s)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends in order, watched; the second one at once."""
        if self.should_exit:
            _leave_now("stopped at once; the log is complete up to the last answer")
        arm_watchdog(self._settings.drain_s + WATCHDOG_EXTRA_S)
        super().handle_exit(sig, frame)

    def run_to_end(self) -> None:
        """Serves until told to stop. Raises CommandError where the service could not start."""
        try:
            self.run()
        except KeyboardInterrupt:  # uvicorn raises the signal again once it has stopped in order
            pass
        except SystemExit as error:
            raise CommandError(Exit.UNREACHABLE, last_line(self.failure)) from error
        if not self.started:
            raise CommandError(Exit.UNREACHABLE, last_line(self.failure))


class Watched:
    """The application, made on first use, with an eye on why its start fails: uvicorn would only log that."""

    def __init__(self, settings: Settings, gateway: Gateway) -> None:
        self._settings, self._gateway = settings, gateway
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            self._app = import_from_string(APP)(self._settings)
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def watched(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                self._gateway.failure = message.get("message", "")
            await send(message)

        await self._app(scope, receive, watched)


def arm_watchdog(after_s: float) -> None:
    """Ends the process after `after_s` whatever it waits for."""
    watchdog = threading.Timer(
        after_s, _leave_now, ["stopping took too long; the log is complete up to the last answer"]
    )
    watchdog.daemon = True
    watchdog.start()


def _leave_now(why: str) -> None:
    print(f"bestex: {why}", file=sys.stderr, flush=True)
    os._exit(int(Exit.CHECK_FAILED))  # the database is told by its parent's death signal


def last_line(traceback: str) -> str:
    """The sentence of a traceback: its last line, which says what was raised."""
    lines = [line for line in traceback.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "the service did not start"


def require_free(host: str, port: int) -> None:
    """Raises CommandError naming who listens there already: never another port silently."""
    if not is_free(host, port):
        raise CommandError(Exit.USAGE, busy_text(host, port))


def terminate_as_interrupt() -> None:
    """SIGTERM means what Ctrl-C means, also before the gateway runs."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
