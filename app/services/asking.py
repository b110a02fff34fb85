"""Asking a venue, with a limit on how long its answer may take."""

from __future__ import annotations

import asyncio
from typing import Final

from app.domain.errors import Unavailable
from app.domain.ports import VenuePort

VENUE_ANSWER_S: Final = 1.0


async def open_client_ids(venue: VenuePort, wait_s: float = VENUE_ANSWER_S) -> list[str] | None:
    """The venue's own list of open client ids; None where it could not be asked."""
    try:
        return list(await asyncio.wait_for(venue.open_client_ids(), timeout=wait_s))
    except (Unavailable, TimeoutError):
        return None
