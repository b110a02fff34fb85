"""Impact and slippage beside plain NumPy and plain Python, interleaved in one run, in CPU time.

All contestants give the same numbers, which is asserted before anything is timed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from app.domain.calibration import Urgency
from app.domain.enums import Side
from app.kernels import impact, jit
from app.learning.slippage import Predictor, Question, table_of, waits_of
from app.services.calibration import load_calibration
from app.shm.books import SymbolBooks

SIZES = (1, 64, 6_400)
N_TRADES = (8, 64)
DEPTHS = (20, 100)
BUDGET_NS = 4e6


def measure(*, is_quick: bool = False) -> list[dict[str, object]]:
    """One row a contest: our CPU microseconds, the rival's, and the median of each round's own ratio."""
    jit.warm()
    n_samples = 9 if is_quick else 25
    rows = [contest(f"square root of {n}", *root_contest(n), n_samples) for n in SIZES]
    rows += [contest(f"propagator of {n} trades", *schedule_contest(n), n_samples) for n in N_TRADES]
    rows += [contest(f"slippage, {n} levels", *prediction_contest(n), n_samples) for n in DEPTHS]
    return rows


def contest(
    title: str, contestants: Mapping[str, Callable[[], Sequence[float]]], rival: str, n_samples: int
) -> dict[str, object]:
    """Both in turn, as many calls as fit a few milliseconds of CPU each."""
    answers = {name: list(call()) for name, call in contestants.items()}
    assert np.allclose(answers["own"], answers["rival"], rtol=1e-9, atol=1e-9), title
    rounds = {name: max(1, int(BUDGET_NS / max(cpu_ns(call, 3), 1.0))) for name, call in contestants.items()}
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(n_samples):
        for name, call in contestants.items():
            samples[name].append(cpu_ns(call, rounds[name]))
    ratios = [theirs / own for own, theirs in zip(samples["own"], samples["rival"], strict=True)]
    return {
        "what": title,
        "own_us": round(statistics.median(samples["own"]) / 1000, 2),
        "rival": rival,
        "rival_us": round(statistics.median(samples["rival"]) / 1000, 2),
        "rival_over_own": round(statistics.median(ratios), 2),
    }


def cpu_ns(call: Callable[[], object], rounds: int) -> float:
    """CPU nanoseconds of this process per call."""
    started = time.process_time_ns()
    for _ in range(rounds):
        call()
    return (time.process_time_ns() - started) / rounds


def root_contest(n: int) -> tuple[dict[str, Callable[[], Sequence[float]]], str]:
    qty = np.linspace(0.0, 1e6, n)
    shift, cost = np.empty(n), np.empty(n)

    def own() -> Sequence[float]:
        impact.impact_costs(impact.SQUARE_ROOT, 70.0, 5e4, qty, shift, cost)
        return cost

    def rival() -> Sequence[float]:
        moved = 70.0 * np.sqrt(qty / 5e4)
        return moved * (2.0 / 3.0)

    return {"own": own, "rival": rival}, "NumPy"


def schedule_contest(n: int) -> tuple[dict[str, Callable[[], Sequence[float]]], str]:
    rng = np.random.default_rng(1)
    at_s, qty = np.sort(rng.uniform(0, 60, n)), rng.uniform(-1, 1, n)
    law = np.array([70.0, 5.0, 3.0, 0.5, 0.2])
    shift, cost = np.empty(n), np.empty(n)

    def own() -> Sequence[float]:
        impact.propagate(impact.POWER, law, at_s, qty, shift, cost)
        return cost

    def rival() -> Sequence[float]:
        passed = np.abs(at_s[:, None] - at_s[None, :])
        left = law[4] + (1 - law[4]) * (1 + passed / law[2]) ** -law[3]
        per_unit = law[0] / law[1]
        met = per_unit * np.tril(left, -1) @ qty
        return qty * (met + 0.5 * per_unit * qty)

    return {"own": own, "rival": rival}, "NumPy"


def prediction_contest(depth: int) -> tuple[dict[str, Callable[[], Sequence[float]]], str]:
    """A whole prediction, from a copied book to a named distribution, against the same law in NumPy."""
    calibration = load_calibration().of("BTC/USDT")
    assert calibration is not None
    law, books = calibration.slippage, book_of(depth)
    predictor = Predictor(calibration, is_inverse=False)
    question = Question(Side.BUY, int(books.qty_units[0, 1].sum() // 3), Urgency.NOW, 80_000_000)
    table, waits = table_of(law, Urgency.NOW), waits_of(law, Urgency.NOW)
    walks_log = np.log1p(law.walk_knots_ppm)

    def own() -> Sequence[float]:
        found = predictor.predict(books, 0, question)
        assert found is not None
        return (found.p05_ppm, found.p25_ppm, found.p50_ppm, found.p75_ppm, found.p95_ppm, found.mean_ppm)

    def rival() -> Sequence[float]:
        price, qty = books.price_units[0], books.qty_units[0]
        mid = 0.5 * (price[0, 0] + price[1, 0])
        take = np.minimum(qty[1], np.maximum(question.qty_units - (np.cumsum(qty[1]) - qty[1]), 0))
        walk = (float(take @ price[1]) / question.qty_units / mid - 1.0) * 1e6
        half = 0.5 * (price[1, 0] - price[0, 0]) / mid * 1e6
        pressure = (qty[0, 0] - qty[1, 0]) / (qty[0, 0] + qty[1, 0])
        excess = np.log1p(max(walk - half, 0.0))
        centre = walk + law.imbalance_ppm * pressure * 0.08**0.5
        found = []
        for k in range(6):
            by_wait = [np.interp(excess, walks_log, table[i, :, k]) for i in range(len(waits))]
            found.append(centre + np.interp(0.08, waits, by_wait))
        return found

    return {"own": own, "rival": rival}, "NumPy"


def book_of(depth: int) -> SymbolBooks:
    """One venue's made-up book, the same every time."""
    rng = np.random.default_rng(2)
    price, qty = np.zeros((1, 2, depth), np.int64), rng.integers(1_000, 90_000, (1, 2, depth))
    price[0, 0] = 6_000_000 - np.cumsum(rng.integers(1, 200, depth))
    price[0, 1] = 6_000_000 + np.cumsum(rng.integers(1, 200, depth))
    return SymbolBooks(
        symbol="BTC/USDT",
        venues=("one",),
        price_units=price,
        qty_units=qty.astype(np.int64),
        n_levels=np.full((1, 2), depth, np.int64),
        book_seq=np.ones(1, np.int64),
        received_ts_ns=np.ones(1, np.int64),
        venue_ts_ns=np.zeros(1, np.int64),
        is_gapped=np.zeros(1, np.bool_),
    )


if __name__ == "__main__":
    for row in measure():
        print(row)
