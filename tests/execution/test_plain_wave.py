"""A plain wave written as one is the wave written child by child: facts, commands, state and sums alike."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest

from app.domain import events as ev
from app.domain import tabled
from app.domain.enums import Mode, Side, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.orders import ChildOrder
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution import step, wave
from app.execution.commitments import Commitments
from app.execution.context import Context
from app.execution.inputs import Turn
from app.execution.ledger import fold
from app.execution.plain_wave import fold_wave, is_plain
from tests import worlds
from tests.execution.test_commitments import some_turn
from tests.worlds import Desk, held_order, make_desk, make_order


class Lives:
    """One life after the other: of the same chance, but of waves written as they are, or child by child."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def live(self, seed: int, *, child_by_child: bool) -> tuple[Desk, list[inp.Turn], int]:
        n_plain = 0

        def counted(*args: object) -> bool:
            nonlocal n_plain
            found = is_plain(*args)  # type: ignore[arg-type]
            n_plain += found
            return found and not child_by_child

        with self.monkeypatch.context() as patch:
            patch.setattr(wave, "is_plain", counted)
            patch.setattr(step, "gathers", lambda *_: False)  # which writes first waves by itself: test_plain_run.py
            patch.setattr(worlds, "_IDS", count(1))
            desk, chance, children, turns = make_desk(), Random(seed), list[ChildOrder](), list[inp.Turn]()
            desk.core.memory.commitments.at(desk.core.ledger, desk.core.world.universe)
            for _ in range(50):
                large = make_order(qty_units=chance.randrange(20_000, 90_000))
                is_large = chance.random() < 0.2
                turn = desk.turn(inp.Submit(large, Mode.PAPER)) if is_large else some_turn(desk, chance, children)
                turns.append(turn)
                children += [c.approved.value for c in turn.commands if isinstance(c, inp.SendChild)]
        return desk, turns, n_plain


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> Lives:
    return Lives(monkeypatch)


@pytest.mark.parametrize("seed", range(8))
def test_a_life_is_the_same_whichever_way_its_waves_are_written(lives: Lives, seed: int) -> None:
    (one, turns, n_plain), (other, twins, _) = (lives.live(seed, child_by_child=way) for way in (False, True))
    assert one.facts == other.facts
    assert [(t.commands, t.receipts) for t in turns] == [(t.commands, t.receipts) for t in twins]
    assert [repr(t.replies) for t in turns] == [repr(t.replies) for t in twins]
    assert one.core.ledger == other.core.ledger
    assert one.core.memory.commitments == other.core.memory.commitments
    assert one.core.memory.next_replan_ns == other.core.memory.next_replan_ns
    assert n_plain


@pytest.mark.parametrize("seed", range(4))
def test_a_replay_of_its_facts_is_the_state(lives: Lives, seed: int) -> None:
    desk, _, _ = lives.live(seed, child_by_child=False)
    assert fold(desk.facts) == desk.core.ledger
    anew = Commitments().at(desk.core.ledger, desk.core.world.universe)
    assert desk.core.memory.commitments == anew


def test_a_wave_of_several_children_is_plain_and_numbers_them() -> None:
    desk = make_desk()
    parent, children = desk.accepted(make_order(qty_units=50_000))
    assert len(children) > 1
    context = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())
    assert is_plain(context, parent, parent.routes[0][1].plan)
    sent = [fact for fact in desk.facts if isinstance(fact.event, ev.ChildSending)]
    assert [record.last_seq for record in parent.children.values()] == [fact.seq for fact in sent]
    assert len({child.client_id for child in children}) == len(children)


def test_a_whole_order_and_a_held_one_are_plain_too() -> None:
    desk = make_desk()
    _, children = desk.accepted(make_order(time_in_force=TimeInForce.FOK))
    assert [child.time_in_force for child in children] == [TimeInForce.FOK]
    held, _ = desk.accepted(held_order(side=Side.BUY, qty_units=400, limit_price_units=6_100_000))
    assert desk.core.memory.next_replan_ns[held.order_id] > desk.now_ns


def test_money_in_the_place_of_a_quantity_is_not_plain() -> None:
    desk = make_desk()
    parent, children = desk.accepted(make_order(qty_units=None, notional_nano=6_000 * NANO))
    context = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())
    assert children
    assert not is_plain(context, parent, parent.routes[0][1].plan)


def test_a_plan_beyond_its_order_stops_the_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = make_desk()

    def twice(plan: object) -> list[tuple[str, int, int]]:
        return [*of_plan(plan), *of_plan(plan)]  # type: ignore[arg-type]

    of_plan = tabled.children_of
    monkeypatch.setattr(tabled, "children_of", twice)
    n_before = desk.core.ledger.seq
    with pytest.raises(InvariantBroken, match="parent_oversend"):
        desk.turn(inp.Submit(make_order(), Mode.PAPER))
    assert not any(isinstance(fact.event, ev.ChildSending) for fact in desk.facts[n_before:])


def test_a_child_is_sent_once() -> None:
    desk = make_desk()
    parent, _ = desk.accepted(make_order(qty_units=5_000))
    sent = [fact.event for fact in desk.facts if isinstance(fact.event, ev.ChildSending)]
    context = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())
    before = desk.core.ledger.seq, parent.version
    with pytest.raises(InvariantBroken, match="once"):
        fold_wave(context, parent, parent.routes[0][1], sent)
    assert (desk.core.ledger.seq, parent.version, context.turn.facts) == (*before, [])
