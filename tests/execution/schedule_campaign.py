"""Random lives of scheduled parents through the engine's own core: amended, paused, restarted, and treated badly.

Plain, disguised and adaptive, with and without discretion; three quarters of them may rest before they cross.

What is checked is worked out here, from the facts and from what the test itself did to the market, never from the
core's own sums: children and fills add up, nothing leaves beyond the order's size, its cap or its limit, and the facts
alone give the same state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

from app.domain import events as ev
from app.domain.bending import Outlook
from app.domain.enums import (
    DoneReason,
    KillAction,
    KillScope,
    Mode,
    OrderType,
    ParentState,
    Side,
    Strategy,
    TimeInForce,
)
from app.domain.errors import BadRequest, OrderRefused
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.placement_facts import ChildPulled, SliceSplit
from app.domain.posting import Peg, Posting, PostOnly, RestTerms, Switch
from app.domain.records import ParentRecord
from app.domain.schedule import CostLaw, Disguise, ScheduleUrgency, VolumeBase
from app.domain.scheduled import ADAPTIVE, Amendment, Schedule, ScheduleState, ShortfallAsk
from app.domain.timing_facts import DiscretionUsed, ScheduleBent
from app.domain.units import PPM
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.step import Core
from app.routing.placement import place_within
from tests.worlds import MS, T0_NS, VENUES, Desk, flat_book, make_desk, make_order, report, sent

S = 1_000 * MS
MID_UNITS = 6_000_000
CROWD_UNITS = (10, 10, 20, 35, 60, 10, 120, 400, 15, 30) * 6
_LAWS = (CostLaw.LINEAR, CostLaw.SQUARE_ROOT)


@dataclass
class Tape:
    """Others' volume as one process counts it; `lost_units` were traded while none looked."""

    units: int = 0

    def lasts(self, symbol: str) -> Mapping[str, tuple[int, int]]:
        return {}

    def sizes_units(self, symbol: str) -> tuple[int, ...]:
        return CROWD_UNITS

    def others_units(self, symbol: str) -> int | None:
        return self.units

    def curve(self, symbol: str, start_ns: int, end_ns: int) -> tuple[int, ...]:
        return (3, 1, 2)

    def expected_units(self, symbol: str, start_ns: int, end_ns: int) -> float:
        return 0.0


@dataclass
class Outflows:
    """What each venue's queue loses, whoever asks."""

    lost: Mapping[str, tuple[int, ...]]

    def quantiles_units(
        self, venue: str, symbol: str, side: Side, horizon_ns: int, ahead_units: int
    ) -> tuple[int, ...]:
        return self.lost[venue]

    def against_ppm(self, venue: str, symbol: str, side: Side, now_ns: int) -> int:
        return 0


@dataclass
class Sky:
    """Forecasts of anything at all."""

    rng: Random

    def outlook(self, symbol: str, horizon_ns: int) -> Outlook:
        parts = [self.rng.choice((PPM // 10, PPM // 2, PPM, PPM * 3 // 2, PPM * 5)) for _ in range(3)]
        return Outlook(*parts, watched_s=self.rng.choice((0, 60, 3_600)))


@dataclass
class Life:
    """One parent from its acceptance to its end. `others_units`: what others truly traded since it came."""

    rng: Random
    desk: Desk = field(default_factory=make_desk)
    tape: Tape = field(default_factory=Tape)
    mid_units: int = MID_UNITS
    others_units: int = 0
    open_children: list[ChildOrder] = field(default_factory=list)
    dead_children: list[ChildOrder] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    # (fact's sequence, others' true volume at that instant)
    truth: dict[int, int] = field(default_factory=dict)
    order_id: str = ""
    policy: PostOnly | None = None  # None: nothing rests

    def __post_init__(self) -> None:
        posting = None
        if self.policy is not None:
            venues = frozenset(VENUES)
            posting = Posting(venues, self.policy, 2, 300 * MS, 200 * MS, self.rng.random() < 0.8, venues)
        world = self.desk.core.world
        fees = {v: replace(tier, taker_fee_ppm=500, maker_fee_ppm=100) for v, tier in world.universe.fees.items()}
        if self.rng.random() < 0.6:  # queues that are measured, and makers whom it pays to wait at each of them
            outflows = Outflows({v: tuple(sorted(self.rng.randint(0, 4_000) for _ in range(8))) for v in VENUES})
            world = replace(world, universe=replace(world.universe, fees=fees), outflows=outflows, place=place_within)
        self.desk.core.world = replace(world, volumes=self.tape, posting=posting, outlooks=Sky(self.rng))

    @property
    def parent(self) -> ParentRecord:
        return self.desk.core.ledger.parents[self.order_id]

    @property
    def is_done(self) -> bool:
        return self.parent.state is ParentState.DONE

    def turn(self, *items: inp.Input) -> inp.Turn:
        turn = self.desk.turn(*items)
        self.open_children += sent(turn)
        self.happened["posts"] += sum(child.rests for child in sent(turn))
        self.happened["splits"] += sum(isinstance(fact.event, SliceSplit) for fact in turn.facts)
        self.happened["pulls"] += sum(isinstance(fact.event, ChildPulled) for fact in turn.facts)
        self.happened["bends"] += sum(
            isinstance(fact.event, ScheduleBent) and bool(fact.event.bend.lead_lots) for fact in turn.facts
        )
        self.happened["discretion"] += sum(isinstance(fact.event, DiscretionUsed) for fact in turn.facts)
        self.truth |= {fact.seq: self.others_units for fact in turn.facts}
        if self.order_id:
            order = self.parent.accepted.order
            assert order.qty_units is not None
            assert self.parent.cum_qty_units + self.parent.in_flight_qty_units <= order.qty_units
        return turn

    def begin(self) -> None:
        reply = self.turn(inp.Submit(any_order(self.rng, is_posting=self.policy is not None), Mode.PAPER)).replies[0]
        assert isinstance(reply, inp.Accepted), reply
        self.order_id = reply.fact.order_id

    def step(self) -> None:
        """Something happens: mostly time and trades, sometimes a venue, a desk or a crash."""
        act = self.rng.choices(
            (self.pass_time, self.answer, self.pause, self.resume, self.amend, self.restart, self.kill, self.fill_late),
            (40, 40, 4, 5, 6, 3, 2, 2),
        )[0]
        self.happened[act.__name__] += 1
        act()

    def pass_time(self, ms: int = 0) -> None:
        self.trade()
        self.desk.now_ns += (ms or self.rng.choice((20, 100, 300, 1_000, 2_500))) * MS
        self.mid_units = max(1_000_000, self.mid_units + self.rng.choice((0, 0, -3_000, 3_000, -500, 500)))
        self.refresh()
        self.turn(inp.Tick())

    def trade(self) -> None:
        qty_units = self.rng.choice((0, 10, 200, 3_000))
        self.tape.units += qty_units
        self.others_units += qty_units

    def refresh(self) -> None:
        for venue in self.desk.core.world.universe.venues:
            book_seq = next(self.desk.book_seqs)
            self.desk.board.write_snapshot(flat_book(venue, self.mid_units, self.desk.now_ns, book_seq=book_seq))

    def answer(self) -> None:
        """A venue's word on one child: whole, in part, not at all, or nothing that can be relied on."""
        if not self.open_children:
            return
        child = self.open_children.pop(self.rng.randrange(len(self.open_children)))
        if child.rests and self.rng.random() < 0.75:
            self.rest(child)
            return
        manner = self.rng.choices(("whole", "part", "none", "reject", "unknown"), (6, 3, 3, 1, 1))[0]
        if manner == "unknown":
            self.turn(inp.Report(report(child, ReportKind.UNKNOWN, code="ambiguous")))
            self.open_children.insert(0, child)
            return
        if manner == "reject" and not self.desk.core.ledger.child(child.child_id).cum_qty_units:
            self.turn(inp.Report(report(child, ReportKind.REJECTED, code="no", evidence="e")))
        else:
            self.close(child, {"whole": child.qty_lots, "part": self.rng.randint(1, child.qty_lots)}.get(manner, 0))
        self.dead_children.append(child)

    def rest(self, child: ChildOrder) -> None:
        """It is taken, or refused as one that would take; once taken it fills in part, races a cancel, or stands."""
        record = self.desk.core.ledger.child(child.child_id)
        if not record.acked_ts_ns and self.rng.random() < 0.15:
            self.turn(inp.Report(report(child, ReportKind.REJECTED, code="post_only", evidence="e")))
            self.dead_children.append(child)
            return
        self.turn(inp.Report(report(child, ReportKind.ACKED)))
        left_lots = child.qty_lots - record.cum_qty_units // child.lot_units
        if left_lots > 1 and self.rng.random() < (0.8 if record.is_canceling else 0.3):
            self.happened["fills while canceling"] += record.is_canceling
            self.fill(child, self.rng.randint(1, left_lots - 1))
        if record.is_canceling and self.rng.random() < 0.2:
            self.turn(inp.Report(report(child, ReportKind.CANCEL_REJECTED, code="unknown_order")))
        self.open_children.insert(0, child)

    def close(self, child: ChildOrder, lots: int) -> None:
        already = self.desk.core.ledger.child(child.child_id).cum_qty_units // child.lot_units
        if lots > already:
            self.fill(child, lots - already)
        if max(lots, already) < child.qty_lots:
            self.turn(inp.Report(report(child, ReportKind.CANCELED, cum_qty_lots=max(lots, already))))

    def fill(self, child: ChildOrder, lots: int) -> None:
        trade_id = f"t{next(self.desk.trades)}"
        prices = {"price_ticks": child.price_ticks, "fee_nano": 1_000, "fee_currency": "USDT"}
        word = report(child, ReportKind.FILLED, venue_trade_id=trade_id, qty_lots=lots, **prices)
        self.turn(inp.Report(word))

    def fill_late(self) -> None:
        """A child that its venue had called dead fills after all, as far as the parent still has room for it."""
        for child in self.dead_children:
            record, order = self.desk.core.ledger.child(child.child_id), self.parent.accepted.order
            assert order.qty_units is not None
            room_units = order.qty_units - self.parent.cum_qty_units - self.parent.in_flight_qty_units
            lots = min((child.qty_units - record.cum_qty_units) // child.lot_units, room_units // child.lot_units)
            if lots > 0 and not self.is_done:
                self.fill(child, lots)
                return

    def pause(self) -> None:
        self.turn(inp.Pause("desk", self.order_id, "test"))

    def resume(self) -> None:
        self.turn(inp.Resume("desk", self.order_id, "test"))

    def amend(self) -> None:
        """What is refused changes nothing; what is taken is a fact."""
        rng, order = self.rng, self.parent.accepted.order
        assert order.qty_units is not None
        change = rng.choice(
            (
                Amendment(qty_units=max(1, order.qty_units + rng.randint(-400, 400))),
                Amendment(end_ns=self.desk.now_ns + rng.randint(-1, 12) * S),
                Amendment(cap_ppm=rng.choice((50_000, 500_000, PPM))),
                Amendment(urgency=rng.choice(list(ScheduleUrgency))),
                Amendment(would_price_units=MID_UNITS - order.side.sign * rng.choice((20_000, -5_000))),
                Amendment(limit_price_units=MID_UNITS + order.side.sign * rng.choice((-2_000, 5_000, 30_000))),
                Amendment(qty_units=order.qty_units + 100, if_version=self.parent.version - rng.randint(0, 1)),
            )
        )
        (reply,) = self.turn(inp.Amend("desk", self.order_id, "test", change)).replies
        is_refused = isinstance(reply, inp.Failed)
        if is_refused:
            assert isinstance(reply, inp.Failed)
            assert isinstance(reply.error, BadRequest | OrderRefused)
        self.happened["amend refused" if is_refused else "amend taken"] += 1

    def restart(self) -> None:
        """Another process folds the log; its tape counts from nothing, and what was traded meanwhile is lost."""
        self.desk.now_ns += self.rng.randint(0, 3_000) * MS
        self.others_units += self.rng.choice((0, 5_000))
        self.tape.units = 0
        folded = fold(self.desk.facts)
        assert folded == self.desk.core.ledger
        self.desk.core = Core(self.desk.core.world, folded)
        self.refresh()
        self.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))

    def kill(self) -> None:
        if self.desk.core.ledger.kills:
            self.turn(inp.ClearKillSwitch("", KillScope.GLOBAL, "", "test"))
        else:
            self.turn(inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.BLOCK, "drill", "test"))

    def end(self) -> None:
        """No more harm: everything is answered whole, the switch is off, time runs to the end and beyond."""
        if self.desk.core.ledger.kills:
            self.kill()
        if self.rng.random() < 0.8:
            self.resume()
        self.mid_units = MID_UNITS
        for _ in range(200):
            while self.open_children:
                child = self.open_children.pop()
                self.close(child, child.qty_lots)
            if self.is_done:
                return
            self.pass_time(500)
        raise AssertionError(f"{self.order_id} does not end")


def any_order(rng: Random, *, is_posting: bool = False) -> ParentOrder:
    """Any strategy, version, side, size, window, cap, limit, would-price, least clip, disguise and discretion."""
    strategy = rng.choice([s for s in Strategy if s.is_scheduled])
    side = rng.choice((Side.BUY, Side.SELL))
    end_ns = T0_NS + rng.randint(2, 15) * S
    schedule = Schedule(
        strategy,
        1,
        rng.choice((0, 0, T0_NS + S)),
        end_ns,
        rng.choice((0, 500 * MS, S, 1_700 * MS)),
        rng.choice(list(ScheduleUrgency)),
        cap_ppm=rng.choice((None, None, 300_000, PPM)),
        would_price_units=rng.choice((None, None, MID_UNITS - side.sign * 4_000)),
        min_clip_units=rng.choice((0, 0, 70)),
        weights=rng.choice(((), (1, 0, 4))) if strategy is Strategy.VWAP else (),
        rate_ppm=rng.choice((50_000, 300_000)) if strategy is Strategy.POV else 0,
        volume_base=rng.choice(list(VolumeBase)),
        shortfall=_belief(rng) if strategy is Strategy.SHORTFALL else None,
        disguise=Disguise.NONE if strategy is Strategy.POV else rng.choice(list(Disguise)),
        resting=rng.choice(
            (None, None, RestTerms(Switch.ON, peg=rng.choice(list(Peg)), display_units=rng.choice((0, 10))))
        )
        if is_posting
        else None,
    )
    if strategy is Strategy.POV and schedule.cap_ppm is not None:
        schedule = replace(schedule, cap_ppm=PPM)
    if strategy in ADAPTIVE and rng.random() < 0.4:
        tilt_ppm = rng.choice((20_000, 100_000, PPM // 2))
        schedule = replace(schedule, version=2, max_tilt_ppm=tilt_ppm, disguise=Disguise.NONE)
    limit_units = rng.choice((None, None, None, *[MID_UNITS + side.sign * units for units in (10_000, 10_000, -500)]))
    is_past_limit = limit_units is not None and rng.random() < 0.5
    if is_past_limit or schedule.resting is not None:  # within its limit, only where it says that children rest
        units = rng.choice((0, 0, 0, 0, 3, 60, 1_000, 4_000))
        schedule = replace(schedule, discretion_units=units, is_discretion_past_limit=is_past_limit and units > 0)
    return make_order(
        side=side,
        order_type=OrderType.MARKET if limit_units is None else OrderType.LIMIT,
        limit_price_units=limit_units,
        time_in_force=TimeInForce.GTC,
        strategy=strategy,
        qty_units=rng.randint(50, 3_000),
        schedule=schedule,
    )


def _belief(rng: Random) -> ShortfallAsk:
    return ShortfallAsk(rng.choice(_LAWS), "2", "1000", "0.0000001", "1.5", rng.choice(("0", "0.001", "10")))


def check(life: Life) -> None:
    """Everything that must hold of a life that is over."""
    parent, facts = life.parent, life.desk.facts
    order = parent.accepted.order
    assert order.qty_units is not None
    assert fold(facts) == life.desk.core.ledger
    filled_units = sum(f.fill.qty_units for f in parent.fills)
    assert filled_units == parent.cum_qty_units <= order.qty_units
    assert filled_units == sum(record.cum_qty_units for record in parent.children.values())
    assert not any(isinstance(f.event, ev.OverfillRecorded) for f in facts)
    if parent.done_reason is DoneReason.FILLED:
        assert filled_units == order.qty_units
    else:
        assert parent.done_reason is DoneReason.EXPIRED
        assert parent.schedule is not None
        schedule = parent.schedule.schedule
        may_rest = schedule.strategy is Strategy.POV or schedule.cap_ppm is not None
        may_rest |= parent.schedule.progress.is_paused or parent.done_detail in (
            "beyond_limit",
            "end_at",
            "kill_switch",
        )
        assert may_rest
        assert parent.done_detail != "end_at" or order.qty_units - filled_units < LEAST or _was_left(parent)
    _check_slices(life)


# A rest below what any venue takes (5 USDT at 60,000) is not a rest that was forgotten.
LEAST = 9


def _was_left(parent: ParentRecord) -> bool:
    assert parent.schedule is not None
    return parent.schedule.schedule.strategy is Strategy.POV or parent.schedule.progress.is_paused


def _check_slices(life: Life) -> None:
    """Walks the facts: every child in its slice, every slice within its cap, every child within the limit of then."""
    state: ScheduleState | None = None
    cap_units = mark_units = true_mark_units = room_units = hard_units = reach_units = bound_units = 0
    filled_units, sent_units = Counter[str](), Counter[str]()
    late_lots = 0  # fills that came after their lots were given back
    side = life.parent.accepted.order.side
    for fact in life.desk.facts:
        event, true_units = fact.event, life.truth.get(fact.seq, 0)
        match event:
            case ev.OrderAccepted():
                hard_units = event.price_cap_units
                cap_units = _soft_units(event.order.schedule, side, event.order.limit_price_units, hard_units)
            case ev.ScheduleBegun():
                state, mark_units, true_mark_units = event.state, 0, true_units
            case ScheduleBent():
                _check_bend(state, event)
            case DiscretionUsed():
                assert event.shown_qty_units >= event.slice_qty_units
                assert not hard_units or side.sign * (event.reach_price_units - hard_units) <= 0
                assert state is not None
                beyond_units = side.sign * (event.reach_price_units - event.rest_price_units)
                assert beyond_units <= state.schedule.discretion_units
                reach_units = event.reach_price_units
            case ev.OrderAmended():
                state, hard_units = event.state, event.price_cap_units
                cap_units = _soft_units(event.schedule, side, event.limit_price_units, hard_units)
                mark_units, true_mark_units = event.others_qty_units, true_units
            case ev.ScheduleResumed():
                mark_units, true_mark_units = event.others_qty_units, true_units
            case ev.SliceReleased():
                assert state is not None
                room_units = event.slice_qty_units
                told_units, cap_ppm = event.others_qty_units - mark_units, state.schedule.cap_ppm
                # What a restart did not see may make the count too small, never too large; whole lots are cut.
                assert told_units <= true_units - true_mark_units + state.lot_units
                if cap_ppm is not None and life.policy is None:
                    assert room_units <= told_units * cap_ppm // PPM + state.lot_units
                elif cap_ppm is not None:
                    # Room that rested and did not fill came back: what counts is all since the plan was made.
                    passed_lots = event.others_qty_units // state.lot_units - event.progress.anchor_others_lots
                    out_lots = event.progress.released_lots - event.progress.anchor_lots - late_lots
                    assert out_lots <= passed_lots * cap_ppm // PPM + 1
                mark_units, true_mark_units = event.others_qty_units, true_units
                bound_units, reach_units = reach_units or cap_units, 0
                assert not bound_units or side.sign * (event.price_units - bound_units) <= 0
            case ev.ScheduleGivenBack():
                assert state is not None
                late_lots += max(0, -event.unfilled_qty_units) // state.lot_units
            case ev.ChildFilled():
                filled_units[event.child_id] += event.qty_units
            case ev.ChildCanceled() | ev.ChildRejected() | ev.ChildExpired() if sent_units[event.child_id]:
                # What rested and is over may rest anew while its siblings stand, without another slice.
                room_units += max(0, sent_units[event.child_id] - filled_units[event.child_id])
            case ev.ChildSending():
                room_units -= event.child.qty_units
                sent_units[event.child.child_id] = event.child.qty_units if event.child.rests else 0
                assert room_units >= 0
                assert not bound_units or side.sign * (event.child.price_units - bound_units) <= 0


def _soft_units(schedule: Schedule | None, side: Side, limit_units: int | None, hard_units: int) -> int:
    """The limit without discretion, 0 for none: the tighter of it and whatever else caps the price."""
    if schedule is None or not schedule.is_discretion_past_limit or limit_units is None:
        return hard_units
    return min(limit_units, hard_units) if side is Side.BUY else max(limit_units, hard_units)


def _check_bend(state: ScheduleState | None, event: ScheduleBent) -> None:
    """Never further from the plain plan than the order says, behind it only as far as its urgency does."""
    assert state is not None
    most_lots = state.progress.total_lots * state.schedule.max_tilt_ppm // PPM
    behind = {ScheduleUrgency.PASSIVE: 1.0, ScheduleUrgency.NORMAL: 0.5, ScheduleUrgency.URGENT: 0.0}
    assert -behind[state.schedule.urgency] * most_lots <= event.bend.lead_lots <= most_lots


def run(n_lives: int, seed: int) -> Counter[str]:
    """What happened in `n_lives` lives, all of them checked."""
    happened: Counter[str] = Counter()
    for i in range(n_lives):
        life = Life(Random(f"{seed}-{i}"), policy=(None, *PostOnly)[i % 4])
        try:
            life.begin()
            for _ in range(life.rng.randint(5, 40)):
                if life.is_done:
                    break
                life.step()
            life.end()
            check(life)
        except Exception as error:
            error.add_note(f"life {i} of seed {seed}")
            raise
        happened += life.happened
        happened[f"done {life.parent.done_reason} {life.parent.done_detail}"] += 1
        happened["children"] += len(life.parent.children)
        happened["late fills"] += life.desk.core.ledger.n_late_fills
    return happened
