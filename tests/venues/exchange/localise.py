"""Points a ccxt exchange at the local one: through ccxt's own URL table, nothing of ccxt is replaced."""

from __future__ import annotations

import re
from typing import Any

_URL = re.compile(r"^(https?|wss?)://([^/]+)")


def localise(client: Any, port: int) -> Any:
    """`client` with every REST and WebSocket URL rewritten to http|ws://127.0.0.1:PORT/<real host>/<path>.

    The real host stays as the first path segment: one server plays every venue, and ccxt's own reading of URLs
    (Binance's spot or futures, OKX's public or private) goes on working.
    """
    hostname = getattr(client, "hostname", "") or ""

    def local(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: local(value) for key, value in node.items()}
        if isinstance(node, str):
            named = node.replace("{hostname}", hostname)
            return _URL.sub(lambda m: f"{'ws' if m[1][0] == 'w' else 'http'}://127.0.0.1:{port}/{m[2]}", named)
        return node

    client.urls["api"] = local(client.urls["api"])
    return client
