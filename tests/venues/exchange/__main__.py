"""python -m tests.venues.exchange --port 0 --venues binance,okx --seed 7: the local exchange as a process of its own.

Prints `ready PORT` once it listens; ends on SIGTERM or SIGINT. Steered by HTTP: see control.py.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from .catalog import VENUES
from .server import LocalExchange


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.venues.exchange")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--venues", default=",".join(VENUES))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--beat", type=float, default=0.1, help="seconds between two moves of the crowd; 0 freezes it")
    parser.add_argument("--ledger", type=Path, help="a file to which every entry is appended")
    options = parser.parse_args()
    server = LocalExchange(options.venues.split(","), options.seed, options.beat, options.ledger)

    def ready(port: int) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        print(f"ready {port}", flush=True)

    asyncio.run(server.serve(options.port, ready))


if __name__ == "__main__":
    main()
