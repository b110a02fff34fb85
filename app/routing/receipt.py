"""The receipt: the compact bytes from which a stranger recomputes a plan. Format: docs/receipts.md.

The routed side only, each venue down to the first level dearer than the witness price or as deep as any listed plan
reads; deeper levels can change neither plan nor bound. Delta-coded integers of 2, 4 or 8 bytes, no compression.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.enums import TimeInForce, UnallocatedCode
from app.domain.instrument import Symbol
from app.domain.plan import PlanRequest
from app.kernels import pack as receipts
from app.kernels.decide import MOST_PLANS
from app.routing.costs import Walks, prices_only
from app.routing.findings import Finding, Recosted
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]

MAGIC: Final = b"BXR2"
POOL_MAGIC: Final = b"BXR3"  # the same, and behind it what a quote_pool's rates and books were
# The two widths of the head's integers: int64 is enough for all but absurd sums.
SHORT, LONG = 8, 32


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


# The same of a word that comes again and again: a name of ours, never a name from outside.
word_bytes: Final = lru_cache(maxsize=256)(text_bytes)


def integers_bytes(values: Sequence[int]) -> bytes:
    """One byte of width, 8 or 32, then each signed integer in little endian."""
    try:
        return bytes((SHORT,)) + struct.pack(f"<{len(values)}q", *values)
    except struct.error:
        return bytes((LONG,)) + b"".join([value.to_bytes(LONG, "little", signed=True) for value in values])


def encode(request: PlanRequest, problem: RouteProblem | None, outcome: Outcome) -> bytes:
    """The receipt's bytes: the same decision gives the same bytes."""
    head = _head(request, outcome)
    if problem is None:
        return b"".join([*head, b"\0\0", *_pool(request, ())])
    n, rivals = problem.n_venues, outcome.alternatives
    names, picks = problem.admitted.listings.names, problem.admitted.picks
    return b"".join(
        [
            *head,
            n.to_bytes(2, "little"),
            *(names if n == len(names) else [names[pick] for pick in picks]),
            len(rivals).to_bytes(1, "little"),
            *[word_bytes(rival.name) for rival in rivals],
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
    witness_nano = outcome.finding.witness_upnano * 1e-6
    # A margin over the float comparison keeps the first dearer level and a nano of rounding inside.
    horizon_nano = witness_nano + 2.0 + abs(witness_nano) * 1e-9
    units = outcome.plan.units if outcome.plan is not None else np.zeros(n, dtype=np.int64)
    held = space.contestants(len(rivals), n) if len(rivals) <= MOST_PLANS else None
    if held is not None and outcome.walks is held.walk:
        rival_units = held.units  # the contest's own, row by row
    else:
        rival_units = np.concatenate([rival.units for rival in rivals] or [units[:0]]).reshape(len(rivals), n)
    size = (n * (receipts.N_FACTS + len(rivals) + 2) + 2 * problem.price_units.size) * 8 + receipts.N_FACTS + 64
    out = np.empty(size, dtype=np.uint8)
    n_bytes = receipts.pack_receipt(
        problem.asked.table,
        space.places,
        problem.admitted.listings.facts,
        problem.first,
        problem.price_units,
        problem.qty_units,
        problem.unit_nano,
        space.contestants(0, n).sent,
        units,
        rival_units,
        outcome.walks if outcome.walks.dtype == np.int64 else prices_only(outcome.walks),
        horizon_nano,
        problem.side.sign,
        out,
    )
    return out[:n_bytes].tobytes()


def symbol_bytes(symbol: Symbol) -> bytes:
    """What the head says of a symbol."""
    fungible = symbol.fungible
    names = (symbol.name, fungible.base, fungible.quote, fungible.settle, fungible.kind.value, fungible.expiry)
    return b"".join(map(text_bytes, names))


def _head(request: PlanRequest, outcome: Outcome) -> list[bytes]:
    """Texts, then integers, in the order of docs/receipts.md."""
    order, symbol = request.approved.value, request.symbol
    fungible, finding, plan = symbol.fungible, outcome.finding, outcome.plan
    is_whole = order.is_full_fill_required or order.time_in_force is TimeInForce.FOK
    words = (
        order.side,
        order.strategy,
        plan.name if plan is not None else "",
        finding.status,
        outcome.unallocated_code or "",
    )
    integers = (
        request.wave,
        request.now_ns,
        symbol.price_scale,
        symbol.qty_scale,
        fungible.multiplier_nano,
        int(request.qty_units is None),
        request.qty_units if request.qty_units is not None else request.notional_nano or 0,
        request.price_cap_units,
        request.mid_half_units,
        order.venues.max_venues,
        int(is_whole),
        plan.qty_units if plan is not None else 0,
        plan.money_nano if plan is not None else 0,
        finding.objective_nano,
        finding.bound_nano,
        finding.witness_upnano,
        finding.gap_ubps,
        finding.estimated_nano,
        int(finding.is_searched),
    )
    magic = MAGIC if request.pool is None else POOL_MAGIC
    return [magic, text_bytes(request.route_id), _names(symbol), *map(word_bytes, words), integers_bytes(integers)]


_names: Final = lru_cache(maxsize=1_024)(symbol_bytes)
