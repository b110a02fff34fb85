"""Stable pools (Balancer): between constant sum and constant product, by an amplification. Source: StableSwap paper.

With A the amplification times n^(n-1), S the sum and P the product of balances, the invariant D solves
A n S + D = A n D + D^(n+1) / (n^n P). Newton's steps round as the contracts' do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import ONE, Wad, ceil_div, mul_up

Amp = NewType("Amp", int)  # amplification x 1000
AMP_SCALE: Final = 1000
MAX_ROUNDS: Final = 255


class Invariant(StrEnum):
    """How Newton's steps are written and rounded: the results differ in their last wei."""

    PRODUCT_DOWN = "product_down"
    PRODUCT_UP = "product_up"
    QUOTIENT = "quotient"


@dataclass(frozen=True, slots=True)
class Stable:
    """Balances in wei and the factor (decimals and rate, at 18 decimals) that makes each comparable.

    `pool_token_i`: the place of the pool's own token among them, which takes no part in the invariant; None without.
    """

    balances_wei: tuple[int, ...]
    factors: tuple[Wad, ...]
    fee: Wad
    amp: Amp
    invariant: Invariant
    pool_token_i: int | None = None

    @property
    def n_tokens(self) -> int:
        return len(self.balances_wei)

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """Output after the fee on the input, which is rounded up."""
        if self.pool_token_i in (in_i, out_i):
            raise PoolRefused(reason="pool_token", limit=self.n_tokens, value=in_i)
        after_fee = amount_in_wei - mul_up(Wad(amount_in_wei), self.fee)
        scaled = [balance * factor // ONE for balance, factor in zip(self.balances_wei, self.factors, strict=True)]
        if self.pool_token_i is not None:
            del scaled[self.pool_token_i]
            in_i -= in_i > self.pool_token_i
            out_i -= out_i > self.pool_token_i
        factors = [f for i, f in enumerate(self.factors) if i != self.pool_token_i]
        amount = after_fee * factors[in_i] // ONE
        total = invariant_of(self.amp, scaled, self.invariant)
        out = stable_out(self.amp, scaled, in_i, out_i, amount_wei=amount, invariant_wei=total, has_fine_terms=False)
        return out * ONE // factors[out_i]


def stable_out(
    amp: Amp,
    balances: Sequence[int],
    in_i: int,
    out_i: int,
    *,
    amount_wei: int,
    invariant_wei: int,
    has_fine_terms: bool,
) -> int:
    """Output at 18 decimals for an exact input after fees: the balance that keeps the invariant, less one."""
    after = list(balances)
    after[in_i] += amount_wei
    return balances[out_i] - balance_for(amp, after, invariant_wei, out_i, has_fine_terms=has_fine_terms) - 1


def stable_in(amp: Amp, balances: Sequence[int], in_i: int, out_i: int, *, amount_wei: int, invariant_wei: int) -> int:
    """Input at 18 decimals for an exact output, before fees: the balance that keeps the invariant, plus one."""
    after = list(balances)
    after[out_i] -= amount_wei
    if after[out_i] <= 0:
        raise PoolRefused(reason="reserve", limit=balances[out_i], value=amount_wei)
    return balance_for(amp, after, invariant_wei, in_i, has_fine_terms=True) - balances[in_i] + 1


def invariant_of(amp: Amp, balances: Sequence[int], form: Invariant) -> int:
    """D by Newton's method from the sum of balances."""
    total, n = sum(balances), len(balances)
    if total == 0:
        return 0
    amp_n, found = amp * n, total
    for _ in range(MAX_ROUNDS):
        before = found
        if form is Invariant.QUOTIENT:
            part = found
            for balance in balances:
                part = part * found // (balance * n)
            found = (amp_n * total // AMP_SCALE + part * n) * found
            found //= (amp_n - AMP_SCALE) * before // AMP_SCALE + (n + 1) * part
        else:
            found = _product_step(balances, amp_n, total, found, is_up=form is Invariant.PRODUCT_UP)
        if abs(found - before) <= 1:
            return found
    raise PoolRefused(reason="no_invariant", limit=MAX_ROUNDS, value=total)


def _product_step(balances: Sequence[int], amp_n: int, total: int, found: int, *, is_up: bool) -> int:
    """One Newton step on n^n P / D^(n-1), every division rounded towards a larger D, or a smaller one."""
    n = len(balances)
    outer, inner = (ceil_div, _floor_div) if is_up else (_floor_div, ceil_div)
    part = balances[0] * n
    for balance in balances[1:]:
        part = outer(part * balance * n, found)
    top = n * found * found + outer(amp_n * total * part, AMP_SCALE)
    return outer(top, (n + 1) * found + inner((amp_n - AMP_SCALE) * part, AMP_SCALE))


def _floor_div(numerator: int, denominator: int) -> int:
    return numerator // denominator


def balance_for(amp: Amp, balances: Sequence[int], invariant_wei: int, token_i: int, *, has_fine_terms: bool) -> int:
    """The balance of `token_i` that gives the invariant beside the other balances, rounded up.

    `has_fine_terms`: the third version multiplies by the amplification's scale before it divides, the second after.
    """
    n = len(balances)
    amp_n = amp * n
    part = balances[0] * n
    for balance in balances[1:]:
        part = part * balance * n // invariant_wei
    rest = sum(balances) - balances[token_i]
    square = invariant_wei * invariant_wei
    if has_fine_terms:
        c = ceil_div(square * AMP_SCALE, amp_n * part) * balances[token_i]
        b = rest + invariant_wei * AMP_SCALE // amp_n
    else:
        c = ceil_div(square, amp_n * part) * AMP_SCALE * balances[token_i]
        b = rest + invariant_wei // amp_n * AMP_SCALE
    found = ceil_div(square + c, invariant_wei + b)
    for _ in range(MAX_ROUNDS):
        before = found
        found = ceil_div(found * found + c, found * 2 + b - invariant_wei)
        if abs(found - before) <= 1:
            return found
    raise PoolRefused(reason="no_balance", limit=MAX_ROUNDS, value=invariant_wei)
