"""What the engine itself found: a venue that filled beyond what it was asked, or charged beside its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from app import observe
from app.domain.events import BreakClosed, BreakFound, Event, Fact, FeeDeviated, FeeTierSet, KillSwitchSet
from app.execution.child import ENGINE_ACTOR
from app.execution.ledger import Ledger

_ALARMS: Final[Mapping[type[Event], Callable[[Any], None]]] = {
    FeeDeviated: observe.fee_deviated,
    FeeTierSet: observe.fee_tier_changed,
    BreakFound: observe.break_found,
    BreakClosed: observe.break_closed,
}
_ALARMING: Final = frozenset(_ALARMS) | {KillSwitchSet}


def alarm(facts: Sequence[Fact], ledger: Ledger) -> None:
    """Tells whoever watches what among durable `facts` is an alarm; `ledger` counts what a halt leaves alive."""
    for event in [fact.event for fact in facts if type(fact.event) in _ALARMING]:
        if type(event) in _ALARMS:
            _ALARMS[type(event)](event)
        if isinstance(event, KillSwitchSet) and event.actor == ENGINE_ACTOR:
            n_live = sum(record.child.venue == event.target for record in ledger.live_children.values())
            observe.kill_switch_changed("set", event.scope.value, event.target, event.actor, n_live)
