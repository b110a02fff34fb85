"""The service's own record of what it said of costs: a fold of facts, bounded, with the outcome beside the word.

An order that was canceled or amended is nobody's outcome: another order was foretold. Realised is the cost report's
total without the delay before the order came, against the whole order at the mid when it was taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from app.domain.enums import DoneReason, Side
from app.domain.events import TcaReported
from app.domain.markout_facts import StillMeasured
from app.domain.markouts import HORIZONS_NS, MidPath, PathKind
from app.domain.pretrade import UBPS, Outcome, Said
from app.domain.records import ParentRecord

OUTCOMES_KEPT: Final = 5_000
OPEN_KEPT: Final = 20_000
MOVES_KEPT: Final = 256
LEAST_MOVES: Final = 30
MARKED_KEPT: Final = 20_000
_TEN_S_I: Final = 2
_BPS: Final = 10_000


@dataclass(slots=True)
class CostRecord:
    """`foretold`: by order, until it ends. `outcomes`: by order, oldest first. `moves_ubps`: of each symbol's mid over
    ten seconds, at instants drawn at random when nothing of ours traded. `n_left_out`: canceled, amended or unfilled.
    `marked`: what the market did after the newest fills, with the side of each, whether their orders are still here.
    """

    foretold: dict[str, Said] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    moves_ubps: dict[str, deque[int]] = field(default_factory=dict)
    n_left_out: int = 0
    marked: deque[tuple[MidPath, Side]] = field(default_factory=lambda: deque(maxlen=MARKED_KEPT))
    # symbol -> sum of the squares of what `moves_ubps` holds: orders ask for it, an instant changes it now and then
    _square_ubps: dict[str, int] = field(default_factory=dict)

    def sigma_bps_sqrt_s(self, symbol: str) -> float:
        """Volatility of a root second as the still instants show it; 0 for too few of them."""
        n_moves = len(self.moves_ubps.get(symbol, ()))
        if n_moves < LEAST_MOVES:
            return 0.0
        mean_square = self._square_ubps[symbol] / n_moves
        return sqrt(mean_square / (HORIZONS_NS[_TEN_S_I] * 1e-9)) / UBPS

    def note_move(self, symbol: str, move_ubps: int) -> None:
        """One move more; the oldest beyond MOVES_KEPT is forgotten."""
        moves = self.moves_ubps.setdefault(symbol, deque())
        left_ubps = moves.popleft() if len(moves) == MOVES_KEPT else 0
        moves.append(move_ubps)
        self._square_ubps[symbol] = self._square_ubps.get(symbol, 0) + move_ubps * move_ubps - left_ubps * left_ubps


def note_foretold(record: CostRecord, order_id: str, said: Said | None) -> None:
    """What was said, if anything; the oldest that never ended is forgotten beyond OPEN_KEPT."""
    if said is None:
        return
    record.foretold[order_id] = said
    if len(record.foretold) > OPEN_KEPT:
        del record.foretold[next(iter(record.foretold))]


def note_outcome(record: CostRecord, parent: ParentRecord, ts_ns: int, report: TcaReported) -> None:
    """The outcome of a done order that was foretold; a later report of the same order takes its place."""
    said = record.foretold.pop(report.order_id, None)
    known = record.outcomes.get(report.order_id)
    if said is None and known is None:
        return
    asked_units = max(report.filled_qty_units, parent.accepted.order.qty_units or 0)
    is_another = parent.done_reason is DoneReason.CANCELED or parent.first is not None
    if is_another or not report.filled_qty_units or report.reference_money_nano <= 0:
        record.n_left_out += known is None
        return
    base_nano = report.reference_money_nano * asked_units // report.filled_qty_units
    realised_ubps = (report.total_nano - report.delay_nano) * _BPS * UBPS // base_nano
    word = said or known
    assert word is not None
    record.outcomes[report.order_id] = Outcome(report.order_id, ts_ns, word.asked, word.estimate, realised_ubps)
    if len(record.outcomes) > OUTCOMES_KEPT:
        del record.outcomes[next(iter(record.outcomes))]


def note_marked(record: CostRecord, parent: ParentRecord, paths: Sequence[MidPath]) -> None:
    """Paths of the order's fills, as they were measured."""
    sides = {found.fill.exec_id: found.fill.signed_qty_units for found in parent.fills}
    for path in paths:
        if path.kind is PathKind.FILL and path.ref_id in sides:
            record.marked.append((path, Side.BUY if sides[path.ref_id] >= 0 else Side.SELL))


def note_still(record: CostRecord, event: StillMeasured) -> None:
    """One move a still instant: that of the first venue whose mid is known at both ends."""
    for path in event.paths:
        for _, mid_half_units, after in path.venues:
            if mid_half_units and after[_TEN_S_I]:
                record.note_move(path.symbol, (after[_TEN_S_I] - mid_half_units) * _BPS * UBPS // mid_half_units)
                break
