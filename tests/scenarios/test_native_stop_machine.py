"""Stops at a venue under random paths, gaps, partial fills, races, lost words, kills and restarts, beside a twin.

Commands are on their way while prices move, and words of the venue come late, twice, out of order or never. What the
venue itself has traded, and what could still trade there or on its way, may never be more than legs share.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from app.domain.conditional_records import ConditionalRecord
from app.domain.conditions import Condition, ConditionKind, Leg, OrderClass, Pool, TriggerSource
from app.domain.enums import ChildState, ContractKind, KillAction, KillScope, Mode, Side
from app.domain.orders import ChildOrder
from app.domain.trade import MarkPrice
from app.domain.venue_stops import StopSource
from app.execution import inputs as inp
from app.execution.context import Memory, Timing
from app.execution.ledger import fold
from app.services.marks import MarkBoard
from tests.conditionals import limit
from tests.native_stops import AT, native, offer, stop_desk, trade
from tests.reference.stop_venue import StopVenue
from tests.worlds import MS, Desk, contract_world, make_order, sent

MID = 6_000_000
quantities = st.sampled_from([100, 300, 1_000])
aways = st.integers(1, 30).map(lambda n: n * 4_000)
shares = st.integers(0, 3)
sides = st.sampled_from([Side.BUY, Side.SELL])


class Machine(RuleBasedStateMachine):
    desk: Desk
    venue: StopVenue

    @initialize(can_replace=st.booleans(), by=st.sampled_from(StopSource))
    def open(self, can_replace: bool, by: StopSource) -> None:
        self.by = by
        self.desk = stop_desk(Timing(resilience_ns=0))
        self.marks = MarkBoard()
        if by is StopSource.MARK:
            contract_world(self.desk, ContractKind.LINEAR)
        held = offer(can_replace=can_replace, sources=frozenset({by}))
        self.desk.core.world = replace(self.desk.core.world, stops={"ven_a": held}, marks=self.marks)
        self.venue = StopVenue(self.desk.now_ns, MID, MID, can_replace)
        self.records: list[str] = []
        self.canceled: set[str] = set()
        self.n_last_turn = 0
        self.move(MID, 0, 3)

    # the market

    def move(self, mid: int, basis: int, share: int, ms: int = 20) -> None:
        """The venue knows it at once, we by the next book and print."""
        self.desk.now_ns += ms * MS
        self.venue.now_ns = self.desk.now_ns
        self.mid = mid
        self.venue.move(mid, mid + basis, share)
        self.desk.refresh(mid)
        trade(self.desk, mid)
        self.marks.take([MarkPrice("ven_a", "BTC/USDT", mid + basis, self.desk.now_ns, self.desk.now_ns)])

    @rule(step=st.integers(-40, 40), basis=st.integers(-3, 3), share=shares, ms=st.sampled_from([1, 40, 700]))
    def walk(self, step: int, basis: int, share: int, ms: int) -> None:
        mid = min(max(self.mid + 2_000 * step, 5_000_000), 7_000_000)
        self.move(mid, 1_000 * basis, share, ms)
        self.turn(inp.Tick())

    @rule(jump=st.sampled_from([-150_000, 150_000]), share=shares)
    def gap(self, jump: int, share: int) -> None:
        """And we have not looked yet."""
        self.move(min(max(self.mid + jump, 5_000_000), 7_000_000), 0, share)

    # the desk

    def stop(self, side: Side, away: int, qty: int, name: str) -> Leg:
        source = TriggerSource.LAST if self.by is StopSource.LAST else TriggerSource.MARK
        price = (self.mid + side.sign * away) // 50 * 50
        return Leg(name, side, qty, Condition(ConditionKind.STOP, source, 0, price), None)

    @precondition(lambda self: len(self.open_records()) < 5)
    @rule(side=sides, qty=quantities, away=aways, is_calm=st.booleans())
    def simple(self, side: Side, qty: int, away: int, is_calm: bool) -> None:
        self.place(OrderClass.SIMPLE, (self.stop(side, away, qty, "order"),), is_calm=is_calm)

    @precondition(lambda self: len(self.open_records()) < 5)
    @rule(side=sides, qty=quantities, away=aways, profit=aways, is_calm=st.booleans())
    def oco(self, side: Side, qty: int, away: int, profit: int, is_calm: bool) -> None:
        price = (self.mid - side.sign * profit) // 50 * 50
        legs = (limit(price, side=side, qty=qty), self.stop(side, away, qty, "stop_loss"))
        self.place(OrderClass.OCO, legs, is_calm=is_calm)

    @precondition(lambda self: len(self.open_records()) < 5)
    @rule(side=sides, qty=quantities, away=aways, profit=aways, is_calm=st.booleans())
    def bracket(self, side: Side, qty: int, away: int, profit: int, is_calm: bool) -> None:
        exit_side = Side.SELL if side is Side.BUY else Side.BUY
        price = (self.mid - exit_side.sign * profit) // 50 * 50
        legs = (
            Leg("entry", side, qty, None, None),
            limit(price, side=exit_side, qty=qty),
            self.stop(exit_side, away, qty, "stop_loss"),
        )
        self.place(OrderClass.BRACKET, legs, is_calm=is_calm)

    def place(self, kind: OrderClass, legs: tuple[Leg, ...], *, is_calm: bool) -> None:
        """`is_calm`: the venue has taken it before anything else happens."""
        is_bracket = kind is OrderClass.BRACKET
        entry = make_order(side=legs[0].side, qty_units=legs[0].qty_units, venues=AT) if is_bracket else None
        asked = native(*legs, kind=kind, has_entry_order=is_bracket)
        turn = self.desk.turn(inp.SubmitConditional(asked, entry, Mode.PAPER))
        reply = turn.replies[0]
        if isinstance(reply, inp.ConditionalTaken):
            self.records.append(reply.fact.conditional_id)
        else:
            assert self.is_killed(), reply
        self.after(turn)
        if is_calm:
            self.round_trip(3)

    @precondition(lambda self: self.resting())
    @rule(data=st.data(), away=aways, is_calm=st.booleans())
    def amend(self, data: st.DataObject, away: int, is_calm: bool) -> None:
        """A stop moves that rests at the venue, as far as we know."""
        record = data.draw(st.sampled_from(self.resting()))
        leg_i = len(record.definition.legs) - 1
        leg = record.definition.legs[leg_i]
        moved = self.stop(leg.side, away, leg.qty_units, leg.name)
        definition = replace(record.definition, legs=(*record.definition.legs[:leg_i], moved))
        self.turn(inp.AmendConditional("desk", record.conditional_id, definition, record.version, "test"))
        if is_calm:
            self.round_trip(3)

    @precondition(lambda self: self.resting())
    @rule(data=st.data(), away=aways, share=st.integers(1, 3))
    def overtaken(self, data: st.DataObject, away: int, share: int) -> None:
        """The old stop goes off while the one that should take its place is on its way."""
        record = data.draw(st.sampled_from(self.resting()))
        leg = record.definition.legs[-1]
        assert leg.condition is not None
        self.desk.now_ns += 1_100 * MS  # past the pause between two stops
        self.move(self.mid, 0, share)
        moved = self.stop(leg.side, away, leg.qty_units, leg.name)
        definition = replace(record.definition, legs=(*record.definition.legs[:-1], moved))
        self.turn(inp.AmendConditional("desk", record.conditional_id, definition, record.version, "test"))
        self.move(leg.condition.price_units + leg.side.sign * 1_000, leg.side.sign * 3_000, share)
        self.round_trip(share)

    @precondition(lambda self: len(self.open_records()) > 2)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        record = data.draw(st.sampled_from(self.open_records()))
        self.canceled.add(record.conditional_id)
        self.turn(inp.CancelConditional("desk", record.conditional_id, "test"))

    @rule(is_set=st.booleans())
    def kill(self, is_set: bool) -> None:
        if is_set:
            self.turn(inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.BLOCK, "test", "test"))
        else:
            self.turn(inp.ClearKillSwitch("", KillScope.GLOBAL, "", "test"))

    # what is on its way

    @precondition(lambda self: self.venue.coming)
    @rule(n=st.integers(1, 4), share=shares)
    def arrive(self, n: int, share: int) -> None:
        for _ in range(min(n, len(self.venue.coming))):
            self.venue.arrive(self.venue.coming.pop(0), share)

    @precondition(lambda self: self.venue.going)
    @rule(n=st.integers(1, 6), chance=st.randoms(use_true_random=False), is_twice=st.booleans())
    def hear(self, n: int, chance: object, is_twice: bool) -> None:
        """Some words come, in any order, perhaps twice."""
        some, self.venue.going = self.venue.going[:n], self.venue.going[n:]
        chance.shuffle(some)  # type: ignore[attr-defined]
        for word in some * (2 if is_twice else 1):
            self.turn(inp.Report(word))

    @precondition(lambda self: self.venue.going)
    @rule()
    def lose_a_word(self) -> None:
        self.venue.going.pop(0)

    @rule(share=shares)
    def settle(self, share: int) -> None:
        """A venue's round trip: all that is on its way gets there, and all that is said is heard."""
        self.round_trip(share)

    def round_trip(self, share: int) -> None:
        for _ in range(40):
            if not self.venue.coming and not self.venue.going:
                break
            while self.venue.coming:
                self.venue.arrive(self.venue.coming.pop(0), share)
            while self.venue.going:
                self.turn(inp.Report(self.venue.going.pop(0)))

    @rule(is_lost=st.booleans())
    def restart(self, is_lost: bool) -> None:
        """The process dies, and what the venue was saying to it; what its last turn sent has left, or has not."""
        if is_lost and self.n_last_turn:
            self.venue.coming = self.venue.coming[: -self.n_last_turn]
        self.venue.going = []
        core = self.desk.core
        core.ledger, core.memory = fold(self.desk.facts), Memory()
        self.turn(inp.Start("s0", "epoch", "test", Mode.PAPER), inp.Tick())

    # after every turn

    def turn(self, *items: inp.Input) -> None:
        self.after(self.desk.turn(*items))

    def after(self, turn: inp.Turn) -> None:
        self.n_last_turn = len(turn.commands)
        self.venue.coming += turn.commands
        for record in self.open_records():
            self.check(record)

    def check(self, record: ConditionalRecord) -> None:
        """No pool can trade more than it shares, whatever comes next; a bracket's exits no more than its entry."""
        for pool in record.pools:
            children = list(self.children(record, pool))
            traded, still = self.traded(children), self.still(children)
            most = pool.total_units
            if pool.is_armed_by_entry:
                most = self.traded(self.children(record, record.pools[0]))
            assert traded + still <= most, f"{traded} traded, {still} may still, {most} shared"

    def children(self, record: ConditionalRecord, pool: Pool) -> Iterable[ChildOrder]:
        for leg_i in pool.leg_indices:
            for order_id in record.legs[leg_i].order_ids:
                yield from (c.child for c in self.desk.core.ledger.parents[order_id].children.values())

    def traded(self, children: Iterable[ChildOrder]) -> int:
        there = self.venue.orders
        return sum(there[c.client_id].traded_units for c in children if c.client_id in there)

    def still(self, children: list[ChildOrder]) -> int:
        """What is open at the venue or on its way; of two stops, one in the other's place, only one can trade."""
        coming = {c.client_id for command in self.venue.coming for c in sent(inp.Turn(commands=[command]))}
        replaced = {c.stop.replaces for c in children if c.stop is not None and c.client_id in coming}
        units = 0
        for child in children:
            here = self.venue.orders.get(child.client_id)
            if child.client_id in replaced:
                continue  # the one that takes its place counts
            if here is not None:
                units += here.leaves_units
            elif child.client_id in coming:
                old = self.venue.orders.get(child.stop.replaces) if child.stop is not None else None
                is_too_late = old is not None and old.is_over
                units += 0 if is_too_late else child.qty_units
        return units

    def is_killed(self) -> bool:
        return bool(self.desk.core.ledger.kills)

    def resting(self) -> list[ConditionalRecord]:
        known = [
            self.desk.core.ledger.definitions.leg_of_order[c.child.order_id][0]
            for c in self.desk.core.ledger.live_children.values()
            if c.child.stop is not None and c.state is ChildState.ACKED
        ]
        return [self.desk.core.ledger.definitions.all[i] for i in dict.fromkeys(known)]

    def open_records(self) -> list[ConditionalRecord]:
        return list(self.desk.core.ledger.definitions.open.values())

    def teardown(self) -> None:
        """Everything is heard, the price goes everywhere: all comes to its end, and has traded just what is shared."""
        if not hasattr(self, "desk"):
            return
        assert fold(self.desk.facts) == self.desk.core.ledger
        self.turn(inp.ClearKillSwitch("", KillScope.GLOBAL, "", "test"))
        for mid in (MID, 6_990_000, 5_010_000, 6_990_000, MID):
            for _ in range(30):
                self.move(mid, 0, 3, ms=700)
                self.turn(inp.Tick())
                self.round_trip(3)
                if not self.open_records():
                    break
            self.covered()
        left = {record.conditional_id: [leg.refusal_code for leg in record.legs] for record in self.open_records()}
        assert not left, left
        assert fold(self.desk.facts) == self.desk.core.ledger
        for conditional_id in self.records:
            record = self.desk.core.ledger.definitions.all[conditional_id]
            self.check(record)
            if conditional_id in self.canceled or record.definition.order_class is OrderClass.BRACKET:
                continue
            (pool,) = record.pools
            rest = pool.total_units - self.traded(self.children(record, pool))
            is_dust = record.done_detail == "residual_below_lot" and rest < 10  # below any venue's least
            assert rest == 0 or is_dust, (rest, record.done_reason, record.done_detail)

    def covered(self) -> None:
        """With all heard, what an entry has brought and no exit has traded stands at the venue, or is over."""
        for record in self.open_records():
            if record.definition.order_class is OrderClass.BRACKET and not record.is_canceling:
                exits = list(self.children(record, record.pools[1]))
                brought = self.traded(self.children(record, record.pools[0]))
                bare = brought - self.traded(exits) - self.still(exits)
                is_refused = any(leg.refused_ts_ns for leg in record.legs)
                assert 0 <= bare < 10 or is_refused, f"{bare} have no stop"  # dust is below any venue's least


TestNativeStops = Machine.TestCase
TestNativeStops.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.soak
def test_a_thousand_random_lives() -> None:
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=1_000, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
