"""The receipt: the compact bytes from which a stranger recomputes a plan. Format: docs/receipts.md.

The routed side only, each venue down to the first level dearer than the witness price or as deep as any listed plan
reads; deeper levels can change neither plan nor bound. Delta-coded integers of 2, 4 or 8 bytes, no compression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import TimeInForce, UnallocatedCode
from app.domain.plan import PlanRequest
from app.kernels import cost, pack
from app.routing.costs import Walks
from app.routing.listings import NARROW
from app.routing.problem import RouteProblem
from app.routing.verify import Finding, Recosted

Int64Array = npt.NDArray[np.int64]

MAGIC: Final = b"BXR1"
# Rows of the venue table before the rivals' lots: see docs/receipts.md.
N_FACTS: Final = 15
# A capacity may exceed int64: it is told in two columns, units of 2**60 and the rest.
CAPACITY_BITS: Final = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the receipt says of the decision, beside the problem. `limit_ticks`: int64[n], 0 where nothing is sent."""

    plan: Recosted | None
    alternatives: Sequence[Recosted]
    walks: Walks
    finding: Finding
    limit_ticks: Sequence[int]
    unallocated_code: UnallocatedCode | None


def text_bytes(value: str) -> bytes:
    """Length in two bytes, then UTF-8."""
    data = value.encode()
    return len(data).to_bytes(2, "little") + data


def integer_bytes(value: int) -> bytes:
    """Length in one byte, then the signed integer in little endian: any size."""
    size = (value.bit_length() + 8) // 8
    return size.to_bytes(1, "little") + value.to_bytes(size, "little", signed=True)


def encode(request: PlanRequest, problem: RouteProblem | None, outcome: Outcome) -> bytes:
    """The receipt's bytes: the same decision gives the same bytes."""
    parts = _head(request, outcome)
    if problem is None:
        parts.append(b"\0\0")
        return b"".join(parts)
    n = problem.n_venues
    listings, picks = problem.admitted.listings, problem.admitted.picks.tolist()
    parts.append(n.to_bytes(2, "little"))
    parts.extend([listings.names[pick] for pick in picks])
    rivals = outcome.alternatives
    table = _table(problem, outcome)
    size = (table.shape[0] * n + 2 * n + 2 * problem.price_units.size) * 8 + table.shape[0] + 8
    room = np.empty(size, dtype=np.uint8)
    parts.append(len(rivals).to_bytes(1, "little"))
    for rival in rivals:
        parts += [text_bytes(rival.name), integer_bytes(rival.objective_nano)]
    parts.append(room[: pack.pack_table(table, room)].tobytes())
    witness_nano = outcome.finding.witness_upnano * 1e-6
    # A margin over the float comparison keeps the first dearer level and a nano of rounding inside.
    horizon_nano = witness_nano + 2.0 + abs(witness_nano) * 1e-9
    walks = outcome.walks if outcome.walks.dtype == np.int64 else _levels_only(outcome.walks)
    work = np.empty(2 * n + 2 * problem.price_units.size, dtype=np.int64)
    n_bytes = pack.pack_levels(
        problem.first,
        problem.price_units,
        problem.qty_units,
        problem.unit_nano,
        walks,
        horizon_nano,
        problem.side.sign,
        work,
        room,
    )
    parts.append(room[:n_bytes].tobytes())
    return b"".join(parts)


def _levels_only(walks: Walks) -> Int64Array:
    """The walks of wide problems with nothing but the levels read, which always fit."""
    narrow = np.zeros(walks.shape, dtype=np.int64)
    narrow[:, :, 3] = walks[:, :, 3].astype(np.int64)
    return narrow


def _head(request: PlanRequest, outcome: Outcome) -> list[bytes]:
    """Texts, then integers, in the order of docs/receipts.md."""
    order, symbol = request.approved.value, request.symbol
    fungible, finding, plan = symbol.fungible, outcome.finding, outcome.plan
    is_whole = order.is_full_fill_required or order.time_in_force is TimeInForce.FOK
    texts = (
        request.route_id,
        symbol.name,
        fungible.base,
        fungible.quote,
        fungible.settle,
        fungible.kind.value,
        fungible.expiry,
        order.side.value,
        order.strategy.value,
        plan.name if plan is not None else "",
        finding.status.value,
        outcome.unallocated_code.value if outcome.unallocated_code is not None else "",
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
    )
    return [MAGIC, *map(text_bytes, texts), *map(integer_bytes, integers)]


def _table(problem: RouteProblem, outcome: Outcome) -> Int64Array:
    """int64[columns, n]: books and ages, the listings' facts, capacity, levels, lots and limits, each rival's lots."""
    admitted, rivals = problem.admitted, outcome.alternatives
    table = np.empty((N_FACTS + len(rivals), problem.n_venues), dtype=np.int64)
    lot_units = problem.terms[:, cost.LOT_UNITS]
    table[0], table[1], table[2] = admitted.book_seq, admitted.age_ns, admitted.max_age_ns
    table[3:10] = admitted.listings.facts[:, admitted.picks]
    table[10] = [min(capacity >> CAPACITY_BITS, NARROW) for capacity in admitted.capacity_nano]
    table[11] = [capacity & (1 << CAPACITY_BITS) - 1 for capacity in admitted.capacity_nano]
    np.subtract(problem.first[1:], problem.first[:-1], out=table[12])
    table[13] = outcome.plan.units // lot_units if outcome.plan is not None else 0
    table[14] = outcome.limit_ticks
    for i, rival in enumerate(rivals):
        np.floor_divide(rival.units, lot_units, out=table[N_FACTS + i])
    return table
