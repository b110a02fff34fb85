"""The conformance suite of stops: which venues, which checks."""

from __future__ import annotations

from typing import Final

from app.venues.stop_offers import served_offers
from tests.venues.cex.conformance import stops
from tests.venues.cex.conformance.suite import PLACES as ALL_PLACES
from tests.venues.cex.conformance.suite import Check

CHECKS: Final[dict[str, Check]] = {check.__name__: check for check in stops.CHECKS}
PLACES: Final = {venue: place for venue, place in ALL_PLACES.items() if venue in served_offers()}
