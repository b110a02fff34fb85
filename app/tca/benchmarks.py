"""Reference prices and basis points: how money at a mid is counted, and how a cost is written for people."""

from __future__ import annotations

from typing import Final

from app.domain.enums import ContractKind
from app.domain.errors import InvariantBroken
from app.domain.instrument import Symbol
from app.domain.units import NANO_SCALE, decimal_text, div_half_even

BPS_SCALE: Final = 4  # costs are shown to 1e-4 bp; the smallest effect of interest is 0.1 bp
_BPS: Final = 10_000


def mid_money_nano(symbol: Symbol, mid_half_units: int, qty_units: int) -> int:
    """Settlement money of `qty_units` at a mid given as twice its price, in nano of the symbol's money currency.

    The same rule as Symbol.money_nano at half the price, rounded half to even at 1e-9; raises InvariantBroken for a
    mid that is not positive.
    """
    if mid_half_units < 1:
        raise InvariantBroken(symbol=symbol.name, mid_half_units=mid_half_units)
    product = mid_half_units * qty_units
    kind = symbol.fungible.kind
    if kind is ContractKind.SPOT:
        return div_half_even(product * 10 ** (NANO_SCALE - symbol.price_scale - symbol.qty_scale), 2)
    scale: int = 10 ** (symbol.price_scale + symbol.qty_scale)
    if kind is ContractKind.LINEAR:
        return div_half_even(product * symbol.fungible.multiplier_nano, 2 * scale)
    quote_nano = qty_units * symbol.fungible.multiplier_nano
    return div_half_even(2 * quote_nano * 10**symbol.price_scale, mid_half_units * 10**symbol.qty_scale)


def cost_bps(cost_nano: int, reference_nano: int) -> str:
    """`cost_nano` in basis points of `reference_nano` as a plain decimal of at most four decimals.

    Rounded half to even at 1e-4 bp, no exponent, no trailing zeros; positive is a cost. Without a reference (nothing
    filled) there is no ratio and the text is "0" for no cost; raises InvariantBroken for a cost without a reference.
    """
    if reference_nano == 0 and cost_nano == 0:
        return "0"
    if reference_nano < 1:
        raise InvariantBroken(cost_nano=cost_nano, reference_nano=reference_nano)
    return decimal_text(div_half_even(cost_nano * _BPS * 10**BPS_SCALE, reference_nano), BPS_SCALE)


def mid_text(mid_half_units: int, price_scale: int) -> str:
    """A mid given as twice its price, as an exact plain decimal."""
    return decimal_text(mid_half_units * 5, price_scale + 1)
