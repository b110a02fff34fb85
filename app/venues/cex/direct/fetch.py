"""GET of a public address, for whole books: the one request that a direct feed makes beside its socket."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from typing import Final

from app.domain.errors import Unavailable

MOST_BYTES: Final = 1 << 24
# No proxy of the environment: a book must not come by a way that nobody chose.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


async def fetch(url: str, timeout_s: float = 3.0) -> bytes:
    """The body of a 200 answer. Raises Unavailable for everything else."""
    return await asyncio.to_thread(_get, url, timeout_s)


def _get(url: str, timeout_s: float) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise Unavailable("venue_unavailable", f"not an address of the web: {url}")
    try:
        with _OPENER.open(url, timeout=timeout_s) as answer:
            body: bytes = answer.read(MOST_BYTES)
            return body
    except urllib.error.HTTPError as refused:
        with refused:
            raise Unavailable("venue_unavailable", f"{url} answers {refused.code}") from refused
    except (OSError, ValueError) as lost:
        raise Unavailable("venue_unavailable", f"{url}: {type(lost).__name__}") from lost
