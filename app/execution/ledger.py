"""State as a function of the log: `evolve(ledger, fact)` is the only way anything here changes.

The engine, the projector, the streams and a replay each fold the same facts and hold equal ledgers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from app.domain import conditional_events as ce
from app.domain import events as ev
from app.domain import placement_facts as pf
from app.domain.belief import BeliefKey
from app.domain.enums import KillScope, ParentState, Side
from app.domain.errors import InvariantBroken
from app.domain.events import Event, Fact
from app.domain.hidden_facts import HIDDEN_EVENTS, DarkAsked
from app.domain.limits import Limits
from app.domain.markouts import StillPath
from app.domain.records import BreakRecord, ChildRecord, FillRecord, ParentRecord, begun, sent
from app.domain.shadow_events import SHADOW_EVENTS
from app.domain.timing_facts import DiscretionUsed, ScheduleBent, VolumeBin, VolumeLearned
from app.execution import break_record, conditional_ledger, hidden_record, shadow_ledger
from app.execution.break_record import BreakKey
from app.execution.closed import Marks
from app.execution.conditional_ledger import Definitions
from app.execution.cost_record import CostRecord, note_foretold, note_marked, note_outcome, note_still
from app.execution.fee_record import FeeRecord
from app.execution.hidden_record import HiddenRecord
from app.execution.machine import ChildStep, next_child, next_parent
from app.execution.reserve_record import ReserveRecord
from app.execution.shadow_ledger import Shadows

REFUSALS_KEPT: Final = 1_000
_Moved = ev.SliceReleased | ev.ScheduleGivenBack | ev.SchedulePaused | ev.ScheduleResumed | ScheduleBent
STILL_KEPT: Final = 20_000  # instants; the newest are what fills of today are compared with


@dataclass(slots=True)
class Ledger:
    """Everything the facts add up to. Dictionaries keep the order of the log."""

    shard: str = ""
    epoch: str = ""
    seq: int = 0
    ts_ns: int = 0
    account_seqs: dict[str, int] = field(default_factory=dict)
    parents: dict[str, ParentRecord] = field(default_factory=dict)
    open_parents: dict[str, ParentRecord] = field(default_factory=dict)
    open_by_account: dict[str, dict[str, ParentRecord]] = field(default_factory=dict)
    by_client_id: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    child_parent: dict[str, str] = field(default_factory=dict)
    by_venue_client_id: dict[str, str] = field(default_factory=dict)
    live_children: dict[str, ChildRecord] = field(default_factory=dict)
    fill_keys: set[ev.FillKey] = field(default_factory=set)
    keys: dict[str, ev.KeyCreated] = field(default_factory=dict)
    limits: dict[str, Limits] = field(default_factory=dict)
    kills: dict[tuple[KillScope, str], ev.KillSwitchSet] = field(default_factory=dict)
    disabled_venues: set[str] = field(default_factory=set)
    balances: dict[tuple[str, str, str], int] = field(default_factory=dict)
    deposits: dict[tuple[str, str, str], int] = field(default_factory=dict)  # what balances hold that no fill brought
    positions: dict[tuple[str, str, str], int] = field(default_factory=dict)
    refusals: dict[str, deque[Fact]] = field(default_factory=dict)
    n_overfills: int = 0
    n_late_fills: int = 0
    fees: FeeRecord = field(default_factory=FeeRecord)
    breaks: dict[BreakKey, BreakRecord] = field(default_factory=dict)
    still: deque[StillPath] = field(default_factory=lambda: deque(maxlen=STILL_KEPT))
    n_broken: dict[tuple[str, str], int] = field(default_factory=dict)  # (account, venue) -> breaks with the venue
    loop: ev.LoopSet | None = None
    beliefs: dict[BeliefKey, ev.BeliefChanged] = field(default_factory=dict)
    turned_down: set[tuple[str, str, Side]] = field(default_factory=set)  # (venue, symbol, side) where nothing rests
    definitions: Definitions = field(default_factory=Definitions)
    shadows: Shadows = field(default_factory=dict)
    costs: CostRecord = field(default_factory=CostRecord)
    hidden: HiddenRecord = field(default_factory=HiddenRecord)
    reserved: ReserveRecord = field(default_factory=ReserveRecord)
    volumes: dict[str, dict[int, VolumeBin]] = field(default_factory=dict)  # symbol -> bin -> its newest word
    closed: Marks | None = None  # of orders and definitions that memory has let go; None: none has left

    @property
    def n_to_drain(self) -> int:
        """Children that a stopping process waits for: a venue holds its stops without us."""
        return sum(record.child.stop is None for record in self.live_children.values())

    def child(self, child_id: str) -> ChildRecord:
        return self.parents[self.child_parent[child_id]].children[child_id]


def fold(facts: Iterable[Fact]) -> Ledger:
    """The ledger that `facts` add up to, from nothing."""
    ledger = Ledger()
    for fact in facts:
        evolve(ledger, fact)
    return ledger


def evolve(ledger: Ledger, fact: Fact) -> None:
    """Applies one fact in place. Raises InvariantBroken on a gap or on a step that the tables do not have."""
    if fact.seq != ledger.seq + 1:
        raise InvariantBroken(expected_seq=ledger.seq + 1, seq=fact.seq)
    account = fact.event.account
    if account:
        expected = ledger.account_seqs.get(account, 0) + 1
        if fact.account_seq != expected:
            raise InvariantBroken(account=account, expected_account_seq=expected, account_seq=fact.account_seq)
        ledger.account_seqs[account] = expected
    ledger.seq = fact.seq
    ledger.ts_ns = fact.ts_ns
    _EVOLVE[type(fact.event)](ledger, fact, fact.event)


def _shard_opened(ledger: Ledger, fact: Fact, event: ev.ShardOpened) -> None:
    ledger.shard, ledger.epoch = event.shard, event.epoch


def _nothing(ledger: Ledger, fact: Fact, event: Event) -> None:
    """The fact is history only."""


def _key_created(ledger: Ledger, fact: Fact, event: ev.KeyCreated) -> None:
    ledger.keys[event.prefix] = event


def _key_revoked(ledger: Ledger, fact: Fact, event: ev.KeyRevoked) -> None:
    ledger.keys.pop(event.prefix, None)


def _limits_set(ledger: Ledger, fact: Fact, event: ev.LimitsSet) -> None:
    ledger.limits[event.account] = event.limits


def _balance_set(ledger: Ledger, fact: Fact, event: ev.BalanceSet) -> None:
    slot = (event.account, event.venue, event.currency)
    ledger.deposits[slot] = ledger.deposits.get(slot, 0) + event.amount_nano - ledger.balances.get(slot, 0)
    ledger.balances[slot] = event.amount_nano


def _kill_set(ledger: Ledger, fact: Fact, event: ev.KillSwitchSet) -> None:
    ledger.kills[(event.scope, event.target)] = event


def _kill_cleared(ledger: Ledger, fact: Fact, event: ev.KillSwitchCleared) -> None:
    ledger.kills.pop((event.scope, event.target), None)


def _venue_set(ledger: Ledger, fact: Fact, event: ev.VenueSet) -> None:
    (ledger.disabled_venues.discard if event.is_enabled else ledger.disabled_venues.add)(event.venue)


def _order_accepted(ledger: Ledger, fact: Fact, event: ev.OrderAccepted) -> None:
    enter(ledger, begun(fact, event))


def enter(ledger: Ledger, parent: ParentRecord) -> None:
    """Takes the record that an acceptance has just begun; raises InvariantBroken for an order accepted before."""
    event, order_id, account = parent.accepted, parent.order_id, parent.account
    order = event.order
    key = account, order.client_order_id
    if key in ledger.by_client_id or order_id in ledger.parents:
        raise InvariantBroken(order_id=order_id, client_order_id=order.client_order_id)
    ledger.parents[order_id] = ledger.open_parents[order_id] = parent
    ledger.open_by_account.setdefault(account, {})[order_id] = parent
    ledger.by_client_id[key] = order_id, order.body_hash
    note_foretold(ledger.costs, order_id, event.foretold)


def _refused(ledger: Ledger, fact: Fact, event: ev.OrderRefused | ev.RefusalsAggregated) -> None:
    ledger.refusals.setdefault(event.account, deque(maxlen=REFUSALS_KEPT)).append(fact)


def _touched(ledger: Ledger, fact: Fact, order_id: str) -> ParentRecord:
    parent = ledger.parents[order_id]
    parent.updated_ts_ns = fact.ts_ns
    parent.last_seq = fact.seq
    parent.last_account_seq = fact.account_seq
    parent.version += 1
    return parent


def _route_planned(ledger: Ledger, fact: Fact, event: ev.RoutePlanned) -> None:
    parent = _touched(ledger, fact, event.order_id)
    parent.state = next_parent(parent.state, ParentState.WORKING)
    parent.n_waves += 1
    parent.route_id = parent.route_id or event.plan.route_id
    parent.routes.append((fact.seq, event))


def _child_sending(ledger: Ledger, fact: Fact, event: ev.ChildSending) -> None:
    child = event.child
    parent = _touched(ledger, fact, child.order_id)
    if child.child_id in ledger.child_parent or child.client_id in ledger.by_venue_client_id:
        raise InvariantBroken(child_id=child.child_id, reason="a child is sent once")
    record = sent(event, fact.seq, fact.ts_ns)
    parent.children[child.child_id] = record
    ledger.child_parent[child.child_id] = child.order_id
    ledger.by_venue_client_id[child.client_id] = child.child_id
    ledger.live_children[child.child_id] = record
    ledger.hidden.note_child(child)
    ledger.reserved.note_child(child.order_id, child.client_id)


def _children_reserved(ledger: Ledger, fact: Fact, event: ev.ChildrenReserved) -> None:
    ledger.reserved.note(event)


def _touched_child(ledger: Ledger, fact: Fact, order_id: str, child_id: str, step: ChildStep) -> ChildRecord:
    record = _touched(ledger, fact, order_id).children[child_id]
    _step_child(ledger, fact, record, step)
    return record


def _step_child(ledger: Ledger, fact: Fact, record: ChildRecord, step: ChildStep) -> None:
    record.state = next_child(record.state, step)
    record.updated_ts_ns = fact.ts_ns
    record.last_seq = fact.seq
    if record.state.is_terminal:
        ledger.live_children.pop(record.child.child_id, None)


def _child_acked(ledger: Ledger, fact: Fact, event: ev.ChildAcked) -> None:
    is_filling = ledger.parents[event.order_id].children[event.child_id].cum_qty_units > 0
    step = ChildStep.PARTIAL_FILL if is_filling else ChildStep.ACK
    record = _touched_child(ledger, fact, event.order_id, event.child_id, step)
    record.venue_order_id = event.venue_order_id
    record.acked_ts_ns = fact.ts_ns


def _child_filled(ledger: Ledger, fact: Fact, event: ev.ChildFilled) -> None:
    if event.key in ledger.fill_keys:
        raise InvariantBroken(venue=event.venue, venue_trade_id=event.venue_trade_id, reason="a fill counts once")
    ledger.fill_keys.add(event.key)
    parent = _touched(ledger, fact, event.order_id)
    record = parent.children[event.child_id]
    record.cum_qty_units += event.qty_units
    record.cum_money_nano += event.money_nano
    if event.is_late:
        ledger.n_late_fills += 1
        record.updated_ts_ns, record.last_seq = fact.ts_ns, fact.seq
    else:
        is_full = record.cum_qty_units >= record.child.qty_units
        step = ChildStep.FULL_FILL if is_full else ChildStep.PARTIAL_FILL
        _step_child(ledger, fact, record, step)
    conversion = parent.conversion(record.child)
    money_nano, notional_nano = event.money_nano, event.notional_nano
    if conversion is not None:  # spot: both are the gross money
        money_nano = notional_nano = conversion.in_quote_nano(event.money_nano, record.child.side)
    parent.cum_qty_units += event.qty_units
    parent.cum_money_nano += money_nano
    parent.cum_notional_nano += notional_nano
    parent.fees_nano[event.fee_currency] = parent.fees_nano.get(event.fee_currency, 0) + event.fee_nano
    parent.fills.append(FillRecord(fact.seq, fact.account_seq, fact.ts_ns, event))
    for currency, change_nano in event.moves:
        slot = (event.account, event.venue, currency)
        ledger.balances[slot] = ledger.balances.get(slot, 0) + change_nano
    place = (event.account, event.venue, event.symbol)
    ledger.positions[place] = ledger.positions.get(place, 0) + event.signed_qty_units
    ledger.fees.note_fill(event, fact.ts_ns)


def _child_canceled(ledger: Ledger, fact: Fact, event: ev.ChildCanceled) -> None:
    _touched_child(ledger, fact, event.order_id, event.child_id, ChildStep.CANCEL)


def _child_expired(ledger: Ledger, fact: Fact, event: ev.ChildExpired) -> None:
    _touched_child(ledger, fact, event.order_id, event.child_id, ChildStep.EXPIRE)


def _child_rejected(ledger: Ledger, fact: Fact, event: ev.ChildRejected) -> None:
    record = _touched_child(ledger, fact, event.order_id, event.child_id, ChildStep.REJECT)
    record.code, record.text = event.code, event.text


def _child_unknown(ledger: Ledger, fact: Fact, event: ev.ChildUnknown) -> None:
    record = _touched_child(ledger, fact, event.order_id, event.child_id, ChildStep.LOSE)
    record.code = event.reason


def _child_resolved(ledger: Ledger, fact: Fact, event: ev.ChildResolved) -> None:
    record = _touched_child(ledger, fact, event.order_id, event.child_id, ChildStep.RESOLVE)
    record.code, record.text = "resolved", event.evidence


def _cancel_requested(ledger: Ledger, fact: Fact, event: ev.CancelRequested) -> None:
    parent = _touched(ledger, fact, event.order_id)
    parent.is_canceling = True
    for record in parent.children.values():
        if not record.state.is_terminal:
            record.is_canceling = True


def _rested(ledger: Ledger, fact: Fact, event: pf.SlicePosted | pf.SliceSplit | pf.StopRested) -> None:
    parent = _touched(ledger, fact, event.order_id)
    parent.state = next_parent(parent.state, ParentState.WORKING)
    parent.n_waves += 1


def _posting_turned(ledger: Ledger, fact: Fact, event: pf.PostingTurned) -> None:
    place = event.venue, event.symbol, event.side
    if event.is_down:
        ledger.turned_down.add(place)
    else:
        ledger.turned_down.discard(place)


def _child_pulled(ledger: Ledger, fact: Fact, event: pf.ChildPulled) -> None:
    record = _touched(ledger, fact, event.order_id).children[event.child_id]
    record.is_canceling = True
    record.updated_ts_ns, record.last_seq = fact.ts_ns, fact.seq


def _overfill(ledger: Ledger, fact: Fact, event: ev.OverfillRecorded) -> None:
    _touched(ledger, fact, event.order_id)
    ledger.n_overfills += 1


def _schedule_begun(ledger: Ledger, fact: Fact, event: ev.ScheduleBegun) -> None:
    _touched(ledger, fact, event.order_id).schedule = event.state


def _schedule_moved(ledger: Ledger, fact: Fact, event: _Moved) -> None:
    parent = _touched(ledger, fact, event.order_id)
    if parent.schedule is None:
        raise InvariantBroken(order_id=event.order_id, kind=event.KIND, reason="no schedule")
    if isinstance(event, ScheduleBent):
        parent.schedule = replace(parent.schedule, bend=event.bend)
    else:
        parent.schedule = replace(parent.schedule, progress=event.progress)


def _volume_learned(ledger: Ledger, fact: Fact, event: VolumeLearned) -> None:
    ledger.volumes.setdefault(event.symbol, {}).update({told.bin_i: told for told in event.bins})


def _order_amended(ledger: Ledger, fact: Fact, event: ev.OrderAmended) -> None:
    """The order is as it is from now on; its acceptance is kept for its acknowledgement."""
    parent = _touched(ledger, fact, event.order_id)
    parent.first = parent.acknowledged
    changes = {"qty_units": event.qty_units, "limit_price_units": event.limit_price_units, "schedule": event.schedule}
    order = replace(parent.accepted.order, **changes)  # type: ignore[arg-type]
    parent.accepted = replace(parent.accepted, order=order, price_cap_units=event.price_cap_units)
    parent.schedule = event.state


def _order_done(ledger: Ledger, fact: Fact, event: ev.OrderDone) -> None:
    parent = _touched(ledger, fact, event.order_id)
    parent.state = next_parent(parent.state, ParentState.DONE)
    parent.done_reason, parent.done_detail = event.reason, event.detail
    ledger.open_parents.pop(event.order_id, None)
    ledger.hidden.forget(event.order_id)
    ledger.reserved.forget(event.order_id)
    ledger.open_by_account[event.account].pop(event.order_id, None)


def _tca_reported(ledger: Ledger, fact: Fact, event: ev.TcaReported) -> None:
    parent = _touched(ledger, fact, event.order_id)
    parent.tca = event
    note_outcome(ledger.costs, parent, fact.ts_ns, event)


def _markouts_measured(ledger: Ledger, fact: Fact, event: ev.MarkoutsMeasured) -> None:
    """Seen later, of what happened before: the order itself has not changed."""
    updated_ts_ns = ledger.parents[event.order_id].updated_ts_ns
    parent = _touched(ledger, fact, event.order_id)
    parent.updated_ts_ns = updated_ts_ns
    parent.paths += event.paths
    parent.interval = event.interval or parent.interval
    note_marked(ledger.costs, parent, event.paths)


def _still_measured(ledger: Ledger, fact: Fact, event: ev.StillMeasured) -> None:
    ledger.still += event.paths
    note_still(ledger.costs, event)


def _fees_told(ledger: Ledger, fact: Fact, event: ev.FeeTierSet | ev.FeeDeviated) -> None:
    if isinstance(event, ev.FeeTierSet):
        ledger.fees.set_tier(event)
    else:
        ledger.fees.note_alarm(event, fact.ts_ns)


def _break(ledger: Ledger, fact: Fact, event: ev.BreakFound | ev.BreakClosed) -> None:
    break_record.apply(ledger.breaks, ledger.n_broken, fact.ts_ns, event)


def _loop_set(ledger: Ledger, fact: Fact, event: ev.LoopSet) -> None:
    ledger.loop = event


def _belief_changed(ledger: Ledger, fact: Fact, event: ev.BeliefChanged) -> None:
    ledger.beliefs[BeliefKey(event.measure, event.venue, event.symbol, event.side)] = event


def _conditional_accepted(ledger: Ledger, fact: Fact, event: ce.ConditionalAccepted) -> None:
    key = (event.account, event.definition.client_order_id)
    if key in ledger.by_client_id:
        raise InvariantBroken(conditional_id=event.conditional_id, client_order_id=key[1])
    conditional_ledger.accepted(ledger.definitions, fact, event)
    ledger.by_client_id[key] = (event.conditional_id, event.definition.body_hash)


def _conditional(ledger: Ledger, fact: Fact, event: Event) -> None:
    conditional_ledger.apply(ledger.definitions, fact, event)


def _shadow(ledger: Ledger, fact: Fact, event: Event) -> None:
    shadow_ledger.apply(ledger.shadows, fact.ts_ns, event)


def _hidden(ledger: Ledger, fact: Fact, event: Event) -> None:
    parent = _touched(ledger, fact, event.order_id)  # type: ignore[attr-defined]
    if isinstance(event, DarkAsked) and event.asks:
        parent.state = next_parent(parent.state, ParentState.WORKING)
        parent.n_waves += 1
    hidden_record.apply(ledger.hidden, fact.ts_ns, event)


_Handler = Callable[[Ledger, Fact, Any], None]
_EVOLVE: Final[dict[type[Event], _Handler]] = {
    ev.ShardOpened: _shard_opened,
    ev.EngineStarted: _nothing,
    ev.KeyCreated: _key_created,
    ev.KeyRevoked: _key_revoked,
    ev.LimitsSet: _limits_set,
    ev.BalanceSet: _balance_set,
    ev.KillSwitchSet: _kill_set,
    ev.KillSwitchCleared: _kill_cleared,
    ev.VenueSet: _venue_set,
    ev.OrderAccepted: _order_accepted,
    ev.OrderRefused: _refused,
    ev.RefusalsAggregated: _refused,
    ev.RoutePlanned: _route_planned,
    ev.ChildSending: _child_sending,
    ev.ChildrenReserved: _children_reserved,
    ev.ChildAcked: _child_acked,
    ev.ChildFilled: _child_filled,
    ev.ChildCanceled: _child_canceled,
    ev.ChildExpired: _child_expired,
    ev.ChildRejected: _child_rejected,
    ev.ChildUnknown: _child_unknown,
    ev.ChildResolved: _child_resolved,
    ev.CancelRequested: _cancel_requested,
    ev.OverfillRecorded: _overfill,
    ev.OrderDone: _order_done,
    ev.TcaReported: _tca_reported,
    ev.FeeTierSet: _fees_told,
    ev.FeeDeviated: _fees_told,
    ev.BreakFound: _break,
    ev.BreakClosed: _break,
    ev.ScheduleBegun: _schedule_begun,
    ev.SliceReleased: _schedule_moved,
    ev.ScheduleGivenBack: _schedule_moved,
    ev.SchedulePaused: _schedule_moved,
    ev.ScheduleResumed: _schedule_moved,
    ev.OrderAmended: _order_amended,
    ev.MarkoutsMeasured: _markouts_measured,
    ev.StillMeasured: _still_measured,
    ev.LoopSet: _loop_set,
    ev.BeliefChanged: _belief_changed,
    ev.LoopWeighed: _nothing,
    pf.SlicePosted: _rested,
    pf.SliceSplit: _rested,
    pf.StopRested: _rested,
    pf.PostingTurned: _posting_turned,
    pf.ChildPulled: _child_pulled,
    ScheduleBent: _schedule_moved,
    VolumeLearned: _volume_learned,
    DiscretionUsed: _nothing,
    ev.CostForetold: lambda ledger, fact, event: note_foretold(ledger.costs, event.order_id, event.said),
    **dict.fromkeys(ce.CONDITIONAL_EVENTS, _conditional),
    ce.ConditionalAccepted: _conditional_accepted,
    **dict.fromkeys(SHADOW_EVENTS, _shadow),
    **dict.fromkeys(HIDDEN_EVENTS, _hidden),
}
