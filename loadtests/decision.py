"""A whole decision, as the engine makes it: books read off the board, costs, solver and rivals, lots, certificate.

Beside it the heapq twin of the kernels on the same books, which only splits: it checks, proves and explains nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from app.domain.book import BookSnapshot
from app.domain.enums import ContractKind, OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import Approved, ParentOrder, VenueFilter
from app.domain.plan import PlanRequest
from app.domain.units import NANO
from app.kernels import jit
from app.routing.router import Router
from app.shm.books import BookBoard
from loadtests.kernels import buffers, heapq_decider
from loadtests.markets import MID_UNITS, Market, make_market

SHAPES = ((8, 20), (32, 20))
NOW_NS = 1_800_000_000_000_000_000
SYMBOL = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), price_scale=2, qty_scale=5)
N_DECISIONS = 1_500
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
    order = ParentOrder(
        account="bench",
        client_order_id="bench",
        symbol=SYMBOL.name,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=market.target_units,
        notional_nano=None,
        limit_price_units=None,
        max_slippage_ppm=50_000,
        expire_ts_ns=0,
        venues=VenueFilter(),
        is_full_fill_required=False,
        decision_ts_ns=0,
        decision_price_units=None,
        received_ts_ns=NOW_NS,
        body_hash="bench",
    )
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
        instruments={v: Instrument(v, SYMBOL.name, "BTCUSDT", SYMBOL.fungible, 1, 1) for v in venues},
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


def compare(market: Market) -> dict[str, object]:
    """CPU of a decision, its wall quantiles (reported, never gated), and its ratio to the heapq twin."""
    board, request, router = board_of(market), request_of(market), Router()
    twin = heapq_decider(market, buffers(market))

    def decide() -> object:
        return router.plan(request, board.read(SYMBOL.name))

    decide()
    walls_ns = []
    for _ in range(N_DECISIONS):
        started_ns = time.perf_counter_ns()
        decide()
        walls_ns.append(time.perf_counter_ns() - started_ns)
    walls_ns.sort()
    per_round = max(20, N_DECISIONS // ROUNDS // 2)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_cpu_us(decide, per_round))
        theirs.append(_cpu_us(lambda: twin(1), per_round))
    return {
        "shape": market.name,
        "cpu_us": round(statistics.median(ours), 1),
        "wall_us_p50": round(walls_ns[N_DECISIONS // 2] / 1_000, 1),
        "wall_us_p99": round(walls_ns[int(N_DECISIONS * 0.99)] / 1_000, 1),
        "heapq_split_us": round(statistics.median(theirs), 1),
        "over_heapq_split": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2),
    }


def measure(*, is_quick: bool = False) -> list[dict[str, object]]:
    jit.warm()
    return [compare(make_market(*shape)) for shape in SHAPES]
