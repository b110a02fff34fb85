"""What one order says of its children that rest: on or off, post-only policy, peg, icebergs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import OrderType, Side, TimeInForce
from app.domain.errors import BadRequest
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.domain.posting import Peg, Posting, PostOnly, RestTerms, Switch
from app.domain.records import ParentRecord
from app.domain.schedule import ScheduleUrgency
from app.execution import inputs as inp
from app.store.codec import decode, encode
from tests.execution.test_posting import cancels, pulled, sums_hold
from tests.execution.test_scheduled import scheduled
from tests.store import named
from tests.worlds import MS, VENUES, Desk, make_desk, sent


def desk_of(*, is_on: bool, icebergs: frozenset[str] = frozenset(VENUES), max_reprices: int = 4) -> Desk:
    desk = make_desk()
    posting = Posting(frozenset(VENUES), PostOnly.REJECT, max_reprices, 200 * MS, 200 * MS, is_on, icebergs)
    desk.core.world = replace(desk.core.world, posting=posting)
    return desk


def said(**terms: object) -> dict[str, object]:
    return {"urgency": ScheduleUrgency.PASSIVE, "resting": RestTerms(**terms)}  # type: ignore[arg-type]


def begun(desk: Desk, terms: dict[str, object], **changes: object) -> tuple[ParentRecord, ChildOrder]:
    parent, children = desk.accepted(scheduled(schedule=terms, **changes))  # type: ignore[arg-type]
    (child,) = children
    return parent, child


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("word", [None, Switch.ON, Switch.OFF])
def test_an_orders_word_counts_before_the_setting(is_on: bool, word: Switch | None) -> None:
    desk = desk_of(is_on=is_on)
    parent, children = desk.accepted(scheduled(schedule=said(posting=word)))
    wanted = is_on if word is None else word is Switch.ON
    assert {c.rests for c in children} == {wanted}
    sums_hold(desk, parent)


@pytest.mark.parametrize(
    ("policy", "is_post_only", "back_ticks"),
    [(PostOnly.REJECT, True, 0), (PostOnly.BACK_OFF, True, 1), (PostOnly.CONVERT, False, 0)],
)
def test_an_orders_policy_counts_before_the_setting(policy: PostOnly, is_post_only: bool, back_ticks: int) -> None:
    desk = desk_of(is_on=True)
    parent, child = begun(desk, said(post_only=policy))
    assert child.is_post_only is is_post_only
    if policy is PostOnly.CONVERT:
        return
    desk.now_ns += 100 * MS
    (again,) = sent(desk.report(child, ReportKind.REJECTED, code="post_only", evidence="e"))
    assert child.price_ticks - again.price_ticks == back_ticks
    sums_hold(desk, parent)


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"posting": Switch.OFF, "peg": Peg.NEAR}, "peg"),
        ({"posting": Switch.OFF, "post_only": PostOnly.REJECT}, "post_only"),
        ({"display_units": 100}, "display_qty"),
    ],
)
def test_what_is_of_children_that_rest_needs_them(terms: dict[str, object], pointer: str) -> None:
    desk = desk_of(is_on=False)
    reply, _ = desk.submit(scheduled(schedule=said(**terms)))
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert reply.error.pointer == f"/strategy_params/{pointer}"


def test_where_no_venue_takes_them_an_order_that_wants_them_is_refused() -> None:
    for desk, terms in (
        (make_desk(), {"posting": Switch.ON}),
        (desk_of(is_on=True, icebergs=frozenset()), {"display_units": 100}),
    ):
        reply, _ = desk.submit(scheduled(schedule=said(**terms)))
        assert isinstance(reply, inp.Failed)


@pytest.mark.parametrize("side", list(Side))
def test_a_peg_to_the_mid_rests_between_the_touches_on_its_own_side(side: Side) -> None:
    desk = desk_of(is_on=True)
    parent, child = begun(desk, said(peg=Peg.MID), side=side)
    touch = desk.board.touch(child.venue, child.symbol)
    assert touch is not None
    bid, ask = touch
    assert bid < child.price_units < ask
    assert side.sign * (2 * child.price_units - bid - ask) <= 0
    sums_hold(desk, parent)


@pytest.mark.parametrize(("peg", "follows"), [(Peg.NONE, False), (Peg.NEAR, True), (Peg.MID, True)])
def test_a_peg_follows_a_touch_that_comes_nearer_too(peg: Peg, follows: bool) -> None:
    desk = desk_of(is_on=True)
    parent, child = begun(desk, said(peg=peg))
    desk.report(child, ReportKind.ACKED)
    desk.now_ns += 500 * MS
    desk.refresh(5_999_000)
    assert cancels(desk.turn(inp.Tick())) == ([child] if follows else [])
    if follows:
        assert pulled(desk) == ["reprice"]
        (again,) = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
        assert again.price_units < child.price_units
    sums_hold(desk, parent)


def test_a_peg_moves_as_often_as_it_may_and_never_past_the_limit() -> None:
    desk = desk_of(is_on=True, max_reprices=2)
    limit_units = 6_000_150
    limit = {"order_type": OrderType.LIMIT, "limit_price_units": limit_units}
    parent, child = begun(desk, said(peg=Peg.MID), **limit)
    n_moved = 0
    for step in range(1, 9):
        desk.report(child, ReportKind.ACKED)
        desk.now_ns += 90 * MS
        desk.refresh(6_000_000 + 40 * step)
        turn = desk.turn(inp.Tick())
        assert child.price_units <= limit_units
        if child in cancels(turn):
            n_moved += 1
            desk.now_ns += 10 * MS
            again = [c for c in sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)) if c.rests]
            if not again:
                break
            (child,) = again
    assert n_moved <= 2
    sums_hold(desk, parent)


def test_an_iceberg_shows_its_part_and_only_where_a_venue_takes_one_so_small() -> None:
    desk = desk_of(is_on=True)
    # ven_c counts in lots of 100 units: it cannot show 30 of them.
    parent, child = begun(desk, said(display_units=30))
    assert child.venue != "ven_c"
    assert child.display_lots * child.lot_units == 30
    assert child.qty_units == 100
    sums_hold(desk, parent)
    sending = next(f.event for f in desk.facts if f.event.KIND == "child_sending")
    assert decode(sending.KIND, sending.V, encode(sending)) == sending


def test_what_would_show_whole_is_no_iceberg() -> None:
    desk = desk_of(is_on=True)
    _, child = begun(desk, said(display_units=5_000))
    assert child.display_lots == 0


def test_its_terms_read_back_and_older_orders_say_nothing() -> None:
    desk = desk_of(is_on=True)
    parent, _ = begun(desk, said(peg=Peg.NEAR, post_only=PostOnly.BACK_OFF))
    for fact in desk.facts:
        assert decode(fact.event.KIND, fact.event.V, encode(fact.event)) == fact.event
    accepted = parent.accepted
    plain = named.plain(accepted)
    told = {"posting": None, "post_only": "back_off", "peg": "near", "display_units": 0}
    assert plain["order"]["schedule"].pop("resting") == told
    old = decode("order_accepted", 4, named.body(plain))
    schedule = accepted.order.schedule
    assert schedule is not None
    assert old == replace(accepted, order=replace(accepted.order, schedule=replace(schedule, resting=None)))


def test_a_child_at_a_venue_is_never_more_than_its_slice() -> None:
    desk = desk_of(is_on=True)
    parent, child = begun(desk, said(peg=Peg.MID, display_units=30))
    assert child.time_in_force is TimeInForce.GTC
    assert parent.in_flight_qty_units <= 100
