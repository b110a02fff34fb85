"""What stands behind each simulated venue without a book, from its row of simulated_unlit.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.units import parse_decimal, units_exact
from app.domain.universe import Universe
from app.domain.venue import VenueKind
from app.venues.dark.cross import DarkCross, HiddenLaw
from app.venues.dark.dealer import Dealer, DealerLaw
from app.venues.exchange_spec import Market
from app.venues.registry import ns_of_ms


def unlit_market(universe: Universe, row: Mapping[str, Any], lit: Market, seed: int) -> Market:
    """The market of the unlit venue that `row` describes, around the mids of the lit venues of `universe`."""
    venue = row["venue_id"]
    listings = {name: universe.instruments[(venue, name)] for name in row["listings"]}
    lit_venues = {name: [v for v in universe.listings(name) if universe.venues[v].is_lit] for name in listings}
    if universe.venues[venue].kind is VenueKind.DEALER:
        dealer_laws = {name: _dealer_law(universe, name, row) for name in listings}
        return Dealer(venue, lit, lit_venues, listings, dealer_laws, seed)
    return DarkCross(venue, lit, lit_venues, listings, {name: _law(universe, name, row) for name in listings}, seed)


def _dealer_law(universe: Universe, symbol: str, row: Mapping[str, Any]) -> DealerLaw:
    told = row["quotes"][symbol]
    return DealerLaw(
        half_ppm=told["half_ppm"],
        slope_ppm=told["slope_ppm"],
        size_units=units_exact(parse_decimal(told["size"]), universe.symbols[symbol].qty_scale),
        valid_ns=ns_of_ms(row["valid_ms"]),
        hold_ns=ns_of_ms(row["processing_ms"]),
        tolerance_ppm=row["tolerance_ppm"],
        whim_frac=row["whim_frac"],
    )


def _law(universe: Universe, symbol: str, row: Mapping[str, Any]) -> HiddenLaw:
    told = row["hidden"][symbol]
    return HiddenLaw(
        step_units=units_exact(parse_decimal(told["step"]), universe.symbols[symbol].qty_scale),
        empty_frac=told["empty_frac"],
        tail=told["tail"],
        max_steps=told["max_steps"],
        renew_ns=ns_of_ms(row["renew_ms"]),
    )
