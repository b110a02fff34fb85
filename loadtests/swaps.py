"""Random swaps: graphs of tokens with pools of every kind and books between them, prices that agree up to a little."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from app.routing import network

KINDS = ("product", "weighted", "stable", "concentrated", "book")
FEES_PPM = (100.0, 500.0, 3_000.0, 10_000.0)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a random swap is made of; `noise` is how far prices disagree, in parts of the fee."""

    n_tokens: int
    n_sources: int
    kinds: tuple[str, ...]
    noise: float
    gas_bps: float


def random_shape(rng: Random, *, has_gas: bool, has_books: bool, has_arbitrage: bool) -> Shape:
    """From a handful to 200 sources; fixed costs from nothing to 20 bps of the amount."""
    n_tokens = rng.choice((2, 3, 4, 6, 8, 12, 20, 30))
    most = 40 if has_gas else 200
    n_sources = min(most, max(n_tokens, int(n_tokens * math.exp(rng.uniform(0.0, 2.2)))))
    kinds = tuple(kind for kind in KINDS if kind != "book" or has_books)
    gas = math.exp(rng.uniform(math.log(0.02), math.log(20.0))) if has_gas else 0.0
    return Shape(n_tokens, n_sources, kinds, 1.5 if has_arbitrage else 0.45, gas)


def random_source(rng: Random, shape: Shape, pair: tuple[int, int], price: list[float]) -> network.Source:
    """A source between two tokens at their prices, give or take a part of its fee."""
    fee = rng.choice(FEES_PPM)
    rate = price[pair[0]] / price[pair[1]] * math.exp(rng.uniform(-1, 1) * shape.noise * fee * 1e-6)
    depth = math.exp(rng.uniform(math.log(3e4), math.log(3e7))) / price[pair[0]]
    kind = rng.choice(shape.kinds)
    if kind == "stable" and abs(math.log(rate)) > shape.noise * fee * 1e-6:
        kind = "product"
    if kind == "product":
        return network.constant_product(pair, fee, (depth, depth * rate))
    if kind == "weighted":
        weight = rng.choice((0.2, 0.5, 0.8))
        return network.weighted(pair, fee, (depth, depth * rate * (1 - weight) / weight), (weight, 1 - weight))
    if kind == "stable":
        return _stable(rng, pair, fee, depth)
    if kind == "concentrated":
        return _concentrated(rng, pair, fee, depth, rate)
    return _book(rng, pair, fee, depth, rate)


def _stable(rng: Random, pair: tuple[int, int], fee: float, depth: float) -> network.Source:
    """Reserves such that the marginal rate is about 1, whatever the amplification."""
    return network.stable_swap(pair, fee, (depth, depth * rng.uniform(0.999, 1.001)), rng.choice((50.0, 200.0, 1000.0)))


def _concentrated(rng: Random, pair: tuple[int, int], fee: float, depth: float, rate: float) -> network.Source:
    """Up to ten positions around the price, one of them over the whole range."""
    tick = math.log(rate) / math.log(1.0001)
    liquidity = depth * math.sqrt(rate)
    changes: dict[int, float] = {-880_000: liquidity, 880_000: -liquidity}
    inside = liquidity
    for _ in range(rng.randint(1, 9)):
        low = round(tick) - rng.randint(1, 3_000)
        high = round(tick) + rng.randint(1, 3_000)
        extra = liquidity * math.exp(rng.uniform(-1, 3))
        changes[low] = changes.get(low, 0.0) + extra
        changes[high] = changes.get(high, 0.0) - extra
        if low <= tick < high:
            inside += extra
    return network.concentrated(pair, fee, math.sqrt(rate), inside, sorted(changes.items()))


def _book(rng: Random, pair: tuple[int, int], fee: float, depth: float, rate: float) -> network.Source:
    """Up to twenty levels a side, the spread twice the fee of a pool, with or without own impact."""
    n_levels, step = rng.randint(1, 20), rng.uniform(0.5, 5.0) * 1e-4
    sizes = [depth * rng.uniform(0.001, 0.01) for _ in range(n_levels)]
    half = fee * 1e-6
    bids = [(rate * (1 - half - i * step), size) for i, size in enumerate(sizes)]
    asks = [(rate * (1 + half + i * step), size) for i, size in enumerate(sizes)]
    impact = rng.choice((network.NO_IMPACT, network.Impact(linear_frac=1e-2 / depth), network.Impact(0.0, 1e-6)))
    return network.book(pair, fee / 10.0, bids, asks, impact)


def random_swap(
    seed: int, *, has_gas: bool = False, has_books: bool = True, has_arbitrage: bool = False
) -> network.SwapProblem:
    """The swap of a seed: a spanning tree of the tokens and further sources between random pairs."""
    rng = Random(seed)
    shape = random_shape(rng, has_gas=has_gas, has_books=has_books, has_arbitrage=has_arbitrage)
    price = [1.0 if k % 3 == 0 else math.exp(rng.uniform(-3, 8)) for k in range(shape.n_tokens)]
    pairs = [(rng.randrange(k), k) for k in range(1, shape.n_tokens)]
    while len(pairs) < shape.n_sources:
        a, b = rng.sample(range(shape.n_tokens), 2)
        pairs.append((min(a, b), max(a, b)))
    sources = [random_source(rng, shape, pair, price) for pair in pairs]
    token_in, token_out = rng.sample(range(shape.n_tokens), 2)
    worth = math.exp(rng.uniform(math.log(1e2), math.log(3e6)))
    gas = worth / price[token_out] * shape.gas_bps * 1e-4
    net = network.network(shape.n_tokens, sources)
    return network.swap(net, token_in, token_out, worth / price[token_in], gas)
