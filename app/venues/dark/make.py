"""What stands behind each simulated venue without a book, from its row of simulated_unlit.toml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.units import parse_decimal, units_exact
from app.domain.universe import Universe
from app.venues.dark.cross import DarkCross, HiddenLaw
from app.venues.exchange_spec import Market

_NS_PER_MS = 1_000_000


def unlit_market(universe: Universe, row: Mapping[str, Any], lit: Market, seed: int) -> Market:
    """The market of the unlit venue that `row` describes, around the mids of the lit venues of `universe`."""
    venue = row["venue_id"]
    listings = {name: universe.instruments[(venue, name)] for name in row["listings"]}
    return DarkCross(
        venue=venue,
        lit=lit,
        lit_venues={
            name: [v for v in universe.listings(name) if universe.venues[v].is_lit and v != venue] for name in listings
        },
        listings=listings,
        laws={name: _law(universe, name, row) for name in listings},
        seed=seed,
    )


def _law(universe: Universe, symbol: str, row: Mapping[str, Any]) -> HiddenLaw:
    told = row["hidden"][symbol]
    return HiddenLaw(
        step_units=units_exact(parse_decimal(told["step"]), universe.symbols[symbol].qty_scale),
        empty_frac=told["empty_frac"],
        tail=told["tail"],
        max_steps=told["max_steps"],
        renew_ns=round(row["renew_ms"] * _NS_PER_MS),
    )
