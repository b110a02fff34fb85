"""An order that was let go and taken back is as if it had never left."""

from __future__ import annotations

from copy import deepcopy

import pytest

from app.domain.enums import Mode, ParentState
from app.domain.events import EngineStarted, OrderAccepted
from app.execution.closed import fill_mark
from app.execution.inputs import CancelConditional
from app.execution.ledger import Ledger, evolve, fold
from app.execution.working_set import (
    adopt,
    adopt_definition,
    is_lacking,
    may_have_left,
    order_of,
    put_away,
    put_definition_away,
    release,
)
from tests.conditionals import oco, taken
from tests.store.logs import story_facts
from tests.worlds import make_desk

FACTS, _ = story_facts(1_200, seed=51)


def test_folding_goes_on_alike_with_orders_that_come_and_go() -> None:
    whole, partial, away = Ledger(), Ledger(), {}
    for fact in FACTS:
        order_id = order_of(fact.event)
        if is_lacking(partial, fact.event):
            adopt(partial, away.pop(order_id))
        evolve(whole, fact)
        evolve(partial, fact)
        parent = partial.parents.get(order_id)
        if parent is not None and parent.state is ParentState.DONE:
            away[order_id] = deepcopy(parent)
            release(partial, order_id)
    assert away
    for parent in away.values():
        adopt(partial, parent)
    partial.open_by_account = {a: dict(sorted(o.items())) for a, o in partial.open_by_account.items()}
    whole.open_by_account = {a: dict(sorted(o.items())) for a, o in whole.open_by_account.items()}
    assert partial == whole


def test_a_released_order_leaves_nothing_behind() -> None:
    ledger = fold(FACTS)
    n_orders = len(ledger.parents)
    for order_id in [p.order_id for p in ledger.parents.values() if p.state is ParentState.DONE]:
        release(ledger, order_id)
    left = len(ledger.parents)
    assert 0 < left < n_orders
    assert len(ledger.by_client_id) == left
    assert set(ledger.child_parent.values()) <= set(ledger.parents)
    assert len(ledger.by_venue_client_id) == len(ledger.child_parent)
    assert len(ledger.fill_keys) == sum(len(parent.fills) for parent in ledger.parents.values())
    for parent in ledger.parents.values():
        assert parent.state is not ParentState.DONE


def test_an_open_order_is_never_released() -> None:
    ledger = fold(FACTS)
    with pytest.raises(AssertionError):
        release(ledger, next(iter(ledger.open_parents)))


def test_which_order_a_fact_concerns() -> None:
    ledger = fold(FACTS)
    for fact in FACTS:
        order_id = order_of(fact.event)
        assert not order_id or order_id in ledger.parents
        assert not is_lacking(ledger, fact.event)
        assert is_lacking(Ledger(), fact.event) is (bool(order_id) and not isinstance(fact.event, OrderAccepted))
    assert order_of(EngineStarted("", "0.1.0", Mode.PAPER, 0)) == ""


def test_what_is_put_away_leaves_its_marks() -> None:
    ledger = fold(FACTS)
    done = [p for p in ledger.parents.values() if p.state is ParentState.DONE]
    assert not may_have_left(ledger, done[0].account, done[0].accepted.order.client_order_id)
    for parent in done:
        put_away(ledger, parent)
    assert ledger.closed is not None
    assert len(ledger.closed) == len(done) + sum(len(parent.fills) for parent in done)
    for parent in done:
        assert may_have_left(ledger, parent.account, parent.accepted.order.client_order_id)
        assert all(fill_mark(fill.fill.key) in ledger.closed for fill in parent.fills)
    for parent in ledger.parents.values():
        assert not may_have_left(ledger, parent.account, parent.accepted.order.client_order_id)
    for parent in done:
        adopt(ledger, parent)
    ledger.closed = None
    assert ledger == fold(FACTS)


def test_a_definition_leaves_and_comes_back_whole() -> None:
    desk = make_desk()
    record, _ = taken(desk, oco())
    desk.turn(CancelConditional("desk", record.conditional_id, "test"))
    ledger = desk.core.ledger
    put_definition_away(ledger, record)
    assert not ledger.definitions.all
    name = record.definition.client_order_id
    assert may_have_left(ledger, "desk", name)
    adopt_definition(ledger, record)
    ledger.closed = None
    assert ledger == fold(desk.facts)
