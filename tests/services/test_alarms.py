"""What is an alarm is told once for each fact, and the fold's own halt says how much it leaves alive."""

from __future__ import annotations

import pytest

from app import observe
from app.domain.enums import KillAction, KillScope
from app.domain.events import Event, Fact, FeeTierSet, KillSwitchSet, VenueSet
from app.execution.child import ENGINE_ACTOR
from app.execution.ledger import Ledger
from app.services import alarms


def fact(event: Event) -> Fact:
    return Fact(1, 1, 0, event)


def halt(actor: str) -> KillSwitchSet:
    return KillSwitchSet("", KillScope.VENUE, "ven_a", KillAction.BLOCK, "overfill", actor)


@pytest.mark.parametrize(("actor", "told"), [(ENGINE_ACTOR, [("set", "venue", "ven_a", ENGINE_ACTOR, 0)]), ("ops", [])])
def test_a_halt_by_the_engine_itself_is_told_and_an_operators_is_not(
    actor: str, told: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[object, ...]] = []
    monkeypatch.setattr(observe, "kill_switch_changed", lambda *what: heard.append(what))
    alarms.alarm([fact(halt(actor))], Ledger())
    assert heard == told


def test_a_fee_that_changed_is_told_and_a_venues_switch_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []
    monkeypatch.setitem(alarms._ALARMS, FeeTierSet, heard.append)
    tier = FeeTierSet.__new__(FeeTierSet)
    switch = VenueSet.__new__(VenueSet)
    alarms.alarm([fact(switch), fact(tier), fact(switch)], Ledger())
    assert [type(event) for event in heard] == [FeeTierSet]
