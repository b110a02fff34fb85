"""What time alone asks for: silent children, unknown children, expiries, held remainders, counted refusals."""

from __future__ import annotations

from collections import Counter
from typing import Final

from app.domain.enums import ChildState
from app.domain.events import ChildUnknown, RefusalsAggregated
from app.domain.records import ChildRecord
from app.execution.child import ask, lose
from app.execution.context import Context
from app.execution.discretion import watch_discretion
from app.execution.fees import settle_tiers
from app.execution.inputs import QueryChild
from app.execution.parent import advance
from app.execution.reserve_record import NEVER_LEFT
from app.execution.reserving import take_for_unknown
from app.execution.swept import watch

_NS_PER_S = 1_000_000_000
# What a venue said of a child after its end, in the last moments of a process, died with that process: children that
# ended so shortly before it are asked about once, the newest of each venue: a question costs its budget.
LAST_WORDS_NS: Final = 10 * _NS_PER_S
MAX_LAST_WORDS: Final = 64


def on_tick(ctx: Context) -> None:
    """One pass over everything that waits for time."""
    watch(ctx, list(ctx.ledger.live_children.values()))
    watch_discretion(ctx)
    _listen_for_silence(ctx)
    _ask_for_last_words(ctx)
    replan_ns, now_ns = ctx.memory.next_replan_ns, ctx.now_ns
    for parent in list(ctx.ledger.open_parents.values()):
        is_expired = 0 < parent.accepted.order.expire_ts_ns <= now_ns
        if is_expired or parent.is_canceling or replan_ns.get(parent.order_id, 0) <= now_ns:
            advance(ctx, parent)
    flush_refusals(ctx)
    settle_tiers(ctx)
    _forget(ctx)


def _listen_for_silence(ctx: Context) -> None:
    """A child past its deadline is unknown once its venue has been silent for the grace; all of them are asked about.

    A venue that keeps answering that the child is open is polled, and the child stays what the venue says.
    """
    ledger, timing = ctx.ledger, ctx.world.timing
    for record in list(ledger.live_children.values()):
        child = record.child
        is_due = ctx.memory.next_query_ns.get(child.child_id, 0) <= ctx.now_ns
        if record.state is ChildState.UNKNOWN:
            if is_due:
                ask(ctx, record)
        elif child.rests and record.state is not ChildState.SENDING:
            _poll(ctx, record)
        elif ctx.now_ns > child.deadline_ts_ns + timing.answer_grace_ns:
            heard_ns = ctx.memory.heard_ns.get(child.child_id, 0)
            if ctx.now_ns > max(heard_ns, child.deadline_ts_ns) + timing.answer_grace_ns:
                lose(ctx, ledger.parents[child.order_id], record, "no_answer")
            elif is_due:
                ask(ctx, record)


def _poll(ctx: Context, record: ChildRecord) -> None:
    """A child that its venue has taken to rest: asked about now and then; if wished away, until that is done."""
    memory, timing, child_id = ctx.memory, ctx.world.timing, record.child.child_id
    every_ns = timing.query_every_ns if record.is_canceling else timing.rest_query_every_ns
    if record.is_canceling:
        since_ns = memory.canceling_ns.setdefault(child_id, ctx.now_ns)
        if ctx.now_ns > max(memory.heard_ns.get(child_id, 0), since_ns) + timing.answer_grace_ns:
            lose(ctx, ctx.ledger.parents[record.child.order_id], record, "no_answer")
            return
    if memory.next_query_ns.setdefault(child_id, ctx.now_ns + every_ns) <= ctx.now_ns:
        ask(ctx, record)
        memory.next_query_ns[child_id] = ctx.now_ns + every_ns


def on_start(ctx: Context, ended_ts_ns: int) -> None:
    """After a restart nothing is proven about any live child until its venue speaks; the first tick asks.

    `ended_ts_ns`: of the last fact of the process before.
    """
    parents = ctx.ledger.parents.values()
    ended = [
        record for parent in parents for record in parent.children.values() if _may_have_spoken(record, ended_ts_ns)
    ]
    ended.sort(key=lambda record: record.updated_ts_ns, reverse=True)
    n_asked: Counter[str] = Counter()
    for record in ended:
        n_asked[record.child.venue] += 1
        if n_asked[record.child.venue] <= MAX_LAST_WORDS:
            ctx.memory.last_words.append(record.child)
    take_for_unknown(ctx)
    for record in list(ctx.ledger.live_children.values()):
        if record.state is not ChildState.UNKNOWN:
            child = record.child
            ctx.emit(ChildUnknown(child.account, child.order_id, child.child_id, "restart"))


def _may_have_spoken(record: ChildRecord, ended_ts_ns: int) -> bool:
    """Ended with less than the whole, so shortly before the process that a fill may have come in between."""
    if record.code == NEVER_LEFT:
        return False
    is_short = record.state.is_terminal and record.cum_qty_units < record.child.qty_units
    return is_short and record.updated_ts_ns >= ended_ts_ns - LAST_WORDS_NS


def _ask_for_last_words(ctx: Context) -> None:
    """Once each, when its venue is there: it tells all that it knows, and what was known counts once."""
    memory = ctx.memory
    if not memory.last_words:
        return
    waiting = []
    for child in memory.last_words:
        if child.venue in memory.unreachable:
            waiting.append(child)
        else:  # even where its order has left memory meanwhile: a word brings it back
            ctx.turn.commands.append(QueryChild(child))
    memory.last_words = waiting


def flush_refusals(ctx: Context) -> None:
    """Writes how many refusals beyond the facts' rate there were, once their second is over."""
    memory = ctx.memory
    for account, from_ns in list(memory.refusal_window_ns.items()):
        if ctx.now_ns - from_ns < _NS_PER_S:
            continue
        del memory.refusal_window_ns[account]
        memory.n_refusals.pop(account, None)
        for key in [k for k in memory.held_refusals if k[0] == account]:
            n_refused = memory.held_refusals.pop(key)
            ctx.emit(RefusalsAggregated(account, key[1], n_refused, from_ns, from_ns + _NS_PER_S))


def _forget(ctx: Context) -> None:
    """Timers of what is over, so that memory is bounded by what is open."""
    memory, ledger = ctx.memory, ctx.ledger
    for timers in (memory.next_query_ns, memory.heard_ns, memory.canceling_ns):
        for child_id in [c for c in timers if c not in ledger.live_children]:
            del timers[child_id]
    for key in [k for k, until_ns in memory.rejected_until_ns.items() if until_ns <= ctx.now_ns]:
        del memory.rejected_until_ns[key]
    if len(memory.lookalikes) > 10_000:
        for look in [k for k, (ts_ns, _) in memory.lookalikes.items() if ctx.now_ns - ts_ns > 3600 * _NS_PER_S]:
            del memory.lookalikes[look]
