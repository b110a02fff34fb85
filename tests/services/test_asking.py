"""A venue that cannot be asked, or answers too late, gives None, which is not an empty list."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.services.asking import open_client_ids
from app.venues.clock import SystemClock
from app.venues.faults import Faults
from app.venues.paper import PaperVenue, make_paper_venues
from app.venues.registry import load_universe


def _venue(folder: Path) -> PaperVenue:
    return next(iter(make_paper_venues(load_universe(), SystemClock(), folder, seed=7).values()))


async def test_a_venue_that_answers_in_time_gives_its_list(tmp_path: Path) -> None:
    venue = _venue(tmp_path)
    await venue.start(lambda _: None, lambda _: None)
    try:
        assert await open_client_ids(venue) == []
        assert await open_client_ids(venue, wait_s=0.0) is None, "too late"
        venue.exchange.set_faults(Faults(is_down=True))
        assert await open_client_ids(venue) is None, "down"
    finally:
        await venue.stop()
    await asyncio.sleep(0)
