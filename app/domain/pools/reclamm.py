"""reCLAMM (Balancer v3): a constant product of real plus virtual balances. Source: Balancer's reCLAMM pool math page.

Outside its target range a pool shifts its virtual balances every second, so that its price range follows the market.
A pool whose price ratio is being changed by its owner moves in another way, which is not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import ONE, Wad, ceil_div, div_down, mul_down, power, power_down


@dataclass(frozen=True, slots=True)
class VirtualCurve:
    """(R_a + V_a) (R_b + V_b) never falls; `virtual` are V_a and V_b at 18 decimals."""

    virtual: tuple[Wad, Wad]

    def out(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int:
        whole_in, whole_out = balances[in_i] + self.virtual[in_i], balances[out_i] + self.virtual[out_i]
        out = whole_out * amount // (whole_in + amount)
        _must_hold(balances[out_i], out)
        return out

    def into(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int:
        _must_hold(balances[out_i], amount)
        whole_in, whole_out = balances[in_i] + self.virtual[in_i], balances[out_i] + self.virtual[out_i]
        return ceil_div(whole_in * amount, whole_out - amount)


@dataclass(frozen=True, slots=True)
class Shift:
    """How a pool follows the market: `base` to the power of seconds, once it is less centred than `margin`.

    `is_rounded_down`: the second contract takes its power's error off, the first takes the power as it comes.
    """

    base: Wad
    margin: Wad
    is_rounded_down: bool


def centredness(balances: Sequence[int], virtual: tuple[Wad, Wad]) -> Wad:
    """1 where both tokens are as deep as their ranges, 0 where one is used up."""
    first, second = balances[0] * virtual[1], balances[1] * virtual[0]
    return div_down(Wad(min(first, second)), Wad(max(first, second)))


def shifted(balances: Sequence[int], virtual: tuple[Wad, Wad], shift: Shift, elapsed_s: int) -> tuple[Wad, Wad]:
    """Virtual balances `elapsed_s` after they were stored: the rarer one decays, the other keeps the price ratio."""
    if elapsed_s == 0 or centredness(balances, virtual) >= shift.margin:
        return virtual
    rare_i = 0 if balances[0] * virtual[1] < balances[1] * virtual[0] else 1
    raised = power_down if shift.is_rounded_down else power
    rare = mul_down(virtual[rare_i], raised(shift.base, Wad(elapsed_s * ONE)))
    room = mul_down(Wad(_root_of_price_ratio(balances, virtual) - ONE), rare) - balances[rare_i]
    if room <= 0:
        raise PoolRefused(reason="no_range", limit=1, value=room)
    other = Wad(balances[1 - rare_i] * (rare + balances[rare_i]) // room)
    return (rare, other) if rare_i == 0 else (other, rare)


def _root_of_price_ratio(balances: Sequence[int], virtual: tuple[Wad, Wad]) -> int:
    """Square root of the highest price over the lowest, both as the contract rounds them."""
    invariant = mul_down(Wad(balances[0] + virtual[0]), Wad(balances[1] + virtual[1]))
    highest = div_down(invariant, mul_down(virtual[0], virtual[0]))
    lowest = div_down(mul_down(virtual[1], virtual[1]), invariant)
    return isqrt(div_down(highest, lowest) * ONE)


def _must_hold(balance: int, amount: int) -> None:
    if amount > balance:
        raise PoolRefused(reason="reserve", limit=balance, value=amount)
