"""Shadows as the facts add up: every parent that was told, what it came to, and the incumbent's fills."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.domain.errors import InvariantBroken
from app.domain.event import Event
from app.domain.shadow import Execution, OwnOutcome
from app.domain.shadow_events import IncumbentFilled, ShadowMet, ShadowPlanned


@dataclass(slots=True)
class ShadowRecord:
    """One parent of a desk; `told_ts_ns` is when it was planned. `outcome` None: not met yet, or lost."""

    planned: ShadowPlanned
    told_ts_ns: int
    outcome: OwnOutcome | None = None
    fills: dict[str, Execution] = field(default_factory=dict)


Shadows = dict[str, dict[str, ShadowRecord]]  # account -> the desk's own id of the parent -> the record


def apply(shadows: Shadows, ts_ns: int, event: Event) -> None:
    """Folds one fact. Raises InvariantBroken for a parent told twice, or for what belongs to none."""
    if isinstance(event, ShadowPlanned):
        own = shadows.setdefault(event.account, {})
        if event.parent.parent_id in own:
            raise InvariantBroken(parent_id=event.parent.parent_id, reason="a shadow is planned once")
        own[event.parent.parent_id] = ShadowRecord(event, ts_ns)
        return
    assert isinstance(event, ShadowMet | IncumbentFilled)
    record = shadows.get(event.account, {}).get(event.parent_id)
    if record is None or record.planned.shadow_id != event.shadow_id:
        raise InvariantBroken(shadow_id=event.shadow_id, reason="no such shadow")
    if isinstance(event, ShadowMet):
        if record.outcome is not None:
            raise InvariantBroken(shadow_id=event.shadow_id, reason="a shadow is met once")
        record.outcome = event.outcome
        return
    for fill in event.fills:
        if fill.fill_id in record.fills:
            raise InvariantBroken(shadow_id=event.shadow_id, fill_id=fill.fill_id, reason="a fill counts once")
        record.fills[fill.fill_id] = fill
