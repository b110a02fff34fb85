"""The standing part of a problem: every enabled listing of one symbol with its fees, as rows of integers.

Reference data changes rarely and books all the time, so these rows are made once and recognised by identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import gcd
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.enums import ContractKind
from app.domain.fees import FeeTier
from app.domain.instrument import Instrument, Symbol
from app.domain.plan import PlanRequest
from app.domain.units import NANO, div_up
from app.kernels import cost

Int64Array = npt.NDArray[np.int64]

# Half of int64's reach, so that a sum of two products never wraps; a larger quantity is more than any book holds.
NARROW = 2**61


@dataclass(frozen=True, slots=True)
class Listings:
    """Listings of one symbol in the request's order. Made by routing/verify.py alone, which checks their class.

    `terms`: int64[n, N_TERMS], standing columns filled (kernels/cost.py), fixed costs still in the quote. `facts`:
    int64[7, n], the same listings as a receipt tells them. `names`: each venue's name with its length before it.
    `read`: the listings' values of a mapping that has one for each venue, else KeyError.
    """

    symbol: Symbol
    venues: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    fees: tuple[FeeTier, ...]
    terms: Int64Array
    facts: Int64Array
    names: tuple[bytes, ...]
    has_fixed: bool
    num_den: tuple[int, int]
    read: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    has_fees: Callable[[Mapping[str, FeeTier]], bool]

    def are_of(self, request: PlanRequest) -> bool:
        """Whether the request speaks of exactly these listings and fees."""
        instruments, fees = request.instruments, request.fees
        return (
            request.symbol is self.symbol
            and tuple(instruments) == self.venues
            and tuple(instruments.values()) == self.instruments
            and self.has_fees(fees)
        )

    def capacities_of(self, capacity_nano: Mapping[str, int]) -> tuple[int, ...]:
        """What is asked of each listing: nothing where that is not said."""
        try:
            return self.read(capacity_nano)
        except KeyError:
            return tuple([capacity_nano.get(venue, 0) for venue in self.venues])


def money_rule(symbol: Symbol) -> tuple[int, int]:
    """The reduced (num, den) by which price x quantity becomes nano: see kernels/cost.py for both forms."""
    scale = 10 ** (symbol.price_scale + symbol.qty_scale)
    if symbol.fungible.kind is ContractKind.SPOT:
        num, den = NANO, scale
    elif symbol.fungible.kind is ContractKind.LINEAR:
        num, den = symbol.fungible.multiplier_nano, scale
    else:
        num, den = symbol.fungible.multiplier_nano * 10**symbol.price_scale, 10**symbol.qty_scale
    divisor = gcd(num, den)
    return num // divisor, den // divisor


def tabulate(symbol: Symbol, instruments: tuple[Instrument, ...], fees: tuple[FeeTier, ...]) -> Listings:
    """Rows of integers for listings and fees of equal length."""
    facts = [
        (
            fee.taker_fee_ppm,
            fee.fixed_nano,
            listing.lot_units,
            listing.tick_units,
            listing.min_qty_lots,
            listing.min_notional_nano,
            min(listing.max_qty_lots, NARROW),
        )
        for listing, fee in zip(instruments, fees, strict=True)
    ]
    terms = np.zeros((len(facts), cost.N_TERMS), dtype=np.int64)
    for v, (listing, fee) in enumerate(zip(instruments, fees, strict=True)):
        terms[v, cost.FEE_PPM] = fee.taker_fee_ppm
        terms[v, cost.FIXED_NANO] = fee.fixed_nano
        terms[v, cost.LOT_UNITS] = listing.lot_units
        terms[v, cost.TICK_UNITS] = listing.tick_units
        terms[v, cost.MIN_UNITS] = min(_least_units(symbol, listing), NARROW)
        terms[v, cost.MIN_NOTIONAL_NANO] = listing.min_notional_nano
        terms[v, cost.MAX_UNITS] = min(listing.max_qty_lots * listing.lot_units, NARROW)
    venues = tuple(listing.venue for listing in instruments)
    read = itemgetter(*venues) if len(venues) > 1 else lambda found: tuple([found[venue] for venue in venues])
    return Listings(
        symbol=symbol,
        venues=venues,
        instruments=instruments,
        fees=fees,
        terms=terms,
        facts=np.ascontiguousarray(np.array(facts, dtype=np.int64).reshape(-1, 7).T),
        names=tuple(_named(listing.venue) for listing in instruments),
        has_fixed=any(fee.fixed_nano for fee in fees),
        num_den=money_rule(symbol),
        read=read,
        has_fees=_comparer(read, fees),
    )


def _comparer(
    read: Callable[[Mapping[str, FeeTier]], tuple[FeeTier, ...]], fees: tuple[FeeTier, ...]
) -> Callable[[Mapping[str, FeeTier]], bool]:
    """Whether a mapping has exactly these fees of the listings. Equal ones made anew are told by identity after.

    An account's fees are read again whenever it may have changed, mostly to the same: without that memory each plan
    from then on would compare them field by field.
    """
    lately = fees

    def has_fees(mapping: Mapping[str, FeeTier]) -> bool:
        nonlocal lately
        try:
            found = read(mapping)
        except KeyError:
            return False
        is_same = found == lately
        if is_same:
            lately = found
        return is_same

    return has_fees


def _least_units(symbol: Symbol, listing: Instrument) -> int:
    """Least units of one order; an inverse contract's notional does not depend on price, so it is settled here."""
    least = listing.min_qty_lots * listing.lot_units
    if symbol.fungible.is_inverse and listing.min_notional_nano > 0:
        needed = div_up(listing.min_notional_nano * 10**symbol.qty_scale, symbol.fungible.multiplier_nano)
        least = max(least, needed)
    return least


def _named(venue: str) -> bytes:
    data = venue.encode()
    return len(data).to_bytes(2, "little") + data
