"""Pools and books between tokens as flat arrays: what the pool solvers read, and the plan that they answer.

Amounts are floats in human units of each token, fees in ppm of the input. A book between two tokens is a source like a
pool: its asks turn quote into base, its bids base into quote, fees and impact already in their marginal rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import amm

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
Piece = tuple[float, float, float]
Pair = tuple[int, int]
Reserves = tuple[float, float]

PPM: Final = 1e6
LOG_TICK: Final = math.log(1.0001)
NO_ROWS: Final = np.empty((0, 2), dtype=np.int64)
NO_ASKS: Final = np.empty((0, 2))
NO_QUOTES: Final = np.empty((0, 5))


class SourceRefused(ValueError):
    """A source whose numbers describe no curve."""


class PlanStatus(Enum):
    """What the bound says of a plan."""

    OPTIMAL = "optimal"
    WITHIN_GAP = "within_gap"
    DEADLINE = "deadline"
    DEPTH_LIMITED = "depth_limited"
    NO_PATH = "no_path"


@dataclass(frozen=True, slots=True)
class Source:
    """One pool or book between two tokens; `pieces` per direction as kernels/amm.py reads them."""

    kind_i: int
    token0_i: int
    token1_i: int
    fee_ppm: float
    shape: tuple[float, ...] = ()
    pieces: tuple[tuple[Piece, ...], tuple[Piece, ...]] = ((), ())


def _positive(*numbers: float) -> None:
    for number in numbers:
        if not (math.isfinite(number) and number > 0.0):
            raise SourceRefused(f"must be a positive number: {number}")


def _fee(fee_ppm: float) -> None:
    if not (math.isfinite(fee_ppm) and 0.0 <= fee_ppm < PPM):
        raise SourceRefused(f"fee must be from 0 up to 1e6 ppm: {fee_ppm}")


def constant_product(tokens: Pair, fee_ppm: float, reserves: Reserves) -> Source:
    """x y = k."""
    _positive(*reserves)
    _fee(fee_ppm)
    return Source(amm.PRODUCT, *tokens, fee_ppm, reserves)


def weighted(tokens: Pair, fee_ppm: float, reserves: Reserves, weights: Reserves) -> Source:
    """x^w0 y^w1 = k."""
    _positive(*reserves, *weights)
    _fee(fee_ppm)
    return Source(amm.WEIGHTED, *tokens, fee_ppm, (*reserves, *weights))


def stable_swap(tokens: Pair, fee_ppm: float, reserves: Reserves, ratio: float) -> Source:
    """Curve's two-token invariant; `ratio` is the amplification as stored on chain."""
    _positive(*reserves, ratio)
    _fee(fee_ppm)
    return Source(amm.STABLE, *tokens, fee_ppm, (*reserves, 2.0 * ratio))


def concentrated(
    tokens: Pair, fee_ppm: float, sqrt_price_units: float, liquidity_units: float, ticks: Sequence[tuple[int, float]]
) -> Source:
    """Uniswap v3: root of the price of token 0 in token 1, liquidity in range, (tick, net liquidity) of both sides."""
    _positive(sqrt_price_units)
    _fee(fee_ppm)
    roots = sorted((math.exp(tick * LOG_TICK / 2.0), net) for tick, net in ticks)
    upward: list[Piece] = []
    liquidity, at = liquidity_units, sqrt_price_units
    for root, net in roots:
        if root > sqrt_price_units:
            if liquidity > 0.0:
                upward.append((at, root, liquidity))
            at, liquidity = root, liquidity + net
    downward: list[Piece] = []
    liquidity, at = liquidity_units, sqrt_price_units
    for root, net in reversed(roots):
        if root <= sqrt_price_units:
            if liquidity > 0.0 and at > root:
                downward.append((at, root, liquidity))
            at, liquidity = root, liquidity - net
    return Source(amm.CONCENTRATED, *tokens, fee_ppm, (), (tuple(downward), tuple(upward)))


@dataclass(frozen=True, slots=True)
class Impact:
    """What a child moves against itself: its q-th unit costs 1 + linear q + 1.5 root sqrt(q) times the book's price."""

    linear_frac: float = 0.0
    root_frac: float = 0.0

    def factor(self, qty_units: float) -> float:
        """Marginal price over the book's after `qty_units`."""
        return 1.0 + self.linear_frac * qty_units + 1.5 * self.root_frac * math.sqrt(qty_units)

    def total(self, qty_units: float) -> float:
        """The factor's integral from 0."""
        return qty_units * (1.0 + 0.5 * self.linear_frac * qty_units + self.root_frac * math.sqrt(qty_units))


NO_IMPACT: Final = Impact()


def book(
    tokens: Pair,
    fee_ppm: float,
    bids: Sequence[tuple[float, float]],
    asks: Sequence[tuple[float, float]],
    impact: Impact = NO_IMPACT,
) -> Source:
    """A venue's book of (base, quote), (price, quantity) best first; the fee is on the traded notional."""
    _fee(abs(fee_ppm))
    for levels, sign in ((bids, -1.0), (asks, 1.0)):
        for level in levels:
            _positive(*level)
        if any((after[0] - before[0]) * sign < 0.0 for before, after in pairwise(levels)):
            raise SourceRefused("levels must be best first")
    fee = fee_ppm / PPM
    return Source(amm.BOOK, *tokens, 0.0, (), (_selling(bids, 1.0 - fee, impact), _buying(asks, 1.0 + fee, impact)))


def _selling(bids: Sequence[tuple[float, float]], kept: float, impact: Impact) -> tuple[Piece, ...]:
    """Base in, quote out: impact divides the price."""
    pieces, depth = [], 0.0
    for price, qty in bids:
        start, end = (price * kept / impact.factor(q) for q in (depth, depth + qty))
        pieces.append((qty, start, end))
        depth += qty
    return tuple(pieces)


def _buying(asks: Sequence[tuple[float, float]], paid: float, impact: Impact) -> tuple[Piece, ...]:
    """Quote in, base out: a piece is as wide as its level costs, and gives exactly its quantity."""
    pieces, depth = [], 0.0
    for price, qty in asks:
        cost = price * paid * (impact.total(depth + qty) - impact.total(depth))
        half = 0.5 / (price * paid) * (1.0 / impact.factor(depth) - 1.0 / impact.factor(depth + qty))
        pieces.append((cost, qty / cost + half, qty / cost - half))
        depth += qty
    return tuple(pieces)


@dataclass(frozen=True, slots=True)
class Network:
    """Sources between `n_tokens` tokens, as kernels/amm.py reads them."""

    n_tokens: int
    kind: Int64Array
    token: Int64Array
    par: Float64Array
    first_seg: Int64Array
    seg: Float64Array

    @property
    def n_sources(self) -> int:
        return int(self.kind.size)

    @property
    def has_books(self) -> bool:
        return bool((self.kind == amm.BOOK).any())


def network(n_tokens: int, sources: Sequence[Source]) -> Network:
    """Lays the sources flat and opens them."""
    m = len(sources)
    kind = np.array([source.kind_i for source in sources], dtype=np.int64)
    token = np.array([(source.token0_i, source.token1_i) for source in sources], dtype=np.int64).reshape(m, 2)
    if m and (token.min() < 0 or token.max() >= n_tokens or (token[:, 0] == token[:, 1]).any()):
        raise SourceRefused(f"a source lies between two different tokens below {n_tokens}")
    par = np.zeros((m, amm.N_PAR))
    pieces: list[Piece] = []
    first_seg = [0]
    for row, source in zip(par, sources, strict=True):
        reserves = source.shape[:2]
        row[: len(reserves)] = reserves
        row[amm.KEEP] = 1.0 - source.fee_ppm / PPM
        row[amm.SHAPE0 : amm.SHAPE0 + len(source.shape[2:])] = source.shape[2:]
        for direction in source.pieces:
            pieces.extend(direction)
            first_seg.append(len(pieces))
    laid = Network(
        n_tokens,
        kind,
        token,
        par,
        np.array(first_seg, dtype=np.int64),
        np.array(pieces, dtype=np.float64).reshape(-1, 3),
    )
    amm.open_sources(laid.kind, laid.par, laid.first_seg, laid.seg, NO_ROWS, NO_ASKS, NO_QUOTES)
    return laid


@dataclass(frozen=True, slots=True)
class SwapProblem:
    """Turn `amount_units` of one token into most of another; `gas_units` float64[m] of the wanted token per leg."""

    network: Network
    token_in_i: int
    token_out_i: int
    amount_units: float
    gas_units: Float64Array
    has_gas: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "has_gas", bool(self.gas_units.any()))
        _positive(self.amount_units)
        n = self.network.n_tokens
        if not (0 <= self.token_in_i < n and 0 <= self.token_out_i < n) or self.token_in_i == self.token_out_i:
            raise SourceRefused(f"swaps between two different tokens below {n}")
        if self.gas_units.shape != (self.network.n_sources,) or not (self.gas_units >= 0.0).all():
            raise SourceRefused("one fixed cost of at least 0 per source")


def swap(
    network_: Network, token_in_i: int, token_out_i: int, amount_units: float, gas_units: float = 0.0
) -> SwapProblem:
    """A swap with the same fixed cost for every leg."""
    return SwapProblem(
        network_, token_in_i, token_out_i, amount_units, np.full(network_.n_sources, gas_units, dtype=np.float64)
    )


@dataclass(frozen=True, slots=True)
class SwapPlan:
    """Legs in the order in which a wallet can pay them, what they bring, and what no plan can exceed.

    leg: int64[k, 2] of source and direction; leg_units: float64[k, 2] of input and output; net = output - gas.
    solver: who made the legs.
    """

    leg: Int64Array
    leg_units: Float64Array
    out_units: float
    net_units: float
    bound_units: float
    unspent_units: float
    status: PlanStatus
    n_solves: int = 1
    solver: str = "dual"

    @property
    def gap_bps(self) -> float:
        """How far a better plan could still be, in bps of the bound."""
        return max(0.0, (self.bound_units - self.net_units) / abs(self.bound_units) * 1e4) if self.bound_units else 0.0
