"""The receipt: the compact bytes from which a stranger recomputes a plan. Format: docs/receipts.md.

The routed side only, each venue down to the first level dearer than the witness price or as deep as any listed plan
reads; deeper levels can change neither plan nor bound. Delta-coded integers of 2, 4 or 8 bytes, no compression.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.enums import TimeInForce, UnallocatedCode
from app.domain.errors import InvariantBroken
from app.domain.instrument import Symbol
from app.domain.plan import PlanRequest
from app.kernels.decide import MOST_PLANS
from app.routing.costs import Walks, prices_only
from app.routing.findings import Finding, Recosted
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]

MAGIC: Final = b"BXR2"
POOL_MAGIC: Final = b"BXR3"  # the same, and behind it what a quote_pool's rates and books were
FOK: Final = TimeInForce.FOK
# The two widths of the head's integers: int64 is enough for all but absurd sums.
SHORT, LONG = 8, 32
N_HEAD: Final = 19
_pack_head: Final = struct.Struct(f"<B{N_HEAD}q").pack


class Outcome(NamedTuple):
    """What the receipt says of the decision, beside the problem."""

    plan: Recosted | None
    alternatives: Sequence[Recosted]
    walks: Walks
    finding: Finding
    unallocated_code: UnallocatedCode | None


def text_bytes(value: str) -> bytes:
    """Length in two bytes, then UTF-8."""
    data = value.encode()
    return len(data).to_bytes(2, "little") + data


def integers_bytes(values: Sequence[int]) -> bytes:
    """One byte of width, 8 or 32, then each signed integer in little endian."""
    try:
        return bytes((SHORT,)) + struct.pack(f"<{len(values)}q", *values)
    except struct.error:
        return bytes((LONG,)) + b"".join([value.to_bytes(LONG, "little", signed=True) for value in values])


def sha256(receipt: bytes) -> str:
    """The name of a receipt, in hexadecimal."""
    return hashlib.sha256(receipt).hexdigest()


def encode(request: PlanRequest, problem: RouteProblem | None, outcome: Outcome) -> bytes:
    """The receipt's bytes: the same decision gives the same bytes."""
    plan = outcome.plan
    chosen = (plan.name, plan.qty_units, plan.money_nano) if plan is not None else ("", 0, 0)
    head = head_bytes(request, chosen, outcome.finding, outcome.unallocated_code)
    if problem is None:
        return b"".join([head, b"\0\0", *_pool(request, ())])
    n, rivals = problem.n_venues, outcome.alternatives
    names, picks = problem.admitted.listings.names, problem.admitted.picks
    return b"".join(
        [
            head,
            names_bytes(
                names if n == len(names) else tuple([names[pick] for pick in picks]), *[r.name for r in rivals]
            ),
            integers_bytes([rival.objective_nano for rival in rivals]),
            _columns(problem, outcome),
            *_pool(request, problem.venues),
        ]
    )


def _pool(request: PlanRequest, venues: Sequence[str]) -> list[bytes]:
    """Rates with the quotes that they were read from, and each source's own levels: nothing without a quote_pool."""
    pool, asked = request.pool, request.approved.value.quote_pool
    if pool is None or asked is None:
        return []
    pieces = [integers_bytes((asked.max_basis_ppm,)), len(asked.currencies).to_bytes(1, "little")]
    pieces += [*map(text_bytes, asked.currencies), len(pool.conversions).to_bytes(1, "little")]
    for rate in pool.conversions:
        pieces += [*map(text_bytes, (rate.symbol, rate.currency, rate.pair))]
        pieces.append(
            integers_bytes(
                (rate.price_scale, rate.quote_units, rate.currency_units, rate.pair_scale, int(rate.is_inverse))
            )
        )
        pieces.append(len(rate.quotes).to_bytes(1, "little"))
        for quote in rate.quotes:
            pieces.append(text_bytes(quote.venue))
            numbers = (quote.book_seq, quote.age_ns, quote.max_age_ns, quote.bid_units, quote.ask_units)
            pieces.append(integers_bytes(numbers))
    order = {rate.symbol: rate_i for rate_i, rate in enumerate(pool.conversions, 1)}
    for source in venues:
        levels = pool.own_levels.get(source, ())
        pieces.append(order[request.instruments[source].symbol].to_bytes(1, "little") if levels else b"\0")
        pieces.append(len(levels).to_bytes(2, "little"))
        pieces.append(integers_bytes([number for level in levels for number in level]))
    return pieces


def _columns(problem: RouteProblem, outcome: Outcome) -> bytes:
    """The venues' table and the levels that matter, packed by one kernel call."""
    space, n, rivals = problem.workspace, problem.n_venues, outcome.alternatives
    if len(rivals) > MOST_PLANS:
        raise InvariantBroken(reason="more plans than a receipt has room for", n_plans=len(rivals))
    room, walks = space.contestants(len(rivals), n), outcome.walks
    if rivals and walks is not room.walk:  # else the contest's own, row by row
        for row, rival in zip(room.units, rivals, strict=True):
            row[:] = rival.units
        room.walk[:] = walks if walks.dtype == np.int64 else prices_only(walks)
    room.chosen[:] = outcome.plan.units if outcome.plan is not None else 0
    return space.pack(len(rivals), horizon_nano(outcome.finding.witness_upnano))


def horizon_nano(witness_upnano: int) -> float:
    """The unit cost up to which a stranger needs the levels."""
    witness_nano = witness_upnano * 1e-6
    # A margin over the float comparison keeps the first dearer level and a nano of rounding inside.
    return witness_nano + 2.0 + abs(witness_nano) * 1e-9


@lru_cache(maxsize=256)
def names_bytes(venues: tuple[bytes, ...], *rivals: str) -> bytes:
    """How many venues, their names (with their lengths), how many rivals, theirs."""
    pieces = [len(venues).to_bytes(2, "little"), *venues, len(rivals).to_bytes(1, "little")]
    return b"".join([*pieces, *map(text_bytes, rivals)])


def symbol_bytes(symbol: Symbol) -> bytes:
    """What the head says of a symbol."""
    fungible = symbol.fungible
    names = (symbol.name, fungible.base, fungible.quote, fungible.settle, fungible.kind.value, fungible.expiry)
    return b"".join(map(text_bytes, names))


def head_bytes(
    request: PlanRequest, chosen: tuple[str, int, int], finding: Finding, code: UnallocatedCode | None
) -> bytes:
    """Texts, then integers, in the order of docs/receipts.md. `chosen`: the plan's name, units and money."""
    order, symbol, wanted = request.approved.value, request.symbol, request.qty_units
    name, qty_units, money_nano = chosen
    objective, bound, witness, gap_ubps, status, estimated, is_searched = finding
    integers = (
        request.wave,
        request.now_ns,
        symbol.price_scale,
        symbol.qty_scale,
        symbol.fungible.multiplier_nano,
        wanted is None,
        wanted if wanted is not None else request.notional_nano or 0,
        request.price_cap_units,
        request.mid_half_units,
        order.venues.max_venues,
        order.is_full_fill_required or order.time_in_force is FOK,
        qty_units,
        money_nano,
        objective,
        bound,
        witness,
        gap_ubps,
        estimated,
        is_searched,
    )
    try:
        packed = _pack_head(SHORT, *integers)
    except struct.error:
        packed = integers_bytes(integers)
    magic = MAGIC if request.pool is None else POOL_MAGIC
    words = _words(symbol, order.side, order.strategy, name, status, code or "")
    return b"".join((magic, text_bytes(request.route_id), words, packed))


@lru_cache(maxsize=1_024)
def _words(symbol: Symbol, *words: str) -> bytes:
    """What the head says of a symbol, then words of ours, never names from outside."""
    return b"".join((symbol_bytes(symbol), *map(text_bytes, words)))
