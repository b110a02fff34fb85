"""A whole decision, and a whole plan, beside the heapq split of the same books.

The decision reads the books under their locks, lays costs, solves, rounds to lots, and verifies: limits, every law of
every child, the witness and its bound: the planner's own work, in one kernel call. `searched` is the same with the
whole-lot search that is asked where that bound leaves a gap. The plan is what the engine asks for: that searched
decision, three rivals beside it, a reason for each venue left out, the split of the cost, certificate and receipt. The
heapq split only splits: it checks, proves and explains nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from app.domain.book import BookSnapshot
from app.domain.enums import ContractKind, Side
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import Approved
from app.domain.plan import PlanRequest
from app.domain.units import NANO
from app.kernels import jit
from app.routing.choose import SOLVERS
from app.routing.router import Router
from app.shm.books import BookBoard
from loadtests.kernels import buffers, heapq_decider
from loadtests.markets import MID_UNITS, Market, make_market, market_order

SHAPES = ((8, 20), (32, 20), (64, 100))
NOW_NS = 1_800_000_000_000_000_000
SYMBOL = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), price_scale=2, qty_scale=5)
N_DECISIONS = 2_000
N_LOTS, N_TICKS, MIN_LOTS, MIN_NOTIONAL = 10, 5, 2, 5 * NANO
ROUNDS = 7


def board_of(market: Market) -> BookBoard:
    """The market's books, written as venues would have written them."""
    venues = [f"venue_{v:02}" for v in range(market.n_venues)]
    board = BookBoard([(venue, SYMBOL.name) for venue in venues], depth=market.depth)
    for v, venue in enumerate(venues):
        sides = [
            list(zip(market.price_units[v, s].tolist(), market.qty_units[v, s].tolist(), strict=True)) for s in (0, 1)
        ]
        board.write_snapshot(
            BookSnapshot(venue, SYMBOL.name, 7, NOW_NS - 10**6, NOW_NS - 10**6, tuple(sides[0]), tuple(sides[1]))
        )
    return board


def request_of(market: Market) -> PlanRequest:
    """A market buy of a quarter of the displayed depth."""
    venues = [f"venue_{v:02}" for v in range(market.n_venues)]
    order = replace(market_order("bench", SYMBOL.name, Side.BUY, market.target_units, NOW_NS), max_slippage_ppm=50_000)
    fees = market.terms[:, 0].tolist()
    return PlanRequest(
        approved=Approved(order, 1, 1),
        symbol=SYMBOL,
        route_id="rte_bench",
        wave=1,
        now_ns=NOW_NS,
        qty_units=market.target_units,
        notional_nano=None,
        price_cap_units=MID_UNITS * 105 // 100,
        instruments={
            # Lots and ticks differ, so that no venue's grid is another's.
            v: Instrument(
                v, SYMBOL.name, "BTCUSDT", SYMBOL.fungible, 1 + i % N_TICKS, 1 + i % N_LOTS, MIN_LOTS, MIN_NOTIONAL
            )
            for i, v in enumerate(venues)
        },
        fees={v: FeeTier(v, "base", fee, 0, 0, "bench", "2026-01-01") for v, fee in zip(venues, fees, strict=True)},
        max_book_age_ns=dict.fromkeys(venues, 10**9),
        capacity_nano=dict.fromkeys(venues, 10**9 * NANO),
        barred={},
        mid_half_units=2 * MID_UNITS,
    )


def _cpu_us(decide: Callable[[], object], rounds: int) -> float:
    started = time.process_time_ns()
    for _ in range(rounds):
        decide()
    return (time.process_time_ns() - started) / rounds / 1_000


def _wall_us(decide: Callable[[], object]) -> dict[str, float]:
    """Wall quantiles over many calls: reported beside the probe, never gated."""
    walls_ns = []
    for _ in range(N_DECISIONS):
        started_ns = time.perf_counter_ns()
        decide()
        walls_ns.append(time.perf_counter_ns() - started_ns)
    walls_ns.sort()
    return {
        name: round(walls_ns[int(N_DECISIONS * frac)] / 1_000, 1)
        for name, frac in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))
    }


def compare(market: Market) -> dict[str, object]:
    """CPU of a decision and of a plan, their wall quantiles, and their ratios to the heapq twin."""
    board, request = board_of(market), request_of(market)
    deciding, searching, planning = Router(SOLVERS[:1], searches=()), Router(SOLVERS[:1]), Router()
    twin = heapq_decider(market, buffers(market))

    def decide() -> object:
        return deciding.decide(request, board.read(SYMBOL.name))

    def search() -> object:
        return searching.decide(request, board.read(SYMBOL.name))

    def plan() -> object:
        return planning.plan(request, board.read(SYMBOL.name))

    decide()
    search()
    plan()
    walls = {"decision": _wall_us(decide), "plan": _wall_us(plan)}
    per_round = max(20, N_DECISIONS // ROUNDS // 2)
    samples: dict[str, list[float]] = {"decision": [], "searched": [], "plan": [], "heapq": []}
    for _ in range(ROUNDS):
        samples["decision"].append(_cpu_us(decide, per_round))
        samples["heapq"].append(_cpu_us(lambda: twin(1), per_round))
        samples["searched"].append(_cpu_us(search, per_round))
        samples["plan"].append(_cpu_us(plan, per_round))
    row: dict[str, object] = {"shape": market.name}
    for name in ("decision", "plan"):
        ratios = [ours / theirs for ours, theirs in zip(samples[name], samples["heapq"], strict=True)]
        row[f"{name}_cpu_us"] = round(statistics.median(samples[name]), 1)
        row |= {f"{name}_wall_us_{quantile}": value for quantile, value in walls[name].items()}
        row[f"{name}_over_heapq"] = round(statistics.median(ratios), 2)
    row["searched_cpu_us"] = round(statistics.median(samples["searched"]), 1)
    row["heapq_split_us"] = round(statistics.median(samples["heapq"]), 1)
    return row


def measure(*, is_quick: bool = False) -> list[dict[str, object]]:
    """One row a shape; how cost grows with venues and levels."""
    jit.warm()
    return [compare(make_market(*shape)) for shape in SHAPES]
