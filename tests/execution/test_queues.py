"""Slices over several queues: split by what each was seen to lose, followed one by one, and told as facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain import events as ev
from app.domain.enums import ChildState, Mode, OrderType, Side
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.domain.placement_facts import SliceSplit
from app.domain.posting import OneTouch, Peg, Posting, PostOnly, RestTerms
from app.domain.schedule import ScheduleUrgency
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.step import Core
from app.routing.placement import place_within
from app.store.codec import decode, encode
from tests.execution.test_posting import cancels, posted, sums_hold
from tests.execution.test_scheduled import scheduled
from tests.worlds import MS, VENUES, Desk, make_desk, sent

QUANTILES = 16


@dataclass
class Seen:
    """Outflows in the test's hand: venue -> units that every quantile loses, or a rising list of them."""

    lost: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    against: Mapping[tuple[str, Side], int] = field(default_factory=dict)

    def quantiles_units(
        self, venue: str, symbol: str, side: Side, horizon_ns: int, ahead_units: int
    ) -> tuple[int, ...]:
        return self.lost.get(venue, ())

    def against_ppm(self, venue: str, symbol: str, side: Side, now_ns: int) -> int:
        return self.against.get((venue, side), 0)


def flat(units: int) -> tuple[int, ...]:
    return (units,) * QUANTILES


def split_desk(seen: Seen, *, max_reprices: int = 4) -> Desk:
    desk = make_desk()
    universe = desk.core.world.universe
    fees = {v: replace(tier, taker_fee_ppm=500, maker_fee_ppm=100) for v, tier in universe.fees.items()}
    desk.core.world = replace(desk.core.world, universe=replace(universe, fees=fees))
    posting = Posting(frozenset(VENUES), PostOnly.REJECT, max_reprices, 200 * MS, 200 * MS, True, frozenset(VENUES))
    desk.core.world = replace(desk.core.world, posting=posting, outflows=seen, place=place_within)
    return desk


def passive(**terms: object) -> dict[str, object]:
    resting = RestTerms(**terms) if terms else None  # type: ignore[arg-type]
    return {"urgency": ScheduleUrgency.PASSIVE, "resting": resting}


def splits(desk: Desk) -> list[SliceSplit]:
    return [f.event for f in desk.facts if isinstance(f.event, SliceSplit)]


# Queues ahead at the touch are 200, 2,000 and 2,000 units at a, b and c.
THIN = Seen({"ven_a": flat(240), "ven_b": flat(2_030), "ven_c": flat(2_000)})


@pytest.mark.parametrize("side", list(Side))
def test_each_queue_gets_what_it_is_seen_to_fill_and_the_rest_crosses(side: Side) -> None:
    desk = split_desk(THIN)
    parent, children = desk.accepted(scheduled(schedule=passive(), side=side))
    resting = {c.venue: c.qty_units for c in children if c.rests}
    crossing = [c for c in children if not c.rests]
    # 40 units trade behind the queue at a, 30 at b, none at c; what is left of 100 crosses at once.
    assert resting == {"ven_a": 40, "ven_b": 30}
    assert sum(c.qty_units for c in crossing) == 30
    (fact,) = splits(desk)
    assert (fact.qty_units, fact.cross_qty_units, fact.unmeasured) == (100, 30, ())
    assert {row.venue: (row.limit_qty_units, row.filled_ppm) for row in fact.queues} == {
        "ven_a": (40, 1_000_000),
        "ven_b": (30, 1_000_000),
        "ven_c": (0, 0),
    }
    assert {row.outflow_units for row in fact.queues} == {flat(240), flat(2_030), flat(2_000)}
    assert decode(fact.KIND, fact.V, encode(fact)) == fact
    assert len({c.wave for c in children if c.rests}) == 1
    sums_hold(desk, parent)


def test_a_deeper_look_posts_no_more_than_the_slice() -> None:
    desk = split_desk(Seen(dict.fromkeys(VENUES, flat(100_000))))
    parent, children = desk.accepted(scheduled(schedule=passive()))
    assert all(c.rests for c in children)
    assert sum(c.qty_units for c in children) == 100
    sums_hold(desk, parent)


def test_where_too_little_was_seen_it_rests_at_one_touch_and_says_so() -> None:
    desk = split_desk(Seen())
    desk.accepted(scheduled(schedule=passive()))
    assert not splits(desk)
    assert [fact.rule for fact in posted(desk)] == [OneTouch.UNMEASURED]


def test_venues_of_which_too_little_was_seen_are_named() -> None:
    desk = split_desk(Seen({"ven_b": flat(5_000)}))
    _, children = desk.accepted(scheduled(schedule=passive()))
    (fact,) = splits(desk)
    assert set(fact.unmeasured) == {"ven_a", "ven_c"}
    assert {c.venue for c in children if c.rests} == {"ven_b"}


@pytest.mark.parametrize(
    ("terms", "rule"), [({"peg": Peg.MID}, OneTouch.PEGGED), ({"display_units": 10}, OneTouch.ICEBERG)]
)
def test_what_no_tape_can_tell_rests_at_one_touch(terms: dict[str, object], rule: OneTouch) -> None:
    desk = split_desk(THIN)
    desk.accepted(scheduled(schedule=passive(**terms)))
    assert [fact.rule for fact in posted(desk)] == [rule]


def test_where_nothing_is_seen_to_fill_all_of_it_crosses() -> None:
    desk = split_desk(Seen(dict.fromkeys(VENUES, flat(10))))
    parent, children = desk.accepted(scheduled(schedule=passive()))
    assert not any(c.rests for c in children)
    assert sum(c.qty_units for c in children) == 100
    sums_hold(desk, parent)


def both(desk: Desk) -> tuple[str, dict[str, ChildOrder]]:
    """Two children that rest, the crossing filled."""
    parent, children = desk.accepted(scheduled(schedule=passive()))
    for child in children:
        if child.rests:
            desk.report(child, ReportKind.ACKED)
        else:
            desk.fill(child)
    return parent.order_id, {c.venue: c for c in children if c.rests}


def test_one_that_follows_its_price_rests_anew_while_its_sibling_stays() -> None:
    desk = split_desk(THIN)
    order_id, resting = both(desk)
    parent = desk.core.ledger.parents[order_id]
    desk.now_ns += 300 * MS
    desk.refresh(6_000_006)  # a's touch moves by its tick of 1, those of b and c stay
    turn = desk.turn(inp.Tick())
    assert cancels(turn) == [resting["ven_a"]]
    desk.fill(resting["ven_a"], 15)  # while it is being canceled
    (again,) = sent(desk.report(resting["ven_a"], ReportKind.CANCELED, cum_qty_lots=15))
    assert (again.qty_units, again.rests, again.rest_until_ns) == (25, True, resting["ven_a"].rest_until_ns)
    assert [fact.rule for fact in posted(desk)] == [OneTouch.AGAIN]
    assert desk.core.ledger.child(resting["ven_b"].child_id).state is ChildState.ACKED
    assert not any(isinstance(f.event, ev.ScheduleGivenBack) for f in desk.facts)
    sums_hold(desk, parent)


def test_it_follows_no_more_often_than_it_may() -> None:
    desk = split_desk(THIN, max_reprices=1)
    order_id, resting = both(desk)
    child, mid_units = resting["ven_a"], 6_000_000
    for _ in range(3):
        desk.now_ns += 210 * MS
        mid_units += 6
        desk.refresh(mid_units)
        if child in cancels(desk.turn(inp.Tick())):
            again = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
            child = again[0] if again else child
            desk.report(child, ReportKind.ACKED)
    assert len(posted(desk)) == 1
    sums_hold(desk, desk.core.ledger.parents[order_id])


def test_what_all_queues_did_not_fill_crosses_once_the_slice_is_over() -> None:
    desk = split_desk(THIN)
    order_id, resting = both(desk)
    assert set(cancels(desk.wait(1_000))) == set(resting.values())
    assert not sent(desk.report(resting["ven_a"], ReportKind.CANCELED, cum_qty_lots=0))
    crossing = sent(desk.report(resting["ven_b"], ReportKind.CANCELED, cum_qty_lots=0))
    assert sum(c.qty_units for c in crossing) == 70
    assert not any(c.rests for c in crossing)
    sums_hold(desk, desk.core.ledger.parents[order_id])


def test_after_a_kill_with_several_queues_resting_each_is_asked_about_and_the_rest_goes_on() -> None:
    desk = split_desk(THIN)
    order_id, resting = both(desk)
    desk.now_ns += 100 * MS
    desk.core = Core(desk.core.world, fold(desk.facts))
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    asked = [c.child for c in desk.wait(100).commands if isinstance(c, inp.QueryChild)]
    assert set(asked) == set(resting.values())
    parent = desk.core.ledger.parents[order_id]
    assert parent.in_flight_qty_units == 70
    desk.report(resting["ven_a"], ReportKind.ACKED)
    (again,) = sent(desk.report(resting["ven_b"], ReportKind.CANCELED, cum_qty_lots=0))
    assert again.qty_units == 30
    assert desk.core.ledger.child(resting["ven_a"].child_id).state is ChildState.ACKED
    sums_hold(desk, parent)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sums_cap_and_limit_hold_whatever_venues_do(data: st.DataObject) -> None:
    """Random outflows, fills while canceling, refusals, silence, moves of the market and restarts."""
    lost = {v: tuple(sorted(data.draw(st.lists(st.integers(0, 4_000), min_size=4, max_size=4)))) for v in VENUES}
    side = data.draw(st.sampled_from(list(Side)))
    limit_units = 6_000_000 + side.sign * data.draw(st.integers(0, 400))
    desk = split_desk(Seen(lost), max_reprices=data.draw(st.integers(0, 3)))
    terms = passive(peg=data.draw(st.sampled_from([Peg.NONE, Peg.NEAR])))
    limit = {"order_type": OrderType.LIMIT, "limit_price_units": limit_units, "side": side}
    parent, children = desk.accepted(scheduled(seconds=4, schedule=terms, **limit))  # type: ignore[arg-type]
    mid_units = 6_000_000
    open_children = {c.client_id: c for c in children}
    for _ in range(data.draw(st.integers(5, 25))):
        desk.now_ns += data.draw(st.integers(1, 400)) * MS
        mid_units += data.draw(st.integers(-60, 60))
        desk.refresh(mid_units)
        turns = [desk.turn(inp.Tick())]
        if data.draw(st.booleans()) and open_children:
            child = list(open_children.values())[data.draw(st.integers(0, len(open_children) - 1))]
            turns.append(_happens(desk, child, data.draw(st.sampled_from(["ack", "fill", "part", "cancel", "refuse"]))))
        if data.draw(st.integers(0, 9)) == 0:
            desk.core = Core(desk.core.world, fold(desk.facts))
            turns.append(desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER)))
        for turn in turns:
            open_children |= {c.client_id: c for c in sent(turn)}
        parent = desk.core.ledger.parents[parent.order_id]
        for record in parent.children.values():
            assert side.sign * (record.child.price_units - limit_units) <= 0
            if record.state.is_terminal:
                open_children.pop(record.child.client_id, None)
        sums_hold(desk, parent)


def _happens(desk: Desk, child: ChildOrder, what: str) -> inp.Turn:
    record = desk.core.ledger.child(child.child_id)
    filled_lots = record.cum_qty_units // child.lot_units
    if what == "fill":
        return desk.fill(child, child.qty_lots - filled_lots)
    if what == "part":
        return desk.fill(child, max(1, (child.qty_lots - filled_lots) // 2))
    if what == "cancel":
        return desk.report(child, ReportKind.CANCELED, cum_qty_lots=filled_lots)
    if what == "refuse" and not filled_lots and record.state is ChildState.SENDING:
        return desk.report(child, ReportKind.REJECTED, code="post_only", evidence="e")
    return desk.report(child, ReportKind.ACKED)
