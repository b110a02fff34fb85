"""Paths and cycles over conversions: the best simple cycle of up to six hops, any longer one, the best path."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

# Middles kept for each pair of nodes. A cycle of six excludes at most three of a pair's middles (the third end and the
# two other middles), so the fourth best always serves and the search stays exact.
N_MIDDLES: Final = 4
# Most hops of a cycle whose best is exact; longer ones are found, not maximised.
EXACT_HOPS: Final = 6
# A logarithm below this is noise of sums of float64 and no profit.
NOISE: Final = 1e-12


@kernel("")
def keep_middles(log_rate: Float64, out_gain: Float64, out_middle: Int64) -> None:
    """The best middles b of every a -> b -> c, best first; both outs [n, n, N_MIDDLES], -inf, -1 where none."""
    n = log_rate.shape[0]
    out_gain[:] = -np.inf
    out_middle[:] = -1
    for b in range(n):
        for a in range(n):
            first = log_rate[a, b]
            if a == b or first == -np.inf:
                continue
            for c in range(n):
                gain = first + log_rate[b, c]
                if gain <= out_gain[a, c, N_MIDDLES - 1] or b == c:
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
def cycles_of_five(log_rate: Float64, gain: Float64, middle: Int64, start: float, out_cycle: Int64) -> float:
    """The best a -> b -> c -> d -> e -> a above `start`: two pairs with their middles, and the hop back."""
    n = log_rate.shape[0]
    best = start
    for a in range(n):
        for e in range(n):
            back = log_rate[e, a]
            if a == e or back == -np.inf:
                continue
            for c in range(n):
                if back + gain[a, c, 0] + gain[c, e, 0] <= best or c in (a, e):
                    continue
                for i in range(N_MIDDLES):
                    b = middle[a, c, i]
                    if b == e:
                        continue
                    for j in range(N_MIDDLES):
                        total = back + gain[a, c, i] + gain[c, e, j]
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
def cycles_of_six(gain: Float64, middle: Int64, start: float, out_cycle: Int64) -> float:
    """The best cycle of six hops above `start`: three pairs with their middles."""
    n = gain.shape[0]
    best = start
    for a in range(n):
        for c in range(a + 1, n):
            for e in range(a + 1, n):
                if e != c and gain[a, c, 0] + gain[c, e, 0] + gain[e, a, 0] > best:
                    best = six_through(a, c, e, gain, middle, best, out_cycle)
    return best


@kernel("int64(float64[:,::1], int64, float64[:,:,::1], int64[:,:,::1], int64[::1])")
def best_cycle(log_rate: Float64, max_hops: int, out_gain: Float64, out_middle: Int64, out_cycle: Int64) -> int:
    """The simple cycle with the largest sum of `log_rate`, exact up to `max_hops` (at most EXACT_HOPS).

    log_rate: float64[n, n], logarithm of what one unit of the row's asset buys of the column's; -inf where nothing;
    the diagonal is not read as a hop. out_gain, out_middle: scratch of [n, n, N_MIDDLES]. out_cycle: int64[>= 6],
    the nodes in order. Returns their number, or 0 where none gains more than noise.
    Source: docs/kernels.md#cycles. Twin: tests/reference/paths.py.
    """
    out_cycle[:] = -1
    keep_middles(log_rate, out_gain, out_middle)
    best = cycles_of_two_to_four(log_rate, out_gain, out_middle, NOISE, out_cycle)
    if max_hops >= EXACT_HOPS - 1:
        best = cycles_of_five(log_rate, out_gain, out_middle, best, out_cycle)
    if max_hops >= EXACT_HOPS:
        best = cycles_of_six(out_gain, out_middle, best, out_cycle)
    n_nodes = 0
    while n_nodes < out_cycle.size and out_cycle[n_nodes] >= 0:
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

    out_best: float64[n], out_before: int64[n]: scratch. out_cycle: int64[>= n], the nodes in order. Returns their
    number or 0, and then no cycle of any length gains more than noise.
    Source: docs/kernels.md#cycles. Twin: tests/reference/paths.py.
    """
    n = log_rate.shape[0]
    out_best[:] = 0.0
    out_before[:] = -1
    last = -1
    for _ in range(n):
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
