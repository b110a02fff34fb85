"""A venue's listing as the venue states it, and the symbol and instrument that we make of the listings of one class.

Laws: a symbol's scales come from all listings of its class. For spot they sum to at most 9, and where a venue's own
tick or lot is finer, ours is a coarser multiple of it: what we send is still valid there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.domain.enums import ContractKind
from app.domain.errors import BadRequest, InvariantBroken
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.units import NANO_SCALE, div_up

# Ticks and lots are compared as integers of this many decimals; no venue of the recordings states finer ones.
_FINE: Final = 18
_YYMMDD: Final = 6


@dataclass(frozen=True, slots=True)
class Listing:
    """`tick`, `lot` and the minima are the venue's own; 0 where it states no minimum. `unified` is ccxt's symbol.

    Quantities of contracts are counted in units of the class's multiplier.
    """

    venue: str
    venue_symbol: str
    unified: str
    fungible: FungibilityClass
    tick: Decimal
    lot: Decimal
    min_qty: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    expiry_ts_ns: int = 0
    is_active: bool = True

    def __post_init__(self) -> None:
        if self.tick <= 0 or self.lot <= 0 or self.min_qty < 0 or self.min_notional < 0:
            raise InvariantBroken(venue=self.venue, symbol=self.venue_symbol, tick=self.tick, lot=self.lot)


def unified_symbol(fungible: FungibilityClass) -> str:
    """ccxt's symbol of a class: BTC/USDT, BTC/USDT:USDT, BTC/USD:BTC-210924."""
    pair = f"{fungible.base}/{fungible.quote}"
    if fungible.kind is ContractKind.SPOT:
        return pair
    dated = f"-{fungible.expiry[2:].replace('-', '')}" if fungible.expiry else ""
    return f"{pair}:{fungible.settle}{dated}"


def class_of_unified(unified: str, multiplier_nano: int) -> FungibilityClass:
    """The class that a unified symbol names, given a contract's size, which the symbol does not tell.

    Raises BadRequest for a text of another form, and for an option.
    """
    pair, _, contract = unified.partition(":")
    base, slash, quote = pair.partition("/")
    settle, *rest = contract.split("-")
    if not (base and slash and quote) or (":" in unified and not settle):
        raise BadRequest("bad_symbol", f"{unified} is no unified symbol")
    if len(rest) > 1:
        raise BadRequest("bad_symbol", f"{unified} is an option, which no class holds")
    if not settle:
        return FungibilityClass(base, quote, quote, ContractKind.SPOT)
    kind = ContractKind.INVERSE if settle == base else ContractKind.LINEAR
    return FungibilityClass(base, quote, settle, kind, _iso(unified, rest), multiplier_nano)


def _iso(unified: str, rest: Sequence[str]) -> str:
    if not rest:
        return ""
    digits = rest[0]
    if len(digits) != _YYMMDD or not digits.isdigit() or not digits.isascii():
        raise BadRequest("bad_symbol", f"{unified} has no expiry of the form YYMMDD")
    return f"20{digits[:2]}-{digits[2:4]}-{digits[4:]}"


def symbol_of(listings: Sequence[Listing]) -> Symbol:
    """The symbol of one class, with scales that hold every listing as finely as the law allows."""
    first = listings[0]
    if any(listing.fungible != first.fungible for listing in listings):
        raise InvariantBroken(symbol=first.unified, reason="listings of several classes")
    price_scale = min(NANO_SCALE, max(_decimals(listing.tick) for listing in listings))
    qty_scale = min(NANO_SCALE, max(_decimals(listing.lot) for listing in listings))
    if first.fungible.kind is ContractKind.SPOT:
        qty_scale = min(qty_scale, NANO_SCALE - price_scale)
    return Symbol(first.unified, first.fungible, price_scale, qty_scale)


def instrument_of(listing: Listing, symbol: Symbol) -> Instrument:
    """The listing in `symbol`'s integers: tick and lot are multiples of the venue's own, minima are rounded up."""
    tick_units, lot_units = _units(listing.tick, symbol.price_scale), _units(listing.lot, symbol.qty_scale)
    lot_fine = lot_units * _unit(symbol.qty_scale)
    return Instrument(
        venue=listing.venue,
        symbol=symbol.name,
        venue_symbol=listing.venue_symbol,
        fungible=symbol.fungible,
        tick_units=tick_units,
        lot_units=lot_units,
        min_qty_lots=max(1, div_up(_fine(listing.min_qty), lot_fine)),
        min_notional_nano=div_up(_fine(listing.min_notional), 10 ** (_FINE - NANO_SCALE)),
    )


def is_coarser(listing: Listing, symbol: Symbol) -> bool:
    """Whether our tick or lot of this listing is coarser than the venue's own."""
    steps = ((listing.tick, symbol.price_scale), (listing.lot, symbol.qty_scale))
    return any(_units(step, scale) * _unit(scale) != _fine(step) for step, scale in steps)


def by_class(listings: Iterable[Listing]) -> dict[FungibilityClass, list[Listing]]:
    """The listings of each class, in order: what may share one route."""
    found: dict[FungibilityClass, list[Listing]] = {}
    for listing in listings:
        found.setdefault(listing.fungible, []).append(listing)
    return found


def _units(step: Decimal, scale: int) -> int:
    """The least common multiple of `step` and 10**-scale, in units of the latter."""
    unit = _unit(scale)
    return math.lcm(_fine(step), unit) // unit


def _unit(scale: int) -> int:
    unit: int = 10 ** (_FINE - scale)
    return unit


def _fine(value: Decimal) -> int:
    scaled = value.scaleb(_FINE)
    if scaled != int(scaled):
        raise InvariantBroken(value=value, reason=f"more than {_FINE} decimals")
    return int(scaled)


def _decimals(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
