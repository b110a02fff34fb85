"""Plain orders that a turn writes together are those orders written one by one: facts, words, state and sums alike."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from random import Random

import pytest

from app.domain import events as ev
from app.domain.enums import ContractKind, Mode, Side
from app.domain.errors import InvariantBroken
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution import step
from app.execution.commitments import Commitments
from app.execution.context import Context
from app.execution.inputs import Turn
from app.execution.ledger import fold
from app.execution.plain_run import gathers, write_gathered
from app.execution.short_way import approve_plain
from app.store.statehash import ledger_hash
from tests import worlds
from tests.execution.test_short_way import TIGHT, some_order, vars_of
from tests.worlds import MS, Desk, contract_world, held_order, make_desk, make_order, sent

N_TURNS = 120
LOOSER = replace(TIGHT, version=2, max_open_orders=12, max_position_nano=10 * NANO, venue_credit_nano=200_000 * NANO)


def some_item(rng: Random, n: int, waiting: list[ChildOrder], orders: list[str]) -> inp.Input:
    """A plain order most often; else whatever may come between two of them."""
    chance = rng.random()
    if chance < 0.40:
        order = make_order(
            client_order_id=f"o{n}", side=rng.choice(list(Side)), qty_units=rng.choice([300, 900, 2_500])
        )
        return inp.Submit(order, Mode.PAPER)
    if chance < 0.55:
        return inp.Submit(some_order(rng, f"o{n}"), Mode.PAPER)
    if chance < 0.65:  # a name again, of this turn or an earlier one, now and then with another body
        return inp.Submit(some_order(Random(1), f"o{max(0, n - rng.randint(0, 3))}"), Mode.PAPER)
    if chance < 0.75:
        side = rng.choice(list(Side))
        limit_units = rng.choice([5_000_000, 6_000_000, 7_000_000])
        return inp.Submit(held_order(side=side, qty_units=400, limit_price_units=limit_units), Mode.PAPER)
    if chance < 0.80:
        return inp.Submit(make_order(qty_units=None, notional_nano=rng.randrange(100, 90_000) * NANO), Mode.PAPER)
    if chance < 0.88 and orders:
        return inp.Cancel("desk", rng.choice(orders), "desk/key")
    if chance < 0.92:
        return inp.SetBalance("desk", rng.choice(["ven_a", "ven_b"]), "USDT", rng.choice([50, 10**6]) * NANO, "t")
    return inp.Tick()


def lived(seed: int, kind: ContractKind, *, is_tight: bool) -> tuple[Desk, list[object]]:
    """A random life of several inputs a turn, and all that it was told."""
    rng, desk = Random(seed), make_desk(balance=400_000)
    if kind is not ContractKind.SPOT:
        contract_world(desk, kind)
    if is_tight:
        desk.turn(inp.SetLimits("desk", LOOSER, "test"))
    told: list[object] = []
    waiting: list[ChildOrder] = []
    orders: list[str] = []
    for n in range(N_TURNS):
        turn = desk.turn(*[some_item(rng, 8 * n + k, waiting, orders) for k in range(rng.randint(1, 7))])
        told += [(type(reply), vars_of(reply)) for reply in turn.replies]
        told += [*turn.commands, *turn.receipts, len(turn.facts)]
        waiting += sent(turn)
        orders += [fact.event.order_id for fact in turn.facts if isinstance(fact.event, ev.OrderAccepted)]
        for child in [child for child in waiting if rng.random() < 0.4]:
            waiting.remove(child)
            waiting += sent(desk.fill(child, lots=rng.randint(1, child.qty_lots)))
        if rng.random() < 0.7:
            desk.now_ns += rng.randint(1, 40) * MS
            desk.refresh(6_000_000 + rng.randint(-400, 400) * 10)
    return desk, told


@pytest.mark.parametrize(("seed", "kind"), [*((n, ContractKind.SPOT) for n in range(6)), (7, ContractKind.LINEAR)])
def test_a_life_is_the_same_whether_orders_are_written_together(
    monkeypatch: pytest.MonkeyPatch, seed: int, kind: ContractKind
) -> None:
    n_gathered = n_together = 0

    def counted(ctx: Context, item: inp.Submit, approval: object) -> bool:
        nonlocal n_gathered, n_together
        found = gathers(ctx, item, approval)  # type: ignore[arg-type]
        n_gathered += found
        n_together += len(ctx.gathered.orders) > 1
        return found

    desks: list[Desk] = []
    words: list[list[object]] = []
    for way in (counted, lambda *_: False):
        monkeypatch.setattr(step, "gathers", way)
        monkeypatch.setattr(worlds, "_IDS", count(1))
        desk, told = lived(seed, kind, is_tight=seed % 2 == 0)
        desks.append(desk)
        words.append(told)
    one, other = desks
    assert one.facts == other.facts
    assert words[0] == words[1]
    assert one.core.ledger == other.core.ledger
    assert ledger_hash(one.core.ledger) == ledger_hash(other.core.ledger) == ledger_hash(fold(one.facts))
    assert one.core.memory.commitments == other.core.memory.commitments
    assert one.core.memory.commitments == Commitments().at(one.core.ledger, one.core.world.universe)
    memory, twin = one.core.memory, other.core.memory
    for name in ("next_replan_ns", "lookalikes", "awaited", "throttle", "n_ids_in_ms"):
        assert getattr(memory, name) == getattr(twin, name), name
    assert (memory.taken._takes, memory.taken._flying) == (twin.taken._takes, twin.taken._flying)
    is_tight = seed % 2 == 0
    assert n_gathered >= (8 if is_tight else 40)
    assert n_together >= (2 if is_tight else 10)
    kinds = {fact.event.KIND for fact in one.facts}
    assert {"order_accepted", "child_filled", "cancel_requested"} <= kinds
    assert not is_tight or "order_refused" in kinds


def context_of(desk: Desk) -> Context:
    return Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())


def gather(ctx: Context, order: ParentOrder) -> bool:
    """Whether the order was gathered, after its approval."""
    approval = approve_plain(ctx, order, Mode.PAPER, 0)
    assert approval is not None
    is_taken = gathers(ctx, inp.Submit(order, Mode.PAPER), approval)
    ctx.turn.replies += [inp.Done()] * is_taken
    return is_taken


def test_no_fact_is_written_before_gathered_orders() -> None:
    ctx = context_of(make_desk())
    assert gather(ctx, make_order())
    n_before = ctx.ledger.seq
    with pytest.raises(InvariantBroken, match="not written"):
        ctx.emit(ev.VenueSet("", "ven_a", False, "t"))
    assert ctx.ledger.seq == n_before
    write_gathered(ctx)
    ctx.emit(ev.VenueSet("", "ven_a", False, "t"))
    assert [fact.seq for fact in ctx.turn.facts] == list(range(n_before + 1, ctx.ledger.seq + 1))


def test_the_next_order_sees_what_a_gathered_one_takes() -> None:
    ctx = context_of(make_desk())
    before = dict(ctx.committed().open_units)
    assert gather(ctx, make_order(qty_units=5_000))
    assert ctx.committed().open_units != before
    assert ctx.committed().reserved_nano
    assert ctx.gathered.n_open == {"desk": 1}
    shown, left = ctx.market("BTC/USDT")[0], ctx.left("BTC/USDT", Side.BUY)
    assert left.qty_units.sum() < shown.qty_units.sum()
    seq = ctx.ledger.seq
    write_gathered(ctx)
    assert ctx.ledger.seq == seq + len(ctx.turn.facts)
    assert ctx.committed() == Commitments().at(ctx.ledger, ctx.world.universe)


def test_each_order_has_its_own_reply_in_its_place() -> None:
    desk = make_desk()
    orders = [make_order(qty_units=300 + 100 * n) for n in range(4)]
    again = orders[1]
    turn = desk.turn(*[inp.Submit(order, Mode.PAPER) for order in (*orders, again)], inp.Tick())
    accepted = [reply for reply in turn.replies if isinstance(reply, inp.Accepted)]
    assert [reply.fact.order.client_order_id for reply in accepted] == [
        order.client_order_id for order in (*orders, again)
    ]
    assert [reply.is_replay for reply in accepted] == [False] * 4 + [True]
    assert accepted[1].fact is accepted[4].fact
    assert isinstance(turn.replies[5], inp.Done)


def test_a_plan_without_children_and_a_watched_account_are_written_by_themselves() -> None:
    ctx = context_of(make_desk())
    assert not gather(ctx, held_order(limit_price_units=5_900_000))  # beyond every book
    ctx.ledger.definitions.open["cnd_x"] = object()  # type: ignore[assignment]
    assert not gather(ctx, make_order())
    assert not ctx.gathered.orders
