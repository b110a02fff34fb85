"""Paths and cycles over conversions: the best simple cycle of up to six hops, any longer one, the best path."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them
# ruff: noqa: PLR1714, SIM109 - `in` of a tuple costs Numba a second of compiling

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import CALL, kernel
from app.kernels.status import BAD_LEVELS, OK

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Middles kept for each pair of nodes. A cycle of six excludes at most three of a pair's middles (the third end and the
# two other middles), so the fourth best always serves and the search stays exact.
N_MIDDLES: Final = 4
# Most hops of a cycle whose best is exact; longer ones are found, not maximised.
EXACT_HOPS: Final = 6
# Rounds that even a graph with a gain is given, so that the potentials of `any_cycle` come close to prices.
N_SETTLING: Final = 4
# A logarithm below this is noise of sums of float64 and no profit.
NOISE: Final = 1e-12


@kernel("")
def put_cycle(a_i: int, b_i: int, c_i: int, d_i: int, e_i: int, f_i: int, out_cycle: Int64) -> None:
    """Writes those of six nodes that are not -1, in order, and -1 after them."""
    n = 0
    for k in range(6):
        node = a_i if k == 0 else b_i if k == 1 else c_i if k == 2 else d_i if k == 3 else e_i if k == 4 else f_i
        if node >= 0:
            out_cycle[n] = node
            n += 1
    for k in range(n, out_cycle.size):
        out_cycle[k] = -1


@kernel("int64(int64[::1], int64[::1], float64[::1], float64[::1], float64[:,::1], int64[:,::1])", CALL)
def lay_rates(
    source_i: Int64, target_i: Int64, ratio: Float64, fee_frac: Float64, out_after_fee: Float64, out_row: Int64
) -> int:
    """Conversions as a table: the best after its fee of each pair of nodes, and which row it is.

    out_after_fee: float64[n, n], 0 where nothing; out_row: int64[n, n], -1 where nothing. A conversion into itself is
    left out. Returns OK, or BAD_LEVELS for a node outside of n or a rate that is not above zero and finite.
    """
    n = out_row.shape[0]
    for a in range(n):
        for b in range(n):
            out_after_fee[a, b] = 0.0
            out_row[a, b] = -1
    for i in range(source_i.size):
        a = source_i[i]
        b = target_i[i]
        after_fee = ratio[i] * (1.0 - fee_frac[i])
        if min(a, b) < 0 or max(a, b) >= n or not 0.0 < after_fee < np.inf:
            return BAD_LEVELS
        if a != b and after_fee > out_after_fee[a, b]:
            out_after_fee[a, b] = after_fee
            out_row[a, b] = i
    return OK


@kernel("")
def keep_middles(log_rate: Float64, floor: Float64, out_gain: Float64, out_middle: Int64, out_next: Int64) -> None:
    """The best middles b of every a -> b -> c above floor[a, c], best first; -inf and -1 where none."""
    n = log_rate.shape[0]
    for a in range(n):
        for c in range(n):
            for place in range(N_MIDDLES):
                out_gain[a, c, place] = -np.inf
                out_middle[a, c, place] = -1
    for b in range(n):
        n_next = 0
        for c in range(n):
            if c != b and log_rate[b, c] > -np.inf:
                out_next[n_next] = c
                n_next += 1
        for a in range(n):
            first = log_rate[a, b]
            if a == b or first == -np.inf:
                continue
            for k in range(n_next):
                c = out_next[k]
                gain = first + log_rate[b, c]
                if gain <= floor[a, c] or gain <= out_gain[a, c, N_MIDDLES - 1]:
                    continue
                place = N_MIDDLES - 1
                while place > 0 and out_gain[a, c, place - 1] < gain:
                    out_gain[a, c, place] = out_gain[a, c, place - 1]
                    out_middle[a, c, place] = out_middle[a, c, place - 1]
                    place -= 1
                out_gain[a, c, place] = gain
                out_middle[a, c, place] = b


@kernel("")
def cycles_of_two_legs(log_rate: Float64, gain: Float64, middle: Int64, start: float, out_cycle: Int64) -> float:
    """The best cycle of two, three or four hops above `start`: there and back, each leg one hop or a pair."""
    n = log_rate.shape[0]
    best = start
    for a in range(n):
        for c in range(a + 1, n):
            if max(log_rate[a, c], gain[a, c, 0]) + max(log_rate[c, a], gain[c, a, 0]) <= best:
                continue
            for i in range(-1, 2):
                for j in range(-1, 2):
                    total = log_rate[a, c] if i < 0 else gain[a, c, i]
                    total += log_rate[c, a] if j < 0 else gain[c, a, j]
                    b = -1 if i < 0 else middle[a, c, i]
                    d = -1 if j < 0 else middle[c, a, j]
                    if total > best and (b != d or b < 0):
                        best = total
                        put_cycle(a, b, c, d, -1, -1, out_cycle)
    return best


@kernel("")
def set_floor(log_rate: Float64, n_back: int, start: float, out_most: Float64, out_floor: Float64) -> None:
    """What a pair a -> b -> c must gain, so that the best walk back of `n_back` hops could bring more than `start`.

    out_most: row 0, the most of 1 to n_back - 1 hops out of a node, loops allowed; row 1, of one hop into it; row 2 is
    scratch.
    """
    n = log_rate.shape[0]
    for a in range(n):
        out_most[0, a] = -np.inf
        out_most[1, a] = -np.inf
        out_most[2, a] = 0.0
    for _ in range(n_back - 1):
        for a in range(n):
            reached = -np.inf
            for b in range(n):
                if a != b:
                    reached = max(reached, log_rate[a, b] + max(0.0, out_most[2, b]))
                    out_most[1, b] = max(out_most[1, b], log_rate[a, b])
            out_most[0, a] = max(out_most[0, a], reached)
        for a in range(n):
            out_most[2, a] = out_most[0, a]
    for a in range(n):
        for c in range(n):
            out_floor[a, c] = start - max(log_rate[c, a], out_most[0, c] + out_most[1, a])


@kernel("")
def close_three(
    a_i: int, c_i: int, e_i: int, log_rate: Float64, gain: Float64, middle: Int64, start: float, out_cycle: Int64
) -> float:
    """The best cycle through three nodes above `start`: two pairs and, from last to first, a hop or a pair."""
    best = start
    for i in range(N_MIDDLES):
        b = middle[a_i, c_i, i]
        for j in range(N_MIDDLES):
            d = middle[c_i, e_i, j]
            if b == e_i or d == a_i or b == d:
                continue
            for k in range(-1, N_MIDDLES):
                total = gain[a_i, c_i, i] + gain[c_i, e_i, j] + (log_rate[e_i, a_i] if k < 0 else gain[e_i, a_i, k])
                f = -1 if k < 0 else middle[e_i, a_i, k]
                if total > best and b != f and f != c_i and f != d:
                    best = total
                    put_cycle(a_i, b, c_i, d, e_i, f, out_cycle)
    return best


@kernel("")
def cycles_of_three_legs(
    log_rate: Float64, gain: Float64, middle: Int64, most: Float64, start: float, out_cycle: Int64
) -> float:
    """The best cycle of five or six hops above `start`."""
    n = log_rate.shape[0]
    best = start
    for a in range(n):
        for c in range(n):
            if a == c or gain[a, c, 0] + most[0, c] + most[1, a] <= best:
                continue
            for e in range(n):
                two = gain[a, c, 0] + gain[c, e, 0]
                if two + max(log_rate[e, a], gain[e, a, 0]) > best and a != e and e != c:
                    best = close_three(a, c, e, log_rate, gain, middle, best, out_cycle)
    return best


@kernel("")
def gain_of(log_rate: Float64, cycle: Int64, n_nodes: int) -> float:
    """Sum of a cycle's hops."""
    total = 0.0
    for i in range(n_nodes):
        total += log_rate[cycle[i], cycle[(i + 1) % n_nodes]]
    return total


@kernel(
    "int64(float64[:,::1], float64[::1], int64, float64[:,:,::1], int64[:,:,::1], float64[:,::1], float64[:,::1],"
    " int64[::1], int64[::1])",
    CALL,
)
def best_cycle(
    log_rate_inplace: Float64,
    potential: Float64,
    max_hops: int,
    out_gain: Float64,
    out_middle: Int64,
    out_floor: Float64,
    out_most: Float64,
    out_next: Int64,
    cycle_inplace: Int64,
) -> int:
    """The simple cycle with the largest sum of `log_rate_inplace`, exact up to `max_hops` (4 or EXACT_HOPS).

    log_rate_inplace: float64[n, n], logarithm of what one unit of the row's asset buys of the column's; -inf where
    nothing, the diagonal is not read as a hop; what it held is lost. potential: float64[n], any numbers: a cycle's gain
    does not change by them, but those of `any_cycle` let most of the search be passed over.
    cycle_inplace: int64[>= max(n, EXACT_HOPS)], the nodes in order, -1 after them; where it comes with a simple cycle
    of at most `max_hops`, only better ones are searched. Scratch: out_gain, out_middle [n, n, N_MIDDLES], out_floor
    [n, n], out_most [3, n], out_next [n]. Returns the number of nodes, or 0 where nothing gains more than noise.
    Source: docs/kernels.md#cycles. Twin: tests/reference/paths.py.
    """
    n = log_rate_inplace.shape[0]
    for a in range(n):
        for b in range(n):
            log_rate_inplace[a, b] += potential[a] - potential[b]
    best = NOISE
    n_nodes = 0
    while n_nodes < cycle_inplace.size and cycle_inplace[n_nodes] >= 0:
        n_nodes += 1
    if n_nodes > 0:
        best = max(best, gain_of(log_rate_inplace, cycle_inplace, n_nodes))
    if n_nodes > max_hops or best == NOISE:
        put_cycle(-1, -1, -1, -1, -1, -1, cycle_inplace)
        best = NOISE
    # Short cycles first: what they gain lets most middles of the longer search be passed over.
    for n_hops in range(4, max(4, min(max_hops, EXACT_HOPS)) + 1, EXACT_HOPS - 4):
        set_floor(log_rate_inplace, n_hops - 2, best, out_most, out_floor)
        keep_middles(log_rate_inplace, out_floor, out_gain, out_middle, out_next)
        if n_hops == 4:
            best = cycles_of_two_legs(log_rate_inplace, out_gain, out_middle, best, cycle_inplace)
        else:
            best = cycles_of_three_legs(log_rate_inplace, out_gain, out_middle, out_most, best, cycle_inplace)
    n_nodes = 0
    while n_nodes < cycle_inplace.size and cycle_inplace[n_nodes] >= 0:
        n_nodes += 1
    return n_nodes


@kernel("")
def circle_among(before: Int64, out_mark: Int64) -> int:
    """A node on a circle of `before` pointers (-1 ends a way), or -1. out_mark: scratch, who passed a node last."""
    n = before.size
    for node in range(n):
        out_mark[node] = -1
    for start in range(n):
        node = start
        while node >= 0 and out_mark[node] < 0:
            out_mark[node] = start
            node = before[node]
        if node >= 0 and out_mark[node] == start:
            return node
    return -1


@kernel("int64(float64[:,::1], float64[::1], int64[::1], int64[::1])", CALL)
def any_cycle(log_rate: Float64, out_best: Float64, out_before: Int64, out_cycle: Int64) -> int:
    """Some simple cycle of positive gain, of any length: Bellman and Ford from all nodes at once.

    out_best: float64[n], potentials for `best_cycle`; out_before: int64[n], scratch. out_cycle: int64[>= n], the
    nodes in order. Returns their number or 0, and then no cycle of any length gains more than noise.
    Source: docs/kernels.md#cycles. Twin: tests/reference/paths.py.
    """
    n = log_rate.shape[0]
    for a in range(n):
        out_best[a] = 0.0
        out_before[a] = -1
    last = -1
    for n_rounds in range(n + N_SETTLING):
        is_improved = False
        for a in range(n):
            held = out_best[a] - NOISE
            for b in range(n):
                if held + log_rate[a, b] > out_best[b] and a != b:
                    out_best[b] = out_best[a] + log_rate[a, b]
                    out_before[b] = a
                    is_improved = True
        if not is_improved:
            return 0
        # Pointers that run in a circle are a gain already: no need to wait for round n.
        if n_rounds < N_SETTLING - 1:
            continue
        last = circle_among(out_before, out_cycle)
        if last >= 0:
            break
    if last < 0:
        return 0
    node = last
    n_nodes = 0
    while n_nodes == 0 or node != last:
        out_cycle[n_nodes] = node
        n_nodes += 1
        node = out_before[node]
    for i in range(n_nodes // 2):
        node = out_cycle[i]
        out_cycle[i] = out_cycle[n_nodes - 1 - i]
        out_cycle[n_nodes - 1 - i] = node
    return n_nodes


@kernel("")
def is_on_way(before: Int64, n_hops: int, node_i: int, wanted_i: int) -> bool:
    """Whether the way of `n_hops` that ends at `node_i` passes `wanted_i`."""
    for hop in range(n_hops, -1, -1):
        if node_i == wanted_i:
            return True
        node_i = before[hop, node_i]
    return False


@kernel("int64(float64[:,::1], float64[:,::1], int64, int64, float64, float64[:,::1], int64[:,::1])", CALL)
def best_path(
    ratio: Float64,
    gas_units: Float64,
    source_i: int,
    target_i: int,
    amount_units: float,
    out_units: Float64,
    out_before: Int64,
) -> int:
    """The most of one asset that `amount_units` of another become in exactly 0, 1, ... hops.

    ratio: float64[n, n], what one unit of the row's asset buys, fees and a hop's own cost in; 0 where nothing.
    gas_units: float64[n, n], fixed cost of the hop in the column's asset. out_units: float64[max hops + 1, n], -1 where
    there is no way; out_before: int64[max hops + 1, n], the node before, -1 where none. No way passes a node twice, and
    none passes the target. Exact up to three hops; beyond, exact where no cycle gains.
    Returns the hops of the best way to the target, or 0 where there is none.
    Source: docs/kernels.md#paths. Twin: tests/reference/paths.py.
    """
    n = ratio.shape[0]
    for hop in range(out_units.shape[0]):
        for a in range(n):
            out_units[hop, a] = -1.0
            out_before[hop, a] = -1
    out_units[0, source_i] = amount_units
    for hop in range(1, out_units.shape[0]):
        for a in range(n):
            held = out_units[hop - 1, a]
            if held <= 0.0 or a == target_i:
                continue
            for b in range(n):
                got = held * ratio[a, b] - gas_units[a, b]
                if ratio[a, b] <= 0.0 or got <= out_units[hop, b] or got <= 0.0:
                    continue
                if is_on_way(out_before, hop - 1, a, b):
                    continue
                out_units[hop, b] = got
                out_before[hop, b] = a
    best_hops = 0
    for hop in range(1, out_units.shape[0]):
        if out_units[hop, target_i] > max(0.0, out_units[best_hops, target_i]):
            best_hops = hop
    return best_hops
