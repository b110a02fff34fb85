"""Orders in time with a quote pool: slices go where any allowed currency is best, in its own ticks, and sum exactly."""

from __future__ import annotations

import pytest

from app.domain.enums import DoneReason, Mode, OrderType, Side, Strategy, TimeInForce
from app.domain.fills import ReportKind
from app.domain.orders import ParentOrder
from app.domain.scheduled import Amendment, Schedule
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.step import Core
from tests.pool_desk import POOL, PoolDesk, pool_desk, pool_order, put_books
from tests.worlds import MS, T0_NS, sent

S = 1_000 * MS


def in_time(*, seconds: int = 4, **changes: object) -> ParentOrder:
    schedule = Schedule(Strategy.TWAP, 1, T0_NS, T0_NS + seconds * S, S)
    more = {"strategy": Strategy.TWAP, "time_in_force": TimeInForce.GTC, "qty_units": 4_000, "schedule": schedule}
    return pool_order(**(more | {"order_type": OrderType.MARKET, "limit_price_units": None} | changes))


def work(desk: PoolDesk, turn: inp.Turn, symbols: list[str], *, fills: bool = True) -> None:
    """Every child is answered at once, at its worst price; where it went is noted."""
    children = sent(turn)
    while children:
        child = children.pop()
        symbols.append(child.symbol)
        if fills:
            done = desk.fill_at(child, child.price_ticks)
        else:
            done = desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
        children += sent(done)


def run(desk: PoolDesk, ms: int, symbols: list[str]) -> None:
    for _ in range(ms // 100):
        desk.now_ns += 100 * MS
        put_books(desk)
        work(desk, desk.turn(inp.Tick()), symbols)


def placed(desk: PoolDesk, order: ParentOrder, symbols: list[str]) -> str:
    turn = desk.turn(inp.Submit(order, Mode.PAPER))
    (reply,) = turn.replies
    assert isinstance(reply, inp.Accepted), reply
    work(desk, turn, symbols)
    return reply.fact.order_id


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_slices_go_to_the_better_dollar_and_sum_to_the_parent(side: Side) -> None:
    desk = pool_desk()
    symbols: list[str] = []
    order_id = placed(desk, in_time(side=side), symbols)
    run(desk, 2_200, symbols)
    desk.core = Core(desk.core.world, fold(desk.facts))
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    run(desk, 2_500, symbols)
    parent = desk.core.ledger.parents[order_id]
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.FILLED, 4_000)
    assert sum(f.fill.qty_units for f in parent.fills) == 4_000
    # A seller in USDC gets 59,989 dollars of which each is worth less: there the own quote is better.
    assert ("BTC/USDC" in symbols) is (side is Side.BUY)
    assert fold(desk.facts) == desk.core.ledger


def test_without_a_pool_nothing_goes_to_the_other_dollar() -> None:
    desk = pool_desk()
    symbols: list[str] = []
    placed(desk, in_time(quote_pool=None), symbols)
    run(desk, 4_000, symbols)
    assert set(symbols) == {"BTC/USDT"}


def test_a_limit_that_only_the_other_dollar_meets_is_met_by_it() -> None:
    """Asks: 60,001 in USDT; 59,990.5 in USDC at 1.00000. A limit of 59,995 is met by the second alone."""
    desk = pool_desk()
    symbols: list[str] = []
    order = in_time(order_type=OrderType.LIMIT, limit_price_units=5_999_500, qty_units=400)
    order_id = placed(desk, order, symbols)
    run(desk, 4_000, symbols)
    assert set(symbols) == {"BTC/USDC"}
    parent = desk.core.ledger.parents[order_id]
    assert parent.done_reason is DoneReason.FILLED
    desk = pool_desk()
    symbols = []
    order_id = placed(desk, in_time(order_type=OrderType.LIMIT, limit_price_units=5_990_000), symbols)
    run(desk, 4_500, symbols)
    assert (symbols, desk.core.ledger.parents[order_id].done_detail) == ([], "beyond_limit")


def test_lots_are_those_of_every_listing_that_the_pool_opens() -> None:
    desk = pool_desk()
    symbols: list[str] = []
    order_id = placed(desk, in_time(qty_units=4_000), symbols)
    state = desk.core.ledger.parents[order_id].schedule
    assert state is not None
    assert state.lot_units == 1


def test_a_preview_shows_the_first_slice_over_both_dollars_and_changes_nothing() -> None:
    desk = pool_desk()
    found = desk.core.preview(in_time(), Mode.PAPER, desk.now_ns)
    assert found.planned is not None
    assert any(a.venue.endswith("USDC") for a in found.planned.plan.allocations)
    assert sum(s.qty_units for s in found.slices) == 4_000


def test_more_is_asked_for_with_the_pool_in_the_gates_eyes() -> None:
    """What pays for the addition is held in the other dollar alone."""
    desk = pool_desk(balances={"USDT": 100})
    symbols: list[str] = []
    order_id = placed(desk, in_time(qty_units=1_000), symbols)
    (reply,) = desk.turn(inp.Amend("desk", order_id, "test", Amendment(qty_units=2_000))).replies
    assert isinstance(reply, inp.Done), reply
    assert desk.core.ledger.parents[order_id].accepted.order.quote_pool == POOL
    assert fold(desk.facts) == desk.core.ledger
