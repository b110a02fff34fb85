"""Weighted pools (Balancer v2): the product of balances, each to the power of its weight, never falls.

Source: Balancer whitepaper, equation 15, in the fixed point of app/domain/pools/fixed_point.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import (
    ONE,
    Wad,
    complement,
    div_down,
    div_up,
    mul_down,
    mul_up,
    power_up,
)

# The contract takes and gives at most 30 % of a balance in one swap.
MAX_RATIO: Final = Wad(3 * ONE // 10)
TWO: Final = 2 * ONE
FOUR: Final = 4 * ONE


@dataclass(frozen=True, slots=True)
class Weighted:
    """Balances in wei, weights that sum to one, decimals of each token.

    `has_short_powers`: later contracts raise to 1, 2 and 4 by multiplication; the first ones did not.
    """

    balances_wei: tuple[int, ...]
    weights: tuple[Wad, ...]
    decimals: tuple[int, ...]
    fee: Wad
    has_short_powers: bool

    @property
    def n_tokens(self) -> int:
        return len(self.balances_wei)

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """balance_out (1 - (balance_in / (balance_in + x))**(w_in / w_out)), x the input less its fee rounded up."""
        after_fee = amount_in_wei - mul_up(Wad(amount_in_wei), self.fee)
        scale_in, scale_out = _scale(self.decimals[in_i]), _scale(self.decimals[out_i])
        out = weighted_out(
            Wad(self.balances_wei[in_i] * scale_in),
            self.weights[in_i],
            Wad(self.balances_wei[out_i] * scale_out),
            self.weights[out_i],
            Wad(after_fee * scale_in),
            has_short_powers=self.has_short_powers,
        )
        return out // scale_out


def weighted_out(
    balance_in: Wad, weight_in: Wad, balance_out: Wad, weight_out: Wad, amount: Wad, *, has_short_powers: bool
) -> Wad:
    """Output for an exact input, both at 18 decimals; refused above 30 % of the balance."""
    if amount > mul_down(balance_in, MAX_RATIO):
        raise PoolRefused(reason="max_in", limit=mul_down(balance_in, MAX_RATIO), value=amount)
    base = div_up(balance_in, Wad(balance_in + amount))
    ratio = raised(base, div_down(weight_in, weight_out), has_short_powers=has_short_powers)
    return mul_down(balance_out, complement(ratio))


def weighted_in(
    balance_in: Wad, weight_in: Wad, balance_out: Wad, weight_out: Wad, amount: Wad, *, has_short_powers: bool
) -> Wad:
    """Input for an exact output, both at 18 decimals, before fees; refused above 30 % of the balance."""
    if amount > mul_down(balance_out, MAX_RATIO):
        raise PoolRefused(reason="max_out", limit=mul_down(balance_out, MAX_RATIO), value=amount)
    base = div_up(balance_out, Wad(balance_out - amount))
    ratio = raised(base, div_up(weight_out, weight_in), has_short_powers=has_short_powers)
    return mul_up(balance_in, Wad(ratio - ONE))


def raised(base: Wad, exponent: Wad, *, has_short_powers: bool) -> Wad:
    """base**exponent rounded up; exponents 1, 2 and 4 by multiplication where the contract does so."""
    if has_short_powers:
        if exponent == ONE:
            return base
        if exponent == TWO:
            return mul_up(base, base)
        if exponent == FOUR:
            square = mul_up(base, base)
            return mul_up(square, square)
    return power_up(base, exponent)


def _scale(decimals: int) -> int:
    """What turns a token's wei into 18 decimals."""
    return int(10 ** (18 - decimals))
