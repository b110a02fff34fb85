"""State is a function of the log, of the set of fills, and of nothing else."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import ChildState, KillAction, KillScope, Mode, OrderType, Remainder, Side, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.execution import inputs as inp
from app.execution.ledger import Ledger, evolve, fold
from tests.worlds import Desk, make_desk, make_order, sent

ACTIONS = st.sampled_from(
    [
        "buy",
        "sell",
        "held",
        "fill",
        "part",
        "again",
        "ack",
        "cancel",
        "lost",
        "miss",
        "wait",
        "stop",
        "kill",
        "free",
        "restart",
    ]
)


def play(desk: Desk, actions: list[str], seed: int) -> None:
    """A random day: each action picks among what is there by a seeded hand."""
    rng = random.Random(seed)
    children: list[ChildOrder] = []
    for action in actions:
        child = rng.choice(children) if children else None
        record = desk.core.ledger.child(child.child_id) if child else None
        turn: inp.Turn | None = None
        if action in ("buy", "sell"):
            side = Side.BUY if action == "buy" else Side.SELL
            turn = desk.turn(inp.Submit(make_order(side=side, qty_units=rng.randint(1, 40) * 100), Mode.PAPER))
        elif action == "held":
            order = make_order(
                order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                remainder=Remainder.HELD,
                limit_price_units=5_999_000 + rng.randint(0, 20) * 100,
                qty_units=500,
            )
            turn = desk.turn(inp.Submit(order, Mode.PAPER))
        elif action == "wait":
            turn = desk.wait(rng.choice([1, 50, 700, 3_000]))
        elif action == "kill":
            turn = desk.turn(inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.CANCEL, "drill", "ops"))
        elif action == "free":
            turn = desk.turn(inp.ClearKillSwitch("", KillScope.GLOBAL, "", "ops"))
        elif action == "stop" and desk.core.ledger.open_parents:
            order_id = rng.choice(list(desk.core.ledger.open_parents))
            turn = desk.turn(inp.Cancel("desk", order_id, "desk/key"))
        elif action == "restart":
            desk.core.ledger = fold(desk.facts)
            turn = desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
        elif child is not None and record is not None:
            if action == "fill":
                turn = desk.fill(child, lots=max(1, child.qty_lots - record.cum_qty_units // child.lot_units))
            elif action == "part":
                turn = desk.fill(child, lots=1)
            elif action == "ack":
                turn = desk.report(child, ReportKind.ACKED)
            elif action == "cancel":
                turn = desk.report(child, ReportKind.CANCELED, cum_qty_lots=record.cum_qty_units // child.lot_units)
            elif action == "lost":
                turn = desk.report(child, ReportKind.UNKNOWN)
            elif action == "miss":
                turn = desk.report(child, ReportKind.NOT_FOUND, venue_ts_ns=desk.now_ns)
        if turn is not None:
            children += sent(turn)


def check_invariants(ledger: Ledger) -> None:
    """I1, I2, I3 in the order's own unit, and exposure recomputed from the orders."""
    for parent in ledger.parents.values():
        children = parent.children.values()
        assert parent.cum_qty_units == sum(c.cum_qty_units for c in children)
        assert parent.cum_qty_units == sum(f.fill.qty_units for f in parent.fills)
        assert parent.cum_money_nano == sum(f.fill.money_nano for f in parent.fills)
        late_or_over = ledger.n_late_fills + ledger.n_overfills
        if not late_or_over and parent.accepted.order.qty_units is not None:
            assert parent.cum_qty_units + parent.in_flight_qty_units <= parent.accepted.order.qty_units
    live = {c.child.child_id for p in ledger.parents.values() for c in p.children.values() if not c.state.is_terminal}
    assert set(ledger.live_children) == live
    assert set(ledger.open_parents) == {p.order_id for p in ledger.parents.values() if p.done_reason is None}
    unknown = [c for c in ledger.live_children.values() if c.state is ChildState.UNKNOWN]
    assert all(c.leaves_qty_units == max(0, c.child.qty_units - c.cum_qty_units) for c in unknown)


@settings(max_examples=40, deadline=None)
@given(st.lists(ACTIONS, min_size=1, max_size=40), st.integers(0, 2**32))
def test_folding_the_facts_gives_the_live_state_after_any_day(actions: list[str], seed: int) -> None:
    desk = make_desk()
    play(desk, actions, seed)
    assert fold(desk.facts) == desk.core.ledger
    check_invariants(desk.core.ledger)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_the_state_depends_on_the_set_of_fills_not_on_order_or_multiplicity(seed: int) -> None:
    rng = random.Random(seed)

    def final(shuffle: bool) -> tuple[object, ...]:
        desk = make_desk()
        parent, children = desk.accepted(make_order(client_order_id="same", qty_units=3_000))
        reports = [(c, 1 + i % 3, f"{c.venue}-{i}") for c in children for i in range(3) if c.qty_lots > 8]
        if shuffle:
            reports = reports * 2
            rng.shuffle(reports)
        for child, lots, trade_id in reports:
            desk.fill(child, lots=lots, trade_id=trade_id)
        return (
            parent.cum_qty_units,
            parent.cum_money_nano,
            sorted(parent.fees_nano.items()),
            sorted((c.child.venue, c.cum_qty_units, c.state) for c in parent.children.values()),
            sorted(desk.core.ledger.balances.items()),
        )

    assert final(shuffle=False) == final(shuffle=True)


def test_a_gap_or_a_repeat_in_the_log_is_our_bug() -> None:
    desk = make_desk()
    ledger = fold(desk.facts)
    for broken in (desk.facts[-1], replace(desk.facts[-1], seq=desk.facts[-1].seq + 2)):
        with pytest.raises(InvariantBroken):
            evolve(ledger, broken)


def test_an_account_sequence_gap_is_our_bug() -> None:
    desk = make_desk()
    last = desk.facts[-1]
    with pytest.raises(InvariantBroken, match="account"):
        evolve(fold(desk.facts), replace(last, seq=last.seq + 1, account_seq=last.account_seq + 2))
