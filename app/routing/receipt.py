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
from app.kernels import cost
from app.routing.problem import RouteProblem
from app.routing.verify import Finding, Recosted

Int64Array = npt.NDArray[np.int64]

MAGIC: Final = b"BXR1"
_WIDTHS: Final = ((2, 2**15), (4, 2**31))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the receipt says of the decision, beside the problem."""

    plan: Recosted | None
    alternatives: Sequence[Recosted]
    finding: Finding
    limit_ticks: Sequence[int]
    unallocated_code: UnallocatedCode | None


def _text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "little") + data


def _integer(value: int) -> bytes:
    size = (value.bit_length() + 8) // 8
    return size.to_bytes(1, "little") + value.to_bytes(size, "little", signed=True)


def _column(values: Int64Array) -> bytes:
    """Width in bytes, then the values in little endian; the count is known to the reader."""
    if values.size == 0:
        return b"\x02"
    most = max(int(values.max()), -int(values.min()) - 1)
    for width, reach in _WIDTHS:
        if most < reach:
            return bytes((width,)) + values.astype(f"<i{width}").tobytes()
    return b"\x08" + values.astype("<i8").tobytes()


def encode(request: PlanRequest, problem: RouteProblem | None, outcome: Outcome) -> bytes:
    """The receipt's bytes: the same decision gives the same bytes."""
    parts = [MAGIC, *_head(request, outcome)]
    if problem is None:
        parts.append((0).to_bytes(2, "little"))
        return b"".join(parts)
    parts.append(problem.n_venues.to_bytes(2, "little"))
    parts.extend(_text(item.venue) for item in problem.venues)
    table = np.array([_venue_row(problem, item_i) for item_i in range(problem.n_venues)], dtype=np.int64)
    parts.extend(_column(table[:, column]) for column in range(table.shape[1]))
    units = outcome.plan.units if outcome.plan is not None else (0,) * problem.n_venues
    parts.append(_column(np.array(units, dtype=np.int64) // problem.terms[:, cost.LOT_UNITS]))
    parts.append(_column(np.array(outcome.limit_ticks, dtype=np.int64)))
    parts.append(len(outcome.alternatives).to_bytes(1, "little"))
    for rival in outcome.alternatives:
        lots = np.array(rival.units, dtype=np.int64) // problem.terms[:, cost.LOT_UNITS]
        parts += [_text(rival.name), _integer(rival.objective_nano), _column(lots)]
    parts.extend(_levels(problem, outcome))
    return b"".join(parts)


def _head(request: PlanRequest, outcome: Outcome) -> list[bytes]:
    order, symbol = request.approved.value, request.symbol
    fungible, finding = symbol.fungible, outcome.finding
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
        outcome.plan.name if outcome.plan is not None else "",
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
        outcome.plan.qty_units if outcome.plan is not None else 0,
        outcome.plan.money_nano if outcome.plan is not None else 0,
        finding.objective_nano,
        finding.bound_nano,
        finding.witness_upnano,
        finding.gap_ubps,
    )
    return [*(_text(value) for value in texts), *(_integer(value) for value in integers)]


def _venue_row(problem: RouteProblem, venue_i: int) -> tuple[int, ...]:
    item = problem.venues[venue_i]
    listing, fee = item.instrument, item.fee
    return (
        item.book_seq,
        item.age_ns,
        item.max_age_ns,
        fee.taker_fee_ppm,
        fee.fixed_nano,
        listing.lot_units,
        listing.tick_units,
        listing.min_qty_lots,
        min(listing.min_notional_nano, 2**61),
        listing.max_qty_lots,
        min(max(item.capacity_nano, 0), 2**61),
        int(problem.first[venue_i + 1] - problem.first[venue_i]),
    )


def _levels(problem: RouteProblem, outcome: Outcome) -> list[bytes]:
    """Levels kept per venue, first prices, price steps towards dearer, quantities: four columns."""
    first = problem.first
    counts = np.diff(first)
    # A margin over the float comparison keeps the first dearer level and a nano of rounding inside.
    witness_nano = outcome.finding.witness_upnano * 1e-6
    cheap = problem.unit_nano <= witness_nano + 2.0 + abs(witness_nano) * 1e-9
    running = np.concatenate([np.zeros(1, np.int64), np.cumsum(cheap)])
    keep = running[first[1:]] - running[first[:-1]] + 1
    plans = [*outcome.alternatives, *([outcome.plan] if outcome.plan is not None else [])]
    if plans:
        read = np.array([[row[3] for row in plan.walk] for plan in plans], dtype=np.int64)
        keep = np.maximum(keep, read.max(axis=0))
    keep = np.minimum(keep, counts)
    place = np.arange(problem.price_units.size) - np.repeat(first[:-1], counts)
    kept = place < np.repeat(keep, counts)
    prices = problem.price_units[kept]
    steps = np.diff(prices, prepend=0) * problem.side.sign
    base = np.zeros(problem.n_venues, dtype=np.int64)
    base[counts > 0] = problem.price_units[first[:-1][counts > 0]]
    steps[place[kept] == 0] = 0
    return [_column(keep), _column(base), _column(steps), _column(problem.qty_units[kept])]
