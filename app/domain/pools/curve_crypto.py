"""Curve's pools of unlike tokens (tricrypto): a stable-swap curve around a price that the pool has learned.

Source: "Automatic market-making with dynamic peg" (Egorov 2021): K0 = n^n P / D^n, K = A K0 g^2 / (g + 1 - K0)^2,
with g for gamma,
and K D^(n-1) S + P = K D^n + (D/n)^n. Newton's steps round as the first contract's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.errors import PoolRefused
from app.domain.pools.curve import FEE_ONE, Amplification, CurveFee
from app.domain.pools.fixed_point import ONE, Wad

MAX_ROUNDS: Final = 255
# The contract's own notion of "close enough".
TOLERANCE: Final = 10**14
LEAST_TOLERANCE: Final = 100


@dataclass(frozen=True, slots=True)
class CurveCrypto:
    """Three tokens, the first the unit of account; `price_scale` is the learned price of each of the others."""

    balances_wei: tuple[int, ...]
    factors: tuple[int, ...]  # 10**(18 - decimals)
    price_scale: tuple[Wad, ...]
    invariant_wei: int
    amp_n: Amplification  # A n^n
    gamma: Wad
    mid_fee: CurveFee
    out_fee: CurveFee
    fee_gamma: Wad

    @property
    def n_tokens(self) -> int:
        return len(self.balances_wei)

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """Output less a fee that grows from `mid_fee` to `out_fee` as the pool leaves balance."""
        raised = [b + (amount_in_wei if i == in_i else 0) for i, b in enumerate(self.balances_wei)]
        scaled = [self._priced(i, balance) for i, balance in enumerate(raised)]
        kept = self._balance_for(scaled, out_i)
        out = scaled[out_i] - kept - 1
        if out < 0:
            raise PoolRefused(reason="reserve", limit=0, value=out)
        scaled[out_i] = kept
        if out_i > 0:
            out = out * ONE // self.price_scale[out_i - 1]
        out //= self.factors[out_i]
        return out - self._fee(scaled) * out // FEE_ONE

    def _priced(self, token_i: int, balance_wei: int) -> int:
        value = balance_wei * self.factors[token_i]
        return value if token_i == 0 else value * self.price_scale[token_i - 1] // ONE

    def _fee(self, scaled: Sequence[int]) -> int:
        n, total, balance = len(scaled), sum(scaled), ONE
        for value in scaled:
            balance = balance * n * value // total
        if self.fee_gamma > 0:
            balance = self.fee_gamma * ONE // (self.fee_gamma + ONE - balance)
        return (self.mid_fee * balance + self.out_fee * (ONE - balance)) // ONE

    def _balance_for(self, scaled: Sequence[int], out_i: int) -> int:
        """The balance of `out_i` that keeps the invariant, by Newton's method from the balanced value."""
        n, total = len(scaled), self.invariant_wei
        others = sorted(value for i, value in enumerate(scaled) if i != out_i)
        found, share = total // n, ONE
        for value in others:
            found = found * total // (value * n)
        for value in reversed(others):
            share = share * value * n // total
        limit = max(others[-1] // TOLERANCE, total // TOLERANCE, LEAST_TOLERANCE)
        for _ in range(MAX_ROUNDS):
            before = found
            found = self._newton(found, share, sum(others))
            if abs(found - before) < max(limit, found // TOLERANCE):
                return self._sane(found)
        raise PoolRefused(reason="no_balance", limit=MAX_ROUNDS, value=total)

    def _newton(self, found: int, share: int, others_wei: int) -> int:
        n, total = self.n_tokens, self.invariant_wei
        k0 = share * found * n // total
        distance = abs(self.gamma + ONE - k0) + 1
        curvature = ONE * total // self.gamma * distance // self.gamma * distance // self.amp_n
        slope = ONE + 2 * ONE * k0 // distance
        sum_wei = others_wei + found
        rise = ONE * found + sum_wei * slope + curvature
        if rise < total * slope:
            return found // 2
        rise -= total * slope
        derivative = rise // found
        minus = curvature // derivative
        plus = (rise + ONE * total) // derivative + minus * ONE // k0
        minus += ONE * sum_wei // derivative
        return found // 2 if plus < minus else plus - minus

    def _sane(self, found: int) -> int:
        ratio = found * ONE // self.invariant_wei
        if not 10**16 - 1 < ratio < 10**20 + 1:
            raise PoolRefused(reason="unbalanced", limit=10**20, value=ratio)
        return found
