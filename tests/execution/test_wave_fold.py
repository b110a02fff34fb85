"""A wave's facts folded at once give the ledger that `evolve` gives of them one by one."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.errors import InvariantBroken
from app.domain.events import Fact
from app.execution.ledger import Ledger, evolve, fold
from app.execution.wave_fold import evolve_wave
from tests.worlds import make_desk, make_order


def lived() -> tuple[Ledger, list[Fact]]:
    """The ledger just before a wave of several children, and the wave's facts."""
    desk = make_desk()
    desk.accepted(make_order(qty_units=300))
    desk.accepted(make_order(qty_units=50_000))
    begin = max(i for i, fact in enumerate(desk.facts) if isinstance(fact.event, ev.RoutePlanned))
    return fold(desk.facts[:begin]), desk.facts[begin:]


BEFORE, WAVE = lived()


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
