"""The record of what was said: bounded, without canceled orders, and volatility from instants that were not ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import Side
from app.domain.events import StillMeasured
from app.domain.markouts import MidPath, PathKind, StillPath
from app.domain.pretrade import AskedUnits, Said
from app.execution import cost_record
from app.execution import inputs as inp
from app.execution.cost_record import (
    MARKED_KEPT,
    CostRecord,
    note_foretold,
    note_marked,
    note_outcome,
    note_still,
)
from app.learning.pretrade import CostEstimator
from tests.learning.costs import made_ask, made_law
from tests.worlds import T0_NS, held_order, make_desk, make_order


def word() -> Said:
    estimate = CostEstimator(made_law()).estimate(made_ask())
    assert estimate is not None
    return Said(AskedUnits.of(made_ask()), estimate)


def still(*moves_bps: int) -> StillMeasured:
    after = [(0, 0, 100_000_000 + 10_000 * move, 0) for move in moves_bps]
    return StillMeasured("", 1, tuple(StillPath("BTC/USDT", 1, 5, (("a", 100_000_000, each),)) for each in after))


def test_volatility_is_that_of_still_instants_and_unknown_for_few() -> None:
    record = CostRecord()
    note_still(record, still(*[1, -1] * 14))
    assert record.sigma_bps_sqrt_s("BTC/USDT") == 0.0
    note_still(record, still(1, -1))
    assert record.sigma_bps_sqrt_s("BTC/USDT") == pytest.approx((1 / 10) ** 0.5)
    assert record.sigma_bps_sqrt_s("ETH/USDT") == 0.0


def test_a_mid_that_nobody_knew_is_no_move() -> None:
    record = CostRecord()
    note_still(record, StillMeasured("", 1, (StillPath("BTC/USDT", 1, 5, (("a", 0, (1, 1, 1, 1)),)),)))
    assert not record.moves_ubps


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_record, "OPEN_KEPT", 2)
    record = CostRecord()
    for name in "abc":
        note_foretold(record, name, word())
    assert list(record.foretold) == ["b", "c"]
    note_foretold(record, "d", None)
    assert list(record.foretold) == ["b", "c"]


def test_a_canceled_order_is_nobodys_outcome() -> None:
    desk = make_desk()
    desk.core.world = replace(desk.core.world, costs=CostEstimator(made_law()))
    parent, children = desk.accepted(held_order(limit_price_units=6_010_000, qty_units=500))
    assert desk.core.ledger.costs.foretold
    desk.fill(children[0], 1)
    desk.turn(inp.Cancel("desk", parent.order_id, "desk", ""))
    for child in list(parent.children.values()):
        if not child.state.is_terminal:
            desk.fill(child.child, child.child.qty_lots - child.cum_qty_units // child.child.lot_units)
    costs = desk.core.ledger.costs
    assert len(costs.outcomes) + costs.n_left_out == int(parent.tca is not None)


def test_what_was_never_foretold_has_no_outcome() -> None:
    desk = make_desk()
    parent, children = desk.accepted(make_order(qty_units=300))
    for child in children:
        desk.fill(child)
    assert parent.tca is not None
    record = CostRecord()
    note_outcome(record, parent, 1, parent.tca)
    assert not record.outcomes
    note_foretold(record, parent.order_id, word())
    note_outcome(record, parent, 1, parent.tca)
    note_outcome(record, parent, 2, replace(parent.tca, total_nano=parent.tca.total_nano + 10**12))
    (outcome,) = record.outcomes.values()
    assert outcome.done_ts_ns == 2


def test_markouts_are_remembered_with_the_side_of_their_fill() -> None:
    desk = make_desk()
    parent, children = desk.accepted()
    desk.fill(children[0])
    fill = parent.fills[0].fill
    path = MidPath(PathKind.FILL, fill.exec_id, fill.venue, fill.symbol, T0_NS, 12, (1, 2, 3, 4), 5, 0)
    record = CostRecord()
    foreign, child = replace(path, ref_id="exe_other"), replace(path, kind=PathKind.CHILD)
    note_marked(record, parent, (path, foreign, child))
    assert list(record.marked) == [(path, Side.BUY)]
    for _ in range(MARKED_KEPT + 5):
        note_marked(record, parent, (path,))
    assert len(record.marked) == MARKED_KEPT
