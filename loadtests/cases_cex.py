"""Solved exchange problems, answered by the routing core: decimals become integer units, lots become decimals again.

A case's least notional is judged at a venue's best price; it becomes a least number of lots here, because our own sizes
judge a seller's at the worst price walked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from app.domain.enums import ContractKind, Side
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import Approved
from app.domain.plan import PlanRequest
from app.domain.units import NANO
from app.kernels import jit
from app.routing.problem import RouteProblem
from app.routing.router import Router
from app.routing.solvers import exact
from app.shm.books import SymbolBooks
from loadtests.markets import market_order

NOW_NS = 1_800_000_000_000_000_000
BPS_PPM = 100


def setup() -> None:
    """Compiles or loads the kernels before anything is timed."""
    jit.warm()


def split_cex(case: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The exact split of one case: decimal strings by venue that sum to the quantity."""
    problem, target_units, qty_scale = pose(case)
    proof = exact.prove(problem, target_units, problem.room_units)
    if proof.qty_units != target_units:
        raise ValueError(f"{case['id']}: {target_units - proof.qty_units} units have no lot")
    lots = zip(problem.venues, proof.units.tolist(), strict=True)
    return {"alloc": {venue: str(Decimal(units).scaleb(-qty_scale)) for venue, units in lots if units}}


def prove(case: Mapping[str, Any]) -> exact.Proof:
    """What is proven of one case."""
    problem, target_units, _ = pose(case)
    return exact.prove(problem, target_units, problem.room_units)


def decimal_of(value: object) -> Decimal:
    """A number of the case as it was written."""
    return Decimal(str(value))


def n_decimals(values: Sequence[Decimal]) -> int:
    """How many decimals all of the values need."""
    return max(0, *(-int(value.normalize().as_tuple().exponent) for value in values))


def scaled(value: Decimal, scale: int) -> int:
    """The integer that `value` is at `scale`; refuses what does not fit."""
    units = value.scaleb(scale)
    if units != units.to_integral_value():
        raise ValueError(f"{value} has more than {scale} decimals")
    return int(units)


def pose(case: Mapping[str, Any]) -> tuple[RouteProblem, int, int]:
    """(the problem, its target in units, the scale of a unit) of one case, exactly."""
    side = Side.BUY if case["side"] == "buy" else Side.SELL
    books = [
        [(decimal_of(p), decimal_of(q)) for p, q in v["asks" if side is Side.BUY else "bids"]] for v in case["venues"]
    ]
    quantity = decimal_of(case["quantity"])
    lots = [decimal_of(v["lot_size"]) for v in case["venues"]]
    qty_scale = n_decimals([quantity, *lots, *(q for book in books for _, q in book)])
    price_scale = n_decimals([p for book in books for p, _ in book])
    fungible = FungibilityClass("BASE", "QUOTE", "QUOTE", ContractKind.SPOT)
    symbol = Symbol("BASE/QUOTE", fungible, price_scale=price_scale, qty_scale=qty_scale)
    listings = {}
    for venue, lot, book in zip(case["venues"], lots, books, strict=True):
        lot_units = scaled(lot, qty_scale)
        least = decimal_of(venue["min_notional"]) / (book[0][0] * lot) if book else Decimal(0)
        least_lots = max(1, int(least.to_integral_value(rounding="ROUND_CEILING")))
        listings[venue["id"]] = Instrument(
            venue["id"], symbol.name, symbol.name, fungible, 1, lot_units, min_qty_lots=least_lots
        )
    fees = {v["id"]: _fee(v) for v in case["venues"]}
    request = request_of(symbol, side, scaled(quantity, qty_scale), listings, fees)
    problem, _ = Router().pose(request, _books(symbol, side, list(listings), books))
    if problem is None:
        raise ValueError(f"{case['id']}: no venue can be routed to")
    return problem, scaled(quantity, qty_scale), qty_scale


def _fee(venue: Mapping[str, Any]) -> FeeTier:
    fee_ppm = scaled(decimal_of(venue["taker_fee_bps"]) * BPS_PPM, 0)
    return FeeTier(venue["id"], "case", fee_ppm, 0, scaled(decimal_of(venue["fixed_cost"]), 9), "case", "2026-01-01")


def _books(
    symbol: Symbol, side: Side, venues: Sequence[str], books: Sequence[Sequence[tuple[Decimal, Decimal]]]
) -> SymbolBooks:
    n, depth, side_i = len(books), max(len(book) for book in books), 1 if side is Side.BUY else 0
    price, qty = np.zeros((n, 2, depth), np.int64), np.zeros((n, 2, depth), np.int64)
    counts = np.zeros((n, 2), np.int64)
    for row, book in enumerate(books):
        counts[row, side_i] = len(book)
        for level_i, (level_price, level_qty) in enumerate(book):
            price[row, side_i, level_i] = scaled(level_price, symbol.price_scale)
            qty[row, side_i, level_i] = scaled(level_qty, symbol.qty_scale)
    seen_ns = np.full(n, NOW_NS, np.int64)
    return SymbolBooks(
        symbol.name, tuple(venues), price, qty, counts, np.ones(n, np.int64), seen_ns, seen_ns, np.zeros(n, bool)
    )


def request_of(
    symbol: Symbol, side: Side, qty_units: int, listings: Mapping[str, Instrument], fees: Mapping[str, FeeTier]
) -> PlanRequest:
    """A market order for `qty_units` over the listings, with nothing else in its way."""
    order = market_order("case", symbol.name, side, qty_units, NOW_NS)
    return PlanRequest(
        approved=Approved(order, 1, 1),
        symbol=symbol,
        route_id="rte_case",
        wave=1,
        now_ns=NOW_NS,
        qty_units=qty_units,
        notional_nano=None,
        price_cap_units=0,
        instruments=listings,
        fees=fees,
        max_book_age_ns=dict.fromkeys(listings, 10**9),
        capacity_nano=dict.fromkeys(listings, 10**12 * NANO),
        barred={},
        mid_half_units=2,
    )
