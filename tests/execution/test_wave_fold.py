"""A wave's facts folded at once give the ledger that `evolve` gives of them one by one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.errors import InvariantBroken
from app.domain.events import Fact
from app.domain.records import ChildRecord, ParentRecord, begun, sent
from app.execution.ledger import Ledger, evolve, fold
from app.execution.wave_fold import evolve_order, evolve_wave
from tests.worlds import make_desk, make_order


def lived() -> tuple[Ledger, list[Fact], list[Fact]]:
    """The ledger just before a wave of several children, the wave's facts, and those before its order."""
    desk = make_desk()
    desk.accepted(make_order(qty_units=300))
    desk.accepted(make_order(qty_units=50_000))
    begin = max(i for i, fact in enumerate(desk.facts) if isinstance(fact.event, ev.RoutePlanned))
    return fold(desk.facts[:begin]), desk.facts[begin:], desk.facts[:begin]


BEFORE, WAVE, EARLIER = lived()
ACCEPTED = EARLIER[-1]
BEFORE_ORDER = fold(EARLIER[:-1])


def order_of(facts: list[Fact]) -> str:
    event = facts[0].event
    assert isinstance(event, ev.RoutePlanned)
    return event.order_id


@pytest.mark.parametrize("n_children", range(len(WAVE)))
def test_it_is_the_ledger_of_its_facts_one_by_one(n_children: int) -> None:
    facts = WAVE[: n_children + 1]
    one, other = deepcopy(BEFORE), deepcopy(BEFORE)
    records = evolve_wave(one, one.parents[order_of(facts)], facts)
    for fact in facts:
        evolve(other, fact)
    assert one == other
    assert one != BEFORE
    assert records == list(one.parents[order_of(facts)].children.values())
    assert all(one.live_children[record.child.child_id] is record for record in records)


def test_the_wave_has_several_children() -> None:
    assert [type(fact.event) for fact in WAVE[:3]] == [ev.RoutePlanned, ev.ChildSending, ev.ChildSending]


def sending(fact: Fact, **changes: object) -> Fact:
    event = fact.event
    assert isinstance(event, ev.ChildSending)
    return replace(fact, event=replace(event, child=replace(event.child, **changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "facts",
    [
        WAVE[1:],
        [WAVE[0], WAVE[2]],
        [WAVE[0], replace(WAVE[1], account_seq=1)],
        [WAVE[0], replace(WAVE[0], seq=WAVE[1].seq, account_seq=WAVE[1].account_seq)],
        [WAVE[0], sending(WAVE[1], order_id="ord_other")],
        [WAVE[0], sending(WAVE[1], quote_id="q")],
        [WAVE[0], sending(WAVE[1], client_id=next(iter(BEFORE.by_venue_client_id)))],
        [WAVE[0], sending(WAVE[1], child_id=next(iter(BEFORE.child_parent)))],
        [*WAVE[:2], replace(WAVE[2], event=WAVE[1].event)],
    ],
    ids=[
        "no plan",
        "a gap",
        "a gap of the account",
        "two plans",
        "another's",
        "a quote",
        "a client id",
        "a child id",
        "twice",
    ],
)
def test_what_is_no_plain_wave_changes_nothing(facts: list[Fact]) -> None:
    ledger = deepcopy(BEFORE)
    with pytest.raises(InvariantBroken):
        evolve_wave(ledger, ledger.parents[order_of(WAVE)], facts)
    assert ledger == BEFORE


def begun_of(fact: Fact) -> ParentRecord:
    assert isinstance(fact.event, ev.OrderAccepted)
    return begun(fact, fact.event)


def records_of(facts: list[Fact]) -> list[ChildRecord]:
    return [sent(fact.event, fact.seq, fact.ts_ns) for fact in facts if isinstance(fact.event, ev.ChildSending)]


@pytest.mark.parametrize("n_children", range(len(WAVE)))
def test_an_order_with_its_wave_is_the_ledger_of_its_facts_one_by_one(n_children: int) -> None:
    facts = [ACCEPTED, *WAVE[: n_children + 1]]
    one, other, records = deepcopy(BEFORE_ORDER), deepcopy(BEFORE_ORDER), records_of(facts)
    evolve_order(one, begun_of(ACCEPTED), facts, records)
    for fact in facts:
        evolve(other, fact)
    assert one == other
    assert one != BEFORE_ORDER
    assert all(one.live_children[record.child.child_id] is record for record in records)


def of_taken_name(fact: Fact) -> Fact:
    """The acceptance, under an id that an earlier order of the account has."""
    event = fact.event
    assert isinstance(event, ev.OrderAccepted)
    _, client_order_id = next(iter(BEFORE_ORDER.by_client_id))
    return replace(fact, event=replace(event, order=replace(event.order, client_order_id=client_order_id)))


@pytest.mark.parametrize(
    ("first", "rest"),
    [
        (replace(ACCEPTED, seq=ACCEPTED.seq + 1), WAVE),
        (replace(ACCEPTED, account_seq=1), WAVE),
        (ACCEPTED, [WAVE[0], WAVE[2]]),
        (ACCEPTED, WAVE[1:]),
        (ACCEPTED, [WAVE[0], sending(WAVE[1], order_id="ord_other")]),
        (ACCEPTED, [WAVE[0], sending(WAVE[1], quote_id="q")]),
        (ACCEPTED, [WAVE[0], sending(WAVE[1], client_id=next(iter(BEFORE.by_venue_client_id)))]),
        (ACCEPTED, [*WAVE[:2], replace(WAVE[2], event=WAVE[1].event)]),
        (of_taken_name(ACCEPTED), WAVE),
    ],
    ids=["a gap", "a gap of the account", "a gap within", "no plan", "another's", "a quote", "sent", "twice", "a name"],
)
def test_what_is_no_new_order_changes_nothing(first: Fact, rest: list[Fact]) -> None:
    ledger = deepcopy(BEFORE_ORDER)
    with pytest.raises(InvariantBroken):
        evolve_order(ledger, begun_of(first), [first, *rest], records_of(rest))
    assert ledger == BEFORE_ORDER


def test_records_of_other_facts_change_nothing() -> None:
    ledger, facts = deepcopy(BEFORE_ORDER), [ACCEPTED, *WAVE]
    for records in ([], records_of(WAVE)[::-1], [replace(r, child=replace(r.child)) for r in records_of(WAVE)]):
        with pytest.raises(InvariantBroken):
            evolve_order(ledger, begun_of(ACCEPTED), facts, records)
    with pytest.raises(InvariantBroken, match="no order begins"):
        evolve_order(ledger, begun_of(replace(ACCEPTED, event=replace(ACCEPTED.event))), facts, records_of(WAVE))
    assert ledger == BEFORE_ORDER
