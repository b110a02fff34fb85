"""Definitions as a fold of facts."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from app.domain import conditional_events as ce
from app.domain.enums import DoneReason
from app.domain.errors import InvariantBroken
from app.domain.events import Fact
from app.execution.conditional_ledger import Definitions, accepted, apply
from app.execution.ledger import evolve, fold
from app.store.codec import decode, encode
from tests.conditionals import bracket, end, move, oco, taken
from tests.worlds import Desk, make_desk


def told(desk: Desk) -> list[Fact]:
    return [fact for fact in desk.facts if isinstance(fact.event, ce.CONDITIONAL_EVENTS)]


def test_every_fact_reads_back_equal_and_folds_to_the_same_state() -> None:
    desk = make_desk()
    _, entry = taken(desk, *bracket())
    desk.fill(entry[0])
    for child in move(desk, 5_890_000):
        end(desk, child, 1)
    taken(desk, oco())
    for fact in told(desk):
        assert decode(fact.event.KIND, fact.event.V, encode(fact.event)) == fact.event
    assert fold(desk.facts).definitions == desk.core.ledger.definitions


def test_a_definition_is_accepted_once_and_nothing_follows_its_end() -> None:
    desk = make_desk()
    record, _ = taken(desk, oco())
    first = told(desk)[0]
    assert isinstance(first.event, ce.ConditionalAccepted)
    definitions = Definitions()
    accepted(definitions, first, first.event)
    with pytest.raises(InvariantBroken):
        accepted(definitions, first, first.event)
    names = (record.account, record.conditional_id, "BTC/USDT")
    apply(definitions, first, ce.LegTriggered(*names, 1, 10, 10, 0))
    with pytest.raises(InvariantBroken, match="triggered twice"):
        apply(definitions, first, ce.LegTriggered(*names, 1, 10, 10, 0))
    shorter = replace(record.definition, legs=record.definition.legs[:1])
    with pytest.raises(InvariantBroken, match="keeps the legs"):
        apply(definitions, first, ce.ConditionalAmended(*names, shorter, 1, "test"))
    apply(definitions, first, ce.ConditionalDone(*names, DoneReason.CANCELED, "client"))
    assert not definitions.open
    with pytest.raises(InvariantBroken, match="no such open definition"):
        apply(definitions, first, ce.ConditionalDone(*names, DoneReason.CANCELED, "client"))
    definitions.release(record.conditional_id)
    assert definitions == Definitions(open_by_account={"desk": {}})


def test_a_client_id_names_one_thing_for_ever() -> None:
    desk = make_desk()
    taken(desk, oco())
    first = told(desk)[0]
    ledger = copy.deepcopy(desk.core.ledger)
    again = replace(first.event, conditional_id="cnd_other")  # type: ignore[call-arg]
    with pytest.raises(InvariantBroken):
        evolve(ledger, Fact(ledger.seq + 1, ledger.ts_ns, ledger.account_seqs["desk"] + 1, again))


def test_adopting_puts_back_all_that_finds_a_definition() -> None:
    desk = make_desk()
    record, entry = taken(desk, *bracket())
    definitions = Definitions()
    definitions.adopt(record)
    assert definitions == desk.core.ledger.definitions
    assert definitions.leg_of_order[entry[0].order_id] == (record.conditional_id, 0)
