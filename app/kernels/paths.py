"""Paths and cycles over conversions: the best simple cycle of up to six hops, any longer one, the best path."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel
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


@kernel("int64(int64[::1], int64[::1], float64[::1], float64[::1], float64[:,::1], int64[:,::1])")
def lay_rates(
    source_i: Int64, target_i: Int64, ratio: Float64, fee_frac: Float64, out_after_fee: Float64, out_row: Int64
) -> int:
    """Conversions as a table: the best after its fee of each pair of nodes, and which row it is.

    out_after_fee: float64[n, n], 0 where nothing; out_row: int64[n, n], -1 where nothing. A conversion into itself is
    left out. Returns OK, or BAD_LEVELS for a node outside of n or a rate that is not above zero and finite.
    """
    n = out_row.shape[0]
    out_after_fee[:] = 0.0
    out_row[:] = -1
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
    out_gain[:] = -np.inf
    out_middle[:] = -1
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
def cycles_of_two_to_four(log_rate: Float64, gain: Float64, middle: Int64, start: float, out_cycle: Int64) -> float:
    """The best gain of a cycle of two, three or four hops above `start`; out_cycle holds its nodes, -1 after them."""
    n = log_rate.shape[0]
    best = start
    for a in range(n):
        for c in range(n):
            back = log_rate[c, a]
            if c > a and log_rate[a, c] + back > best:
                best = log_rate[a, c] + back
                out_cycle[:] = -1
                out_cycle[0], out_cycle[1] = a, c
            if c != a and gain[a, c, 0] + back > best:
                best = gain[a, c, 0] + back
                out_cycle[:] = -1
                out_cycle[0], out_cycle[1], out_cycle[2] = a, middle[a, c, 0], c
            if c <= a or gain[a, c, 0] + gain[c, a, 0] <= best:
                continue
            for i in range(2):
                for j in range(2):
                    total = gain[a, c, i] + gain[c, a, j]
                    if total > best and middle[a, c, i] != middle[c, a, j]:
                        best = total
                        out_cycle[:] = -1
                        out_cycle[0], out_cycle[1] = a, middle[a, c, i]
                        out_cycle[2], out_cycle[3] = c, middle[c, a, j]
    return best


@kernel("")
def bound_walks(log_rate: Float64, out_most: Float64) -> None:
    """The most that 1, 2, 3 hops out of a node (rows 0 to 2) and into it (rows 3 to 5) can gain, loops allowed."""
    n = log_rate.shape[0]
    out_most[:] = -np.inf
    for k in range(3):
        for a in range(n):
            for b in range(n):
                if a != b and log_rate[a, b] > -np.inf:
                    after = out_most[k - 1, b] if k > 0 else 0.0
                    before = out_most[k + 2, a] if k > 0 else 0.0
                    out_most[k, a] = max(out_most[k, a], log_rate[a, b] + after)
                    out_most[k + 3, b] = max(out_most[k + 3, b], log_rate[a, b] + before)


@kernel("")
def set_floor(log_rate: Float64, most: Float64, max_hops: int, start: float, out_floor: Float64) -> None:
    """What a pair a -> b -> c must gain, so that the best way back to a could bring more than `start`."""
    n = log_rate.shape[0]
    for a in range(n):
        for c in range(n):
            back = max(log_rate[c, a], most[0, c] + most[3, a])
            if max_hops >= EXACT_HOPS - 1:
                back = max(back, min(most[1, c] + most[3, a], most[0, c] + most[4, a]))
            if max_hops >= EXACT_HOPS:
                four = min(most[2, c] + most[3, a], most[0, c] + most[5, a])
                back = max(back, min(four, most[1, c] + most[4, a]))
            out_floor[a, c] = start - back


@kernel("")
def five_through(
    a: int, c: int, e: int, log_rate: Float64, gain: Float64, middle: Int64, start: float, out_cycle: Int64
) -> float:
    """The best a -> b -> c -> d -> e -> a above `start`."""
    best = start
    for i in range(N_MIDDLES):
        b = middle[a, c, i]
        if b == e:
            continue
        for j in range(N_MIDDLES):
            total = log_rate[e, a] + gain[a, c, i] + gain[c, e, j]
            if total <= best:
                break
            d = middle[c, e, j]
            if d not in (a, b):
                best = total
                out_cycle[:] = -1
                out_cycle[0], out_cycle[1], out_cycle[2], out_cycle[3], out_cycle[4] = a, b, c, d, e
                break
    return best


@kernel("")
def cycles_of_five(
    log_rate: Float64, gain: Float64, middle: Int64, most: Float64, start: float, out_cycle: Int64
) -> float:
    """The best cycle of five hops above `start`: two pairs with their middles, and the hop back."""
    n = log_rate.shape[0]
    best = start
    for a in range(n):
        for c in range(n):
            if a == c or gain[a, c, 0] + most[1, c] + most[3, a] <= best:
                continue
            for e in range(n):
                if log_rate[e, a] + gain[a, c, 0] + gain[c, e, 0] > best and e not in (a, c):
                    best = five_through(a, c, e, log_rate, gain, middle, best, out_cycle)
    return best


@kernel("")
def six_through(a: int, c: int, e: int, gain: Float64, middle: Int64, start: float, out_cycle: Int64) -> float:
    """The best cycle of six through a, c and e as every other node, above `start`."""
    best = start
    for i in range(N_MIDDLES):
        b = middle[a, c, i]
        if b == e:
            continue
        for j in range(N_MIDDLES):
            if gain[a, c, i] + gain[c, e, j] + gain[e, a, 0] <= best:
                break
            d = middle[c, e, j]
            if d in (a, b):
                continue
            for k in range(N_MIDDLES):
                total = gain[a, c, i] + gain[c, e, j] + gain[e, a, k]
                if total <= best:
                    break
                f = middle[e, a, k]
                if f not in (b, c, d):
                    best = total
                    out_cycle[:] = -1
                    out_cycle[0], out_cycle[1], out_cycle[2] = a, b, c
                    out_cycle[3], out_cycle[4], out_cycle[5] = d, e, f
                    break
    return best


@kernel("")
def cycles_of_six(gain: Float64, middle: Int64, most: Float64, start: float, out_cycle: Int64) -> float:
    """The best cycle of six hops above `start`: three pairs with their middles."""
    n = gain.shape[0]
    best = start
    for a in range(n):
        for c in range(a + 1, n):
            if gain[a, c, 0] + most[1, c] + most[4, a] <= best:
                continue
            for e in range(a + 1, n):
                if e != c and gain[a, c, 0] + gain[c, e, 0] + gain[e, a, 0] > best:
                    best = six_through(a, c, e, gain, middle, best, out_cycle)
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
    " int64[::1], int64[::1])"
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
    """The simple cycle with the largest sum of `log_rate_inplace`, exact up to `max_hops` (at most EXACT_HOPS).

    log_rate_inplace: float64[n, n], logarithm of what one unit of the row's asset buys of the column's; -inf where
    nothing, the diagonal is not read as a hop; what it held is lost. potential: float64[n], any numbers: a cycle's gain
    does not change by them, but those of `any_cycle` let most of the search be passed over.
    cycle_inplace: int64[>= max(n, EXACT_HOPS)], the nodes in order, -1 after them; where it comes with a simple cycle
    of at most `max_hops`, only better ones are searched. Scratch: out_gain, out_middle [n, n, N_MIDDLES], out_floor
    [n, n], out_most [6, n], out_next [n]. Returns the number of nodes, or 0 where nothing gains more than noise.
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
        cycle_inplace[:] = -1
        best = NOISE
    bound_walks(log_rate_inplace, out_most)
    # Short cycles first: what they gain lets most middles of the longer search be passed over.
    set_floor(log_rate_inplace, out_most, 4, best, out_floor)
    keep_middles(log_rate_inplace, out_floor, out_gain, out_middle, out_next)
    best = cycles_of_two_to_four(log_rate_inplace, out_gain, out_middle, best, cycle_inplace)
    if max_hops >= EXACT_HOPS - 1:
        set_floor(log_rate_inplace, out_most, max_hops, best, out_floor)
        keep_middles(log_rate_inplace, out_floor, out_gain, out_middle, out_next)
        best = cycles_of_five(log_rate_inplace, out_gain, out_middle, out_most, best, cycle_inplace)
    if max_hops >= EXACT_HOPS:
        best = cycles_of_six(out_gain, out_middle, out_most, best, cycle_inplace)
    n_nodes = 0
    while n_nodes < cycle_inplace.size and cycle_inplace[n_nodes] >= 0:
        n_nodes += 1
    return n_nodes


@kernel("")
def circle_among(before: Int64, out_mark: Int64) -> int:
    """A node on a circle of `before` pointers (-1 ends a way), or -1. out_mark: scratch, who passed a node last."""
    n = before.size
    out_mark[:] = -1
    for start in range(n):
        node = start
        while node >= 0 and out_mark[node] < 0:
            out_mark[node] = start
            node = before[node]
        if node >= 0 and out_mark[node] == start:
            return node
    return -1


@kernel("int64(float64[:,::1], float64[::1], int64[::1], int64[::1])")
def any_cycle(log_rate: Float64, out_best: Float64, out_before: Int64, out_cycle: Int64) -> int:
    """Some simple cycle of positive gain, of any length: Bellman and Ford from all nodes at once.

    out_best: float64[n], potentials for `best_cycle`; out_before: int64[n], scratch. out_cycle: int64[>= n], the
    nodes in order. Returns their number or 0, and then no cycle of any length gains more than noise.
    Source: docs/kernels.md#cycles. Twin: tests/reference/paths.py.
    """
    n = log_rate.shape[0]
    out_best[:] = 0.0
    out_before[:] = -1
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
        last = circle_among(out_before, out_cycle[:n])
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
        out_cycle[i], out_cycle[n_nodes - 1 - i] = out_cycle[n_nodes - 1 - i], out_cycle[i]
    return n_nodes


@kernel("")
def is_on_way(before: Int64, n_hops: int, node: int, wanted: int) -> bool:
    """Whether the way of `n_hops` that ends at `node` passes `wanted`."""
    for hop in range(n_hops, -1, -1):
        if node == wanted:
            return True
        node = before[hop, node]
    return False


@kernel("int64(float64[:,::1], float64[:,::1], int64, int64, float64, float64[:,::1], int64[:,::1])")
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
    out_units[:] = -1.0
    out_before[:] = -1
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
