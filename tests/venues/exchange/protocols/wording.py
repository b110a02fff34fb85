"""Numbers that several venues print alike: mean prices, fee rates, milliseconds."""

from __future__ import annotations

from tests.venues.exchange.engine import NS_PER_MS
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.units import atoms, text


def average(market: Market, lots: int, cash: int) -> str:
    """The mean price, cut to eight decimals; empty when nothing traded."""
    if not lots or not cash:
        return ""
    value = market.base_atoms(lots) * atoms(market.contract)
    mean = value // cash if market.kind is Kind.INVERSE else cash * atoms("1") ** 2 // value
    return text(mean // 10**10 * 10**10)


def rate(ppm: int) -> str:
    return text(ppm * 10**12)


def ms(ts_ns: int) -> int:
    return ts_ns // NS_PER_MS
