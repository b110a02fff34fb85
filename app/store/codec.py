"""Facts as bytes: canonical JSON in declared field order, integers and text only, UTF-8, one version per kind.

A record is what the hash chain covers: the fact's place (`seq`, `ts_ns`, `account_seq`), its kind and version, and
its event. Nothing is written that would not read back equal, so that a log can always be replayed. The kinds that an
order's common course tells are spelled without names (store/unnamed.py); of every other kind the fields are named.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from app.domain.conditional_events import CONDITIONAL_EVENTS, ConditionalAccepted, ConditionalAmended
from app.domain.errors import InvariantBroken
from app.domain.events import (
    EVENT_TYPES,
    ChildAcked,
    ChildFilled,
    ChildSending,
    Event,
    Fact,
    OrderAccepted,
    OrderAmended,
    OrderDone,
    RoutePlanned,
    ScheduleBegun,
    TcaReported,
)
from app.domain.hidden_facts import HIDDEN_EVENTS
from app.domain.placement_facts import PLACEMENT_EVENTS, SlicePosted
from app.domain.shadow_events import SHADOW_EVENTS
from app.domain.timing_facts import TIMING_EVENTS
from app.store.unnamed import reader_of, writer_of

_encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode

_EVENT_TYPES: Final = (
    *EVENT_TYPES,
    *CONDITIONAL_EVENTS,
    *PLACEMENT_EVENTS,
    *SHADOW_EVENTS,
    *TIMING_EVENTS,
    *HIDDEN_EVENTS,
)
# What an order's common course writes, again and again of the same shape, and the last version with names of each.
_LAST_NAMED: Final[dict[type[Event], int]] = {
    OrderAccepted: 6,
    RoutePlanned: 3,
    ChildSending: 3,
    ChildAcked: 1,
    ChildFilled: 1,
    OrderDone: 1,
    TcaReported: 1,
}
UNNAMED: Final = {kind: writer_of(kind) for kind in _LAST_NAMED}
# (kind, version) -> decoder. A type whose shape changes raises its V, and what it has grown is told below.
_DECODERS: Final[dict[tuple[str, int], Callable[[bytes], Event]]] = {
    (kind.KIND, kind.V): reader_of(kind) if kind in UNNAMED else msgspec.json.Decoder(kind).decode
    for kind in _EVENT_TYPES
} | {(kind.KIND, v): msgspec.json.Decoder(kind).decode for kind, v in _LAST_NAMED.items()}


def _grow_schedule(schedule: dict[str, Any] | None, v: int) -> None:
    if schedule is not None:
        if v < 2:
            schedule.update(disguise="none", crowd_units=[])
        schedule.update(max_tilt_ppm=0, discretion_units=0, is_discretion_past_limit=False, resting=None)


def _grow_state(state: dict[str, Any] | None, v: int) -> None:
    if state is not None:
        _grow_schedule(state["schedule"], v)
        state["bend"] = None


def _grow_order(order: dict[str, Any], v: int) -> None:
    if v < 2:
        order["quote_pool"] = None
    if v < 3:
        order["schedule"] = None
    order["sweep"] = None
    _grow_schedule(order["schedule"], v - 2)


def _grow_accepted(plain: dict[str, Any], v: int) -> None:
    if v < 5:
        _grow_order(plain["order"], v)
    plain["foretold"] = None


def _grow_amended(plain: dict[str, Any], v: int) -> None:
    _grow_schedule(plain["schedule"], v)
    _grow_state(plain["state"], v)


def _grow_child(child: dict[str, Any], v: int) -> None:
    if v < 2:
        child.update(is_post_only=False, rest_until_ns=0)
    child.update(stop=None, display_lots=0, min_qty_lots=0, quote_id="")


def _grow_plan(plan: dict[str, Any], v: int) -> None:
    if v < 2:
        plan["certificate"].update(
            estimated_nano=0, estimated_low_nano=0, estimated_high_nano=0, is_bound_searched=False
        )
    plan["conversions"] = []


# kind -> what today's shape adds to the plain values of an older version's bytes, in place: what was not said is zero.
_GROWN: Final[dict[str, Callable[[dict[str, Any], int], None]]] = {
    OrderAccepted.KIND: _grow_accepted,
    ScheduleBegun.KIND: lambda plain, v: _grow_state(plain["state"], v),
    OrderAmended.KIND: _grow_amended,
    ChildSending.KIND: lambda plain, v: _grow_child(plain["child"], v),
    SlicePosted.KIND: lambda plain, v: plain.update(toxic_ppm=0, rule="unsaid"),
    ConditionalAccepted.KIND: lambda plain, v: plain["definition"].update(trigger_location="engine"),
    ConditionalAmended.KIND: lambda plain, v: plain["definition"].update(trigger_location="engine"),
    RoutePlanned.KIND: lambda plain, v: _grow_plan(plain["plan"], v),
}
# kind -> the version of today's fields, spelled with names.
_NAMED: Final = {kind.KIND: _LAST_NAMED.get(kind, kind.V) for kind in _EVENT_TYPES}


class EncodedFact(NamedTuple):
    """A fact made ready for a log by itself. `body` is the event; `record` is what is hashed."""

    seq: int
    account: str
    account_seq: int
    ts_ns: int
    kind: str
    v: int
    body: bytes
    record: bytes


def encode(event: Event) -> bytes:
    """Canonical JSON of `event`. Raises InvariantBroken for an unknown type or a value that does not read back equal.

    A float in an integer's place, a bool, a list for a tuple or a lone surrogate is refused here, before the log.
    """
    body = encode_unread(event)
    try:
        restored = _DECODERS[(event.KIND, event.V)](body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvariantBroken(reason="a fact that cannot be written", kind=event.KIND, error=str(error)) from error
    if restored != event:
        raise InvariantBroken(reason="a fact that does not read back equal", kind=event.KIND)
    return body


def encode_unread(event: Event) -> bytes:
    """As `encode`, but not read back: for events of a type whose values tests have read back (docs/adr/0039).

    Still refused: an unknown type, a lone surrogate, a value of no JSON form, such as a NumPy integer.
    """
    if (event.KIND, event.V) not in _DECODERS:
        raise InvariantBroken(reason="unknown kind or version of a fact", kind=event.KIND, v=event.V)
    try:
        return (_table_text(event) if type(event) is RoutePlanned else b"") or _spelled(event)
    except (msgspec.MsgspecError, TypeError, ValueError, AttributeError) as error:
        raise InvariantBroken(reason="a fact that cannot be written", kind=event.KIND, error=str(error)) from error


def _table_text(event: RoutePlanned) -> bytes:
    """As a kernel spells it, empty where none does. Loaded here: who only reads the log does without the compiler."""
    from app.store import plan_text

    return plan_text.texts_of((event,))[0] if plan_text.is_ready() else b""


def _spelled(event: Event) -> bytes:
    write = UNNAMED.get(type(event))
    return _encode(write(event) if write is not None else event)


def decode(kind: str, v: int, body: bytes) -> Event:
    """The event of `body`, with enums, tuples and nested values restored.

    Raises InvariantBroken for an unknown kind or version, and for bytes that are not this version's canonical form.
    """
    decoder, grow = _DECODERS.get((kind, v)), _GROWN.get(kind)
    if grow is not None and 1 <= v < _NAMED[kind]:
        return _decode_older(kind, v, body, grow)
    if decoder is None:
        raise InvariantBroken(reason="unknown kind or version of a fact", kind=kind, v=v)
    try:
        event = decoder(body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvariantBroken(reason="a fact that cannot be read", kind=kind, v=v, error=str(error)) from error
    if (_encode(event) if body[:1] == b"{" else _spelled(event)) != body:
        raise InvariantBroken(reason="a fact that is not in canonical form", kind=kind, v=v)
    return event


def _decode_older(kind: str, v: int, body: bytes, grow: Callable[[dict[str, Any], int], None]) -> Event:
    """An older version's bytes as today's event; its canonical form is judged before anything is added."""
    try:
        plain = json.loads(body)
        is_canonical = _encode(plain) == body
        grow(plain, v)
        event = _DECODERS[(kind, _NAMED[kind])](_encode(plain))
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvariantBroken(reason="a fact that cannot be read", kind=kind, v=v, error=str(error)) from error
    if not is_canonical:
        raise InvariantBroken(reason="a fact that is not in canonical form", kind=kind, v=v)
    return event


def record_of(row: Sequence[Any]) -> bytes:
    """The canonical record of a row (seq, account, account_seq, ts_ns, kind, v, body, ...): place, kind, event."""
    return b'{"seq":%d,"ts_ns":%d,"account_seq":%d,"kind":"%b","v":%d,"event":%b}' % (
        row[0],
        row[3],
        row[2],
        row[4].encode(),
        row[5],
        row[6],
    )


def encode_fact(fact: Fact) -> EncodedFact:
    """`fact` ready for the log; errors as `encode`."""
    event = fact.event
    row = (fact.seq, event.account, fact.account_seq, fact.ts_ns, event.KIND, event.V, encode(event))
    return EncodedFact(*row, record_of(row))


def decode_fact(row: Sequence[Any]) -> Fact:
    """The fact of a row (seq, account, account_seq, ts_ns, kind, v, body, ...); errors as `decode`."""
    event = decode(row[4], row[5], row[6])
    if event.account != row[1]:
        raise InvariantBroken(reason="a record of another account", seq=row[0], account=row[1])
    return Fact(row[0], row[3], row[2], event)
