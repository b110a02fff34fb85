"""What an operator does: limits, kill switches, venues on and off, unknown children resolved with evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app import observe
from app.domain.enums import KillAction, KillScope
from app.domain.errors import BadRequest, InvariantBroken
from app.domain.events import Fact, KillSwitchSet
from app.domain.limits import Limits
from app.domain.records import ChildRecord, ParentRecord
from app.execution.inputs import ClearKillSwitch, Resolve, SetKillSwitch, SetLimits, SetLoop, SetVenue
from app.services.archive import Archive
from app.services.engine import Engine

# How long a kill waits for venues to confirm before it tells what they have not.
KILL_WAIT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A child that no venue has confirmed dead. `is_open_at_venue` None: the venue could not be asked."""

    record: ChildRecord
    is_open_at_venue: bool | None


@dataclass(frozen=True, slots=True)
class KillOutcome:
    """What a kill switch did. `venue_only`: (venue, client id) that a venue holds open and the log does not."""

    kill: KillSwitchSet
    n_orders_hit: int
    n_orders_done: int
    unconfirmed: Sequence[Unconfirmed]
    venue_only: Sequence[tuple[str, str]]
    unreachable_venues: Sequence[str]


class AdminService:
    """Use cases of the operator, and of an account's own risk officer."""

    def __init__(self, engine: Engine, archive: Archive | None = None) -> None:
        """`archive` None: nothing leaves the engine's memory."""
        self._engine = engine
        self._archive = archive
        self._moved = asyncio.Event()
        engine.add_listener(self._on_durable)

    async def set_limits(self, account: str, limits: Limits, actor: str) -> Limits:
        """The limits in force; raises BadRequest("version_conflict") unless `version` is the next one."""
        await self._engine.ask(SetLimits(account, limits, actor))
        observe.limits_changed(account, limits.version, actor)
        return self._engine.ledger.limits[account]

    async def kill(self, account: str, kill: KillSwitchSet) -> KillOutcome:
        """Blocks first (durable), then cancels if `kill.action` says so, then waits and tells what is unconfirmed.

        `account` is the actor's own, empty for the operator.
        """
        hit = [parent for parent in self._engine.ledger.open_parents.values() if _is_hit(parent, kill)]
        await self._engine.ask(SetKillSwitch(account, kill.scope, kill.target, kill.action, kill.reason, kill.actor))
        if kill.action is KillAction.CANCEL:
            await self._wait_dead(kill)
        asked = await self._engine.open_client_ids()
        unconfirmed = [_with_venue_word(record, asked) for record in self._alive(kill)]
        observe.kill_switch_changed("set", kill.scope.value, kill.target, kill.actor, len(unconfirmed))
        return KillOutcome(
            kill=kill,
            n_orders_hit=len(hit),
            n_orders_done=sum(parent.order_id not in self._engine.ledger.open_parents for parent in hit),
            unconfirmed=unconfirmed,
            venue_only=self._venue_only(kill, asked),
            unreachable_venues=sorted(venue for venue, ids in asked.items() if ids is None),
        )

    async def clear_kill(self, account: str, scope: KillScope, target: str, actor: str) -> None:
        """Re-arms; raises BadRequest("not_found") when no such switch is set."""
        await self._engine.ask(ClearKillSwitch(account, scope, target, actor))
        observe.kill_switch_changed("cleared", scope.value, target, actor, 0)

    async def set_venue(self, venue: str, actor: str, *, is_enabled: bool) -> None:
        """Takes a venue out of routing or back in; raises BadRequest("not_found")."""
        await self._engine.ask(SetVenue(venue, is_enabled, actor))
        observe.venue_switched(venue, actor, is_enabled=is_enabled)

    async def set_loop(self, actor: str, *, is_on: bool) -> None:
        """Whether measurements weigh in routes; raises BadRequest("over_ceiling") where the setting forbids it."""
        await self._engine.ask(SetLoop(is_on, actor))
        observe.loop_switched(actor, is_on=is_on)

    async def resolve(self, account: str, order_id: str, child_id: str, actor: str, evidence: str) -> ChildRecord:
        """Closes an unknown child on an operator's evidence; raises BadRequest for anything but an unknown one."""
        if self._archive is not None:
            await self._archive.order(account, order_id)
        await self._engine.ask(Resolve(account, order_id, child_id, actor, evidence))
        observe.child_resolved(order_id, child_id, actor)
        return self._engine.ledger.child(child_id)

    async def _wait_dead(self, kill: KillSwitchSet) -> None:
        try:
            async with asyncio.timeout(KILL_WAIT_S):
                while self._alive(kill):
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return

    def _on_durable(self, facts: Sequence[Fact]) -> None:
        self._moved.set()

    def _alive(self, kill: KillSwitchSet) -> list[ChildRecord]:
        return [record for record in self._engine.ledger.live_children.values() if _covers(kill, record)]

    def _venue_only(self, kill: KillSwitchSet, asked: Mapping[str, list[str] | None]) -> list[tuple[str, str]]:
        """Only a switch over everything or over a venue can tell: a venue's list names no account."""
        if kill.scope not in (KillScope.GLOBAL, KillScope.VENUE):
            return []
        ledger = self._engine.ledger
        found = []
        for venue, client_ids in asked.items():
            if kill.scope is KillScope.VENUE and venue != kill.target:
                continue
            for client_id in client_ids or ():
                child_id = ledger.by_venue_client_id.get(client_id)
                if child_id is None or child_id not in ledger.live_children:
                    found.append((venue, client_id))
        return found


def check_kill_target(scope: KillScope, target: str, engine: Engine) -> None:
    """Raises BadRequest for a target that does not exist, or one where the scope takes none."""
    if scope is KillScope.GLOBAL and target:
        raise BadRequest("invalid_request", "global has no target.", pointer="/target", hint="Leave it out.")
    if scope is not KillScope.GLOBAL and not target:
        raise BadRequest("invalid_request", f"{scope.value} needs a target.", pointer="/target", hint="Name one.")
    if scope is KillScope.VENUE and target not in engine.universe.venues:
        raise BadRequest("not_found", "No such venue.", pointer="/target", hint="See GET /v1/venues.")
    if scope is KillScope.SYMBOL and target not in engine.universe.symbols:
        raise BadRequest("unknown_symbol", "No such symbol.", pointer="/target", hint="See GET /v1/symbols.")


def _with_venue_word(record: ChildRecord, asked: Mapping[str, list[str] | None]) -> Unconfirmed:
    if record.state.is_terminal:
        raise InvariantBroken(child_id=record.child.child_id, state=record.state.value)
    client_ids = asked.get(record.child.venue)
    return Unconfirmed(record, None if client_ids is None else record.child.client_id in client_ids)


def _covers(kill: KillSwitchSet, record: ChildRecord) -> bool:
    child = record.child
    match kill.scope:
        case KillScope.GLOBAL:
            return True
        case KillScope.ACCOUNT:
            return child.account == kill.target
        case KillScope.VENUE:
            return child.venue == kill.target
        case KillScope.SYMBOL:
            return child.symbol == kill.target


def _is_hit(parent: ParentRecord, kill: KillSwitchSet) -> bool:
    match kill.scope:
        case KillScope.GLOBAL:
            return True
        case KillScope.ACCOUNT:
            return parent.account == kill.target
        case KillScope.VENUE:
            return any(c.child.venue == kill.target and not c.state.is_terminal for c in parent.children.values())
        case KillScope.SYMBOL:
            return parent.accepted.order.symbol == kill.target
