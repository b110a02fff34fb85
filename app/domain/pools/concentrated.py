"""Concentrated liquidity (Uniswap v3 and v4): a price walks over ticks, each range with its own liquidity.

Prices are square roots of token1 per token0 in units of 2^-96. Source: Uniswap v3 whitepaper, 6.1 to 6.3. Each step
rounds as the contract does, and ends where the contract's ends: at a tick that is in use or at the edge of its word of
256 ticks, because rounding happens once a step.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from math import isqrt
from typing import Final, NewType

from app.domain.errors import PoolRefused
from app.domain.pools.fixed_point import ceil_div
from app.domain.units import PPM

SqrtPriceX96 = NewType("SqrtPriceX96", int)  # sqrt(token1 per token0) x 2**96
Tick = NewType("Tick", int)  # log of the price to the base 1.0001
Liquidity = NewType("Liquidity", int)  # sqrt(reserve0 x reserve1) that is in range

Q96: Final = 2**96
WORD: Final = 2**256
MAX_TICK: Final = 887_272
MIN_SQRT_PRICE: Final = 4_295_128_739
MAX_SQRT_PRICE: Final = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342


def _root_powers() -> tuple[int, ...]:
    """1.0001**(-2**k / 2) in units of 2^-128, k = 0..19, rounded to the nearest."""
    powers = []
    extra = 512
    value = isqrt((10_000 << 2 * extra) // 10_001)
    for _ in range(20):
        powers.append((value + (1 << (extra - 129))) >> (extra - 128))
        value = value * value >> extra
    return tuple(powers)


ROOT_POWERS: Final = _root_powers()


def sqrt_price_at(tick: Tick) -> SqrtPriceX96:
    """The square root of 1.0001**tick, as the contract's chain of products rounds it."""
    if abs(tick) > MAX_TICK:
        raise PoolRefused(reason="tick", limit=MAX_TICK, value=tick)
    ratio = 1 << 128
    for bit, power in enumerate(ROOT_POWERS):
        if abs(tick) >> bit & 1:
            ratio = ratio * power >> 128
    if tick > 0:
        ratio = (WORD - 1) // ratio
    return SqrtPriceX96(-(-ratio >> 32))


@dataclass(frozen=True, slots=True)
class Swap:
    """What a swap did: amounts that moved, what was left over when liquidity ended, and where the price stands."""

    amount_in_wei: int
    amount_out_wei: int
    left_wei: int
    sqrt_price: SqrtPriceX96


@dataclass(frozen=True, slots=True)
class Concentrated:
    """A pool of two tokens: `ticks` ascending, `net` the liquidity that a rising price gains at each."""

    sqrt_price: SqrtPriceX96
    tick: Tick
    liquidity: Liquidity
    fee_ppm: int
    tick_spacing: Tick
    ticks: tuple[int, ...]
    net: tuple[int, ...]

    @property
    def n_tokens(self) -> int:
        return 2

    def quote_out_wei(self, in_i: int, out_i: int, amount_in_wei: int) -> int:
        """Output for an exact input; refused where liquidity ends before the input does."""
        return self._whole(self.swap_in(is_down=in_i < out_i, amount_in_wei=amount_in_wei)).amount_out_wei

    def quote_in_wei(self, in_i: int, out_i: int, amount_out_wei: int) -> int:
        """Input for an exact output; refused where liquidity ends before the output is paid."""
        return self._whole(self.swap_out(is_down=in_i < out_i, amount_out_wei=amount_out_wei)).amount_in_wei

    def swap_in(self, *, is_down: bool, amount_in_wei: int) -> Swap:
        """Sells up to `amount_in_wei`, as far as liquidity goes. `is_down`: token0 is sold and the price falls."""
        return _walk(self, amount_in_wei, is_down=is_down, is_exact_in=True)

    def swap_out(self, *, is_down: bool, amount_out_wei: int) -> Swap:
        """Buys up to `amount_out_wei`, as far as liquidity goes."""
        return _walk(self, amount_out_wei, is_down=is_down, is_exact_in=False)

    def _whole(self, swap: Swap) -> Swap:
        if swap.left_wei:
            raise PoolRefused(reason="liquidity", limit=swap.amount_out_wei, value=swap.left_wei)
        return swap


def concentrated(
    at: tuple[SqrtPriceX96, Tick, Liquidity], *, fee_ppm: int, tick_spacing: Tick, nets: Iterable[tuple[int, int]]
) -> Concentrated:
    """A pool that stands `at` a price, its tick and its liquidity, from (tick, net liquidity) pairs in any order."""
    ordered = sorted(nets)
    places, changes = tuple(tick for tick, _ in ordered), tuple(net for _, net in ordered)
    return Concentrated(*at, fee_ppm, tick_spacing, places, changes)


def _walk(pool: Concentrated, amount_wei: int, *, is_down: bool, is_exact_in: bool) -> Swap:
    """Steps of constant liquidity until the amount is used up or the price reaches its end."""
    price, tick, liquidity, left = int(pool.sqrt_price), int(pool.tick), int(pool.liquidity), amount_wei
    end = MIN_SQRT_PRICE + 1 if is_down else MAX_SQRT_PRICE - 1
    paid = received = 0
    step = _step_in if is_exact_in else _step_out
    while left > 0 and price != end:
        next_tick, place = _next_tick(pool, tick, is_down)
        next_price = int(sqrt_price_at(Tick(next_tick)))
        target = max(next_price, end) if is_down else min(next_price, end)
        price, step_in, step_out, fee = step(price, target, liquidity, left, pool.fee_ppm)
        paid += step_in + fee
        received += step_out
        left -= step_in + fee if is_exact_in else step_out
        if price == next_price:
            if place >= 0:
                liquidity += -pool.net[place] if is_down else pool.net[place]
            tick = next_tick - 1 if is_down else next_tick
    return Swap(paid, received, left, SqrtPriceX96(price))


def _next_tick(pool: Concentrated, tick: int, is_down: bool) -> tuple[int, int]:
    """(the tick where this step ends, its place in the pool's list or -1 where it is only the edge of a word)."""
    spacing = int(pool.tick_spacing)
    compressed = tick // spacing
    if is_down:
        edge = (compressed >> 8 << 8) * spacing
        place = bisect_right(pool.ticks, compressed * spacing) - 1
        if place >= 0 and pool.ticks[place] >= edge:
            return pool.ticks[place], place
        return max(edge, -MAX_TICK), -1
    edge = ((compressed + 1 >> 8 << 8) + 255) * spacing
    place = bisect_left(pool.ticks, (compressed + 1) * spacing)
    if place < len(pool.ticks) and pool.ticks[place] <= edge:
        return pool.ticks[place], place
    return min(edge, MAX_TICK), -1


def _step_in(price: int, target: int, liquidity: int, left: int, fee_ppm: int) -> tuple[int, int, int, int]:
    """(price reached, input without fee, output, fee) of one step that sells up to `left`, fee included."""
    is_down = price >= target
    usable = left * (PPM - fee_ppm) // PPM
    needed = _asked(target, price, liquidity, is_down)
    if usable >= needed:
        paid = _paid(target, price, liquidity, not is_down)
        return target, needed, paid, ceil_div(needed * fee_ppm, PPM - fee_ppm)
    reached = _after_input(price, liquidity, usable, is_down)
    amount_in = usable if reached != target else needed
    return reached, amount_in, _paid(reached, price, liquidity, not is_down), left - amount_in


def _step_out(price: int, target: int, liquidity: int, left: int, fee_ppm: int) -> tuple[int, int, int, int]:
    """(price reached, input without fee, output, fee) of one step that buys up to `left`."""
    is_down = price >= target
    available = _paid(target, price, liquidity, not is_down)
    reached = target if left >= available else _after_output(price, liquidity, left, is_down)
    amount_in = _asked(reached, price, liquidity, is_down)
    return reached, amount_in, min(available, left), ceil_div(amount_in * fee_ppm, PPM - fee_ppm)


def _asked(a: int, b: int, liquidity: int, is_token0: bool) -> int:
    """Token0 (L (1/low - 1/high)) or token1 (L (high - low)) between two prices, rounded up."""
    low, high = _ordered(a, b)
    if is_token0:
        return ceil_div(ceil_div((liquidity << 96) * (high - low), high), low)
    return ceil_div(liquidity * (high - low), Q96)


def _paid(a: int, b: int, liquidity: int, is_token0: bool) -> int:
    """The same, rounded down."""
    low, high = _ordered(a, b)
    return (liquidity << 96) * (high - low) // high // low if is_token0 else liquidity * (high - low) // Q96


def _ordered(a: int, b: int) -> tuple[int, int]:
    low, high = min(a, b), max(a, b)
    if low <= 0:
        raise PoolRefused(reason="price", limit=1, value=low)
    return low, high


def _after_input(price: int, liquidity: int, amount: int, is_down: bool) -> int:
    """The price after `amount` came in, rounded so that the pool never pays too much."""
    if amount == 0:
        return price
    if not is_down:
        return price + (amount << 96) // liquidity
    numerator = liquidity << 96
    product = amount * price
    if numerator + product < WORD:
        return ceil_div(numerator * price, numerator + product)
    # Where 256 bits do not hold the product, the contract takes a form that loses a little precision.
    return ceil_div(numerator, numerator // price + amount)


def _after_output(price: int, liquidity: int, amount: int, is_down: bool) -> int:
    """The price after `amount` went out, rounded so that the pool is asked for enough."""
    if amount == 0:
        return price
    if is_down:
        return price - ceil_div(amount << 96, liquidity)
    numerator = liquidity << 96
    return ceil_div(numerator * price, numerator - amount * price)
