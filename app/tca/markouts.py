"""Markouts: how the market moved for or against us after a fill, less how it moves when we do nothing.

At horizon h, for a fill of side s (+1 buy, -1 sell) at price p and time t, with m the class mid without the fill's own
venue (leave-one-out, domain/markouts.py), in basis points, positive in our favour:

- markout  s * (m(t+h) - p) / p           what the fill was worth h later, its spread included
- drift    s * (m(t+h) - m(t)) / m(t)     how the market moved after it
- control  the mean of the same drift over still instants of the same venue, symbol, UTC hour and volatility third
- net      each of them minus its control

Of a child (intention to treat) the price is what the whole of it would have come to: its fills, and the rest at the
class's far touch when its deadline passed; t is its sending, the horizons run from its deadline. A child that posted
and never filled counts as much as one that did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.domain.enums import Side
from app.domain.instrument import Symbol
from app.domain.markouts import HORIZONS_NS, MidPath, PathKind, StillPath
from app.domain.records import ParentRecord
from app.tca.intervals import NEEDED_FILLS, Estimate, estimate

HORIZON_NAMES: Final = ("0.1s", "1s", "10s", "60s")
SIZE_EDGES_NANO: Final = (1_000 * 10**9, 10_000 * 10**9, 100_000 * 10**9)
SIZE_NAMES: Final = ("under 1k", "1k to 10k", "10k to 100k", "over 100k")
_BPS: Final = 10_000
_HOUR_NS: Final = 3_600_000_000_000
_N_THIRDS: Final = 3

Stratum = tuple[str, str, int, int]  # venue, symbol, UTC hour, volatility third


@dataclass(frozen=True, slots=True)
class Marked:
    """One measured fill or child; None where a mid was not known. Basis points, positive in our favour."""

    kind: PathKind
    order_id: str
    ref_id: str
    venue: str
    symbol: str
    side: Side
    liquidity: str
    size: str
    start_ts_ns: int
    stratum: Stratum
    n_controls: int
    markout_bps: tuple[float | None, ...]
    drift_bps: tuple[float | None, ...]
    control_bps: tuple[float | None, ...]

    def net_bps(self, horizon_i: int) -> float | None:
        """Markout minus control; None without either."""
        return _minus(self.markout_bps[horizon_i], self.control_bps[horizon_i])

    def net_drift_bps(self, horizon_i: int) -> float | None:
        """Drift minus control; None without either."""
        return _minus(self.drift_bps[horizon_i], self.control_bps[horizon_i])


@dataclass(frozen=True, slots=True)
class MarkoutRow:
    """One group at one horizon. `n_unmatched`: measured, and left out of the net for want of a control."""

    group: str
    name: str
    kind: PathKind
    horizon: str
    markout: Estimate
    net: Estimate
    net_drift: Estimate
    n_unmatched: int


@dataclass(slots=True)
class Controls:
    """Drifts of still instants by stratum, signed as a buyer's: a seller's are the same with the other sign."""

    edges_ubps: Mapping[str, tuple[int, int]]
    _found: dict[Stratum, list[tuple[float | None, ...]]] = field(default_factory=dict)

    def add(self, still: StillPath) -> None:
        """Takes one instant, for every venue that was measured there."""
        for venue, mid, after in still.venues:
            stratum = self.stratum(venue, still.symbol, still.start_ts_ns, still.move_ubps)
            self._found.setdefault(stratum, []).append(tuple(_move_bps(mid, m) for m in after))

    def stratum(self, venue: str, symbol: str, ts_ns: int, move_ubps: int) -> Stratum:
        """What is compared with what."""
        low, high = self.edges_ubps.get(symbol, (0, 0))
        third_i = 0 if move_ubps <= low else 1 if move_ubps <= high else _N_THIRDS - 1
        return venue, symbol, ts_ns // _HOUR_NS % 24, third_i

    def mean_bps(self, stratum: Stratum, sign: int) -> tuple[int, tuple[float | None, ...]]:
        """(instants in the stratum, mean drift at each horizon for a side)."""
        rows = self._found.get(stratum, [])
        means: list[float | None] = []
        for i in range(len(HORIZONS_NS)):
            known = [row[i] for row in rows if row[i] is not None]
            means.append(sign * sum(v for v in known if v is not None) / len(known) if known else None)
        return len(rows), tuple(means)


def controls_of(still: Sequence[StillPath]) -> Controls:
    """Still instants in strata; the edges of the volatility thirds are theirs, per symbol."""
    moves: dict[str, list[int]] = {}
    for path in still:
        moves.setdefault(path.symbol, []).append(path.move_ubps)
    edges = {}
    for symbol, found in moves.items():
        ordered = sorted(found)
        edges[symbol] = (ordered[(len(ordered) - 1) // 3], ordered[2 * (len(ordered) - 1) // 3])
    controls = Controls(edges)
    for path in still:
        controls.add(path)
    return controls


def mark_all(
    records: Iterable[ParentRecord], symbols: Mapping[str, Symbol], still: Sequence[StillPath]
) -> list[Marked]:
    """Every measured fill and child of `records`, in the order of time, each with its control."""
    controls = controls_of(still)
    found = [
        marked
        for record in records
        for path in record.paths
        if path.symbol in symbols and (marked := _mark(record, path, controls)) is not None
    ]
    return sorted(found, key=lambda marked: (marked.start_ts_ns, marked.ref_id))


def summarise(marked: Sequence[Marked], by: str, key: Callable[[Marked], str]) -> list[MarkoutRow]:
    """One row per group, kind and horizon; groups sorted by name."""
    groups: dict[tuple[str, PathKind], list[Marked]] = {}
    for each in marked:
        groups.setdefault((key(each), each.kind), []).append(each)
    return [_row(by, name, kind, rows, i) for (name, kind), rows in sorted(groups.items()) for i in range(4)]


def _row(by: str, name: str, kind: PathKind, rows: Sequence[Marked], horizon_i: int) -> MarkoutRow:
    def over(value: Callable[[Marked], float | None]) -> Estimate:
        pairs = [(v, m.order_id) for m in rows if (v := value(m)) is not None]
        return estimate([v for v, _ in pairs], [order_id for _, order_id in pairs], NEEDED_FILLS[horizon_i])

    markout = over(lambda m: m.markout_bps[horizon_i])
    net = over(lambda m: m.net_bps(horizon_i))
    net_drift = over(lambda m: m.net_drift_bps(horizon_i))
    return MarkoutRow(by, name, kind, HORIZON_NAMES[horizon_i], markout, net, net_drift, markout.n - net.n)


def _mark(record: ParentRecord, path: MidPath, controls: Controls) -> Marked | None:
    priced = _fill_price(record, path) if path.kind is PathKind.FILL else _child_price(record, path)
    if priced is None:
        return None
    price_units, side, liquidity, money_nano = priced
    sign = 1 if side is Side.BUY else -1
    stratum = controls.stratum(path.venue, path.symbol, path.start_ts_ns, path.move_ubps)
    n_controls, control = controls.mean_bps(stratum, sign)
    return Marked(
        kind=path.kind,
        order_id=record.order_id,
        ref_id=path.ref_id,
        venue=path.venue,
        symbol=path.symbol,
        side=side,
        liquidity=liquidity,
        size=SIZE_NAMES[sum(money_nano >= edge for edge in SIZE_EDGES_NANO)],
        start_ts_ns=path.start_ts_ns,
        stratum=stratum,
        n_controls=n_controls,
        markout_bps=tuple(_signed(sign, _move_bps(2 * price_units, mid)) for mid in path.after_half_units),
        drift_bps=tuple(_signed(sign, _move_bps(path.mid_half_units, mid)) for mid in path.after_half_units),
        control_bps=control,
    )


def _fill_price(record: ParentRecord, path: MidPath) -> tuple[float, Side, str, int] | None:
    for fill in record.fills:
        if fill.fill.exec_id == path.ref_id:
            event = fill.fill
            side = Side.BUY if event.signed_qty_units >= 0 else Side.SELL
            return event.price_units, side, event.liquidity.value, abs(event.notional_nano)
    return None


def _child_price(record: ParentRecord, path: MidPath) -> tuple[float, Side, str, int] | None:
    """What the whole child would have come to, the rest cleaned up at the far touch of its deadline."""
    found = record.children.get(path.ref_id)
    if found is None:
        return None
    child = found.child
    fills = [f.fill for f in record.fills if f.fill.child_id == path.ref_id]
    filled_qty_units = sum(f.qty_units for f in fills)
    rest_qty_units = max(0, child.qty_units - filled_qty_units)
    if rest_qty_units and not path.cleanup_units:
        return None
    paid = sum(f.price_units * f.qty_units for f in fills) + rest_qty_units * path.cleanup_units
    whole_qty_units = filled_qty_units + rest_qty_units
    money_nano = sum(abs(f.notional_nano) for f in fills)
    if filled_qty_units:
        money_nano = money_nano * whole_qty_units // filled_qty_units
    return paid / whole_qty_units, child.side, "", money_nano


def _move_bps(from_half_units: float, to_half_units: int) -> float | None:
    if not from_half_units or not to_half_units:
        return None
    return (to_half_units - from_half_units) / from_half_units * _BPS


def _signed(sign: int, move_bps: float | None) -> float | None:
    return None if move_bps is None else sign * move_bps


def _minus(a_bps: float | None, b_bps: float | None) -> float | None:
    return None if a_bps is None or b_bps is None else a_bps - b_bps
