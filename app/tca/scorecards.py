"""What each venue was like to trade at: LMAX's measures with intervals and sample sizes, over a desk's own orders.

A fill ratio alone compares nothing across kinds of venues; it stands beside price variation, which counts improvement
and slippage together. Latency is sending to first answer by our own clock; hold time is first answer to outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.domain.enums import ChildState, Side, TimeInForce
from app.domain.instrument import Symbol
from app.domain.markouts import PathKind
from app.domain.records import ChildRecord, ParentRecord
from app.tca.benchmarks import average_units
from app.tca.intervals import NEEDED_FILLS, NEEDED_PARENTS, Estimate, estimate
from app.tca.markouts import Marked

_BPS: Final = 10_000
_MS: Final = 1_000_000
_AT_A_SECOND: Final = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of a duration in ms; None of nothing."""

    n: int
    p50_ms: float | None
    p90_ms: float | None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One venue. Shares are in basis points of 1 (10,000 is all); price variation is positive where we paid more.

    `fill_ratio`: of what was sent. `fade`: of what an immediate child was to find in a book seen, what was gone.
    `price_variation`: fill against the price the plan expected there. `markout`: net at 1 s, fills.
    `improved_frac`, `worse_frac`: of the fills, better and worse than planned.
    """

    venue: str
    n_children: int
    n_fills: int
    n_rejected: int
    fill_ratio: Estimate
    reject_rate: Estimate
    fade: Estimate
    price_variation: Estimate
    improved_frac: float | None
    worse_frac: float | None
    latency: Spread
    hold_time: Spread
    markout: Estimate


@dataclass(slots=True)
class _Seen:
    n_children: int = 0
    n_fills: int = 0
    n_rejected: int = 0
    filled: list[tuple[float, str]] = field(default_factory=list)
    rejected: list[tuple[float, str]] = field(default_factory=list)
    gone: list[tuple[float, str]] = field(default_factory=list)
    varied: list[tuple[float, str]] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)
    hold_ms: list[float] = field(default_factory=list)


def scorecards(
    records: Iterable[ParentRecord], symbols: Mapping[str, Symbol], marked: Sequence[Marked]
) -> list[Scorecard]:
    """Every venue that a child of `records` (in order of time) was sent to, by name.

    What was to rest is left out, and what is but a bound of what was sent.
    """
    seen: dict[str, _Seen] = {}
    for record in records:
        for child in record.children.values():
            if child.state.is_terminal and not child.child.rests and not child.child.is_bound:
                symbol = symbols.get(child.child.symbol)
                _note(seen.setdefault(child.child.venue, _Seen()), record, child, symbol)
    return [_card(venue, found, marked) for venue, found in sorted(seen.items())]


def _note(seen: _Seen, record: ParentRecord, child: ChildRecord, symbol: Symbol | None) -> None:
    order_id, sent = record.order_id, child.child
    fills = [f for f in record.fills if f.fill.child_id == sent.child_id]
    ratio = min(1.0, child.cum_qty_units / sent.qty_units) if sent.qty_units else 0.0
    is_rejected = child.state is ChildState.REJECTED
    seen.n_children += 1
    seen.n_fills += len(fills)
    seen.n_rejected += is_rejected
    seen.filled.append((ratio * _BPS, order_id))
    seen.rejected.append((is_rejected * float(_BPS), order_id))
    if sent.time_in_force is TimeInForce.IOC and not is_rejected:
        seen.gone.append(((1 - ratio) * _BPS, order_id))
    planned = _planned_price(record, child, symbol)
    sign = 1 if sent.side is Side.BUY else -1
    if planned:
        seen.varied += [(sign * (f.fill.price_units - planned) / planned * _BPS, order_id) for f in fills]
    outcome_ts_ns = fills[0].ts_ns if fills else child.updated_ts_ns
    answered_ts_ns = min(child.acked_ts_ns or outcome_ts_ns, outcome_ts_ns)
    seen.latency_ms.append(max(0, answered_ts_ns - child.sent_ts_ns) / _MS)
    seen.hold_ms.append(max(0, outcome_ts_ns - answered_ts_ns) / _MS)


def _planned_price(record: ParentRecord, child: ChildRecord, symbol: Symbol | None) -> float:
    """The average price that the plan expected at the child's venue, in price units; 0 where it is unknown."""
    if symbol is None or record.conversion(child.child) is not None:
        return 0.0
    for _, fact in record.routes:
        if fact.plan.wave != child.child.wave:
            continue
        for share in fact.plan.allocations:
            if share.venue == child.child.venue and share.qty_units:
                return average_units(symbol, share.money_nano, share.qty_units)
    return 0.0


def _card(venue: str, seen: _Seen, marked: Sequence[Marked]) -> Scorecard:
    here = [m for m in marked if m.venue == venue and m.kind is PathKind.FILL]
    net = [(v, m.order_id) for m in here if (v := m.net_bps(_AT_A_SECOND)) is not None]
    varied = [v for v, _ in seen.varied]
    return Scorecard(
        venue=venue,
        n_children=seen.n_children,
        n_fills=seen.n_fills,
        n_rejected=seen.n_rejected,
        fill_ratio=_over(seen.filled),
        reject_rate=_over(seen.rejected),
        fade=_over(seen.gone),
        price_variation=_over(seen.varied),
        improved_frac=sum(v < 0 for v in varied) / len(varied) if varied else None,
        worse_frac=sum(v > 0 for v in varied) / len(varied) if varied else None,
        latency=_spread(seen.latency_ms),
        hold_time=_spread(seen.hold_ms),
        markout=_over(net, NEEDED_FILLS[_AT_A_SECOND]),
    )


def _over(pairs: Sequence[tuple[float, str]], n_needed: int = NEEDED_PARENTS) -> Estimate:
    return estimate([v for v, _ in pairs], [order_id for _, order_id in pairs], n_needed)


def _spread(values_ms: Sequence[float]) -> Spread:
    if not values_ms:
        return Spread(0, None, None)
    ordered = sorted(values_ms)
    last = len(ordered) - 1
    return Spread(len(ordered), ordered[round(last * 0.5)], ordered[round(last * 0.9)])
