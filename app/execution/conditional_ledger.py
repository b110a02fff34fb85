"""Definitions as a function of the log: the part of `evolve` (execution/ledger.py) that conditional facts have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain import conditional_events as ce
from app.domain.conditional_records import ConditionalRecord, LegRecord
from app.domain.errors import InvariantBroken
from app.domain.events import Event, Fact


@dataclass(slots=True)
class Definitions:
    """Every definition, the open ones, and whose an order is: order id -> (definition's id, leg)."""

    all: dict[str, ConditionalRecord] = field(default_factory=dict)
    open: dict[str, ConditionalRecord] = field(default_factory=dict)
    open_by_account: dict[str, dict[str, ConditionalRecord]] = field(default_factory=dict)
    leg_of_order: dict[str, tuple[str, int]] = field(default_factory=dict)

    def adopt(self, record: ConditionalRecord) -> None:
        """Puts a definition in with everything that finds it."""
        conditional_id = record.conditional_id
        self.all[conditional_id] = record
        if not record.is_done:
            self.open[conditional_id] = record
            self.open_by_account.setdefault(record.account, {})[conditional_id] = record
        for leg_i, leg in enumerate(record.legs):
            for order_id in leg.order_ids:
                self.leg_of_order[order_id] = (conditional_id, leg_i)

    def release(self, conditional_id: str) -> None:
        """Lets a done definition go: for a projection, which has it in its rows."""
        record = self.all.pop(conditional_id)
        assert record.is_done
        for leg in record.legs:
            for order_id in leg.order_ids:
                self.leg_of_order.pop(order_id, None)


def accepted(definitions: Definitions, fact: Fact, event: ce.ConditionalAccepted) -> None:
    """A new definition; its client id is the ledger's own business."""
    if event.conditional_id in definitions.all:
        raise InvariantBroken(conditional_id=event.conditional_id, reason="a definition is accepted once")
    definitions.adopt(
        ConditionalRecord(
            accepted=event,
            definition=event.definition,
            legs=[LegRecord() for _ in event.definition.legs],
            version=1,
            cancel_reason="",
            done_reason=None,
            done_detail="",
            created_ts_ns=fact.ts_ns,
            updated_ts_ns=fact.ts_ns,
            accepted_account_seq=fact.account_seq,
            last_seq=fact.seq,
            last_account_seq=fact.account_seq,
        )
    )


def apply(definitions: Definitions, fact: Fact, event: Event) -> None:
    """Any later fact of a definition. Raises InvariantBroken for one that is not there or over."""
    conditional_id: str = event.conditional_id  # type: ignore[attr-defined]
    record = definitions.open.get(conditional_id)
    if record is None:
        raise InvariantBroken(conditional_id=conditional_id, kind=event.KIND, reason="no such open definition")
    record.updated_ts_ns, record.last_seq, record.last_account_seq = fact.ts_ns, fact.seq, fact.account_seq
    _APPLY[type(event)](definitions, record, fact, event)


def _amended(definitions: Definitions, record: ConditionalRecord, fact: Fact, event: ce.ConditionalAmended) -> None:
    if len(event.definition.legs) != len(record.legs):
        raise InvariantBroken(conditional_id=record.conditional_id, reason="an amendment keeps the legs")
    record.amend(event.definition)


def _marked(definitions: Definitions, record: ConditionalRecord, fact: Fact, event: ce.TrailMarked) -> None:
    leg = record.legs[event.leg_i]
    leg.mark_half_units, leg.marked_ts_ns = event.mark_half_units, fact.ts_ns


def _triggered(definitions: Definitions, record: ConditionalRecord, fact: Fact, event: ce.LegTriggered) -> None:
    leg = record.legs[event.leg_i]
    if leg.is_triggered:
        raise InvariantBroken(conditional_id=record.conditional_id, leg_i=event.leg_i, reason="triggered twice")
    leg.triggered_ts_ns, leg.stop_half_units = fact.ts_ns, event.stop_half_units
    leg.mark_half_units = event.mark_half_units
    leg.n_refused, leg.refused_ts_ns, leg.refusal_code = 0, 0, ""  # what was refused was a stop at a venue


def _ordered(definitions: Definitions, record: ConditionalRecord, fact: Fact, event: ce.LegOrdered) -> None:
    leg = record.legs[event.leg_i]
    leg.order_ids.append(event.leg_order_id)
    leg.n_refused, leg.refused_ts_ns, leg.refusal_code = 0, 0, ""
    definitions.leg_of_order[event.leg_order_id] = (record.conditional_id, event.leg_i)


def _refused(definitions: Definitions, record: ConditionalRecord, fact: Fact, event: ce.LegRefused) -> None:
    leg = record.legs[event.leg_i]
    leg.n_refused += 1
    leg.refused_ts_ns, leg.refusal_code = fact.ts_ns, event.code.value


def _leg_canceled(definitions: Definitions, record: ConditionalRecord, fact: Fact, event: ce.LegCanceled) -> None:
    record.legs[event.leg_i].cancel_reason = event.reason


def _cancel_requested(
    definitions: Definitions, record: ConditionalRecord, fact: Fact, event: ce.ConditionalCancelRequested
) -> None:
    record.cancel_reason = event.reason


def _done(definitions: Definitions, record: ConditionalRecord, fact: Fact, event: ce.ConditionalDone) -> None:
    record.done_reason, record.done_detail = event.reason, event.detail
    del definitions.open[record.conditional_id]
    del definitions.open_by_account[record.account][record.conditional_id]


_Handler = Callable[[Definitions, ConditionalRecord, Fact, Any], None]
_APPLY: Final[dict[type[Event], _Handler]] = {
    ce.ConditionalAmended: _amended,
    ce.TrailMarked: _marked,
    ce.LegTriggered: _triggered,
    ce.LegOrdered: _ordered,
    ce.LegRefused: _refused,
    ce.LegCanceled: _leg_canceled,
    ce.ConditionalCancelRequested: _cancel_requested,
    ce.ConditionalDone: _done,
}
