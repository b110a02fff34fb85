"""Venues' listings as they were read last: one JSON file in the home folder, replaced whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from app.domain.calendar import CalendarEntry, CalendarKind
from app.domain.enums import ContractKind
from app.domain.errors import InvariantBroken
from app.domain.instrument import FungibilityClass
from app.domain.listing import Listing

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class StoredVenue:
    """One venue's last reading and its time."""

    as_of_ts_ns: int
    listings: tuple[Listing, ...]
    calendar: tuple[CalendarEntry, ...]


class ListingsFile:
    """The file at `path`; absent is empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, StoredVenue]:
        """Every venue of the file. Raises InvariantBroken where it is no file of ours."""
        if not self._path.exists():
            return {}
        try:
            table = json.loads(self._path.read_text(encoding="utf-8"))
            if table["version"] != _VERSION:
                raise InvariantBroken(file=self._path.name, version=table["version"], known=_VERSION)
            return {venue: _venue(venue, row) for venue, row in table["venues"].items()}
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise InvariantBroken(file=self._path.name, reason=f"{type(error).__name__}: {error}") from error

    def write(self, venues: Mapping[str, StoredVenue]) -> None:
        """Durable on return."""
        table = {"version": _VERSION, "venues": {venue: _row(stored) for venue, stored in venues.items()}}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(table, file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _row(stored: StoredVenue) -> dict[str, Any]:
    return {
        "as_of_ts_ns": stored.as_of_ts_ns,
        "listings": [_listing_row(each) for each in stored.listings],
        "calendar": [
            [each.venue_symbol, each.kind.value, each.from_ts_ns, each.to_ts_ns, each.source]
            for each in stored.calendar
        ],
    }


def _listing_row(listing: Listing) -> list[Any]:
    fungible = listing.fungible
    thing = [fungible.base, fungible.quote, fungible.settle, fungible.kind.value, fungible.expiry]
    steps = [format(each, "f") for each in (listing.tick, listing.lot, listing.min_qty, listing.min_notional)]
    whole = [listing.venue_symbol, listing.unified, *thing, fungible.multiplier_nano, *steps]
    return [*whole, listing.expiry_ts_ns, listing.is_active]


def _venue(venue: str, row: Mapping[str, Any]) -> StoredVenue:
    return StoredVenue(
        row["as_of_ts_ns"],
        tuple(_listing(venue, each) for each in row["listings"]),
        tuple(
            CalendarEntry(venue, symbol, CalendarKind(kind), from_ts_ns, to_ts_ns, source)
            for symbol, kind, from_ts_ns, to_ts_ns, source in row["calendar"]
        ),
    )


def _listing(venue: str, row: list[Any]) -> Listing:
    symbol, unified, base, quote, settle, kind, expiry, multiplier, tick, lot, qty, notional, ends, is_active = row
    fungible = FungibilityClass(base, quote, settle, ContractKind(kind), expiry, multiplier)
    return Listing(
        venue, symbol, unified, fungible, Decimal(tick), Decimal(lot), Decimal(qty), Decimal(notional), ends, is_active
    )
