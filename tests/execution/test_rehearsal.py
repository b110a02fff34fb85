"""A rehearsal is the turn that would come, and nothing of it is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.enums import KillAction, KillScope, Side
from app.domain.events import ChildSending, RoutePlanned
from app.domain.orders import ParentOrder
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution import rehearsal, step
from app.execution.rehearsal import NEAR_PPM
from app.execution.step import Core
from app.store.statehash import ledger_hash
from tests.execution.test_later_wave import lived
from tests.execution.test_ways import tell
from tests.execution.ways_desk import Life, Told
from tests.worlds import Desk, flat_book, held_order, make_desk

BTC, MID = "BTC/USDT", 6_000_000


def waiting(desk: Desk, **changes: object) -> ParentOrder:
    """An order that waits a tick of the coarsest venue beyond its side's touch."""
    side = changes.get("side", Side.BUY)
    assert isinstance(side, Side)
    desk.core.memory.awaited.clear()
    touches = [desk.board.touch(venue, BTC) for venue in desk.core.world.universe.venues]
    touch = min(ask for _, ask in touches) if side is Side.BUY else max(bid for bid, _ in touches)
    order = held_order(
        **({"limit_price_units": touch - side.sign * 50, "client_order_id": f"w-{side.value}"} | changes)
    )
    _, children = desk.accepted(order)
    assert not children
    return order


def kinds(turn: inp.Turn) -> list[str]:
    return [fact.event.KIND for fact in turn.facts]


@pytest.mark.parametrize("side", list(Side))
def test_what_is_rehearsed_is_what_comes_when_a_book_is_within_the_limit(side: Side) -> None:
    desk = make_desk()
    order = waiting(desk, side=side, qty_units=150)
    before = ledger_hash(desk.core.ledger), repr(desk.core.memory)
    rehearsed = desk.core.rehearse(BTC, desk.now_ns)
    assert rehearsed is not None
    assert (ledger_hash(desk.core.ledger), repr(desk.core.memory)) == before

    desk.refresh(MID - side.sign * 50)
    real = desk.turn(inp.BookReached(BTC))
    assert kinds(rehearsed) == kinds(real)
    assert kinds(real)[:2] == ["route_planned", "child_sending"]
    assert [fact.seq for fact in rehearsed.facts] == [fact.seq for fact in real.facts]
    assert [fact.account_seq for fact in rehearsed.facts] == [fact.account_seq for fact in real.facts]
    told = [[_place(fact.event) for fact in turn.facts] for turn in (rehearsed, real)]
    assert told[0] == told[1]
    assert len(rehearsed.commands) == len(real.commands) > 0
    assert order.qty_units == sum(event[2] for event in told[0] if event)


def _place(event: object) -> tuple[str, str, int] | None:
    """Of a child its id, venue and size: what it may pay is another tick's."""
    if not isinstance(event, ChildSending):
        assert isinstance(event, RoutePlanned)
        return None
    return event.child.child_id, event.child.venue, event.child.qty_units


def test_the_nearest_of_those_that_wait_is_rehearsed() -> None:
    desk = make_desk()
    touch = min(desk.board.touch(venue, BTC)[1] for venue in desk.core.world.universe.venues)
    for n in (3, 1, 2):
        desk.accepted(held_order(client_order_id=f"n{n}", qty_units=n * 30, limit_price_units=touch - n * 50))
    turn = desk.core.rehearse(BTC, desk.now_ns)
    assert turn is not None
    assert sum(f.event.child.qty_units for f in turn.facts if isinstance(f.event, ChildSending)) == 30


def test_none_is_rehearsed_that_waits_far_off_or_not_at_all_or_not_for_a_plain_wave() -> None:
    desk = make_desk()
    assert desk.core.rehearse(BTC, desk.now_ns) is None
    desk.accepted(held_order(limit_price_units=MID - MID * (NEAR_PPM + 200) // 1_000_000))
    assert desk.core.memory.awaited[BTC]
    assert desk.core.rehearse(BTC, desk.now_ns) is None
    waiting(desk, side=Side.SELL, qty_units=None, notional_nano=3_000 * NANO)
    assert desk.core.memory.awaited[BTC]
    assert desk.core.rehearse(BTC, desk.now_ns) is None
    assert desk.core.rehearse("ETH/USDT", desk.now_ns) is None


def test_none_is_rehearsed_under_a_kill_switch_or_without_a_venue() -> None:
    desk = make_desk()
    waiting(desk)
    assert kinds(_rehearsed(desk))
    desk.turn(inp.SetKillSwitch("desk", KillScope.SYMBOL, BTC, KillAction.BLOCK, "t", "t"))
    assert desk.core.rehearse(BTC, desk.now_ns) is None
    desk.turn(inp.ClearKillSwitch("desk", KillScope.SYMBOL, BTC, "t"))
    assert kinds(_rehearsed(desk))
    desk.core.memory.unreachable.update(desk.core.world.universe.venues)
    assert desk.core.rehearse(BTC, desk.now_ns) is None


def _rehearsed(desk: Desk) -> inp.Turn:
    turn = desk.core.rehearse(BTC, desk.now_ns)
    assert turn is not None
    return turn


def test_what_lies_at_the_touch_is_rehearsed_of_a_large_order_too() -> None:
    desk = make_desk()
    for venue in desk.core.world.universe.venues:
        desk.board.write_snapshot(flat_book(venue, MID, desk.now_ns, book_seq=99, lots=10, levels=1))
    waiting(desk, qty_units=4_000_000)
    turn = _rehearsed(desk)
    assert 0 < sum(f.event.child.qty_units for f in turn.facts if isinstance(f.event, ChildSending)) < 4_000_000


class Rehearsing:
    """Before and after every turn of a core, every symbol in which orders wait is rehearsed."""

    def __init__(self) -> None:
        self.n_waves = self.n_asked = 0
        self._turn = Core.turn

    def put(self, patch: pytest.MonkeyPatch) -> None:
        def turn(core: Core, items: Sequence[inp.Input], now_ns: int) -> inp.Turn:
            return self.turn(core, items, now_ns)

        patch.setattr(Core, "turn", turn)

    def turn(self, core: Core, items: Sequence[inp.Input], now_ns: int) -> inp.Turn:
        self.rehearse(core, now_ns)
        turn = self._turn(core, items, now_ns)
        self.rehearse(core, now_ns)
        return turn

    def rehearse(self, core: Core, now_ns: int) -> None:
        for symbol in core.memory.awaited:
            state = (core.memory, core.ledger) if self.n_asked % 16 == 0 else (core.memory,)
            before = repr(state)
            turn = core.rehearse(symbol, now_ns)
            self.n_asked += 1
            self.n_waves += turn is not None and bool(turn.commands)
            assert repr(state) == before


@pytest.mark.parametrize("seed", range(3))
def test_a_life_with_rehearsals_between_all_turns_is_the_same_life(seed: int) -> None:
    plain, rehearsing = lived(seed), Rehearsing()
    with pytest.MonkeyPatch.context() as patch:
        rehearsing.put(patch)
        assert lived(seed) == plain
    assert rehearsing.n_waves >= 10


@pytest.mark.parametrize("seed", range(3))
def test_so_is_the_life_of_several_accounts_in_several_symbols(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setitem(step._DECIDE, Told, tell)
    monkeypatch.setattr(rehearsal, "NEAR_PPM", 20_000)

    def words(life: Life) -> list[Any]:
        return [life.facts, ledger_hash(life.core.ledger), life.core.memory.commitments]

    plain, rehearsing = words(Life.begun(seed).live(120)), Rehearsing()
    with pytest.MonkeyPatch.context() as patch:
        rehearsing.put(patch)
        assert words(Life.begun(seed).live(120)) == plain
    assert rehearsing.n_waves >= 1
