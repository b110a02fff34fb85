"""Facts survive their bytes exactly; what could not be read back is never written."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import Liquidity, Mode, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.events import (
    EVENT_TYPES,
    ChildFilled,
    EngineStarted,
    Event,
    Fact,
    OrderAmended,
    ScheduleBegun,
    ShardOpened,
)
from app.domain.schedule import Progress
from app.domain.scheduled import Schedule, ScheduleState
from app.domain.sweeps import SweepStyle, SweepTerms
from app.domain.timing_facts import TIMING_EVENTS
from app.store.codec import (
    UNNAMED,
    decode,
    decode_fact,
    encode,
    encode_fact,
    record_of,
)
from tests.store import named
from tests.worlds import T0_NS, make_desk, make_order

INTEGERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(10**30), 10**30))
TEXTS = st.text(max_size=40)  # hypothesis leaves lone surrogates out unless asked


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Every value of a domain type, by its declaration alone."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(part) for part in get_args(hint)])
    if origin is tuple:
        parts = get_args(hint)
        if len(parts) == 2 and parts[1] is Ellipsis:
            return st.lists(values_of(parts[0]), max_size=3).map(tuple)
        return st.tuples(*[values_of(part) for part in parts])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if is_dataclass(hint):
        assert isinstance(hint, type)
        hints = get_type_hints(hint)
        return st.builds(hint, **{f.name: values_of(hints[f.name]) for f in fields(hint)})
    simple = {int: INTEGERS, str: TEXTS, bool: st.booleans(), type(None): st.none()}
    return simple[hint]


@pytest.mark.parametrize("event_type", (*EVENT_TYPES, *TIMING_EVENTS), ids=lambda event_type: event_type.KIND)
def test_every_fact_survives_its_bytes(event_type: type[Event]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(values_of(event_type))
    def survives(event: Event) -> None:
        body = encode(event)
        restored = decode(event.KIND, event.V, body)
        assert restored == event
        assert repr(restored) == repr(event)  # equal values of equal types: no str for an enum, no list for a tuple
        assert encode(restored) == body

    survives()


@pytest.mark.parametrize("event_type", (*EVENT_TYPES, *TIMING_EVENTS), ids=lambda event_type: event_type.KIND)
def test_the_bytes_are_canonical_json_in_declared_order(event_type: type[Event]) -> None:
    @settings(max_examples=20, deadline=None)
    @given(values_of(event_type))
    def is_canonical(event: Event) -> None:
        members = json.loads(encode(event))
        if event_type in UNNAMED:
            assert isinstance(members, list)
            return
        assert list(members) == [f.name for f in fields(event)]
        plain = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
        assert json.loads(plain) == members

    is_canonical()


def test_kinds_are_unique() -> None:
    assert len({(t.KIND, t.V) for t in EVENT_TYPES}) == len(EVENT_TYPES)


FILL = ChildFilled(
    account="desk",
    order_id="ord_1",
    child_id="chd_1",
    exec_id="exe_1",
    venue="alpha",
    symbol="BTC/USDT",
    venue_trade_id="t1",
    price_units=6_400_000,
    qty_units=1_000,
    qty_lots=1,
    money_nano=64 * 10**9,
    notional_nano=64 * 10**9,
    fee_nano=-64,
    fee_currency="USDT",
    liquidity=Liquidity.TAKER,
    venue_ts_ns=1,
    received_ts_ns=2,
    venue_mid_half_units=3,
    class_mid_half_units=4,
    is_late=False,
    signed_qty_units=1_000,
    moves=(("USDT", -64),),
)


def test_the_golden_bytes_of_a_fill_stay() -> None:
    # A change here is a change of the log's format: raise V, keep the old decoder.
    assert encode(FILL) == (
        b'["desk","ord_1","chd_1","exe_1","alpha","BTC/USDT","t1",6400000,1000,1,64000000000,64000000000,-64,"USDT",'
        b'"taker",1,2,3,4,false,1000,[["USDT",-64]]]'
    )
    assert encode(replace(FILL, gas_nano=7)) == encode(FILL)[:-1] + b",7]"


def test_the_golden_bytes_of_a_fill_with_names_are_still_read() -> None:
    old = (
        b'{"account":"desk","order_id":"ord_1","child_id":"chd_1","exec_id":"exe_1","venue":"alpha",'
        b'"symbol":"BTC/USDT","venue_trade_id":"t1","price_units":6400000,"qty_units":1000,"qty_lots":1,'
        b'"money_nano":64000000000,"notional_nano":64000000000,"fee_nano":-64,"fee_currency":"USDT",'
        b'"liquidity":"taker","venue_ts_ns":1,"received_ts_ns":2,"venue_mid_half_units":3,"class_mid_half_units":4,'
        b'"is_late":false,"signed_qty_units":1000,"moves":[["USDT",-64]],"gas_nano":0}'
    )
    assert decode("child_filled", 1, old) == FILL
    for wrong in (old.replace(b',"gas_nano":0', b""), old.replace(b",", b", ", 1), encode(FILL)):
        with pytest.raises(InvariantBroken):
            decode("child_filled", 1, wrong)
    with pytest.raises(InvariantBroken):
        decode("child_filled", 2, old)


@pytest.mark.parametrize("kind", sorted(UNNAMED, key=lambda kind: kind.KIND), ids=lambda kind: kind.KIND)
def test_every_value_with_names_is_still_read(kind: type[Event]) -> None:
    """The version before this one's, whose fields were the same."""

    @settings(max_examples=40, deadline=None)
    @given(values_of(kind))
    def is_read(event: Event) -> None:
        body = named.body(named.plain(event))
        restored = decode(kind.KIND, kind.V - 1, body)
        assert repr(restored) == repr(event)
        for wrong in (body.replace(b":", b": ", 1), body[:-1] + b',"extra":1}'):
            with pytest.raises(InvariantBroken):
                decode(kind.KIND, kind.V - 1, wrong)

    is_read()


@pytest.mark.parametrize("value", [1.0, 1.5, float("nan"), True, "1", None, [1]])
def test_a_number_that_is_no_integer_is_never_written(value: Any) -> None:
    with pytest.raises(InvariantBroken):
        encode(replace(FILL, money_nano=value))


@pytest.mark.parametrize("change", [{"venue": "\ud800"}, {"moves": [("USDT", 1)]}, {"liquidity": "neither"}])
def test_a_value_that_would_not_read_back_is_never_written(change: dict[str, Any]) -> None:
    with pytest.raises(InvariantBroken):
        encode(replace(FILL, **change))


def test_an_unknown_kind_or_version_is_refused_with_its_name() -> None:
    body = encode(FILL)
    with pytest.raises(InvariantBroken, match="child_folded"):
        decode("child_folded", 1, body)
    for v in (0, 3):
        with pytest.raises(InvariantBroken, match=f"v={v}"):
            decode("child_filled", v, body)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-1],
        lambda body: body.replace(b"6400000,", b""),
        lambda body: body.replace(b"6400000", b"6400000.0"),
        lambda body: body.replace(b"taker", b"giver"),
        lambda body: body.replace(b",", b", ", 1),
        lambda body: body[:-1] + b",0]",
        lambda body: body[:-1] + b",null]",
        lambda body: body[:-1] + b",7,7]",
        lambda body: b"",
    ],
)
def test_bytes_that_are_not_this_versions_form_are_refused(damage: Any) -> None:
    with pytest.raises(InvariantBroken):
        decode("child_filled", 2, damage(encode(FILL)))


def test_a_missing_member_with_a_default_is_refused_too() -> None:
    # A default would let an old shape pass as the new one without a new version.
    begun = b'{"account":"a","order_id":"o"}'
    for v in (1, 2):
        with pytest.raises(InvariantBroken):
            decode("tca_reported", v, begun)


def test_a_type_that_is_not_listed_is_not_written() -> None:
    class Rumour(Event):
        KIND = "rumour"

    with pytest.raises(InvariantBroken, match="rumour"):
        encode(Rumour("desk"))


def test_a_record_holds_place_kind_and_event() -> None:
    fact = Fact(7, 1_700_000_000_000_000_000, 3, EngineStarted("", "0.1.0", Mode.PAPER, 6))
    encoded = encode_fact(fact)
    assert json.loads(encoded.record) == {
        "seq": 7,
        "ts_ns": 1_700_000_000_000_000_000,
        "account_seq": 3,
        "kind": "engine_started",
        "v": 1,
        "event": {"account": "", "release": "0.1.0", "mode": "paper", "recovered_seq": 6},
    }
    assert record_of(encoded) == encoded.record
    assert decode_fact(encoded) == fact


def test_a_row_of_another_account_is_refused() -> None:
    encoded = encode_fact(Fact(1, 1, 1, ShardOpened("desk", "0", "e", "r")))
    with pytest.raises(InvariantBroken, match="another account"):
        decode_fact(encoded._replace(account="other"))


UNBENT = ("max_tilt_ppm", "discretion_units", "is_discretion_past_limit")


def undisguised(plain: dict[str, Any]) -> dict[str, Any]:
    return unbent({name: value for name, value in plain.items() if name not in ("disguise", "crowd_units")})


def unbent(plain: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plain.items() if name not in UNBENT}


def old_state(plain: dict[str, Any], older: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """A schedule's state of before bends, its schedule by `older`."""
    known = {name: value for name, value in plain.items() if name != "bend"}
    return known | {"schedule": older(plain["schedule"])}


def encoded(plain: dict[str, Any]) -> bytes:
    return json.dumps(plain, separators=(",", ":")).encode()


@pytest.mark.parametrize(("version", "older"), [(1, undisguised), (2, unbent)])
def test_older_schedules_read_as_undisguised_and_unbent(
    version: int, older: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    schedule = Schedule(Strategy.TWAP, 1, 0, 10**18, 10**9)
    state = ScheduleState(schedule, 1, 0, Progress(10, 0, 0, 0, 0, 0))
    begun = ScheduleBegun("desk", "ord_1", state)
    plain = json.loads(encode(begun))
    plain["state"] = old_state(plain["state"], older)
    assert decode("schedule_begun", version, encoded(plain)) == begun
    for own, of_state in ((schedule, state), (None, None)):
        amended = OrderAmended("desk", "ord_1", "ops", 5, None, 0, 1, own, of_state, 0)
        plain = json.loads(encode(amended))
        if own is not None:
            plain["schedule"] = older(plain["schedule"])
            plain["state"] = old_state(plain["state"], older)
        assert decode("order_amended", version, encoded(plain)) == amended
    with pytest.raises(InvariantBroken):
        decode("schedule_begun", 3, encoded(plain))


def test_an_accepted_schedule_of_before_the_disguise_reads_as_undisguised() -> None:
    desk = make_desk()
    schedule = Schedule(Strategy.TWAP, 1, T0_NS, T0_NS + 10**10, 10**9)
    more = {"strategy": Strategy.TWAP, "time_in_force": TimeInForce.GTC, "qty_units": 1_000}
    parent, _ = desk.accepted(make_order(schedule=schedule, **more))
    plain = named.plain(parent.accepted)
    own = plain["order"]["schedule"]
    del plain["foretold"], plain["order"]["sweep"]
    for version, older in ((3, undisguised), (4, unbent)):
        plain["order"]["schedule"] = older(own)
        assert decode("order_accepted", version, encoded(plain)) == parent.accepted


def test_an_acceptance_of_before_it_said_its_cost_says_none_and_keeps_its_terms() -> None:
    desk = make_desk()
    terms = SweepTerms(SweepStyle.SWEEP, min_qty_units=100)
    parent, _ = desk.accepted(make_order(strategy=Strategy.SWEEP, sweep=terms))
    body = named.body(named.plain(parent.accepted))
    assert body.endswith(b',"foretold":null}')
    assert decode("order_accepted", 5, body.replace(b',"foretold":null', b"")) == parent.accepted
    with pytest.raises(InvariantBroken):
        decode("order_accepted", 6, body.replace(b',"foretold":null', b""))
