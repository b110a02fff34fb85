"""One decision's kernels against a heapq twin and a C twin, interleaved in one run, in CPU nanoseconds.

A decision here is: lay every venue's levels flat with their all-in unit cost, then merge them by it until a quarter
of the displayed depth is allocated. All three give the same allocation, which is asserted before anything is timed.
"""

from __future__ import annotations

import ctypes
import heapq
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numba
import numpy as np

from app.kernels import jit
from app.kernels.cost import lay_levels
from app.kernels.greedy import merge_levels
from loadtests.markets import RATIO, Market, make_market

SHAPES = ((8, 20), (32, 20), (64, 100))
PLACES = 5
COPIED = ("price_units", "qty_units", "n_levels", "terms", "rule", "room_units")
SOURCE = Path(__file__).parent / "c" / "merge.c"


@dataclass(slots=True)
class Buffers:
    """Everything a decision writes, allocated once."""

    flat_price: np.ndarray
    flat_qty: np.ndarray
    unit: np.ndarray
    first: np.ndarray
    seen: np.ndarray
    reach: np.ndarray
    work: np.ndarray
    heap_key: np.ndarray
    out_units: np.ndarray


def buffers(market: Market) -> Buffers:
    n, size = market.n_venues, market.n_venues * market.depth
    return Buffers(
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.float64),
        np.zeros(n + 1, np.int64),
        np.zeros((n, 2), np.int64),
        np.zeros(5, np.float64),
        np.zeros((2, n), np.int64),
        np.zeros(n, np.float64),
        np.zeros(n, np.int64),
    )


@numba.njit(cache=False)
def numba_rounds(
    rounds,
    price,
    qty,
    counts,
    rows,
    terms,
    rule,
    ratio,
    room,
    target,
    fp,
    fq,
    unit,
    first,
    seen,
    reach,
    work,
    heap_key,
    out,
):
    """`rounds` decisions in one call: the cost of calling from Python is measured apart."""
    total = 0
    for _ in range(rounds):
        lay_levels(price, qty, counts, rows, terms, rule, ratio, fp, fq, unit, first, seen, reach)
        total += merge_levels(first, unit, fp, fq, room, target, ratio, -1.0, work, heap_key, out)
    return total


def numba_decider(market: Market, b: Buffers) -> Callable[[int], int]:
    rows = np.arange(market.n_venues, dtype=np.int64)
    fixed = (market.price_units, market.qty_units, market.n_levels, rows, market.terms, market.rule, RATIO)
    asked = (market.room_units, market.target_units)
    outs = (b.flat_price, b.flat_qty, b.unit, b.first, b.seen, b.reach, b.work, b.heap_key, b.out_units)
    return lambda rounds: int(numba_rounds(rounds, *fixed, *asked, *outs))


def heapq_decider(market: Market, b: Buffers) -> Callable[[int], int]:
    """What a careful Python programmer writes: one heap of venue heads, lists instead of arrays."""
    prices, qtys = market.price_units[:, 1].tolist(), market.qty_units[:, 1].tolist()
    factors = [RATIO * (1 + fee * 1e-6) for fee in market.terms[:, 0].tolist()]

    def decide(rounds: int) -> int:
        for _ in range(rounds):
            taken, left = [0] * len(prices), market.target_units
            heads = [(prices[v][0] * factors[v], v, 0) for v in range(len(prices))]
            heapq.heapify(heads)
            while heads and left > 0:
                _, v, i = heads[0]
                take = min(qtys[v][i], left)
                taken[v] += take
                left -= take
                if i + 1 < len(prices[v]):
                    heapq.heapreplace(heads, (prices[v][i + 1] * factors[v], v, i + 1))
                else:
                    heapq.heappop(heads)
            b.out_units[:] = taken
        return 0

    return decide


def c_library(folder: Path) -> ctypes.CDLL | None:
    """The C twin, compiled with -O3 for this machine; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    target = folder / "merge.so"
    subprocess.run(
        [compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", str(target), str(SOURCE)],
        check=True,
        timeout=60,
    )
    library = ctypes.CDLL(str(target))
    library.decide.restype = ctypes.c_int64
    return library


def c_decider(library: ctypes.CDLL, market: Market, b: Buffers) -> Callable[[int], int]:
    def pointer(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    i64, rows = ctypes.c_int64, np.arange(market.n_venues, dtype=np.int64)
    arguments = (
        *map(pointer, (market.price_units, market.qty_units, market.n_levels, rows)),
        i64(market.n_venues),
        i64(market.depth),
        pointer(market.terms),
        pointer(market.rule),
        ctypes.c_double(RATIO),
        pointer(market.room_units),
        i64(market.target_units),
        *map(pointer, (b.flat_price, b.flat_qty, b.unit, b.first, b.seen, b.reach)),
        *map(pointer, (b.work, b.heap_key, b.out_units)),
    )

    def decide(rounds: int) -> int:
        assert rows.size  # the library only has its address: this keeps it alive
        return int(library.decide(i64(rounds), *arguments))

    return decide


def cpu_ns(decide: Callable[[int], int], rounds: int) -> float:
    """CPU nanoseconds of this process per decision."""
    started = time.process_time_ns()
    decide(rounds)
    return (time.process_time_ns() - started) / rounds


def rounds_for(decide: Callable[[int], int], budget_ns: float = 8e6) -> int:
    """How many decisions fit a sample of about 8 ms of CPU."""
    return max(1, int(budget_ns / max(cpu_ns(decide, 3), 1.0)))


def placed(market: Market, library: ctypes.CDLL | None) -> dict[str, Callable[[int], int]]:
    """Who decides, all on one set of arrays that nobody had before, once each; their allocations are compared."""
    market = replace(market, **{name: getattr(market, name).copy() for name in COPIED})
    shared = buffers(market)
    deciders = {"numba": numba_decider(market, shared), "heapq": heapq_decider(market, shared)}
    if library is not None:
        deciders["c"] = c_decider(library, market, shared)
    found = {}
    for name, decide in deciders.items():
        shared.out_units[:] = -1
        decide(1)
        found[name] = shared.out_units.tolist()
    for name, units in found.items():
        assert units == found["numba"], f"{name} allocates otherwise"
    assert sum(found["numba"]) == market.target_units
    return deciders


def compare(market: Market, library: ctypes.CDLL | None, n_samples: int = 5) -> dict[str, object]:
    """Medians over interleaved samples; ratios are medians of each round's own ratio, so that a noisy spell cancels.

    Where arrays lie moves a decision of 300 ns by a fifth: they are shared, and PLACES times made anew, `n_samples` of
    each.
    """
    kept = [placed(market, library) for _ in range(PLACES)]  # all of them, for memory that is free is given again
    rounds = {name: rounds_for(decide) for name, decide in kept[0].items()}
    samples = {name: [] for name in rounds}
    for _ in range(n_samples):
        for deciders in kept:
            for name, decide in deciders.items():
                samples[name].append(cpu_ns(decide, rounds[name]))
    row: dict[str, object] = {"shape": market.name}
    row |= {f"{name}_ns": round(statistics.median(values)) for name, values in samples.items()}
    for name in ("heapq", "c"):
        if name in samples:
            pairs = zip(samples["numba"], samples[name], strict=True)
            ratios = [ours / theirs if name == "c" else theirs / ours for ours, theirs in pairs]
            row["numba_over_c" if name == "c" else "heapq_over_numba"] = round(statistics.median(ratios), 3)
    return row


def measure(*, is_quick: bool = False) -> list[dict[str, object]]:
    """One row a shape."""
    jit.warm()
    with tempfile.TemporaryDirectory(prefix="bestex-bench-") as folder:
        library = c_library(Path(folder))
        return [compare(make_market(*shape), library, 2 if is_quick else 5) for shape in SHAPES]
