"""reCLAMM (Balancer v3): a constant product of real plus virtual balances. Source: Balancer's reCLAMM pool math page.

Virtual balances drift while the pool is outside its target range or its price ratio is being changed; this file quotes
at the virtual balances of the last change, which is exact within the same second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import Wad, ceil_div


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


def _must_hold(balance: int, amount: int) -> None:
    if amount > balance:
        raise PoolRefused(reason="reserve", limit=balance, value=amount)
