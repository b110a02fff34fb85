"""Balancer v3: one vault that scales, rates and charges; each kind of pool only knows its curve at 18 decimals.

The vault rounds every step in its own favour: the amount given down (up where it is an output), the fee up, the amount
calculated down where it leaves and up where it comes in. Source: Balancer v3 documentation, vault and pool types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import ONE, Wad, ceil_div, complement, div_down, div_up, mul_down, mul_up
from app.domain.pools.stable import Amp, Invariant, invariant_of, stable_in, stable_out
from app.domain.pools.weighted import weighted_in, weighted_out


class Curve(Protocol):
    """A pool type: outputs and inputs at 18 decimals, without fees; `balances` are at 18 decimals too."""

    def out(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int: ...

    def into(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int: ...


class FeeRule(Protocol):
    """A hook that sets the fee of one swap from the balances before it and after it."""

    def fee_for(self, static: Wad, before: Sequence[int], after: Sequence[int]) -> Wad: ...


@dataclass(frozen=True, slots=True)
class VaultPool:
    """A pool in the vault: balances at 18 decimals, rates in; the tokens' scaling factors and rates; the fee."""

    curve: Curve
    balances: tuple[Wad, ...]
    factors: tuple[int, ...]
    rates: tuple[Wad, ...]
    fee: Wad
    fee_rule: FeeRule | None = None

    @property
    def n_tokens(self) -> int:
        return len(self.balances)

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """Output for an exact input: the fee is taken from the input."""
        given = Wad(amount_in_wei * self.factors[in_i] * self.rates[in_i] // ONE)
        fee = self._fee(in_i, out_i, given, self.curve.out(self.balances, in_i, out_i, given))
        out = self.curve.out(self.balances, in_i, out_i, Wad(given - mul_up(given, fee)))
        # A rate that is not whole was rounded down when it was read: undoing it must not pay more than it is worth.
        rate = self.rates[out_i] + (self.rates[out_i] % ONE > 0)
        return out * ONE // (self.factors[out_i] * rate)

    def quote_in_wei(self, in_i: int, out_i: int, amount_out_wei: int) -> int:
        """Input for an exact output: the fee is put on top of the input."""
        rate = self.rates[out_i] + (self.rates[out_i] % ONE > 0)
        given = Wad(ceil_div(amount_out_wei * self.factors[out_i] * rate, ONE))
        needed = self.curve.into(self.balances, in_i, out_i, given)
        fee = self._fee(in_i, out_i, Wad(needed), given)
        needed += ceil_div(needed * fee, complement(fee))
        return ceil_div(needed * ONE, self.factors[in_i] * self.rates[in_i])

    def _fee(self, in_i: int, out_i: int, moved_in: int, moved_out: int) -> Wad:
        if self.fee_rule is None:
            return self.fee
        after = list(self.balances)
        after[in_i] = Wad(after[in_i] + moved_in)
        after[out_i] = Wad(after[out_i] - moved_out)
        return self.fee_rule.fee_for(self.fee, self.balances, after)


@dataclass(frozen=True, slots=True)
class StableCurve:
    """StableSwap with one amplification."""

    amp: Amp

    def out(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int:
        total = self._invariant(balances)
        return stable_out(self.amp, balances, in_i, out_i, amount_wei=amount, invariant_wei=total, has_fine_terms=True)

    def into(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int:
        total = self._invariant(balances)
        return stable_in(self.amp, balances, in_i, out_i, amount_wei=amount, invariant_wei=total)

    def _invariant(self, balances: Sequence[int]) -> int:
        return invariant_of(self.amp, balances, Invariant.QUOTIENT)


@dataclass(frozen=True, slots=True)
class WeightedCurve:
    """Weighted product; also what a liquidity bootstrapping pool and a pool of moving weights are at one instant."""

    weights: tuple[Wad, ...]
    most: Wad | None = None

    def out(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int:
        self._within(balances[in_i], amount)
        sides = (Wad(balances[in_i]), self.weights[in_i], Wad(balances[out_i]), self.weights[out_i])
        out = weighted_out(*sides, amount, has_short_powers=True)
        self._within(balances[out_i], out)
        return out

    def into(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int:
        self._within(balances[out_i], amount)
        sides = (Wad(balances[in_i]), self.weights[in_i], Wad(balances[out_i]), self.weights[out_i])
        needed = weighted_in(*sides, amount, has_short_powers=True)
        self._within(balances[in_i], needed)
        return needed

    def _within(self, balance: int, amount: int) -> None:
        """A pool may allow less of a balance in one swap than the 30 % of the weighted maths."""
        if self.most is not None and amount > mul_down(Wad(balance), self.most):
            raise PoolRefused(reason="max_trade", limit=mul_down(Wad(balance), self.most), value=amount)


@dataclass(frozen=True, slots=True)
class FixedPriceCurve:
    """One token sold at a fixed price in another; it never buys back."""

    project_i: int
    price: Wad

    def out(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int:
        self._must_buy(balances, out_i, out := div_down(amount, self.price))
        return out

    def into(self, balances: Sequence[int], in_i: int, out_i: int, amount: Wad) -> int:
        self._must_buy(balances, out_i, amount)
        return mul_up(amount, self.price)

    def _must_buy(self, balances: Sequence[int], out_i: int, amount: int) -> None:
        if out_i != self.project_i:
            raise PoolRefused(reason="one_way", limit=self.project_i, value=out_i)
        if amount > balances[out_i]:
            raise PoolRefused(reason="reserve", limit=balances[out_i], value=amount)


@dataclass(frozen=True, slots=True)
class Surge:
    """A fee that rises with how far a swap leaves the pool from balance, beyond a threshold."""

    threshold: Wad
    most: Wad

    def fee_for(self, static: Wad, before: Sequence[int], after: Sequence[int]) -> Wad:
        new = imbalance(after)
        if new <= self.threshold or new <= imbalance(before):
            return static
        share = div_down(Wad(new - self.threshold), complement(self.threshold))
        return Wad(static + mul_down(Wad(self.most - static), share))


def imbalance(balances: Sequence[int]) -> Wad:
    """Sum of the distances from the median over the sum: 0 where all are equal."""
    ordered, n = sorted(balances), len(balances)
    median = ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) // 2
    return div_down(Wad(sum(abs(balance - median) for balance in balances)), Wad(sum(balances)))


def weights_at(weights: Sequence[int], multipliers: Sequence[int], elapsed_s: int) -> tuple[Wad, ...]:
    """Weights that move by a multiplier each second."""
    return tuple(Wad(w + m * elapsed_s) for w, m in zip(weights, multipliers, strict=True))


@dataclass(frozen=True, slots=True)
class Buffer:
    """A token (1) and its yield-bearing wrapper (0): `rate` is what one whole wrapped unit is worth, in wei."""

    rate: Wad

    @property
    def n_tokens(self) -> int:
        return 2

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """Unwraps (0 to 1) at the rate, wraps (1 to 0) at its inverse; rounded down."""
        return mul_down(Wad(amount_in_wei), self.rate) if in_i == 0 else div_down(Wad(amount_in_wei), self.rate)

    def quote_in_wei(self, in_i: int, out_i: int, amount_out_wei: int) -> int:
        """The same for an exact output; rounded up."""
        return div_up(Wad(amount_out_wei), self.rate) if in_i == 0 else mul_up(Wad(amount_out_wei), self.rate)
