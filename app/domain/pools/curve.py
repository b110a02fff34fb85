"""Curve's stable-swap pools: plain pools, pools of a token against another pool's shares, and their underlying tokens.

Source: StableSwap whitepaper; the rounding is that of the deployed contracts, whose forms differ in their last wei.
Rates turn balances into 18 decimals: balance x rate / 1e18. Fees are in units of 1e-10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NewType

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import ONE

Amplification = NewType("Amplification", int)  # as stored in the contract, in units of 1 / its own scale
CurveFee = NewType("CurveFee", int)  # 1e-10
FEE_ONE: Final = 10**10
MAX_ROUNDS: Final = 255


@dataclass(frozen=True, slots=True)
class CurveStable:
    """A plain pool. `amp_scale` is 1 in the oldest contracts and 100 in later ones.

    `has_late_fee`: the oldest contracts take the fee after turning the output back into wei, later ones before.
    """

    balances_wei: tuple[int, ...]
    rates: tuple[int, ...]
    amp: Amplification
    amp_scale: int
    fee: CurveFee
    has_late_fee: bool
    supply_wei: int = 0

    @property
    def n_tokens(self) -> int:
        return len(self.balances_wei)

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """The balance that keeps the invariant, less one for rounding, less the fee on the output."""
        scaled = self.scaled()
        moved = scaled[in_i] + amount_in_wei * self.rates[in_i] // ONE
        out = scaled[out_i] - self.balance_for(scaled, in_i, out_i, moved) - 1
        if out < 0:
            raise PoolRefused(reason="reserve", limit=0, value=out)
        if not self.has_late_fee:
            return (out - out * self.fee // FEE_ONE) * ONE // self.rates[out_i]
        out = out * ONE // self.rates[out_i]
        return out - out * self.fee // FEE_ONE

    def scaled(self) -> list[int]:
        """Balances at 18 decimals."""
        return [balance * rate // ONE for balance, rate in zip(self.balances_wei, self.rates, strict=True)]

    def invariant(self, scaled: Sequence[int]) -> int:
        """D of the balances, by Newton's method from their sum."""
        total, n = sum(scaled), len(scaled)
        if total == 0:
            return 0
        ann, scale, found = self.amp * n, self.amp_scale, total
        for _ in range(MAX_ROUNDS):
            part, before = found, found
            for balance in scaled:
                part = part * found // (balance * n)
            found = (ann * total // scale + part * n) * found // ((ann - scale) * found // scale + (n + 1) * part)
            if abs(found - before) <= 1:
                return found
        raise PoolRefused(reason="no_invariant", limit=MAX_ROUNDS, value=total)

    def balance_for(self, scaled: Sequence[int], in_i: int, out_i: int, moved_wei: int) -> int:
        """The balance of `out_i` that keeps the invariant when the balance of `in_i` becomes `moved_wei`."""
        others = [moved_wei if i == in_i else b for i, b in enumerate(scaled) if i != out_i]
        return self.solve(others, self.invariant(scaled))

    def solve(self, others: Sequence[int], invariant_wei: int) -> int:
        """The one balance that gives the invariant beside `others`."""
        n = self.n_tokens
        ann, scale, c = self.amp * n, self.amp_scale, invariant_wei
        for balance in others:
            c = c * invariant_wei // (balance * n)
        c = c * invariant_wei * scale // (ann * n)
        b = sum(others) + invariant_wei * scale // ann
        found = invariant_wei
        for _ in range(MAX_ROUNDS):
            before = found
            found = (found * found + c) // (2 * found + b - invariant_wei)
            if abs(found - before) <= 1:
                return found
        raise PoolRefused(reason="no_balance", limit=MAX_ROUNDS, value=invariant_wei)

    def shares_for(self, token_i: int, amount_in_wei: int) -> int:
        """Pool shares for a deposit of one token, without the fee: what `calc_token_amount` answers."""
        before = self.invariant(self.scaled())
        raised = [b + (amount_in_wei if i == token_i else 0) for i, b in enumerate(self.balances_wei)]
        scaled = [balance * rate // ONE for balance, rate in zip(raised, self.rates, strict=True)]
        return (self.invariant(scaled) - before) * self.supply_wei // before

    def withdrawn_wei(self, token_i: int, shares_wei: int) -> int:
        """Wei of one token for pool shares, after the fee on the imbalance: what `calc_withdraw_one_coin` answers."""
        n, scaled = self.n_tokens, self.scaled()
        before = self.invariant(scaled)
        after = before - shares_wei * before // self.supply_wei
        fee = self.fee * n // (4 * (n - 1))
        ideal = self.solve([b for i, b in enumerate(scaled) if i != token_i], after)
        reduced = []
        for i, balance in enumerate(scaled):
            kept = balance * after // before
            expected = kept - ideal if i == token_i else balance - kept
            reduced.append(balance - fee * expected // FEE_ONE)
        out = reduced[token_i] - self.solve([b for i, b in enumerate(reduced) if i != token_i], after)
        return (out - 1) * ONE // self.rates[token_i]


@dataclass(frozen=True, slots=True)
class CurveUnderlying:
    """A pool of one token (0) against the shares of a base pool, asked for the base pool's own tokens (1, 2, ...).

    `pool.rates[1]` is the base's virtual price.
    """

    pool: CurveStable
    base: CurveStable

    @property
    def n_tokens(self) -> int:
        return 1 + self.base.n_tokens

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """Output of `get_dy_underlying`: through the base pool where it has both tokens."""
        if in_i > 0 and out_i > 0:
            return self.base.quote_out_wei(in_i - 1, out_i - 1, amount_in_wei)
        pool, scaled = self.pool, self.pool.scaled()
        if in_i == 0:
            moved = scaled[0] + amount_in_wei * pool.rates[0] // ONE
        else:
            shares = self.base.shares_for(in_i - 1, amount_in_wei)
            value = shares * pool.rates[1] // ONE
            # Half of the base pool's fee for an unbalanced deposit.
            moved = scaled[1] + value - value * self.base.fee // (2 * FEE_ONE)
        here_i, there_i = (0, 1) if in_i == 0 else (1, 0)
        out = scaled[there_i] - pool.balance_for(scaled, here_i, there_i, moved) - 1
        out = (out - pool.fee * out // FEE_ONE) * ONE // pool.rates[there_i]
        return out if out_i == 0 else self.base.withdrawn_wei(out_i - 1, out)
