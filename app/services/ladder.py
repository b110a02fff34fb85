"""Every venue's book of a symbol in one ladder, at raw or all-in prices, and why some are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.enums import ExclusionCode, KillScope
from app.domain.instrument import Symbol
from app.domain.units import PPM, div_half_even
from app.risk.reference import read_reference
from app.services.engine import Engine


@dataclass(frozen=True, slots=True)
class LadderLevel:
    """One level of one venue. `all_in_e12`: price with the taker's fee in it, in 1e-12 of the quote."""

    venue: str
    price_units: int
    all_in_e12: int
    qty_units: int


@dataclass(frozen=True, slots=True)
class BookUsed:
    venue: str
    book_seq: int
    received_ts_ns: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """Every valid venue's levels of one symbol, best first, and why the others are out."""

    symbol: Symbol
    now_ns: int
    mid_half_units: int
    bids: Sequence[LadderLevel]
    asks: Sequence[LadderLevel]
    used: Sequence[BookUsed]
    excluded: Mapping[str, ExclusionCode]


def build_ladder(engine: Engine, symbol: Symbol, n_levels: int, *, is_all_in: bool) -> Ladder:
    """At most `n_levels` a side over every valid venue, best raw (or all-in) price first.

    A level's all-in price has the taker's fee in it; what a venue charges once per child has no place in a level.
    """
    now_ns = engine.now_ns()
    books = engine.books(symbol.name)
    reference = read_reference(books, engine.core.world.max_book_age_ns, now_ns)
    excluded = {venue: exclusion.code for venue, exclusion in reference.barred.items()}
    for venue in books.venues:
        if code := _bar_code(engine, venue):
            excluded[venue] = code
    sides: tuple[list[LadderLevel], list[LadderLevel]] = ([], [])
    used = []
    for i, venue in enumerate(books.venues):
        if venue in excluded:
            continue
        used.append(BookUsed(venue, int(books.book_seq[i]), int(books.received_ts_ns[i])))
        fee_ppm = engine.universe.fees[venue].taker_fee_ppm
        for side_i, sign in ((0, -1), (1, 1)):
            n = min(int(books.n_levels[i, side_i]), n_levels)
            prices = books.price_units[i, side_i, :n].tolist()
            quantities = books.qty_units[i, side_i, :n].tolist()
            for price_units, qty_units in zip(prices, quantities, strict=True):
                all_in = _all_in_e12(price_units, symbol.price_scale, sign * fee_ppm)
                sides[side_i].append(LadderLevel(venue, price_units, all_in, qty_units))

    def rank(level: LadderLevel, sign: int) -> tuple[int, int, str]:
        price = level.all_in_e12 if is_all_in else level.price_units
        return sign * price, -level.qty_units, level.venue

    bids = sorted(sides[0], key=lambda level: rank(level, -1))[:n_levels]
    asks = sorted(sides[1], key=lambda level: rank(level, 1))[:n_levels]
    return Ladder(symbol, now_ns, reference.mid_half_units, bids, asks, used, excluded)


def _bar_code(engine: Engine, venue: str) -> ExclusionCode | None:
    if venue in engine.ledger.disabled_venues:
        return ExclusionCode.DISABLED
    return ExclusionCode.KILLED if (KillScope.VENUE, venue) in engine.ledger.kills else None


def _all_in_e12(price_units: int, price_scale: int, signed_fee_ppm: int) -> int:
    """The price with the fee in it, in 1e-12, half to even where a scale above 6 leaves a rest."""
    return div_half_even(price_units * 10 ** (12 - price_scale) * (PPM + signed_fee_ppm), PPM)
