"""The sans-I/O heart: `turn(inputs, now_ns)` gives facts, commands and replies, and nothing else happens.

Decisions write facts with `Context.emit`; state changes only by folding them (execution/ledger.py). The driver makes
the facts durable before any reply or command leaves, in order; what was reserved need not wait (docs/adr/0063).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Final

from app.domain import events as ev
from app.domain.enums import KillAction, KillScope, Mode
from app.domain.errors import BadRequest, InvariantBroken, OrderRefused
from app.domain.events import Event
from app.domain.ids import prefixed_ulid
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.records import ParentRecord
from app.execution import conditional
from app.execution import inputs as inp
from app.execution.amending import amend, pause, resume
from app.execution.breaks import on_asked, on_projection, on_statement
from app.execution.child import on_report
from app.execution.context import Context, Memory, World
from app.execution.fees import on_balance
from app.execution.inputs import Accepted, Done, Failed, Input, Reply, Turn
from app.execution.ledger import Ledger
from app.execution.leg_orders import first_order
from app.execution.loop import begin_loop, take_measured, take_shown, tell_beliefs
from app.execution.overdue import resolve
from app.execution.parent import Approval, accept, advance, approve_or_prepare, cancel, take_found
from app.execution.plain_run import gathers, write_gathered
from app.execution.pooling import with_pool
from app.execution.preview import Preview, preview
from app.execution.quoted import follow_hidden, on_quoted
from app.execution.reconcile import flush_refusals, on_start, on_tick
from app.execution.rehearsal import rehearse
from app.execution.repeated import repeated_definition, repeated_order
from app.execution.reserving import withdraw_all
from app.execution.scheduled import ScheduledApproval, approve_scheduled
from app.execution.shadow import tell_incumbent, tell_met, tell_shadow
from app.execution.short_way import approve_plain
from app.execution.stakes import gate_view, take_token
from app.execution.swept import watch
from app.execution.volumes import learn_volume
from app.risk import gate
from app.risk.exposure import GateView

_LATER: Final = Done()  # in the place of a gathered order's reply, until it is written


@dataclass(slots=True)
class Core:
    """One shard's mind. Single writer: nobody else folds into its ledger."""

    world: World
    ledger: Ledger = field(default_factory=Ledger)
    memory: Memory = field(default_factory=Memory)

    def turn(self, inputs: Sequence[Input], now_ns: int) -> Turn:
        """Takes `inputs` in order at one instant. `now_ns` never runs backwards against the log."""
        ctx = Context(self.world, self.ledger, self.memory, max(now_ns, self.ledger.ts_ns), Turn())
        for item in inputs:
            if type(item) is not inp.Submit and ctx.gathered.orders:
                write_gathered(ctx)
            n_before = len(ctx.turn.facts)
            ctx.turn.replies.append(_DECIDE[type(item)](ctx, item))
            if ctx.ledger.hidden.is_waiting:
                follow_hidden(ctx)
            if ctx.ledger.definitions.open:
                conditional.follow(ctx, n_before)
        if ctx.gathered.orders:
            write_gathered(ctx)
        if ctx.memory.loop.touched:
            tell_beliefs(ctx)
        return ctx.turn

    def preview(self, order: ParentOrder, mode: Mode, now_ns: int) -> Preview:
        """The gate's answers and the plan that `order` would get; changes nothing, calls no venue."""
        now_ns, memory = max(now_ns, self.ledger.ts_ns), self.memory.foreseeing()
        return preview(Context(self.world, self.ledger, memory, now_ns, Turn()), order, mode)

    def rehearse(self, symbol: str, now_ns: int) -> Turn | None:
        """The turn that the order of `symbol` nearest to its limit would have there; None for none. Changes nothing."""
        return rehearse(self.world, self.ledger, self.memory, symbol, max(now_ns, self.ledger.ts_ns))

    def why_stopped(self, child: ChildOrder, now_ns: int) -> str:
        """The last gate before the wire: why `child` may not leave any more since its intent was written, or empty."""
        kills, parent = self.ledger.kills, self.ledger.parents.get(child.order_id)
        if kills:
            own_symbol = parent.accepted.order.symbol if parent is not None else child.symbol
            if any(target in kills for target in (*gate.kill_targets(child), (KillScope.SYMBOL, own_symbol))):
                return "kill_switch"
        if child.venue in self.memory.unreachable:
            return "venue_unavailable"
        record = self.ledger.live_children.get(child.child_id)
        if record is None:
            return "closed"
        if record.is_canceling:
            return "canceled"
        return "deadline_passed" if now_ns > child.deadline_ts_ns else ""

    def is_awaited(self, symbol: str) -> bool:
        """Whether anything waits for a book of `symbol`: what `is_reached` is asked for."""
        return symbol in self.memory.awaited or symbol in self.memory.watching

    def is_reached(self, symbol: str, bid_units: int, ask_units: int) -> bool:
        """Whether a venue's touch (0: none) is within the limit of an order or of a leg that waits for it."""
        watching = self.memory.watching.get(symbol)
        if watching and any(levels.is_reached(bid_units, ask_units) for levels in watching.values()):
            return True
        waiting = self.memory.awaited.get(symbol)
        if not waiting:
            return False
        for sign, cap_units in waiting.values():
            if 0 < ask_units <= cap_units if sign > 0 else bid_units >= cap_units:
                return True
        return False


def _start(ctx: Context, item: inp.Start) -> Reply:
    _check_universe(ctx)
    ended_ts_ns = ctx.ledger.ts_ns
    if ctx.ledger.seq == 0:
        ctx.emit(ev.ShardOpened("", item.shard, item.epoch, item.release))
    recovered_seq = ctx.ledger.seq
    ctx.emit(ev.EngineStarted("", item.release, item.mode, recovered_seq))
    begin_loop(ctx)
    on_start(ctx, ended_ts_ns)
    return Done()


def _check_universe(ctx: Context) -> None:
    """Open orders need their symbol and their venues; without them every turn would break later."""
    universe = ctx.world.universe
    for parent in ctx.ledger.open_parents.values():
        if parent.accepted.order.symbol not in universe.symbols:
            raise InvariantBroken(order_id=parent.order_id, missing_symbol=parent.accepted.order.symbol)
    for definition in ctx.ledger.definitions.open.values():
        if definition.definition.symbol not in universe.symbols:
            raise InvariantBroken(conditional_id=definition.conditional_id, missing_symbol=definition.definition.symbol)
    live = [record.child for record in ctx.ledger.live_children.values()]
    for child in chain(live, *(event.children for event in ctx.ledger.reserved.by_order.values())):
        if (child.venue, child.symbol) not in universe.instruments:
            raise InvariantBroken(child_id=child.child_id, missing_venue=child.venue)


def _submit(ctx: Context, item: inp.Submit) -> Reply:
    order = item.order
    if (order.account, order.client_order_id) in ctx.gathered.names:
        write_gathered(ctx)
    known = repeated_order(ctx, order)
    if known is not None:
        return known
    wait_ns = take_token(ctx, order.account)
    plain = approve_plain(ctx, order, item.mode, wait_ns)
    if plain is not None and gathers(ctx, item, plain):
        return _LATER
    if ctx.gathered.orders:
        write_gathered(ctx)
    approval: Approval | ScheduledApproval | None = plain
    if approval is None:
        view = with_pool(ctx, gate_view(ctx, order, item.mode, wait_ns=wait_ns), None)
        try:
            is_scheduled = order.schedule is not None
            approval = approve_scheduled(ctx, order, view) if is_scheduled else approve_or_prepare(ctx, order, view)
        except OrderRefused as refusal:
            _record_refusal(ctx, order, view, refusal)
            return Failed(refusal)
        except BadRequest as error:
            return Failed(error)
    fact = accept(ctx, order, item.mode, approval)
    return Accepted(fact, ctx.ledger.parents[fact.order_id].accepted_account_seq, is_replay=False)


def _submit_conditional(ctx: Context, item: inp.SubmitConditional) -> Reply:
    definition = item.definition
    known = repeated_definition(ctx, definition)
    if known is not None:
        return known
    wait_ns = take_token(ctx, definition.account)
    try:
        fact = conditional.submit(ctx, definition, item.entry, item.mode, wait_ns)
    except OrderRefused as refusal:
        order = item.entry or first_order(definition)
        order = replace(order, client_order_id=definition.client_order_id)
        _record_refusal(ctx, order, gate_view(ctx, order, item.mode), refusal)
        return Failed(refusal)
    except BadRequest as error:
        return Failed(error)
    record = ctx.ledger.definitions.all[fact.conditional_id]
    return inp.ConditionalTaken(fact, record.accepted_account_seq, is_replay=False)


def _amend_conditional(ctx: Context, item: inp.AmendConditional) -> Reply:
    record = ctx.ledger.definitions.all.get(item.conditional_id)
    if record is None or record.account != item.account:
        return Failed(_no_conditional())
    if record.is_done or record.is_canceling:
        return Failed(BadRequest("conditional_done", "It has ended, or is about to.", hint="Place another."))
    if record.version != item.version:
        detail = f"Version {item.version} was meant, {record.version} stands."
        return Failed(BadRequest("version_conflict", detail, pointer="/if_version", hint="Read it again."))
    n_before = len(ctx.turn.facts)
    try:
        conditional.amend(ctx, record, item.definition, item.actor)
    except (OrderRefused, BadRequest) as error:
        return Failed(error)
    return Done(tuple(fact.event for fact in ctx.turn.facts[n_before:]))


def _cancel_conditional(ctx: Context, item: inp.CancelConditional) -> Reply:
    record = ctx.ledger.definitions.all.get(item.conditional_id)
    if record is None or record.account != item.account:
        return Failed(_no_conditional())
    n_before = len(ctx.turn.facts)
    conditional.request_cancel(ctx, record, item.actor, item.reason)
    return Done(tuple(fact.event for fact in ctx.turn.facts[n_before:]))


def _no_conditional() -> BadRequest:
    return BadRequest("not_found", "No such conditional order.", hint="See GET /v1/conditional-orders.")


def _record_refusal(ctx: Context, order: ParentOrder, view: GateView, refusal: OrderRefused) -> None:
    """A fact for the first ten a second of an account; beyond that they are counted and written once a second."""
    memory, account = ctx.memory, order.account
    flush_refusals(ctx)
    memory.refusal_window_ns.setdefault(account, ctx.now_ns)
    memory.n_refusals[account] = memory.n_refusals.get(account, 0) + 1
    if memory.n_refusals[account] > ctx.world.timing.refusal_facts_per_s:
        slot = (account, refusal.code)
        memory.held_refusals[slot] = memory.held_refusals.get(slot, 0) + 1
        return
    refusal_id = prefixed_ulid("ref", ctx.now_ns, ctx.ledger.epoch, ctx.ledger.seq + 1)
    refusal.facts["refusal_id"] = refusal_id
    ctx.emit(
        ev.OrderRefused(
            account,
            refusal_id,
            order.client_order_id,
            order.symbol,
            refusal.code,
            refusal.limit,
            refusal.value,
            refusal.unit,
            view.account.limits.version if view.account.limits else 0,
        )
    )


def _cancel(ctx: Context, item: inp.Cancel) -> Reply:
    parent = ctx.ledger.parents.get(item.order_id)
    if parent is None or parent.account != item.account:
        return Failed(BadRequest("not_found", "No such order.", hint="Check the id; see GET /v1/orders."))
    place = ctx.ledger.definitions.leg_of_order.get(parent.order_id)
    if place is not None and parent.order_id in ctx.ledger.open_parents:
        # A canceled order of a leg must not come back as the leg's next one.
        n_before = len(ctx.turn.facts)
        conditional.cancel_leg(ctx, ctx.ledger.definitions.all[place[0]], place[1], item.actor, item.reason)
        return Done(tuple(fact.event for fact in ctx.turn.facts[n_before:]))
    return Done(_cancel_parent(ctx, parent, item.actor, item.reason))


def _cancel_parent(ctx: Context, parent: ParentRecord, actor: str, reason: str) -> tuple[Event, ...]:
    if parent.order_id not in ctx.ledger.open_parents:
        return ()
    n_before = len(ctx.turn.facts)
    if not parent.is_canceling:
        ctx.emit(ev.CancelRequested(parent.account, parent.order_id, actor, reason))
    cancel(ctx, parent)
    return tuple(fact.event for fact in ctx.turn.facts[n_before:])


def _change(ctx: Context, item: inp.Pause | inp.Resume | inp.Amend) -> Reply:
    """What a desk changes of an order that lives; a refusal changes nothing and is told to the asker alone."""
    parent = ctx.ledger.parents.get(item.order_id)
    if parent is None or parent.account != item.account:
        return Failed(BadRequest("not_found", "No such order.", hint="Check the id; see GET /v1/orders."))
    n_before = len(ctx.turn.facts)
    try:
        match item:
            case inp.Pause():
                pause(ctx, parent, item.actor)
            case inp.Resume():
                resume(ctx, parent, item.actor)
            case inp.Amend():
                amend(ctx, parent, item.actor, item.change)
    except (BadRequest, OrderRefused) as error:
        return Failed(error)
    return Done(tuple(fact.event for fact in ctx.turn.facts[n_before:]))


def _report(ctx: Context, item: inp.Report) -> Reply:
    on_report(ctx, item.report)
    return Done()


def _tick(ctx: Context, item: inp.Tick) -> Reply:
    on_tick(ctx)
    take_shown(ctx)
    conditional.watch(ctx)
    return Done()


def _drain(ctx: Context, item: inp.Drain) -> Reply:
    ctx.memory.is_draining = True
    withdraw_all(ctx)
    watch(ctx, list(ctx.ledger.live_children.values()))
    return Done()


def _book_reached(ctx: Context, item: inp.BookReached) -> Reply:
    """Every order that waits for a book of the symbol looks again at once; pauses are for plans that found nothing."""
    for order_id in list(ctx.memory.awaited.get(item.symbol, {})):
        ctx.memory.next_replan_ns.pop(order_id, None)
        advance(ctx, ctx.ledger.open_parents[order_id])
    conditional.watch(ctx, item.symbol)
    return Done()


def _emit_one(ctx: Context, event: Event) -> Reply:
    ctx.emit(event)
    return Done((event,))


def _set_limits(ctx: Context, item: inp.SetLimits) -> Reply:
    current = ctx.ledger.limits.get(item.account)
    expected = current.version + 1 if current else 1
    if item.limits.version != expected:
        detail = f"limits version {item.limits.version} came, {expected} is next."
        return Failed(BadRequest("version_conflict", detail, pointer="/version", hint="Read the limits again."))
    for name, ceiling in ctx.world.ceilings.items():
        if getattr(item.limits, name) > ceiling:
            detail = f"{name} {getattr(item.limits, name)} is above the configured ceiling {ceiling}."
            hint = "Ceilings are set in bestex.toml by whoever runs the service."
            return Failed(BadRequest("over_ceiling", detail, pointer=f"/{name.removesuffix('_nano')}", hint=hint))
    return _emit_one(ctx, ev.LimitsSet(item.account, item.limits, item.actor))


def _set_kill(ctx: Context, item: inp.SetKillSwitch) -> Reply:
    """Blocks first; then cancels, if asked to."""
    event = ev.KillSwitchSet(item.account, item.scope, item.target, item.action, item.reason, item.actor)
    ctx.emit(event)
    watch(ctx, list(ctx.ledger.live_children.values()))
    if item.action is KillAction.CANCEL:
        for record in list(ctx.ledger.definitions.open.values()):
            hit = {
                (KillScope.GLOBAL, ""),
                (KillScope.ACCOUNT, record.account),
                (KillScope.SYMBOL, record.definition.symbol),
            }
            if (item.scope, item.target) in hit:
                conditional.request_cancel(ctx, record, item.actor, "kill_switch")
        for parent in list(ctx.ledger.open_parents.values()):
            if _is_hit(parent, item.scope, item.target):
                _cancel_parent(ctx, parent, item.actor, "kill_switch")
    return Done((event,))


def _is_hit(parent: ParentRecord, scope: KillScope, target: str) -> bool:
    match scope:
        case KillScope.GLOBAL:
            return True
        case KillScope.ACCOUNT:
            return parent.account == target
        case KillScope.SYMBOL:
            return parent.accepted.order.symbol == target
        case KillScope.VENUE:
            return any(c.child.venue == target and not c.state.is_terminal for c in parent.children.values())


def _clear_kill(ctx: Context, item: inp.ClearKillSwitch) -> Reply:
    if (item.scope, item.target) not in ctx.ledger.kills:
        return Failed(BadRequest("not_found", "No such kill switch is set.", hint="See GET /v1/kill-switch."))
    return _emit_one(ctx, ev.KillSwitchCleared(item.account, item.scope, item.target, item.actor))


def _found(ctx: Context, item: inp.Found) -> Reply:
    parent = ctx.ledger.open_parents.get(item.order_id)
    if parent is not None:
        take_found(ctx, parent, item.wave, item.words)
    return Done()


def _set_venue(ctx: Context, item: inp.SetVenue) -> Reply:
    if item.venue not in ctx.world.universe.venues:
        return Failed(BadRequest("not_found", "No such venue.", hint="See GET /v1/venues."))
    return _emit_one(ctx, ev.VenueSet("", item.venue, item.is_enabled, item.actor))


def _set_loop(ctx: Context, item: inp.SetLoop) -> Reply:
    if item.is_on and not ctx.world.may_loop:
        hint = "Set routing.loop in bestex.toml."
        return Failed(BadRequest("over_ceiling", "The loop is off by setting.", pointer="/enabled", hint=hint))
    return _emit_one(ctx, ev.LoopSet("", item.is_on, item.actor))


def _measured(ctx: Context, item: inp.Measured) -> Reply:
    take_measured(ctx, item.observations)
    return Done()


def _create_key(ctx: Context, item: inp.CreateKey) -> Reply:
    return _emit_one(ctx, ev.KeyCreated(item.account, item.prefix, item.key_sha256, item.scopes, item.mode))


def _revoke_key(ctx: Context, item: inp.RevokeKey) -> Reply:
    key = ctx.ledger.keys.get(item.prefix)
    if key is None or key.account != item.account:
        return Failed(BadRequest("not_found", "No such key.", hint="See GET /v1/api-keys."))
    return _emit_one(ctx, ev.KeyRevoked(item.account, item.prefix))


def _set_balance(ctx: Context, item: inp.SetBalance) -> Reply:
    """A balance may be a venue's fee token or what a tier asks to hold, so the fees there are looked at again."""
    event = ev.BalanceSet(item.account, item.venue, item.currency, item.amount_nano, item.reason)
    ctx.emit(event)
    on_balance(ctx, item.account, item.venue, item.currency)
    return Done((event,))


def _statement_asked(ctx: Context, item: inp.StatementAsked) -> Reply:
    on_asked(ctx, item.account, item.venue)
    return Done()


def _statement_taken(ctx: Context, item: inp.StatementTaken) -> Reply:
    n_before = len(ctx.turn.facts)
    on_statement(ctx, item.account, item.statement)
    return Done(tuple(fact.event for fact in ctx.turn.facts[n_before:]))


def _projection_compared(ctx: Context, item: inp.ProjectionCompared) -> Reply:
    n_before = len(ctx.turn.facts)
    on_projection(ctx, item.account, item.differences)
    return Done(tuple(fact.event for fact in ctx.turn.facts[n_before:]))


def _market_measured(ctx: Context, item: inp.MarketMeasured) -> Reply:
    """Measurements are facts as they are; of an order that is not known they are nobody's and left."""
    measured = item.measurement
    if measured.still:
        return _emit_one(ctx, ev.StillMeasured("", measured.seed, measured.still))
    parent = ctx.ledger.parents.get(measured.order_id)
    if parent is None or not (measured.paths or measured.interval):
        return Done()
    return _emit_one(ctx, ev.MarkoutsMeasured(parent.account, parent.order_id, measured.paths, measured.interval))


_Decide = Callable[[Context, Any], Reply]
_DECIDE: Final[dict[type[Any], _Decide]] = {
    inp.Start: _start,
    inp.Submit: _submit,
    inp.SubmitConditional: _submit_conditional,
    inp.AmendConditional: _amend_conditional,
    inp.CancelConditional: _cancel_conditional,
    inp.Cancel: _cancel,
    inp.Pause: _change,
    inp.Resume: _change,
    inp.Amend: _change,
    inp.Report: _report,
    inp.Tick: _tick,
    inp.Drain: _drain,
    inp.BookReached: _book_reached,
    inp.Found: _found,
    inp.SetLimits: _set_limits,
    inp.SetKillSwitch: _set_kill,
    inp.ClearKillSwitch: _clear_kill,
    inp.SetVenue: _set_venue,
    inp.SetLoop: _set_loop,
    inp.Measured: _measured,
    inp.LearnVolume: learn_volume,
    inp.CreateKey: _create_key,
    inp.RevokeKey: _revoke_key,
    inp.SetBalance: _set_balance,
    inp.Resolve: resolve,
    inp.StatementAsked: _statement_asked,
    inp.StatementTaken: _statement_taken,
    inp.ProjectionCompared: _projection_compared,
    inp.MarketMeasured: _market_measured,
    inp.Quoted: on_quoted,
    inp.TellShadow: tell_shadow,
    inp.TellMet: tell_met,
    inp.TellIncumbent: tell_incumbent,
}
