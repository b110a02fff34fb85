"""What venues offer of stops that they hold themselves: stops.toml, read once where it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from app.domain.enums import ContractKind
from app.domain.venue_stops import StopOffer, StopSource
from app.venues.registry import read_table

STOPS: Final = Path(__file__).with_name("stops.toml")


@cache
def load_offers() -> Mapping[str, StopOffer]:
    """Venue -> what it is said to hold, served by us or not."""
    return {
        row["venue_id"]: StopOffer(
            venue=row["venue_id"],
            is_served=row["served"],
            has_stop=row["stop"],
            has_stop_limit=row["stop_limit"],
            has_trailing=row["trailing"],
            has_oco=row["oco"],
            can_replace=row["replace"],
            sources=frozenset(StopSource(source) for source in row["sources"]),
            source=row["source"],
            as_of=row["as_of"],
            kinds=frozenset(ContractKind(kind) for kind in row.get("kinds", ContractKind)),
        )
        for row in read_table(STOPS)["venues"]
    }


def served_offers() -> dict[str, StopOffer]:
    """Those that stops are really given to."""
    return {venue: offer for venue, offer in load_offers().items() if offer.is_served}
