"""A parent that has imported and compiled everything, and forks a gateway on each line of its input.

Protocol on stdin/stdout: `start {environment as JSON}` -> `pid N`; `reap N` -> `gone N`. The gateway's settings come
from the BESTEX_ variables of its environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys


def die_ahead(n_left: int) -> None:
    """Has this process die the `n_left`-th time that a child leaves ahead of its facts: after it, before them."""
    from app.execution.inputs import Turn
    from app.services.engine import Engine

    send_ahead = Engine._send_ahead

    def and_die(engine: Engine, turn: Turn) -> None:
        nonlocal n_left
        n_commands = len(turn.commands)
        send_ahead(engine, turn)
        n_left -= len(turn.commands) < n_commands
        if not n_left:
            os.kill(os.getpid(), signal.SIGKILL)

    Engine._send_ahead = and_die  # type: ignore[method-assign]


def serve() -> None:
    """The forked child: one gateway until it is killed."""
    import faulthandler

    import uvicorn

    from app.main import create_app
    from app.settings import Settings

    faulthandler.register(signal.SIGUSR1, all_threads=True)
    if n_ahead := int(os.environ.get("DIE_AHEAD", "0")):
        die_ahead(n_ahead)
    settings = Settings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="error",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=3,
    )


def main() -> None:
    import app.main  # noqa: F401
    from app.kernels.jit import warm

    warm()
    print("ready", flush=True)
    for line in sys.stdin:
        word, _, rest = line.partition(" ")
        if word == "start":
            pid = os.fork()
            if pid == 0:
                os.environ.clear()
                os.environ.update(json.loads(rest))
                serve()
                os._exit(0)
            print(f"pid {pid}", flush=True)
        elif word == "reap":
            os.waitpid(int(rest), 0)
            print(f"gone {int(rest)}", flush=True)


if __name__ == "__main__":
    main()
