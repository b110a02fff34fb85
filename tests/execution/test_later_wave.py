"""A plain order's later wave asks what the gate's whole view would have it ask, whatever went before."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from app.domain.enums import ContractKind, KillAction, KillScope, Mode, Side
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.plan import PlanRequest
from app.domain.records import ParentRecord
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution import parent as parents
from app.execution.context import Context
from app.execution.inputs import Turn
from app.execution.later_wave import is_plain_later, later_request
from app.execution.stakes import gate_view
from app.execution.wave import Wanted, plan_request
from app.risk import gate
from tests.worlds import MS, Desk, contract_world, held_order, make_desk, sent

N_STEPS = 250


def look(desk: Desk) -> Context:
    return Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())


def by_the_view(ctx: Context, parent: ParentRecord, qty_units: int) -> PlanRequest | None:
    """What the gate's view makes of it."""
    order = parent.accepted.order
    view = gate_view(ctx, order, parent.mode, parent=parent)
    if view.account.limits is None or not view.eligible:
        return None
    wanted = Wanted(parent.order_id, parent.n_waves + 1, qty_units, None)
    return plan_request(ctx, gate.readopt(parent), view, parent.accepted.price_cap_units, wanted)


def some_order(rng: Random, name: str) -> ParentOrder:
    """Waits inside the engine, at or beyond the touch; now and then not plain."""
    side = rng.choice(list(Side))
    named = rng.choice([("ven_a",), ("ven_b", "ven_c")])
    venues = rng.choice([VenueFilter()] * 4 + [VenueFilter(include=named), VenueFilter(exclude=named)])
    is_money = rng.random() < 0.1
    return held_order(
        client_order_id=name,
        side=side,
        qty_units=None if is_money else rng.choice([100, 1_000, 7_000, 40_000]),
        notional_nano=3_000 * NANO if is_money else None,
        limit_price_units=6_000_000 - side.sign * rng.randint(-20, 60) * 10,
        venues=venues,
    )


def some_input(rng: Random, n: int) -> inp.Input:
    chance = rng.random()
    if chance < 0.35:
        return inp.Submit(some_order(rng, f"o{n}"), Mode.PAPER)
    if chance < 0.70:
        return inp.BookReached("BTC/USDT")
    if chance < 0.80:
        return inp.Tick()
    if chance < 0.85:
        balance = rng.choice([0, 50, 10**6]) * NANO
        return inp.SetBalance("desk", rng.choice(["ven_a", "ven_b"]), rng.choice(["USDT", "BTC"]), balance, "t")
    if chance < 0.90:
        return inp.SetVenue("ven_b", rng.random() < 0.6, "t")
    scope, target = rng.choice([(KillScope.SYMBOL, "BTC/USDT"), (KillScope.VENUE, "ven_c")])
    if chance < 0.92:
        return inp.SetKillSwitch("", scope, target, KillAction.BLOCK, "t", "t")
    return inp.ClearKillSwitch("", scope, target, "t")


def word_on(rng: Random, desk: Desk, child: ChildOrder) -> Turn:
    chance = rng.random()
    if chance < 0.6:
        return desk.fill(child, max(1, child.qty_lots // rng.choice([1, 1, 3])))
    kind = ReportKind.EXPIRED if chance < 0.8 else ReportKind.UNKNOWN if chance < 0.9 else ReportKind.REJECTED
    return desk.report(child, kind)


def lived(seed: int) -> tuple[list[Any], list[Any]]:
    """Everything that a random life of a desk wrote, answered and sent."""
    rng, desk = Random(seed), make_desk(balance=40_000)
    told: list[Any] = []
    waiting: list[ChildOrder] = []
    for n in range(N_STEPS):
        items = [some_input(rng, 10 * n + k) for k in range(rng.randint(1, 3))]
        if rng.random() < 0.7:
            desk.now_ns += rng.randint(1, 150) * MS
            desk.refresh(6_000_000 + rng.randint(-60, 60) * 10)
        turn = desk.turn(*items)
        told += turn.replies
        told += turn.commands
        waiting += sent(turn)
        for child in [child for child in waiting if rng.random() < 0.4]:
            waiting.remove(child)
            waiting += sent(word_on(rng, desk, child))
    return desk.facts, [repr(each) for each in told]


@pytest.mark.parametrize("seed", range(4))
def test_a_life_by_either_way_is_the_same_life(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    n_asked = n_shut = 0

    def compared(ctx: Context, parent: ParentRecord, qty_units: int) -> PlanRequest | None:
        nonlocal n_asked, n_shut
        found = later_request(ctx, parent, qty_units)
        assert found == by_the_view(ctx, parent, qty_units)
        n_asked += found is not None
        n_shut += found is None
        return found

    monkeypatch.setattr(parents, "later_request", compared)
    facts, told = lived(seed)
    monkeypatch.setattr(parents, "is_plain_later", lambda *_: False)
    long_facts, long_told = lived(seed)
    assert facts == long_facts
    assert told == long_told
    kinds = {fact.event.KIND for fact in facts}
    assert {"order_accepted", "route_planned", "child_filled", "child_unknown", "kill_switch_set"} <= kinds
    assert n_asked >= 40


def test_a_venue_of_which_nothing_is_proven_is_barred_to_the_parents_next_wave() -> None:
    desk = make_desk()
    parent, children = desk.accepted(held_order(qty_units=50_000, limit_price_units=6_000_000 + 2_000))
    assert children
    desk.report(children[0], ReportKind.UNKNOWN)
    found = later_request(look(desk), parent, 1_000)
    assert found == by_the_view(look(desk), parent, 1_000)
    assert found is not None
    assert children[0].venue in found.barred
    assert children[0].venue not in found.capacity_nano


def test_without_limits_or_with_every_venue_barred_nothing_is_asked() -> None:
    desk = make_desk()
    parent, _ = desk.accepted(held_order(limit_price_units=5_000_000))
    assert later_request(look(desk), parent, 100) is not None
    desk.now_ns += 10_000 * MS  # every book is stale
    assert later_request(look(desk), parent, 100) is None
    desk.refresh()
    desk.core.ledger.limits.clear()
    assert later_request(look(desk), parent, 100) is None


@pytest.mark.parametrize("kind", [ContractKind.LINEAR, ContractKind.INVERSE])
def test_a_linear_contract_is_asked_for_likewise_an_inverse_one_by_the_view(kind: ContractKind) -> None:
    desk = make_desk()
    contract_world(desk, kind)
    qty_units = 100_000 if kind is ContractKind.LINEAR else 10_000_000
    parent, _ = desk.accepted(held_order(limit_price_units=5_900_000, qty_units=qty_units))
    assert is_plain_later(look(desk), parent) is (kind is ContractKind.LINEAR)
    if kind is ContractKind.LINEAR:
        assert later_request(look(desk), parent, 100) == by_the_view(look(desk), parent, 100)


def test_beside_a_cap_for_uncertified_venues_the_view_is_asked() -> None:
    desk = make_desk()
    parent, _ = desk.accepted(held_order(limit_price_units=5_900_000))
    assert is_plain_later(look(desk), parent)
    desk.core.world = replace(desk.core.world, child_cap_nano={"ven_a": 1_000 * NANO})
    assert not is_plain_later(look(desk), parent)


def test_an_order_of_money_goes_the_long_way() -> None:
    desk = make_desk()
    parent, _ = desk.accepted(held_order(limit_price_units=5_900_000, qty_units=None, notional_nano=600 * NANO))
    assert not is_plain_later(look(desk), parent)
