"""Facts as messages: what feeds which channel, and numbers that agree with the ledger."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from app.api.wire.text import time_text
from app.api.ws import messages as ms
from app.api.ws import wire
from app.api.ws.messages import Channel
from app.domain import conditional_events as ce
from app.domain import events as ev
from app.domain.enums import DoneReason, KillAction, KillScope
from app.domain.events import Event
from app.services.streams import StreamItem
from tests.conditionals import bracket, move, taken
from tests.services.fact_stories import SYMBOLS, Story, told
from tests.worlds import make_desk


def row(item: StreamItem, channel: Channel) -> dict:
    return msgspec.json.decode(b"{" + wire.tail(item, channel, SYMBOLS))["data"][0]


def worked() -> tuple[Story, str, list[str]]:
    """One order of 1 BTC with its children sent."""
    story = Story(1, accounts=("desk",))
    story.random.seed(3)
    order_id = story.accept("desk", "BTC/USDT")
    story.plan(order_id)
    return story, order_id, list(story.ledger.parents[order_id].children)


def test_every_kind_of_fact_feeds_what_the_documents_say() -> None:
    story = Story(7, accounts=("desk",))
    story.grow(1_500)
    order_id = story.accept("desk")
    story.plan(order_id)
    child_id = next(iter(story.ledger.parents[order_id].children))
    story.tell(ev.OverfillRecorded("desk", order_id, child_id, 1000))
    fed: dict[str, set[tuple[str, ...]]] = {}
    for item in told(story):
        fed.setdefault(item.fact.event.KIND, set()).add(tuple(c.value for c in wire.channels_of(item)))
    assert (
        fed["order_accepted"] == fed["route_planned"] == fed["order_done"] == fed["cancel_requested"] == {("orders",)}
    )
    assert fed["child_filled"] == {("orders", "executions")}
    assert fed["child_unknown"] == {("orders", "risk")}
    assert fed["child_sending"] <= {(), ("orders",)}
    assert fed["child_acked"] <= {(), ("orders",)}
    assert fed["child_resolved"] <= {("risk",), ("orders", "risk")}
    for kind in ("order_refused", "refusals_aggregated", "limits_set", "overfill_recorded", "kill_switch_set"):
        assert fed[kind] == {("risk",)}, kind
    assert fed["balance_set"] == fed["key_created"] == {()}


def test_a_childs_fact_is_told_on_orders_only_where_it_changes_the_status() -> None:
    story = Story(9, accounts=("desk",))
    story.grow(800)
    for item in told(story):
        if isinstance(item.fact.event, ev.ChildAcked | ev.ChildCanceled | ev.ChildExpired | ev.ChildSending):
            assert item.order is not None
            is_told = Channel.ORDERS in wire.channels_of(item)
            assert is_told is (item.order.status is not item.order.status_before)


def test_every_message_of_a_long_story_decodes_by_its_struct() -> None:
    story = Story(8)
    story.grow(1_000)
    decoder = msgspec.json.Decoder(ms.Updates)
    n_messages = 0
    for item in told(story):
        for channel in wire.channels_of(item):
            text = wire.head(channel, 1, item.seq, 0, is_replay=False) + wire.tail(item, channel, SYMBOLS)
            message = decoder.decode(text)
            assert msgspec.json.decode(msgspec.json.encode(message)) == msgspec.json.decode(text)
            n_messages += 1
    assert n_messages > 500


def test_quantities_after_a_fill_are_the_orders_at_that_fact() -> None:
    story, order_id, (child_id, *_) = worked()
    order = story.ledger.parents[order_id].accepted.order
    story.fill(order_id, child_id, 2_000)
    story.fill(order_id, child_id, 3_000)
    first, second = told(story)[-2:]
    for item, cum in ((first, "0.02"), (second, "0.05")):
        shown, filled = row(item, Channel.ORDERS), row(item, Channel.EXECUTIONS)
        assert shown["cum_qty"] == filled["cum_qty"] == cum
        if order.qty_units is not None:
            leaves = Decimal(order.qty_units).scaleb(-5) - Decimal(cum)
            assert Decimal(shown["leaves_qty"]) == Decimal(filled["leaves_qty"]) == leaves
        assert shown["order_status"] == filled["order_status"] == "partially_filled"
        assert shown["exec_type"] == filled["exec_type"] == "trade"
    money = sum(f.event.money_nano for f in story.facts if isinstance(f.event, ev.ChildFilled))
    assert Decimal(row(second, Channel.ORDERS)["avg_price"]) == pytest.approx(Decimal(money) / 10**9 / Decimal("0.05"))


def test_an_end_without_a_fill_leaves_nothing_and_says_why() -> None:
    story, order_id, children = worked()
    for child_id in children:
        story.tell(ev.ChildCanceled("desk", order_id, child_id, 0, "venue"))
    story.tell(ev.OrderDone("desk", order_id, DoneReason.EXPIRED, "time_in_force"))
    shown = row(told(story)[-1], Channel.ORDERS)
    assert (shown["exec_type"], shown["order_status"], shown["done_reason"]) == ("expired", "expired", "expired")
    assert shown["text"] == "time_in_force"
    assert shown["leaves_qty"] in ("0", None)
    assert shown["avg_price"] is None


def test_an_order_whose_live_children_are_all_unknown_is_unknown() -> None:
    story, order_id, children = worked()
    for child_id in children:
        story.tell(ev.ChildUnknown("desk", order_id, child_id, "timeout"))
    item = told(story)[-1]
    assert row(item, Channel.ORDERS)["order_status"] == "unknown"
    risk = row(item, Channel.RISK)
    assert (risk["kind"], risk["child_id"], risk["reason"]) == ("child_unknown", children[-1], "timeout")
    assert Decimal(risk["leaves_qty"]) > 0


def test_a_late_fill_is_told_as_one() -> None:
    story, order_id, (child_id, *others) = worked()
    for each in (child_id, *others):
        story.tell(ev.ChildExpired("desk", order_id, each, 0, "venue"))
    story.tell(ev.OrderDone("desk", order_id, DoneReason.EXPIRED, ""))
    story.late_fill(order_id)
    shown = row(told(story)[-1], Channel.EXECUTIONS)
    assert (shown["exec_type"], shown["order_status"], shown["cum_qty"]) == ("trade_late", "expired", "0.01")


def test_a_tail_is_made_once() -> None:
    story, *_ = worked()
    item = told(story)[1]
    assert wire.tail(item, Channel.ORDERS, SYMBOLS) is wire.tail(item, Channel.ORDERS, SYMBOLS)


def test_what_everybody_may_see_names_nobody() -> None:
    story = Story(2)
    kill = story.tell(ev.KillSwitchSet("desk-a", KillScope.VENUE, "beta", KillAction.BLOCK, "why", "desk-a/key"))
    assert wire.system_event(kill) == ms.KillSwitchSet(
        scope=KillScope.VENUE, target="beta", action=KillAction.BLOCK, reason="", actor=""
    )


def test_a_system_event_of_another_kind_is_our_mistake() -> None:
    story = Story(3)
    with pytest.raises(TypeError):
        wire.system_event(story.tell(ev.BalanceSet("desk-a", "alpha", "USDT", 1, "x")))


def test_heartbeats_and_heads_are_json() -> None:
    beat = msgspec.json.decode(wire.heartbeat(9, {1: 4, 2: 9}, [2], 1_700_000_000_123_456_789), type=ms.Heartbeat)
    assert (beat.last_seq, beat.sub_seq, beat.replaying) == (9, {"1": 4, "2": 9}, [2])
    assert beat.ts == time_text(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456Z"
    assert msgspec.json.decode(wire.heartbeat(0, {}, [], 1), type=ms.Heartbeat).sub_seq == {}


@pytest.mark.parametrize(
    "kind",
    [
        *(k for k in ev.EVENT_TYPES if k.KIND.startswith(("child_", "order", "route", "cancel"))),
        ev.SchedulePaused,
        ev.ScheduleResumed,
    ],
)
def test_no_fact_about_orders_is_forgotten(kind: type[Event]) -> None:
    """A new kind of fact must be told somewhere, or be left out on purpose: a reservation is of no account."""
    known = wire._ORDER_FACTS | wire._CHILD_FACTS | wire._RISK_FACTS
    assert kind in known


@pytest.mark.parametrize("kind", ce.CONDITIONAL_EVENTS, ids=lambda kind: kind.KIND)
def test_every_fact_of_a_conditional_order_is_told_on_orders(kind: type[Event]) -> None:
    assert kind in wire._CONDITIONAL_FACTS


def test_a_conditional_order_is_told_fact_by_fact() -> None:
    desk = make_desk()
    record, entry = taken(desk, *bracket())
    desk.fill(entry[0])
    for child in move(desk, 5_890_000):
        desk.fill(child)
    symbols = desk.core.world.universe.symbols
    items = [StreamItem(fact) for fact in desk.facts if isinstance(fact.event, ce.CONDITIONAL_EVENTS)]
    said = []
    for item in items:
        assert wire.channels_of(item) == (Channel.ORDERS,)
        assert wire.symbol_of(item) == "BTC/USDT"
        message = b'{"channel":"orders","sub":1,"seq":1,"prev_seq":0,"replay":false,'
        message += wire.tail(item, Channel.ORDERS, symbols)
        (update,) = msgspec.json.decode(message, type=ms.OrdersMessage).data
        assert isinstance(update, ms.ConditionalUpdate)
        assert update.conditional_id == record.conditional_id
        said.append(update)
    assert [update.event for update in said] == [
        "conditional_accepted",
        "leg_ordered",
        "leg_triggered",
        "leg_ordered",
        "conditional_done",
    ]
    assert (said[2].leg_i, said[2].level, said[2].stop) == (2, "58900", "59000")
    assert (said[-1].done_reason, said[-1].text) == ("filled", None)
