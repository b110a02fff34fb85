"""Float mathematics of pools and books: output of an input, marginal rate, and the best trade at given prices.

A market of sources is six flat arrays. `kind` int64[m]; `token` int64[m, 2], token 0 below token 1 is not required;
`par` float64[m, 8] (columns below); `first_seg` int64[2 m + 1] and `seg` float64[n_seg, 3], the pieces of direction d
of source i at `first_seg[2 i + d] : first_seg[2 i + d + 1]`. Direction 0 gives token 0 and takes token 1. Fees are
taken from the input, so `par[:, KEEP]` is what is left of it.

Constant product and weighted: reserves, weights in SHAPE0, SHAPE1. Stable: reserves, SHAPE0 = 2 x amplification,
SHAPE1 = invariant. Concentrated liquidity: pieces (start, end, liquidity) in square roots of the price of token 0 in
token 1. Book: pieces (room in input, rate at its start, rate at its end), rates after fees and impact, falling.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import CALL, kernel
from app.kernels.status import OK

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

PRODUCT: Final = 0
WEIGHTED: Final = 1
STABLE: Final = 2
CONCENTRATED: Final = 3
BOOK: Final = 4

RESERVE0: Final = 0
RESERVE1: Final = 1
KEEP: Final = 2
SHAPE0: Final = 3
SHAPE1: Final = 4
LOG_RATE0: Final = 5  # log of the marginal rate at zero input, per direction; written by open_sources
LOG_RATE1: Final = 6
EDGE: Final = 7  # about how much token 0 moves the rate by one part in one, at zero input
N_PAR: Final = 8

NOTHING: Final = -1e300


@kernel("")
def stable_invariant(x_units: float, y_units: float, ratio: float) -> float:
    """D of two reserves: ratio S + D = ratio D + D^3 / (4 x y), where `ratio` is twice the amplification."""
    amplified = ratio
    total = x_units + y_units
    d = total
    for _ in range(64):
        p = d * d * d / (4.0 * x_units * y_units)
        new = (amplified * total + 2.0 * p) * d / ((amplified - 1.0) * d + 3.0 * p)
        if abs(new - d) <= 1e-16 * new:
            return new
        d = new
    return d


@kernel("")
def _stable_other(x: float, amplified: float, d: float) -> float:
    """The other reserve on the curve; the root's form avoids cancellation on either side."""
    c = d * d * d / (4.0 * x * amplified)
    b = x + d / amplified - d
    r = math.sqrt(b * b + 4.0 * c)
    if b < 0.0:
        return 0.5 * (r - b)
    return 2.0 * c / (r + b)


@kernel("")
def _stable_slope(x: float, y: float, amplified: float, d: float) -> tuple[float, float]:
    """(-dy/dx, its derivative) at a point of the curve."""
    c = 0.25 * d * d * d
    fx = amplified + c / (x * x * y)
    fy = amplified + c / (x * y * y)
    rate = fx / fy
    dfx = -2.0 * c / (x * x * x * y) + rate * c / (x * x * y * y)
    dfy = -c / (x * x * y * y) + 2.0 * rate * c / (x * y * y * y)
    return rate, (dfx * fy - fx * dfy) / (fy * fy)


@kernel("")
def _stable_trade(
    ri: float, ro: float, keep: float, amplified: float, d: float, ratio: float
) -> tuple[float, float, float]:
    """Newton in the logarithm of the input's reserve, kept inside a bracket."""
    want = ratio / keep
    low = math.log(ri)
    high = low + 60.0
    at = low
    y = ro
    slope = -1.0
    for n in range(80):
        x = math.exp(at)
        y = _stable_other(x, amplified, d)
        rate, slope = _stable_slope(x, y, amplified, d)
        if rate > want:
            low = at
        else:
            high = at
        # In logarithms the curve is close to straight on both of its flanks.
        step = math.log(rate / want) * rate / (-slope * x)
        new = at + step
        # Between its flanks the curve bends sharply, and steps from one to the other can go back and forth for ever.
        if not low <= new <= high or n % 16 == 15:
            new = 0.5 * (low + high)
        if abs(new - at) <= 2e-16 * max(1.0, abs(at)):
            break
        at = new
    x = math.exp(at)
    given = max(0.0, (x - ri) / keep)
    return given, ro - _stable_other(ri + keep * given, amplified, d), want / (-slope * keep)


@kernel("")
def _range_trade(
    first: int, end: int, seg: Float64, keep: float, direction: int, ratio: float
) -> tuple[float, float, float]:
    """Concentrated liquidity walked to the price `ratio`."""
    given = 0.0
    taken = 0.0
    bend = 0.0
    goal = math.sqrt(ratio / keep) if direction == 0 else math.sqrt(keep / ratio)
    for s in range(first, end):
        a = seg[s, 0]
        b = seg[s, 1]
        liquidity = seg[s, 2]
        if direction == 0:
            if goal >= a:
                break
            at = max(b, goal)
            given += liquidity * (1.0 / at - 1.0 / a)
            taken += liquidity * (a - at)
            if at > b:
                bend = 0.5 * liquidity / (keep * at)
                break
        else:
            if goal <= a:
                break
            at = min(b, goal)
            given += liquidity * (at - a)
            taken += liquidity * (1.0 / a - 1.0 / at)
            if at < b:
                bend = 0.5 * liquidity * at / keep
                break
    return given / keep, taken, bend


@kernel("")
def _book_trade(first: int, end: int, seg: Float64, ratio: float) -> tuple[float, float, float]:
    """Levels better than `ratio`, the sloping one in part; a flat level at exactly `ratio` is left alone."""
    given = 0.0
    taken = 0.0
    for s in range(first, end):
        room = seg[s, 0]
        fall = seg[s, 1] - seg[s, 2]
        if seg[s, 1] <= ratio:
            break
        if seg[s, 2] >= ratio:
            given += room
            taken += room * (seg[s, 1] - 0.5 * fall)
            continue
        share = (seg[s, 1] - ratio) / fall
        return given + share * room, taken + share * room * (seg[s, 1] - 0.5 * share * fall), room * ratio / fall
    return given, taken, 0.0


@kernel("")
def book_worth(
    first_i: int,
    end_i: int,
    kink_i: int,
    seg: Float64,
    price_give_units: float,
    price_take_units: float,
    softness_frac: float,
    anchor: Float64,
    out_share: Float64,
) -> tuple[float, float, float, float, float, float]:
    """A book's levels at prices: (worth, input, output, curvature at both, at the given, at the taken token)."""
    worth = 0.0
    given = 0.0
    taken = 0.0
    cross = 0.0
    bend_give = 0.0
    bend_take = 0.0
    for s in range(first_i, end_i):
        room = seg[s, 0]
        fall = room * (seg[s, 1] - seg[s, 2])
        gain = room * (price_take_units * seg[s, 1] - price_give_units)
        stiff = softness_frac * room * seg[s, 1] * price_take_units
        slope = price_take_units * fall + stiff
        before = anchor[kink_i + s]
        top = gain + stiff * before
        share = 0.0
        if slope > 0.0:
            share = min(1.0, max(0.0, top / slope))
        elif top > 0.0:
            share = 1.0
        out_share[kink_i + s] = share
        if share <= 0.0 and before <= 0.0:
            if gain <= 0.0 and softness_frac <= 0.0:
                break
            continue
        moved = share - before
        worth += share * gain - 0.5 * price_take_units * fall * share * share - 0.5 * stiff * moved * moved
        given += share * room
        taken += share * room * seg[s, 1] - 0.5 * fall * share * share
        if 0.0 < share < 1.0:
            give = -room * price_give_units
            take = (room * seg[s, 1] - fall * share) * price_take_units
            bend_give += give * give / slope
            bend_take += take * take / slope
            cross += give * take / slope
    return worth, given, taken, cross, bend_give, bend_take


@kernel("")
def best_trade(
    kind: Int64, par: Float64, first_seg: Int64, seg: Float64, source_i: int, direction_i: int, ratio: float
) -> tuple[float, float, float]:
    """Best trade where a unit of input costs `ratio` of output: (input, output, -d input / d log ratio)."""
    keep = par[source_i, KEEP]
    what = kind[source_i]
    if what == PRODUCT:
        ri = par[source_i, direction_i]
        ro = par[source_i, 1 - direction_i]
        root = math.sqrt(ri * ro * keep / ratio)
        given = (root - ri) / keep
        if given <= 0.0:
            return 0.0, 0.0, 0.5 * root / keep
        return given, ro * (root - ri) / root, 0.5 * root / keep
    if what == WEIGHTED:
        ri = par[source_i, direction_i]
        ro = par[source_i, 1 - direction_i]
        power = par[source_i, SHAPE0 + direction_i] / par[source_i, SHAPE1 - direction_i]
        log_z = math.log(ratio * ri / (ro * power * keep)) / (power + 1.0)
        grown = math.expm1(-log_z)
        given = ri * grown / keep
        bend = ri * (grown + 1.0) / (keep * (power + 1.0))
        if given <= 0.0:
            return 0.0, 0.0, bend
        return given, -ro * math.expm1(power * log_z), bend
    if what == STABLE:
        return _stable_trade(
            par[source_i, direction_i],
            par[source_i, 1 - direction_i],
            keep,
            par[source_i, SHAPE0],
            par[source_i, SHAPE1],
            ratio,
        )
    first = first_seg[2 * source_i + direction_i]
    end = first_seg[2 * source_i + direction_i + 1]
    if what == CONCENTRATED:
        return _range_trade(first, end, seg, keep, direction_i, ratio)
    return _book_trade(first, end, seg, ratio)


@kernel("")
def output_of(
    kind: Int64, par: Float64, first_seg: Int64, seg: Float64, source_i: int, direction_i: int, given_units: float
) -> float:
    """Output of `given` input at source i; beyond the last piece nothing more comes out."""
    keep = par[source_i, KEEP]
    what = kind[source_i]
    if what == PRODUCT:
        net = keep * given_units
        return float(par[source_i, 1 - direction_i] * net / (par[source_i, direction_i] + net))
    if what == WEIGHTED:
        power = par[source_i, SHAPE0 + direction_i] / par[source_i, SHAPE1 - direction_i]
        grown = math.log1p(keep * given_units / par[source_i, direction_i])
        return float(-par[source_i, 1 - direction_i] * math.expm1(-power * grown))
    if what == STABLE:
        ri = par[source_i, direction_i]
        before = _stable_other(ri, par[source_i, SHAPE0], par[source_i, SHAPE1])
        return before - _stable_other(ri + keep * given_units, par[source_i, SHAPE0], par[source_i, SHAPE1])
    taken = 0.0
    left = keep * given_units if what == CONCENTRATED else given_units
    for s in range(first_seg[2 * source_i + direction_i], first_seg[2 * source_i + direction_i + 1]):
        if left <= 0.0:
            break
        if what == BOOK:
            share = min(1.0, left / seg[s, 0])
            taken += share * seg[s, 0] * (seg[s, 1] - 0.5 * share * (seg[s, 1] - seg[s, 2]))
            left -= seg[s, 0]
            continue
        a = seg[s, 0]
        b = seg[s, 1]
        liquidity = seg[s, 2]
        need = liquidity * (1.0 / b - 1.0 / a) if direction_i == 0 else liquidity * (b - a)
        if left <= need:
            at = 1.0 / (1.0 / a + left / liquidity) if direction_i == 0 else a + left / liquidity
        else:
            at = b
        taken += liquidity * (a - at) if direction_i == 0 else liquidity * (1.0 / a - 1.0 / at)
        left -= need
    return taken


@kernel("")
def room_of(kind: Int64, par: Float64, first_seg: Int64, seg: Float64, source_i: int, direction_i: int) -> float:
    """Most input that source i can use; infinite for the curves without an end."""
    if kind[source_i] < CONCENTRATED:
        return np.inf
    room = 0.0
    for s in range(first_seg[2 * source_i + direction_i], first_seg[2 * source_i + direction_i + 1]):
        if kind[source_i] == BOOK:
            room += seg[s, 0]
        elif direction_i == 0:
            room += seg[s, 2] * (1.0 / seg[s, 1] - 1.0 / seg[s, 0]) / par[source_i, KEEP]
        else:
            room += seg[s, 2] * (seg[s, 1] - seg[s, 0]) / par[source_i, KEEP]
    return room


@kernel("")
def rate_of(
    kind: Int64, par: Float64, first_seg: Int64, seg: Float64, source_i: int, direction_i: int, given_units: float
) -> float:
    """Marginal rate of source i after `given` input; 0 beyond its end."""
    keep = par[source_i, KEEP]
    what = kind[source_i]
    if what == PRODUCT:
        at = par[source_i, direction_i] + keep * given_units
        return float(par[source_i, direction_i] * par[source_i, 1 - direction_i] * keep / (at * at))
    if what == WEIGHTED:
        ri = par[source_i, direction_i]
        power = par[source_i, SHAPE0 + direction_i] / par[source_i, SHAPE1 - direction_i]
        grown = math.log1p(keep * given_units / ri)
        return float(par[source_i, 1 - direction_i] * power * keep / ri * math.exp(-(power + 1.0) * grown))
    if what == STABLE:
        x = par[source_i, direction_i] + keep * given_units
        y = _stable_other(x, par[source_i, SHAPE0], par[source_i, SHAPE1])
        return float(keep * _stable_slope(x, y, par[source_i, SHAPE0], par[source_i, SHAPE1])[0])
    left = keep * given_units if what == CONCENTRATED else given_units
    for s in range(first_seg[2 * source_i + direction_i], first_seg[2 * source_i + direction_i + 1]):
        a = seg[s, 0]
        if what == BOOK:
            if left < a:
                return float(seg[s, 1] - (seg[s, 1] - seg[s, 2]) * left / a)
            left -= a
            continue
        liquidity = seg[s, 2]
        need = liquidity * (1.0 / seg[s, 1] - 1.0 / a) if direction_i == 0 else liquidity * (seg[s, 1] - a)
        if left < need:
            at = 1.0 / (1.0 / a + left / liquidity) if direction_i == 0 else a + left / liquidity
            return float(keep * at * at if direction_i == 0 else keep / (at * at))
        left -= need
    return 0.0


@kernel("")
def _edge(kind: Int64, par: Float64, first_seg: Int64, seg: Float64, i: int) -> float:
    """Size of source i in token 0: how much of it moves the marginal rate by about its whole self."""
    if kind[i] < CONCENTRATED:
        return float(0.5 * par[i, RESERVE0] / par[i, KEEP])
    for direction in range(2):
        s = first_seg[2 * i + direction]
        if s == first_seg[2 * i + direction + 1]:
            continue
        if kind[i] == CONCENTRATED:
            return float(0.5 * seg[s, 2] / (par[i, KEEP] * seg[s, 0]))
        end = first_seg[2 * i + direction + 1]
        span = max(1e-3, math.log(seg[s, 1] / seg[end - 1, 2]))
        depth = 0.0
        for level in range(s, end):
            depth += seg[level, 0] if direction == 0 else seg[level, 0] * seg[level, 1]
        return depth / span
    return 0.0


@kernel(
    "int64(int64[::1], float64[:,::1], int64[::1], float64[:,::1], int64[:,::1], float64[:,::1], float64[:,::1])", CALL
)
def open_sources(
    kind: Int64, par_inplace: Float64, first_seg: Int64, seg: Float64, row: Int64, ask: Float64, out_quote: Float64
) -> int:
    """Completes the sources' columns (stable invariant, first marginal rates, size) and quotes the asked rows.

    Shapes as at the head of this file. row: int64[k, 2] of source and direction; ask: float64[k, 2] of input and
    ratio, the price of input in output. out_quote: float64[k, 5], written: output and marginal rate after the input,
    then input, output, -d input / d log ratio of the best trade at the ratio. k may be 0. Returns OK.
    Source: docs/kernels.md#pools. Twin: tests/reference/amm.py.
    """
    for i in range(kind.size):
        if kind[i] == STABLE:
            par_inplace[i, SHAPE1] = stable_invariant(
                par_inplace[i, RESERVE0], par_inplace[i, RESERVE1], par_inplace[i, SHAPE0]
            )
        for d in range(2):
            rate = rate_of(kind, par_inplace, first_seg, seg, i, d, 0.0)
            par_inplace[i, LOG_RATE0 + d] = math.log(rate) if rate > 0.0 else NOTHING
        par_inplace[i, EDGE] = _edge(kind, par_inplace, first_seg, seg, i)
    for k in range(row.shape[0]):
        i = row[k, 0]
        d = row[k, 1]
        out_quote[k, 0] = output_of(kind, par_inplace, first_seg, seg, i, d, ask[k, 0])
        out_quote[k, 1] = rate_of(kind, par_inplace, first_seg, seg, i, d, ask[k, 0])
        out_quote[k, 2] = 0.0
        out_quote[k, 3] = 0.0
        out_quote[k, 4] = 0.0
        if math.log(ask[k, 1]) < par_inplace[i, LOG_RATE0 + d]:
            given, taken, bend = best_trade(kind, par_inplace, first_seg, seg, i, d, ask[k, 1])
            out_quote[k, 2] = given
            out_quote[k, 3] = taken
            out_quote[k, 4] = bend
    return OK
