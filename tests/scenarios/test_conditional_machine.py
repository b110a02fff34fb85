"""Conditional orders under random paths, gaps, halts, partial fills, races and restarts, beside a slow twin.

The test is the market and every venue. After each turn the twin's own ledger of trades says whether legs that share a
quantity could ever trade more than it, whether exactly those legs have triggered that should have, and whether the
filled entry of a bracket is covered. At the end every definition must come to its end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.domain.book import BookSnapshot
from app.domain.conditional_events import LegTriggered, TrailMarked
from app.domain.conditions import (
    Condition,
    Conditional,
    ConditionKind,
    Leg,
    OrderClass,
    OtoTrigger,
    Trail,
    TriggerSource,
)
from app.domain.enums import Mode, OrderType, ParentState, RefusalCode, Remainder, Side, TimeInForce
from app.domain.events import OrderAccepted
from app.domain.fills import ReportKind
from app.domain.orders import ParentOrder, VenueFilter
from app.execution import inputs as inp
from app.execution.context import Memory, Timing
from app.execution.ledger import fold
from tests.reference.conditional import Sent, Twin
from tests.worlds import MS, T0_NS, TICKS, VENUES, Desk, flat_book, make_desk, make_order, report, sent

MID = 6_000_000
EMPTY_PAUSE_NS = 1_600 * MS  # the longest of docs/conditional-orders.md
sides = st.sampled_from([Side.BUY, Side.SELL])
offsets = st.integers(1, 40).map(lambda n: n * 2_500)
quantities = st.sampled_from([100, 300, 1_000, 2_500])
lives = st.sampled_from([None, None, 500, 5_000])  # good till so many milliseconds from now
sources = st.sampled_from([(TriggerSource.MID, 0), (TriggerSource.CROSS_VENUE, 2), (TriggerSource.CROSS_VENUE, 3)])


def other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


class Machine(RuleBasedStateMachine):
    desk: Desk
    twins: dict[str, Twin]

    @initialize()
    def open(self) -> None:
        # The twin knows no resilience: what own fills hold back is tests/execution/test_conditional.py's.
        self.desk = make_desk(timing=Timing(resilience_ns=0))
        self.twins = {}
        self.legs: dict[str, tuple[str, str]] = {}  # order id -> (definition, leg)
        self.mids = dict.fromkeys(VENUES, MID)
        self.halted: set[str] = set()
        self.crossed: set[str] = set()
        self.shown: dict[str, tuple[int, int, bool]] = {}  # when, which mid, whether crossed
        self.n_seen = len(self.desk.facts)
        self.n_last_turn = 0
        self.is_starting = False
        self.lowest = self.highest = MID
        self.ended_empty_ns: dict[str, int] = {}
        self.show()

    # the market

    def show(self) -> None:
        """Every venue that is not halted shows its book of now."""
        self.lowest, self.highest = min(self.lowest, *self.mids.values()), max(self.highest, *self.mids.values())
        for venue in VENUES:
            if venue in self.halted:
                continue
            book = flat_book(venue, self.mids[venue], self.desk.now_ns, book_seq=next(self.desk.book_seqs))
            if venue in self.crossed:
                book = BookSnapshot(**{**_members(book), "bids": book.asks, "asks": book.bids})
            self.desk.board.write_snapshot(book)
            self.shown[venue] = (self.desk.now_ns, self.mids[venue], venue in self.crossed)

    def believed(self) -> dict[str, float]:
        ages = {v: self.desk.core.world.universe.venues[v].max_book_age_ns for v in VENUES}
        return {
            v: float(mid // TICKS[v] * TICKS[v])
            for v, (shown_ns, mid, is_crossed) in self.shown.items()
            if not is_crossed and self.desk.now_ns - shown_ns <= ages[v]
        }

    @rule(
        path=st.lists(st.tuples(*[st.integers(-60, 60)] * 3), min_size=1, max_size=6), ms=st.sampled_from([1, 90, 700])
    )
    def walk(self, path: list[tuple[int, ...]], ms: int) -> None:
        """Venues move by up to 1 % a step, each a little its own way; time passes."""
        for steps in path:
            self.desk.now_ns += ms * MS
            for venue, step in zip(VENUES, steps, strict=True):
                if venue not in self.halted:
                    self.mids[venue] += 1_000 * steps[0] + 50 * step
            self.show()
            self.turn(inp.Tick())

    @rule()
    def resume(self) -> None:
        """Trading goes on everywhere."""
        self.halted, self.crossed = set(), set()
        self.show()
        self.turn(inp.Tick())

    @rule(jump=st.sampled_from([-150_000, 150_000]))
    def gap(self, jump: int) -> None:
        self.desk.now_ns += 5 * MS
        for venue in VENUES:
            if venue not in self.halted:
                self.mids[venue] += jump
        self.show()
        self.turn(inp.BookReached("BTC/USDT"))

    @rule(venues=st.sets(st.sampled_from(VENUES)), crossed=st.sets(st.sampled_from(VENUES)))
    def halt(self, venues: set[str], crossed: set[str]) -> None:
        """Books of `venues` stand still until the next halt; those of `crossed` cannot be believed."""
        self.halted, self.crossed = venues, crossed
        self.desk.now_ns += 2_100 * MS
        self.show()
        self.turn(inp.Tick())

    # the desk

    @rule(side=sides, qty=quantities, kind=st.sampled_from(["stop", "stop_limit", "touch", "trail"]), data=st.data())
    def simple(self, side: Side, qty: int, kind: str, data: st.DataObject) -> None:
        self.place(OrderClass.SIMPLE, (self.leg("order", side, qty, kind, data),), ms=data.draw(lives))

    @rule(side=sides, qty=quantities, stop=st.sampled_from(["stop", "stop_limit", "trail"]), data=st.data())
    def oco(self, side: Side, qty: int, stop: str, data: st.DataObject) -> None:
        legs = (self.leg("take_profit", side, qty, "limit", data), self.leg("stop_loss", side, qty, stop, data))
        self.place(OrderClass.OCO, legs, ms=data.draw(lives))

    @rule(
        side=sides,
        qty=quantities,
        entry=st.sampled_from(["market", "held", "stop"]),
        stop=st.sampled_from(["stop", "trail"]),
        how=st.sampled_from(OtoTrigger),
        data=st.data(),
    )
    def bracket(self, side: Side, qty: int, entry: str, stop: str, how: OtoTrigger, data: st.DataObject) -> None:
        first, order = self.entry(side, qty, entry, data)
        away = other(side)
        legs = (first, self.leg("take_profit", away, qty, "limit", data), self.leg("stop_loss", away, qty, stop, data))
        self.place(OrderClass.BRACKET, legs, order, how)

    @rule(
        side=sides,
        qty=quantities,
        entry=st.sampled_from(["market", "held", "stop"]),
        how=st.sampled_from(OtoTrigger),
        parts=st.lists(
            st.tuples(quantities, st.sampled_from(["stop", "touch", "trail", "limit"])), min_size=1, max_size=2
        ),
        data=st.data(),
    )
    def oto(self, side: Side, qty: int, entry: str, how: OtoTrigger, parts: Any, data: st.DataObject) -> None:
        first, order = self.entry(side, qty, entry, data)
        legs = [self.leg(f"leg_{i}", other(side), part, kind, data) for i, (part, kind) in enumerate(parts, 1)]
        self.place(OrderClass.OTO, (first, *legs), order, how)

    def leg(self, name: str, side: Side, qty: int, kind: str, data: st.DataObject) -> Leg:
        """A leg whose price is some way from the market; a stop sometimes is through it already."""
        away = data.draw(offsets)
        mid = self.mids["ven_a"] // 50 * 50
        if kind == "limit":
            return Leg(name, side, qty, None, mid - side.sign * away)
        source, n_venues = data.draw(sources)
        if kind == "trail":
            offset = data.draw(st.sampled_from([(away, 0), (0, 5_000)]))
            start = data.draw(st.sampled_from([0, mid - side.sign * 20_000]))
            return Leg(
                name, side, qty, Condition(ConditionKind.TRAIL, source, n_venues, 0, Trail(*offset, start)), None
            )
        if kind == "touch":
            return Leg(name, side, qty, Condition(ConditionKind.TOUCH, source, n_venues, mid - side.sign * away), None)
        price = mid + side.sign * away
        limit = price + side.sign * 20_000 if kind == "stop_limit" else None
        return Leg(name, side, qty, Condition(ConditionKind.STOP, source, n_venues, price), limit)

    def entry(self, side: Side, qty: int, kind: str, data: st.DataObject) -> tuple[Leg, ParentOrder | None]:
        if kind == "stop":
            return self.leg("entry", side, qty, "stop", data), None
        limit = (
            None if kind == "market" else self.mids["ven_a"] // 50 * 50 + data.draw(st.sampled_from([-5_000, 5_000]))
        )
        order = make_order(side=side, qty_units=qty, limit_price_units=limit)
        if limit is not None:
            held = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "remainder": Remainder.HELD}
            order = replace(order, **held)  # type: ignore[arg-type]
        return Leg("entry", side, qty, None, limit), order

    def place(
        self,
        kind: OrderClass,
        legs: tuple[Leg, ...],
        entry: ParentOrder | None = None,
        how: OtoTrigger = OtoTrigger.PARTIAL,
        ms: int | None = None,
    ) -> None:
        definition = Conditional(
            account="desk",
            client_order_id=f"d{len(self.desk.facts)}",
            symbol="BTC/USDT",
            order_class=kind,
            legs=legs,
            oto_trigger=how,
            has_entry_order=entry is not None,
            venues=VenueFilter(),
            max_slippage_ppm=None,
            expire_ts_ns=0 if ms is None else self.desk.now_ns + ms * MS,
            received_ts_ns=T0_NS,
            body_hash="h",
        )
        turn = self.desk.turn(inp.SubmitConditional(definition, entry, Mode.PAPER))
        reply = turn.replies[0]
        if isinstance(reply, inp.ConditionalTaken):
            self.twins[reply.fact.conditional_id] = Twin(definition)
        else:
            is_troubled = len(self.believed()) < 3 or self.is_beyond_collar(reply)
            assert is_troubled, reply  # only a market in trouble says no
        self.after(turn)

    def is_beyond_collar(self, reply: inp.Reply) -> bool:
        """Prices are drawn around one venue's mid, and held against the market of all: venues may be a gap apart."""
        is_collar = isinstance(reply, inp.Failed) and str(RefusalCode.PRICE_COLLAR) in str(reply.error)
        return is_collar and max(self.mids.values()) - min(self.mids.values()) >= 150_000

    @precondition(lambda self: len(self.open_ids()) > 2)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        conditional_id = data.draw(st.sampled_from(self.open_ids()))
        self.twins[conditional_id].is_canceled = True
        self.turn(inp.CancelConditional("desk", conditional_id, "test"))

    @precondition(lambda self: self.open_ids())
    @rule(data=st.data(), qty=quantities)
    def amend(self, data: st.DataObject, qty: int) -> None:
        conditional_id = data.draw(st.sampled_from(self.open_ids()))
        record = self.desk.core.ledger.definitions.all[conditional_id]
        legs = list(record.definition.legs)
        i = data.draw(st.integers(0, len(legs) - 1))
        condition = legs[i].condition
        if condition is not None and condition.price_units:
            moved = replace(
                condition, price_units=condition.price_units + data.draw(st.sampled_from([-20_000, 20_000]))
            )
            legs[i] = replace(legs[i], condition=moved)
        if not record.definition.has_entry:
            legs = [replace(leg, qty_units=qty) for leg in legs]
        definition = replace(record.definition, legs=tuple(legs))
        turn = self.desk.turn(inp.AmendConditional("desk", conditional_id, definition, record.version, "test"))
        if isinstance(turn.replies[0], inp.Done):
            self.twins[conditional_id].definition = definition
        self.after(turn)

    # the venues

    @precondition(lambda self: self.live())
    @rule(data=st.data(), share=st.sampled_from([1, 2, 3]))
    def fill(self, data: st.DataObject, share: int) -> None:
        """A part (or all) of a child trades."""
        self.trade(data.draw(st.sampled_from(self.live())), share)

    @precondition(lambda self: self.live())
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        """A venue ends an immediate order with what it has traded."""
        self.finish(data.draw(st.sampled_from(self.live())))

    @rule()
    def answer_all(self) -> None:
        """Every venue fills half of what it has and ends the rest."""
        for one in self.live():
            if one.child.qty_lots > 1:
                self.trade(one, 2)
            self.finish(one)

    def trade(self, one: Sent, share: int) -> None:
        if one.is_over:
            return
        lots = max(1, one.leaves_units // one.child.lot_units // share)
        one.traded_units += lots * one.child.lot_units
        one.is_over = one.leaves_units == 0
        turn = self.desk.fill(one.child, lots)
        self.after(turn)

    def finish(self, one: Sent) -> None:
        if one.is_over:
            return
        one.is_over = True
        lots = one.traded_units // one.child.lot_units
        self.after(self.desk.report(one.child, ReportKind.CANCELED, cum_qty_lots=lots))

    # the process

    @rule(is_lost=st.booleans())
    def restart(self, is_lost: bool) -> None:
        """The process dies; what it had sent in its last turn left, or did not. The log is all that is left."""
        unsent = [one for one in self.live() if not one.traded_units][-self.n_last_turn :] if is_lost else []
        core = self.desk.core
        core.ledger, core.memory = fold(self.desk.facts), Memory()
        for conditional_id, twin in self.twins.items():
            record = core.ledger.definitions.all[conditional_id]
            for i, leg in enumerate(twin.definition.legs):
                if leg.name in twin.marks:
                    written = record.legs[i].mark_half_units / 2
                    offset = self.offset(leg, twin.marks[leg.name])
                    is_fresh = self.desk.now_ns - record.legs[i].marked_ts_ns <= 1_000 * MS
                    assert abs(written - twin.marks[leg.name]) <= (offset / 16 if is_fresh else 0) + 0.5
                    twin.marks[leg.name] = written
        self.is_starting = True
        self.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
        self.is_starting = False
        if unsent and self.n_last_turn:
            self.desk.now_ns += 4_000 * MS
            self.show()
            for one in unsent:
                late_ns = one.child.deadline_ts_ns + 1_000 * MS
                one.is_over = True
                self.after(
                    self.desk.turn(
                        inp.Report(report(one.child, ReportKind.NOT_FOUND, evidence="query", venue_ts_ns=late_ns))
                    )
                )
        self.turn(inp.Tick())

    @staticmethod
    def offset(leg: Leg, mark: float) -> float:
        assert leg.condition is not None
        assert leg.condition.trail is not None
        return leg.condition.trail.offset_units or mark * leg.condition.trail.offset_ppm / 1_000_000

    # after every turn

    def turn(self, *items: inp.Input) -> None:
        self.after(self.desk.turn(*items))

    def after(self, turn: inp.Turn) -> None:
        """Takes the turn's children to their venues, then compares with the twin."""
        for fact in self.desk.facts[self.n_seen :]:
            if isinstance(fact.event, OrderAccepted):
                conditional_id, leg, _ = fact.event.order.client_order_id.rsplit(".", 2)
                self.legs[fact.event.order_id] = (conditional_id, leg)
            if isinstance(fact.event, LegTriggered | TrailMarked):
                assert self.believed(), "a market that cannot be believed triggered a leg"
        self.n_seen = len(self.desk.facts)
        children = sent(turn)
        self.n_last_turn = len(children)
        for child in children:
            conditional_id, leg = self.legs[child.order_id]
            self.twins[conditional_id].sent.append(Sent(child, leg))
        for record in self.desk.core.ledger.parents.values():
            if record.state is ParentState.DONE and not record.cum_qty_units:
                self.ended_empty_ns.setdefault(record.order_id, self.desk.now_ns)
        self.compare()

    def compare(self) -> None:
        ledger = self.desk.core.ledger
        for conditional_id, twin in self.twins.items():
            record = ledger.definitions.all[conditional_id]
            if twin.definition.has_entry:
                orders = [ledger.parents[o] for o in record.legs[0].order_ids]
                is_filled = twin.traded("entry") >= twin.definition.legs[0].qty_units
                is_done = all(o.state is ParentState.DONE for o in orders)
                is_given_up = record.legs[0].is_canceled  # no venue takes what is left of it
                twin.is_entry_over = is_done and (twin.definition.has_entry_order or is_filled or is_given_up)
            assert not twin.breaches(), twin.breaches()
            expire_ns = twin.definition.expire_ts_ns
            twin.is_canceled |= 0 < expire_ns <= self.desk.now_ns and record.is_canceling
            if record.is_done or twin.is_canceled:
                continue
            twin.look(self.believed())
            triggered = {leg.name for leg, r in zip(twin.definition.legs, record.legs, strict=True) if r.is_triggered}
            assert triggered == twin.triggered, (conditional_id, triggered, twin.triggered, self.believed())
            self.check_cover(conditional_id, twin)

    def check_cover(self, conditional_id: str, twin: Twin) -> None:
        """A triggered stop of a bracket has all that its entry has filled in flight, or is just back."""
        if twin.definition.order_class is not OrderClass.BRACKET or "stop_loss" not in twin.triggered:
            return
        if len(self.believed()) < 3:
            return
        ledger = self.desk.core.ledger
        record = ledger.definitions.all[conditional_id]
        exits = [ledger.parents[o] for leg in record.legs[1:] for o in leg.order_ids]
        working = 0
        for order in exits:
            if order.state is not ParentState.DONE:
                working += (order.accepted.order.qty_units or 0) - order.cum_qty_units
                flying = [s for s in twin.sent if s.child.order_id == order.order_id and not s.is_over]
                # Unproven children of a start let it look beside them in vain: then it looks again in a moment.
                again_ns = self.desk.core.memory.next_replan_ns.get(order.order_id, 0)
                # A process that starts does not know when that is, and looks at its first tick.
                is_waiting = self.is_starting or self.desk.now_ns < again_ns
                assert flying or is_waiting, "an open exit with nothing at a venue"
        bare = twin.shares()[1][1] - twin.traded("take_profit", "stop_loss") - working
        ended = [self.ended_empty_ns.get(order.order_id, 0) for order in exits]
        is_back = any(self.desk.now_ns - ns <= EMPTY_PAUSE_NS for ns in ended if ns)
        assert bare < 100 or is_back, f"{bare} units have no stop"

    @invariant()
    def log_and_memory_are_one(self) -> None:
        """Cheap when nothing happened; `teardown` compares all of it."""
        if self.twins:
            assert self.desk.core.ledger.seq == self.desk.facts[-1].seq

    def open_ids(self) -> list[str]:
        return list(self.desk.core.ledger.definitions.open)

    def live(self) -> list[Sent]:
        return [one for twin in self.twins.values() for one in twin.sent if not one.is_over]

    def teardown(self) -> None:
        """The market opens, venues fill what they get, the price goes everywhere: all must come to its end."""
        if not hasattr(self, "desk"):
            return
        self.halted, self.crossed = set(), set()
        assert fold(self.desk.facts) == self.desk.core.ledger
        low, high = max(1_000_000, self.lowest - 600_000), self.highest + 600_000
        # Twice: a trailing leg whose entry is filled by the last of the heights has its own way before it.
        for mid in (MID, high, low, high + 300_000, MID) * 2:
            self.mids = dict.fromkeys(VENUES, mid)
            for _ in range(40):
                self.desk.now_ns += 400 * MS
                self.show()
                self.turn(inp.Tick())
                for one in self.live():
                    self.trade(one, 1)
                if not self.live() and not self.open_ids():
                    break
        left = {i: [leg.refusal_code for leg in r.legs] for i, r in self.desk.core.ledger.definitions.open.items()}
        assert not left, left
        assert fold(self.desk.facts) == self.desk.core.ledger
        for conditional_id, twin in self.twins.items():
            if twin.definition.order_class is OrderClass.BRACKET and not twin.is_canceled:
                exits = twin.traded("take_profit", "stop_loss")
                assert 0 <= twin.traded("entry") - exits < 10, conditional_id


def _members(book: BookSnapshot) -> dict[str, Any]:
    return {name: getattr(book, name) for name in BookSnapshot.__slots__}


TestConditionalOrders = Machine.TestCase
TestConditionalOrders.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.soak
def test_a_thousand_random_lives() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=1_000, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
