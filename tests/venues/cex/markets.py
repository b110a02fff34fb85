"""Listings and universes of the tests, from decimal text."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from app.domain.enums import ContractKind, Mode
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.units import NANO_SCALE
from app.domain.universe import Universe
from app.domain.venue import Venue


def places(step: str) -> int:
    """Digits after the point of a tick or a lot."""
    exponent = Decimal(step).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def listing(
    venue: str, name: str, tick: str, lot: str, *, scales: tuple[int, int] | None = None, multiplier: str = "1"
) -> tuple[Symbol, Instrument]:
    """A market at one venue: spot, or a perpetual where `name` has a settlement currency, of `multiplier` a contract.

    The symbol's scales are the venue's own unless given.
    """
    pair, _, settle = name.partition(":")
    base, quote = pair.split("/")
    kind = ContractKind.SPOT if not settle else ContractKind.LINEAR if settle == quote else ContractKind.INVERSE
    price_scale, qty_scale = scales or (places(tick), places(lot))
    fungible = FungibilityClass(
        base, quote, settle or quote, kind, multiplier_nano=int(Decimal(multiplier).scaleb(NANO_SCALE))
    )
    tick_units, lot_units = int(Decimal(tick).scaleb(price_scale)), int(Decimal(lot).scaleb(qty_scale))
    return (
        Symbol(name, fungible, price_scale, qty_scale),
        Instrument(venue, name, base + quote, fungible, tick_units, lot_units),
    )


def universe_of(venue: str, listings: Mapping[str, tuple[str, str]], multiplier: str = "1") -> Universe:
    """One venue with markets {name: (tick, lot)}; `multiplier` is that of its contracts."""
    made = {name: listing(venue, name, tick, lot, multiplier=multiplier) for name, (tick, lot) in listings.items()}
    return Universe(
        venues={venue: Venue(venue, venue, Mode.PAPER, False, 5_000_000, 2_000_000_000, 1_500_000_000)},
        symbols={name: symbol for name, (symbol, _) in made.items()},
        instruments={(venue, name): instrument for name, (_, instrument) in made.items()},
        fees={venue: FeeTier(venue, "test", 1_000, 1_000, 0, "test", "2026-11-26")},
    )
